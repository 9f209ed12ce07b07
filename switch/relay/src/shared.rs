//! What a relay thread shows to others: its counters, copied once per turn of its loop, so that packets take
//! no lock and write to no shared memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use media::relay::RelayCounters;

/// As many numbers as [`RelayCounters`] has.
const NUMBERS: usize = RelayCounters::NUMBERS;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    numbers: [AtomicU64; NUMBERS],
    /// Packets that went on in the kernel.
    in_kernel: AtomicU64,
    is_stopping: AtomicBool,
}

impl Shared {
    /// Shows the counters of now. One writer; readers may see some of this turn and some of the last.
    pub(crate) fn publish(&self, counters: &RelayCounters) {
        for (shown, number) in self.numbers.iter().zip(counters.numbers()) {
            shown.store(number, Ordering::Relaxed);
        }
    }

    pub(crate) fn counters(&self) -> RelayCounters {
        RelayCounters::of(std::array::from_fn(|place| self.numbers[place].load(Ordering::Relaxed)))
    }

    pub(crate) fn publish_in_kernel(&self, packets: u64) {
        self.in_kernel.store(packets, Ordering::Relaxed);
    }

    pub(crate) fn in_kernel(&self) -> u64 {
        self.in_kernel.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }
}
