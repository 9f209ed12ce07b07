//! Calls from a file at the prices of a deck: `call_id,answered_at,number,duration_ms` in, the same columns
//! with prices out.
//!
//! Streaming, without an allocation per call. A call that cannot be priced keeps its line, with a reason
//! instead of an amount.

mod changes;
mod compare;
mod reprice;

use std::io::{Read, Write};

use units::{Currency, Exchanges, Money, Number, Wall};

pub use changes::{CallChanges, CallCost};
pub use compare::{Comparison, Difference, Differences};
pub use reprice::Repricing;

use crate::Deck;
use crate::price::cost;

/// Columns that the calls must have, in any order; others pass through.
const COLUMNS: [&str; 4] = ["call_id", "answered_at", "number", "duration_ms"];
/// Columns that are added.
const ADDED: [&str; 6] = ["prefix", "destination", "rate", "billed_seconds", "amount", "reason"];
/// Longest call that is priced: 366 days.
const MAX_DURATION_MS: u64 = 366 * 86_400_000;
/// Why a call has no amount though it has a price.
const OUT_OF_RANGE: &str = "the amount is out of range";
/// Calls between two reports of progress.
const PROGRESS_EVERY: u64 = 8_192;

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Calls read so far, one a line.
    pub calls: u64,
    /// Of these without an amount.
    pub unpriced: u64,
    /// Sum of billed seconds.
    pub billed_seconds: u64,
    /// Sum of amounts.
    pub amount: Money,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Calls read so far, one a line.
    pub calls: u64,
    /// Bytes read so far, for a progress bar.
    pub bytes: u64,
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum RerateError {
    /// The header lacks a column.
    #[error("the first line must name the columns call_id,answered_at,number,duration_ms; {0} is missing")]
    Column(&'static str),
    /// The sum of all amounts is more than can be held.
    #[error("line {line}: the sum of the amounts so far is out of range: split the file")]
    Sum {
        /// The line of the file, from 1, at which it stopped.
        line: u64,
    },
    /// Reading or writing failed.
    #[error("line {line}: {source}")]
    Csv {
        /// The line of the file, from 1, at which it stopped.
        line: u64,
        /// What the reader or writer of CSV says.
        source: csv::Error,
    },
}

/// A call's price, or why there is none.
struct Priced {
    /// Index in the deck.
    row: Option<u32>,
    outcome: Result<(u64, i64), &'static str>,
}

/// Where the four columns are.
#[derive(Clone, Copy)]
struct Places {
    answered_at: usize,
    number: usize,
    duration_ms: usize,
}

/// By which deck calls are priced, and in which currency their amounts are.
#[derive(Clone, Copy, Debug)]
pub struct Pricing<'a> {
    /// The price list.
    pub deck: &'a Deck,
    /// Of the amounts.
    pub currency: Currency,
    /// What converts the deck's currency to it, at the rate of each answer.
    pub exchanges: &'a Exchanges,
}

/// Prices every call of `calls` into `out`, in the deck's currency.
pub fn rerate(
    deck: &Deck,
    calls: impl Read,
    out: impl Write,
    progress: impl FnMut(Progress),
) -> Result<Summary, RerateError> {
    rerate_in(
        Pricing { deck, currency: deck.currency(), exchanges: &Exchanges::default() },
        calls,
        out,
        progress,
    )
}

/// The same in any currency that the deck's is converted to.
pub fn rerate_in(
    pricing: Pricing<'_>,
    calls: impl Read,
    out: impl Write,
    mut progress: impl FnMut(Progress),
) -> Result<Summary, RerateError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(1 << 18)
        .from_reader(calls);
    let mut writer = csv::WriterBuilder::new().flexible(true).buffer_capacity(1 << 18).from_writer(out);
    let mut record = csv::ByteRecord::new();
    let mut scratch = Vec::with_capacity(64);
    let mut summary =
        Summary { calls: 0, unpriced: 0, billed_seconds: 0, amount: Money::zero(pricing.currency) };
    let at_line = |line| move |source| RerateError::Csv { line, source };

    if !reader.read_byte_record(&mut record).map_err(at_line(1))? {
        return Err(RerateError::Column(COLUMNS[0]));
    }
    let places = places(&record)?;
    let width = record.len();
    let header = record.iter().chain(ADDED.iter().map(|name| name.as_bytes()));
    writer.write_record(header).map_err(at_line(1))?;

    while reader.read_byte_record(&mut record).map_err(at_line(summary.calls + 2))? {
        let priced = price(pricing, &record, places);
        summary.calls += 1;
        match priced.outcome {
            Ok((seconds, amount)) => {
                let sum = summary
                    .amount
                    .amount
                    .checked_add(amount)
                    .ok_or(RerateError::Sum { line: summary.calls + 1 })?;
                summary.amount.amount = sum;
                summary.billed_seconds = summary.billed_seconds.saturating_add(seconds);
            }
            Err(_) => summary.unpriced += 1,
        }
        write_call(&mut writer, &mut scratch, pricing.deck, &record, width, &priced)
            .map_err(at_line(summary.calls + 1))?;
        if summary.calls.is_multiple_of(PROGRESS_EVERY) {
            progress(Progress {
                calls: summary.calls,
                bytes: record.position().map_or(0, csv::Position::byte),
            });
        }
    }
    writer.flush().map_err(|error| RerateError::Csv { line: summary.calls + 1, source: error.into() })?;
    progress(Progress { calls: summary.calls, bytes: reader.position().byte() });
    Ok(summary)
}

