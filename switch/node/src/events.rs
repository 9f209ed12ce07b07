//! What the transaction layer tells, and which call hears it.

use std::sync::Arc;

use call::{Event, LegId, Loss, Side};
use media::{Mark, Session};
use route::AttemptEnd;
use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::token::{Kind, TOKEN_LEN};
use sip::transaction::Event as TransactionEvent;
use sip::transaction::{ClientId, ServerId};
use sip::{Message, Method, Name};
use units::Now;

use crate::CountedSide;
use crate::actions::Accepted;
use crate::build::{self, cause_of, pause_secs};
use crate::leg::{self, Exchange, Goodbye, LegState};
use crate::liveness::Outcome;
use crate::node::{Client, Node};
use crate::session::{Asked, SessionState};
use crate::slot::{CallRef, Slot};

impl Node {
    pub(crate) fn transaction_event(&mut self, now: Now, event: TransactionEvent) {
        match event {
            TransactionEvent::Request { id, flow, msg } => self.new_request(now, id, flow, msg),
            TransactionEvent::Cancel { invite, msg } => self.cancelled(now, invite, &msg),
            TransactionEvent::Ack { flow, msg } => self.acknowledged(now, flow, &msg),
            TransactionEvent::Response { id, flow, msg } => self.response(now, id, flow, msg),
            TransactionEvent::Timeout { id } => self.client_failed(now, id, AttemptEnd::Timeout),
            TransactionEvent::TransportError { id } => self.client_failed(now, id, AttemptEnd::Unreachable),
            TransactionEvent::NoAck { id } => self.not_acknowledged(now, id),
            TransactionEvent::Stray { flow, msg } => self.stray(now, flow, &msg),
        }
    }

    /// The call and leg that a tag of ours names.
    pub(crate) fn by_tag(&self, tag: &str) -> Option<(CallRef, LegId)> {
        let opened = self.minter.open(Kind::Tag, tag.get(..TOKEN_LEN)?)?;
        if opened.shard != self.identity.shard {
            return None;
        }
        let leg = leg::leg_of_tag(tag.get(TOKEN_LEN..)?)?;
        Some((CallRef { slot: opened.slot, generation: opened.generation }, leg))
    }

    /// Whether a tag that should be ours does not carry our seal; tags of an earlier start do not either.
    pub(crate) fn is_forged(&self, tag: &str) -> bool {
        tag.get(..TOKEN_LEN).and_then(|token| self.minter.open(Kind::Tag, token)).is_none()
    }

    fn cancelled(&mut self, now: Now, invite: ServerId, cancel: &Message) {
        let Some(&(at, leg)) = self.servers.get(&invite) else { return };
        let Some(mut slot) = self.slots.take(at) else { return };
        match leg {
            LegId::Caller if matches!(slot.caller.state, LegState::Incoming { .. }) => {
                slot.cancel_reason = build::given_reason(cancel);
                self.drive_slot(now, &mut slot, Event::Cancelled);
                slot.cancel_reason = None;
            }
            // A re-INVITE that is cancelled leaves the session as it was, here and beyond.
            LegId::Caller | LegId::Carrier(_) => {
                if matches!(slot.leg(leg), Some(leg) if matches!(leg.exchange, Exchange::Theirs { .. })) {
                    self.reject_exchange(now, &mut slot, leg, 487);
                    self.drive_slot(now, &mut slot, Event::OfferWithdrawn { side: side_of(leg) });
                }
            }
        }
        self.park(now, slot);
    }

    /// The ACK of our 2xx (RFC 3261 §13.3.1.4): of the first INVITE or of a later one.
    fn acknowledged(&mut self, now: Now, flow: Flow, ack: &Message) {
        let Some((at, leg)) = self.by_tag(ack.to_tag()) else {
            return self.counters.rejected(if self.is_forged(ack.to_tag()) { "forged_tag" } else { "stray_ack" });
        };
        let Some(mut slot) = self.slots.take(at) else { return };
        self.acknowledge(now, &mut slot, leg, flow, ack);
        self.park(now, slot);
    }

