//! The algebraic codebook: four pulses of ±1 in a subframe, one on each of four tracks (clause 3.8), found
//! by the depth-first search of Annex A (A.3.8.1).

use crate::SUBFRAME;

/// Positions of a track: every fifth sample.
const PLACES: usize = 8;
/// Tracks; the fourth pulse is on one of the last two.
const TRACKS: usize = 5;

/// Bounds of the factor by which short delays repeat the pulses.
pub(crate) const SHARPNESS: std::ops::RangeInclusive<f32> = 0.2..=0.8;
/// Least energy of a filtered codevector, so that nothing is divided by nought.
const LEAST_ENERGY: f32 = 1e-6;

/// Four pulses, by track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pulses {
    /// Sample of each pulse: on track 0, 1, 2, and on 3 or 4.
    pub at: [usize; 4],
    /// Whether it is +1.
    pub is_positive: [bool; 4],
}

impl Pulses {
    /// The pulses of received indices.
    pub fn decode(positions: u16, signs: u8) -> Pulses {
        let place = |shift: u32| usize::from(positions >> shift & 7);
        Pulses {
            at: [
                5 * place(0),
                5 * place(3) + 1,
                5 * place(6) + 2,
                5 * place(10) + 3 + usize::from(positions >> 9 & 1),
            ],
            is_positive: [0, 1, 2, 3].map(|pulse| signs >> pulse & 1 == 1),
        }
    }

    /// C and S.
    pub fn indices(&self) -> (u16, u8) {
        let [p0, p1, p2, p3] = self.at.map(|at| (at / 5) as u16);
        let second_half = (self.at[3] % 5 == 4) as u16;
        let positions = p0 | p1 << 3 | p2 << 6 | second_half << 9 | p3 << 10;
        let signs = (0..4).fold(0, |signs, pulse| signs | u8::from(self.is_positive[pulse]) << pulse);
        (positions, signs)
    }

    /// The codevector, repeated with the factor `sharpness` after a delay shorter than a subframe.
    pub fn vector(&self, delay: usize, sharpness: f32) -> [f32; SUBFRAME] {
        let mut vector = [0.0; SUBFRAME];
        for (&at, &is_positive) in self.at.iter().zip(&self.is_positive) {
            vector[at] = if is_positive { 1.0 } else { -1.0 };
        }
        sharpen(&mut vector, delay, sharpness);
        vector
    }
}

/// The filter 1/(1 - sharpness z^-delay).
pub(crate) fn sharpen(x: &mut [f32; SUBFRAME], delay: usize, sharpness: f32) {
    for n in delay..SUBFRAME {
        x[n] += sharpness * x[n - delay];
    }
}

/// Correlations of the impulse response, with the signs of the pulses in them, by track: sample 5 i + t is
/// place 8 t + i.
struct Correlations {
    /// |d(n)|.
    target: [f32; SUBFRAME],
    /// phi(n, n).
    energy: [f32; SUBFRAME],
    /// 2 s(n) s(m) phi(n, m) of places on different tracks.
    cross: [[f32; SUBFRAME]; SUBFRAME],
}

/// Two chosen places, what they correlate with the target, and their energy.
#[derive(Clone, Copy)]
struct Pair {
    places: [usize; 2],
    target: f32,
    energy: f32,
}

impl Correlations {
    /// From the target filtered backward, d(n), and the impulse response.
    fn new(d: &[f32; SUBFRAME], h: &[f32; SUBFRAME]) -> Correlations {
        let by_place =
            |x: &dyn Fn(usize) -> f32| -> [f32; SUBFRAME] { std::array::from_fn(|p| x(sample(p))) };
        let signs = by_place(&|n| 1.0_f32.copysign(d[n]));
        let reversed = by_place(&|n| h[SUBFRAME - 1 - n]);
        let mut all = Correlations {
            target: by_place(&|n| d[n].abs()),
            energy: [0.0; SUBFRAME],
            cross: [[0.0; SUBFRAME]; SUBFRAME],
        };
        // phi(n, m) = phi(n + 1, m + 1) + h(39 - n) h(39 - m). The place behind that of m is eight further,
        // on the next track; from the last track it is the next one on the first.
        let mut row = [0.0_f32; SUBFRAME];
        for n in (0..SUBFRAME).rev() {
            let (place, factor) = (place(n), h[SUBFRAME - 1 - n]);
            let mut next = [0.0_f32; SUBFRAME];
            next[..SUBFRAME - PLACES].copy_from_slice(&row[PLACES..]);
            next[SUBFRAME - PLACES..SUBFRAME - 1].copy_from_slice(&row[1..PLACES]);
            for (next, h) in next.iter_mut().zip(&reversed) {
                *next += factor * h;
            }
            row = next;
            all.energy[place] = row[place];
            let sign = 2.0 * signs[place];
            for ((cross, row), other) in all.cross[place].iter_mut().zip(&row).zip(&signs) {
                *cross = sign * other * row;
            }
        }
        all
    }

    fn track(&self, track: usize) -> std::ops::Range<usize> {
        PLACES * track..PLACES * (track + 1)
    }

    /// The two places of a track that correlate best with the target.
    fn two_best(&self, track: usize) -> [usize; 2] {
        let mut best = [PLACES * track; 2];
        let mut values = [-1.0_f32; 2];
        for place in self.track(track) {
            let value = self.target[place];
            if value > values[0] {
                best = [place, best[0]];
                values = [value, values[0]];
            } else if value > values[1] {
                (best[1], values[1]) = (place, value);
            }
        }
        best
    }

