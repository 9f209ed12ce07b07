//! The adaptive codebook: open-loop search on the weighted speech (Annex A, A.3.4), closed-loop search with
//! thirds of a sample (A.3.7), its delays as indices (clauses 3.7.2 and 4.1.3).

use crate::filter::dot;
use crate::tables::pitch::B30;
use crate::{FRAME_SAMPLES, SUBFRAME};

/// Least and greatest whole delay.
pub(crate) const DELAY_MIN: usize = 20;
pub(crate) const DELAY_MAX: usize = 143;
/// Samples of past excitation: the greatest delay and half of the interpolation filter.
pub(crate) const PAST: usize = DELAY_MAX + 11;
/// Taps of the interpolation filter for one fraction.
const TAPS: usize = 20;

/// Past excitation and that of the frame in work.
pub(crate) type Excitation = [f32; PAST + FRAME_SAMPLES];

/// b30 for the fractions 0, 1/3 and 2/3: what lies behind the delayed sample, then what lies before it.
static INTERPOLATION: [[f32; TAPS]; 3] = {
    let mut out = [[0.0; TAPS]; 3];
    let mut i = 0;
    while i < 3 * TAPS {
        let (third, tap) = (i / TAPS, i % TAPS);
        let at = if tap < 10 { third + 3 * (9 - tap) } else { 3 - third + 3 * (tap - 10) };
        out[third][tap] = B30[at] as f32 / 32_768.0;
        i += 1;
    }
    out
};

/// A delay of `whole` + `thirds`/3 samples; `thirds` is -1, 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delay {
    pub whole: usize,
    pub thirds: i8,
}

impl Delay {
    /// P1: thirds up to 84 2/3, whole delays above.
    pub fn index_first(self) -> u8 {
        let index = if self.whole <= 85 {
            3 * (self.whole as i32 - 19) + i32::from(self.thirds) - 1
        } else {
            self.whole as i32 + 112
        };
        index.clamp(0, 255) as u8
    }

    /// The delay of a received P1.
    pub fn from_first(index: u8) -> Delay {
        let index = usize::from(index);
        if index < 197 {
            let whole = index.div_ceil(3) + 19;
            Delay { whole, thirds: (index as i32 + 58 - 3 * whole as i32) as i8 }
        } else {
            Delay { whole: index - 112, thirds: 0 }
        }
    }

    /// P2: thirds around the first subframe's delay.
    pub fn index_second(self, first: usize) -> u8 {
        let index = 3 * (self.whole as i32 - second_range(first).0 as i32) + i32::from(self.thirds) + 2;
        index.clamp(0, 31) as u8
    }

    /// The delay of a received P2.
    pub fn from_second(index: u8, first: usize) -> Delay {
        let index = usize::from(index & 31);
        let steps = index.div_ceil(3);
        Delay {
            whole: second_range(first).0 + steps - 1,
            thirds: (index as i32 - 2 - 3 * (steps as i32 - 1)) as i8,
        }
    }
}

/// Least and greatest whole delay of the second subframe, from the first subframe's.
pub(crate) fn second_range(first: usize) -> (usize, usize) {
    let least = first.saturating_sub(5).clamp(DELAY_MIN, DELAY_MAX - 9);
    (least, least + 9)
}

/// Least and greatest whole delay of the first subframe, from the open loop's.
pub(crate) fn first_range(open_loop: usize) -> (usize, usize) {
    let least = open_loop.saturating_sub(3).clamp(DELAY_MIN, DELAY_MAX - 6);
    (least, least + 6)
}

/// Writes the delayed past over the subframe that begins at `at`. A delay shorter than a subframe repeats
/// what was just written.
pub(crate) fn predict(excitation: &mut Excitation, at: usize, delay: Delay) {
    let (back, third) = match delay.thirds {
        0 => (delay.whole, 0),
        1 => (delay.whole + 1, 2),
        _ => (delay.whole, 1),
    };
    let taps = &INTERPOLATION[third];
    let from = at - back - 9;
    if back >= SUBFRAME + 10 {
        let mut out = [0.0_f32; SUBFRAME];
        for (tap, &coefficient) in taps.iter().enumerate() {
            let delayed = &excitation[from + tap..from + tap + SUBFRAME];
            for (out, x) in out.iter_mut().zip(delayed) {
                *out += coefficient * x;
            }
        }
        excitation[at..at + SUBFRAME].copy_from_slice(&out);
        return;
    }
    for n in 0..SUBFRAME {
        excitation[at + n] = dot(taps, &excitation[from + n..from + n + TAPS]);
    }
}

