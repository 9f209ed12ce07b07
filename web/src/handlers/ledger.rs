//! The books as an accountant reads them: trial balance, statements, the close of a period.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use rating::check_bucket_name;
use serde::Deserialize;
use units::{Currency, Money, Wall};

use super::fields::{idempotency_key, key_needed};
use super::{created, path_name};
use crate::backend::{StatementAsk, StatementPlace};
use crate::body::read_json;
use crate::cursor;
use crate::documents::{StatementBalanceDoc, StatementDoc, TrialBalanceDoc};
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

const STATEMENT: char = 's';
/// Movements in one page.
const MOVEMENTS_MAX: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseBody {
    until: String,
}

/// `GET /ledger/trial-balance`
pub async fn trial_balance(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<TrialBalanceDoc>, Problem> {
    params.only(&[])?;
    Ok(Json(state.backend.trial_balance().await?))
}

/// `POST /ledger/close`
pub async fn close(
    State(state): State<Arc<WebState>>,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let key = idempotency_key(request.headers())?.ok_or_else(key_needed)?;
    let body: CloseBody = read_json(request).await?;
    let until = Wall::parse(&body.until)
        .ok_or_else(|| Problem::unprocessable("until", "a time as 2026-12-01T00:00:00Z"))?;
    let receipt = state.backend.close_period(until, key).await?;
    Ok(created(receipt.document, receipt.replayed))
}

/// `GET /accounts/{name}/statement`
pub async fn statement(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Json<StatementDoc>, Problem> {
    let params = params.only(&["from", "to", "limit", "cursor"])?;
    let ask = StatementAsk {
        account: path_name("account", name)?,
        from: params.instant("from")?,
        to: params.instant("to")?,
        after: params.cursor(|text| place_of(&cursor::to_text(STATEMENT, text)?))?,
        limit: params.limit(MOVEMENTS_MAX, MOVEMENTS_MAX)?,
    };
    let page = state.backend.statement(ask).await?;
    let mut document = page.document;
    document.next = page.next.map(|entry| cursor::of_text(STATEMENT, &text_of(entry, &document.closing)));
    Ok(Json(document))
}

/// An entry and the balances after it, so that no page adds up what the pages before it did: `42 |EUR|1.00000
/// free|SEC|60.00000`.
fn text_of(entry: u64, balances: &[StatementBalanceDoc]) -> String {
    let all = balances.iter().map(|b| format!(" {}|{}|{}", b.bucket, b.currency, b.balance));
    std::iter::once(entry.to_string()).chain(all).collect()
}

/// Reads what [`text_of`] wrote.
fn place_of(text: &str) -> Option<StatementPlace> {
    let mut words = text.split(' ');
    let entry = words.next()?.parse().ok()?;
    let balance = |word: &str| {
        let mut parts = word.split('|').map(str::to_owned);
        let doc =
            StatementBalanceDoc { bucket: parts.next()?, currency: parts.next()?, balance: parts.next()? };
        let currency: Currency = doc.currency.parse().ok()?;
        let is_money = Money::parse(&doc.balance, currency).is_ok()
            && (doc.bucket.is_empty() || check_bucket_name(&doc.bucket).is_ok());
        (is_money && parts.next().is_none()).then_some(doc)
    };
    Some(StatementPlace { entry, balances: words.map(balance).collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_goes_on_with_the_balances_of_the_page_before() {
        let balance = |bucket: &str, currency: &str, balance: &str| StatementBalanceDoc {
            bucket: bucket.to_owned(),
            currency: currency.to_owned(),
            balance: balance.to_owned(),
        };
        let balances = vec![balance("", "EUR", "-1.00000"), balance("free", "SEC", "60.00000")];
        let text = text_of(42, &balances);
        assert_eq!(text, "42 |EUR|-1.00000 free|SEC|60.00000");
        assert_eq!(place_of(&text), Some(StatementPlace { entry: 42, balances }));
        assert_eq!(place_of("7"), Some(StatementPlace { entry: 7, balances: Vec::new() }));
        for bad in [
            "",
            "x",
            "42 ",
            "42 |EUR",
            "42 |EUR|1,00",
            "42 |EURO|1.00000",
            "42 a/b|EUR|1.00000",
            "42 |EUR|1.00000|",
            "-1",
        ] {
            assert_eq!(place_of(bad), None, "{bad}");
        }
    }
}
