//! What the transaction layer tells: responses, failures, ACK and CANCEL, and which leg hears it.

use std::sync::Arc;

use call::{LegId, ReleaseReason};
use media::{Mark, Session};
use route::AttemptEnd;
use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::overload::LoadReport;
use sip::token::{Kind, TOKEN_LEN};
use sip::transaction::ClientId;
use sip::transaction::Event as TransactionEvent;
use sip::{Message, Method, Name};
use units::{Cause, Now};

use super::acknowledge::Accepted;
use super::endpoint::Client;
use super::leg::{LegState, SipLeg};
use super::liveness::{Liveness, Outcome};
use super::messages::{self, cause_of, pause_secs};
use super::release::Unwanted;
use super::session_timer::{Asked, SessionState};
use crate::Source;
use crate::ids::CallRef;
use crate::leg::{Context, Leg, LegEvent};
use crate::node::Node;

// === impl Node: which leg it is for ===

impl Node {
    /// Hands on what the layer has to tell.
    pub(crate) fn run_transactions(&mut self, now: Now) {
        self.sip.layer.handle_timeout(now.tick);
        while let Some(event) = self.sip.layer.poll_event() {
            self.transaction_event(now, event);
        }
        self.sip.found = None;
        self.sip.authenticated = None;
    }

    fn transaction_event(&mut self, now: Now, event: TransactionEvent) {
        match event {
            TransactionEvent::Request { id, flow, msg } => self.new_request(now, id, flow, msg),
            TransactionEvent::Cancel { invite, msg } => {
                let Some(&(at, leg)) = self.sip.servers.get(&invite) else { return };
                self.with_sip_leg(now, at, leg, |leg, cx| leg.cancelled(cx, &msg));
            }
            TransactionEvent::Ack { flow, msg } => self.acknowledged(now, flow, &msg),
            TransactionEvent::Response { id, flow, msg } => self.response(now, id, flow, &msg),
            TransactionEvent::Timeout { id } => self.client_failed(now, id, AttemptEnd::Timeout),
            TransactionEvent::TransportError { id } => self.client_failed(now, id, AttemptEnd::Unreachable),
            TransactionEvent::NoAck { id } => {
                let Some((at, leg)) = self.sip.servers.remove(&id) else { return };
                self.with_sip_leg(now, at, leg, SipLeg::not_acknowledged);
            }
            TransactionEvent::Stray { flow, msg } => self.stray(now, flow, &msg),
        }
    }

