//! The voice activity detector (Annex B, B.3): whether a frame is speech, by how its energy, spectrum and
//! zero crossings differ from running means of the background.

use crate::ORDER;
use crate::lpc::{Autocorrelation, WINDOW};
use crate::lsp::Lsp;

/// Frames of the start, over which the means begin.
const START: u32 = 32;
/// Frames over which the least energy is remembered: sixteen blocks of eight.
const MEMORY: u32 = 128;
const BLOCK: u32 = 8;
/// Energy below which nothing is speech, in dB. Signals are halved here (clause 3.1).
const QUIET_DB: f32 = 15.0;
/// Spectral difference below which the background may be learnt.
const SAME_SPECTRUM: f32 = 0.002_532_959;
/// Autocorrelation of a low-pass filter's impulse response: 1 kHz and below.
const LOW_BAND: [f32; 13] = [
    0.240_179_4,
    0.213_988_22,
    0.147_676_92,
    0.070_188_12,
    0.009_808_564,
    -0.020_159_347,
    -0.023_882_7,
    -0.014_800_761,
    -0.005_032_921_6,
    0.000_121_413_66,
    0.001_193_542_5,
    0.000_659_087_2,
    0.000_150_157_82,
];

/// What is known of one frame.
#[derive(Debug, Clone, Copy)]
struct Features {
    energy_db: f32,
    low_db: f32,
    /// Line spectral frequencies over the sampling rate, up to 0.5.
    spectrum: Lsp,
    /// Share of samples that differ in sign from the one before.
    crossings: f32,
}

/// Means of the background.
#[derive(Debug, Clone, Default)]
struct Background {
    energy_db: f32,
    low_db: f32,
    spectrum: Lsp,
    crossings: f32,
}

/// State of the detector.
#[derive(Debug, Clone)]
pub(crate) struct Vad {
    frames: u32,
    background: Background,
    /// Mean energy over the start.
    start_db: f32,
    /// Frames of the start that were quiet.
    quiet: u32,
    /// Least energies: of sixteen blocks, and of the block in work.
    blocks_db: [f32; (MEMORY / BLOCK) as usize],
    block_db: f32,
    /// The two decisions before, the latest first.
    decisions: [bool; 2],
    energy_before_db: f32,
    silent: u32,
    updates: u32,
    extended: u32,
    may_extend: bool,
}

/// What the detector looks at.
pub(crate) struct Input<'a> {
    /// Autocorrelation of the windowed speech.
    pub autocorrelation: &'a Autocorrelation,
    /// Line spectral frequencies in radians.
    pub frequencies: &'a Lsp,
    /// The second reflection coefficient.
    pub reflection_2: f32,
    /// The frame and the sample before it.
    pub speech: &'a [f32],
}

impl Input<'_> {
    fn features(&self) -> Features {
        let r = self.autocorrelation;
        let decibels = |power: f32| 10.0 * (power / WINDOW as f32).max(1e-9).log10();
        let beyond: f32 = r[1..].iter().zip(&LOW_BAND[1..]).map(|(r, c)| r * c).sum();
        let crossings = self.speech.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count();
        Features {
            energy_db: decibels(r[0]),
            low_db: decibels(r[0] * LOW_BAND[0] + 2.0 * beyond),
            spectrum: self.frequencies.map(|w| w / (2.0 * std::f32::consts::PI)),
            crossings: crossings as f32 / (self.speech.len().max(2) - 1) as f32,
        }
    }
}

impl Vad {
    /// Before the first frame.
    pub fn new() -> Vad {
        Vad {
            frames: 0,
            background: Background::default(),
            start_db: 0.0,
            quiet: 0,
            blocks_db: [f32::INFINITY; (MEMORY / BLOCK) as usize],
            block_db: f32::INFINITY,
            decisions: [true; 2],
            energy_before_db: 0.0,
            silent: 0,
            updates: 0,
            extended: 0,
            may_extend: true,
        }
    }

    /// Whether a frame is speech.
    pub fn is_speech(&mut self, input: &Input) -> bool {
        let now = input.features();
        // As far as it counts: what is compared with it lies below.
        self.frames = (self.frames + 1).min(u32::MAX - BLOCK);
        let least_db = self.least(now.energy_db);
        let mut decision = now.energy_db >= QUIET_DB;
        if self.frames <= START {
            self.learn_start(&now, decision);
        }
        if self.frames == START {
            self.background.energy_db = self.start_db - 10.0;
            self.background.low_db = self.start_db - 12.0;
        }
        if self.frames >= START {
            let difference: f32 =
                now.spectrum.iter().zip(&self.background.spectrum).map(|(a, b)| (a - b) * (a - b)).sum();
            decision = decision && self.background.differs(&now, difference);
            decision = self.smoothed(decision, &now, input.reflection_2);
            self.learn(&now, difference, input.reflection_2, least_db);
        }
        self.energy_before_db = now.energy_db;
        self.decisions = [decision, self.decisions[0]];
        decision
    }

