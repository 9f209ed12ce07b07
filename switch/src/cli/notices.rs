//! `tollgate notices`: what account holders were told, or would have been with an address, in journal order.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::Value;

use super::client::Reach;
use super::pages::{Slice, each_row};
use super::{plain, stdout};

/// Arguments.
#[derive(clap::Args)]
pub(crate) struct Ask {
    /// To this account only
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Made at this instant or later, RFC 3339
    #[arg(long, value_name = "RFC3339")]
    from: Option<String>,
    /// Made before this instant, RFC 3339
    #[arg(long, value_name = "RFC3339")]
    to: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Go on after an earlier answer: its `next`
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// One JSON document, {"items": [...], "next": ...}
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Prints the notices in journal order.
pub(crate) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    if ask.limit == 0 {
        bail!("--limit must be at least 1");
    }
    let client = ask.reach.client()?;
    let slice = Slice {
        account: ask.account.as_deref(),
        from: ask.from.as_deref(),
        to: ask.to.as_deref(),
        cursor: ask.cursor.as_deref(),
        limit: ask.limit,
    };
    let mut out = stdout();
    if ask.json {
        out.write_all(b"{\"items\":[")?;
    } else {
        writeln!(out, "{:>10} {:24} {:16} {:28} what", "entry", "at", "account", "to")?;
    }
    let mut first = true;
    let next = each_row(&client, "/notices", &slice, |row| {
        if !ask.json {
            return Ok(writeln!(out, "{}", line(row))?);
        }
        out.write_all(if first { b"\n" } else { b",\n" })?;
        first = false;
        Ok(serde_json::to_writer(&mut out, row).map_err(std::io::Error::from)?)
    })?;
    if ask.json {
        writeln!(out, "\n],\"next\":{}}}", Value::from(next))?;
    }
    out.flush()?;
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
