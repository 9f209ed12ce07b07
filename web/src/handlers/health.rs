//! Probes, metrics and the API's own description.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::problem::Problem;
use crate::state::{OPENAPI, WebState};

/// `GET /livez`: this process answers.
pub async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: 200, or 503 with every reason why new calls are refused. Remarks are told either way and
/// refuse nothing.
pub async fn ready(State(state): State<Arc<WebState>>, headers: HeaderMap) -> Response {
    let (reasons, remarks) = (state.backend.unready(), state.backend.remarks());
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let as_json =
        headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("json"));
    if as_json {
        return (
            status,
            Json(json!({ "ready": reasons.is_empty(), "reasons": reasons, "remarks": remarks })),
        )
            .into_response();
    }
    let mut lines = if reasons.is_empty() { vec!["ok".to_owned()] } else { reasons };
    lines.extend(remarks);
    let text = lines.join("\n") + "\n";
    (status, text).into_response()
}

/// `GET /metrics`: Prometheus text exposition, version 0.0.4.
pub async fn metrics(State(state): State<Arc<WebState>>) -> Result<Response, Problem> {
    state.backend.refresh_metrics();
    let text = state.metrics.exposition().map_err(|error| {
        tracing::error!(%error, "metrics cannot be written");
        Problem::unavailable("metrics cannot be written now")
    })?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// `GET /openapi.json`
pub async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
