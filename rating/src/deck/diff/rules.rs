//! What a new version changes for calls though no row differs: the hours of periods, their order, the
//! rounding of amounts.

use units::{Name, Period, Rounding};

use crate::deck::{Deck, Terms};

/// What is another beside the rows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RuleChanges {
    /// Which way amounts were rounded, and are now.
    pub rounding: Option<(Rounding, Rounding)>,
    /// Periods that rows of both versions name and whose times are others, in the order of the new version.
    pub periods: Vec<PeriodChange>,
    /// The order in which such periods count where two hold at once, if it is another.
    pub order: Vec<Name>,
}

/// A period of the same name at other times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeriodChange {
    /// Before.
    pub old: Period,
    /// Afterwards.
    pub new: Period,
}

// === impl RuleChanges ===

impl RuleChanges {
    /// Between two versions.
    pub fn of(old: &Deck, new: &Deck) -> Self {
        let rounding = (old.rounding, new.rounding);
        let (was, is) = (old.named_periods(), new.named_periods());
        let both = |all: &[&Period], other: &[&Period]| -> Vec<Name> {
            let known = |name: &Name| other.iter().any(|period| period.name() == name);
            all.iter().map(|period| period.name().clone()).filter(known).collect()
        };
        let periods = is.iter().filter_map(|new| {
            let old = was.iter().find(|old| old.name() == new.name() && old != &new)?;
            Some(PeriodChange { old: (*old).clone(), new: (*new).clone() })
        });
        let (before, order) = (both(&was, &is), both(&is, &was));
        Self {
            rounding: (rounding.0 != rounding.1).then_some(rounding),
            periods: periods.collect(),
            order: if before == order { Vec::new() } else { order },
        }
    }

    /// Whether calls are priced as before, as far as the rows are.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

// === impl Deck ===

impl Deck {
    /// The periods that rows name, in the order of their definition.
    pub fn named_periods(&self) -> Vec<&Period> {
        let mut named: Vec<u16> =
            self.terms.iter().map(|terms| terms.period).filter(|period| *period != Terms::ALWAYS).collect();
        named.sort_unstable();
        named.dedup();
        named.into_iter().filter_map(|at| self.periods.get(usize::from(at))).collect()
    }
}
