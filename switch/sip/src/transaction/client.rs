//! Our requests: INVITE and others, their ACKs and CANCELs (RFC 3261 §9.1, §13.2.2.4, §17.1).
//! Invariant: a response counts only if its branch opens to a live slot and its CSeq method is that request's.

use bytes::Bytes;
use units::Tick;

use super::layer::{Due, Fired, Layer, Timers};
use super::matching::COOKIE;
use super::step::{Send, Step, Tell};
use super::{ClientId, Event, derive, invite_client as invite, is_invite, non_invite_client as non_invite};
use crate::flow::Flow;
use crate::token::{Kind, TOKEN_LEN};
use crate::{Message, Method, Name};

/// Answers to one INVITE (To-tags of 2xx) whose ACKs are remembered; the 2xx of further ones are passed up each time.
const FORKS_MAX: usize = 8;
const NIL: u32 = u32::MAX;

/// A client transaction.
#[derive(Debug)]
pub(super) struct Client {
    flow: Flow,
    method: Method,
    state: State,
    /// The request; after a 3xx–6xx to INVITE its ACK; else empty once answered.
    bytes: Bytes,
    timers: Timers,
    cancel: Cancel,
    forks: Vec<Fork>,
    chain: Chain,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It has an id and a branch, and nothing was sent.
    Minted,
    Invite(invite::State),
    NonInvite(non_invite::State),
}

/// The CANCEL of an INVITE.
#[derive(Debug)]
enum Cancel {
    No,
    /// Waits for the first 1xx (§9.1), with its Reason.
    Held(Option<Box<str>>),
    Sent(Box<CancelTransaction>),
    Over,
}

#[derive(Debug)]
struct CancelTransaction {
    state: non_invite::State,
    bytes: Bytes,
    timers: Timers,
}

/// A UAS that answered 2xx, and the ACK it got.
#[derive(Debug)]
struct Fork {
    tag: Box<str>,
    ack: Option<(Flow, Bytes)>,
}

/// The place among the transactions that wait on the same flow.
#[derive(Clone, Copy, Debug)]
struct Chain {
    linked: bool,
    newer: u32,
    older: u32,
}

// === impl State ===

impl State {
    /// Nothing was heard yet, so a transport failure ends it. An INVITE that is ringing does not care.
    const fn waits(self) -> bool {
        match self {
            Self::Invite(invite::State::Calling { .. })
            | Self::NonInvite(non_invite::State::Trying { .. } | non_invite::State::Proceeding) => true,
            Self::Minted | Self::Invite(_) | Self::NonInvite(_) => false,
        }
    }

    const fn is_terminated(self) -> bool {
        matches!(self, Self::Invite(invite::State::Terminated) | Self::NonInvite(non_invite::State::Terminated))
    }
}

// === impl Layer: the user's side ===

impl Layer {
    /// An id and the branch to put into the request's one Via. Follow with `send` or `abandon`.
    pub fn mint_client(&mut self) -> (ClientId, String) {
        let (slot, generation) = self.clients.insert(Client {
            flow: NOWHERE,
            method: Method::Other,
            state: State::Minted,
            bytes: Bytes::new(),
            timers: Timers::new(),
            cancel: Cancel::No,
            forks: Vec::new(),
            chain: Chain { linked: false, newer: NIL, older: NIL },
        });
        let mut branch = String::with_capacity(COOKIE.len() + TOKEN_LEN);
        branch.push_str(COOKIE);
        branch.push_str(&self.minter.mint(Kind::Branch, slot, generation));
        (ClientId { slot, generation }, branch)
    }

    /// Gives back an id that was not sent.
    pub fn abandon(&mut self, id: ClientId) {
        if self.client(id).is_some_and(|client| client.state == State::Minted) {
            self.client_remove(id.slot);
        }
    }

    /// Sends a request (never ACK or CANCEL: those are `ack_2xx` and `cancel`). Once per id.
    pub fn send(&mut self, now: Tick, id: ClientId, flow: Flow, method: Method, bytes: Bytes) {
        let rules = self.rules(&flow);
        let Some(client) = self.client(id).filter(|client| client.state == State::Minted) else { return };
        client.flow = flow;
        client.method = method;
        client.bytes = bytes;
        let step = if is_invite(method) {
            invite::State::start(&rules).map(State::Invite)
        } else {
            non_invite::State::start(&rules).map(State::NonInvite)
        };
        self.client_step(now, id.slot, step, None);
        self.client_link(id.slot);
    }

