//! CDRs and notices in journal order, as they were written.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::value::RawValue;

use super::is_name;
use crate::cdrs::{CdrFilter, CdrRows, CdrSource, SourceError};
use crate::cursor;
use crate::documents::Page;
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

const CDRS: char = 'c';
const NOTICES: char = 'n';
const ROWS_DEFAULT: usize = 100;
const ROWS_MAX: usize = 10_000;
const NUMBER_MAX: usize = 32;

/// `GET /cdrs`
pub async fn list(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<Page<Box<RawValue>>>, Problem> {
    page(&state, params, CDRS, |source, filter| source.page(filter)).await
}

/// `GET /notices`
pub async fn notices(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<Page<Box<RawValue>>>, Problem> {
    page(&state, params, NOTICES, |source, filter| source.notices(filter)).await
}

/// Digits of a number as people write it.
fn number_of(text: &str) -> Result<String, Problem> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect();
    let digits = digits.strip_prefix('+').unwrap_or(&digits);
    if digits.is_empty() || digits.len() > NUMBER_MAX || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(
            Problem::bad_request("number: digits, as 34911234567, or those that it begins with").at("number")
        );
    }
    Ok(digits.to_owned())
}

fn status_of(text: &str) -> Result<u16, Problem> {
    let status = text.parse().ok().filter(|status| (100..=699).contains(status) && text.len() == 3);
    status.ok_or_else(|| Problem::bad_request("status: a SIP status, 100 to 699").at("status"))
}

fn newest_first(params: &Params) -> Result<bool, Problem> {
    match params.text("order") {
        None | Some("oldest") => Ok(false),
        Some("newest") => Ok(true),
        Some(_) => Err(Problem::bad_request("order: oldest or newest, which comes first").at("order")),
    }
}

/// One page of the list whose cursors begin with `letter`.
async fn page(
    state: &WebState,
    params: Params,
    letter: char,
    rows: fn(&dyn CdrSource, &CdrFilter) -> Result<CdrRows, SourceError>,
) -> Result<Json<Page<Box<RawValue>>>, Problem> {
    let known =
        ["account", "from", "to", "limit", "cursor", "order", "number", "carrier", "call_id", "status"];
    let params = params.only(if letter == CDRS { &known } else { &known[..6] })?;
    let account = match params.text("account") {
        Some(name) if !is_name(name) => {
            return Err(Problem::bad_request("account is not a name").at("account"));
        }
        other => other.map(str::to_owned),
    };
    let filter = CdrFilter {
        account,
        from: params.instant("from")?,
        to: params.instant("to")?,
        after: params.cursor(|text| cursor::to_position(letter, text))?,
        number: params.text("number").map(number_of).transpose()?,
        carrier: params.text("carrier").map(str::to_owned),
        call_id: params.text("call_id").map(str::to_owned),
        status: params.text("status").map(status_of).transpose()?,
        newest_first: newest_first(&params)?,
        limit: params.limit(ROWS_DEFAULT, ROWS_MAX)?,
    };
    let permit = Arc::clone(&state.cdr_reads)
        .acquire_owned()
        .await
        .map_err(|_| Problem::unavailable("the node is stopping"))?;
    let source = Arc::clone(&state.cdrs);
    let read = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        rows(&*source, &filter)
    });
    let found = read
        .await
        .map_err(|error| error.to_string())
        .and_then(|page| page.map_err(|error| error.to_string()));
    let found = found.map_err(|error| {
        tracing::error!(%error, "a page of the journal failed");
        Problem::unavailable("the journal cannot be read now")
    })?;
    Ok(Json(Page {
        items: found.items,
        next: found.next.map(|position| cursor::of_position(letter, position)),
    }))
}
