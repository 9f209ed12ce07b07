//! Quantisation of the line spectral frequencies: a prediction by a moving average over four frames, and
//! what it misses in two stages (clause 3.2.4); for silence descriptors with fewer bits (Annex B, B.4.2.2).

use crate::ORDER;
use crate::filter::least;
use crate::frame::{LspIndices, Silence};
use crate::lsp::Lsp;
use crate::tables::lsp::{PREDICTORS, SECOND_STAGE, SID_FIRST, SID_LOWER, SID_UPPER};
use crate::tables::lsp_first_stage::FIRST_STAGE;
use std::f32::consts::PI;

/// Least distances of two neighbours in the first and the second rearrangement, in radians.
const GAPS: [f32; 2] = [0.0012, 0.0006];
/// Bounds of quantised frequencies and their least distance.
const LOWEST: f32 = 0.005;
const HIGHEST: f32 = 3.135;
const DISTANCE: f32 = 0.0391;

/// The first stage by dimension, so that all its vectors are compared at once.
static FIRST: [[f32; 128]; ORDER] = {
    let mut out = [[0.0; 128]; ORDER];
    let mut i = 0;
    while i < ORDER * 128 {
        out[i % ORDER][i / ORDER] = FIRST_STAGE[i / ORDER][i % ORDER] as f32 / 8192.0;
        i += 1;
    }
    out
};

/// Both halves of the second stage by dimension.
static SECOND: [[f32; 32]; ORDER] = {
    let mut out = [[0.0; 32]; ORDER];
    let mut i = 0;
    while i < ORDER * 32 {
        out[i % ORDER][i / ORDER] = SECOND_STAGE[i / ORDER][i % ORDER] as f32 / 8192.0;
        i += 1;
    }
    out
};

/// A moving average over the four frames before.
struct Predictor {
    taps: [Lsp; 4],
    /// One minus the sum of the taps: what the codevector itself weighs.
    rest: Lsp,
}

const fn predictor(share_of_second: f32, taps: [[[i16; ORDER]; 4]; 2]) -> Predictor {
    let mut out = Predictor { taps: [[0.0; ORDER]; 4], rest: [1.0; ORDER] };
    let mut i = 0;
    while i < 4 * ORDER {
        let (first, second) = (taps[0][i / ORDER][i % ORDER] as f32, taps[1][i / ORDER][i % ORDER] as f32);
        let tap = (first + (second - first) * share_of_second) / 32_768.0;
        out.taps[i / ORDER][i % ORDER] = tap;
        out.rest[i % ORDER] -= tap;
        i += 1;
    }
    out
}

/// The two predictors of speech.
static SPEECH: [Predictor; 2] = [predictor(0.0, PREDICTORS), predictor(1.0, PREDICTORS)];
/// The two predictors of silence: the first of speech, and 0.6 of it with 0.4 of the second.
static SILENCE: [Predictor; 2] = [predictor(0.0, PREDICTORS), predictor(0.4, PREDICTORS)];

/// The codevectors of the four frames before, the latest first: what an encoder and its decoder have in
/// common.
#[derive(Debug, Clone)]
pub(crate) struct LspQuantiser {
    before: [Lsp; 4],
}

impl LspQuantiser {
    /// Before the first frame: equally spaced frequencies.
    pub fn new() -> LspQuantiser {
        let mut flat = [0.0; ORDER];
        for (i, w) in flat.iter_mut().enumerate() {
            *w = (i + 1) as f32 * PI / 11.0;
        }
        LspQuantiser { before: [flat; 4] }
    }

    /// The nearest indices to ten frequencies, and the frequencies that they mean.
    pub fn quantise(&mut self, w: &Lsp) -> (LspIndices, Lsp) {
        let weights = weights(w);
        let [one, other] = [0, 1].map(|index| {
            let target = self.target(&SPEECH[index], w);
            let (indices, vector) = nearest(index as u8, &target, &weights);
            (weighted_error(&SPEECH[index], &weights, &target, &vector), indices, vector)
        });
        let (_, indices, mut vector) = if other.0 < one.0 { other } else { one };
        rearrange(&mut vector, GAPS[1]);
        (indices, self.accept(&SPEECH[usize::from(indices.predictor)], vector))
    }