    /// Cancels an INVITE: at once if it is ringing, after its first 1xx if nothing came yet, never if a final came first.
    /// `reason` is the value of a Reason header (RFC 3326). The INVITE's own final response, or `Timeout`, still follows.
    pub fn cancel(&mut self, now: Tick, id: ClientId, reason: Option<&str>) {
        let Some(client) = self.client(id) else { return };
        if !matches!(client.cancel, Cancel::No) {
            return;
        }
        match client.state {
            State::Invite(invite::State::Calling { .. }) => client.cancel = Cancel::Held(reason.map(Into::into)),
            State::Invite(invite::State::Proceeding) => self.send_cancel(now, id.slot, reason),
            State::Invite(invite::State::Completed | invite::State::Accepted | invite::State::Terminated)
            | State::Minted
            | State::NonInvite(_) => {}
        }
    }

    /// Sends the ACK to a 2xx and keeps it for repeats of that 2xx (same To-tag). Sent even if the INVITE's transaction is gone.
    pub fn ack_2xx(&mut self, _now: Tick, id: ClientId, to_tag: &str, flow: Flow, bytes: Bytes) {
        if let Some(fork) = self.client(id).and_then(|client| client.forks.iter_mut().find(|fork| &*fork.tag == to_tag)) {
            fork.ack = Some((flow, bytes.clone()));
        }
        self.transmit(flow, bytes);
    }

    /// The flow is dead (ICMP unreachable, refused or lost connection): ends the requests on it that heard nothing yet.
    pub fn transport_failed(&mut self, now: Tick, flow: Flow) {
        while let Some(&slot) = self.waiting.get(&flow) {
            self.client_unlink(slot);
            self.client_input(now, slot, invite::Input::TransportError, non_invite::Input::TransportError, None);
        }
    }

    fn client(&mut self, id: ClientId) -> Option<&mut Client> {
        if !self.clients.holds(id.slot, id.generation) {
            return None;
        }
        self.clients.at_mut(id.slot)
    }
}

/// A flow for requests that have none yet.
const NOWHERE: Flow = {
    let nobody = std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);
    Flow::udp(nobody, nobody)
};

// === impl Layer: the peer's side ===

impl Layer {
    pub(super) fn handle_response(&mut self, now: Tick, flow: Flow, msg: Message) {
        if msg.check().is_err() {
            self.counters.malformed += 1;
            return;
        }
        let Some((slot, client)) = self.client_of(&msg).and_then(|slot| Some((slot, self.clients.at_mut(slot)?))) else {
            return self.stray(flow, msg);
        };
        let (status, (_, method)) = (msg.status(), msg.cseq());
        let inputs = match status {
            100..200 => (invite::Input::Provisional, non_invite::Input::Provisional),
            200..300 => (invite::Input::Success, non_invite::Input::Final),
            300.. => (invite::Input::Failure, non_invite::Input::Final),
            0..100 => return self.stray(flow, msg),
        };
        match client.state {
            State::Invite(_) if method == Method::Cancel => self.cancel_input(now, slot, inputs.1),
            State::Invite(_) | State::NonInvite(_) if method != client.method => self.stray(flow, msg),
            State::Minted => self.stray(flow, msg),
            State::Invite(invite::State::Completed) => {
                self.counters.responses_repeated += 1;
                self.client_input(now, slot, inputs.0, inputs.1, None);
            }
            State::Invite(_) if inputs.0 == invite::Input::Success => self.success(now, slot, flow, msg),
            State::NonInvite(non_invite::State::Completed) => self.counters.responses_repeated += 1,
            State::Invite(_) | State::NonInvite(_) => self.client_input(now, slot, inputs.0, inputs.1, Some((flow, msg))),
        }
    }

    /// A 2xx to INVITE: from a new UAS it goes up, a repeat is answered by the ACK that this UAS got.
    fn success(&mut self, now: Tick, slot: u32, flow: Flow, msg: Message) {
        let Some(client) = self.clients.at_mut(slot) else { return };
        let tag = msg.to_tag();
        if let Some(fork) = client.forks.iter().find(|fork| &*fork.tag == tag) {
            self.counters.responses_repeated += 1;
            if let Some((flow, bytes)) = fork.ack.clone() {
                self.transmit(flow, bytes);
            }
            return;
        }
        if client.forks.len() < FORKS_MAX {
            client.forks.push(Fork { tag: tag.into(), ack: None });
        }
        self.client_input(now, slot, invite::Input::Success, non_invite::Input::Final, Some((flow, msg)));
    }

