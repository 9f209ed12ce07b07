//! Which codecs each side of an agreed session may send, by which payload numbers.

use crate::payload::{Format, Payload};
use crate::recorded::Voices;
use crate::session::Session;
use crate::voice_side::VoiceSide;

impl Session {
    /// Of the side whose offer this answers: it sends in the answer's numbers (RFC 3264 §6.1).
    pub fn voices_of_offerer(&self) -> Voices {
        match self.transcoding() {
            Some(transcoding) => transcoding.offerer.voices(),
            None => self.voices(|payload| payload.shown),
        }
    }

    /// Of the side that answered with this: it sends in the offer's numbers, or in its own.
    pub fn voices_of_answerer(&self) -> Voices {
        if let Some(transcoding) = self.transcoding() {
            return transcoding.answerer.voices();
        }
        let mut voices = self.voices(|payload| payload.shown);
        for (number, codec) in self.voices(|payload| payload.number).codecs {
            voices.add(number, codec);
        }
        voices
    }

    fn voices(&self, number: impl Fn(&Payload) -> u8) -> Voices {
        let mut voices = Voices::default();
        let payloads = self.active().filter(|active| !active.is_fax).map(|active| &active.payloads);
        for payload in payloads.into_iter().flatten() {
            match payload.format {
                Format::Codec(codec) => voices.add(number(payload), codec),
                Format::ComfortNoise => voices.noise = Some(number(payload)),
                Format::TelephoneEvent | Format::Unknown | Format::Unnamed => {}
            }
        }
        voices
    }
}

impl VoiceSide {
    fn voices(&self) -> Voices {
        let mut voices = Voices { noise: self.noise.map(|noise| noise.sent), ..Voices::default() };
        voices.add(self.payload.sent, self.codec);
        voices.add(self.payload.taken, self.codec);
        voices
    }
}