fn places(header: &csv::ByteRecord) -> Result<Places, RerateError> {
    let place = |name: &'static str| {
        let found = header.iter().position(|cell| cell.trim_ascii().eq_ignore_ascii_case(name.as_bytes()));
        found.ok_or(RerateError::Column(name))
    };
    let [call_id, answered_at, number, duration_ms] = COLUMNS;
    place(call_id)?;
    Ok(Places { answered_at: place(answered_at)?, number: place(number)?, duration_ms: place(duration_ms)? })
}

fn price(pricing: Pricing<'_>, record: &csv::ByteRecord, places: Places) -> Priced {
    let deck = pricing.deck;
    let cell = |at: usize| record.get(at).map(<[u8]>::trim_ascii).unwrap_or_default();
    let refused = |reason| Priced { row: None, outcome: Err(reason) };
    let Some(duration_ms) = whole(cell(places.duration_ms)) else {
        return refused("duration_ms is not a whole number");
    };
    if duration_ms > MAX_DURATION_MS {
        return refused("duration_ms is above 366 days");
    }
    let answered_at = cell(places.answered_at);
    if answered_at.is_empty() {
        return Priced { row: None, outcome: Ok((0, 0)) };
    }
    let Some(at) = std::str::from_utf8(answered_at).ok().and_then(Wall::parse) else {
        return refused("answered_at is not RFC 3339");
    };
    let digits = cell(places.number);
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    let row = match Number::new(digits) {
        Ok(number) => deck.find(number.digits(), at),
        Err(_) if duration_ms == 0 => None,
        Err(_) => return refused("number is not 1 to 15 digits"),
    };
    let Some(line) = row.and_then(|row| deck.line_at(row)) else {
        let outcome = if duration_ms == 0 { Ok((0, 0)) } else { Err("no price") };
        return Priced { row: None, outcome };
    };
    if line.plain && pricing.currency == deck.currency() {
        let billed = line.increments.billed_seconds(duration_ms);
        let amount = cost(line.rate, line.connect_fee, billed);
        return Priced {
            row,
            outcome: if amount < i64::MAX { Ok((billed, amount)) } else { Err(OUT_OF_RANGE) },
        };
    }
    Priced { row, outcome: row.ok_or("no price").and_then(|row| convert(pricing, row, at, duration_ms)) }
}

