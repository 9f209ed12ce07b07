//! The answer that ends the hunt: taken by the call, or of no use.

use std::sync::Arc;

use media::Session;
use rating::engine::LeaseTiming;
use route::CodecTerms;
use units::{Cause, Now, Tick};

use crate::both_codecs::BothCodecs;
use crate::call::{Actions, Call};
use crate::event::{Action, Attempt, Branch, HangupBy, LegId, ReleaseReason, Side};
use crate::phase::{Agreed, AgreedCodecs, Answered, Hunt, Phase, Renegotiation, Talk, TriedEnd};
use crate::refusal::Refusal;

impl Call {
    pub(crate) fn answer(
        &mut self,
        now: Now,
        (attempt, branch): (Attempt, Branch),
        session: Option<&Session>,
        out: &mut Actions,
    ) {
        let caller = self.origin.codec_terms();
        let Some((hunt, tried)) = self.hunting(attempt) else { return };
        let codecs = BothCodecs { caller, called: tried.callee.codec_terms() };
        let answered = hunt.answered((attempt, branch), session, codecs);
        let Some(answered) = answered else {
            out.push_back(Action::BookCost { attempt });
            out.push_back(Action::Release {
                leg: LegId::Carrier(attempt),
                why: ReleaseReason::cause(Cause::BEARER),
            });
            hunt.end_early_of(attempt, out);
            self.note(attempt, TriedEnd::BadAnswer, Cause::BEARER);
            return self.next(now, out);
        };
        hunt.answer = Some(answered);
        self.note_ringing(now, attempt);
        out.push_back(Action::StartBilling);
    }

    pub(crate) fn billing_started(
        &mut self,
        now: Now,
        started: Result<LeaseTiming, Refusal>,
        out: &mut Actions,
    ) {
        let Phase::Hunting(hunt) = &mut self.phase else { return };
        let Some(Answered { attempt, branch, agreed, is_offer }) = hunt.answer.take() else { return };
        let Some(tried) = self.attempts.get(usize::from(attempt)) else { return };
        let callee = tried.callee.clone();
        let timing = match started {
            Ok(timing) => timing,
            Err(refusal) => return self.answered_without_credit(now, attempt, refusal, out),
        };
        let caller = CodecTerms { codecs: hunt.codecs, ..self.origin.codec_terms() };
        let codecs = BothCodecs { caller, called: callee.codec_terms() };
        let Agreed { session, codecs: agreed } = agreed;
        self.codecs = agreed;
        let renegotiation = match is_offer {
            true => Renegotiation::Late { from: Side::Carrier, offered: Arc::clone(&session) },
            false => hunt.exchange_with((attempt, branch)),
        };
        self.note(attempt, TriedEnd::Answered, Cause::NORMAL);
        self.timers.clear_all();
        out.push_back(Action::Accept { attempt, branch, session });
        self.hangup_attempts(ReleaseReason::elsewhere(Refusal::NONE), out);
        let billed_until = Tick::NEVER;
        self.phase = Phase::Talking(Box::new(Talk {
            answered: now,
            attempt,
            callee,
            codecs,
            renegotiation,
            is_told: true,
            billed_until,
        }));
        self.start_credit_timers(now, timing);
        out.push_back(Action::RecordOpen);
    }

    /// The carrier saw an answered call, however short, and will charge for it; the caller did not.
    fn answered_without_credit(&mut self, now: Now, attempt: Attempt, refusal: Refusal, out: &mut Actions) {
        out.push_back(Action::BookCost { attempt });
        out.push_back(Action::Release {
            leg: LegId::Carrier(attempt),
            why: ReleaseReason::refused(&refusal),
        });
        self.note(attempt, TriedEnd::Answered, refusal.cause);
        self.hangup_attempts(ReleaseReason::refused(&refusal), out);
        self.refuse(now, refusal, HangupBy::Switch, out);
    }
}

impl Hunt {
    /// The carrier's final word as the caller is told it; none if it cannot be used.
    ///
    /// Where the caller offered: the answer in it, else the one that the same phone gave early (RFC 3261
    /// §13.2.1). Else the carrier's offer, unless that came early; one that waits for its answer forbids a
    /// final word (RFC 3262 §3).
    fn answered(
        &self,
        (attempt, branch): (Attempt, Branch),
        session: Option<&Session>,
        codecs: BothCodecs,
    ) -> Option<Answered> {
        let of = (attempt, branch);
        let early = || self.early.iter().find(|(known, _)| *known == of).map(|(_, agreed)| agreed.clone());
        let Some(offered) = &self.offered else {
            if let Some(agreed) = early() {
                return Some(Answered { attempt, branch, agreed, is_offer: false });
            }
            let waits = self.first_offers.iter().any(|(known, _)| *known == of);
            let session = codecs.offer(Side::Carrier, session.filter(|_| !waits)?).ok()?;
            let agreed = Agreed { session, codecs: AgreedCodecs::default() };
            return Some(Answered { attempt, branch, agreed, is_offer: true });
        };
        let agreed = session.and_then(|answer| Agreed::of(offered, answer)).or_else(early)?;
        agreed.session.is_open().then_some(Answered { attempt, branch, agreed, is_offer: false })
    }
}

impl Agreed {
    pub(super) fn of(offered: &Session, answer: &Session) -> Option<Self> {
        let negotiated = offered.answered(answer).ok()?;
        let codecs = AgreedCodecs::of(Side::Caller, &negotiated);
        Some(Self { codecs, session: Arc::new(negotiated.session) })
    }
}
