//! The map of paths. Every path of the operator's API is under `/api/v1`; a path or method that is not here
//! is a problem document. Invariant: `openapi.json` describes exactly these routes (a test compares them).

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post, put};

use crate::handlers::{accounts, calls, cdrs, decks, health, ledger, money, node, payments, terms, trace};
use crate::problem::Problem;
use crate::state::WebState;
use crate::{BODY_BYTES_MAX, guard};

/// The whole HTTP service over `state`.
pub fn router(state: Arc<WebState>) -> Router {
    let bounded = from_fn_with_state(Arc::clone(&state), guard::bound);
    let api = Router::new()
        .route("/accounts", get(accounts::list).post(accounts::add))
        .route("/accounts/{name}", get(accounts::show).patch(terms::change))
        .route("/accounts/{name}/grants", post(terms::grant))
        .route("/accounts/{name}/topups", get(payments::of_account).post(money::top_up))
        .route("/accounts/{name}/topups/{key}/book", post(money::book))
        .route("/accounts/{name}/topups/{key}/reject", post(money::reject))
        .route("/accounts/{name}/topups/{key}/reverse", post(money::reverse))
        .route("/topups", get(payments::in_transit))
        .route("/accounts/{name}/statement", get(ledger::statement))
        .route("/ledger/trial-balance", get(ledger::trial_balance))
        .route("/ledger/close", post(ledger::close))
        .route("/accounts/{name}/corrections", post(money::correct))
        .route("/accounts/{name}/charges", post(money::charge))
        .route("/accounts/{name}/reversals", post(money::reversal))
        .route("/cdrs", get(cdrs::list))
        .route("/notices", get(cdrs::notices))
        .route("/decks", get(decks::list))
        .route("/decks/{name}", get(decks::show))
        .route("/decks/{name}/versions", get(decks::versions))
        .route("/decks/{name}/changes", get(decks::changes))
        .route("/calls", get(calls::list))
        .route("/calls/{id}", delete(calls::kill))
        .route("/calls/{id}/recording", put(calls::record))
        .route("/calls/{id}/trace", get(trace::show))
        .route("/trace-next", get(trace::waiting).post(trace::wait))
        .route("/route", get(node::route))
        .route("/carriers", get(node::carriers))
        .route("/carriers/{name}/statement", get(node::carrier_statement))
        .route("/gates", get(node::gates))
        .route("/registrations", get(node::registrations))
        .route("/bans", get(node::bans))
        .route("/bans/{ip}", delete(node::lift_ban))
        .route("/reload", post(node::reload))
        .route("/drain", post(node::drain))
        .route("/log", get(node::log).put(node::set_log))
        .route("/openapi.json", get(health::openapi))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(bounded.clone())
        .layer(from_fn_with_state(Arc::clone(&state), guard::authorise));
    // Probes are outside of the bound: a busy API must not look like a dead node.
    Router::new()
        .route("/metrics", get(health::metrics).layer(bounded))
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .nest("/api/v1", api)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn(guard::harden))
        .with_state(state)
}

async fn no_route() -> Problem {
    Problem::not_found("nothing is at this path; /api/v1/openapi.json names all routes of the API")
}

async fn no_method(method: Method) -> Problem {
    let method: String = method.as_str().chars().take(20).collect();
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{method} is not possible here; the Allow header names what is"),
    )
}
