//! Round trip delay (H.245 C.9): whether the peer's H.245 still answers.

use units::Tick;

/// Requests without an answer after which the peer counts as gone.
const MISSED_MAX: u8 = 2;

/// Our requests.
#[derive(Debug, Default)]
pub struct RoundTrip {
    /// Milliseconds between two; 0: none.
    every_ms: u64,
    wait_ms: u64,
    sequence: u8,
    missed: u8,
    next: Option<Due>,
}

#[derive(Clone, Copy, Debug)]
enum Due {
    Ask(Tick),
    Answer(Tick),
}

/// What a deadline brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask with this number.
    Ask(u8),
    /// The peer is gone.
    Lost,
}

// === impl RoundTrip ===

impl RoundTrip {
    pub const fn new(every_ms: u64, wait_ms: u64) -> Self {
        Self { every_ms, wait_ms, sequence: 0, missed: 0, next: None }
    }

    /// H.245 has begun.
    pub fn start(&mut self, now: Tick) {
        if self.every_ms > 0 && self.next.is_none() {
            self.next = Some(Due::Ask(now.plus_ms(self.every_ms)));
        }
    }

    pub fn deadline(&self) -> Option<Tick> {
        self.next.map(|due| match due {
            Due::Ask(at) | Due::Answer(at) => at,
        })
    }

    pub fn on_response(&mut self, now: Tick, sequence: u8) {
        if let Some(Due::Answer(_)) = self.next
            && sequence == self.sequence
        {
            self.missed = 0;
            self.next = Some(Due::Ask(now.plus_ms(self.every_ms)));
        }
    }

    pub fn on_timeout(&mut self, now: Tick) -> Option<Step> {
        match self.next {
            Some(Due::Answer(at)) if at <= now => {
                self.missed += 1;
                if self.missed >= MISSED_MAX {
                    self.next = None;
                    return Some(Step::Lost);
                }
            }
            Some(Due::Ask(at)) if at <= now => {}
            _ => return None,
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.next = Some(Due::Answer(now.plus_ms(self.wait_ms)));
        Some(Step::Ask(self.sequence))
    }
}
