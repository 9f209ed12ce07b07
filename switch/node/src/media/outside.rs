//! Media of calls that relays outside carry: what our own relay is told by commands, and tells by events, an
//! engine is told by offers and answers and says when it is asked
//! ([decision 143](../../../../docs/decisions/0143-engines-outside.md)). Both sides' ports are reserved before
//! anybody is called; what a side says later moves its address and no port. Invariants: every call that an
//! engine was told of is deleted there; every endpoint that was opened is told closed once.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use engine::{Command, EngineId, Engines, Event, Reply};
use media::outside::{address, describe};
use media::relay::{EndpointId, MediaCommand, MediaEvent, MediaPeer};
use smallvec::SmallVec;
use units::{Now, Tick};

use super::outside_call::{End, OutsideCall, Reserving};
use crate::ids::{CallRef, Ids};

/// What engines are asked for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A port toward the called side.
    CalledPort(u64),
    /// One toward the caller.
    CallerPort(u64),
    /// To send a side's media elsewhere.
    Side(u64),
    /// Whether anybody is silent.
    Silence(u64),
    /// What passed, at the end.
    Total(u64),
    /// To forget it.
    End,
}

/// What comes of it.
#[derive(Debug)]
pub(crate) enum Told {
    Media(MediaEvent),
    /// The ports of a call are reserved, or cannot be.
    Reserved(CallRef),
    /// An engine answers, or does not any more.
    Engine {
        at: SocketAddr,
        is_up: bool,
    },
}

/// Calls of a shard at engines outside.
#[derive(Debug)]
pub(crate) struct Outside {
    engines: Engines<Asked>,
    pub(super) calls: Ids<u64, OutsideCall>,
    /// When to ask whether a call is silent.
    due: BTreeSet<(Tick, u64)>,
    pub(super) told: VecDeque<Told>,
    /// Packets that came and went of calls that are over, since they were taken last.
    pub packets: [u64; 2],
}

// === impl Outside ===

impl Outside {
    pub(crate) fn new(engines: &[SocketAddr], cookies: u64) -> Self {
        Self {
            engines: Engines::new(engines.to_vec(), cookies),
            calls: Ids::default(),
            due: BTreeSet::new(),
            told: VecDeque::new(),
            packets: [0; 2],
        }
    }

    /// Whether engines carry the media of all relayed calls.
    pub(crate) fn is_used(&self) -> bool {
        !self.engines.is_empty()
    }

    /// Whether this is the address of an engine.
    pub(super) fn is_engine(&self, ip: std::net::IpAddr) -> bool {
        self.engines.iter().any(|(engine, _)| engine.ip().to_canonical() == ip)
    }

    /// Endpoints that are not told closed yet.
    pub(crate) fn open_ends(&self) -> usize {
        self.calls.values().map(|call| call.ends.len()).sum()
    }

    /// Whether a call has its ports for a called side of this family.
    pub(super) fn is_reserved(&self, call: u64, ipv4: bool) -> bool {
        let known = self.calls.get(&call);
        known.is_some_and(|known| known.caller_at.is_some() && known.called_at(ipv4).is_some())
    }

    /// Asks for the ports of a call; false if there is nobody to ask. `Told::Reserved` follows.
    pub(super) fn reserve(&mut self, now: Now, (at, id): (CallRef, u128), ipv4: (bool, bool)) -> bool {
        let call = crate::ids::id_in_run(id);
        let known = self.calls.contains_key(&call);
        let engine = match self.calls.get(&call) {
            Some(known) => Some(known.engine),
            None => self.engines.choose(call, |_| true),
        };
        let Some(engine) = engine else { return false };
        let reserving = Some(Reserving { at, ipv4 });
        if known {
            if let Some(known) = self.calls.get_mut(&call) {
                known.reserving = reserving;
            }
        } else {
            self.calls.insert(call, OutsideCall::new(id, engine, reserving, SmallVec::new()));
        }
        self.ask_for_called_port(now, call)
    }

    /// The reserved address that an endpoint's side is told.
    pub(super) fn open(&mut self, endpoint: EndpointId, is_caller: bool, ipv4: bool) -> Option<SocketAddr> {
        let call = self.calls.get_mut(&endpoint.call)?;
        let at = if is_caller { call.caller_at? } else { call.called_at(ipv4)? };
        call.ends.push(End::new(endpoint, is_caller, ipv4));
        Some(at)
    }

