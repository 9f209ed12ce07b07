//! What stands before every handler: the token, the number of requests at once, the time each may take, and
//! the headers that keep browsers from guessing. Invariant: without the token no handler of `/api` runs and
//! no body is read.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::metrics::AuthReason;
use crate::problem::Problem;
use crate::state::WebState;

/// Lets a request pass if its bearer token is ours.
pub async fn authorise(State(state): State<Arc<WebState>>, request: Request, next: Next) -> Response {
    if bearer(request.headers()).is_some_and(|sent| same(sent, &state.token)) {
        return next.run(request).await;
    }
    state.metrics.auth_rejected(AuthReason::ApiToken, 1);
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "send Authorization: Bearer with the token of http.admin_token_file",
    )
    .into_response()
}

/// Refuses requests beyond [`crate::REQUESTS_MAX`] at once and those that take longer than
/// [`crate::REQUEST_MS_MAX`].
pub async fn bound(State(state): State<Arc<WebState>>, request: Request, next: Next) -> Response {
    let Ok(_permit) = Arc::clone(&state.requests).try_acquire_owned() else {
        return Problem::unavailable(format!("{} requests are being answered already", crate::REQUESTS_MAX))
            .into_response();
    };
    match tokio::time::timeout(Duration::from_millis(state.request_ms_max), next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "no answer in time; what was asked may still be done. A POST may be sent again with the same Idempotency-Key";
            Problem::unavailable(detail).into_response()
        }
    }
}

/// No caching, no sniffing, no framing of anything.
pub async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    response
}

/// The token of the one Authorization header, if its scheme is Bearer.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    let (scheme, token) = only.as_bytes().split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// Takes the same time for every wrong token of the right length; the length is no secret.
fn same(sent: &[u8], token: &str) -> bool {
    !token.is_empty() && bool::from(sent.ct_eq(token.as_bytes()))
}
