//! Provisional responses toward a caller that acknowledges them by PRACK (RFC 3262 §3, §5).
//! Invariant: at most one waits for its PRACK, in the order in which they were made, and a 2xx waits for all.

use bytes::Bytes;
use call::{Attempt, Branch, Loss};
use media::{Mark, Session};
use sip::transaction::ServerId;
use sip::{Message, Method, Name};

use super::leg::{Incoming, LegState, SipLeg};
use super::messages;
use super::reliable::{Held, Provisional, Reliable, Sent};
use super::tag::{EARLY_MAX, early_tag};
use crate::leg::{Context, LegEvent};

/// In units of T1, how long a PRACK is waited for (§3).
const GIVE_UP_T1: u64 = 64;

/// `RAck: RSEQ CSEQ METHOD` (§7.2).
struct RAck {
    rseq: u32,
    cseq: u32,
}

impl RAck {
    fn read(prack: &Message) -> Option<Self> {
        let mut words = prack.header(Name::RAck)?.split_ascii_whitespace();
        let mut number = || words.next()?.parse().ok();
        let (rseq, cseq) = (number()?, number()?);
        (words.next() == Some(Method::Invite.as_str()) && words.next().is_none())
            .then_some(Self { rseq, cseq })
    }
}

// === impl SipLeg: what it sends ===

impl SipLeg {
    fn reliable_mut(&mut self) -> Option<&mut Reliable> {
        self.incoming_mut()?.reliable.as_deref_mut()
    }

    /// Sends a numbered response, or lets it wait for those before it.
    pub(super) fn send_reliably(
        &mut self,
        cx: &mut Context<'_>,
        (status, bytes): (u16, Bytes),
        (place, rseq): (usize, u32),
        with_session: bool,
    ) {
        let Some(reliable) = self.reliable_mut() else { return };
        if let Some(told) = reliable.told.get_mut(place) {
            *told |= with_session;
        }
        reliable.waiting.push_back(Provisional { status, place, rseq, bytes });
        if reliable.sent.is_none() {
            self.send_waiting(cx);
        }
    }

    /// Sends the first that waits; false if none does.
    fn send_waiting(&mut self, cx: &mut Context<'_>) -> bool {
        let LegState::Incoming { invite } = self.state else { return false };
        let Some(reliable) = self.reliable_mut() else { return false };
        let Some(response) = reliable.waiting.pop_front() else { return false };
        let (status, bytes) = (response.status, response.bytes.clone());
        let (now, t1_ms) = (cx.now.tick, u64::from(cx.config.timing.t1_ms));
        reliable.sent = Some(Sent {
            response,
            interval_ms: t1_ms,
            repeat_at: now.plus_ms(t1_ms),
            give_up_at: now.plus_ms(t1_ms.saturating_mul(GIVE_UP_T1)),
        });
        cx.endpoint.layer.respond(now, invite, status, bytes);
        true
    }

    /// Repeats what nobody acknowledged, over streams too, with an interval that doubles; in the end the
    /// caller is lost (§3).
    pub(super) fn repeat_provisional(&mut self, cx: &mut Context<'_>) {
        let LegState::Incoming { invite } = self.state else { return };
        let now = cx.now.tick;
        let id = self.id;
        let Some(reliable) = self.reliable_mut() else { return };
        let Some(sent) = reliable.sent.as_mut() else { return };
        if now >= sent.give_up_at {
            reliable.sent = None;
            reliable.waiting.clear();
            return cx.emit(id, LegEvent::Lost { loss: Loss::NoPrack });
        }
        if now >= sent.repeat_at {
            sent.interval_ms = sent.interval_ms.saturating_mul(2);
            sent.repeat_at = now.plus_ms(sent.interval_ms);
            cx.endpoint.layer.respond(now, invite, sent.response.status, sent.response.bytes.clone());
        }
    }

