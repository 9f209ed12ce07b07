//! Opus (RFC 6716, RFC 7587) behind the traits, by `opus-pure`: one channel at 8 kHz, which its SILK layer
//! has by itself, so that nothing is resampled.

use codecs::Codec;
use opus_pure::{Application, Bandwidth, OpusDecoder as Inner, OpusEncoder as InnerEncoder, Signal};

use crate::codec::{Decoder, Encoded, Encoder, EncoderSettings, FRAME_SAMPLES_MAX, RATE_HZ};
use crate::payload::Frame;

/// Samples of 10 ms: what is concealed at a time.
const TEN_MS: usize = 80;
/// How hard the encoder tries, of 10. At 5 a frame costs two thirds of what it costs at 9.
const COMPLEXITY: i32 = 5;
/// The loss, in percent, that an encoder which repeats itself prepares for.
const EXPECTED_LOSS: i32 = 10;

/// One packet a frame.
pub(crate) struct OpusEncoder {
    inner: InnerEncoder,
    samples: usize,
    dtx: bool,
}

/// Takes every packet of Opus, whatever its bandwidth and channels.
pub(crate) struct OpusDecoder {
    inner: Inner,
    /// Samples made for a pause or loss, of which a caller may want less.
    scratch: [i16; FRAME_SAMPLES_MAX],
}

// === impl OpusEncoder ===

impl OpusEncoder {
    /// None if the library refuses its settings, which it does for none of ours.
    pub(crate) fn new(settings: EncoderSettings) -> Option<Self> {
        let mut inner = InnerEncoder::new(RATE_HZ as i32, 1, Application::Voip).ok()?;
        inner.bitrate_bps = settings.opus_bps.clamp(6_000, 64_000) as i32;
        inner.complexity = COMPLEXITY;
        inner.signal_type = Some(Signal::Voice);
        inner.max_bandwidth = Bandwidth::Narrowband;
        inner.use_dtx = settings.dtx;
        inner.use_inband_fec = settings.fec;
        inner.packet_loss_perc = if settings.fec { EXPECTED_LOSS } else { 0 };
        let samples = match settings.packet_ms {
            0..20 => 80,
            20..40 => 160,
            40..60 => 320,
            60.. => 480,
        };
        Some(Self { inner, samples, dtx: settings.dtx })
    }
}

impl Encoder for OpusEncoder {
    fn codec(&self) -> Codec {
        Codec::Opus
    }

    fn frame_samples(&self) -> usize {
        self.samples
    }

    fn packet_frames_max(&self) -> usize {
        1
    }

    fn encode(&mut self, frame: &[i16], octets: &mut [u8]) -> Encoded {
        let mut whole = [0; 480];
        let count = frame.len().min(self.samples);
        whole[..count].copy_from_slice(&frame[..count]);
        match self.inner.encode_s16(&whole[..self.samples], self.samples, octets) {
            // One or two octets say that nothing changed (RFC 6716 §2.1.9): they need not be sent.
            Ok(0..=2) if self.dtx => Encoded::Nothing,
            Ok(length) => Encoded::Speech(length.min(octets.len())),
            Err(_) => Encoded::Nothing,
        }
    }
}

// === impl OpusDecoder ===

impl OpusDecoder {
    pub(crate) fn new() -> Option<Self> {
        Some(Self { inner: Inner::new(RATE_HZ as i32, 1).ok()?, scratch: [0; FRAME_SAMPLES_MAX] })
    }

    fn absent(&mut self, samples: &mut [i16]) {
        for piece in samples.chunks_mut(TEN_MS) {
            let made = self.inner.decode_s16(&[], TEN_MS, &mut self.scratch).unwrap_or(0);
            let count = made.min(piece.len());
            piece[..count].copy_from_slice(&self.scratch[..count]);
            piece[count..].fill(0);
        }
    }
}

impl Decoder for OpusDecoder {
    fn codec(&self) -> Codec {
        Codec::Opus
    }

    fn frame_samples(&self) -> usize {
        TEN_MS
    }

    fn decode(&mut self, frame: Frame<'_>, samples: &mut [i16]) -> usize {
        let length = frame.samples.min(FRAME_SAMPLES_MAX);
        match self.inner.decode_s16(frame.octets, length, &mut self.scratch) {
            Ok(made) => {
                let count = made.min(length).min(samples.len());
                samples[..count].copy_from_slice(&self.scratch[..count]);
                count
            }
            Err(_) => {
                let count = length.min(samples.len());
                self.absent(&mut samples[..count]);
                count
            }
        }
    }

    fn conceal(&mut self, samples: &mut [i16]) {
        self.absent(samples);
    }

    /// Opus makes the noise of a pause in the same way as it conceals (RFC 6716 §2.1.9).
    fn pause(&mut self, samples: &mut [i16]) {
        self.absent(samples);
    }

    /// Opus has its own.
    fn describe_pause(&mut self, _payload: &[u8]) {}

    fn recover(&mut self, next: Frame<'_>, samples: &mut [i16]) -> usize {
        if !says_again(next.octets) {
            return 0;
        }
        let length = next.samples.min(FRAME_SAMPLES_MAX).min(samples.len());
        let Ok(made) = self.inner.decode_fec_s16(next.octets, length, &mut self.scratch) else { return 0 };
        let count = made.min(length);
        samples[..count].copy_from_slice(&self.scratch[..count]);
        count
    }
}

