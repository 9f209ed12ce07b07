//! Hunting: carriers in the order of the plan, next by cause, stop by cause, and the answer that ends it.

use std::sync::Arc;

use bytes::Bytes;
use codecs::CodecSet;
use media::FilteredOffer;
use rating::engine::Timing;
use route::{AttemptEnd, Next};
use units::{Cause, Now};

use crate::call::{Actions, Call, Hunt, Phase, Talk, Tried, TriedEnd};
use crate::event::{ATTEMPTS_MAX, Action, Admission, Attempt, HangupBy, LegId, Side};
use crate::refusal::Refusal;
use crate::renegotiate::Renegotiation;
use crate::timer::Timer;

impl Call {
    pub(crate) fn admitted(&mut self, now: Now, admission: Admission, out: &mut Actions) {
        let Phase::Admitting { offer } = &mut self.phase else { return };
        let Admission { plan, carriers } = admission;
        self.phase = Phase::Hunting(Box::new(Hunt {
            offer: offer.take(),
            codecs: self.gate.codecs,
            plan,
            carriers,
            place: 0,
            offered: None,
            ringing: false,
            early_media: false,
            answer: None,
        }));
        self.dial(now, out);
    }

    /// Dials the carrier at the current place, or the first after it that can take the offer.
    fn dial(&mut self, now: Now, out: &mut Actions) {
        self.timers.clear_all();
        loop {
            let Phase::Hunting(hunt) = &mut self.phase else { return };
            let step = hunt.plan.steps.get(hunt.place).filter(|_| self.attempts.len() < ATTEMPTS_MAX);
            let Some(step) = step else { return self.all_failed(now, out) };
            let Some(carrier) = hunt.carriers.by_id(step.carrier).map(Arc::clone) else {
                hunt.place += 1;
                continue;
            };
            let (attempt, is_loss) = (self.attempts.len() as Attempt, step.is_loss);
            self.route_reason = hunt.plan.reason(step).to_string().into();
            let allowed = hunt.codecs.intersection(carrier.codecs);
            let filtered = hunt.offer.as_ref().map(|offer| media::filter(offer, allowed, &self.origins.carrier)).transpose();
            self.attempts.push(Tried {
                carrier: Arc::clone(&carrier),
                started_at: now.wall,
                dialled: now.tick,
                pdd_ms: None,
                end: TriedEnd::UnderWay,
                cause: Cause::UNSPECIFIED,
            });
            match filtered {
                Ok(filtered) => {
                    hunt.offered = filtered.clone();
                    self.timers.set(Timer::FirstResponse, now.tick.plus_ms(u64::from(carrier.first_response_ms)));
                    return out.push_back(Action::Dial { attempt, carrier, sdp: filtered.map(|f| f.sdp), is_loss });
                }
                Err(_) => {
                    hunt.place += 1;
                    self.note(attempt, TriedEnd::Failed(AttemptEnd::NoCommonCodec), Cause::BEARER);
                }
            }
        }
    }

    /// The attempt that is under way, if `attempt` is that one.
    fn hunting(&mut self, attempt: Attempt) -> Option<(&mut Hunt, &mut Tried)> {
        let last = usize::from(attempt) + 1 == self.attempts.len();
        match (&mut self.phase, self.attempts.last_mut()) {
            (Phase::Hunting(hunt), Some(tried)) if last && tried.end == TriedEnd::UnderWay => Some((hunt, tried)),
            (Phase::Hunting(_) | Phase::Admitting { .. } | Phase::Talking(_) | Phase::Settling(_) | Phase::Over, _) => None,
        }
    }

    pub(crate) fn progress(&mut self, now: Now, attempt: Attempt, status: u16, sdp: Option<Bytes>, out: &mut Actions) {
        let Some((hunt, tried)) = self.hunting(attempt) else { return };
        hunt.ringing |= status > 100;
        let no_answer_ms = u64::from(tried.carrier.no_answer_secs) * 1_000;
        let offered = hunt.offered.clone();
        self.timers.clear(Timer::FirstResponse);
        // Timer C starts at the first sign of life and again at each that is more than 100 (RFC 3261 §16.7 step 2).
        if status > 100 || !self.timers.is_set(Timer::NoAnswer) {
            self.timers.set(Timer::NoAnswer, now.tick.plus_ms(no_answer_ms));
        }
        if status == 100 {
            return;
        }
        // An early answer that is not one is not passed on; the final answer decides.
        let early = offered.zip(sdp).and_then(|(offered, sdp)| media::check_answer(&offered, &sdp, &self.origins.caller).ok());
        if let Some(early) = &early {
            self.origins.caller.sent(&early.sdp);
            if let Phase::Hunting(hunt) = &mut self.phase {
                hunt.early_media = true;
            }
        }
        self.note_ringing(now);
        out.push_back(Action::Progress { status, sdp: early.map(|e| e.sdp) });
    }

