//! What a transcoder says of its packets.

use crate::jitter::{JitterCounters, Pushed};

/// What became of a packet that was pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Its sound will be sent on in its time.
    Sound,
    /// It tells an event, which is sent on.
    Event,
    /// Its place in the order is of no use any more, or it came before.
    Dropped(Pushed),
    /// Its payload number is none that was agreed, or its payload is not what that number says.
    Unknown,
}

/// Counts since the transcoder was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TranscoderCounters {
    /// Those of the incoming side.
    pub jitter: JitterCounters,
    /// Packets whose payload number or payload was not understood.
    pub unknown: u64,
    /// Packets that were sent, of sound, noise and events.
    pub sent: u64,
    /// Octets of their payloads, as sender reports count them (RFC 3550 §6.4.1).
    pub sent_octets: u64,
    /// Frames that were restored from the packet after them.
    pub restored: u64,
    /// Samples that were left out because more was held than need be.
    pub shortened_samples: u64,
}
