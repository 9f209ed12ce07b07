//! Digits by their tones (ITU-T Q.24): the power of each of the eight frequencies over 12.75 ms (Goertzel),
//! looked at twice in that time, and limits that speech does not meet four times in a row. How far the phase
//! of a tone moves from one look to the next tells its frequency far better than its power does.

use std::f32::consts::TAU;

use super::Digit;
use super::tone::{AMPLITUDE_0_DBM0, COLUMNS, KEYPAD, ROWS};

/// Samples of a block: the shortest whose resolution, 78 Hz, tells the rows from each other.
const BLOCK: usize = 102;
/// Samples from one look to the next.
const HOP: usize = BLOCK / 2;
/// Least mean square of each tone: −30 dBm0. Q.24 asks for −25 and less of loss.
const LEAST: f32 = AMPLITUDE_0_DBM0 * AMPLITUDE_0_DBM0 / 2.0 * 0.001;
/// How much stronger the row may be than the column, and the reverse, as ratios of power: 10 and 7 dB. Q.24
/// has administrations that ask for 8 and 4; with frequencies that are off by 1.5 % at the same time it is 7.
const ROW_OVER_COLUMN: f32 = 10.0;
const COLUMN_OVER_ROW: f32 = 5.0;
/// How much stronger a tone is than the others of its group: 5 dB, since a tone that is off and faint beside
/// the other one does not stand out more.
const OVER_OTHERS: f32 = 3.2;
/// Least part of all power that the two tones have. Frequencies that are off by 1.5 % and 2 Hz have 0.73.
const PART: f32 = 0.68;
/// Two looks at one digit differ by no more than 4 dB, as speech does.
const STEADY: f32 = 2.5;
/// How far a frequency may be off: 2 % and 8 Hz. Q.24 has 1.5 % and 2 Hz accepted.
const OFF_PART: f32 = 0.02;
const OFF_HZ: f32 = 8.0;
/// Looks that a digit lasts before it is told, 32 ms, and that it is gone before its end is.
const BEGIN_LOOKS: u32 = 4;
const END_LOOKS: u32 = 4;

/// What a detector heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard {
    /// A digit has begun, some 25 ms ago.
    Began(Digit),
    /// It ended after so many milliseconds.
    Ended(Digit, u32),
}

/// Listens for digits.
#[derive(Clone, Debug)]
pub struct Detector {
    /// Half a block apart.
    banks: [Bank; 2],
    /// What the last look found.
    hit: Option<Hit>,
    hits: u32,
    misses: u32,
    /// The digit that was told, and its looks.
    present: Option<(Digit, u32)>,
}

/// Eight resonators over one block.
#[derive(Clone, Debug)]
struct Bank {
    states: [(f32, f32); 8],
    energy: f32,
    filled: usize,
}

/// Two tones that may be a digit.
#[derive(Clone, Copy, Debug)]
struct Hit {
    digit: Digit,
    power: f32,
    /// Phases of row and column in turns.
    phases: [f32; 2],
}

impl Default for Detector {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Detector ===

impl Detector {
    /// Has heard nothing.
    pub fn new() -> Self {
        let bank = |filled| Bank { states: [(0.0, 0.0); 8], energy: 0.0, filled };
        Self { banks: [bank(0), bank(HOP)], hit: None, hits: 0, misses: 0, present: None }
    }

    /// The digit that is heard at present.
    pub fn present(&self) -> Option<Digit> {
        self.present.map(|(digit, _)| digit)
    }

    /// Hears more, and tells what began and ended.
    pub fn hear(&mut self, samples: &[i16], mut tell: impl FnMut(Heard)) {
        let mut rest = samples;
        while !rest.is_empty() {
            // Up to where one of the banks is full.
            let until = self.banks.iter().map(|bank| BLOCK - bank.filled).min().unwrap_or(BLOCK);
            let (now, later) = rest.split_at(until.min(rest.len()));
            rest = later;
            let mut look = None;
            for bank in &mut self.banks {
                bank.hear(now);
                if bank.filled == BLOCK {
                    look = Some(bank.look());
                }
            }
            if let Some(hit) = look {
                self.step(hit, &mut tell);
            }
        }
    }