    /// Gives a leg something to do; false if it is no more.
    fn with_sip_leg(
        &mut self,
        now: Now,
        at: CallRef,
        id: LegId,
        work: impl FnOnce(&mut SipLeg, &mut Context<'_>),
    ) -> bool {
        let Some(mut slot) = self.calls.take(at) else { return false };
        let is_there = self.on_leg(now, &mut slot, id, |leg, cx| {
            if let Leg::Sip(leg) = leg {
                work(leg, cx);
            }
        });
        self.park(now, slot);
        is_there
    }

    /// The ACK of our 2xx (RFC 3261 §13.3.1.4): of the first INVITE or of a later one.
    fn acknowledged(&mut self, now: Now, flow: Flow, ack: &Message) {
        let Some((at, leg)) = self.sip.found_leg(ack.to_tag()) else {
            return self.counters.rejected(if self.sip.is_forged(ack.to_tag()) {
                "forged_tag"
            } else {
                "stray_ack"
            });
        };
        self.with_sip_leg(now, at, leg, |leg, cx| leg.acked(cx, flow, ack));
    }

    fn response(&mut self, now: Now, id: ClientId, flow: Flow, response: &Message) {
        let status = response.status();
        if status >= 200
            && let Some(sent) = self.sip.sent.remove(&id)
            && matches!(status, 401 | 407)
            && self.authorize(now, id, sent, (flow, response))
        {
            return;
        }
        let Some(client) = self.sip.clients.get(&id).cloned() else {
            return self.fork(now, id, flow, response);
        };
        match client {
            Client::Invite(at, leg) => {
                if !self.with_sip_leg(now, at, leg, |leg, cx| leg.invite_response(cx, id, flow, response)) {
                    self.sip.clients.remove(&id);
                    self.fork(now, id, flow, response);
                }
            }
            Client::Offer(at, leg) => {
                if !self.with_sip_leg(now, at, leg, |leg, cx| leg.offer_response(cx, id, response))
                    && status >= 200
                {
                    self.sip.clients.remove(&id);
                    self.fork(now, id, flow, response);
                }
            }
            _ if status < 200 => {}
            Client::Liveness(at, leg) => {
                self.sip.clients.remove(&id);
                self.with_sip_leg(now, at, leg, |leg, cx| leg.liveness_answered(cx, Outcome::Status(status)));
            }
            Client::Bye(at, leg) => {
                self.sip.clients.remove(&id);
                self.with_sip_leg(now, at, leg, |leg, _| leg.finish());
            }
            Client::Relay(server, request) => {
                self.sip.clients.remove(&id);
                self.sip.relay_answered(now, server, &request, status);
            }
            Client::Probe(carrier) => {
                self.sip.clients.remove(&id);
                self.probe_answered(now, carrier, status, pause_secs(response));
            }
            Client::Register(key) => self.registration_answered(now, (key, id), flow, response),
            Client::Notify(key) => {
                self.sip.clients.remove(&id);
                self.notified(key, status);
            }
            Client::Farewell | Client::Prack | Client::Digit => _ = self.sip.clients.remove(&id),
        }
    }

    fn client_failed(&mut self, now: Now, id: ClientId, failure: AttemptEnd) {
        self.sip.sent.remove(&id);
        let Some(client) = self.sip.clients.remove(&id) else { return };
        let is_unreachable = failure == AttemptEnd::Unreachable;
        match client {
            Client::Invite(at, leg) => {
                _ = self.with_sip_leg(now, at, leg, |leg, cx| leg.invite_failed(cx, id, failure))
            }
            Client::Offer(at, leg) => {
                // A transport error is a 503 (RFC 3261 §8.1.3.1) and ends no dialog.
                let status = if is_unreachable { 503 } else { 408 };
                self.with_sip_leg(now, at, leg, |leg, cx| leg.offer_failed(cx, id, status));
            }
            Client::Liveness(at, leg) => {
                let outcome = if is_unreachable { Outcome::Unreachable } else { Outcome::NoAnswer };
                self.with_sip_leg(now, at, leg, |leg, cx| leg.liveness_answered(cx, outcome));
            }
            Client::Bye(at, leg) => _ = self.with_sip_leg(now, at, leg, |leg, _| leg.finish()),
            Client::Relay(server, request) => self.sip.relay_answered(now, server, &request, 408),
            Client::Probe(carrier) => self.probe_answered(now, carrier, 408, None),
            Client::Register(key) => self.registration_failed(now, (key, id)),
            Client::Notify(key) => self.notified(key, 408),
            Client::Farewell | Client::Prack | Client::Digit => {}
        }
    }

    /// Another 2xx to an INVITE that has had its final response: one is enough (RFC 3261 §13.2.2.4).
    fn fork(&mut self, now: Now, id: ClientId, flow: Flow, response: &Message) {
        self.end_unwanted(now, Some(id), flow, response, true);
    }

    /// A response that matches nothing: a 2xx of a dialog that is ours is acknowledged and ended, everything
    /// else dropped.
    fn stray(&mut self, now: Now, flow: Flow, response: &Message) {
        let tag = response.from_tag().get(..TOKEN_LEN).unwrap_or("");
        let is_ours = self.sip.minter.open(Kind::Tag, tag).is_some();
        self.end_unwanted(now, None, flow, response, is_ours);
    }

    fn end_unwanted(
        &mut self,
        now: Now,
        id: Option<ClientId>,
        flow: Flow,
        response: &Message,
        is_ours: bool,
    ) {
        if is_ours && response.cseq().1 == Method::Invite && (200..300).contains(&response.status()) {
            let config = Arc::clone(&self.config);
            let carrier = self.carrier_at(flow.peer.ip());
            let why = ReleaseReason::cause(Cause::NORMAL);
            // Nobody who is configured: a SIP account's phone, mostly.
            let by_flow = config.has_sip_accounts() && config.source(flow.peer.ip()) == Source::Unknown;
            let unwanted = Unwanted { client: id, carrier: carrier.as_ref(), by_flow };
            self.sip.ack_and_bye(now, &config, unwanted, (flow, response), why);
        } else {
            self.counters.rejected("stray_response");
        }
    }
}

// === impl SipLeg: responses to its INVITE ===

impl SipLeg {
    fn invite_response(&mut self, cx: &mut Context<'_>, client: ClientId, flow: Flow, response: &Message) {
        let status = response.status();
        let (is_final, is_success) = (status >= 200, (200..=299).contains(&status));
        if self.given_up_response(cx, client, flow, response) {
            return;
        }
        self.keep(cx.endpoint, flow);
        self.source = flow.peer.ip();
        self.address_speaks();
        if self.user_agent.is_none() {
            self.user_agent = cx.endpoint.user_agents.of(response);
        }
        if is_final {
            cx.endpoint.clients.remove(&client);
            // What a number of ours rings is no carrier.
            if let Some(carrier) = self.party.carrier() {
                cx.counters.carrier_response(&carrier.name, status);
            }
        }
        if self.party.carrier().is_some_and(|carrier| carrier.overload_control)
            && let Some(report) = response.top_via().ok().and_then(|via| LoadReport::read(&via.params))
        {
            cx.emit(self.id, LegEvent::LoadTold { at: self.flow.peer, report });
        }
        match self.state {
            LegState::Calling { .. } => self.awaited_response(cx, client, flow, response),
            // Late: nobody waits for it any more.
            LegState::Abandoned { why } if is_final => {
                if is_success {
                    cx.emit(self.id, LegEvent::AnsweredInVain);
                    cx.ack_and_bye((client, &self.party), flow, response, why);
                }
                self.finish();
            }
            _ if is_success => {
                cx.ack_and_bye((client, &self.party), flow, response, ReleaseReason::cause(Cause::NORMAL))
            }
            _ => {}
        }
    }

