//! A leg: one party's end of a call, whatever protocol it speaks. The call commands it by verbs, and it tells
//! events.
//!
//! Events are queued: a leg finishes its own work first, then the node gives them to the call. A leg knows
//! neither money nor routes nor the call's other leg; what of that concerns it is handed to it when it is
//! made.

use std::net::IpAddr;

use call::{Attempt, Branch, LegId, OfferRefusal, Progress, Refusal, ReleaseReason};
use codecs::DtmfForm;
use media::Session;
use serde_json::value::RawValue;
use stir::{Fault, Passport, Verstat};
use units::{Now, Number, Tick, Transport};
use voice::dtmf::Info;

mod context;
mod h323;
mod party;
mod sip;

pub(crate) use context::{CallFacts, ContactWay, Context, Dialling, LegEvent, LegEvents, LegFacts, Reached};
pub(crate) use h323::H323Leg;
pub(crate) use party::{Party, is_of_carrier};
pub use sip::{Arrival, Dispatch, Flow, Received};
pub(crate) use sip::{Crossing, Endpoint, Presentation, RecordedLeg, Registered, Registration, SipLeg};

/// A leg, by its protocol.
#[derive(Debug)]
pub(crate) enum Leg {
    /// RFC 3261.
    Sip(SipLeg),
    /// ITU-T H.323.
    H323(H323Leg),
}

// === impl Leg: verbs ===

impl Leg {
    /// The signature of a caller's number, if it is of this call.
    pub(crate) fn passport(&self, now: Now, number: &Number) -> Result<Passport, Fault> {
        match self {
            Self::Sip(leg) => leg.passport(now, number),
            // Its Setup has no room for one.
            Self::H323(_) => Err(Fault::Missing),
        }
    }

    /// What came of verifying a caller's number.
    pub(crate) const fn judge(&mut self, verstat: Verstat) {
        match self {
            Self::Sip(leg) => leg.verstat = Some(verstat),
            Self::H323(_) => {}
        }
    }

    /// Calls a party; none if nothing of ours reaches any of its addresses.
    pub(crate) fn dial(cx: &mut Context<'_>, dialling: Dialling) -> Option<Self> {
        match dialling.callee.target().map(|target| target.transport) {
            None
            | Some(Transport::Udp | Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss) => {
                SipLeg::dial(cx, dialling).map(Self::Sip)
            }
            Some(Transport::H323) => H323Leg::dial(cx, dialling).map(Self::H323),
        }
    }

    /// Tells the caller how its call goes on.
    pub(crate) fn ring(
        &mut self,
        cx: &mut Context<'_>,
        of: (Attempt, Branch),
        progress: Progress,
        session: Option<&Session>,
    ) {
        match self {
            Self::Sip(leg) => leg.ring(cx, of, progress, session),
            Self::H323(leg) => leg.ring(cx, progress, session),
        }
    }

    /// Offers a changed session before the answer; else why that cannot be.
    pub(crate) fn offer_early(
        &mut self,
        cx: &mut Context<'_>,
        of: (Attempt, Branch),
        session: &Session,
    ) -> Result<(), OfferRefusal> {
        match self {
            Self::Sip(leg) => leg.offer_early(cx, of, session),
            Self::H323(_) => Err(OfferRefusal::NotAcceptable),
        }
    }

    /// Answers the offer that a phone made before it answers.
    pub(crate) fn answer_early(
        &mut self,
        cx: &mut Context<'_>,
        (_, branch): (Attempt, Branch),
        session: &Session,
    ) {
        match self {
            Self::Sip(leg) => leg.answer_early(cx, branch, session),
            // It makes no offers before the answer.
            Self::H323(_) => {}
        }
    }

    /// Tells the caller that it is answered; false if that has to wait.
    pub(crate) fn accept(&mut self, cx: &mut Context<'_>, of: (Attempt, Branch), session: &Session) -> bool {
        match self {
            Self::Sip(leg) => leg.accept(cx, of, session),
            Self::H323(leg) => {
                leg.accept(cx, session);
                true
            }
        }
    }

    /// Tells the caller that its call failed.
    pub(crate) fn reject(&mut self, cx: &mut Context<'_>, refusal: &Refusal) {
        match self {
            Self::Sip(leg) => leg.reject(cx, refusal),
            Self::H323(leg) => leg.reject(cx, refusal),
        }
    }

    /// Offers a changed session, or asks for an offer; false if another exchange is open.
    pub(crate) fn offer(&mut self, cx: &mut Context<'_>, session: Option<&Session>) -> bool {
        match self {
            Self::Sip(leg) => leg.offer(cx, session),
            Self::H323(leg) => leg.offer(cx, session),
        }
    }

