//! The call itself: its phases and the one `handle`. Hunting, credit, renegotiation and the record have files
//! of their own.

use std::collections::VecDeque;
use std::sync::Arc;

use codecs::CodecSet;
use media::Session;
use rating::Price;
use units::{Cause, Name, Now, Number, Tick, Wall};

use crate::destination::Destination;
use crate::event::{Action, Event, HangupBy, LegId, Loss, ReleaseReason, Settled, Setup, Side};
use crate::origin::Origin;
use crate::phase::{AgreedCodecs, End, Phase, Renegotiation, Tried};
use crate::refusal::Refusal;
use crate::timer::{Timer, Timers};

/// Actions to be carried out in order.
pub type Actions = VecDeque<Action>;

/// One call, from the caller's INVITE to its CDR.
#[derive(Debug)]
pub struct Call {
    pub(crate) id: u128,
    pub(crate) origin: Origin,
    pub(crate) destination: Option<Destination>,
    pub(crate) caller: Box<str>,
    pub(crate) called: Box<str>,
    pub(crate) number: Option<Number>,
    pub(crate) started: Now,
    pub(crate) pdd_ms: Option<u64>,
    /// What it would have cost, of a call that was refused.
    pub(crate) price: Option<Box<Price>>,
    pub(crate) attempts: Vec<Tried>,
    pub(crate) route_reason: Box<str>,
    /// Carriers of the route that were left out, with reasons; empty if none was.
    pub(crate) left_out: Box<str>,
    pub(crate) codecs: AgreedCodecs,
    pub(crate) checkpoint_ms: u32,
    pub(crate) phase: Phase,
    pub(crate) timers: Timers,
}

// === impl Call ===

impl Call {
    /// Begins a call: its number is normalised and its offer looked at before anything is asked.
    pub fn begin(now: Now, setup: Setup, out: &mut Actions) -> Self {
        let destination = match &setup.origin {
            Origin::Carrier(_, number) => Some(Destination::Number(Arc::clone(number))),
            Origin::Gate(_) => setup.sip_account.map(Destination::SipAccount),
        };
        let srtp = setup.origin.media().srtp;
        let offer = setup.offer.map(|offer| offer.map(|offer| offer.of_side(srtp)));
        let mut call = Self {
            id: setup.id,
            origin: setup.origin,
            destination,
            caller: setup.caller,
            called: setup.called,
            number: None,
            started: now,
            pdd_ms: None,
            price: None,
            attempts: Vec::with_capacity(1),
            route_reason: Box::default(),
            left_out: Box::default(),
            codecs: AgreedCodecs::default(),
            checkpoint_ms: setup.checkpoint_ms,
            phase: Phase::Admitting { offer },
            timers: Timers::default(),
        };
        match call.admission() {
            Ok((number, codecs)) => out.push_back(Action::Admit { number, codecs }),
            Err(refusal) => call.refuse(now, refusal, HangupBy::Switch, out),
        }
        call
    }

    /// Begins a call that is refused before anything is looked at, so that it has its CDR.
    pub fn begin_refused(now: Now, setup: Setup, refusal: Refusal, out: &mut Actions) -> Self {
        let mut discarded = Actions::new();
        let mut call = Self::begin(now, setup, &mut discarded);
        call.phase = Phase::Admitting { offer: Ok(None) };
        call.refuse(now, refusal, HangupBy::Switch, out);
        call
    }

    /// Number, then codecs: a call that is refused for its codecs has a number in its CDR.
    fn admission(&mut self) -> Result<(Option<Number>, CodecSet), Refusal> {
        let Phase::Admitting { offer } = &self.phase else { return Err(Refusal::NO_CODEC) };
        let number = self.called_number().map_err(|refused| Refusal {
            status: refused.status(),
            cause: refused.cause(),
            reason: "bad-number",
            retry_after: None,
        })?;
        self.number = number;
        let codecs = self.origin.codecs();
        let Some(offer) = offer.as_ref().map_err(|_| Refusal::BAD_SDP)? else { return Ok((number, codecs)) };
        let common = offer.offered_codecs(codecs).map_err(|_| Refusal::NO_CODEC)?;
        Ok((number, common))
    }

