//! Movements of money by hand, carried to the shard that owns the account, or to the central ledger, and back as documents.

use std::sync::Arc;

use central::Central;
use ledger::{CallId, Key};
use node::{AdminReply, AdminRequest};
use rating::engine::{MoveOrder, PaymentMethod};
use store::Journal;
use units::{Currency, Money, Name, Wall};
use web::documents::{MovedDoc, TopUpDoc};
use web::{BackendError, Hand, HandOrder, MovedReceipt, TopUpOrder, TopUpReceipt};

use crate::run::accounting::read;
use crate::run::backend::ask;
use crate::run::central_api;
use crate::run::fabric::Fabric;

/// What was done.
pub(super) struct Done {
    pub amount: Money,
    pub balance: Money,
    pub booked_at: Option<String>,
    pub due_at: Option<String>,
    pub replayed: bool,
}

/// Who keeps an account's money.
pub(super) enum Keeper {
    /// A shard of this node, with the journal that calls are read from.
    Shard { fabric: Arc<Fabric>, shard: u8, journal: Arc<Journal> },
    /// The ledger of several nodes.
    Central { central: Arc<Central>, methods: Arc<[PaymentMethod]>, now: Wall },
}

/// Books or announces a payment.
pub(super) async fn top_up(keeper: Keeper, order: TopUpOrder) -> Result<TopUpReceipt, BackendError> {
    let currency = keeper.currency_of(&order.account).await?;
    let gross = order.amount.money(currency)?;
    let ask = MoveOrder::TopUp {
        amount: gross,
        reference: order.reference.clone(),
        method: order.method.clone(),
        fee: order.fee,
        pending: order.pending,
    };
    let done = keeper.carry(&order.account, &order.idempotency_key, ask, "amount").await?;
    let document = TopUpDoc {
        account: order.account,
        amount: gross.to_string(),
        currency: currency.to_string(),
        reference: order.reference,
        idempotency_key: order.idempotency_key,
        balance_before: before(&done),
        balance_after: done.balance.to_string(),
        booked_at: done.booked_at,
        state: if order.pending { "pending" } else { "booked" }.to_owned(),
        method: order.method,
        fee: Money::of(order.fee, currency).to_string(),
        net: done.amount.to_string(),
        due_at: done.due_at,
    };
    Ok(TopUpReceipt { document, replayed: done.replayed })
}

/// Does what an operator does by hand. What was posted for a call is read from the journal.
pub(super) async fn by_hand(keeper: Keeper, order: HandOrder) -> Result<MovedReceipt, BackendError> {
    let HandOrder { account, idempotency_key, hand } = order;
    let (ask, of, cause, field) = match hand {
        Hand::Book { of, fee } => (MoveOrder::Book { of: of.clone(), fee }, Some(of), None, "fee"),
        Hand::Reject { of, cause } => (MoveOrder::Reject { of: of.clone(), cause: cause.clone() }, Some(of), Some(cause), "cause"),
        Hand::Reverse { of, cause } => {
            let expired = keeper.expired(&account, &of).await?;
            (MoveOrder::Reverse { of: of.clone(), expired, cause: cause.clone() }, Some(of), Some(cause), "cause")
        }
        Hand::ReverseCall { call, cause } => {
            let (id, transfers) = keeper.posted_for(&account, &call).await?;
            (MoveOrder::ReverseCall { call: id, transfers, cause: cause.clone() }, Some(call), Some(cause), "call")
        }
        Hand::Charge { pieces, price, cause } => {
            let price = price.money(keeper.currency_of(&account).await?)?;
            (MoveOrder::Charge { pieces, price, cause: cause.clone() }, None, Some(cause), "price")
        }
        Hand::Correct { amount, reason } => {
            let amount = amount.money(keeper.currency_of(&account).await?)?;
            (MoveOrder::Correct { amount, reason: reason.clone() }, None, Some(reason), "amount")
        }
    };
    let done = keeper.carry(&account, &idempotency_key, ask, field).await?;
    let document = MovedDoc {
        account,
        amount: done.amount.to_string(),
        currency: done.amount.currency.to_string(),
        of,
        cause,
        idempotency_key,
        balance_before: before(&done),
        balance_after: done.balance.to_string(),
        booked_at: done.booked_at,
    };
    Ok(MovedReceipt { document, replayed: done.replayed })
}

