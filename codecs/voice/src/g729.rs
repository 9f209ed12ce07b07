//! G.729 with Annexes A and B behind the traits.

use codecs::Codec;
use g729::{Decoder as Inner, Encoder as InnerEncoder, FRAME_BYTES, FRAME_SAMPLES, SILENCE_BYTES};

use crate::codec::{Decoder, Encoded, Encoder, EncoderSettings};
use crate::payload::Frame;

/// Pauses by Annex B.
pub(crate) struct G729Encoder(InnerEncoder);

/// With or without Annex B, as the frames come.
pub(crate) struct G729Decoder(Inner);

// === impl G729Encoder ===

impl G729Encoder {
    pub(crate) fn new(settings: EncoderSettings) -> Self {
        Self(InnerEncoder::new(settings.dtx))
    }
}

impl Encoder for G729Encoder {
    fn codec(&self) -> Codec {
        Codec::G729
    }

    fn frame_samples(&self) -> usize {
        FRAME_SAMPLES
    }

    fn packet_frames_max(&self) -> usize {
        usize::MAX
    }

    fn encode(&mut self, frame: &[i16], octets: &mut [u8]) -> Encoded {
        let (mut whole, mut encoded) = ([0; FRAME_SAMPLES], [0; FRAME_BYTES]);
        let count = frame.len().min(FRAME_SAMPLES);
        whole[..count].copy_from_slice(&frame[..count]);
        let made = self.0.encode(&whole, &mut encoded);
        let length = made.min(octets.len());
        octets[..length].copy_from_slice(&encoded[..length]);
        match made {
            0 => Encoded::Nothing,
            SILENCE_BYTES => Encoded::Noise(length),
            _ => Encoded::Speech(length),
        }
    }
}

// === impl G729Decoder ===

impl G729Decoder {
    pub(crate) fn new() -> Self {
        Self(Inner::new())
    }

    fn fill(samples: &mut [i16], mut make: impl FnMut(&mut [i16; FRAME_SAMPLES])) {
        for piece in samples.chunks_mut(FRAME_SAMPLES) {
            let mut made = [0; FRAME_SAMPLES];
            make(&mut made);
            piece.copy_from_slice(&made[..piece.len()]);
        }
    }
}

impl Decoder for G729Decoder {
    fn codec(&self) -> Codec {
        Codec::G729
    }

    fn frame_samples(&self) -> usize {
        FRAME_SAMPLES
    }

    fn decode(&mut self, frame: Frame<'_>, samples: &mut [i16]) -> usize {
        let mut made = [0; FRAME_SAMPLES];
        if self.0.decode(frame.octets, &mut made).is_err() {
            self.0.conceal(&mut made);
        }
        let count = FRAME_SAMPLES.min(samples.len());
        samples[..count].copy_from_slice(&made[..count]);
        count
    }

    fn conceal(&mut self, samples: &mut [i16]) {
        Self::fill(samples, |made| self.0.conceal(made));
    }

    fn pause(&mut self, samples: &mut [i16]) {
        Self::fill(samples, |made| {
            // No octets are a frame that its sender left out, and are never refused.
            if self.0.decode(&[], made).is_err() {
                self.0.conceal(made);
            }
        });
    }

    /// G.729 has its own.
    fn describe_pause(&mut self, _payload: &[u8]) {}
}
