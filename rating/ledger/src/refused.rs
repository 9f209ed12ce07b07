//! Which balance is meant, and why a movement of it was not made.

/// An account's place in these books.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AccountId(pub(crate) u32);

/// Why a movement was not made. In the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The key was used for another transfer.
    #[error("the idempotency key was used before with other content: use a new key")]
    KeyReused,
    /// Zero or negative.
    #[error("the amount must be above zero")]
    AmountNotPositive,
    /// From an account to itself.
    #[error("debit and credit are the same account")]
    SameParty,
    /// No such customer here.
    #[error("unknown account")]
    UnknownAccount,
    /// The account is there already.
    #[error("the account exists already")]
    AccountExists,
    /// The account holds another currency.
    #[error("the account is in another currency: convert at a dated rate first")]
    CurrencyMismatch,
    /// More than is free.
    #[error("not enough money in the account")]
    ExceedsAvailable,
    /// More than was reserved for it.
    #[error("more than was reserved")]
    ExceedsReserved,
    /// More than a balance can hold.
    #[error("the balance would be out of range")]
    Overflow,
    /// Nothing has this key.
    #[error("no movement has this key")]
    NoMovement,
    /// Booked, rejected, or never announced.
    #[error("the payment is not pending")]
    NotPending,
    /// Undone before, under another key.
    #[error("it was reversed before")]
    Reversed,
    /// What the central ledger lent is used up or its time is over, and it does not answer.
    #[error("this node's part of the balance has ended and the central ledger does not answer")]
    SliceEnded,
}
