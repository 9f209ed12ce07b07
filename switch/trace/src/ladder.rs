//! A call as people read it: one column a party, one arrow a message, and beside it what matters of it.

mod note;

use std::collections::HashMap;
use std::fmt::Write as _;

use units::Wall;

use crate::{Direction, scan};
use note::{clean, label, note};

/// Columns of parties beside the switch; legs beyond them share the last.
const COLUMNS_MAX: usize = 6;
/// Characters between two columns: so many that `503 Service Unavailable` fits, or fewer where
/// there are many.
const WIDTH: usize = 30;
const WIDTH_OF_MANY: usize = 24;
/// Characters before the first column.
const MARGIN: usize = 12;

/// One message of the ladder.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// When it was sent or received, by the wall clock.
    pub at: Wall,
    /// Sent or received by the switch.
    pub direction: Direction,
    /// Of which leg: an index into the legs' names.
    pub leg: usize,
    /// `udp`, `tls` …
    pub transport: &'a str,
    /// The peer's address and port.
    pub peer: &'a str,
    /// The message, masked.
    pub text: &'a str,
}

/// Draws the steps, which are in order. The first of `legs` is the caller's and stands left of the switch.
pub fn ladder(legs: &[String], steps: &[Step<'_>]) -> String {
    let mut out = String::new();
    let used = steps.iter().map(|step| step.leg + 1).max().unwrap_or(1).max(legs.len());
    let columns = used.clamp(1, COLUMNS_MAX);
    let width = if columns > 3 { WIDTH_OF_MANY } else { WIDTH };
    let places: Vec<usize> = (0..=columns).map(|column| MARGIN + column * width).collect();
    let name = |leg: usize| legs.get(leg).map_or("", String::as_str);
    let mut titles: Vec<String> = vec![name(0).to_owned(), "switch".to_owned()];
    titles.extend((1..columns).map(|leg| name(leg).to_owned()));
    titles.truncate(columns + 1);
    let peers: Vec<String> = (0..legs.len())
        .map(|leg| {
            let first = steps.iter().find(|step| step.leg == leg);
            first.map_or(String::new(), |step| format!("{} {}", step.transport, step.peer))
        })
        .collect();
    let mut below: Vec<String> = vec![peers.first().cloned().unwrap_or_default(), String::new()];
    below.extend(peers.iter().skip(1).take(columns - 1).cloned());
    heads(&mut out, &places, width, &titles);
    heads(&mut out, &places, width, &below);
    let begin = steps.first().map_or(Wall(0), |step| step.at);
    let mut seen: HashMap<(usize, bool, &str), usize> = HashMap::new();
    for step in steps {
        let times = seen.entry((step.leg, step.direction == Direction::In, step.text)).or_default();
        *times += 1;
        row(&mut out, &places, step, begin, *times, name(step.leg));
    }
    out.push('\n');
    for leg in 1..legs.len() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}: {}", name(leg), outcome(steps, leg));
    }
    out
}

/// A line with each text in the middle over its column.
fn heads(out: &mut String, places: &[usize], width: usize, texts: &[String]) {
    let mut line = String::new();
    for (place, text) in places.iter().zip(texts) {
        let text: String = clean(text).chars().take(width - 2).collect();
        let begin = place.saturating_sub(text.chars().count() / 2);
        while line.chars().count() < begin {
            line.push(' ');
        }
        line.push_str(&text);
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

fn row(out: &mut String, places: &[usize], step: &Step<'_>, begin: Wall, times: usize, leg: &str) {
    let last = places.len() - 1;
    let is_caller = step.leg == 0;
    // Columns: 0 the caller, 1 the switch, then the legs.
    let other = if is_caller { 0 } else { (step.leg + 1).min(last) };
    let (left, right) =
        if is_caller { (places[0], places[1.min(last)]) } else { (places[1.min(last)], places[other]) };
    let to_right = is_caller == (step.direction == Direction::In);
    let ms = (step.at.0 - begin.0).max(0);
    let offset = format!("{:>6}.{:03}", format!("+{}", ms / 1_000), ms % 1_000);
    let mut line: Vec<char> = vec![' '; places[last] + 1];
    for (at, c) in offset.chars().enumerate().take(MARGIN) {
        line[at] = c;
    }
    for place in places {
        line[*place] = '|';
    }
    line[left + 1..right].fill('-');
    if to_right {
        line[right - 1] = '>';
    } else {
        line[left + 1] = '<';
    }
    let room = right - left - 5;
    let label: String = label(step.text, room);
    let start = left + 1 + (right - left - 1 - label.chars().count().min(room)) / 2;
    for (at, c) in label.chars().take(room).enumerate() {
        line[start + at] = c;
    }
    out.extend(line);
    let mut note = note(step.text);
    if step.leg >= COLUMNS_MAX {
        note.insert(0, format!("({leg})"));
    }
    if times > 1 {
        note.insert(0, format!("retransmission {}", times - 1));
    }
    if !note.is_empty() {
        out.push_str("  ");
        out.push_str(&note.join("; "));
    }
    out.push('\n');
}

/// What became of a carrier's leg, in words.
fn outcome(steps: &[Step<'_>], leg: usize) -> String {
    let of_leg = || steps.iter().filter(move |step| step.leg == leg);
    let is_invite = |step: &&Step<'_>| step.direction == Direction::Out && step.text.starts_with("INVITE ");
    let Some(dialled) = of_leg().find(is_invite) else { return "its INVITE is not kept any more".to_owned() };
    let to_invite = |step: &&Step<'_>| {
        step.direction == Direction::In
            && step.text.starts_with("SIP/2.0 ")
            && scan::cseq(step.text.as_bytes()).is_some_and(|cseq| cseq.ends_with(b"INVITE"))
    };
    let status =
        |step: &Step<'_>| step.text.get(8..11).and_then(|text| text.parse::<u16>().ok()).unwrap_or(0);
    // A challenge or a longer session timer that was asked for is answered by another INVITE.
    let finals: Vec<&Step<'_>> = of_leg().filter(to_invite).filter(|step| status(step) >= 200).collect();
    let answer = finals.iter().find(|step| status(step) < 300).or(finals.last());
    let cancelled = of_leg().any(|step| step.text.starts_with("CANCEL "));
    match answer {
        Some(step) => {
            let line = clean(&String::from_utf8_lossy(scan::first_line(step.text.as_bytes())));
            let words = line.get(8..).unwrap_or_default().to_owned();
            let verb = if status(step) < 300 { "answered" } else { "refused" };
            let why: Vec<String> =
                note(step.text).into_iter().filter(|part| !part.starts_with("sdp")).collect();
            let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
            let cancelled = if cancelled && status(step) == 487 { ", cancelled by us" } else { "" };
            format!("{verb} with {words} after {}{why}{cancelled}", seconds(dialled.at, step.at))
        }
        None if of_leg().any(|step| step.direction == Direction::In) => {
            let last = if cancelled { "cancelled by us" } else { "no final answer is kept" };
            format!("only provisional answers, {last}")
        }
        None => {
            let sent = of_leg().filter(is_invite).count();
            let last = of_leg().next_back().map_or(dialled.at, |step| step.at);
            format!(
                "no response to {sent} INVITE{} in {}",
                if sent == 1 { "" } else { "s" },
                seconds(dialled.at, last)
            )
        }
    }
}

fn seconds(from: Wall, to: Wall) -> String {
    let ms = (to.0 - from.0).max(0);
    format!("{}.{:03} s", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
#[path = "ladder_tests.rs"]
mod tests;
