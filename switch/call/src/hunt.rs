//! Hunting: carriers in the order of the plan, contacts of a SIP account by preference, those of one
//! preference together; next by cause, stop by cause (RFC 3261 §16.6, §16.7).
//!
//! Invariant: whatever ends the hunt, every attempt under way is released.

use std::sync::Arc;

use media::Session;
use route::{AttemptEnd, CodecTerms, Next};
use units::{Cause, Now, Tick};

mod answer;
mod way;

use way::Place;

use crate::both_codecs::BothCodecs;
use crate::call::{Actions, Call};
use crate::destination::Callee;
use crate::event::{
    ATTEMPTS_MAX, Action, Admission, Attempt, Branch, HangupBy, LegId, Progress, ReleaseReason, Side,
};
use crate::phase::{Agreed, Hunt, Phase, Tried, TriedEnd};
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
            together: 0,
            offered: None,
            ringing: false,
            early_media: false,
            heard: None,
            early: Vec::new(),
            exchange: None,
            first_offers: Vec::new(),
            answer: None,
        }));
        self.dial(now, out);
    }

    /// Dials the party at the current place, or the first after it that can take the offer; and all that ring
    /// together with it.
    fn dial(&mut self, now: Now, out: &mut Actions) {
        self.timers.clear_all();
        if let Phase::Hunting(hunt) = &mut self.phase {
            hunt.together = self.attempts.len();
        }
        loop {
            let Phase::Hunting(hunt) = &mut self.phase else { return };
            let place = hunt.way.at(hunt.place).filter(|_| self.attempts.len() < ATTEMPTS_MAX);
            let Some(place) = place else { break };
            hunt.place += 1;
            let goes_on = hunt.way.rings_with_previous(hunt.place);
            if self.dial_one(now, place, out) && !goes_on {
                break;
            }
        }
        if self.is_calling() { self.watch() } else { self.all_failed(now, out) }
    }

    /// False if it is no more, or takes nothing of the offer.
    fn dial_one(&mut self, now: Now, place: Place, out: &mut Actions) -> bool {
        let Place { callee: Some(callee), is_loss, reason } = place else { return false };
        let Phase::Hunting(hunt) = &mut self.phase else { return false };
        let attempt = self.attempts.len() as Attempt;
        self.route_reason = reason;
        let caller = CodecTerms { codecs: hunt.codecs, ..self.origin.codec_terms() };
        let codecs = BothCodecs { caller, called: callee.codec_terms() };
        let offered = hunt.offer.as_ref().map(|offer| codecs.offer(Side::Caller, offer)).transpose();
        self.attempts.push(Tried {
            callee: callee.clone(),
            started_at: now.wall,
            dialled: now.tick,
            heard_at: Tick::NEVER,
            pdd_ms: None,
            end: TriedEnd::UnderWay,
            cause: Cause::UNSPECIFIED,
        });
        match offered {
            Ok(offered) => {
                hunt.offered.clone_from(&offered);
                out.push_back(Action::Dial { attempt, callee, session: offered, is_loss });
                true
            }
            Err(_) => {
                self.note(attempt, TriedEnd::Failed(AttemptEnd::NoCommonCodec), Cause::BEARER);
                false
            }
        }
    }

    /// An attempt that is under way.
    pub(crate) fn hunting(&mut self, attempt: Attempt) -> Option<(&mut Hunt, &mut Tried)> {
        match (&mut self.phase, self.attempts.get_mut(usize::from(attempt))) {
            (Phase::Hunting(hunt), Some(tried)) if tried.end == TriedEnd::UnderWay => Some((hunt, tried)),
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

    /// The attempts that were dialled together last and are under way.
    fn under_way(&self) -> impl Iterator<Item = (Attempt, &Tried)> {
        let from = match &self.phase {
            Phase::Hunting(hunt) => hunt.together,
            Phase::Admitting { .. } | Phase::Talking(_) | Phase::Settling(_) | Phase::Over => {
                self.attempts.len()
            }
        };
        let places = self.attempts.iter().enumerate().skip(from);
        places
            .filter(|(_, tried)| tried.end == TriedEnd::UnderWay)
            .map(|(place, tried)| (place as Attempt, tried))
    }

    fn is_calling(&self) -> bool {
        self.under_way().next().is_some()
    }

    /// Sets the deadlines of the attempts under way: the earliest of each kind.
    fn watch(&mut self) {
        let (mut first_response, mut no_answer) = (Tick::NEVER, Tick::NEVER);
        for (_, tried) in self.under_way() {
            match tried.deadline() {
                (Timer::FirstResponse, at) => first_response = first_response.min(at),
                (_, at) => no_answer = no_answer.min(at),
            }
        }
        self.timers.set(Timer::FirstResponse, first_response);
        self.timers.set(Timer::NoAnswer, no_answer);
    }

    pub(crate) fn progress(
        &mut self,
        now: Now,
        (attempt, branch): (Attempt, Branch),
        progress: Progress,
        session: Option<Arc<Session>>,
        out: &mut Actions,
    ) {
        let Some((hunt, _)) = self.hunting(attempt) else { return };
        let mut first_offer = None;
        if let Some(offer) = session.as_deref().filter(|_| hunt.offered.is_none()) {
            first_offer = self.first_offer_of((attempt, branch), offer);
            if first_offer.is_none() {
                return self.useless_offer(now, attempt, out);
            }
        }
        let Some((hunt, tried)) = self.hunting(attempt) else { return };
        let alive = progress != Progress::Trying;
        hunt.ringing |= alive;
        // An early answer that is not one is not passed on; the final answer decides.
        let early =
            hunt.offered.as_ref().zip(session).and_then(|(offered, answer)| Agreed::of(offered, &answer));
        let mut told = None;
        if let Some(early) = early {
            hunt.early_media = true;
            // Of several callees that ring together the caller hears the first.
            told = (*hunt.heard.get_or_insert(attempt) == attempt).then(|| Arc::clone(&early.session));
            if !hunt.early.iter().any(|(known, _)| *known == (attempt, branch)) {
                hunt.early.push(((attempt, branch), early));
            }
        }
        // Timer C starts at the first sign of life and again at each that is more than "trying" (RFC 3261
        // §16.7 step 2).
        if alive || tried.heard_at == Tick::NEVER {
            tried.heard_at = now.tick;
        }
        self.watch();
        if alive {
            self.note_ringing(now, attempt);
            let session = told.or(first_offer);
            out.push_back(Action::Progress { attempt, branch, progress, session });
        }
    }

    pub(super) fn note_ringing(&mut self, now: Now, attempt: Attempt) {
        self.pdd_ms.get_or_insert(now.tick.ms_since(self.started.tick));
        if let Some(tried) = self.attempts.get_mut(usize::from(attempt)) {
            tried.pdd_ms.get_or_insert(now.tick.ms_since(tried.dialled));
        }
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
        let is_number = matches!(tried.callee, Callee::Number(_));
        hunt.heard.take_if(|heard| *heard == attempt);
        hunt.end_early_of(attempt, out);
        self.note(attempt, TriedEnd::Failed(end), cause.unwrap_or_else(|| end.cause()));
        match next {
            Next::Hunt => self.next(now, out),
            Next::Stop if is_number && end.is_unreachable() => {
                self.refuse(now, Refusal::NOT_REACHABLE, HangupBy::Switch, out)
            }
            Next::Stop => {
                if let AttemptEnd::Status(status) = end {
                    self.hangup_attempts(ReleaseReason::elsewhere(status), out);
                }
                self.refuse_by(now, [end], cause, out)
            }
        }
    }

    /// After an attempt that failed: those that ring together with it go on; after the last of them the next
    /// have their turn.
    pub(super) fn next(&mut self, now: Now, out: &mut Actions) {
        if self.is_calling() {
            return self.watch();
        }
        if let Phase::Hunting(hunt) = &mut self.phase {
            hunt.ringing = false;
            hunt.offered = None;
            hunt.heard = None;
            hunt.early.clear();
        }
        self.dial(now, out);
    }

    fn all_failed(&mut self, now: Now, out: &mut Actions) {
        let ends: Vec<AttemptEnd> = self.attempts.iter().map(|tried| tried.end.as_failure()).collect();
        let is_account = self.attempts.iter().all(|tried| matches!(tried.callee, Callee::Contact(..)));
        if is_account && ends.iter().all(|end| end.is_unreachable()) {
            return self.refuse(now, Refusal::NOT_REACHABLE, HangupBy::Switch, out);
        }
        let best = route::best_final(ends.iter().copied());
        if best.attempt.is_none() && ends.contains(&AttemptEnd::NoPorts) {
            return self.refuse(now, Refusal::NO_PORTS, HangupBy::Switch, out);
        }
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
        while let Some((attempt, _)) = self.late(now, Timer::FirstResponse) {
            self.give_up(now, attempt, (Cause::TIMER, AttemptEnd::Timeout), out);
        }
    }

    /// Timer C: one that rings is nobody's fault and is not tried elsewhere; one that only said 100 is.
    pub(crate) fn no_answer(&mut self, now: Now, out: &mut Actions) {
        while let Some((attempt, tried)) = self.late(now, Timer::NoAnswer) {
            let rang = tried.pdd_ms.is_some();
            self.give_up(now, attempt, (Cause::NO_ANSWER, AttemptEnd::NoAnswer { rang }), out);
        }
    }

    /// An attempt under way whose time is over.
    fn late(&self, now: Now, timer: Timer) -> Option<(Attempt, &Tried)> {
        let is_late = |tried: &Tried| {
            let (of, at) = tried.deadline();
            of == timer && at <= now.tick
        };
        self.under_way().find(|(_, tried)| is_late(tried))
    }

    fn give_up(&mut self, now: Now, attempt: Attempt, (cause, end): (Cause, AttemptEnd), out: &mut Actions) {
        out.push_back(Action::Release { leg: LegId::Carrier(attempt), why: ReleaseReason::cause(cause) });
        self.attempt_ended(now, attempt, end, None, out);
    }

    /// Ends the attempts that are under way, if any.
    pub(crate) fn hangup_attempts(&mut self, why: ReleaseReason, out: &mut Actions) {
        loop {
            let next = self.under_way().next().map(|(attempt, _)| attempt);
            let Some(attempt) = next else { return };
            self.note(attempt, TriedEnd::Abandoned, why.cause);
            out.push_back(Action::Release { leg: LegId::Carrier(attempt), why });
        }
    }

    pub(super) fn note(&mut self, attempt: Attempt, end: TriedEnd, cause: Cause) {
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

impl Tried {
    /// Until when it has to say something: for the first time, or what becomes of the call.
    fn deadline(&self) -> (Timer, Tick) {
        if self.heard_at == Tick::NEVER {
            let ms = u64::from(self.callee.first_response_ms());
            return (Timer::FirstResponse, self.dialled.plus_ms(ms));
        }
        let ms = u64::from(self.callee.no_answer_secs()) * 1_000;
        (Timer::NoAnswer, self.heard_at.plus_ms(ms))
    }
}