/// Billed seconds and amount of a call whose rate and increments do not say all.
fn convert(pricing: Pricing<'_>, row: u32, at: Wall, duration_ms: u64) -> Result<(u64, i64), &'static str> {
    let Pricing { deck, currency, exchanges } = pricing;
    let price = deck.row_at(row, at).ok_or("no price")?;
    let exchange = match deck.currency() == currency {
        true => None,
        false => Some(exchanges.rate(deck.currency(), currency, at).ok_or("no conversion rate")?),
    };
    let charge = price.exchanged(exchange).checked_charge(duration_ms).ok_or(OUT_OF_RANGE)?;
    Ok((charge.billed_seconds, charge.amount.amount))
}

/// Digits only, without an allocation.
fn whole(cell: &[u8]) -> Option<u64> {
    let digits = !cell.is_empty() && cell.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(cell).ok().filter(|_| digits)?.parse().ok()
}

fn write_call(
    writer: &mut csv::Writer<impl Write>,
    scratch: &mut Vec<u8>,
    deck: &Deck,
    record: &csv::ByteRecord,
    width: usize,
    priced: &Priced,
) -> Result<(), csv::Error> {
    let currency = deck.currency();
    // A line is as wide as the header, so that the new columns stand under their names.
    for at in 0..width {
        writer.write_field(record.get(at).unwrap_or_default())?;
    }
    let mut field = |writer: &mut csv::Writer<_>, value: std::fmt::Arguments<'_>| {
        scratch.clear();
        scratch.write_fmt(value)?;
        writer.write_field(&*scratch)
    };
    match priced.row.and_then(|row| deck.line_at(row)) {
        Some(line) => {
            field(writer, format_args!("{}", line.prefix))?;
            writer.write_field(line.destination)?;
            writer.write_field(line.rate.text().as_bytes())?;
        }
        None => {
            for _ in 0..3 {
                writer.write_field("")?;
            }
        }
    }
    match priced.outcome {
        Ok((seconds, amount)) => {
            field(writer, format_args!("{seconds}"))?;
            writer.write_field(Money::of(amount, currency).text().as_bytes())?;
            writer.write_field("")?;
        }
        Err(reason) => {
            for text in ["", "", reason] {
                writer.write_field(text)?;
            }
        }
    }
    writer.write_record(None::<&[u8]>)
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Currency;

    const DECK: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n\
                        34,Spain,0.12345,30,6,,,\n\
                        55,\"Brazil, fixed\",0.1,1,1,0.05,2026-01-01T00:00:00Z,2026-02-01T00:00:00Z\n";

    fn run(calls: &str) -> (String, Summary) {
        let (deck, _) = Deck::load("retail", Currency::EUR, DECK.as_bytes()).expect("a good deck");
        let mut out = Vec::new();
        let mut reported = 0;
        let summary =
            rerate(&deck, calls.as_bytes(), &mut out, |progress| reported = progress.calls).expect("runs");
        assert_eq!(reported, summary.calls);
        (String::from_utf8(out).expect("UTF-8"), summary)
    }

    #[test]
    fn every_call_keeps_its_line() {
        let (out, summary) = run("\u{feff}call_id,answered_at,number,duration_ms\r\n\
             a,2026-01-15T10:00:00Z,34911234567,31000\r\n\
             b,2026-01-15T10:00:00Z,+34911234567,61000\r\n\
             c,2026-01-15T10:00:00.000Z,5511,1000\r\n\
             d,2026-02-01T00:00:00Z,5511,1000\r\n\
             e,,34911234567,5000\r\n\
             f,2026-01-15T10:00:00Z,34911234567,0\r\n\
             g,2026-01-15T10:00:00Z,49,1\r\n\
             h,2026-01-15T10:00:00Z,49,0\r\n\
             i,yesterday,34,1\r\n\
             j,2026-01-15T10:00:00Z,34x,1\r\n\
             k,2026-01-15T10:00:00Z,34,-1\r\n\
             \"l,1\",2026-01-15T10:00:00Z,34\r\n");
        let expected = "call_id,answered_at,number,duration_ms,prefix,destination,rate,billed_seconds,amount,reason\n\
             a,2026-01-15T10:00:00Z,34911234567,31000,34,Spain,0.12345,36,0.07407,\n\
             b,2026-01-15T10:00:00Z,+34911234567,61000,34,Spain,0.12345,66,0.13580,\n\
             c,2026-01-15T10:00:00.000Z,5511,1000,55,\"Brazil, fixed\",0.10000,1,0.05167,\n\
             d,2026-02-01T00:00:00Z,5511,1000,,,,,,no price\n\
             e,,34911234567,5000,,,,0,0.00000,\n\
             f,2026-01-15T10:00:00Z,34911234567,0,34,Spain,0.12345,0,0.00000,\n\
             g,2026-01-15T10:00:00Z,49,1,,,,,,no price\n\
             h,2026-01-15T10:00:00Z,49,0,,,,0,0.00000,\n\
             i,yesterday,34,1,,,,,,answered_at is not RFC 3339\n\
             j,2026-01-15T10:00:00Z,34x,1,,,,,,number is not 1 to 15 digits\n\
             k,2026-01-15T10:00:00Z,34,-1,,,,,,duration_ms is not a whole number\n\
             \"l,1\",2026-01-15T10:00:00Z,34,,,,,,,duration_ms is not a whole number\n";
        assert_eq!(out, expected);
        let amount = Money::of(7_407 + 13_580 + 5_167, Currency::EUR);
        assert_eq!(summary, Summary { calls: 12, unpriced: 6, billed_seconds: 36 + 66 + 1, amount });
    }

    #[test]
    fn columns_in_any_order_and_others_pass_through() {
        let (out, _) =
            run("note,duration_ms,number,answered_at,call_id\nhello,1000,5511,2026-01-15T10:00:00Z,x\n");
        assert_eq!(
            out.lines().nth(1),
            Some("hello,1000,5511,2026-01-15T10:00:00Z,x,55,\"Brazil, fixed\",0.10000,1,0.05167,")
        );
    }

    #[test]
    fn a_header_is_required() {
        let (deck, _) = Deck::load("retail", Currency::EUR, DECK.as_bytes()).expect("a good deck");
        for (calls, missing) in [("", "call_id"), ("call_id,answered_at,number\n", "duration_ms")] {
            let error = rerate(&deck, calls.as_bytes(), Vec::new(), |_| ()).expect_err("refused");
            assert!(matches!(error, RerateError::Column(column) if column == missing), "{error}");
        }
    }
}
