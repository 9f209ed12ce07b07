//! The API's questions about accounts and money, answered by the central ledger where there is one: money that comes in is there first, and
//! is confirmed when the database has it. The documents are those of a node with its own books.

use std::sync::Arc;

use central::{Booked, Central, CentralError, NewGrant};
use ledger::Refused;
use rating::Decks;
use rating::engine::{AccountChange, AccountRefused, MoveOrder, PaymentMethod};
use rating::slices::desk;
use store::StatementQuery;
use tokio::runtime::Handle;
use units::{Currency, Name, Wall};
use web::documents::{AccountDoc, PaymentDoc, TrialBalanceDoc};
use web::{
    Answer, BackendError, CdrFilter, CdrRows, CdrSource, CloseReceipt, GrantOrder, GrantReceipt, NewAccount, OpenReceipt, PaymentsAsk,
    PaymentsPage, SourceError, StatementAsk, StatementPage, TransitAsk,
};

use crate::run::accounting::{period_doc, place, statement_page, trial_doc};
use crate::run::backend::{cdr_rows, notice_rows};
use crate::run::money::Done;
use crate::run::payments;
use crate::run::terms::{self, account_doc};

/// Up to `limit` accounts after `after`.
pub(crate) fn accounts(central: Arc<Central>, after: Option<String>, limit: usize) -> Answer<Vec<AccountDoc>> {
    Box::pin(async move {
        let views = central.accounts(after.as_deref().map(Name::from), limit).await.map_err(refusal)?;
        Ok(views.iter().map(account_doc).collect())
    })
}

/// One account.
pub(crate) fn account(central: Arc<Central>, name: String) -> Answer<Option<AccountDoc>> {
    Box::pin(async move { Ok(central.account(&name.as_str().into()).await.map_err(refusal)?.as_ref().map(account_doc)) })
}

/// Opens an account for all nodes.
pub(crate) fn add_account(central: Arc<Central>, decks: Arc<Decks>, new: NewAccount, at: Wall) -> Answer<OpenReceipt> {
    Box::pin(async move {
        known(&decks, &new.terms.decks, new.currency, "decks")?;
        let key = new.idempotency_key;
        let account = desk::NewAccount {
            name: new.name.as_str().into(),
            currency: new.currency,
            opening: new.balance.amount,
            limit: new.limit,
            terms: new.terms,
        };
        let opened = match &key {
            Some(key) => central.open_once(account, key.as_str().into(), at).await,
            None => central.open(account, at).await.map(|view| (view, false)),
        };
        match opened {
            Ok((view, replayed)) => Ok(OpenReceipt { document: account_doc(&view), replayed }),
            Err(CentralError::Account(AccountRefused::Books(Refused::KeyReused))) => Err(BackendError::KeyReused(key.unwrap_or_default())),
            Err(error) => Err(refusal(error)),
        }
    })
}

/// Changes what an account calls by, on all nodes.
pub(crate) fn change_account(
    central: Arc<Central>,
    decks: Arc<Decks>,
    name: String,
    change: AccountChange,
    at: Wall,
) -> Answer<AccountDoc> {
    Box::pin(async move {
        if let Some(named) = &change.decks {
            let account: Name = name.as_str().into();
            let view = central.account(&account).await.map_err(refusal)?.ok_or_else(|| BackendError::NoAccount(name.clone()))?;
            known(&decks, named, view.currency, "decks")?;
        }
        let outcome = central.amend(name.as_str().into(), change, at).await;
        outcome.map(|view| account_doc(&view)).map_err(|error| refused(error, &name, "", "terms"))
    })
}

/// Gives credit or minutes for all nodes.
pub(crate) fn grant(central: Arc<Central>, order: GrantOrder, at: Wall) -> Answer<GrantReceipt> {
    Box::pin(async move {
        let account: Name = order.account.as_str().into();
        let view = central.account(&account).await.map_err(refusal)?.ok_or_else(|| BackendError::NoAccount(order.account.clone()))?;
        let grant = NewGrant {
            account,
            pocket: order.pocket.as_str().into(),
            amount: order.amount.money(order.terms.kind.currency(view.currency))?,
            terms: order.terms.clone(),
            reference: order.reference.clone(),
            key: order.idempotency_key.clone(),
        };
        let outcome = central.grant(grant, at).await;
        let Booked { amount, balance, at, replayed, .. } =
            outcome.map_err(|error| refused(error, &order.account, &order.idempotency_key, "pocket"))?;
        Ok(GrantReceipt { document: terms::grant_doc(order, amount, balance, Some(at)), replayed })
    })
}

/// All balances of all nodes.
pub(crate) fn trial_balance(central: Arc<Central>) -> Answer<TrialBalanceDoc> {
    Box::pin(async move { central.trial_balance().await.map(|trial| trial_doc(&trial)).map_err(refusal) })
}