    fn acknowledge(&mut self, now: Now, slot: &mut Slot, id: LegId, flow: Flow, ack: &Message) {
        let Some(leg) = slot.leg(id) else { return };
        let known = leg.dialog().is_some_and(|d| d.matches(ack.call_id(), ack.to_tag(), ack.from_tag()));
        if !known || !self.is_peer(slot, leg, flow.peer.ip()) {
            return self.counters.rejected("stray_ack");
        }
        let side = side_of(id);
        let Some(leg) = slot.leg_mut(id) else { return };
        match std::mem::replace(&mut leg.state, LegState::Confirmed) {
            LegState::Accepted { invite, owed } => {
                self.layer.acked(now.tick, invite);
                self.servers.remove(&invite);
                if let Some(why) = owed {
                    return self.say_bye(now, slot, id, why);
                }
                // Only a late offer is answered in the ACK; anything else in it means nothing.
                if self.is_late(slot) {
                    let session = late_answer(slot, id, ack);
                    self.drive_slot(now, slot, Event::LateAnswer { side, session });
                }
            }
            LegState::Confirmed => {
                // The ACK of the first INVITE may come again at any time: it is none of an exchange's business.
                let Exchange::TheirsAccepted { server, cseq, late } = leg.exchange else { return };
                if ack.cseq().0 != cseq {
                    return;
                }
                leg.exchange = Exchange::None;
                self.layer.acked(now.tick, server);
                self.servers.remove(&server);
                if late {
                    let session = late_answer(slot, id, ack);
                    self.drive_slot(now, slot, Event::LateAnswer { side, session });
                }
            }
            other => leg.state = other,
        }
    }

    /// True while a carrier's leg waits for the answer to its late offer.
    fn is_late(&self, slot: &Slot) -> bool {
        slot.carriers.last().is_some_and(|leg| matches!(leg.state, LegState::Answered { .. }))
    }

    fn not_acknowledged(&mut self, now: Now, id: ServerId) {
        let Some((at, leg)) = self.servers.remove(&id) else { return };
        let Some(mut slot) = self.slots.take(at) else { return };
        if let Some(leg) = slot.leg_mut(leg) {
            let owed = match &leg.state {
                LegState::Accepted { owed, .. } => *owed,
                LegState::Incoming { .. }
                | LegState::Calling { .. }
                | LegState::Abandoned { .. }
                | LegState::Answered { .. }
                | LegState::Confirmed
                | LegState::Leaving
                | LegState::Gone => None,
            };
            if matches!(leg.state, LegState::Accepted { .. }) {
                leg.state = LegState::Confirmed;
            }
            if let Exchange::TheirsAccepted { .. } = leg.exchange {
                leg.exchange = Exchange::None;
            }
            let id = leg.id;
            match owed {
                Some(why) => self.say_bye(now, &mut slot, id, why),
                None => self.drive_slot(now, &mut slot, Event::Lost { side: side_of(id), loss: Loss::NoAck }),
            }
        }
        self.park(now, slot);
    }

    fn response(&mut self, now: Now, id: ClientId, flow: Flow, response: Message) {
        let Some(client) = self.clients.get(&id).cloned() else { return self.fork(now, id, flow, &response) };
        let status = response.status();
        let is_final = status >= 200;
        match client {
            Client::Invite(at, leg) => {
                let Some(mut slot) = self.slots.take(at) else {
                    self.clients.remove(&id);
                    return self.fork(now, id, flow, &response);
                };
                self.invite_response(now, &mut slot, leg, id, flow, &response);
                self.park(now, slot);
            }
            Client::Offer(at, leg) => {
                let Some(mut slot) = self.slots.take(at) else {
                    if is_final {
                        self.clients.remove(&id);
                        self.fork(now, id, flow, &response);
                    }
                    return;
                };
                self.offer_response(now, &mut slot, leg, id, &response);
                self.park(now, slot);
            }
            Client::Liveness(at, leg) => {
                if is_final {
                    self.liveness_answered(now, at, leg, id, Outcome::Status(status));
                }
            }
            Client::Bye(at, leg) => {
                if is_final {
                    self.clients.remove(&id);
                    self.leg_gone(now, at, leg);
                }
            }
            Client::Relay(at, server, request) => {
                if is_final {
                    self.clients.remove(&id);
                    self.relay_answered(now, at, server, &request, status);
                }
            }
            Client::Probe(carrier) => {
                if is_final {
                    self.clients.remove(&id);
                    self.probe_answered(now, carrier, status, pause_secs(&response));
                }
            }
            Client::Farewell => {
                if is_final {
                    self.clients.remove(&id);
                }
            }
        }
    }

