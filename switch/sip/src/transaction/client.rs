//! Our requests: INVITE and others, and the ACKs to INVITE (RFC 3261 §13.2.2.4, §17.1).
//! Invariant: a response counts only if its branch opens to a live slot and its CSeq method is that
//! request's.

use bytes::Bytes;
use units::Tick;

use super::client_state::{Acknowledged, Asking, Cancel, Chain, Client, Fork, Happening, State};
use super::layer::Layer;
use super::matching::{self, COOKIE};
use super::pace::Pace;
use super::step::{Class, Send, Step, Tell};
use super::timers::{Due, Fired, Timers};
use super::{
    ClientId, Event, Transmit, derive, invite_client as invite, is_invite, non_invite_client as non_invite,
};
use crate::flow::Flow;
use crate::token::{Kind, TOKEN_LEN};
use crate::{Message, Method, Name};

/// Answers to one INVITE (To-tags of 2xx) whose ACKs are remembered; the 2xx of further ones are passed up
/// each time.
const FORKS_MAX: usize = 8;

// === impl Layer: the user's side ===

impl Layer {
    /// An id and the branch to put into the request's one Via. Follow with `send` or `abandon`.
    pub fn mint_client(&mut self) -> (ClientId, String) {
        let (slot, generation) = self.clients.insert(Client {
            method: Method::Other,
            reliable: false,
            pace: Pace::default(),
            state: State::Minted,
            timers: Timers::new(),
            forks: Vec::new(),
            asking: None,
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
        self.send_or(now, id, flow, method, bytes, None);
    }

    /// The same with a second flow, and the request as it goes there, should the first turn out not to work
    /// (§18.1.1).
    pub fn send_or(
        &mut self,
        now: Tick,
        id: ClientId,
        flow: Flow,
        method: Method,
        bytes: Bytes,
        fallback: Option<(Flow, Bytes)>,
    ) {
        let pace = self.paces.of(&flow);
        let Some(client) = self.client(id).filter(|client| client.state == State::Minted) else { return };
        client.method = method;
        client.reliable = flow.transport.is_reliable();
        client.pace = pace;
        let (chain, fallback) = (Chain::NONE, fallback.map(Box::new));
        client.asking =
            Some(Box::new(Asking { flow, bytes, cancel: Cancel::No, chain, resent: false, fallback }));
        self.client_start(now, id.slot);
    }

    /// Cancels an INVITE: at once if it is ringing, after its first 1xx if nothing came yet, never if a final
    /// came first. `reason` is the value of a Reason header (RFC 3326). The INVITE's own final response, or
    /// `Timeout`, still follows.
    pub fn cancel(&mut self, now: Tick, id: ClientId, reason: Option<&str>) {
        let Some(client) = self.client(id) else { return };
        let Some(asking) = client.asking.as_mut().filter(|asking| matches!(asking.cancel, Cancel::No)) else {
            return;
        };
        match client.state {
            State::Invite(invite::State::Calling { .. }) => {
                asking.cancel = Cancel::Held(reason.map(Into::into))
            }
            State::Invite(invite::State::Proceeding) => self.send_cancel(now, id.slot, reason),
            State::Invite(invite::State::Completed | invite::State::Accepted | invite::State::Terminated)
            | State::Minted
            | State::NonInvite(_) => {}
        }
    }

    /// Sends the ACK to a 2xx, and again whenever that 2xx (same To-tag) comes again. Sent even if the
    /// INVITE's transaction is gone.
    pub fn ack_2xx(&mut self, _now: Tick, id: ClientId, to_tag: &str, flow: Flow, bytes: Bytes) {
        let tag = matching::fork(&self.minter, to_tag);
        let reliable = self.client(id).is_some_and(|client| client.reliable);
        if let Some(fork) =
            self.client(id).and_then(|client| client.forks.iter_mut().find(|fork| fork.tag == tag))
        {
            let bare = || memchr::memmem::find(&bytes, b"\r\n\r\n").is_some_and(|end| end + 4 == bytes.len());
            // Over a stream it may leave by another connection, or transport, than the 2xx came by.
            fork.ack = if matches!(fork.ack, Acknowledged::Not { follows: true })
                && !flow.transport.is_reliable()
                && !reliable
                && bare()
            {
                Acknowledged::Bare(flow.peer)
            } else {
                // Kept for 64·T1: exactly its length, not the room that it was written in.
                Acknowledged::Whole(Box::new((flow, Bytes::copy_from_slice(&bytes))))
            };
        }
        self.transmit(flow, bytes);
    }

    /// The request goes out, by its flow.
    pub(super) fn client_start(&mut self, now: Tick, slot: u32) {
        let Some(client) = self.clients.at(slot) else { return };
        let rules = self.rules_of(client.reliable, client.pace);
        let step = if is_invite(client.method) {
            invite::State::start(&rules).map(State::Invite)
        } else {
            non_invite::State::start(&rules).map(State::NonInvite)
        };
        self.client_step(now, slot, step, None);
        self.client_link(slot);
    }

    fn client(&mut self, id: ClientId) -> Option<&mut Client> {
        if !self.clients.holds(id.slot, id.generation) {
            return None;
        }
        self.clients.at_mut(id.slot)
    }
}

// === impl Layer: the peer's side ===

impl Layer {
    pub(super) fn handle_response(&mut self, now: Tick, flow: Flow, mut msg: Message) {
        if msg.check_once().is_err() {
            self.counters.malformed += 1;
            return;
        }
        let Some((slot, client)) =
            self.client_of(&msg).and_then(|slot| Some((slot, self.clients.at_mut(slot)?)))
        else {
            return self.stray(flow, msg);
        };
        let (class, method) = (Class::of(msg.status()), msg.cseq().1);
        match client.state {
            State::Invite(_) if method == Method::Cancel => {
                self.cancel_input(now, slot, Happening::Response(class))
            }
            State::Invite(_) | State::NonInvite(_) if method != client.method => self.stray(flow, msg),
            State::Minted => self.stray(flow, msg),
            State::Invite(invite::State::Completed) | State::NonInvite(non_invite::State::Completed) => {
                self.counters.responses_repeated += 1;
                self.client_input(now, slot, Happening::Response(class), None);
            }
            State::Invite(_) if class == Class::Success => self.success(now, slot, flow, msg),
            State::Invite(_) | State::NonInvite(_) => {
                self.client_input(now, slot, Happening::Response(class), Some((flow, msg)))
            }
        }
    }

    /// A 2xx to INVITE: from a new UAS it goes up, a repeat is answered by the ACK that this UAS got.
    fn success(&mut self, now: Tick, slot: u32, flow: Flow, msg: Message) {
        let Some(client) = self.clients.at_mut(slot) else { return };
        let tag = matching::fork(&self.minter, msg.to_tag());
        if let Some(fork) = client.forks.iter().find(|fork| fork.tag == tag) {
            self.counters.responses_repeated += 1;
            let again = match &fork.ack {
                Acknowledged::Not { .. } => None,
                Acknowledged::Bare(peer) => {
                    derive::ack_2xx(&self.minter, &flow, &msg).map(|ack| (Flow { peer: *peer, ..flow }, ack))
                }
                Acknowledged::Whole(ack) => Some((**ack).clone()),
            };
            if let Some((flow, bytes)) = again {
                self.transmit(flow, bytes);
            }
            return;
        }
        if client.forks.len() < FORKS_MAX {
            // One is the rule, and it is kept for 64·T1.
            client.forks.reserve_exact(1);
            client
                .forks
                .push(Fork { tag, ack: Acknowledged::Not { follows: msg.header(Name::Contact).is_some() } });
        }
        self.client_input(now, slot, Happening::Response(Class::Success), Some((flow, msg)));
    }

    /// The live slot that a response's branch was minted for. We send one Via, so one must come back
    /// (§8.1.3.3).
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

    /// The answer to a CANCEL whose INVITE has ended meanwhile is of use to nobody.
    fn stray(&mut self, flow: Flow, msg: Message) {
        self.counters.stray += 1;
        if msg.cseq().1 != Method::Cancel {
            self.events.push_back(Event::Stray { flow, msg });
        }
    }
}

// === impl Layer: the machines ===

impl Layer {
    pub(super) fn client_timer(&mut self, now: Tick, slot: u32) {
        let Some(client) = self.clients.at_mut(slot) else { return };
        let Some(fired) = client.timers.fired(now) else { return };
        self.counters.retransmissions_sent += u64::from(fired == Fired::Repeat);
        self.client_input(now, slot, Happening::Timer(fired), None);
    }

    /// Moves the machine that the slot runs.
    pub(super) fn client_input(
        &mut self,
        now: Tick,
        slot: u32,
        happening: Happening,
        msg: Option<(Flow, Message)>,
    ) {
        let Some(client) = self.clients.at(slot) else { return };
        let rules = self.rules_of(client.reliable, client.pace);
        if let Some(step) = client.state.step(happening, &rules) {
            self.client_step(now, slot, step, msg);
        }
    }

    fn client_step(&mut self, now: Tick, slot: u32, step: Step<State>, msg: Option<(Flow, Message)>) {
        let generation = self.clients.generation(slot).unwrap_or_default();
        let id = ClientId { slot, generation };
        let Some(client) = self.clients.at_mut(slot) else { return };
        client.state = step.state;
        if let Some(asking) = &mut client.asking {
            if let (Send::Ack, Some((_, response))) = (step.send, &msg) {
                asking.bytes = derive::ack(&asking.bytes, response).unwrap_or_default();
            }
            if step.send != Send::Nothing && !asking.bytes.is_empty() {
                self.transmits.push_back(Transmit { flow: asking.flow, bytes: asking.bytes.clone() });
            }
        }
        client.timers.apply(&mut self.wheel, Due::Client(slot), now, &step);
        let ended = step.state.is_terminated();
        let answered = matches!(
            step.state,
            State::Invite(invite::State::Accepted) | State::NonInvite(non_invite::State::Completed)
        );
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
        } else if answered && let Some(client) = self.clients.at_mut(slot) {
            client.asking = None;
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
