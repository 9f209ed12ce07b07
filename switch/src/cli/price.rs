//! `tollgate price`: one call by one deck, with every step from the rate to the amount.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use rating::{Decks, Price, Segment, Step};
use serde::Serialize;
use units::{Number, Rounding, Wall};

use super::deck::KeptVersion;
use super::deck_file::DeckAsk;
use super::{deck_file, instant, number, print_json, stdout};

/// Longest call that is priced, in seconds: a year.
const SECONDS_MAX: u64 = 366 * 86_400;

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// Deck: CSV with a header, or .xlsx
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "deck_version",
        conflicts_with = "deck_version"
    )]
    deck: Option<PathBuf>,
    #[command(flatten)]
    kept: KeptVersion,
    #[command(flatten)]
    how: DeckAsk,
    /// Configuration, for its [[period]] and [[exchange]], and for what it says of the deck
    #[arg(long, value_name = "FILE", env = "TOLLGATE_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    /// Instant of the answer, RFC 3339; now if absent
    #[arg(long, value_name = "RFC3339")]
    at: Option<String>,
    /// One JSON document
    #[arg(long)]
    json: bool,
    /// Called number in international form
    number: String,
    /// Answered time in seconds, milliseconds after a point
    seconds: String,
}

#[derive(Serialize)]
struct Document<'a> {
    number: String,
    at: String,
    deck: &'a str,
    deck_version: String,
    prefix: String,
    destination: &'a str,
    rate: String,
    initial: u32,
    increment: u32,
    connect_fee: String,
    duration_seconds: serde_json::Number,
    billed_seconds: u64,
    amount: String,
    currency: &'a str,
    /// Where the deck's currency is converted.
    #[serde(flatten)]
    exchange: Option<Converted<'a>>,
    #[serde(skip_serializing_if = "<[Segment]>::is_empty")]
    segments: &'a [Segment],
    #[serde(skip_serializing_if = "Rounding::is_half_up")]
    rounding: Rounding,
    steps: &'a [Step],
}

/// Of which currency rate and fee are, and what converts them.
#[derive(Serialize)]
struct Converted<'a> {
    deck_currency: &'a str,
    exchange_rate: String,
    exchange_at: String,
}

