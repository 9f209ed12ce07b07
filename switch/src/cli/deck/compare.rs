//! Two versions of a deck compared, for people and as JSON. Nothing here is applied.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use rating::deck::{Direction, Draft, Effect, Paid, PriceChange, Row, RowChange, price_changes};
use rating::{Deck, price};
use serde::Serialize;
use units::Wall;

use super::rules::RulesDoc;
use crate::cli::table::folded;
use crate::cli::{plain, print_json, stdout};

/// How much is printed.
#[derive(clap::Args)]
pub(crate) struct Shown {
    /// Lines of each list that are printed; --json has them all
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// Where what a title says begins.
const TITLE: usize = 9;
/// Where what does not fit into a line of a list goes on.
const INDENT: usize = 19;

/// A deck, and the lines of its rows if it came from a file.
pub(super) struct Known<'a> {
    pub deck: &'a Deck,
    pub lines: &'a [u64],
}

/// What a new version changes.
#[derive(Serialize)]
pub(super) struct Comparison {
    deck: String,
    currency: String,
    /// When the new version would be loaded.
    at: String,
    old: Side,
    new: Side,
    added: usize,
    removed: usize,
    up: usize,
    down: usize,
    /// Neither dearer nor cheaper.
    otherwise: usize,
    unchanged: usize,
    in_error: usize,
    /// Rows of the new version that were over before it is loaded: they price no call.
    over: usize,
    /// Added or changed rows that began before: calls already answered keep their price.
    begun: usize,
    #[serde(flatten)]
    rules: RulesDoc,
    effects: Vec<EffectLine>,
    instants: Vec<InstantLine>,
    rows: Vec<RowLine>,
    errors: Vec<ErrorLine>,
    warnings: Vec<ErrorLine>,
}

#[derive(Serialize)]
struct Side {
    version: String,
    rows: usize,
}

/// One destination's price.
#[derive(Serialize)]
struct EffectLine {
    destination: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    old: Option<PaidDoc>,
    new: Option<PaidDoc>,
    /// Signed, two places.
    percent: Option<String>,
    prefixes: usize,
    from: String,
}

#[derive(Serialize, Clone, PartialEq)]
struct PaidDoc {
    rate: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_rate: Option<String>,
    connect_fee: String,
    initial: u32,
    increment: u32,
}

/// How many prices change at one instant.
#[derive(Serialize, Default)]
struct InstantLine {
    from: String,
    up: usize,
    down: usize,
    otherwise: usize,
    added: usize,
    removed: usize,
}

#[derive(Serialize)]
struct RowLine {
    change: &'static str,
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<String>,
    old: Option<RowSide>,
    new: Option<RowSide>,
}

#[derive(Serialize)]
struct RowSide {
    line: Option<u64>,
    destination: String,
    #[serde(flatten)]
    paid: PaidDoc,
    effective_from: Option<String>,
    effective_until: Option<String>,
}

#[derive(Serialize)]
struct ErrorLine {
    file: String,
    line: u64,
    column: u64,
    message: String,
}

