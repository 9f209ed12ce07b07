//! `tollgate rerate` of call records: what each account, destination and carrier would have paid by another deck, and the corrections that
//! follow. Invariant: a correction's key names deck version, account and period, so that booking it again changes nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use rating::Cdr;
use rating::Deck;
use rating::rerate::{By, Comparison, Difference, Differences};
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use units::{Currency, Money, Wall};

use super::super::client::segment;
use super::super::pages::{Slice, each_row};
use super::super::{deck_file, instant, plain, print_json, stdout};
use super::Ask;

/// What the API takes as an idempotency key, in bytes.
const KEY_BYTES_MAX: usize = 128;

#[derive(Serialize)]
struct Document {
    deck: Option<String>,
    deck_version: Option<String>,
    from: Option<String>,
    to: Option<String>,
    total: Vec<Line>,
    accounts: Vec<Line>,
    destinations: Vec<Line>,
    carriers: Vec<Line>,
    unpriced: Vec<Line>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    corrections: Vec<Correction>,
}

/// One sum; its name stands under the word that says what it is.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    name: BTreeMap<&'static str, String>,
    currency: Currency,
    calls: u64,
    old_amount: String,
    new_amount: String,
    difference: String,
}

/// One line of a correction run: above zero the account gets money back.
#[derive(Serialize, Clone)]
struct Correction {
    account: String,
    amount: String,
    currency: String,
    reason: String,
    key: String,
}

/// The period of a run.
#[derive(Clone, Copy)]
struct Period {
    from: Option<Wall>,
    to: Option<Wall>,
}

/// Reads the records, prices each anew, prints the sums; writes and books the corrections if asked.
pub(super) fn run(ask: &Ask) -> anyhow::Result<ExitCode> {
    let period = Period::of(ask)?;
    let corrects = ask.book || ask.corrections.is_some();
    if corrects && !period.is_whole() {
        bail!("a correction run has a key for each account and period: give --from and --to in whole seconds");
    }
    let rules = deck_file::price_rules(ask.reach.config())?;
    let deck = ask.deck.as_deref().map(|path| ask.how.load(path, &rules)).transpose()?;
    if corrects && deck.is_none() {
        bail!("corrections follow from another deck: give --deck");
    }
    let by = deck.as_ref().map_or(By::Record, |deck| By::Deck(deck, &rules.exchanges));
    let mut comparison = Comparison::default();
    each_record(ask, |record| {
        let cdr = Cdr::deserialize(record).context("not a call record as `tollgate cdr --json` prints it")?;
        let ours = |name: &Option<String>, of: &str| name.as_deref().is_none_or(|name| name == of);
        if period.holds(cdr.ended_at) && ours(&ask.account, &cdr.account) && ours(&ask.billed_by, &cdr.deck) {
            comparison.add(&cdr, by);
        }
        Ok(())
    })?;
    let corrections = match &deck {
        Some(deck) if period.is_whole() => corrections(&comparison, deck, period),
        Some(_) | None => Vec::new(),
    };
    if let Some(path) = &ask.corrections {
        write_corrections(path, &corrections)?;
    }
    let document = document(&comparison, deck.as_ref(), period, corrections.clone());
    if ask.json {
        print_json(&document)?
    } else {
        print_lines(&document)?
    }
    if ask.book { book(ask, &corrections) } else { Ok(ExitCode::SUCCESS) }
}

/// From the file, else from the node.
fn each_record(ask: &Ask, mut take: impl FnMut(&Value) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let Some(path) = &ask.cdrs else {
        let slice =
            Slice { account: ask.account.as_deref(), from: ask.from.as_deref(), to: ask.to.as_deref(), cursor: None, limit: usize::MAX };
        return each_row(&ask.reach.client()?, "/cdrs", &slice, take).map(|_| ());
    };
    let file: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(path).with_context(|| format!("cannot read the records {}", path.display()))?)
    };
    let mut documents = serde_json::Deserializer::from_reader(BufReader::new(file));
    let mut count = 0_u64;
    while let Some(document) =
        Value::deserialize(&mut documents).map(Some).or_else(|error| if error.is_eof() { Ok(None) } else { Err(error) })?
    {
        // A page of the API, or one record after the other.
        let page = document.get("items").and_then(Value::as_array).map(Vec::as_slice);
        for record in page.unwrap_or(std::slice::from_ref(&document)) {
            count += 1;
            take(record).with_context(|| format!("record {count} of {}", path.display()))?;
        }
    }
    Ok(())
}

fn corrections(comparison: &Comparison, deck: &Deck, period: Period) -> Vec<Correction> {
    let version = rating::price::version_text(deck.version());
    let (from, to) = (compact(period.from), compact(period.to));
    let one = |(account, owed, sum): (&units::Name, Money, &Difference)| Correction {
        account: account.to_string(),
        amount: owed.to_string(),
        currency: owed.currency.to_string(),
        reason: format!(
            "{} calls from {} to {} re-rated by deck {} version {version}: {} instead of {}",
            sum.calls,
            text(period.from),
            text(period.to),
            deck.name(),
            Money::of(sum.new, owed.currency),
            Money::of(sum.old, owed.currency)
        ),
        key: format!("rerate/{version}/{}/{from}/{to}", segment(account).replace("%3A", ":")),
    };
    comparison.corrections().map(one).collect()
}

