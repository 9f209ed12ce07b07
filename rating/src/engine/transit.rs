//! Payments on their way, by the time at which they are late.

use std::collections::{BTreeSet, VecDeque};

use ledger::Key;
use units::{Money, Name, Wall};

/// Later than any payment is due: no term says when.
pub(super) const NEVER: Wall = Wall(i64::MAX);

/// A payment's place among all that are on their way: when it is late, whose it is, and its key.
pub type TransitPlace = (Wall, Name, Key);

/// A payment that was announced and neither booked nor rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InTransit {
    /// The account that the payment is for.
    pub account: Name,
    /// The key of the announcement.
    pub key: Key,
    /// The gross amount, in the account's currency.
    pub amount: Money,
    /// The payment method; none if the request named none.
    pub method: Option<Name>,
    /// What the payer or operator says of it.
    pub reference: Option<Name>,
    /// When it was announced.
    pub announced_at: Wall,
    /// After this it is late; never if absent.
    pub due: Option<Wall>,
    /// Its time is over.
    pub late: bool,
}

/// All payments of a shard that are on their way.
#[derive(Debug, Default)]
pub(super) struct Transit {
    /// Not late yet.
    pub(super) waiting: BTreeSet<TransitPlace>,
    pub(super) late: BTreeSet<TransitPlace>,
    /// Late and not reported yet.
    pub(super) unreported: VecDeque<TransitPlace>,
}

// === impl Transit ===

impl Transit {
    pub(super) fn insert(&mut self, place: TransitPlace) {
        self.waiting.insert(place);
    }

    pub(super) fn remove(&mut self, place: &TransitPlace) {
        if !self.waiting.remove(place) {
            self.late.remove(place);
        }
    }
}

impl InTransit {
    /// Where it stands among all that are on their way.
    pub fn place(&self) -> TransitPlace {
        Self::place_of(self.due, self.account.clone(), self.key.clone())
    }

    /// The place of a payment of which this is known; one that is never late is behind all others.
    pub fn place_of(due: Option<Wall>, account: Name, key: Key) -> TransitPlace {
        (due.unwrap_or(NEVER), account, key)
    }
}
