//! The books of a node by itself: accounts are in its shards, what happened is in its journal.

use std::collections::BTreeSet;

use central::NewGrant;
use ledger::{Key, PeriodClosed, Refused, TrialBalance};
use node::{AdminReply, AdminRequest, shard_of};
use rating::engine::{AccountChange, AccountView, InTransit, MoveOrder, TransitPlace, rerated};
use rating::quotas::transaction::NewAccount;
use rating::rerate::CallChanges;
use store::{NoticePage, Page, PaymentPage, Query, Reader, Statement, StatementQuery};
use units::{Name, Wall};

use crate::run::books::{Answer, Books, BooksError, Done};
use crate::run::local::{LocalBooks, ask};
use crate::run::local_period;

/// An answer that fits no question: a shard that is stopping.
fn unanswered() -> BooksError {
    BooksError::Unavailable("nothing was done: the switch is stopping".to_owned())
}

impl LocalBooks {
    async fn view(&self, name: Name) -> Result<AccountView, BooksError> {
        match self.ask(&name, AdminRequest::Account(name.clone())).await? {
            AdminReply::Account(view) => Ok(view),
            _ => Err(unanswered()),
        }
    }

    async fn all_accounts(&self, after: Option<Name>, limit: usize) -> Result<Vec<AccountView>, BooksError> {
        let mut all = Vec::new();
        let request = || AdminRequest::Accounts { after: after.clone(), limit };
        let take = |reply| {
            if let AdminReply::Accounts(views) = reply {
                all.extend(views);
            }
            Ok(())
        };
        self.ask_all(request, take).await?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.truncate(limit);
        Ok(all)
    }

    /// What became of an account's billed calls, by the journal.
    async fn changes(&self, account: Name) -> Result<CallChanges, BooksError> {
        let fold = move |reader: Reader| {
            let mut changes = CallChanges::of(account.clone());
            reader.changes_of_calls(&account, |record| changes.take(record))?;
            Ok(changes)
        };
        self.read(fold).await
    }