/// Whether a packet of one frame, or of two of the same size, says the frame before it again: a flag behind
/// those of its speech, one for each 20 ms (RFC 6716 §4.2.3, §4.2.4). Packets of other forms are taken not
/// to.
fn says_again(packet: &[u8]) -> bool {
    let &[toc, first, ..] = packet else { return false };
    let is_silk = toc & 0x80 == 0;
    let is_stereo = toc & 4 != 0;
    // Configurations 12 to 15 are hybrid, of 10 and 20 ms; those below of 10, 20, 40 and 60 ms (§3.1).
    let silk_frames = match (toc >> 3, toc >> 3 & 3) {
        (0..12, 2) => 2,
        (0..12, 3) => 3,
        _ => 1,
    };
    is_silk && !is_stereo && toc & 3 < 2 && first >> (7 - silk_frames) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn tone(from: usize, count: usize) -> Vec<i16> {
        (from..from + count).map(|n| (6000.0 * (TAU * 440.0 * n as f32 / 8000.0).sin()) as i16).collect()
    }

    fn energy(samples: &[i16]) -> f64 {
        samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64
    }

    #[test]
    fn a_tone_passes_with_every_packet_time() {
        for (packet_ms, samples) in [(10, 80), (20, 160), (30, 160), (40, 320), (60, 480)] {
            let settings = EncoderSettings { packet_ms, ..EncoderSettings::new(Codec::Opus) };
            let (mut encoder, mut decoder) =
                (OpusEncoder::new(settings).unwrap(), OpusDecoder::new().unwrap());
            assert_eq!(encoder.frame_samples(), samples);
            let (mut octets, mut heard) = ([0; 640], Vec::new());
            for n in 0..4000 / samples {
                let Encoded::Speech(length) = encoder.encode(&tone(n * samples, samples), &mut octets) else {
                    panic!("a tone is no pause");
                };
                for frame in crate::frames(Codec::Opus, &octets[..length]).unwrap() {
                    let mut made = [0; FRAME_SAMPLES_MAX];
                    let count = decoder.decode(frame, &mut made);
                    assert_eq!(count, samples);
                    heard.extend_from_slice(&made[..count]);
                }
            }
            let ratio = energy(&heard[1000..]) / energy(&tone(0, 4000));
            assert!((0.7..1.4).contains(&ratio), "{packet_ms} ms: energy {ratio}");
        }
    }

    #[test]
    fn a_lost_frame_is_restored_from_the_next_one() {
        let settings = EncoderSettings { fec: true, opus_bps: 24_000, ..EncoderSettings::new(Codec::Opus) };
        let (mut encoder, mut decoder) = (OpusEncoder::new(settings).unwrap(), OpusDecoder::new().unwrap());
        let mut octets = [0; 640];
        let (mut made, mut restored) = ([0; FRAME_SAMPLES_MAX], [0; 160]);
        for n in 0..30 {
            let Encoded::Speech(length) = encoder.encode(&tone(n * 160, 160), &mut octets) else { panic!() };
            let frame = Frame { octets: &octets[..length], samples: 160, is_noise: false };
            if n == 20 {
                continue;
            }
            if n == 21 {
                assert_eq!(decoder.recover(frame, &mut restored), 160);
            }
            assert_eq!(decoder.decode(frame, &mut made), 160);
        }
        assert!(energy(&restored) > 0.5 * energy(&tone(0, 160)), "{}", energy(&restored));
    }

    #[test]
    fn a_packet_that_does_not_repeat_restores_nothing() {
        let mut encoder = OpusEncoder::new(EncoderSettings::new(Codec::Opus)).unwrap();
        let mut decoder = OpusDecoder::new().unwrap();
        let mut octets = [0; 640];
        for n in 0..10 {
            let Encoded::Speech(length) = encoder.encode(&tone(n * 160, 160), &mut octets) else { panic!() };
            let frame = Frame { octets: &octets[..length], samples: 160, is_noise: false };
            assert_eq!(decoder.recover(frame, &mut [0; 160]), 0);
        }
        // Neither does CELT, nor a packet of which there is nothing but its first octet.
        for octets in [&[31 << 3, 0xFF][..], &[1 << 3], &[]] {
            assert_eq!(decoder.recover(Frame { octets, samples: 160, is_noise: false }, &mut [0; 160]), 0);
        }
    }

    #[test]
    fn silence_with_dtx_is_not_sent() {
        let settings = EncoderSettings { dtx: true, ..EncoderSettings::new(Codec::Opus) };
        let mut encoder = OpusEncoder::new(settings).unwrap();
        let mut octets = [0; 640];
        let nothing = (0..100).filter(|_| encoder.encode(&[0; 160], &mut octets) == Encoded::Nothing).count();
        assert!(nothing > 60, "{nothing} of 100");
    }

    #[test]
    fn octets_that_are_no_opus_are_concealed() {
        let mut decoder = OpusDecoder::new().unwrap();
        let mut samples = [7; 160];
        // Code 3 whose first frame's length runs off the end.
        let frame = Frame { octets: &[1 << 3 | 3, 0x82, 255, 255], samples: 160, is_noise: false };
        assert_eq!(decoder.decode(frame, &mut samples), 160);
        assert_eq!(samples, [0; 160]);
    }
}
