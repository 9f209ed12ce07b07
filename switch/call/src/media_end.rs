//! Calls that end for the sake of their media: there is none to be had, or none comes any more.

use route::AttemptEnd;
use units::{Cause, Now, Tick};

use crate::call::{Actions, Call};
use crate::event::{Action, Attempt, HangupBy, LegId, ReleaseReason, Side};
use crate::phase::Phase;
use crate::refusal::Refusal;

const BOTH: [Side; 2] = [Side::Caller, Side::Carrier];

impl Call {
    /// No media comes any more from a side that should send: both are hung up, and what came after
    /// `billed_until` is not billed. The carrier charges until now.
    pub(crate) fn media_ended(&mut self, now: Now, billed_until: Tick, out: &mut Actions) {
        let Phase::Talking(talk) = &mut self.phase else { return };
        talk.billed_until = billed_until;
        let why = ReleaseReason::cause(Cause::UNSPECIFIED);
        self.hang_up(now, &BOTH, HangupBy::Switch, why, "rtp-timeout", out);
    }

    /// Media cannot be had for the leg of one attempt: the next destination has its turn. An answered call
    /// ends, as with [`Self::no_media`].
    pub(crate) fn no_media_of(&mut self, now: Now, attempt: Attempt, out: &mut Actions) {
        if self.is_talking() {
            return self.no_media(now, out);
        }
        if self.hunting(attempt).is_some() {
            let why = ReleaseReason::cause(Refusal::NO_PORTS.cause);
            out.push_back(Action::Release { leg: LegId::Carrier(attempt), why });
            self.attempt_ended(now, attempt, AttemptEnd::NoPorts, None, out);
        }
    }

    /// Media cannot be had: the caller is refused, or both sides are hung up.
    pub(crate) fn no_media(&mut self, now: Now, out: &mut Actions) {
        let refusal = Refusal::NO_PORTS;
        if self.is_talking() {
            let why = ReleaseReason::cause(refusal.cause);
            return self.hang_up(now, &BOTH, HangupBy::Switch, why, refusal.reason, out);
        }
        self.hangup_attempts(ReleaseReason::cause(refusal.cause), out);
        self.refuse(now, refusal, HangupBy::Switch, out);
    }
}
