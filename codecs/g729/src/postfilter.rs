//! The post-filter of Annex A (A.4.2): long-term, short-term, tilt, and control of the gain.

use crate::filter::{Lp, dot, energy, residual, settled, synthesis, tail, weighted};
use crate::pitch::DELAY_MAX;
use crate::{ORDER, SUBFRAME};

/// Zeros and poles of the short-term filter lie this far inside.
const GAMMA_ZEROS: f32 = 0.55;
const GAMMA_POLES: f32 = 0.70;
/// Strength of the long-term filter and of the tilt compensation.
const GAMMA_PITCH: f32 = 0.5;
const GAMMA_TILT: f32 = 0.8;
/// Length of the impulse response whose tilt is compensated.
const RESPONSE: usize = 22;
/// How much of the last sample's gain the next one keeps.
const GAIN_MEMORY: f32 = 0.9;

/// State of the post-filter.
#[derive(Debug, Clone)]
pub(crate) struct Postfilter {
    /// The last synthesised samples.
    speech: [f32; ORDER],
    /// Residual of the synthesised speech, as far back as the greatest delay.
    residual: [f32; DELAY_MAX + SUBFRAME],
    /// The last samples behind the short-term filter.
    filtered: [f32; ORDER],
    /// The last sample before the tilt filter.
    untilted: f32,
    gain: f32,
}

impl Postfilter {
    /// Before the first frame.
    pub fn new() -> Postfilter {
        Postfilter {
            speech: [0.0; ORDER],
            residual: [0.0; DELAY_MAX + SUBFRAME],
            filtered: [0.0; ORDER],
            untilted: 0.0,
            gain: 1.0,
        }
    }

    /// Filters a subframe that was synthesised by 1/A(z). `delay` is that of its adaptive codebook; `None`
    /// in comfort noise, which has no pitch.
    pub fn apply(&mut self, a: &Lp, speech: &[f32; SUBFRAME], delay: Option<usize>) -> [f32; SUBFRAME] {
        let (zeros, poles) = (weighted(a, GAMMA_ZEROS), weighted(a, GAMMA_POLES));
        let mut line = [0.0; ORDER + SUBFRAME];
        line[..ORDER].copy_from_slice(&self.speech);
        line[ORDER..].copy_from_slice(speech);
        self.speech = tail(&line);

        self.residual.copy_within(SUBFRAME.., 0);
        self.residual[DELAY_MAX..].copy_from_slice(&residual(&zeros, &line));
        let mut excitation = match delay {
            Some(delay) => self.long_term(delay),
            None => tail(&self.residual),
        };

        let tilt = tilt(&zeros, &poles);
        let mut before = self.untilted;
        self.untilted = excitation[SUBFRAME - 1];
        for x in &mut excitation {
            let now = *x;
            *x -= tilt * before;
            before = now;
        }
        let mut out = synthesis(&poles, &excitation, &self.filtered);
        self.filtered = tail(&out).map(settled);
        self.level(energy(speech), &mut out);
        out
    }

    /// Adds the period before, where the residual is periodic around `delay` (A.4.2.1).
    fn long_term(&self, delay: usize) -> [f32; SUBFRAME] {
        let now = &self.residual[DELAY_MAX..];
        let delayed = |delay: usize| &self.residual[DELAY_MAX - delay..DELAY_MAX - delay + SUBFRAME];
        let greatest = (delay + 3).min(DELAY_MAX);
        let mut best = (f32::NEG_INFINITY, greatest);
        for candidate in greatest - 6..=greatest {
            let likeness = dot(now, delayed(candidate));
            if likeness > best.0 {
                best = (likeness, candidate);
            }
        }
        let (likeness, before) = (best.0, delayed(best.1));
        let (energy_now, energy_before) = (energy(now), energy(before));
        if likeness <= 0.0 || likeness * likeness < 0.5 * energy_now * energy_before {
            return tail(now);
        }
        let gain = GAMMA_PITCH * (likeness / energy_before).min(1.0);
        let scale = 1.0 / (1.0 + gain);
        std::array::from_fn(|n| scale * (now[n] + gain * before[n]))
    }

    /// Gives the subframe back the energy that it had, gradually (A.4.2.4).
    fn level(&mut self, energy_before: f32, out: &mut [f32; SUBFRAME]) {
        let energy_after = energy(out);
        let factor = if energy_before < 1e-3 || energy_after < 1e-3 {
            0.0
        } else {
            (energy_before / energy_after).sqrt() * (1.0 - GAIN_MEMORY)
        };
        for x in out {
            self.gain = GAIN_MEMORY * self.gain + factor;
            *x *= self.gain;
        }
        self.gain = self.gain.max(1e-6);
    }
}

/// The tilt of the short-term filter, as a factor of the filter that compensates it; none where it rises
/// (A.4.2.3).
fn tilt(zeros: &Lp, poles: &Lp) -> f32 {
    let mut impulse = [0.0; SUBFRAME];
    impulse[..=ORDER].copy_from_slice(zeros);
    let response = synthesis(poles, &impulse, &[0.0; ORDER]);
    let correlation = dot(&response[..RESPONSE - 1], &response[1..RESPONSE]);
    if correlation <= 0.0 { 0.0 } else { GAMMA_TILT * correlation / energy(&response[..RESPONSE]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_spectrum_without_pitch_passes_unchanged() {
        let mut flat = [0.0; ORDER + 1];
        flat[0] = 1.0;
        let mut filter = Postfilter::new();
        for frame in 0..10 {
            let speech = std::array::from_fn(|n| ((n * 37 + frame * 11) % 64) as f32 - 32.0);
            let out = filter.apply(&flat, &speech, None);
            assert!(out.iter().zip(&speech).all(|(out, x)| (out - x).abs() < 0.01));
        }
    }

    #[test]
    fn the_level_stays_and_the_pitch_is_cleaner() {
        let mut a = [0.0; ORDER + 1];
        (a[0], a[1], a[2]) = (1.0, -1.1, 0.5);
        let mut filter = Postfilter::new();
        let (mut before, mut after) = (0.0, 0.0);
        let mut memory = [0.0; ORDER];
        for frame in 0..60_usize {
            let excitation = std::array::from_fn(|n| {
                let at = frame * SUBFRAME + n;
                let noise = (at as u32).wrapping_mul(2_654_435_761) >> 20;
                if at.is_multiple_of(57) { 3000.0 } else { noise as f32 / 40.0 - 50.0 }
            });
            let speech = synthesis(&a, &excitation, &memory);
            memory = tail(&speech);
            let out = filter.apply(&a, &speech, Some(57));
            if frame > 20 {
                before += energy(&speech);
                after += energy(&out);
            }
        }
        assert!((after / before - 1.0).abs() < 0.1, "{before} {after}");
    }
}
