//! Discontinuous transmission (Annex B, B.4.1 to B.4.3): when a silence descriptor is sent, and what it
//! says.

use crate::ORDER;
use crate::comfort_noise::decibels;
use crate::filter::Lp;
use crate::lpc::{Autocorrelation, LAGS, Prediction, levinson};

/// Frames between two descriptors at least.
const APART_MIN: u8 = 3;
/// How much the prediction error of the current noise may grow under the descriptor's filter (Itakura's
/// distance): beyond the first, the noise has changed; beyond the second, it is not like its past.
const CHANGED: f32 = 1.148_161;
const UNLIKE_PAST: f32 = 1.096_466;
/// Change of the level that is described anew, in dB.
const LEVEL_CHANGED_DB: f32 = 2.0;
/// Autocorrelations of two frames each that make the average of the past.
const PAST_SUMS: usize = 3;

/// A filter and the autocorrelation of its coefficients.
#[derive(Debug, Clone)]
struct Reference {
    a: Lp,
    correlation: [f32; ORDER + 1],
}

impl Reference {
    fn new(a: Lp) -> Reference {
        let mut correlation = [0.0; ORDER + 1];
        for (lag, out) in correlation.iter_mut().enumerate() {
            let sum: f32 = (0..=ORDER - lag).map(|j| a[j] * a[j + lag]).sum();
            *out = if lag == 0 { sum } else { 2.0 * sum };
        }
        Reference { a, correlation }
    }

    /// Whether this filter leaves more than `threshold` times `error` of a signal with this
    /// autocorrelation.
    fn differs(&self, r: &Autocorrelation, error: f32, threshold: f32) -> bool {
        let left: f32 = self.correlation.iter().zip(r).map(|(c, r)| c * r).sum();
        left > threshold * error
    }
}

/// What a silent frame sends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Decision {
    /// A descriptor with this filter and this index of its gain.
    Describe(Lp, u8),
    /// Nothing.
    Untransmitted,
}

/// State of discontinuous transmission.
#[derive(Debug, Clone)]
pub(crate) struct Discontinuous {
    /// Autocorrelations of this frame and the one before.
    frames: [Autocorrelation; 2],
    /// Sums of two frames each, the latest first.
    past: [Autocorrelation; PAST_SUMS],
    is_second: bool,
    described: Reference,
    described_db: f32,
    /// Prediction errors of this silent frame and the one before.
    errors: [f32; 2],
    /// How many of them are of this silence.
    errors_known: usize,
    since: u8,
    is_changed: bool,
}

impl Discontinuous {
    /// Before the first frame.
    pub fn new() -> Discontinuous {
        let mut flat = [0.0; ORDER + 1];
        flat[0] = 1.0;
        Discontinuous {
            frames: [[0.0; LAGS]; 2],
            past: [[0.0; LAGS]; PAST_SUMS],
            is_second: false,
            described: Reference::new(flat),
            described_db: 0.0,
            errors: [0.0; 2],
            errors_known: 1,
            since: 0,
            is_changed: false,
        }
    }

    /// Takes the autocorrelation of any frame, without lag window.
    pub fn push(&mut self, r: &Autocorrelation, is_speech: bool) {
        self.frames = [*r, self.frames[0]];
        self.is_second = !self.is_second;
        if is_speech && !self.is_second {
            self.remember();
        }
    }

    fn current(&self) -> Autocorrelation {
        std::array::from_fn(|lag| self.frames[0][lag] + self.frames[1][lag])
    }

    fn remember(&mut self) {
        let sum = self.current();
        self.past.rotate_right(1);
        self.past[0] = sum;
    }

