//! Requests inside a dialog, and the offers that go either way in mid-call (RFC 3261 §12.2, §14, §15; RFC 3311; RFC 4028).

use bytes::Bytes;
use call::{Event, LegId, Loss, Side};
use media::Packed;
use sip::dialog::Sender;
use sip::flow::Flow;
use sip::transaction::{ClientId, ServerId};
use sip::{Message, Method, Name};
use units::Now;

use crate::actions::Accepted;
use crate::build::{self, ALLOW, cause_of};
use crate::events::side_of;
use crate::leg::{Exchange, Leg, LegState, OfferPurpose};
use crate::node::{Client, Node};
use crate::session::{Asked, Due};
use crate::slot::Slot;

impl Node {
    pub(crate) fn in_dialog(&mut self, now: Now, id: ServerId, flow: Flow, message: Message) {
        let found = self.by_tag(message.to_tag()).and_then(|(at, leg)| Some((self.slots.take(at)?, leg)));
        let Some((mut slot, leg)) = found else {
            return self.decline(now, id, &message, 481);
        };
        self.dialog_request(now, &mut slot, leg, id, flow, message);
        self.park(now, slot);
    }

    fn dialog_request(&mut self, now: Now, slot: &mut Slot, leg_id: LegId, id: ServerId, flow: Flow, message: Message) {
        let Some(leg) = slot.leg_mut(leg_id) else { return self.decline(now, id, &message, 481) };
        if leg.flow.peer.ip() != flow.peer.ip() {
            self.counters.rejected("foreign_dialog");
            return self.decline(now, id, &message, 403);
        }
        if leg.dialog().is_none() || matches!(leg.state, LegState::Incoming { .. }) {
            return self.early_request(now, slot, leg_id, id, &message);
        }
        if let Some(dialog) = leg.dialog_mut()
            && let Err(fault) = dialog.accept(&message)
        {
            return self.decline(now, id, &message, fault.status());
        }
        if leg.flow.transport == flow.transport {
            leg.flow.conn = flow.conn;
        }
        match message.method() {
            Method::Bye => self.bye(now, slot, leg_id, id, &message),
            Method::Invite | Method::Update => self.their_offer(now, slot, leg_id, id, message),
            Method::Info => self.relay_info(now, slot, leg_id, id, message),
            Method::Options => {
                let builder = build::response(&message, 200, message.to_tag()).header(Name::Allow, ALLOW);
                self.answer(now, id, 200, builder);
            }
            Method::Refer => self.decline(now, id, &message, 603),
            Method::Prack => self.decline(now, id, &message, 481),
            Method::Notify | Method::Subscribe => self.decline(now, id, &message, 489),
            Method::Register | Method::Message | Method::Publish => self.not_allowed(now, id, &message, 405),
            Method::Other => self.not_allowed(now, id, &message, 501),
            Method::Ack | Method::Cancel => {}
        }
    }

    /// Before the answer a caller may only give up (RFC 3261 §15): its BYE ends the early dialog as CANCEL does.
    fn early_request(&mut self, now: Now, slot: &mut Slot, leg: LegId, id: ServerId, message: &Message) {
        let ours = message.call_id() == slot.caller.call_id();
        if leg == LegId::Caller && ours && message.method() == Method::Bye && matches!(slot.caller.state, LegState::Incoming { .. }) {
            self.decline(now, id, message, 200);
            self.drive_slot(now, slot, Event::Released { side: Side::Caller, cause: cause_of(message) });
        } else {
            self.decline(now, id, message, 481);
        }
    }

    fn bye(&mut self, now: Now, slot: &mut Slot, leg_id: LegId, id: ServerId, message: &Message) {
        self.decline(now, id, message, 200);
        self.end_exchange(now, slot, leg_id);
        let Some(leg) = slot.leg_mut(leg_id) else { return };
        if let LegState::Accepted { invite, .. } = leg.state {
            // It cannot have missed our 2xx: no more repeats.
            self.layer.acked(now.tick, invite);
            self.servers.remove(&invite);
        }
        if !matches!(leg.state, LegState::Leaving) {
            leg.state = LegState::Gone;
        }
        self.drive_slot(now, slot, Event::Released { side: side_of(leg_id), cause: cause_of(message) });
    }