/// Prints the price; a number without one is an error.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let called = number(&ask.number)?;
    let duration_ms = milliseconds(&ask.seconds)?;
    let at = instant(ask.at.as_deref())?;
    let exchanges = deck_file::price_rules(ask.config.as_ref())?.exchanges;
    let deck = ask
        .kept
        .deck(ask.deck.as_deref(), &ask.how, ask.config.as_ref())?
        .context("give --deck, or --deck-version and --data")?;
    let Some(price) = deck.price(&called, at) else {
        bail!("no price for {called} at {} in the deck {}", at.rfc3339(), deck.name());
    };
    let decks = Decks::default().with_exchanges(exchanges);
    let exchange = decks
        .exchange(&deck, ask.how.amounts(&deck), at)
        .with_context(|| format!("{} at {}", deck.name(), at.rfc3339()))?;
    let price = price.exchanged(exchange);
    if price.checked_charge(duration_ms).is_none() {
        bail!(
            "the amount of {} s at this price is more than can be held (9.2e13): shorten the time or look at the deck",
            seconds(duration_ms)
        );
    }
    let steps = price.steps(duration_ms);
    if ask.json {
        return print_document(&price, called, at, duration_ms, &steps);
    }
    let charge = price.charge(duration_ms);
    let deck_currency = price.deck_currency();
    let mut out = stdout();
    writeln!(out, "number       {called}")?;
    writeln!(out, "at           {}", at.rfc3339())?;
    writeln!(out, "deck         {} version {}", price.deck, rating::price::version_text(price.deck_version))?;
    writeln!(out, "prefix       {}", price.prefix)?;
    writeln!(out, "destination  {}", price.destination)?;
    writeln!(out, "rate         {} {deck_currency} per minute", price.rate)?;
    writeln!(out, "increments   {} s", price.increments)?;
    writeln!(out, "connect fee  {} {deck_currency}", price.connect_fee)?;
    if let Some(exchange) = price.exchange() {
        writeln!(
            out,
            "exchange     {} {} per {} since {}",
            exchange.rate,
            exchange.to,
            exchange.from,
            exchange.at.rfc3339()
        )?;
    }
    writeln!(out, "duration     {} s", seconds(duration_ms))?;
    writeln!(out, "billed       {} s", charge.billed_seconds)?;
    let width = steps.iter().map(|step| step.text.chars().count()).max().unwrap_or_default();
    for step in &steps {
        writeln!(out, "  {:width$}  {}", step.text, step.amount)?;
    }
    writeln!(out, "amount       {} {}", charge.amount, price.currency)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print_document(
    price: &Price,
    called: Number,
    at: Wall,
    duration_ms: u64,
    steps: &[Step],
) -> anyhow::Result<ExitCode> {
    let charge = price.charge(duration_ms);
    let deck_currency = price.deck_currency();
    let exchange = price.exchange().map(|exchange| Converted {
        deck_currency: deck_currency.as_str(),
        exchange_rate: exchange.rate.to_string(),
        exchange_at: exchange.at.rfc3339(),
    });
    // As many as the call reaches into.
    let segments = price.segments();
    let used = segments.partition_point(|segment| segment.from < charge.billed_seconds);
    print_json(&Document {
        number: called.to_string(),
        at: at.rfc3339(),
        deck: &price.deck,
        deck_version: rating::price::version_text(price.deck_version).to_string(),
        prefix: price.prefix.to_string(),
        destination: &price.destination,
        rate: price.rate.to_string(),
        initial: price.increments.initial(),
        increment: price.increments.increment(),
        connect_fee: price.connect_fee.to_string(),
        duration_seconds: json_seconds(duration_ms)?,
        billed_seconds: charge.billed_seconds,
        amount: charge.amount.to_string(),
        currency: price.currency.as_str(),
        exchange,
        segments: segments.get(..used).unwrap_or_default(),
        rounding: price.rounding(),
        steps,
    })?;
    Ok(ExitCode::SUCCESS)
}

/// `31` or `31.5` as milliseconds; what is below a millisecond is dropped, as the switch does.
fn milliseconds(text: &str) -> anyhow::Result<u64> {
    let wrong = || format!("{text:?} is not a time in seconds: write 31 or 31.250");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        bail!(wrong());
    }
    let whole: u64 = whole.parse().with_context(wrong)?;
    if whole > SECONDS_MAX {
        bail!("{text} s is more than a year");
    }
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    let thousandths: u64 = thousandths.parse().with_context(wrong)?;
    Ok(whole * 1_000 + thousandths)
}

/// `31` or `31.250`.
fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1_000) {
        (ms / 1_000).to_string()
    } else {
        format!("{}.{:03}", ms / 1_000, ms % 1_000)
    }
}

/// A JSON number; whole seconds stay whole.
fn json_seconds(ms: u64) -> anyhow::Result<serde_json::Number> {
    serde_json::from_str(&seconds(ms)).context("seconds are a JSON number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_with_milliseconds() {
        for (text, ms) in
            [("31", 31_000), ("0", 0), ("0.001", 1), ("31.5", 31_500), ("31.0009", 31_000), ("061", 61_000)]
        {
            assert_eq!(milliseconds(text).ok(), Some(ms), "{text}");
        }
        for text in ["", "-1", "1e3", "NaN", "1.", ".5", "1,5", "99999999999", "99999999999999999999999"] {
            assert!(milliseconds(text).is_err(), "{text}");
        }
        assert_eq!(json_seconds(31_000).ok(), Some(31.into()));
        assert_eq!(seconds(31_050), "31.050");
    }
}