    /// The best pair of some places of one track and all of another, beside pulses that are there.
    fn best_pair(&self, firsts: &[usize], track: usize, beside: Option<&Pair>) -> Pair {
        let (mut target, mut energy) = ([0.0_f32; PLACES], [0.0_f32; PLACES]);
        target.copy_from_slice(&self.target[self.track(track)]);
        energy.copy_from_slice(&self.energy[self.track(track)]);
        for place in beside.iter().flat_map(|pair| pair.places) {
            for (energy, cross) in energy.iter_mut().zip(&self.cross[place][self.track(track)]) {
                *energy += cross;
            }
        }
        // The best first place for each second one: eight comparisons at once.
        let (mut most, mut best) = ([-1.0_f32; PLACES], [0_u32; PLACES]);
        for &first in firsts {
            let (fixed_target, fixed_energy) = self.fixed(first, beside);
            let cross = &self.cross[first][self.track(track)];
            for i in 0..PLACES {
                let sum = fixed_target + target[i];
                let ratio = sum * sum / (fixed_energy + energy[i] + cross[i]).max(LEAST_ENERGY);
                let is_better = ratio > most[i];
                most[i] = if is_better { ratio } else { most[i] };
                best[i] = if is_better { first as u32 } else { best[i] };
            }
        }
        let mut second = 0;
        for i in 1..PLACES {
            if most[i] > most[second] {
                second = i;
            }
        }
        let first = best[second] as usize;
        let (fixed_target, fixed_energy) = self.fixed(first, beside);
        let place = PLACES * track + second;
        Pair {
            places: [first, place],
            target: fixed_target + target[second],
            energy: (fixed_energy + energy[second] + self.cross[first][place]).max(LEAST_ENERGY),
        }
    }

    /// Target and energy of a place, beside pulses that are there.
    fn fixed(&self, place: usize, beside: Option<&Pair>) -> (f32, f32) {
        let (target, energy) = (self.target[place], self.energy[place]);
        match beside {
            None => (target, energy),
            Some(Pair { places: [one, other], target: theirs, energy: more }) => {
                (target + theirs, energy + more + self.cross[*one][place] + self.cross[*other][place])
            }
        }
    }
}

/// Place of a sample.
const fn place(sample: usize) -> usize {
    sample % TRACKS * PLACES + sample / TRACKS
}

/// Sample of a place.
const fn sample(place: usize) -> usize {
    place % PLACES * TRACKS + place / PLACES
}

/// The four pulses whose filtered codevector is most like the target: `d` is the target filtered backward
/// through the impulse response `h`.
pub(crate) fn search(d: &[f32; SUBFRAME], h: &[f32; SUBFRAME]) -> Pulses {
    let correlations = Correlations::new(d, h);
    let (mut most, mut places) = (-1.0_f32, [0, place(1), place(2), place(3)]);
    for last in [3, 4] {
        for tracks in [[2, last, 0, 1], [last, 0, 1, 2]] {
            let seeds = correlations.two_best(tracks[0]);
            let pair = correlations.best_pair(&seeds, tracks[1], None);
            let all: [usize; PLACES] = std::array::from_fn(|i| PLACES * tracks[2] + i);
            let four = correlations.best_pair(&all, tracks[3], Some(&pair));
            let ratio = four.target * four.target / four.energy;
            if ratio > most {
                most = ratio;
                places = [pair.places[0], pair.places[1], four.places[0], four.places[1]];
            }
        }
    }
    let mut pulses = Pulses { at: [0, 1, 2, 3], is_positive: [true; 4] };
    for at in places.map(sample) {
        let track = (at % TRACKS).min(3);
        pulses.at[track] = at;
        pulses.is_positive[track] = d[at] >= 0.0;
    }
    pulses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{backward, convolution, dot, energy};

    #[test]
    fn every_index_comes_back() {
        for positions in 0..8192 {
            let signs = (positions % 16) as u8;
            let pulses = Pulses::decode(positions, signs);
            assert_eq!(pulses.at.map(|at| at % 5), [0, 1, 2, pulses.at[3] % 5]);
            assert!(pulses.at[3] % 5 >= 3 && pulses.at.iter().all(|&at| at < SUBFRAME));
            assert_eq!(pulses.indices(), (positions, signs));
        }
    }

    #[test]
    fn pulses_that_made_a_target_are_found_in_it() {
        let h: [f32; SUBFRAME] = std::array::from_fn(|n| 0.7_f32.powi(n as i32) * (n as f32 * 0.6).cos());
        let mut found_all = 0;
        for n in 0..100_u32 {
            let bits = n.wrapping_mul(2_654_435_761);
            let pulses = Pulses::decode((bits >> 8) as u16 & 0x1fff, (bits >> 24) as u8 & 15);
            let target = convolution(&pulses.vector(SUBFRAME, 0.0), &h);
            let found = search(&backward(&target, &h), &h);
            let heard = convolution(&found.vector(SUBFRAME, 0.0), &h);
            let likeness = dot(&target, &heard).powi(2) / (energy(&target) * energy(&heard));
            assert!(likeness > 0.5, "{pulses:?} {found:?} {likeness}");
            found_all += u32::from(found == pulses);
        }
        assert!(found_all > 60, "{found_all}");
    }

    #[test]
    fn short_delays_repeat_the_pulses() {
        let pulses = Pulses::decode(0, 15);
        let vector = pulses.vector(20, 0.5);
        assert_eq!([vector[0], vector[20], vector[1], vector[21], vector[4]], [1.0, 0.5, 1.0, 0.5, 0.0]);
    }
}
