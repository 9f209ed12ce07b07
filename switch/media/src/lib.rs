//! Sessions between two legs as pure functions: what a side says ([`Session`]), what of an offer may pass
//! (RFC 3264), what its answer means, where its side wants media ([`Described`]); and the packets between
//! them where they are relayed ([`relay`]), encrypted or not ([`srtp`]). Invariant: no input panics or grows
//! memory without bound.
//!
//! A message's SDP is read once, by [`Session::read`], and written once, by [`LocalSession::write`]; between
//! the two only sessions move:
//!
//! ```
//! # use bytes::Bytes;
//! # use media::{LocalSession, Session, SessionOrigin};
//! let text = "v=0\r\no=pbx 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
//!             m=audio 4000 RTP/AVP 9 8\r\n";
//! let offer = Session::read(&Bytes::from(text)).unwrap().offer("PCMA".parse().unwrap()).unwrap();
//! let ours = SessionOrigin { id: 7, address: "198.51.100.9".parse().unwrap() };
//! let sent = LocalSession::new().write(&offer, ours);
//! assert!(sent.ends_with(b"m=audio 4000 RTP/AVP 8\r\n"));
//! ```
#![forbid(unsafe_code)]

mod announce;
pub mod answer;
pub mod body;
mod described;
mod events;
mod keyed;
mod local;
pub mod offer;
pub mod outside;
mod packed;
mod payload;
pub mod record;
mod recorded;
pub mod relay;
mod sdp;
mod session;
mod sound;
pub mod srtp;
mod target;
pub mod transcode;
mod transcoding;
mod voice_side;
mod voices;

pub use answer::{AnswerError, Negotiated};
pub use body::{BodyError, sdp_part};
pub use codecs::sdp::{Direction, MediaKind, SdpError};
pub use described::Described;
pub use keyed::Keyed;
pub use local::{Before, LocalSession, Mark, SessionOrigin};
pub use offer::OfferRefused;
pub use packed::Packed;
pub use session::{Session, Stream};
pub use sound::Sound;
pub use target::{MediaTarget, Reach};
pub use voice_side::{Transcoding, VoicePayload, VoiceSide};
