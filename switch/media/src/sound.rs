//! How sound of our own is sent to a side of an agreed session: in which codec, by which payload number.

use codecs::Codec;

use crate::payload::{Format, Payload};
use crate::session::Session;
use crate::voice_side::Transcoding;

/// What a side takes of sound that is not the other side's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sound {
    /// The first codec that was agreed.
    pub codec: Codec,
    /// Its payload number.
    pub payload: u8,
    /// The payload number of events (telephone-event, RFC 4733), if they were agreed.
    pub events: Option<u8>,
}

impl Session {
    /// To the side whose offer this answers: by its own numbers (RFC 3264 §6.1).
    pub fn sound_to_offerer(&self) -> Option<Sound> {
        self.sound(|payload| payload.shown)
    }

    /// To the side that answered with this.
    pub fn sound_to_answerer(&self) -> Option<Sound> {
        if let Some(Transcoding { answerer, .. }) = self.transcoding() {
            let events = answerer.event.map(|event| event.taken);
            return Some(Sound { codec: answerer.codec, payload: answerer.payload.taken, events });
        }
        self.sound(|payload| payload.number)
    }

    fn sound(&self, number: impl Fn(&Payload) -> u8) -> Option<Sound> {
        let payloads = &self.active().filter(|active| active.port != 0)?.payloads;
        let of = |payload: &Payload| Some((payload.format.codec()?, number(payload)));
        let (codec, payload) = payloads.iter().find_map(of)?;
        let events = payloads.iter().find(|payload| payload.format == Format::TelephoneEvent).map(number);
        Some(Sound { codec, payload, events })
    }
}
