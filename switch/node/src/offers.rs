//! Offers in mid-call: re-INVITE and UPDATE of a peer, and those that we send (RFC 3261 §14, RFC 3311, RFC 3264 §8, RFC 4028).
//! Invariant: at most one exchange is open per leg, and one that fails leaves on that leg what was said before it.

use std::sync::Arc;

use bytes::Bytes;
use call::{Event, LegId, Loss, OfferRefusal, Side};
use media::{Mark, Session};
use sip::dialog::Sender;
use sip::transaction::{ClientId, ServerId};
use sip::{Message, Method, Name};
use units::Now;

use crate::actions::Accepted;
use crate::build::{self, ALLOW};
use crate::events::side_of;
use crate::hop::names_transport;
use crate::leg::{Exchange, Leg, LegState, OfferPurpose};
use crate::node::{Client, Node};
use crate::session::{Asked, Due};
use crate::slot::Slot;

impl Node {
    /// A re-INVITE or UPDATE: refused while another exchange is open (§14.2, RFC 3311 §5.2), answered here if nothing changes, else passed on.
    pub(crate) fn their_offer(&mut self, now: Now, slot: &mut Slot, leg_id: LegId, id: ServerId, message: Message) {
        let talking = slot.call.is_talking();
        let min_secs = slot.call.origin().session().min_secs;
        let Some(leg) = slot.leg_mut(leg_id) else { return };
        if matches!(leg.state, LegState::Leaving | LegState::Gone) {
            return self.decline(now, id, &message, 481);
        }
        let sdp = match build::body_of(&message) {
            Ok(sdp) => sdp,
            Err(fault) => return self.decline_body(now, id, &message, fault),
        };
        let is_update = message.method() == Method::Update;
        let is_offer = sdp.is_some() || !is_update;
        match (&leg.exchange, &leg.state) {
            // Without an offer it refreshes the timer and the target, whatever else is open.
            _ if !is_offer => {}
            (Exchange::Theirs { .. }, _) => return self.answer_later(now, id, &message),
            (Exchange::Ours { .. } | Exchange::OursLate { .. } | Exchange::TheirsAccepted { .. }, _)
            | (Exchange::None, LegState::Accepted { .. }) => {
                return self.decline(now, id, &message, 491);
            }
            (Exchange::None, _) => {}
        }
        let asked = Asked::read(&message);
        if asked.too_small(min_secs) {
            let builder = build::response(&message, 422, message.to_tag()).header_fmt(Name::MinSe, format_args!("{min_secs}"));
            return self.answer(now, id, 422, builder);
        }
        leg.refresh_target(&message);
        if leg.session.expires_secs > 0 {
            let kept = leg.session.expires_secs;
            leg.session = crate::session::SessionState::as_uas(now.tick, &asked, kept);
        }
        if !is_offer {
            return self.answer_refresh(now, slot, leg_id, id, &message);
        }
        // The whole SDP is compared, not its version alone: some change it and forget to say so.
        let mark = sdp.as_deref().map(Mark::of);
        let unchanged = mark.is_some() && mark == leg.remote && leg.local.has_said();
        leg.exchange = Exchange::Theirs { server: id, request: Box::new(message) };
        self.servers.insert(id, (slot.me, leg_id));
        if unchanged {
            let said = slot.leg(leg_id).and_then(|leg| leg.local.said());
            return self.answer_exchange(now, slot, side_of(leg_id), said);
        }
        if !talking {
            return self.reject_exchange(now, slot, leg_id, 491);
        }
        match sdp.map(|text| Session::read(&text).map(Arc::new)).transpose() {
            Ok(session) => self.drive_slot(now, slot, Event::Offer { side: side_of(leg_id), session }),
            Err(_) => self.reject_exchange(now, slot, leg_id, 488),
        }
    }

    /// 2xx to an UPDATE without an offer.
    fn answer_refresh(&mut self, now: Now, slot: &Slot, leg_id: LegId, id: ServerId, message: &Message) {
        let Some(leg) = slot.leg(leg_id) else { return };
        let contact = self.contact_of(slot, &leg.flow);
        let builder = build::response(message, 200, message.to_tag()).header(Name::Contact, &contact).header(Name::Allow, ALLOW);
        let builder = build::with_session(builder.header(Name::Supported, build::SUPPORTED), &leg.session);
        self.answer(now, id, 200, builder);
    }

