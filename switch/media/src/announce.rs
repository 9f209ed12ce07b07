//! The switch's own answer to an offer: so that a caller hears why its call is refused, before it is.

use codecs::CodecSet;
use codecs::sdp::Direction;

use crate::session::{Session, What};

impl Session {
    /// The answer to this offer in which only we speak: its first codec that is allowed, and nothing else.
    /// None where its side hears nothing, or its stream is fax. The address is to be replaced by one of ours.
    pub fn announcement(&self, allowed: CodecSet) -> Option<Self> {
        let mut answer = self.offer(allowed).ok()?;
        if answer.is_fax() || answer.target()?.is_nobody() {
            return None;
        }
        answer.lines.retain(|line| line.kind == b't');
        let stream = answer.streams.get_mut(usize::from(answer.active?))?;
        stream.direction = match stream.direction {
            // Not `sendonly`, which some take for hold.
            Direction::SendRecv => Direction::SendRecv,
            Direction::RecvOnly => Direction::SendOnly,
            Direction::SendOnly | Direction::Inactive => return None,
        };
        stream.direction_is_ours = true;
        let first = stream.payloads.iter().find(|payload| payload.format.codec().is_some())?.number;
        stream.payloads.retain(|payload| payload.number == first);
        stream.lines.retain(|line| {
            let is_its = matches!(line.what, What::Rtpmap | What::Fmtp) && line.payload == first;
            is_its || line.what == What::Connection
        });
        Some(answer)
    }
}