    /// Keeps the answer to the INVITE as long as a PRACK is waited for; false if none is. What the answer
    /// overtakes is not told any more.
    pub(super) fn holds_answer(&mut self, of: (Attempt, Branch), session: &Session) -> bool {
        let Some(reliable) = self.reliable_mut().filter(|reliable| reliable.sent.is_some()) else {
            return false;
        };
        reliable.waiting.clear();
        reliable.held = Some(Held { of, session: session.clone() });
        true
    }

    /// The call is answered, and the caller does not know yet.
    pub(super) fn holds(&self) -> bool {
        self.incoming().and_then(|incoming| incoming.reliable.as_deref()).is_some_and(Reliable::is_held)
    }

    /// The call ended before its caller could be told of the answer.
    pub(super) fn end_held(&mut self, cx: &mut Context<'_>, status: u16, reason: Option<&str>) {
        let LegState::Incoming { invite } = self.state else { return };
        self.state = LegState::Gone;
        cx.endpoint.servers.remove(&invite);
        let Some(incoming) = self.incoming() else { return };
        let mut builder = messages::response(&incoming.invite, status, self.tag());
        if let Some(reason) = reason {
            builder = builder.header(Name::Reason, reason);
        }
        cx.counters.caller_response(status);
        cx.endpoint.layer.respond(cx.now.tick, invite, status, builder.build());
        self.setup = None;
    }
}

// === impl SipLeg: the caller's PRACK ===

impl SipLeg {
    /// A PRACK of the caller: 481 unless it is for the response that waits for one (§3). What was held back
    /// by that goes out.
    pub(super) fn prack(&mut self, cx: &mut Context<'_>, id: ServerId, message: &Message) {
        let body = match messages::body_of(message) {
            Ok(body) => body,
            Err(fault) => return cx.endpoint.decline_body(cx.now, id, message, fault),
        };
        if !self.takes_prack(message) {
            return cx.endpoint.decline(cx.now, id, message, 481);
        }
        self.answer_prack(cx, id, message, body.as_ref());
        if self.send_waiting(cx) {
            return;
        }
        if let Some(Held { of, session }) = self.reliable_mut().and_then(|reliable| reliable.held.take()) {
            self.accept(cx, of, &session);
        }
    }

    /// Ends the wait for a PRACK if it is this one.
    fn takes_prack(&mut self, prack: &Message) -> bool {
        let tag = self.tag().to_owned();
        let Some(Incoming { invite, reliable, .. }) = self.incoming_mut() else { return false };
        let Some(rack) = RAck::read(prack).filter(|rack| rack.cseq == invite.cseq().0) else { return false };
        let Some(reliable) = reliable.as_deref_mut() else { return false };
        let is_for = |sent: &mut Sent| {
            sent.response.rseq == rack.rseq && early_tag(&tag, sent.response.place) == prack.to_tag()
        };
        reliable.sent.take_if(is_for).is_some()
    }

    /// 200 to a PRACK. An offer in it that changes nothing has the answer that it had (§5).
    fn answer_prack(&mut self, cx: &mut Context<'_>, id: ServerId, prack: &Message, body: Option<&Bytes>) {
        let repeated = match body {
            Some(offer) if self.remote != Some(Mark::of(offer)) => {
                return cx.endpoint.decline(cx.now, id, prack, 488);
            }
            Some(_) => self.told_under(prack.to_tag()),
            None => None,
        };
        let mut builder = messages::response(prack, 200, prack.to_tag());
        if let Some(sdp) = &repeated {
            builder = builder.body("application/sdp", sdp);
        }
        cx.endpoint.respond(cx.now, id, 200, builder);
    }

    /// What the caller was told last of the session in the early dialog of this tag.
    fn told_under(&self, tag: &str) -> Option<Bytes> {
        let place = (0..EARLY_MAX).find(|place| early_tag(self.tag(), *place) == tag)?;
        self.incoming()?.early_sent.get(place)?.local.last_sent()
    }
}
