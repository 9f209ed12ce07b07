//! Lost frames of G.711, in the manner of G.711 Appendix I: the last pitch period is repeated, from 10 ms on
//! the last two, from 20 ms on the last three, and fades from 10 to 60 ms. Unlike there, sound is not
//! delayed: the step between what was played and what is repeated is spread over a quarter of a period
//! instead.

/// Samples of 10 ms.
const TEN_MS: usize = 80;
/// Shortest and longest pitch period in samples: 200 Hz and 66⅔ Hz (Appendix I §2.2).
const PITCH_MIN: usize = 40;
const PITCH_MAX: usize = 120;
/// Samples over which two stretches are compared to find the pitch: 20 ms.
const COMPARED: usize = 160;
/// Samples that are kept: three and a quarter of the longest period.
const HISTORY: usize = PITCH_MAX * 13 / 4;
/// Samples after which a loss is silent: 60 ms.
const SILENT_AFTER: usize = 480;
/// A stretch with less energy than this has no pitch to compare: as if its samples were 2.
const ENERGY_MIN: f32 = 4.0 * COMPARED as f32;

/// What was heard lately, and the loss that is being concealed.
pub(crate) struct Concealment {
    heard: [i16; HISTORY],
    /// The last periods, whose end runs smoothly into their begin.
    periods: [f32; HISTORY],
    pitch: usize,
    /// How many periods are repeated, from the end of `periods`.
    repeated: usize,
    /// Place of the next sample in what is repeated.
    at: usize,
    /// Samples concealed since the last frame that arrived.
    lost: usize,
    /// Difference between what was played and what is repeated, where the loss began.
    step: f32,
}

// === impl Concealment ===

impl Concealment {
    pub(crate) fn new() -> Self {
        Self {
            heard: [0; HISTORY],
            periods: [0.0; HISTORY],
            pitch: PITCH_MIN,
            repeated: 1,
            at: 0,
            lost: 0,
            step: 0.0,
        }
    }

    /// A frame that arrived: it is faded into after a loss, and remembered.
    pub(crate) fn arrived(&mut self, samples: &mut [i16]) {
        if self.lost > 0 {
            // A quarter of a period, and 4 ms more for each further 10 ms lost, at most 10 ms (§2.6).
            let longer = (self.lost.saturating_sub(1) / TEN_MS) * 32;
            let overlap = (self.pitch / 4 + longer).min(TEN_MS).min(samples.len());
            for (n, sample) in samples.iter_mut().take(overlap).enumerate() {
                let weight = (n + 1) as f32 / (overlap + 1) as f32;
                let repeated = self.next_repeated();
                *sample = to_sample(f32::from(*sample) * weight + repeated * (1.0 - weight));
            }
            self.lost = 0;
        }
        self.remember(samples);
    }

    /// In place of a frame that was lost.
    pub(crate) fn conceal(&mut self, samples: &mut [i16]) {
        for piece in samples.chunks_mut(TEN_MS) {
            match self.lost / TEN_MS {
                _ if self.lost == 0 => self.begin(),
                1 => self.repeat(2),
                2 => self.repeat(3),
                _ => {}
            }
            for sample in piece.iter_mut() {
                *sample = to_sample(self.next_repeated());
            }
            self.remember(piece);
        }
    }

    fn remember(&mut self, samples: &[i16]) {
        let new = &samples[samples.len().saturating_sub(HISTORY)..];
        self.heard.copy_within(new.len().., 0);
        let kept = HISTORY - new.len();
        self.heard[kept..].copy_from_slice(new);
    }

    /// The next sample of what is repeated, faded by the time that was lost.
    fn next_repeated(&mut self) -> f32 {
        let (length, quarter) = (self.pitch * self.repeated, (self.pitch / 4).max(1));
        let sample = self.periods[HISTORY - length + self.at];
        self.at = (self.at + 1) % length;
        let spread = quarter.saturating_sub(self.lost) as f32 / quarter as f32;
        // Full for 10 ms, then down by a fifth each 10 ms (§2.5).
        let gain = (SILENT_AFTER.saturating_sub(self.lost)) as f32 / (SILENT_AFTER - TEN_MS) as f32;
        self.lost = self.lost.saturating_add(1);
        (sample + self.step * spread) * gain.min(1.0)
    }

