//! The corrections that follow from other prices by the records alone: one for each account, in every tier.
//! What is booked is the difference to what calls cost now, see [`super::book`].

use std::path::Path;

use anyhow::Context as _;
use rating::rerate::{Comparison, Difference};
use serde::Serialize;
use units::{Money, Name, Wall};

use super::ask::Ask;
use super::prices::Prices;
use crate::cli::client::segment;
use crate::cli::instant;

/// One line of a correction run: above zero the account gets money back.
#[derive(Serialize, Clone)]
pub(super) struct Correction {
    pub account: String,
    amount: String,
    currency: String,
    pub reason: String,
    key: String,
}

/// The period of a run.
#[derive(Clone, Copy)]
pub(super) struct Period {
    pub from: Option<Wall>,
    pub to: Option<Wall>,
}

/// What every account is owed or owes.
pub(super) fn of(comparison: &Comparison, prices: &Prices, period: Period) -> Vec<Correction> {
    let version = prices.by.version();
    let by = by(prices);
    let (from, to) = (compact(period.from), compact(period.to));
    let one = |(account, owed, sum): (&Name, Money, &Difference)| Correction {
        account: account.to_string(),
        amount: owed.to_string(),
        currency: owed.currency.to_string(),
        reason: format!(
            "{} calls from {} to {} re-rated by {by}: {} instead of {}",
            sum.calls,
            text(period.from),
            text(period.to),
            Money::of(sum.new, owed.currency),
            Money::of(sum.old, owed.currency)
        ),
        key: format!("rerate/{version}/{}/{from}/{to}", segment(account).replace("%3A", ":")),
    };
    comparison.corrections().map(one).collect()
}

/// The prices in words.
pub(super) fn by(prices: &Prices) -> String {
    match &prices.deck {
        Some((deck, version)) => format!("deck {deck} version {version}"),
        None => format!("the decks of version {}", prices.by.version()),
    }
}

/// One JSON object a line.
pub(super) fn write(path: &Path, corrections: &[Correction]) -> anyhow::Result<()> {
    let mut text = String::new();
    for correction in corrections {
        text += &serde_json::to_string(correction)?;
        text.push('\n');
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// `20260131T235959Z`: short enough for a key with the longest names.
fn compact(at: Option<Wall>) -> String {
    let text = text(at);
    let whole: String = text.chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{whole}Z")
}

pub(super) fn text(at: Option<Wall>) -> String {
    at.map(Wall::rfc3339).unwrap_or_default()
}

// === impl Period ===

impl Period {
    pub(super) fn of(ask: &Ask) -> anyhow::Result<Self> {
        let read = |text: &Option<String>| text.as_deref().map(|text| instant(Some(text))).transpose();
        Ok(Self { from: read(&ask.from)?, to: read(&ask.to)? })
    }

    /// Both ends, each a second.
    pub(super) fn is_whole(self) -> bool {
        let second = |at: Option<Wall>| at.is_some_and(|at| at.0 % 1_000 == 0);
        second(self.from) && second(self.to)
    }

    pub(super) fn holds(self, at: Wall) -> bool {
        self.from.is_none_or(|from| from <= at) && self.to.is_none_or(|to| at < to)
    }
}
