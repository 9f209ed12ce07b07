//! The node itself: the plan of a call, carriers, gates, reload, drain, and what the log shows.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::{is_name, path_name};
use crate::body::read_json;
use crate::control::{CarrierAsk, RouteAsk};
use crate::cursor;
use crate::documents::{
    BanDoc, CarrierDoc, CarrierStatementDoc, DrainDoc, GateDoc, LogDoc, Page, RegistrationDoc, ReloadDoc,
    RouteDoc,
};
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

const CHARGES: char = 'k';
/// Charges in one page.
const CHARGES_MAX: usize = 10_000;
/// Longest number or filter, in characters.
const TEXT_MAX: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogBody {
    filter: Option<String>,
}

/// `GET /route`
pub async fn route(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<RouteDoc>, Problem> {
    let params = params.only(&["gate", "carrier", "to", "from", "at"])?;
    let needed = |name: &str| match params.text(name) {
        Some(text) if text.chars().count() <= TEXT_MAX && !text.chars().any(char::is_control) => {
            Ok(text.to_owned())
        }
        Some(_) => {
            Err(Problem::bad_request(format!("{name}: at most {TEXT_MAX} printable characters")).at(name))
        }
        None => {
            Err(Problem::bad_request(format!("say {name}: the gate's name and the called number are needed"))
                .at(name))
        }
    };
    let from = params.text("from").map(|_| needed("from")).transpose()?;
    let carrier = params.text("carrier").map(|_| needed("carrier")).transpose()?;
    let gate = match (&carrier, params.text("gate")) {
        (Some(_), Some(_)) => {
            return Err(Problem::bad_request("a call comes from a gate or from a carrier, not from both")
                .at("carrier"));
        }
        (Some(_), None) => String::new(),
        (None, _) => needed("gate")?,
    };
    let ask = RouteAsk { gate, carrier, to: needed("to")?, from, at: params.instant("at")? };
    Ok(Json(state.control.route(ask).await?))
}

/// `GET /carriers`
pub async fn carriers(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<Page<CarrierDoc>>, Problem> {
    params.only(&["limit", "cursor"])?;
    Ok(Json(Page { items: state.control.carriers().await?, next: None }))
}

/// `GET /gates`
pub async fn gates(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<Page<GateDoc>>, Problem> {
    params.only(&["limit", "cursor"])?;
    Ok(Json(Page { items: state.control.gates().await?, next: None }))
}

/// `GET /registrations`
pub async fn registrations(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<Page<RegistrationDoc>>, Problem> {
    params.only(&["limit", "cursor"])?;
    Ok(Json(Page { items: state.control.registrations().await?, next: None }))
}

/// `GET /bans`
pub async fn bans(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<Page<BanDoc>>, Problem> {
    params.only(&["limit", "cursor"])?;
    Ok(Json(Page { items: state.control.bans(), next: None }))
}

/// `DELETE /bans/{ip}`
pub async fn lift_ban(
    State(state): State<Arc<WebState>>,
    ip: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<StatusCode, Problem> {
    params.only(&[])?;
    let ip = path_name("ip", ip)?;
    let is_lifted = ip.parse().is_ok_and(|ip| state.control.lift_ban(ip));
    if is_lifted {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("{ip} is not locked out: GET /api/v1/bans lists who is")))
    }
}

/// `GET /carriers/{name}/statement`
pub async fn carrier_statement(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Json<CarrierStatementDoc>, Problem> {
    let params = params.only(&["limit", "cursor"])?;
    let carrier = path_name("carrier", name)?;
    if !is_name(&carrier) {
        return Err(Problem::not_found("no such carrier"));
    }
    let after = params.cursor(|text| cursor::to_position(CHARGES, text))?.unwrap_or(0);
    let ask = CarrierAsk { carrier, after, limit: params.limit(CHARGES_MAX, CHARGES_MAX)? };
    let page = state.control.carrier_statement(ask).await?;
    Ok(Json(CarrierStatementDoc {
        next: page.next.map(|entry| cursor::of_position(CHARGES, entry)),
        ..page.document
    }))
}

/// `POST /reload`
pub async fn reload(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<ReloadDoc>, Problem> {
    params.only(&[])?;
    Ok(Json(state.control.reload().await?))
}

/// `POST /drain`
pub async fn drain(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<DrainDoc>, Problem> {
    params.only(&[])?;
    Ok(Json(state.control.drain().await?))
}

/// `GET /log`
pub async fn log(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<LogDoc>, Problem> {
    params.only(&[])?;
    Ok(Json(state.control.log()))
}

/// `PUT /log`
pub async fn set_log(
    State(state): State<Arc<WebState>>,
    params: Params,
    request: Request,
) -> Result<Json<LogDoc>, Problem> {
    params.only(&[])?;
    let LogBody { filter } = read_json(request).await?;
    if filter.as_ref().is_some_and(|text| text.is_empty() || text.len() > TEXT_MAX) {
        return Err(Problem::unprocessable(
            "filter",
            "write info, or info,sip=debug; null goes back to the configuration's",
        ));
    }
    Ok(Json(state.control.set_log(filter)?))
}
