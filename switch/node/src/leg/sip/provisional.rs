//! Provisional responses toward a caller that acknowledges them by PRACK (RFC 3262 §3, §5).
//! Invariant: at most one waits for its PRACK, in the order in which they were made, and a 2xx waits for all.

use bytes::Bytes;
use call::{Attempt, Branch, Loss};
use media::Session;
use sip::transaction::ServerId;
use sip::{Message, Method, Name};

use super::leg::{Exchange, Incoming, LegState, SipLeg};
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
        reliable.waiting.push_back(Provisional { status, place, rseq, bytes, brings_session: with_session });
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
        // A PRACK whose offer waits for its answer counts as one that is waited for.
        let prack_waits = matches!(&self.exchange, Exchange::Theirs { request, .. }
            if request.method() == Method::Prack);
        let Some(reliable) = self.reliable_mut().filter(|reliable| prack_waits || reliable.sent.is_some())
        else {
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
        self.end_exchange(cx);
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
    pub(super) fn prack(&mut self, cx: &mut Context<'_>, id: ServerId, message: Message) {
        let body = match messages::body_of(&message) {
            Ok(body) => body,
            Err(fault) => return cx.endpoint.decline_body(cx.now, id, &message, fault),
        };
        let Some(brings_session) = self.awaits_prack(&message) else {
            return cx.endpoint.decline(cx.now, id, &message, 481);
        };
        // It owes the answer to our offer: without one the response is repeated, as if nothing had come.
        let owes = brings_session && self.is_unheard(&message);
        if owes && body.is_none() {
            return cx.endpoint.decline(cx.now, id, &message, 488);
        }
        if let Some(reliable) = self.reliable_mut() {
            reliable.sent = None;
        }
        match body {
            Some(answer) if owes => {
                self.hear_first_answer(cx, &message, &answer);
                let builder = messages::response(&message, 200, message.to_tag());
                cx.endpoint.respond(cx.now, id, 200, builder);
            }
            Some(offer) => return self.offer_in_prack(cx, id, message, &offer),
            None => {
                let builder = messages::response(&message, 200, message.to_tag());
                cx.endpoint.respond(cx.now, id, 200, builder);
            }
        }
        self.after_prack(cx);
    }

    /// An offer in a PRACK (RFC 3262 §5): one that repeats what was offered has the answer that it had;
    /// another goes to the other side as that of an UPDATE does, where the first has its answer.
    fn offer_in_prack(&mut self, cx: &mut Context<'_>, id: ServerId, message: Message, offer: &Bytes) {
        let is_told = self.told_under(message.to_tag()).is_some();
        if !is_told || !matches!(self.exchange, Exchange::None) {
            cx.endpoint.decline(cx.now, id, &message, 488);
            return self.after_prack(cx);
        }
        self.early_offer(cx, id, message, offer);
        if !matches!(self.exchange, Exchange::Theirs { .. }) {
            self.after_prack(cx);
        }
    }

    /// A PRACK has its answer: what waited for it goes out.
    pub(super) fn after_prack(&mut self, cx: &mut Context<'_>) {
        if self.reliable_mut().is_none_or(|reliable| reliable.sent.is_some()) || self.send_waiting(cx) {
            return;
        }
        if let Some(Held { of, session }) = self.reliable_mut().and_then(|reliable| reliable.held.take()) {
            self.accept_now(cx, of, &session);
            cx.emit(self.id, LegEvent::AnswerTold);
        }
    }

    /// Whether the response that waits for a PRACK brings a session; none if this is not its PRACK.
    fn awaits_prack(&self, prack: &Message) -> Option<bool> {
        let Incoming { invite, reliable, .. } = self.incoming()?;
        let rack = RAck::read(prack).filter(|rack| rack.cseq == invite.cseq().0)?;
        let response = &reliable.as_deref()?.sent.as_ref()?.response;
        let is_for = response.rseq == rack.rseq && early_tag(self.tag(), response.place) == prack.to_tag();
        is_for.then_some(response.brings_session)
    }

    /// What the caller was told last of the session in the early dialog of this tag.
    fn told_under(&self, tag: &str) -> Option<Bytes> {
        let place = (0..EARLY_MAX).find(|place| early_tag(self.tag(), *place) == tag)?;
        self.incoming()?.early_sent.get(place)?.local.last_sent()
    }
}
