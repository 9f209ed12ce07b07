//! Accounts: list, show, open. Opening one with money needs an `Idempotency-Key`, so that a client that lost the answer can ask again.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use units::{Currency, Money};

use super::{NAME_BYTES_MAX, ROWS_DEFAULT, ROWS_MAX, path_name, split_page};
use crate::backend::NewAccount;
use crate::body::{DecimalText, amount_units, read_json};
use crate::cursor;
use crate::documents::{AccountDoc, Page};
use crate::problem::Problem;
use crate::query::Params;
use crate::router::WebState;

const LIST: char = 'a';
pub(super) const KEY_BYTES_MAX: usize = 128;

/// `GET /accounts`
pub async fn list(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<Page<AccountDoc>>, Problem> {
    let params = params.only(&["limit", "cursor"])?;
    let limit = params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    let after = params.cursor(|text| cursor::to_text(LIST, text))?;
    let rows = state.backend.accounts(after, limit + 1).await?;
    let (items, next) = split_page(rows, limit, |last| cursor::of_text(LIST, &last.name));
    Ok(Json(Page { items, next }))
}

/// `GET /accounts/{name}`
pub async fn show(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Json<AccountDoc>, Problem> {
    params.only(&[])?;
    let name = path_name("account", name)?;
    let found = state.backend.account(name).await?;
    found.map(Json).ok_or_else(|| Problem::not_found("no such account"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    currency: String,
    deck: String,
    balance: Option<DecimalText>,
}

/// `POST /accounts`
pub async fn add(State(state): State<Arc<WebState>>, params: Params, request: Request) -> Result<Response, Problem> {
    params.only(&[])?;
    let idempotency_key = idempotency_key(request.headers())?;
    let body: AddBody = read_json(request).await?;
    let name = account_name(body.name)?;
    let currency = currency(&body.currency)?;
    let units = match &body.balance {
        Some(DecimalText(text)) => amount_units(text).map_err(|detail| Problem::unprocessable("balance", detail))?,
        None => 0,
    };
    if units > 0 && idempotency_key.is_none() {
        return Err(key_needed());
    }
    if body.deck.is_empty() || body.deck.len() > NAME_BYTES_MAX {
        return Err(Problem::unprocessable("deck", "name one of the decks of the configuration"));
    }
    let new = NewAccount { name, currency, deck: body.deck, balance: Money::of(units, currency), idempotency_key };
    let document = state.backend.add_account(new).await?;
    let location = format!("/api/v1/accounts/{}", document.name);
    let mut response = (StatusCode::CREATED, Json(document)).into_response();
    if let Ok(value) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

/// The key, if there is one; an empty, long, repeated or unprintable one is refused.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all("idempotency-key").iter();
    let Some(first) = all.next() else { return Ok(None) };
    let text = first.to_str().unwrap_or_default().trim();
    let fits = !text.is_empty() && text.len() <= KEY_BYTES_MAX && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if !fits || all.next().is_some() {
        let detail = format!("Idempotency-Key must be given once, 1 to {KEY_BYTES_MAX} printable ASCII characters");
        return Err(Problem::bad_request(detail).at("Idempotency-Key"));
    }
    Ok(Some(text.to_owned()))
}

pub(super) fn key_needed() -> Problem {
    Problem::bad_request("this moves money: send an Idempotency-Key header, new for each payment and the same when you repeat one")
        .at("Idempotency-Key")
}

fn account_name(name: String) -> Result<String, Problem> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
        return Err(Problem::unprocessable("name", "a name is 1 to 64 of A–Z a–z 0–9 . _ -, with : after the account above it"));
    }
    Ok(name)
}

pub(super) fn currency(text: &str) -> Result<Currency, Problem> {
    text.parse().map_err(|error: units::MoneyError| Problem::unprocessable("currency", error.to_string()))
}
