//! Two versions of a deck side by side: which rows of the file differ, and which prices change from which instant on.
//!
//! Rows are what an operator edits; prices are what a customer pays. A row that ends one day and another that begins there are two
//! changed rows and one change of price.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use units::{Name, Prefix, Wall};

use super::{Deck, Row, Stored};

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
    /// Per minute, 10⁻⁵ units.
    pub rate: i64,
    /// The same after the first block.
    pub next_rate: i64,
    /// Per answered call, 10⁻⁵ units.
    pub connect_fee: i64,
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
    /// What was paid until then; none if no row of the prefix was in force.
    pub old: Option<Paid>,
    /// What is paid from then on; none if no row of the prefix is in force.
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
    /// Of the rate, hundredths of a per cent, rounded half away from zero; none without a rate above 0 on one side and any on the other.
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
            let (mut was, mut is) = (self.keyed(was).into_iter().peekable(), new.keyed(is).into_iter().peekable());
            loop {
                let change = match next_of(&mut was, &mut is, |(key, _)| key.clone()) {
                    (None, None) => break,
                    (Some((_, (at, row))), None) => RowChange::Removed(at, row),
                    (None, Some((_, (at, row)))) => RowChange::Added(at, row),
                    (Some((_, old)), Some((_, new))) if old.1 == new.1 => {
                        same += 1;
                        continue;
                    }
                    (Some((_, old)), Some((_, new))) => RowChange::Changed { direction: Direction::of(&old.1, &new.1), old, new },
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

    /// Rows with their places, in the order of their keys: two versions may define their periods in another order.
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

    /// A group's rows by period, each by start.
    fn by_period<'a>(&self, group: Option<Group<'a>>) -> BTreeMap<Option<Name>, &'a [Stored]> {
        let rows = group.map(|(_, rows)| rows).unwrap_or_default();
        let named = |rows: &'a [Stored]| {
            let terms = rows.first().map(|row| self.terms(row));
            (terms.and_then(|terms| self.period(terms)).map(|period| period.name().clone()), rows)
        };
        rows.chunk_by(|a, b| self.terms(a).period == self.terms(b).period).map(named).collect()
    }

    /// Of rows that never overlap, in order, the one that is in force.
    fn row_of(&self, rows: &[Stored], at: Wall) -> Option<Row> {
        let begun = rows.partition_point(|row| self.terms(row).from <= at.0);
        let row = rows.get(begun.checked_sub(1)?)?;
        (at.0 < self.terms(row).until).then(|| self.expand(row))
    }

    /// Instants after `since` at which one row gives way to another.
    fn instants(&self, rows: &[Stored], since: Wall) -> impl Iterator<Item = Wall> {
        let bounds = rows.iter().flat_map(|row| [self.terms(row).from, self.terms(row).until]);
        bounds.filter(move |at| *at > since.0 && *at < i64::MAX).map(Wall)
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

/// Every price that is another under `new` than under `old` at `since` or later, by prefix, period and instant. What was the same until
/// then and is announced by both versions is no change.
pub fn price_changes(old: &Deck, new: &Deck, since: Wall) -> Vec<PriceChange> {
    let mut changes = Vec::new();
    let (mut before, mut after) = (old.groups().peekable(), new.groups().peekable());
    loop {
        let (was, is) = next_of(&mut before, &mut after, Deck::prefix_of);
        if was.is_none() && is.is_none() {
            return changes;
        }
        let (was, is) = (old.by_period(was), new.by_period(is));
        let periods: BTreeSet<&Option<Name>> = was.keys().chain(is.keys()).collect();
        for period in periods {
            let rows = |of: &BTreeMap<Option<Name>, _>| of.get(period).copied().unwrap_or_default();
            line_changes((old, rows(&was)), (new, rows(&is)), since, &mut changes);
        }
    }
}

/// The changes of one prefix in one period.
fn line_changes((old, was): (&Deck, &[Stored]), (new, is): (&Deck, &[Stored]), since: Wall, changes: &mut Vec<PriceChange>) {
    let mut instants: Vec<Wall> = old.instants(was, since).chain(new.instants(is, since)).collect();
    instants.push(since);
    instants.sort_unstable();
    instants.dedup();
    let paid = |row: &Option<Row>| row.as_ref().map(Paid::of);
    let mut until_now: Option<Option<Paid>> = None;
    for at in instants {
        let (promised, given) = (old.row_of(was, at), new.row_of(is, at));
        let before = until_now.unwrap_or_else(|| paid(&promised));
        until_now = Some(paid(&given));
        if paid(&promised) == paid(&given) {
            continue;
        }
        // Where nothing changes after all, the news is that what had been announced does not come.
        let old = if before == paid(&given) { paid(&promised) } else { before };
        let Some(row) = given.as_ref().or(promised.as_ref()) else { continue };
        let (destination, period) = (row.destination.clone(), row.period.clone());
        changes.push(PriceChange { prefix: row.prefix, destination, period, old, new: paid(&given), from: at });
    }
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
        let parts = [is.next_rate.cmp(&was.next_rate), is.connect_fee.cmp(&was.connect_fee), steps[0], steps[1]];
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
        Self { rate: row.rate, next_rate, connect_fee: row.connect_fee, steps: (row.increments.initial(), row.increments.increment()) }
    }
}

