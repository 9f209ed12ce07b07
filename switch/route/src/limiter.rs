//! At most N events in any second, exactly, however they are spaced.
//!
//! Invariant: between any two instants less than a second apart at most `per_second` calls were allowed.

use std::collections::VecDeque;

use units::Tick;

/// Largest limit, which bounds the memory: 8 bytes for each event of the last second.
pub const PER_SECOND_MAX: u32 = 100_000;

const WINDOW_MS: u64 = 1_000;

/// A sliding window of one second over the events that were allowed.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    per_second: usize,
    /// Oldest first; never more than `per_second`.
    allowed: VecDeque<Tick>,
}

impl RateLimiter {
    /// A limiter for `per_second` events, at most [`PER_SECOND_MAX`]; 0 allows nothing.
    pub fn new(per_second: u32) -> Self {
        Self { per_second: per_second.min(PER_SECOND_MAX) as usize, allowed: VecDeque::new() }
    }

    /// Whether one more event would fit at `now`.
    pub fn would_allow(&self, now: Tick) -> bool {
        let at = |oldest: &Tick| oldest.plus_ms(WINDOW_MS) > now;
        self.allowed.len() < self.per_second || (self.per_second > 0 && !self.allowed.front().is_some_and(at))
    }

    /// Whether one more event fits at `now`; if so it is counted.
    pub fn allow(&mut self, now: Tick) -> bool {
        while self.allowed.front().is_some_and(|oldest| oldest.plus_ms(WINDOW_MS) <= now) {
            self.allowed.pop_front();
        }
        let fits = self.allowed.len() < self.per_second;
        if fits {
            self.allowed.push_back(now);
        }
        fits
    }

    /// Another limit from now on; what was allowed in the last second still counts.
    pub fn set_limit(&mut self, per_second: u32) {
        self.per_second = per_second.min(PER_SECOND_MAX) as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Tick {
        Tick(0).plus_ms(ms)
    }

    #[test]
    fn a_burst_is_cut_at_the_limit() {
        let mut limiter = RateLimiter::new(50);
        assert!(limiter.would_allow(at(5)) && !RateLimiter::new(0).would_allow(at(5)));
        assert_eq!((0..200).filter(|_| limiter.allow(at(5))).count(), 50);
        assert_eq!((0..200).filter(|_| limiter.allow(at(1_004))).count(), 0);
        assert!(!limiter.would_allow(at(1_004)) && limiter.would_allow(at(1_005)));
        assert_eq!((0..200).filter(|_| limiter.allow(at(1_005))).count(), 50);
    }

    #[test]
    fn a_steady_stream_over_the_limit_gets_the_limit_in_every_second() {
        let mut limiter = RateLimiter::new(10);
        let allowed: Vec<u64> = (0..5_000).step_by(50).filter(|&ms| limiter.allow(at(ms))).collect();
        assert_eq!(allowed.len(), 50);
        for &start in &allowed {
            assert!(allowed.iter().filter(|&&ms| (start..start + 1_000).contains(&ms)).count() <= 10);
        }
    }

    #[test]
    fn a_steady_stream_under_the_limit_passes() {
        let mut limiter = RateLimiter::new(20);
        assert!((0..10_000).step_by(50).all(|ms| limiter.allow(at(ms))));
        let mut closed = RateLimiter::new(0);
        assert!(!closed.allow(at(0)));
    }
}
