//! Two versions of a deck side by side: which rows of the file differ, and which prices change from which
//! instant on.
//!
//! Rows are what an operator edits; prices are what a customer pays. A row that ends one day and another that
//! begins there are two changed rows and one change of price.

mod list;
mod prices;
mod rules;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::iter::Peekable;

use units::{Name, Prefix, Rate, Wall};

use super::{Deck, Row, Stored};

pub use prices::price_changes;
pub use rules::{PeriodChange, RuleChanges};

/// What became of one row. The numbers are places in [`Deck::rows`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RowChange {
    /// Only the new version has it.
    Added(usize, Row),
    /// Only the old version has it.
    Removed(usize, Row),
    /// Both have a row of this prefix and this start, and they differ.
    Changed {
        /// Place and row in the old version.
        old: (usize, Row),
        /// Place and row in the new one.
        new: (usize, Row),
        /// Whether it became dearer.
        direction: Direction,
    },
}

/// Which way a price went.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// Dearer.
    Up,
    /// Cheaper.
    Down,
    /// Neither, as another name, other dates, or one thing dearer and another cheaper.
    Aside,
}

/// What a customer pays on a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Paid {
    /// Per minute.
    pub rate: Rate,
    /// The same after the first block.
    pub next_rate: Rate,
    /// Per answered call.
    pub connect_fee: Rate,
    /// Billing steps, s: the first and the others.
    pub steps: (u32, u32),
}

/// A price that changes at an instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PriceChange {
    /// Digits of the rows.
    pub prefix: Prefix,
    /// The new row's name, or the old one's if there is no new one.
    pub destination: Name,
    /// At these times of the week only.
    pub period: Option<Name>,
    /// What was paid until then, by a row of the prefix or by the one that stood in for it; none if these
    /// numbers had no price.
    pub old: Option<Paid>,
    /// What is paid from then on; none if these numbers have no price any more.
    pub new: Option<Paid>,
    /// The first instant of the new price.
    pub from: Wall,
}

/// The same change of price of several prefixes of one destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effect {
    /// Their name.
    pub destination: Name,
    /// At these times of the week only.
    pub period: Option<Name>,
    /// Paid before.
    pub old: Option<Paid>,
    /// Paid afterwards.
    pub new: Option<Paid>,
    /// From when on.
    pub from: Wall,
    /// How many prefixes.
    pub prefixes: usize,
    /// Of the rate, hundredths of a per cent, rounded half away from zero; none without a rate above 0 on one
    /// side and any on the other.
    pub percent: Option<i64>,
}

/// The rows of one prefix, and the place of the first.
type Group<'a> = (usize, &'a [Stored]);

/// What makes a row the same row in another version: its period and its start.
type Key = (Option<Name>, Option<Wall>);

// === impl Deck ===

impl Deck {
    /// Every row that differs in `new`, by prefix, and how many do not.
    pub fn row_changes(&self, new: &Self) -> (Vec<RowChange>, usize) {
        let (mut changes, mut same) = (Vec::new(), 0);
        let (mut before, mut after) = (self.groups().peekable(), new.groups().peekable());
        loop {
            let (was, is) = next_of(&mut before, &mut after, Self::prefix_of);
            if was.is_none() && is.is_none() {
                return (changes, same);
            }
            let (mut was, mut is) =
                (self.keyed(was).into_iter().peekable(), new.keyed(is).into_iter().peekable());
            loop {
                let change = match next_of(&mut was, &mut is, |(key, _)| key.clone()) {
                    (None, None) => break,
                    (Some((_, (at, row))), None) => RowChange::Removed(at, row),
                    (None, Some((_, (at, row)))) => RowChange::Added(at, row),
                    (Some((_, old)), Some((_, new))) if old.1 == new.1 => {
                        same += 1;
                        continue;
                    }
                    (Some((_, old)), Some((_, new))) => {
                        RowChange::Changed { direction: Direction::of(&old.1, &new.1), old, new }
                    }
                };
                changes.push(change);
            }
        }
    }

    fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let mut first = 0;
        self.rows.chunk_by(|a, b| a.prefix == b.prefix).map(move |rows| {
            let at = first;
            first += rows.len();
            (at, rows)
        })
    }

    fn prefix_of((_, rows): &Group<'_>) -> Option<Prefix> {
        rows.first().map(|row| row.prefix)
    }

    /// Rows with their places, in the order of their keys: two versions may define their periods in another
    /// order.
    fn keyed(&self, group: Option<Group<'_>>) -> Vec<(Key, (usize, Row))> {
        let Some((first, rows)) = group else { return Vec::new() };
        let keyed = |(at, row): (usize, &Stored)| {
            let row = self.expand(row);
            ((row.period.clone(), row.effective_from), (first + at, row))
        };
        let mut rows: Vec<_> = rows.iter().enumerate().map(keyed).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        rows
    }
}

/// Takes the smaller of two heads, or both if they are equal.
fn next_of<T, K: Ord>(
    before: &mut Peekable<impl Iterator<Item = T>>,
    after: &mut Peekable<impl Iterator<Item = T>>,
    key: impl Fn(&T) -> K,
) -> (Option<T>, Option<T>) {
    let order = match (before.peek(), after.peek()) {
        (Some(old), Some(new)) => key(old).cmp(&key(new)),
        (Some(_), None) => Ordering::Less,
        (None, _) => Ordering::Greater,
    };
    let old = if order.is_le() { before.next() } else { None };
    let new = if order.is_ge() { after.next() } else { None };
    (old, new)
}

// === impl Direction ===

impl Direction {
    /// By the rate; at equal rates by the rest, if they all go one way.
    fn of(old: &Row, new: &Row) -> Self {
        let (was, is) = (Paid::of(old), Paid::of(new));
        let rate = is.rate.cmp(&was.rate);
        if rate.is_ne() {
            return if rate.is_gt() { Self::Up } else { Self::Down };
        }
        let steps = [is.steps.0.cmp(&was.steps.0), is.steps.1.cmp(&was.steps.1)];
        let parts =
            [is.next_rate.cmp(&was.next_rate), is.connect_fee.cmp(&was.connect_fee), steps[0], steps[1]];
        match (parts.contains(&Ordering::Greater), parts.contains(&Ordering::Less)) {
            (true, false) => Self::Up,
            (false, true) => Self::Down,
            (true, true) | (false, false) => Self::Aside,
        }
    }
}

// === impl Paid ===

impl Paid {
    /// What a row says.
    pub fn of(row: &Row) -> Self {
        let next_rate = row.next_rate.unwrap_or(row.rate);
        Self {
            rate: row.rate,
            next_rate,
            connect_fee: row.connect_fee,
            steps: (row.increments.initial(), row.increments.increment()),
        }
    }
}

// === impl Effect ===

impl Effect {
    /// Changes that say the same of one destination taken together, the largest in per cent first; then those
    /// without a per cent.
    pub fn of(changes: &[PriceChange]) -> Vec<Self> {
        let mut taken: BTreeMap<_, Self> = BTreeMap::new();
        for change in changes {
            let PriceChange { destination, period, old, new, from, .. } = change.clone();
            let key = (&change.destination, &change.period, from, old, new);
            let first = || {
                let percent = old.zip(new).and_then(|(old, new)| percent(old.rate, new.rate));
                Self { destination, period, old, new, from, prefixes: 0, percent }
            };
            taken.entry(key).or_insert_with(first).prefixes += 1;
        }
        let mut effects: Vec<Self> = taken.into_values().collect();
        effects.sort_by_key(|effect| std::cmp::Reverse(effect.percent.map(i64::unsigned_abs)));
        effects
    }
}

/// Hundredths of a per cent, half away from zero.
fn percent(old: Rate, new: Rate) -> Option<i64> {
    let (old, new) = (i128::from(old.count()), i128::from(new.count()));
    let change = new - old;
    if old <= 0 {
        return None;
    }
    let doubled = change * 20_000 / old;
    i64::try_from((doubled + doubled.signum()) / 2).ok()
}

#[cfg(test)]
mod tests;