    fn note_ringing(&mut self, now: Now) {
        self.pdd_ms.get_or_insert(now.tick.ms_since(self.started.tick));
        if let Some(tried) = self.attempts.last_mut() {
            tried.pdd_ms.get_or_insert(now.tick.ms_since(tried.dialled));
        }
    }

    pub(crate) fn answer(&mut self, now: Now, attempt: Attempt, sdp: Option<Bytes>, out: &mut Actions) {
        let origin = self.origins.caller;
        let codecs = self.gate.codecs;
        let Some((hunt, tried)) = self.hunting(attempt) else { return };
        let acceptable = match (&hunt.offered, &sdp) {
            (Some(offered), Some(answer)) => media::check_answer(offered, answer, &origin).is_ok_and(|n| n.codec.is_some()),
            (None, Some(offer)) => media::filter(offer, codecs.intersection(tried.carrier.codecs), &origin).is_ok(),
            (_, None) => false,
        };
        if !acceptable {
            out.push_back(Action::BookCost { attempt });
            out.push_back(Action::Hangup { leg: LegId::Carrier(attempt), cause: Cause::BEARER, sip_cause: None });
            self.note(attempt, TriedEnd::BadAnswer, Cause::BEARER);
            return self.next(now, out);
        }
        hunt.answer = sdp;
        self.note_ringing(now);
        out.push_back(Action::StartBilling);
    }

    pub(crate) fn billing_started(&mut self, now: Now, started: Result<Timing, Refusal>, out: &mut Actions) {
        let Phase::Hunting(hunt) = &mut self.phase else { return };
        let Some(sdp) = hunt.answer.take() else { return };
        let Some(tried) = self.attempts.last() else { return };
        let carrier = Arc::clone(&tried.carrier);
        let attempt = (self.attempts.len() - 1) as Attempt;
        let timing = match started {
            Ok(timing) => timing,
            Err(refusal) => return self.answered_without_credit(now, refusal, out),
        };
        let codecs = hunt.codecs.intersection(carrier.codecs);
        let offered = hunt.offered.take();
        let Some((sdp, renegotiation)) = self.final_answer(offered.as_ref(), &sdp, codecs) else {
            return self.answered_without_credit(now, Refusal::NO_CODEC, out);
        };
        self.note(attempt, TriedEnd::Answered, Cause::NORMAL);
        self.timers.clear_all();
        self.phase = Phase::Talking(Box::new(Talk { answered: now, attempt, carrier, codecs, renegotiation }));
        self.start_credit_timers(now, timing);
        out.push_back(Action::Accept { sdp: Some(sdp) });
        out.push_back(Action::RecordOpen);
    }

    /// What the caller is told: the answer to its offer, or the carrier's offer where it made none.
    fn final_answer(&mut self, offered: Option<&FilteredOffer>, sdp: &[u8], codecs: CodecSet) -> Option<(Bytes, Renegotiation)> {
        match offered {
            Some(offered) => {
                let negotiated = media::check_answer(offered, sdp, &self.origins.caller).ok()?;
                self.codec_a = negotiated.codec;
                self.codec_b = negotiated.codec;
                self.origins.caller.sent(&negotiated.sdp);
                Some((negotiated.sdp, Renegotiation::Idle))
            }
            None => {
                let filtered = media::filter(sdp, codecs, &self.origins.caller).ok()?;
                self.origins.caller.sent(&filtered.sdp);
                Some((filtered.sdp.clone(), Renegotiation::Late { from: Side::Carrier, offered: Box::new(filtered) }))
            }
        }
    }

    /// The carrier saw an answered call, however short, and will charge for it; the caller did not.
    fn answered_without_credit(&mut self, now: Now, refusal: Refusal, out: &mut Actions) {
        let Some(attempt) = self.attempts.len().checked_sub(1) else { return };
        let attempt = attempt as Attempt;
        out.push_back(Action::BookCost { attempt });
        out.push_back(Action::Hangup { leg: LegId::Carrier(attempt), cause: refusal.cause, sip_cause: Some(refusal.status) });
        self.note(attempt, TriedEnd::Answered, refusal.cause);
        self.refuse(now, refusal, HangupBy::Switch, out);
    }

