//! The caller's INVITE, answered: provisional responses, 2xx, failure.

use call::{Attempt, Branch, Progress, Refusal};
use media::Session;
use sip::Name;
use sip::dialog::Dialog;

use super::leg::{LegState, SipLeg};
use super::liveness::Liveness;
use super::messages;
use super::session_timer::{Asked, SessionState};
use super::tag::early_tag;
use crate::leg::Context;

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
        let place = session.map(|_| self.early_place(of));
        let tag = early_tag(self.tag(), place.unwrap_or(0));
        let Some(incoming) = self.incoming_mut() else { return };
        let early = place.and_then(|place| incoming.early_sent.get_mut(place));
        let sdp = early.zip(session).map(|(early, session)| early.local.write(session, ours));
        let request = &incoming.invite;
        let mut builder =
            messages::response(request, status, &tag).record_routes(request).header(Name::Contact, &contact);
        if let Some(sdp) = sdp {
            builder = builder.body("application/sdp", &sdp);
        }
        cx.endpoint.layer.respond(cx.now.tick, invite, status, builder.build());
    }

    pub(crate) fn accept(&mut self, cx: &mut Context<'_>, of: (Attempt, Branch), session: &Session) {
        let LegState::Incoming { invite } = self.state else { return };
        let contact = cx.contact(&self.flow);
        let ours = self.session_origin(cx);
        let place = self.early_place(of);
        let Some(super::leg::Setup::Incoming(mut incoming)) = self.setup.take().map(|setup| *setup) else {
            return;
        };
        let request = incoming.invite;
        let wanted = self.party.session().expires_secs;
        self.session = SessionState::as_uas(cx.now.tick, &Asked::read(&request), wanted);
        self.liveness = Liveness::of(cx.now, cx.config.timing, wanted);
        // The caller may know the phone that answers under a tag of its own.
        if place < incoming.early_sent.len() {
            self.local = incoming.early_sent.swap_remove(place).local;
        }
        if place > 0
            && let Ok(dialog) = Dialog::uas(&request, &early_tag(self.tag(), place))
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
        let sdp = self.local.write(session, ours);
        let builder = messages::with_session(builder, &self.session).body("application/sdp", &sdp);
        // Its mark was taken with the offer.
        self.state = LegState::Accepted { invite, owed: None, late: self.remote.is_none() };
        cx.counters.caller_response(200);
        cx.endpoint.layer.respond(cx.now.tick, invite, 200, builder.build());
    }

    pub(crate) fn reject(&mut self, cx: &mut Context<'_>, refusal: &Refusal) {
        let LegState::Incoming { invite } = self.state else { return };
        self.state = LegState::Gone;
        cx.endpoint.servers.remove(&invite);
        let Some(incoming) = self.incoming() else { return };
        cx.counters.caller_response(refusal.status);
        let builder = messages::refusal(&incoming.invite, refusal, self.tag());
        cx.endpoint.layer.respond(cx.now.tick, invite, refusal.status, builder.build());
        self.setup = None;
    }
}
