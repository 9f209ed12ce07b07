//! A node's side: when to renew, when to ask for more, when to give back, and what to make of each answer.
//!
//! The contract: give it what happened, then call [`QuotaClient::poll`] until it is empty, then come back no
//! later than [`QuotaClient::deadline`]. One request is under way at a time; one that is not answered in time
//! is sent again, and every request may be carried out twice.

mod messages;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use units::{Name, Tick};

use super::Grant;
pub use messages::{CentralNotice, Command, LendingState, QuotaTiming, Reply, Request, Tag};

/// Accounts that wait for money at once; more find the books as they are and ask again.
const WANTS_MAX: usize = 65_536;
/// A request that nobody repeats is forgotten: the calls that had it were cut.
const WANT_MS: u64 = 30_000;
/// The first pause after an ask in vain, doubled up to the last.
const PAUSE_MS: u64 = 100;
const PAUSE_MAX_MS: u64 = 2_000;
/// So many asks in vain, one after the other, say that there is no more.
const VAIN: u32 = 5;
/// A request of a balance that has no more is kept longer: somebody may pay.
const DRY_WANT_MS: u64 = 120_000;
/// An expiry is believed this part early: clocks drift.
const MARGIN: u64 = 16;

/// One node's dealings with the central ledger.
#[derive(Debug)]
pub struct QuotaClient {
    timing: QuotaTiming,
    /// Seed of the jitter.
    seed: u64,
    name: Name,
    state: State,
    gate: LendingState,
    told: Option<LendingState>,
    flight: Option<Flight>,
    tags: u64,
    asks: u64,
    returns: u64,
    beat_at: Tick,
    retry_at: Tick,
    failures: u32,
    wants: BTreeMap<Name, Want>,
    shipped: u64,
    durable: u64,
    /// The last entry of earlier starts: what they said is in the central ledger when that is.
    inherited: u64,
    /// Words handed to shards and not seen in the central ledger yet.
    told_words: BTreeSet<Name>,
    shipped_last: bool,
    ending: bool,
    orders: VecDeque<Command>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Joining,
    /// Declared lost before this start: on the way to nothing outstanding.
    Recalled {
        epoch: u64,
    },
    Holding {
        epoch: u64,
    },
    Fenced,
}

#[derive(Debug)]
struct Flight {
    tag: Tag,
    sent: Tick,
}

#[derive(Debug)]
struct Want {
    need: i64,
    seen: Tick,
    try_at: Tick,
    pause_ms: u64,
    /// Asks in vain so far.
    vain: u32,
    /// Of the ask that was sent and not answered.
    number: Option<u64>,
}

// === impl QuotaClient ===

impl QuotaClient {
    /// A start of the node `name`, with the last durable entry of its journal. `seed` makes pauses differ
    /// between nodes.
    pub fn new(name: Name, timing: QuotaTiming, durable: u64, seed: u64) -> Self {
        Self {
            timing,
            seed,
            name,
            state: State::Joining,
            gate: LendingState { until: Tick(0), reachable: false },
            told: None,
            flight: None,
            tags: 0,
            asks: 0,
            returns: 0,
            beat_at: Tick(0),
            retry_at: Tick(0),
            failures: 0,
            wants: BTreeMap::new(),
            shipped: 0,
            durable,
            inherited: durable,
            told_words: BTreeSet::new(),
            shipped_last: false,
            ending: false,
            orders: VecDeque::new(),
        }
    }

    /// A call of this account needs so much more than is free (10⁻⁵ units), or, with 0, little is left.
    pub fn want(&mut self, now: Tick, account: &Name, need: i64) {
        if let Some(want) = self.wants.get_mut(account) {
            want.need = want.need.max(need);
            want.seen = now;
        } else if self.wants.len() < WANTS_MAX && self.state != State::Fenced && !self.ending {
            let want = Want { need, seen: now, try_at: now, pause_ms: PAUSE_MS, vain: 0, number: None };
            self.wants.insert(account.clone(), want);
        }
    }

    /// The node ends: from here on it asks for nothing, and ships what it has.
    pub fn end(&mut self) {
        self.ending = true;
        self.wants.clear();
    }