    pub(crate) fn attempt_ended(&mut self, now: Now, attempt: Attempt, end: AttemptEnd, cause: Option<Cause>, out: &mut Actions) {
        let Some((hunt, tried)) = self.hunting(attempt) else { return };
        let next = end.next(&tried.carrier, hunt.early_media);
        let own = match end {
            AttemptEnd::Status(status) => Cause::from_sip(status),
            AttemptEnd::Timeout | AttemptEnd::NoAnswer { rang: false } => Cause::TIMER,
            AttemptEnd::NoAnswer { rang: true } => Cause::NO_ANSWER,
            AttemptEnd::Unreachable => Cause::OUT_OF_ORDER,
            AttemptEnd::Full => Cause::NO_CIRCUIT,
            AttemptEnd::Down => Cause::TEMPORARY,
            AttemptEnd::NoCommonCodec => Cause::BEARER,
            AttemptEnd::NoDialog => Cause::PROTOCOL,
        };
        self.note(attempt, TriedEnd::Failed(end), cause.unwrap_or(own));
        match next {
            Next::Hunt => self.next(now, out),
            Next::Stop => self.refuse_by(now, [end], cause, out),
        }
    }

    fn next(&mut self, now: Now, out: &mut Actions) {
        if let Phase::Hunting(hunt) = &mut self.phase {
            hunt.place += 1;
            hunt.ringing = false;
            hunt.offered = None;
        }
        self.dial(now, out);
    }

    fn all_failed(&mut self, now: Now, out: &mut Actions) {
        let ends: Vec<AttemptEnd> = self.attempts.iter().map(|tried| tried.end.as_failure()).collect();
        let best = route::best_final(ends.iter().copied());
        let cause = best.attempt.and_then(|at| self.attempts.get(at)).map(|tried| tried.cause);
        self.refuse_by(now, ends, cause, out);
    }

    fn refuse_by(&mut self, now: Now, ends: impl IntoIterator<Item = AttemptEnd>, cause: Option<Cause>, out: &mut Actions) {
        let best = route::best_final(ends);
        self.refuse(now, Refusal::from_carriers(best.status, cause.unwrap_or(best.cause)), HangupBy::Carrier, out);
    }

    pub(crate) fn first_response_late(&mut self, now: Now, out: &mut Actions) {
        self.give_up(now, Cause::TIMER, AttemptEnd::Timeout, out);
    }

    /// Timer C: one that rings is nobody's fault and is not tried elsewhere; one that only said 100 is.
    pub(crate) fn no_answer(&mut self, now: Now, out: &mut Actions) {
        let Phase::Hunting(hunt) = &self.phase else { return };
        let rang = hunt.ringing;
        self.give_up(now, Cause::NO_ANSWER, AttemptEnd::NoAnswer { rang }, out);
    }

    fn give_up(&mut self, now: Now, cause: Cause, end: AttemptEnd, out: &mut Actions) {
        let Some(attempt) = self.attempts.len().checked_sub(1) else { return };
        let attempt = attempt as Attempt;
        out.push_back(Action::Hangup { leg: LegId::Carrier(attempt), cause, sip_cause: None });
        self.attempt_ended(now, attempt, end, None, out);
    }

    /// Ends the attempt that is under way, if any.
    pub(crate) fn hangup_attempt(&mut self, cause: Cause, out: &mut Actions) {
        let Some(attempt) = self.attempts.len().checked_sub(1) else { return };
        let attempt = attempt as Attempt;
        if self.hunting(attempt).is_some() {
            self.note(attempt, TriedEnd::Abandoned, cause);
            out.push_back(Action::Hangup { leg: LegId::Carrier(attempt), cause, sip_cause: None });
        }
    }

    fn note(&mut self, attempt: Attempt, end: TriedEnd, cause: Cause) {
        if let Some(tried) = self.attempts.get_mut(usize::from(attempt)) {
            tried.end = end;
            tried.cause = cause;
        }
    }
}

impl TriedEnd {
    /// What it counts as when all have failed.
    const fn as_failure(self) -> AttemptEnd {
        match self {
            Self::Failed(end) => end,
            Self::BadAnswer => AttemptEnd::NoCommonCodec,
            Self::UnderWay | Self::Answered | Self::Abandoned => AttemptEnd::Timeout,
        }
    }
}
