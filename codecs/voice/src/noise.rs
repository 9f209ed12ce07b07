//! Comfort noise of codecs without their own (RFC 3389; G.711 Appendix II): a level and a spectrum.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |0|   level     |  spectrum 1   |  spectrum 2   |  …           |
//! level in −dBov, spectrum in reflection coefficients
//! ```

use crate::concealment::to_sample;
use crate::lpc::{ORDER, Synthesis, White, autocorrelation, from_reflection, reflection};

/// Octets of a description that [`describe`] writes: level and ten coefficients.
pub(crate) const DESCRIPTION: usize = 1 + ORDER;
/// 0 dBov is the power of a square wave at full scale.
const FULL_SCALE: f32 = 32_768.0;
/// The level that is no sound at all.
const SILENT: u8 = 127;
/// How fast the level follows a new description: a tenth of the way for each sample in 4 ms.
const GLIDE: f32 = 1.0 / 32.0;

/// Makes the noise that was described last.
pub(crate) struct NoiseMaker {
    filter: Synthesis,
    white: White,
    /// Root mean square of the excitation, and what it is gliding to.
    gain: f32,
    wanted: f32,
}

// === impl NoiseMaker ===

impl NoiseMaker {
    pub(crate) fn new() -> Self {
        Self { filter: Synthesis::new(), white: White::new(12_345), gain: 0.0, wanted: 0.0 }
    }

    /// Takes a payload of RFC 3389. Coefficients beyond ten are left out, which the receiver may (§3.3).
    pub(crate) fn describe(&mut self, payload: &[u8]) {
        let Some((&level, spectrum)) = payload.split_first() else { return };
        let level = level & 0x7F;
        let mut k = [0.0; ORDER];
        for (k, &octet) in k.iter_mut().zip(spectrum) {
            // Quantised uniformly: 127 is 0, 254 is 1 (§3.2).
            *k = ((f32::from(octet) - 127.0) / 128.0).clamp(-0.98, 0.98);
        }
        let rms = if level == SILENT { 0.0 } else { FULL_SCALE * 10f32.powf(-f32::from(level) / 20.0) };
        // The filter makes the excitation louder by what it predicts.
        let unpredicted: f32 = k.iter().map(|k| 1.0 - k * k).product();
        self.set(from_reflection(&k), rms * unpredicted.sqrt());
    }

    /// A filter and the root mean square of what excites it.
    pub(crate) fn set(&mut self, a: [f32; ORDER], gain: f32) {
        self.filter.set(a);
        self.wanted = gain;
    }

    /// Silence from now on, until it is described.
    pub(crate) fn forget(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn fill(&mut self, samples: &mut [i16]) {
        for sample in samples {
            self.gain += (self.wanted - self.gain) * GLIDE;
            *sample = to_sample(self.filter.next(self.white.next() * self.gain));
        }
    }
}

/// Describes noise as a payload of RFC 3389.
pub(crate) fn describe(noise: &[i16]) -> [u8; DESCRIPTION] {
    let correlation = autocorrelation(noise);
    let (k, _) = reflection(&correlation);
    let mut payload = [127; DESCRIPTION];
    payload[0] = level(correlation[0]);
    for (octet, k) in payload[1..].iter_mut().zip(k) {
        *octet = (k * 128.0 + 127.0).round().clamp(0.0, 254.0) as u8;
    }
    payload
}

/// −dBov of a mean square.
pub(crate) fn level(energy: f32) -> u8 {
    let dbov = 10.0 * (energy / (FULL_SCALE * FULL_SCALE)).max(1e-13).log10();
    (-dbov).round().clamp(0.0, f32::from(SILENT)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(payload: &[u8]) -> Vec<i16> {
        let mut maker = NoiseMaker::new();
        maker.describe(payload);
        let mut noise = vec![0; 16_000];
        maker.fill(&mut noise);
        noise[800..].to_vec()
    }

    #[test]
    fn noise_has_the_level_that_its_payload_says() {
        for wanted in [30, 45, 60] {
            for spectrum in [&[][..], &[200, 90], &[60, 127, 127, 180]] {
                let mut payload = vec![wanted];
                payload.extend_from_slice(spectrum);
                let noise = made(&payload);
                let found = level(autocorrelation(&noise)[0]);
                assert!(found.abs_diff(wanted) <= 1, "−{wanted} dBov with {spectrum:?} came as −{found}");
            }
        }
        assert!(made(&[127]).iter().all(|&sample| sample == 0));
    }

    #[test]
    fn what_is_described_is_made_again() {
        let noise = made(&[40, 210, 70, 127, 150]);
        let described = describe(&noise);
        assert!(described[0].abs_diff(40) <= 1, "{described:?}");
        for (found, wanted) in described[1..].iter().zip([210, 70, 127, 150, 127]) {
            assert!(found.abs_diff(wanted) <= 6, "{described:?}");
        }
    }

    #[test]
    fn any_payload_makes_bounded_noise() {
        for seed in 0..200u32 {
            let mut random = White::new(seed);
            let payload: Vec<u8> = (0..seed % 20).map(|_| (random.next() * 100.0) as i32 as u8).collect();
            assert_eq!(made(&payload).len(), 15_200);
        }
    }
}
