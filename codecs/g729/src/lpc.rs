//! Linear prediction analysis (clause 3.2.1 and 3.2.2).

use crate::ORDER;
use crate::filter::Lp;

/// Samples under the window: 120 before the frame, its 80, and 40 of the next.
pub(crate) const WINDOW: usize = 240;
/// Lags of the autocorrelation: ten for the prediction, twelve for the voice activity detector.
pub(crate) const LAGS: usize = 13;
/// Lags that are computed, a multiple of what is computed at once.
const LANES: usize = 16;

/// Autocorrelation r(0) to r(12).
pub(crate) type Autocorrelation = [f32; LAGS];

const WINDOW_SHAPE: [f32; WINDOW] = window();
const LAG_WINDOW: [f32; LAGS] = lag_window();

/// cos(x) while compiling, for 0 <= x <= pi, by its series around pi/2.
pub(crate) const fn cosine(x: f64) -> f64 {
    let t = std::f64::consts::FRAC_PI_2 - x;
    let (mut term, mut sum, mut n) = (t, t, 1.0);
    while n < 24.0 {
        term *= -t * t / ((n + 1.0) * (n + 2.0));
        sum += term;
        n += 2.0;
    }
    sum
}

/// Half of a Hamming window, then a quarter of a cosine.
const fn window() -> [f32; WINDOW] {
    let mut shape = [0.0; WINDOW];
    let mut n = 0;
    while n < WINDOW {
        shape[n] = if n < 200 {
            (0.54 - 0.46 * cosine(2.0 * std::f64::consts::PI * n as f64 / 399.0)) as f32
        } else {
            cosine(2.0 * std::f64::consts::PI * (n as f64 - 200.0) / 159.0) as f32
        };
        n += 1;
    }
    shape
}

/// Widens the peaks of the spectrum by 60 Hz, exp(-(2 pi 60 k / 8000)^2 / 2), over a floor of white noise
/// at -40 dB.
const fn lag_window() -> [f32; LAGS] {
    let mut shape = [0.0; LAGS];
    let mut lag = 0;
    while lag < LAGS {
        let angle = 2.0 * std::f64::consts::PI * 60.0 * lag as f64 / 8000.0;
        let exponent = -angle * angle / 2.0;
        let (mut term, mut sum, mut n) = (1.0, 1.0, 1.0);
        while n < 20.0 {
            term *= exponent / n;
            sum += term;
            n += 1.0;
        }
        shape[lag] = if lag == 0 { 1.0001 } else { sum as f32 };
        lag += 1;
    }
    shape
}

/// Autocorrelation of the windowed speech, at least 1 at lag 0.
pub(crate) fn autocorrelation(speech: &[f32; WINDOW]) -> Autocorrelation {
    let mut windowed = [0.0; WINDOW + LANES];
    for ((out, x), w) in windowed.iter_mut().zip(speech).zip(&WINDOW_SHAPE) {
        *out = x * w;
    }
    let mut sums = [0.0_f32; LANES];
    for later in windowed.windows(LANES).take(WINDOW) {
        let now = later[0];
        for (sum, x) in sums.iter_mut().zip(later) {
            *sum += now * x;
        }
    }
    let mut r = [0.0; LAGS];
    r.copy_from_slice(&sums[..LAGS]);
    r[0] = r[0].max(1.0);
    r
}

/// The autocorrelation times the lag window.
pub(crate) fn lag_windowed(r: &Autocorrelation) -> Autocorrelation {
    let mut out = *r;
    for (out, w) in out.iter_mut().zip(&LAG_WINDOW) {
        *out *= w;
    }
    out
}

/// What the recursion of Levinson and Durbin finds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prediction {
    /// The filter A(z).
    pub a: Lp,
    /// The second reflection coefficient.
    pub reflection_2: f32,
    /// Energy of what is not predicted.
    pub error: f32,
}

/// Solves for the predictor; `None` when the signal is predicted so well that the filter would hardly be
/// stable.
pub(crate) fn levinson(r: &[f32]) -> Option<Prediction> {
    let mut a = [0.0_f64; ORDER + 1];
    a[0] = 1.0;
    let mut error = f64::from(r[0]);
    let mut reflection_2 = 0.0;
    for order in 1..=ORDER {
        let sum: f64 = (0..order).map(|j| a[j] * f64::from(r[order - j])).sum();
        let k = -sum / error;
        // As far as the Recommendation's 16-bit arithmetic goes: 32750/32768.
        if k.is_nan() || k.abs() > 0.999_45 {
            return None;
        }
        let before = a;
        for j in 1..order {
            a[j] += k * before[order - j];
        }
        a[order] = k;
        error *= 1.0 - k * k;
        if order == 2 {
            reflection_2 = k as f32;
        }
    }
    Some(Prediction { a: a.map(|value| value as f32), reflection_2, error: error as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_are_those_of_the_formulas() {
        for (n, found) in WINDOW_SHAPE.iter().enumerate() {
            let angle = if n < 200 { n as f64 / 399.0 } else { (n as f64 - 200.0) / 159.0 };
            let cosine = (2.0 * std::f64::consts::PI * angle).cos();
            let expected = if n < 200 { 0.54 - 0.46 * cosine } else { cosine };
            assert!((f64::from(*found) - expected).abs() < 1e-7, "{n}");
        }
        let expected = (-0.5 * (2.0 * std::f64::consts::PI * 60.0 * 10.0 / 8000.0_f64).powi(2)).exp();
        assert!((f64::from(LAG_WINDOW[10]) - expected).abs() < 1e-7);
    }

    #[test]
    fn a_process_of_second_order_is_found_again() {
        // r of x(n) = 1.2 x(n-1) - 0.6 x(n-2) + noise, by the equations of Yule and Walker.
        let mut r = [0.0_f32; LAGS];
        r[0] = 1.0;
        r[1] = 1.2 / 1.6;
        for k in 2..LAGS {
            r[k] = 1.2 * r[k - 1] - 0.6 * r[k - 2];
        }
        let found = levinson(&r).expect("stable");
        assert!((found.a[1] + 1.2).abs() < 1e-5 && (found.a[2] - 0.6).abs() < 1e-5, "{:?}", found.a);
        assert!(found.a[3..].iter().all(|a| a.abs() < 1e-5));
        assert!((found.reflection_2 - 0.6).abs() < 1e-5);
    }

    #[test]
    fn a_constant_is_predicted_too_well() {
        assert!(levinson(&[1.0; LAGS]).is_none());
        assert!(levinson(&[0.0; LAGS]).is_none());
    }
}
