//! Requests inside a dialog, early or confirmed (RFC 3261 §12.2, §15; RFC 3311; RFC 6086); offers have their own file.

use call::{Event, LegId, Side};
use sip::dialog::{Dialog, Sender};
use sip::flow::Flow;
use sip::transaction::ServerId;
use sip::{Message, Method, Name};
use units::Now;

use crate::build::{self, ALLOW, cause_of};
use crate::events::side_of;
use crate::hop::names_transport;
use crate::leg::{Leg, LegState};
use crate::node::{Client, Node};
use crate::slot::Slot;

impl Node {
    pub(crate) fn in_dialog(&mut self, now: Now, id: ServerId, flow: Flow, message: Message) {
        let found = self.by_tag(message.to_tag()).and_then(|(at, leg)| Some((self.slots.take(at)?, leg)));
        let Some((mut slot, leg)) = found else {
            if self.is_forged(message.to_tag()) {
                self.counters.rejected("forged_tag");
            }
            return self.decline(now, id, &message, 481);
        };
        self.dialog_request(now, &mut slot, leg, id, flow, message);
        self.park(now, slot);
    }

    fn dialog_request(&mut self, now: Now, slot: &mut Slot, leg_id: LegId, id: ServerId, flow: Flow, message: Message) {
        let Some(leg) = slot.leg(leg_id) else { return self.decline(now, id, &message, 481) };
        if !self.is_peer(slot, leg, flow.peer.ip()) {
            self.counters.rejected("foreign_dialog");
            return self.decline(now, id, &message, 403);
        }
        if message.method() != Method::Bye && self.refuses_extension(now, id, &message) {
            return;
        }
        let Some(leg) = slot.leg_mut(leg_id) else { return };
        if leg.dialog().is_none() || matches!(leg.state, LegState::Incoming { .. }) {
            return self.early_request(now, slot, leg_id, id, message);
        }
        if let Some(dialog) = leg.dialog_mut()
            && let Err(fault) = dialog.accept(&message)
        {
            return self.decline(now, id, &message, fault.status());
        }
        leg.liveness.heard(now.tick);
        self.heard_by(slot, leg_id, flow);
        match message.method() {
            Method::Bye => self.bye(now, slot, leg_id, id, &message),
            Method::Invite | Method::Update => self.their_offer(now, slot, leg_id, id, message),
            _ => self.without_session(now, slot, leg_id, id, message),
        }
    }

    /// A request in an early dialog. The offer of the first INVITE is still open: another one has to wait (RFC 3261 §14.2, RFC 3311 §5.2);
    /// what concerns no session is served as in any dialog. A caller's BYE gives up (RFC 3261 §15), a callee may send none.
    fn early_request(&mut self, now: Now, slot: &mut Slot, leg_id: LegId, id: ServerId, message: Message) {
        if let Err(status) = early_dialog(slot, leg_id, &message) {
            return self.decline(now, id, &message, status);
        }
        let is_caller = leg_id == LegId::Caller;
        match message.method() {
            Method::Bye if is_caller => {
                self.decline(now, id, &message, 200);
                self.drive_slot(now, slot, Event::Released { side: Side::Caller, cause: cause_of(&message) });
            }
            Method::Bye => self.decline(now, id, &message, 481),
            Method::Update if build::sdp_in(&message).is_none() => {
                let Some(leg) = slot.leg_mut(leg_id) else { return };
                leg.refresh_target(&message);
                let flow = leg.flow;
                let contact = self.contact_of(slot, &flow);
                let builder = build::response(&message, 200, message.to_tag()).header(Name::Contact, &contact).header(Name::Allow, ALLOW);
                self.answer(now, id, 200, builder);
            }
            Method::Invite | Method::Update if is_caller => self.answer_later(now, id, &message),
            Method::Invite | Method::Update => self.decline(now, id, &message, 491),
            _ => self.without_session(now, slot, leg_id, id, message),
        }
    }

