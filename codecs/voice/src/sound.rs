//! Samples between a decoder and an encoder whose frames differ.

/// Samples that are held: two of the longest packets and a frame.
const HELD_MAX: usize = 4096;
/// Periods that are cut out to shorten, in samples: 5 to 10 ms.
const CUT_MIN: usize = 40;
const CUT_MAX: usize = 80;
/// Samples over which the cut is faded: 5 ms.
const FADE: usize = 40;
/// Samples that it takes to shorten: 15 ms.
pub(crate) const SHORTEN_MIN: usize = CUT_MAX + FADE;

/// A queue of samples.
pub(crate) struct Sound {
    held: Box<[i16; HELD_MAX]>,
    len: usize,
}

// === impl Sound ===

impl Sound {
    pub(crate) fn new() -> Self {
        Self { held: Box::new([0; HELD_MAX]), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds as many samples as `fill` says it made, of `count` at most.
    pub(crate) fn push(&mut self, count: usize, fill: impl FnOnce(&mut [i16]) -> usize) {
        let end = (self.len + count).min(HELD_MAX);
        let room = &mut self.held[self.len..end];
        self.len += fill(room).min(room.len());
    }

    pub(crate) fn push_silence(&mut self, count: usize) {
        self.push(count, |samples| {
            samples.fill(0);
            count
        });
    }

    /// What was added behind the first `from` samples.
    pub(crate) fn since(&self, from: usize) -> &[i16] {
        self.held.get(from..self.len).unwrap_or(&[])
    }

    /// Takes the first samples, of which there must be enough.
    pub(crate) fn take(&mut self, samples: &mut [i16]) {
        let count = samples.len().min(self.len);
        samples[..count].copy_from_slice(&self.held[..count]);
        self.drop_first(count);
    }

    pub(crate) fn drop_first(&mut self, count: usize) {
        let count = count.min(self.len);
        self.held.copy_within(count..self.len, 0);
        self.len -= count;
    }

    /// Cuts 5 to 10 ms out of what was added behind the first `from` samples, where it is most like what
    /// follows, and says how many samples those were.
    pub(crate) fn shorten(&mut self, from: usize) -> usize {
        let Some(sound) = self.held.get_mut(from..self.len) else { return 0 };
        if sound.len() < SHORTEN_MIN {
            return 0;
        }
        let mut best = (f32::MIN, CUT_MAX);
        for cut in CUT_MIN..=CUT_MAX {
            let (mut likeness, mut energy) = (0.0, 1.0);
            for (&one, &other) in sound[..FADE].iter().zip(&sound[cut..]) {
                let (one, other) = (f32::from(one), f32::from(other));
                likeness += one * other;
                energy += other * other;
            }
            let normalised = likeness / energy.sqrt();
            if normalised > best.0 {
                best = (normalised, cut);
            }
        }
        let cut = best.1;
        for n in 0..FADE {
            let weight = (n + 1) as f32 / (FADE + 1) as f32;
            let faded = f32::from(sound[n]) * (1.0 - weight) + f32::from(sound[n + cut]) * weight;
            sound[n + cut] = crate::concealment::to_sample(faded);
        }
        sound.copy_within(cut.., 0);
        self.len -= cut;
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_cut_out_without_a_step() {
        let mut sound = Sound::new();
        // 125 Hz: a period of 64 samples.
        let tone = |n: usize| ((n as f32 / 64.0 * std::f32::consts::TAU).sin() * 8000.0) as i16;
        sound.push(240, |samples| {
            samples.iter_mut().enumerate().for_each(|(n, sample)| *sample = tone(n));
            240
        });
        assert_eq!(sound.shorten(80), 64);
        assert_eq!(sound.len(), 176);
        for (n, &sample) in sound.since(0).iter().enumerate() {
            assert!((sample - tone(n)).abs() <= 2, "sample {n}");
        }
        assert_eq!(sound.shorten(80), 0);
    }

    #[test]
    fn more_than_is_held_is_left_out() {
        let mut sound = Sound::new();
        for _ in 0..5 {
            sound.push(1000, |samples| samples.len());
        }
        assert_eq!(sound.len(), HELD_MAX);
        sound.drop_first(5000);
        assert_eq!(sound.len(), 0);
    }
}
