//! G.729 with Annex A and Annex B: speech of 8000 samples a second in 8 kbit/s, frames of 10 ms.
//!
//! [`Encoder`] and [`Decoder`] hold the state of one direction of one call, less than 4 kB each; neither
//! allocates. A frame is 10 bytes of speech, 2 bytes that describe the noise of a silence (Annex B), or
//! nothing while that noise stays as it is. The arithmetic is of 32-bit floating point; the bits of a
//! frame, the codebooks and the state that a decoder shares with an encoder are those of ITU-T
//! Recommendation G.729 (06/2012), whose clauses the comments name. Any bytes may be decoded: what they
//! give is bounded as 16-bit arithmetic bounds it.
//!
//! ```
//! let (mut encoder, mut decoder) = (g729::Encoder::new(true), g729::Decoder::new());
//! let (mut bytes, mut heard) = ([0; g729::FRAME_BYTES], [0; g729::FRAME_SAMPLES]);
//! let length = encoder.encode(&[0; g729::FRAME_SAMPLES], &mut bytes);
//! decoder.decode(&bytes[..length], &mut heard)?;
//! # Ok::<(), g729::BadFrame>(())
//! ```
#![forbid(unsafe_code)]

mod comfort_noise;
mod decoder;
mod encoder;
mod filter;
mod fixed_codebook;
mod frame;
mod gain;
mod generator;
mod lpc;
mod lsp;
mod lsp_quantiser;
mod pitch;
mod postfilter;
mod silence;
mod tables;
mod vad;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use frame::BadFrame;

/// Samples of a frame: 10 ms.
pub const FRAME_SAMPLES: usize = 80;
/// Bytes of a frame of speech.
pub const FRAME_BYTES: usize = 10;
/// Bytes of a silence descriptor (SID).
pub const SILENCE_BYTES: usize = 2;

/// Samples of a subframe: 5 ms.
const SUBFRAME: usize = 40;
/// Order of the linear prediction.
const ORDER: usize = 10;
