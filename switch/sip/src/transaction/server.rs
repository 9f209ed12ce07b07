//! Peers' requests: repeats, ACK, CANCEL, merged requests, overload (RFC 3261 §8.2, §9.2, §17.2).
//! Invariant: only a new, well-formed, unmerged request within the bounds starts a transaction; all else is
//! answered statelessly.

use bytes::Bytes;
use units::Tick;

use super::layer::Layer;
use super::matching::{self, Key, NO_KEY};
use super::server_state::{Answer, Happening, Server, State};
use super::step::{Class, Send, Step, Tell};
use super::timers::{Due, Fired, Timers};
use super::{Event, ServerId, Transmit, invite_server as invite, is_invite, non_invite_server as non_invite};
use crate::flow::Flow;
use crate::{Builder, Fault, Message, Method, Name};

// === impl Layer: the user's side ===

impl Layer {
    /// Sends a response and keeps it for repeats. After a final one the id takes only `acked`.
    /// A 2xx to INVITE is sent again until `acked`, or `NoAck` after 64·T1. To an id that is gone, and 408 to
    /// anything but INVITE (RFC 4320 §4.2): counted, not sent.
    pub fn respond(&mut self, now: Tick, id: ServerId, status: u16, bytes: Bytes) {
        let allowed = |server: &&mut Server| {
            server.state.is_open() && (status != 408 || matches!(server.state, State::Invite(_)))
        };
        let Some(server) = self.server(id).filter(allowed) else {
            self.counters.late_responses += 1;
            return;
        };
        if let Some(answer) = &mut server.answer {
            answer.response = bytes;
        }
        self.server_input(now, id.slot, Happening::Response(Class::of(status)), None);
    }

    /// The To-tag that the responses to a request outside dialogs will carry: the answer to its CANCEL should
    /// have the same (§9.2).
    pub fn set_tag(&mut self, id: ServerId, tag: &str) {
        if let Some(answer) = self.server(id).and_then(|server| server.answer.as_mut()) {
            answer.tag = Some(tag.into());
        }
    }

    /// The ACK to our 2xx has come: no more repeats of it.
    pub fn acked(&mut self, now: Tick, id: ServerId) {
        if let Some(server) = self.server(id)
            && matches!(server.state, State::Invite(invite::State::Accepted { .. }))
        {
            self.server_input(now, id.slot, Happening::Acked, None);
        }
    }

    /// Whether the request still waits for its final response.
    pub fn is_open(&mut self, id: ServerId) -> bool {
        self.server(id).is_some_and(|server| server.state.is_open())
    }

    fn server(&mut self, id: ServerId) -> Option<&mut Server> {
        if !self.servers.holds(id.slot, id.generation) {
            return None;
        }
        self.servers.at_mut(id.slot)
    }
}

// === impl Layer: the peer's side ===

impl Layer {
    pub(super) fn handle_request(&mut self, now: Tick, flow: Flow, msg: Message) {
        let key = match matching::transaction(&self.minter, &msg) {
            Ok(key) => key,
            Err(fault) => return self.refuse(flow, &msg, fault),
        };
        let slot = self.keys.slot(key, &self.servers);
        match (msg.method(), slot) {
            (Method::Ack, slot) => self.handle_ack(now, flow, slot, msg),
            (Method::Cancel, slot) => self.handle_cancel(flow, slot, msg),
            (_, Some(slot)) => self.handle_repeat(now, flow, slot),
            (_, None) => self.handle_new(now, flow, key, msg),
        }
    }

    fn handle_repeat(&mut self, now: Tick, flow: Flow, slot: u32) {
        self.counters.requests_repeated += 1;
        if let Some(server) = self.servers.at_mut(slot)
            && flow.transport.is_reliable()
            && let Some(answer) = &mut server.answer
            && flow.peer.ip() == answer.flow.peer.ip()
        {
            // the peer lost its connection and asks again over a new one
            answer.flow.conn = flow.conn;
        }
        self.server_input(now, slot, Happening::Repeat, None);
    }

    fn handle_ack(&mut self, now: Tick, flow: Flow, slot: Option<u32>, mut msg: Message) {
        if msg.check_once().is_err() {
            self.counters.malformed += 1;
            return;
        }
        let accepted =
            |server: &Server| matches!(server.state, State::Invite(invite::State::Accepted { .. }));
        if let Some(slot) = slot {
            self.counters.acks_absorbed += u64::from(!self.servers.at(slot).is_some_and(accepted));
            self.server_input(now, slot, Happening::Ack, Some((flow, msg)));
        } else if *matching::stateless_tag(&self.minter, &msg) == *msg.to_tag() {
            self.counters.acks_absorbed += 1;
        } else {
            self.events.push_back(Event::Ack { flow, msg });
        }
    }

    fn handle_cancel(&mut self, flow: Flow, slot: Option<u32>, mut msg: Message) {
        if let Err(fault) = msg.check_once() {
            return self.refuse(flow, &msg, fault);
        }
        let Some((slot, server)) = slot.and_then(|slot| Some((slot, self.servers.at_mut(slot)?))) else {
            self.counters.cancels_unmatched += 1;
            return self.answer(flow, &msg, 481, "Call/Transaction Does Not Exist", None);
        };
        let open = server.state.is_open();
        let first = server
            .answer
            .as_mut()
            .is_some_and(|answer| open && !std::mem::replace(&mut answer.cancelled, true));
        // §9.2: the To-tag should be that of the INVITE's response
        let said = server.answer.as_ref().and_then(|answer| answer.tag.clone());
        let response =
            || server.answer.as_ref().and_then(|answer| Message::parse(answer.response.clone()).ok());
        let tag = said.or_else(|| response().map(|response| response.to_tag().into()));
        self.answer(flow, &msg, 200, "OK", tag.as_deref());
        if first {
            let generation = self.servers.generation(slot).unwrap_or_default();
            self.events.push_back(Event::Cancel { invite: ServerId { slot, generation }, msg });
        }
    }

