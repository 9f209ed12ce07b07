//! The door to the transactions: messages, timers and calls in, events and transmits out.
//! Everything here dispatches; `client` and `server` move the state machines.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use units::Tick;

use super::client_state::Client;
use super::keys::Keys;
use super::matching;
use super::pace::{Pace, Paces};
use super::server_state::Server;
use super::step::Rules;
use super::timers::Due;
use super::{Counters, Event, Live, Settings, TransactionTiming, Transmit};
use crate::Message;
use crate::flow::Flow;
use crate::token::Minter;
use units::slab::Slab;
use units::wheel::Wheel;

/// All transactions of one shard.
pub struct Layer {
    pub(super) minter: Minter,
    pub(super) settings: Settings,
    pub(super) paces: Paces,
    pub(super) clients: Slab<Client>,
    pub(super) servers: Slab<Server>,
    pub(super) wheel: Wheel<Due>,
    pub(super) keys: Keys,
    /// The newest client transaction that waits for any sign of life on a flow; the others hang behind it.
    pub(super) waiting: HashMap<Flow, u32, foldhash::fast::FixedState>,
    pub(super) events: VecDeque<Event>,
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) counters: Counters,
}

// === impl Layer ===

impl Layer {
    /// No transactions. `minter` mints the branches and seeds the tables.
    pub fn new(minter: Minter, settings: Settings) -> Self {
        let seed = minter.key(&[b"flows"])[0];
        Self {
            minter,
            settings,
            paces: Paces::new(settings.timing),
            clients: Slab::new(),
            servers: Slab::new(),
            wheel: Wheel::new(),
            keys: Keys::default(),
            waiting: HashMap::with_hasher(foldhash::fast::FixedState::with_seed(seed)),
            events: VecDeque::new(),
            transmits: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// From now on transactions with these peers have timings of their own, and all others that of the layer.
    /// Of two for one address the first counts.
    pub fn time_peers(&mut self, peers: impl IntoIterator<Item = (SocketAddr, TransactionTiming)>) {
        self.paces.set(peers);
    }

    /// A message came over `flow`. Every input leads to a bounded number of outputs.
    pub fn handle_message(&mut self, now: Tick, flow: Flow, mut msg: Message) {
        if msg.is_request() {
            msg.set_source(flow.peer);
            self.handle_request(now, flow, msg);
        } else {
            self.handle_response(now, flow, msg);
        }
    }

    /// Time has passed: fires every timer due at `now`.
    pub fn handle_timeout(&mut self, now: Tick) {
        while let Some((_, due)) = self.wheel.pop(now) {
            match due {
                Due::Client(slot) => self.client_timer(now, slot),
                Due::Cancel(slot) => self.cancel_timer(now, slot),
                Due::Server(slot) => self.server_timer(now, slot),
            }
        }
    }

    /// When to call `handle_timeout` next; possibly a little before a timer is due, never after.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.wheel.next_deadline()
    }

    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What to send, oldest first.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// Sends bytes that belong to no transaction, in order with the others: the ACK to a stray 2xx, a
    /// stateless answer.
    pub fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.transmits.push_back(Transmit { flow, bytes });
    }

    /// Whether a request repeats, acknowledges or cancels one that is alive here.
    pub fn knows(&self, request: &Message) -> bool {
        let key = matching::transaction(&self.minter, request).ok();
        key.and_then(|key| self.keys.slot(key, &self.servers)).is_some()
    }

    /// The To-tag of an answer that is sent without a transaction; the ACK to it is absorbed.
    pub fn stateless_tag(&self, request: &Message) -> crate::token::Token {
        matching::stateless_tag(&self.minter, request)
    }

    /// Whether a new INVITE would get 503.
    pub fn is_full(&self) -> bool {
        self.clients.len() + self.servers.len() >= self.settings.transactions_max
    }

    /// What happened since the start.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What is alive now.
    pub fn live(&self) -> Live {
        Live {
            clients: self.clients.len(),
            servers: self.servers.len(),
            timers: self.wheel.len(),
            keys: self.keys.len(),
        }
    }

    /// The ids' key and shard.
    pub const fn minter(&self) -> &Minter {
        &self.minter
    }

    pub(super) fn rules(&self, flow: &Flow) -> Rules {
        Rules { timing: self.paces.timing(self.paces.of(flow)), reliable: flow.transport.is_reliable() }
    }

    /// The rules of a transaction that keeps what its flow was like.
    pub(super) fn rules_of(&self, reliable: bool, pace: Pace) -> Rules {
        Rules { timing: self.paces.timing(pace), reliable }
    }
}

impl fmt::Debug for Layer {
    /// Sizes and counters; not the transactions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("live", &self.live())
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They live 32 s after each call: at 4,000 calls/s some 400,000 of them.
    #[test]
    fn transactions_are_small() {
        assert!(size_of::<Client>() <= 96, "{}", size_of::<Client>());
        assert!(size_of::<Server>() <= 96, "{}", size_of::<Server>());
        assert_eq!(size_of::<Due>(), 8);
    }
}
