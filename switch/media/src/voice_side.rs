//! What the two sides of a transcoded stream send and are sent: codecs, payload numbers, packet times.

use codecs::{Codec, G723Rate};
use smallvec::SmallVec;

use crate::relay::PeerPayload;

/// What an agreed stream carries on each side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transcoding {
    /// Of whoever offered.
    pub offerer: VoiceSide,
    /// Of whoever answered.
    pub answerer: VoiceSide,
}

/// What one side of a transcoded stream sends and is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoiceSide {
    /// Its codec.
    pub codec: Codec,
    /// Its number.
    pub payload: VoicePayload,
    /// Digits (telephone-event at 8,000 Hz, RFC 4733), where both sides agreed on them.
    pub event: Option<VoicePayload>,
    /// Comfort noise (RFC 3389), where both sides agreed on it.
    pub noise: Option<VoicePayload>,
    /// Milliseconds of sound in one packet that it asks for.
    pub packet_ms: Option<u16>,
    /// The rate of G.723.1 that it asks for.
    pub g723: G723Rate,
    /// It takes repetitions of Opus (`useinbandfec=1`, RFC 7587 §6.1).
    pub fec: bool,
}

/// Numbers of a payload on one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VoicePayload {
    /// As its side is sent it, and some send it too.
    pub taken: u8,
    /// As its side sends it (RFC 3264 §6.1).
    pub sent: u8,
}

// === impl VoiceSide ===

impl VoiceSide {
    /// The numbers that may come from its side, each told by the number that the side is sent.
    pub fn payloads(&self) -> SmallVec<[PeerPayload; 8]> {
        let all = [(Some(self.payload), self.codec.clock_hz()), (self.event, 8_000), (self.noise, 8_000)];
        let known = |(payload, clock): (Option<VoicePayload>, u32)| payload.map(|payload| (payload, clock));
        let mut payloads = SmallVec::new();
        for (VoicePayload { taken, sent }, clock) in all.into_iter().filter_map(known) {
            payloads.push(PeerPayload { number: sent, told: taken, clock });
        }
        for (VoicePayload { taken, sent }, clock) in all.into_iter().filter_map(known) {
            let is_free = payloads.iter().all(|known: &PeerPayload| known.number != taken);
            if taken != sent && is_free {
                payloads.push(PeerPayload { number: taken, told: taken, clock });
            }
        }
        payloads
    }
}
