//! The only door to money: authorize → answer → extend → settle or release; top-ups and grants; accounts. One
//! engine per shard.
//!
//! Changes are in memory at once; what must survive is returned as a record or as transfers for the caller's
//! record. Invariant: posted + still reserved never exceeds what was there, so usage cannot take a balance
//! below its limit.

mod accounts;
mod buckets;
mod carrier;
mod charges;
mod corrections;
mod expiry;
mod extend;
mod free;
mod invariant;
mod lease;
mod notices;
mod orders;
mod payments;
mod period;
mod quotas;
mod refusal;
mod refused;
mod rollover;
mod settle;
mod transit;
mod transit_list;
mod views;
mod wake;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ledger::{
    AccountId, AccountState, Books, CallId, CallOpen, Checkpoint, OpenCall, OpenPart, Party, ProfitGuard,
    Record, RecordBody, ShardBooks, TierOpen,
};
use serde_json::value::RawValue;
use smallvec::SmallVec;
use units::{Currency, Money, Name, Now, Number, Wall};

pub use accounts::{AccountChange, AccountView, OpenAccount, Opened};
pub use buckets::{GrantRequest, Granted};
pub use carrier::{CarrierLeg, Cost};
pub use charges::ChargeRequest;
pub use corrections::rerated;
pub use extend::{Extension, Warning};
pub use lease::{LeaseId, LeaseTiming};
pub use orders::MoveOrder;
pub use payments::Moved;
pub use refusal::CreditRefusal;
pub use refused::AccountRefused;
pub(crate) use refused::{MAX_KEY, MAX_REFERENCE};
pub use settle::{PaidPart, PaidTier, Settlement};
pub use transit::{InTransit, TransitPlace};
pub use views::BucketView;

pub use crate::payment::{FollowUp, PaymentMethod, PaymentOrder, TopUpRequest};
use crate::{Decks, Price};
use invariant::must;
use lease::{Lease, Leases, Parts, Tier, WarningSecs};
use rollover::CallBalances;

/// All accounts of a shard with the leases of their calls.
#[derive(Debug, Default)]
pub struct Engine {
    books: Books,
    states: BTreeMap<AccountId, AccountState>,
    decks: Arc<Decks>,
    leases: Leases,
    /// Leases that returning money concerns: an extension was refused, or the end was announced.
    waiting: BTreeMap<AccountId, Vec<LeaseId>>,
    woken: VecDeque<LeaseId>,
    warning: WarningSecs,
    /// What is to be journaled beside the caller's own record.
    notices: VecDeque<Record>,
    /// When to look at which account: no later than the next thing that comes with time alone.
    due: BTreeSet<(Wall, AccountId)>,
    scheduled: BTreeMap<AccountId, Wall>,
    /// What calls used beyond their leases while being torn down.
    exposure: BTreeMap<Currency, i64>,
    /// Payments on their way.
    transit: transit::Transit,
    /// Accounts by the key of the request that opened them.
    opened_by: BTreeMap<Name, AccountId>,
    /// Nothing may be dated before, if the books were ever closed.
    closed_until: Option<Wall>,
    /// Accounts that calls asked for and that the central ledger has not opened here, until it is asked for
    /// them.
    not_opened: BTreeSet<Name>,
}

/// A call that asks for money.
#[derive(Debug, Clone, Copy)]
pub struct Authorize<'a> {
    /// The call's id, which no other call ever has.
    pub call: CallId,
    /// Who pays, and every account above.
    pub account: &'a str,
    /// The called number, E.164 digits.
    pub number: &'a Number,
}

/// Money for a first block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its handle until settled or released.
    pub lease: LeaseId,
    /// What the caller's account would be billed by if answered now.
    pub price: Price,
    /// Held in the caller's account: connect fee and first block, or seconds of free minutes.
    pub reserved: Money,
    /// The first block of the shortest tier, s.
    pub leased_secs: u64,
}

// === impl Engine ===

impl Engine {
    /// Without accounts and decks.
    pub fn new() -> Self {
        Self::default()
    }

