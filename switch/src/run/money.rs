//! Movements of money by hand: the API's orders as the books take them, and what came of them as documents.

use std::sync::Arc;

use ledger::CallId;
use rating::engine::MoveOrder;
use rating::rerate::CallChanges;
use units::{Currency, Money, Name, Wall};
use web::documents::{MovedDoc, TopUpDoc};
use web::{Amount, BackendError, Hand, HandRequest, MovedReceipt, TopUpReceipt, TopUpRequest};

use crate::run::books::{About, Books, Done, problem};

/// Books or announces a payment.
pub(super) async fn top_up(books: Arc<dyn Books>, order: TopUpRequest) -> Result<TopUpReceipt, BackendError> {
    let currency = currency_of(&*books, &order.account).await?;
    let gross = order.amount.money(currency)?;
    let ask = MoveOrder::TopUp {
        amount: gross,
        reference: order.reference.clone(),
        method: order.method.clone(),
        fee: order.fee,
        pending: order.pending,
    };
    let done = carry(&*books, &order.account, &order.idempotency_key, ask, "amount").await?;
    let document = TopUpDoc {
        account: order.account,
        amount: gross.to_string(),
        currency: currency.to_string(),
        reference: order.reference,
        idempotency_key: order.idempotency_key,
        balance_before: before(&done),
        balance_after: done.balance.to_string(),
        booked_at: done.at.map(Wall::rfc3339),
        state: if order.pending { "pending" } else { "booked" }.to_owned(),
        method: order.method,
        fee: Money::of(order.fee, currency).to_string(),
        net: done.amount.to_string(),
        due_at: done.due.map(Wall::rfc3339),
    };
    Ok(TopUpReceipt { document, replayed: done.replayed })
}

/// Does what an operator does by hand. What was posted for a call, or expired, or became of calls since, the
/// books look up themselves.
pub(super) async fn by_hand(books: Arc<dyn Books>, order: HandRequest) -> Result<MovedReceipt, BackendError> {
    let HandRequest { account, idempotency_key, hand } = order;
    let (ask, of, cause, field) = match hand {
        Hand::Book { of, fee } => (MoveOrder::Book { of: of.clone(), fee }, Some(of), None, "fee"),
        Hand::Reject { of, cause } => {
            (MoveOrder::Reject { of: of.clone(), cause: cause.clone() }, Some(of), Some(cause), "cause")
        }
        Hand::Reverse { of, cause } => (
            MoveOrder::Reverse { of: of.clone(), expired: None, cause: cause.clone() },
            Some(of),
            Some(cause),
            "cause",
        ),
        Hand::ReverseCall { call, cause } => {
            let no_call = |_| BackendError::NoMovement(format!("no call {call:?} was billed to {account:?}"));
            let id: CallId = call.parse().map_err(no_call)?;
            (
                MoveOrder::ReverseCall { call: id, transfers: Vec::new(), cause: cause.clone() },
                Some(call),
                Some(cause),
                "call",
            )
        }
        Hand::Charge { pieces, price, cause } => {
            let price = price.money(currency_of(&*books, &account).await?)?;
            (MoveOrder::Charge { pieces, price, cause: cause.clone() }, None, Some(cause), "price")
        }
        Hand::Rerate { calls, currency, reason } => {
            Amount { units: 0, currency }.money(currency_of(&*books, &account).await?)?;
            let changes = CallChanges::of(Name::from(account.as_str()));
            (MoveOrder::Rerate { calls, changes, reason: reason.clone() }, None, Some(reason), "calls")
        }
        Hand::Correct { amount, reason } => {
            let amount = amount.money(currency_of(&*books, &account).await?)?;
            (MoveOrder::Correct { amount, reason: reason.clone() }, None, Some(reason), "amount")
        }
    };
    let done = carry(&*books, &account, &idempotency_key, ask, field).await?;
    let document = MovedDoc {
        account,
        amount: done.amount.to_string(),
        currency: done.amount.currency.to_string(),
        of,
        cause,
        idempotency_key,
        balance_before: before(&done),
        balance_after: done.balance.to_string(),
        booked_at: done.at.map(Wall::rfc3339),
    };
    Ok(MovedReceipt { document, replayed: done.replayed })
}

async fn currency_of(books: &dyn Books, account: &str) -> Result<Currency, BackendError> {
    let view = books.account(Name::from(account)).await?;
    view.map(|view| view.currency).ok_or_else(|| BackendError::NoAccount(account.to_owned()))
}

/// A refusal without a field of its own is laid at `field`.
async fn carry(
    books: &dyn Books,
    account: &str,
    key: &str,
    order: MoveOrder,
    field: &'static str,
) -> Result<Done, BackendError> {
    let done = books.move_money(account.into(), key.to_owned(), order).await;
    done.map_err(|error| problem(error, About { account, key, field }))
}

fn before(done: &Done) -> String {
    Money::of(done.balance.amount.saturating_sub(done.amount.amount), done.balance.currency).to_string()
}