    /// The frequencies of received indices.
    pub fn decode(&mut self, indices: &LspIndices) -> Lsp {
        let [first, lower, upper] = [indices.first & 127, indices.lower & 31, indices.upper & 31];
        let mut vector = codevector(first.into(), lower.into(), upper.into());
        rearrange(&mut vector, GAPS[0]);
        rearrange(&mut vector, GAPS[1]);
        self.accept(&SPEECH[usize::from(indices.predictor & 1)], vector)
    }

    /// The nearest indices of a silence descriptor, its gain left 0, and the frequencies that they mean.
    pub fn quantise_silence(&mut self, w: &Lsp) -> (Silence, Lsp) {
        let weights = weights(w);
        let (mut best, mut least) = (Silence::default(), f32::INFINITY);
        for (predictor, silence) in SILENCE.iter().enumerate() {
            let target = self.target(silence, w);
            for first in 0..32_u8 {
                for second in 0..16_u8 {
                    let indices = Silence { predictor: predictor as u8, first, second, gain: 0 };
                    let error = weighted_error(silence, &weights, &target, &silence_vector(&indices));
                    if error < least {
                        (best, least) = (indices, error);
                    }
                }
            }
        }
        (best, self.decode_silence(&best))
    }

    /// The frequencies of a received silence descriptor.
    pub fn decode_silence(&mut self, indices: &Silence) -> Lsp {
        let mut vector = silence_vector(indices);
        rearrange(&mut vector, GAPS[0]);
        self.accept(&SILENCE[usize::from(indices.predictor & 1)], vector)
    }

    /// An erased frame: its frequencies are those of the frame before, `w`; the codevector is what would
    /// have given them with the predictor of that frame (clause 4.4.1).
    pub fn repeat(&mut self, w: &Lsp, predictor: u8) {
        let vector = self.target(&SPEECH[usize::from(predictor & 1)], w);
        self.push(vector);
    }

    /// The codevector that would give exactly these frequencies.
    fn target(&self, predictor: &Predictor, w: &Lsp) -> Lsp {
        let mut target = *w;
        for (taps, before) in predictor.taps.iter().zip(&self.before) {
            for i in 0..ORDER {
                target[i] -= taps[i] * before[i];
            }
        }
        for (target, rest) in target.iter_mut().zip(&predictor.rest) {
            *target /= rest;
        }
        target
    }

    /// The frequencies of a codevector, which becomes the latest.
    fn accept(&mut self, predictor: &Predictor, vector: Lsp) -> Lsp {
        let mut w = [0.0; ORDER];
        for i in 0..ORDER {
            w[i] = predictor.rest[i] * vector[i];
        }
        for (taps, before) in predictor.taps.iter().zip(&self.before) {
            for i in 0..ORDER {
                w[i] += taps[i] * before[i];
            }
        }
        self.push(vector);
        stable(&mut w);
        w
    }

    fn push(&mut self, vector: Lsp) {
        self.before.rotate_right(1);
        self.before[0] = vector;
    }
}

/// Orders frequencies and keeps them apart, so that the filter is stable.
fn stable(w: &mut Lsp) {
    for i in 1..ORDER {
        if w[i] < w[i - 1] {
            w.swap(i, i - 1);
        }
    }
    w[0] = w[0].max(LOWEST);
    for i in 1..ORDER {
        w[i] = w[i].max(w[i - 1] + DISTANCE);
    }
    w[ORDER - 1] = w[ORDER - 1].min(HIGHEST);
}

/// Weights of the error: formants, where neighbours are close, weigh more.
fn weights(w: &Lsp) -> Lsp {
    let mut weights = [0.0; ORDER];
    for i in 0..ORDER {
        let below = if i == 0 { 0.04 * PI } else { w[i - 1] };
        let above = if i == ORDER - 1 { 0.92 * PI } else { w[i + 1] };
        let excess = above - below - 1.0;
        weights[i] = if excess > 0.0 { 1.0 } else { 10.0 * excess * excess + 1.0 };
    }
    weights[4] *= 1.2;
    weights[5] *= 1.2;
    weights
}

/// A vector of the first stage with two halves of the second.
fn codevector(first: usize, lower: usize, upper: usize) -> Lsp {
    let mut vector = [0.0; ORDER];
    for (i, out) in vector.iter_mut().enumerate() {
        *out = FIRST[i][first] + SECOND[i][if i < 5 { lower } else { upper }];
    }
    vector
}

