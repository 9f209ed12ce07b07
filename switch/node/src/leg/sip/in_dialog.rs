//! Requests inside a dialog, early or confirmed (RFC 3261 §12.2, §15; RFC 3311; RFC 6086); offers have their
//! own file.

use sip::dialog::Dialog;
use sip::flow::Flow;
use sip::transaction::ServerId;
use sip::{Message, Method, Name};
use units::Now;

use super::leg::{LegState, Outgoing, SipLeg};
use super::messages::{self, ALLOW, cause_of};
use crate::leg::{Context, Leg, LegEvent};
use crate::node::Node;

impl Node {
    /// A request with a To-tag: of the leg that the tag names.
    pub(crate) fn in_dialog(&mut self, now: Now, id: ServerId, flow: Flow, message: Message) {
        let found =
            self.sip.found_leg(message.to_tag()).and_then(|(at, leg)| Some((self.calls.take(at)?, leg)));
        let Some((mut slot, leg)) = found else {
            if self.sip.is_forged(message.to_tag()) {
                self.counters.rejected("forged_tag");
            }
            return self.sip.decline(now, id, &message, 481);
        };
        if matches!(message.method(), Method::Info | Method::Message) && slot.leg(leg).is_some() {
            self.pass_on(now, &mut slot, leg, (id, flow), message);
        } else {
            let mut message = Some(message);
            self.on_leg(now, &mut slot, leg, |leg, cx| {
                let Leg::Sip(leg) = leg else { return };
                if let Some(message) = message.take() {
                    leg.request(cx, id, flow, message);
                }
            });
            // Of an attempt that is forgotten.
            if let Some(message) = message {
                self.sip.decline(now, id, &message, 481);
            }
        }
        self.park(now, slot);
    }
}

impl SipLeg {
    /// A request of its peer, or of somebody who knows its tags.
    fn request(&mut self, cx: &mut Context<'_>, id: ServerId, flow: Flow, message: Message) {
        if !self.admits(cx, id, flow, &message) {
            return;
        }
        if self.is_early() {
            return self.early_request(cx, id, message);
        }
        match message.method() {
            Method::Bye => self.bye(cx, id, &message),
            Method::Invite | Method::Update => self.their_offer(cx, id, message),
            _ => without_session(cx, id, &message),
        }
    }

    /// Whether a request may be served: it is its peer's, wants nothing that we do not have, and comes in
    /// order. Else it is answered.
    pub(crate) fn admits(
        &mut self,
        cx: &mut Context<'_>,
        id: ServerId,
        flow: Flow,
        message: &Message,
    ) -> bool {
        if !self.is_peer(cx, flow.peer.ip()) {
            cx.counters.rejected("foreign_dialog");
            cx.endpoint.decline(cx.now, id, message, 403);
            return false;
        }
        if message.method() != Method::Bye && cx.endpoint.refuses_extension(cx.now, id, message).is_some() {
            return false;
        }
        let in_order = match self.dialog.as_deref_mut() {
            Some(dialog) if !matches!(self.state, LegState::Incoming { .. }) => {
                dialog.accept(message).map_err(|fault| fault.status())
            }
            Some(_) | None => self.early_dialog(message),
        };
        if let Err(status) = in_order {
            cx.endpoint.decline(cx.now, id, message, status);
            return false;
        }
        if !self.is_early() {
            self.liveness.alive(cx.now.tick);
            self.follow_flow(cx.endpoint, flow);
        }
        true
    }

    /// Its INVITE has no final answer.
    fn is_early(&self) -> bool {
        self.dialog.is_none() || matches!(self.state, LegState::Incoming { .. })
    }

    /// A request in an early dialog. A second INVITE has to wait for the end of the first (RFC 3261 §14.2);
    /// what concerns no session is served as in any dialog. A caller's BYE gives up (RFC 3261 §15), a
    /// callee may send none.
    fn early_request(&mut self, cx: &mut Context<'_>, id: ServerId, message: Message) {
        let is_caller = self.is_caller();
        match message.method() {
            Method::Prack if is_caller => self.prack(cx, id, message),
            Method::Bye if is_caller => {
                cx.endpoint.decline(cx.now, id, &message, 200);
                if self.holds() {
                    self.end_held(cx, 487, None);
                }
                cx.emit(self.id, LegEvent::Released { cause: cause_of(&message) });
            }
            Method::Bye => cx.endpoint.decline(cx.now, id, &message, 481),
            Method::Update => self.early_update(cx, id, message),
            Method::Invite if is_caller => cx.endpoint.answer_later(cx.now, id, &message),
            Method::Invite => cx.endpoint.decline(cx.now, id, &message, 491),
            _ => without_session(cx, id, &message),
        }
    }

