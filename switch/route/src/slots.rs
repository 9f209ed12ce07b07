//! How many calls a carrier carries now, counted over all shards.
//!
//! Invariant: `in_use` never passes the carrier's `max_calls` by `try_take`, and never goes below zero.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::names::CARRIERS_MAX;
use crate::{Carrier, CarrierId};

/// The places at carriers, shared by all shards.
pub trait CarrierSlots {
    /// Takes a place at `carrier` if its `max_calls` leaves one.
    fn try_take(&self, carrier: &Carrier) -> bool;
    /// Gives a place back; also for a carrier that is gone from the configuration.
    fn put_back(&self, carrier: CarrierId);
    /// Places taken.
    fn in_use(&self, carrier: CarrierId) -> u32;
}

/// Counters for every id that can be, each on its own cache line: shared between shards, used as it is by the
/// simulator.
pub struct SlotTable(Box<[Counter]>);

#[repr(align(64))]
#[derive(Default)]
struct Counter(AtomicU32);

impl Default for SlotTable {
    fn default() -> Self {
        Self((0..CARRIERS_MAX).map(|_| Counter::default()).collect())
    }
}

impl SlotTable {
    fn counter(&self, carrier: CarrierId) -> Option<&AtomicU32> {
        self.0.get(usize::from(carrier.0)).map(|c| &c.0)
    }
}

impl CarrierSlots for SlotTable {
    fn try_take(&self, carrier: &Carrier) -> bool {
        let free = |taken: u32| (taken < carrier.max_calls).then(|| taken.saturating_add(1));
        self.counter(carrier.id)
            .is_some_and(|c| c.fetch_update(Ordering::Relaxed, Ordering::Relaxed, free).is_ok())
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
