//! Linear prediction of order ten and less: what comfort noise is described by and made with.

/// Highest order.
pub(crate) const ORDER: usize = 10;

/// An all-pole filter 1/A(z) with its memory, for noise.
#[derive(Clone, Debug)]
pub(crate) struct Synthesis {
    /// `a[0]` belongs to the sample before.
    a: [f32; ORDER],
    memory: [f32; ORDER],
}

/// A generator of white noise, the same after each start.
#[derive(Clone, Debug)]
pub(crate) struct White(u32);

// === impl Synthesis ===

impl Synthesis {
    pub(crate) fn new() -> Self {
        Self { a: [0.0; ORDER], memory: [0.0; ORDER] }
    }

    /// Another filter from now on, with the same memory. `a` are the coefficients of
    /// A(z) = 1 + a₁z⁻¹ + a₂z⁻² + ….
    pub(crate) fn set(&mut self, a: [f32; ORDER]) {
        self.a = a;
    }

    pub(crate) fn next(&mut self, excitation: f32) -> f32 {
        let predicted: f32 = self.a.iter().zip(&self.memory).map(|(a, sample)| a * sample).sum();
        // A filter at the edge of stability must not run away with its own memory.
        let sample = (excitation - predicted).clamp(-65_536.0, 65_536.0);
        self.memory.copy_within(..ORDER - 1, 1);
        self.memory[0] = sample;
        sample
    }
}

// === impl White ===

impl White {
    pub(crate) const fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// Uniform, with mean 0 and variance 1.
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let uniform = (self.0 >> 8) as f32 / (1u32 << 24) as f32;
        (uniform - 0.5) * 12f32.sqrt()
    }
}

/// The mean of products of samples with those 0 to [`ORDER`] before them.
pub(crate) fn autocorrelation(samples: &[i16]) -> [f32; ORDER + 1] {
    let mut correlation = [0.0; ORDER + 1];
    for (lag, sum) in correlation.iter_mut().enumerate() {
        let later = samples.get(lag..).unwrap_or(&[]);
        *sum = later.iter().zip(samples).map(|(&one, &other)| f32::from(one) * f32::from(other)).sum::<f32>()
            / samples.len().max(1) as f32;
    }
    correlation
}

/// Reflection coefficients of an autocorrelation, all within ±1, and the part of the energy that they do not
/// predict (Levinson and Durbin).
pub(crate) fn reflection(correlation: &[f32; ORDER + 1]) -> ([f32; ORDER], f32) {
    let (mut a, mut k) = ([0.0; ORDER], [0.0; ORDER]);
    // A little white noise beside it keeps the filter stable.
    let energy = correlation[0] * 1.0001 + 1e-9;
    let mut error = energy;
    for order in 0..ORDER {
        let sum: f32 =
            correlation[order + 1] + (0..order).map(|n| a[n] * correlation[order - n]).sum::<f32>();
        let next = (-sum / error).clamp(-0.999, 0.999);
        k[order] = next;
        step_up(&mut a, order, next);
        error *= 1.0 - next * next;
    }
    (k, error / energy)
}

/// The coefficients of A(z) of reflection coefficients, each within ±1.
pub(crate) fn from_reflection(k: &[f32; ORDER]) -> [f32; ORDER] {
    let mut a = [0.0; ORDER];
    for (order, &next) in k.iter().enumerate() {
        step_up(&mut a, order, next);
    }
    a
}

fn step_up(a: &mut [f32; ORDER], order: usize, k: f32) {
    let before = *a;
    for n in 0..order {
        a[n] = before[n] + k * before[order - 1 - n];
    }
    a[order] = k;
}

/// The coefficients of A(z) of line spectrum frequencies in rising order, in radians within 0 and π: A is
/// half the sum of two polynomials whose zeros they are in turn.
pub(crate) fn from_line_spectrum(radians: &[f32; ORDER]) -> [f32; ORDER] {
    let polynomial = |first: usize| {
        let mut product = [0.0f32; ORDER + 1];
        product[0] = 1.0;
        for (n, &omega) in radians.iter().skip(first).step_by(2).enumerate() {
            let middle = -2.0 * omega.cos();
            for place in (1..=2 * n + 2).rev() {
                let two_before = if place >= 2 { product[place - 2] } else { 0.0 };
                product[place] += middle * product[place - 1] + two_before;
            }
        }
        product
    };
    let (sum, difference) = (polynomial(0), polynomial(1));
    let mut a = [0.0; ORDER];
    for (n, a) in a.iter_mut().enumerate() {
        // The sum has another zero at −1, the difference one at +1.
        let symmetric = sum[n + 1] + sum[n];
        let antisymmetric = difference[n + 1] - difference[n];
        *a = (symmetric + antisymmetric) / 2.0;
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_noise_has_no_mean_and_a_variance_of_one() {
        let mut white = White::new(1);
        let noise: Vec<f32> = (0..80_000).map(|_| white.next()).collect();
        let mean = noise.iter().sum::<f32>() / 80_000.0;
        let variance = noise.iter().map(|n| n * n).sum::<f32>() / 80_000.0;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn a_filter_is_found_again_from_its_noise() {
        // A resonance at 1 kHz: poles of radius 0.9 at ±π/4.
        let mut a = [0.0; ORDER];
        (a[0], a[1]) = (-2.0 * 0.9 * std::f32::consts::FRAC_PI_4.cos(), 0.81);
        let (mut filter, mut white) = (Synthesis::new(), White::new(7));
        filter.set(a);
        let noise: Vec<i16> = (0..40_000).map(|_| (filter.next(white.next() * 500.0)) as i16).collect();
        let (k, unpredicted) = reflection(&autocorrelation(&noise));
        let found = from_reflection(&k);
        assert!((found[0] - a[0]).abs() < 0.05 && (found[1] - a[1]).abs() < 0.05, "{found:?}");
        assert!(found[2..].iter().all(|a| a.abs() < 0.05));
        // The unpredicted part is the excitation's energy over the noise's.
        let energy = autocorrelation(&noise)[0];
        assert!((unpredicted * energy / 250_000.0 - 1.0).abs() < 0.05);
    }

    #[test]
    fn a_flat_line_spectrum_is_no_filter() {
        // Evenly spaced frequencies nπ/11 are those of A(z) = 1.
        let mut radians = [0.0; ORDER];
        for (n, omega) in radians.iter_mut().enumerate() {
            *omega = std::f32::consts::PI * (n + 1) as f32 / 11.0;
        }
        assert!(from_line_spectrum(&radians).iter().all(|a| a.abs() < 1e-5));
    }
}
