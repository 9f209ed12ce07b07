//! Credit while the call runs: renew the lease, warn before the end, cut at its last increment, checkpoint
//! what a crash may bill.

use rating::engine::{Extension, LeaseTiming};
use units::{Cause, Now};

use crate::call::{Actions, Call};
use crate::event::{Action, HangupBy, ReleaseReason, Side};
use crate::origin::{MAX_CALL_SECS, Origin};
use crate::phase::Phase;
use crate::refusal::Refusal;
use crate::timer::Timer;

impl Call {
    pub(crate) fn start_credit_timers(&mut self, answered: Now, timing: LeaseTiming) {
        let at = |ms| answered.tick.plus_ms(ms);
        self.timers.set(Timer::Renew, at(timing.renew_at_ms));
        self.timers.set(Timer::Cut, at(timing.cut_at_ms));
        self.timers.set(Timer::Checkpoint, at(u64::from(self.checkpoint_ms)));
        self.timers.set(Timer::MaxCall, at(u64::from(self.max_call_secs()) * 1_000));
        self.warn_later(timing);
    }

    /// The gate's limit: the caller's, or that of a gate which a carrier's call rings.
    fn max_call_secs(&self) -> u32 {
        match (&self.origin, &self.phase) {
            (Origin::Gate(gate), _) => gate.max_call_secs,
            (Origin::Carrier(..), Phase::Talking(talk)) => talk.callee.max_call_secs(),
            (
                Origin::Carrier(..),
                Phase::Admitting { .. } | Phase::Hunting(_) | Phase::Settling(_) | Phase::Over,
            ) => MAX_CALL_SECS,
        }
    }

    /// The end of the money in sight moves with every extension, and with every payment.
    pub(crate) fn warn_later(&mut self, timing: LeaseTiming) {
        let Phase::Talking(talk) = &self.phase else { return };
        match timing.warn_at_ms {
            Some(ms) => self.timers.set(Timer::Warn, talk.answered.tick.plus_ms(ms)),
            None => self.timers.clear(Timer::Warn),
        }
    }

    pub(crate) fn warn(&self, now: Now, out: &mut Actions) {
        if let Phase::Talking(talk) = &self.phase {
            out.push_back(Action::Warn { elapsed_ms: now.tick.ms_since(talk.answered.tick) });
        }
    }

    pub(crate) fn extend(&mut self, now: Now, out: &mut Actions) {
        if let Phase::Talking(talk) = &self.phase {
            out.push_back(Action::Extend { elapsed_ms: now.tick.ms_since(talk.answered.tick) });
        }
    }

    /// A refused extension waits for [`Event::FundsReturned`](crate::Event::FundsReturned), until the cut.
    pub(crate) fn extended(&mut self, extension: Extension) {
        let Phase::Talking(talk) = &self.phase else { return };
        let timing = extension.timing;
        let at = |ms| talk.answered.tick.plus_ms(ms);
        self.timers.set(Timer::Cut, at(timing.cut_at_ms));
        if extension.refused {
            self.timers.clear(Timer::Renew);
        } else {
            self.timers.set(Timer::Renew, at(timing.renew_at_ms));
        }
        self.warn_later(timing);
    }

    /// The last leased increment is over.
    pub(crate) fn cut(&mut self, now: Now, out: &mut Actions) {
        let sides = [Side::Caller, Side::Carrier];
        self.hang_up(
            now,
            &sides,
            HangupBy::Switch,
            ReleaseReason::refused(&Refusal::NO_CREDIT),
            Refusal::NO_CREDIT.reason,
            out,
        );
    }

    pub(crate) fn max_call(&mut self, now: Now, out: &mut Actions) {
        let sides = [Side::Caller, Side::Carrier];
        self.hang_up(now, &sides, HangupBy::Switch, ReleaseReason::cause(Cause::TIMER), "max-call-secs", out);
    }

    pub(crate) fn checkpoint(&mut self, now: Now, out: &mut Actions) {
        let Phase::Talking(talk) = &self.phase else { return };
        // What a caller was not told of would be billed by it after a crash.
        if talk.is_told {
            out.push_back(Action::RecordCheckpoint { elapsed_ms: now.tick.ms_since(talk.answered.tick) });
        }
        self.timers.set(Timer::Checkpoint, now.tick.plus_ms(u64::from(self.checkpoint_ms)));
    }
}
