//! Offers in mid-call: re-INVITE and UPDATE of a peer, and those that we send (RFC 3261 §14, RFC 3311, RFC
//! 3264 §8, RFC 4028). Invariant: at most one exchange is open per leg, and one that fails leaves on that leg
//! what was said before it.

use std::sync::Arc;

use bytes::Bytes;
use call::{Loss, OfferRefusal};
use media::{Mark, Session};
use sip::dialog::Dialog;
use sip::transaction::{ClientId, ServerId};
use sip::{Message, Method, Name};
use units::Tick;

use super::acknowledge::Accepted;
use super::endpoint::Client;
use super::hop::names_transport;
use super::leg::{Exchange, LegState, OfferPurpose, SipLeg};
use super::messages::{self, ALLOW};
use super::sender::sender;
use super::session_timer::{Asked, SessionState};
use crate::leg::{Context, LegEvent};

// === impl SipLeg: the peer's offers ===

impl SipLeg {
    /// A re-INVITE or UPDATE: refused while another exchange is open (§14.2, RFC 3311 §5.2), answered here if
    /// nothing changes, else told to the call.
    pub(crate) fn their_offer(&mut self, cx: &mut Context<'_>, id: ServerId, message: Message) {
        if matches!(self.state, LegState::Leaving | LegState::Gone) {
            return cx.endpoint.decline(cx.now, id, &message, 481);
        }
        let sdp = match messages::body_of(&message) {
            Ok(sdp) => sdp,
            Err(fault) => return cx.endpoint.decline_body(cx.now, id, &message, fault),
        };
        let is_offer = sdp.is_some() || message.method() != Method::Update;
        match (&self.exchange, &self.state) {
            // Without an offer it refreshes the timer and the target, whatever else is open.
            _ if !is_offer => {}
            (Exchange::Theirs { .. }, _) => return cx.endpoint.answer_later(cx.now, id, &message),
            (Exchange::Ours { .. } | Exchange::OursLate { .. } | Exchange::TheirsAccepted { .. }, _)
            | (Exchange::None, LegState::Accepted { .. }) => {
                return cx.endpoint.decline(cx.now, id, &message, 491);
            }
            (Exchange::None, _) => {}
        }
        let asked = Asked::read(&message);
        let min_secs = self.party.session().min_secs;
        if asked.too_small(min_secs) {
            let builder = messages::response(&message, 422, message.to_tag())
                .header_fmt(Name::MinSe, format_args!("{min_secs}"));
            return cx.endpoint.respond(cx.now, id, 422, builder);
        }
        self.refresh_target(&message);
        if self.session.expires_secs > 0 {
            self.session = SessionState::as_uas(cx.now.tick, &asked, self.session.expires_secs);
        }
        if !is_offer {
            return self.answer_refresh(cx, id, &message);
        }
        // The whole SDP is compared, not its version alone: some change it and forget to say so.
        let mark = sdp.as_deref().map(Mark::of);
        let unchanged = mark.is_some() && mark == self.remote && self.local.has_sent();
        self.exchange = Exchange::Theirs { server: id, request: Box::new(message) };
        cx.endpoint.servers.insert(id, (cx.call.at, self.id));
        if unchanged {
            let sent = self.local.last_sent();
            return self.answer_exchange(cx, sent);
        }
        match sdp.map(|text| Session::read(&text).map(Arc::new)).transpose() {
            Ok(session) => cx.emit(self.id, LegEvent::Offer { session }),
            Err(_) => self.refuse_exchange(cx, 488),
        }
    }

    /// 2xx to an UPDATE without an offer.
    fn answer_refresh(&self, cx: &mut Context<'_>, id: ServerId, message: &Message) {
        let contact = cx.contact(&self.flow);
        let builder = messages::response(message, 200, message.to_tag())
            .header(Name::Contact, &contact)
            .header(Name::Allow, ALLOW);
        let builder =
            messages::with_session(builder.header(Name::Supported, messages::SUPPORTED), &self.session);
        cx.endpoint.respond(cx.now, id, 200, builder);
    }

    pub(crate) fn answer(&mut self, cx: &mut Context<'_>, session: &Session) {
        let sdp = self.write_in_exchange(cx, session);
        self.answer_exchange(cx, Some(sdp));
    }

