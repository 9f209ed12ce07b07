//! Ringback in the first sound after an answer: the network still rings although the call is answered. It is
//! told by its frequencies, 380 to 500 Hz in all countries of [`tones`](crate::tones), and by its cadence:
//! bursts that are alike, with a second or more between them. Whatever else is heard first ends it: speech,
//! music, the tone of an answering machine, digits, fax, busy tones.

use std::f32::consts::TAU;
use std::sync::LazyLock;

use crate::codec::RATE_HZ;
use crate::dtmf::AMPLITUDE_0_DBM0;

/// Samples of a block, 50 ms: two whole beats of 440 and 480 Hz, so that their power is that of one tone.
const BLOCK: usize = 400;
const BLOCKS_A_SECOND: u32 = RATE_HZ / BLOCK as u32;
/// Longest time that is listened: two rings of every country fit in.
const BLOCKS_MAX: u32 = 15 * BLOCKS_A_SECOND;
/// From one resonator to the next, in Hz: a whole turn more in a block.
const STEP_HZ: f32 = RATE_HZ as f32 / BLOCK as f32;
/// Resonators, from 340 to 520 Hz.
const BINS: usize = 10;
const FIRST_HZ: f32 = 340.0;
/// Where the mean frequency lies.
const BAND_HZ: std::ops::RangeInclusive<f32> = 380.0..=500.0;
/// Least part of all power that is in the band.
const PART: f32 = 0.8;
/// How far the mean frequency of a block may be from that of its burst, and of one burst from the other's.
const OFF_HZ: f32 = 12.0;
/// Blocks of a burst differ by no more than 5 dB in power.
const STEADY: f32 = 3.2;
/// Least power of a tone, −36 dBm0, and what is quiet whatever was heard before, −40 dBm0.
const LEAST: f32 = POWER_0_DBM0 * 2.5e-4;
const QUIET: f32 = POWER_0_DBM0 * 1e-4;
const POWER_0_DBM0: f32 = AMPLITUDE_0_DBM0 * AMPLITUDE_0_DBM0 / 2.0;
/// What is less than the tone by 14 dB is quiet too, and the noise of the line: what is no more than 6 dB
/// above the faintest block, and no louder than −20 dBm0.
const BELOW_TONE: f32 = 25.0;
const OVER_FLOOR: f32 = 4.0;
const NOISE_MAX: f32 = POWER_0_DBM0 * 0.01;
/// Shortest and longest burst, in blocks: 250 ms, 3.1 s.
const BURST_MIN: u32 = 5;
const BURST_MAX: u32 = 62;
/// Longest gap within a group of two bursts, and those between two groups, in blocks: 550 ms, 0.95 to 6.5 s.
const INNER_GAP_MAX: u32 = 11;
const GAP_MIN: u32 = 19;
const GAP_MAX: u32 = 130;
/// So many blocks in a row, or in all, that are neither tone nor quiet are other sound: a burst has such at
/// its begin and end, and where packets are lost.
const OTHERS_IN_ROW: u32 = 4;
const OTHERS_MAX: u32 = 20;

/// What the first sound is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstSound {
    /// Two rings, or two pairs of them.
    Ringback,
    /// Something else, or nothing of it in 15 s.
    Other,
}

/// Listens for ringback.
#[derive(Clone, Debug)]
pub struct RingbackDetector {
    states: [(f32, f32); BINS],
    /// Of the block, each sample weighted by its place.
    energy: f32,
    filled: usize,
    /// Blocks so far.
    blocks: u32,
    /// Power of the faintest block that was no tone.
    floor: f32,
    burst: Option<Burst>,
    before: Option<Burst>,
    /// Bursts that follow each other like a busy tone's.
    in_group: u32,
    others_in_row: u32,
    others: u32,
    told: Option<FirstSound>,
}

/// A stretch of one tone; times in blocks.
#[derive(Clone, Copy, Debug)]
struct Burst {
    began: u32,
    /// The first block after it.
    ended: u32,
    /// It was heard from its begin.
    is_whole: bool,
    hz: f32,
    tones: u32,
    power: f32,
}

/// One block.
#[derive(Clone, Copy, Debug)]
enum Block {
    Tone { hz: f32, power: f32 },
    Quiet,
    Other,
}

/// Twice the cosine of each resonator's turn a sample.
static COEFFICIENTS: LazyLock<[f32; BINS]> = LazyLock::new(|| {
    std::array::from_fn(|bin| 2.0 * (TAU * (FIRST_HZ + STEP_HZ * bin as f32) / RATE_HZ as f32).cos())
});

/// The window of von Hann: what lies outside the band stays outside.
static WINDOW: LazyLock<[f32; BLOCK]> =
    LazyLock::new(|| std::array::from_fn(|n| 0.5 - 0.5 * (TAU * n as f32 / BLOCK as f32).cos()));

impl Default for RingbackDetector {
    fn default() -> Self {
        Self::new()
    }
}

// === impl RingbackDetector ===

impl RingbackDetector {
    /// Has heard nothing.
    pub const fn new() -> Self {
        Self {
            states: [(0.0, 0.0); BINS],
            energy: 0.0,
            filled: 0,
            blocks: 0,
            floor: f32::INFINITY,
            burst: None,
            before: None,
            in_group: 0,
            others_in_row: 0,
            others: 0,
            told: None,
        }
    }

