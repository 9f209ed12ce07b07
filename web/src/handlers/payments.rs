//! Payments as lists: those of an account with what became of each, and those of all accounts that are still
//! on their way.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use units::Wall;

use super::{ROWS_DEFAULT, ROWS_MAX, path_name, split_page};
use crate::backend::{PaymentsAsk, TransitAsk, TransitPlace};
use crate::cursor;
use crate::documents::{Page, PaymentDoc};
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

const OF_ACCOUNT: char = 'p';
const IN_TRANSIT: char = 't';

/// `GET /accounts/{name}/topups`
pub async fn of_account(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Json<Page<PaymentDoc>>, Problem> {
    let params = params.only(&["limit", "cursor"])?;
    let ask = PaymentsAsk {
        account: path_name("account", name)?,
        after: params.cursor(|text| cursor::to_position(OF_ACCOUNT, text))?,
        limit: params.limit(ROWS_DEFAULT, ROWS_MAX)?,
    };
    let page = state.backend.payments(ask).await?;
    Ok(Json(Page {
        items: page.items,
        next: page.next.map(|position| cursor::of_position(OF_ACCOUNT, position)),
    }))
}

/// `GET /topups`
pub async fn in_transit(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<Page<PaymentDoc>>, Problem> {
    let params = params.only(&["state", "limit", "cursor"])?;
    let late_only = match params.text("state") {
        None | Some("pending") => false,
        Some("late") => true,
        Some(_) => {
            return Err(Problem::bad_request("state: pending, or late for those that should have been here")
                .at("state"));
        }
    };
    let limit = params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    let after = params.cursor(|text| place_of(&cursor::to_text(IN_TRANSIT, text)?))?;
    let rows = state.backend.in_transit(TransitAsk { after, late_only, limit: limit + 1 }).await?;
    let (items, next) = split_page(rows, limit, |last| cursor::of_text(IN_TRANSIT, &text_of(last)));
    Ok(Json(Page { items, next }))
}

/// Due time, account and key, in this order because only a key may have spaces.
fn text_of(last: &PaymentDoc) -> String {
    format!("{} {} {}", last.due_at.as_deref().unwrap_or("-"), last.account, last.idempotency_key)
}

/// Reads what [`text_of`] wrote.
fn place_of(text: &str) -> Option<TransitPlace> {
    let mut words = text.splitn(3, ' ');
    let due = match words.next()? {
        "-" => None,
        time => Some(Wall::parse(time)?),
    };
    let (account, key) = (words.next()?.to_owned(), words.next()?.to_owned());
    (!account.is_empty() && !key.is_empty()).then_some(TransitPlace { due, account, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_survives_spaces_in_keys() {
        let place =
            |due, key: &str| Some(TransitPlace { due, account: "acme".to_owned(), key: key.to_owned() });
        let at = Wall(1_785_000_000_000);
        assert_eq!(place_of(&format!("{} acme invoice 7", at.rfc3339())), place(Some(at), "invoice 7"));
        assert_eq!(place_of("- acme k"), place(None, "k"));
        for bad in ["", "-", "- acme", "- acme ", "-  k", "soon acme k"] {
            assert_eq!(place_of(bad), None, "{bad}");
        }
    }
}