    /// From the journal, and the calls that were up, to be closed with [`Engine::recover`] before anything
    /// else.
    pub fn restored(shard: ShardBooks) -> (Self, Vec<OpenCall>) {
        let ShardBooks { books, states, open_calls, closed_until } = shard;
        let closed_until = (closed_until != ledger::OPEN).then_some(closed_until);
        let mut engine = Self { books, states, closed_until, ..Self::default() };
        let accounts: Vec<_> = engine.states.keys().copied().collect();
        for account in accounts {
            engine.schedule(account);
            engine.mark_low(account);
            let by = engine
                .states
                .get(&account)
                .and_then(|state| state.opened_as.as_ref())
                .map(|opened| opened.key.clone());
            engine.opened_by.extend(by.map(|key| (key, account)));
        }
        engine.load_transit();
        (engine, open_calls.into_values().collect())
    }

    /// Prices calls authorized from now on; running calls keep theirs.
    pub fn set_decks(&mut self, decks: Arc<Decks>) {
        self.decks = decks;
    }

    /// The decks in force.
    pub const fn decks(&self) -> &Arc<Decks> {
        &self.decks
    }

    /// Reserves the connect fee and the first block in every tier, or nothing in any.
    pub fn authorize(&mut self, now: Now, ask: Authorize<'_>) -> Result<Grant, CreditRefusal> {
        let mut above = Some(self.books.id(ask.account).ok_or_else(|| self.not_here(ask.account))?);
        let mut tiers: SmallVec<[Tier; 1]> = SmallVec::new();
        while let Some(account) = above {
            if self.states.get(&account).is_some_and(|state| !state.terms.status.is_active()) {
                return Err(CreditRefusal::Suspended);
            }
            tiers.push(self.tier(account, ask.number, now.wall)?);
            above = self.states.get(&account).and_then(|state| state.parent);
        }
        if self.leases.is_full() {
            return Err(CreditRefusal::TooManyCalls);
        }
        for tier in &mut tiers {
            tier.parts = match self.first_block(tier, ask.number, now.wall) {
                Some(parts) => parts,
                None => return Err(self.found_short(tier)),
            };
        }
        // No balance is in two tiers: what fits is there.
        for at in 0..tiers.len() {
            let Some((tier, below)) = tiers.get_mut(..=at).and_then(<[Tier]>::split_last_mut) else {
                continue;
            };
            if let Err(refusal) = self.hold(&tier.parts) {
                below.iter().for_each(|held| self.void(&held.parts));
                return Err(refusal);
            }
            tier.last_grant_secs = u32::try_from(tier.leased_secs()).unwrap_or(u32::MAX);
        }
        let lease = Lease {
            call: ask.call,
            number: *ask.number,
            answered_at: None,
            tiers,
            announced_end: None,
            was_funded: false,
            looks: false,
        };
        let leased_secs = lease.leased_secs();
        let first = lease.tiers.first().ok_or(CreditRefusal::UnknownAccount)?;
        let (price, part) = (first.price.clone(), first.parts.first().copied());
        let held =
            part.and_then(|part| Some(Money::of(part.reserved, self.books.balance(part.balance)?.currency)));
        let reserved = held.unwrap_or(Money::zero(price.currency));
        Ok(Grant { lease: self.leases.insert(lease), price, reserved, leased_secs })
    }

    /// Billing begins. If a tier's row changed while it rang, that tier is priced anew; if then one block
    /// does not fit, the lease is gone and the call must end without charge.
    pub fn answer(&mut self, now: Now, id: LeaseId) -> Result<LeaseTiming, CreditRefusal> {
        if self.leases.lease(id)?.answered_at.is_none() {
            self.reprice(now, id)?;
            let lease = self.leases.lease_mut(id)?;
            lease.answered_at = Some(now.wall);
            lease.tiers.iter_mut().for_each(|tier| tier.deck = None);
        }
        let lease = self.leases.lease(id)?;
        Ok(lease.timing(self.warn_at_ms(lease, now.wall)))
    }

    /// Gives back everything: the call was not answered.
    pub fn release(&mut self, id: LeaseId) -> Result<(), CreditRefusal> {
        let lease = self.leases.remove(id)?;
        for tier in &lease.tiers {
            self.void(&tier.parts);
            self.freed(tier.account);
        }
        Ok(())
    }

