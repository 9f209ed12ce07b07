//! The node itself: the plan of a call, carriers, gates, reload, drain, and what the log shows.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::{ROWS_DEFAULT, ROWS_MAX, is_name, path_name, split_page};
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
const REGISTRATIONS: char = 'r';
const BANS: char = 'b';
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
    let params = params.only(&["limit", "cursor"])?;
    let limit = params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    let after = params.cursor(|text| cursor::to_text(REGISTRATIONS, text))?;
    let (items, next) = page_of_registrations(state.control.registrations().await?, after.as_deref(), limit);
    Ok(Json(Page { items, next }))
}

/// In order of the accounts, in each the preferred first; the rest is for a page to begin behind the one
/// before.
fn page_of_registrations(
    mut rows: Vec<RegistrationDoc>,
    after: Option<&str>,
    limit: usize,
) -> (Vec<RegistrationDoc>, Option<String>) {
    let place = |row: &RegistrationDoc| {
        let RegistrationDoc { sip_account, q, contact, source, .. } = row;
        (sip_account.clone(), Reverse(q.clone()), contact.clone(), source.clone())
    };
    rows.sort_by_cached_key(place);
    if let Some(after) = after.and_then(place_of_registration) {
        rows.retain(|row| place(row) > after);
    }
    let key = |row: &RegistrationDoc| [&*row.sip_account, &row.q, &row.contact, &row.source].join("\n");
    split_page(rows, limit, |last| cursor::of_text(REGISTRATIONS, &key(last)))
}

/// Account, preference, contact and source of the last row of a page.
fn place_of_registration(text: &str) -> Option<(String, Reverse<String>, String, String)> {
    let mut lines = text.splitn(4, '\n').map(str::to_owned);
    Some((lines.next()?, Reverse(lines.next()?), lines.next()?, lines.next()?))
}

/// `GET /bans`
pub async fn bans(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<Page<BanDoc>>, Problem> {
    let params = params.only(&["limit", "cursor"])?;
    let limit = params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    let after = params.cursor(|text| cursor::to_text(BANS, text)?.parse::<IpAddr>().ok())?;
    let (items, next) = page_of_bans(state.control.bans(), after, limit);
    Ok(Json(Page { items, next }))
}

/// They come in the order of addresses.
fn page_of_bans(rows: Vec<BanDoc>, after: Option<IpAddr>, limit: usize) -> (Vec<BanDoc>, Option<String>) {
    let is_behind =
        |ban: &BanDoc| after.is_none_or(|after| ban.ip.parse::<IpAddr>().is_ok_and(|ip| ip > after));
    let rows = rows.into_iter().filter(is_behind).take(limit + 1).collect();
    split_page(rows, limit, |last: &BanDoc| cursor::of_text(BANS, &last.ip))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole list in pages of one.
    fn pages<T>(mut page: impl FnMut(Option<&str>) -> (Vec<T>, Option<String>)) -> Vec<T> {
        let (mut all, mut next) = page(None);
        while let Some(cursor) = next {
            let (items, after) = page(Some(&cursor));
            assert_eq!(items.len(), 1);
            all.extend(items);
            next = after;
        }
        all
    }

    #[test]
    fn registrations_come_in_pages() {
        let row = |sip_account: &str, q: &str, contact: &str, source: &str| RegistrationDoc {
            sip_account: sip_account.to_owned(),
            account: "acme".to_owned(),
            contact: contact.to_owned(),
            source: source.to_owned(),
            transport: "udp".to_owned(),
            q: q.to_owned(),
            reachable: true,
            user_agent: None,
            expires_at: "2026-12-01T00:00:00.000Z".to_owned(),
        };
        let rows = [
            row("bob", "1.000", "sip:b", "192.0.2.1:5060"),
            row("alice", "0.500", "sip:a", "192.0.2.2:5060"),
            row("alice", "1.000", "sip:a", "192.0.2.2:5061"),
            row("alice", "1.000", "sip:a", "192.0.2.2:5062"),
        ];
        let all = pages(|after| {
            let after = after.map(|text| cursor::to_text(REGISTRATIONS, text).expect("a cursor"));
            page_of_registrations(rows.to_vec(), after.as_deref(), 1)
        });
        let sources: Vec<&str> = all.iter().map(|row| &*row.source).collect();
        assert_eq!(sources, ["192.0.2.2:5061", "192.0.2.2:5062", "192.0.2.2:5060", "192.0.2.1:5060"]);
    }

    #[test]
    fn bans_come_in_pages() {
        let ips = ["192.0.2.9", "192.0.2.10", "2001:db8::"];
        let ban = |ip: &str| BanDoc {
            ip: ip.to_owned(),
            since: String::new(),
            until: String::new(),
            failures: 5,
            reason: String::new(),
        };
        let all = pages(|after| {
            let after = after.and_then(|text| cursor::to_text(BANS, text)?.parse().ok());
            page_of_bans(ips.map(ban).to_vec(), after, 1)
        });
        assert!(all.iter().map(|ban| &*ban.ip).eq(ips));
    }
}