    fn client_failed(&mut self, now: Now, id: ClientId, failure: AttemptEnd) {
        let Some(client) = self.clients.remove(&id) else { return };
        match client {
            Client::Invite(at, leg) => self.invite_failed(now, at, leg, failure),
            Client::Offer(at, leg) => {
                if let Some(mut slot) = self.slots.take(at) {
                    // A transport error is a 503 (RFC 3261 §8.1.3.1) and ends no dialog.
                    let status = if failure == AttemptEnd::Unreachable { 503 } else { 408 };
                    self.offer_failed(now, &mut slot, leg, id, status);
                    self.park(now, slot);
                }
            }
            Client::Liveness(at, leg) => {
                let outcome = if failure == AttemptEnd::Unreachable { Outcome::Unreachable } else { Outcome::NoAnswer };
                self.liveness_answered(now, at, leg, id, outcome);
            }
            Client::Bye(at, leg) => self.leg_gone(now, at, leg),
            Client::Relay(at, server, request) => self.relay_answered(now, at, server, &request, 408),
            Client::Probe(carrier) => self.probe_answered(now, carrier, 408, None),
            Client::Farewell => {}
        }
    }

    /// A carrier's INVITE got a response.
    fn invite_response(&mut self, now: Now, slot: &mut Slot, id: LegId, client: ClientId, flow: Flow, response: &Message) {
        let LegId::Carrier(attempt) = id else { return };
        // That an early dialog of a fork ended (RFC 6228) is a sign of life, and no more to a caller who has dialogs with us.
        let status = if response.status() == 199 { 100 } else { response.status() };
        self.keep(slot, flow);
        let Some(leg) = slot.leg_mut(id) else { return };
        let (is_current, why) = match &leg.state {
            LegState::Calling { .. } => (true, None),
            LegState::Abandoned { why } => (false, Some(*why)),
            LegState::Incoming { .. }
            | LegState::Accepted { .. }
            | LegState::Answered { .. }
            | LegState::Confirmed
            | LegState::Leaving
            | LegState::Gone => (false, None),
        };
        leg.source = flow.peer.ip();
        if leg.user_agent.is_none() {
            leg.user_agent = self.user_agents.of(response);
        }
        if status >= 200 {
            self.clients.remove(&client);
            // What a number of ours rings is no carrier.
            if !leg.carrier.is_empty() {
                self.counters.sip_response(CountedSide::Carrier, &leg.carrier, status);
            }
        }
        match (status, is_current, why) {
            (100..=199, true, _) => {
                let Some(progress) = build::progress_of(status) else { return };
                let is_early = status > 100 && !response.to_tag().is_empty();
                let branch = if is_early { leg.branch_of(response.to_tag(), || Dialog::uac(response, response).ok()) } else { 0 };
                let session = if status > 100 { build::session_in(response) } else { None };
                self.drive_slot(now, slot, Event::Progress { attempt, branch, progress, session });
            }
            (100..=199, false, _) => {}
            (200..=299, true, _) => self.carrier_answered(now, slot, attempt, client, flow, response),
            // Late: nobody waits for it any more.
            (200..=299, false, why) => {
                let why = why.unwrap_or(Goodbye { cause: units::Cause::NORMAL, sip_cause: None });
                if matches!(slot.leg(id), Some(leg) if matches!(leg.state, LegState::Abandoned { .. })) {
                    self.book_late_answer(now, slot, attempt);
                    self.finish_leg(slot, id);
                }
                self.ack_and_bye(now, Some(client), flow, response, why);
            }
            (422, true, _) if self.retry_with_larger_session(now, slot, id, client, response) => {}
            (_, true, _) => {
                self.finish_leg(slot, id);
                let end = AttemptEnd::Status(status);
                self.note_pause(now, slot, response);
                self.note_carrier_end(now, slot, end);
                self.drive_slot(now, slot, Event::AttemptEnded { attempt, end, cause: cause_of(response) });
            }
            (_, false, _) => {
                if matches!(slot.leg(id), Some(leg) if matches!(leg.state, LegState::Abandoned { .. })) {
                    self.finish_leg(slot, id);
                }
            }
        }
    }

