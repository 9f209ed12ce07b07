//! While the call runs: more time in every tier or in none, and the warning a minute before the money in sight ends.

use ledger::{AccountId, CallId, NoticeEvent, Record};
use smallvec::SmallVec;
use units::{Now, Wall};

use super::lease::{Lease, Parts, Tier};
use super::spill::SHARE;
use super::{Engine, LeaseId, Refusal, Timing};

/// An extension's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// Seconds added until the cut; 0 if it was too early or refused.
    pub granted_secs: u64,
    /// No money for one more increment in some tier. [`Engine::poll_woken`] tells when to try again.
    pub refused: bool,
    /// When to come back, to warn and to cut.
    pub timing: Timing,
}

/// What came of [`Engine::warn`].
#[derive(Debug, Clone)]
pub struct Warning {
    /// The notice, if the end is near; its seconds are what is left.
    pub notice: Option<Record>,
    /// When to warn instead, if not.
    pub timing: Timing,
}

/// The least that can be asked for, 10⁻⁵ units: what is fair comes, or nothing is there.
const LEAST: i64 = 1;
/// A call is warned so long before its end, s.
const WARN_SECS: u64 = 60;

// === impl Engine ===

impl Engine {
    /// Grants more time, in all tiers that need it or in none, if what is left after `elapsed_ms` of answered time is short.
    pub fn extend(&mut self, now: Now, id: LeaseId, elapsed_ms: u64) -> Result<Extension, Refusal> {
        let lease = self.leases.lease(id)?;
        if lease.answered_at.is_none() {
            return Err(Refusal::NotAnswered);
        }
        let before = lease.leased_secs();
        let left_ms = |tier: &Tier| tier.leased_secs().saturating_mul(1_000).saturating_sub(elapsed_ms);
        let mut grown: SmallVec<[(usize, Parts); 1]> = SmallVec::new();
        let mut refused = lease.cut_at_ms() <= elapsed_ms;
        let in_time = !refused;
        let mut short: SmallVec<[(AccountId, i64); 1]> = SmallVec::new();
        for (at, tier) in lease.tiers.iter().enumerate().filter(|(_, tier)| in_time && left_ms(tier) <= tier.renew_below_ms()) {
            match self
                .purse(tier.account, lease.number.digits(), now.wall)
                .and_then(|p| p.growth(tier, tier.wanted_secs(elapsed_ms), SHARE))
            {
                Some(parts) => grown.push((at, parts)),
                None => {
                    refused = true;
                    short.push((tier.account, self.short_by(tier)));
                }
            }
        }
        // Nothing is taken from a slice whose time is over.
        refused |= !grown.is_empty() && self.books.lent().is_some_and(|lent| !lent.open);
        short.iter().for_each(|(account, need)| self.books.wish(*account, *need));
        if refused {
            if in_time {
                self.leases.lease_mut(id)?.starved = true;
                self.wait(id)?;
            }
            grown.clear();
        }
        // Must succeed from here: no balance is in two tiers.
        for (at, parts) in &grown {
            self.hold(parts)?;
            let lease = self.leases.lease_mut(id)?;
            lease.starved = false;
            if let Some(tier) = lease.tiers.get_mut(*at) {
                tier.grow(parts);
            }
        }
        self.look_ahead(now, id)?;
        let lease = self.leases.lease(id)?;
        let timing = lease.timing(self.warn_at_ms(lease, now.wall));
        Ok(Extension { granted_secs: timing.leased_secs.saturating_sub(before), refused, timing })
    }

    /// The time to warn has come, by [`Timing::warn_at_ms`]: once, until money comes in. Where it came in meanwhile, a later time.
    pub fn warn(&mut self, now: Now, id: LeaseId, elapsed_ms: u64) -> Result<Warning, Refusal> {
        let lease = self.leases.lease(id)?;
        let (call, end) = (lease.call, self.end_in_sight(lease, now.wall));
        let left_ms = |secs: u64| secs.saturating_mul(1_000).saturating_sub(elapsed_ms);
        let notice = match end {
            Some((secs, account)) if !lease.warned && left_ms(secs) <= WARN_SECS * 1_000 => {
                let event = NoticeEvent::CallEnds { call, seconds: left_ms(secs).div_ceil(1_000) };
                let notice = self.notice(now, account, event);
                self.leases.lease_mut(id)?.warned = true;
                self.wait(id)?;
                notice
            }
            Some(_) | None => None,
        };
        let lease = self.leases.lease(id)?;
        Ok(Warning { notice, timing: lease.timing(self.warn_at_ms(lease, now.wall)) })
    }

    pub(super) fn warn_at_ms(&self, lease: &Lease, at: Wall) -> Option<u64> {
        let (end, _) = if lease.warned { None } else { self.end_in_sight(lease, at) }?;
        Some(end.saturating_sub(WARN_SECS).saturating_mul(1_000))
    }

    /// Of balances that are lent and would end within a minute more is asked for ahead. Whether there is some decides if the end is in sight.
    fn look_ahead(&mut self, now: Now, id: LeaseId) -> Result<(), Refusal> {
        let lease = self.leases.lease(id)?;
        if self.books.lent().is_none() || lease.warned {
            return Ok(());
        }
        let ends = lease.tiers.iter().filter_map(|tier| self.end_of(lease, tier, now.wall));
        let short: SmallVec<[AccountId; 2]> = ends.flat_map(|(_, account)| self.not_whole(account, lease, now.wall)).collect();
        self.leases.lease_mut(id)?.looks = !short.is_empty();
        if !short.is_empty() {
            short.iter().for_each(|balance| self.books.wish(*balance, LEAST));
            self.wait(id)?;
        }
        Ok(())
    }

    /// The balances of an account that pay for this call and of which more may come.
    fn not_whole(&self, account: AccountId, lease: &Lease, at: Wall) -> SmallVec<[AccountId; 2]> {
        let state = self.states.get(&account);
        let pockets = state.into_iter().flat_map(|state| state.serving(lease.number.digits(), at)).map(|pocket| pocket.id);
        pockets.chain([account]).filter(|balance| !self.books.is_whole(*balance)).collect()
    }

    /// The second at which the first tier has nothing left for this call, as things stand, and whose that is; none if all go on for a
    /// minute after what is leased, or more may come from the central ledger.
    fn end_in_sight(&self, lease: &Lease, at: Wall) -> Option<(u64, AccountId)> {
        let ends = lease.tiers.iter().filter_map(|tier| self.end_of(lease, tier, at));
        ends.filter(|(_, account)| self.not_whole(*account, lease, at).is_empty()).min_by_key(|(end, _)| *end)
    }

    /// Where what a tier has ends, if that is within a minute after what is leased.
    fn end_of(&self, lease: &Lease, tier: &Tier, at: Wall) -> Option<(u64, AccountId)> {
        let horizon = lease.leased_secs().saturating_add(WARN_SECS);
        let leased = tier.leased_secs();
        if leased >= horizon {
            return None;
        }
        let wanted = tier.price.next_boundary(horizon - 1);
        let more = self.purse(tier.account, lease.number.digits(), at)?.growth(tier, wanted, 1);
        let end = more.map_or(leased, |parts| super::lease::leased_secs(&parts));
        (end < horizon).then_some((end, tier.account))
    }

    /// What a call is called by its lease.
    pub fn call_of(&self, id: LeaseId) -> Option<CallId> {
        self.leases.lease(id).ok().map(|lease| lease.call)
    }
}
