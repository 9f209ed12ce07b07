//! Why a request about an account or its money is refused, in words for whoever asked.

use ledger::{AccountNameError, CallId, Refused};
use units::{Currency, Money, Name};

/// Longest idempotency key, in bytes.
pub(crate) const MAX_KEY: usize = 255;
/// Longest reference, reason or cause, in bytes.
pub(crate) const MAX_REFERENCE: usize = 500;

/// Why an account was not opened, changed or topped up. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefused {
    /// No name for an account.
    #[error(transparent)]
    Name(#[from] AccountNameError),
    /// A limit above zero would make money unusable.
    #[error("the limit must be zero or negative")]
    Limit,
    /// The tier above is not there.
    #[error("the account above it does not exist: open that first")]
    NoParent,
    /// Without a price list no call has a price.
    #[error("an account needs at least one deck")]
    NoDeck,
    /// It is closed, and this brings money.
    #[error("the account is closed: make it active first (tollgate account resume)")]
    Closed,
    /// It still has something.
    #[error("the account cannot be closed: {0}")]
    NotEmpty(String),
    /// A price list that is not there, or does not fit the account.
    #[error("{0}")]
    Deck(String),
    /// No key, too long, or control characters in it.
    #[error("the idempotency key must have 1 to {MAX_KEY} printable characters")]
    Key,
    /// The reference is too long or has control characters.
    #[error("the reference must have at most {MAX_REFERENCE} printable characters")]
    Reference,
    /// No such bucket can be.
    #[error("{0}")]
    Bucket(&'static str),
    /// Nobody pays that way here.
    #[error("payment method {0:?} is not offered in {1}")]
    Method(String, Currency),
    /// Less than the method takes.
    #[error("{method} takes at least {minimum} {currency}", currency = minimum.currency)]
    BelowMinimum {
        /// The payment method's name.
        method: Name,
        /// The least amount that the method takes.
        minimum: Money,
    },
    /// The method has fixed amounts.
    #[error("{method} takes only {amounts}")]
    NotAnAmount {
        /// The payment method's name.
        method: Name,
        /// All of them.
        amounts: String,
    },
    /// The bank cannot keep all of it, nor give some.
    #[error("the fee must be zero or more and below the amount")]
    Fee,
    /// It will be known when it comes.
    #[error("a payment that is only announced has no fee yet")]
    FeeTooEarly,
    /// A movement by hand needs its reason.
    #[error("say why: 1 to {MAX_REFERENCE} printable characters")]
    Reason,
    /// The call was not billed to this account.
    #[error("the call has no usage that could be reversed")]
    NoUsage,
    /// Days or months, not both.
    #[error("idle credit ends after days or after months, not both")]
    IdleTwice,
    /// Longer than anybody keeps books.
    #[error("idle credit ends after 1 to 36500 days or 1 to 1200 months")]
    IdleTime,
    /// Not in the tz database.
    #[error("zone {0:?} is not in the tz database: write it as Europe/Madrid or UTC")]
    Zone(String),
    /// More than a request can make.
    #[error("the call was billed in more than 256 movements: correct the accounts instead")]
    TooManyMovements,
    /// One call, two costs.
    #[error("call {0} is named twice")]
    CallTwice(CallId),
    /// A charge is for something.
    #[error("at least one piece, at a price of zero or more")]
    Pieces,
    /// Calls in progress hold their part, and the limit stays.
    #[error("not enough money in your account to complete this operation")]
    NoMoney,
    /// A period ends before it is closed.
    #[error("a period can be closed when it is over, and only further than before")]
    Period,
    /// Said by the books.
    #[error(transparent)]
    Books(#[from] Refused),
}
