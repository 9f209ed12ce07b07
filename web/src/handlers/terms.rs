//! What an account calls by, and what it is given: `PATCH /accounts/{name}` for its terms, grants to its pockets.
//! A grant needs an `Idempotency-Key`, as every movement does.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use rating::engine::AccountChange;
use rating::{PocketKind, PocketTerms, ProfitGuard};
use serde::{Deserialize, Deserializer};
use units::{Currency, Name, Prefix, Wall};

use super::accounts::{currency, idempotency_key, key_needed};
use super::{created, path_name};
use crate::backend::{Amount, GrantOrder};
use crate::body::{DecimalText, amount_units, read_json};
use crate::documents::AccountDoc;
use crate::problem::Problem;
use crate::query::Params;
use crate::router::WebState;

const REFERENCE_CHARS_MAX: usize = 200;
/// A second in the books' pseudo currency.
const SECOND: i64 = 100_000;

/// What changes; a field that is absent stays, one that is `null` is taken away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    decks: Option<Vec<String>>,
    profit_guard: Option<ProfitGuard>,
    #[serde(default, deserialize_with = "given")]
    low_balance: Option<Option<DecimalText>>,
    #[serde(default, deserialize_with = "given")]
    idle_days: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    idle_months: Option<Option<u32>>,
    #[serde(default, deserialize_with = "given")]
    zone: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    email: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    language: Option<Option<String>>,
    credit: Option<DecimalText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    pocket: String,
    kind: PocketKind,
    amount: Option<DecimalText>,
    currency: Option<String>,
    seconds: Option<u32>,
    #[serde(default)]
    priority: u8,
    #[serde(default)]
    prefixes: Vec<String>,
    valid_from: Option<String>,
    expires_at: Option<String>,
    #[serde(default)]
    reference: String,
}

/// Present, be it `null` or a value.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// `PATCH /accounts/{name}`
pub async fn change(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
    request: Request,
) -> Result<Json<AccountDoc>, Problem> {
    params.only(&[])?;
    let name = path_name("account", name)?;
    let body: ChangeBody = read_json(request).await?;
    let units = |field, text: &DecimalText| amount_units(&text.0).map_err(|detail| Problem::unprocessable(field, detail));
    let words = |field, text: Option<String>| match text {
        Some(text) if text.is_empty() || text.len() > 254 || text.chars().any(char::is_control) => {
            Err(Problem::unprocessable(field, "1 to 254 printable characters, or null"))
        }
        text => Ok(text.map(Name::from)),
    };
    let change = AccountChange {
        decks: body.decks.map(|decks| decks.into_iter().map(Name::from).collect()),
        profit_guard: body.profit_guard,
        low_balance: body.low_balance.map(|mark| mark.map(|text| units("low_balance", &text)).transpose()).transpose()?,
        idle_days: body.idle_days,
        idle_months: body.idle_months,
        zone: body.zone.map(|text| words("zone", text)).transpose()?,
        email: body.email.map(|text| words("email", text)).transpose()?,
        language: body.language.map(|text| words("language", text)).transpose()?,
        limit: body.credit.map(|text| units("credit", &text).map(i64::wrapping_neg)).transpose()?,
    };
    if change == AccountChange::default() {
        return Err(Problem::bad_request("nothing changes: name at least one field"));
    }
    Ok(Json(state.backend.change_account(name, change).await?))
}

/// `POST /accounts/{name}/grants`
pub async fn grant(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let account = path_name("account", name)?;
    let idempotency_key = idempotency_key(request.headers())?.ok_or_else(key_needed)?;
    let body: GrantBody = read_json(request).await?;
    let amount = amount(&body)?;
    let time = |field, text: Option<String>| {
        let parse = |text: String| Wall::parse(&text).ok_or_else(|| Problem::unprocessable(field, "a time as 2027-01-01T00:00:00Z"));
        text.map(parse).transpose()
    };
    let prefix =
        |text: String| Prefix::read(text.as_bytes()).map_err(|wrong| Problem::unprocessable("prefixes", format!("prefix {wrong}")));
    if body.reference.chars().count() > REFERENCE_CHARS_MAX || body.reference.chars().any(char::is_control) {
        return Err(Problem::unprocessable("reference", "a reference is at most 200 printable characters"));
    }
    let terms = PocketTerms {
        kind: body.kind,
        priority: body.priority,
        prefixes: body.prefixes.into_iter().map(prefix).collect::<Result<_, _>>()?,
        valid_from: time("valid_from", body.valid_from)?,
        expires_at: time("expires_at", body.expires_at)?,
    };
    let order = GrantOrder { account, pocket: body.pocket, amount, terms, reference: body.reference, idempotency_key };
    let receipt = state.backend.grant(order).await?;
    Ok(created(receipt.document, receipt.replayed))
}

/// Seconds of minutes, or money of the other kinds.
fn amount(body: &GrantBody) -> Result<Amount, Problem> {
    match (body.kind, body.seconds, body.amount.as_ref()) {
        (PocketKind::Minutes, Some(1..), None) if body.currency.is_none() => {
            let units = i64::from(body.seconds.unwrap_or_default()).saturating_mul(SECOND);
            Ok(Amount { units, currency: Some(Currency::SEC) })
        }
        (PocketKind::Minutes, _, _) => {
            Err(Problem::unprocessable("seconds", "minutes are given in seconds, at least 1, without an amount"))
        }
        (PocketKind::Test | PocketKind::Promo, None, Some(DecimalText(text))) => {
            let units = amount_units(text).map_err(|detail| Problem::unprocessable("amount", detail))?;
            if units == 0 {
                return Err(Problem::unprocessable("amount", "the amount must be more than zero"));
            }
            Ok(Amount { units, currency: body.currency.as_deref().map(currency).transpose()? })
        }
        (PocketKind::Test | PocketKind::Promo, _, _) => {
            Err(Problem::unprocessable("amount", "credit is given as an amount, without seconds"))
        }
    }
}
