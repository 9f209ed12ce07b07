//! Leases: time bought ahead for one call, in whole increments, and the rule by which it grows.
//!
//! Reserved is always cost(leased seconds) by the rounded function that also bills, so what is posted never exceeds it.

use std::sync::Arc;

use ledger::{AccountId, CallId};
use units::{Number, Wall};

use super::Refusal;
use crate::{Deck, Price};

/// A lease's handle: stale ones are told from live ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LeaseId {
    slot: u32,
    generation: u32,
}

/// When to come back and when to cut, in ms after the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Seconds leased so far, from the answer.
    pub leased_secs: u64,
    /// Ask for more here.
    pub renew_at_ms: u64,
    /// Cut here: leased seconds × 1000.
    pub cut_at_ms: u64,
}

/// Renew when less than this is left, or half of the last grant if that is shorter.
const RENEW_BELOW_MS: u64 = 15_000;
/// A renewal makes it at least this much.
const GROW_TO_MS: u64 = 30_000;
/// A renewal of several increments takes at most this part of what is free.
const SHARE: i64 = 8;
/// Leases of a shard.
const MAX_LEASES: usize = 1 << 20;

/// One call's money.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub call: CallId,
    pub number: Number,
    pub price: Price,
    /// The deck version of the authorization, until the answer.
    pub deck: Option<Arc<Deck>>,
    pub row: u32,
    pub account: AccountId,
    /// Held, 10⁻⁵ units.
    pub reserved: i64,
    pub leased_secs: u64,
    pub last_grant_secs: u64,
    pub answered_at: Option<Wall>,
    /// Waits for money.
    pub starved: bool,
}

/// Slots with generations; the slot freed last is used first.
#[derive(Debug, Default)]
pub(super) struct Leases {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    lease: Option<Lease>,
}

// === impl Lease ===

impl Lease {
    /// The first block at another price.
    pub fn start(&mut self, price: Price) {
        let secs = u64::from(price.increments.initial());
        self.reserved = price.cost(secs);
        self.leased_secs = secs;
        self.last_grant_secs = secs;
        self.price = price;
    }

    pub const fn cut_at_ms(&self) -> u64 {
        self.leased_secs.saturating_mul(1_000)
    }

    /// With so much left or less it is time to renew.
    pub const fn renew_below_ms(&self) -> u64 {
        let half = self.last_grant_secs.saturating_mul(500);
        if half < RENEW_BELOW_MS { half } else { RENEW_BELOW_MS }
    }

    pub const fn timing(&self) -> Timing {
        let cut_at_ms = self.cut_at_ms();
        Timing { leased_secs: self.leased_secs, renew_at_ms: cut_at_ms.saturating_sub(self.renew_below_ms()), cut_at_ms }
    }

    /// The next grant in seconds and what must be reserved for it: the fewest blocks that make 30 s, within an eighth of what is
    /// free, but never less than one.
    pub fn growth(&self, left_ms: u64, available: i64) -> (u64, i64) {
        let (price, from) = (&self.price, self.leased_secs);
        let one = price.next_boundary(from);
        let wanted =
            price.next_boundary(from.saturating_add(GROW_TO_MS.saturating_sub(left_ms).div_ceil(1_000)).saturating_sub(1)).max(one);
        let until = price.affordable(from, wanted, available / SHARE).max(one);
        (until.saturating_sub(from), price.cost(until).saturating_sub(price.cost(from)))
    }
}

// === impl Leases ===

impl Leases {
    pub const fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub const fn is_full(&self) -> bool {
        self.len() >= MAX_LEASES
    }

    pub fn insert(&mut self, lease: Lease) -> LeaseId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let mut id = LeaseId { slot, generation: 0 };
        if let Some(place) = self.slots.get_mut(slot as usize) {
            place.lease = Some(lease);
            id.generation = place.generation;
        }
        id
    }

    pub fn lease(&self, id: LeaseId) -> Result<&Lease, Refusal> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation);
        slot.and_then(|slot| slot.lease.as_ref()).ok_or(Refusal::NoLease)
    }

    pub fn lease_mut(&mut self, id: LeaseId) -> Result<&mut Lease, Refusal> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation);
        slot.and_then(|slot| slot.lease.as_mut()).ok_or(Refusal::NoLease)
    }

    pub fn remove(&mut self, id: LeaseId) -> Result<Lease, Refusal> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation).ok_or(Refusal::NoLease)?;
        let lease = slot.lease.take().ok_or(Refusal::NoLease)?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(id.slot);
        Ok(lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_small() {
        assert!(size_of::<Slot>() <= 208, "{} B", size_of::<Slot>());
    }
}
