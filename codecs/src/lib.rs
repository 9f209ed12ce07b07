//! Voice codecs and their names: G.711 itself, the payload names that negotiation speaks of, and the SDP in
//! which it does so (RFC 8866). Invariant: nothing here allocates on the path of a sample, and nothing here
//! panics on any input.
#![forbid(unsafe_code)]

mod codec;
mod dtmf_form;
pub mod g711;
pub mod quality;
pub mod sdp;
mod srtp;

pub use codec::{Codec, CodecSet, G723Rate, UnknownCodec};
pub use dtmf_form::DtmfForm;
pub use srtp::SrtpPolicy;
