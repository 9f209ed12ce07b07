//! The only door to money: authorize → answer → extend → settle or release; top-ups; accounts. One engine per shard.
//!
//! Changes are in memory at once; what must survive is returned as a record or as transfers for the caller's record.
//! Invariant: posted + still reserved never exceeds what was there, so usage cannot take a balance below its limit.

mod accounts;
mod carrier;
mod lease;
mod refusal;
mod settle;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ledger::{AccountId, AccountState, Books, CallId, CallOpen, OpenCall, Record, RecordBody, ShardBooks};
use serde_json::value::RawValue;
use units::{Currency, Exchange, Money, Name, Now, Number, Wall};

pub use accounts::{AccountRefused, AccountView, OpenAccount, TopUp, TopUpRequest};
pub use carrier::{CarrierLeg, Cost};
pub use lease::{LeaseId, Timing};
pub use refusal::Refusal;
pub use settle::Settlement;

use crate::{Deck, Decks, Price};
use lease::{Lease, Leases};

/// All accounts of a shard with the leases of their calls.
#[derive(Debug, Default)]
pub struct Engine {
    books: Books,
    states: BTreeMap<AccountId, AccountState>,
    decks: Arc<Decks>,
    leases: Leases,
    /// Leases whose extension was refused, to be tried again when money returns.
    starved: BTreeMap<AccountId, Vec<LeaseId>>,
    woken: VecDeque<LeaseId>,
    /// What calls used beyond their leases while being torn down.
    exposure: BTreeMap<Currency, i64>,
}

/// A call that asks for money.
#[derive(Debug, Clone, Copy)]
pub struct Authorize<'a> {
    /// Unique for ever.
    pub call: CallId,
    /// Who pays.
    pub account: &'a str,
    /// Where to.
    pub number: &'a Number,
}

/// Money for a first block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its handle until settled or released.
    pub lease: LeaseId,
    /// What it would be billed by if answered now.
    pub price: Price,
    /// Held: connect fee and first block.
    pub reserved: Money,
    /// The first block, s.
    pub leased_secs: u64,
}

/// An extension's outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// Seconds added; 0 if it was too early or refused.
    pub granted_secs: u64,
    /// No money for one more increment. [`Engine::poll_woken`] tells when to try again.
    pub refused: bool,
    /// When to come back and when to cut.
    pub timing: Timing,
}

// === impl Engine ===

impl Engine {
    /// Without accounts and decks.
    pub fn new() -> Self {
        Self::default()
    }

    /// From the journal, and the calls that were up, to be closed with [`Engine::recover`].
    pub fn restored(shard: ShardBooks) -> (Self, Vec<OpenCall>) {
        let ShardBooks { books, states, open_calls } = shard;
        (Self { books, states, ..Self::default() }, open_calls.into_values().collect())
    }

    /// Prices calls authorized from now on; running calls keep theirs.
    pub fn set_decks(&mut self, decks: Arc<Decks>) {
        self.decks = decks;
    }

    /// The decks in force.
    pub const fn decks(&self) -> &Arc<Decks> {
        &self.decks
    }

    /// Reserves the connect fee and the first block.
    pub fn authorize(&mut self, now: Now, ask: Authorize<'_>) -> Result<Grant, Refusal> {
        let account = self.books.id(ask.account).ok_or(Refusal::UnknownAccount)?;
        let (deck, row, exchange) = self.row(account, ask.number, now.wall)?;
        let price = deck.row_at(row, now.wall).ok_or(Refusal::NoPrice)?.exchanged(exchange);
        let secs = price.increments.initial();
        let reserved = price.cost(u64::from(secs));
        if self.leases.is_full() {
            return Err(Refusal::TooManyCalls);
        }
        self.books.reserve(account, reserved)?;
        // Must succeed from here.
        let held = Money::of(reserved, price.currency);
        let lease = Lease {
            call: ask.call,
            number: *ask.number,
            price: price.clone(),
            deck: Some(deck),
            row,
            account,
            reserved,
            leased_secs: u64::from(secs),
            last_grant_secs: u64::from(secs),
            answered_at: None,
            starved: false,
        };
        Ok(Grant { lease: self.leases.insert(lease), price, reserved: held, leased_secs: u64::from(secs) })
    }

    /// Billing begins. If the row changed while it rang, the lease is priced anew; if then one block does not fit, the lease is gone and
    /// the call must end without charge.
    pub fn answer(&mut self, now: Now, id: LeaseId) -> Result<Timing, Refusal> {
        let lease = self.leases.lease(id)?;
        if lease.answered_at.is_some() {
            return Ok(lease.timing());
        }
        if let Some(deck) = lease.deck.clone() {
            let row = deck.find(lease.number.digits(), now.wall);
            if row != Some(lease.row) || deck.is_timed(lease.row) {
                // Converted at the rate of the authorization.
                let exchange = lease.price.exchange().copied();
                let price = row.and_then(|row| deck.row_at(row, now.wall)).map(|price| price.exchanged(exchange));
                self.reprice(id, price)?;
            }
        }
        let lease = self.leases.lease_mut(id)?;
        lease.answered_at = Some(now.wall);
        lease.deck = None;
        Ok(lease.timing())
    }