    fn step(&mut self, hit: Option<Hit>, tell: &mut impl FnMut(Heard)) {
        let before = std::mem::replace(&mut self.hit, hit);
        let is_same = before.zip(hit).is_some_and(|(before, hit)| hit.continues(&before));
        self.hits = if hit.is_none() { 0 } else { 1 + if is_same { self.hits } else { 0 } };
        if let Some((digit, looks)) = self.present {
            let goes_on = hit.is_some_and(|hit| hit.digit == digit);
            self.misses = if goes_on { 0 } else { self.misses + 1 };
            let is_other = hit.is_some() && !goes_on && self.hits >= BEGIN_LOOKS;
            if self.misses < END_LOOKS && !is_other {
                self.present = Some((digit, looks + 1));
                return;
            }
            let lasted = (looks + 2).saturating_sub(self.misses) * HOP as u32 / 8;
            self.present = None;
            tell(Heard::Ended(digit, lasted));
        }
        if let Some(hit) = hit.filter(|_| self.hits >= BEGIN_LOOKS) {
            self.present = Some((hit.digit, self.hits));
            self.misses = 0;
            tell(Heard::Began(hit.digit));
        }
    }
}

// === impl Hit ===

impl Hit {
    /// Whether it is the same digit as half a block before, as loud, and at its frequencies.
    fn continues(&self, before: &Self) -> bool {
        let (row, column) = KEYPAD[usize::from(self.digit.code())];
        let frequencies = [ROWS[usize::from(row)], COLUMNS[usize::from(column)]];
        let is_near = |n: usize| {
            let moved = self.phases[n] - before.phases[n] - frequencies[n] * HOP as f32 / 8000.0;
            let off_hz = (moved - moved.round()) * 8000.0 / HOP as f32;
            off_hz.abs() <= frequencies[n] * OFF_PART + OFF_HZ
        };
        self.digit == before.digit
            && self.power <= before.power * STEADY
            && before.power <= self.power * STEADY
            && is_near(0)
            && is_near(1)
    }
}

// === impl Bank ===

impl Bank {
    fn hear(&mut self, samples: &[i16]) {
        for &sample in samples {
            let sample = f32::from(sample);
            self.energy += sample * sample;
            for ((one, two), coefficient) in self.states.iter_mut().zip(&COEFFICIENTS) {
                let next = sample + coefficient.0 * *one - *two;
                (*one, *two) = (next, *one);
            }
        }
        self.filled += samples.len();
    }