impl Keeper {
    async fn currency_of(&self, account: &str) -> Result<Currency, BackendError> {
        let no_account = || BackendError::NoAccount(account.to_owned());
        match self {
            Self::Shard { fabric, shard, .. } => match ask(Arc::clone(fabric), *shard, AdminRequest::Account(account.into())).await? {
                AdminReply::Account(view) => Ok(view.currency),
                _ => Err(no_account()),
            },
            Self::Central { central, .. } => {
                let view = central.account(&account.into()).await.map_err(central_api::refusal)?;
                view.map(|view| view.currency).ok_or_else(no_account)
            }
        }
    }

    /// A refusal without a field of its own is laid at `field`.
    async fn carry(self, account: &str, key: &str, order: MoveOrder, field: &'static str) -> Result<Done, BackendError> {
        let (fabric, shard, journal) = match self {
            Self::Shard { fabric, shard, journal } => (fabric, shard, journal),
            Self::Central { central, methods, now } => {
                return central_api::carry(&central, methods, (account, key), order, now, field).await;
            }
        };
        let request = AdminRequest::Move { account: account.into(), key: key.to_owned(), order };
        match ask(fabric, shard, request).await? {
            AdminReply::Moved { amount, balance, booked_at, due, replayed } => {
                let booked_at = match booked_at {
                    None => booked_before(&journal, account, key).await?,
                    Some(at) => Some(at),
                };
                Ok(Done { amount, balance, booked_at: booked_at.map(Wall::rfc3339), due_at: due.map(Wall::rfc3339), replayed })
            }
            AdminReply::NotFound => Err(BackendError::NoAccount(account.to_owned())),
            AdminReply::Refused { code: "key-reused", .. } => Err(BackendError::KeyReused(key.to_owned())),
            AdminReply::Refused { code: "no-movement", detail } => Err(BackendError::NoMovement(detail)),
            AdminReply::Refused { code: "no-money", detail } => Err(BackendError::NoMoney(detail)),
            AdminReply::Refused { code: "conflict", detail } => Err(BackendError::Conflict(detail)),
            AdminReply::Refused { code: "refused", detail } => Err(BackendError::Refused { field, detail }),
            AdminReply::Refused { code, detail } => Err(BackendError::Refused { field: code, detail }),
            _ => Err(BackendError::Unavailable("nothing was booked".to_owned())),
        }
    }

    /// What expired under this key, if it is the key of an expiry. The central ledger reads it itself.
    async fn expired(&self, account: &str, of: &str) -> Result<Option<ledger::Transfer>, BackendError> {
        let (Self::Shard { journal, .. }, Ok(key @ Key::Expired(..))) = (self, of.parse()) else { return Ok(None) };
        let owner = Name::from(account);
        read(journal, move |reader| reader.movement(&owner, &key)).await
    }

    /// The transfers in a call's record. The central ledger reads them itself.
    async fn posted_for(&self, account: &str, call: &str) -> Result<(CallId, Vec<ledger::Transfer>), BackendError> {
        let no_call = || BackendError::NoMovement(format!("no call {call:?} was billed to {account:?}"));
        let id: CallId = call.parse().map_err(|_| no_call())?;
        let Self::Shard { journal, .. } = self else { return Ok((id, Vec::new())) };
        let owner = Name::from(account);
        let record = read(journal, move |reader| reader.settled(&owner, id)).await?.ok_or_else(no_call)?;
        Ok((id, record.transfers().into_iter().cloned().collect()))
    }
}

/// When the request of this key was carried out first: a repeat is answered as that was.
pub(super) async fn booked_before(journal: &Arc<Journal>, account: &str, key: &str) -> Result<Option<Wall>, BackendError> {
    let (account, key) = (Name::from(account), Key::Given(key.into()));
    read(journal, move |reader| reader.booked_at(&account, &key)).await
}

fn before(done: &Done) -> String {
    Money::of(done.balance.amount.saturating_sub(done.amount.amount), done.balance.currency).to_string()
}
