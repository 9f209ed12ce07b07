//! Which sides are listened to for ringback: few at once, since each is decoded for it, and a sample of all
//! answers is enough to know a carrier by.

use std::collections::VecDeque;

use units::Tick;

use super::control::EndpointId;

/// Sides at once in one table.
const SIDES_MAX: usize = 64;
/// A side takes a place for so long, ms.
const PLACE_MS: u64 = 15_000;

/// The sides, by when they began.
#[derive(Debug, Default)]
pub(super) struct FirstSounds {
    sides: VecDeque<(Tick, EndpointId)>,
}

// === impl FirstSounds ===

impl FirstSounds {
    pub(super) const fn new() -> Self {
        Self { sides: VecDeque::new() }
    }

    /// Whether there is a place for a side, or it has one.
    pub(super) fn take(&mut self, now: Tick, id: EndpointId) -> bool {
        self.sides.retain(|(until, _)| *until > now);
        let has_place = self.sides.iter().any(|(_, known)| *known == id);
        if !has_place && self.sides.len() < SIDES_MAX {
            self.sides.push_back((now.plus_ms(PLACE_MS), id));
            return true;
        }
        has_place
    }

    /// A side needs none any more.
    pub(super) fn free(&mut self, id: EndpointId) {
        self.sides.retain(|(_, known)| *known != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_four_sides_are_heard_at_once() {
        let side = |call| EndpointId { shard: 0, call, leg: 1 };
        let mut sides = FirstSounds::new();
        let second = |second: u64| Tick(second * 1_000_000);
        assert!((0..64).all(|call| sides.take(second(call / 32), side(call))));
        assert!(!sides.take(second(2), side(64)), "there is no room");
        assert!(sides.take(second(2), side(63)), "who has a place keeps it");
        sides.free(side(40));
        assert!(sides.take(second(3), side(65)));
        assert!(!sides.take(second(14), side(66)));
        assert!(sides.take(second(15), side(66)), "32 are over");
        assert_eq!(sides.sides.len(), 33);
    }
}
