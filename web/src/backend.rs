//! What the API asks of the switch. Each call is a message to the shard that owns the account or the call;
//! the answer is awaited outside of the shard's thread. Invariant: an answer about money is given only after
//! its record is durable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::StatusCode;
use rating::engine::AccountChange;
use rating::rerate::CallCost;
use rating::{BucketTerms, Deck, Terms};
use units::{Currency, Money, Wall};

use crate::cdrs::SourceError;
use crate::documents::{
    AccountDoc, CallDoc, DeckVersionDoc, GrantDoc, MovedDoc, PaymentDoc, PeriodDoc, RecordingDoc,
    StatementBalanceDoc, StatementDoc, TopUpDoc, TrialBalanceDoc,
};
use crate::problem::Problem;

/// A boxed future, so that [`Backend`] can be a trait object.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, BackendError>> + Send>>;

/// The running switch as the API sees it.
pub trait Backend: Send + Sync + 'static {
    /// Up to `limit` accounts in order of their names, those after `after` only.
    fn accounts(&self, after: Option<String>, limit: usize) -> Answer<Vec<AccountDoc>>;
    /// One account; `None` if there is none of that name.
    fn account(&self, name: String) -> Answer<Option<AccountDoc>>;
    /// Opens an account, once per key; [`BackendError::Conflict`] if the name is taken.
    fn add_account(&self, new: NewAccount) -> Answer<OpenReceipt>;
    /// Adds or announces money; answered once it is durable.
    fn top_up(&self, request: TopUpRequest) -> Answer<TopUpReceipt>;
    /// All balances.
    fn trial_balance(&self) -> Answer<TrialBalanceDoc>;
    /// Closes the books for everything dated before `until`, once per key; answered once it is durable.
    fn close_period(&self, until: Wall, idempotency_key: String) -> Answer<CloseReceipt>;
    /// A page of an account's movements.
    fn statement(&self, ask: StatementAsk) -> Answer<StatementPage>;
    /// A page of an account's payments, oldest first.
    fn payments(&self, ask: PaymentsAsk) -> Answer<PaymentsPage>;
    /// Payments of all accounts that are on their way, those that are due first in front.
    fn in_transit(&self, ask: TransitAsk) -> Answer<Vec<PaymentDoc>>;
    /// Moves money by hand; answered once it is durable.
    fn move_money(&self, request: HandRequest) -> Answer<MovedReceipt>;
    /// Changes what an account calls by; running calls keep their prices.
    fn change_account(&self, name: String, change: AccountChange) -> Answer<AccountDoc>;
    /// Gives credit or minutes; answered once it is durable.
    fn grant(&self, request: GrantRequest) -> Answer<GrantReceipt>;
    /// Up to `limit` live calls in order of their ids, those after `after` only.
    fn calls(&self, after: Option<String>, limit: usize) -> Answer<Vec<CallDoc>>;
    /// Hangs a call up, both sides; `false` if no such call lives. The CDR follows in its own time.
    fn kill_call(&self, id: String) -> Answer<bool>;
    /// Records a live call from now on, or no longer: the name of its file, if it has one; none if no such
    /// call lives, [`BackendError::Conflict`] if it cannot be recorded.
    fn record_call(&self, id: String, is_wanted: bool) -> Answer<Option<RecordingDoc>>;
    /// The decks in force.
    fn decks(&self) -> Arc<rating::Decks>;
    /// The versions of decks that were in force once; none if the node keeps none.
    fn kept_decks(&self) -> Option<Arc<dyn KeptDecks>> {
        None
    }
    /// Why this node takes no new calls, one short line each; empty means ready.
    fn unready(&self) -> Vec<String>;
    /// What somebody should look at though calls are taken, one short line each.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }
    /// Called before each exposition of `/metrics`: bring gauges that are read rather than counted up to
    /// date.
    fn refresh_metrics(&self) {}
}

/// Versions of decks that were in force once. Reading blocks on the disk.
pub trait KeptDecks: Send + Sync + 'static {
    /// The versions of one deck in the order in which they came into force; none if there was never a deck of
    /// this name.
    fn history(&self, name: &str) -> Result<Vec<DeckVersionDoc>, SourceError>;
    /// One of them as it was.
    fn load(&self, name: &str, version: &str) -> Result<Deck, SourceError>;
}

