//! `tollgate notices`: what account holders were told, or would have been with an address, in journal order.

use std::process::ExitCode;

use serde_json::Value;

use super::pages::SliceAsk;
use super::plain;

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    #[command(flatten)]
    slice: SliceAsk,
    /// One JSON document, {"items": [...], "next": ...}
    #[arg(long)]
    json: bool,
}

/// Prints the notices in journal order.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let heading = format!("{:>10} {:24} {:16} {:28} what", "entry", "at", "account", "to");
    ask.slice.print("/notices", &heading, (!ask.json).then_some(line))?;
    Ok(ExitCode::SUCCESS)
}

/// One line: the event's name and its values, lists by their length.
fn line(row: &Value) -> String {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(plain).unwrap_or_default();
    let entry = row.get("entry").and_then(Value::as_u64).unwrap_or_default();
    let notice = row.get("notice").unwrap_or(&Value::Null);
    let what = match notice.get("event").and_then(Value::as_object).and_then(|event| event.iter().next()) {
        Some((name, values)) => {
            let mut what = plain(name);
            for (key, value) in values.as_object().into_iter().flatten() {
                what.extend([" ", &plain(key), "=", &shown(value)]);
            }
            what
        }
        None => "?".to_owned(),
    };
    let (at, account, to) = (text(row.get("at")), text(row.get("account")), text(notice.get("to")));
    format!("{entry:>10} {at:24} {account:16} {to:28} {what}")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        Value::Array(items) => format!("[{}]", items.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => plain(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_one_harmless_line() {
        let row = serde_json::json!({
            "entry": 42, "at": "2026-11-22T12:00:00.000Z", "account": "acme",
            "notice": {"to": "ops@acme.example", "event": {"top_up_booked": {"amount": "1.00000", "reference": "a\u{1b}[31m\nb"}}},
        });
        let expected = "        42 2026-11-22T12:00:00.000Z acme             ops@acme.example             \
            top_up_booked amount=1.00000 reference=a\u{fffd}[31m\u{fffd}b";
        assert_eq!(line(&row), expected);
    }
}
