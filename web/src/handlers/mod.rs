//! The handlers, one file for each kind of thing. Each reads its input whole, asks the switch once, and
//! writes the answer.

pub mod accounts;
pub mod calls;
pub mod cdrs;
pub mod decks;
mod fields;
pub mod health;
pub mod ledger;
pub mod money;
pub mod node;
pub mod payments;
pub mod terms;
pub mod trace;

use axum::Json;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::problem::Problem;

/// Rows per page of accounts and calls.
const ROWS_DEFAULT: usize = 100;
const ROWS_MAX: usize = 1_000;
/// Longest name or id in a path, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// A name or id taken from the path; what cannot be one is simply not found.
fn path_name(what: &str, path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    match path {
        Ok(Path(name)) if is_name(&name) => Ok(name),
        Ok(_) | Err(_) => Err(Problem::not_found(format!("no such {what}"))),
    }
}

/// Printable, without control characters, 1–64 bytes.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control)
}

/// Cuts `rows` to `limit` and gives the key of the last kept row if there were more.
fn split_page<T>(mut rows: Vec<T>, limit: usize, key: impl FnOnce(&T) -> String) -> (Vec<T>, Option<String>) {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = if more { rows.last().map(key) } else { None };
    (rows, next)
}

/// 201, and whether the same had been done before.
fn created(document: impl Serialize, replayed: bool) -> Response {
    let mut response = (StatusCode::CREATED, Json(document)).into_response();
    if replayed {
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    response
}
