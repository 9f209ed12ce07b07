//! The caller's INVITE, answered: provisional responses, 2xx, failure.

use bytes::Bytes;
use call::{Attempt, Branch, Progress, Refusal};
use media::{Session, SessionOrigin};
use sip::Name;
use sip::dialog::Dialog;

use super::early::EarlyToCaller;
use super::leg::{Incoming, LegState, SipLeg};
use super::liveness::Liveness;
use super::messages;
use super::reliable::{self, Reliable};
use super::session_timer::{Asked, SessionState};
use super::tag::{EARLY_MAX, early_tag};
use crate::leg::Context;

/// Where and how a caller is told of its answer.
struct Told {
    /// The early dialog.
    place: usize,
    /// The session, unless it is known there already.
    sdp: Option<Bytes>,
}

impl SipLeg {
    /// A provisional response. Sessions of different phones go out under different tags: two answers to one
    /// offer are two dialogs.
    pub(crate) fn ring(
        &mut self,
        cx: &mut Context<'_>,
        of: (Attempt, Branch),
        progress: Progress,
        session: Option<&Session>,
    ) {
        let LegState::Incoming { invite } = self.state else { return };
        let contact = cx.contact(&self.flow);
        let ours = self.session_origin(cx);
        let status = messages::progress_status(progress);
        // An offer of ours that it would not have to acknowledge is none (RFC 3261 §13.2.1).
        let can_answer =
            self.remote.is_some() || self.incoming().is_some_and(|incoming| incoming.reliable.is_some());
        let session = session.filter(|_| can_answer);
        let place = session.map(|_| self.early_place(of));
        let at = place.unwrap_or(0);
        let tag = early_tag(self.tag(), at);
        let has_offered = self.remote.is_some();
        let Some(incoming) = self.incoming_mut() else { return };
        let has_session = has_offered || incoming.reliable.as_deref().is_some_and(Reliable::has_told_any);
        let is_told = incoming.reliable.as_deref().is_some_and(|reliable| reliable.has_told(at));
        let early = place.filter(|_| !is_told).and_then(|place| incoming.early_sent.get_mut(place));
        let sdp = early.zip(session).map(|(early, session)| early.local.write(session, ours));
        let reliable = incoming.reliable.as_deref_mut().filter(|reliable| reliable.takes(sdp.is_some()));
        let rseq = match reliable {
            // It would have to bring our offer (RFC 3262 §5), and there is none.
            Some(_) if !has_session && sdp.is_none() => return,
            Some(reliable) => match reliable.next_number(at, ours.id) {
                Some(rseq) => Some(rseq),
                None => return,
            },
            None => None,
        };
        let request = &incoming.invite;
        let mut builder =
            messages::response(request, status, &tag).record_routes(request).header(Name::Contact, &contact);
        if let Some(rseq) = rseq {
            builder = builder
                .header(Name::Require, reliable::OPTION)
                .header_fmt(Name::RSeq, format_args!("{rseq}"))
                .header(Name::Allow, messages::ALLOW);
        }
        if let Some(sdp) = &sdp {
            builder = builder.body("application/sdp", sdp);
        }
        let bytes = builder.build();
        match rseq {
            Some(rseq) => self.send_reliably(cx, (status, bytes), (at, rseq), sdp.is_some()),
            None => cx.endpoint.layer.respond(cx.now.tick, invite, status, bytes),
        }
    }

