//! Sounds that tests listen to.

use std::f32::consts::TAU;

/// Seconds of vowels of one of forty voices: harmonics of a pitch that glides, shaped by two formants that
/// glide too.
pub(crate) fn vowels(voice: u32, secs: usize) -> Vec<i16> {
    let mut sound = vec![0; 8000 * secs];
    let (mut phase, base) = (0.0f32, 85.0 + 5.0 * voice as f32);
    for (n, sample) in sound.iter_mut().enumerate() {
        let t = n as f32 / 8000.0;
        let pitch = base * (1.0 + 0.25 * (TAU * 0.7 * t).sin());
        phase = (phase + pitch / 8000.0).fract();
        let formants = [600.0 + 250.0 * (TAU * 1.3 * t).sin(), 1400.0 + 400.0 * (TAU * 0.9 * t).cos()];
        let mut sum = 0.0;
        for harmonic in 1..=(3400.0 / pitch) as u32 {
            let hz = pitch * harmonic as f32;
            let gain: f32 = formants.iter().map(|f| 1.0 / (1.0 + ((hz - f) / 80.0).powi(2)).sqrt()).sum();
            // A voice is weaker by 6 dB an octave.
            sum += gain / harmonic as f32 * (TAU * phase * harmonic as f32).sin();
        }
        *sample = (sum * 8000.0) as i16;
    }
    sound
}