    /// 2xx to the peer's re-INVITE, UPDATE or PRACK.
    pub(super) fn answer_exchange(&mut self, cx: &mut Context<'_>, sdp: Option<Bytes>) {
        let contact = cx.contact(&self.flow);
        let Exchange::Theirs { server, request } = std::mem::replace(&mut self.exchange, Exchange::None)
        else {
            return;
        };
        let is_invite = request.method() == Method::Invite;
        let theirs = messages::sdp_in(&request);
        let late = is_invite && theirs.is_none();
        if let Some(theirs) = theirs {
            self.hear_in_exchange(&theirs);
        }
        let mut builder = messages::response(&request, 200, self.tag())
            .header(Name::Contact, &contact)
            .header(Name::Allow, ALLOW);
        builder = messages::with_session(builder.header(Name::Supported, messages::SUPPORTED), &self.session);
        if let Some(sdp) = &sdp {
            builder = builder.body("application/sdp", sdp);
        }
        if is_invite {
            self.exchange = Exchange::TheirsAccepted { server, cseq: request.cseq().0, late };
        } else {
            cx.endpoint.servers.remove(&server);
        }
        cx.endpoint.layer.respond(cx.now.tick, server, 200, builder.build());
        if request.method() == Method::Prack {
            self.after_prack(cx);
        }
    }

    pub(crate) fn refuse_offer(&mut self, cx: &mut Context<'_>, why: OfferRefusal) {
        self.refuse_exchange(cx, messages::refusal_status(why));
    }

    /// A failure of the peer's re-INVITE or UPDATE: the session stays as it was.
    pub(crate) fn refuse_exchange(&mut self, cx: &mut Context<'_>, status: u16) {
        match std::mem::replace(&mut self.exchange, Exchange::None) {
            Exchange::Theirs { server, request } => {
                cx.endpoint.servers.remove(&server);
                // A time-out is never said to what is no INVITE (RFC 4320 §4.2).
                let status = match request.method() {
                    Method::Update | Method::Prack if status == 408 => 500,
                    _ => status,
                };
                let bytes = messages::response(&request, status, self.tag()).build();
                cx.endpoint.layer.respond(cx.now.tick, server, status, bytes);
                if request.method() == Method::Prack {
                    self.after_prack(cx);
                }
            }
            other @ (Exchange::None
            | Exchange::TheirsAccepted { .. }
            | Exchange::Ours { .. }
            | Exchange::OursLate { .. }) => {
                self.exchange = other;
            }
        }
    }
}

// === impl SipLeg: our offers ===

impl SipLeg {
    pub(crate) fn offer(&mut self, cx: &mut Context<'_>, session: Option<&Session>) -> bool {
        if !self.is_confirmed() || !matches!(self.exchange, Exchange::None) {
            return false;
        }
        let ours = self.session_origin(cx);
        let sdp = session.map(|session| {
            self.before = Some(Box::new(self.local.before()));
            self.local.write(session, ours)
        });
        let purpose = if sdp.is_some() { OfferPurpose::Relay } else { OfferPurpose::Ask };
        self.send_exchange(cx, Method::Invite, purpose, sdp);
        true
    }

    /// CANCEL; the answer is still waited for.
    pub(crate) fn withdraw_offer(&self, cx: &mut Context<'_>) {
        if let Exchange::Ours { client, .. } = self.exchange {
            cx.endpoint.layer.cancel(cx.now.tick, client, None);
        }
    }

    /// The peer took an offer of which nothing came: what we said before is offered again, with a version of
    /// its own.
    pub(crate) fn restore_session(&mut self, cx: &mut Context<'_>) {
        if self.setup.is_some() && matches!(self.exchange, Exchange::None) {
            return self.restore_early(cx);
        }
        if !self.is_confirmed() || !matches!(self.exchange, Exchange::None) {
            return;
        }
        let ours = self.session_origin(cx);
        let Some(before) = self.before.take() else { return };
        self.local.restore(*before);
        let Some(sdp) = self.local.send_again(ours) else { return };
        self.send_exchange(cx, Method::Invite, OfferPurpose::Restore, Some(sdp));
    }

