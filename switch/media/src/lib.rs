//! Media negotiation between two legs as pure functions: what of an offer may pass (RFC 3264), and what its answer means.
//! Media itself flows between the two ends (`bypass`); the relay of RTP is not built. Invariant: no input panics or grows memory without bound.
#![forbid(unsafe_code)]

pub mod answer;
pub mod body;
pub mod offer;
pub mod origin;
mod packed;
mod pass;
mod payload;

pub use answer::{AnswerError, Negotiated, check_answer};
pub use body::{BodyError, sdp_part};
pub use codecs::sdp::{Direction, SdpError};
pub use offer::{FilteredOffer, Offered, Refused, filter, offered_codecs};
pub use origin::{SessionOrigin, same_session, session_mark};
pub use packed::Packed;
pub use pass::{MediaTarget, Reach};