    /// The called number by the origin's way of writing it; of a carrier's call the number of ours that was
    /// found by it; none where a SIP account was dialled by its name.
    fn called_number(&self) -> Result<Option<Number>, route::NumberRefused> {
        match (&self.origin, &self.destination) {
            (Origin::Carrier(_, number), _) => Ok(Some(number.e164)),
            (Origin::Gate(_), Some(Destination::SipAccount(_))) => Ok(None),
            (Origin::Gate(gate), _) => route::normalise(&self.called, gate).map(Some),
        }
    }

    /// The one mutation. Events that the phase does not expect change nothing.
    pub fn handle(&mut self, now: Now, event: Event, out: &mut Actions) {
        match event {
            Event::Admitted(admission) => self.admitted(now, *admission, out),
            Event::Refused { refusal, price } => {
                self.price = price;
                self.refuse(now, refusal, HangupBy::Switch, out);
            }
            Event::Billing(started) => self.billing_started(now, started, out),
            Event::Extended(extension) => self.extended(extension),
            Event::Warned(timing) => self.warn_later(timing),
            Event::Settled(settlement) => self.settled(&settlement, out),
            Event::Progress { attempt, branch, progress, session } => {
                self.progress(now, (attempt, branch), progress, session, out)
            }
            Event::Early(side, of, event) => self.early(now, side, of, event, out),
            Event::Answer { attempt, branch, session } => {
                self.answer(now, (attempt, branch), session.as_deref(), out)
            }
            Event::AttemptEnded { attempt, end, cause } => self.attempt_ended(now, attempt, end, cause, out),
            Event::Cancelled => self.cancelled(now, out),
            Event::AnswerHeld => self.answer_is_told(false),
            Event::AnswerTold => self.answer_is_told(true),
            Event::Released { side, cause } => self.released(now, side, cause, out),
            Event::Offer { side, session } => self.offer(side, session.as_deref(), out),
            Event::OfferWithdrawn { side } => self.offer_withdrawn(side, out),
            Event::OfferAnswered { side, session } => self.offer_answered(side, session, out),
            Event::LateAnswer { side, session } => self.late_answer(now, side, session.as_deref(), out),
            Event::Lost { side, loss } => self.lost(now, side, loss, out),
            Event::MediaEnded { billed_until } => self.media_ended(now, billed_until, out),
            Event::NoMedia => self.no_media(now, out),
            Event::NoMediaOf { attempt } => self.no_media_of(now, attempt, out),
            Event::Kill(by) => self.kill(now, by, out),
            Event::FundsReturned => self.extend(now, out),
            Event::Timeout => self.timeout(now, out),
        }
    }

    /// When [`Event::Timeout`] is wanted; `Tick::NEVER` if never.
    pub fn deadline(&self) -> Tick {
        self.timers.earliest()
    }

