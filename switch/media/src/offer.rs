//! What of an offer may pass to the other leg (RFC 3264 §5, RFC 3551, RFC 4733, RFC 7261).
//! Invariant: of all streams exactly one keeps a port, it is audio without encryption or fax over UDPTL, and
//! it names no codec outside the allowed set.

use codecs::CodecSet;
use codecs::sdp::{MediaKind, Proto, SdpError};
use smallvec::SmallVec;
use units::Cause;

use crate::payload::PAYLOADS_MAX;
use crate::session::{Session, Stream, What};

/// Why an offer is refused; each is answered with 488 and Q.850 cause 65.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OfferRefused {
    /// Not an SDP.
    #[error("malformed SDP: {0}")]
    Malformed(#[from] SdpError),
    /// Neither an audio stream nor fax, or all are closed.
    #[error("no open audio stream in the offer")]
    NoAudio,
    /// Audio is offered over SRTP or another transport only.
    #[error("audio is offered over no transport that passes: RTP/AVP and RTP/AVPF do")]
    Transport,
    /// No codec is left.
    #[error("no codec of the offer is allowed")]
    NothingAcceptable,
    /// Two open audio streams at one address and port.
    #[error("two open audio streams at one port")]
    Ambiguous,
    /// The stream has no address, or one that names a group of receivers.
    #[error("no unicast media address in the offer")]
    Address,
}

impl OfferRefused {
    /// The SIP status: 488 Not Acceptable Here.
    pub const fn status(self) -> u16 {
        488
    }

    /// The Q.850 cause: 65.
    pub const fn cause(self) -> Cause {
        Cause::BEARER
    }
}

impl Session {
    /// This offer as it goes to the other side, with the codecs of `allowed` only.
    ///
    /// The first audio stream with such a codec passes with its address, port, direction and payload numbers,
    /// without one the first stream of fax; every other stream stays in its place with port 0. While
    /// hunting, take it of the same offer again with the next carrier's set.
    pub fn offer(&self, allowed: CodecSet) -> Result<Self, OfferRefused> {
        let place = self.choose(allowed)?;
        if self.is_ambiguous() {
            return Err(OfferRefused::Ambiguous);
        }
        let mut offer = self.clone();
        offer.active = u8::try_from(place).ok();
        offer.lines.retain(|line| line.what != What::Barred);
        for (index, stream) in offer.streams.iter_mut().enumerate() {
            if index == place { stream.keep(allowed) } else { stream.close() }
        }
        if offer.codecs().is_empty() && !offer.is_fax() {
            return Err(OfferRefused::NothingAcceptable);
        }
        offer.target().map(|_| ()).ok_or(OfferRefused::Address)?;
        Ok(offer)
    }

    /// The codecs that [`Session::offer`] would let through, all of them for fax, which needs none; never the
    /// empty set.
    pub fn offered_codecs(&self, allowed: CodecSet) -> Result<CodecSet, OfferRefused> {
        let place = self.choose(allowed)?;
        if self.is_ambiguous() {
            return Err(OfferRefused::Ambiguous);
        }
        Ok(match self.streams.get(place) {
            Some(stream) if stream.is_fax => allowed,
            stream => stream.map_or(CodecSet::EMPTY, Stream::codecs).intersection(allowed),
        })
    }

    /// Whether two audio streams want their media at one place: nobody could tell whose packets come there.
    pub(crate) fn is_ambiguous(&self) -> bool {
        let audio = self.streams.iter().filter(|stream| stream.kind == MediaKind::Audio && stream.port != 0);
        let place =
            |stream: &Stream| (stream.port, self.connection_of(stream).map(|connection| connection.address));
        let places: SmallVec<[_; 2]> = audio.map(place).collect();
        places.iter().enumerate().any(|(index, place)| places.iter().take(index).any(|other| other == place))
    }

    /// The stream that passes; else the reason that comes nearest to passing.
    pub(crate) fn choose(&self, allowed: CodecSet) -> Result<usize, OfferRefused> {
        let mut reason = OfferRefused::NoAudio;
        for (index, stream) in self.streams.iter().enumerate() {
            if stream.kind != MediaKind::Audio || stream.port == 0 {
                continue;
            }
            match stream.transport {
                Proto::Avp | Proto::Avpf if !stream.codecs().intersection(allowed).is_empty() => {
                    return Ok(index);
                }
                Proto::Avp | Proto::Avpf => reason = OfferRefused::NothingAcceptable,
                Proto::Savp
                | Proto::Savpf
                | Proto::TlsSavp
                | Proto::TlsSavpf
                | Proto::OtherRtp
                | Proto::Other => {
                    if reason == OfferRefused::NoAudio {
                        reason = OfferRefused::Transport;
                    }
                }
            }
        }
        let fax = self.streams.iter().position(|stream| stream.is_fax && stream.port != 0);
        fax.ok_or(reason)
    }
}

impl Stream {
    /// Keeps the payloads that may pass, in order, and those lines that speak of what passes.
    pub(crate) fn keep(&mut self, allowed: CodecSet) {
        self.payloads.retain(|payload| payload.format.passes(allowed));
        self.payloads.truncate(PAYLOADS_MAX);
        let (payloads, is_transcoded) = (&self.payloads, self.stands_for.is_some());
        self.lines.retain(|line| match line.what {
            What::Rtpmap | What::Fmtp | What::RtcpFb => {
                payloads.iter().any(|payload| line.speaks_of(payload))
            }
            What::Barred => false,
            What::PacketTime => !is_transcoded,
            What::Connection | What::Direction | What::Path | What::Plain => true,
        });
    }
}
