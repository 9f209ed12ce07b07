//! Offers in mid-call: passed to the other side, filtered to the same codecs; a failure leaves the session as
//! it was (RFC 3261 §14.1).

use std::sync::Arc;

use media::Session;
use units::{Cause, Now};

use crate::call::{Actions, Call};
use crate::early_session::OfferRefusal;
use crate::event::{Action, HangupBy, ReleaseReason, Side};
use crate::phase::{AgreedCodecs, Phase, Renegotiation};

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Caller => Self::Carrier,
            Self::Carrier => Self::Caller,
        }
    }
}

impl Call {
    pub(crate) fn offer(&mut self, side: Side, session: Option<&Session>, out: &mut Actions) {
        let pending = Action::RejectOffer { side, why: OfferRefusal::Pending };
        let Phase::Talking(talk) = &mut self.phase else { return out.push_back(pending) };
        if !matches!(talk.renegotiation, Renegotiation::Idle) {
            return out.push_back(pending);
        }
        let Some(session) = session else {
            talk.renegotiation = Renegotiation::Asked { from: side };
            return out.push_back(Action::SendOffer { side: side.other(), session: None });
        };
        match talk.codecs.offer(side, session) {
            Ok(offered) => {
                talk.renegotiation = Renegotiation::Offered { from: side, offered: Arc::clone(&offered) };
                out.push_back(Action::SendOffer { side: side.other(), session: Some(offered) });
            }
            Err(_) => out.push_back(Action::RejectOffer { side, why: OfferRefusal::NotAcceptable }),
        }
    }

    /// The offer of `side` is taken back, and beyond too (RFC 3261 §9).
    pub(crate) fn offer_withdrawn(&mut self, side: Side, out: &mut Actions) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        if let Renegotiation::Offered { from, .. } | Renegotiation::Asked { from } = talk.renegotiation
            && from == side
        {
            talk.renegotiation = Renegotiation::Withdrawn { from };
            out.push_back(Action::WithdrawOffer { side: side.other() });
        }
    }

    pub(crate) fn offer_answered(
        &mut self,
        side: Side,
        agreed: Result<Option<Arc<Session>>, OfferRefusal>,
        out: &mut Actions,
    ) {
        let Phase::Talking(talk) = &mut self.phase else {
            return self.early_offer_answered(side, agreed, out);
        };
        let to = side.other();
        let renegotiation = std::mem::replace(&mut talk.renegotiation, Renegotiation::Idle);
        match (renegotiation, agreed) {
            (Renegotiation::Offered { from, offered }, Ok(answer)) if from == to => {
                let negotiated = answer.and_then(|answer| offered.answered(&answer).ok());
                let Some(negotiated) = negotiated else {
                    // It has taken the offer, and the offerer cannot take its answer: both are to be where
                    // they were.
                    out.push_back(Action::RejectOffer { side: to, why: OfferRefusal::NotAcceptable });
                    return out.push_back(Action::RestoreSession { side });
                };
                self.codecs = AgreedCodecs::of(to, &negotiated).or(self.codecs);
                out.push_back(Action::AnswerOffer { side: to, session: Arc::new(negotiated.session) });
            }
            (Renegotiation::Asked { from }, Ok(Some(offer))) if from == to => {
                match talk.codecs.offer(side, &offer) {
                    Ok(offered) => {
                        talk.renegotiation =
                            Renegotiation::Late { from: side, offered: Arc::clone(&offered) };
                        out.push_back(Action::AnswerOffer { side: to, session: offered });
                    }
                    Err(_) => {
                        out.push_back(Action::RejectOffer { side: to, why: OfferRefusal::NotAcceptable });
                        out.push_back(Action::AckOffer { side, session: None });
                    }
                }
            }
            (Renegotiation::Offered { .. } | Renegotiation::Asked { .. }, Ok(_)) => {
                out.push_back(Action::RejectOffer { side: to, why: OfferRefusal::NotAcceptable });
                out.push_back(Action::AckOffer { side, session: None });
            }
            (Renegotiation::Offered { .. } | Renegotiation::Asked { .. }, Err(why)) => {
                out.push_back(Action::RejectOffer { side: to, why });
            }
            (Renegotiation::Withdrawn { from }, Ok(_)) if from == to => {
                out.push_back(Action::AckOffer { side, session: None });
                out.push_back(Action::RestoreSession { side });
            }
            (Renegotiation::Withdrawn { .. }, _) => {}
            (unchanged @ (Renegotiation::Idle | Renegotiation::Late { .. }), _) => {
                talk.renegotiation = unchanged
            }
        }
    }

    /// The answer to the late offer of the other side came; without one the session never was (RFC 3261
    /// §13.2.1): the call ends.
    pub(crate) fn late_answer(&mut self, now: Now, side: Side, session: Option<&Session>, out: &mut Actions) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        let (from, offered) = match std::mem::replace(&mut talk.renegotiation, Renegotiation::Idle) {
            Renegotiation::Late { from, offered } => (from, offered),
            unchanged @ (Renegotiation::Idle
            | Renegotiation::Offered { .. }
            | Renegotiation::Asked { .. }
            | Renegotiation::Withdrawn { .. }) => {
                talk.renegotiation = unchanged;
                return;
            }
        };
        match session.and_then(|answer| offered.answered(answer).ok()).filter(|_| from == side.other()) {
            Some(negotiated) => {
                self.codecs = AgreedCodecs::of(from, &negotiated);
                out.push_back(Action::AckOffer { side: from, session: Some(Arc::new(negotiated.session)) });
            }
            None => {
                let sides = [Side::Caller, Side::Carrier];
                self.hang_up(
                    now,
                    &sides,
                    HangupBy::Switch,
                    ReleaseReason::cause(Cause::INTERWORKING),
                    "no-answer-in-ack",
                    out,
                );
            }
        }
    }
}
