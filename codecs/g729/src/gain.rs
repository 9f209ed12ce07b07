//! The gains of both codebooks: prediction of the fixed codebook's energy, and vector quantisation of the
//! adaptive gain with the correction of that prediction (clause 3.9).

use crate::SUBFRAME;
use crate::filter::{dot, energy};
use crate::tables::gain::{ENERGY_PREDICTOR, GA, GB};

/// Mean energy of the fixed codebook's excitation, in dB.
const MEAN_ENERGY_DB: f32 = 30.0;
/// Energy error before the first frame, and the lowest after an erasure, in dB.
const LOWEST_ERROR_DB: f32 = -14.0;
/// Greatest adaptive gain of the quantiser while [`crate::pitch::Taming`] limits it.
const TAMED: f32 = 0.9999;

/// A pair of gains: of the adaptive codebook, and the correction factor of the fixed codebook's prediction.
type Pair = [f32; 2];

const fn scaled<const N: usize>(table: [[i16; 2]; N]) -> [Pair; N] {
    let mut out = [[0.0; 2]; N];
    let mut i = 0;
    while i < N {
        out[i] = [table[i][0] as f32 / 16_384.0, table[i][1] as f32 / 8192.0];
        i += 1;
    }
    out
}

static FIRST: [Pair; 8] = scaled(GA);
static SECOND: [Pair; 16] = scaled(GB);

/// One half of the pairs of the second codebook.
const fn half(of: usize) -> [f32; 16] {
    let (pairs, mut out) = (scaled(GB), [0.0; 16]);
    let mut i = 0;
    while i < 16 {
        out[i] = pairs[i][of];
        i += 1;
    }
    out
}

static ADAPTIVE: [f32; 16] = half(0);
static CORRECTION: [f32; 16] = half(1);

/// Quantised gains.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gains {
    pub adaptive: f32,
    pub fixed: f32,
}

/// Energy errors of the four subframes before, in dB, the latest first: common to an encoder and its
/// decoder.
#[derive(Debug, Clone)]
pub(crate) struct GainPredictor {
    errors_db: [f32; 4],
}

/// What the search for gains needs to know of a subframe: correlations of the target x, the filtered
/// adaptive codevector y and the filtered fixed codevector z.
pub(crate) struct Correlations {
    yy: f32,
    xy: f32,
    zz: f32,
    xz: f32,
    yz: f32,
}

impl Correlations {
    /// Of one subframe.
    pub fn new(x: &[f32; SUBFRAME], y: &[f32; SUBFRAME], z: &[f32; SUBFRAME]) -> Correlations {
        Correlations { yy: energy(y), xy: dot(x, y), zz: energy(z), xz: dot(x, z), yz: dot(y, z) }
    }
}

impl GainPredictor {
    /// Before the first frame.
    pub fn new() -> GainPredictor {
        GainPredictor { errors_db: [LOWEST_ERROR_DB; 4] }
    }

    /// The predicted gain of a fixed codevector.
    fn predicted(&self, codevector: &[f32; SUBFRAME]) -> f32 {
        let energy_db = 10.0 * (energy(codevector) / SUBFRAME as f32).max(1e-6).log10();
        let error_db = dot(&ENERGY_PREDICTOR, &self.errors_db);
        10.0_f32.powf((error_db + MEAN_ENERGY_DB - energy_db) / 20.0)
    }

    fn push(&mut self, error_db: f32) {
        self.errors_db.rotate_right(1);
        self.errors_db[0] = error_db;
    }

    /// The gains of received indices.
    pub fn decode(&mut self, (a, b): (u8, u8), codevector: &[f32; SUBFRAME]) -> Gains {
        let (first, second) = (FIRST[usize::from(a & 7)], SECOND[usize::from(b & 15)]);
        let correction = first[1] + second[1];
        let gains = Gains { adaptive: first[0] + second[0], fixed: correction * self.predicted(codevector) };
        self.push(20.0 * correction.log10());
        gains
    }

