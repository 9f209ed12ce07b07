//! Ringback after the answer: the called side's first sound is listened to for it
//! ([decision 129](../../../../docs/decisions/0129-ringback-after-the-answer.md)).

use call::Destination;
use media::relay::EndpointId;
use units::Now;
use voice::FirstSound;

use crate::node::Node;
use crate::slot::Slot;

// === impl Slot ===

impl Slot {
    /// Its called side is a carrier.
    pub(super) const fn goes_to_carriers(&self) -> bool {
        matches!(self.call.destination(), Some(Destination::Carriers))
    }
}

// === impl Node ===

impl Node {
    /// The relay knows what a side's first sound was: nothing more is listened to for it.
    pub(super) fn first_sound_heard(&mut self, now: Now, endpoint: EndpointId, sound: FirstSound) {
        let Some(&at) = self.calls.by_id.get(&endpoint.call) else { return };
        let Some(mut slot) = self.calls.take(at) else { return };
        let called = slot.called();
        let media = slot.media.as_deref_mut();
        if let Some(media) = media.filter(|media| media.leg_of(endpoint) == Some(called)) {
            media.first_sound = Some(sound);
            self.listen(&mut slot);
        }
        self.park(now, slot);
    }
}
