//! The books of one shard: every account's balance, and the four movements: reserve, post, void, and posting
//! without a reservation.
//!
//! Each movement checks in a fixed order, each check with a named result; after the line "must succeed"
//! nothing fails. Invariant: posted balances sum to zero per currency; usage never takes a balance below its
//! limit.

mod directory;
mod movement;
mod request;
mod state;

use std::collections::{BTreeMap, VecDeque};

use units::{Currency, Name};

use crate::lent::{Lending, Lent};
use crate::refused::{AccountId, Refused};
use crate::{Key, Party, SystemAccount, Transfer};

pub use request::{Outcome, Request, Settles};
pub use state::{AccountImage, BalanceImage, GivenImage};

/// Posted balances and limits of customers are no farther from zero, 10⁻⁵ units: what is free of them is
/// always in range.
pub(crate) const RANGE: i64 = i64::MAX / 2;
/// Nothing is below this.
const UNMARKED: i64 = i64::MIN;
/// Slices of one account whose keys are remembered.
const SLICES_MAX: usize = 1_024;

/// One account's money, in 10⁻⁵ units of its currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Balance {
    /// What the amounts count.
    pub currency: Currency,
    /// Sum of all credits ever posted.
    pub credits: i64,
    /// Sum of all debits ever posted.
    pub debits: i64,
    /// Held for calls in progress.
    pub reserved: i64,
    /// Usage may take the balance down to here: 0, or below zero where credit is given.
    pub limit: i64,
}

/// What a posting did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Posted {
    /// It moved money.
    Now,
    /// The same transfer was posted before: nothing changed.
    Before {
        /// The posted balance of the customer's account or bucket right after the first time, 10⁻⁵ units.
        balance_after: i64,
    },
}

/// All accounts of a shard.
#[derive(Debug, Clone, Default)]
pub struct Books {
    balances: Vec<Balance>,
    /// Below this an available balance is low, 10⁻⁵ units.
    marks: Vec<i64>,
    /// How many are.
    low: usize,
    names: Vec<Party>,
    customers: BTreeMap<Name, AccountId>,
    system_accounts: BTreeMap<(Currency, SystemAccount), AccountId>,
    buckets: BTreeMap<(AccountId, Name), AccountId>,
    lending: Lending,
    /// Transfers whose key came from outside: small and kept for ever.
    given: BTreeMap<(AccountId, Key), Given>,
    /// Keys of lent and returned slices of an account, the oldest first: these are not kept for ever.
    slices: BTreeMap<AccountId, VecDeque<Key>>,
    /// What became of movements that were not the last word, under the key of the movement.
    outcomes: BTreeMap<(AccountId, Key), Outcome>,
}

/// A transfer whose key came from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    transfer: Transfer,
    /// How the customer paid, if that was said.
    method: Option<Name>,
    /// The customer's posted balance right after it, 10⁻⁵ units.
    balance_after: i64,
}

// === impl Balance ===

impl Balance {
    const fn empty(currency: Currency, limit: i64) -> Self {
        Self { currency, credits: 0, debits: 0, reserved: 0, limit }
    }

    /// The posted balance.
    pub const fn posted(&self) -> i64 {
        // Neither side is ever negative, so the difference is in range.
        self.credits - self.debits
    }

    /// What usage may still take: posted − reserved − limit; negative in debt.
    pub const fn available(&self) -> i64 {
        let free = self.posted() as i128 - self.reserved as i128 - self.limit as i128;
        assert!(free >= i64::MIN as i128, "what is reserved is within what was free");
        // A system account has no limit: more is free of it than any number says.
        if free > i64::MAX as i128 { i64::MAX } else { free as i64 }
    }
}

// === impl Books ===

impl Books {
    /// Changes how far usage may go.
    pub fn set_limit(&mut self, id: AccountId, limit: i64) -> Result<(), Refused> {
        self.balance(id).ok_or(Refused::UnknownAccount)?;
        if !(-RANGE..=RANGE).contains(&limit) {
            return Err(Refused::Overflow);
        }
        self.change(id, |balance| balance.limit = limit);
        Ok(())
    }

    /// The balances are lent by a central ledger from now on, and may be trusted so far.
    pub const fn set_lent(&mut self, lent: Lent) {
        self.lending.lent = Some(lent);
    }

    /// How far lent balances may be trusted; none if the balances are the books' own.
    pub const fn lent(&self) -> Option<Lent> {
        self.lending.lent
    }

    /// An account was found short by so much, 10⁻⁵ units. Noted only where balances are lent.
    pub fn request_quota(&mut self, id: AccountId, short: i64) {
        self.lending.request_quota(id, short);
    }

    /// The central ledger has no more of this balance, or has lent some again.
    pub fn set_dry(&mut self, id: AccountId, is_dry: bool) {
        self.lending.set_dry(id, is_dry);
    }

    /// Whether what is here of a balance is all that calls here will get: it is not lent, or the central
    /// ledger has no more.
    pub fn is_whole(&self, id: AccountId) -> bool {
        self.lending.is_whole(id)
    }

    /// An account or bucket that a reservation found short by so much (10⁻⁵ units), or, with 0, left little
    /// in.
    pub fn pop_quota_request(&mut self) -> Option<(AccountId, i64)> {
        self.lending.pop_quota_request()
    }

    /// From now on an account whose available balance is below `mark` (10⁻⁵ units) counts as low; never
    /// without a mark.
    pub fn set_low_mark(&mut self, id: AccountId, mark: Option<i64>) {
        let at = id.0 as usize;
        let (Some(balance), Some(known)) = (self.balances.get(at), self.marks.get_mut(at)) else { return };
        let was = balance.available() < *known;
        *known = mark.unwrap_or(UNMARKED);
        let is = balance.available() < *known;
        self.count_low(was, is);
    }

    /// Accounts whose available balance is below their mark.
    pub const fn low(&self) -> usize {
        self.low
    }

    /// The one way in which balances change, so that those below their marks are counted as they come and go.
    fn change(&mut self, id: AccountId, change: impl FnOnce(&mut Balance)) {
        let at = id.0 as usize;
        let (Some(balance), Some(mark)) = (self.balances.get_mut(at), self.marks.get(at)) else { return };
        let was = balance.available() < *mark;
        change(balance);
        let is = balance.available() < *mark;
        self.count_low(was, is);
    }

    fn count_low(&mut self, was: bool, is: bool) {
        self.low = (self.low + usize::from(is))
            .checked_sub(usize::from(was))
            .expect("an account that was low was counted");
    }
}

#[cfg(test)]
mod tests;
