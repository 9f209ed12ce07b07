//! Hunting: carriers in the order of the plan, next by cause, stop by cause, and the answer that ends it.

use std::sync::Arc;

use codecs::CodecSet;
use media::Session;
use rating::engine::LeaseTiming;
use route::{AttemptEnd, Next, OurNumber};
use units::{Cause, Now};

use crate::call::{Actions, Call};
use crate::destination::{Callee, Destination};
use crate::event::{
    ATTEMPTS_MAX, Action, Admission, Attempt, Branch, HangupBy, LegId, Progress, ReleaseReason, Side,
};
use crate::phase::{Agreed, Answered, Hunt, Phase, Renegotiation, Talk, Tried, TriedEnd};
use crate::refusal::Refusal;
use crate::timer::Timer;

impl Call {
    pub(crate) fn admitted(&mut self, now: Now, admission: Admission, out: &mut Actions) {
        let Phase::Admitting { offer } = &mut self.phase else { return };
        let offer = std::mem::replace(offer, Ok(None)).unwrap_or(None);
        self.goes_to(admission.destination());
        self.left_out = admission.left_out();
        self.phase = Phase::Hunting(Box::new(Hunt {
            offer,
            codecs: self.origin.codecs(),
            way: admission,
            place: 0,
            offered: None,
            ringing: false,
            early_media: false,
            early: Vec::new(),
            answer: None,
        }));
        self.dial(now, out);
    }

