//! What an account calls by, beside its balance: price lists, guards, and where its owner is told of things.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use units::{Name, Zone};

use crate::units_text::opt;

/// What a call may earn at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfitGuard {
    /// Carriers that cost more than the customer pays are left out.
    Block,
    /// They are taken, and it is logged and counted.
    Warn,
    /// Nobody looks.
    #[default]
    Off,
}

/// Whether an account may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// It calls and is paid for.
    #[default]
    Active,
    /// No new calls, of accounts below it neither; calls in progress go on, and money may still be booked.
    Suspended,
    /// No calls and nothing that brings money: its balance was zero when it was closed. Reversals and
    /// corrections stay possible.
    Closed,
}

/// An account's terms. Replaced as a whole; running calls keep their prices. A term that this program does
/// not know is no reason to refuse the others: where several nodes share a ledger one of them may be newer.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Terms {
    /// Its price lists: the first that prices a number is taken.
    pub decks: Vec<Name>,
    /// Whether calls may cost more than they bring.
    #[serde(default, skip_serializing_if = "ProfitGuard::is_off")]
    pub profit_guard: ProfitGuard,
    /// The owner is told when the balance falls below this, 10⁻⁵ units.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "opt")]
    pub low_balance: Option<i64>,
    /// Unused for so many days the balance expires; never if this and `idle_months` are absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_days: Option<u32>,
    /// The same in calendar months, of which twelve are a year; then `idle_days` does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_months: Option<u32>,
    /// By whose clocks days begin and end, as the tz database calls it: `Europe/Madrid`; UTC if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Name>,
    /// Where notices go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Name>,
    /// In which language, as `es`; English if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Name>,
    /// Whether it may be used.
    #[serde(default, skip_serializing_if = "AccountStatus::is_active")]
    pub status: AccountStatus,
    /// What a later Tollgate wrote and this one does not know: kept as it is where the terms are written
    /// again.
    #[serde(flatten)]
    pub newer: BTreeMap<String, serde_json::Value>,
}

// === impl ProfitGuard ===

impl ProfitGuard {
    /// As written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Warn => "warn",
            Self::Off => "off",
        }
    }

    /// The one of both that lets less through.
    #[must_use]
    pub const fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Block, _) | (_, Self::Block) => Self::Block,
            (Self::Warn, _) | (_, Self::Warn) => Self::Warn,
            (Self::Off, Self::Off) => Self::Off,
        }
    }

    const fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }
}

// === impl AccountStatus ===

impl AccountStatus {
    /// As written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    /// It may be used without restriction.
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active)
    }
}

// === impl Terms ===

impl Terms {
    /// Of an account that calls by one price list and has no wishes.
    pub fn of_deck(deck: &str) -> Self {
        Self { decks: vec![deck.into()], ..Self::default() }
    }

    /// The zone by whose clocks days begin and end; UTC for one that the tz database does not have.
    pub fn zone(&self) -> Arc<Zone> {
        Zone::named(self.zone.as_deref().unwrap_or("UTC")).unwrap_or_else(|| Arc::new(Zone::utc()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_not_written() {
        let terms = Terms {
            low_balance: Some(200_000),
            email: Some("ops@acme.example".into()),
            ..Terms::of_deck("retail")
        };
        let text = r#"{"decks":["retail"],"low_balance":"2.00000","email":"ops@acme.example"}"#;
        assert_eq!(serde_json::to_string(&terms).expect("serialises"), text);
        assert_eq!(serde_json::from_str::<Terms>(text).expect("reads"), terms);
        let newer = r#"{"decks":["retail"],"colour":"red"}"#;
        let read: Terms = serde_json::from_str(newer).expect("reads what a later version wrote");
        assert_eq!(serde_json::to_string(&read).expect("serialises"), newer);
    }
}