    /// What neither opens, changes nor ends a session.
    fn without_session(&mut self, now: Now, slot: &mut Slot, leg_id: LegId, id: ServerId, message: Message) {
        match message.method() {
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
            Method::Invite | Method::Update | Method::Bye | Method::Ack | Method::Cancel => {}
        }
    }

    /// 500 with a time after which it may be tried again (RFC 3261 §14.2).
    pub(crate) fn answer_later(&mut self, now: Now, id: ServerId, message: &Message) {
        let builder = build::response(message, 500, message.to_tag()).header(Name::RetryAfter, "5");
        self.answer(now, id, 500, builder);
    }

    fn bye(&mut self, now: Now, slot: &mut Slot, leg_id: LegId, id: ServerId, message: &Message) {
        // One that asks for what we do not have is answered so, but whoever sent it is gone (RFC 3261 §15.1.1) and pays no longer.
        if !self.refuses_extension(now, id, message) {
            self.decline(now, id, message, 200);
        }
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

    /// DTMF and the like: the other side's answer is this side's answer. It goes into an early dialog too (RFC 6086 §4.2.1), and need not
    /// wait for an ACK.
    fn relay_info(&mut self, now: Now, slot: &mut Slot, from: LegId, id: ServerId, message: Message) {
        let to = slot.side(side_of(from).other());
        let Some(flow) = slot.leg(to).map(|leg| self.next_hop(leg)) else { return self.decline(now, id, &message, 480) };
        let contact = self.contact_of(slot, &flow);
        let (client, branch) = self.layer.mint_client();
        let here = self.tables.advertised_text(flow.local);
        let me = slot.me;
        let Some(dialog) = slot.leg_mut(to).and_then(open_dialog) else {
            self.layer.abandon(client);
            return self.decline(now, id, &message, 480);
        };
        let sender = Sender { transport: flow.transport, sent_by: &here, branch: &branch, contact: &contact };
        let builder = dialog.request(Method::Info, &sender).copy(&message, |name, _| build::passes(name));
        let bytes = builder.body(message.content_type(), &message.body()).build();
        let fixed = names_transport(dialog.next_hop());
        self.clients.insert(client, Client::Relay(me, id, Box::new(message)));
        self.send_by(now, client, (flow, fixed), Method::Info, bytes);
    }
}

/// Finds the early dialog of a request and judges its CSeq; else the status that it deserves.
fn early_dialog(slot: &mut Slot, id: LegId, message: &Message) -> Result<(), u16> {
    let leg = slot.leg_mut(id).ok_or(481_u16)?;
    match leg.state {
        LegState::Incoming { .. } => {
            let dialog = leg.dialog.as_mut().ok_or(481_u16)?;
            if message.to_tag() == dialog.local_tag() {
                return dialog.accept(message).map_err(|fault| fault.status());
            }
            // Another session of the same call, under a tag with a digit.
            let ours = message.call_id() == dialog.call_id() && message.from_tag() == dialog.remote_tag();
            if ours { Ok(()) } else { Err(481) }
        }
        LegState::Calling { .. } => {
            let heard = leg.early.as_mut().and_then(|early| early.heard.iter_mut().find(|heard| &*heard.tag == message.from_tag()));
            match heard.and_then(|heard| heard.dialog.as_mut()) {
                Some(dialog) => dialog.accept(message).map_err(|fault| fault.status()),
                None => Err(481),
            }
        }
        LegState::Accepted { .. }
        | LegState::Abandoned { .. }
        | LegState::Answered { .. }
        | LegState::Confirmed
        | LegState::Leaving
        | LegState::Gone => Err(481),
    }
}

/// The dialog in which a request can be sent now: of a carrier that rings, the one with the phone that spoke last.
fn open_dialog(leg: &mut Leg) -> Option<&mut Dialog> {
    match leg.state {
        LegState::Calling { .. } => leg.early.as_mut()?.heard.iter_mut().rev().find_map(|heard| heard.dialog.as_mut()),
        LegState::Incoming { .. } | LegState::Accepted { .. } | LegState::Answered { .. } | LegState::Confirmed => leg.dialog_mut(),
        LegState::Abandoned { .. } | LegState::Leaving | LegState::Gone => None,
    }
}
