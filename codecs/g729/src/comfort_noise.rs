//! Excitation of comfort noise (Annex B, B.4.4): pulses and pitch at random and Gaussian noise, at the
//! level of the silence descriptor. Encoder and decoder draw the same numbers, so that both hold the same
//! past when speech begins.

use crate::filter::{dot, energy};
use crate::fixed_codebook::Pulses;
use crate::generator::random;
use crate::lsp::Lsp;
use crate::pitch::{Delay, Excitation, PAST, predict};
use crate::{ORDER, SUBFRAME};

/// First value of the generator after each frame of speech.
const SEED: u16 = 11_111;
/// How much of the last frame's gain the next one keeps.
const GAIN_MEMORY: f32 = 0.875;
/// Share of the Gaussian noise in the amplitude.
const GAUSSIAN: f32 = 0.5;
/// Greatest amplitude of a pulse.
const PULSE_MAX: f32 = 5000.0;

/// Noise that a silence descriptor describes.
#[derive(Debug, Clone)]
pub(crate) struct ComfortNoise {
    seed: u16,
    pairs: Lsp,
    /// Root mean square of the excitation: as described, and as it is after smoothing.
    described: f32,
    gain: f32,
}

/// Root mean square by the five bits of a silence descriptor, which are -12 dB, -4 to 16 dB in steps of 4,
/// then up to 66 dB in steps of 2.
pub(crate) fn gain_of_index(index: u8) -> f32 {
    10.0_f32.powf(decibels(index) / 20.0)
}

/// The same in dB.
pub(crate) fn decibels(index: u8) -> f32 {
    match f32::from(index.min(31)) {
        0.0 => -12.0,
        index if index < 6.0 => 4.0 * index - 8.0,
        index => 2.0 * index + 4.0,
    }
}

impl ComfortNoise {
    /// Before the first descriptor: none is heard, and its spectrum is flat.
    pub fn new() -> ComfortNoise {
        let mut pairs = [0.0; ORDER];
        for (i, q) in pairs.iter_mut().enumerate() {
            *q = ((i + 1) as f32 * std::f32::consts::PI / 11.0).cos();
        }
        ComfortNoise { seed: SEED, pairs, described: 0.0, gain: 0.0 }
    }

    /// A frame of speech: the next noise draws the same numbers again.
    pub fn restart(&mut self) {
        self.seed = SEED;
    }

    /// Takes a descriptor.
    pub fn describe(&mut self, pairs: Lsp, gain_index: u8) {
        self.pairs = pairs;
        self.gain_index(gain_index);
    }

    /// Takes a level alone.
    pub fn gain_index(&mut self, gain_index: u8) {
        self.described = gain_of_index(gain_index);
    }

    /// The line spectral pairs of the noise.
    pub fn pairs(&self) -> Lsp {
        self.pairs
    }

    /// Writes a frame of excitation. Gives what an encoder's taming must know: the adaptive gain and delay
    /// of both subframes.
    pub fn excite(&mut self, excitation: &mut Excitation, is_first: bool) -> [(f32, usize); 2] {
        self.gain = if is_first {
            self.described
        } else {
            GAIN_MEMORY * self.gain + (1.0 - GAIN_MEMORY) * self.described
        };
        [0, 1].map(|index| self.subframe(excitation, PAST + index * SUBFRAME))
    }

