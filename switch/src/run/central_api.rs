//! The API's questions about accounts and money, answered by the central ledger where there is one: money that comes in is there first, and
//! is confirmed when the database has it. The documents are those of a node with its own books.

use std::sync::Arc;

use central::{Booked, Central, CentralError, NewGrant};
use ledger::{Refused, Terms};
use rating::Decks;
use rating::engine::{AccountChange, AccountRefused, MoveOrder, PaymentMethod};
use rating::slices::desk;
use units::{Name, Wall};
use web::documents::{AccountDoc, TrialBalanceDoc};
use web::{Answer, BackendError, GrantOrder, GrantReceipt, NewAccount};

use crate::run::accounting::trial_doc;
use crate::run::money::Done;
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
pub(crate) fn add_account(central: Arc<Central>, decks: Arc<Decks>, new: NewAccount, at: Wall) -> Answer<AccountDoc> {
    Box::pin(async move {
        known(&decks, &[new.deck.as_str().into()], "deck")?;
        let new = desk::NewAccount {
            name: new.name.as_str().into(),
            currency: new.currency,
            opening: new.balance.amount,
            limit: 0,
            terms: Terms::of_deck(&new.deck),
        };
        central.open(new, at).await.map(|view| account_doc(&view)).map_err(refusal)
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
        known(&decks, change.decks.as_deref().unwrap_or_default(), "decks")?;
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

/// What is not built for several nodes, and where to find it.
pub(crate) fn not_here<T: 'static>(what: &'static str) -> Answer<T> {
    let detail = format!(
        "{what} over all nodes is not built yet: the tables `entry` and `booking` of the central ledger have every movement, `tollgate ledger \
         trial-balance` sums all nodes, with `--data FOLDER` one node's journal"
    );
    Box::pin(async move { Err(BackendError::NotHere(detail)) })
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
fn known(decks: &Decks, named: &[Name], field: &'static str) -> Result<(), BackendError> {
    let Some(deck) = named.iter().find(|deck| decks.named(deck).is_none()) else { return Ok(()) };
    Err(BackendError::Refused { field, detail: format!("there is no deck named {deck:?}: add it to the configuration first") })
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
        other => BackendError::Unavailable(other.to_string()),
    }
}