    /// The early dialog in which the caller is answered, and what it is told of the session there: nothing
    /// where it knows that for good. Where it knows something else for good, a callee that changed its mind
    /// answers as another phone would.
    fn answered_under(&mut self, of: (Attempt, Branch), session: &Session, ours: SessionOrigin) -> Told {
        let place = self.early_place(of);
        let fresh = self.local.clone();
        let Some(Incoming { early_sent, reliable, .. }) = self.incoming_mut() else {
            return Told { place, sdp: None };
        };
        let is_told = reliable.as_deref().is_some_and(|reliable| reliable.has_told(place));
        if let Some(early) = early_sent.get_mut(place).filter(|_| is_told) {
            let told = early.local.last_sent();
            let same = early.is_updated || Some(early.local.write(session, ours)) == told;
            if same || early_sent.len() == EARLY_MAX {
                let early = early_sent.swap_remove(place);
                self.goes_on_in(early);
                return Told { place, sdp: None };
            }
            early_sent.push(EarlyToCaller::new(of, fresh));
        }
        let place = if is_told { early_sent.len() - 1 } else { place };
        // The caller may know the phone that answers under a tag of its own.
        if place < early_sent.len() {
            let early = early_sent.swap_remove(place);
            self.goes_on_in(early);
        }
        Told { place, sdp: Some(self.local.write(session, ours)) }
    }

    /// The early dialog becomes the dialog.
    fn goes_on_in(&mut self, early: EarlyToCaller) {
        self.local = early.local;
        self.remote = early.remote.or(self.remote);
        if let Some(dialog) = early.dialog {
            self.dialog = Some(dialog);
        }
    }

    /// 2xx to its INVITE; false if that waits for a PRACK.
    pub(crate) fn accept(&mut self, cx: &mut Context<'_>, of: (Attempt, Branch), session: &Session) -> bool {
        if !matches!(self.state, LegState::Incoming { .. }) {
            return true;
        }
        let held = self.holds_answer(of, session);
        if !held {
            self.accept_now(cx, of, session);
        }
        !held
    }

    /// 2xx to its INVITE.
    pub(super) fn accept_now(&mut self, cx: &mut Context<'_>, of: (Attempt, Branch), session: &Session) {
        let LegState::Incoming { invite } = self.state else { return };
        let contact = cx.contact(&self.flow);
        let ours = self.session_origin(cx);
        let first_tag = self.tag().to_owned();
        let Told { place, sdp } = self.answered_under(of, session, ours);
        let Some(super::leg::Setup::Incoming(incoming)) = self.setup.take().map(|setup| *setup) else {
            return;
        };
        let request = incoming.invite;
        let wanted = self.party.session().expires_secs;
        self.session = SessionState::as_uas(cx.now.tick, &Asked::read(&request), wanted);
        self.liveness = Liveness::of(cx.now, cx.config.timing, wanted);
        // What goes on with another phone is over.
        if place != self.exchange_at {
            self.end_exchange(cx);
        }
        if self.tag() != early_tag(&first_tag, place)
            && let Ok(dialog) = Dialog::uas(&request, &early_tag(&first_tag, place))
        {
            self.with_dialog(dialog);
        }
        if let Some(dialog) = self.dialog_mut() {
            dialog.confirm_uas();
        }
        let builder = messages::response(&request, 200, self.tag())
            .record_routes(&request)
            .header(Name::Contact, &contact)
            .header(Name::Allow, messages::ALLOW)
            .header(Name::Supported, messages::SUPPORTED);
        let mut builder = messages::with_session(builder, &self.session);
        if let Some(sdp) = &sdp {
            builder = builder.body("application/sdp", sdp);
        }
        // Its mark was taken with the offer.
        self.state = LegState::Accepted { invite, owed: None, late: self.remote.is_none() };
        cx.counters.caller_response(200);
        cx.endpoint.layer.respond(cx.now.tick, invite, 200, builder.build());
    }

    pub(crate) fn reject(&mut self, cx: &mut Context<'_>, refusal: &Refusal) {
        let LegState::Incoming { invite } = self.state else { return };
        self.end_exchange(cx);
        self.state = LegState::Gone;
        cx.endpoint.servers.remove(&invite);
        let Some(incoming) = self.incoming() else { return };
        cx.counters.caller_response(refusal.status);
        let builder = messages::refusal(&incoming.invite, refusal, self.tag());
        cx.endpoint.layer.respond(cx.now.tick, invite, refusal.status, builder.build());
        self.setup = None;
    }
}
