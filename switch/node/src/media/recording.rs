//! Calls that are recorded: from their answer on where a side's terms say so, or on the operator's word
//! ([decision 155](../../../../docs/decisions/0155-recordings.md)). The relay copies what each side sends,
//! whatever keys it is encrypted by.

use std::sync::Arc;

use call::LegId;
use media::record::RecordedSide;
use media::relay::{EndpointId, MediaCommand};
use units::{Now, Wall};

use super::sides::CallMedia;
use crate::ids::id_in_run;
use crate::io::{AdminReply, Output};
use crate::node::Node;
use crate::slot::Slot;

/// The name of a call's file: when it began, and the call, as its record has it.
fn file_name(began: Wall, call: u128) -> Arc<str> {
    let stamp: String = began.rfc3339().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    // Without its milliseconds.
    let second = stamp.get(..15).unwrap_or_default();
    format!("{second}Z-{call:032x}.wav").into()
}

// === impl CallMedia ===

impl CallMedia {
    /// Whether the terms of a side want it recorded.
    fn wants_recording(&self, called: LegId) -> bool {
        [LegId::Caller, called].into_iter().filter_map(|leg| self.side(leg)).any(|side| side.record)
    }
}

// === impl Node ===

impl Node {
    /// An answered call whose sides may talk is recorded, if that is wanted of it. Sides that talk something
    /// else from now on are told anew.
    pub(super) fn record(&mut self, now: Now, slot: &mut Slot) {
        let called = slot.called();
        let Some(media) = slot.media.as_deref_mut() else { return };
        if media.recording.is_some() {
            return self.tell_recorder(slot);
        }
        if self.config.media.recording.is_some() && media.wants_recording(called) {
            self.begin_recording(now, slot);
        }
    }

    fn begin_recording(&mut self, now: Now, slot: &mut Slot) {
        let Some(recording) = self.config.media.recording else { return };
        let file = file_name(now.wall, slot.call.id());
        if let Some(media) = slot.media.as_deref_mut() {
            (media.recording, media.is_recorded) = (Some(file), true);
        }
        self.tell_recorder(slot);
        if recording.consent_tone {
            let prompts = Arc::clone(&self.config.media.prompts);
            for leg in [LegId::Caller, slot.called()] {
                self.play(slot, leg, |codec| prompts.recording_tone(codec), false);
            }
        }
    }

    /// Tells the relay what each side of a recorded call sends, if that is news.
    fn tell_recorder(&mut self, slot: &mut Slot) {
        let called = slot.called();
        let Some(media) = slot.media.as_deref_mut().filter(|media| media.is_recorded) else { return };
        let Some(file) = media.recording.clone() else { return };
        for leg in [LegId::Caller, called] {
            let Some(side) = media.side_mut(leg) else { continue };
            let told = (side.endpoint, side.voices.clone());
            let (Some(endpoint), voices) = told.clone() else { continue };
            if side.recorded.as_deref() == Some(&told) {
                continue;
            }
            side.recorded = Some(Box::new(told));
            let how = RecordedSide { file: Arc::clone(&file), is_caller: leg == LegId::Caller, voices };
            let how = Some(Box::new(how));
            self.outputs.push_back(Output::Media(MediaCommand::Record { endpoint, how }));
        }
    }

    /// Its file could not be opened: the record names none.
    pub(super) fn not_recorded(&mut self, endpoint: EndpointId) {
        if let Some(media) = self.media_of(endpoint) {
            (media.recording, media.is_recorded) = (None, false);
        }
        self.media.unreported.not_recorded(endpoint.call);
    }

    /// The operator wants a call recorded from now on, or no longer.
    pub(crate) fn set_recording(&mut self, now: Now, id: u128, is_wanted: bool) -> AdminReply {
        let at = self.calls.by_id.get(&id_in_run(id)).copied();
        let Some(at) = at.filter(|at| self.calls.slots.holds(*at, id)) else { return AdminReply::NotFound };
        let Some(mut slot) = self.calls.take(at) else { return AdminReply::NotFound };
        let reply = self.recorded(now, &mut slot, is_wanted);
        self.park(now, slot);
        reply
    }

    fn recorded(&mut self, now: Now, slot: &mut Slot, is_wanted: bool) -> AdminReply {
        if self.config.media.recording.is_none() {
            return AdminReply::NotRecorded("nothing is recorded here: write dir into [recording]");
        }
        let Some(media) = slot.media.as_deref_mut().filter(|media| media.is_watched) else {
            return AdminReply::NotRecorded("only a call that is answered and relayed can be recorded");
        };
        match (is_wanted, &media.recording) {
            (true, Some(_)) if !media.is_recorded => {
                return AdminReply::NotRecorded("its recording was ended, and a call has one only");
            }
            (true, None) => self.begin_recording(now, slot),
            (false, Some(_)) => self.end_recording(slot),
            (true, Some(_)) | (false, None) => {}
        }
        let file = slot.media.as_deref().and_then(|media| media.recording.clone());
        AdminReply::Recorded(file)
    }

    fn end_recording(&mut self, slot: &mut Slot) {
        let called = slot.called();
        let Some(media) = slot.media.as_deref_mut() else { return };
        media.is_recorded = false;
        for leg in [LegId::Caller, called] {
            let Some(side) = media.side_mut(leg) else { continue };
            if let Some((Some(endpoint), _)) = side.recorded.take().map(|told| *told) {
                self.outputs.push_back(Output::Media(MediaCommand::Record { endpoint, how: None }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_second_and_call() {
        let name = file_name(Wall(1_796_077_845_678), 0xABC);
        assert_eq!(&*name, "20261130T223045Z-00000000000000000000000000000abc.wav");
    }
}