    fn handle_new(&mut self, now: Tick, flow: Flow, key: Key, mut msg: Message) {
        if let Err(fault) = msg.check_once() {
            return self.refuse(flow, &msg, fault);
        }
        let merge = matching::merge(&self.minter, &msg);
        if merge != NO_KEY && self.keys.slot(merge, &self.servers).is_some() {
            self.counters.merged += 1;
            return self.answer(flow, &msg, 482, "Loop Detected", None);
        }
        let alive = self.clients.len() + self.servers.len();
        if alive >= self.settings.transactions_max.saturating_mul(2) {
            self.counters.dropped_full += 1;
            return;
        }
        if alive >= self.settings.transactions_max && is_invite(msg.method()) && msg.to_tag().is_empty() {
            return self.overloaded(flow, &msg);
        }
        let rules = self.rules(&flow);
        let (step, response) = if is_invite(msg.method()) {
            let trying = Builder::response(&msg, 100, "Trying").build();
            (invite::State::start(self.settings.trying_after_ms).map(State::Invite), trying)
        } else {
            (non_invite::State::start(&rules).map(State::NonInvite), Bytes::new())
        };
        let answer = Some(Box::new(Answer {
            flow: self.answer_flow(flow, &msg),
            response,
            cancelled: false,
            tag: None,
        }));
        let (reliable, pace) = (rules.reliable, self.paces.of(&flow));
        let server = Server { key, merge, state: step.state, reliable, pace, timers: Timers::new(), answer };
        let (slot, generation) = self.servers.insert(server);
        self.keys.enter(slot, &self.servers);
        self.server_step(now, slot, step, None);
        self.events.push_back(Event::Request { id: ServerId { slot, generation }, flow, msg });
    }

    /// 503 without any state; the ACK to it is known by its tag.
    fn overloaded(&mut self, flow: Flow, msg: &Message) {
        self.counters.overloaded += 1;
        let tag = matching::stateless_tag(&self.minter, msg);
        let bytes = Builder::response(msg, 503, "Service Unavailable")
            .to_tag(&tag)
            .header_fmt(Name::RetryAfter, format_args!("{}", self.settings.retry_after_secs))
            .build();
        let flow = self.answer_flow(flow, msg);
        self.transmit(flow, bytes);
    }

    fn refuse(&mut self, flow: Flow, msg: &Message, fault: Fault) {
        self.counters.malformed += 1;
        if let Some(bytes) = fault.response(msg) {
            let flow = self.answer_flow(flow, msg);
            self.transmit(flow, bytes);
        }
    }

    /// A response outside any transaction: the same again for every repeat of the request.
    fn answer(&mut self, flow: Flow, msg: &Message, status: u16, reason: &str, tag: Option<&str>) {
        let stateless = matching::stateless_tag(&self.minter, msg);
        let tag = tag.filter(|tag| !tag.is_empty()).unwrap_or(&stateless);
        let bytes = Builder::response(msg, status, reason).to_tag(tag).build();
        let flow = self.answer_flow(flow, msg);
        self.transmit(flow, bytes);
    }

    /// Where responses to this request go.
    fn answer_flow(&self, flow: Flow, msg: &Message) -> Flow {
        flow.of_answer(msg, self.settings.reply_to)
    }
}

// === impl Layer: the machines ===

impl Layer {
    pub(super) fn server_timer(&mut self, now: Tick, slot: u32) {
        let Some(server) = self.servers.at_mut(slot) else { return };
        let Some(fired) = server.timers.fired(now) else { return };
        self.counters.retransmissions_sent += u64::from(fired == Fired::Repeat);
        self.server_input(now, slot, Happening::Timer(fired), None);
    }

    /// Moves the machine that the slot runs.
    fn server_input(&mut self, now: Tick, slot: u32, happening: Happening, msg: Option<(Flow, Message)>) {
        let Some(server) = self.servers.at(slot) else { return };
        let rules = self.rules_of(server.reliable, server.pace);
        if let Some(step) = server.state.step(happening, &rules) {
            self.server_step(now, slot, step, msg);
        }
    }

    fn server_step(&mut self, now: Tick, slot: u32, step: Step<State>, msg: Option<(Flow, Message)>) {
        let generation = self.servers.generation(slot).unwrap_or_default();
        let Some(server) = self.servers.at_mut(slot) else { return };
        server.state = step.state;
        if let Some(answer) =
            server.answer.as_ref().filter(|answer| step.send == Send::Stored && !answer.response.is_empty())
        {
            self.transmits.push_back(Transmit { flow: answer.flow, bytes: answer.response.clone() });
        }
        if step.state.is_spent() {
            server.answer = None;
        }
        server.timers.apply(&mut self.wheel, Due::Server(slot), now, &step);
        if step.state.is_terminated() {
            self.server_remove(slot);
        }
        match (step.tell, msg) {
            (Tell::Message, Some((flow, msg))) => self.events.push_back(Event::Ack { flow, msg }),
            (Tell::NoAck, _) => {
                self.counters.unacknowledged += 1;
                self.events.push_back(Event::NoAck { id: ServerId { slot, generation } });
            }
            (Tell::Nothing | Tell::Message | Tell::Timeout | Tell::TransportError, _) => {}
        }
    }

    fn server_remove(&mut self, slot: u32) {
        self.keys.strike(slot, &self.servers);
        if let Some(mut server) = self.servers.remove(slot) {
            server.timers.stop(&mut self.wheel);
        }
    }
}
