//! The carriers' places as a small table, which also tells whether one was given back twice.

use std::collections::BTreeMap;
use std::sync::Mutex;

use route::{Carrier, CarrierId, CarrierSlots};
use units::Tick;

/// Places taken, by carrier, and when calls began there.
#[derive(Debug, Default)]
pub struct Places(Mutex<BTreeMap<CarrierId, i64>>, Mutex<BTreeMap<CarrierId, Vec<Tick>>>);

impl Places {
    /// All places taken; a negative number is a place given back by one who had none.
    pub fn taken(&self) -> Vec<(CarrierId, i64)> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|(id, taken)| (*id, *taken))
            .filter(|(_, taken)| *taken != 0)
            .collect()
    }

    /// The process died: nobody is there any more.
    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl CarrierSlots for Places {
    fn try_take(&self, carrier: &Carrier) -> bool {
        let mut places = self.0.lock().unwrap();
        let taken = places.entry(carrier.id).or_default();
        let free = *taken < i64::from(carrier.max_calls);
        *taken += i64::from(free);
        free
    }

    fn try_begin(&self, carrier: &Carrier, now: Tick) -> bool {
        let fits = self.may_begin(carrier, now);
        if fits {
            self.1.lock().unwrap().entry(carrier.id).or_default().push(now);
        }
        fits
    }

    fn may_begin(&self, carrier: &Carrier, now: Tick) -> bool {
        let begun = self.1.lock().unwrap();
        let recent =
            begun.get(&carrier.id).into_iter().flatten().filter(|at| at.plus_ms(1_000) > now).count();
        carrier.max_cps.is_none_or(|most| recent < most as usize)
    }

    fn put_back(&self, carrier: CarrierId) {
        *self.0.lock().unwrap().entry(carrier).or_default() -= 1;
    }

    fn in_use(&self, carrier: CarrierId) -> u32 {
        self.0.lock().unwrap().get(&carrier).map_or(0, |taken| u32::try_from(*taken).unwrap_or(0))
    }
}
