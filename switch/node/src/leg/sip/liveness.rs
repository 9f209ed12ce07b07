//! Whether a peer without session timer still has its call: OPTIONS in the dialog after a long silence (RFC
//! 3261 §12.2.1.2).
//! Invariant: only two answers of 481 or 408, or no answer twice in a row, end a leg; any other answer proves
//! life.

use units::{Now, Tick};

use super::session_timer::SessionState;
use crate::config_snapshot::NodeTiming;

/// Between a first 481 or 408 and the question that decides.
pub(super) const AGAIN_MS: u64 = 5_000;
/// The same after an ICMP error, which may be a host that starts again: as long as a request without answer
/// would have waited.
pub(super) const UNREACHABLE_MS: u64 = 32_000;
/// So many in a row end the leg.
const MISSES: u8 = 2;

/// How a leg's peer is watched.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Liveness {
    /// Silence after which it is asked; 0: never.
    every_ms: u32,
    next: Tick,
    misses: u8,
    /// The question is out.
    pub asked: bool,
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Status(u16),
    NoAnswer,
    Unreachable,
}

// === impl Liveness ===

impl Liveness {
    pub(crate) const fn begin(now: Tick, every_ms: u32) -> Self {
        Self { every_ms, next: now.plus_ms(every_ms as u64), misses: 0, asked: false }
    }

    /// A request of the peer came, or an answer to one of ours.
    pub(crate) const fn alive(&mut self, now: Tick) {
        self.misses = 0;
        self.next = now.plus_ms(self.every_ms as u64);
    }

    /// When to ask; never where a session timer does the same.
    pub(crate) const fn deadline(&self, session: &SessionState) -> Tick {
        if self.every_ms == 0 || self.asked || session.expires_secs > 0 { Tick::NEVER } else { self.next }
    }

    /// True if that was the last.
    pub(crate) fn missed(&mut self, now: Tick, pause_ms: u64) -> bool {
        self.misses += 1;
        self.next = now.plus_ms(pause_ms);
        self.misses >= MISSES
    }

    /// As the configuration wants it of a peer with this session timer.
    pub(crate) fn of(now: Now, timing: NodeTiming, session_secs: u32) -> Self {
        Self::begin(now.tick, timing.dialog_probe_ms.unwrap_or(session_secs * 500))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_misses_in_a_row_end_it() {
        let mut watched = Liveness::begin(Tick(0), 900_000);
        assert_eq!(watched.deadline(&SessionState::default()), Tick(900_000_000));
        assert!(!watched.missed(Tick(0), 0));
        watched.alive(Tick(0));
        assert!(!watched.missed(Tick(0), 0));
        assert!(watched.missed(Tick(0), 0));
        assert_eq!(Liveness::begin(Tick(0), 0).deadline(&SessionState::default()), Tick::NEVER);
    }
}
