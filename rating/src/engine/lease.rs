//! Leases: time bought ahead for one call, in whole increments, from one balance after the other, in every
//! tier.
//!
//! Reserved is always the cost of the leased seconds by the rounded function that also bills, so what is
//! posted never exceeds it.

use std::sync::Arc;

use ledger::{AccountId, CallId};
use smallvec::SmallVec;
use units::{Number, Wall};

use super::CreditRefusal;
use super::invariant::sum;
use crate::{Deck, Price};

/// A lease's handle. The generation makes the handle of an ended lease unequal to that of the next one in its
/// slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LeaseId {
    slot: u32,
    generation: u32,
}

/// When to come back, when to warn and when to cut, in ms after the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseTiming {
    /// Seconds leased so far, from the answer.
    pub leased_secs: u64,
    /// Ask for more here.
    pub renew_at_ms: u64,
    /// Cut here: leased seconds × 1000.
    pub cut_at_ms: u64,
    /// Call [`Engine::warn`](super::Engine::warn) here: the money in sight ends some time later, a minute
    /// if nothing else was said. None if no
    /// end is in sight, or if it was announced.
    pub warn_at_ms: Option<u64>,
}

/// So long before its end a call is warned, s.
#[derive(Debug, Clone, Copy)]
pub(super) struct WarningSecs(pub(super) u32);

// === impl WarningSecs ===

impl Default for WarningSecs {
    fn default() -> Self {
        Self(60)
    }
}

impl WarningSecs {
    pub(super) fn secs(self) -> u64 {
        u64::from(self.0)
    }
}

/// Renew when less than this is left, or half of the last grant if that is shorter.
const RENEW_BELOW_MS: u64 = 15_000;
/// A renewal makes it at least this much.
const GROW_TO_MS: u64 = 30_000;
/// Leases of a shard.
const MAX_LEASES: usize = 1 << 20;
/// What a second counts in [`units::Currency::SEC`].
pub(super) const SECOND: i64 = 100_000;

/// One call's time and money.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub call: CallId,
    pub number: Number,
    pub answered_at: Option<Wall>,
    /// Who pays: the caller's account first, then those above it.
    pub tiers: SmallVec<[Tier; 1]>,
    /// The end that was announced last, s after the answer; none until the first time, and again once it
    /// moved away.
    pub announced_end: Option<u32>,
    /// Money came in since the end was announced: the next extension looks whether the end moved away.
    pub was_funded: bool,
    /// More was asked for ahead, of a balance that is lent: the answer may show the end.
    pub looks: bool,
}

/// What one account holds for a call.
#[derive(Debug, Clone)]
pub(super) struct Tier {
    pub account: AccountId,
    pub row: u32,
    pub last_grant_secs: u32,
    /// The last extension found no money for one more increment.
    pub is_starved: bool,
    /// The call is among those that money for this account wakes.
    pub waits: bool,
    /// The deck version of the authorization, until the answer.
    pub deck: Option<Arc<Deck>>,
    pub price: Price,
    /// Consecutive, from the answer on; at least one.
    pub parts: Parts,
}

pub(super) type Parts = SmallVec<[Part; 1]>;

/// Seconds that one balance pays, from the end of the part before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    /// The account's own or a bucket's.
    pub balance: AccountId,
    /// Where the part ends, s after the answer, exclusive.
    pub until_secs: u32,
    /// Held, 10⁻⁵ units of the balance.
    pub reserved: i64,
    pub pays: Pays,
}

/// How a part is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pays {
    /// Second for second.
    Seconds,
    /// By the price; the first such part with the connect fee.
    Money { with_fee: bool },
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

// === impl Pays ===

impl Pays {
    /// What the seconds from one boundary to another cost, 10⁻⁵ units of the balance.
    pub fn amount(self, price: &Price, from_secs: u64, until_secs: u64) -> i64 {
        match self {
            Self::Seconds => {
                i64::try_from(until_secs.saturating_sub(from_secs)).unwrap_or(i64::MAX).saturating_mul(SECOND)
            }
            Self::Money { with_fee } => price.cost_between(from_secs, until_secs, with_fee),
        }
    }
}

// === impl Tier ===

impl Tier {
    pub fn leased_secs(&self) -> u64 {
        leased_secs(&self.parts)
    }