    /// Hears more; what it is, once that is known. Then nothing more needs to be heard.
    pub fn hear(&mut self, samples: &[i16]) -> Option<FirstSound> {
        let mut rest = samples;
        while self.told.is_none() && !rest.is_empty() {
            let (now, later) = rest.split_at((BLOCK - self.filled).min(rest.len()));
            rest = later;
            self.take(now);
            if self.filled == BLOCK {
                let block = self.look();
                self.told = self.step(block);
            }
        }
        self.told
    }

    fn take(&mut self, samples: &[i16]) {
        let window = WINDOW.get(self.filled..).unwrap_or_default();
        for (&sample, weight) in samples.iter().zip(window) {
            let sample = f32::from(sample) * weight;
            self.energy += sample * sample;
            for ((one, two), coefficient) in self.states.iter_mut().zip(COEFFICIENTS.iter()) {
                let next = sample + coefficient * *one - *two;
                (*one, *two) = (next, *one);
            }
        }
        self.filled += samples.len();
    }

    /// What the block holds that is full now.
    fn look(&mut self) -> Block {
        let (mut band, mut weighted) = (0.0, 0.0);
        for (n, ((one, two), coefficient)) in self.states.iter_mut().zip(COEFFICIENTS.iter()).enumerate() {
            let magnitude = *one * *one + *two * *two - *one * *two * coefficient;
            band += magnitude;
            weighted += magnitude * n as f32;
            (*one, *two) = (0.0, 0.0);
        }
        let energy = std::mem::take(&mut self.energy);
        self.filled = 0;
        self.blocks += 1;
        // The mean square of the window is 3/8; half of all energy is at positive frequencies (Parseval).
        let power = energy / (BLOCK as f32 * 0.375);
        let part = 2.0 * band / (BLOCK as f32 * energy.max(1.0));
        let hz = FIRST_HZ + STEP_HZ * weighted / band.max(1.0);
        if part >= PART && power >= LEAST && BAND_HZ.contains(&hz) {
            return Block::Tone { hz, power };
        }
        self.floor = self.floor.min(power);
        let tone = self.burst.or(self.before).map_or(0.0, |burst| burst.power / BELOW_TONE);
        let is_quiet = power < QUIET || power < tone || power < NOISE_MAX.min(self.floor * OVER_FLOOR);
        if is_quiet { Block::Quiet } else { Block::Other }
    }

    fn step(&mut self, block: Block) -> Option<FirstSound> {
        let is_tone = match (block, &mut self.burst) {
            (Block::Tone { hz, power }, Some(burst)) => burst.goes_on(hz, power),
            (Block::Tone { hz, power }, None) => {
                let began = self.blocks - 1;
                let is_whole = began > 0;
                self.burst = Some(Burst { began, ended: began, is_whole, hz, tones: 1, power });
                true
            }
            (Block::Quiet, _) => {
                self.others_in_row = 0;
                let burst = self.burst.take();
                return burst.and_then(|burst| self.ended(burst)).or_else(|| self.is_late());
            }
            (Block::Other, _) => false,
        };
        if let Some(burst) = self.burst.as_mut().filter(|_| is_tone) {
            burst.ended = self.blocks;
        }
        self.others_in_row = if is_tone { 0 } else { self.others_in_row + 1 };
        self.others += u32::from(!is_tone);
        let is_long = self.burst.is_some_and(|burst| burst.blocks() > BURST_MAX);
        let is_other = is_long || self.others_in_row >= OTHERS_IN_ROW || self.others >= OTHERS_MAX;
        if is_other { Some(FirstSound::Other) } else { self.is_late() }
    }

    fn is_late(&self) -> Option<FirstSound> {
        (self.blocks >= BLOCKS_MAX).then_some(FirstSound::Other)
    }

    /// A burst is over: what it says together with the one before it.
    fn ended(&mut self, burst: Burst) -> Option<FirstSound> {
        if burst.blocks() < BURST_MIN {
            // The rest of a ring in whose midst the answer came says nothing.
            return burst.is_whole.then_some(FirstSound::Other);
        }
        let Some(before) = self.before.replace(burst) else {
            self.in_group = 1;
            return None;
        };
        match burst.began.saturating_sub(before.ended) {
            ..=INNER_GAP_MAX => {
                self.in_group += 1;
                (self.in_group > 2).then_some(FirstSound::Other)
            }
            GAP_MIN..=GAP_MAX if burst.is_like(&before) => Some(FirstSound::Ringback),
            _ => Some(FirstSound::Other),
        }
    }
}

// === impl Burst ===

impl Burst {
    const fn blocks(&self) -> u32 {
        self.ended.saturating_sub(self.began)
    }

    /// Whether a block is more of the same.
    fn goes_on(&mut self, hz: f32, power: f32) -> bool {
        // Its first block may have been half silent.
        let is_louder = power > self.power * STEADY && self.tones > 2;
        let is_same = (hz - self.hz).abs() <= OFF_HZ && power * STEADY >= self.power && !is_louder;
        if is_same {
            self.tones += 1;
            self.hz += (hz - self.hz) / self.tones as f32;
            self.power = self.power.max(power);
        }
        is_same
    }

    /// Whether it is as long, as high and as loud as the one before, of which the begin may be missing.
    fn is_like(&self, before: &Self) -> bool {
        let (now, then) = (self.blocks(), before.blocks());
        let tolerance = 2 + now / 10;
        let is_as_long =
            if before.is_whole { now.abs_diff(then) <= tolerance } else { then <= now + tolerance };
        let is_as_loud = self.power <= before.power * STEADY && before.power <= self.power * STEADY;
        is_as_long && is_as_loud && (self.hz - before.hz).abs() <= OFF_HZ
    }
}

#[cfg(test)]
#[path = "ringback_tests.rs"]
mod tests;
