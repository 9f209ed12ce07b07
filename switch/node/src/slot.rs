//! A call's place in the shard: the call, its legs, its lease, its timer. Slots are found by number and
//! generation, as our tokens carry them.

use call::{Attempt, Branch, Call, Callee, LegId, Side};
use rating::LeaseId;
use units::Tick;
use units::slab::Slab;
use units::wheel::TimerId;

use crate::examination::Examination;
use crate::ids::CallRef;
use crate::leg::{CallFacts, Leg};
use crate::media::{Announcement, CallMedia, WaitsForPorts};

/// Most calls that one shard holds; one more is refused with 503.
pub(crate) const CALLS_MAX: usize = 200_000;

/// A call and everything that belongs to it.
pub(crate) struct Slot {
    pub me: CallRef,
    pub call: Call,
    pub lease: Option<LeaseId>,
    pub caller: Leg,
    /// Those of attempts that failed and are not gone yet, and those under way; of an answered call the
    /// called leg is the last.
    pub carriers: Vec<Leg>,
    /// Whom the attempt under way or answered is at; of a carrier one place is taken.
    pub callee: Option<Callee>,
    pub timer: TimerId,
    pub timer_at: Tick,
    /// An `open` record was written.
    pub recorded_open: bool,
    /// Counts toward the gate's `max_calls`.
    pub holds_gate: bool,
    /// Counts among the calls that ring at a number of ours.
    pub rings: bool,
    /// Of a call that is relayed, or of an announcement.
    pub media: Option<Box<CallMedia>>,
    /// What waits until a relay outside has ports for it.
    pub waits_for_ports: Option<Box<WaitsForPorts>>,
    /// What the caller hears before it is refused: the call itself is over then.
    pub announcement: Option<Box<Announcement>>,
    /// What the settlement posted, on its way to the record.
    pub transfers: Vec<ledger::Transfer>,
    /// What is known of the caller's signature; none if nobody looks at it.
    pub examination: Option<Box<Examination>>,
}

/// All calls of a shard. A place without a call is one that is reserved, or whose call is in hand.
#[derive(Default)]
pub(crate) struct Slots(Slab<Option<Box<Slot>>>);

// === impl Slot ===

impl Slot {
    pub(crate) fn new(me: CallRef, call: Call, caller: Leg, holds_gate: bool) -> Self {
        Self {
            me,
            call,
            lease: None,
            caller,
            carriers: Vec::with_capacity(1),
            callee: None,
            timer: TimerId::NONE,
            timer_at: Tick::NEVER,
            recorded_open: false,
            holds_gate,
            rings: false,
            media: None,
            waits_for_ports: None,
            announcement: None,
            transfers: Vec::new(),
            examination: None,
        }
    }

    /// Number of the last carrier tried, from 1.
    pub(crate) fn last_attempt(&self) -> u16 {
        match self.carriers.last().map(Leg::id) {
            Some(LegId::Carrier(attempt)) => u16::from(attempt) + 1,
            Some(LegId::Caller) | None => 0,
        }
    }

    pub(crate) fn leg(&self, id: LegId) -> Option<&Leg> {
        match id {
            LegId::Caller => Some(&self.caller),
            LegId::Carrier(attempt) => self.carriers.iter().find(|leg| leg.id() == LegId::Carrier(attempt)),
        }
    }

    /// A leg, with what it may know of its call.
    pub(crate) fn facts_and_leg(&mut self, id: LegId) -> (CallFacts<'_>, Option<&mut Leg>) {
        let facts = CallFacts { at: self.me, id: self.call.id(), caller: self.call.caller() };
        let leg = match id {
            LegId::Caller => Some(&mut self.caller),
            LegId::Carrier(_) => self.carriers.iter_mut().find(|leg| leg.id() == id),
        };
        (facts, leg)
    }

