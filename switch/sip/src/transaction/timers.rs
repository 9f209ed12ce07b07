//! The two timers of a transaction on the shard's wheel, which holds the nearer one.

use units::Tick;
use units::wheel::{TimerId, Wheel};

use super::step::{Step, Timer};

/// Whose timer it is, by slot. A timer never outlives its transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    Client(u32),
    /// The CANCEL of that client transaction.
    Cancel(u32),
    Server(u32),
}

/// The two timers of a transaction, of which the wheel holds the nearer.
#[derive(Debug)]
pub(super) struct Timers {
    repeat_at: Tick,
    end_at: Tick,
    armed_at: Tick,
    id: TimerId,
}

/// Which of the two timers fired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fired {
    Repeat,
    End,
}

// === impl Timers ===

impl Timers {
    pub(super) const fn new() -> Self {
        Self { repeat_at: Tick::NEVER, end_at: Tick::NEVER, armed_at: Tick::NEVER, id: TimerId::NONE }
    }

    /// Sets both timers as a transition asks.
    pub(super) fn apply<S>(&mut self, wheel: &mut Wheel<Due>, due: Due, now: Tick, step: &Step<S>) {
        for (at, change) in [(&mut self.repeat_at, step.repeat), (&mut self.end_at, step.end)] {
            match change {
                Timer::Keep => {}
                Timer::Stop => *at = Tick::NEVER,
                Timer::In(ms) => *at = now.plus_ms(ms),
            }
        }
        let next = self.repeat_at.min(self.end_at);
        if next != self.armed_at {
            self.stop(wheel);
            if next != Tick::NEVER {
                self.id = wheel.insert(next, due);
                self.armed_at = next;
            }
        }
    }

    /// The wheel gave the timer back: which one was it? The end goes first when both are due.
    pub(super) fn fired(&mut self, now: Tick) -> Option<Fired> {
        self.armed_at = Tick::NEVER;
        if self.end_at <= now {
            self.end_at = Tick::NEVER;
            return Some(Fired::End);
        }
        if self.repeat_at <= now {
            self.repeat_at = Tick::NEVER;
            return Some(Fired::Repeat);
        }
        None
    }

    /// Takes the timer off the wheel.
    pub(super) fn stop(&mut self, wheel: &mut Wheel<Due>) {
        wheel.cancel(self.id);
        self.id = TimerId::NONE;
        self.armed_at = Tick::NEVER;
    }
}

// === impl Fired ===

impl Fired {
    /// The input of the timer that fired.
    pub(super) fn pick<I>(self, repeat: I, end: I) -> I {
        match self {
            Self::Repeat => repeat,
            Self::End => end,
        }
    }
}