/// An account to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// 1–64 letters, digits, `.`, `_`, `-`.
    pub name: String,
    /// Its currency for ever.
    pub currency: Currency,
    /// What it calls by.
    pub terms: Terms,
    /// How far usage may take the balance, 10⁻⁵ units; 0 or negative.
    pub limit: i64,
    /// Money to start with; zero or more.
    pub balance: Money,
    /// Always there if `balance` is not zero.
    pub idempotency_key: Option<String>,
}

/// What became of an account to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenReceipt {
    /// As it was right after it was opened.
    pub document: AccountDoc,
    /// The key had been used with the same content: nothing was opened now.
    pub replayed: bool,
}

/// Money to be added to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUpRequest {
    /// The account's name.
    pub account: String,
    /// Decimal as sent, positive, at most five places; the account's currency is known to its shard only.
    pub amount: Amount,
    /// 1–200 printable characters.
    pub reference: String,
    /// 1–128 visible ASCII characters.
    pub idempotency_key: String,
    /// A payment method of the configuration.
    pub method: Option<String>,
    /// What the bank kept of the amount, 10⁻⁵ units.
    pub fee: i64,
    /// It is only announced.
    pub pending: bool,
}

/// Which movements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementAsk {
    /// The account, by its name.
    pub account: String,
    /// Dated at or after.
    pub from: Option<Wall>,
    /// Dated before.
    pub to: Option<Wall>,
    /// Where the page before ended.
    pub after: Option<StatementPlace>,
    /// About how many.
    pub limit: usize,
}

/// The end of a statement's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementPlace {
    /// The last journal entry in it.
    pub entry: u64,
    /// The balances right after that.
    pub balances: Vec<StatementBalanceDoc>,
}

/// One page; `next` is the last entry in it if more follow, after which the balances are those of its
/// closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementPage {
    /// What the page says; its cursor is not set.
    pub document: StatementDoc,
    /// Where to go on.
    pub next: Option<u64>,
}

/// Which payments of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentsAsk {
    /// The account, by its name.
    pub account: String,
    /// After this journal position.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// Payments of an account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentsPage {
    /// Oldest first.
    pub items: Vec<PaymentDoc>,
    /// Journal position to go on after.
    pub next: Option<u64>,
}

/// Which payments that are on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitAsk {
    /// After this one.
    pub after: Option<TransitPlace>,
    /// Only those that are late.
    pub late_only: bool,
    /// At most so many.
    pub limit: usize,
}

/// A payment's place in the list of those on their way: by due time (those that never are last), account and
/// key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitPlace {
    /// When it is due.
    pub due: Option<Wall>,
    /// The account, by its name.
    pub account: String,
    /// Its key.
    pub key: String,
}

/// What became of a close.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReceipt {
    /// As written.
    pub document: PeriodDoc,
    /// The key had been used for the same: nothing was closed now.
    pub replayed: bool,
}

/// Money moved by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandRequest {
    /// The account's name.
    pub account: String,
    /// 1–128 visible ASCII characters.
    pub idempotency_key: String,
    /// What is to be done.
    pub hand: Hand,
}

/// What an operator does by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hand {
    /// An announced payment came in.
    Book {
        /// The announcement's key.
        of: String,
        /// What the bank kept, 10⁻⁵ units.
        fee: i64,
    },
    /// An announced payment will not come.
    Reject {
        /// The announcement's key.
        of: String,
        /// The cause, as the operator wrote it.
        cause: String,
    },
    /// A movement is undone.
    Reverse {
        /// Its key.
        of: String,
        /// The cause, as the operator wrote it.
        cause: String,
    },
    /// A call's usage is undone.
    ReverseCall {
        /// The call's id.
        call: String,
        /// The cause, as the operator wrote it.
        cause: String,
    },
    /// A service is paid by the piece.
    Charge {
        /// How many, at least one.
        pieces: u32,
        /// Of each.
        price: Amount,
        /// What for.
        cause: String,
    },
    /// Calls cost something else.
    Rerate {
        /// What each was billed and is to cost, in decimals of the account's currency.
        calls: Vec<CallCost>,
        /// That of the account, if it was said.
        currency: Option<Currency>,
        /// The reason, as the operator wrote it.
        reason: String,
    },
    /// The balance is corrected.
    Correct {
        /// Negative takes.
        amount: Amount,
        /// The reason, as the operator wrote it.
        reason: String,
    },
}

