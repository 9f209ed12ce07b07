//! Offers before the answer, in the early dialogs of the phones that ring (RFC 3262 §5, RFC 3311, RFC 6337):
//! those of a side that changes what was agreed early, and those of a phone that was called without one.
//! Invariant: at most one exchange at a time between the sides, beside the first offers of phones.

use std::sync::Arc;

use media::Session;
use units::{Cause, Now};

use crate::both_codecs::BothCodecs;
use crate::call::{Actions, Call};
use crate::early_session::{EarlyAction, EarlyEvent, OfferRefusal};
use crate::event::{Action, Attempt, Branch, HangupBy, LegId, ReleaseReason, Side};
use crate::phase::{Agreed, AgreedCodecs, EarlyExchange, Phase, Renegotiation};
use crate::refusal::Refusal;

impl Call {
    pub(crate) fn early(
        &mut self,
        now: Now,
        side: Side,
        of: (Attempt, Branch),
        event: EarlyEvent,
        out: &mut Actions,
    ) {
        match event {
            EarlyEvent::Offer(session) => self.early_offer(of, side, &session, out),
            EarlyEvent::Answer(session) => self.early_answer(now, of, session.as_deref(), out),
        }
    }

    /// A side changes what was agreed in an early dialog.
    fn early_offer(&mut self, of: (Attempt, Branch), side: Side, session: &Session, out: &mut Actions) {
        let refuse = |why| Action::Early(side, of, EarlyAction::RefuseOffer(why));
        let caller = self.origin.codec_terms();
        let Some((hunt, tried)) = self.hunting(of.0) else {
            return out.push_back(refuse(OfferRefusal::Pending));
        };
        let is_agreed = hunt.early.iter().any(|(known, _)| *known == of);
        if hunt.exchange.is_some() || !is_agreed {
            return out.push_back(refuse(OfferRefusal::Pending));
        }
        let codecs = BothCodecs { caller, called: tried.callee.codec_terms() };
        match codecs.offer(side, session) {
            Ok(offered) => {
                let session = Arc::clone(&offered);
                hunt.exchange = Some(EarlyExchange { of, from: side, offered });
                out.push_back(Action::Early(side.other(), of, EarlyAction::Offer(session)));
            }
            Err(_) => out.push_back(refuse(OfferRefusal::NotAcceptable)),
        }
    }

    /// The other side answered such an offer, or did not take it.
    pub(crate) fn early_offer_answered(
        &mut self,
        side: Side,
        agreed: Result<Option<Arc<Session>>, OfferRefusal>,
        out: &mut Actions,
    ) {
        let Phase::Hunting(hunt) = &mut self.phase else { return };
        let Some(exchange) = hunt.exchange.take_if(|exchange| exchange.from == side.other()) else { return };
        let EarlyExchange { of, from, offered } = exchange;
        let answer = match agreed {
            Ok(answer) => answer,
            Err(why) => return out.push_back(Action::Early(from, of, EarlyAction::RefuseOffer(why))),
        };
        let Some(negotiated) = answer.and_then(|answer| offered.answered(&answer).ok()) else {
            // It has taken the offer, and the offerer cannot take its answer.
            let refuse = EarlyAction::RefuseOffer(OfferRefusal::NotAcceptable);
            out.push_back(Action::Early(from, of, refuse));
            return out.push_back(Action::Early(side, of, EarlyAction::Restore));
        };
        let codecs = AgreedCodecs::of(from, &negotiated);
        let session = Arc::new(negotiated.session);
        if let Some((_, known)) = hunt.early.iter_mut().find(|(known, _)| *known == of) {
            // What the caller knows now: the answer to its offer, or the offer that it answered.
            known.session = match from {
                Side::Caller => Arc::clone(&session),
                Side::Carrier => offered,
            };
            known.codecs = codecs.or(known.codecs);
        }
        out.push_back(Action::Early(from, of, EarlyAction::AnswerOffer(session)));
    }

    /// A phone that was called without an offer makes its own in a provisional response, which waits for the
    /// caller's answer: what the caller is told. None if nothing of it can be taken.
    pub(crate) fn first_offer_of(&mut self, of: (Attempt, Branch), offer: &Session) -> Option<Arc<Session>> {
        let caller = self.origin.codec_terms();
        let (hunt, tried) = self.hunting(of.0)?;
        let codecs = BothCodecs { caller, called: tried.callee.codec_terms() };
        let offered = codecs.offer(Side::Carrier, offer).ok()?;
        hunt.first_offers.push((of, Arc::clone(&offered)));
        Some(offered)
    }

    /// The caller answered such an offer. Without an answer that fits there is no session with that phone,
    /// and the phone cannot be told so but by the end of the call.
    fn early_answer(&mut self, now: Now, of: (Attempt, Branch), answer: Option<&Session>, out: &mut Actions) {
        let Some((hunt, _)) = self.hunting(of.0) else { return };
        let Some(at) = hunt.first_offers.iter().position(|(known, _)| *known == of) else { return };
        let (_, offered) = hunt.first_offers.swap_remove(at);
        let negotiated = answer.and_then(|answer| offered.answered(answer).ok());
        let Some(negotiated) = negotiated.filter(|negotiated| negotiated.session.is_open()) else {
            self.hangup_attempts(ReleaseReason::cause(Cause::INTERWORKING), out);
            return self.refuse(now, Refusal::BAD_SDP, HangupBy::Switch, out);
        };
        let codecs = AgreedCodecs::of(Side::Carrier, &negotiated);
        hunt.early.push((of, Agreed { session: offered, codecs }));
        hunt.early_media = true;
        let session = Arc::new(negotiated.session);
        out.push_back(Action::Early(Side::Carrier, of, EarlyAction::Acknowledge(session)));
    }

    /// An attempt whose phone offers nothing that the caller may take.
    pub(crate) fn useless_offer(&mut self, now: Now, attempt: Attempt, out: &mut Actions) {
        let why = ReleaseReason::cause(Cause::BEARER);
        out.push_back(Action::Release { leg: LegId::Carrier(attempt), why });
        self.attempt_ended(now, attempt, route::AttemptEnd::NoCommonCodec, None, out);
    }
}

impl crate::phase::Hunt {
    /// What goes on of an exchange with the phone that answers.
    pub(crate) fn exchange_with(&mut self, of: (Attempt, Branch)) -> Renegotiation {
        match self.exchange.take() {
            Some(EarlyExchange { of: known, from, offered }) if known == of => {
                Renegotiation::Offered { from, offered }
            }
            Some(_) | None => Renegotiation::Idle,
        }
    }

    /// An attempt is over, and with it what was offered and agreed there.
    pub(crate) fn end_early_of(&mut self, attempt: Attempt, out: &mut Actions) {
        self.first_offers.retain(|((known, _), _)| *known != attempt);
        let over = self.exchange.take_if(|exchange| exchange.of.0 == attempt);
        if let Some(EarlyExchange { of, from: Side::Caller, .. }) = over {
            let refuse = EarlyAction::RefuseOffer(OfferRefusal::Pending);
            out.push_back(Action::Early(Side::Caller, of, refuse));
        }
    }
}
