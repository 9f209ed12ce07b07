//! The one door to the books: what operators and accountants ask and order, whoever keeps the money. Chosen
//! once at start: the shards of this node, or the central ledger of several.
//!
//! Refusals are typed up to here; [`problem`] is the only place that makes an answer of the API of them.

use std::future::Future;
use std::pin::Pin;

use central::{CentralError, NewGrant};
use ledger::{PeriodClosed, Refused, TrialBalance};
use rating::engine::{AccountChange, AccountRefused, AccountView, InTransit, MoveOrder, TransitPlace};
use rating::quotas::transaction::NewAccount;
use store::{NoticePage, Page, PaymentPage, Query, Statement, StatementQuery};
use units::{Money, Name, Wall};
use web::BackendError;

/// What the books answer, in time.
pub(crate) type Answer<T> = Pin<Box<dyn Future<Output = Result<T, BooksError>> + Send>>;

/// Books of accounts. An answer about money is given only when it is durable.
pub(crate) trait Books: Send + Sync {
    /// Up to `limit` accounts in the order of their names, after `after`.
    fn accounts(&self, after: Option<Name>, limit: usize) -> Answer<Vec<AccountView>>;
    /// One account; none if it is not there.
    fn account(&self, name: Name) -> Answer<Option<AccountView>>;
    /// Opens an account, once per key if there is one; true if an earlier request with the same content did
    /// it.
    fn open(&self, new: NewAccount, key: Option<Name>) -> Answer<(AccountView, bool)>;
    /// Changes what an account calls by; running calls keep their prices.
    fn amend(&self, name: Name, change: AccountChange) -> Answer<AccountView>;
    /// Moves money once per key of the account. What was posted for a call, or expired, is looked up by the
    /// books themselves.
    fn move_money(&self, account: Name, key: String, order: MoveOrder) -> Answer<Done>;
    /// Gives credit or minutes once per key of the account.
    fn grant(&self, grant: NewGrant) -> Answer<Done>;
    /// All balances.
    fn trial(&self) -> Answer<TrialBalance>;
    /// Closes the books for everything dated before `until`, once per key; true if that was done before.
    fn close(&self, until: Wall, key: Name) -> Answer<(PeriodClosed, bool)>;
    /// A page of an account's movements. The last page of a time that reaches to now closes with what the
    /// account has.
    fn statement(&self, query: StatementQuery) -> Answer<Statement>;
    /// Up to `limit` payments of an account after an entry.
    fn payments(&self, account: Name, after: u64, limit: u32) -> Answer<PaymentPage>;
    /// Up to `limit` payments of all accounts that are on their way, those that are due first in front.
    fn in_transit(
        &self,
        after: Option<TransitPlace>,
        late_only: bool,
        limit: usize,
    ) -> Answer<Vec<InTransit>>;
    /// A page of call records.
    fn cdrs(&self, query: Query) -> Answer<Page>;
    /// A page of what account holders were told.
    fn notices(&self, query: Query) -> Answer<NoticePage>;
}

/// Money that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Done {
    /// What the account or bucket got; negative if it paid.
    pub amount: Money,
    /// Posted right after it.
    pub balance: Money,
    /// When it was booked; none if the books do not say.
    pub at: Option<Wall>,
    /// After this an announced payment is late.
    pub due: Option<Wall>,
    /// The key had been used for the same: nothing was moved now.
    pub replayed: bool,
}

/// Why the books did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BooksError {
    /// By the rules of accounts and money.
    #[error(transparent)]
    Account(#[from] AccountRefused),
    /// The central ledger did not do it.
    #[error(transparent)]
    Central(#[from] CentralError),
    /// No call of this id was billed to the account.
    #[error("no call {call:?} was billed to {account:?}")]
    NoCall {
        /// As asked.
        call: String,
        /// Whose it should be.
        account: Name,
    },
    /// The idempotency key of a closing was used for another moment.
    #[error("the key {0:?} closed the books until another moment")]
    KeyReused(Name),
    /// The books are closed further already.
    #[error("the books are closed until {} already, by journal entry {entry}", until.rfc3339())]
    Closed {
        /// Until when.
        until: Wall,
        /// The entry that closed them.
        entry: u64,
    },
    /// Two things that must agree do not.
    #[error("{0}")]
    Broken(String),
    /// Nothing is taken at the moment.
    #[error("{0}")]
    Unavailable(String),
}

/// What a request was about, for the words of its refusal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct About<'a> {
    pub account: &'a str,
    pub key: &'a str,
    /// The field at fault where the refusal names none.
    pub field: &'static str,
}

