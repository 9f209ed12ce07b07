//! Whether the wall clock is to be trusted. Time alone ends credit, so a clock that is wrong for a minute
//! must end none.
//!
//! Wall time is compared with monotonic time since the last reading that was trusted, and at the start with
//! the last moment that the journal knows of. While they disagree nothing expires, is renewed or closed;
//! calls go on, since none is billed by wall time.

use units::{Now, Wall};

/// Wall and monotonic time may differ by so much, ms: what a clock is set by in its usual care.
const APART_MS: i64 = 60_000;
/// At the start the clock may be so far behind the journal's last moment, ms.
const BEHIND_MS: i64 = 5 * 60_000;
/// And so far ahead of it, ms: longer than a node is stopped for on purpose.
const AHEAD_MS: i64 = 7 * DAY_MS;
/// A clock that jumped and then ran evenly for so long is right, ms: whoever keeps the machine has had time
/// to look.
const EVEN_MS: i64 = DAY_MS;
const DAY_MS: i64 = 86_400_000;

/// What the clock contradicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockDoubt {
    /// Monotonic time: it was set, by so many ms.
    Set(i64),
    /// The journal's last moment: it is so many ms from it.
    Apart(i64),
}

/// The judge.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClockWatch {
    /// A reading that was trusted; its tick is that of the first reading where it is the journal's last
    /// moment.
    trusted: Option<Now>,
    /// The journal's last moment, until the first reading.
    last: Option<Wall>,
    doubt: Option<ClockDoubt>,
    /// Since when it ran evenly, while in doubt.
    even_since: Now,
}

// === impl ClockDoubt ===

impl std::fmt::Display for ClockDoubt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (by, from) = match self {
            Self::Set(by) => (by, "the time that has passed"),
            Self::Apart(by) => (by, "the last moment that the journal knows of"),
        };
        let direction = if *by < 0 { "behind" } else { "ahead of" };
        let seconds = by.unsigned_abs() / 1_000;
        write!(
            f,
            "the wall clock is {seconds} s {direction} {from}: nothing expires and no period is closed until it is right; set the clock"
        )
    }
}

// === impl ClockWatch ===

impl ClockWatch {
    /// What the first reading is compared with.
    pub(crate) const fn begin(&mut self, last: Wall) {
        self.last = Some(last);
    }

    pub(crate) const fn doubt(&self) -> Option<ClockDoubt> {
        self.doubt
    }

    /// Takes a reading; whether the verdict changed.
    pub(crate) fn look(&mut self, now: Now) -> bool {
        let before = self.doubt;
        if let Some(last) = self.last.take() {
            self.trusted = Some(Now { tick: now.tick, wall: last });
            self.doubt = Some(ClockDoubt::Apart(0));
            self.even_since = now;
        }
        let Some(trusted) = self.trusted else {
            self.trusted = Some(now);
            return false;
        };
        let (off, was) = (apart(trusted, now), self.doubt);
        let (is_fine, doubt) = match was {
            Some(ClockDoubt::Apart(_)) => ((-BEHIND_MS..=AHEAD_MS).contains(&off), ClockDoubt::Apart(off)),
            Some(ClockDoubt::Set(_)) | None => (off.abs() <= APART_MS, ClockDoubt::Set(off)),
        };
        if is_fine || self.is_even_long_enough(now) {
            self.doubt = None;
            // Slow corrections add up, and are none.
            if was.is_some() || now.tick.ms_since(trusted.tick) >= APART_MS.unsigned_abs() {
                self.trusted = Some(now);
            }
        } else {
            self.doubt = Some(doubt);
            if was.is_none() {
                self.even_since = now;
            }
        }
        before.is_some() != self.doubt.is_some()
    }

    fn is_even_long_enough(&mut self, now: Now) -> bool {
        if self.doubt.is_none() {
            return false;
        }
        if apart(self.even_since, now).abs() > APART_MS {
            self.even_since = now;
        }
        now.tick.ms_since(self.even_since.tick) >= EVEN_MS.unsigned_abs()
    }
}

/// By how much more wall time than monotonic time passed, ms.
fn apart(from: Now, to: Now) -> i64 {
    let passed = i64::try_from(to.tick.ms_since(from.tick)).unwrap_or(i64::MAX);
    to.wall.0.saturating_sub(from.wall.0).saturating_sub(passed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Tick;

    const START: i64 = 1_795_348_800_000;

    fn at(passed_ms: i64, wall_ms: i64) -> Now {
        Now { tick: Tick(passed_ms.unsigned_abs() * 1_000), wall: Wall(START + wall_ms) }
    }

    #[test]
    fn a_clock_that_is_set_is_in_doubt_until_it_is_back() {
        let mut watch = ClockWatch::default();
        for (passed, wall, changed, off) in [
            (1_000, 1_000, false, None),
            // Corrections of the usual kind, also many of them.
            (100_000, 110_000, false, None),
            (200_000, 250_000, false, None),
            (300_000, 400_000, false, None),
            // A year ahead for a minute.
            (301_000, 365 * DAY_MS, true, Some(1)),
            (331_000, 365 * DAY_MS + 30_000, false, Some(1)),
            (361_000, 461_000, true, None),
            // An hour back.
            (400_000, -3_100_000, true, Some(-1)),
            (500_000, 600_000, true, None),
        ] {
            assert_eq!(watch.look(at(passed, wall)), changed, "{passed}");
            let sign = watch.doubt().map(|doubt| match doubt {
                ClockDoubt::Set(by) | ClockDoubt::Apart(by) => by.signum(),
            });
            assert_eq!(sign, off, "{passed}");
        }
    }

    #[test]
    fn a_start_is_compared_with_the_journal() {
        for (last, trusted) in
            [(0, true), (4 * 60_000, true), (6 * 60_000, false), (-6 * DAY_MS, true), (-8 * DAY_MS, false)]
        {
            let mut watch = ClockWatch::default();
            watch.begin(Wall(START + last));
            watch.look(at(1, 0));
            assert_eq!(watch.doubt().is_none(), trusted, "{last}");
            // One in doubt is set right; one that is trusted runs on. From then on both are right.
            let right = if trusted { 0 } else { last };
            watch.look(at(60_000, right + 60_000));
            assert_eq!(watch.doubt(), None, "{last}");
            watch.look(at(120_000, right + 400_000));
            assert!(watch.doubt().is_some(), "{last}: now against monotonic time");
        }
    }

    #[test]
    fn a_day_of_even_running_is_believed() {
        let mut watch = ClockWatch::default();
        watch.look(at(0, 0));
        let far = 90 * DAY_MS;
        watch.look(at(1_000, far));
        watch.look(at(DAY_MS - 1_000, far + DAY_MS - 2_000));
        assert!(watch.doubt().is_some());
        assert!(watch.look(at(DAY_MS + 1_001, far + DAY_MS)));
        assert_eq!(watch.doubt(), None);
    }
}
