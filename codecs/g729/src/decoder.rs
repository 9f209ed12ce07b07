//! The decoder (clause 4 with A.4), concealment of erased frames (4.4), comfort noise (B.4.4).

use crate::comfort_noise::ComfortNoise;
use crate::filter::{Biquad, Lp, energy, settled, synthesis, tail, to_sample};
use crate::fixed_codebook::{Pulses, SHARPNESS};
use crate::frame::{BadFrame, Frame, Silence, Speech, Subframe, parity};
use crate::gain::{GainPredictor, Gains};
use crate::generator::random;
use crate::lsp::{self, Lsp};
use crate::lsp_quantiser::LspQuantiser;
use crate::pitch::{DELAY_MAX, Delay, Excitation, PAST, predict};
use crate::postfilter::Postfilter;
use crate::silence::gain_of_energy;
use crate::{FRAME_SAMPLES, ORDER, SUBFRAME};

/// What 16 bits hold.
const LOUDEST: f32 = 32_767.0;
/// First value of the generator of pulses for erased frames.
const SEED: u16 = 21_845;

/// What came last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Speech,
    Silence,
}

/// Frames into sound; the state of one direction of one call.
#[derive(Debug, Clone)]
pub struct Decoder {
    lsp_quantiser: LspQuantiser,
    gain_predictor: GainPredictor,
    /// Frequencies and pairs of the frame before.
    frequencies: Lsp,
    pairs: Lsp,
    predictor: u8,
    excitation: Excitation,
    /// Whole delay and gains of the subframe before.
    delay: usize,
    gains: Gains,
    sharpness: f32,
    synthesised: [f32; ORDER],
    postfilter: Postfilter,
    high_pass: Biquad,
    seed: u16,
    last: Last,
    noise: ComfortNoise,
    /// Energy of the last frame of excitation that was not concealed.
    energy: f32,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

impl Decoder {
    /// A decoder before its first frame.
    #[must_use]
    pub fn new() -> Decoder {
        Decoder {
            lsp_quantiser: LspQuantiser::new(),
            gain_predictor: GainPredictor::new(),
            frequencies: lsp::INITIAL.map(f32::acos),
            pairs: lsp::INITIAL,
            predictor: 0,
            excitation: [0.0; PAST + FRAME_SAMPLES],
            delay: 60,
            gains: Gains { adaptive: 0.0, fixed: 0.0 },
            sharpness: *SHARPNESS.start(),
            synthesised: [0.0; ORDER],
            postfilter: Postfilter::new(),
            high_pass: Biquad::after_decoding(),
            seed: SEED,
            last: Last::Speech,
            noise: ComfortNoise::new(),
            energy: 0.0,
        }
    }

    /// Decodes a frame: 10 bytes of speech, 2 that describe a silence, or none where the sender's
    /// discontinuous transmission left a frame out.
    ///
    /// # Errors
    /// Any other length. Nothing has changed then; [`Decoder::conceal`] fills the time.
    pub fn decode(&mut self, frame: &[u8], pcm: &mut [i16; FRAME_SAMPLES]) -> Result<(), BadFrame> {
        match Frame::parse(frame)? {
            Frame::Speech(speech) => self.speech(Some(&speech), pcm),
            Frame::Silence(silence) => self.silence(Some(&silence), pcm),
            Frame::Untransmitted => self.silence(None, pcm),
        }
        Ok(())
    }

    /// Fills the time of a frame that was lost: speech fades, comfort noise goes on.
    pub fn conceal(&mut self, pcm: &mut [i16; FRAME_SAMPLES]) {
        match self.last {
            Last::Speech => self.speech(None, pcm),
            Last::Silence => self.silence(None, pcm),
        }
    }

    /// A frame of speech, or an erased one.
    fn speech(&mut self, frame: Option<&Speech>, pcm: &mut [i16; FRAME_SAMPLES]) {
        self.noise.restart();
        match frame {
            Some(frame) => {
                self.frequencies = self.lsp_quantiser.decode(&frame.lsp);
                self.predictor = frame.lsp.predictor;
            }
            None => self.lsp_quantiser.repeat(&self.frequencies, self.predictor),
        }
        let pairs = self.frequencies.map(f32::cos);
        let filters = lsp::interpolated(&self.pairs, &pairs);
        self.pairs = pairs;
        let mut delays = [None; 2];
        for (index, delay) in delays.iter_mut().enumerate() {
            match frame {
                Some(frame) => self.excite(frame, index),
                None => self.excite_erased(index),
            }
            *delay = Some(self.delay);
        }
        if frame.is_some() {
            self.energy = energy(&self.excitation[PAST..]);
        }
        self.last = Last::Speech;
        self.finish(&filters, delays, pcm);
    }