    /// Grants more time if what is left after `elapsed_ms` of answered time is short.
    pub fn extend(&mut self, _now: Now, id: LeaseId, elapsed_ms: u64) -> Result<Extension, Refusal> {
        let lease = self.leases.lease_mut(id)?;
        if lease.answered_at.is_none() {
            return Err(Refusal::NotAnswered);
        }
        let nothing = |lease: &Lease, refused| Extension { granted_secs: 0, refused, timing: lease.timing() };
        let left_ms = lease.cut_at_ms().saturating_sub(elapsed_ms);
        if left_ms == 0 {
            return Ok(nothing(lease, true));
        }
        if left_ms > lease.renew_below_ms() {
            return Ok(nothing(lease, false));
        }
        let available = self.books.balance(lease.account).map_or(0, |balance| balance.available());
        let (granted_secs, more) = lease.growth(left_ms, available);
        if self.books.reserve(lease.account, more).is_err() {
            if !lease.starved {
                lease.starved = true;
                self.starved.entry(lease.account).or_default().push(id);
            }
            return Ok(nothing(lease, true));
        }
        // Must succeed from here.
        lease.reserved = lease.reserved.saturating_add(more);
        lease.leased_secs = lease.leased_secs.saturating_add(granted_secs);
        lease.last_grant_secs = granted_secs;
        lease.starved = false;
        Ok(Extension { granted_secs, refused: false, timing: lease.timing() })
    }

    /// Gives back everything: the call was not answered.
    pub fn release(&mut self, id: LeaseId) -> Result<(), Refusal> {
        let lease = self.leases.remove(id)?;
        self.books.void(lease.account, lease.reserved)?;
        self.wake(lease.account);
        Ok(())
    }

    /// A lease whose refused extension is worth another [`Engine::extend`], since money came back. Drain after each call of the engine.
    pub fn poll_woken(&mut self) -> Option<(CallId, LeaseId)> {
        loop {
            let id = self.woken.pop_front()?;
            // Those that ended meanwhile are gone.
            if let Ok(lease) = self.leases.lease_mut(id) {
                lease.starved = false;
                return Some((lease.call, id));
            }
        }
    }

    /// The record of an answered call, for the journal: what a restart needs to bill and end it.
    pub fn open_record(
        &self,
        id: LeaseId,
        gate: Name,
        dialogs: (Box<RawValue>, Box<RawValue>),
        cdr: Box<RawValue>,
    ) -> Result<Record, Refusal> {
        let lease = self.leases.lease(id)?;
        let answered_at = lease.answered_at.ok_or(Refusal::NotAnswered)?;
        let (dialog_a, dialog_b) = dialogs;
        let open = CallOpen {
            call: lease.call,
            gate,
            answered_at,
            leased_secs: lease.leased_secs,
            price: lease.price.row(),
            tiers: Vec::new(),
            dialog_a,
            dialog_b,
            cdr,
        };
        let account = self.books.name(lease.account).cloned().ok_or(Refusal::UnknownAccount)?;
        Ok(Record::new(answered_at, account, RecordBody::CallOpen(Box::new(open))))
    }

    /// What a lease is billed by.
    pub fn price(&self, id: LeaseId) -> Option<&Price> {
        self.leases.lease(id).ok().map(|lease| &lease.price)
    }

    /// The price that a call by this account would have at `at`, without a lease.
    pub fn quote(&self, account: &str, number: &Number, at: Wall) -> Result<Price, Refusal> {
        let id = self.books.id(account).ok_or(Refusal::UnknownAccount)?;
        let (deck, row, exchange) = self.row(id, number, at)?;
        Ok(deck.row_at(row, at).ok_or(Refusal::NoPrice)?.exchanged(exchange))
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

    /// The row that prices a number for an account, of the first of its decks that has one, and what converts it.
    fn row(&self, account: AccountId, number: &Number, at: Wall) -> Result<(Arc<Deck>, u32, Option<Exchange>), Refusal> {
        let state = self.states.get(&account).ok_or(Refusal::UnknownAccount)?;
        let currency = self.books.balance(account).map(|balance| balance.currency).ok_or(Refusal::UnknownAccount)?;
        for name in &state.terms.decks {
            let deck = self.decks.named(name).ok_or(Refusal::NoDeck)?;
            let exchange = self.decks.exchange(deck, currency, at).map_err(|_| Refusal::CurrencyMismatch)?;
            if let Some(row) = deck.find(number.digits(), at) {
                return Ok((Arc::clone(deck), row, exchange));
            }
        }
        Err(Refusal::NoPrice)
    }

    /// Swaps the first block for that of another row, or ends the lease.
    fn reprice(&mut self, id: LeaseId, price: Option<Price>) -> Result<(), Refusal> {
        let lease = self.leases.lease(id)?;
        let (account, held) = (lease.account, lease.reserved);
        self.books.void(account, held)?;
        let outcome = match &price {
            None => Err(Refusal::NoPrice),
            Some(price) => self.books.reserve(account, price.cost(u64::from(price.increments.initial()))).map_err(Refusal::from),
        };
        match (outcome, price) {
            (Ok(()), Some(price)) => self.leases.lease_mut(id)?.start(price),
            (outcome, _) => {
                self.leases.remove(id)?;
                self.wake(account);
                return outcome;
            }
        }
        self.wake(account);
        Ok(())
    }

    /// Money returned to an account: its starved leases may try again.
    fn wake(&mut self, account: AccountId) {
        if self.starved.is_empty() {
            return;
        }
        let free = self.books.balance(account).map_or(0, |balance| balance.available());
        if free > 0
            && let Some(waiting) = self.starved.remove(&account)
        {
            self.woken.extend(waiting);
        }
    }
}

#[cfg(test)]
mod tests;