    /// Dials the carrier at the current place, or the first after it that can take the offer.
    fn dial(&mut self, now: Now, out: &mut Actions) {
        self.timers.clear_all();
        loop {
            let Phase::Hunting(hunt) = &mut self.phase else { return };
            let place = hunt.way.at(hunt.place).filter(|_| self.attempts.len() < ATTEMPTS_MAX);
            let Some(Place { callee, is_loss, reason }) = place else { return self.all_failed(now, out) };
            let Some(callee) = callee else {
                hunt.place += 1;
                continue;
            };
            let attempt = self.attempts.len() as Attempt;
            self.route_reason = reason;
            let allowed = hunt.codecs.intersection(callee.codecs());
            let offered = hunt.offer.as_ref().map(|offer| offer.offer(allowed).map(Arc::new)).transpose();
            self.attempts.push(Tried {
                callee: callee.clone(),
                started_at: now.wall,
                dialled: now.tick,
                pdd_ms: None,
                end: TriedEnd::UnderWay,
                cause: Cause::UNSPECIFIED,
            });
            match offered {
                Ok(offered) => {
                    hunt.offered.clone_from(&offered);
                    self.timers
                        .set(Timer::FirstResponse, now.tick.plus_ms(u64::from(callee.first_response_ms())));
                    return out.push_back(Action::Dial { attempt, callee, session: offered, is_loss });
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
            (Phase::Hunting(hunt), Some(tried)) if last && tried.end == TriedEnd::UnderWay => {
                Some((hunt, tried))
            }
            (
                Phase::Hunting(_)
                | Phase::Admitting { .. }
                | Phase::Talking(_)
                | Phase::Settling(_)
                | Phase::Over,
                _,
            ) => None,
        }
    }

    pub(crate) fn progress(
        &mut self,
        now: Now,
        (attempt, branch): (Attempt, Branch),
        progress: Progress,
        session: Option<Arc<Session>>,
        out: &mut Actions,
    ) {
        let Some((hunt, tried)) = self.hunting(attempt) else { return };
        let alive = progress != Progress::Trying;
        hunt.ringing |= alive;
        // An early answer that is not one is not passed on; the final answer decides.
        let early =
            hunt.offered.as_ref().zip(session).and_then(|(offered, answer)| Agreed::of(offered, &answer));
        if let Some(early) = &early {
            hunt.early_media = true;
            if !hunt.early.iter().any(|(known, _)| *known == branch) {
                hunt.early.push((branch, early.clone()));
            }
        }
        let no_answer_ms = u64::from(tried.callee.no_answer_secs()) * 1_000;
        self.timers.clear(Timer::FirstResponse);
        // Timer C starts at the first sign of life and again at each that is more than "trying" (RFC 3261
        // §16.7 step 2).
        if alive || !self.timers.is_set(Timer::NoAnswer) {
            self.timers.set(Timer::NoAnswer, now.tick.plus_ms(no_answer_ms));
        }
        if alive {
            self.note_ringing(now);
            out.push_back(Action::Progress {
                attempt,
                branch,
                progress,
                session: early.map(|early| early.session),
            });
        }
    }

    fn note_ringing(&mut self, now: Now) {
        self.pdd_ms.get_or_insert(now.tick.ms_since(self.started.tick));
        if let Some(tried) = self.attempts.last_mut() {
            tried.pdd_ms.get_or_insert(now.tick.ms_since(tried.dialled));
        }
    }

    pub(crate) fn answer(
        &mut self,
        now: Now,
        (attempt, branch): (Attempt, Branch),
        session: Option<&Session>,
        out: &mut Actions,
    ) {
        let codecs = self.origin.codecs();
        let Some((hunt, tried)) = self.hunting(attempt) else { return };
        let answered = hunt.answered(branch, session, codecs.intersection(tried.callee.codecs()));
        let Some(answered) = answered else {
            out.push_back(Action::BookCost { attempt });
            out.push_back(Action::Release {
                leg: LegId::Carrier(attempt),
                why: ReleaseReason::cause(Cause::BEARER),
            });
            self.note(attempt, TriedEnd::BadAnswer, Cause::BEARER);
            return self.next(now, out);
        };
        hunt.answer = Some(answered);
        self.note_ringing(now);
        out.push_back(Action::StartBilling);
    }

    pub(crate) fn billing_started(
        &mut self,
        now: Now,
        started: Result<LeaseTiming, Refusal>,
        out: &mut Actions,
    ) {
        let Phase::Hunting(hunt) = &mut self.phase else { return };
        let Some(Answered { branch, agreed, is_offer }) = hunt.answer.take() else { return };
        let Some(tried) = self.attempts.last() else { return };
        let callee = tried.callee.clone();
        let attempt = (self.attempts.len() - 1) as Attempt;
        let timing = match started {
            Ok(timing) => timing,
            Err(refusal) => return self.answered_without_credit(now, refusal, out),
        };
        let codecs = hunt.codecs.intersection(callee.codecs());
        let Agreed { session, codec } = agreed;
        (self.codec_a, self.codec_b) = (codec, codec);
        let renegotiation = match is_offer {
            true => Renegotiation::Late { from: Side::Carrier, offered: Arc::clone(&session) },
            false => Renegotiation::Idle,
        };
        self.note(attempt, TriedEnd::Answered, Cause::NORMAL);
        self.timers.clear_all();
        self.phase = Phase::Talking(Box::new(Talk { answered: now, attempt, callee, codecs, renegotiation }));
        self.start_credit_timers(now, timing);
        out.push_back(Action::Accept { attempt, branch, session });
        out.push_back(Action::RecordOpen);
    }

    /// The carrier saw an answered call, however short, and will charge for it; the caller did not.
    fn answered_without_credit(&mut self, now: Now, refusal: Refusal, out: &mut Actions) {
        let Some(attempt) = self.attempts.len().checked_sub(1) else { return };
        let attempt = attempt as Attempt;
        out.push_back(Action::BookCost { attempt });
        out.push_back(Action::Release {
            leg: LegId::Carrier(attempt),
            why: ReleaseReason::refused(&refusal),
        });
        self.note(attempt, TriedEnd::Answered, refusal.cause);
        self.refuse(now, refusal, HangupBy::Switch, out);
    }

    pub(crate) fn attempt_ended(
        &mut self,
        now: Now,
        attempt: Attempt,
        end: AttemptEnd,
        cause: Option<Cause>,
        out: &mut Actions,
    ) {
        let Some((hunt, tried)) = self.hunting(attempt) else { return };
        let next = tried.callee.next(end, hunt.early_media);
        let is_number = tried.callee.carrier().is_none();
        self.note(attempt, TriedEnd::Failed(end), cause.unwrap_or_else(|| end.cause()));
        match next {
            Next::Hunt => self.next(now, out),
            Next::Stop if is_number && end.is_unreachable() => {
                self.refuse(now, Refusal::NOT_REACHABLE, HangupBy::Switch, out)
            }
            Next::Stop => self.refuse_by(now, [end], cause, out),
        }
    }

    fn next(&mut self, now: Now, out: &mut Actions) {
        if let Phase::Hunting(hunt) = &mut self.phase {
            hunt.place += 1;
            hunt.ringing = false;
            hunt.offered = None;
            hunt.early.clear();
        }
        self.dial(now, out);
    }

    fn all_failed(&mut self, now: Now, out: &mut Actions) {
        let ends: Vec<AttemptEnd> = self.attempts.iter().map(|tried| tried.end.as_failure()).collect();
        let best = route::best_final(ends.iter().copied());
        let cause = best.attempt.and_then(|at| self.attempts.get(at)).map(|tried| tried.cause);
        self.refuse_by(now, ends, cause, out);
    }

    fn refuse_by(
        &mut self,
        now: Now,
        ends: impl IntoIterator<Item = AttemptEnd>,
        cause: Option<Cause>,
        out: &mut Actions,
    ) {
        let best = route::best_final(ends);
        self.refuse(
            now,
            Refusal::from_carriers(best.status, cause.unwrap_or(best.cause)),
            HangupBy::Carrier,
            out,
        );
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
        out.push_back(Action::Release { leg: LegId::Carrier(attempt), why: ReleaseReason::cause(cause) });
        self.attempt_ended(now, attempt, end, None, out);
    }

    /// Ends the attempt that is under way, if any.
    pub(crate) fn hangup_attempt(&mut self, cause: Cause, out: &mut Actions) {
        let Some(attempt) = self.attempts.len().checked_sub(1) else { return };
        let attempt = attempt as Attempt;
        if self.hunting(attempt).is_some() {
            self.note(attempt, TriedEnd::Abandoned, cause);
            out.push_back(Action::Release { leg: LegId::Carrier(attempt), why: ReleaseReason::cause(cause) });
        }
    }

    fn note(&mut self, attempt: Attempt, end: TriedEnd, cause: Cause) {
        if let Some(tried) = self.attempts.get_mut(usize::from(attempt)) {
            tried.end = end;
            tried.cause = cause;
        }
    }
}

impl Hunt {
    /// The carrier's final word as the caller is told it; none if it cannot be used.
    ///
    /// Where the caller offered: the answer in it, else the one that the same phone gave early (RFC 3261
    /// §13.2.1). Else the carrier's offer.
    fn answered(&self, branch: Branch, session: Option<&Session>, codecs: CodecSet) -> Option<Answered> {
        let Some(offered) = &self.offered else {
            let session = Arc::new(session?.offer(codecs).ok()?);
            return Some(Answered { branch, agreed: Agreed { session, codec: None }, is_offer: true });
        };
        let early =
            || self.early.iter().find(|(known, _)| *known == branch).map(|(_, agreed)| agreed.clone());
        let agreed = session.and_then(|answer| Agreed::of(offered, answer)).or_else(early)?;
        agreed.codec.is_some().then_some(Answered { branch, agreed, is_offer: false })
    }
}

impl Agreed {
    fn of(offered: &Session, answer: &Session) -> Option<Self> {
        let negotiated = offered.answered(answer).ok()?;
        Some(Self { codec: negotiated.codec, session: Arc::new(negotiated.session) })
    }
}

/// One party to dial, and why it is there.
struct Place {
    /// None if the configuration no longer has it.
    callee: Option<Callee>,
    /// It charges more than the call brings.
    is_loss: bool,
    /// The CDR's `route_reason`.
    reason: Box<str>,
}

impl Admission {
    /// The party at a place from 0; none after the last.
    fn at(&self, place: usize) -> Option<Place> {
        match self {
            Self::Carriers { plan, carriers } => {
                let step = plan.steps.get(place)?;
                let callee = carriers.by_id(step.carrier).map(Arc::clone).map(Callee::Carrier);
                Some(Place { callee, is_loss: step.is_loss, reason: plan.reason(step).to_string().into() })
            }
            Self::Number(callee) if place == 0 => {
                let OurNumber { e164, account, target } = &*callee.number;
                let reason = format!("number {e164} of {account} rings {target}").into();
                Some(Place { callee: Some(Callee::Number(Arc::clone(callee))), is_loss: false, reason })
            }
            Self::Number(_) => None,
        }
    }

    fn destination(&self) -> Destination {
        match self {
            Self::Carriers { .. } => Destination::Carriers,
            Self::Number(callee) => Destination::Number(Arc::clone(&callee.number)),
        }
    }

    /// Carriers left out, as `beta (down), gamma (full)`.
    fn left_out(&self) -> Box<str> {
        let Self::Carriers { plan, carriers } = self else { return Box::default() };
        let one = |&(id, why): &(route::CarrierId, route::LeftOut)| {
            format!("{} ({why})", carriers.name(id).map_or("?", |name| &**name))
        };
        plan.left_out.iter().map(one).collect::<Vec<_>>().join(", ").into()
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
