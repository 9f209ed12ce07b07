//! How many calls are transcoded at once, counted over all shards; a channel is both directions of one call.
//! Invariant: with a limit no more channels are taken than it says, and none is given back twice.

use std::sync::atomic::{AtomicU32, Ordering};

/// Shared by all shards and the workers.
#[derive(Debug)]
pub struct Channels {
    in_use: AtomicU32,
    /// How many more the workers have time for.
    room: AtomicU32,
}

impl Default for Channels {
    fn default() -> Self {
        Self { in_use: AtomicU32::new(0), room: AtomicU32::new(u32::MAX) }
    }
}

// === impl Channels ===

impl Channels {
    /// Takes one where fewer than `max` are in use, or, where that is 0, where the workers have time.
    pub fn try_take(&self, max: u32) -> bool {
        if max == 0 {
            let less = |room: u32| if room == u32::MAX { Some(room) } else { room.checked_sub(1) };
            if self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err() {
                return false;
            }
            self.in_use.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let more = |taken: u32| (taken < max).then(|| taken + 1);
        self.in_use.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Gives one back.
    pub fn put_back(&self) {
        let less = |taken: u32| taken.checked_sub(1);
        let _was_taken = self.in_use.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Those in use.
    pub fn in_use(&self) -> u32 {
        self.in_use.load(Ordering::Relaxed)
    }

    /// The workers have time for so many more.
    pub fn set_room(&self, room: u32) {
        self.room.store(room, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_limit_are_taken() {
        let channels = Channels::default();
        let taken = (0..10).filter(|_| channels.try_take(3)).count();
        assert_eq!((taken, channels.in_use()), (3, 3));
        channels.put_back();
        assert!(channels.try_take(3) && !channels.try_take(3));
    }

    #[test]
    fn without_a_limit_the_workers_say_how_many() {
        let channels = Channels::default();
        assert!((0..1_000).all(|_| channels.try_take(0)), "nothing is said yet");
        channels.set_room(2);
        let taken = (0..10).filter(|_| channels.try_take(0)).count();
        assert_eq!((taken, channels.in_use()), (2, 1_002));
        channels.put_back();
        assert!(!channels.try_take(0), "until they say so again");
    }
}
