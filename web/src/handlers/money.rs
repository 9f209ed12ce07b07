//! Money that moves by hand: top-ups from announced to booked, charges, corrections, reversals. Every POST
//! here needs an `Idempotency-Key`, so that a client that lost the answer can ask again without moving money
//! twice.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use rating::rerate::CallCost;
use serde::Deserialize;

use super::fields::{KEY_BYTES_MAX, currency, idempotency_key, key_needed};
use super::{created, path_name};
use crate::backend::{Amount, Hand, HandRequest, TopUpRequest};
use crate::body::{DecimalText, amount_units, read_json};
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

const REFERENCE_CHARS_MAX: usize = 200;

type Named = Result<Path<String>, PathRejection>;
type NamedKey = Result<Path<(String, String)>, PathRejection>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopUpBody {
    amount: DecimalText,
    #[serde(default)]
    reference: String,
    currency: Option<String>,
    method: Option<String>,
    fee: Option<DecimalText>,
    state: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BookBody {
    fee: Option<DecimalText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CauseBody {
    cause: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReversalBody {
    key: Option<String>,
    call: Option<String>,
    cause: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CorrectionBody {
    amount: Option<DecimalText>,
    calls: Option<Vec<CallBody>>,
    reason: String,
    currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallBody {
    call: String,
    billed: DecimalText,
    cost: DecimalText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargeBody {
    #[serde(default = "one")]
    pieces: u32,
    price: DecimalText,
    cause: String,
    currency: Option<String>,
}

const fn one() -> u32 {
    1
}

/// `POST /accounts/{name}/topups`
pub async fn top_up(
    State(state): State<Arc<WebState>>,
    name: Named,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let account = path_name("account", name)?;
    let idempotency_key = idempotency_key(request.headers())?.ok_or_else(key_needed)?;
    let body: TopUpBody = read_json(request).await?;
    let units = amount_units(&body.amount.0).map_err(|detail| Problem::unprocessable("amount", detail))?;
    if units == 0 {
        return Err(Problem::unprocessable("amount", "the amount must be more than zero"));
    }
    let currency = body.currency.as_deref().map(currency).transpose()?;
    let pending = match body.state.as_deref() {
        None | Some("booked") => false,
        Some("pending") => true,
        Some(_) => {
            return Err(Problem::unprocessable(
                "state",
                "booked, or pending for a payment that is only announced",
            ));
        }
    };
    let order = TopUpRequest {
        account,
        amount: Amount { units, currency },
        reference: words("reference", body.reference)?,
        idempotency_key,
        method: body.method.map(|method| words("method", method)).transpose()?,
        fee: fee_units(body.fee)?,
        pending,
    };
    let receipt = state.backend.top_up(order).await?;
    Ok(created(receipt.document, receipt.replayed))
}

/// `POST /accounts/{name}/topups/{key}/book`
pub async fn book(
    State(state): State<Arc<WebState>>,
    path: NamedKey,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let ((account, of), key) = (path_key(path)?, idempotency_key(request.headers())?.ok_or_else(key_needed)?);
    let body: BookBody = read_json(request).await?;
    by_hand(&state, account, key, Hand::Book { of, fee: fee_units(body.fee)? }).await
}

/// `POST /accounts/{name}/topups/{key}/reject`
pub async fn reject(
    State(state): State<Arc<WebState>>,
    path: NamedKey,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let ((account, of), key) = (path_key(path)?, idempotency_key(request.headers())?.ok_or_else(key_needed)?);
    let body: CauseBody = read_json(request).await?;
    by_hand(&state, account, key, Hand::Reject { of, cause: why("cause", body.cause)? }).await
}

/// `POST /accounts/{name}/topups/{key}/reverse`
pub async fn reverse(
    State(state): State<Arc<WebState>>,
    path: NamedKey,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let ((account, of), key) = (path_key(path)?, idempotency_key(request.headers())?.ok_or_else(key_needed)?);
    let body: CauseBody = read_json(request).await?;
    by_hand(&state, account, key, Hand::Reverse { of, cause: why("cause", body.cause)? }).await
}

/// `POST /accounts/{name}/reversals`
pub async fn reversal(
    State(state): State<Arc<WebState>>,
    name: Named,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let account = path_name("account", name)?;
    let key = idempotency_key(request.headers())?.ok_or_else(key_needed)?;
    let body: ReversalBody = read_json(request).await?;
    let cause = why("cause", body.cause)?;
    let hand = match (body.key, body.call) {
        (Some(of), None) => Hand::Reverse { of, cause },
        (None, Some(call)) => Hand::ReverseCall { call, cause },
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::unprocessable(
                "key",
                "name what is to be undone: either the key of a movement or the id of a call",
            ));
        }
    };
    by_hand(&state, account, key, hand).await
}

/// `POST /accounts/{name}/corrections`
pub async fn correct(
    State(state): State<Arc<WebState>>,
    name: Named,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let account = path_name("account", name)?;
    let key = idempotency_key(request.headers())?.ok_or_else(key_needed)?;
    let body: CorrectionBody = read_json(request).await?;
    let currency = body.currency.as_deref().map(currency).transpose()?;
    let amount = match (body.amount, body.calls) {
        (Some(DecimalText(amount)), None) => amount,
        (None, Some(calls)) => {
            let calls = calls.iter().map(call_cost).collect::<Result<_, _>>()?;
            return by_hand(
                &state,
                account,
                key,
                Hand::Rerate { calls, currency, reason: why("reason", body.reason)? },
            )
            .await;
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::unprocessable(
                "amount",
                "say either an amount, or the calls that are to cost something else",
            ));
        }
    };
    let (sign, digits) = match amount.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, amount.as_str()),
    };
    let units = sign * amount_units(digits).map_err(|detail| Problem::unprocessable("amount", detail))?;
    if units == 0 {
        return Err(Problem::unprocessable("amount", "the amount must not be zero"));
    }
    let hand = Hand::Correct { amount: Amount { units, currency }, reason: why("reason", body.reason)? };
    by_hand(&state, account, key, hand).await
}

/// `POST /accounts/{name}/charges`
pub async fn charge(
    State(state): State<Arc<WebState>>,
    name: Named,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let account = path_name("account", name)?;
    let key = idempotency_key(request.headers())?.ok_or_else(key_needed)?;
    let body: ChargeBody = read_json(request).await?;
    if body.pieces == 0 {
        return Err(Problem::unprocessable("pieces", "at least one piece is paid for"));
    }
    let units = amount_units(&body.price.0).map_err(|detail| Problem::unprocessable("price", detail))?;
    let currency = body.currency.as_deref().map(currency).transpose()?;
    let hand = Hand::Charge {
        pieces: body.pieces,
        price: Amount { units, currency },
        cause: why("cause", body.cause)?,
    };
    by_hand(&state, account, key, hand).await
}

/// What a call was billed and is to cost.
fn call_cost(body: &CallBody) -> Result<CallCost, Problem> {
    let units = |field, text: &DecimalText| {
        amount_units(&text.0).map_err(|detail| Problem::unprocessable(field, detail))
    };
    let call = body
        .call
        .parse()
        .map_err(|_| Problem::unprocessable("call", "the id of a call, as its record has it"))?;
    Ok(CallCost { call, billed: units("billed", &body.billed)?, cost: units("cost", &body.cost)? })
}

async fn by_hand(
    state: &WebState,
    account: String,
    idempotency_key: String,
    hand: Hand,
) -> Result<Response, Problem> {
    let receipt = state.backend.move_money(HandRequest { account, idempotency_key, hand }).await?;
    Ok(created(receipt.document, receipt.replayed))
}

/// Account and key of a movement; what cannot be one is simply not found.
fn path_key(path: NamedKey) -> Result<(String, String), Problem> {
    match path {
        Ok(Path((name, key))) if key.len() <= KEY_BYTES_MAX && !key.chars().any(char::is_control) => {
            Ok((path_name("account", Ok(Path(name)))?, key))
        }
        Ok(_) | Err(_) => Err(Problem::not_found("no such top-up")),
    }
}

fn fee_units(fee: Option<DecimalText>) -> Result<i64, Problem> {
    let Some(DecimalText(text)) = fee else { return Ok(0) };
    amount_units(&text).map_err(|detail| Problem::unprocessable("fee", detail))
}

/// A sentence that may be empty.
fn words(field: &'static str, text: String) -> Result<String, Problem> {
    if text.chars().count() > REFERENCE_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(Problem::unprocessable(
            field,
            format!("{field}: at most {REFERENCE_CHARS_MAX} printable characters"),
        ));
    }
    Ok(text)
}

/// A sentence that says why.
fn why(field: &'static str, text: String) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Err(Problem::unprocessable(field, "say why: the books keep it with the movement"));
    }
    words(field, text)
}
