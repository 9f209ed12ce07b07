//! Names of calls within a shard, and what timers name.

use hashbrown::HashMap;

/// Hash maps whose keys are our own ids: fast and the same on every run.
pub(crate) type Ids<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// Names one call for as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallRef {
    pub slot: u32,
    pub generation: u32,
}

/// The half of a call's id that no other call of this run has: boot and count.
pub(crate) const fn id_in_run(id: u128) -> u64 {
    id as u64
}

/// What the wheel wakes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TimerKey {
    /// A call's earliest deadline, its legs' session timers included.
    Call(CallRef),
    /// Probes of carriers.
    Probes,
}