    /// The carrier's 2xx: the dialog stands; its ACK goes at once unless it made an offer.
    fn carrier_answered(&mut self, now: Now, slot: &mut Slot, attempt: u8, client: ClientId, flow: Flow, response: &Message) {
        let id = LegId::Carrier(attempt);
        let has_offered = slot.offered.take().is_some();
        let dialog = match self.uac_dialog(response) {
            Some(dialog) => dialog,
            // A 2xx without a Contact forms no dialog that we could be asked to keep: ended where we called, and it will be charged.
            None => {
                self.book_late_answer(now, slot, attempt);
                self.finish_leg(slot, id);
                self.ack_and_bye(now, Some(client), flow, response, Goodbye { cause: units::Cause::PROTOCOL, sip_cause: None });
                let end = AttemptEnd::NoDialog;
                self.note_carrier_end(now, slot, end);
                return self.drive_slot(now, slot, Event::AttemptEnded { attempt, end, cause: None });
            }
        };
        let session_secs = slot.dialled.as_ref().map_or(0, |dialled| dialled.callee.session().expires_secs);
        let liveness = self.watch(now, session_secs);
        let Some(leg) = slot.leg_mut(id) else { return };
        let branch = leg.branch_of(response.to_tag(), || None);
        leg.early = None;
        leg.with_dialog(dialog);
        leg.flow = flow;
        leg.liveness = liveness;
        leg.takes_update = response.has_token(Name::Allow, "UPDATE");
        leg.session = SessionState::as_uac(now.tick, &Asked::read(response));
        let sdp = build::sdp_in(response);
        leg.remote = sdp.as_deref().map(Mark::of);
        let session = sdp.and_then(|text| Session::read(&text).ok()).map(Arc::new);
        let (cseq, _) = response.cseq();
        if has_offered {
            leg.state = LegState::Confirmed;
            self.send_ack(now, slot, id, &Accepted { client, cseq, remote_tag: response.to_tag() }, None);
        } else {
            leg.state = LegState::Answered { invite: client, remote_tag: response.to_tag().into(), cseq };
        }
        self.note_carrier_end(now, slot, AttemptEnd::Status(200));
        self.drive_slot(now, slot, Event::Answer { attempt, branch, session });
    }

    fn invite_failed(&mut self, now: Now, at: CallRef, id: LegId, failure: AttemptEnd) {
        let Some(mut slot) = self.slots.take(at) else { return };
        if let LegId::Carrier(attempt) = id {
            let waiting = matches!(slot.leg(id), Some(leg) if matches!(leg.state, LegState::Calling { .. }));
            let pending = matches!(slot.leg(id), Some(leg) if matches!(leg.state, LegState::Calling { .. } | LegState::Abandoned { .. }));
            if pending {
                self.finish_leg(&mut slot, id);
            }
            if waiting && !(failure == AttemptEnd::Unreachable && self.dial_alternate(now, &mut slot, attempt)) {
                self.note_carrier_end(now, &mut slot, failure);
                self.drive_slot(now, &mut slot, Event::AttemptEnded { attempt, end: failure, cause: None });
            }
        }
        self.park(now, slot);
    }

    /// Another 2xx to an INVITE that has had its final response: one is enough (RFC 3261 §13.2.2.4).
    fn fork(&mut self, now: Now, id: ClientId, flow: Flow, response: &Message) {
        if response.cseq().1 == Method::Invite && (200..300).contains(&response.status()) {
            self.ack_and_bye(now, Some(id), flow, response, Goodbye { cause: units::Cause::NORMAL, sip_cause: None });
        } else {
            self.counters.rejected("stray_response");
        }
    }

    /// A response that matches nothing: a 2xx of a dialog that is ours is acknowledged and ended, everything else dropped.
    fn stray(&mut self, now: Now, flow: Flow, response: &Message) {
        let ours = self.minter.open(Kind::Tag, response.from_tag().get(..TOKEN_LEN).unwrap_or("")).is_some();
        if ours && response.cseq().1 == Method::Invite && (200..300).contains(&response.status()) {
            self.ack_and_bye(now, None, flow, response, Goodbye { cause: units::Cause::NORMAL, sip_cause: None });
        } else {
            self.counters.rejected("stray_response");
        }
    }

    fn relay_answered(&mut self, now: Now, _at: CallRef, server: ServerId, request: &Message, status: u16) {
        let status = build::relayed_status(status);
        let bytes = build::response(request, status, request.to_tag()).build();
        self.layer.respond(now.tick, server, status, bytes);
    }

    /// The last transaction of a leg ended.
    pub(crate) fn leg_gone(&mut self, now: Now, at: CallRef, id: LegId) {
        let Some(mut slot) = self.slots.take(at) else { return };
        if let Some(leg) = slot.leg_mut(id) {
            leg.state = LegState::Gone;
        }
        self.park(now, slot);
    }

    /// A leg has nothing left to do.
    pub(crate) fn finish_leg(&mut self, slot: &mut Slot, id: LegId) {
        if let Some(leg) = slot.leg_mut(id) {
            leg.state = LegState::Gone;
        }
    }
}

/// The answer in the ACK of a side, which it has now said.
fn late_answer(slot: &mut Slot, id: LegId, ack: &Message) -> Option<Arc<Session>> {
    let sdp = build::sdp_in(ack)?;
    if let Some(leg) = slot.leg_mut(id) {
        leg.remote = Some(Mark::of(&sdp));
    }
    Session::read(&sdp).ok().map(Arc::new)
}

/// The side of a leg.
pub(crate) const fn side_of(id: LegId) -> Side {
    match id {
        LegId::Caller => Side::Caller,
        LegId::Carrier(_) => Side::Carrier,
    }
}
