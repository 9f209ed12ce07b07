//! What decks refer to beside their rows: parts of the week with their zones, and dated conversion rates.
//!
//! Zones are expanded from the bundled tz database, so the same table comes out on every machine and the rest
//! needs no database.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rating::Rules;
use units::{Currency, Exchange, ExchangeRate, Exchanges, Period, Rounding, Wall, Zone};

use crate::check::{Check, read_text};
use crate::diagnostic::{Diagnostic, Report, Source};
use crate::field::Field;
use crate::reader::{Document, Table};
use crate::schema;

/// Most periods: a call's segments are laid out over all of them.
const PERIODS_MAX: usize = 64;
/// As written, Monday first.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Periods and conversion rates of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceRules {
    /// In the order in which they are defined.
    pub periods: Arc<[Period]>,
    /// Of all pairs.
    pub exchanges: Arc<Exchanges>,
}

/// Reads only `[[period]]` and `[[exchange]]` of a configuration, for tools that price without a switch:
/// other sections may be absent, and the files that they name are not read.
///
/// # Errors
/// Every finding in this file.
pub fn load_price_rules(path: impl AsRef<Path>) -> Result<PriceRules, Vec<Diagnostic>> {
    let path = path.as_ref();
    let name: Arc<str> = path.to_string_lossy().into();
    let text = read_text(path).map_err(|message| vec![Diagnostic::error(&name, 1, 1, message)])?;
    let mut report = Report::default();
    let source = Source::new(name, text.as_str().into());
    let document = Document::read_part(&text, &source, &mut report);
    let rules = price_rules(&document, &mut Check::of_text(&source, &mut report));
    if report.has_errors() { Err(report.sorted()) } else { Ok(rules) }
}

pub(crate) fn price_rules(document: &Document, check: &mut Check<'_>) -> PriceRules {
    PriceRules {
        periods: periods(document, check).into(),
        exchanges: Arc::new(Exchanges::new(exchanges(document, check))),
    }
}

fn periods(document: &Document, check: &mut Check<'_>) -> Vec<Period> {
    let mut seen = BTreeMap::new();
    let mut zones: BTreeMap<String, Option<Arc<Zone>>> = BTreeMap::new();
    let tables = document.many(&schema::PERIOD);
    if let Some(extra) = tables.get(PERIODS_MAX) {
        check.error(&extra.span, format!("more than {PERIODS_MAX} periods"));
    }
    let mut periods = Vec::new();
    for table in tables.iter().take(PERIODS_MAX) {
        let name = check.name("period", table, &mut seen);
        let zone = table.text("zone").and_then(|field| {
            let known =
                zones.entry(field.value.clone()).or_insert_with(|| zone(&field.value).map(Arc::new)).clone();
            if known.is_none() {
                unknown_zone(&field, check);
            }
            known
        });
        let days = days(&table.texts("days"), check);
        let [from, until] =
            ["from", "until"].map(|key| table.text(key).and_then(|field| hour(&field, key, check)));
        if let (Some(name), Some(zone), Some(days), Some(from), Some(until)) = (name, zone, days, from, until)
        {
            periods.extend(check.parsed(&table.at("until"), Period::new(&name, zone, days, from, until)));
        }
    }
    periods
}

/// Bit 0 for Monday.
fn days(written: &[Field<String>], check: &mut Check<'_>) -> Option<u8> {
    let mut days = Some(0);
    for field in written {
        match DAYS.iter().position(|day| *day == field.value) {
            Some(day) => days = days.map(|days| days | 1 << day),
            None => {
                check.error(&field.span, format!("day {:?} must be one of {}", field.value, DAYS.join(", ")));
                days = None;
            }
        }
    }
    days
}

/// `08:00` in seconds after midnight.
fn hour(field: &Field<String>, key: &str, check: &mut Check<'_>) -> Option<u32> {
    let two = |text: &str| {
        (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<u32>().ok())
            .flatten()
    };
    let parts = field.value.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
    let found = parts
        .filter(|&(hour, minute)| minute < 60 && hour * 60 + minute <= 1_440)
        .map(|(hour, minute)| hour * 3_600 + minute * 60);
    if found.is_none() {
        check.error(
            &field.span,
            format!("{key} {:?} must be an hour from \"00:00\" to \"24:00\"", field.value),
        );
    }
    found
}

