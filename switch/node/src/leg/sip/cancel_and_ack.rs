//! What ends the exchange of an INVITE from the side that began it: CANCEL (RFC 3261 §9.2), and the ACK of a
//! 2xx (§13.3.1.4), or that none came.

use std::sync::Arc;

use call::Loss;
use media::{Mark, Session};
use sip::flow::Flow;
use sip::{Message, Method};

use super::leg::{Exchange, LegState, SipLeg};
use super::messages::{self, cause_of};
use crate::leg::{Context, LegEvent};

impl SipLeg {
    pub(super) fn cancelled(&mut self, cx: &mut Context<'_>, cancel: &Message) {
        if self.holds() {
            self.end_held(cx, 487, None);
            return cx.emit(self.id, LegEvent::Released { cause: cause_of(cancel) });
        }
        if matches!(self.state, LegState::Incoming { .. }) {
            if let Some(incoming) = self.incoming_mut() {
                incoming.cancel_reason = messages::given_reason(cancel);
            }
            return cx.emit(self.id, LegEvent::Cancelled);
        }
        // A re-INVITE that is cancelled leaves the session as it was, here and beyond.
        let is_of_invite = matches!(&self.exchange, Exchange::Theirs { request, .. }
            if request.method() == Method::Invite);
        if is_of_invite {
            self.refuse_exchange(cx, 487);
            cx.emit(self.id, LegEvent::OfferWithdrawn);
        }
    }

    pub(super) fn acked(&mut self, cx: &mut Context<'_>, flow: Flow, ack: &Message) {
        let known =
            self.dialog().is_some_and(|dialog| dialog.matches(ack.call_id(), ack.to_tag(), ack.from_tag()));
        if !known || !self.is_peer(cx, flow.peer.ip()) {
            return cx.counters.rejected("stray_ack");
        }
        match std::mem::replace(&mut self.state, LegState::Confirmed) {
            LegState::Accepted { invite, owed, late } => {
                cx.endpoint.layer.acked(cx.now.tick, invite);
                cx.endpoint.servers.remove(&invite);
                if let Some(why) = owed {
                    return self.say_bye(cx, why);
                }
                // Only a late offer is answered in the ACK; anything else in it means nothing.
                if late {
                    self.late_answer(cx, ack);
                }
            }
            LegState::Confirmed => {
                // The ACK of the first INVITE may come again at any time: it is none of an exchange's
                // business.
                let Exchange::TheirsAccepted { server, cseq, late } = self.exchange else { return };
                if ack.cseq().0 != cseq {
                    return;
                }
                self.exchange = Exchange::None;
                cx.endpoint.layer.acked(cx.now.tick, server);
                cx.endpoint.servers.remove(&server);
                if late {
                    self.late_answer(cx, ack);
                }
            }
            other => self.state = other,
        }
    }

    /// The answer in an ACK, which the peer has now said.
    fn late_answer(&mut self, cx: &mut Context<'_>, ack: &Message) {
        let sdp = messages::sdp_in(ack);
        if let Some(sdp) = &sdp {
            self.remote = Some(Mark::of(sdp));
        }
        let session = sdp.and_then(|sdp| Session::read(&sdp).ok()).map(Arc::new);
        cx.emit(self.id, LegEvent::LateAnswer { session });
    }

    pub(super) fn not_acknowledged(&mut self, cx: &mut Context<'_>) {
        let mut owed = None;
        if let LegState::Accepted { owed: why, .. } = self.state {
            owed = why;
            self.state = LegState::Confirmed;
        }
        if let Exchange::TheirsAccepted { .. } = self.exchange {
            self.exchange = Exchange::None;
        }
        match owed {
            Some(why) => self.say_bye(cx, why),
            None => cx.emit(self.id, LegEvent::Lost { loss: Loss::NoAck }),
        }
    }
}
