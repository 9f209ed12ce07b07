//! The decks that the node has loaded and the versions that it had: which, each whole as CSV, and what a
//! version changed.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rating::deck::{PriceChange, price_changes};
use rating::{Deck, price};
use units::Wall;

use super::{ROWS_DEFAULT, ROWS_MAX, path_name, split_page};
use crate::backend::KeptDecks;
use crate::cursor;
use crate::documents::{DeckDoc, DeckPeriodDoc, DeckVersionDoc, Page};
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

const LIST: char = 'd';
const VERSIONS: char = 'v';
const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8");

/// `GET /decks`
pub async fn list(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<Page<DeckDoc>>, Problem> {
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
    let params = params.only(&["version"])?;
    let name = path_name("deck", name)?;
    let loaded = state.backend.decks().named(&name).cloned();
    let version = match params.text("version").map(str::to_owned) {
        Some(version) => version,
        None => loaded.as_ref().map(|deck| document(deck).version).ok_or_else(no_deck)?,
    };
    let kept = state.backend.kept_decks();
    let tag = version.clone();
    let written = on_disk(&state, move || {
        let mut csv = Vec::new();
        match loaded.filter(|deck| document(deck).version == version) {
            Some(deck) => deck.write_csv(&mut csv).map_err(broken)?,
            None => kept_version(kept.as_deref(), &name, &version)?.1.write_csv(&mut csv).map_err(broken)?,
        }
        Ok(csv)
    });
    let mut response = ([(header::CONTENT_TYPE, CSV)], written.await?).into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// `GET /decks/{name}/versions`
pub async fn versions(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Json<Page<DeckVersionDoc>>, Problem> {
    let params = params.only(&["limit", "cursor"])?;
    let name = path_name("deck", name)?;
    let limit = params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    let after = params.cursor(|text| cursor::to_position(VERSIONS, text))?.unwrap_or(0);
    let kept = state.backend.kept_decks();
    let all = on_disk(&state, move || history(kept.as_deref(), &name)).await?;
    let later = all.into_iter().zip(1_u64..).skip(usize::try_from(after).unwrap_or(usize::MAX));
    let rows: Vec<(DeckVersionDoc, u64)> = later.take(limit + 1).collect();
    let (items, next) = split_page(rows, limit, |(_, place)| cursor::of_position(VERSIONS, *place));
    Ok(Json(Page { items: items.into_iter().map(|(row, _)| row).collect(), next }))
}

/// `GET /decks/{name}/changes`: every price that a version changed, by the version before it or by another.
pub async fn changes(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Response, Problem> {
    let params = params.only(&["version", "before"])?;
    let name = path_name("deck", name)?;
    let [version, before] = ["version", "before"].map(|name| params.text(name).map(str::to_owned));
    let kept = state.backend.kept_decks();
    let csv = on_disk(&state, move || {
        let all = history(kept.as_deref(), &name)?;
        let at = match &version {
            Some(version) => all.iter().rposition(|row| row.version == *version),
            None => all.len().checked_sub(1),
        };
        let at = at.ok_or_else(no_version)?;
        let named = |at: usize| all.get(at).map(|row| row.version.as_str());
        let (since, new) = kept_version(kept.as_deref(), &name, named(at).unwrap_or_default())?;
        let before = before.as_deref().or_else(|| named(at.checked_sub(1)?));
        let old = before.map(|before| kept_version(kept.as_deref(), &name, before)).transpose()?;
        let changes = old.map(|(_, old)| price_changes(&old, &new, since)).unwrap_or_default();
        let mut csv = Vec::new();
        PriceChange::write_csv(&changes, &mut csv).map_err(broken)?;
        Ok(csv)
    });
    Ok(([(header::CONTENT_TYPE, CSV)], csv.await?).into_response())
}

/// Half a million rows take a while, and this thread carries TCP as well. As many at a time as pages of CDRs.
async fn on_disk<T: Send + 'static>(
    state: &WebState,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let permit = Arc::clone(&state.cdr_reads)
        .acquire_owned()
        .await
        .map_err(|_| Problem::unavailable("the node is stopping"))?;
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    done.await.map_err(broken)?
}

fn history(kept: Option<&dyn KeptDecks>, name: &str) -> Result<Vec<DeckVersionDoc>, Problem> {
    let all = kept.map(|kept| kept.history(name)).transpose().map_err(broken)?.unwrap_or_default();
    if all.is_empty() { Err(no_deck()) } else { Ok(all) }
}

/// A version, and when it came into force last.
fn kept_version(kept: Option<&dyn KeptDecks>, name: &str, version: &str) -> Result<(Wall, Deck), Problem> {
    let all = history(kept, name)?;
    let row = all.iter().rfind(|row| row.version == version).ok_or_else(no_version)?;
    let since = Wall::parse(&row.since).ok_or_else(|| broken("a version without a time"))?;
    let deck =
        kept.map(|kept| kept.load(name, version)).transpose().map_err(broken)?.ok_or_else(no_version)?;
    Ok((since, deck))
}

fn no_deck() -> Problem {
    Problem::not_found("no such deck")
}

fn no_version() -> Problem {
    Problem::not_found("this deck never had that version")
}

fn broken(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "deck not written");
    Problem::unavailable("the deck cannot be written now")
}

fn document(deck: &Deck) -> DeckDoc {
    DeckDoc {
        name: deck.name().to_string(),
        currency: deck.currency().to_string(),
        version: price::version_text(deck.version()).to_string(),
        rows: deck.len() as u64,
        rounding: deck.rounding(),
        periods: deck.rules().periods.iter().map(DeckPeriodDoc::of).collect(),
    }
}
