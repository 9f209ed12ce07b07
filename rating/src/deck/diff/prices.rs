//! Which prices change from which instant on: what calls to a prefix pay under one version and under the
//! other.
//!
//! Where a prefix has no row in force, calls pay by the row that stands in for it; a row that comes or goes
//! is a change from or to that price.

use std::collections::{BTreeMap, BTreeSet};

use units::{Name, Prefix, Wall};

use super::{Group, Paid, PriceChange, next_of};
use crate::deck::{Deck, Row, Stored};

/// The rows of one prefix and period under one version.
#[derive(Clone, Copy)]
struct Line<'a> {
    deck: &'a Deck,
    rows: &'a [Stored],
}

/// Every price that is another under `new` than under `old` at `since` or later, by prefix, period and
/// instant. What was the same until then and is announced by both versions is no change. In another currency
/// every price is another.
pub fn price_changes(old: &Deck, new: &Deck, since: Wall) -> Vec<PriceChange> {
    let mut changes = Vec::new();
    let (mut before, mut after) = (old.groups().peekable(), new.groups().peekable());
    loop {
        let (was, is) = next_of(&mut before, &mut after, Deck::prefix_of);
        let Some(prefix) = was.or(is).as_ref().and_then(Deck::prefix_of) else { return changes };
        let (was, is) = (old.by_period(was), new.by_period(is));
        let periods: BTreeSet<&Option<Name>> = was.keys().chain(is.keys()).collect();
        for period in periods {
            let rows = |of: &BTreeMap<Option<Name>, _>| of.get(period).copied().unwrap_or_default();
            let lines = (Line { deck: old, rows: rows(&was) }, Line { deck: new, rows: rows(&is) });
            line_changes((prefix, period.as_ref()), lines, since, &mut changes);
        }
    }
}

/// The changes of one prefix in one period.
fn line_changes(
    (prefix, period): (Prefix, Option<&Name>),
    (old, new): (Line<'_>, Line<'_>),
    since: Wall,
    changes: &mut Vec<PriceChange>,
) {
    let mut instants: Vec<Wall> = old.instants(since).chain(new.instants(since)).collect();
    instants.push(since);
    instants.sort_unstable();
    instants.dedup();
    let other_currency = old.deck.currency != new.deck.currency;
    let mut until_now: Option<Option<Paid>> = None;
    for at in instants {
        let (promised_row, given_row) = (old.row_at(at), new.row_at(at));
        // What stands in for it is told of where it changes itself.
        let Some(row) = given_row.as_ref().or(promised_row.as_ref()) else { continue };
        let promised = old.paid(promised_row.as_ref(), (prefix, period), at);
        let given = new.paid(given_row.as_ref(), (prefix, period), at);
        let before = until_now.unwrap_or(promised);
        let same = match (other_currency, until_now) {
            (false, _) => promised == given,
            (true, None) => promised.is_none() && given.is_none(),
            (true, Some(_)) => before == given,
        };
        until_now = Some(given);
        if same {
            continue;
        }
        // Where nothing changes after all, the news is that what had been announced does not come.
        let old = if before == given && !other_currency { promised } else { before };
        let (destination, period) = (row.destination.clone(), row.period.clone());
        changes.push(PriceChange { prefix: row.prefix, destination, period, old, new: given, from: at });
    }
}

// === impl Line ===

impl Line<'_> {
    /// Of rows that never overlap, in order, the one that is in force.
    fn row_at(self, at: Wall) -> Option<Row> {
        self.deck.row_of(self.rows, at)
    }

    /// What calls pay, by the row in force or by what stands in for it.
    fn paid(self, row: Option<&Row>, (prefix, period): (Prefix, Option<&Name>), at: Wall) -> Option<Paid> {
        row.map(Paid::of).or_else(|| self.deck.stand_in(prefix, period, at))
    }

    /// Instants after `since` at which one row gives way to another.
    fn instants(self, since: Wall) -> impl Iterator<Item = Wall> {
        let bounds =
            self.rows.iter().flat_map(move |row| [self.deck.terms(row).from, self.deck.terms(row).until]);
        bounds.filter(move |at| *at > since.0 && *at < i64::MAX).map(Wall)
    }
}

// === impl Deck ===

impl Deck {
    /// A group's rows by period, each by start.
    fn by_period<'a>(&self, group: Option<Group<'a>>) -> BTreeMap<Option<Name>, &'a [Stored]> {
        let rows = group.map(|(_, rows)| rows).unwrap_or_default();
        let named = |rows: &'a [Stored]| {
            let terms = rows.first().map(|row| self.terms(row));
            (terms.and_then(|terms| self.period(terms)).map(|period| period.name().clone()), rows)
        };
        rows.chunk_by(|a, b| self.terms(a).period == self.terms(b).period).map(named).collect()
    }

    fn row_of(&self, rows: &[Stored], at: Wall) -> Option<Row> {
        let begun = rows.partition_point(|row| self.terms(row).from <= at.0);
        let row = rows.get(begun.checked_sub(1)?)?;
        (at.0 < self.terms(row).until).then(|| self.expand(row))
    }

    /// What calls to a prefix pay in a period without a row of their own: by its row for all times, else by
    /// the next shorter prefix, there by the row of the same period first.
    fn stand_in(&self, prefix: Prefix, period: Option<&Name>, at: Wall) -> Option<Paid> {
        let digits: Vec<u8> = prefix.digits().map(|digit| b'0' + digit).collect();
        self.index.matches(&digits).find_map(|(covering, _)| {
            let by_period = self.by_period(Some((0, self.group(covering))));
            let of = |period: &Option<Name>| self.row_of(by_period.get(period).copied()?, at);
            let own = covering == prefix;
            let timed = period.filter(|_| !own).and_then(|period| of(&Some(period.clone())));
            let all = if own && period.is_none() { None } else { of(&None) };
            timed.or(all).map(|row| Paid::of(&row))
        })
    }
}
