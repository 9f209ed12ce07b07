//! Filters: prediction residual and synthesis of order 10, the high-pass filters at both ends, and the
//! loops that everything else is made of.

use crate::{ORDER, SUBFRAME};

/// Coefficients of a filter A(z): a_0 = 1 to a_10.
pub(crate) type Lp = [f32; ORDER + 1];

/// Scalar product. Sums in eight lanes, so that it can be done four or eight at a time.
#[inline]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Sum of squares.
#[inline]
pub(crate) fn energy(x: &[f32]) -> f32 {
    dot(x, x)
}

/// Index of the least value, of a multiple of eight values.
pub(crate) fn least(values: &[f32]) -> usize {
    let (mut best, mut blocks) = ([f32::INFINITY; 8], [0_u32; 8]);
    for (block, values) in values.chunks_exact(8).enumerate() {
        for i in 0..8 {
            let is_better = values[i] < best[i];
            best[i] = if is_better { values[i] } else { best[i] };
            blocks[i] = if is_better { block as u32 } else { blocks[i] };
        }
    }
    let mut lane = 0;
    for i in 1..8 {
        if best[i] < best[lane] {
            lane = i;
        }
    }
    blocks[lane] as usize * 8 + lane
}

/// A(z/gamma): each coefficient times a power of gamma.
pub(crate) fn weighted(a: &Lp, gamma: f32) -> Lp {
    let mut factor = 1.0;
    a.map(|coefficient| {
        let value = coefficient * factor;
        factor *= gamma;
        value
    })
}

/// The residual of a subframe: `signal` has the ten samples before it in front.
pub(crate) fn residual(a: &Lp, signal: &[f32; ORDER + SUBFRAME]) -> [f32; SUBFRAME] {
    let mut out = [0.0; SUBFRAME];
    for (delay, &coefficient) in a.iter().enumerate() {
        let delayed = &signal[ORDER - delay..ORDER - delay + SUBFRAME];
        for (out, x) in out.iter_mut().zip(delayed) {
            *out += coefficient * x;
        }
    }
    out
}

/// Samples that a recursive filter and a convolution compute at once.
const BLOCK: usize = 4;
const WIDE: usize = 8;

/// Filters a subframe through 1/A(z). `memory` holds the last ten outputs, oldest first, and is left as it
/// was.
pub(crate) fn synthesis(a: &Lp, input: &[f32; SUBFRAME], memory: &[f32; ORDER]) -> [f32; SUBFRAME] {
    let mut padded = [0.0_f32; ORDER + BLOCK];
    padded[..=ORDER].copy_from_slice(a);
    let mut line = [0.0_f32; ORDER + SUBFRAME];
    line[..ORDER].copy_from_slice(memory);
    // The first values of the impulse response: what a sample adds to those behind it in its block.
    let r1 = -a[1];
    let r2 = -a[1] * r1 - a[2];
    let r3 = -a[1] * r2 - a[2] * r1 - a[3];
    for (block, input) in input.chunks_exact(BLOCK).enumerate() {
        let mut sums = [input[0], input[1], input[2], input[3]];
        let at = ORDER + block * BLOCK;
        for (&past, delay) in line[at - ORDER..at].iter().zip((1..=ORDER).rev()) {
            for (sum, coefficient) in sums.iter_mut().zip(&padded[delay..delay + BLOCK]) {
                *sum -= past * coefficient;
            }
        }
        let [s0, s1, s2, s3] = sums;
        let out = [s0, s1 + r1 * s0, s2 + r1 * s1 + r2 * s0, s3 + r1 * s2 + r2 * s1 + r3 * s0];
        line[at..at + BLOCK].copy_from_slice(&out);
    }
    tail(&line)
}

/// The last values of a longer array.
#[inline]
pub(crate) fn tail<const N: usize>(x: &[f32]) -> [f32; N] {
    let mut out = [0.0; N];
    out.copy_from_slice(&x[x.len() - N..]);
    out
}

/// The first 40 samples of the convolution of two sequences.
pub(crate) fn convolution(x: &[f32; SUBFRAME], h: &[f32; SUBFRAME]) -> [f32; SUBFRAME] {
    let mut delayed = [0.0; SUBFRAME + WIDE];
    delayed[WIDE..].copy_from_slice(h);
    let mut out = [0.0; SUBFRAME];
    for (block, out) in out.chunks_exact_mut(WIDE).enumerate() {
        let end = (block + 1) * WIDE;
        let mut sums = [0.0_f32; WIDE];
        for (n, &x) in x[..end].iter().enumerate() {
            for (sum, h) in sums.iter_mut().zip(&delayed[end - n..end - n + WIDE]) {
                *sum += x * h;
            }
        }
        out.copy_from_slice(&sums);
    }
    out
}

