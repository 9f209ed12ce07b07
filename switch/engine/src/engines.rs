//! The engines of a configuration: questions go to one of them, pings to all; each is up or down.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use units::Tick;

use crate::bencode::Value;
use crate::command::Command;
use crate::health::{Health, PING_MS};
use crate::reply::{Question, Reply};
use crate::requests::{Due, REQUESTS_MAX, Requests};

/// Which of the configured engines, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EngineId(pub u8);

/// Engines, and the questions to them. `T` names a question to whoever asked.
#[derive(Debug)]
pub struct Engines<T> {
    addresses: Vec<SocketAddr>,
    health: Vec<Health>,
    requests: Requests<T>,
    /// First part of all cookies.
    prefix: u64,
    datagrams: VecDeque<(SocketAddr, Bytes)>,
    events: VecDeque<Event<T>>,
}

/// What came of things.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event<T> {
    /// A question was answered.
    Answered {
        /// By which it was asked.
        token: T,
        /// Who answered.
        engine: EngineId,
        /// What.
        reply: Reply,
    },
    /// A question was not: the engine is silent, or went down meanwhile.
    Unanswered {
        /// By which it was asked.
        token: T,
        /// Who did not answer.
        engine: EngineId,
    },
    /// An engine that was down answers again.
    Up(EngineId),
    /// An engine does not answer any more.
    Down(EngineId),
}

/// Too many questions wait: this one was not asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too many questions wait for their answers")]
pub struct Full;

/// What a datagram was that is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotTaken {
    /// Not from an engine.
    Foreign,
    /// Not a message, or not by a cookie of ours.
    Malformed,
    /// Nothing waits for it: a repeat, or too late.
    Late,
}

// === impl Engines ===

impl<T> Engines<T> {
    /// `prefix` begins all cookies: it distinguishes this client from others, and is not to be foreseen.
    pub fn new(addresses: Vec<SocketAddr>, prefix: u64) -> Self {
        let health = addresses.iter().map(|_| Health::new(Tick(0))).collect();
        let (datagrams, events) = (VecDeque::new(), VecDeque::new());
        Self { addresses, health, requests: Requests::new(), prefix, datagrams, events }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Questions that wait.
    pub fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// Each with its address and whether it is up.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, bool)> {
        self.addresses.iter().zip(&self.health).map(|(address, health)| (*address, health.is_up()))
    }

    /// Whether it is up.
    pub fn is_up(&self, engine: EngineId) -> bool {
        self.health.get(usize::from(engine.0)).is_some_and(Health::is_up)
    }

    /// Its address.
    pub fn address(&self, engine: EngineId) -> Option<SocketAddr> {
        self.addresses.get(usize::from(engine.0)).copied()
    }

