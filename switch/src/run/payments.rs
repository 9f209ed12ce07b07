//! Payments as lists: an account's from the journal, those on their way from the shards.

use std::sync::Arc;

use ledger::Key;
use node::{AdminReply, AdminRequest};
use rating::engine::{InTransit, TransitPlace};
use store::{Booked, Journal, PaymentPage, PaymentRow};
use units::{Money, Name, Wall};
use web::documents::PaymentDoc;
use web::{BackendError, PaymentsAsk, PaymentsPage, TransitAsk};

use crate::run::accounting::read;
use crate::run::backend::ask;
use crate::run::fabric::Fabric;

pub(super) async fn of_account(
    fabric: Arc<Fabric>,
    shard: u8,
    journal: Arc<Journal>,
    wanted: PaymentsAsk,
) -> Result<PaymentsPage, BackendError> {
    let PaymentsAsk { account, after, limit } = wanted;
    let name = Name::from(account.as_str());
    if !matches!(ask(Arc::clone(&fabric), shard, AdminRequest::Account(name.clone())).await?, AdminReply::Account(_)) {
        return Err(BackendError::NoAccount(account));
    }
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let page = read(&journal, move |reader| reader.payments(&name, after.unwrap_or(0), limit)).await?;
    Ok(payments_page(&account, &page, fabric.clock.now().wall))
}

/// As the API shows it.
pub(super) fn payments_page(account: &str, page: &PaymentPage, now: Wall) -> PaymentsPage {
    PaymentsPage { items: page.rows.iter().map(|row| row_doc(account, row, now)).collect(), next: page.next }
}

pub(super) async fn in_transit(fabric: Arc<Fabric>, wanted: TransitAsk) -> Result<Vec<PaymentDoc>, BackendError> {
    let TransitAsk { after, late_only, limit } = wanted;
    let after = after.map(place);
    let mut all = Vec::new();
    for shard in 0..fabric.mailboxes.len() as u8 {
        let request = AdminRequest::InTransit { after: after.clone(), late_only, limit };
        if let AdminReply::InTransit(rows) = ask(Arc::clone(&fabric), shard, request).await? {
            all.extend(rows);
        }
    }
    all.sort_by_cached_key(InTransit::place);
    Ok(all.iter().take(limit).map(transit_doc).collect())
}

/// Where a page of payments on their way goes on.
pub(super) fn place(place: web::TransitPlace) -> TransitPlace {
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

pub(super) fn transit_doc(row: &InTransit) -> PaymentDoc {
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