    /// With so much left or less it is time to renew.
    pub fn renew_below_ms(&self) -> u64 {
        u64::from(self.last_grant_secs).saturating_mul(500).min(RENEW_BELOW_MS)
    }

    pub fn renew_at_ms(&self) -> u64 {
        self.leased_secs().saturating_mul(1_000).saturating_sub(self.renew_below_ms())
    }

    /// Until where a renewal wants to lease: the fewest whole increments that make 30 s, at least one.
    pub fn wanted_secs(&self, elapsed_ms: u64) -> u64 {
        let target =
            elapsed_ms.saturating_add(GROW_TO_MS).div_ceil(1_000).max(self.leased_secs().saturating_add(1));
        self.price.next_boundary(target - 1)
    }

    /// Takes what was granted.
    pub fn grow(&mut self, granted: &Parts) {
        let before = self.leased_secs();
        for part in granted {
            match self.parts.last_mut() {
                Some(last) if last.balance == part.balance => {
                    last.until_secs = part.until_secs;
                    last.reserved = sum(last.reserved, part.reserved);
                }
                Some(_) | None => self.parts.push(*part),
            }
        }
        self.last_grant_secs = u32::try_from(self.leased_secs().saturating_sub(before)).unwrap_or(u32::MAX);
        self.is_starved = false;
    }
}

/// Where the parts end.
pub(super) fn leased_secs(parts: &[Part]) -> u64 {
    parts.last().map_or(0, |part| u64::from(part.until_secs))
}

/// Where the part after these begins, for each: parts with their first second.
pub(super) fn with_starts(parts: &[Part]) -> impl Iterator<Item = (u64, &Part)> {
    let mut from = 0;
    parts.iter().map(move |part| (std::mem::replace(&mut from, u64::from(part.until_secs)), part))
}

// === impl Lease ===

impl Lease {
    /// Where the shortest tier ends.
    pub fn leased_secs(&self) -> u64 {
        self.tiers.iter().map(Tier::leased_secs).min().unwrap_or(0)
    }

    pub fn cut_at_ms(&self) -> u64 {
        self.leased_secs().saturating_mul(1_000)
    }

    /// Whether a tier waits for money.
    pub fn is_starved(&self) -> bool {
        self.tiers.iter().any(|tier| tier.is_starved)
    }

    /// The second at which the first tier that waits for money ends; none if no tier waits. More than that no
    /// tier needs.
    pub fn capacity_secs(&self) -> Option<u64> {
        self.tiers.iter().filter(|tier| tier.is_starved).map(Tier::leased_secs).min()
    }

    /// Renewed is when the first tier that ends before the capacity wants more; at the cut, if none does.
    pub fn timing(&self, warn_at_ms: Option<u64>) -> LeaseTiming {
        let capacity = self.capacity_secs().unwrap_or(u64::MAX);
        let growing = self.tiers.iter().filter(|tier| tier.leased_secs() < capacity);
        let renew_at_ms = growing.map(Tier::renew_at_ms).min().unwrap_or_else(|| self.cut_at_ms());
        LeaseTiming { leased_secs: self.leased_secs(), renew_at_ms, cut_at_ms: self.cut_at_ms(), warn_at_ms }
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

    pub fn lease(&self, id: LeaseId) -> Result<&Lease, CreditRefusal> {
        let slot = self.slots.get(id.slot as usize).filter(|slot| slot.generation == id.generation);
        slot.and_then(|slot| slot.lease.as_ref()).ok_or(CreditRefusal::NoLease)
    }

    pub fn lease_mut(&mut self, id: LeaseId) -> Result<&mut Lease, CreditRefusal> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation);
        slot.and_then(|slot| slot.lease.as_mut()).ok_or(CreditRefusal::NoLease)
    }

    pub fn remove(&mut self, id: LeaseId) -> Result<Lease, CreditRefusal> {
        let slot = self
            .slots
            .get_mut(id.slot as usize)
            .filter(|slot| slot.generation == id.generation)
            .ok_or(CreditRefusal::NoLease)?;
        let lease = slot.lease.take().ok_or(CreditRefusal::NoLease)?;
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
        assert!(size_of::<Part>() <= 24 && size_of::<Parts>() <= 32, "{} B", size_of::<Parts>());
        assert!(size_of::<Slot>() <= 256, "{} B", size_of::<Slot>());
    }
}
