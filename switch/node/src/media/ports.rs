//! Pairs of ports, an even one for RTP and the next one for RTCP (RFC 3550 §11): given in random order, and
//! not again before they have rested, so that late packets of one call are not heard in another.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher as _};

use units::Tick;

/// After its close a pair is not given for so long, ms.
pub(crate) const REST_MS: u64 = 10_000;
/// Nor one that another program has, ms.
pub(crate) const TAKEN_MS: u64 = 600_000;

/// Pairs of one address that belong to one shard, by their even port.
#[derive(Debug, Default)]
pub(crate) struct PortPool {
    free: Vec<u16>,
    /// Until when, in that order.
    resting: BTreeSet<(Tick, u16)>,
}

/// Numbers that nobody can foresee without the key, and that are the same on every run with it.
#[derive(Debug)]
pub(crate) struct Random {
    key: [u8; 16],
    drawn: u64,
}

// === impl PortPool ===

impl PortPool {
    /// The part of `first` to `last` that belongs to this shard of so many: every so manieth pair.
    pub(crate) fn new((first, last): (u16, u16), shard: u8, shards: u8) -> Self {
        let even = first.saturating_add(first % 2);
        let pairs = (even..last).step_by(2).filter(|even| even.is_multiple_of(2));
        let ours = pairs.skip(usize::from(shard)).step_by(usize::from(shards.max(1)));
        Self { free: ours.collect(), resting: BTreeSet::new() }
    }

    /// Takes a pair; none if all are in use or rest.
    pub(crate) fn take(&mut self, now: Tick, random: &mut Random) -> Option<u16> {
        while let Some(&(until, port)) = self.resting.first().filter(|(until, _)| *until <= now) {
            self.resting.remove(&(until, port));
            self.free.push(port);
        }
        let count = u64::try_from(self.free.len()).ok().filter(|count| *count > 0)?;
        let at = usize::try_from(random.draw() % count).ok()?;
        Some(self.free.swap_remove(at))
    }

    /// It is in use no more, and rests.
    pub(crate) fn give_back(&mut self, port: u16, until: Tick) {
        self.resting.insert((until, port));
    }

    /// Pairs that are not in use.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        self.free.len() + self.resting.len()
    }
}

// === impl Random ===

impl Random {
    pub(crate) const fn new(key: [u8; 16]) -> Self {
        Self { key, drawn: 0 }
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        // SipHash of a secret and a count: what was drawn tells nothing of what will be.
        let mut hasher = DefaultHasher::new();
        hasher.write(&self.key);
        hasher.write_u64(self.drawn);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(pool: &mut PortPool, now: Tick, random: &mut Random) -> Vec<u16> {
        std::iter::from_fn(|| pool.take(now, random)).collect()
    }

    #[test]
    fn a_range_is_divided_into_even_pairs() {
        let mut random = Random::new([1; 16]);
        for (range, shards, expected) in [
            ((20_000, 20_007), 1, vec![20_000, 20_002, 20_004, 20_006]),
            // An odd first port begins no pair, and an even last one has no partner.
            ((20_001, 20_008), 1, vec![20_002, 20_004, 20_006]),
            ((20_000, 20_009), 2, vec![20_000, 20_002, 20_004, 20_006, 20_008]),
            ((65_534, 65_535), 1, vec![65_534]),
            ((65_535, 65_535), 1, vec![]),
        ] {
            let mut all = Vec::new();
            for shard in 0..shards {
                let mut pool = PortPool::new(range, shard, shards);
                all.extend(drained(&mut pool, Tick(0), &mut random));
            }
            all.sort_unstable();
            assert_eq!(all, expected, "{range:?} among {shards}");
        }
    }

    #[test]
    fn a_pair_rests_for_ten_seconds() {
        let mut random = Random::new([1; 16]);
        let mut pool = PortPool::new((20_000, 20_001), 0, 1);
        let now = Tick(5_000_000);
        assert_eq!(pool.take(now, &mut random), Some(20_000));
        assert_eq!(pool.take(now, &mut random), None);
        pool.give_back(20_000, now.plus_ms(REST_MS));
        assert_eq!(pool.take(now.plus_ms(REST_MS - 1), &mut random), None);
        assert_eq!(pool.idle(), 1);
        assert_eq!(pool.take(now.plus_ms(REST_MS), &mut random), Some(20_000));
    }

    #[test]
    fn the_order_is_random_and_repeats_with_the_key() {
        let order = |key: u8| {
            let mut pool = PortPool::new((20_000, 20_999), 0, 1);
            drained(&mut pool, Tick(0), &mut Random::new([key; 16]))
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut sorted = order(1);
        sorted.sort_unstable();
        assert_ne!(order(1), sorted);
        assert_eq!(sorted.len(), 500);
    }
}
