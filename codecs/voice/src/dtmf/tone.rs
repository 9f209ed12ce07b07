//! The tones of keys (ITU-T Q.23) and a generator of two tones at once.

use std::f32::consts::TAU;

use super::Digit;

/// Frequencies of rows and columns in Hz.
pub(super) const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
pub(super) const COLUMNS: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// Row and column of each code.
pub(super) const KEYPAD: [(u8, u8); 16] = [
    (3, 1),
    (0, 0),
    (0, 1),
    (0, 2),
    (1, 0),
    (1, 1),
    (1, 2),
    (2, 0),
    (2, 1),
    (2, 2),
    (3, 0),
    (3, 2),
    (0, 3),
    (1, 3),
    (2, 3),
    (3, 3),
];
/// The power of each of a digit's two tones, within what Q.24 lets every network receive.
pub const DIGIT_LEVEL_DBM0: f32 = -10.0;
/// Samples within which a tone begins and ends, so that it does not click: 2 ms.
const RAMP: u32 = 16;
/// The amplitude of a sine of 0 dBm0: 3.14 dB below full scale (G.711 table 1).
pub(crate) const AMPLITUDE_0_DBM0: f32 = 32_768.0 * 0.6966;

/// One or two tones, on and off without a click.
#[derive(Clone, Debug)]
pub struct TonePair {
    /// Phase of each in turns, and turns a sample.
    phases: [(f32, f32); 2],
    amplitudes: [f32; 2],
    ramp: u32,
}

// === impl TonePair ===

impl TonePair {
    /// The tones of a key.
    pub fn of(digit: Digit) -> Self {
        let (row, column) = KEYPAD[usize::from(digit.code())];
        Self::new([ROWS[usize::from(row)], COLUMNS[usize::from(column)]], [DIGIT_LEVEL_DBM0; 2])
    }

    /// Two tones by frequency in Hz and power in dBm0; 0 Hz is none.
    pub fn new(frequencies: [f32; 2], levels_dbm0: [f32; 2]) -> Self {
        let amplitude = |n: usize| {
            let is_on = frequencies[n] > 0.0;
            if is_on { AMPLITUDE_0_DBM0 * 10f32.powf(levels_dbm0[n] / 20.0) } else { 0.0 }
        };
        Self {
            phases: frequencies.map(|frequency| (0.0, frequency / 8000.0)),
            amplitudes: [amplitude(0), amplitude(1)],
            ramp: 0,
        }
    }

    /// Fills `samples`, on or fading off.
    pub fn fill(&mut self, samples: &mut [i16], on: bool) {
        for sample in samples {
            self.ramp = if on { (self.ramp + 1).min(RAMP) } else { self.ramp.saturating_sub(1) };
            let mut sum = 0.0;
            for ((phase, step), amplitude) in self.phases.iter_mut().zip(self.amplitudes) {
                sum += amplitude * (TAU * *phase).sin();
                *phase = (*phase + *step).fract();
            }
            *sample = crate::concealment::to_sample(sum * self.ramp as f32 / RAMP as f32);
        }
    }
}
