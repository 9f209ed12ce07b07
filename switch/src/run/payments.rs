//! Payments as lists: an account's with what became of each, and those of all accounts that are on their way,
//! as the API shows them.

use std::sync::Arc;

use ledger::Key;
use rating::engine::{InTransit, TransitPlace};
use store::{Booked, PaymentPage, PaymentRow};
use units::{Money, Name, Wall};
use web::documents::PaymentDoc;
use web::{BackendError, PaymentsAsk, PaymentsPage, TransitAsk};

use crate::run::books::{About, Books, problem};

/// A page of an account's payments.
pub(super) async fn of_account(
    books: Arc<dyn Books>,
    wanted: PaymentsAsk,
    now: Wall,
) -> Result<PaymentsPage, BackendError> {
    let PaymentsAsk { account, after, limit } = wanted;
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let page = books.payments(account.as_str().into(), after.unwrap_or(0), limit).await;
    let page = page.map_err(|error| problem(error, About::of(&account)))?;
    Ok(payments_page(&account, &page, now))
}

/// Payments of all accounts that are on their way.
pub(super) async fn in_transit(
    books: Arc<dyn Books>,
    wanted: TransitAsk,
) -> Result<Vec<PaymentDoc>, BackendError> {
    let TransitAsk { after, late_only, limit } = wanted;
    let rows = books.in_transit(after.map(place), late_only, limit).await?;
    Ok(rows.iter().map(transit_doc).collect())
}

/// As the API shows it.
fn payments_page(account: &str, page: &PaymentPage, now: Wall) -> PaymentsPage {
    PaymentsPage { items: page.rows.iter().map(|row| row_doc(account, row, now)).collect(), next: page.next }
}

/// Where a page of payments on their way goes on.
fn place(place: web::TransitPlace) -> TransitPlace {
    InTransit::place_of(place.due, Name::from(place.account), Key::Given(place.key.into()))
}

fn row_doc(account: &str, row: &PaymentRow, now: Wall) -> PaymentDoc {
    let nothing = Money::zero(row.gross.currency);
    let (net, fee) = row.booked.map_or((nothing, nothing), |Booked { net, fee, .. }| (net, fee));
    let state = match (&row.booked, &row.undone) {
        (None, None) => "pending",
        (Some(_), None) => "booked",
        (None, Some(_)) => "rejected",
        (Some(_), Some(_)) => "reversed",
    };
    PaymentDoc {
        account: account.to_owned(),
        idempotency_key: given(&row.key),
        state: state.to_owned(),
        late: state == "pending" && row.due.is_some_and(|due| due < now),
        method: row.method.as_ref().map(ToString::to_string),
        amount: row.gross.to_string(),
        fee: fee.to_string(),
        net: net.to_string(),
        currency: row.gross.currency.to_string(),
        reference: row.reference.as_deref().unwrap_or_default().to_owned(),
        announced_at: row.announced_at.map(Wall::rfc3339),
        due_at: row.due.map(Wall::rfc3339),
        booked_at: row.booked.map(|booked| booked.at.rfc3339()),
        ended_at: row.undone.as_ref().map(|(at, _)| at.rfc3339()),
        cause: row.undone.as_ref().and_then(|(_, cause)| cause.as_ref()).map(ToString::to_string),
        entry: Some(row.entry),
    }
}

fn transit_doc(row: &InTransit) -> PaymentDoc {
    let nothing = Money::zero(row.amount.currency).to_string();
    PaymentDoc {
        account: row.account.to_string(),
        idempotency_key: given(&row.key),
        state: "pending".to_owned(),
        late: row.late,
        method: row.method.as_ref().map(ToString::to_string),
        amount: row.amount.to_string(),
        fee: nothing.clone(),
        net: nothing,
        currency: row.amount.currency.to_string(),
        reference: row.reference.as_deref().unwrap_or_default().to_owned(),
        announced_at: Some(row.announced_at.rfc3339()),
        due_at: row.due.map(Wall::rfc3339),
        booked_at: None,
        ended_at: None,
        cause: None,
        entry: None,
    }
}

/// The client's own key.
fn given(key: &Key) -> String {
    match key {
        Key::Given(name) => name.to_string(),
        other @ (Key::Opening | Key::Call(..) | Key::Expired(..) | Key::Part(..)) => other.to_string(),
    }
}