    /// Decides on a silent frame, after [`Discontinuous::push`] of it.
    pub fn decide(&mut self, is_first: bool) -> Decision {
        let now = self.current();
        let current = levinson(&now);
        self.errors = [current.map_or(0.0, |found| found.error), self.errors[0]];
        self.errors_known = if is_first { 1 } else { 2 };
        let mean = self.errors[..self.errors_known].iter().sum::<f32>() / self.errors_known as f32;
        // The errors are of two frames under windows of 240 samples.
        let (gain_index, level_db) = gain_of_energy(mean / 1280.0);
        if !is_first {
            self.is_changed |= self.described.differs(&now, self.errors[0], CHANGED)
                || (level_db - self.described_db).abs() > LEVEL_CHANGED_DB;
            self.since = (self.since + 1).min(APART_MIN);
        }
        let is_due = is_first || (self.since >= APART_MIN && self.is_changed);
        let decision = if is_due {
            self.since = 0;
            self.is_changed = false;
            self.described_db = level_db;
            Decision::Describe(self.filter(&now, current), gain_index)
        } else {
            Decision::Untransmitted
        };
        if !self.is_second {
            self.remember();
        }
        decision
    }

    /// The filter to describe: the average of the past where the current noise is like it, else the current
    /// one.
    fn filter(&mut self, now: &Autocorrelation, current: Option<Prediction>) -> Lp {
        let sum: Autocorrelation = std::array::from_fn(|lag| self.past.iter().map(|r| r[lag]).sum());
        let mut reference = match levinson(&sum) {
            Some(found) => Reference::new(found.a),
            None => self.described.clone(),
        };
        if let Some(current) = current
            && reference.differs(now, self.errors[0], UNLIKE_PAST)
        {
            reference = Reference::new(current.a);
        }
        self.described = reference;
        self.described.a
    }
}

/// Index and level in dB of the gain nearest to a mean square.
pub(crate) fn gain_of_energy(mean_square: f32) -> (u8, f32) {
    let level_db = 10.0 * mean_square.max(1e-6).log10();
    let index = if level_db <= -8.0 {
        0
    } else if level_db <= 14.0 {
        ((level_db + 10.0) / 4.0).max(1.0) as u8
    } else {
        ((level_db - 3.0) / 2.0).clamp(6.0, 31.0) as u8
    };
    (index, decibels(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comfort_noise::gain_of_index;

    #[test]
    fn levels_are_quantised_to_the_nearest() {
        for index in 0..32 {
            assert_eq!(gain_of_energy(gain_of_index(index).powi(2)), (index, decibels(index)));
        }
        assert_eq!(gain_of_energy(0.0).0, 0);
        assert_eq!(gain_of_energy(1e12).0, 31);
        assert_eq!(gain_of_energy(10_f32.powf(3.09)).0, 13); // 30.9 dB: 30
        assert_eq!(gain_of_energy(10_f32.powf(3.11)).0, 14); // 31.1 dB: 32
    }

    fn noise(level: f32, colour: f32) -> Autocorrelation {
        std::array::from_fn(|lag| level * colour.powi(lag as i32))
    }

    #[test]
    fn steady_noise_is_described_once() {
        let mut dtx = Discontinuous::new();
        for _ in 0..10 {
            dtx.push(&noise(1e6, 0.5), true);
        }
        for frame in 0..200 {
            dtx.push(&noise(1e6, 0.5), false);
            let decision = dtx.decide(frame == 0);
            assert_eq!(matches!(decision, Decision::Describe(..)), frame == 0, "{frame}");
        }
    }

    #[test]
    fn another_level_or_colour_is_described_after_three_frames() {
        for changed in [noise(4e6, 0.5), noise(1e6, -0.5)] {
            let mut dtx = Discontinuous::new();
            let mut described = Vec::new();
            for frame in 0..60 {
                let r = if frame < 30 { noise(1e6, 0.5) } else { changed };
                dtx.push(&r, false);
                if matches!(dtx.decide(frame == 0), Decision::Describe(..)) {
                    described.push(frame);
                }
            }
            assert!(described.len() >= 2 && described.len() < 6, "{described:?}");
            assert!(described[0] == 0 && (30..34).contains(&described[1]), "{described:?}");
            assert!(described.windows(2).all(|pair| pair[1] - pair[0] >= 3), "{described:?}");
        }
    }
}