    /// What our own relay would do.
    pub(super) fn command(&mut self, now: Now, command: MediaCommand) {
        match command {
            MediaCommand::Open { endpoint, timeout_ms, hold_timeout_ms, .. } => {
                if let Some(end) = self.end_mut(endpoint) {
                    end.timeouts_ms = (timeout_ms, hold_timeout_ms);
                }
            }
            MediaCommand::Peer { endpoint, peer } => self.peer(now, endpoint, peer),
            MediaCommand::Pair { b, .. } => {
                if let Some(call) = self.calls.get_mut(&b.call).filter(|call| call.called != Some(b)) {
                    (call.called, call.is_called_news) = (Some(b), true);
                }
                self.tell_sides(now, b.call);
            }
            MediaCommand::Watch { endpoint } => {
                let Some(end) = self.end_mut(endpoint) else { return };
                end.watched = Some(now.tick);
                let (next, call) = (now.tick.plus_ms(end.ask_every_ms()), endpoint.call);
                self.ask_silence_at(call, next);
            }
            MediaCommand::Close { endpoint } => self.close(now, endpoint),
            // `check` refuses whatever leads to these.
            MediaCommand::Transcode { .. }
            | MediaCommand::Listen { .. }
            | MediaCommand::Record { .. }
            | MediaCommand::Play { .. }
            | MediaCommand::StopPlay { .. }
            | MediaCommand::Digit { .. }
            | MediaCommand::Events { .. } => {}
        }
    }

    /// The call is over: what was reserved and never used is given back.
    pub(crate) fn end(&mut self, now: Now, call: u64) {
        if self.calls.get(&call).is_some_and(|known| known.ends.is_empty()) {
            self.delete(now, call);
        }
    }

    pub(crate) fn receive(&mut self, now: Now, from: SocketAddr, datagram: &[u8]) {
        // What is no answer is nobody's: it is dropped without a word, as strangers' packets are.
        _ = self.engines.receive(now.tick, from, datagram);
    }

    pub(crate) fn run(&mut self, now: Now) {
        if !self.is_used() {
            return;
        }
        self.engines.run(now.tick);
        while let Some(&(due, call)) = self.due.first().filter(|(due, _)| *due <= now.tick) {
            self.due.remove(&(due, call));
            let Some(known) = self.calls.get_mut(&call) else { continue };
            known.ask_at = Tick::NEVER;
            let (engine, command) = (known.engine, Command::Query { call: known.id });
            if self.engines.ask(now.tick, engine, Asked::Silence(call), &command).is_err() {
                self.judge_silence(now, call);
            }
        }
        while let Some(event) = self.engines.poll_event() {
            self.outcome(now, event);
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Told> {
        self.told.pop_front()
    }

    pub(crate) fn poll_datagram(&mut self) -> Option<(SocketAddr, Bytes)> {
        self.engines.poll_datagram()
    }

    pub(crate) fn deadline(&self) -> Tick {
        let due = self.due.first().map_or(Tick::NEVER, |(due, _)| *due);
        if self.is_used() { due.min(self.engines.deadline()) } else { Tick::NEVER }
    }

    fn outcome(&mut self, now: Now, event: Event<Asked>) {
        let (asked, reply) = match event {
            Event::Answered { token, reply, .. } => (token, Some(reply)),
            Event::Unanswered { token, .. } => (token, None),
            Event::Up(engine) => return self.changed(engine, true),
            Event::Down(engine) => return self.changed(engine, false),
        };
        match asked {
            Asked::CalledPort(call) | Asked::CallerPort(call) => {
                let session = match &reply {
                    Some(Reply::Session(session)) => address(session),
                    _ => None,
                };
                match session {
                    Some(at) => self.port_told(now, call, asked, at),
                    None => self.not_reserved(now, call, reply),
                }
            }
            Asked::Side(call) => {
                if let Some(Reply::Refused(why)) = reply {
                    tracing::warn!(call, why, "rtpengine does not take what a side said of its media");
                }
                if let Some(known) = self.calls.get_mut(&call) {
                    known.is_telling = false;
                }
                self.tell_sides(now, call);
            }
            Asked::Silence(call) => {
                if let (Some(Reply::Statistics(statistics)), Some(known)) = (reply, self.calls.get_mut(&call))
                {
                    known.hear(now, &statistics);
                }
                self.judge_silence(now, call);
            }
            Asked::Total(call) => self.closed(now, call, reply),
            Asked::End => {}
        }
    }

    fn changed(&mut self, engine: EngineId, is_up: bool) {
        if let Some(at) = self.engines.address(engine) {
            self.told.push_back(Told::Engine { at, is_up });
        }
    }

    // --- ports ---

    fn ask_for_called_port(&mut self, now: Now, call: u64) -> bool {
        let Some(known) = self.calls.get(&call) else { return false };
        let Some(Reserving { ipv4: (_, called), .. }) = known.reserving else { return false };
        let exchange = known.exchange(describe(None), called, called);
        self.ask(now, known.engine, Asked::CalledPort(call), &Command::Offer(exchange))
    }

    fn port_told(&mut self, now: Now, call: u64, asked: Asked, at: SocketAddr) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let Some(Reserving { at: slot, ipv4: (caller, called) }) = known.reserving else { return };
        if asked == Asked::CalledPort(call) {
            known.set_called_at(called, at);
            let exchange = known.exchange(describe(None), caller, called);
            let engine = known.engine;
            if !self.ask(now, engine, Asked::CallerPort(call), &Command::Answer(exchange)) {
                self.not_reserved(now, call, None);
            }
            return;
        }
        known.reserving = None;
        // A caller that was told a port keeps it; where the engine has another one, this attempt is not made.
        if known.caller_at.is_some_and(|before| before != at) {
            known.forget_called_at(called);
        } else {
            known.caller_at = Some(at);
        }
        self.told.push_back(Told::Reserved(slot));
    }

    /// The next engine is asked, as long as no side of the call has a port of this one.
    fn not_reserved(&mut self, now: Now, call: u64, reply: Option<Reply>) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let Some(reserving) = known.reserving else { return };
        let why = match reply {
            Some(Reply::Refused(why)) => why,
            Some(_) => "its answer holds no address".to_owned(),
            None => "no answer".to_owned(),
        };
        let (id, left) = (known.id, known.engine);
        let engine = self.engines.address(left);
        tracing::warn!(?engine, why, "rtpengine gives no ports for a call");
        known.tried.push(left);
        let tried = known.tried.clone();
        let next = self.engines.choose(call, |engine| !tried.contains(&engine));
        let next = next.filter(|_| known.ends.is_empty());
        self.ask(now, left, Asked::End, &Command::Delete { call: id });
        match next {
            Some(next) => {
                let moved = OutsideCall::new(id, next, Some(reserving), tried);
                self.calls.insert(call, moved);
                if self.ask_for_called_port(now, call) {
                    return;
                }
            }
            None if !self.calls.get(&call).is_some_and(|known| known.ends.is_empty()) => {
                if let Some(known) = self.calls.get_mut(&call) {
                    known.reserving = None;
                }
                return self.told.push_back(Told::Reserved(reserving.at));
            }
            None => {}
        }
        self.calls.remove(&call);
        self.told.push_back(Told::Reserved(reserving.at));
    }

