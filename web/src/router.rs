//! The map of paths. Every path of the operator's API is under `/api/v1`; a path or method that is not here is a problem document.
//! Invariant: `openapi.json` describes exactly these routes (a test compares them).

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};
use tokio::sync::Semaphore;

use crate::backend::Backend;
use crate::cdrs::CdrSource;
use crate::control::{Control, NoControl};
use crate::handlers::{accounts, calls, cdrs, decks, health, ledger, money, node, payments, terms};
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::{BODY_BYTES_MAX, REQUEST_MS_MAX, REQUESTS_MAX, guard};

/// The API's description, as served at `/api/v1/openapi.json`.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// CDR pages read from the disk at the same time; a page can be large.
const CDR_READS_MAX: usize = 4;

/// What the handlers share.
pub struct WebState {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) cdrs: Arc<dyn CdrSource>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) token: String,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) cdr_reads: Arc<Semaphore>,
    pub(crate) request_ms_max: u64,
}

impl WebState {
    /// `token` is what [`crate::admin_token`] returned.
    pub fn new(backend: Arc<dyn Backend>, cdrs: Arc<dyn CdrSource>, metrics: Arc<Metrics>, token: String) -> Self {
        Self {
            backend,
            cdrs,
            control: Arc::new(NoControl),
            metrics,
            token,
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            cdr_reads: Arc::new(Semaphore::new(CDR_READS_MAX)),
            request_ms_max: REQUEST_MS_MAX,
        }
    }

    /// The node that it controls.
    #[must_use]
    pub fn with_control(self, control: Arc<dyn Control>) -> Self {
        Self { control, ..self }
    }

    /// Another bound on the time of one request, in milliseconds.
    #[must_use]
    pub fn with_request_ms_max(self, ms: u64) -> Self {
        Self { request_ms_max: ms, ..self }
    }
}

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
        .route("/route", get(node::route))
        .route("/carriers", get(node::carriers))
        .route("/carriers/{name}/statement", get(node::carrier_statement))
        .route("/gates", get(node::gates))
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
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible here; the Allow header names what is"))
}
