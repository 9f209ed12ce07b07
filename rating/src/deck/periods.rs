//! Rows that hold at certain times of the week: which counts at an instant, and a call's segments laid out
//! from its answer.
//!
//! The row is the one at the answer; after that the rows of the same prefix that were in force then take
//! turns. A block is priced by the period in which it starts, and is never cut.

use units::{Period, Prefix, Wall};

use ledger::Segment;

use super::{Deck, Stored, Terms};

/// Segments reach so far from the answer; the last then holds for ever. No call is longer.
const HORIZON_SECS: u64 = 604_800;
/// Most segments of a call.
const MAX_SEGMENTS: usize = 256;

/// A row in force and when.
struct Choice<'a> {
    /// None: at all times.
    period: Option<&'a Period>,
    row: &'a Stored,
    terms: Terms,
}

// === impl Deck ===

impl Deck {
    /// Whether the price of a row depends on the instant of the answer, since rows of its prefix have
    /// periods.
    pub(crate) fn is_timed(&self, row: u32) -> bool {
        if !self.has_periods {
            return false;
        }
        let group = self.rows.get(row as usize).map(|row| self.group(row.prefix)).unwrap_or_default();
        // Rows without a period stand last.
        group.first().is_some_and(|first| self.terms(first).period != Terms::ALWAYS)
    }

    /// A call's segments if it is answered at `at` by this row; none if the row's rate and increments say
    /// all.
    pub(super) fn segments(&self, at_row: u32, at: Wall) -> Vec<Segment> {
        let Some(row) = self.rows.get(at_row as usize) else { return Vec::new() };
        let terms = self.terms(row);
        if !self.is_timed(at_row) {
            return if terms.next_rate == Terms::SAME {
                Vec::new()
            } else {
                vec![first(row, terms, None), next(row, terms, None, u64::from(terms.increments.initial()))]
            };
        }
        let choices = self.choices(row.prefix, at);
        let Some(mut before) = choices.iter().find(|choice| std::ptr::eq(choice.row, row)) else {
            return Vec::new();
        };
        let mut segments = vec![first(row, terms, before.period)];
        let end = at.plus_ms((HORIZON_SECS * 1_000).cast_signed());
        let (mut now, mut block) = (at, u64::from(terms.increments.initial()));
        while now < end && segments.len() < MAX_SEGMENTS {
            let edge = choices
                .iter()
                .filter_map(|choice| choice.period)
                .map(|period| period.next_edge(now))
                .min()
                .unwrap_or(end)
                .min(end);
            let until = edge.0.abs_diff(at.0).div_ceil(1_000);
            if block < until {
                // Where no row of the prefix holds, that of the block before goes on.
                before = choices.iter().find(|choice| choice.holds(now)).unwrap_or(before);
                let segment = next(before.row, before.terms, before.period, block);
                let length = u64::from(segment.block.max(1));
                block += (until - block).div_ceil(length) * length;
                let goes_on = segments.len() > 1
                    && segments
                        .last()
                        .is_some_and(|last| Segment { from: last.from, ..segment.clone() } == *last);
                if !goes_on {
                    segments.push(segment);
                }
            }
            now = edge;
        }
        segments
    }

    /// The rows of a prefix in force at `at`, those with periods in the order of their definition, then the
    /// one without.
    fn choices(&self, prefix: Prefix, at: Wall) -> Vec<Choice<'_>> {
        let by_period = self.group(prefix).chunk_by(|a, b| self.terms(a).period == self.terms(b).period);
        let in_force = by_period.filter_map(|rows| {
            let begun = rows.partition_point(|row| self.terms(row).from <= at.0);
            let row = rows.get(begun.checked_sub(1)?)?;
            let terms = self.terms(row);
            Some(Choice { period: self.period(terms), row, terms }).filter(|_| at.0 < terms.until)
        });
        in_force.collect()
    }

    /// All rows of a prefix.
    pub(super) fn group(&self, prefix: Prefix) -> &[Stored] {
        let first = self.rows.partition_point(|row| row.prefix < prefix);
        let rows = self.rows.get(first..).unwrap_or_default();
        rows.get(..rows.partition_point(|row| row.prefix == prefix)).unwrap_or_default()
    }

    /// When a row holds; none if always.
    pub(super) fn period(&self, terms: Terms) -> Option<&Period> {
        self.periods.get(usize::from(terms.period))
    }
}

// === impl Choice ===

impl Choice<'_> {
    fn holds(&self, at: Wall) -> bool {
        self.period.is_none_or(|period| period.contains(at))
    }
}

fn first(row: &Stored, terms: Terms, period: Option<&Period>) -> Segment {
    Segment {
        from: 0,
        block: terms.increments.initial(),
        rate: row.rate,
        period: period.map(|period| period.name().clone()),
    }
}

fn next(row: &Stored, terms: Terms, period: Option<&Period>, from: u64) -> Segment {
    let rate = if terms.next_rate == Terms::SAME { row.rate } else { terms.next_rate };
    Segment {
        from,
        block: terms.increments.increment(),
        rate,
        period: period.map(|period| period.name().clone()),
    }
}
