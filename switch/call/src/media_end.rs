//! Calls that end for the sake of their media: there is none to be had, or none comes any more.

use units::{Cause, Now, Tick};

use crate::call::{Actions, Call};
use crate::event::{HangupBy, ReleaseReason, Side};
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
