//! While the call runs: more time in each tier when its own lease ends, and the warning some time, a minute
//! if nothing else is said, before the money in sight ends.
//!
//! The cut is at the least capacity: where the first tier ends that finds no more money.

use ledger::{AccountId, CallId, NoticeEvent, Record};
use smallvec::SmallVec;
use units::{Now, Wall};

use super::invariant::must;
use super::lease::{Lease, Parts, Tier, WarningSecs};
use super::rollover::{CallBalances, SHARE};
use super::{CreditRefusal, Engine, LeaseId, LeaseTiming};

/// An extension's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// Seconds added until the cut; 0 if it was too early or refused.
    pub granted_secs: u64,
    /// The tier that ends first has no money for one more increment. [`Engine::poll_woken`] tells when to try
    /// again.
    pub refused: bool,
    /// When to come back, to warn and to cut.
    pub timing: LeaseTiming,
}

/// What came of [`Engine::warn`].
#[derive(Debug, Clone)]
pub struct Warning {
    /// The end is near: it is to be announced now.
    pub is_near: bool,
    /// The notice of it; its seconds are what is left.
    pub notice: Option<Record>,
    /// When to warn instead, if not.
    pub timing: LeaseTiming,
}

/// The least amount that an extension reserves, 10⁻⁵ units.
const LEAST: i64 = 1;

// === impl Engine ===

impl Engine {
    /// Grants more time, in each tier whose own lease is short after `elapsed_ms` of answered time. A tier
    /// that finds no money bounds the others: none takes more than reaches to its end.
    pub fn extend(&mut self, now: Now, id: LeaseId, elapsed_ms: u64) -> Result<Extension, CreditRefusal> {
        let lease = self.leases.lease(id)?;
        if lease.answered_at.is_none() {
            return Err(CreditRefusal::NotAnswered);
        }
        let (before, in_time) = (lease.leased_secs(), elapsed_ms < lease.cut_at_ms());
        if in_time {
            self.grow_tiers(now, id, elapsed_ms)?;
        }
        self.rearm_warning(now, id, elapsed_ms)?;
        self.look_ahead(now, id)?;
        let lease = self.leases.lease(id)?;
        let refused = !in_time || lease.capacity_secs() == Some(lease.leased_secs());
        let timing = lease.timing(self.warn_at_ms(lease, now.wall));
        Ok(Extension { granted_secs: timing.leased_secs.saturating_sub(before), refused, timing })
    }

    /// First finds the tiers that can go on no further, then lengthens the others as far as the first of
    /// those reaches.
    fn grow_tiers(&mut self, now: Now, id: LeaseId, elapsed_ms: u64) -> Result<(), CreditRefusal> {
        let lease = self.leases.lease(id)?;
        // Nothing is taken from a slice whose time is over.
        let may_take = self.books.lent().is_none_or(|lent| lent.open);
        let is_short = |tier: &Tier| {
            tier.leased_secs().saturating_mul(1_000).saturating_sub(elapsed_ms) <= tier.renew_below_ms()
        };
        let more = |tier: &Tier, wanted| {
            let bucket =
                self.call_balances(tier.account, lease.number.digits(), now.wall).filter(|_| may_take)?;
            bucket.growth(tier, wanted, SHARE)
        };
        let mut grown: SmallVec<[(usize, u64, Parts); 1]> = SmallVec::new();
        let mut starved: SmallVec<[(usize, AccountId, i64); 1]> = SmallVec::new();
        let mut capacity = u64::MAX;
        for (at, tier) in lease.tiers.iter().enumerate().filter(|(_, tier)| is_short(tier)) {
            let wanted = tier.wanted_secs(elapsed_ms);
            match more(tier, wanted) {
                Some(parts) => grown.push((at, wanted, parts)),
                None => {
                    capacity = capacity.min(tier.leased_secs());
                    starved.push((at, tier.account, self.short_by(tier)));
                }
            }
        }
        for (at, wanted, parts) in &mut grown {
            let Some(tier) = lease.tiers.get(*at) else { continue };
            let useful =
                if tier.leased_secs() < capacity { tier.price.next_boundary(capacity - 1) } else { 0 };
            if useful < *wanted {
                *parts = if useful > tier.leased_secs() {
                    more(tier, useful).unwrap_or_default()
                } else {
                    Parts::new()
                };
            }
        }
        // Must succeed from here: no balance is in two tiers.
        for (at, _, parts) in grown.iter().filter(|(_, _, parts)| !parts.is_empty()) {
            parts
                .iter()
                .for_each(|part| must(self.books.reserve(part.balance, part.reserved), "a longer lease"));
            if let Some(tier) = self.leases.lease_mut(id)?.tiers.get_mut(*at) {
                tier.grow(parts);
            }
        }
        if !starved.is_empty() {
            for (at, account, need) in &starved {
                self.books.request_quota(*account, *need);
                if let Some(tier) = self.leases.lease_mut(id)?.tiers.get_mut(*at) {
                    tier.is_starved = true;
                }
            }
            self.wait(id)?;
        }
        Ok(())
    }

