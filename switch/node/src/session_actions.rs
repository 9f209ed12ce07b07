//! What a call wants to be said of its session: to the caller before the answer and with it, to either side
//! in an early dialog and in mid-call. Where the call is relayed, each session passes through `media` first.

use std::sync::Arc;

use call::{Attempt, Branch, EarlyAction, Event, LegId, OfferRefusal, Progress, Side};
use media::Session;
use units::Now;

use crate::leg::Leg;
use crate::media::MediaRefused;
use crate::node::Node;
use crate::slot::Slot;

/// What becomes of an offer that cannot go to a side: one that cannot be transcoded leaves all as it was.
fn offer_fails(side: Side, refused: MediaRefused) -> Event {
    match refused {
        MediaRefused::NoPorts => Event::NoMedia,
        MediaRefused::NoChannel | MediaRefused::Address => {
            Event::OfferAnswered { side, session: Err(OfferRefusal::NotAcceptable) }
        }
    }
}

impl Node {
    pub(crate) fn ring(
        &mut self,
        now: Now,
        slot: &mut Slot,
        of: (Attempt, Branch),
        progress: Progress,
        session: Option<Arc<Session>>,
    ) -> Option<Event> {
        let passed = session.map(|session| self.media_rings(now, slot, of, session));
        let Ok(session) = passed.transpose() else { return Some(Event::NoMedia) };
        self.verb(now, slot, LegId::Caller, |leg, cx| leg.ring(cx, of, progress, session.as_deref()));
        self.note_ringing(slot, of.0, progress);
        None
    }

    pub(crate) fn accept(
        &mut self,
        now: Now,
        slot: &mut Slot,
        of: (Attempt, Branch),
        session: Arc<Session>,
    ) -> Option<Event> {
        self.stop_ringing(slot);
        slot.answered_by(LegId::Carrier(of.0));
        let Ok(session) = self.media_accepted(now, slot, of, session) else { return Some(Event::NoMedia) };
        let told = self.verb(now, slot, LegId::Caller, |leg, cx| leg.accept(cx, of, &session));
        (told == Some(false)).then_some(Event::AnswerHeld)
    }

    /// Speaks to a side before the answer; an offer that cannot go there is refused at once.
    pub(crate) fn early(
        &mut self,
        now: Now,
        slot: &mut Slot,
        side: Side,
        of: (Attempt, Branch),
        action: EarlyAction,
    ) -> Option<Event> {
        let leg_of = |side| match side {
            Side::Caller => LegId::Caller,
            Side::Carrier => LegId::Carrier(of.0),
        };
        let (leg, legs) = (leg_of(side), (leg_of(side.other()), leg_of(side)));
        match action {
            EarlyAction::Offer(session) => {
                let session = match self.media_exchanged(now, slot, legs, Some(of), session) {
                    Ok(session) => session,
                    Err(refused) => return Some(offer_fails(side, refused)),
                };
                let sent = self.verb(now, slot, leg, |leg, cx| leg.offer_early(cx, of, &session));
                let refused = sent.unwrap_or(Err(OfferRefusal::Gone)).err()?;
                return Some(Event::OfferAnswered { side, session: Err(refused) });
            }
            EarlyAction::AnswerOffer(session) => {
                let passed = self.media_exchanged(now, slot, legs, Some(of), session);
                let Ok(session) = passed else { return Some(Event::NoMedia) };
                self.verb(now, slot, leg, |leg, cx| leg.answer(cx, &session));
            }
            EarlyAction::RefuseOffer(why) => {
                slot.media_offer_ends(leg, Some(of));
                self.verb(now, slot, leg, |leg, cx| leg.refuse_offer(cx, why));
            }
            EarlyAction::Restore => _ = self.verb(now, slot, leg, Leg::restore_session),
            EarlyAction::Acknowledge(session) => {
                let passed = self.media_exchanged(now, slot, legs, Some(of), session);
                let Ok(session) = passed else { return Some(Event::NoMedia) };
                self.verb(now, slot, leg, |leg, cx| leg.answer_early(cx, of, &session));
            }
        }
        None
    }

    pub(crate) fn send_offer(
        &mut self,
        now: Now,
        slot: &mut Slot,
        side: Side,
        session: Option<Arc<Session>>,
    ) -> Option<Event> {
        let legs = (slot.side(side.other()), slot.side(side));
        let passed = session.map(|session| self.media_exchanged(now, slot, legs, None, session));
        let session = match passed.transpose() {
            Ok(session) => session,
            Err(refused) => return Some(offer_fails(side, refused)),
        };
        let sent = self.verb(now, slot, legs.1, |leg, cx| leg.offer(cx, session.as_deref()));
        let pending = || Event::OfferAnswered { side, session: Err(OfferRefusal::Pending) };
        (sent != Some(true)).then(pending)
    }

    pub(crate) fn answer_offer(
        &mut self,
        now: Now,
        slot: &mut Slot,
        side: Side,
        session: Arc<Session>,
    ) -> Option<Event> {
        let legs = (slot.side(side.other()), slot.side(side));
        let passed = self.media_exchanged(now, slot, legs, None, session);
        let Ok(session) = passed else { return Some(Event::NoMedia) };
        self.on_side(now, slot, side, |leg, cx| leg.answer(cx, &session));
        None
    }

    pub(crate) fn acknowledge(
        &mut self,
        now: Now,
        slot: &mut Slot,
        side: Side,
        session: Option<Arc<Session>>,
    ) -> Option<Event> {
        let legs = (slot.side(side.other()), slot.side(side));
        let passed = session.map(|session| self.media_exchanged(now, slot, legs, None, session));
        let Ok(session) = passed.transpose() else { return Some(Event::NoMedia) };
        self.on_side(now, slot, side, |leg, cx| leg.acknowledge(cx, session.as_deref()));
        None
    }
}
