//! How many calls a carrier carries now, and how many began in the last second, counted over all shards.
//!
//! Invariant: `in_use` never passes the carrier's `max_calls` by `try_take`, and never goes below zero. Only
//! carriers with `max_cps` meet a lock, which is held for a few instructions.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use units::Tick;

use crate::names::CARRIERS_MAX;
use crate::{Carrier, CarrierId, RateLimiter};

/// The places at carriers, shared by all shards.
pub trait CarrierSlots {
    /// Takes a place at `carrier` if its `max_calls` leaves one.
    fn try_take(&self, carrier: &Carrier) -> bool;
    /// Counts a call that begins at `carrier`, if its `max_cps` allows one.
    fn try_begin(&self, carrier: &Carrier, now: Tick) -> bool;
    /// Whether it would.
    fn may_begin(&self, carrier: &Carrier, now: Tick) -> bool;
    /// Gives a place back; also for a carrier that is gone from the configuration.
    fn put_back(&self, carrier: CarrierId);
    /// Places taken.
    fn in_use(&self, carrier: CarrierId) -> u32;
}

/// Counters for every id that can be, each on its own cache line: shared between shards, used as it is by the
/// simulator.
pub struct SlotTable {
    counters: Box<[Counter]>,
    /// Of carriers with `max_cps`, made when the first call comes.
    rates: Box<[Mutex<Option<Box<RateLimiter>>>]>,
}

#[repr(align(64))]
#[derive(Default)]
struct Counter(AtomicU32);

impl Default for SlotTable {
    fn default() -> Self {
        Self {
            counters: (0..CARRIERS_MAX).map(|_| Counter::default()).collect(),
            rates: (0..CARRIERS_MAX).map(|_| Mutex::default()).collect(),
        }
    }
}

impl SlotTable {
    fn counter(&self, carrier: CarrierId) -> Option<&AtomicU32> {
        self.counters.get(usize::from(carrier.0)).map(|c| &c.0)
    }

    /// Asks the limiter of a carrier that has one.
    fn rate(&self, carrier: &Carrier, ask: impl FnOnce(&mut RateLimiter) -> bool) -> bool {
        let Some(per_second) = carrier.max_cps else { return true };
        let Some(rate) = self.rates.get(usize::from(carrier.id.0)) else { return false };
        let mut rate = rate.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter = rate.get_or_insert_with(|| Box::new(RateLimiter::new(per_second)));
        // A reload may have changed it.
        limiter.set_limit(per_second);
        ask(limiter)
    }
}

impl CarrierSlots for SlotTable {
    fn try_take(&self, carrier: &Carrier) -> bool {
        let free = |taken: u32| (taken < carrier.max_calls).then(|| taken.saturating_add(1));
        self.counter(carrier.id)
            .is_some_and(|c| c.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).is_ok())
    }

    fn try_begin(&self, carrier: &Carrier, now: Tick) -> bool {
        self.rate(carrier, |limiter| limiter.allow(now))
    }

    fn may_begin(&self, carrier: &Carrier, now: Tick) -> bool {
        self.rate(carrier, |limiter| limiter.would_allow(now))
    }

    fn put_back(&self, carrier: CarrierId) {
        if let Some(counter) = self.counter(carrier) {
            let before =
                counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| taken.checked_sub(1));
            debug_assert!(before.is_ok(), "a place was given back that nobody took");
        }
    }

    fn in_use(&self, carrier: CarrierId) -> u32 {
        self.counter(carrier).map_or(0, |c| c.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CarrierSpec, Carriers};

    #[test]
    fn places_are_limited_and_come_back() {
        let spec = CarrierSpec {
            max_calls: 2,
            ..CarrierSpec::new("alpha", "sip:192.0.2.1".parse().expect("target"))
        };
        let carriers = Carriers::new(vec![spec], None).expect("valid");
        let alpha = carriers.by_name("alpha").expect("there");
        let slots = SlotTable::default();
        assert!(slots.try_take(alpha) && slots.try_take(alpha) && !slots.try_take(alpha));
        assert_eq!(slots.in_use(alpha.id), 2);
        slots.put_back(alpha.id);
        assert!(slots.try_take(alpha));
        slots.put_back(alpha.id);
        slots.put_back(alpha.id);
        assert_eq!(slots.in_use(alpha.id), 0);
    }

    #[test]
    fn calls_per_second_are_counted_over_all_shards() {
        let target = "sip:192.0.2.1".parse().expect("target");
        let spec = CarrierSpec { max_cps: Some(10), ..CarrierSpec::new("alpha", target) };
        let carriers = Carriers::new(vec![spec], None).expect("valid");
        let alpha = carriers.by_name("alpha").expect("there");
        let slots = SlotTable::default();
        let now = Tick(5_000_000);
        let begun: usize = std::thread::scope(|scope| {
            let begin = || (0..60).filter(|_| slots.try_begin(alpha, now)).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(begin)).collect();
            threads.into_iter().map(|thread| thread.join().expect("thread")).sum()
        });
        assert_eq!(begun, 10);
        assert!(!slots.may_begin(alpha, now.plus_ms(999)) && slots.may_begin(alpha, now.plus_ms(1_000)));
    }

    #[test]
    fn shards_never_take_more_than_there_is() {
        let spec = CarrierSpec {
            max_calls: 100,
            ..CarrierSpec::new("alpha", "sip:192.0.2.1".parse().expect("target"))
        };
        let carriers = Carriers::new(vec![spec], None).expect("valid");
        let alpha = carriers.by_name("alpha").expect("there");
        let slots = SlotTable::default();
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..60).filter(|_| slots.try_take(alpha)).count())).collect();
            threads.into_iter().map(|t| t.join().expect("thread")).sum()
        });
        assert_eq!((taken, slots.in_use(alpha.id)), (100, 100));
    }
}