    /// The live slot that a response's branch was minted for. We send one Via, so one must come back (§8.1.3.3).
    fn client_of(&self, msg: &Message) -> Option<u32> {
        if msg.values(Name::Via).nth(1).is_some() {
            return None;
        }
        let via = msg.top_via().ok()?;
        let token = via.branch()?.strip_prefix(COOKIE)?;
        let opened = self.minter.open(Kind::Branch, token)?;
        let ours = opened.shard == self.minter.shard() && self.clients.holds(opened.slot, opened.generation);
        ours.then_some(opened.slot)
    }

    fn stray(&mut self, flow: Flow, msg: Message) {
        self.counters.stray += 1;
        self.events.push_back(Event::Stray { flow, msg });
    }
}

// === impl Layer: the machines ===

impl Layer {
    pub(super) fn client_timer(&mut self, now: Tick, slot: u32) {
        let Some(client) = self.clients.at_mut(slot) else { return };
        let Some(fired) = client.timers.fired(now) else { return };
        let inputs = match client.state {
            State::Minted => return,
            State::Invite(state) => (fired.pick(state.repeat_timer(), state.end_timer()), non_invite::Input::TimerK),
            State::NonInvite(state) => (invite::Input::TimerD, fired.pick(state.repeat_timer(), state.end_timer())),
        };
        self.counters.retransmissions_sent += u64::from(fired == Fired::Repeat);
        self.client_input(now, slot, inputs.0, inputs.1, None);
    }

    /// Feeds whichever machine the slot runs.
    fn client_input(&mut self, now: Tick, slot: u32, invite: invite::Input, non_invite: non_invite::Input, msg: Option<(Flow, Message)>) {
        let Some(client) = self.clients.at(slot) else { return };
        let rules = self.rules(&client.flow);
        let step = match client.state {
            State::Minted => return,
            State::Invite(state) => state.on(invite, &rules).map(State::Invite),
            State::NonInvite(state) => state.on(non_invite, &rules).map(State::NonInvite),
        };
        self.client_step(now, slot, step, msg);
    }

    fn client_step(&mut self, now: Tick, slot: u32, step: Step<State>, msg: Option<(Flow, Message)>) {
        let generation = self.clients.generation(slot).unwrap_or_default();
        let id = ClientId { slot, generation };
        let Some(client) = self.clients.at_mut(slot) else { return };
        client.state = step.state;
        match (step.send, &msg) {
            (Send::Nothing, _) => {}
            (Send::Ack, Some((_, response))) => {
                client.bytes = derive::ack(&client.bytes, response).unwrap_or_default();
                self.transmits.push_back(super::Transmit { flow: client.flow, bytes: client.bytes.clone() });
            }
            (Send::Ack, None) | (Send::Stored, _) => {
                self.transmits.push_back(super::Transmit { flow: client.flow, bytes: client.bytes.clone() });
            }
        }
        client.timers.apply(&mut self.wheel, Due::Client(slot), now, &step);
        let ended = step.state.is_terminated();
        let answered = matches!(step.state, State::Invite(invite::State::Accepted) | State::NonInvite(non_invite::State::Completed));
        if answered {
            client.bytes = Bytes::new();
        }
        if !step.state.waits() {
            self.client_unlink(slot);
        }
        match (step.state, step.tell) {
            (State::Invite(invite::State::Proceeding), Tell::Message) => self.release_cancel(now, slot),
            (State::Invite(_), Tell::Message) => self.drop_cancel(slot),
            (State::Invite(_) | State::NonInvite(_) | State::Minted, _) => {}
        }
        if ended {
            self.client_remove(slot);
        }
        match (step.tell, msg) {
            (Tell::Nothing | Tell::NoAck, _) | (Tell::Message, None) => {}
            (Tell::Message, Some((flow, msg))) => self.events.push_back(Event::Response { id, flow, msg }),
            (Tell::Timeout, _) => {
                self.counters.timeouts += 1;
                self.events.push_back(Event::Timeout { id });
            }
            (Tell::TransportError, _) => {
                self.counters.transport_errors += 1;
                self.events.push_back(Event::TransportError { id });
            }
        }
    }