    /// The call's answer to the offer of a side, or its offer where the side asked for one.
    pub(crate) fn answer_offer(&mut self, now: Now, slot: &mut Slot, side: Side, session: &Session) {
        let id = slot.side(side);
        let ours = self.session_origin(slot, id);
        let sdp = slot.leg_mut(id).map(|leg| leg.local.write(session, ours));
        self.answer_exchange(now, slot, side, sdp);
    }

    /// 2xx to the peer's re-INVITE or UPDATE.
    fn answer_exchange(&mut self, now: Now, slot: &mut Slot, side: Side, sdp: Option<Bytes>) {
        let id = slot.side(side);
        let Some(flow) = slot.leg(id).map(|leg| leg.flow) else { return };
        let contact = self.contact_of(slot, &flow);
        let Some(leg) = slot.leg_mut(id) else { return };
        let Exchange::Theirs { server, request } = std::mem::replace(&mut leg.exchange, Exchange::None) else { return };
        let is_update = request.method() == Method::Update;
        let theirs = build::sdp_in(&request);
        let late = !is_update && theirs.is_none();
        if let Some(theirs) = theirs {
            leg.remote = Some(Mark::of(&theirs));
        }
        let mut builder = build::response(&request, 200, leg.tag()).header(Name::Contact, &contact).header(Name::Allow, ALLOW);
        builder = build::with_session(builder.header(Name::Supported, build::SUPPORTED), &leg.session);
        if let Some(sdp) = &sdp {
            builder = builder.body("application/sdp", sdp);
        }
        if is_update {
            self.servers.remove(&server);
        } else {
            leg.exchange = Exchange::TheirsAccepted { server, cseq: request.cseq().0, late };
        }
        self.layer.respond(now.tick, server, 200, builder.build());
    }

    /// A failure of the peer's re-INVITE or UPDATE: the session stays as it was.
    pub(crate) fn reject_exchange(&mut self, now: Now, slot: &mut Slot, id: LegId, status: u16) {
        let Some(leg) = slot.leg_mut(id) else { return };
        match std::mem::replace(&mut leg.exchange, Exchange::None) {
            Exchange::Theirs { server, request } => {
                self.servers.remove(&server);
                let bytes = build::response(&request, status, leg.tag()).build();
                self.layer.respond(now.tick, server, status, bytes);
            }
            other @ (Exchange::None | Exchange::TheirsAccepted { .. } | Exchange::Ours { .. } | Exchange::OursLate { .. }) => {
                leg.exchange = other
            }
        }
    }

    /// Passes an offer on, or asks for one.
    pub(crate) fn send_offer(&mut self, now: Now, slot: &mut Slot, side: Side, session: Option<Arc<Session>>) -> Option<Event> {
        let id = slot.side(side);
        let ours = self.session_origin(slot, id);
        let Some(leg @ Leg { state: LegState::Confirmed, exchange: Exchange::None, .. }) = slot.leg_mut(id) else {
            return Some(Event::OfferAnswered { side, session: Err(OfferRefusal::Pending) });
        };
        let sdp = session.map(|session| {
            leg.before = Some(Box::new(leg.local.before()));
            leg.local.write(&session, ours)
        });
        let purpose = if sdp.is_some() { OfferPurpose::Relay } else { OfferPurpose::Ask };
        self.send_exchange(now, slot, id, Method::Invite, purpose, sdp);
        None
    }

    /// CANCEL for an offer of ours that nobody wants any more; its answer is still waited for.
    pub(crate) fn withdraw_offer(&mut self, now: Now, slot: &Slot, side: Side) {
        if let Some(Exchange::Ours { client, .. }) = slot.leg(slot.side(side)).map(|leg| &leg.exchange) {
            self.layer.cancel(now.tick, *client, None);
        }
    }

    /// The leg took an offer of which nothing came: what we said before is offered again, with a version of its own.
    pub(crate) fn restore_session(&mut self, now: Now, slot: &mut Slot, side: Side) {
        let id = slot.side(side);
        let ours = self.session_origin(slot, id);
        let Some(leg @ Leg { state: LegState::Confirmed, exchange: Exchange::None, .. }) = slot.leg_mut(id) else { return };
        let Some(before) = leg.before.take() else { return };
        leg.local.restore(*before);
        let Some(sdp) = leg.local.say_again(ours) else { return };
        self.send_exchange(now, slot, id, Method::Invite, OfferPurpose::Restore, Some(sdp));
    }

