//! Whether an engine is there. It is down after some questions in a row without an answer, and up again only
//! after several pings were answered, so that one which comes and goes takes no calls.

use units::Tick;

/// From one ping to the next, ms.
pub const PING_MS: u64 = 2_000;
/// So many questions in a row without an answer: it is down.
pub const DOWN_AFTER: u8 = 2;
/// So many answered pings in a row: it is up again.
pub const UP_AFTER: u8 = 3;

/// How one engine fares. At the start it counts as up: the first question shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Health {
    is_up: bool,
    /// Questions in a row that were not answered, or, of one that is down, pings in a row that were.
    in_row: u8,
    pub ping_at: Tick,
}

impl Health {
    pub(crate) const fn new(ping_at: Tick) -> Self {
        Self { is_up: true, in_row: 0, ping_at }
    }

    pub(crate) const fn is_up(&self) -> bool {
        self.is_up
    }

    /// It answered; true if it is up again by that. Of one that is down only answers to pings count: others
    /// may be late.
    pub(crate) fn answered(&mut self, is_ping: bool) -> bool {
        if self.is_up {
            self.in_row = 0;
            return false;
        }
        self.in_row += u8::from(is_ping);
        let is_back = self.in_row >= UP_AFTER;
        if is_back {
            (self.is_up, self.in_row) = (true, 0);
        }
        is_back
    }

    /// It did not answer; true if it is down by that.
    pub(crate) fn missed(&mut self) -> bool {
        if !self.is_up {
            self.in_row = 0;
            return false;
        }
        self.in_row += 1;
        let is_lost = self.in_row >= DOWN_AFTER;
        if is_lost {
            (self.is_up, self.in_row) = (false, 0);
        }
        is_lost
    }
}
