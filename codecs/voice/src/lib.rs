//! Voice: from RTP payloads to samples and back. Codecs behind two traits, concealment and comfort noise.
//!
//! All sound is linear, 16 bits, one channel, 8,000 samples a second. Nothing here reads a clock, starts a
//! thread or takes memory for a packet once it is made; whoever drives it says what time it is. Invariant: no
//! octets from outside panic.
//!
//! ```
//! use codecs::Codec;
//! use voice::{Encoded, EncoderSettings};
//!
//! let mut encoder = voice::encoder(EncoderSettings::new(Codec::Pcma)).expect("A-law is always there");
//! let mut decoder = voice::decoder(Codec::Pcma).expect("and so is its decoder");
//! let (spoken, mut octets) = ([1000; 80], [0; 80]);
//! assert_eq!(encoder.encode(&spoken, &mut octets), Encoded::Speech(80));
//! let mut heard = [0; voice::FRAME_SAMPLES_MAX];
//! for frame in voice::frames(Codec::Pcma, &octets).expect("a payload of A-law") {
//!     assert_eq!(decoder.decode(frame, &mut heard), 80);
//! }
//! assert!(heard[..80].iter().all(|&sample| (sample - 1000).abs() < 32));
//! ```
#![forbid(unsafe_code)]

mod available;
mod codec;
mod concealment;
pub mod dtmf;
mod g711;
mod g723;
mod g729;
pub mod jitter;
mod listener;
mod lpc;
mod noise;
mod opus;
mod packet;
mod payload;
pub mod playback;
mod ringback;
mod sound;
#[cfg(test)]
mod sounds;
pub mod tones;
pub mod transcoder;
pub mod wav;

pub use available::{available, decoder, encoder};
pub use codec::{Decoder, Encoded, Encoder, EncoderSettings, FRAME_OCTETS_MAX, FRAME_SAMPLES_MAX, RATE_HZ};
pub use codecs::G723Rate;
pub use listener::Listener;
pub use packet::{HEADER, Packet};
pub use payload::{Frame, Frames, PACKET_SAMPLES_MAX, PayloadError, frames, samples};
pub use ringback::{FirstSound, RingbackDetector};
