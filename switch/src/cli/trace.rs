//! `tollgate calls --trace` and `--trace-next`: the SIP messages of a call as a ladder, a pcap file or JSON.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;
use serde_json::json;
use trace::{Direction, Step, ladder};
use units::Wall;
use web::CallDoc;
use web::documents::{TraceDoc, TraceMessageDoc, TraceNextDoc};

use super::client::{Client, segment};
use super::{plain, print_json, stdout};

/// Digits of a number; an id has more, and letters.
const DIGITS_MIN: usize = 3;
const DIGITS_MAX: usize = 15;

#[derive(Deserialize)]
struct RecordId {
    id: String,
}

/// Shows a call's messages.
pub(super) fn show(
    client: &Client,
    call: &str,
    pcap: Option<&Path>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let id = match number(call) {
        Some(digits) => last_call(client, &digits)?,
        None => call.to_owned(),
    };
    let path = format!("/calls/{}/trace", segment(&id));
    if let Some(file) = pcap {
        let bytes = client.read_bytes(&format!("{path}?format=pcap"))?;
        let mut out = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(file)
            .with_context(|| format!("cannot write {}", file.display()))?;
        out.write_all(&bytes).with_context(|| format!("cannot write {}", file.display()))?;
        writeln!(stdout(), "{} bytes in {}", bytes.len(), file.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    let document: TraceDoc = client.read(&path, &[])?;
    if as_json {
        print_json(&document)?;
        return Ok(ExitCode::SUCCESS);
    }
    draw(&document)?;
    Ok(ExitCode::SUCCESS)
}

/// Has the next call of a number or gate written.
pub(super) fn next(client: &Client, of: &str, as_json: bool) -> anyhow::Result<ExitCode> {
    let document: TraceNextDoc = client.post("/trace-next", None, &json!({ "of": of }))?;
    if as_json {
        print_json(&document)?;
        return Ok(ExitCode::SUCCESS);
    }
    let dir = plain(document.dir.as_deref().unwrap_or_default());
    let mut out = stdout();
    writeln!(out, "the next call of each is written to {dir}:")?;
    for one in &document.waiting {
        writeln!(out, "  {} {} (since {})", plain(&one.kind), plain(&one.of), plain(&one.since))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The digits of a number as people write it; none if it is an id.
fn number(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/')).collect();
    let digits = digits.strip_prefix('+').or_else(|| digits.strip_prefix("00")).unwrap_or(&digits);
    let is_number =
        (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.to_owned())
}

/// The id of the last call to or from a number: one that goes on, else the newest record.
fn last_call(client: &Client, digits: &str) -> anyhow::Result<String> {
    let live: Vec<CallDoc> = client.read_all("/calls")?;
    let has = |text: &str| number(text).is_some_and(|number| number.starts_with(digits));
    let live = live.into_iter().filter(|call| has(&call.caller) || has(&call.called));
    if let Some(call) = live.max_by(|a, b| a.started_at.cmp(&b.started_at)) {
        return Ok(call.id);
    }
    let query = [("number", digits), ("order", "newest")];
    let (mut found, mut cursor) = (None, None);
    loop {
        cursor = client.each_row("/cdrs", &query, (cursor, 1), |record: RecordId| {
            found.get_or_insert(record.id);
            Ok(())
        })?;
        match (found.take(), &cursor) {
            (Some(id), _) => return Ok(id),
            (None, Some(_)) => {}
            (None, None) => bail!("no call to or from {digits} is known"),
        }
    }
}

fn draw(document: &TraceDoc) -> anyhow::Result<()> {
    let mut out = stdout();
    let text = |text: &Option<String>| plain(text.as_deref().unwrap_or("-"));
    let state = if document.live { ", not over yet" } else { "" };
    let begin = document.messages.first().map_or("", |message| message.time.as_str());
    if document.id.is_some() {
        writeln!(
            out,
            "call {} from {} to {}{state}",
            text(&document.id),
            text(&document.caller),
            text(&document.called)
        )?;
    }
    writeln!(out, "first message {}; messages are kept since {}", plain(begin), text(&document.kept_since))?;
    for leg in &document.legs {
        writeln!(out, "{}: Call-ID {}", plain(&leg.name), plain(&leg.call_id))?;
    }
    writeln!(out)?;
    let names: Vec<String> = document.legs.iter().map(|leg| leg.name.clone()).collect();
    let steps = document.messages.iter().map(step).collect::<anyhow::Result<Vec<_>>>()?;
    for line in ladder(&names, &steps).lines() {
        writeln!(out, "{}", plain(line).trim_end())?;
    }
    if document.more {
        writeln!(out, "there are more messages than one answer holds: the last are left out")?;
    }
    out.flush()?;
    Ok(())
}

fn step(message: &TraceMessageDoc) -> anyhow::Result<Step<'_>> {
    let at = Wall::parse(&message.time).ok_or_else(|| anyhow!("{:?} is no time", message.time))?;
    let direction = if message.direction == "in" { Direction::In } else { Direction::Out };
    let peer = if direction == Direction::In { &message.from } else { &message.to };
    Ok(Step { at, direction, leg: message.leg, transport: &message.transport, peer, text: &message.text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ids_are_told_apart() {
        assert_eq!(number("+34 911-234-567").as_deref(), Some("34911234567"));
        assert_eq!(number("0034911234567").as_deref(), Some("34911234567"));
        assert_eq!(number("0123456789abcdef0123456789abcdef"), None);
        assert_eq!(number("12345678901234567890123456789012"), None);
        assert_eq!(number("abc@192.0.2.1"), None);
        assert_eq!(number("12"), None);
    }
}