    fn awaited_response(&mut self, cx: &mut Context<'_>, client: ClientId, flow: Flow, response: &Message) {
        if let Some(secs) = pause_secs(response) {
            cx.emit(self.id, LegEvent::PauseAsked { at: self.flow.peer, secs });
        }
        match response.status() {
            100..=199 => self.rings(cx, response),
            200..=299 => self.answered(cx, client, flow, response),
            422 if self.retry_with_larger_session(cx, response) => {}
            503 if self.may_call_elsewhere() && self.dial_alternate(cx) => {}
            300.. if self.follow_redirect(cx, response) => {}
            status => {
                self.end_exchange(cx);
                self.finish();
                let (end, cause) = (AttemptEnd::Status(status), cause_of(response));
                cx.emit(self.id, LegEvent::Ended { end, cause });
            }
        }
    }

    /// Whether the next address may be called after a 503, which is one address's own (RFC 3263 §4.3):
    /// nothing rang there.
    fn may_call_elsewhere(&self) -> bool {
        self.outgoing().is_some_and(|outgoing| outgoing.early_received.is_empty())
    }

    /// The 2xx: the dialog stands; its ACK goes at once unless it makes an offer.
    fn answered(&mut self, cx: &mut Context<'_>, client: ClientId, flow: Flow, response: &Message) {
        // From, Call-ID and CSeq of a response are those of our INVITE.
        let Ok(mut dialog) = Dialog::uac(response, response) else {
            // A 2xx without a Contact forms no dialog that we could be asked to keep: ended where we called,
            // and it will be charged.
            cx.emit(self.id, LegEvent::AnsweredInVain);
            self.finish();
            cx.ack_and_bye((client, &self.party), flow, response, ReleaseReason::cause(Cause::PROTOCOL));
            return cx.emit(self.id, LegEvent::Ended { end: AttemptEnd::NoDialog, cause: None });
        };
        let branch = self.branch_of(response.to_tag(), || None);
        let early = self.answered_early(response.to_tag());
        let has_answered = early.is_some();
        // Where the phone made the offer, in a provisional response, that has its answer.
        let has_offered = has_answered || self.outgoing().is_some_and(|outgoing| outgoing.offered.is_some());
        if usize::from(branch) != self.exchange_at {
            self.end_exchange(cx);
        }
        self.continue_early(&mut dialog);
        self.setup = None;
        self.with_dialog(dialog);
        self.flow = flow;
        self.liveness = Liveness::of(cx.now, cx.config.timing, self.party.session().expires_secs);
        self.takes_update = response.has_token(Name::Allow, "UPDATE");
        self.session = SessionState::as_uac(cx.now.tick, &Asked::read(response));
        let sdp = messages::sdp_in(response);
        self.remote = early.flatten().or_else(|| sdp.as_deref().map(Mark::of));
        let session = sdp.filter(|_| !has_answered).and_then(|text| Session::read(&text).ok()).map(Arc::new);
        let (cseq, _) = response.cseq();
        if has_offered {
            self.state = LegState::Confirmed;
            self.send_ack(cx, &Accepted { client, cseq, remote_tag: response.to_tag() }, None);
        } else {
            self.state = LegState::Answered { invite: client, remote_tag: response.to_tag().into(), cseq };
        }
        cx.emit(self.id, LegEvent::Answered { branch, session });
    }

    /// No final response came, or none can.
    fn invite_failed(&mut self, cx: &mut Context<'_>, client: ClientId, end: AttemptEnd) {
        if self.given_up_ended(client) {
            return;
        }
        match self.state {
            LegState::Calling { .. } => {
                if end == AttemptEnd::Unreachable && self.dial_alternate(cx) {
                    return;
                }
                self.finish();
                cx.emit(self.id, LegEvent::Ended { end, cause: None });
            }
            LegState::Abandoned { .. } => self.finish(),
            LegState::Incoming { .. }
            | LegState::Accepted { .. }
            | LegState::Answered { .. }
            | LegState::Confirmed
            | LegState::Leaving
            | LegState::Gone => {}
        }
    }
}