    /// A word did not get to its shard: it is told again.
    pub fn untold(&mut self, id: &Name) {
        self.told_words.remove(id);
    }

    /// The journal is durable up to this entry.
    pub fn durable(&mut self, seq: u64) {
        self.durable = self.durable.max(seq);
    }

    /// The answer to a request. A late one counts for what it brings, not for the time that it was sent.
    pub fn handle(&mut self, now: Tick, tag: Tag, reply: Reply) {
        let flight = self.flight.take_if(|flight| flight.tag == tag);
        if self.state == State::Fenced {
            return;
        }
        match reply {
            Reply::Away => return self.failed(now, flight),
            Reply::Fenced => return self.fenced(),
            Reply::Joined { epoch, last_seq, grants, recalled } => {
                self.orders.extend(grants.into_iter().map(Command::Book));
                if self.state == State::Joining {
                    self.shipped = last_seq;
                    self.hold(flight.as_ref(), epoch, recalled);
                }
            }
            Reply::Beaten { wanted, offered, grants, recalled, words } => {
                self.orders.extend(grants.into_iter().map(Command::Book));
                // A late answer may know words that were shipped since.
                if flight.is_some() {
                    self.tell(words);
                }
                if let (State::Recalled { epoch } | State::Holding { epoch }, Some(flight)) =
                    (self.state, &flight)
                {
                    self.hold(Some(flight), epoch, recalled);
                }
                self.beaten(now, wanted, &offered);
            }
            Reply::Lent { account, grant } => self.lent(now, &account, grant),
            Reply::Shipped { last_seq } => self.shipped = self.shipped.max(last_seq),
        }
        self.failures = 0;
        self.gate.reachable = true;
    }

    /// The next thing to be done; `None` when all is done or waits.
    pub fn poll(&mut self, now: Tick) -> Option<Command> {
        if self.flight.as_ref().is_some_and(|flight| now >= flight.sent.plus_ms(self.timing.timeout_ms)) {
            let lost = self.flight.take();
            self.failed(now, lost);
        }
        if self.told != Some(self.gate) {
            self.told = Some(self.gate);
            return Some(Command::LendingState(self.gate));
        }
        if let Some(order) = self.orders.pop_front() {
            return Some(order);
        }
        if self.flight.is_some() || now < self.retry_at {
            return None;
        }
        let request = self.next_request(now)?;
        self.tags += 1;
        let tag = Tag(self.tags);
        self.flight = Some(Flight { tag, sent: now });
        Some(Command::Send(tag, request))
    }

    /// No later than this, [`QuotaClient::poll`] wants to be called again.
    pub fn deadline(&self) -> Tick {
        if let Some(flight) = &self.flight {
            return flight.sent.plus_ms(self.timing.timeout_ms);
        }
        let due = match self.state {
            State::Fenced => return Tick::NEVER,
            State::Joining => Tick(0),
            State::Recalled { .. } | State::Holding { .. } if self.durable > self.shipped => Tick(0),
            State::Recalled { .. } => self.beat_at,
            State::Holding { .. } => {
                self.wants.values().map(|want| want.try_at).min().unwrap_or(Tick::NEVER).min(self.beat_at)
            }
        };
        due.max(self.retry_at)
    }

    /// How far quotas may be trusted.
    pub const fn gate(&self) -> LendingState {
        self.gate
    }

    /// Durable entries that the central ledger does not have yet.
    pub const fn lag(&self) -> u64 {
        self.durable.saturating_sub(self.shipped)
    }

    /// Another start of this node has taken over: nothing is done any more.
    pub fn is_fenced(&self) -> bool {
        self.state == State::Fenced
    }