    fn subframe(&mut self, excitation: &mut Excitation, at: usize) -> (f32, usize) {
        let (delay, pulses) = self.draw();
        let mut adaptive_gain = f32::from(random(&mut self.seed) & 0x1fff) / 16_384.0;
        let mut noise: [f32; SUBFRAME] = std::array::from_fn(|_| self.gaussian());
        let power = SUBFRAME as f32 * self.gain * self.gain;
        let scale = GAUSSIAN * (power / energy(&noise).max(1.0)).sqrt();
        for x in &mut noise {
            *x *= scale;
        }
        predict(excitation, at, delay);
        let mut mixed = noise;
        for (x, past) in mixed.iter_mut().zip(&excitation[at..at + SUBFRAME]) {
            *x += adaptive_gain * past;
        }
        let signs = pulses.vector(SUBFRAME, 0.0);
        // The amplitude of the pulses that makes the energy what it should be: 4 g^2 + 2 b g + c = 0.
        let solve = |x: &[f32; SUBFRAME]| {
            let (b, c) = (dot(&signs, x), energy(x) - power);
            let discriminant = b * b - 4.0 * c;
            (discriminant >= 0.0).then(|| {
                let root = discriminant.sqrt();
                let (one, other) = ((root - b) / 4.0, (-root - b) / 4.0);
                if other.abs() < one.abs() { other } else { one }
            })
        };
        let amplitude = solve(&mixed).unwrap_or_else(|| {
            // The past is too loud for this level: without it, the noise's share leaves room for the
            // pulses.
            adaptive_gain = 0.0;
            mixed = noise;
            solve(&noise).unwrap_or(0.0)
        });
        let amplitude = amplitude.clamp(-PULSE_MAX, PULSE_MAX);
        for ((out, x), sign) in excitation[at..at + SUBFRAME].iter_mut().zip(&mixed).zip(&signs) {
            *out = x + amplitude * sign;
        }
        (adaptive_gain, delay.whole)
    }

    /// A delay of 40 to 103 samples and four pulses, from two numbers.
    fn draw(&mut self) -> (Delay, Pulses) {
        let first = random(&mut self.seed);
        let thirds = match first & 3 {
            0 => -1,
            2 => 1,
            _ => 0,
        };
        let delay = Delay { whole: usize::from(first >> 2 & 63) + 40, thirds };
        let second = random(&mut self.seed);
        let place = |bits: u16| usize::from(bits & 7);
        let last = second >> 4 & 15;
        let pulses = Pulses {
            at: [
                5 * place(first >> 8),
                5 * place(first >> 12) + 1,
                5 * place(second) + 2,
                5 * place(last >> 1) + 3 + usize::from(last & 1),
            ],
            is_positive: [first >> 11 & 1, first >> 15 & 1, second >> 3 & 1, second >> 8 & 1]
                .map(|sign| sign == 1),
        };
        (delay, pulses)
    }

    /// Nearly Gaussian: the sum of twelve numbers, with a standard deviation of 512.
    fn gaussian(&mut self) -> f32 {
        let sum: i32 = (0..12).map(|_| i32::from(random(&mut self.seed) as i16)).sum();
        (sum >> 7) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FRAME_SAMPLES;

    #[test]
    fn levels_are_those_of_the_table() {
        // Thousandths of the root mean square times 8, from Annex B's table: 2, 5, 8, 13, … 50, 64, …
        // 15962.
        let table = [(0, 2), (1, 5), (2, 8), (3, 13), (6, 50), (7, 64), (16, 505), (31, 15_962)];
        for (index, eightfold) in table {
            assert_eq!((8.0 * gain_of_index(index)).round() as i32, eightfold, "{index}");
        }
    }

    #[test]
    fn the_noise_has_the_level_that_is_described() {
        let mut noise = ComfortNoise::new();
        let mut excitation: Excitation = [0.0; PAST + FRAME_SAMPLES];
        noise.gain_index(16);
        let expected = SUBFRAME as f32 * gain_of_index(16).powi(2);
        for frame in 0..200 {
            let gains = noise.excite(&mut excitation, frame == 0);
            assert!(
                gains.iter().all(|&(gain, delay)| (0.0..0.5).contains(&gain) && (40..104).contains(&delay))
            );
            for half in excitation[PAST..].chunks_exact(SUBFRAME) {
                assert!((energy(half) / expected - 1.0).abs() < 0.01);
            }
            excitation.copy_within(FRAME_SAMPLES.., 0);
        }
    }

    #[test]
    fn a_falling_level_is_reached_though_the_past_is_loud() {
        let mut noise = ComfortNoise::new();
        let mut excitation: Excitation = [8000.0; PAST + FRAME_SAMPLES];
        noise.gain_index(8);
        noise.excite(&mut excitation, true);
        let expected = SUBFRAME as f32 * gain_of_index(8).powi(2);
        assert!((energy(&excitation[PAST + SUBFRAME..]) / expected - 1.0).abs() < 0.01);
    }
}
