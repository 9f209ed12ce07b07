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
use crate::router::WebState;

const CDRS: char = 'c';
const NOTICES: char = 'n';
const ROWS_DEFAULT: usize = 100;
const ROWS_MAX: usize = 10_000;

/// `GET /cdrs`
pub async fn list(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<Page<Box<RawValue>>>, Problem> {
    page(&state, params, CDRS, |source, filter| source.page(filter)).await
}

/// `GET /notices`
pub async fn notices(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<Page<Box<RawValue>>>, Problem> {
    page(&state, params, NOTICES, |source, filter| source.notices(filter)).await
}

/// One page of the list whose cursors begin with `letter`.
async fn page(
    state: &WebState,
    params: Params,
    letter: char,
    rows: fn(&dyn CdrSource, &CdrFilter) -> Result<CdrRows, SourceError>,
) -> Result<Json<Page<Box<RawValue>>>, Problem> {
    let params = params.only(&["account", "from", "to", "limit", "cursor"])?;
    let account = match params.text("account") {
        Some(name) if !is_name(name) => return Err(Problem::bad_request("account is not a name").at("account")),
        other => other.map(str::to_owned),
    };
    let filter = CdrFilter {
        account,
        from: params.instant("from")?,
        to: params.instant("to")?,
        after: params.cursor(|text| cursor::to_position(letter, text))?,
        limit: params.limit(ROWS_DEFAULT, ROWS_MAX)?,
    };
    let permit = Arc::clone(&state.cdr_reads).acquire_owned().await.map_err(|_| Problem::unavailable("the node is stopping"))?;
    let source = Arc::clone(&state.cdrs);
    let read = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        rows(&*source, &filter)
    });
    let found = read.await.map_err(|error| error.to_string()).and_then(|page| page.map_err(|error| error.to_string()));
    let found = found.map_err(|error| {
        tracing::error!(%error, "a page of the journal failed");
        Problem::unavailable("the journal cannot be read now")
    })?;
    Ok(Json(Page { items: found.items, next: found.next.map(|position| cursor::of_position(letter, position)) }))
}