/// Prints all; not a success if one of them would not load.
pub(super) fn print(comparisons: &[Comparison], shown: &Shown) -> anyhow::Result<ExitCode> {
    match comparisons {
        [one] if shown.json => print_json(one)?,
        _ if shown.json => print_json(&comparisons)?,
        _ => {
            let mut out = stdout();
            for comparison in comparisons {
                comparison.print(&mut out, shown.limit)?;
            }
            out.flush()?;
        }
    }
    let fine = comparisons.iter().all(|comparison| comparison.in_error == 0);
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

// === impl Comparison ===

impl Comparison {
    /// `file` names the new version in findings.
    pub(super) fn of(old: Known<'_>, new: &Draft, file: &Path, at: Wall) -> Self {
        let (changes, unchanged) = old.deck.row_changes(&new.deck);
        let prices = price_changes(old.deck, &new.deck, at);
        let begun = |row: &Row| row.effective_from.is_some_and(|from| from < at);
        let side =
            |deck: &Deck| Side { version: price::version_text(deck.version()).to_string(), rows: deck.len() };
        let finding = |found: &rating::DeckError| ErrorLine {
            file: file.display().to_string(),
            line: found.line,
            column: found.column,
            message: plain(&found.message),
        };
        let mut comparison = Self {
            deck: new.deck.name().to_string(),
            currency: new.deck.currency().to_string(),
            at: at.rfc3339(),
            old: side(old.deck),
            new: side(&new.deck),
            added: 0,
            removed: 0,
            up: 0,
            down: 0,
            otherwise: 0,
            unchanged,
            in_error: new.errors.len(),
            over: new.deck.rows().filter(|row| row.effective_until.is_some_and(|until| until <= at)).count(),
            begun: 0,
            rules: RulesDoc::of(old.deck, &new.deck),
            effects: Effect::of(&prices).iter().map(effect_line).collect(),
            instants: instants(&prices),
            rows: Vec::with_capacity(changes.len()),
            errors: new.errors.iter().map(finding).collect(),
            warnings: new.warnings.iter().map(finding).collect(),
        };
        for change in &changes {
            let line = row_line(change, &old, new);
            match line.change {
                "added" => comparison.added += 1,
                "removed" => comparison.removed += 1,
                "up" => comparison.up += 1,
                "down" => comparison.down += 1,
                _ => comparison.otherwise += 1,
            }
            if let RowChange::Added(_, row) | RowChange::Changed { new: (_, row), .. } = change {
                comparison.begun += usize::from(begun(row));
            }
            comparison.rows.push(line);
        }
        comparison
    }

    fn print(&self, out: &mut impl Write, limit: usize) -> std::io::Result<()> {
        writeln!(out, "deck     {} {}", plain(&self.deck), self.currency)?;
        writeln!(out, "old      version {}, {} rows", self.old.version, self.old.rows)?;
        writeln!(out, "new      version {}, {} rows", self.new.version, self.new.rows)?;
        let rows = format!(
            "rows     {} added, {} removed, {} dearer, {} cheaper, {} otherwise changed, {} unchanged, {} in error",
            self.added, self.removed, self.up, self.down, self.otherwise, self.unchanged, self.in_error
        );
        writeln!(out, "{}", folded(&rows, TITLE))?;
        if self.over + self.begun > 0 {
            let kept = "calls already billed keep their amounts";
            let past = format!(
                "past     {} rows are over, {} changed rows began earlier: {kept}",
                self.over, self.begun
            );
            writeln!(out, "{}", folded(&past, TITLE))?;
        }
        self.rules.print(out)?;
        list(out, "In error: nothing would be loaded", &self.errors, limit, ErrorLine::text)?;
        list(out, "Warnings", &self.warnings, limit, ErrorLine::text)?;
        list(out, "Prices, the largest change first", &self.effects, limit, |line| {
            folded(&format!("  {}", line.text()), INDENT)
        })?;
        list(out, &format!("When, if loaded at {}", self.at), &self.instants, limit, |line| {
            folded(&format!("  {}", line.text()), INDENT)
        })?;
        list(out, "Rows", &self.rows, limit, |line| folded(&format!("  {}", line.text()), INDENT))
    }
}

fn list<T>(
    out: &mut impl Write,
    title: &str,
    lines: &[T],
    limit: usize,
    text: impl Fn(&T) -> String,
) -> std::io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    for line in lines.iter().take(limit) {
        writeln!(out, "{}", text(line))?;
    }
    match lines.len().saturating_sub(limit) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more: --limit, --json"),
    }
}

fn effect_line(effect: &Effect) -> EffectLine {
    EffectLine {
        destination: effect.destination.to_string(),
        period: effect.period.as_ref().map(ToString::to_string),
        old: effect.old.map(paid_doc),
        new: effect.new.map(paid_doc),
        percent: effect.percent.map(percent_text),
        prefixes: effect.prefixes,
        from: effect.from.rfc3339(),
    }
}

/// Hundredths as `+33.33`.
fn percent_text(hundredths: i64) -> String {
    let sign = if hundredths < 0 { '-' } else { '+' };
    let size = hundredths.unsigned_abs();
    format!("{sign}{}.{:02}", size / 100, size % 100)
}

fn instants(changes: &[PriceChange]) -> Vec<InstantLine> {
    let mut lines: BTreeMap<Wall, InstantLine> = BTreeMap::new();
    for change in changes {
        let line = lines.entry(change.from).or_default();
        match (change.old, change.new) {
            (Some(old), Some(new)) if new.rate > old.rate => line.up += 1,
            (Some(old), Some(new)) if new.rate < old.rate => line.down += 1,
            (None, _) => line.added += 1,
            (_, None) => line.removed += 1,
            (Some(_), Some(_)) => line.otherwise += 1,
        }
    }
    lines.into_iter().map(|(from, line)| InstantLine { from: from.rfc3339(), ..line }).collect()
}

