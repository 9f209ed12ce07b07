//! The door to the transactions: messages, timers and calls in, events and transmits out.
//! Everything here dispatches; `client` and `server` move the state machines.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use bytes::Bytes;
use units::Tick;

use super::client::Client;
use super::keys::Keys;
use super::server::Server;
use super::slots::Slots;
use super::step::{Rules, Step, Timer};
use super::{Counters, Event, Live, Settings, Transmit};
use crate::Message;
use crate::flow::Flow;
use crate::token::Minter;
use units::wheel::{TimerId, Wheel};

/// All transactions of one shard.
pub struct Layer {
    pub(super) minter: Minter,
    pub(super) settings: Settings,
    pub(super) clients: Slots<Client>,
    pub(super) servers: Slots<Server>,
    pub(super) wheel: Wheel<Due>,
    pub(super) keys: Keys,
    /// The newest client transaction that waits for any sign of life on a flow; the others hang behind it.
    pub(super) waiting: HashMap<Flow, u32, foldhash::fast::FixedState>,
    pub(super) events: VecDeque<Event>,
    pub(super) transmits: VecDeque<Transmit>,
    pub(super) counters: Counters,
}

/// Whose timer it is, by slot. A timer never outlives its transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Client(u32),
    /// The CANCEL of that client transaction.
    Cancel(u32),
    Server(u32),
}

/// The two timers of a transaction, of which the wheel holds the nearer.
#[derive(Debug)]
pub(super) struct Timers {
    repeat_at: Tick,
    end_at: Tick,
    armed_at: Tick,
    id: TimerId,
}

/// Which of the two timers fired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fired {
    Repeat,
    End,
}

// === impl Layer ===

impl Layer {
    /// No transactions. `minter` mints the branches and seeds the tables.
    pub fn new(minter: Minter, settings: Settings) -> Self {
        let seed = minter.key(&[b"flows"])[0];
        Self {
            minter,
            settings,
            clients: Slots::new(),
            servers: Slots::new(),
            wheel: Wheel::new(),
            keys: Keys::default(),
            waiting: HashMap::with_hasher(foldhash::fast::FixedState::with_seed(seed)),
            events: VecDeque::new(),
            transmits: VecDeque::new(),
            counters: Counters::default(),
        }
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

    /// Sends bytes that belong to no transaction, in order with the others: the ACK to a stray 2xx, a stateless answer.
    pub fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.transmits.push_back(Transmit { flow, bytes });
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
        Live { clients: self.clients.len(), servers: self.servers.len(), timers: self.wheel.len(), keys: self.keys.len() }
    }

    /// The ids' key and shard.
    pub const fn minter(&self) -> &Minter {
        &self.minter
    }

    pub(super) const fn rules(&self, flow: &Flow) -> Rules {
        Rules { timing: self.settings.timing, reliable: flow.transport.is_reliable() }
    }
}

impl fmt::Debug for Layer {
    /// Sizes and counters; not the transactions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer").field("live", &self.live()).field("counters", &self.counters).finish_non_exhaustive()
    }
}

// === impl Timers ===

impl Timers {
    pub(super) const fn new() -> Self {
        Self { repeat_at: Tick::NEVER, end_at: Tick::NEVER, armed_at: Tick::NEVER, id: TimerId::NONE }
    }

    /// Sets both timers as a transition asks.
    pub(super) fn apply<S>(&mut self, wheel: &mut Wheel<Due>, due: Due, now: Tick, step: &Step<S>) {
        for (at, change) in [(&mut self.repeat_at, step.repeat), (&mut self.end_at, step.end)] {
            match change {
                Timer::Keep => {}
                Timer::Stop => *at = Tick::NEVER,
                Timer::In(ms) => *at = now.plus_ms(ms),
            }
        }
        let next = self.repeat_at.min(self.end_at);
        if next != self.armed_at {
            self.stop(wheel);
            if next != Tick::NEVER {
                self.id = wheel.insert(next, due);
                self.armed_at = next;
            }
        }
    }

    /// The wheel gave the timer back: which one was it? The end goes first when both are due.
    pub(super) fn fired(&mut self, now: Tick) -> Option<Fired> {
        self.armed_at = Tick::NEVER;
        if self.end_at <= now {
            self.end_at = Tick::NEVER;
            return Some(Fired::End);
        }
        if self.repeat_at <= now {
            self.repeat_at = Tick::NEVER;
            return Some(Fired::Repeat);
        }
        None
    }

    /// Takes the timer off the wheel.
    pub(super) fn stop(&mut self, wheel: &mut Wheel<Due>) {
        wheel.cancel(self.id);
        self.id = TimerId::NONE;
        self.armed_at = Tick::NEVER;
    }
}

// === impl Fired ===

impl Fired {
    /// The input of the timer that fired.
    pub(super) fn pick<I>(self, repeat: I, end: I) -> I {
        match self {
            Self::Repeat => repeat,
            Self::End => end,
        }
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