    /// The peer's offer, in a 2xx, is acknowledged.
    pub(crate) fn acknowledge(&mut self, cx: &mut Context<'_>, session: Option<&Session>) {
        let waits = matches!(self.exchange, Exchange::OursLate { .. })
            || matches!(self.state, LegState::Answered { .. });
        if !waits {
            return;
        }
        let ours = self.session_origin(cx);
        let sdp = match session {
            Some(session) => Some(self.local.write(session, ours)),
            None => self.local.last_sent(),
        };
        if let LegState::Answered { invite, remote_tag, cseq } = &self.state {
            let (client, remote_tag, cseq) = (*invite, remote_tag.clone(), *cseq);
            self.state = LegState::Confirmed;
            return self.send_ack(cx, &Accepted { client, cseq, remote_tag: &remote_tag }, sdp.as_ref());
        }
        if let Exchange::OursLate { client, remote_tag, cseq } =
            std::mem::replace(&mut self.exchange, Exchange::None)
        {
            cx.endpoint.clients.remove(&client);
            self.send_ack(cx, &Accepted { client, cseq, remote_tag: &remote_tag }, sdp.as_ref());
        }
    }

    pub(crate) fn send_exchange(
        &mut self,
        cx: &mut Context<'_>,
        method: Method,
        purpose: OfferPurpose,
        sdp: Option<Bytes>,
    ) {
        let flow = self.next_hop(cx);
        let (contact, here) = (cx.contact(&flow), cx.here(&flow));
        let (client, branch) = cx.endpoint.layer.mint_client();
        let Some(dialog) = self.dialog.as_mut() else { return cx.endpoint.layer.abandon(client) };
        let mut builder = dialog.request(method, &sender(&flow, &here, &branch, &contact));
        builder =
            builder.header(Name::Allow, ALLOW).header(Name::Supported, messages::SUPPORTED_UNACKNOWLEDGED);
        if let Some(value) = self.session.uac_header() {
            builder = builder.header(Name::SessionExpires, &value);
        }
        if let Some(min_se) = self.session.learnt_min_se() {
            builder = builder.header_fmt(Name::MinSe, format_args!("{min_se}"));
        }
        if let Some(sdp) = &sdp {
            builder = builder.body("application/sdp", sdp);
        }
        let (cseq, fixed) = (dialog.local_seq(), names_transport(dialog.next_hop()));
        self.exchange = Exchange::Ours { client, purpose, cseq, early: None };
        cx.endpoint.clients.insert(client, Client::Offer(cx.call.at, self.id));
        self.submit(cx, client, (flow, fixed), method, builder.build());
    }

    /// A response to our re-INVITE or UPDATE.
    pub(crate) fn offer_response(&mut self, cx: &mut Context<'_>, client: ClientId, response: &Message) {
        let status = response.status();
        let (purpose, cseq, early) = match &mut self.exchange {
            Exchange::Ours { client: ours, purpose, cseq, early } if *ours == client => {
                if status < 200 {
                    if early.is_none() && status > 100 {
                        *early = messages::session_in(response);
                    }
                    return;
                }
                (*purpose, *cseq, early.take())
            }
            Exchange::Ours { .. }
            | Exchange::None
            | Exchange::Theirs { .. }
            | Exchange::TheirsAccepted { .. }
            | Exchange::OursLate { .. } => {
                return self.overtaken_response(cx, client, response);
            }
        };
        self.exchange = Exchange::None;
        if matches!(purpose, OfferPurpose::RelayEarly | OfferPurpose::RestoreEarly) {
            return self.early_offer_ended(cx, (client, purpose), status, Some(response));
        }
        if status == 422 && self.retry_exchange(cx, client, purpose, response) {
            return;
        }
        if status >= 300 {
            return self.offer_failed_with(cx, client, purpose, status);
        }
        self.refresh_target(response);
        self.liveness.alive(cx.now.tick);
        self.session.renewed_by(cx.now.tick, &Asked::read(response));
        let sdp = messages::sdp_in(response);
        if let Some(sdp) = &sdp {
            self.remote = Some(Mark::of(sdp));
        }
        let session = sdp.and_then(|text| Session::read(&text).ok()).map(Arc::new).or(early);
        let remote_tag: Box<str> = response.to_tag().into();
        if purpose == OfferPurpose::Ask {
            // The call acknowledges it, whatever it makes of it.
            self.exchange = Exchange::OursLate { client, remote_tag, cseq };
            return cx.emit(self.id, LegEvent::OfferAnswered { session: Ok(session) });
        }
        cx.endpoint.clients.remove(&client);
        if response.cseq().1 == Method::Invite {
            self.send_ack(cx, &Accepted { client, cseq, remote_tag: &remote_tag }, None);
        }
        if purpose == OfferPurpose::Relay {
            cx.emit(self.id, LegEvent::OfferAnswered { session: Ok(session) });
        } else {
            self.before = None;
        }
    }

