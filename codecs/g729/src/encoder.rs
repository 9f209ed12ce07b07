//! The encoder (clause 3 with A.3), and what it sends of silences (Annex B).

use crate::comfort_noise::ComfortNoise;
use crate::filter::{Biquad, Lp, backward, convolution, dot, energy, residual, synthesis, tail, weighted};
use crate::fixed_codebook::{self, SHARPNESS, sharpen};
use crate::frame::{Speech, Subframe, parity};
use crate::gain::{Correlations, GainPredictor};
use crate::lpc::{self, Autocorrelation, WINDOW};
use crate::lsp::{self, Lsp};
use crate::lsp_quantiser::LspQuantiser;
use crate::pitch::{self, Excitation, OpenLoop, PAST, Taming};
use crate::silence::{Decision, Discontinuous};
use crate::vad::{Input, Vad};
use crate::{FRAME_BYTES, FRAME_SAMPLES, ORDER, SILENCE_BYTES, SUBFRAME};

/// Where the frame begins in the window of the analysis.
const FRAME_AT: usize = 120;
/// The perceptual weighting's poles lie this far inside.
const GAMMA: f32 = 0.75;
/// The low-pass filter in front of the open-loop search: 1/(1 - 0.7 z^-1).
const LOW_PASS: f32 = 0.7;
/// Bounds of the adaptive gain before quantisation, and the greater one while it is limited.
const GAIN_MAX: f32 = 1.2;
const GAIN_TAMED: f32 = 0.95;

/// Sound into frames; the state of one direction of one call.
#[derive(Debug, Clone)]
pub struct Encoder {
    high_pass: Biquad,
    /// High-passed speech: the window of the analysis.
    speech: [f32; WINDOW],
    /// Pairs and filter of the frame before as analysed, and its pairs as quantised.
    pairs: Lsp,
    quantised: Lsp,
    lsp_quantiser: LspQuantiser,
    gain_predictor: GainPredictor,
    excitation: Excitation,
    /// Weighted speech, for the open loop.
    weighted: [f32; ORDER],
    open_loop: OpenLoop,
    /// The weighted error of the last samples.
    error: [f32; ORDER],
    sharpness: f32,
    taming: Taming,
    silence: Option<Box<Silence>>,
}

/// What discontinuous transmission needs; absent where it is off.
#[derive(Debug, Clone)]
struct Silence {
    vad: Vad,
    dtx: Discontinuous,
    noise: ComfortNoise,
    /// Whether the frame before was speech.
    was_speech: bool,
}

/// What the analysis finds in a frame.
struct Analysis {
    autocorrelation: Autocorrelation,
    reflection_2: f32,
    frequencies: Lsp,
}

impl Encoder {
    /// An encoder before its first frame. With `vad`, silences are found and described instead of sent
    /// (Annex B).
    #[must_use]
    pub fn new(vad: bool) -> Encoder {
        let silence = || {
            Box::new(Silence {
                vad: Vad::new(),
                dtx: Discontinuous::new(),
                noise: ComfortNoise::new(),
                was_speech: true,
            })
        };
        Encoder {
            high_pass: Biquad::before_encoding(),
            speech: [0.0; WINDOW],
            pairs: lsp::INITIAL,
            quantised: lsp::INITIAL,
            lsp_quantiser: LspQuantiser::new(),
            gain_predictor: GainPredictor::new(),
            excitation: [0.0; PAST + FRAME_SAMPLES],
            weighted: [0.0; ORDER],
            open_loop: OpenLoop::new(),
            error: [0.0; ORDER],
            sharpness: *SHARPNESS.start(),
            taming: Taming::new(),
            silence: vad.then(silence),
        }
    }