    /// What an order is about and only the journal knows: the usage of a call, a movement that expired, what
    /// calls cost by now.
    async fn complete(&self, account: &Name, order: &mut MoveOrder) -> Result<(), BooksError> {
        match order {
            MoveOrder::ReverseCall { call, transfers, .. } => {
                let (owner, id) = (account.clone(), *call);
                let no_call = || BooksError::NoCall { call: id.to_string(), account: account.clone() };
                let record =
                    self.read(move |reader| reader.settled(&owner, id)).await?.ok_or_else(no_call)?;
                *transfers = record.transfers().into_iter().cloned().collect();
                let payers: BTreeSet<Name> =
                    transfers.iter().filter_map(|transfer| transfer.customer().cloned()).collect();
                for payer in payers {
                    let (changes, currency) =
                        (self.changes(payer.clone()).await?, self.view(payer.clone()).await?.currency);
                    transfers.extend(rerated(&payer, id, &changes, currency));
                }
            }
            MoveOrder::Rerate { changes, .. } => *changes = self.changes(account.clone()).await?,
            MoveOrder::Reverse { of, expired, .. } => {
                if let Ok(key @ Key::Expired(..)) = of.parse() {
                    let owner = account.clone();
                    *expired = self.read(move |reader| reader.movement(&owner, &key)).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What changes the cost of billed calls is done to its end, also if nobody waits for it any more.
    async fn moved(&self, account: Name, key: String, order: MoveOrder) -> Result<Done, BooksError> {
        if !matches!(
            order,
            MoveOrder::Rerate { .. } | MoveOrder::ReverseCall { .. } | MoveOrder::Reverse { .. }
        ) {
            return self.move_now(account, key, order).await;
        }
        let books = self.clone();
        let done = tokio::spawn(async move {
            let _one_at_a_time = books.rerating.lock().await;
            books.move_now(account, key, order).await
        });
        done.await.map_err(|_| unanswered())?
    }

    async fn move_now(&self, account: Name, key: String, mut order: MoveOrder) -> Result<Done, BooksError> {
        self.complete(&account, &mut order).await?;
        let request = AdminRequest::Move { account: account.clone(), key: key.clone(), order };
        match self.ask(&account, request).await? {
            AdminReply::Moved { amount, balance, booked_at, due, replayed } => {
                let at = self.booked_at(booked_at, account, key).await?;
                Ok(Done { amount, balance, at, due, replayed })
            }
            _ => Err(unanswered()),
        }
    }

    async fn granted(&self, grant: NewGrant) -> Result<Done, BooksError> {
        let NewGrant { account, bucket, amount, terms, reference, key } = grant;
        let request = AdminRequest::Grant {
            account: account.clone(),
            bucket,
            amount,
            terms,
            reference,
            key: key.clone(),
        };
        match self.ask(&account, request).await? {
            AdminReply::Granted { amount, left, booked_at, replayed } => {
                let at = self.booked_at(booked_at, account, key).await?;
                Ok(Done { amount, balance: left, at, due: None, replayed })
            }
            _ => Err(unanswered()),
        }
    }

    /// When a request was carried out: a repeat is answered as the first was.
    async fn booked_at(
        &self,
        now: Option<Wall>,
        account: Name,
        key: String,
    ) -> Result<Option<Wall>, BooksError> {
        match now {
            Some(at) => Ok(Some(at)),
            None => self.read(move |reader| reader.booked_at(&account, &Key::Given(key.into()))).await,
        }
    }

    /// Opens an account, once per key over all shards.
    async fn opened(&self, new: NewAccount, key: Option<Name>) -> Result<(AccountView, bool), BooksError> {
        let _one_at_a_time = self.opening.lock().await;
        let NewAccount { name, currency, opening, limit, terms } = new;
        let own = shard_of(&name, self.shards());
        if let Some(key) = &key {
            for other in (0..self.shards()).filter(|other| *other != own) {
                let asked = ask(&self.router, other, AdminRequest::OpenedBy(key.to_string())).await?;
                if matches!(asked, AdminReply::OpenedBy(Some(_))) {
                    return Err(BooksError::Account(Refused::KeyReused.into()));
                }
            }
        }
        let key = key.map(|key| key.to_string());
        let request = AdminRequest::AddAccount { name: name.clone(), currency, opening, terms, limit, key };
        match self.ask(&name, request).await? {
            AdminReply::Opened { view, replayed } => Ok((view, replayed)),
            _ => Err(unanswered()),
        }
    }

    async fn trial_of_all(&self) -> Result<TrialBalance, BooksError> {
        // Each shard's balances sum to zero by themselves, so the sum is right although they are not read at
        // one instant.
        let mut trial = TrialBalance::default();
        let take = |reply| {
            if let AdminReply::Trial(part) = reply {
                trial.merge(&part);
            }
            Ok(())
        };
        self.ask_all(|| AdminRequest::Trial, take).await?;
        Ok(trial)
    }

    async fn transit(
        &self,
        after: Option<TransitPlace>,
        late_only: bool,
        limit: usize,
    ) -> Result<Vec<InTransit>, BooksError> {
        let mut all = Vec::new();
        let request = || AdminRequest::InTransit { after: after.clone(), late_only, limit };
        let take = |reply| {
            if let AdminReply::InTransit(rows) = reply {
                all.extend(rows);
            }
            Ok(())
        };
        self.ask_all(request, take).await?;
        all.sort_by_cached_key(InTransit::place);
        all.truncate(limit);
        Ok(all)
    }
}

// === impl Books ===

impl Books for LocalBooks {
    fn accounts(&self, after: Option<Name>, limit: usize) -> Answer<Vec<AccountView>> {
        let me = self.clone();
        Box::pin(async move { me.all_accounts(after, limit).await })
    }

    fn account(&self, name: Name) -> Answer<Option<AccountView>> {
        let me = self.clone();
        Box::pin(async move {
            match me.view(name).await {
                Ok(view) => Ok(Some(view)),
                Err(BooksError::Account(refused)) if refused == Refused::UnknownAccount.into() => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn open(&self, new: NewAccount, key: Option<Name>) -> Answer<(AccountView, bool)> {
        let me = self.clone();
        // What was begun is finished, also if nobody waits for it any more.
        let opened = tokio::spawn(async move { me.opened(new, key).await });
        Box::pin(async move { opened.await.map_err(|error| BooksError::Unavailable(error.to_string()))? })
    }

    fn amend(&self, name: Name, change: AccountChange) -> Answer<AccountView> {
        let me = self.clone();
        Box::pin(async move {
            match me.ask(&name, AdminRequest::ChangeAccount { name: name.clone(), change }).await? {
                AdminReply::Account(view) => Ok(view),
                _ => Err(unanswered()),
            }
        })
    }

    fn move_money(&self, account: Name, key: String, order: MoveOrder) -> Answer<Done> {
        let me = self.clone();
        Box::pin(async move { me.moved(account, key, order).await })
    }

    fn grant(&self, grant: NewGrant) -> Answer<Done> {
        let me = self.clone();
        Box::pin(async move { me.granted(grant).await })
    }

    fn trial(&self) -> Answer<TrialBalance> {
        let me = self.clone();
        Box::pin(async move { me.trial_of_all().await })
    }

    fn close(&self, until: Wall, key: Name) -> Answer<(PeriodClosed, bool)> {
        Box::pin(local_period::close(self.clone(), until, key))
    }

    fn statement(&self, query: StatementQuery) -> Answer<Statement> {
        Box::pin(local_period::statement(self.clone(), query))
    }

    fn payments(&self, account: Name, after: u64, limit: u32) -> Answer<PaymentPage> {
        let me = self.clone();
        Box::pin(async move {
            me.view(account.clone()).await?;
            me.read(move |reader| reader.payments(&account, after, limit)).await
        })
    }

    fn in_transit(
        &self,
        after: Option<TransitPlace>,
        late_only: bool,
        limit: usize,
    ) -> Answer<Vec<InTransit>> {
        let me = self.clone();
        Box::pin(async move { me.transit(after, late_only, limit).await })
    }

    fn cdrs(&self, query: Query) -> Answer<Page> {
        let me = self.clone();
        Box::pin(async move { me.read(move |reader| reader.cdrs(&query)).await })
    }

    fn notices(&self, query: Query) -> Answer<NoticePage> {
        let me = self.clone();
        Box::pin(async move { me.read(move |reader| reader.notices(&query)).await })
    }
}