    fn begin(&mut self) {
        self.pitch = pitch(&self.heard);
        self.repeat(1);
        let before = self.periods[HISTORY - self.pitch - 1];
        self.step = f32::from(self.heard[HISTORY - 1]) - before;
        self.at = 0;
    }

    /// Repeats the last `count` periods from now on: their last quarter fades into what came before their
    /// first, so that the end meets the begin.
    fn repeat(&mut self, count: usize) {
        let (quarter, length) = (self.pitch / 4, self.pitch * count);
        if count == 1 {
            for (period, &heard) in self.periods.iter_mut().zip(&self.heard) {
                *period = f32::from(heard);
            }
        }
        for n in 0..quarter {
            let weight = (n + 1) as f32 / (quarter + 1) as f32;
            let end = HISTORY - quarter + n;
            // The history's own last quarter, which earlier rounds have faded already, stands for its
            // neighbours.
            let before = self.periods[HISTORY - length - quarter + n];
            self.periods[end] = self.periods[end] * (1.0 - weight) + before * weight;
        }
        // Where it was within one period, it stays within more.
        self.repeated = count;
        self.at %= self.pitch;
    }
}

/// The lag at which the last 20 ms are most like what came before them, of normalised cross-correlation.
fn pitch(heard: &[i16; HISTORY]) -> usize {
    let recent = &heard[HISTORY - COMPARED..];
    let mut best = (f32::MIN, PITCH_MIN);
    for lag in PITCH_MIN..=PITCH_MAX {
        let earlier = &heard[HISTORY - COMPARED - lag..HISTORY - lag];
        let (mut likeness, mut energy) = (0.0, 0.0);
        for (&one, &other) in recent.iter().zip(earlier) {
            let (one, other) = (f32::from(one), f32::from(other));
            likeness += one * other;
            energy += other * other;
        }
        let normalised = likeness / energy.max(ENERGY_MIN).sqrt();
        if normalised > best.0 {
            best = (normalised, lag);
        }
    }
    best.1
}

/// The nearest sample.
pub(crate) fn to_sample(value: f32) -> i16 {
    // `as` saturates, and gives 0 for what is no number.
    value.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    fn tone(hz: f32, from: usize, count: usize) -> Vec<i16> {
        (from..from + count).map(|n| (8000.0 * (TAU * hz * n as f32 / 8000.0).sin()) as i16).collect()
    }

    fn rms(samples: &[i16]) -> f32 {
        (samples.iter().map(|&s| f32::from(s).powi(2)).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn a_periodic_sound_goes_on_as_if_nothing_were_lost() {
        for hz in [70.0, 100.0, 133.0, 190.0] {
            let mut concealment = Concealment::new();
            let mut heard = tone(hz, 0, 800);
            for frame in heard.chunks_mut(80) {
                concealment.arrived(frame);
            }
            let mut made = [0; 80];
            concealment.conceal(&mut made);
            let meant = tone(hz, 800, 80);
            let error: Vec<i16> = made.iter().zip(&meant).map(|(&a, &b)| a - b).collect();
            assert!(rms(&error) < 0.15 * rms(&meant), "{hz} Hz: error {} of {}", rms(&error), rms(&meant));
        }
    }

    #[test]
    fn a_long_loss_fades_to_silence_and_no_step_is_heard() {
        let mut concealment = Concealment::new();
        let mut last = 0;
        let mut steepest = 0;
        let mut heard = |samples: &[i16]| {
            for &sample in samples {
                steepest = steepest.max((i32::from(sample) - i32::from(last)).abs());
                last = sample;
            }
        };
        let mut good = tone(150.0, 0, 800);
        concealment.arrived(&mut good);
        heard(&good);
        let mut made = [0; 640];
        concealment.conceal(&mut made);
        heard(&made);
        assert!(rms(&made[..80]) > 5000.0 && rms(&made[300..380]) < 3500.0);
        assert!(made[480..].iter().all(|&sample| sample == 0));
        let mut after = tone(150.0, 1440, 80);
        concealment.arrived(&mut after);
        heard(&after);
        // The tone's own steepest step is 8000 · 2π · 150 / 8000 = 942.
        assert!(steepest < 1900, "a step of {steepest}");
    }

    #[test]
    fn silence_stays_silence() {
        let mut concealment = Concealment::new();
        concealment.arrived(&mut [0; 400]);
        let mut made = [1; 160];
        concealment.conceal(&mut made);
        assert_eq!(made, [0; 160]);
    }
}