    fn send_exchange(&mut self, now: Now, slot: &mut Slot, id: LegId, method: Method, purpose: OfferPurpose, sdp: Option<Bytes>) {
        let me = slot.me;
        let Some(flow) = slot.leg(id).map(|leg| self.next_hop(leg)) else { return };
        let contact = self.contact_of(slot, &flow);
        let (client, branch) = self.layer.mint_client();
        let here = self.tables.advertised_text(flow.local);
        let Some(leg) = slot.leg_mut(id) else { return self.layer.abandon(client) };
        let Some(dialog) = leg.dialog.as_mut() else { return self.layer.abandon(client) };
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: &contact };
        let mut builder = dialog.request(method, &sender).header(Name::Allow, ALLOW).header(Name::Supported, build::SUPPORTED);
        if let Some(value) = leg.session.uac_header() {
            builder = builder.header(Name::SessionExpires, &value);
        }
        if let Some(min_se) = leg.session.learnt_min_se() {
            builder = builder.header_fmt(Name::MinSe, format_args!("{min_se}"));
        }
        if let Some(sdp) = &sdp {
            builder = builder.body("application/sdp", sdp);
        }
        let cseq = dialog.local_seq();
        let fixed = names_transport(dialog.next_hop());
        leg.exchange = Exchange::Ours { client, purpose, cseq, early: None };
        self.clients.insert(client, Client::Offer(me, id));
        self.send_by(now, client, (flow, fixed), method, builder.build());
    }

    /// A response to our re-INVITE or UPDATE.
    pub(crate) fn offer_response(&mut self, now: Now, slot: &mut Slot, id: LegId, client: ClientId, response: &Message) {
        let status = response.status();
        let is_invite = response.cseq().1 == Method::Invite;
        let Some(leg) = slot.leg_mut(id) else { return };
        let (purpose, cseq, early) = match &mut leg.exchange {
            Exchange::Ours { client: ours, purpose, cseq, early } if *ours == client => {
                if status < 200 {
                    if early.is_none() && status > 100 {
                        *early = build::session_in(response);
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
                return self.overtaken_response(now, slot, id, client, response);
            }
        };
        leg.exchange = Exchange::None;
        if status == 422 && self.retry_exchange(now, slot, id, client, purpose, response) {
            return;
        }
        if status >= 300 {
            return self.offer_failed_with(now, slot, id, client, purpose, status);
        }
        let Some(leg) = slot.leg_mut(id) else { return };
        leg.refresh_target(response);
        leg.liveness.heard(now.tick);
        leg.session.renewed_by(now.tick, &Asked::read(response));
        let sdp = build::sdp_in(response);
        if let Some(sdp) = &sdp {
            leg.remote = Some(Mark::of(sdp));
        }
        let session = sdp.and_then(|text| Session::read(&text).ok()).map(Arc::new).or(early);
        let remote_tag: Box<str> = response.to_tag().into();
        if purpose == OfferPurpose::Ask {
            leg.exchange = Exchange::OursLate { client, remote_tag, cseq };
            self.drive_slot(now, slot, Event::OfferAnswered { side: side_of(id), session: Ok(session) });
            // Refused on the other side: it must not stay without ACK.
            return self.settle_late(now, slot, id, client);
        }
        self.clients.remove(&client);
        if is_invite {
            self.send_ack(now, slot, id, &Accepted { client, cseq, remote_tag: &remote_tag }, None);
        }
        if purpose == OfferPurpose::Relay {
            self.drive_slot(now, slot, Event::OfferAnswered { side: side_of(id), session: Ok(session) });
        }
        if let Some(leg) = slot.leg_mut(id) {
            leg.before = None;
        }
    }

    /// The answer to an offer of ours that the end of the dialog has overtaken.
    fn overtaken_response(&mut self, now: Now, slot: &mut Slot, id: LegId, client: ClientId, response: &Message) {
        if response.status() < 200 {
            return;
        }
        if response.cseq().1 == Method::Invite && response.status() < 300 {
            self.send_ack(now, slot, id, &Accepted { client, cseq: response.cseq().0, remote_tag: response.to_tag() }, None);
        }
        self.clients.remove(&client);
    }

    /// 422 to a re-INVITE or UPDATE of ours: the same again with the interval that the peer wants (RFC 4028 §7.3). The timer of this leg
    /// is nobody else's business, so an offer that was passed on is sent again too. False: there is no larger one to ask for.
    fn retry_exchange(
        &mut self,
        now: Now,
        slot: &mut Slot,
        id: LegId,
        client: ClientId,
        purpose: OfferPurpose,
        response: &Message,
    ) -> bool {
        let Some(leg) = slot.leg_mut(id) else { return false };
        if !matches!(leg.state, LegState::Confirmed) || !leg.session.enlarge(&Asked::read(response)) {
            return false;
        }
        let said = leg.local.said();
        let (method, sdp) = match purpose {
            OfferPurpose::Refresh if leg.takes_update => (Method::Update, None),
            OfferPurpose::Refresh | OfferPurpose::Relay | OfferPurpose::Restore => (Method::Invite, said),
            OfferPurpose::Ask => (Method::Invite, None),
        };
        self.clients.remove(&client);
        self.send_exchange(now, slot, id, method, purpose, sdp);
        true
    }

    /// A late offer that the call could not use is acknowledged with what we said before.
    fn settle_late(&mut self, now: Now, slot: &mut Slot, id: LegId, client: ClientId) {
        let waits = slot
            .carriers
            .iter()
            .chain(std::iter::once(&slot.caller))
            .any(|leg| matches!(leg.exchange, Exchange::TheirsAccepted { late: true, .. }));
        if waits {
            return;
        }
        let Some(leg) = slot.leg_mut(id) else { return };
        if let Exchange::OursLate { remote_tag, cseq, .. } = std::mem::replace(&mut leg.exchange, Exchange::None) {
            let said = leg.local.said();
            self.clients.remove(&client);
            self.send_ack(now, slot, id, &Accepted { client, cseq, remote_tag: &remote_tag }, said.as_ref());
        }
    }

    pub(crate) fn offer_failed(&mut self, now: Now, slot: &mut Slot, id: LegId, failed: ClientId, status: u16) {
        let Some(leg) = slot.leg_mut(id) else { return };
        if let Exchange::Ours { client, purpose, .. } = leg.exchange
            && client == failed
        {
            leg.exchange = Exchange::None;
            self.offer_failed_with(now, slot, id, client, purpose, status);
        }
    }

    /// Only 408 and 481 end the dialog (§12.2.1.2, §14.1); else what was said before holds.
    fn offer_failed_with(&mut self, now: Now, slot: &mut Slot, id: LegId, client: ClientId, purpose: OfferPurpose, status: u16) {
        self.clients.remove(&client);
        let Some(leg) = slot.leg_mut(id) else { return };
        if let Some(before) = leg.before.take() {
            leg.local.restore(*before);
        }
        let is_gone = matches!(status, 408 | 481);
        if status == 481 {
            leg.state = LegState::Gone;
        }
        match purpose {
            OfferPurpose::Refresh if !is_gone => {
                // Again in a moment, until the session expires.
                leg.postpone_refresh(now.tick);
                leg.takes_update &= !matches!(status, 405 | 501);
            }
            OfferPurpose::Relay | OfferPurpose::Ask => {
                let refused = Event::OfferAnswered { side: side_of(id), session: Err(build::refusal_of(status)) };
                self.drive_slot(now, slot, refused);
            }
            OfferPurpose::Refresh | OfferPurpose::Restore => {}
        }
        if status == 408 {
            self.hang_up_lost(now, slot, id);
        }
        if is_gone {
            self.drive_slot(now, slot, Event::Lost { side: side_of(id), loss: Loss::DialogGone });
        }
    }

    pub(crate) fn hang_up_lost(&mut self, now: Now, slot: &mut Slot, id: LegId) {
        let why = crate::leg::Goodbye { cause: units::Cause::TIMER, sip_cause: None };
        if matches!(slot.leg(id), Some(leg) if matches!(leg.state, LegState::Confirmed)) {
            self.say_bye(now, slot, id, why);
        }
    }

    /// Session timers of both legs.
    pub(crate) fn session_timers(&mut self, now: Now, slot: &mut Slot) {
        for side in [Side::Caller, Side::Carrier] {
            let id = slot.side(side);
            self.ask_the_silent(now, slot, id);
            let Some(leg) = slot.leg_mut(id) else { continue };
            if !matches!(leg.state, LegState::Confirmed) {
                continue;
            }
            match leg.session.due(now.tick) {
                Due::Nothing => {}
                Due::Expired => {
                    leg.session = crate::session::SessionState::default();
                    self.drive_slot(now, slot, Event::Lost { side, loss: Loss::SessionExpired });
                }
                Due::Refresh => {
                    if matches!(leg.exchange, Exchange::None) {
                        leg.session.refreshing = true;
                        let (method, sdp) = if leg.takes_update { (Method::Update, None) } else { (Method::Invite, leg.local.said()) };
                        self.send_exchange(now, slot, id, method, OfferPurpose::Refresh, sdp);
                    } else {
                        leg.postpone_refresh(now.tick);
                    }
                }
            }
        }
    }
}
