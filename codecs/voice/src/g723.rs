//! G.723.1 behind the traits, by `oxideav-g7231`: both rates, concealment by it, the noise of Annex A made
//! here, since it conceals frames of noise as if they were lost.

use codecs::Codec;
use oxideav_g7231::annex_a::{FrameType, sid_gain_decode, unpack_sid};
use oxideav_g7231::encoder::SpecEncoder;
use oxideav_g7231::linepack::{PackedRate, SpecFrameParams, unpack_frame};
use oxideav_g7231::qdec::{QSynthesis, lsp_decode, lsp_stability};
use oxideav_g7231::spec_tables::LSP_DC_PREDICTED_FREQ_Q15;

use crate::G723Rate;
use crate::codec::{Decoder, Encoded, Encoder, EncoderSettings};
use crate::lpc::{ORDER, from_line_spectrum};
use crate::noise::NoiseMaker;
use crate::payload::Frame;

/// Samples of a frame: 30 ms.
const FRAME: usize = 240;
/// Two line spectrum frequencies are at least so far apart, in units of 4 kHz / 2¹⁵: 31.25 Hz (§2.6).
const APART: i16 = 256;
/// Part of the distance from the mean that line spectrum frequencies of a lost frame keep, of 32 (§3.10.1).
const KEPT_OF_32: i32 = 23;
/// Amplitudes within the codec are half of the samples'.
const HALF: f32 = 2.0;

/// 5.3 or 6.3 kbit/s.
pub(crate) struct G723Encoder {
    inner: SpecEncoder,
}

/// Both rates.
pub(crate) struct G723Decoder {
    inner: QSynthesis,
    /// Line spectrum frequencies of the last frame, which the next one's are predicted from.
    line_spectrum: [i16; ORDER],
    noise: NoiseMaker,
    in_pause: bool,
}

// === impl G723Encoder ===

impl G723Encoder {
    pub(crate) fn new(settings: EncoderSettings) -> Self {
        let mut inner = SpecEncoder::new(match settings.g723 {
            G723Rate::R5300 => PackedRate::Low,
            G723Rate::R6300 => PackedRate::High,
        });
        inner.set_vad(settings.dtx);
        Self { inner }
    }
}

impl Encoder for G723Encoder {
    fn codec(&self) -> Codec {
        Codec::G723
    }

    fn frame_samples(&self) -> usize {
        FRAME
    }

    fn packet_frames_max(&self) -> usize {
        usize::MAX
    }

    fn encode(&mut self, frame: &[i16], octets: &mut [u8]) -> Encoded {
        let mut whole = [0; FRAME];
        let count = frame.len().min(FRAME);
        whole[..count].copy_from_slice(&frame[..count]);
        // The library hands out a small vector for each frame.
        let encoded = self.inner.encode_frame(&whole);
        let length = encoded.len().min(octets.len());
        octets[..length].copy_from_slice(&encoded[..length]);
        match self.inner.last_frame_type() {
            FrameType::Active => Encoded::Speech(length),
            FrameType::Sid => Encoded::Noise(length),
            FrameType::Untransmitted => Encoded::Nothing,
        }
    }
}

// === impl G723Decoder ===

impl G723Decoder {
    pub(crate) fn new() -> Self {
        Self {
            inner: QSynthesis::new(),
            line_spectrum: LSP_DC_PREDICTED_FREQ_Q15,
            noise: NoiseMaker::new(),
            in_pause: false,
        }
    }

    fn predict(&mut self, index: u32) {
        let mut next = lsp_decode(index, &self.line_spectrum);
        if lsp_stability(&mut next, APART) {
            self.line_spectrum = next;
        }
    }

    fn speech(&mut self, params: &SpecFrameParams) -> [i16; FRAME] {
        self.predict(params.lsp_index);
        if self.in_pause {
            self.in_pause = false;
            self.noise.forget();
        }
        self.inner.decode_params(params)
    }

    /// A frame that describes noise: its filter and the level of what excites it (Annex A.4.4).
    fn describe(&mut self, index: u32, gain: u8) {
        self.predict(index);
        // The library's own prediction has to take the same step, as the encoder's did: a frame of speech
        // with the same frequencies and next to no sound, which nobody hears.
        let quiet = SpecFrameParams { lsp_index: index, ..SpecFrameParams::zeroed(PackedRate::High) };
        self.inner.decode_params(&quiet);
        let mut radians = [0.0; ORDER];
        for (radians, &frequency) in radians.iter_mut().zip(&self.line_spectrum) {
            *radians = f32::from(frequency) / 32_768.0 * std::f32::consts::PI;
        }
        self.noise.set(from_line_spectrum(&radians), HALF * sid_gain_decode(gain) as f32);
        self.in_pause = true;
    }

    fn lost(&mut self) -> [i16; FRAME] {
        for (frequency, &mean) in self.line_spectrum.iter_mut().zip(&LSP_DC_PREDICTED_FREQ_Q15) {
            let from_mean = i32::from(*frequency) - i32::from(mean);
            *frequency = (i32::from(mean) + from_mean * KEPT_OF_32 / 32) as i16;
        }
        self.inner.decode_erased()
    }
}

