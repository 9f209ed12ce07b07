//! When a thread pauses before it looks for packets again: only while so many come that several wait after a
//! pause. Then one wait takes them all, and the code of each system call is in the processor's cache for the
//! next.

use std::time::Duration;

use units::Tick;

/// How long a packet waits more at most, with what the system adds to it (50 µs).
const PAUSE: Duration = Duration::from_micros(150);
/// So many packets come in a pause at least, or there is none.
const WORTH: u64 = 4;
/// After so many at once more may wait already: there is no pause.
const MANY: u64 = 96;
/// The packets of so long a time are counted, in microseconds.
const WINDOW_US: u64 = 10_000;

/// How many packets come of late.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    since: Tick,
    packets: u64,
    /// Of them, since the last look at the clock.
    turn: u64,
    pauses: bool,
}

// === impl Pace ===

impl Pace {
    /// Packets came.
    pub(crate) const fn count(&mut self, packets: usize) {
        self.turn += packets as u64;
    }

    /// How long to pause now, if at all.
    pub(crate) fn pause(&mut self, now: Tick) -> Option<Duration> {
        let turn = std::mem::take(&mut self.turn);
        self.packets += turn;
        let us = now.0.saturating_sub(self.since.0);
        if us >= WINDOW_US {
            self.pauses = self.packets * PAUSE.as_micros() as u64 >= WORTH * us;
            (self.since, self.packets) = (now, 0);
        }
        (self.pauses && turn < MANY).then_some(PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether there is a pause after a second with packets so far apart.
    fn pauses(apart_us: u64) -> bool {
        let mut pace = Pace::default();
        let mut last = None;
        for packet in 1..1_000_000 / apart_us {
            pace.count(1);
            last = pace.pause(Tick(packet * apart_us));
        }
        last.is_some()
    }

    #[test]
    fn many_packets_are_taken_together_and_few_at_once() {
        assert!(pauses(10), "1,000 calls");
        assert!(pauses(37));
        assert!(!pauses(38));
        assert!(!pauses(10_000), "a call");
    }

    #[test]
    fn the_first_after_silence_does_not_wait() {
        let mut pace = Pace::default();
        pace.count(90);
        assert!(pace.pause(Tick(20_000)).is_none(), "too few");
        pace.count(1_000);
        assert!(pace.pause(Tick(30_000)).is_none(), "more may wait");
        pace.count(10);
        assert!(pace.pause(Tick(30_100)).is_some());
        pace.count(1);
        assert_eq!(pace.pause(Tick(5_000_000)), None);
    }
}
