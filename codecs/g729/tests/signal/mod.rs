//! Signals like speech, made here: pulses of a larynx and noise through the resonances of a mouth.
#![allow(dead_code)] // each test binary uses its own part

use g729::{Decoder, Encoder, FRAME_BYTES, FRAME_SAMPLES};

/// Resonances of a vowel: frequency and bandwidth in Hz.
type Vowel = [(f32, f32); 3];

const VOWELS: [Vowel; 4] = [
    [(700.0, 80.0), (1150.0, 90.0), (2500.0, 120.0)],
    [(280.0, 60.0), (2250.0, 100.0), (2900.0, 120.0)],
    [(320.0, 60.0), (800.0, 80.0), (2200.0, 120.0)],
    [(500.0, 70.0), (1800.0, 90.0), (2500.0, 120.0)],
];

/// Numbers that are evenly spread over -1 to 1, the same in every run.
pub struct Dice(pub u32);

impl Dice {
    /// The next number.
    pub fn next(&mut self) -> f32 {
        self.bits() as f32 / 32_768.0 - 1.0
    }

    /// The next sixteen bits.
    pub fn bits(&mut self) -> u16 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) as u16
    }
}

/// So many seconds of syllables: a vowel of 200 ms with a gliding pitch, then 50 ms of hiss; `loudness` at
/// most.
pub fn speech(seconds: f32, pitch_hz: f32, loudness: f32) -> Vec<i16> {
    const SYLLABLE: usize = 2000;
    let mut dice = Dice(729);
    let mut phase = 0.0_f32;
    let mut memory = [[0.0_f32; 2]; 3];
    let mut smooth = 0.0_f32;
    let samples = (seconds * 8000.0) as usize;
    let mut out = Vec::with_capacity(samples);
    for n in 0..samples {
        let (syllable, at) = (n / SYLLABLE, n % SYLLABLE);
        let is_vowel = at < 1600;
        let pitch = pitch_hz * (1.0 + 0.15 * (n as f32 / 2500.0).sin());
        phase += pitch / 8000.0;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= phase.floor();
        let source = if is_vowel { pulse + 0.01 * dice.next() } else { 0.1 * dice.next() };
        smooth = source + if is_vowel { 0.9 * smooth } else { 0.0 };
        let mut x = smooth;
        for (memory, (frequency, bandwidth)) in memory.iter_mut().zip(VOWELS[syllable % VOWELS.len()]) {
            let radius = (-std::f32::consts::PI * bandwidth / 8000.0).exp();
            let cosine = (2.0 * std::f32::consts::PI * frequency / 8000.0).cos();
            let y = (1.0 - radius) * x + 2.0 * radius * cosine * memory[0] - radius * radius * memory[1];
            *memory = [y, memory[0]];
            x = y;
        }
        let length = if is_vowel { (at, 1600) } else { (at - 1600, 400) };
        let envelope = (std::f32::consts::PI * length.0 as f32 / length.1 as f32).sin().sqrt();
        out.push(x * envelope);
    }
    let peak = out.iter().fold(1e-9_f32, |peak, x| peak.max(x.abs()));
    out.iter().map(|x| (x / peak * loudness) as i16).collect()
}

/// Noise of this amplitude.
pub fn noise(seconds: f32, amplitude: f32) -> Vec<i16> {
    let mut dice = Dice(11);
    (0..(seconds * 8000.0) as usize).map(|_| (dice.next() * amplitude) as i16).collect()
}

/// The frames of a signal, each as long as it is sent.
pub fn encode(encoder: &mut Encoder, pcm: &[i16]) -> Vec<Vec<u8>> {
    let mut bytes = [0; FRAME_BYTES];
    let (frames, _) = pcm.as_chunks::<FRAME_SAMPLES>();
    frames
        .iter()
        .map(|frame| {
            let length = encoder.encode(frame, &mut bytes);
            bytes[..length].to_vec()
        })
        .collect()
}

/// What frames sound like.
pub fn decode(decoder: &mut Decoder, frames: &[Vec<u8>]) -> Vec<i16> {
    let mut pcm = [0; FRAME_SAMPLES];
    let mut out = Vec::with_capacity(frames.len() * FRAME_SAMPLES);
    for frame in frames {
        decoder.decode(frame, &mut pcm).expect("a frame");
        out.extend_from_slice(&pcm);
    }
    out
}

/// Sum of squares.
pub fn energy(pcm: &[i16]) -> f64 {
    pcm.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

/// How far a signal is above its difference from another, in dB.
pub fn snr_db(expected: &[i16], heard: &[i16]) -> f64 {
    assert_eq!(expected.len(), heard.len());
    let error: f64 = expected.iter().zip(heard).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    10.0 * (energy(expected) / error.max(1e-9)).log10()
}

/// The same of pieces of 20 ms that are not silent, on the mean.
pub fn segmental_snr_db(expected: &[i16], heard: &[i16]) -> f64 {
    let pieces: Vec<f64> = expected
        .chunks_exact(160)
        .zip(heard.chunks_exact(160))
        .filter(|(expected, _)| energy(expected) > 160.0 * 100.0 * 100.0)
        .map(|(expected, heard)| snr_db(expected, heard).clamp(-10.0, 35.0))
        .collect();
    assert!(!pieces.is_empty());
    pieces.iter().sum::<f64>() / pieces.len() as f64
}