    /// A re-INVITE or UPDATE: refused while another exchange is open (§14.2, RFC 3311 §5.2), answered here if nothing changes, else passed on.
    fn their_offer(&mut self, now: Now, slot: &mut Slot, leg_id: LegId, id: ServerId, message: Message) {
        let talking = slot.call.is_talking();
        let min_secs = slot.call.gate().session.min_secs;
        let Some(leg) = slot.leg_mut(leg_id) else { return };
        match (&leg.exchange, &leg.state) {
            (_, LegState::Leaving | LegState::Gone) => return self.decline(now, id, &message, 481),
            (Exchange::Theirs { .. }, _) => {
                let builder = build::response(&message, 500, message.to_tag()).header(Name::RetryAfter, "5");
                return self.answer(now, id, 500, builder);
            }
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
        let sdp = match media::sdp_part(message.content_type(), &message.body()) {
            Ok(sdp) => sdp,
            Err(fault) => return self.decline(now, id, &message, fault.status()),
        };
        if let Some(dialog) = leg.dialog_mut() {
            // A Contact that cannot be read leaves the target as it was.
            let _ = dialog.refresh(&message);
        }
        if leg.session.expires_secs > 0 {
            let kept = leg.session.expires_secs;
            leg.session = crate::session::SessionState::as_uas(now.tick, &asked, kept);
        }
        let is_update = message.method() == Method::Update;
        let unchanged = match (&sdp, &leg.heard) {
            (None, _) => is_update,
            (Some(new), Some(old)) => media::session_mark(new) == Some(*old) && leg.said.is_some(),
            (Some(_), None) => false,
        };
        leg.exchange = Exchange::Theirs { server: id, request: Box::new(message) };
        self.servers.insert(id, (slot.me, leg_id));
        if unchanged {
            let said = slot.leg(leg_id).and_then(Leg::said).filter(|_| sdp.is_some());
            return self.answer_exchange(now, slot, side_of(leg_id), said);
        }
        if !talking {
            return self.reject_exchange(now, slot, leg_id, 491);
        }
        if let Some(leg) = slot.leg_mut(leg_id) {
            leg.heard = sdp.as_deref().and_then(media::session_mark);
        }
        self.drive_slot(now, slot, Event::Offer { side: side_of(leg_id), sdp });
    }

    /// 2xx to the peer's re-INVITE or UPDATE.
    pub(crate) fn answer_exchange(&mut self, now: Now, slot: &mut Slot, side: Side, sdp: Option<Bytes>) {
        let id = slot.side(side);
        let Some(flow) = slot.leg(id).map(|leg| leg.flow) else { return };
        let contact = self.contact_of(slot, &flow);
        let Some(leg) = slot.leg_mut(id) else { return };
        let Exchange::Theirs { server, request } = std::mem::replace(&mut leg.exchange, Exchange::None) else { return };
        let is_update = request.method() == Method::Update;
        let late = !is_update && media::sdp_part(request.content_type(), &request.body()).ok().flatten().is_none();
        let mut builder = build::response(&request, 200, leg.tag()).header(Name::Contact, &contact).header(Name::Allow, ALLOW);
        builder = build::with_session(builder.header(Name::Supported, build::SUPPORTED), &leg.session);
        if let Some(sdp) = &sdp {
            builder = builder.body("application/sdp", sdp);
            leg.said = Some(Packed::new(sdp));
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
    pub(crate) fn send_offer(&mut self, now: Now, slot: &mut Slot, side: Side, sdp: Option<Bytes>) -> Option<Event> {
        let id = slot.side(side);
        let busy = Some(Event::OfferAnswered { side, sdp: Err(491) });
        let purpose = if sdp.is_some() { OfferPurpose::Relay } else { OfferPurpose::Ask };
        match slot.leg(id) {
            Some(Leg { state: LegState::Confirmed, exchange: Exchange::None, .. }) => {}
            Some(_) | None => return busy,
        }
        self.send_exchange(now, slot, id, Method::Invite, purpose, sdp);
        None
    }

    fn send_exchange(&mut self, now: Now, slot: &mut Slot, id: LegId, method: Method, purpose: OfferPurpose, sdp: Option<Bytes>) {
        let me = slot.me;
        let Some(flow) = slot.leg(id).map(|leg| leg.flow) else { return };
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
            leg.said = Some(Packed::new(sdp));
        }
        let cseq = dialog.local_seq();
        leg.exchange = Exchange::Ours { client, purpose, cseq };
        self.clients.insert(client, Client::Offer(me, id));
        self.layer.send(now.tick, client, flow, method, builder.build());
    }

    /// A response to our re-INVITE or UPDATE.
    pub(crate) fn offer_response(&mut self, now: Now, slot: &mut Slot, id: LegId, client: ClientId, response: &Message) {
        let status = response.status();
        if status < 200 {
            return;
        }
        let is_invite = response.cseq().1 == Method::Invite;
        let Some(leg) = slot.leg_mut(id) else { return };
        let Exchange::Ours { client: ours, purpose, cseq } = &leg.exchange else {
            if is_invite && status < 300 {
                self.send_ack(now, slot, id, &Accepted { client, cseq: response.cseq().0, remote_tag: response.to_tag() }, None);
            }
            self.clients.remove(&client);
            return;
        };
        let (purpose, cseq) = (*purpose, *cseq);
        if *ours != client {
            self.clients.remove(&client);
            return;
        }
        leg.exchange = Exchange::None;
        if status >= 300 {
            if status != 422 || !self.retry_exchange_with_larger_session(now, slot, id, client, purpose, response) {
                self.offer_failed_with(now, slot, id, client, purpose, status);
            }
            return;
        }
        if let Some(dialog) = leg.dialog_mut() {
            let _ = dialog.refresh(response);
        }
        leg.session.renewed_by(now.tick, &Asked::read(response));
        let sdp = media::sdp_part(response.content_type(), &response.body()).ok().flatten();
        if sdp.is_some() {
            leg.heard = sdp.as_deref().and_then(media::session_mark);
        }
        let remote_tag: Box<str> = response.to_tag().into();
        match purpose {
            OfferPurpose::Ask => {
                leg.exchange = Exchange::OursLate { client, remote_tag, cseq };
                self.drive_slot(now, slot, Event::OfferAnswered { side: side_of(id), sdp: Ok(sdp) });
                // Refused on the other side: it must not stay without ACK.
                self.settle_late(now, slot, id, client);
            }
            OfferPurpose::Relay | OfferPurpose::Refresh => {
                self.clients.remove(&client);
                if is_invite {
                    self.send_ack(now, slot, id, &Accepted { client, cseq, remote_tag: &remote_tag }, None);
                }
                if purpose == OfferPurpose::Relay {
                    self.drive_slot(now, slot, Event::OfferAnswered { side: side_of(id), sdp: Ok(sdp) });
                }
            }
        }
    }

    /// 422 to a re-INVITE or UPDATE of ours: the same again with the interval that the peer wants (RFC 4028 §7.3). The timer of this leg
    /// is nobody else's business, so an offer that was passed on is sent again too. False: there is no larger one to ask for.
    fn retry_exchange_with_larger_session(
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
        let said = leg.said();
        let (method, sdp) = match purpose {
            OfferPurpose::Refresh if leg.takes_update => (Method::Update, None),
            OfferPurpose::Refresh | OfferPurpose::Relay => (Method::Invite, said),
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
            let said = leg.said();
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

    /// Only 408 and 481 end the dialog (§12.2.1.2, §14.1).
    fn offer_failed_with(&mut self, now: Now, slot: &mut Slot, id: LegId, client: ClientId, purpose: OfferPurpose, status: u16) {
        self.clients.remove(&client);
        if matches!(status, 408 | 481) {
            if let Some(leg) = slot.leg_mut(id)
                && status == 481
            {
                leg.state = LegState::Gone;
            }
            if purpose != OfferPurpose::Refresh {
                self.drive_slot(now, slot, Event::OfferAnswered { side: side_of(id), sdp: Err(status) });
            }
            if status == 408 {
                self.hang_up_lost(now, slot, id);
            }
            return self.drive_slot(now, slot, Event::Lost { side: side_of(id), loss: Loss::DialogGone });
        }
        match purpose {
            OfferPurpose::Refresh => {
                if let Some(leg) = slot.leg_mut(id) {
                    // Again in a moment, until the session expires.
                    leg.session.postpone(now.tick);
                    leg.takes_update &= !matches!(status, 405 | 501);
                }
            }
            OfferPurpose::Relay | OfferPurpose::Ask => {
                // The timer of this leg is not the other side's.
                let status = if status == 422 { 488 } else { status };
                self.drive_slot(now, slot, Event::OfferAnswered { side: side_of(id), sdp: Err(status) });
            }
        }
    }

    fn hang_up_lost(&mut self, now: Now, slot: &mut Slot, id: LegId) {
        let why = crate::leg::Goodbye { cause: units::Cause::TIMER, sip_cause: None };
        if matches!(slot.leg(id), Some(leg) if matches!(leg.state, LegState::Confirmed)) {
            self.say_bye(now, slot, id, why);
        }
    }

    /// DTMF and the like: the other side's answer is this side's answer.
    fn relay_info(&mut self, now: Now, slot: &mut Slot, from: LegId, id: ServerId, message: Message) {
        let to = slot.side(side_of(from).other());
        let up = matches!(slot.leg(to), Some(leg) if matches!(leg.state, LegState::Confirmed));
        if !up {
            return self.decline(now, id, &message, 481);
        }
        let Some(flow) = slot.leg(to).map(|leg| leg.flow) else { return };
        let contact = self.contact_of(slot, &flow);
        let (client, branch) = self.layer.mint_client();
        let here = self.tables.advertised_text(flow.local);
        let me = slot.me;
        let Some(dialog) = slot.leg_mut(to).and_then(Leg::dialog_mut) else { return self.layer.abandon(client) };
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: &contact };
        let builder = dialog.request(Method::Info, &sender).copy(&message, |name, _| build::passes(name));
        let bytes = builder.body(message.content_type(), &message.body()).build();
        self.clients.insert(client, Client::Relay(me, id, Box::new(message)));
        self.layer.send(now.tick, client, flow, Method::Info, bytes);
    }

    /// Session timers of both legs.
    pub(crate) fn session_timers(&mut self, now: Now, slot: &mut Slot) {
        for side in [Side::Caller, Side::Carrier] {
            let id = slot.side(side);
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
                        let (method, sdp) = if leg.takes_update { (Method::Update, None) } else { (Method::Invite, leg.said()) };
                        self.send_exchange(now, slot, id, method, OfferPurpose::Refresh, sdp);
                    } else {
                        leg.session.postpone(now.tick);
                    }
                }
            }
        }
    }
}
