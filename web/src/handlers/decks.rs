//! The decks that the node has loaded: which, and each whole as CSV, so that a file can be compared with what calls are priced by.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rating::{Deck, price};

use super::{ROWS_DEFAULT, ROWS_MAX, path_name, split_page};
use crate::cursor;
use crate::documents::{DeckDoc, Page};
use crate::problem::Problem;
use crate::query::Params;
use crate::router::WebState;

const LIST: char = 'd';
const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");

/// `GET /decks`
pub async fn list(State(state): State<Arc<WebState>>, params: Params) -> Result<Json<Page<DeckDoc>>, Problem> {
    let params = params.only(&["limit", "cursor"])?;
    let limit = params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    let after = params.cursor(|text| cursor::to_text(LIST, text))?;
    let decks = state.backend.decks();
    let later = decks.iter().filter(|deck| after.as_deref().is_none_or(|after| &**deck.name() > after));
    let rows: Vec<DeckDoc> = later.take(limit + 1).map(|deck| document(deck)).collect();
    let (items, next) = split_page(rows, limit, |last| cursor::of_text(LIST, &last.name));
    Ok(Json(Page { items, next }))
}

/// `GET /decks/{name}`
pub async fn show(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let name = path_name("deck", name)?;
    let deck = state.backend.decks().named(&name).cloned().ok_or_else(|| Problem::not_found("no such deck"))?;
    let version = document(&deck).version;
    // Half a million rows take a while, and this thread carries TCP as well. As many at a time as pages of CDRs.
    let permit = Arc::clone(&state.cdr_reads).acquire_owned().await.map_err(|_| Problem::unavailable("the node is stopping"))?;
    let written = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let mut csv = Vec::new();
        deck.write_csv(&mut csv).map(|()| csv)
    });
    let csv = written.await.map_err(|error| error.to_string()).and_then(|csv| csv.map_err(|error| error.to_string()));
    let csv = csv.map_err(|error| {
        tracing::error!(%error, "deck not written");
        Problem::unavailable("the deck cannot be written now")
    })?;
    let mut response = ([(header::CONTENT_TYPE, CSV)], csv).into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

fn document(deck: &Deck) -> DeckDoc {
    DeckDoc {
        name: deck.name().to_string(),
        currency: deck.currency().to_string(),
        version: price::version_text(deck.version()).to_string(),
        rows: deck.len() as u64,
    }
}