fn row_line(change: &RowChange, old: &Known<'_>, new: &Draft) -> RowLine {
    let was = |(at, row): &(usize, Row)| row_side(row, old.lines.get(*at).copied());
    let is = |(at, row): &(usize, Row)| row_side(row, new.lines.get(*at).copied());
    let (change, row, old, new) = match change {
        RowChange::Added(at, row) => ("added", row, None, Some(is(&(*at, row.clone())))),
        RowChange::Removed(at, row) => ("removed", row, Some(was(&(*at, row.clone()))), None),
        RowChange::Changed { old, new, direction } => {
            let change = match direction {
                Direction::Up => "up",
                Direction::Down => "down",
                Direction::Aside => "otherwise",
            };
            (change, &new.1, Some(was(old)), Some(is(new)))
        }
    };
    RowLine {
        change,
        prefix: row.prefix.to_string(),
        period: row.period.as_ref().map(ToString::to_string),
        old,
        new,
    }
}

fn row_side(row: &Row, line: Option<u64>) -> RowSide {
    RowSide {
        line,
        destination: row.destination.to_string(),
        paid: paid_doc(Paid::of(row)),
        effective_from: row.effective_from.map(Wall::rfc3339),
        effective_until: row.effective_until.map(Wall::rfc3339),
    }
}

fn paid_doc(paid: Paid) -> PaidDoc {
    // An amount's text does not depend on its currency.
    PaidDoc {
        rate: paid.rate.to_string(),
        next_rate: (paid.next_rate != paid.rate).then(|| paid.next_rate.to_string()),
        connect_fee: paid.connect_fee.to_string(),
        initial: paid.steps.0,
        increment: paid.steps.1,
    }
}

// === impl PaidDoc ===

impl PaidDoc {
    fn text(&self) -> String {
        let fee = if self.connect_fee == "0.00000" {
            String::new()
        } else {
            format!(" and {} a call", self.connect_fee)
        };
        let next = self.next_rate.as_ref().map_or(String::new(), |next| format!(" then {next}"));
        format!("{}{next} {}/{}{fee}", self.rate, self.initial, self.increment)
    }
}

fn or_none(paid: Option<&PaidDoc>) -> String {
    paid.map_or_else(|| "none".to_owned(), PaidDoc::text)
}

// === impl EffectLine ===

impl EffectLine {
    fn text(&self) -> String {
        let percent = self.percent.as_ref().map_or(String::new(), |percent| format!("{percent} %"));
        let prefixes =
            if self.prefixes == 1 { "1 prefix".to_owned() } else { format!("{} prefixes", self.prefixes) };
        let (old, new) = (or_none(self.old.as_ref()), or_none(self.new.as_ref()));
        let period = self.period.as_ref().map_or(String::new(), |period| format!(" ({})", plain(period)));
        format!(
            "{percent:>11}  {}{period}  {old} -> {new}  {prefixes} from {}",
            plain(&self.destination),
            self.from
        )
    }
}

// === impl InstantLine ===

impl InstantLine {
    fn text(&self) -> String {
        let Self { from, up, down, otherwise, added, removed } = self;
        format!(
            "{from}  {up} dearer, {down} cheaper, {otherwise} otherwise changed, {added} new, {removed} gone"
        )
    }
}

// === impl RowLine ===

impl RowLine {
    fn text(&self) -> String {
        let side = |side: &Option<RowSide>| side.as_ref().map(RowSide::text).unwrap_or_default();
        let arrow = if self.old.is_some() && self.new.is_some() { " -> " } else { "" };
        let period = self.period.as_ref().map_or(String::new(), |period| format!(" ({})", plain(period)));
        format!("{:<9}  {}{period}  {}{arrow}{}", self.change, self.prefix, side(&self.old), side(&self.new))
    }
}

// === impl RowSide ===

impl RowSide {
    fn text(&self) -> String {
        let line = self.line.map_or(String::new(), |line| format!("line {line}: "));
        let from = self.effective_from.as_ref().map_or(String::new(), |at| format!(" from {at}"));
        let until = self.effective_until.as_ref().map_or(String::new(), |at| format!(" until {at}"));
        format!("{line}{} {}{from}{until}", plain(&self.destination), self.paid.text())
    }
}

// === impl ErrorLine ===

impl ErrorLine {
    fn text(&self) -> String {
        format!("  {}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cents_have_two_places_and_a_sign() {
        for (hundredths, text) in [
            (0, "+0.00"),
            (5, "+0.05"),
            (-5, "-0.05"),
            (5_000, "+50.00"),
            (-6_667, "-66.67"),
            (123_456, "+1234.56"),
        ] {
            assert_eq!(percent_text(hundredths), text);
        }
    }
}
