//! Ringback of ours: a caller that was told an early session hears what comes by it, and so nothing where
//! whoever rings now has none ([decision 159](../../../../docs/decisions/0159-ringback-of-ours.md)).

use std::sync::Arc;

use call::{Attempt, LegId, Progress};
use media::relay::MediaCommand;
use prompts::Tone;

use super::sides::CallMedia;
use crate::io::Output;
use crate::node::Node;
use crate::slot::Slot;

// === impl CallMedia ===

impl CallMedia {
    /// A called side rings, and the caller, which has an early session, hears nobody.
    fn wants_ringback(&self) -> bool {
        let has_session = self.side(LegId::Caller).is_some_and(|side| side.is_told && side.sound.is_some());
        let rings = |leg: &LegId| self.side(*leg).is_some_and(|side| side.rings);
        has_session && self.paired.is_none() && self.others(None).iter().any(rings)
    }
}

// === impl Node ===

impl Node {
    /// A called side says that it rings.
    pub(crate) fn note_ringing(&mut self, slot: &mut Slot, attempt: Attempt, progress: Progress) {
        let side = slot.media.as_deref_mut().and_then(|media| media.side_mut(LegId::Carrier(attempt)));
        if let Some(side) = side.filter(|_| progress == Progress::Ringing) {
            side.rings = true;
            self.ring_back(slot);
        }
    }

    /// Begins or ends the ringback that the caller hears, if that is due.
    pub(super) fn ring_back(&mut self, slot: &mut Slot) {
        let is_answered = slot.call.is_talking();
        let Some(media) = slot.media.as_deref() else { return };
        let (is_wanted, is_heard) = (!is_answered && media.wants_ringback(), media.rings_back);
        let endpoint = media.side(LegId::Caller).and_then(|side| side.endpoint);
        let rings_back = match (is_wanted, is_heard) {
            (true, false) => {
                let prompts = Arc::clone(&self.config.media.prompts);
                self.play(slot, LegId::Caller, |codec| prompts.tone(Tone::Ringback, codec), true)
            }
            (false, true) => {
                let stop = endpoint.map(|endpoint| MediaCommand::StopPlay { endpoint });
                self.outputs.extend(stop.map(Output::Media));
                false
            }
            (true, true) | (false, false) => return,
        };
        if let Some(media) = slot.media.as_deref_mut() {
            media.rings_back = rings_back;
        }
    }
}
