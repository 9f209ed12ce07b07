//! How a transcoder is made.

use std::time::Duration;

use codecs::Codec;

use crate::codec::EncoderSettings;

/// The payload of events, as it was agreed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventPayload {
    /// Its number.
    pub payload: u8,
    /// Units of its durations a second: 8,000, or 48,000 beside Opus.
    pub clock_hz: u32,
}

/// What comes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Incoming {
    /// The codec.
    pub codec: Codec,
    /// Its payload number.
    pub payload: u8,
    /// Events, if they were agreed.
    pub event: Option<EventPayload>,
    /// The payload number of comfort noise (RFC 3389), if it was agreed.
    pub noise: Option<u8>,
}

/// What goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The codec, its packet time, and whether pauses are sent.
    pub encoder: EncoderSettings,
    /// Its payload number.
    pub payload: u8,
    /// Events, if they were agreed; digits become tones where not.
    pub event: Option<EventPayload>,
    /// The payload number of comfort noise (RFC 3389), if it was agreed.
    pub noise: Option<u8>,
    /// The synchronisation source.
    pub ssrc: u32,
    /// The number of the first packet.
    pub sequence: u16,
    /// The timestamp of the first packet.
    pub timestamp: u32,
}

/// Both sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TranscoderSettings {
    /// What comes in.
    pub incoming: Incoming,
    /// What goes out.
    pub outgoing: Outgoing,
    /// Least and most that packets are held back: 20 and 200 ms.
    pub delay: (Duration, Duration),
    /// Digits are looked for in the sound, told by
    /// [`take_digit`](super::Transcoder::take_digit).
    pub detect_digits: bool,
    /// A digit that is heard in the sound is sent on as an event, in place of the sound, where events were
    /// agreed on the outgoing side and not on the incoming one. Needs `detect_digits`.
    pub digits_as_events: bool,
}

// === impl Incoming, Outgoing, TranscoderSettings ===

impl Incoming {
    /// A codec alone.
    pub const fn new(codec: Codec, payload: u8) -> Self {
        Self { codec, payload, event: None, noise: None }
    }
}

impl Outgoing {
    /// A codec alone, whose source, number and timestamp begin at zero.
    pub const fn new(encoder: EncoderSettings, payload: u8) -> Self {
        Self { encoder, payload, event: None, noise: None, ssrc: 0, sequence: 0, timestamp: 0 }
    }
}

impl TranscoderSettings {
    /// Held back by 20 to 200 ms, without a look for digits.
    pub const fn new(incoming: Incoming, outgoing: Outgoing) -> Self {
        let delay = (Duration::from_millis(20), Duration::from_millis(200));
        Self { incoming, outgoing, delay, detect_digits: false, digits_as_events: false }
    }
}
