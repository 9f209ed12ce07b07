//! What a comparison came to, as tables and as one JSON document.

use std::collections::BTreeMap;
use std::io::Write;

use rating::rerate::{Comparison, Difference, Differences};
use serde::Serialize;
use units::{Currency, Money, Wall};

use super::corrections::{Correction, Period};
use super::prices::Prices;
use crate::cli::table::{Table, Wide, note, number, text};
use crate::cli::{plain, print_json, stdout};

/// See the module.
#[derive(Serialize)]
pub(super) struct Document {
    deck: Option<String>,
    deck_version: Option<String>,
    from: Option<String>,
    to: Option<String>,
    /// What all accounts paid, callers and those above.
    total: Vec<Line>,
    /// What the operator is paid, by the topmost accounts.
    revenue: Vec<Line>,
    accounts: Vec<Line>,
    /// Where buckets paid: an empty bucket is the account's own money.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    balances: Vec<Line>,
    destinations: Vec<Line>,
    carriers: Vec<Line>,
    /// What carriers charge.
    costs: Vec<Line>,
    unpriced: Vec<Line>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    corrections: Vec<Correction>,
}

/// One sum; its names stand under the words that say what they are.
#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    names: BTreeMap<&'static str, String>,
    currency: Currency,
    calls: u64,
    old_amount: String,
    new_amount: String,
    difference: String,
}

// === impl Document ===

impl Document {
    pub(super) fn of(
        comparison: &Comparison,
        prices: &Prices,
        period: Period,
        corrections: Vec<Correction>,
    ) -> Self {
        let named = |word, differences: &Differences| {
            differences
                .iter()
                .map(|((name, currency), sum)| Line::of([(word, &**name)], *currency, sum))
                .collect()
        };
        let summed = |sums: &BTreeMap<Currency, Difference>| {
            sums.iter().map(|(currency, sum)| Line::of([], *currency, sum)).collect()
        };
        let balances = comparison.balances.iter();
        let unpriced = comparison.unpriced.iter();
        Self {
            deck: prices.deck.as_ref().map(|(deck, _)| deck.clone()),
            deck_version: prices.deck.as_ref().map(|(_, version)| version.clone()),
            from: period.from.map(Wall::rfc3339),
            to: period.to.map(Wall::rfc3339),
            total: summed(&comparison.total),
            revenue: summed(&comparison.revenue),
            accounts: named("account", &comparison.accounts),
            balances: balances
                .map(|((account, bucket, currency), sum)| {
                    Line::of([("account", &**account), ("pocket", &**bucket)], *currency, sum)
                })
                .collect(),
            destinations: named("destination", &comparison.destinations),
            carriers: named("carrier", &comparison.carriers),
            costs: named("carrier", &comparison.costs),
            unpriced: unpriced
                .map(|((reason, currency), sum)| Line::of([("reason", *reason)], *currency, sum))
                .collect(),
            corrections,
        }
    }

    pub(super) fn print(&self, json: bool, wide: Wide) -> anyhow::Result<()> {
        if json {
            return print_json(self);
        }
        let mut out = stdout();
        let is_cut = self.write_tables(&mut out, wide)?;
        out.flush()?;
        note(is_cut);
        Ok(())
    }

    /// True if something is not shown.
    fn write_tables(&self, out: &mut impl Write, wide: Wide) -> std::io::Result<bool> {
        let mut is_cut = false;
        if let (Some(deck), Some(version)) = (&self.deck, &self.deck_version) {
            writeln!(out, "deck {} version {version}", plain(deck))?;
        }
        let tables = [
            ("account", &self.accounts),
            ("balance", &self.balances),
            ("destination", &self.destinations),
            ("carrier", &self.carriers),
            ("unpriced", &self.unpriced),
            ("total", &self.total),
            ("paid to the operator", &self.revenue),
            ("charged by carrier", &self.costs),
        ];
        for (word, lines) in tables {
            if lines.is_empty() {
                continue;
            }
            let amounts = [number("calls"), number("old"), number("new"), number("difference"), text("")];
            let mut table = Table::new(&[[text(word)].as_slice(), &amounts].concat(), wide);
            for line in lines {
                let Line { names, currency, calls, old_amount, new_amount, difference } = line;
                let name = names
                    .values()
                    .filter(|name| !name.is_empty())
                    .map(|name| plain(name))
                    .collect::<Vec<_>>()
                    .join("/");
                table.row([
                    &*name,
                    &calls.to_string(),
                    old_amount,
                    new_amount,
                    difference,
                    &currency.to_string(),
                ]);
            }
            writeln!(out)?;
            is_cut |= table.write(out)?;
        }
        Ok(is_cut)
    }
}

// === impl Line ===

impl Line {
    fn of<const N: usize>(names: [(&'static str, &str); N], currency: Currency, sum: &Difference) -> Self {
        let money = |amount| Money::of(amount, currency).to_string();
        Self {
            names: names.into_iter().map(|(word, name)| (word, name.to_owned())).collect(),
            currency,
            calls: sum.calls,
            old_amount: money(sum.old),
            new_amount: money(sum.new),
            difference: money(sum.more()),
        }
    }
}