    /// Encodes a frame. Gives how many bytes of `out` it takes: 10 of speech; with Annex B also 2 that
    /// describe a silence, or 0 when nothing is to be sent. The frame decodes to sound 5 ms late, as the
    /// analysis looks ahead.
    pub fn encode(&mut self, pcm: &[i16; FRAME_SAMPLES], out: &mut [u8; FRAME_BYTES]) -> usize {
        self.speech.copy_within(FRAME_SAMPLES.., 0);
        for (x, &sample) in self.speech[WINDOW - FRAME_SAMPLES..].iter_mut().zip(pcm) {
            *x = self.high_pass.next(f32::from(sample));
        }
        let analysis = self.analyse();
        if let Some(mut silence) = self.silence.take() {
            let length = self.encode_silence(&mut silence, &analysis, out);
            self.silence = Some(silence);
            if let Some(length) = length {
                return length;
            }
        }
        let (indices, frequencies) = self.lsp_quantiser.quantise(&analysis.frequencies);
        let filters = self.advance(frequencies.map(f32::cos));
        self.weigh(&filters);
        let open_loop = self.open_loop.search();

        let mut frame = Speech { lsp: indices, ..Speech::default() };
        let mut first_delay = None;
        for (index, a) in filters.iter().enumerate() {
            let range = match first_delay {
                None => pitch::first_range(open_loop),
                Some(first) => pitch::second_range(first),
            };
            let (subframe, delay) = self.subframe(index, &weighted(a, GAMMA), range, first_delay);
            frame.subframes[index] = subframe;
            first_delay = Some(delay);
        }
        frame.parity = parity(frame.subframes[0].pitch);
        frame.write(out);
        self.excitation.copy_within(FRAME_SAMPLES.., 0);
        FRAME_BYTES
    }

    fn analyse(&mut self) -> Analysis {
        let autocorrelation = lpc::autocorrelation(&self.speech);
        let prediction = lpc::levinson(&lpc::lag_windowed(&autocorrelation));
        // Where the recursion or the roots fail, the spectrum stays what it was.
        if let Some(pairs) = prediction.and_then(|found| lsp::from_lp(&found.a)) {
            self.pairs = pairs;
        }
        Analysis {
            autocorrelation,
            reflection_2: prediction.map_or(0.0, |found| found.reflection_2),
            frequencies: self.pairs.map(f32::acos),
        }
    }

    /// Filters of both subframes, on the way to the frame's quantised pairs.
    fn advance(&mut self, pairs: Lsp) -> [Lp; 2] {
        let filters = lsp::interpolated(&self.quantised, &pairs);
        self.quantised = pairs;
        filters
    }

    /// The residual of the frame, as its excitation so far, and the weighted speech for the open loop
    /// (A.3.3).
    fn weigh(&mut self, filters: &[Lp; 2]) {
        let mut speech = [0.0; FRAME_SAMPLES];
        for (index, a) in filters.iter().enumerate() {
            let residual = self.residual(index, a);
            let at = PAST + index * SUBFRAME;
            self.excitation[at..at + SUBFRAME].copy_from_slice(&residual);
            let poles = weighted(a, GAMMA);
            let mut low_passed = poles;
            for i in 1..=ORDER {
                low_passed[i] = poles[i] - LOW_PASS * poles[i - 1];
            }
            let out = synthesis(&low_passed, &residual, &self.weighted);
            self.weighted = tail(&out);
            speech[index * SUBFRAME..(index + 1) * SUBFRAME].copy_from_slice(&out);
        }
        self.open_loop.push(&speech);
    }

    fn residual(&self, index: usize, a: &Lp) -> [f32; SUBFRAME] {
        let mut line = [0.0; ORDER + SUBFRAME];
        let from = FRAME_AT + index * SUBFRAME - ORDER;
        line.copy_from_slice(&self.speech[from..from + ORDER + SUBFRAME]);
        residual(a, &line)
    }

