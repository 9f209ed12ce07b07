//! Calls that wait for money: those refused more, and those whose end was announced. A payment concerns both,
//! a release only the first.

use ledger::{AccountId, CallId};

use super::{CreditRefusal, Engine, LeaseId};

// === impl Engine ===

impl Engine {
    /// A lease worth another [`Engine::extend`], since money came back to one of its tiers. Drain after each
    /// call of the engine.
    pub fn poll_woken(&mut self) -> Option<(CallId, LeaseId)> {
        loop {
            let id = self.woken.pop_front()?;
            // Those that ended meanwhile are gone.
            if let Ok(lease) = self.leases.lease(id) {
                return Some((lease.call, id));
            }
        }
    }

    /// Puts a lease among those that wait, in every tier.
    pub(super) fn wait(&mut self, id: LeaseId) -> Result<(), CreditRefusal> {
        let lease = self.leases.lease_mut(id)?;
        for tier in lease.tiers.iter_mut().filter(|tier| !tier.waits) {
            tier.waits = true;
            self.waiting.entry(tier.account).or_default().push(id);
        }
        Ok(())
    }

    /// Money came to an account from outside, or its terms changed: calls that wait may try again, and may be
    /// warned again.
    pub(super) fn wake(&mut self, account: AccountId) {
        self.schedule(account);
        self.wake_those(account, true);
    }

    /// What a call held came back to an account.
    pub(super) fn freed(&mut self, account: AccountId) {
        let state = self.states.get(&account);
        if state.is_some_and(|state| !state.buckets.is_empty() || state.terms.idle_days.is_some()) {
            self.schedule(account);
        }
        self.wake_those(account, false);
    }

    fn wake_those(&mut self, account: AccountId, is_new_money: bool) {
        if self.waiting.is_empty() || !self.has_money(account) {
            return;
        }
        let Some(mut waiting) = self.waiting.remove(&account) else { return };
        waiting.retain(|id| {
            let Ok(lease) = self.leases.lease_mut(*id) else { return false };
            let is_announced = lease.announced_end.is_some();
            if lease.is_starved() || (is_announced && is_new_money) {
                lease.tiers.iter_mut().for_each(|tier| tier.is_starved = false);
                lease.was_funded |= is_announced && is_new_money;
                self.woken.push_back(*id);
            }
            // Its end was announced and may move away, or is still to be looked for.
            let waits = is_announced || lease.looks;
            lease.tiers.iter_mut().filter(|tier| tier.account == account).for_each(|tier| tier.waits = waits);
            waits
        });
        if !waiting.is_empty() {
            self.waiting.insert(account, waiting);
        }
    }

    /// All that wait for this account come back once, whether there is money or not.
    pub(super) fn wake_all(&mut self, account: AccountId) {
        self.woken.extend(self.waiting.get(&account).into_iter().flatten());
    }

    fn has_money(&self, account: AccountId) -> bool {
        let has = |id| self.books.balance(id).is_some_and(|balance| balance.available() > 0);
        has(account)
            || self
                .states
                .get(&account)
                .is_some_and(|state| state.buckets.iter().any(|bucket| has(bucket.id)))
    }
}