    /// An UPDATE in an early dialog (RFC 3311 §5.2).
    fn early_update(&mut self, cx: &mut Context<'_>, id: ServerId, message: Message) {
        match messages::body_of(&message) {
            Ok(Some(offer)) => self.early_offer(cx, id, message, &offer),
            Ok(None) => {
                self.refresh_early(&message);
                let contact = cx.contact(&self.flow);
                let builder =
                    messages::response(&message, 200, message.to_tag()).header(Name::Contact, &contact);
                cx.endpoint.respond(cx.now, id, 200, builder.header(Name::Allow, ALLOW));
            }
            Err(fault) => cx.endpoint.decline_body(cx.now, id, &message, fault),
        }
    }

    /// Finds the early dialog of a request and judges its CSeq; else the status that it deserves.
    fn early_dialog(&mut self, message: &Message) -> Result<(), u16> {
        match self.state {
            LegState::Incoming { .. } => {
                let dialog = self.dialog.as_mut().ok_or(481_u16)?;
                if message.to_tag() == dialog.local_tag() {
                    return dialog.accept(message).map_err(|fault| fault.status());
                }
                // Another session of the same call, under a tag with a digit.
                let ours = message.call_id() == dialog.call_id() && message.from_tag() == dialog.remote_tag();
                if ours { Ok(()) } else { Err(481) }
            }
            LegState::Calling { .. } => {
                let Some(Outgoing { early_received, .. }) = self.outgoing_mut() else { return Err(481) };
                let phone = early_received.iter_mut().find(|phone| &*phone.tag == message.from_tag());
                match phone.and_then(|phone| phone.dialog.as_mut()) {
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

    fn bye(&mut self, cx: &mut Context<'_>, id: ServerId, message: &Message) {
        // One that asks for what we do not have is answered so, but whoever sent it is gone (RFC 3261
        // §15.1.1) and pays no longer.
        if cx.endpoint.refuses_extension(cx.now, id, message).is_none() {
            cx.endpoint.decline(cx.now, id, message, 200);
        }
        self.end_exchange(cx);
        if let LegState::Accepted { invite, .. } = self.state {
            // It cannot have missed our 2xx: no more repeats.
            cx.endpoint.layer.acked(cx.now.tick, invite);
            cx.endpoint.servers.remove(&invite);
        }
        if !matches!(self.state, LegState::Leaving) {
            self.state = LegState::Gone;
        }
        cx.emit(self.id, LegEvent::Released { cause: cause_of(message) });
    }

    /// The dialog in which a request can be sent now: of a leg that rings, the one with the phone that spoke
    /// last.
    pub(crate) fn open_dialog(&mut self) -> Option<&mut Dialog> {
        match self.state {
            LegState::Calling { .. } => {
                self.outgoing_mut()?.early_received.iter_mut().rev().find_map(|phone| phone.dialog.as_mut())
            }
            LegState::Incoming { .. }
            | LegState::Accepted { .. }
            | LegState::Answered { .. }
            | LegState::Confirmed => self.dialog_mut(),
            LegState::Abandoned { .. } | LegState::Leaving | LegState::Gone => None,
        }
    }
}

/// What neither opens, changes nor ends a session.
fn without_session(cx: &mut Context<'_>, id: ServerId, message: &Message) {
    let (endpoint, now) = (&mut *cx.endpoint, cx.now);
    match message.method() {
        Method::Options => {
            let builder = messages::response(message, 200, message.to_tag()).header(Name::Allow, ALLOW);
            endpoint.respond(now, id, 200, builder);
        }
        // It would be a leg that nobody pays.
        Method::Refer => endpoint.decline(now, id, message, 603),
        Method::Prack => endpoint.decline(now, id, message, 481),
        Method::Subscribe => endpoint.decline(now, id, message, 489),
        // Nobody here subscribed to anything (RFC 6665 §4.1.3).
        Method::Notify => endpoint.decline(now, id, message, 481),
        Method::Register | Method::Publish => endpoint.not_allowed(now, id, message, 405),
        Method::Other => endpoint.not_allowed(now, id, message, 501),
        Method::Invite | Method::Update | Method::Bye | Method::Ack | Method::Cancel => {}
        Method::Info | Method::Message => {}
    }
}