    /// The least energy of the last 16 blocks and the one in work.
    fn least(&mut self, energy_db: f32) -> f32 {
        let of_blocks = self.blocks_db.iter().copied().fold(f32::INFINITY, f32::min);
        self.block_db = self.block_db.min(energy_db);
        let least = of_blocks.min(self.block_db);
        if self.frames.is_multiple_of(BLOCK) {
            self.blocks_db.rotate_left(1);
            self.blocks_db[(MEMORY / BLOCK - 1) as usize] = self.block_db;
            self.block_db = f32::INFINITY;
        }
        least
    }

    /// Means over the frames of the start that were not quiet.
    fn learn_start(&mut self, now: &Features, is_loud: bool) {
        if !is_loud {
            self.quiet += 1;
            return;
        }
        let share = 1.0 / (self.frames - self.quiet) as f32;
        let mean = |mean: &mut f32, now: f32| *mean += share * (now - *mean);
        mean(&mut self.start_db, now.energy_db);
        mean(&mut self.background.crossings, now.crossings);
        for (w, now) in self.background.spectrum.iter_mut().zip(&now.spectrum) {
            mean(w, *now);
        }
    }

    /// Four steps that keep the ends of words and drop short bursts (B.3.6).
    fn smoothed(&mut self, mut decision: bool, now: &Features, reflection_2: f32) -> bool {
        let mut is_kept = false;
        let [before, before_that] = self.decisions;
        if before && !decision && now.energy_db > self.background.energy_db + 2.0 && now.energy_db > QUIET_DB
        {
            (decision, is_kept) = (true, true);
        }
        if !self.may_extend {
            self.may_extend = true;
        } else if before_that && before && !decision && (now.energy_db - self.energy_before_db).abs() <= 3.0 {
            (decision, is_kept) = (true, true);
            self.extended += 1;
            if self.extended > 4 {
                (self.may_extend, self.extended) = (false, 0);
            }
        }
        if !decision {
            self.silent += 1;
        } else if self.silent > 10 && now.energy_db - self.energy_before_db <= 3.0 {
            decision = false;
            self.silent = 0;
        }
        if decision {
            self.silent = 0;
        }
        let is_low = now.energy_db < self.background.energy_db + 3.0;
        decision && !(is_low && self.frames > MEMORY && !is_kept && reflection_2 < 0.6)
    }

    /// Follows the background (B.3.7).
    fn learn(&mut self, now: &Features, difference: f32, reflection_2: f32, least_db: f32) {
        let background = &mut self.background;
        let is_background =
            now.energy_db < background.energy_db + 3.0 && reflection_2 < 0.75 && difference < SAME_SPECTRUM;
        if is_background {
            self.updates = self.updates.saturating_add(1);
            let (energy, crossings, spectrum) = match self.updates {
                0..20 => (0.75, 0.8, 0.6),
                20..30 => (0.95, 0.92, 0.65),
                30..40 => (0.97, 0.94, 0.70),
                40..50 => (0.99, 0.96, 0.75),
                50..60 => (0.995, 0.99, 0.75),
                _ => (0.995, 0.998, 0.75),
            };
            let follow = |mean: &mut f32, now: f32, keep: f32| *mean = keep * *mean + (1.0 - keep) * now;
            follow(&mut background.energy_db, now.energy_db, energy);
            follow(&mut background.low_db, now.low_db, energy);
            follow(&mut background.crossings, now.crossings, crossings);
            for (w, now) in background.spectrum.iter_mut().zip(&now.spectrum) {
                follow(w, *now, spectrum);
            }
        }
        let is_below = background.energy_db < least_db && difference < SAME_SPECTRUM;
        if self.frames > MEMORY && (is_below || background.energy_db > least_db + 10.0) {
            background.energy_db = least_db;
            self.updates = 0;
        }
    }
}

impl Background {
    /// The fourteen boundaries of the region of silence (table B.1).
    fn differs(&self, now: &Features, spectrum: f32) -> bool {
        let energy = self.energy_db - now.energy_db;
        let low = self.low_db - now.low_db;
        let crossings = self.crossings - now.crossings;
        spectrum > 0.001_75 * crossings + 0.000_85
            || spectrum > -0.004_545_455 * crossings + 0.001_159_091
            || energy < -25.0 * crossings - 5.0
            || energy < 20.0 * crossings - 6.0
            || energy < -4.7
            || energy < 8800.0 * spectrum - 12.2
            || spectrum > 0.0009
            || low < 25.0 * crossings - 7.0
            || low < -29.090_91 * crossings - 4.8182
            || low < -5.3
            || low < 14_000.0 * spectrum - 15.5
            || low > 0.928_571 * energy + 1.142_85
            || low < -1.5 * energy - 9.0
            || low < 0.714_285 * energy - 2.142_857
    }
}

const _: () = assert!(LOW_BAND.len() > ORDER);
