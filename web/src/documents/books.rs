//! Documents of the books: payments and what became of them, statements, trial balances, closed periods.

use serde::{Deserialize, Serialize};

/// A payment with all that became of it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDoc {
    /// For whom.
    pub account: String,
    /// The client's key, by which it is booked, rejected or reversed.
    pub idempotency_key: String,
    /// `pending`, `booked`, `rejected` or `reversed`.
    pub state: String,
    /// It is pending and should have been here.
    pub late: bool,
    /// How the customer paid.
    pub method: Option<String>,
    /// What was paid, gross.
    pub amount: String,
    /// What the bank kept of it.
    pub fee: String,
    /// What the account got when it was booked.
    pub net: String,
    /// ISO 4217 code.
    pub currency: String,
    /// The payment in the payer's or operator's words.
    pub reference: String,
    /// When it was announced; `null` if it was booked at once.
    pub announced_at: Option<String>,
    /// After this it is late; `null`: never.
    pub due_at: Option<String>,
    /// When it was booked.
    pub booked_at: Option<String>,
    /// When it was rejected or reversed.
    pub ended_at: Option<String>,
    /// The cause, in words; none of a movement without one.
    pub cause: Option<String>,
    /// Number of the journal entry that announced or booked it, if the books say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
}

/// All balances of the node. Each currency sums to zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialBalanceDoc {
    /// Line by line.
    pub lines: Vec<TrialLineDoc>,
    /// Sum by currency: `0.00000`, or the books are broken.
    pub sums: std::collections::BTreeMap<String, String>,
}

/// One line of a trial balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialLineDoc {
    /// ISO 4217 code; `SEC` for seconds of free minutes.
    pub currency: String,
    /// A system account, or `customers`, `buckets`, `leases`.
    pub account: String,
    /// What is in it.
    pub balance: String,
}

/// A closed period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodDoc {
    /// Nothing is dated before it any more.
    pub until: String,
    /// The last journal entry in the trial balance, which is the sum of exactly those up to it.
    pub entry: u64,
    /// All balances right after that entry.
    pub trial: TrialBalanceDoc,
    /// The client's key; the same key again closes nothing.
    pub idempotency_key: String,
}

/// A page of an account's movements in a time: opening, each with the balance after it, closing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementDoc {
    /// The account, by its name.
    pub account: String,
    /// Balances before the first movement, by bucket; `""` is the account's own money.
    pub opening: Vec<StatementBalanceDoc>,
    /// In the order of the journal.
    pub movements: Vec<MovementDoc>,
    /// Balances after the last movement.
    pub closing: Vec<StatementBalanceDoc>,
    /// Opaque; give it back as `cursor`: the next page opens with what this one closes with. `null` on the
    /// last one.
    #[serde(default)]
    pub next: Option<String>,
}

/// A balance of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementBalanceDoc {
    /// `""` is the account's own money.
    #[serde(rename = "pocket")]
    pub bucket: String,
    /// ISO 4217 code, or `SEC`.
    pub currency: String,
    /// Posted.
    pub balance: String,
}

/// One movement of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovementDoc {
    /// Number of its journal entry.
    pub entry: u64,
    /// The moment, RFC 3339 UTC.
    pub at: String,
    /// Its key.
    pub key: String,
    /// Why, in one word.
    pub purpose: String,
    /// Why, in words and ids.
    pub cause: String,
    /// `""` is the account's own money.
    #[serde(rename = "pocket")]
    pub bucket: String,
    /// Negative if the account paid.
    pub amount: String,
    /// ISO 4217 code, or `SEC`.
    pub currency: String,
    /// Posted right after it.
    pub balance: String,
}
