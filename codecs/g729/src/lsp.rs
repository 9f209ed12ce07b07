//! Line spectral pairs: q_i = cos(w_i), where w_1 < … < w_10 are the line spectral frequencies (clauses
//! 3.2.3, 3.2.5 and 3.2.6).

use crate::ORDER;
use crate::filter::Lp;
use crate::lpc::cosine;

/// Ten line spectral pairs in the cosine domain, falling; or ten frequencies in radians, rising.
pub(crate) type Lsp = [f32; ORDER];

/// Steps of the grid on which roots are looked for.
const GRID_STEPS: usize = 60;
/// Points that are computed, a multiple of what is computed at once; those behind the last are -1 as it is.
const GRID_LANES: usize = 64;
const GRID: [f32; GRID_LANES] = grid();
/// Halvings of an interval, before a straight line through its ends.
const HALVINGS: usize = 4;

/// The pairs before the first frame, in encoders and decoders alike.
pub(crate) const INITIAL: Lsp = {
    let mut q = [0.0; ORDER];
    let steps = [30_000.0, 26_000.0, 21_000.0, 15_000.0, 8_000.0];
    let mut i = 0;
    while i < ORDER {
        q[i] = if i < 5 { steps[i] / 32_768.0 } else { -steps[9 - i] / 32_768.0 };
        i += 1;
    }
    q
};

const fn grid() -> [f32; GRID_LANES] {
    let mut x = [-1.0; GRID_LANES];
    let mut step = 0;
    while step < GRID_STEPS {
        x[step] = cosine(std::f64::consts::PI * step as f64 / GRID_STEPS as f64) as f32;
        step += 1;
    }
    x
}

/// One of the two polynomials of order five whose roots the pairs are, without its first coefficient, 1.
type Polynomial = [f32; 5];

/// The sum and the difference of A(z) and its mirror image, each without its fixed root.
fn sum_and_difference(a: &Lp) -> [Polynomial; 2] {
    let (mut sum, mut difference) = ([0.0; 5], [0.0; 5]);
    let (mut f1, mut f2) = (1.0, 1.0);
    for i in 0..5 {
        f1 = a[i + 1] + a[ORDER - i] - f1;
        f2 += a[i + 1] - a[ORDER - i];
        (sum[i], difference[i]) = (f1, f2);
    }
    [sum, difference]
}

/// The polynomial as a series of Chebyshev polynomials, by Clenshaw's recurrence.
#[inline]
fn evaluate(f: &Polynomial, x: f32) -> f32 {
    let b4 = 2.0 * x + f[0];
    let b3 = 2.0 * x * b4 - 1.0 + f[1];
    let b2 = 2.0 * x * b3 - b4 + f[2];
    let b1 = 2.0 * x * b2 - b3 + f[3];
    x * b1 - b2 + 0.5 * f[4]
}

/// The root between two points of opposite signs.
fn root(f: &Polynomial, mut high: (f32, f32), mut low: (f32, f32)) -> f32 {
    for _ in 0..HALVINGS {
        let x = 0.5 * (high.0 + low.0);
        let y = evaluate(f, x);
        if (y <= 0.0) == (high.1 <= 0.0) { high = (x, y) } else { low = (x, y) }
    }
    let rise = low.1 - high.1;
    if rise == 0.0 { low.0 } else { high.0 - high.1 * (low.0 - high.0) / rise }
}

/// The line spectral pairs of a filter; `None` when not all ten are found.
pub(crate) fn from_lp(a: &Lp) -> Option<Lsp> {
    let polynomials = sum_and_difference(a);
    let on_grid = polynomials.map(|f| GRID.map(|x| evaluate(&f, x)));
    let mut q = [0.0; ORDER];
    let (mut found, mut step) = (0, 0);
    let mut high = (GRID[0], on_grid[0][0]);
    // The roots of the two polynomials take turns; both may have one between the same two points.
    while found < ORDER && step < GRID_STEPS {
        let low = (GRID[step + 1], on_grid[found % 2][step + 1]);
        if (low.1 <= 0.0) == (high.1 <= 0.0) {
            high = low;
            step += 1;
            continue;
        }
        q[found] = root(&polynomials[found % 2], high, low);
        found += 1;
        high = (q[found - 1], evaluate(&polynomials[found % 2], q[found - 1]));
    }
    (found == ORDER).then_some(q)
}

/// The filter of ten line spectral pairs (clause 3.2.6).
pub(crate) fn to_lp(q: &Lsp) -> Lp {
    let polynomial = |offset: usize| {
        let mut f = [0.0_f32; 6];
        f[0] = 1.0;
        for i in 1..=5 {
            let b = -2.0 * q[2 * (i - 1) + offset];
            f[i] = b * f[i - 1] + if i > 1 { 2.0 * f[i - 2] } else { 0.0 };
            for j in (1..i).rev() {
                f[j] += b * f[j - 1] + if j > 1 { f[j - 2] } else { 0.0 };
            }
        }
        f
    };
    let (f1, f2) = (polynomial(0), polynomial(1));
    let mut a = [1.0; ORDER + 1];
    for i in 1..=5 {
        let (sum, difference) = (f1[i] + f1[i - 1], f2[i] - f2[i - 1]);
        a[i] = 0.5 * (sum + difference);
        a[ORDER + 1 - i] = 0.5 * (sum - difference);
    }
    a
}

/// Filters of both subframes: the first from the mean of this frame's pairs and those before (clause
/// 3.2.5).
pub(crate) fn interpolated(before: &Lsp, now: &Lsp) -> [Lp; 2] {
    let mut mean = *now;
    for (mean, before) in mean.iter_mut().zip(before) {
        *mean = 0.5 * (*mean + before);
    }
    [to_lp(&mean), to_lp(now)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_filter_are_each_others_inverse() {
        let q: Lsp = [0.3, 0.35, 0.8, 1.1, 1.3, 1.35, 1.9, 2.2, 2.6, 2.9].map(f32::cos);
        let a = to_lp(&q);
        let found = from_lp(&a).expect("ten roots");
        for (found, expected) in found.iter().zip(&q) {
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
    }

    #[test]
    fn neighbours_within_one_step_of_the_grid_are_told_apart() {
        let w = [0.30, 0.34, 0.37, 1.10, 1.14, 1.17, 1.9, 2.2, 2.60, 2.64_f32];
        let found = from_lp(&to_lp(&w.map(f32::cos))).expect("ten roots");
        for (found, expected) in found.map(f32::acos).iter().zip(&w) {
            assert!((found - expected).abs() < 2e-3, "{found} {expected}");
        }
    }

    #[test]
    fn the_flat_filter_has_equally_spaced_frequencies() {
        let mut a = [0.0; ORDER + 1];
        a[0] = 1.0;
        let found = from_lp(&a).expect("ten roots");
        for (i, q) in found.iter().enumerate() {
            assert!((q.acos() - (i + 1) as f32 * std::f32::consts::PI / 11.0).abs() < 1e-3);
        }
    }
}
