//! G.711 behind the traits: pauses by RFC 3389, losses by [`Concealment`].

use codecs::Codec;
use codecs::g711::Law;

use crate::codec::{Decoder, Encoded, Encoder, EncoderSettings};
use crate::concealment::Concealment;
use crate::lpc::autocorrelation;
use crate::noise::{DESCRIPTION, NoiseMaker, describe};
use crate::payload::{Frame, G711_FRAME};

/// Frames of 10 ms without speech before a pause begins: speech ends softly.
const HANGOVER_FRAMES: u32 = 20;
/// A pause is described again after so many frames, since its noise may have changed: 500 ms.
const REFRESH_FRAMES: u32 = 50;
/// Speech is so many times the energy of the noise: 9 dB.
const ABOVE_NOISE: f32 = 8.0;
/// Energy that is speech whatever the noise: −30 dBov; and one that never is: −65 dBov.
const SPEECH_FROM: f32 = 1.07e6;
const SILENT_BELOW: f32 = 340.0;
/// The noise is what was quietest, which creeps up by this much a frame: 1 dB in 115 ms.
const CREEP: f32 = 1.02;

/// A-law or µ-law.
pub(crate) struct G711Encoder {
    codec: Codec,
    law: Law,
    pauses: Option<Pauses>,
}

/// When nothing is said.
struct Pauses {
    noise: f32,
    quiet_frames: u32,
    /// Frames since the pause was described.
    described: Option<u32>,
}

/// A-law or µ-law, with what conceals and pauses.
pub(crate) struct G711Decoder {
    codec: Codec,
    law: Law,
    concealment: Concealment,
    noise: NoiseMaker,
}

fn law(codec: Codec) -> Law {
    if codec == Codec::Pcma { Law::A } else { Law::Mu }
}

// === impl G711Encoder ===

impl G711Encoder {
    pub(crate) fn new(settings: EncoderSettings) -> Self {
        let pauses = settings.dtx.then_some(Pauses { noise: 1e4, quiet_frames: 0, described: None });
        Self { codec: settings.codec, law: law(settings.codec), pauses }
    }
}

impl Encoder for G711Encoder {
    fn codec(&self) -> Codec {
        self.codec
    }

    fn frame_samples(&self) -> usize {
        G711_FRAME
    }

    fn packet_frames_max(&self) -> usize {
        usize::MAX
    }

    fn encode(&mut self, frame: &[i16], octets: &mut [u8]) -> Encoded {
        if let Some(pauses) = &mut self.pauses {
            match pauses.hear(frame) {
                Encoded::Speech(_) => {}
                Encoded::Noise(_) => {
                    let length = octets.len().min(DESCRIPTION);
                    octets[..length].copy_from_slice(&describe(frame)[..length]);
                    return Encoded::Noise(length);
                }
                Encoded::Nothing => return Encoded::Nothing,
            }
        }
        Encoded::Speech(self.law.encode_into(frame, octets))
    }
}

// === impl Pauses ===

impl Pauses {
    fn hear(&mut self, frame: &[i16]) -> Encoded {
        let energy = autocorrelation(frame)[0];
        self.noise = (self.noise * CREEP).min(energy.max(SILENT_BELOW));
        let speaks = energy > SPEECH_FROM
            || (energy > self.noise * ABOVE_NOISE && energy > SILENT_BELOW * ABOVE_NOISE);
        if speaks {
            (self.quiet_frames, self.described) = (0, None);
            return Encoded::Speech(0);
        }
        self.quiet_frames = self.quiet_frames.saturating_add(1);
        if self.quiet_frames <= HANGOVER_FRAMES {
            return Encoded::Speech(0);
        }
        match self.described {
            Some(frames) if frames < REFRESH_FRAMES => {
                self.described = Some(frames + 1);
                Encoded::Nothing
            }
            _ => {
                self.described = Some(1);
                Encoded::Noise(0)
            }
        }
    }
}

