//! Packets that workers made of a stream, on their way to its other side.

use units::Tick;

use super::control::StreamId;
use super::counters::DropReason;
use super::endpoint::{Heard, Transcoded};
use super::header::RtpHeader;
use super::table::{Action, Relay, Slot};

impl Relay {
    /// Makes a packet ready for its way that a worker made of this stream. The buffer has room behind it, as
    /// in [`Self::packet_in`].
    pub fn transcoded(&mut self, now: Tick, stream: StreamId, packet: (&mut [u8], usize)) -> Action {
        match self.pass_transcoded(now, stream, packet) {
            Ok(action) => action,
            Err(reason) => {
                self.counters.count_drop(reason);
                Action::Drop(reason)
            }
        }
    }

    fn pass_transcoded(
        &mut self,
        now: Tick,
        stream: StreamId,
        (buffer, bytes): (&mut [u8], usize),
    ) -> Result<Action, DropReason> {
        let endpoint = self.endpoints.at_mut(stream.slot).ok_or(DropReason::Unpaired)?;
        let is_present = |transcoded: &Transcoded| transcoded.number == stream.number;
        let transcoded = endpoint.transcoded.filter(is_present).ok_or(DropReason::Unpaired)?;
        let partner = endpoint.partner.ok_or(DropReason::Unpaired)?;
        let other = self.endpoints.at_mut(partner).ok_or(DropReason::Unpaired)?;
        let header = buffer.get(..bytes).and_then(RtpHeader::read).ok_or(DropReason::Malformed)?;
        let heard = Heard::Rtp(header, transcoded.clock);
        other.note_own(transcoded.clock, bytes);
        let (component, to, bytes) = other.send(now, heard, None, (buffer, bytes))?;
        self.counters.packets_out += 1;
        Ok(Action::Send { slot: Slot(partner), component, to, bytes })
    }
}
