//! How long a call waits for its peer.

use super::facts::Deadlines;
use super::settings::Timers;
use super::state::{Call, Phase, ReleasedBy};
use crate::h245::ControlTimers;
use units::{Cause, Tick};

impl Timers {
    /// Those of H.245.
    pub(super) const fn control(&self) -> ControlTimers {
        ControlTimers {
            procedure_ms: self.control_ms,
            round_trip_every_ms: self.round_trip_every_ms,
            round_trip_ms: self.round_trip_ms,
        }
    }
}

impl Call {
    /// When [`Call::handle_timeout`] is wanted.
    pub fn next_deadline(&self) -> Option<Tick> {
        if self.phase == Phase::Released {
            return None;
        }
        let Deadlines { phase, media, end_session } = self.deadlines;
        [phase, media, end_session, self.control.next_deadline()].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Tick) {
        if self.phase == Phase::Released {
            return;
        }
        let is_due = |deadline: Option<Tick>| deadline.is_some_and(|at| at <= now);
        if is_due(self.deadlines.end_session) {
            return self.finish(Cause::NORMAL, ReleasedBy::Peer, true);
        }
        if is_due(self.deadlines.phase) {
            // a called side that rings and does not answer is no fault of the network
            let cause = if self.phase == Phase::Alerting { Cause::NO_ANSWER } else { Cause::TIMER };
            return self.finish(cause, ReleasedBy::Timer, true);
        }
        if is_due(self.deadlines.media) {
            return self.finish(Cause(47), ReleasedBy::Timer, true);
        }
        self.control.handle_timeout(now);
        self.flush(now);
    }
}
