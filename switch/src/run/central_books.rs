//! The books of several nodes: the central ledger answers, and money that comes in is confirmed when its
//! database has it.

use std::sync::Arc;

use central::{Booked, Central, CentralError, NewGrant};
use ledger::{PeriodClosed, TrialBalance};
use rating::engine::{AccountChange, AccountRefused, AccountView, InTransit, MoveOrder, TransitPlace};
use rating::quotas::transaction::NewAccount;
use rating::{Decks, unfit_deck};
use store::{NoticePage, Page, PaymentPage, Query, Statement, StatementQuery};
use units::{Currency, Name, Wall};

use crate::run::books::{Answer, Books, BooksError, Done};
use crate::run::router::Router;

/// See the module. Decks and payment methods are those of this node.
pub(crate) struct CentralBooks {
    pub central: Arc<Central>,
    pub router: Arc<Router>,
}

impl CentralBooks {
    fn now(&self) -> Wall {
        self.router.clock.now().wall
    }

    /// As a node's own books check them: decks that this node does not have, or cannot convert, are refused.
    fn fit(decks: &Decks, named: &[Name], currency: Currency) -> Result<(), BooksError> {
        unfit_deck(decks, named, currency)
            .map_or(Ok(()), |detail| Err(BooksError::Account(AccountRefused::Deck(detail))))
    }

    fn decks(&self) -> Arc<Decks> {
        Arc::clone(&self.router.config.load().decks)
    }
}

fn done(booked: Booked) -> Done {
    let Booked { amount, balance, at, due, replayed } = booked;
    Done { amount, balance, at: Some(at), due, replayed }
}

impl Books for CentralBooks {
    fn accounts(&self, after: Option<Name>, limit: usize) -> Answer<Vec<AccountView>> {
        let central = Arc::clone(&self.central);
        Box::pin(async move { Ok(central.accounts(after, limit).await?) })
    }

    fn account(&self, name: Name) -> Answer<Option<AccountView>> {
        let central = Arc::clone(&self.central);
        Box::pin(async move { Ok(central.account(&name).await?) })
    }

    fn open(&self, new: NewAccount, key: Option<Name>) -> Answer<(AccountView, bool)> {
        let (central, at, decks) = (Arc::clone(&self.central), self.now(), self.decks());
        Box::pin(async move {
            Self::fit(&decks, &new.terms.decks, new.currency)?;
            match key {
                Some(key) => Ok(central.open_once(new, key, at).await?),
                None => Ok((central.open(new, at).await?, false)),
            }
        })
    }

    fn amend(&self, name: Name, change: AccountChange) -> Answer<AccountView> {
        let (central, at, decks) = (Arc::clone(&self.central), self.now(), self.decks());
        Box::pin(async move {
            if let Some(named) = &change.decks {
                let view =
                    central.account(&name).await?.ok_or_else(|| CentralError::NoAccount(name.to_string()))?;
                Self::fit(&decks, named, view.currency)?;
            }
            Ok(central.amend(name, change, at).await?)
        })
    }

    fn move_money(&self, account: Name, key: String, order: MoveOrder) -> Answer<Done> {
        let (central, at) = (Arc::clone(&self.central), self.now());
        let methods = self.router.config.load().payment_methods.clone().into();
        Box::pin(async move { Ok(done(central.move_money(account, key, order, methods, at).await?)) })
    }

    fn grant(&self, grant: NewGrant) -> Answer<Done> {
        let (central, at) = (Arc::clone(&self.central), self.now());
        Box::pin(async move { Ok(done(central.grant(grant, at).await?)) })
    }

    fn trial(&self) -> Answer<TrialBalance> {
        let central = Arc::clone(&self.central);
        Box::pin(async move { Ok(central.trial_balance().await?) })
    }

    fn close(&self, until: Wall, key: Name) -> Answer<(PeriodClosed, bool)> {
        let (central, now, doubt) = (Arc::clone(&self.central), self.now(), self.router.clock_doubt());
        Box::pin(async move {
            match doubt {
                Some(doubt) => Err(BooksError::Unavailable(doubt)),
                None => Ok(central.close(until, key, now).await?),
            }
        })
    }

    fn statement(&self, query: StatementQuery) -> Answer<Statement> {
        let (central, now) = (Arc::clone(&self.central), self.now());
        Box::pin(async move { Ok(central.statement(&query, now).await?) })
    }

    fn payments(&self, account: Name, after: u64, limit: u32) -> Answer<PaymentPage> {
        let central = Arc::clone(&self.central);
        Box::pin(async move { Ok(central.payments(&account, after, limit).await?) })
    }

    fn in_transit(
        &self,
        after: Option<TransitPlace>,
        late_only: bool,
        limit: usize,
    ) -> Answer<Vec<InTransit>> {
        let (central, now) = (Arc::clone(&self.central), self.now());
        Box::pin(async move { Ok(central.in_transit(after, late_only, limit, now).await?) })
    }

    fn cdrs(&self, query: Query) -> Answer<Page> {
        let central = Arc::clone(&self.central);
        Box::pin(async move { Ok(central.cdrs(&query).await?) })
    }

    fn notices(&self, query: Query) -> Answer<NoticePage> {
        let central = Arc::clone(&self.central);
        Box::pin(async move { Ok(central.notices(&query).await?) })
    }
}