    /// True once the CDR was written.
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// `routing`, `ringing`, `answered` or `ending`, in the operator's words.
    pub fn state(&self) -> &'static str {
        match &self.phase {
            Phase::Hunting(hunt) if hunt.ringing => "ringing",
            Phase::Admitting { .. } | Phase::Hunting(_) => "routing",
            Phase::Talking(_) => "answered",
            Phase::Settling(_) | Phase::Over => "ending",
        }
    }

    /// True until it is admitted or refused.
    pub const fn is_admitting(&self) -> bool {
        matches!(self.phase, Phase::Admitting { .. })
    }

    /// True from the answer to the end.
    pub const fn is_talking(&self) -> bool {
        matches!(self.phase, Phase::Talking(_))
    }

    /// It is answered by the other side's offer, whose answer the caller still owes.
    pub fn has_late_offer(&self) -> bool {
        match &self.phase {
            Phase::Talking(talk) => matches!(talk.renegotiation, Renegotiation::Late { .. }),
            Phase::Admitting { .. } | Phase::Hunting(_) | Phase::Settling(_) | Phase::Over => false,
        }
    }

    /// When it was answered, while it is.
    pub fn answered(&self) -> Option<Now> {
        match &self.phase {
            Phase::Talking(talk) => Some(talk.answered),
            Phase::Admitting { .. } | Phase::Hunting(_) | Phase::Settling(_) | Phase::Over => None,
        }
    }

    /// When it was answered, while it is and while it is being settled.
    pub fn answered_wall(&self) -> Option<Wall> {
        match &self.phase {
            Phase::Talking(talk) => Some(talk.answered.wall),
            Phase::Settling(end) => end.answered.map(|at| at.wall),
            Phase::Admitting { .. } | Phase::Hunting(_) | Phase::Over => None,
        }
    }

    /// Identity, as in the CDR.
    pub const fn id(&self) -> u128 {
        self.id
    }

    /// What the caller offered at first, until the answer.
    pub fn first_offer(&self) -> Option<&Arc<Session>> {
        match &self.phase {
            Phase::Admitting { offer } => offer.as_ref().ok()?.as_ref(),
            Phase::Hunting(hunt) => hunt.offer.as_ref(),
            Phase::Talking(_) | Phase::Settling(_) | Phase::Over => None,
        }
    }

    /// Who calls, as it was when the call began.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The account that its record names.
    pub fn account(&self) -> &Name {
        self.origin.account()
    }

    /// Where it goes, once that is known.
    pub const fn destination(&self) -> Option<&Destination> {
        self.destination.as_ref()
    }

    /// Where it goes is known, whether it is admitted or not.
    pub fn goes_to(&mut self, destination: Destination) {
        self.destination = Some(destination);
    }

    /// The gate that its record names: where it came in, or that of a number of ours which it rings; empty if
    /// there is none.
    pub fn gate_name(&self) -> Name {
        let target = self.destination.as_ref().and_then(Destination::number).map(|number| &number.target);
        match (&self.origin, target) {
            (Origin::Gate(gate), _) => gate.name.clone(),
            (
                Origin::Carrier(..),
                Some(route::NumberTarget::Gate(name) | route::NumberTarget::SipAccount(name)),
            ) => name.clone(),
            (Origin::Carrier(..), _) => "".into(),
        }
    }

    /// The called number, once it is one.
    pub const fn number(&self) -> Option<Number> {
        self.number
    }

    /// The called number as the gate wrote it.
    pub fn called(&self) -> &str {
        &self.called
    }

    /// The caller as the gate named it.
    pub fn caller(&self) -> &str {
        &self.caller
    }

    /// When it began.
    pub const fn started(&self) -> Now {
        self.started
    }

    /// The carrier being tried or talked to, or the target of a number of ours.
    pub fn callee(&self) -> Option<Name> {
        self.attempts.last().map(|tried| tried.callee.name())
    }

    /// Answers the caller with a failure and ends the call unbilled.
    pub(crate) fn refuse(&mut self, now: Now, refusal: Refusal, by: HangupBy, out: &mut Actions) {
        if !matches!(self.phase, Phase::Admitting { .. } | Phase::Hunting(_)) {
            return;
        }
        out.push_back(Action::Reject(refusal));
        let end = End {
            at: now,
            answered: None,
            billed_until: Tick::NEVER,
            carrier: None,
            by,
            status: refusal.status,
            cause: refusal.cause,
            reason: refusal.reason,
        };
        self.end(end, 0, out);
    }

    /// Stops every clock and settles.
    pub(crate) fn end(&mut self, end: End, carrier_ms: u64, out: &mut Actions) {
        self.timers.clear_all();
        let until = |at: Tick| end.answered.map_or(0, |answered| at.ms_since(answered.tick));
        let answered_ms = until(end.at.tick);
        // The first increment of an answered call is billed in any case.
        let duration_ms = until(end.billed_until.min(end.at.tick)).max(answered_ms.min(1));
        out.push_back(Action::Settle { answered_ms, duration_ms, carrier: end.carrier.clone(), carrier_ms });
        self.phase = Phase::Settling(Box::new(end));
    }

    fn settled(&mut self, settled: &Settled, out: &mut Actions) {
        if let Phase::Settling(end) = std::mem::replace(&mut self.phase, Phase::Over) {
            let cdr = self.cdr(&end, settled);
            out.push_back(Action::RecordEnd(Box::new(cdr)));
        }
    }

    fn cancelled(&mut self, now: Now, out: &mut Actions) {
        self.hangup_attempts(ReleaseReason::cause(Cause::NORMAL), out);
        self.refuse(now, Refusal::CANCELLED, HangupBy::Caller, out);
    }

    fn released(&mut self, now: Now, side: Side, cause: Option<Cause>, out: &mut Actions) {
        let (by, other) = match side {
            Side::Caller => (HangupBy::Caller, Side::Carrier),
            Side::Carrier => (HangupBy::Carrier, Side::Caller),
        };
        if let Phase::Hunting(_) = self.phase {
            // The caller may send BYE instead of CANCEL on an early dialog (RFC 3261 §15).
            return self.cancelled(now, out);
        }
        let cause = cause.unwrap_or(Cause::NORMAL);
        self.hang_up(now, &[other], by, ReleaseReason::cause(cause), "normal", out);
    }

    fn lost(&mut self, now: Now, side: Side, loss: Loss, out: &mut Actions) {
        if loss == Loss::NoPrack && matches!(self.phase, Phase::Hunting(_)) {
            self.hangup_attempts(ReleaseReason::cause(Cause::TIMER), out);
            return self.refuse(now, Refusal::NO_PRACK, HangupBy::Switch, out);
        }
        let (reason, sides): (_, &[Side]) = match (loss, side) {
            (Loss::NoAck, _) => ("no-ack", &[Side::Caller, Side::Carrier]),
            (Loss::NoPrack, _) => ("no-prack", &[Side::Caller, Side::Carrier]),
            (Loss::SessionExpired, _) => ("session-expired", &[Side::Caller, Side::Carrier]),
            (Loss::DialogGone, Side::Caller) => ("dialog-gone", &[Side::Carrier]),
            (Loss::DialogGone, Side::Carrier) => ("dialog-gone", &[Side::Caller]),
        };
        self.hang_up(now, sides, HangupBy::Switch, ReleaseReason::cause(Cause::TIMER), reason, out);
    }

    fn kill(&mut self, now: Now, by: HangupBy, out: &mut Actions) {
        let reason = match by {
            HangupBy::Shutdown => "shutdown",
            HangupBy::Operator => "killed",
            HangupBy::Caller | HangupBy::Carrier | HangupBy::Switch => "ended",
        };
        if self.is_talking() {
            self.hang_up(
                now,
                &[Side::Caller, Side::Carrier],
                by,
                ReleaseReason::cause(Cause::NORMAL),
                reason,
                out,
            );
        } else {
            self.hangup_attempts(ReleaseReason::cause(Cause::NORMAL), out);
            self.refuse(now, Refusal::ended(reason), by, out);
        }
    }

    const fn answer_is_told(&mut self, is_told: bool) {
        if let Phase::Talking(talk) = &mut self.phase {
            talk.is_told = is_told;
        }
    }

    /// Ends an answered call: hangs up `sides`, bills until now. A caller that was never told of the answer
    /// pays nothing; the carrier charges, and its cost is booked.
    pub(crate) fn hang_up(
        &mut self,
        now: Now,
        sides: &[Side],
        by: HangupBy,
        why: ReleaseReason,
        reason: &'static str,
        out: &mut Actions,
    ) {
        let Phase::Talking(talk) = &self.phase else { return };
        for side in sides {
            let leg = match side {
                Side::Caller => LegId::Caller,
                Side::Carrier => LegId::Carrier(talk.attempt),
            };
            out.push_back(Action::Release { leg, why });
        }
        let (status, reason) = match (talk.is_told, by) {
            (true, _) => (Refusal::NONE, reason),
            (false, HangupBy::Caller) => (Refusal::CANCELLED.status, Refusal::CANCELLED.reason),
            (false, HangupBy::Carrier | HangupBy::Switch | HangupBy::Operator | HangupBy::Shutdown) => {
                (why.status_before_answer(), reason)
            }
        };
        let end = End {
            at: now,
            answered: talk.is_told.then_some(talk.answered),
            billed_until: talk.billed_until,
            carrier: talk.callee.carrier().cloned(),
            by,
            status,
            cause: why.cause,
            reason,
        };
        // An answer that its caller never heard of is charged for as any late one.
        let carrier_ms = now.tick.ms_since(talk.answered.tick).max(u64::from(!talk.is_told));
        self.end(end, carrier_ms, out);
    }

    fn timeout(&mut self, now: Now, out: &mut Actions) {
        while let Some(timer) = self.timers.take_due(now.tick) {
            match timer {
                Timer::FirstResponse => self.first_response_late(now, out),
                Timer::NoAnswer => self.no_answer(now, out),
                Timer::Renew => self.extend(now, out),
                Timer::Warn => self.warn(now, out),
                Timer::Cut => self.cut(now, out),
                Timer::MaxCall => self.max_call(now, out),
                Timer::Checkpoint => self.checkpoint(now, out),
            }
        }
    }
}
