//! What an account's owner should hear of. Journaled like money, so that each is told once a crash or not; a
//! feed mails them.

use serde::{Deserialize, Serialize};
use units::{Currency, Name, Wall};

use crate::{CallId, RatesChange, units_text};

/// One thing to tell, with the address that held when it happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The owner's mail address; without one it is only kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Name>,
    /// As `es`; English if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Name>,
    /// What happened.
    pub event: NoticeEvent,
    /// By what the central ledger knows it, where that noticed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Name>,
}

/// What happened. Amounts are counts of 10⁻⁵ units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeEvent {
    /// The balance fell below the threshold; told again only after it was above.
    LowBalance {
        /// Posted.
        #[serde(with = "units_text")]
        balance: i64,
        /// As the account's terms say.
        #[serde(with = "units_text")]
        threshold: i64,
        /// Of both.
        currency: Currency,
    },
    /// Free minutes are nearly used up and the money cannot carry a call afterwards.
    LowMinutes {
        /// The bucket, by its name in the account.
        #[serde(rename = "pocket")]
        bucket: Name,
        /// Seconds left.
        seconds: u64,
    },
    /// Credit is about to expire.
    CreditExpires {
        /// Which bucket; the main balance if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[serde(rename = "pocket")]
        bucket: Option<Name>,
        /// What would be lost.
        #[serde(with = "units_text")]
        amount: i64,
        /// Of the amount.
        currency: Currency,
        /// The moment, wall time.
        at: Wall,
    },
    /// Credit has expired.
    CreditExpired {
        /// Which bucket; the main balance if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[serde(rename = "pocket")]
        bucket: Option<Name>,
        /// What was lost.
        #[serde(with = "units_text")]
        amount: i64,
        /// Of the amount.
        currency: Currency,
    },
    /// Money came in.
    TopUpBooked {
        /// Net.
        #[serde(with = "units_text")]
        amount: i64,
        /// Of amount and balance.
        currency: Currency,
        /// The payment in its payer's words.
        reference: Name,
        /// Posted right afterwards.
        #[serde(with = "units_text")]
        balance: i64,
    },
    /// Prices of a deck that the account calls by change.
    RatesChange(Box<RatesChange>),
    /// A running call will be cut for want of money.
    CallEnds {
        /// The call, by its id.
        call: CallId,
        /// Seconds left.
        seconds: u64,
    },
}

// === impl NoticeEvent ===

impl NoticeEvent {
    /// Its kind, as metrics name it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::LowBalance { .. } => "low_balance",
            Self::LowMinutes { .. } => "low_minutes",
            Self::CreditExpires { .. } => "credit_expires",
            Self::CreditExpired { .. } => "credit_expired",
            Self::TopUpBooked { .. } => "top_up_booked",
            Self::RatesChange(_) => "rates_change",
            Self::CallEnds { .. } => "call_ends",
        }
    }
}