impl<'a> About<'a> {
    /// Something about an account that has no key and names no field.
    pub(crate) const fn of(account: &'a str) -> Self {
        Self { account, key: "", field: "account" }
    }
}

impl From<BooksError> for BackendError {
    fn from(error: BooksError) -> Self {
        problem(error, About::of(""))
    }
}

/// The refusal as the API says it.
pub(crate) fn problem(error: BooksError, about: About<'_>) -> BackendError {
    let detail = error.to_string();
    match error {
        BooksError::Account(refused) | BooksError::Central(CentralError::Account(refused)) => {
            account_problem(&refused, about)
        }
        BooksError::Central(error) => central_problem(error, about),
        BooksError::NoCall { .. } => BackendError::NoMovement(detail),
        BooksError::KeyReused(key) => BackendError::KeyReused(key.to_string()),
        BooksError::Closed { .. } => BackendError::Refused { field: "until", detail },
        BooksError::Broken(detail) => BackendError::Broken(detail),
        BooksError::Unavailable(detail) => BackendError::Unavailable(detail),
    }
}

fn account_problem(refused: &AccountRefused, about: About<'_>) -> BackendError {
    let detail = refused.to_string();
    match (refused, refused.code()) {
        (AccountRefused::Books(Refused::UnknownAccount), _) => {
            BackendError::NoAccount(about.account.to_owned())
        }
        (AccountRefused::Books(Refused::AccountExists) | AccountRefused::NoParent, _) => {
            BackendError::Conflict(detail)
        }
        (_, "key-reused") => BackendError::KeyReused(about.key.to_owned()),
        (_, "no-movement") => BackendError::NoMovement(detail),
        (_, "no-money") => BackendError::NoMoney(detail),
        (_, "conflict") => BackendError::Conflict(detail),
        (_, "refused") => BackendError::Refused { field: about.field, detail },
        (_, field) => BackendError::Refused { field, detail },
    }
}

fn central_problem(error: CentralError, about: About<'_>) -> BackendError {
    let detail = error.to_string();
    match error {
        CentralError::NoAccount(name) => BackendError::NoAccount(name),
        CentralError::Account(refused) => account_problem(&refused, about),
        CentralError::NoCall { .. } => BackendError::NoMovement(detail),
        CentralError::Recalled { secs, .. } => BackendError::NotYet { detail, secs },
        CentralError::Refused(_) => BackendError::Refused { field: "amount", detail },
        CentralError::KeyReused(key) => BackendError::KeyReused(key),
        CentralError::Closed { .. } => BackendError::Refused { field: "until", detail },
        CentralError::Broken(detail) => BackendError::Broken(detail),
        _ => BackendError::Unavailable(detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both keepers of books refuse in the same words, and an operator sees the same status.
    #[test]
    fn a_refusal_is_the_same_whoever_keeps_the_books() {
        let about = About { account: "acme", key: "k1", field: "amount" };
        let refusals = [
            AccountRefused::Books(Refused::UnknownAccount),
            AccountRefused::Books(Refused::KeyReused),
            AccountRefused::Books(Refused::NoMovement),
            AccountRefused::Books(Refused::Reversed),
            AccountRefused::Books(Refused::CurrencyMismatch),
            AccountRefused::NoMoney,
            AccountRefused::Fee,
            AccountRefused::Period,
        ];
        for refused in refusals {
            let here = problem(BooksError::Account(refused.clone()), about);
            let there = problem(BooksError::Central(CentralError::Account(refused.clone())), about);
            assert_eq!(here, there, "{refused:?}");
        }
        let recalled = CentralError::Recalled {
            account: "acme".to_owned(),
            held: "9.00000".to_owned(),
            silent: String::new(),
            secs: 5,
        };
        assert!(matches!(problem(recalled.into(), about), BackendError::NotYet { secs: 5, .. }));
    }
}
