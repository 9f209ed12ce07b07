//! Movements of money by hand, carried to the shard that owns the account and back as documents.

use std::sync::Arc;

use ledger::CallId;
use node::{AdminReply, AdminRequest, MoveOrder};
use store::Journal;
use units::{Currency, Money, Name, Wall};
use web::documents::{MovedDoc, TopUpDoc};
use web::{BackendError, Hand, HandOrder, MovedReceipt, TopUpOrder, TopUpReceipt};

use crate::run::accounting::read;
use crate::run::backend::ask;
use crate::run::fabric::Fabric;

/// What a shard did.
struct Done {
    amount: Money,
    balance: Money,
    booked_at: Option<String>,
    due_at: Option<String>,
    replayed: bool,
}

/// Books or announces a payment.
pub(super) async fn top_up(fabric: Arc<Fabric>, shard: u8, order: TopUpOrder) -> Result<TopUpReceipt, BackendError> {
    let currency = currency_of(&fabric, shard, &order.account).await?;
    let gross = order.amount.money(currency)?;
    let ask = MoveOrder::TopUp {
        amount: gross,
        reference: order.reference.clone(),
        method: order.method.clone(),
        fee: order.fee,
        pending: order.pending,
    };
    let done = carry(fabric, shard, &order.account, &order.idempotency_key, ask, "amount").await?;
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
pub(super) async fn by_hand(fabric: Arc<Fabric>, shard: u8, journal: Arc<Journal>, order: HandOrder) -> Result<MovedReceipt, BackendError> {
    let HandOrder { account, idempotency_key, hand } = order;
    let (ask, of, cause, field) = match hand {
        Hand::Book { of, fee } => (MoveOrder::Book { of: of.clone(), fee }, Some(of), None, "fee"),
        Hand::Reject { of, cause } => (MoveOrder::Reject { of: of.clone(), cause: cause.clone() }, Some(of), Some(cause), "cause"),
        Hand::Reverse { of, cause } => (MoveOrder::Reverse { of: of.clone(), cause: cause.clone() }, Some(of), Some(cause), "cause"),
        Hand::ReverseCall { call, cause } => {
            let (id, transfers) = posted_for(journal, account.clone(), &call).await?;
            (MoveOrder::ReverseCall { call: id, transfers, cause: cause.clone() }, Some(call), Some(cause), "call")
        }
        Hand::Charge { pieces, price, cause } => {
            let price = price.money(currency_of(&fabric, shard, &account).await?)?;
            (MoveOrder::Charge { pieces, price, cause: cause.clone() }, None, Some(cause), "price")
        }
        Hand::Correct { amount, reason } => {
            let amount = amount.money(currency_of(&fabric, shard, &account).await?)?;
            (MoveOrder::Correct { amount, reason: reason.clone() }, None, Some(reason), "amount")
        }
    };
    let done = carry(fabric, shard, &account, &idempotency_key, ask, field).await?;
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

async fn currency_of(fabric: &Arc<Fabric>, shard: u8, account: &str) -> Result<Currency, BackendError> {
    match ask(Arc::clone(fabric), shard, AdminRequest::Account(account.into())).await? {
        AdminReply::Account(view) => Ok(view.currency),
        _ => Err(BackendError::NoAccount(account.to_owned())),
    }
}

/// Asks the shard; a refusal without a field of its own is laid at `field`.
async fn carry(
    fabric: Arc<Fabric>,
    shard: u8,
    account: &str,
    key: &str,
    order: MoveOrder,
    field: &'static str,
) -> Result<Done, BackendError> {
    let request = AdminRequest::Move { account: account.into(), key: key.to_owned(), order };
    match ask(fabric, shard, request).await? {
        AdminReply::Moved { amount, balance, booked_at, due, replayed } => {
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

/// The transfers in a call's record.
async fn posted_for(journal: Arc<Journal>, account: String, call: &str) -> Result<(CallId, Vec<ledger::Transfer>), BackendError> {
    let no_call = || BackendError::NoMovement(format!("no call {call:?} was billed to {account:?}"));
    let id: CallId = call.parse().map_err(|_| no_call())?;
    let owner = Name::from(account.as_str());
    let record = read(&journal, move |reader| reader.settled(&owner, id)).await?.ok_or_else(no_call)?;
    Ok((id, record.transfers().into_iter().cloned().collect()))
}

fn before(done: &Done) -> String {
    Money::of(done.balance.amount.saturating_sub(done.amount.amount), done.balance.currency).to_string()
}
