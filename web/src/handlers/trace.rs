//! The SIP messages of calls, and calls to come that are written to disk.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::body::read_json;
use crate::documents::TraceNextDoc;
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

/// Longest id of a call or Call-ID, bytes.
const ID_BYTES_MAX: usize = 256;
/// Longest name of a gate or number, bytes.
const OF_BYTES_MAX: usize = 64;
const PCAP: &str = "application/vnd.tcpdump.pcap";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NextBody {
    of: String,
}

/// `GET /calls/{id}/trace`
pub async fn show(
    State(state): State<Arc<WebState>>,
    id: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["format"])?;
    let as_pcap = match params.text("format") {
        None | Some("json") => false,
        Some("pcap") => true,
        Some(_) => return Err(Problem::bad_request("format: json or pcap").at("format")),
    };
    let is_id = |id: &String| !id.is_empty() && id.len() <= ID_BYTES_MAX && !id.chars().any(char::is_control);
    let id = id.ok().map(|Path(id)| id).filter(is_id).ok_or_else(|| Problem::not_found("no such call"))?;
    let found = state.control.trace(id).await?;
    let trace = found.ok_or_else(|| {
        Problem::not_found(
            "no message of such a call is kept: it is unknown, or older than the ring of `[trace] ring_mb`",
        )
    })?;
    Ok(if as_pcap {
        let name = "attachment; filename=\"call.pcap\"";
        ([(header::CONTENT_TYPE, PCAP), (header::CONTENT_DISPOSITION, name)], trace.pcap).into_response()
    } else {
        Json(trace.document).into_response()
    })
}

/// `GET /trace-next`
pub async fn waiting(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<TraceNextDoc>, Problem> {
    params.only(&[])?;
    Ok(Json(state.control.trace_next(None).await?))
}

/// `POST /trace-next`
pub async fn wait(
    State(state): State<Arc<WebState>>,
    params: Params,
    request: Request,
) -> Result<Json<TraceNextDoc>, Problem> {
    params.only(&[])?;
    let NextBody { of } = read_json(request).await?;
    if of.is_empty() || of.len() > OF_BYTES_MAX || of.chars().any(char::is_control) {
        return Err(Problem::unprocessable("of", "write a gate's name, or a number as 34911234567"));
    }
    Ok(Json(state.control.trace_next(Some(of)).await?))
}
