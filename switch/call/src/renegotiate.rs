//! Offers in mid-call: passed to the other side, filtered to the same codecs; a failure leaves the session as it was (RFC 3261 §14.1).

use bytes::Bytes;
use media::FilteredOffer;
use units::{Cause, Now};

use crate::call::{Actions, Call, Phase, refused_offer};
use crate::event::{Action, HangupBy, Side};

/// An offer/answer exchange under way (RFC 3264); glare between sides is the legs' business.
#[derive(Debug)]
pub(crate) enum Renegotiation {
    /// None.
    Idle,
    /// `from` offered; the other side is asked.
    Offered { from: Side, offered: Box<FilteredOffer> },
    /// `from` asked for an offer; the other side is asked to make it.
    Asked { from: Side },
    /// `from` made an offer late, the other side has it, and its ACK brings the answer.
    Late { from: Side, offered: Box<FilteredOffer> },
}

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
    pub(crate) fn offer(&mut self, side: Side, sdp: Option<Bytes>, out: &mut Actions) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        if !matches!(talk.renegotiation, Renegotiation::Idle) {
            return out.push_back(Action::RejectOffer { side, status: 491 });
        }
        let Some(offer) = sdp else {
            talk.renegotiation = Renegotiation::Asked { from: side };
            return out.push_back(Action::SendOffer { side: side.other(), sdp: None });
        };
        let origin = self.origins.toward(side.other());
        match media::filter(&offer, talk.codecs, origin) {
            Ok(filtered) => {
                let sdp = filtered.sdp.clone();
                origin.sent(&sdp);
                talk.renegotiation = Renegotiation::Offered { from: side, offered: Box::new(filtered) };
                out.push_back(Action::SendOffer { side: side.other(), sdp: Some(sdp) });
            }
            Err(refused) => out.push_back(Action::RejectOffer { side, status: refused_offer(refused).status }),
        }
    }

    pub(crate) fn offer_answered(&mut self, side: Side, sdp: Result<Option<Bytes>, u16>, out: &mut Actions) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        let to = side.other();
        match (std::mem::replace(&mut talk.renegotiation, Renegotiation::Idle), sdp) {
            (Renegotiation::Offered { from, offered }, Ok(Some(answer))) if from == to => {
                let origin = self.origins.toward(to);
                match media::check_answer(&offered, &answer, origin) {
                    Ok(negotiated) => {
                        origin.sent(&negotiated.sdp);
                        if negotiated.codec.is_some() {
                            self.codec_a = negotiated.codec;
                            self.codec_b = negotiated.codec;
                        }
                        out.push_back(Action::AnswerOffer { side: to, sdp: Some(negotiated.sdp) });
                    }
                    Err(_) => out.push_back(Action::RejectOffer { side: to, status: 488 }),
                }
            }
            (Renegotiation::Asked { from }, Ok(Some(offer))) if from == to => {
                let origin = self.origins.toward(to);
                match media::filter(&offer, talk.codecs, origin) {
                    Ok(filtered) => {
                        let sdp = filtered.sdp.clone();
                        origin.sent(&sdp);
                        talk.renegotiation = Renegotiation::Late { from: side, offered: Box::new(filtered) };
                        out.push_back(Action::AnswerOffer { side: to, sdp: Some(sdp) });
                    }
                    Err(refused) => out.push_back(Action::RejectOffer { side: to, status: refused_offer(refused).status }),
                }
            }
            (Renegotiation::Offered { .. } | Renegotiation::Asked { .. }, Ok(_)) => {
                out.push_back(Action::RejectOffer { side: to, status: 488 });
            }
            (Renegotiation::Offered { .. } | Renegotiation::Asked { .. }, Err(status)) => {
                out.push_back(Action::RejectOffer { side: to, status });
            }
            (unchanged @ (Renegotiation::Idle | Renegotiation::Late { .. }), _) => talk.renegotiation = unchanged,
        }
    }

    /// The ACK brought the answer to the late offer of the other side; without one the session never was (RFC 3261 §13.2.1): BYE.
    pub(crate) fn late_answer(&mut self, now: Now, side: Side, sdp: Option<Bytes>, out: &mut Actions) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        let (from, offered) = match std::mem::replace(&mut talk.renegotiation, Renegotiation::Idle) {
            Renegotiation::Late { from, offered } => (from, offered),
            unchanged @ (Renegotiation::Idle | Renegotiation::Offered { .. } | Renegotiation::Asked { .. }) => {
                talk.renegotiation = unchanged;
                return;
            }
        };
        let origin = self.origins.toward(from);
        let negotiated = sdp.and_then(|sdp| media::check_answer(&offered, &sdp, origin).ok()).filter(|_| from == side.other());
        match negotiated {
            Some(negotiated) => {
                origin.sent(&negotiated.sdp);
                self.codec_a = negotiated.codec;
                self.codec_b = negotiated.codec;
                out.push_back(Action::AckOffer { side: from, sdp: negotiated.sdp });
            }
            None => {
                let sides = [Side::Caller, Side::Carrier];
                self.hang_up(now, &sides, HangupBy::Switch, (Cause::INTERWORKING, None), "no-answer-in-ack", out);
            }
        }
    }
}

impl crate::call::Origins {
    pub(crate) const fn toward(&mut self, side: Side) -> &mut media::SessionOrigin {
        match side {
            Side::Caller => &mut self.caller,
            Side::Carrier => &mut self.carrier,
        }
    }
}
