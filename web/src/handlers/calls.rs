//! Live calls: list, record, hang up. A hung-up call settles like any other and leaves its CDR.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::{ROWS_DEFAULT, ROWS_MAX, path_name, split_page};
use crate::body::read_json;
use crate::cursor;
use crate::documents::{CallDoc, Page, RecordingDoc};
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

const LIST: char = 'l';

/// `GET /calls`
pub async fn list(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<Page<CallDoc>>, Problem> {
    let params = params.only(&["limit", "cursor"])?;
    let limit = params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    let after = params.cursor(|text| cursor::to_text(LIST, text))?;
    let rows = state.backend.calls(after, limit + 1).await?;
    let (items, next) = split_page(rows, limit, |last| cursor::of_text(LIST, &last.id));
    Ok(Json(Page { items, next }))
}

/// `DELETE /calls/{id}`
pub async fn kill(
    State(state): State<Arc<WebState>>,
    id: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<StatusCode, Problem> {
    params.only(&[])?;
    let id = path_name("call", id)?;
    if state.backend.kill_call(id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("no such call is live; it may have ended"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordBody {
    record: bool,
}

/// `PUT /calls/{id}/recording`
pub async fn record(
    State(state): State<Arc<WebState>>,
    id: Result<Path<String>, PathRejection>,
    params: Params,
    request: Request,
) -> Result<Json<RecordingDoc>, Problem> {
    params.only(&[])?;
    let id = path_name("call", id)?;
    let RecordBody { record } = read_json(request).await?;
    let document = state.backend.record_call(id, record).await?;
    document.map(Json).ok_or_else(|| Problem::not_found("no such call is live; it may have ended"))
}
