//! Call records as CSV and back: every field of a record is a column, and what was written is read again as a
//! record.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use crate::cli::csv_out;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Text that every record has.
    Text,
    /// Text, money or a time that may be absent.
    Maybe,
    /// A number that every record has.
    Number,
    /// A number that may be absent.
    MaybeNumber,
    /// `true` or `false`, or absent.
    MaybeTrue,
    /// A list, as JSON.
    List,
    /// `alpha:503 beta:200`.
    Attempts,
    /// Text that is left out where it is what it mostly is.
    Default,
}

use Kind::{Attempts, Default, List, Maybe, MaybeNumber, MaybeTrue, Number, Text};

/// The fields of a record in their order; what is new comes at the end.
const COLUMNS: &[(&str, Kind)] = &[
    ("id", Text),
    ("node", Text),
    ("account", Text),
    ("gate", Text),
    ("caller", Text),
    ("called", Text),
    ("called_e164", Text),
    ("destination", Text),
    ("prefix", Text),
    ("deck", Text),
    ("deck_version", Text),
    ("codec_a", Maybe),
    ("codec_b", Maybe),
    ("call_id_a", Text),
    ("call_id_b", Maybe),
    ("carrier", Maybe),
    ("attempts", Attempts),
    ("started_at", Text),
    ("answered_at", Maybe),
    ("ended_at", Text),
    ("pdd_ms", MaybeNumber),
    ("duration_ms", Number),
    ("billed_seconds", Number),
    ("initial", Number),
    ("increment", Number),
    ("rate", Text),
    ("connect_fee", Text),
    ("amount", Text),
    ("currency", Text),
    ("deck_currency", Maybe),
    ("exchange_rate", Maybe),
    ("exchange_at", Maybe),
    ("cost", Maybe),
    ("cost_currency", Maybe),
    ("balance_before", Text),
    ("balance_after", Text),
    ("teardown_ms", Number),
    ("hangup_by", Text),
    ("cause_q850", Number),
    ("sip_status", Number),
    ("reason", Text),
    ("route_reason", Maybe),
    ("transport_a", Text),
    ("transport_b", Maybe),
    ("rounding", Default),
    ("margin", Maybe),
    ("cost_exchange_rate", Maybe),
    ("segments", List),
    ("parts", List),
    ("tiers", List),
    ("direction", Default),
    ("origin", Default),
    ("origin_kind", Default),
    ("destination_kind", Maybe),
    ("number", Maybe),
    ("sip_account", Maybe),
    ("protocol_a", Default),
    ("protocol_b", Maybe),
    ("source_ip_a", Maybe),
    ("source_ip_b", Maybe),
    ("user_agent_a", Maybe),
    ("user_agent_b", Maybe),
    ("attestation", Maybe),
    ("verstat", Maybe),
    ("h323_call_id", Maybe),
    ("h323_conference_id", Maybe),
    ("decision", Maybe),
    ("media_ip_a", Maybe),
    ("media_ip_b", Maybe),
    ("rtp_packets_a_in", MaybeNumber),
    ("rtp_packets_a_out", MaybeNumber),
    ("rtp_packets_b_in", MaybeNumber),
    ("rtp_packets_b_out", MaybeNumber),
    ("rtp_lost_a", MaybeNumber),
    ("rtp_lost_b", MaybeNumber),
    ("jitter_ms_a", MaybeNumber),
    ("jitter_ms_b", MaybeNumber),
    ("mos_a", MaybeNumber),
    ("mos_b", MaybeNumber),
    ("transcoded", MaybeTrue),
    ("recording", Maybe),
];

