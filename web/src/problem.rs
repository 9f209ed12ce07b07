//! Errors of the API as RFC 9457 problem documents. Invariant: every answer that is not a success is one of
//! these, and `detail` tells the client what to change; what went wrong inside is logged, not sent.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::documents::ProblemDoc;

/// An answer that refuses: status, short title, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    field: Option<String>,
    /// Seconds of Retry-After; none: 1 if the status is 503, else no such header.
    retry_secs: Option<u32>,
    errors: Vec<String>,
}

impl Problem {
    /// Any refusal. `detail` is for the client's eyes.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), field: None, retry_secs: None, errors: Vec::new() }
    }

    /// 400: the request cannot be read as it is.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404: what the path names does not exist.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 422: the request is readable, but one value in it cannot be accepted.
    pub fn unprocessable(field: &str, detail: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
    }

    /// 503: nothing was done; the same request may succeed later.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// Names the field or parameter at fault.
    #[must_use]
    pub fn at(self, field: &str) -> Self {
        Self { field: Some(field.to_owned()), ..self }
    }

    /// Says when another try is worth it.
    #[must_use]
    pub fn retry_in(self, secs: u32) -> Self {
        Self { retry_secs: Some(secs), ..self }
    }

    /// Names all findings.
    #[must_use]
    pub fn with(self, errors: Vec<String>) -> Self {
        Self { errors, ..self }
    }

    /// The status that will be sent.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDoc {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            field: self.field,
            errors: self.errors,
        };
        // A document of strings and one integer always serialises; an empty object is still a problem
        // document.
        let body = serde_json::to_vec(&document).unwrap_or_else(|_| b"{}".to_vec());
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tollgate\""));
        }
        let retry_secs = self.retry_secs.or((self.status == StatusCode::SERVICE_UNAVAILABLE).then_some(1));
        if let Some(secs) = retry_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}
