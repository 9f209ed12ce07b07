//! Two clocks, handed in from outside: a monotonic one that measures, and a wall clock that dates.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Monotonic microseconds since an origin of the process's or the simulator's choice. Billing and timers use only this.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tick(pub u64);

/// Wall-clock milliseconds since 1970-01-01 UTC. It dates records and picks price periods; it may jump.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Wall(pub i64);

/// One reading of both clocks, given with every input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Measures.
    pub tick: Tick,
    /// Dates.
    pub wall: Wall,
}

// === impl Tick ===

impl Tick {
    /// Later than any deadline.
    pub const NEVER: Self = Self(u64::MAX);

    /// Whole milliseconds from `earlier` to here, truncated; 0 if `earlier` is later.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000
    }

    /// `ms` milliseconds later.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1_000)))
    }
}

impl Add<Duration> for Tick {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Tick {
    type Output = Duration;
    /// Zero if `other` is later.
    fn sub(self, other: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(other.0))
    }
}

impl fmt::Debug for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

// === impl Wall ===

impl Wall {
    /// RFC 3339 in UTC with milliseconds, `2026-11-22T13:44:48.123Z`.
    pub fn rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => format!("{t:.3}"),
            Err(_) => format!("@{}ms", self.0),
        }
    }

    /// Reads RFC 3339 with any offset; precision beyond milliseconds is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|t| Self(t.as_millisecond()))
    }

    /// `ms` milliseconds later (earlier if negative).
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_round_trips_as_rfc3339() {
        let wall = Wall::parse("2026-11-22T14:44:48.123+01:00").expect("valid");
        assert_eq!(wall.rfc3339(), "2026-11-22T13:44:48.123Z");
        assert_eq!(Wall(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Wall::parse("yesterday"), None);
    }

    #[test]
    fn tick_truncates_to_ms_and_never_goes_back() {
        assert_eq!(Tick(1_999).ms_since(Tick(0)), 1);
        assert_eq!(Tick(0).ms_since(Tick(5_000)), 0);
        assert_eq!(Tick(0).plus_ms(2), Tick(2_000));
    }
}