    /// The indices whose gains leave the least of the target, and these gains.
    pub fn quantise(
        &mut self,
        correlations: &Correlations,
        codevector: &[f32; SUBFRAME],
        is_limited: bool,
    ) -> ((u8, u8), Gains) {
        let predicted = self.predicted(codevector);
        let Correlations { yy, xy, zz, xz, yz } = *correlations;
        let (zz, xz, yz) = (zz * predicted * predicted, 2.0 * xz * predicted, 2.0 * yz * predicted);
        let xy = 2.0 * xy;
        // The best index of the first codebook for each of the second: sixteen comparisons at once.
        let (mut least, mut firsts) = ([f32::INFINITY; 16], [0_u32; 16]);
        let most = if is_limited { TAMED } else { f32::INFINITY };
        for (a, first) in FIRST.iter().enumerate() {
            for b in 0..16 {
                let (adaptive, correction) = (first[0] + ADAPTIVE[b], first[1] + CORRECTION[b]);
                let error =
                    adaptive * (adaptive * yy - xy + correction * yz) + correction * (correction * zz - xz);
                let is_better = error < least[b] && adaptive < most;
                least[b] = if is_better { error } else { least[b] };
                firsts[b] = if is_better { a as u32 } else { firsts[b] };
            }
        }
        let b = crate::filter::least(&least);
        let best = (firsts[b] as u8, b as u8);
        let gains = self.decode(best, codevector);
        (best, gains)
    }

    /// An erased subframe, or one of silence: the mean error less 4 dB (clause 4.4.3).
    pub fn fade(&mut self) {
        let mean = self.errors_db.iter().sum::<f32>() / 4.0;
        self.push((mean - 4.0).max(LOWEST_ERROR_DB));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiser_takes_the_nearest_of_all_pairs() {
        let x: [f32; SUBFRAME] = std::array::from_fn(|n| 900.0 * (n as f32 * 0.4).sin());
        let y: [f32; SUBFRAME] = std::array::from_fn(|n| 700.0 * (n as f32 * 0.4 + 0.3).sin());
        let z: [f32; SUBFRAME] = std::array::from_fn(|n| (n as f32 * 1.3).cos());
        let codevector: [f32; SUBFRAME] = std::array::from_fn(|n| if n % 10 == 3 { 1.0 } else { 0.0 });
        let error = |gains: &Gains| -> f32 {
            (0..SUBFRAME).map(|n| (x[n] - gains.adaptive * y[n] - gains.fixed * z[n]).powi(2)).sum()
        };
        let mut predictor = GainPredictor::new();
        for _ in 0..6 {
            let before = predictor.clone();
            let (indices, gains) = predictor.quantise(&Correlations::new(&x, &y, &z), &codevector, false);
            for other in 0..128 {
                let gains_of_other = before.clone().decode((other / 16, other % 16), &codevector);
                assert!(error(&gains_of_other) >= error(&gains) * 0.999, "{indices:?} {other}");
            }
        }
    }

    #[test]
    fn a_limited_gain_stays_below_one() {
        let x = [1000.0; SUBFRAME];
        let y = [800.0; SUBFRAME];
        let z: [f32; SUBFRAME] = std::array::from_fn(|n| if n % 2 == 0 { 1.0 } else { -1.0 });
        let correlations = Correlations::new(&x, &y, &z);
        let free = GainPredictor::new().quantise(&correlations, &z, false).1;
        let limited = GainPredictor::new().quantise(&correlations, &z, true).1;
        assert!(free.adaptive > 1.0 && limited.adaptive < TAMED, "{free:?} {limited:?}");
    }

    #[test]
    fn the_prediction_fades_to_its_floor() {
        let mut predictor = GainPredictor::new();
        predictor.push(20.0);
        for _ in 0..20 {
            predictor.fade();
        }
        assert_eq!(predictor.errors_db, [LOWEST_ERROR_DB; 4]);
    }
}
