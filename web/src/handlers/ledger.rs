//! The books as an accountant reads them: trial balance, statements, the close of a period.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use units::Wall;

use super::path_name;
use crate::backend::StatementAsk;
use crate::body::read_json;
use crate::documents::{PeriodDoc, StatementDoc, TrialBalanceDoc};
use crate::problem::Problem;
use crate::query::Params;
use crate::router::WebState;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseBody {
    until: String,
}

/// `GET /ledger/trial-balance`
pub async fn trial_balance(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<TrialBalanceDoc>, Problem> {
    params.only(&[])?;
    Ok(Json(state.backend.trial_balance().await?))
}

/// `POST /ledger/close`. Closing the same period again changes nothing.
pub async fn close(State(state): State<Arc<WebState>>, params: Params, request: Request) -> Result<(StatusCode, Json<PeriodDoc>), Problem> {
    params.only(&[])?;
    let body: CloseBody = read_json(request).await?;
    let until = Wall::parse(&body.until).ok_or_else(|| Problem::unprocessable("until", "a time as 2026-12-01T00:00:00Z"))?;
    Ok((StatusCode::CREATED, Json(state.backend.close_period(until).await?)))
}

/// `GET /accounts/{name}/statement`
pub async fn statement(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Json<StatementDoc>, Problem> {
    let params = params.only(&["from", "to"])?;
    let ask = StatementAsk { account: path_name("account", name)?, from: params.instant("from")?, to: params.instant("to")? };
    Ok(Json(state.backend.statement(ask).await?))
}