// === impl G711Decoder ===

impl G711Decoder {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, law: law(codec), concealment: Concealment::new(), noise: NoiseMaker::new() }
    }
}

impl Decoder for G711Decoder {
    fn codec(&self) -> Codec {
        self.codec
    }

    fn frame_samples(&self) -> usize {
        G711_FRAME
    }

    fn decode(&mut self, frame: Frame<'_>, samples: &mut [i16]) -> usize {
        let count = self.law.decode_into(frame.octets, samples);
        self.concealment.arrived(&mut samples[..count]);
        count
    }

    fn conceal(&mut self, samples: &mut [i16]) {
        self.concealment.conceal(samples);
    }

    fn pause(&mut self, samples: &mut [i16]) {
        self.noise.fill(samples);
        self.concealment.arrived(samples);
    }

    fn describe_pause(&mut self, payload: &[u8]) {
        self.noise.describe(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lpc::White;

    fn encoder(dtx: bool) -> G711Encoder {
        G711Encoder::new(EncoderSettings { dtx, ..EncoderSettings::new(Codec::Pcmu) })
    }

    #[test]
    fn both_laws_come_back_as_they_were() {
        for codec in [Codec::Pcmu, Codec::Pcma] {
            let mut encoder = G711Encoder::new(EncoderSettings::new(codec));
            let mut decoder = G711Decoder::new(codec);
            let spoken: [i16; 80] = std::array::from_fn(|n| (n as i16 - 40) * 400);
            let (mut octets, mut heard) = ([0; 80], [0; 80]);
            assert_eq!(encoder.encode(&spoken, &mut octets), Encoded::Speech(80));
            let frame = Frame { octets: &octets, samples: 80, is_noise: false };
            assert_eq!(decoder.decode(frame, &mut heard), 80);
            for (one, other) in spoken.iter().zip(heard) {
                assert!((one - other).abs() <= 16 + one.abs() / 24, "{codec}: {one} came as {other}");
            }
        }
    }

    #[test]
    fn a_pause_is_described_and_then_not_sent() {
        let (mut encoder, mut white) = (encoder(true), White::new(3));
        let mut octets = [0; 80];
        let mut run = |loud: f32, frames: usize| {
            let mut counts = (0, 0, 0);
            for _ in 0..frames {
                let frame: [i16; 80] = std::array::from_fn(|_| (white.next() * loud) as i16);
                match encoder.encode(&frame, &mut octets) {
                    Encoded::Speech(_) => counts.0 += 1,
                    Encoded::Noise(length) => {
                        assert_eq!(length, DESCRIPTION);
                        // 60 of 32,768 are −54.7 dBov.
                        assert!(octets[0].abs_diff(55) <= 1, "level {}", octets[0]);
                        counts.1 += 1;
                    }
                    Encoded::Nothing => counts.2 += 1,
                }
            }
            counts
        };
        assert_eq!(run(3000.0, 100), (100, 0, 0));
        assert_eq!(run(60.0, 120), (20, 2, 98));
        assert_eq!(run(3000.0, 5), (5, 0, 0));
    }

    #[test]
    fn without_dtx_everything_is_sent() {
        let mut encoder = encoder(false);
        for _ in 0..100 {
            assert_eq!(encoder.encode(&[0; 80], &mut [0; 80]), Encoded::Speech(80));
        }
    }

    #[test]
    fn a_pause_is_filled_with_the_noise_that_was_described() {
        let mut decoder = G711Decoder::new(Codec::Pcma);
        let mut samples = [1; 160];
        decoder.pause(&mut samples);
        assert_eq!(samples, [0; 160]);
        decoder.describe_pause(&[50]);
        decoder.pause(&mut samples);
        decoder.pause(&mut samples);
        let level = crate::noise::level(autocorrelation(&samples)[0]);
        assert!(level.abs_diff(50) <= 2, "−{level} dBov");
    }
}