    /// The record of an answered call, for the journal: what a restart needs to bill and end it.
    pub fn open_record(
        &self,
        id: LeaseId,
        gate: Name,
        dialogs: (Box<RawValue>, Box<RawValue>),
        cdr: Box<RawValue>,
    ) -> Result<Record, CreditRefusal> {
        let lease = self.leases.lease(id)?;
        let answered_at = lease.answered_at.ok_or(CreditRefusal::NotAnswered)?;
        let (dialog_a, dialog_b) = dialogs;
        let (first, above) = lease.tiers.split_first().ok_or(CreditRefusal::NoLease)?;
        let name = |tier: &Tier| self.books.name(tier.account).cloned().ok_or(CreditRefusal::UnknownAccount);
        let tiers: Result<Vec<_>, _> = above
            .iter()
            .map(|tier| Ok::<_, CreditRefusal>(TierOpen { account: name(tier)?, price: tier.price.row() }))
            .collect();
        let open = CallOpen {
            call: lease.call,
            gate,
            answered_at,
            leased_secs: lease.leased_secs(),
            price: first.price.row(),
            tiers: tiers?,
            dialog_a,
            dialog_b,
            cdr,
        };
        Ok(Record::new(answered_at, name(first)?, RecordBody::CallOpen(Box::new(open))))
    }

    /// The record of a call that is still up after `answered_ms`: what a restart bills, and from which
    /// balances.
    pub fn checkpoint(&self, now: Now, id: LeaseId, answered_ms: u64) -> Result<Record, CreditRefusal> {
        let lease = self.leases.lease(id)?;
        let account = lease
            .tiers
            .first()
            .and_then(|tier| self.books.name(tier.account))
            .cloned()
            .ok_or(CreditRefusal::UnknownAccount)?;
        let bucket = |balance| match self.books.party(balance) {
            Some(Party::Bucket { bucket, .. }) => Some(bucket.clone()),
            Some(Party::Customer(_) | Party::SystemAccount(_)) | None => None,
        };
        let has_bucket = |tier: &Tier| tier.parts.iter().any(|part| part.balance != tier.account);
        let parts_of = |tier: &Tier| {
            tier.parts
                .iter()
                .map(|part| OpenPart { bucket: bucket(part.balance), until: u64::from(part.until_secs) })
                .collect()
        };
        let parts = if lease.tiers.iter().any(has_bucket) {
            lease.tiers.iter().map(parts_of).collect()
        } else {
            Vec::new()
        };
        Ok(Record::new(
            now.wall,
            account,
            RecordBody::Checkpoint(Checkpoint { call: lease.call, answered_ms, parts }),
        ))
    }

    /// What the caller's account is billed by.
    pub fn price(&self, id: LeaseId) -> Option<&Price> {
        self.leases.lease(id).ok()?.tiers.first().map(|tier| &tier.price)
    }

    /// The price that a call by this account would have at `at`, without a lease.
    pub fn quote(&self, account: &str, number: &Number, at: Wall) -> Result<Price, CreditRefusal> {
        let id = self.books.id(account).ok_or(CreditRefusal::UnknownAccount)?;
        Ok(self.tier(id, number, at)?.price)
    }

    /// What the operator is paid by for a call by this account, and what is to be done with carriers that
    /// cost more: the strictest guard of all its tiers, and the price of the topmost. None if nobody looks.
    pub fn sale(&self, account: &str, number: &Number, at: Wall) -> Option<(ProfitGuard, Price)> {
        let mut tier = self.books.id(account)?;
        let mut guard = ProfitGuard::Off;
        loop {
            let state = self.states.get(&tier)?;
            guard = guard.stricter(state.terms.profit_guard);
            match state.parent {
                Some(above) => tier = above,
                None if guard == ProfitGuard::Off => return None,
                None => return Some((guard, self.tier(tier, number, at).ok()?.price)),
            }
        }
    }

    /// Leases alive: one per call between authorization and its end.
    pub const fn leases(&self) -> usize {
        self.leases.len()
    }

    /// The books, to look at.
    pub const fn books(&self) -> &Books {
        &self.books
    }

    /// Per currency what calls used beyond their leases since the start, 10⁻⁵ units.
    pub const fn exposure(&self) -> &BTreeMap<Currency, i64> {
        &self.exposure
    }

    /// How far the books are from zero, over all currencies; not zero is a bug.
    pub fn imbalance(&self) -> u128 {
        self.books.sums().values().map(|sum| sum.unsigned_abs()).sum()
    }

