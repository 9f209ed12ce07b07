//! What the call wants of a leg.

use std::sync::Arc;

use call::{OfferRefusal, Progress, Refusal, ReleaseReason};
use h323::h245::Digit;
use media::{Channel, Direction, Session};
use units::Cause;
use voice::dtmf::Info;

use super::leg::{H323Leg, State};
use super::sessions;
use crate::leg::{Context, LegEvent};

impl H323Leg {
    /// Tells the caller how its call goes on; with a session, that the sound of it is sent.
    pub(crate) fn ring(&mut self, cx: &mut Context<'_>, progress: Progress, session: Option<&Session>) {
        let local = session.and_then(sessions::local);
        let in_band = local.is_some();
        self.with_machine(cx, |call, cx| {
            let now = cx.now.tick;
            match progress {
                Progress::Trying => call.proceed(now),
                Progress::Ringing => call.ring(now, in_band, local.as_ref()),
                Progress::Forwarded | Progress::Queued | Progress::InProgress => {
                    if in_band {
                        call.progress(now, true, local.as_ref());
                    } else {
                        call.proceed(now);
                    }
                }
            }
        });
    }

    /// Tells the caller that it is answered.
    pub(crate) fn accept(&mut self, cx: &mut Context<'_>, session: &Session) {
        let Some(local) = sessions::local(session) else {
            // Codecs were chosen from what H.245 has words for, so that this is an answer outside the offer.
            self.with_machine(cx, |call, cx| call.release(cx.now.tick, Cause::BEARER));
            return cx.emit(self.id, LegEvent::Released { cause: Some(Cause::BEARER) });
        };
        self.state = State::Confirmed;
        self.with_machine(cx, |call, cx| call.answer(cx.now.tick, &local));
    }

    /// Tells the caller that its call failed.
    pub(crate) fn reject(&mut self, cx: &mut Context<'_>, refusal: &Refusal) {
        self.end(cx, refusal.cause);
    }

    /// Ends the leg, whatever its state.
    pub(crate) fn release(&mut self, cx: &mut Context<'_>, why: ReleaseReason) {
        self.end(cx, why.cause);
    }

    fn end(&mut self, cx: &mut Context<'_>, cause: Cause) {
        if self.state == State::Calling && self.is_answered {
            // It will charge for it.
            cx.emit(self.id, LegEvent::AnsweredInVain);
        }
        if self.call.is_none() && !self.is_gone() {
            let whose = self.whose(cx);
            cx.gateways.leave(self.signalling, whose);
        }
        self.with_machine(cx, |call, cx| call.release(cx.now.tick, cause));
        self.state = State::Gone;
        self.calling = None;
    }

    /// The other side offers a changed session, or wants to be offered one. Its answer is here at once:
    /// what the peer's media is. Hold is told to the peer; another codec than the one that is open is
    /// refused.
    pub(crate) fn offer(&mut self, cx: &mut Context<'_>, session: Option<&Session>) -> bool {
        if self.offering.is_some() || self.state != State::Confirmed {
            return false;
        }
        let Some(theirs) = self.theirs.clone() else { return false };
        let answered = match session {
            None => Ok(self.session()),
            Some(session) => self.answer_to(cx, session, theirs),
        };
        cx.emit(self.id, LegEvent::OfferAnswered { session: answered });
        true
    }

    fn answer_to(
        &mut self,
        cx: &mut Context<'_>,
        offer: &Session,
        theirs: Channel,
    ) -> Result<Option<Arc<Session>>, OfferRefusal> {
        let is_open = |offered: &Channel| theirs.codecs.iter().any(|codec| offered.codecs.contains(codec));
        let offered = offer.channel().filter(is_open).ok_or(OfferRefusal::NotAcceptable)?;
        let is_held = offer.hold();
        self.before = Some(self.is_held);
        if std::mem::replace(&mut self.is_held, is_held) != is_held {
            self.with_machine(cx, |call, cx| call.hold(cx.now.tick, is_held));
        }
        let direction = match (offered.direction, is_held) {
            (Direction::Inactive, _) => Direction::Inactive,
            (Direction::SendOnly, _) | (_, true) => Direction::RecvOnly,
            (Direction::RecvOnly, false) => Direction::SendOnly,
            (Direction::SendRecv, false) => theirs.direction,
        };
        Ok(Channel { direction, ..theirs }.session().map(Arc::new))
    }

    /// The other side answered, or refused, what this side offered: the peer holds, or goes on, all the same.
    /// What changed meanwhile is offered next.
    pub(crate) fn offer_ends(&mut self, cx: &mut Context<'_>) {
        let Some(offered) = self.offering.take() else { return };
        let now = self.theirs.as_ref().map_or(offered, |theirs| theirs.direction);
        if now != offered
            && let Some(session) = self.session()
        {
            self.offer_change(cx, session);
        }
    }

    /// What was told before the last offer of the other side, of which nothing came, holds.
    pub(crate) fn restore(&mut self, cx: &mut Context<'_>) {
        if let Some(was_held) = self.before.take() {
            self.with_machine(cx, |call, cx| call.hold(cx.now.tick, was_held));
            self.is_held = was_held;
        }
    }

    /// Nothing can undo the last offer any more.
    pub(crate) const fn forget_before(&mut self) {
        self.before = None;
    }

    /// Tells its peer a digit by signalling.
    pub(crate) fn tell_digit(&mut self, cx: &mut Context<'_>, info: Info) {
        let Some(digit) = Digit::new(info.digit.to_char(), Some(info.duration_ms)) else { return };
        self.with_machine(cx, |call, cx| _ = call.send_digit(cx.now.tick, digit));
    }
}