    /// Encodes a subframe with the weighted synthesis filter 1/A(z/gamma). Gives its whole delay too.
    fn subframe(
        &mut self,
        index: usize,
        poles: &Lp,
        range: (usize, usize),
        first_delay: Option<usize>,
    ) -> (Subframe, usize) {
        let at = PAST + index * SUBFRAME;
        let mut impulse = [0.0; SUBFRAME];
        impulse[0] = 1.0;
        let response = synthesis(poles, &impulse, &[0.0; ORDER]);
        let mut rest = [0.0; SUBFRAME];
        rest.copy_from_slice(&self.excitation[at..at + SUBFRAME]);
        let target = synthesis(poles, &rest, &self.error);

        // The adaptive codebook.
        let likeness = backward(&target, &response);
        let delay = pitch::closed_loop(&mut self.excitation, at, &likeness, range, first_delay.is_none());
        let mut adaptive = [0.0; SUBFRAME];
        adaptive.copy_from_slice(&self.excitation[at..at + SUBFRAME]);
        let filtered = convolution(&adaptive, &response);
        let is_limited = self.taming.limits(delay);
        let most = if is_limited { GAIN_TAMED } else { GAIN_MAX };
        let gain = (dot(&target, &filtered) / energy(&filtered).max(1e-2)).clamp(0.0, most);

        // The fixed codebook, of what that leaves.
        let left: [f32; SUBFRAME] = std::array::from_fn(|n| target[n] - gain * filtered[n]);
        let mut repeated = response;
        sharpen(&mut repeated, delay.whole, self.sharpness);
        let pulses = fixed_codebook::search(&backward(&left, &repeated), &repeated);
        let vector = pulses.vector(delay.whole, self.sharpness);
        let filtered_vector = convolution(&vector, &response);

        let correlations = Correlations::new(&target, &filtered, &filtered_vector);
        let ((gain_a, gain_b), gains) = self.gain_predictor.quantise(&correlations, &vector, is_limited);
        self.taming.push(gains.adaptive, delay.whole);
        self.sharpness = gains.adaptive.clamp(*SHARPNESS.start(), *SHARPNESS.end());
        for (x, (adaptive, pulse)) in
            self.excitation[at..at + SUBFRAME].iter_mut().zip(adaptive.iter().zip(&vector))
        {
            *x = gains.adaptive * adaptive + gains.fixed * pulse;
        }
        for (i, error) in self.error.iter_mut().enumerate() {
            let n = SUBFRAME - ORDER + i;
            *error = target[n] - gains.adaptive * filtered[n] - gains.fixed * filtered_vector[n];
        }
        let (positions, signs) = pulses.indices();
        let pitch = match first_delay {
            None => delay.index_first(),
            Some(first) => delay.index_second(first),
        };
        (Subframe { pitch, positions, signs, gain_a, gain_b }, delay.whole)
    }

    /// A silent frame: its length. `None` when the frame is speech.
    fn encode_silence(
        &mut self,
        silence: &mut Silence,
        analysis: &Analysis,
        out: &mut [u8; FRAME_BYTES],
    ) -> Option<usize> {
        let is_speech = silence.vad.is_speech(&Input {
            autocorrelation: &analysis.autocorrelation,
            frequencies: &analysis.frequencies,
            reflection_2: analysis.reflection_2,
            speech: &self.speech[FRAME_AT - 1..FRAME_AT + FRAME_SAMPLES],
        });
        silence.dtx.push(&analysis.autocorrelation, is_speech);
        let is_first = std::mem::replace(&mut silence.was_speech, is_speech);
        if is_speech {
            silence.noise.restart();
            return None;
        }
        let length = match silence.dtx.decide(is_first) {
            Decision::Describe(a, gain) => {
                let frequencies = lsp::from_lp(&a).unwrap_or(self.pairs).map(f32::acos);
                let (mut descriptor, quantised) = self.lsp_quantiser.quantise_silence(&frequencies);
                descriptor.gain = gain;
                descriptor.write(out);
                silence.noise.describe(quantised.map(f32::cos), gain);
                SILENCE_BYTES
            }
            Decision::Untransmitted => 0,
        };
        self.follow_silence(&mut silence.noise, is_first);
        Some(length)
    }

    /// Brings the state to where a decoder's is after a frame of comfort noise.
    fn follow_silence(&mut self, noise: &mut ComfortNoise, is_first: bool) {
        let filters = self.advance(noise.pairs());
        self.weigh(&filters);
        for (gain, delay) in noise.excite(&mut self.excitation, is_first) {
            self.taming.push(gain, delay);
        }
        for (index, a) in filters.iter().enumerate() {
            let at = PAST + index * SUBFRAME;
            let mut missing = self.residual(index, a);
            for (missing, x) in missing.iter_mut().zip(&self.excitation[at..]) {
                *missing -= x;
            }
            self.error = tail(&synthesis(&weighted(a, GAMMA), &missing, &self.error));
        }
        self.sharpness = *SHARPNESS.start();
        self.excitation.copy_within(FRAME_SAMPLES.., 0);
    }
}