    /// An account's price for a number, of the first of its decks that has one; nothing is held yet.
    fn tier(&self, account: AccountId, number: &Number, at: Wall) -> Result<Tier, CreditRefusal> {
        let state = self.states.get(&account).ok_or(CreditRefusal::UnknownAccount)?;
        let currency = self
            .books
            .balance(account)
            .map(|balance| balance.currency)
            .ok_or(CreditRefusal::UnknownAccount)?;
        for name in &state.terms.decks {
            let deck = self.decks.named(name).ok_or(CreditRefusal::NoDeck)?;
            let exchange =
                self.decks.exchange(deck, currency, at).map_err(|_| CreditRefusal::CurrencyMismatch)?;
            if let Some(row) = deck.find(number.digits(), at) {
                let price = deck.row_at(row, at).ok_or(CreditRefusal::NoPrice)?.exchanged(exchange);
                let deck = Some(Arc::clone(deck));
                let (is_starved, waits) = (false, false);
                return Ok(Tier {
                    account,
                    row,
                    last_grant_secs: 0,
                    is_starved,
                    waits,
                    deck,
                    price,
                    parts: Parts::new(),
                });
            }
        }
        Err(CreditRefusal::NoPrice)
    }

    /// The account's balances as a call to a number of these digits sees them.
    fn call_balances<'a>(
        &'a self,
        account: AccountId,
        digits: &'a [u8],
        at: Wall,
    ) -> Option<CallBalances<'a>> {
        let state = self.states.get(&account)?;
        Some(CallBalances { books: &self.books, state, account, digits, at, share_only: false })
    }

    fn first_block(&self, tier: &Tier, number: &Number, at: Wall) -> Option<Parts> {
        self.call_balances(tier.account, number.digits(), at)?.fill(
            &tier.price,
            &[],
            tier.price.next_boundary(0),
            1,
        )
    }

    /// Prices the tiers whose row is another one now, or has times of day, and swaps their first block; or
    /// ends the lease.
    fn reprice(&mut self, now: Now, id: LeaseId) -> Result<(), CreditRefusal> {
        for at in 0..self.leases.lease(id)?.tiers.len() {
            let lease = self.leases.lease(id)?;
            let number = lease.number;
            let Some(tier) = lease.tiers.get(at) else { continue };
            let Some(deck) = &tier.deck else { continue };
            let row = deck.find(number.digits(), now.wall);
            if row == Some(tier.row) && !deck.is_timed(tier.row) {
                continue;
            }
            // Converted at the rate of the authorization.
            let exchange = tier.price.exchange().copied();
            let price = row.and_then(|row| deck.row_at(row, now.wall)).map(|price| price.exchanged(exchange));
            let fresh = price.map(|price| Tier { price, parts: Parts::new(), ..tier.clone() });
            let old = self
                .leases
                .lease_mut(id)?
                .tiers
                .get_mut(at)
                .map(|tier| std::mem::take(&mut tier.parts))
                .unwrap_or_default();
            self.void(&old);
            let outcome = match fresh {
                None => Err(CreditRefusal::NoPrice),
                Some(fresh) => self
                    .first_block(&fresh, &number, now.wall)
                    .map(|parts| Tier { parts, ..fresh })
                    .ok_or(CreditRefusal::NoCredit),
            };
            match outcome {
                Ok(mut fresh) => {
                    if let Err(refusal) = self.hold(&fresh.parts) {
                        self.release(id)?;
                        return Err(refusal);
                    }
                    fresh.last_grant_secs = u32::try_from(fresh.leased_secs()).unwrap_or(u32::MAX);
                    let account = fresh.account;
                    if let Some(tier) = self.leases.lease_mut(id)?.tiers.get_mut(at) {
                        *tier = fresh;
                    }
                    self.freed(account);
                }
                Err(refusal) => {
                    self.release(id)?;
                    return Err(refusal);
                }
            }
        }
        Ok(())
    }

    /// Reserves all parts or none. What fits may still be refused where balances are lent and their time is
    /// over.
    fn hold(&mut self, parts: &Parts) -> Result<(), CreditRefusal> {
        for (at, part) in parts.iter().enumerate() {
            if let Err(refused) = self.books.reserve(part.balance, part.reserved) {
                self.void(&parts.iter().take(at).copied().collect());
                return Err(refused.into());
            }
        }
        Ok(())
    }

    fn void(&mut self, parts: &Parts) {
        parts
            .iter()
            .for_each(|part| must(self.books.void(part.balance, part.reserved), "to give a lease back"));
    }
}

#[cfg(test)]
mod tests;
