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

/// Filters a subframe through 1/A(z). `memory` holds the last ten outputs, oldest first, and is left as it
/// was.
pub(crate) fn synthesis(a: &Lp, input: &[f32; SUBFRAME], memory: &[f32; ORDER]) -> [f32; SUBFRAME] {
    let mut line = [0.0_f32; ORDER + SUBFRAME];
    line[..ORDER].copy_from_slice(memory);
    for n in 0..SUBFRAME {
        // Oldest first: only the last product waits for the sample before.
        let mut sum = input[n];
        for delay in (1..=ORDER).rev() {
            sum -= a[delay] * line[ORDER + n - delay];
        }
        line[ORDER + n] = sum;
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
    let mut delayed = [0.0; 2 * SUBFRAME];
    delayed[SUBFRAME..].copy_from_slice(h);
    let mut out = [0.0; SUBFRAME];
    for (n, &x) in x.iter().enumerate() {
        let h = &delayed[SUBFRAME - n..2 * SUBFRAME - n];
        for (out, h) in out.iter_mut().zip(h) {
            *out += x * h;
        }
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
        // What has died away is nought: numbers too small for the processor's fast path would cost much.
        let y = if y.abs() < 1e-9 { 0.0 } else { y };
        self.inputs = [x, self.inputs[0]];
        self.outputs = [y, self.outputs[0]];
        y
    }
}
