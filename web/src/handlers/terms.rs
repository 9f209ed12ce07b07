//! What an account calls by, and what it is given: `PATCH /accounts/{name}` for its terms, grants to its
//! buckets. A grant needs an `Idempotency-Key`, as every movement does.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use rating::engine::AccountChange;
use rating::{
    AccountStatus, BucketKind, BucketTerms, IDLE_DAYS_MAX, LANGUAGES, ProfitGuard, is_mail_address,
};
use serde::{Deserialize, Deserializer};
use units::{Currency, Name, Prefix, Wall, Zone};

use super::fields::{currency, idempotency_key, key_needed, units_of};
use super::{created, path_name};
use crate::backend::{Amount, GrantRequest};
use crate::body::{DecimalText, amount_units, read_json};
use crate::documents::AccountDoc;
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

const REFERENCE_CHARS_MAX: usize = 200;
const IDLE_MONTHS_MAX: u32 = 1_200;
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
    status: Option<AccountStatus>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantBody {
    #[serde(rename = "pocket")]
    bucket: String,
    kind: BucketKind,
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
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Days as the configuration takes them.
pub(super) fn idle_days(days: u32) -> Result<u32, Problem> {
    let right = (1..=u32::from(IDLE_DAYS_MAX)).contains(&days);
    right.then_some(days).ok_or_else(|| {
        Problem::unprocessable("idle_days", format!("1 to {IDLE_DAYS_MAX} days, or null for never"))
    })
}

/// Months as the configuration takes them, in the place of days.
pub(super) fn idle_months(months: u32, has_days: bool) -> Result<u32, Problem> {
    if has_days {
        return Err(Problem::unprocessable(
            "idle_months",
            "an account has idle_days or idle_months, not both: leave one out",
        ));
    }
    let right = (1..=IDLE_MONTHS_MAX).contains(&months);
    right.then_some(months).ok_or_else(|| {
        Problem::unprocessable("idle_months", format!("1 to {IDLE_MONTHS_MAX} months, or null for never"))
    })
}

/// A zone of the tz database.
pub(super) fn zone(text: String) -> Result<Name, Problem> {
    let right = Zone::named(&text).is_some();
    right.then(|| text.into()).ok_or_else(|| {
        Problem::unprocessable("zone", "a zone of the tz database, as Europe/Madrid, or null for UTC")
    })
}

/// An address as the configuration takes it.
pub(super) fn email(text: String) -> Result<Name, Problem> {
    let right = is_mail_address(&text);
    right.then(|| text.into()).ok_or_else(|| {
        Problem::unprocessable("email", "a mail address such as billing@acme.example, or null")
    })
}

/// A language of the notices; none is the first.
pub(super) fn language(text: String) -> Result<Option<Name>, Problem> {
    if !LANGUAGES.contains(&text.as_str()) {
        return Err(Problem::unprocessable(
            "language",
            format!("one of {}, or null for the first", LANGUAGES.join(", ")),
        ));
    }
    Ok((LANGUAGES.first() != Some(&text.as_str())).then(|| text.into()))
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
    let has_days = body.idle_days.flatten().is_some();
    let change = AccountChange {
        decks: body.decks.map(|decks| decks.into_iter().map(Name::from).collect()),
        profit_guard: body.profit_guard,
        low_balance: body
            .low_balance
            .map(|mark| mark.map(|text| units_of("low_balance", &text)).transpose())
            .transpose()?,
        idle_days: body.idle_days.map(|days| days.map(idle_days).transpose()).transpose()?,
        idle_months: body
            .idle_months
            .map(|months| months.map(|months| idle_months(months, has_days)).transpose())
            .transpose()?,
        zone: body.zone.map(|text| text.map(zone).transpose()).transpose()?,
        email: body.email.map(|text| text.map(email).transpose()).transpose()?,
        language: body
            .language
            .map(|text| text.map(language).transpose().map(Option::flatten))
            .transpose()?,
        limit: body.credit.map(|text| units_of("credit", &text).map(i64::wrapping_neg)).transpose()?,
        status: body.status,
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
        let parse = |text: String| {
            Wall::parse(&text).ok_or_else(|| Problem::unprocessable(field, "a time as 2027-01-01T00:00:00Z"))
        };
        text.map(parse).transpose()
    };
    let prefix = |text: String| {
        Prefix::read(text.as_bytes())
            .map_err(|wrong| Problem::unprocessable("prefixes", format!("prefix {wrong}")))
    };
    if body.reference.chars().count() > REFERENCE_CHARS_MAX || body.reference.chars().any(char::is_control) {
        return Err(Problem::unprocessable("reference", "a reference is at most 200 printable characters"));
    }
    let terms = BucketTerms {
        kind: body.kind,
        priority: body.priority,
        prefixes: body.prefixes.into_iter().map(prefix).collect::<Result<_, _>>()?,
        valid_from: time("valid_from", body.valid_from)?,
        expires_at: time("expires_at", body.expires_at)?,
    };
    let order = GrantRequest {
        account,
        bucket: body.bucket,
        amount,
        terms,
        reference: body.reference,
        idempotency_key,
    };
    let receipt = state.backend.grant(order).await?;
    Ok(created(receipt.document, receipt.replayed))
}

/// Seconds of minutes, or money of the other kinds.
fn amount(body: &GrantBody) -> Result<Amount, Problem> {
    match (body.kind, body.seconds, body.amount.as_ref()) {
        (BucketKind::Minutes, Some(1..), None) if body.currency.is_none() => {
            let units = i64::from(body.seconds.unwrap_or_default()).saturating_mul(SECOND);
            Ok(Amount { units, currency: Some(Currency::SEC) })
        }
        (BucketKind::Minutes, _, _) => Err(Problem::unprocessable(
            "seconds",
            "minutes are given in seconds, at least 1, without an amount",
        )),
        (BucketKind::Test | BucketKind::Promo, None, Some(DecimalText(text))) => {
            let units = amount_units(text).map_err(|detail| Problem::unprocessable("amount", detail))?;
            if units == 0 {
                return Err(Problem::unprocessable("amount", "the amount must be more than zero"));
            }
            Ok(Amount { units, currency: body.currency.as_deref().map(currency).transpose()? })
        }
        (BucketKind::Test | BucketKind::Promo, _, _) => {
            Err(Problem::unprocessable("amount", "credit is given as an amount, without seconds"))
        }
    }
}