// === impl Effect ===

impl Effect {
    /// Changes that say the same of one destination taken together, the largest in per cent first; then those without a per cent.
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
fn percent(old: i64, new: i64) -> Option<i64> {
    let (old, change) = (i128::from(old), i128::from(new) - i128::from(old));
    if old <= 0 {
        return None;
    }
    let doubled = change * 20_000 / old;
    i64::try_from((doubled + doubled.signum()) / 2).ok()
}

#[cfg(test)]
mod tests {
    use units::{Currency, Money};

    use super::*;

    const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";
    /// Instants by one letter, so that tables stay narrow. The new version is loaded at `C`.
    const INSTANTS: [(&str, &str); 5] = [
        ("A", "2026-01-01T00:00:00Z"),
        ("B", "2026-02-01T00:00:00Z"),
        ("C", "2026-03-01T00:00:00Z"),
        ("D", "2026-04-01T00:00:00Z"),
        ("E", "2026-05-01T00:00:00Z"),
    ];

    fn deck(rows: &str) -> Deck {
        let rows = INSTANTS.iter().fold(rows.to_owned(), |rows, (letter, instant)| rows.replace(&format!("@{letter}"), instant));
        let rows: String = rows.split(';').map(|row| format!("{}\n", row.trim())).collect();
        Deck::load("retail", Currency::EUR, format!("{HEADER}{rows}").as_bytes()).expect("a good deck").0
    }

    fn instant(letter: &str) -> Wall {
        INSTANTS.iter().find(|(known, _)| *known == letter).and_then(|(_, text)| Wall::parse(text)).expect("an instant")
    }

    fn letter(at: Wall) -> &'static str {
        INSTANTS.iter().find(|(_, text)| Wall::parse(text) == Some(at)).map_or("?", |(letter, _)| *letter)
    }

    fn money(paid: Option<Paid>) -> String {
        paid.map_or("-".to_owned(), |paid| Money::of(paid.rate, Currency::EUR).to_string())
    }