    pub(crate) fn legs_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        std::iter::once(&mut self.caller).chain(&mut self.carriers)
    }

    /// A called leg was answered: it is the call's other side from now on.
    pub(crate) fn answered_by(&mut self, id: LegId) {
        if let Some(at) = self.carriers.iter().position(|leg| leg.id() == id) {
            let leg = self.carriers.remove(at);
            self.carriers.push(leg);
        }
    }

    /// The called leg: the one that answered, before that the last one dialled.
    pub(crate) fn called(&self) -> LegId {
        self.carriers.last().map_or(LegId::Carrier(0), Leg::id)
    }

    /// Its media, if it is relayed to this called leg.
    pub(crate) fn relayed_mut(&mut self, called: LegId) -> Option<&mut CallMedia> {
        self.media.as_deref_mut().filter(|media| media.relays(called))
    }

    /// The offer that a leg made last, in the early dialog with a phone or in mid-call, is refused or taken
    /// back.
    pub(crate) fn media_offer_ends(&mut self, from: LegId, of: Option<(Attempt, Branch)>) {
        if let Some(media) = self.media.as_deref_mut() {
            media.end_offer(from, of);
        }
    }

    /// The leg of an answered call's side.
    pub(crate) fn side(&self, side: Side) -> LegId {
        match side {
            Side::Caller => LegId::Caller,
            Side::Carrier => self.called(),
        }
    }

    /// The leg at the other end.
    pub(crate) fn opposite(&self, leg: LegId) -> LegId {
        self.side(side_of(leg).other())
    }

    /// When something is due on the call or on one of its legs.
    pub(crate) fn deadline(&self) -> Tick {
        let legs = std::iter::once(&self.caller).chain(&self.carriers);
        let waits = self.examination.as_deref().map_or(Tick::NEVER, Examination::deadline);
        let announces = self.announcement.as_deref().map_or(Tick::NEVER, Announcement::deadline);
        legs.map(Leg::deadline).fold(self.call.deadline().min(waits).min(announces), Tick::min)
    }

    /// A leg on which something is due.
    pub(crate) fn due(&self, now: Tick) -> Option<LegId> {
        let mut legs = std::iter::once(&self.caller).chain(&self.carriers);
        legs.find(|leg| leg.deadline() <= now).map(Leg::id)
    }

    pub(crate) fn all_gone(&self) -> bool {
        self.caller.is_gone() && self.carriers.iter().all(Leg::is_gone)
    }
}

/// The side of a leg.
pub(crate) const fn side_of(id: LegId) -> Side {
    match id {
        LegId::Caller => Side::Caller,
        LegId::Carrier(_) => Side::Carrier,
    }
}

// === impl Slots ===

impl Slots {
    /// A place for a new call; none if the shard is full.
    pub(crate) fn reserve(&mut self) -> Option<CallRef> {
        if self.0.len() >= CALLS_MAX {
            return None;
        }
        let (slot, generation) = self.0.insert(None);
        Some(CallRef { slot, generation })
    }

    /// Takes a call out to work on it; `put` it back or `release` its place.
    pub(crate) fn take(&mut self, at: CallRef) -> Option<Box<Slot>> {
        if self.0.generation(at.slot) != Some(at.generation) {
            return None;
        }
        self.0.at_mut(at.slot)?.take()
    }

    /// Whether the call in this place has this id.
    pub(crate) fn holds(&self, at: CallRef, id: u128) -> bool {
        let slot = self.0.at(at.slot).and_then(Option::as_ref);
        slot.is_some_and(|slot| slot.me == at && slot.call.id() == id)
    }

    /// The call in this place.
    pub(crate) fn look(&self, at: CallRef) -> Option<&Slot> {
        self.0.at(at.slot).and_then(Option::as_deref).filter(|slot| slot.me == at)
    }

    pub(crate) fn look_mut(&mut self, at: CallRef) -> Option<&mut Slot> {
        self.0.at_mut(at.slot).and_then(Option::as_deref_mut).filter(|slot| slot.me == at)
    }

    pub(crate) fn put(&mut self, slot: Box<Slot>) {
        if let Some(place) = self.0.at_mut(slot.me.slot) {
            *place = Some(slot);
        }
    }

    /// Frees the place of a call; its name is never valid again (generations wrap after a million calls in
    /// one place).
    pub(crate) fn release(&mut self, at: CallRef) {
        self.0.remove(at.slot);
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Live calls in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().filter_map(|(_, slot)| slot.as_deref())
    }

    pub(crate) fn refs(&self) -> Vec<CallRef> {
        self.iter().map(|slot| slot.me).collect()
    }
}