/// The closed-loop search: the delay in a range whose excitation is most like the target, which `backward`
/// holds filtered backward through the impulse response. The subframe holds the residual before, the
/// adaptive codevector after.
pub(crate) fn closed_loop(
    excitation: &mut Excitation,
    at: usize,
    backward: &[f32; SUBFRAME],
    (least, greatest): (usize, usize),
    is_first: bool,
) -> Delay {
    let mut best = (f32::NEG_INFINITY, least);
    for whole in least..=greatest {
        let likeness = dot(backward, &excitation[at - whole..at - whole + SUBFRAME]);
        if likeness > best.0 {
            best = (likeness, whole);
        }
    }
    let whole = best.1;
    let mut delay = Delay { whole, thirds: 0 };
    if is_first && whole > 84 {
        predict(excitation, at, delay);
        return delay;
    }
    let mut most = f32::NEG_INFINITY;
    let mut vector = [0.0; SUBFRAME];
    for thirds in [0, -1, 1] {
        predict(excitation, at, Delay { whole, thirds });
        let likeness = dot(backward, &excitation[at..at + SUBFRAME]);
        if likeness > most {
            (most, delay.thirds) = (likeness, thirds);
            vector.copy_from_slice(&excitation[at..at + SUBFRAME]);
        }
    }
    excitation[at..at + SUBFRAME].copy_from_slice(&vector);
    delay
}

/// Samples of weighted speech that the open loop looks back to, rounded up to even.
const LOOK_BACK: usize = DELAY_MAX + 1;

/// The weighted speech, its even and its odd samples apart: the open-loop search uses every other one.
#[derive(Debug, Clone)]
pub(crate) struct OpenLoop {
    even: [f32; (LOOK_BACK + FRAME_SAMPLES) / 2],
    odd: [f32; (LOOK_BACK + FRAME_SAMPLES) / 2],
}

impl OpenLoop {
    /// Before the first frame.
    pub fn new() -> OpenLoop {
        OpenLoop { even: [0.0; (LOOK_BACK + FRAME_SAMPLES) / 2], odd: [0.0; (LOOK_BACK + FRAME_SAMPLES) / 2] }
    }

    /// Takes the weighted speech of a frame.
    pub fn push(&mut self, speech: &[f32; FRAME_SAMPLES]) {
        for half in [&mut self.even, &mut self.odd] {
            half.copy_within(FRAME_SAMPLES / 2.., 0);
        }
        for (n, pair) in speech.chunks_exact(2).enumerate() {
            self.even[LOOK_BACK / 2 + n] = pair[0];
            self.odd[LOOK_BACK / 2 + n] = pair[1];
        }
    }

    /// Every other sample, `delay` before the frame's.
    fn delayed(&self, delay: usize) -> &[f32] {
        let (half, from) = if delay.is_multiple_of(2) {
            (&self.even, (LOOK_BACK - delay) / 2)
        } else {
            (&self.odd, (LOOK_BACK - delay - 1) / 2)
        };
        &half[from..from + FRAME_SAMPLES / 2]
    }

    fn likeness(&self, delay: usize) -> f32 {
        dot(self.delayed(0), self.delayed(delay))
    }

    /// The likeliest of some delays, and its correlation over the root of the delayed energy.
    fn best(&self, delays: impl Iterator<Item = usize>, refine: bool) -> (usize, f32) {
        let mut best = (DELAY_MIN, f32::NEG_INFINITY);
        for delay in delays {
            let likeness = self.likeness(delay);
            if likeness > best.1 {
                best = (delay, likeness);
            }
        }
        if refine {
            let around = best.0;
            for delay in [around - 1, around + 1] {
                let likeness = self.likeness(delay);
                if likeness > best.1 {
                    best = (delay, likeness);
                }
            }
        }
        let delayed = self.delayed(best.0);
        (best.0, best.1 / dot(delayed, delayed).max(1e-3).sqrt())
    }

