//! The deadlines of a call: one enum, one array. Each deadline carries its reason by its place.

use units::Tick;

/// What a call waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Timer {
    /// The carrier's first response (`first_response_ms`).
    FirstResponse,
    /// The carrier's answer after it began to ring (Timer C, RFC 3261 §16.6).
    NoAnswer,
    /// Lease half used: ask for more.
    Renew,
    /// The owner is to be told that the money ends in a minute.
    Warn,
    /// The last leased increment ends.
    Cut,
    /// `max_call_secs`.
    MaxCall,
    /// Next checkpoint.
    Checkpoint,
}

impl Timer {
    /// All, in the order in which they are served when several are due.
    pub const ALL: [Self; 7] = [
        Self::Cut,
        Self::MaxCall,
        Self::Renew,
        Self::Warn,
        Self::FirstResponse,
        Self::NoAnswer,
        Self::Checkpoint,
    ];
}

/// One slot per [`Timer`]; `Tick::NEVER` is not set.
#[derive(Debug, Clone)]
pub struct Timers([Tick; Timer::ALL.len()]);

impl Default for Timers {
    fn default() -> Self {
        Self([Tick::NEVER; Timer::ALL.len()])
    }
}

impl Timers {
    /// Sets or moves a deadline.
    pub fn set(&mut self, timer: Timer, at: Tick) {
        self.0[timer as usize] = at;
    }

    /// Forgets a deadline.
    pub fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = Tick::NEVER;
    }

    /// Whether a deadline is set.
    pub fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize] != Tick::NEVER
    }

    /// Forgets all.
    pub fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// The earliest deadline, `Tick::NEVER` if none.
    pub fn earliest(&self) -> Tick {
        self.0.iter().copied().min().unwrap_or(Tick::NEVER)
    }

    /// Takes one timer that is due, most urgent first.
    pub fn take_due(&mut self, now: Tick) -> Option<Timer> {
        let due = Timer::ALL.into_iter().find(|t| self.0[*t as usize] <= now)?;
        self.clear(due);
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_the_cut_before_the_renewal() {
        let mut timers = Timers::default();
        timers.set(Timer::Renew, Tick(5));
        timers.set(Timer::Cut, Tick(5));
        assert_eq!(timers.earliest(), Tick(5));
        assert_eq!(timers.take_due(Tick(4)), None);
        assert_eq!(timers.take_due(Tick(5)), Some(Timer::Cut));
        assert_eq!(timers.take_due(Tick(5)), Some(Timer::Renew));
        assert_eq!(timers.take_due(Tick(5)), None);
        assert_eq!(timers.earliest(), Tick::NEVER);
    }
}
