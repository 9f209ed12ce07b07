//! What the demo prints: aligned, plain, a little colour on a terminal only.

use std::io::{IsTerminal as _, Write as _};

use super::judge::{Case, euros};
use super::tariff::{Due, Row};

const LABEL_CHARS: usize = 9;
const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31;1";
const GREEN: &str = "32";

/// Text on its way to the reader.
pub(super) struct Paper {
    text: String,
    colour: bool,
}

impl Paper {
    /// Coloured on a terminal unless `NO_COLOR` is set.
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { text: String::new(), colour: wanted && std::io::stdout().is_terminal() }
    }

    /// Hands over what was written.
    pub(super) fn print(&mut self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(self.text.as_bytes())?;
        out.flush()?;
        self.text.clear();
        Ok(())
    }

    /// A heading after an empty line.
    pub(super) fn heading(&mut self, text: &str) {
        let text = self.paint(BOLD, text);
        self.text.push_str(&format!("\n{text}\n"));
    }

    /// One line under a heading.
    pub(super) fn field(&mut self, label: &str, value: &str) {
        let label = self.paint(DIM, &format!("{label:<LABEL_CHARS$}"));
        self.text.push_str(&format!("   {label} {value}\n"));
    }

    /// A line as it is.
    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str(&format!("{text}\n"));
    }

    /// Good news, or each difference on a line of its own.
    pub(super) fn verdict(&mut self, good: &str, wrong: &[String]) {
        if wrong.is_empty() {
            let good = self.paint(GREEN, good);
            self.field("verdict", &good);
        }
        for difference in wrong {
            let difference = self.paint(RED, &format!("WRONG: {difference}"));
            self.field("verdict", &difference);
        }
    }

    /// The last word.
    pub(super) fn ending(&mut self, good: bool, text: &str) {
        let text = self.paint(if good { GREEN } else { RED }, text);
        self.text.push_str(&format!("\n{text}\n"));
    }

    /// One call.
    pub(super) fn case(&mut self, number: usize, case: &Case, wrong: &[String]) {
        let (cdr, story) = (&case.cdr, case.story);
        self.heading(&format!("{number}  {}", story.title));
        self.field("gate", &format!("{}, account {}", cdr.gate, cdr.account));
        let place = case.due().map_or("", |(row, _)| row.destination);
        let dialled = if story.dial.called == cdr.called_e164 {
            String::new()
        } else {
            format!("dialled as {}, ", story.dial.called)
        };
        self.field("called", &format!("{}, {dialled}{place}", cdr.called_e164));
        self.field("route", cdr.route_reason.as_deref().unwrap_or("none: no carrier was tried"));
        for (at, attempt) in cdr.attempts.iter().enumerate() {
            let status = attempt.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            let rang = attempt.pdd_ms.map(|ms| format!(", rang after {ms} ms")).unwrap_or_default();
            self.field(
                "",
                &format!("{}. {:<6} {status:>3}  {}{rang}", at + 1, attempt.carrier, attempt.reason),
            );
        }
        self.field("codec", &codec(case));
        self.field("duration", &duration(case));
        if let (Some(a), Some(b)) = (cdr.rtp_packets_a_out, cdr.rtp_packets_b_out) {
            self.field("voice", &format!("relayed: {a} packets to the caller, {b} to the carrier"));
        }
        if let Some((row, due)) = case.due() {
            self.field("charge", &charge(case, row, &due));
        }
        self.field(
            "balance",
            &format!("{} → {} {}", euros(cdr.balance_before), euros(cdr.balance_after), cdr.currency),
        );
        self.field(
            "end",
            &format!(
                "{}, {} hung up, {}, cause {}",
                cdr.sip_status, cdr.hangup_by, cdr.reason, cdr.cause_q850.0
            ),
        );
        self.verdict("as expected, and the charge is exact", wrong);
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn codec(case: &Case) -> String {
    let offered: Vec<&str> =
        case.story.dial.payloads.iter().map(|(_, map)| map.split('/').next().unwrap_or_default()).collect();
    let offered = offered.join(" ");
    match (&case.cdr.codec_a, &case.cdr.codec_b) {
        (None, None) => format!("none, offered {offered}"),
        (a, b) if a == b => format!("{}, offered {offered}", a.as_deref().unwrap_or("-")),
        (a, b) => format!(
            "{} to the caller, {} to the carrier",
            a.as_deref().unwrap_or("-"),
            b.as_deref().unwrap_or("-")
        ),
    }
}

fn duration(case: &Case) -> String {
    let cdr = &case.cdr;
    if cdr.answered_at.is_none() {
        return "not answered".to_owned();
    }
    let (seconds, ms) = (cdr.duration_ms / 1_000, cdr.duration_ms % 1_000);
    let beyond = if cdr.teardown_ms > 0 {
        format!(", {} ms of tear-down at the operator's expense", cdr.teardown_ms)
    } else {
        String::new()
    };
    format!(
        "{seconds}.{ms:03} s, billed {} s (first {} s, then {} s each){beyond}",
        cdr.billed_seconds, cdr.initial, cdr.increment
    )
}

fn charge(case: &Case, row: &Row, due: &Due) -> String {
    let cdr = &case.cdr;
    let amount = format!("{} {}", euros(cdr.amount), cdr.currency);
    if cdr.answered_at.is_none() {
        return amount;
    }
    let fee = if row.connect_fee.is_empty() { String::new() } else { format!("{} + ", row.connect_fee) };
    let cost = cdr.cost.map(|cost| format!("; the carrier charges {}", euros(cost))).unwrap_or_default();
    format!("{amount}: {fee}{} × {}/60 = {}{cost}", row.rate, due.billed_seconds, due.unrounded)
}