    /// Takes back an offer that is not answered yet.
    pub(crate) fn withdraw_offer(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Sip(leg) => leg.withdraw_offer(cx),
            // Answered at once, so that nothing can be taken back.
            Self::H323(_) => {}
        }
    }

    /// Offers again what was agreed before the last offer, of which nothing came.
    pub(crate) fn restore_session(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Sip(leg) => leg.restore_session(cx),
            Self::H323(leg) => leg.restore(cx),
        }
    }

    /// Nothing can undo the last offer any more.
    pub(crate) fn forget_before(&mut self) {
        match self {
            Self::Sip(leg) => leg.before = None,
            Self::H323(leg) => leg.forget_before(),
        }
    }

    /// Answers the peer's offer, or makes the one that it asked for.
    pub(crate) fn answer(&mut self, cx: &mut Context<'_>, session: &Session) {
        match self {
            Self::Sip(leg) => leg.answer(cx, session),
            Self::H323(leg) => leg.offer_ends(cx),
        }
    }

    /// Refuses the peer's offer: the session stays as it was.
    pub(crate) fn refuse_offer(&mut self, cx: &mut Context<'_>, why: OfferRefusal) {
        match self {
            Self::Sip(leg) => leg.refuse_offer(cx, why),
            Self::H323(leg) => leg.offer_ends(cx),
        }
    }

    /// Acknowledges the peer's late offer with the answer; without one what was agreed before holds.
    pub(crate) fn acknowledge(&mut self, cx: &mut Context<'_>, session: Option<&Session>) {
        match self {
            Self::Sip(leg) => leg.acknowledge(cx, session),
            // What it offered late was what it has: nothing changes by the answer.
            Self::H323(_) => {}
        }
    }

    /// Ends the leg, whatever its state. `crossing` is what the other leg hands over.
    pub(crate) fn release(&mut self, cx: &mut Context<'_>, why: ReleaseReason, crossing: Option<Crossing>) {
        match self {
            Self::Sip(leg) => leg.release(cx, why, crossing),
            Self::H323(leg) => leg.release(cx, why),
        }
    }

    /// A deadline of [`Leg::deadline`] has come.
    pub(crate) fn timeout(&mut self, cx: &mut Context<'_>) {
        match self {
            Self::Sip(leg) => leg.timeout(cx),
            Self::H323(leg) => leg.timeout(cx),
        }
    }

    /// Its call is over and nothing is to come: it lets go of what it kept.
    pub(crate) fn close(&mut self, endpoint: &mut Endpoint) {
        match self {
            Self::Sip(leg) => leg.close(endpoint),
            // Its connections went with its last word.
            Self::H323(_) => {}
        }
    }
}

// === impl Leg: what is known of it ===

impl Leg {
    pub(crate) const fn id(&self) -> LegId {
        match self {
            Self::Sip(leg) => leg.id,
            Self::H323(leg) => leg.id,
        }
    }

    pub(crate) const fn party(&self) -> &Party {
        match self {
            Self::Sip(leg) => &leg.party,
            Self::H323(leg) => &leg.party,
        }
    }

    /// It was called and has given no final answer.
    pub(crate) const fn is_calling(&self) -> bool {
        match self {
            Self::Sip(leg) => leg.is_calling(),
            Self::H323(leg) => leg.is_calling(),
        }
    }

    /// It said something since it was called.
    pub(crate) fn is_heard(&self) -> bool {
        match self {
            Self::Sip(leg) => leg.outgoing().is_some_and(|outgoing| outgoing.heard),
            Self::H323(leg) => leg.is_heard,
        }
    }

    /// Nothing will happen on it any more.
    pub(crate) const fn is_gone(&self) -> bool {
        match self {
            Self::Sip(leg) => leg.is_gone(),
            Self::H323(leg) => leg.is_gone(),
        }
    }

    /// When [`Leg::timeout`] is wanted; `Tick::NEVER` if never.
    pub(crate) fn deadline(&self) -> Tick {
        match self {
            Self::Sip(leg) => leg.deadline(),
            Self::H323(leg) => leg.deadline(),
        }
    }

    /// What of it the other leg may need at dialling and at its end.
    pub(crate) fn crossing(&self) -> Option<Crossing> {
        match self {
            Self::Sip(leg) => leg.crossing(),
            Self::H323(_) => None,
        }
    }

    /// Where its peer's signalling comes from.
    pub(crate) const fn source(&self) -> IpAddr {
        match self {
            Self::Sip(leg) => leg.source,
            Self::H323(leg) => leg.source,
        }
    }

    /// What the call's record says of it.
    pub(crate) fn facts(&self) -> LegFacts {
        match self {
            Self::Sip(leg) => leg.facts(),
            Self::H323(leg) => leg.facts(),
        }
    }

    /// What a restart needs to end it, with its protocol; none before it stands.
    pub(crate) fn recorded(&self) -> Option<Box<RawValue>> {
        match self {
            Self::Sip(leg) => leg.recorded(),
            Self::H323(leg) => leg.recorded(),
        }
    }

    /// How its side is told digits, where that is agreed by its signalling and not by sessions.
    pub(crate) fn digit_form(&self) -> Option<DtmfForm> {
        match self {
            Self::Sip(_) => None,
            Self::H323(leg) => Some(leg.digit_form()),
        }
    }

    /// Tells its side a digit by signalling.
    pub(crate) fn tell_digit(&mut self, cx: &mut Context<'_>, info: Info) {
        match self {
            Self::Sip(leg) => leg.tell_digit(cx, info),
            Self::H323(leg) => leg.tell_digit(cx, info),
        }
    }

    /// A caller who wishes to stay unknown, where that is not told by what crosses.
    pub(crate) const fn is_withheld(&self) -> bool {
        match self {
            Self::Sip(_) => false,
            Self::H323(leg) => leg.is_withheld,
        }
    }
}