/// What became of a movement by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedReceipt {
    /// As booked.
    pub document: MovedDoc,
    /// The key had been used with the same content: nothing was moved now.
    pub replayed: bool,
}

/// Credit or minutes for a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRequest {
    /// The account's name.
    pub account: String,
    /// The bucket's name.
    pub bucket: String,
    /// Money, or seconds in `SEC`; positive.
    pub amount: Amount,
    /// What the bucket serves.
    pub terms: BucketTerms,
    /// At most 200 printable characters.
    pub reference: String,
    /// 1–128 visible ASCII characters.
    pub idempotency_key: String,
}

/// What became of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantReceipt {
    /// As booked.
    pub document: GrantDoc,
    /// The key had been used with the same content: nothing was given now.
    pub replayed: bool,
}

/// A checked amount that still waits for its currency: positive but for corrections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount {
    /// 10⁻⁵ units.
    pub units: i64,
    /// The currency, if the client named one; another than the account's is refused.
    pub currency: Option<Currency>,
}

/// What became of a top-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUpReceipt {
    /// As booked.
    pub document: TopUpDoc,
    /// The key had been used with the same content: nothing was booked now.
    pub replayed: bool,
}

/// Why the switch did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// No account of that name.
    #[error("no account {0:?}")]
    NoAccount(String),
    /// Nothing of that key or id was booked for the account.
    #[error("{0}")]
    NoMovement(String),
    /// The name or the like is taken.
    #[error("{0}")]
    Conflict(String),
    /// The idempotency key was used with other content.
    #[error("Idempotency-Key {0:?} was used before with other content; take a new key for a new movement")]
    KeyReused(String),
    /// The account cannot pay it, and nothing was taken.
    #[error("{0}")]
    NoMoney(String),
    /// The account has the money, but not where it can be taken from at once. Nothing was taken, and the same
    /// request may succeed later.
    #[error("{detail}")]
    NotYet {
        /// What stands in the way.
        detail: String,
        /// After so many seconds another try is worth it.
        secs: u32,
    },
    /// A value that only the switch could judge: unknown deck, other currency, balance out of range.
    #[error("{detail}")]
    Refused {
        /// The field at fault.
        field: &'static str,
        /// What is wrong with it and what to do.
        detail: String,
    },
    /// Two things that must agree do not: somebody has to look.
    #[error("{0}")]
    Broken(String),
    /// The configuration is wrong, and nothing was changed: each finding as file:line:column: message.
    #[error("the configuration has {} finding(s): nothing was changed", .0.len())]
    Findings(Vec<String>),
    /// Nothing is taken at the moment: journal failed, draining, queue full.
    #[error("{0}")]
    Unavailable(String),
}

// === impl Amount ===

impl Amount {
    /// As money of `currency`, the account's own.
    pub fn money(self, currency: Currency) -> Result<Money, BackendError> {
        match self.currency {
            Some(given) if given != currency => Err(BackendError::Refused {
                field: "currency",
                detail: format!("the account is in {currency}, not {given}"),
            }),
            Some(_) | None => Ok(Money::of(self.units, currency)),
        }
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        let detail = error.to_string();
        match error {
            BackendError::NoAccount(_) | BackendError::NoMovement(_) => Self::not_found(detail),
            BackendError::Conflict(_) => Self::new(StatusCode::CONFLICT, detail),
            BackendError::KeyReused(_) => Self::unprocessable("Idempotency-Key", detail),
            BackendError::NoMoney(_) => Self::new(StatusCode::PAYMENT_REQUIRED, detail),
            BackendError::NotYet { secs, .. } => Self::unavailable(detail).retry_in(secs),
            BackendError::Refused { field, .. } => Self::unprocessable(field, detail),
            BackendError::Broken(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail),
            BackendError::Findings(findings) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with(findings)
            }
            BackendError::Unavailable(_) => Self::unavailable(detail),
        }
    }
}