    fn client_remove(&mut self, slot: u32) {
        self.client_unlink(slot);
        self.drop_cancel(slot);
        if let Some(mut client) = self.clients.remove(slot) {
            client.timers.stop(&mut self.wheel);
        }
    }
}

// === impl Layer: CANCEL ===

impl Layer {
    /// A 1xx came: the CANCEL that waited for it may go.
    fn release_cancel(&mut self, now: Tick, slot: u32) {
        let Some(client) = self.clients.at_mut(slot) else { return };
        if let Cancel::Held(reason) = &mut client.cancel {
            let reason = reason.take();
            self.send_cancel(now, slot, reason.as_deref());
        }
    }

    fn send_cancel(&mut self, now: Tick, slot: u32, reason: Option<&str>) {
        let Some(client) = self.clients.at_mut(slot) else { return };
        let Some(bytes) = derive::cancel(&client.bytes, reason) else {
            client.cancel = Cancel::Over;
            return;
        };
        client.cancel = Cancel::Sent(Box::new(CancelTransaction { state: non_invite::State::Terminated, bytes, timers: Timers::new() }));
        let rules = self.rules(&self.clients.at(slot).map_or(NOWHERE, |client| client.flow));
        // the INVITE's own end is armed first: at 64·T1 it takes the CANCEL with it
        self.client_input(now, slot, invite::Input::Cancelled, non_invite::Input::TimerK, None);
        self.cancel_step(now, slot, non_invite::State::start(&rules));
    }

    fn drop_cancel(&mut self, slot: u32) {
        let Some(client) = self.clients.at_mut(slot) else { return };
        if let Cancel::Sent(cancel) = &mut client.cancel {
            cancel.timers.stop(&mut self.wheel);
        }
        client.cancel = Cancel::Over;
    }

    pub(super) fn cancel_timer(&mut self, now: Tick, slot: u32) {
        let Some(Client { cancel: Cancel::Sent(cancel), .. }) = self.clients.at_mut(slot) else { return };
        let Some(fired) = cancel.timers.fired(now) else { return };
        let input = fired.pick(cancel.state.repeat_timer(), cancel.state.end_timer());
        self.counters.retransmissions_sent += u64::from(fired == Fired::Repeat);
        self.cancel_input(now, slot, input);
    }

    fn cancel_input(&mut self, now: Tick, slot: u32, input: non_invite::Input) {
        let Some(client) = self.clients.at(slot) else { return };
        let rules = self.rules(&client.flow);
        if let Cancel::Sent(cancel) = &client.cancel {
            let step = cancel.state.on(input, &rules);
            self.cancel_step(now, slot, step);
        }
    }

    /// What becomes of the CANCEL itself tells the user nothing: the INVITE's end does.
    fn cancel_step(&mut self, now: Tick, slot: u32, step: Step<non_invite::State>) {
        let Some(Client { cancel: Cancel::Sent(cancel), flow, .. }) = self.clients.at_mut(slot) else { return };
        cancel.state = step.state;
        if step.send == Send::Stored {
            self.transmits.push_back(super::Transmit { flow: *flow, bytes: cancel.bytes.clone() });
        }
        cancel.timers.apply(&mut self.wheel, Due::Cancel(slot), now, &step);
        if step.state == non_invite::State::Terminated {
            self.drop_cancel(slot);
        }
    }
}

// === impl Layer: who waits on a flow ===

impl Layer {
    fn client_link(&mut self, slot: u32) {
        let Some(client) = self.clients.at_mut(slot).filter(|client| client.state.waits()) else { return };
        let older = self.waiting.insert(client.flow, slot).unwrap_or(NIL);
        client.chain = Chain { linked: true, newer: NIL, older };
        if let Some(older) = self.clients.at_mut(older) {
            older.chain.newer = slot;
        }
    }

    fn client_unlink(&mut self, slot: u32) {
        let Some(client) = self.clients.at_mut(slot).filter(|client| client.chain.linked) else { return };
        client.chain.linked = false;
        let (flow, Chain { newer, older, .. }) = (client.flow, client.chain);
        if let Some(older) = self.clients.at_mut(older) {
            older.chain.newer = newer;
        }
        match self.clients.at_mut(newer) {
            Some(newer) => newer.chain.older = older,
            None if older == NIL => {
                self.waiting.remove(&flow);
            }
            None => {
                self.waiting.insert(flow, older);
            }
        }
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