/// The header.
pub(super) fn header() -> String {
    COLUMNS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

/// A record as a line.
pub(super) fn line(record: &Value) -> String {
    let mut line = String::new();
    for (name, kind) in COLUMNS {
        let text = match (kind, record.get(name)) {
            (List, None | Some(Value::Null)) => "[]".to_owned(),
            (List, Some(list)) => list.to_string(),
            (_, value) => text(value),
        };
        csv_out::cell(&mut line, &text);
    }
    line
}

/// A field as one cell; attempts as `alpha:503 beta:200`.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
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

/// Reads records of a CSV with a header, columns in any order; columns that are not known are left alone.
pub(crate) fn read(
    input: impl std::io::Read,
    mut take: impl FnMut(&Value) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut reader = csv::Reader::from_reader(input);
    let header = reader.headers().context("the records have no header")?.clone();
    let mut places: Vec<(usize, &str, Kind)> = COLUMNS
        .iter()
        .filter_map(|(name, kind)| {
            Some((
                header.iter().position(|title| title.trim_start_matches('\u{feff}') == *name)?,
                *name,
                *kind,
            ))
        })
        .collect();
    // What was tried is read when it is known when the call began.
    places.sort_by_key(|(_, _, kind)| *kind == Attempts);
    if let Some((missing, _)) = COLUMNS.iter().find(|(name, kind)| {
        matches!(kind, Text | Number) && !places.iter().any(|(_, title, _)| title == name)
    }) {
        bail!("the CSV has no column {missing:?}: write it with this version's `tollgate cdr --csv`");
    }
    for row in reader.records() {
        let row = row?;
        let mut record = Map::new();
        for (at, name, kind) in &places {
            let cell = csv_out::meant(row.get(*at).unwrap_or_default());
            let place = || format!("line {}, column {name}", row.position().map_or(0, csv::Position::line));
            let value = value(cell, *kind, &record).with_context(place)?;
            record.extend(value.map(|value| ((*name).to_owned(), value)));
        }
        take(&Value::Object(record))?;
    }
    Ok(())
}

/// What a cell says; nothing if the field is left out.
fn value(cell: &str, kind: Kind, record: &Map<String, Value>) -> anyhow::Result<Option<Value>> {
    Ok(match kind {
        Text => Some(cell.into()),
        Maybe | MaybeNumber | MaybeTrue if cell.is_empty() => Some(Value::Null),
        Maybe => Some(cell.into()),
        Number => Some(cell.parse::<u64>().context("not a number")?.into()),
        MaybeNumber => Some(Value::Number(cell.parse().context("not a number")?)),
        MaybeTrue => Some(cell.parse::<bool>().context("neither true nor false")?.into()),
        List if cell.is_empty() => None,
        List => Some(serde_json::from_str(cell).context("not JSON")?),
        Default => (!cell.is_empty()).then(|| cell.into()),
        // When each was dialled is not in the line; that the call began then is true of none too late.
        Attempts => Some(cell.split_whitespace().map(|word| tried(word, record)).collect()),
    })
}

fn tried(word: &str, record: &Map<String, Value>) -> Value {
    let (carrier, status) = word.rsplit_once(':').unwrap_or((word, "-"));
    serde_json::json!({
        "carrier": carrier, "status": status.parse::<u16>().ok(), "started_at": record.get("started_at"), "cause": 0, "reason": "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rating::Cdr;

    fn record() -> Value {
        let text = r#"{
            "id": "0000000000000000000000000000000a", "node": "sw1", "account": "r:acme", "gate": "pbx", "caller": "=cmd()",
            "called": "+34911234567", "called_e164": "34911234567", "destination": "Spain, \"fixed\"", "prefix": "34", "deck": "retail",
            "deck_version": "00000000000000ff", "codec_a": "PCMA", "codec_b": null, "call_id_a": "a@b", "call_id_b": null,
            "carrier": "beta", "started_at": "2026-11-22T13:44:48.123Z", "answered_at": "2026-11-22T13:44:49.000Z",
            "attempts": [
                {"carrier": "alpha", "status": 503, "started_at": "2026-11-22T13:44:48.123Z", "cause": 0, "reason": ""},
                {"carrier": "beta", "status": null, "started_at": "2026-11-22T13:44:48.123Z", "cause": 0, "reason": ""}],
            "ended_at": "2026-11-22T13:45:25.000Z", "pdd_ms": 12, "duration_ms": 36000, "billed_seconds": 36, "initial": 30,
            "increment": 6, "rate": "0.12345", "connect_fee": "0.00000", "amount": "0.07407", "currency": "EUR", "deck_currency": "EUR",
            "exchange_rate": null, "exchange_at": null, "cost": "0.01000", "cost_currency": "EUR", "margin": "0.06407",
            "balance_before": "-0.00001", "balance_after": "-0.07408", "teardown_ms": 0, "hangup_by": "caller", "cause_q850": 16,
            "sip_status": 200, "reason": "answered", "route_reason": "first", "transport_a": "udp", "transport_b": "udp",
            "parts": [{"pocket": "free", "seconds": 36, "amount": "36.00000", "currency": "SEC"}],
            "tiers": [{"account": "r", "deck": "wholesale", "deck_version": "00000000000000fe", "prefix": "34", "destination": "Spain",
                "rate": "0.10000", "initial": 1, "increment": 1, "billed_seconds": 36, "amount": "0.06000", "currency": "EUR"}]
        }"#;
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn fault_d2_a_record_is_one_harmless_line_of_csv_and_comes_back_whole() {
        let record = record();
        let cdr: Cdr = serde_json::from_value(record.clone()).expect("a record");
        let file = format!("{}\n{}\n", header(), line(&record));
        let cells: Vec<String> = csv::Reader::from_reader(file.as_bytes())
            .records()
            .next()
            .expect("a row")
            .expect("CSV")
            .iter()
            .map(str::to_owned)
            .collect();
        let cell = |name: &str| {
            cells[COLUMNS.iter().position(|(column, _)| *column == name).expect("a column")].as_str()
        };
        for (name, expected) in [
            ("caller", "'=cmd()"),
            ("called", "'+34911234567"),
            ("codec_b", ""),
            ("balance_after", "-0.07408"),
            ("attempts", "alpha:503 beta:-"),
            ("margin", "0.06407"),
            ("segments", "[]"),
        ] {
            assert_eq!(cell(name), expected, "{name}");
        }
        let mut back = Vec::new();
        read(file.as_bytes(), |record| {
            back.push(serde_json::from_value::<Cdr>(record.clone())?);
            Ok(())
        })
        .expect("reads");
        assert_eq!(back, [cdr]);
        assert!(read("id,account\na,b\n".as_bytes(), |_| Ok(())).is_err(), "half a record is none");
    }

    #[test]
    fn fault_d2_every_field_of_a_record_is_a_column() {
        let mut record = record();
        for (name, value) in [("rounding", "up"), ("cost_exchange_rate", "1.1")] {
            record[name] = value.into();
        }
        for name in ["media_ip_a", "media_ip_b"] {
            record[name] = "192.0.2.1".into();
        }
        for side in ["a", "b"] {
            for name in ["rtp_packets_SIDE_in", "rtp_packets_SIDE_out", "rtp_lost_SIDE", "jitter_ms_SIDE"] {
                record[name.replace("SIDE", side)] = 7.into();
            }
            record[format!("mos_{side}")] = 4.41.into();
        }
        record["transcoded"] = true.into();
        record["recording"] = "a.wav".into();
        for name in ["h323_call_id", "h323_conference_id"] {
            record[name] = "0123456789abcdef0123456789abcdef".into();
        }
        record["segments"] = serde_json::json!([{ "from": 0, "block": 6, "rate": "0.12345" }]);
        let cdr: Cdr = serde_json::from_value(record).expect("a record");
        let written = serde_json::to_value(&cdr).expect("JSON");
        let file = format!("{}\n{}\n", header(), line(&written));
        let mut back = Vec::new();
        read(file.as_bytes(), |record| {
            back.push(serde_json::from_value::<Cdr>(record.clone())?);
            Ok(())
        })
        .expect("reads");
        assert_eq!(back, [cdr], "numbers come back as numbers");
        let fields = written.as_object().expect("an object");
        for field in fields.keys() {
            assert!(COLUMNS.iter().any(|(name, _)| name == field), "{field} has no column");
        }
        // Some fields are left out where they are empty: the record must have them all, or it shows nothing.
        for (name, _) in COLUMNS {
            assert!(fields.contains_key(*name), "the record has no {name}");
        }
    }
}