    fn next_request(&mut self, now: Tick) -> Option<Request> {
        let epoch = match self.state {
            State::Fenced => return None,
            State::Joining => return Some(Request::Join),
            State::Recalled { epoch } | State::Holding { epoch } => epoch,
        };
        if now >= self.beat_at {
            return Some(Request::Beat { epoch });
        }
        let ship = (self.durable > self.shipped).then_some(Request::Ship { epoch, after: self.shipped });
        // In turns, so that neither waits for all of the other.
        let ship_first = !self.shipped_last;
        if let Some(ship) = ship.clone().filter(|_| ship_first) {
            self.shipped_last = true;
            return Some(ship);
        }
        self.shipped_last = false;
        if matches!(self.state, State::Recalled { .. }) {
            return ship;
        }
        let asks = &mut self.asks;
        let due = self.wants.iter_mut().find(|(_, want)| want.try_at <= now);
        due.map(|(account, want)| {
            let number = *want.number.get_or_insert_with(|| {
                *asks += 1;
                *asks
            });
            Request::Ask { epoch, number, account: account.clone(), need: want.need }
        })
        .or(ship)
    }

    /// The expiry counts from before the request was sent: the central ledger's began later.
    fn hold(&mut self, flight: Option<&Flight>, epoch: u64, recalled: bool) {
        if let Some(Flight { sent, .. }) = flight {
            self.beat_at = sent.plus_ms(self.timing.beat_ms);
        }
        if recalled {
            self.state = State::Recalled { epoch };
            let name = self.return_name(epoch);
            return self.orders.push_back(Command::GiveAllBack { name });
        }
        self.state = State::Holding { epoch };
        if let Some(Flight { sent, .. }) = flight {
            let hold_ms = self.timing.hold_ms - self.timing.hold_ms / MARGIN;
            self.gate.until = self.gate.until.max(sent.plus_ms(hold_ms));
        }
    }

    fn return_name(&mut self, epoch: u64) -> Name {
        self.returns += 1;
        format!("{}.{epoch}.back{}", self.name, self.returns).into()
    }

    fn beaten(&mut self, now: Tick, wanted: Vec<Name>, offered: &[Name]) {
        let State::Holding { epoch } = self.state else { return };
        for account in wanted {
            let name = self.return_name(epoch);
            self.orders.push_back(Command::GiveBack { account, name });
        }
        for account in offered {
            self.want(now, account, 0);
        }
    }

    /// Each word once by this start, and not before all that earlier starts said is known there.
    fn tell(&mut self, words: Vec<CentralNotice>) {
        if self.shipped < self.inherited {
            return;
        }
        let pending: BTreeSet<Name> = words.iter().map(|word| word.id.clone()).collect();
        self.told_words.retain(|id| pending.contains(id));
        let fresh = words.into_iter().filter(|word| self.told_words.insert(word.id.clone()));
        self.orders.extend(fresh.map(Command::Tell));
    }

    fn lent(&mut self, now: Tick, account: &Name, grant: Option<Grant>) {
        if let Some(grant) = grant {
            self.wants.remove(account);
            return self.orders.push_back(Command::Book(grant));
        }
        let Some(want) = self.wants.get_mut(account) else { return };
        want.vain += 1;
        if want.vain == VAIN {
            self.orders.push_back(Command::Dry(account.clone()));
        }
        if want.need == 0 || now.ms_since(want.seen) > want.lasts_ms() {
            self.wants.remove(account);
            return;
        }
        want.number = None;
        want.try_at = now.plus_ms(want.pause_ms);
        want.pause_ms = (want.pause_ms * 2).min(PAUSE_MAX_MS);
    }

    fn failed(&mut self, now: Tick, flight: Option<Flight>) {
        // The answer to an old one says nothing of now.
        if flight.is_none() {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let pause_ms = self.timing.retry_ms << self.failures.saturating_sub(1).min(3);
        self.retry_at = now.plus_ms(pause_ms + self.jitter(pause_ms));
        self.gate.reachable = false;
        self.wants.retain(|_, want| now.ms_since(want.seen) <= want.lasts_ms());
    }

    fn fenced(&mut self) {
        self.state = State::Fenced;
        self.wants.clear();
        self.gate = LendingState { until: Tick(0), reachable: true };
    }

    /// Up to half of `of`, another with each request and seed (Fibonacci hashing).
    const fn jitter(&self, of: u64) -> u64 {
        let mixed = (self.seed ^ self.tags).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        mixed % (of / 2 + 1)
    }
}

// === impl Want ===

impl Want {
    const fn lasts_ms(&self) -> u64 {
        if self.vain < VAIN { WANT_MS } else { DRY_WANT_MS }
    }
}

#[cfg(test)]
mod tests;
