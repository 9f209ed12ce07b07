//! Balances that a central ledger lent to this node: whether they may be reserved from, and who requests for
//! more.
//!
//! Invariant: a reservation never waits for the central ledger; what is short is noted for whoever asks it.

use std::collections::{BTreeMap, BTreeSet};

use crate::refused::{AccountId, Refused};

/// A reservation's amount so many times over is what an account should have free after it.
const LOW_WATER: i64 = 4;

/// How far lent balances may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lent {
    /// Their time is not over.
    pub open: bool,
    /// The central ledger answers: an empty quota is an empty balance.
    pub reachable: bool,
}

/// The part of the books that knows of lending.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lending {
    /// None: the balances are the books' own.
    pub(crate) lent: Option<Lent>,
    /// What is short, 10⁻⁵ units; 0 where only little is left.
    quota_requests: BTreeMap<AccountId, i64>,
    /// Balances of which the central ledger has no more.
    dry: BTreeSet<AccountId>,
}

// === impl Lending ===

impl Lending {
    /// May `amount` be reserved of `available`? Notes what is short.
    pub(crate) fn judge(&mut self, id: AccountId, amount: i64, available: i64) -> Result<(), Refused> {
        let Some(lent) = self.lent else {
            return if amount > available { Err(Refused::ExceedsAvailable) } else { Ok(()) };
        };
        if !lent.open {
            return Err(Refused::SliceEnded);
        }
        let left = available.saturating_sub(amount);
        if left < amount.saturating_mul(LOW_WATER) {
            self.request_quota(id, left.saturating_neg());
        }
        match (left >= 0, lent.reachable) {
            (true, _) => Ok(()),
            (false, true) => Err(Refused::ExceedsAvailable),
            (false, false) => Err(Refused::SliceEnded),
        }
    }

    pub(crate) fn request_quota(&mut self, id: AccountId, short: i64) {
        if self.lent.is_some() {
            let noted = self.quota_requests.entry(id).or_default();
            *noted = (*noted).max(short).max(0);
        }
    }

    pub(crate) fn set_dry(&mut self, id: AccountId, is_dry: bool) {
        if is_dry {
            self.dry.insert(id);
        } else {
            self.dry.remove(&id);
        }
    }

    pub(crate) fn is_whole(&self, id: AccountId) -> bool {
        self.lent.is_none_or(|lent| lent.open && lent.reachable && self.dry.contains(&id))
    }

    pub(crate) fn pop_quota_request(&mut self) -> Option<(AccountId, i64)> {
        self.quota_requests.pop_first()
    }
}
