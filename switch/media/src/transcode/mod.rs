//! Streams that are made another codec's between two endpoints of the relay: what each of the two sides
//! sends is decoded and encoded anew ([decision 164](../../../../docs/decisions/0164-who-transcodes.md)). The
//! relay hands packets of such streams to a worker, which has one [`Transcoders`], and takes back what that
//! made of them. How many calls may be transcoded at once, [`Channels`] says for all shards.
//! Invariant: a packet that a worker makes is of the stream that it was made for, or dropped.

mod channels;
mod table;

pub use channels::Channels;
pub use table::Transcoders;

use voice::EncoderSettings;
use voice::transcoder::{EventPayload, Incoming, Outgoing, TranscoderSettings};

use crate::voice_side::VoiceSide;

/// Clock of digits, as they are agreed (RFC 4733).
const EVENT_HZ: u32 = 8_000;
/// Shortest and longest packet that is sent, in milliseconds.
const PACKET_MS: (u16, u16) = (10, 60);

/// Where a new stream begins: unforeseeable, as RFC 3550 §5.1 wants it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamStart {
    /// Synchronisation source.
    pub ssrc: u32,
    /// Number of the first packet.
    pub sequence: u16,
    /// Timestamp of the first packet.
    pub timestamp: u32,
}

/// How what `from` sends becomes what `to` is sent.
pub fn settings(from: &VoiceSide, to: &VoiceSide, start: StreamStart) -> TranscoderSettings {
    let event = |payload: u8| EventPayload { payload, clock_hz: EVENT_HZ };
    let packet_ms = to.packet_ms.unwrap_or(20).clamp(PACKET_MS.0, PACKET_MS.1);
    let StreamStart { ssrc, sequence, timestamp } = start;
    TranscoderSettings::new(
        Incoming {
            event: from.event.map(|payload| event(payload.taken)),
            noise: from.noise.map(|payload| payload.taken),
            ..Incoming::new(from.codec, from.payload.taken)
        },
        Outgoing {
            event: to.event.map(|payload| event(payload.taken)),
            noise: to.noise.map(|payload| payload.taken),
            ssrc,
            sequence,
            timestamp,
            ..Outgoing::new(
                EncoderSettings {
                    packet_ms: u8::try_from(packet_ms).unwrap_or(20),
                    dtx: to.noise.is_some(),
                    g723: to.g723,
                    fec: to.fec,
                    ..EncoderSettings::new(to.codec)
                },
                to.payload.taken,
            )
        },
    )
}