impl Decoder for G723Decoder {
    fn codec(&self) -> Codec {
        Codec::G723
    }

    fn frame_samples(&self) -> usize {
        FRAME
    }

    fn decode(&mut self, frame: Frame<'_>, samples: &mut [i16]) -> usize {
        let mut made = [0; FRAME];
        if frame.is_noise {
            // One octet says that nothing is sent: the noise goes on.
            if let Some((index, gain)) = unpack_sid(frame.octets) {
                self.describe(index, gain);
            }
            self.noise.fill(&mut made);
        } else {
            // A frame whose pulses are beyond their range was damaged.
            made = match unpack_frame(frame.octets) {
                Ok(params) => self.speech(&params),
                Err(_) => self.lost(),
            };
        }
        let count = FRAME.min(samples.len());
        samples[..count].copy_from_slice(&made[..count]);
        count
    }

    fn conceal(&mut self, samples: &mut [i16]) {
        if self.in_pause {
            return self.pause(samples);
        }
        for piece in samples.chunks_mut(FRAME) {
            piece.copy_from_slice(&self.lost()[..piece.len()]);
        }
    }

    fn pause(&mut self, samples: &mut [i16]) {
        self.noise.fill(samples);
    }

    /// G.723.1 has its own.
    fn describe_pause(&mut self, _payload: &[u8]) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lpc::White;

    fn energy(samples: &[i16]) -> f64 {
        samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64
    }

    /// A buzz of 110 Hz with formants enough for a speech codec.
    fn voice(from: usize, count: usize) -> Vec<i16> {
        (from..from + count)
            .map(|n| {
                let t = n as f64 / 8000.0 * std::f64::consts::TAU * 110.0;
                (1..12).map(|h| 2500.0 / f64::from(h) * (t * f64::from(h)).sin()).sum::<f64>() as i16
            })
            .collect()
    }

    fn through(settings: EncoderSettings, sound: &[i16]) -> (Vec<i16>, Vec<usize>) {
        let (mut encoder, mut decoder) = (G723Encoder::new(settings), G723Decoder::new());
        let (mut heard, mut lengths) = (Vec::new(), Vec::new());
        for piece in sound.chunks_exact(FRAME) {
            let (mut octets, mut made) = ([0; 24], [0; FRAME]);
            match encoder.encode(piece, &mut octets) {
                Encoded::Speech(length) | Encoded::Noise(length) => {
                    lengths.push(length);
                    let frame = crate::frames(Codec::G723, &octets[..length]).unwrap().next().unwrap();
                    assert_eq!(decoder.decode(frame, &mut made), FRAME);
                }
                Encoded::Nothing => {
                    lengths.push(0);
                    decoder.pause(&mut made);
                }
            }
            heard.extend_from_slice(&made);
        }
        (heard, lengths)
    }

    #[test]
    fn both_rates_pass_a_voice() {
        for (g723, octets) in [(G723Rate::R5300, 20), (G723Rate::R6300, 24)] {
            let sound = voice(0, 9600);
            let settings = EncoderSettings { g723, ..EncoderSettings::new(Codec::G723) };
            let (heard, lengths) = through(settings, &sound);
            assert!(lengths.iter().all(|&length| length == octets));
            let ratio = energy(&heard[2400..]) / energy(&sound[2400..]);
            assert!((0.6..1.5).contains(&ratio), "{g723:?}: energy {ratio}");
        }
    }

    #[test]
    fn a_pause_keeps_the_level_of_its_noise() {
        let mut white = White::new(9);
        let mut sound = voice(0, 9600);
        sound.extend((0..24_000).map(|_| (white.next() * 120.0) as i16));
        let settings = EncoderSettings { dtx: true, ..EncoderSettings::new(Codec::G723) };
        let (heard, lengths) = through(settings, &sound);
        let quiet = lengths.iter().filter(|&&length| length == 0).count();
        assert!(lengths.contains(&4) && quiet > 40, "{lengths:?}");
        let ratio = energy(&heard[24_000..]) / energy(&sound[24_000..]);
        assert!((0.25..3.0).contains(&ratio), "energy {ratio}");
    }

    #[test]
    fn a_loss_goes_on_and_fades() {
        let settings = EncoderSettings::new(Codec::G723);
        let (mut encoder, mut decoder) = (G723Encoder::new(settings), G723Decoder::new());
        let (mut octets, mut made) = ([0; 24], [0; FRAME]);
        for piece in voice(0, 4800).chunks_exact(FRAME) {
            encoder.encode(piece, &mut octets);
            decoder.decode(Frame { octets: &octets, samples: FRAME, is_noise: false }, &mut made);
        }
        let spoken = energy(&made);
        let mut lost = [0; FRAME];
        decoder.conceal(&mut lost);
        assert!(energy(&lost) > 0.1 * spoken, "{} of {spoken}", energy(&lost));
        let mut later = [0; 5 * FRAME];
        decoder.conceal(&mut later);
        assert!(energy(&later[4 * FRAME..]) < 0.01 * spoken);
    }
}