    /// The answer to an offer of ours that the end of the dialog has overtaken.
    fn overtaken_response(&mut self, cx: &mut Context<'_>, client: ClientId, response: &Message) {
        let status = response.status();
        if status < 200 {
            return;
        }
        if response.cseq().1 == Method::Invite && status < 300 {
            self.send_ack(
                cx,
                &Accepted { client, cseq: response.cseq().0, remote_tag: response.to_tag() },
                None,
            );
        }
        cx.endpoint.clients.remove(&client);
    }

    /// 422 to a re-INVITE or UPDATE of ours: the same again with the interval that the peer wants (RFC 4028
    /// §7.3). The timer of this leg is nobody else's business, so an offer that was passed on is sent again
    /// too. False: there is no larger one to ask for.
    fn retry_exchange(
        &mut self,
        cx: &mut Context<'_>,
        client: ClientId,
        purpose: OfferPurpose,
        response: &Message,
    ) -> bool {
        if !self.is_confirmed() || !self.session.enlarge(&Asked::read(response)) {
            return false;
        }
        let sent = self.local.last_sent();
        let (method, sdp) = match purpose {
            OfferPurpose::Refresh if self.takes_update => (Method::Update, None),
            OfferPurpose::Refresh | OfferPurpose::Relay | OfferPurpose::Restore => (Method::Invite, sent),
            OfferPurpose::Ask => (Method::Invite, None),
            OfferPurpose::RelayEarly | OfferPurpose::RestoreEarly => return false,
        };
        cx.endpoint.clients.remove(&client);
        self.send_exchange(cx, method, purpose, sdp);
        true
    }

    /// No answer came, or none could.
    pub(crate) fn offer_failed(&mut self, cx: &mut Context<'_>, failed: ClientId, status: u16) {
        if let Exchange::Ours { client, purpose, .. } = self.exchange
            && client == failed
        {
            self.exchange = Exchange::None;
            if matches!(purpose, OfferPurpose::RelayEarly | OfferPurpose::RestoreEarly) {
                return self.early_offer_ended(cx, (client, purpose), status, None);
            }
            self.offer_failed_with(cx, client, purpose, status);
        }
    }

    /// Only 408 and 481 end the dialog (§12.2.1.2, §14.1); else what was said before holds.
    fn offer_failed_with(
        &mut self,
        cx: &mut Context<'_>,
        client: ClientId,
        purpose: OfferPurpose,
        status: u16,
    ) {
        cx.endpoint.clients.remove(&client);
        if let Some(before) = self.before.take() {
            self.local.restore(*before);
        }
        let is_gone = matches!(status, 408 | 481);
        if status == 481 {
            self.state = LegState::Gone;
        }
        match purpose {
            OfferPurpose::Refresh if !is_gone => {
                // Again in a moment, until the session expires.
                self.postpone_refresh(cx.now.tick);
                self.takes_update &= !matches!(status, 405 | 501);
            }
            OfferPurpose::Relay | OfferPurpose::Ask => {
                cx.emit(self.id, LegEvent::OfferAnswered { session: Err(messages::refusal_of(status)) });
            }
            OfferPurpose::Refresh | OfferPurpose::Restore => {}
            OfferPurpose::RelayEarly | OfferPurpose::RestoreEarly => {}
        }
        if status == 408 {
            self.release_lost(cx);
        }
        if is_gone {
            cx.emit(self.id, LegEvent::Lost { loss: Loss::DialogGone });
        }
    }

    /// Our refresh met another exchange: again in a moment, at another time than the peer's (RFC 3261 §14.1).
    pub(crate) fn postpone_refresh(&mut self, now: Tick) {
        let owns_call_id = self.dialog().is_none_or(Dialog::is_caller);
        self.session.postpone(now, owns_call_id);
    }
}