    /// Calls are warned so long before their end from now on; 0: a minute, since the owner is told anyway.
    pub fn set_warning_secs(&mut self, secs: u32) {
        self.warning = if secs == 0 { WarningSecs::default() } else { WarningSecs(secs) };
    }

    /// The time to warn has come, by [`LeaseTiming::warn_at_ms`]: once, and again only after the end moved
    /// away. Where it is not near any more, a later time.
    pub fn warn(&mut self, now: Now, id: LeaseId, elapsed_ms: u64) -> Result<Warning, CreditRefusal> {
        let lease = self.leases.lease(id)?;
        let (call, end) = (lease.call, self.end_in_sight(lease, now.wall));
        let left_ms = |secs: u64| secs.saturating_mul(1_000).saturating_sub(elapsed_ms);
        let near_ms = self.warning.secs() * 1_000;
        let end = end.filter(|&(secs, _)| lease.announced_end.is_none() && left_ms(secs) <= near_ms);
        let notice = match end {
            Some((secs, account)) => {
                let event = NoticeEvent::CallEnds { call, seconds: left_ms(secs).div_ceil(1_000) };
                let notice = self.notice(now, account, event);
                let lease = self.leases.lease_mut(id)?;
                (lease.announced_end, lease.was_funded) =
                    (Some(u32::try_from(secs).unwrap_or(u32::MAX)), false);
                self.wait(id)?;
                notice
            }
            None => None,
        };
        let lease = self.leases.lease(id)?;
        Ok(Warning { is_near: end.is_some(), notice, timing: lease.timing(self.warn_at_ms(lease, now.wall)) })
    }

    pub(super) fn warn_at_ms(&self, lease: &Lease, at: Wall) -> Option<u64> {
        let (end, _) = if lease.announced_end.is_some() { None } else { self.end_in_sight(lease, at) }?;
        Some(end.saturating_sub(self.warning.secs()).saturating_mul(1_000))
    }

    /// After money came in: the owner may be warned again if the announced end moved so far away that it is
    /// yet to be warned of.
    fn rearm_warning(&mut self, now: Now, id: LeaseId, elapsed_ms: u64) -> Result<(), CreditRefusal> {
        let lease = self.leases.lease(id)?;
        if !lease.was_funded {
            return Ok(());
        }
        let beyond = elapsed_ms.div_ceil(1_000).saturating_add(self.warning.secs()).saturating_add(1);
        // Where more may come from the central ledger, the slice here says less than that the call outlived
        // its announced end.
        let outlived = lease.announced_end.is_some_and(|end| elapsed_ms >= u64::from(end) * 1_000);
        let may_get_more = |tier: &Tier| !self.not_whole(tier.account, lease, now.wall).is_empty();
        let lasts =
            |tier: &Tier| (outlived && may_get_more(tier)) || self.lasts_until(lease, tier, beyond, now.wall);
        let is_away = lease.tiers.iter().all(lasts);
        let lease = self.leases.lease_mut(id)?;
        lease.was_funded = false;
        if is_away {
            lease.announced_end = None;
        }
        Ok(())
    }

