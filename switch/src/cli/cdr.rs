//! `tollgate cdr`: call records of a running node, page after page, as a table, one JSON document or CSV.

use std::process::ExitCode;

use serde_json::Value;

use super::csv_out;
use super::pages::SliceAsk;
use super::plain;

/// Columns of the CSV: the fields of a record in their order.
const COLUMNS: &[&str] = &[
    "id",
    "node",
    "account",
    "gate",
    "caller",
    "called",
    "called_e164",
    "destination",
    "prefix",
    "deck",
    "deck_version",
    "codec_a",
    "codec_b",
    "call_id_a",
    "call_id_b",
    "carrier",
    "attempts",
    "started_at",
    "answered_at",
    "ended_at",
    "pdd_ms",
    "duration_ms",
    "billed_seconds",
    "initial",
    "increment",
    "rate",
    "connect_fee",
    "amount",
    "currency",
    "deck_currency",
    "exchange_rate",
    "exchange_at",
    "cost",
    "cost_currency",
    "balance_before",
    "balance_after",
    "teardown_ms",
    "hangup_by",
    "cause_q850",
    "sip_status",
    "reason",
    "route_reason",
    "transport_a",
    "transport_b",
];

/// Columns of the table and their widths.
const TABLE: &[(&str, usize)] = &[
    ("ended_at", 24),
    ("account", 16),
    ("called_e164", 15),
    ("carrier", 12),
    ("sip_status", 10),
    ("duration_ms", 11),
    ("billed_seconds", 14),
    ("amount", 14),
    ("currency", 8),
    ("balance_after", 16),
    ("reason", 14),
];

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    slice: SliceAsk,
    /// One JSON document, {"items": [...], "next": ...}
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// CSV with a header; cells that look like formulas get an apostrophe
    #[arg(long)]
    csv: bool,
}

/// Prints the records in journal order.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let (heading, line): (String, fn(&Value) -> String) = if ask.csv { (COLUMNS.join(","), csv_line) } else { (heading(), table_line) };
    ask.slice.print("/cdrs", &heading, (!ask.json).then_some(line))?;
    Ok(ExitCode::SUCCESS)
}

fn heading() -> String {
    TABLE.iter().map(|(name, width)| format!("{name:width$}")).collect::<Vec<_>>().join(" ")
}

fn table_line(record: &Value) -> String {
    TABLE.iter().map(|(name, width)| format!("{:width$}", plain(&text(record, name)))).collect::<Vec<_>>().join(" ")
}

fn csv_line(record: &Value) -> String {
    let mut line = String::new();
    for name in COLUMNS {
        csv_out::cell(&mut line, &text(record, name));
    }
    line
}

/// A field as one cell; attempts as `alpha:503 beta:200`.
fn text(record: &Value, name: &str) -> String {
    match record.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(attempts)) => attempts.iter().map(attempt).collect::<Vec<_>>().join(" "),
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => other.to_string(),
    }
}

fn attempt(attempt: &Value) -> String {
    let carrier = attempt.get("carrier").and_then(Value::as_str).unwrap_or("?");
    match attempt.get("status").and_then(Value::as_u64) {
        Some(status) => format!("{carrier}:{status}"),
        None => format!("{carrier}:-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_harmless_line_of_csv() {
        let record = serde_json::json!({
            "id": "a1", "caller": "=cmd()", "called": "+34911234567", "carrier": null, "amount": "0.07407", "balance_after": "-0.00001",
            "attempts": [{"carrier": "alpha", "status": 503}, {"carrier": "beta"}], "cause_q850": 16,
        });
        let line = csv_line(&record);
        assert_eq!(line.split(',').count(), COLUMNS.len());
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |name: &str| cells[COLUMNS.iter().position(|c| *c == name).unwrap()];
        for (name, expected) in [
            ("id", "a1"),
            ("caller", "'=cmd()"),
            ("called", "'+34911234567"),
            ("carrier", ""),
            ("amount", "0.07407"),
            ("balance_after", "-0.00001"),
            ("attempts", "alpha:503 beta:-"),
            ("cause_q850", "16"),
        ] {
            assert_eq!(cell(name), expected, "{name}");
        }
    }
}