pub(crate) fn unknown_zone(field: &Field<String>, check: &mut Check<'_>) {
    check.error(
        &field.span,
        format!("zone {:?} is not in the tz database: write it as \"Europe/Madrid\" or \"UTC\"", field.value),
    );
}

/// A zone of the bundled tz database.
pub fn zone(name: &str) -> Option<Zone> {
    Zone::named(name).map(|zone| (*zone).clone())
}

fn exchanges(document: &Document, check: &mut Check<'_>) -> Vec<Exchange> {
    let mut rows: BTreeMap<(Currency, Currency, Wall), usize> = BTreeMap::new();
    let mut found = Vec::new();
    for table in document.many(&schema::EXCHANGE) {
        let [from, to] = ["from", "to"].map(|key| currency(table, key, check));
        let rate = table
            .text("rate")
            .and_then(|field| check.parsed(&field.span, field.value.parse::<ExchangeRate>()));
        let at = table.text("at").and_then(|field| {
            let at = Wall::parse(&field.value);
            if at.is_none() {
                check.error(
                    &field.span,
                    format!("at {:?} must be an RFC 3339 time, as \"2026-01-31T00:00:00Z\"", field.value),
                );
            }
            at
        });
        let (Some(from), Some(to), Some(rate), Some(at)) = (from, to, rate, at) else { continue };
        if from == to {
            check.error(&table.at("to"), format!("from {from} to {to}: these are one currency"));
        } else if let Some(first) = rows.insert((from, to, at), table.span.start) {
            let (line, _) = check.source.place(first);
            check.error(
                &table.at("at"),
                format!("from {from} to {to} at this time is defined twice: first in line {line}"),
            );
        }
        found.push(Exchange { from, to, rate, at });
    }
    found
}

pub(crate) fn currency(table: &Table, key: &str, check: &mut Check<'_>) -> Option<Currency> {
    let field = table.text(key)?;
    check.parsed(&field.span, Currency::iso(&field.value))
}

/// What a `[[deck]]` says of its rows beside its file.
pub(crate) fn deck_rules(table: &Table, periods: &Arc<[Period]>) -> Rules {
    let rate_places = table.int("rate_places").unwrap_or(units::PLACES);
    let allow_empty = table.bool("allow_empty");
    Rules {
        rate_places,
        allow_empty,
        archived: false,
        rounding: rounding(table),
        periods: Arc::clone(periods),
    }
}

/// As the schema has checked it.
fn rounding(table: &Table) -> Rounding {
    match table.text("rounding").map(|field| field.value).as_deref() {
        Some("up") => Rounding::Up,
        Some("down") => Rounding::Down,
        _ => Rounding::HalfUp,
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZoneDatabase;

    use super::*;

    /// 2100-01-01T00:00:00Z in seconds.
    const ZONES_END: i64 = 4_102_444_800;

    /// Against the time library at every hour near the changes of some years, on both sides of the equator,
    /// with a zone that has none.
    #[test]
    fn zones_say_what_the_time_library_says() {
        for name in [
            "Europe/Madrid",
            "Australia/Lord_Howe",
            "America/New_York",
            "Asia/Ho_Chi_Minh",
            "Pacific/Apia",
            "Asia/Kathmandu",
        ] {
            let (ours, theirs) =
                (zone(name).expect("a zone"), TimeZoneDatabase::bundled().get(name).expect("a zone"));
            let mut seen = 0;
            let mut second = 0_i64;
            while second < ZONES_END {
                let offset =
                    theirs.to_offset(jiff::Timestamp::from_second(second).expect("in range")).seconds();
                assert_eq!(ours.offset_at(Wall(second * 1_000)), offset, "{name} at {second}");
                seen += 1;
                second += 3_599 * 7;
            }
            assert!(seen > 100_000);
        }
        assert!(zone("Europe/Atlantis").is_none() && zone("").is_none());
    }

    /// The two changes of 2026 to the second, from the time library.
    #[test]
    fn changes_are_exact() {
        let madrid = zone("Europe/Madrid").expect("a zone");
        let spring = Wall::parse("2026-03-29T01:00:00Z").expect("a time");
        assert_eq!((madrid.offset_at(spring.plus_ms(-1)), madrid.offset_at(spring)), (3_600, 7_200));
        assert_eq!(madrid.next_change(spring), Wall::parse("2026-10-25T01:00:00Z"));
        // The last change before 2100 is known too.
        assert_eq!(madrid.offset_at(Wall::parse("2099-07-01T00:00:00Z").expect("a time")), 7_200);
    }
}