/// Closes a period over all nodes, once per key.
pub(crate) fn close_period(central: Arc<Central>, until: Wall, key: String) -> Answer<CloseReceipt> {
    Box::pin(async move {
        let (closed, replayed) = central.close(until, key.as_str().into()).await.map_err(|error| match error {
            CentralError::KeyReused(key) => BackendError::KeyReused(key),
            error @ (CentralError::Closed { .. } | CentralError::Account(_)) => {
                BackendError::Refused { field: "until", detail: error.to_string() }
            }
            other => refusal(other),
        })?;
        Ok(CloseReceipt { document: period_doc(&closed), replayed })
    })
}

/// A page of an account's movements over all nodes.
pub(crate) fn statement(central: Arc<Central>, ask: StatementAsk, now: Wall) -> Answer<StatementPage> {
    Box::pin(async move {
        let StatementAsk { account, from, to, after, limit } = ask;
        let query = StatementQuery { account: account.as_str().into(), from, to, after: after.map(place).transpose()?, limit };
        Ok(statement_page(account, &central.statement(&query, now).await.map_err(refusal)?))
    })
}

/// A page of an account's payments over all nodes.
pub(crate) fn payments(central: Arc<Central>, ask: PaymentsAsk, now: Wall) -> Answer<PaymentsPage> {
    Box::pin(async move {
        let PaymentsAsk { account, after, limit } = ask;
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let page = central.payments(&account.as_str().into(), after.unwrap_or(0), limit).await.map_err(refusal)?;
        Ok(payments::payments_page(&account, &page, now))
    })
}

/// Payments of all accounts that are on their way.
pub(crate) fn in_transit(central: Arc<Central>, ask: TransitAsk, now: Wall) -> Answer<Vec<PaymentDoc>> {
    Box::pin(async move {
        let TransitAsk { after, late_only, limit } = ask;
        let rows = central.in_transit(after.map(payments::place), late_only, limit, now).await.map_err(refusal)?;
        Ok(rows.iter().map(payments::transit_doc).collect())
    })
}

/// Call records and notices of all nodes. The questions are asked from threads that may wait, of a runtime that runs beside them.
pub(crate) struct CentralCdrs(pub Arc<Central>);

impl CdrSource for CentralCdrs {
    fn page(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError> {
        cdr_rows(filter, |query| Handle::current().block_on(self.0.cdrs(query)).map_err(|error| SourceError(error.to_string())))
    }

    fn notices(&self, filter: &CdrFilter) -> Result<CdrRows, SourceError> {
        notice_rows(filter, |query| Handle::current().block_on(self.0.notices(query)).map_err(|error| SourceError(error.to_string())))
    }
}

/// Moves money once per key; a refusal without a field of its own is laid at `field`.
pub(crate) async fn carry(
    central: &Central,
    methods: Arc<[PaymentMethod]>,
    (account, key): (&str, &str),
    order: MoveOrder,
    at: Wall,
    field: &'static str,
) -> Result<Done, BackendError> {
    let outcome = central.carry_out(account.into(), key.to_owned(), order, methods, at).await;
    let Booked { amount, balance, at, due, replayed } = outcome.map_err(|error| refused(error, account, key, field))?;
    Ok(Done { amount, balance, booked_at: Some(at.rfc3339()), due_at: due.map(Wall::rfc3339), replayed })
}

/// A deck that this node does not have cannot be checked.
fn known(decks: &Decks, named: &[Name], currency: Currency, field: &'static str) -> Result<(), BackendError> {
    let Some(detail) = rating::unfit_deck(decks, named, currency) else { return Ok(()) };
    Err(BackendError::Refused { field, detail })
}

fn refused(error: CentralError, account: &str, key: &str, field: &'static str) -> BackendError {
    let CentralError::Account(refused) = &error else { return refusal(error) };
    let detail = refused.to_string();
    match (refused, refused.code()) {
        (AccountRefused::Books(Refused::UnknownAccount), _) => BackendError::NoAccount(account.to_owned()),
        (_, "key-reused") => BackendError::KeyReused(key.to_owned()),
        (_, "no-movement") => BackendError::NoMovement(detail),
        (_, "no-money") => BackendError::NoMoney(detail),
        (_, "conflict") => BackendError::Conflict(detail),
        (_, "refused") => BackendError::Refused { field, detail },
        (_, field) => BackendError::Refused { field, detail },
    }
}

pub(crate) fn refusal(error: CentralError) -> BackendError {
    match error {
        CentralError::NoAccount(name) => BackendError::NoAccount(name),
        CentralError::Account(refused) => BackendError::Conflict(refused.to_string()),
        CentralError::NoCall { .. } => BackendError::NoMovement(error.to_string()),
        CentralError::Recalled { secs, .. } => BackendError::NotYet { detail: error.to_string(), secs },
        CentralError::Refused(_) => BackendError::Refused { field: "amount", detail: error.to_string() },
        CentralError::Broken(detail) => BackendError::Broken(detail),
        other => BackendError::Unavailable(other.to_string()),
    }
}
