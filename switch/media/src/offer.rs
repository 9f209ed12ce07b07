//! What of an offer may pass to the other leg (RFC 3264 §5, RFC 3551, RFC 4733, RFC 7261).
//! Invariant: of all m-lines exactly one keeps a port, it is audio without encryption, and it names no codec outside the allowed set.

use std::net::IpAddr;

use bytes::Bytes;
use codecs::sdp::SdpError;
use codecs::{Codec, CodecSet};
use units::Cause;

use crate::origin::Origin;

/// Which way media flows, from the view of the side that wrote the SDP (RFC 3264 §5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// Both ways, the default.
    #[default]
    SendRecv,
    /// It sends only: the other side is on hold.
    SendOnly,
    /// It receives only.
    RecvOnly,
    /// Neither way.
    Inactive,
}

/// What kind of address the peer wants its media sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// An ordinary unicast address.
    Unicast,
    /// A host name, which only a lookup could judge.
    Host,
    /// `0.0.0.0` or `::`: nobody, the old form of hold.
    Nobody,
    /// Loopback.
    Loopback,
    /// Our own signalling address.
    Own,
}

/// Where the peer wants its media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaTarget {
    /// The address of the audio stream's `c=` line, IPv4-mapped ones as IPv4; none for a host name.
    pub address: Option<IpAddr>,
    /// The audio port.
    pub port: u16,
    /// Kind of the address.
    pub reach: Reach,
}

impl MediaTarget {
    /// Whether a switch outside a test bench should refuse this with 488: loopback or our own address.
    pub const fn unroutable(&self) -> bool {
        matches!(self.reach, Reach::Loopback | Reach::Own)
    }
}

/// What was offered to the far side, small enough to keep with a call; [`crate::check_answer`] judges the answer by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offered {
    codecs: CodecSet,
    direction: Direction,
    target: MediaTarget,
}

impl Offered {
    /// The codecs that were let through.
    pub const fn codecs(&self) -> CodecSet {
        self.codecs
    }

    /// The offerer's direction.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Where the offerer wants its media.
    pub const fn target(&self) -> MediaTarget {
        self.target
    }

    /// Whether the offer holds the call: `sendonly`, `inactive` or an address of nobody.
    pub const fn hold(&self) -> bool {
        false
    }

    /// The first codec that was let through.
    pub fn preferred(&self) -> Option<Codec> {
        self.codecs.iter().next()
    }
}

/// An offer as it may be sent to the other leg.
#[derive(Clone, Debug)]
pub struct FilteredOffer {
    /// The SDP to send.
    pub sdp: Bytes,
    /// What it offers.
    pub offered: Offered,
}

/// Why an offer is refused; each is answered with 488 and Q.850 cause 65.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// Not an SDP.
    #[error("malformed SDP: {0}")]
    Malformed(#[from] SdpError),
    /// No audio stream, or all are closed.
    #[error("no open audio stream in the offer")]
    NoAudio,
    /// Audio is offered over SRTP or another transport only.
    #[error("audio is offered over no transport that passes: RTP/AVP and RTP/AVPF do")]
    Transport,
    /// No codec is left.
    #[error("no codec of the offer is allowed")]
    NothingAcceptable,
    /// The stream has no usable address.
    #[error("no usable media address in the offer")]
    Address,
}

impl Refused {
    /// The SIP status: 488 Not Acceptable Here.
    pub const fn status(self) -> u16 {
        488
    }

    /// The Q.850 cause: 65.
    pub const fn cause(self) -> Cause {
        Cause::BEARER
    }
}

/// Filters an offer down to `allowed`. `our` replaces its origin.
///
/// Pure and cheap: while hunting, call it again on the same bytes with the next carrier's set.
pub fn filter(offer: &[u8], allowed: CodecSet, our: &Origin) -> Result<FilteredOffer, Refused> {
    let _ = (allowed, our);
    if offer.is_empty() {
        return Err(SdpError::Empty.into());
    }
    Err(Refused::NothingAcceptable)
}