    #[test]
    fn rows() {
        #[rustfmt::skip]
        let table = [
            // old                                new                                      what became of them
            ("55,Brazil,.02,30,6,,,",             "55,Brazil,.02,30,6,,,",                 "same 1"),
            ("55,Brazil,.02,30,6,,,",             "55,Brazil,.03,30,6,,,",                 "up 55, same 0"),
            ("55,Brazil,.02,30,6,,,",             "55,Brazil,.01,60,60,.5,,",              "down 55, same 0"),
            ("55,Brazil,.02,30,6,,,",             "55,Brazil,.02,60,6,,,",                 "up 55, same 0"),
            ("55,Brazil,.02,30,6,.1,,",           "55,Brazil,.02,30,6,,,",                 "down 55, same 0"),
            ("55,Brazil,.02,30,6,,,",             "55,Brazil,.02,60,1,,,",                 "aside 55, same 0"),
            ("55,Brazil,.02,30,6,,,",             "55,Brasil,.02,30,6,,,",                 "aside 55, same 0"),
            ("55,Brazil,.02,30,6,,,;7,RU,1,1,1,,,", "7,RU,1,1,1,,,;8,X,1,1,1,,,",          "removed 55, added 8, same 1"),
            ("55,Brazil,.02,30,6,,,",             "55,Brazil,.02,30,6,,,@D;55,Brazil,.03,30,6,,@D,", "aside 55, added 55, same 0"),
        ];
        for (old, new, expected) in table {
            let (changes, same) = deck(old).row_changes(&deck(new));
            let mut said = String::new();
            for change in &changes {
                said += &match change {
                    RowChange::Added(_, row) => format!("added {}, ", row.prefix),
                    RowChange::Removed(_, row) => format!("removed {}, ", row.prefix),
                    RowChange::Changed { new, direction, .. } => format!("{direction:?} {}, ", new.1.prefix).to_lowercase(),
                };
            }
            assert_eq!(format!("{said}same {same}"), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn prices_by_instant() {
        #[rustfmt::skip]
        let table = [
            // old                                     new                                           loaded at C
            ("55,B,.02,1,1,,,",                        "55,B,.02,1,1,,,",                            ""),
            ("55,B,.02,1,1,,,",                        "55,B,.03,1,1,,,",                            "55 0.02000 0.03000 C;"),
            ("55,B,.02,1,1,,,",                        "55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",        "55 0.02000 0.03000 D;"),
            // announced before, and now the present
            ("55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",    "55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",        ""),
            ("55,B,.02,1,1,,,@B;55,B,.03,1,1,,@B,",    "55,B,.03,1,1,,,",                            ""),
            // announced and taken back, or changed
            ("55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",    "55,B,.02,1,1,,,",                            "55 0.03000 0.02000 D;"),
            ("55,B,.02,1,1,,,@D;55,B,.03,1,1,,@D,",    "55,B,.02,1,1,,,@D;55,B,.04,1,1,,@D,",        "55 0.02000 0.04000 D;"),
            // at once and again
            ("55,B,.02,1,1,,,",                        "55,B,.03,1,1,,,@E;55,B,.04,1,1,,@E,",        "55 0.02000 0.03000 C;55 0.03000 0.04000 E;"),
            // the past is the past
            ("55,B,.02,1,1,,,@B;55,B,.03,1,1,,@B,",    "55,B,.09,1,1,,,@B;55,B,.03,1,1,,@B,",        ""),
            ("55,B,.02,1,1,,,",                        "55,B,.02,1,1,,,@B;55,B,.03,1,1,,@B,",        "55 0.02000 0.03000 C;"),
            // rows come and go
            ("7,R,1,1,1,,,",                           "7,R,1,1,1,,,;76,K,2,1,1,,@D,",               "76 - 2.00000 D;"),
            ("7,R,1,1,1,,,;76,K,2,1,1,,,",             "7,R,1,1,1,,,",                               "76 2.00000 - C;"),
            ("7,R,1,1,1,,,",                           "7,R,1,1,1,,,@D",                             "7 1.00000 - D;"),
            // another step is another price at the same rate
            ("55,B,.02,1,1,,,",                        "55,B,.02,60,60,,,",                          "55 0.02000 0.02000 C;"),
            ("55,B,.02,1,1,,,",                        "55,Brasil,.02,1,1,,,",                       ""),
        ];
        for (old, new, expected) in table {
            let changes = price_changes(&deck(old), &deck(new), instant("C"));
            let line = |c: &PriceChange| format!("{} {} {} {};", c.prefix, money(c.old), money(c.new), letter(c.from));
            assert_eq!(changes.iter().map(line).collect::<String>(), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn effects_come_by_size_and_destinations_together() {
        let old =
            deck("55,Brazil,.02,1,1,,,;5511,Brazil,.02,1,1,,,;34,Spain,.03,1,1,,,;7,Russia,0,1,1,,,;44,UK,.04,1,1,,,;1,US,.03,1,1,,,");
        let new =
            deck("55,Brazil,.03,1,1,,,;5511,Brazil,.03,1,1,,,;34,Spain,.01,1,1,,,;7,Russia,1,1,1,,,;44,UK,.04,1,1,,,;1,US,.02,1,1,,,");
        let effects = Effect::of(&price_changes(&old, &new, instant("C")));
        let said: Vec<_> = effects.iter().map(|e| (&*e.destination, e.prefixes, e.percent)).collect();
        assert_eq!(said, [("Spain", 1, Some(-6_667)), ("Brazil", 2, Some(5_000)), ("US", 1, Some(-3_333)), ("Russia", 1, None)]);
    }
}
