//! The only reader of clocks: one reading gives both the monotonic and the wall time.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use units::{Now, Tick, Wall};

/// Counts from the start of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds for metrics, from an origin of its own.
    pub(crate) fn stopwatch() -> u64 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(crate) fn now(self) -> Now {
        let tick = Tick(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX));
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { tick, wall: Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)) }
    }
}
