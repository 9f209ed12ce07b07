//! Accounts: list, show, open. Opening one with money needs an `Idempotency-Key`, without it may have one:
//! the same key and content give the first answer again.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use rating::{ProfitGuard, Terms};
use serde::Deserialize;
use units::{Currency, Money, Name};

use super::fields::{currency, idempotency_key, key_needed, units_of};
use super::{NAME_BYTES_MAX, ROWS_DEFAULT, ROWS_MAX, created, path_name, split_page, terms};
use crate::backend::{NewAccount, OpenReceipt};
use crate::body::{DecimalText, read_json};
use crate::cursor;
use crate::documents::{AccountDoc, Page};
use crate::problem::Problem;
use crate::query::Params;
use crate::state::WebState;

const LIST: char = 'a';
/// Accounts looked at in one step of a list, and in one answer.
const LOOK_ROWS: usize = 1_000;
const LOOK_MAX: usize = 20_000;

/// `GET /accounts`
pub async fn list(
    State(state): State<Arc<WebState>>,
    params: Params,
) -> Result<Json<Page<AccountDoc>>, Problem> {
    let params = params.only(&["limit", "cursor", "status", "currency", "deck", "name", "below", "low"])?;
    let limit = params.limit(ROWS_DEFAULT, ROWS_MAX)?;
    let mut after = params.cursor(|text| cursor::to_text(LIST, text))?;
    let filter = Filter::of(&params)?;
    let mut items = Vec::new();
    let mut looked = 0;
    // Where few accounts fit a page may be short, and there is more all the same.
    loop {
        let rows = state.backend.accounts(after, LOOK_ROWS.max(limit) + 1).await?;
        let (rows, next) = split_page(rows, LOOK_ROWS.max(limit), |last| last.name.clone());
        looked += rows.len();
        for row in rows {
            if !filter.takes(&row) {
                continue;
            }
            if items.len() == limit {
                let next = items.last().map(|last: &AccountDoc| cursor::of_text(LIST, &last.name));
                return Ok(Json(Page { items, next }));
            }
            items.push(row);
        }
        if next.is_none() || looked >= LOOK_MAX {
            return Ok(Json(Page { items, next: next.map(|name| cursor::of_text(LIST, &name)) }));
        }
        after = next;
    }
}

/// Which accounts of a list.
#[derive(Default)]
struct Filter {
    status: Option<String>,
    currency: Option<Currency>,
    deck: Option<String>,
    name: Option<String>,
    below: Option<String>,
    low: bool,
}

impl Filter {
    fn of(params: &Params) -> Result<Self, Problem> {
        let text = |name: &str| params.text(name).map(str::to_owned);
        let status = text("status");
        if status.as_deref().is_some_and(|status| !["active", "suspended", "closed"].contains(&status)) {
            return Err(Problem::bad_request("status: active, suspended or closed").at("status"));
        }
        let low = match params.text("low") {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Problem::bad_request("low: true, or nothing").at("low")),
        };
        let currency = params.text("currency").map(|text| text.parse::<Currency>()).transpose();
        let currency = currency.map_err(|error| Problem::bad_request(error.to_string()).at("currency"))?;
        Ok(Self { status, currency, deck: text("deck"), name: text("name"), below: text("below"), low })
    }

    fn takes(&self, account: &AccountDoc) -> bool {
        let Self { status, currency, deck, name, below, low } = self;
        let decks = account.terms.as_ref().map_or(std::slice::from_ref(&account.deck), |terms| &terms.decks);
        let is_below = |above: &String| {
            account.name.strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with(':'))
        };
        status.as_ref().is_none_or(|status| account.status == *status)
            && currency.is_none_or(|currency| account.currency == currency.as_str())
            && deck.as_ref().is_none_or(|deck| decks.contains(deck))
            && name.as_ref().is_none_or(|name| account.name.starts_with(name.as_str()))
            && below.as_ref().is_none_or(is_below)
            && (!low || is_low(account))
    }
}

/// Whether calls may take less than the mark below which the owner is told.
fn is_low(account: &AccountDoc) -> bool {
    let mark = account.terms.as_ref().and_then(|terms| terms.low_balance.as_deref());
    let units = |text: &str| Money::parse(text, Currency::EUR).ok().map(|money| money.amount);
    mark.and_then(units).zip(units(&account.available)).is_some_and(|(mark, available)| available < mark)
}

/// `GET /accounts/{name}`
pub async fn show(
    State(state): State<Arc<WebState>>,
    name: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Json<AccountDoc>, Problem> {
    params.only(&[])?;
    let name = path_name("account", name)?;
    let found = state.backend.account(name).await?;
    found.map(Json).ok_or_else(|| Problem::not_found("no such account"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddBody {
    name: String,
    currency: String,
    deck: Option<String>,
    #[serde(default)]
    decks: Vec<String>,
    balance: Option<DecimalText>,
    credit: Option<DecimalText>,
    #[serde(default)]
    profit_guard: ProfitGuard,
    low_balance: Option<DecimalText>,
    idle_days: Option<u32>,
    idle_months: Option<u32>,
    zone: Option<String>,
    email: Option<String>,
    language: Option<String>,
}

impl AddBody {
    /// What it is to call by, by the rules of the configuration.
    fn terms(&mut self) -> Result<Terms, Problem> {
        let decks: Vec<Name> =
            self.deck.take().into_iter().chain(std::mem::take(&mut self.decks)).map(Name::from).collect();
        if decks.is_empty() || decks.iter().any(|deck| deck.is_empty() || deck.len() > NAME_BYTES_MAX) {
            return Err(Problem::unprocessable(
                "deck",
                "name one of the decks of the configuration, or several in decks",
            ));
        }
        Ok(Terms {
            decks,
            profit_guard: self.profit_guard,
            low_balance: self.low_balance.as_ref().map(|text| units_of("low_balance", text)).transpose()?,
            idle_days: self.idle_days.map(terms::idle_days).transpose()?,
            idle_months: self
                .idle_months
                .map(|months| terms::idle_months(months, self.idle_days.is_some()))
                .transpose()?,
            zone: self.zone.take().map(terms::zone).transpose()?.filter(|zone| &**zone != "UTC"),
            email: self.email.take().map(terms::email).transpose()?,
            language: self.language.take().map(terms::language).transpose()?.flatten(),
            ..Terms::default()
        })
    }
}

/// `POST /accounts`
pub async fn add(
    State(state): State<Arc<WebState>>,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let idempotency_key = idempotency_key(request.headers())?;
    let mut body: AddBody = read_json(request).await?;
    let name = account_name(std::mem::take(&mut body.name))?;
    let currency = currency(&body.currency)?;
    let [units, credit] = [("balance", &body.balance), ("credit", &body.credit)]
        .map(|(field, text)| text.as_ref().map_or(Ok(0), |text| units_of(field, text)));
    let (units, limit) = (units?, credit?.wrapping_neg());
    if units > 0 && idempotency_key.is_none() {
        return Err(key_needed());
    }
    let new = NewAccount {
        name,
        currency,
        terms: body.terms()?,
        limit,
        balance: Money::of(units, currency),
        idempotency_key,
    };
    let OpenReceipt { document, replayed } = state.backend.add_account(new).await?;
    let location = format!("/api/v1/accounts/{}", document.name);
    let mut response = created(document, replayed);
    if let Ok(value) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

fn account_name(name: String) -> Result<String, Problem> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
        return Err(Problem::unprocessable(
            "name",
            "a name is 1 to 64 of A–Z a–z 0–9 . _ -, with : after the account above it",
        ));
    }
    Ok(name)
}