    /// What the block holds that is full now.
    fn look(&mut self) -> Option<Hit> {
        let (mut powers, mut phases) = ([0.0; 8], [0.0; 8]);
        for (n, ((one, two), (double_cosine, sine))) in self.states.iter_mut().zip(COEFFICIENTS).enumerate() {
            let (real, imaginary) = (*one - *two * double_cosine / 2.0, *two * sine);
            // The mean square of the sine that has this magnitude.
            powers[n] = 2.0 * (real * real + imaginary * imaginary) / (BLOCK * BLOCK) as f32;
            phases[n] = imaginary.atan2(real) / TAU;
            (*one, *two) = (0.0, 0.0);
        }
        let mean_square = std::mem::take(&mut self.energy) / BLOCK as f32;
        self.filled = 0;
        let (row, row_power) = strongest(&powers[..4])?;
        let (column, column_power) = strongest(&powers[4..])?;
        let power = row_power + column_power;
        let is_digit = row_power >= LEAST
            && column_power >= LEAST
            && row_power <= column_power * ROW_OVER_COLUMN
            && column_power <= row_power * COLUMN_OVER_ROW
            && power >= mean_square * PART;
        let code = KEYPAD.iter().position(|&key| key == (row, column))?;
        let digit = Digit::from_code(code as u8)?;
        let phases = [phases[usize::from(row)], phases[4 + usize::from(column)]];
        is_digit.then_some(Hit { digit, power, phases })
    }
}

/// Twice the cosine and the sine of each frequency's turn a sample: rows, then columns.
static COEFFICIENTS: [(f32, f32); 8] = [
    (1.707_737_8, 0.520_488_1),
    (1.645_281, 0.568_561_9),
    (1.568_687, 0.620_326_8),
    (1.478_204_6, 0.673_593_2),
    (1.164_104, 0.813_151_6),
    (0.996_370_2, 0.867_070_7),
    (0.798_618_4, 0.916_816_3),
    (0.568_532_7, 0.958_745_3),
];

/// The place and power of the strongest of a group, if it is far stronger than the others.
fn strongest(powers: &[f32]) -> Option<(u8, f32)> {
    let (place, &power) = powers.iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let others = powers.iter().enumerate().filter(|&(other, _)| other != place);
    let is_far = others.map(|(_, &other)| other).all(|other| power >= other * OVER_OTHERS);
    is_far.then_some((place as u8, power))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::TonePair;
    use crate::lpc::White;

    fn heard(sound: &[i16]) -> Vec<Heard> {
        let (mut detector, mut all) = (Detector::new(), Vec::new());
        for frame in sound.chunks(80) {
            detector.hear(frame, |heard| all.push(heard));
        }
        all
    }

    /// Tones of `on_ms` and silence of `off_ms` for each key, with noise of a root mean square of `noise`.
    fn dialled(levels: [f32; 2], off: f32, on_ms: usize, off_ms: usize, noise: f32) -> Vec<i16> {
        let (mut sound, mut white) = (vec![0; 333], White::new(5));
        for digit in Digit::all() {
            let (row, column) = KEYPAD[usize::from(digit.code())];
            let frequencies = [ROWS[usize::from(row)] * off, COLUMNS[usize::from(column)] * off];
            let from = sound.len();
            sound.resize(from + (on_ms + off_ms) * 8, 0);
            TonePair::new(frequencies, levels).fill(&mut sound[from..from + on_ms * 8], true);
        }
        for sample in &mut sound {
            *sample = sample.saturating_add((white.next() * noise) as i16);
        }
        sound
    }

    fn digits(sound: &[i16]) -> String {
        let heard = heard(sound);
        heard
            .iter()
            .filter_map(|h| if let Heard::Began(digit) = h { Some(digit.to_char()) } else { None })
            .collect()
    }

    const ALL: &str = "0123456789*#ABCD";

    #[test]
    fn coefficients_are_those_of_the_frequencies() {
        for (hz, (double_cosine, sine)) in ROWS.iter().chain(&COLUMNS).zip(COEFFICIENTS) {
            let turn = f64::from(*hz) / 8000.0 * std::f64::consts::TAU;
            assert!((turn.cos() * 2.0 - f64::from(double_cosine)).abs() < 1e-6, "{hz}: {}", turn.cos() * 2.0);
            assert!((turn.sin() - f64::from(sine)).abs() < 1e-6, "{hz}: {}", turn.sin());
        }
    }

    #[test]
    fn every_key_is_heard_at_every_level_with_twist_and_offset() {
        for level in [0.0f32, -5.0, -10.0, -20.0, -25.0] {
            for (row, column) in [(0.0, 0.0), (0.0, -7.0), (-4.0, 0.0)] {
                // Two tones at 0 dBm0 each would clip.
                let levels = [(level + row).clamp(-25.0, -3.1), (level + column).clamp(-25.0, -3.1)];
                for off in [1.0, 1.015, 0.985] {
                    assert_eq!(digits(&dialled(levels, off, 50, 50, 0.0)), ALL, "{levels:?} dBm0, × {off}");
                }
            }
        }
    }

    #[test]
    fn forty_milliseconds_suffice_and_noise_of_15_db_less_does_no_harm() {
        assert_eq!(digits(&dialled([-10.0; 2], 1.0, 40, 40, 0.0)), ALL);
        // −10 dBm0 have a root mean square of 5,104 each.
        assert_eq!(digits(&dialled([-10.0; 2], 1.0, 60, 60, 5104.0 * 0.178)), ALL);
    }

    #[test]
    fn durations_are_those_of_the_tones() {
        let mut sound = vec![0; 801];
        sound.extend(vec![0; 1600]);
        TonePair::of(Digit::from_char('7').unwrap()).fill(&mut sound[801..2401], true);
        sound.extend(vec![0; 800]);
        match heard(&sound)[..] {
            [Heard::Began(began), Heard::Ended(ended, lasted)] => {
                assert_eq!((began, ended), (ended, began));
                assert!(lasted.abs_diff(200) <= 26, "{lasted} ms");
            }
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_short_gap_is_no_end_and_a_longer_one_makes_two_digits() {
        let digit = Digit::from_char('3').unwrap();
        for (gap, count) in [(80, 1), (400, 2)] {
            let mut sound = vec![0; 2 * 800 + gap];
            let mut tone = TonePair::of(digit);
            tone.fill(&mut sound[..800], true);
            TonePair::of(digit).fill(&mut sound[800 + gap..], true);
            assert_eq!(digits(&sound).len(), count, "gap of {gap} samples");
        }
    }

    #[test]
    fn what_is_too_short_too_twisted_or_too_faint_is_no_digit() {
        assert_eq!(digits(&dialled([-10.0; 2], 1.0, 20, 80, 0.0)), "");
        assert_eq!(digits(&dialled([-8.0, -28.0], 1.0, 80, 80, 0.0)), "");
        assert_eq!(digits(&dialled([-28.0, -8.0], 1.0, 80, 80, 0.0)), "");
        assert_eq!(digits(&dialled([-36.0; 2], 1.0, 80, 80, 0.0)), "");
        for off in [0.965, 1.035] {
            assert_eq!(digits(&dialled([-10.0; 2], off, 80, 80, 0.0)), "", "frequencies × {off}");
        }
    }

    #[test]
    fn noise_and_single_tones_are_no_digits() {
        let mut white = White::new(11);
        for level in [0.0f32, -10.0, -25.0] {
            let rms = AMPLITUDE_0_DBM0 * 10f32.powf(level / 20.0) / 2f32.sqrt();
            let noise: Vec<i16> = (0..8000 * 60).map(|_| (white.next() * rms) as i16).collect();
            assert_eq!(heard(&noise), [], "noise at {level} dBm0");
            for hz in (300..3400).step_by(7) {
                let mut tone = vec![0; 1600];
                TonePair::new([hz as f32, 0.0], [level.min(-0.1), 0.0]).fill(&mut tone, true);
                assert_eq!(heard(&tone), [], "{hz} Hz at {level} dBm0");
            }
        }
    }

    #[test]
    fn sweeping_voices_are_no_digits() {
        // Ten minutes of vowels.
        let mut talked = 0;
        for voice in 0..40u32 {
            let sound = crate::sounds::vowels(voice, 15);
            talked += heard(&sound).iter().filter(|heard| matches!(heard, Heard::Began(_))).count();
        }
        assert_eq!(talked, 0, "in ten minutes");
    }
}
