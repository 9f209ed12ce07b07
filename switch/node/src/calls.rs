//! The calls of a shard, by their places and ids.

use call::Actions;
use hashbrown::HashMap;
use route::{GateId, RateLimiter};

use crate::ids::{CallRef, Ids};
use crate::leg::LegEvents;
use crate::ringing::Ringing;
use crate::slot::{Slot, Slots};

/// What a shard holds of its calls.
#[derive(Default)]
pub(crate) struct Calls {
    pub slots: Slots,
    /// By the half of their id that no other call of this run has.
    pub by_id: Ids<u64, CallRef>,
    /// Calls of each gate, for its `max_calls`.
    pub gate_calls: HashMap<GateId, u32, foldhash::fast::FixedState>,
    /// Call rates of gates that have a `max_cps`.
    pub limiters: Vec<(GateId, RateLimiter)>,
    pub ringing: Ringing,
    /// Kept for its room.
    pub scratch: Actions,
    /// Events of legs that the call in hand has not taken yet.
    pub leg_events: LegEvents,
    pub minted_calls: u64,
}

impl Calls {
    /// A place for a new call; none if the shard is full.
    pub(crate) fn reserve(&mut self) -> Option<CallRef> {
        self.slots.reserve()
    }

    /// Frees a place.
    pub(crate) fn release(&mut self, at: CallRef) {
        self.slots.release(at);
    }

    /// Takes a call out to work on it; `put` it back, or park it.
    pub(crate) fn take(&mut self, at: CallRef) -> Option<Box<Slot>> {
        self.slots.take(at)
    }

    pub(crate) fn put(&mut self, slot: Box<Slot>) {
        self.slots.put(slot);
    }
}