fn write_corrections(path: &Path, corrections: &[Correction]) -> anyhow::Result<()> {
    let mut text = String::new();
    for correction in corrections {
        text += &serde_json::to_string(correction)?;
        text.push('\n');
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Every correction once: the node knows their keys.
fn book(ask: &Ask, corrections: &[Correction]) -> anyhow::Result<ExitCode> {
    let client = ask.reach.client()?;
    let mut failed = 0;
    for correction in corrections {
        let path = format!("/accounts/{}/corrections", segment(&correction.account));
        let body = serde_json::json!({
            "amount": correction.amount, "currency": correction.currency, "reason": correction.reason,
        });
        let booked = if correction.key.len() > KEY_BYTES_MAX {
            Err(anyhow::anyhow!("its key is longer than {KEY_BYTES_MAX} bytes"))
        } else {
            client.post::<Value>(&path, Some(&correction.key), &body).map(|_| ())
        };
        if let Err(error) = booked {
            failed += 1;
            eprintln!("not booked: {} {} {}: {error:#}", correction.account, correction.amount, correction.currency);
        }
    }
    eprintln!("{} of {} corrections are booked", corrections.len() - failed, corrections.len());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn document(comparison: &Comparison, deck: Option<&Deck>, period: Period, corrections: Vec<Correction>) -> Document {
    let named = |word, differences: &Differences| {
        differences.iter().map(|((name, currency), sum)| Line::of(Some((word, name.to_string())), *currency, sum)).collect()
    };
    Document {
        deck: deck.map(|deck| deck.name().to_string()),
        deck_version: deck.map(|deck| rating::price::version_text(deck.version()).to_string()),
        from: period.from.map(Wall::rfc3339),
        to: period.to.map(Wall::rfc3339),
        total: comparison.total.iter().map(|(currency, sum)| Line::of(None, *currency, sum)).collect(),
        accounts: named("account", &comparison.accounts),
        destinations: named("destination", &comparison.destinations),
        carriers: named("carrier", &comparison.carriers),
        unpriced: comparison
            .unpriced
            .iter()
            .map(|((reason, currency), sum)| Line::of(Some(("reason", (*reason).to_owned())), *currency, sum))
            .collect(),
        corrections,
    }
}

fn print_lines(document: &Document) -> std::io::Result<()> {
    let mut out = stdout();
    if let (Some(deck), Some(version)) = (&document.deck, &document.deck_version) {
        writeln!(out, "deck {} version {version}", plain(deck))?;
    }
    let tables = [
        ("account", &document.accounts),
        ("destination", &document.destinations),
        ("carrier", &document.carriers),
        ("unpriced", &document.unpriced),
        ("total", &document.total),
    ];
    for (word, lines) in tables {
        if lines.is_empty() {
            continue;
        }
        writeln!(out, "\n{word:32} {:>10} {:>18} {:>18} {:>18}", "calls", "old", "new", "difference")?;
        for line in lines {
            let name = line.name.values().next().map(|name| plain(name)).unwrap_or_default();
            let Line { currency, calls, old_amount, new_amount, difference, .. } = line;
            writeln!(out, "{name:32} {calls:>10} {old_amount:>18} {new_amount:>18} {difference:>18} {currency}")?;
        }
    }
    out.flush()
}

/// `20260131T235959Z`: short enough for a key with the longest names.
fn compact(at: Option<Wall>) -> String {
    let text = text(at);
    let whole: String = text.chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{whole}Z")
}

fn text(at: Option<Wall>) -> String {
    at.map(Wall::rfc3339).unwrap_or_default()
}

// === impl Period ===

impl Period {
    fn of(ask: &Ask) -> anyhow::Result<Self> {
        let read = |text: &Option<String>| text.as_deref().map(|text| instant(Some(text))).transpose();
        Ok(Self { from: read(&ask.from)?, to: read(&ask.to)? })
    }

    /// Both ends, each a second.
    fn is_whole(self) -> bool {
        let second = |at: Option<Wall>| at.is_some_and(|at| at.0 % 1_000 == 0);
        second(self.from) && second(self.to)
    }

    fn holds(self, at: Wall) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}

// === impl Line ===

impl Line {
    fn of(name: Option<(&'static str, String)>, currency: Currency, sum: &Difference) -> Self {
        let money = |amount| Money::of(amount, currency).to_string();
        Self {
            name: name.into_iter().collect(),
            currency,
            calls: sum.calls,
            old_amount: money(sum.old),
            new_amount: money(sum.new),
            difference: money(sum.more()),
        }
    }
}