/// Correlation of a target with the impulse response, d(n) = sum over i from n of x(i) h(i - n): the
/// convolution in reversed time.
pub(crate) fn backward(x: &[f32; SUBFRAME], h: &[f32; SUBFRAME]) -> [f32; SUBFRAME] {
    let mut reversed = *x;
    reversed.reverse();
    let mut out = convolution(&reversed, h);
    out.reverse();
    out
}

/// What has died away is nought: numbers too small for the processor's fast path would cost much.
#[inline]
pub(crate) fn settled(x: f32) -> f32 {
    if x.abs() < 1e-9 { 0.0 } else { x }
}

/// A filter of second order with zeros.
#[derive(Debug, Clone)]
pub(crate) struct Biquad {
    zeros: [f32; 3],
    poles: [f32; 2],
    inputs: [f32; 2],
    outputs: [f32; 2],
}

impl Biquad {
    /// The high-pass filter at 140 Hz before the encoder, which also halves (clause 3.1).
    pub fn before_encoding() -> Biquad {
        Biquad::new([0.463_637_18, -0.927_247_05, 0.463_637_18], [1.905_946_5, -0.911_402_4])
    }

    /// The high-pass filter at 100 Hz behind the decoder, which also doubles (clause 4.2.5).
    pub fn after_decoding() -> Biquad {
        let zeros = [0.939_805_8, -1.879_583_4, 0.939_805_8].map(|zero: f32| 2.0 * zero);
        Biquad::new(zeros, [1.933_073_5, -0.935_892])
    }

    fn new(zeros: [f32; 3], poles: [f32; 2]) -> Biquad {
        Biquad { zeros, poles, inputs: [0.0; 2], outputs: [0.0; 2] }
    }

    /// Filters the next sample.
    #[inline]
    pub fn next(&mut self, x: f32) -> f32 {
        let y = self.zeros[0] * x
            + self.zeros[1] * self.inputs[0]
            + self.zeros[2] * self.inputs[1]
            + self.poles[1] * self.outputs[1]
            + self.poles[0] * self.outputs[0];
        let y = settled(y);
        self.inputs = [x, self.inputs[0]];
        self.outputs = [y, self.outputs[0]];
        y
    }
}

/// A sample of 16 bits, rounded and saturated.
#[inline]
pub(crate) fn to_sample(x: f32) -> i16 {
    // A cast saturates and drops the fraction.
    (x + 0.5_f32.copysign(x)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(factor: f32) -> [f32; SUBFRAME] {
        std::array::from_fn(|n| (n as f32 * factor).sin() + 0.3 * (n as f32 * 1.7).cos())
    }

    #[test]
    fn synthesis_undoes_the_residual() {
        let a: Lp = [1.0, -1.2, 0.7, -0.3, 0.2, 0.1, -0.1, 0.05, -0.02, 0.01, 0.03];
        let memory = tail(&sequence(0.3));
        let mut line = [0.0; ORDER + SUBFRAME];
        line[..ORDER].copy_from_slice(&memory);
        line[ORDER..].copy_from_slice(&sequence(0.9));
        let back = synthesis(&a, &residual(&a, &line), &memory);
        for (back, x) in back.iter().zip(&line[ORDER..]) {
            assert!((back - x).abs() < 1e-5, "{back} {x}");
        }
    }

    #[test]
    fn convolution_and_correlation_are_those_of_the_sums() {
        let (x, h) = (sequence(0.4), sequence(1.1));
        let (forward, back) = (convolution(&x, &h), backward(&x, &h));
        for n in 0..SUBFRAME {
            let expected: f32 = (0..=n).map(|i| x[i] * h[n - i]).sum();
            assert!((forward[n] - expected).abs() < 1e-4, "{n}");
            let expected: f32 = (n..SUBFRAME).map(|i| x[i] * h[i - n]).sum();
            assert!((back[n] - expected).abs() < 1e-4, "{n}");
        }
    }

    #[test]
    fn samples_are_rounded_and_saturated() {
        let samples = [0.4, 0.5, -0.4, -0.5, 1.6, -1.6, 32_766.7, 40_000.0, -1e30, f32::NAN].map(to_sample);
        assert_eq!(samples, [0, 1, 0, -1, 2, -2, 32_767, 32_767, -32_768, 0]);
    }
}