    /// Excitation of a received subframe.
    fn excite(&mut self, frame: &Speech, index: usize) {
        let Subframe { pitch, positions, signs, gain_a, gain_b } = frame.subframes[index];
        let delay = match index {
            0 if frame.parity == parity(pitch) => Delay::from_first(pitch),
            0 => self.repeated_delay(),
            _ => Delay::from_second(pitch, self.delay),
        };
        self.delay = delay.whole;
        let pulses = Pulses::decode(positions, signs);
        let vector = pulses.vector(delay.whole, self.sharpness);
        let gains = self.gain_predictor.decode((gain_a, gain_b), &vector);
        self.mix(index, delay, gains, &vector);
        self.sharpness = gains.adaptive.clamp(*SHARPNESS.start(), *SHARPNESS.end());
    }

    /// The delay in place of one that is not known: the last one, a sample longer each time (clause 4.4.2).
    fn repeated_delay(&mut self) -> Delay {
        let whole = self.delay;
        self.delay = (whole + 1).min(DELAY_MAX);
        Delay { whole, thirds: 0 }
    }

    /// Excitation of an erased subframe: the last delay, pulses at random, gains that fade (clause 4.4.3).
    fn excite_erased(&mut self, index: usize) {
        let delay = self.repeated_delay();
        let (positions, signs) = (random(&mut self.seed), random(&mut self.seed));
        let vector = Pulses::decode(positions & 0x1fff, signs as u8 & 15).vector(delay.whole, self.sharpness);
        let gains = Gains {
            adaptive: settled((0.9 * self.gains.adaptive).min(0.9)),
            fixed: settled(0.98 * self.gains.fixed),
        };
        self.gain_predictor.fade();
        self.mix(index, delay, gains, &vector);
        self.sharpness = gains.adaptive.clamp(*SHARPNESS.start(), *SHARPNESS.end());
    }

    fn mix(&mut self, index: usize, delay: Delay, gains: Gains, vector: &[f32; SUBFRAME]) {
        let at = PAST + index * SUBFRAME;
        predict(&mut self.excitation, at, delay);
        for (x, pulse) in self.excitation[at..at + SUBFRAME].iter_mut().zip(vector) {
            *x = (gains.adaptive * *x + gains.fixed * pulse).clamp(-LOUDEST, LOUDEST);
        }
        self.gains = gains;
    }

    /// A silence descriptor, or a frame that was not transmitted.
    fn silence(&mut self, frame: Option<&Silence>, pcm: &mut [i16; FRAME_SAMPLES]) {
        let is_first = self.last == Last::Speech;
        match frame {
            Some(frame) => {
                let frequencies = self.lsp_quantiser.decode_silence(frame);
                self.noise.describe(frequencies.map(f32::cos), frame.gain);
            }
            // The descriptor was lost: as loud as the last speech was.
            None if is_first => self.noise.gain_index(gain_of_energy(self.energy / 320.0).0),
            None => {}
        }
        let _ = self.noise.excite(&mut self.excitation, is_first);
        let pairs = self.noise.pairs();
        let filters = lsp::interpolated(&self.pairs, &pairs);
        self.pairs = pairs;
        self.frequencies = pairs.map(f32::acos);
        self.sharpness = *SHARPNESS.start();
        self.last = Last::Silence;
        self.finish(&filters, [None; 2], pcm);
    }

    /// Synthesis, post-filter and high-pass filter of the excitation.
    fn finish(&mut self, filters: &[Lp; 2], delays: [Option<usize>; 2], pcm: &mut [i16; FRAME_SAMPLES]) {
        for (index, (a, out)) in filters.iter().zip(pcm.chunks_exact_mut(SUBFRAME)).enumerate() {
            let at = PAST + index * SUBFRAME;
            let mut speech = self.synthesise(a, at);
            if speech.iter().any(|x| x.abs() > LOUDEST) {
                // As 16-bit decoders do: less of everything, once.
                for x in &mut self.excitation {
                    *x *= 0.25;
                }
                speech = self.synthesise(a, at).map(|x| x.clamp(-LOUDEST, LOUDEST));
            }
            self.synthesised = tail(&speech).map(settled);
            let filtered = self.postfilter.apply(a, &speech, delays[index]);
            for (out, x) in out.iter_mut().zip(filtered) {
                *out = to_sample(self.high_pass.next(x));
            }
        }
        self.excitation.copy_within(FRAME_SAMPLES.., 0);
    }

    fn synthesise(&self, a: &Lp, at: usize) -> [f32; SUBFRAME] {
        let mut excitation = [0.0; SUBFRAME];
        excitation.copy_from_slice(&self.excitation[at..at + SUBFRAME]);
        synthesis(a, &excitation, &self.synthesised)
    }
}