    /// The engine of a call: always the same, as long as it is up and `may_be` takes it; else the next one.
    pub fn choose(&self, call: u64, may_be: impl Fn(EngineId) -> bool) -> Option<EngineId> {
        let count = u64::try_from(self.addresses.len()).ok().filter(|count| *count > 0)?;
        // Ids of calls that follow each other are spread (a multiplication by the golden ratio).
        let first = (call.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % count;
        let ids = (0..count).filter_map(|step| u8::try_from((first + step) % count).ok().map(EngineId));
        ids.into_iter().find(|engine| self.is_up(*engine) && may_be(*engine))
    }

    /// Asks an engine; the outcome comes by `token`.
    pub fn ask(&mut self, now: Tick, engine: EngineId, token: T, command: &Command) -> Result<(), Full> {
        if self.requests.len() >= REQUESTS_MAX {
            return Err(Full);
        }
        self.send(now, engine, Some(token), command);
        Ok(())
    }

    /// A datagram came.
    pub fn receive(&mut self, now: Tick, from: SocketAddr, datagram: &[u8]) -> Option<NotTaken> {
        let is_it = |address: &SocketAddr| {
            (address.ip().to_canonical(), address.port()) == (from.ip().to_canonical(), from.port())
        };
        let Some(at) = self.addresses.iter().position(is_it) else { return Some(NotTaken::Foreign) };
        let Some((number, message)) = self.split(datagram) else { return Some(NotTaken::Malformed) };
        let Ok(message) = Value::parse(message) else { return Some(NotTaken::Malformed) };
        let engine = EngineId(u8::try_from(at).unwrap_or(u8::MAX));
        let Some(request) = self.requests.answered(number, engine) else { return Some(NotTaken::Late) };
        let reply = Reply::of(request.question, &message);
        let is_ping = request.question == Question::Ping;
        if self.health.get_mut(at).is_some_and(|health| health.answered(is_ping)) {
            self.events.push_back(Event::Up(engine));
        }
        // A call's first offer may have gone where nobody was: it asks again soon.
        if let Some(health) = self.health.get_mut(at).filter(|health| health.is_up()) {
            health.ping_at = now.plus_ms(PING_MS);
        }
        if let Some(token) = request.token {
            self.events.push_back(Event::Answered { token, engine, reply });
        }
        None
    }

    /// Does what is due: repeats, what is given up, pings.
    pub fn run(&mut self, now: Tick) {
        while let Some(due) = self.requests.poll(now) {
            match due {
                Due::Repeat(engine, datagram) => self.queue(engine, datagram),
                Due::GivenUp(request) => {
                    let engine = request.engine;
                    if let Some(token) = request.token {
                        self.events.push_back(Event::Unanswered { token, engine });
                    }
                    self.missed(engine);
                }
            }
        }
        for at in 0..self.health.len() {
            let Some(health) = self.health.get_mut(at).filter(|health| health.ping_at <= now) else {
                continue;
            };
            health.ping_at = now.plus_ms(PING_MS);
            self.send(now, EngineId(u8::try_from(at).unwrap_or(u8::MAX)), None, &Command::Ping);
        }
    }

    /// The next datagram to be sent.
    pub fn poll_datagram(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.datagrams.pop_front()
    }

    /// The next outcome.
    pub fn poll_event(&mut self) -> Option<Event<T>> {
        self.events.pop_front()
    }

    /// When [`Self::run`] is wanted; `Tick::NEVER` without engines.
    pub fn deadline(&self) -> Tick {
        self.health.iter().map(|health| health.ping_at).fold(self.requests.deadline(), Tick::min)
    }

    /// Whoever waits for an engine that went down waits no longer.
    fn missed(&mut self, engine: EngineId) {
        if !self.health.get_mut(usize::from(engine.0)).is_some_and(Health::missed) {
            return;
        }
        self.events.push_back(Event::Down(engine));
        for request in self.requests.take_all(engine) {
            self.events.extend(request.token.map(|token| Event::Unanswered { token, engine }));
        }
    }

    fn send(&mut self, now: Tick, engine: EngineId, token: Option<T>, command: &Command) {
        let cookie = format!("{:016x}{:x}", self.prefix, self.requests.next());
        let datagram = command.write(&cookie);
        self.requests.insert(now, (engine, Question::of(command)), token, datagram.clone());
        self.queue(engine, datagram);
    }

    fn queue(&mut self, engine: EngineId, datagram: Bytes) {
        if let Some(to) = self.address(engine) {
            self.datagrams.push_back((to, datagram));
        }
    }

    /// The number of a cookie of ours, and what follows it.
    fn split<'a>(&self, datagram: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let at = datagram.iter().take(40).position(|octet| *octet == b' ')?;
        let (cookie, rest) = datagram.split_at(at);
        let (prefix, number) = std::str::from_utf8(cookie).ok()?.split_at_checked(16)?;
        if prefix != format!("{:016x}", self.prefix) || number.starts_with('+') {
            return None;
        }
        Some((u64::from_str_radix(number, 16).ok()?, rest.get(1..)?))
    }
}