    // --- sides ---

    fn peer(&mut self, now: Now, endpoint: EndpointId, peer: MediaPeer) {
        let Some(call) = self.calls.get_mut(&endpoint.call) else { return };
        let Some(end) = call.ends.iter_mut().find(|end| end.endpoint == endpoint) else { return };
        (end.peer, end.told_at, end.is_told_silent) = (Some(Arc::new(peer)), now.tick, false);
        if end.is_caller {
            call.is_caller_news = true;
        } else {
            (call.called, call.is_called_news) = (Some(endpoint), true);
        }
        self.tell_sides(now, endpoint.call);
    }

    /// One at a time, so that no engine takes an older word for the newer.
    fn tell_sides(&mut self, now: Now, call: u64) {
        let Some(known) = self.calls.get_mut(&call).filter(|known| !known.is_telling) else { return };
        let Some(command) = known.next_exchange() else { return };
        let engine = known.engine;
        known.is_telling = true;
        if !self.ask(now, engine, Asked::Side(call), &command)
            && let Some(known) = self.calls.get_mut(&call)
        {
            known.is_telling = false;
        }
    }

    // --- silence ---

    fn ask_silence_at(&mut self, call: u64, at: Tick) {
        let Some(known) = self.calls.get_mut(&call).filter(|known| known.ask_at > at) else { return };
        self.due.remove(&(known.ask_at, call));
        known.ask_at = at;
        self.due.insert((at, call));
    }

    fn judge_silence(&mut self, now: Now, call: u64) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        let silent = known.silent(now.tick);
        let next = known.ask_every_ms();
        self.told.extend(silent.into_iter().map(Told::Media));
        if let Some(next) = next {
            self.ask_silence_at(call, now.tick.plus_ms(next));
        }
    }

    // --- the end ---

    /// Once the last one is closed, the engine is asked what passed.
    fn close(&mut self, now: Now, endpoint: EndpointId) {
        let Some(end) = self.end_mut(endpoint) else { return };
        end.is_closed = true;
        let Some(known) = self.calls.get(&endpoint.call) else { return };
        if known.ends.iter().all(|end| end.is_closed) {
            let (engine, id) = (known.engine, known.id);
            if !self.ask(now, engine, Asked::Total(endpoint.call), &Command::Query { call: id }) {
                self.closed(now, endpoint.call, None);
            }
        }
    }

    fn closed(&mut self, now: Now, call: u64, reply: Option<Reply>) {
        let Some(known) = self.calls.get_mut(&call) else { return };
        if let Some(Reply::Statistics(statistics)) = &reply {
            known.hear(now, statistics);
        }
        let packets = known.packets();
        let reports = known.reports();
        for (endpoint, report) in reports {
            self.told.push_back(Told::Media(MediaEvent::Closed { endpoint, report }));
        }
        self.packets = self.packets.map(|before| before + packets);
        self.delete(now, call);
    }

    fn delete(&mut self, now: Now, call: u64) {
        let Some(known) = self.calls.remove(&call) else { return };
        self.due.remove(&(known.ask_at, call));
        self.ask(now, known.engine, Asked::End, &Command::Delete { call: known.id });
    }

    fn ask(&mut self, now: Now, engine: EngineId, asked: Asked, command: &Command) -> bool {
        self.engines.ask(now.tick, engine, asked, command).is_ok()
    }

    fn end_mut(&mut self, endpoint: EndpointId) -> Option<&mut End> {
        self.calls.get_mut(&endpoint.call)?.ends.iter_mut().find(|end| end.endpoint == endpoint)
    }
}
