//! Why the engine gives no money, and the SIP answer and Q.850 cause that this becomes.

use units::Cause;

/// A refusal is an outcome, not a fault. In the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreditRefusal {
    /// The account is not in these books.
    #[error("unknown account")]
    UnknownAccount,
    /// The account, or one above it, is suspended or closed.
    #[error("the account is suspended or closed")]
    Suspended,
    /// The account's deck is not loaded.
    #[error("the account's deck is not loaded")]
    NoDeck,
    /// Deck and account differ in currency: never silently one to one.
    #[error("the account's deck is in another currency")]
    CurrencyMismatch,
    /// No row for this number now.
    #[error("no price for this destination")]
    NoPrice,
    /// More leases than a shard holds.
    #[error("too many calls")]
    TooManyCalls,
    /// The connect fee and the first block do not fit.
    #[error("not enough money in the account")]
    NoCredit,
    /// The central ledger's slice has ended, and it does not answer; or it has not opened the account on this
    /// node yet.
    #[error("the central ledger does not answer")]
    LedgerAway,
    /// Settled or released before.
    #[error("no such lease")]
    NoLease,
    /// Only answered calls are extended.
    #[error("the call is not answered")]
    NotAnswered,
    /// The books refuse for another reason: a bug or an amount out of range.
    #[error("the books refuse: {0}")]
    Books(ledger::Refused),
}

// === impl Refusal ===

impl CreditRefusal {
    /// The final answer to the caller.
    pub const fn status(self) -> u16 {
        match self {
            Self::UnknownAccount | Self::Suspended => 403,
            Self::NoDeck | Self::CurrencyMismatch | Self::NoPrice => 404,
            Self::TooManyCalls | Self::LedgerAway => 503,
            Self::NoCredit => 402,
            Self::NoLease | Self::NotAnswered | Self::Books(_) => 500,
        }
    }

    /// The cause for the Reason header.
    pub const fn cause(self) -> Cause {
        match self {
            Self::UnknownAccount | Self::Suspended | Self::NoCredit => Cause::REJECTED,
            Self::NoDeck | Self::CurrencyMismatch | Self::NoPrice => Cause::NO_ROUTE,
            Self::TooManyCalls => Cause::CONGESTION,
            Self::LedgerAway => Cause::TEMPORARY,
            Self::NoLease | Self::NotAnswered | Self::Books(_) => Cause::TEMPORARY,
        }
    }

    /// Its name in metrics and CDRs, lower case with dashes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnknownAccount => "unknown-account",
            Self::Suspended => "suspended",
            Self::NoDeck => "no-deck",
            Self::CurrencyMismatch => "currency-mismatch",
            Self::NoPrice => "no-price",
            Self::TooManyCalls => "too-many-calls",
            Self::NoCredit => "no-credit",
            Self::LedgerAway => "ledger-away",
            Self::NoLease => "no-lease",
            Self::NotAnswered => "not-answered",
            Self::Books(_) => "books",
        }
    }
}

impl From<ledger::Refused> for CreditRefusal {
    fn from(refused: ledger::Refused) -> Self {
        match refused {
            ledger::Refused::ExceedsAvailable => Self::NoCredit,
            ledger::Refused::SliceEnded => Self::LedgerAway,
            ledger::Refused::UnknownAccount => Self::UnknownAccount,
            ledger::Refused::CurrencyMismatch => Self::CurrencyMismatch,
            other @ (ledger::Refused::KeyReused
            | ledger::Refused::AmountNotPositive
            | ledger::Refused::SameParty
            | ledger::Refused::AccountExists
            | ledger::Refused::ExceedsReserved
            | ledger::Refused::NoMovement
            | ledger::Refused::NotPending
            | ledger::Refused::Reversed
            | ledger::Refused::Overflow) => Self::Books(other),
        }
    }
}