    /// The delay of the frame. Of three ranges, the shorter delays are preferred where the longer are
    /// multiples of them.
    pub fn search(&self) -> usize {
        let (t1, mut r1) = self.best(20..40, false);
        let (t2, mut r2) = self.best(40..80, false);
        let (t3, r3) = self.best((80..DELAY_MAX).step_by(2), true);
        let is_near = |a: usize, b: usize, within: usize| a.abs_diff(b) < within;
        if is_near(2 * t2, t3, 5) {
            r2 += 0.25 * r3;
        }
        if is_near(3 * t2, t3, 7) {
            r2 += 0.25 * r3;
        }
        if is_near(2 * t1, t2, 5) {
            r1 += 0.20 * r2;
        }
        if is_near(3 * t1, t2, 7) {
            r1 += 0.20 * r2;
        }
        let best = if r2 > r1 { (t2, r2) } else { (t1, r1) };
        if r3 > best.1 { t3 } else { best.0 }
    }
}

/// How much an error of the excitation may have grown in a decoder, by zones of 40 samples of the past
/// (clause 3.9.1's limit to the gain; "taming").
#[derive(Debug, Clone)]
pub(crate) struct Taming {
    zones: [f32; 4],
}

impl Taming {
    const LIMIT: f32 = 60_000.0;

    /// Before the first frame.
    pub fn new() -> Taming {
        Taming { zones: [1.0; 4] }
    }

    /// Whether the adaptive gain must stay below 1 with this delay.
    pub fn limits(&self, delay: Delay) -> bool {
        let reach = delay.whole + usize::from(delay.thirds > 0);
        let (nearest, farthest) = (reach.saturating_sub(SUBFRAME + 10) / SUBFRAME, (reach + 8) / SUBFRAME);
        self.zones[nearest.min(3)..=farthest.min(3)].iter().any(|&error| error > Taming::LIMIT)
    }

    /// Takes the gain and the whole delay of a subframe.
    pub fn push(&mut self, gain: f32, delay: usize) {
        let worst = if delay < SUBFRAME {
            let once = 1.0 + gain * self.zones[0];
            once.max(1.0 + gain * once)
        } else {
            let zones = (delay - SUBFRAME) / SUBFRAME..=((delay - 1) / SUBFRAME).min(3);
            self.zones[zones].iter().fold(f32::NEG_INFINITY, |worst, error| worst.max(1.0 + gain * error))
        };
        self.zones.rotate_right(1);
        self.zones[0] = worst.min(1e9);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_of_a_delay_comes_back() {
        for index in 0..=255 {
            let delay = Delay::from_first(index);
            assert!((19..=DELAY_MAX).contains(&delay.whole) && (-1..=1).contains(&delay.thirds));
            assert_eq!(delay.index_first(), index);
            for second in 0..32 {
                let other = Delay::from_second(second, delay.whole);
                assert!((19..=DELAY_MAX + 1).contains(&other.whole) && (-1..=1).contains(&other.thirds));
                assert_eq!(other.index_second(delay.whole), second);
            }
        }
        assert_eq!(Delay::from_first(0), Delay { whole: 19, thirds: 1 });
        assert_eq!(Delay::from_first(196), Delay { whole: 85, thirds: -1 });
        assert_eq!(Delay::from_first(197), Delay { whole: 85, thirds: 0 });
    }

    #[test]
    fn a_period_is_found_in_both_loops() {
        for period in [23_usize, 47, 91, 120] {
            let pulse = |n: usize| {
                if n.is_multiple_of(period) { 100.0 } else { 3.0 * ((n * 7 % 11) as f32 - 5.0) / 5.0 }
            };
            let smooth = |n: usize| pulse(n) + 0.5 * pulse(n + 1) + 0.5 * pulse(n + period - 1);
            let mut open = OpenLoop::new();
            for frame in 0..4 {
                open.push(&std::array::from_fn(|n| smooth(frame * FRAME_SAMPLES + n)));
            }
            let found = open.search();
            assert!(found % period < 2 || period - found % period < 2, "{found} for {period}");

            let mut excitation: Excitation = std::array::from_fn(smooth);
            let target = std::array::from_fn(|n| smooth(PAST + n));
            let range = (period.max(23) - 3, period + 3);
            let delay = closed_loop(&mut excitation, PAST, &target, range, true);
            assert!(delay.whole.abs_diff(period) <= 1, "{delay:?} for {period}");
        }
    }

    #[test]
    fn errors_that_grow_limit_the_gain() {
        let mut taming = Taming::new();
        let delay = Delay { whole: 60, thirds: 0 };
        assert!(!taming.limits(delay));
        for _ in 0..200 {
            taming.push(1.2, 60);
        }
        assert!(taming.limits(delay));
        for _ in 0..200 {
            taming.push(0.5, 60);
        }
        assert!(!taming.limits(delay));
    }
}
