//! `tollgate notices`: what account holders were told, or would have been with an address, in journal order
//! and in words.

use std::process::ExitCode;

use serde_json::Value;
use units::Wall;

use super::pages::{Rows, SliceAsk, seconds};
use super::table::{self, Table, Wide};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    slice: SliceAsk,
    /// One JSON document, {"items": [...], "next": ...}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    wide: Wide,
}

/// Prints the notices; 3 if a limit left some out.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let columns = [
        table::text("at"),
        table::text("account"),
        table::text("what"),
        table::text("to").wide(),
        table::text("language").wide(),
        table::number("entry").wide(),
    ];
    let rows = if ask.json { Rows::Json } else { Rows::Table(Table::new(&columns, ask.wide), cells) };
    ask.slice.print("/notices", &[], rows)
}

fn cells(row: &Value) -> Vec<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let notice = row.get("notice").unwrap_or(&Value::Null);
    let entry = row.get("entry").and_then(Value::as_u64).unwrap_or_default();
    vec![
        seconds(&text(row.get("at"))),
        text(row.get("account")),
        words(notice),
        text(notice.get("to")),
        text(notice.get("language")),
        entry.to_string(),
    ]
}

/// The event as a sentence; one of a later version by its name and values.
fn words(notice: &Value) -> String {
    let Some((name, event)) =
        notice.get("event").and_then(Value::as_object).and_then(|event| event.iter().next())
    else {
        return "?".to_owned();
    };
    let text = |key: &str| shown(event.get(key).unwrap_or(&Value::Null));
    let place = || match event.get("pocket").and_then(Value::as_str) {
        Some(bucket) => format!("bucket {bucket}"),
        None => "main balance".to_owned(),
    };
    match name.as_str() {
        "low_balance" => {
            format!("balance {} {} is below {}", text("balance"), text("currency"), text("threshold"))
        }
        "low_minutes" => format!("bucket {} has {} s left", text("pocket"), text("seconds")),
        "credit_expires" => {
            format!("{} {} of the {} end at {}", text("amount"), text("currency"), place(), text("at"))
        }
        "credit_expired" => {
            format!("{} {} of the {} ended unused", text("amount"), text("currency"), place())
        }
        "top_up_booked" => {
            let reference = event.get("reference").and_then(Value::as_str).filter(|text| !text.is_empty());
            let reference = reference.map_or_else(String::new, |text| format!(" ({text})"));
            format!("{} {} came in{reference}, balance {}", text("amount"), text("currency"), text("balance"))
        }
        "call_ends" => format!("call {} ends in {} s for want of money", text("call"), text("seconds")),
        "rates_change" => {
            let changes = event
                .get("changes")
                .and_then(Value::as_array)
                .map_or_else(String::new, |all| format!(", {} changes", all.len()));
            format!("new prices of deck {}, version {}{changes}", text("deck"), text("version"))
        }
        other => {
            let values = event
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| format!(" {key}={}", shown(value)));
            std::iter::once(other.to_owned()).chain(values).collect()
        }
    }
}

/// Times of journals before are milliseconds.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.len()),
        Value::Number(number) if number.as_i64().is_some_and(|ms| ms > 1_000_000_000_000) => {
            number.as_i64().map(|ms| Wall(ms).rfc3339()).unwrap_or_default()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fault_d4_notices_are_told_in_words() {
        for (event, expected) in [
            (
                json!({"low_balance": {"balance": "1.20000", "threshold": "2.00000", "currency": "EUR"}}),
                "balance 1.20000 EUR is below 2.00000",
            ),
            (json!({"low_minutes": {"pocket": "free", "seconds": 60}}), "bucket free has 60 s left"),
            (
                json!({"credit_expires": {"amount": "5.00000", "currency": "EUR", "at": 1_785_000_000_000_i64}}),
                "5.00000 EUR of the main balance end at 2026-07-25T17:20:00.000Z",
            ),
            (
                json!({"credit_expired": {"pocket": "promo", "amount": "5.00000", "currency": "EUR"}}),
                "5.00000 EUR of the bucket promo ended unused",
            ),
            (
                json!({"top_up_booked": {"amount": "1.00000", "currency": "EUR", "reference": "invoice 7", "balance": "2.00000"}}),
                "1.00000 EUR came in (invoice 7), balance 2.00000",
            ),
            (json!({"call_ends": {"call": "0a", "seconds": 60}}), "call 0a ends in 60 s for want of money"),
            (
                json!({"rates_change": {"deck": "retail", "version": "ff", "changes": [1, 2]}}),
                "new prices of deck retail, version ff, 2 changes",
            ),
            (json!({"of_tomorrow": {"x": 1}}), "of_tomorrow x=1"),
        ] {
            assert_eq!(words(&json!({ "event": event })), expected);
        }
    }
}