    /// Whether a tier has money for the call until then, if all calls that wait for the same account take as
    /// much.
    fn lasts_until(&self, lease: &Lease, tier: &Tier, secs: u64, at: Wall) -> bool {
        if tier.leased_secs() >= secs {
            return true;
        }
        let waiting = self.waiting.get(&tier.account).map_or(1, Vec::len);
        let share = i64::try_from(waiting.max(1)).unwrap_or(i64::MAX);
        let Some(balances) = self.call_balances(tier.account, lease.number.digits(), at) else {
            return false;
        };
        let more = CallBalances { share_only: true, ..balances }.growth(
            tier,
            tier.price.next_boundary(secs - 1),
            share,
        );
        more.is_some_and(|parts| super::lease::leased_secs(&parts) >= secs)
    }

    /// Of balances that are lent and would end within the time of the warning more is asked for ahead.
    /// Whether there is some decides if the end is in sight.
    fn look_ahead(&mut self, now: Now, id: LeaseId) -> Result<(), CreditRefusal> {
        let lease = self.leases.lease(id)?;
        if self.books.lent().is_none() || lease.announced_end.is_some() {
            return Ok(());
        }
        let ends = lease.tiers.iter().filter_map(|tier| self.end_of(lease, tier, now.wall));
        let short: SmallVec<[AccountId; 2]> =
            ends.flat_map(|(_, account)| self.not_whole(account, lease, now.wall)).collect();
        self.leases.lease_mut(id)?.looks = !short.is_empty();
        if !short.is_empty() {
            short.iter().for_each(|balance| self.books.request_quota(*balance, LEAST));
            self.wait(id)?;
        }
        Ok(())
    }

    /// The balances of an account that pay for this call and of which more may come.
    fn not_whole(&self, account: AccountId, lease: &Lease, at: Wall) -> SmallVec<[AccountId; 2]> {
        let state = self.states.get(&account);
        let buckets = state
            .into_iter()
            .flat_map(|state| state.serving(lease.number.digits(), at))
            .map(|bucket| bucket.id);
        buckets.chain([account]).filter(|balance| !self.books.is_whole(*balance)).collect()
    }

    /// The second at which the first tier has nothing left for this call, as things stand, and whose that is;
    /// none if all go on for the time of the warning after what is leased, or more may come from the central
    /// ledger.
    fn end_in_sight(&self, lease: &Lease, at: Wall) -> Option<(u64, AccountId)> {
        let ends = lease.tiers.iter().filter_map(|tier| self.end_of(lease, tier, at));
        ends.filter(|(_, account)| self.not_whole(*account, lease, at).is_empty()).min_by_key(|(end, _)| *end)
    }

    /// Where what a tier has ends, if that is within the time of the warning after what is leased.
    fn end_of(&self, lease: &Lease, tier: &Tier, at: Wall) -> Option<(u64, AccountId)> {
        let horizon = lease.leased_secs().saturating_add(self.warning.secs());
        let leased = tier.leased_secs();
        if leased >= horizon {
            return None;
        }
        let wanted = tier.price.next_boundary(horizon - 1);
        let more = self.call_balances(tier.account, lease.number.digits(), at)?.growth(tier, wanted, 1);
        let end = more.map_or(leased, |parts| super::lease::leased_secs(&parts));
        (end < horizon).then_some((end, tier.account))
    }

    /// What a call is called by its lease.
    pub fn call_of(&self, id: LeaseId) -> Option<CallId> {
        self.leases.lease(id).ok().map(|lease| lease.call)
    }
}
