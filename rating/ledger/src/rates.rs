//! What customers are told of a new version of their price list. One notice of the node holds the list; what
//! each account is told names it, so that a journal grows by one list for each version and not for each
//! customer.

use serde::{Deserialize, Serialize};
use units::{Currency, Name, Prefix, Rate, Rounding, Wall};

/// Prices of a deck that change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RatesChange {
    /// The deck.
    pub deck: Name,
    /// Its new content hash, 16 hex digits.
    pub version: Name,
    /// What changes, by prefix.
    pub changes: Vec<RateChange>,
    /// How many more there are than are listed.
    pub more: u64,
    /// Of the new rates.
    pub currency: Currency,
    /// Of the old rates, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_currency: Option<Currency>,
    /// Which way amounts were rounded, and are now, if that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<RoundingChange>,
    /// The times of the periods that are listed, and of those whose times change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<PeriodTimes>,
    /// The order in which periods count where two hold at once, if that changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<Name>,
    /// What changes is not here but in the notice of the node for the same deck and version, which came
    /// before; `more` says how much.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shared: bool,
}

/// One price that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateChange {
    /// Digits of the row.
    pub prefix: Prefix,
    /// Its name.
    pub destination: Name,
    /// At these times of the week only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Name>,
    /// Per minute before; none if there was no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Rate>,
    /// Per minute afterwards; none if there is no price any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Rate>,
    /// What else was paid before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_terms: Option<RateTerms>,
    /// What else is paid afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_terms: Option<RateTerms>,
    /// From when on.
    pub from: Wall,
}

/// What a price says beside its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateTerms {
    /// Seconds of the first block.
    pub initial: u32,
    /// Seconds of each next block.
    pub increment: u32,
    /// Per minute after the first block, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rate: Option<Rate>,
    /// Once per answered call, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_fee: Option<Rate>,
}

/// Amounts are rounded another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundingChange {
    /// Until now.
    pub old: Rounding,
    /// From now on.
    pub new: Rounding,
}

/// When a period of the week is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodTimes {
    /// As rows name it.
    pub period: Name,
    /// Until now, if it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Times>,
    /// From now on.
    pub new: Times,
}

/// Days and hours by the clocks of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Bit 0 is Monday: the days on which it begins.
    pub days: u8,
    /// Seconds after midnight.
    pub from: u32,
    /// Seconds after midnight, exclusive; at or before `from` it is on the next day.
    pub until: u32,
    /// As the tz database calls it.
    pub zone: Name,
}

// === impl RatesChange ===

impl RatesChange {
    /// How many prices change, listed or not.
    pub fn count(&self) -> u64 {
        (self.changes.len() as u64).saturating_add(self.more)
    }

    /// What an account is told once the list stands in a notice of the node.
    #[must_use]
    pub fn reference(&self) -> Self {
        let (deck, version) = (self.deck.clone(), self.version.clone());
        Self {
            deck,
            version,
            changes: Vec::new(),
            more: self.count(),
            currency: self.currency,
            old_currency: None,
            rounding: None,
            periods: Vec::new(),
            order: Vec::new(),
            shared: true,
        }
    }
}

const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> RatesChange {
        let terms = RateTerms {
            initial: 30,
            increment: 6,
            next_rate: None,
            connect_fee: Some(Rate::of_units(5_000)),
        };
        let change = RateChange {
            prefix: "55".parse().expect("digits"),
            destination: "Brazil".into(),
            period: None,
            old: None,
            new: Some(Rate::of_units(3_000)),
            old_terms: None,
            new_terms: Some(terms),
            from: Wall(7),
        };
        RatesChange {
            deck: "retail".into(),
            version: "0123456789abcdef".into(),
            changes: vec![change],
            more: 2,
            currency: Currency::EUR,
            old_currency: None,
            rounding: None,
            periods: Vec::new(),
            order: Vec::new(),
            shared: false,
        }
    }

    #[test]
    fn a_reference_names_the_list_and_its_length() {
        let reference = change().reference();
        let text = r#"{"deck":"retail","version":"0123456789abcdef","changes":[],"more":3,"currency":"EUR","shared":true}"#;
        assert_eq!(serde_json::to_string(&reference).expect("JSON"), text);
        assert_eq!(serde_json::from_str::<RatesChange>(text).expect("a change"), reference);
        assert_eq!(reference.count(), change().count());
    }

    /// Notices that were written before prices had their terms.
    #[test]
    fn what_was_written_before_is_read() {
        let text = r#"{"deck":"retail","version":"01","changes":[{"prefix":"55","destination":"Brazil","new":"0.03000","from":7}],"more":0,"currency":"EUR"}"#;
        let read: RatesChange = serde_json::from_str(text).expect("a change");
        assert_eq!(
            (read.changes[0].new, read.changes[0].new_terms, read.shared),
            (Some(Rate::of_units(3_000)), None, false)
        );
        let written = serde_json::to_string(&change()).expect("JSON");
        assert!(
            written.contains(
                r#""new":"0.03000","new_terms":{"initial":30,"increment":6,"connect_fee":"0.05000"},"from":7"#
            ),
            "{written}"
        );
        assert_eq!(serde_json::from_str::<RatesChange>(&written).expect("a change"), change());
    }
}