fn silence_vector(indices: &Silence) -> Lsp {
    let (first, second) = (usize::from(indices.first & 31), usize::from(indices.second & 15));
    codevector(SID_FIRST[first].into(), SID_LOWER[second].into(), SID_UPPER[second].into())
}

/// Moves neighbours apart that are nearer than `gap`, or in the wrong order.
fn rearrange(vector: &mut Lsp, gap: f32) {
    for i in 1..ORDER {
        let excess = 0.5 * (vector[i - 1] - vector[i] + gap);
        if excess > 0.0 {
            vector[i - 1] -= excess;
            vector[i] += excess;
        }
    }
}

/// The indices and the codevector nearest to a target: the first stage by plain distance, the second by
/// weighted.
fn nearest(predictor: u8, target: &Lsp, weights: &Lsp) -> (LspIndices, Lsp) {
    let mut distances = [0.0_f32; 128];
    for (column, target) in FIRST.iter().zip(target) {
        for (distance, value) in distances.iter_mut().zip(column) {
            let difference = target - value;
            *distance += difference * difference;
        }
    }
    let first = least(&distances);
    let second = |dimensions: std::ops::Range<usize>| {
        let mut distances = [0.0_f32; 32];
        for i in dimensions {
            let target = target[i] - FIRST[i][first];
            for (distance, value) in distances.iter_mut().zip(&SECOND[i]) {
                let difference = target - value;
                *distance += weights[i] * difference * difference;
            }
        }
        least(&distances)
    };
    let (lower, upper) = (second(0..5), second(5..ORDER));
    let mut vector = codevector(first, lower, upper);
    rearrange(&mut vector, GAPS[0]);
    (LspIndices { predictor, first: first as u8, lower: lower as u8, upper: upper as u8 }, vector)
}

/// Weighted error of the frequencies that a codevector gives.
fn weighted_error(predictor: &Predictor, weights: &Lsp, target: &Lsp, vector: &Lsp) -> f32 {
    let mut error = 0.0;
    for i in 0..ORDER {
        let difference = predictor.rest[i] * (target[i] - vector[i]);
        error += weights[i] * difference * difference;
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_finds_what_the_encoder_meant() {
        let (mut encoder, mut decoder) = (LspQuantiser::new(), LspQuantiser::new());
        for frame in 0..50 {
            let shift = 0.1 * (frame as f32 * 0.3).sin();
            let w = [0.25, 0.45, 0.8, 1.1, 1.4, 1.7, 2.0, 2.3, 2.6, 2.9].map(|w| w + shift);
            if frame % 3 == 0 {
                let (indices, quantised) = encoder.quantise_silence(&w);
                assert_eq!(decoder.decode_silence(&indices), quantised);
            } else {
                let (indices, quantised) = encoder.quantise(&w);
                let heard = decoder.decode(&indices);
                assert_eq!(heard, quantised);
                let error: f32 = w.iter().zip(&heard).map(|(a, b)| (a - b).powi(2)).sum();
                assert!(error < 0.02, "frame {frame}: {error}");
            }
        }
    }

    #[test]
    fn every_index_gives_a_stable_filter() {
        let mut decoder = LspQuantiser::new();
        for n in 0..40_000_u32 {
            let bits = n.wrapping_mul(2_654_435_761) >> 8;
            let w = decoder.decode(&LspIndices {
                predictor: bits as u8 & 1,
                first: (bits >> 1) as u8,
                lower: (bits >> 8) as u8,
                upper: (bits >> 13) as u8,
            });
            assert!(w[0] >= LOWEST && w[ORDER - 1] <= HIGHEST, "{w:?}");
            assert!(w.windows(2).all(|pair| pair[1] > pair[0]), "{w:?}");
        }
    }

    #[test]
    fn an_erased_frame_keeps_the_spectrum() {
        let mut quantiser = LspQuantiser::new();
        let (indices, w) = quantiser.quantise(&[0.2, 0.4, 0.9, 1.0, 1.5, 1.6, 2.1, 2.2, 2.7, 2.8]);
        quantiser.repeat(&w, indices.predictor);
        let next = quantiser.accept(&SPEECH[0], quantiser.target(&SPEECH[0], &w));
        assert!(next.iter().zip(&w).all(|(a, b)| (a - b).abs() < 1e-3));
    }
}
