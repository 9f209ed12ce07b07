//! What of an offer may pass to the other leg (RFC 3264 §5, RFC 3551, RFC 4733, RFC 7261).
//! Invariant: of all m-lines exactly one keeps a port, it is audio without encryption, and it names no codec outside the allowed set.

use bytes::Bytes;
use codecs::sdp::{Attribute, Direction, MEDIA_MAX, Media, MediaKind, Proto, Sdp, SdpError, Writer};
use codecs::{Codec, CodecSet};
use units::Cause;

use crate::origin::SessionOrigin;
use crate::pass::{self, MediaTarget, Reach};
use crate::payload::{Numbers, Payload, PayloadMap, Payloads};

/// What was offered to the far side, small enough to keep with a call; [`crate::check_answer`] judges the answer by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offered {
    pub(crate) payloads: Payloads,
    pub(crate) kinds: [MediaKind; MEDIA_MAX],
    pub(crate) media_count: u8,
    /// Which m-line passes.
    pub(crate) audio: u8,
    /// Whether its transport is RTP/AVPF rather than RTP/AVP.
    pub(crate) feedback: bool,
    direction: Direction,
    target: MediaTarget,
}

impl Offered {
    /// The codecs that were let through.
    pub fn codecs(&self) -> CodecSet {
        self.payloads.codecs()
    }

    /// The first codec that was let through: the offerer's choice.
    pub fn preferred(&self) -> Option<Codec> {
        self.payloads.as_slice().iter().find_map(|payload| payload.format.codec())
    }

    /// The offerer's direction.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Where the offerer wants its media.
    pub const fn target(&self) -> MediaTarget {
        self.target
    }

    /// Whether the offer holds the call: `sendonly`, `inactive`, or an address of nobody.
    pub const fn hold(&self) -> bool {
        matches!(self.direction, Direction::SendOnly | Direction::Inactive) || matches!(self.target.reach, Reach::Nobody)
    }

    /// The m-lines' kinds in order.
    pub fn kinds(&self) -> &[MediaKind] {
        self.kinds.get(..usize::from(self.media_count)).unwrap_or(&[])
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
    /// The stream has no `c=` line, or one that names a group of receivers.
    #[error("no unicast media address in the offer")]
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

/// Filters an offer down to `allowed`; `our`, our session toward the other leg, replaces its origin.
///
/// The first audio stream with a codec that is allowed passes with its address, port, direction and payload numbers; every other m-line
/// stays in its place with port 0. Pure and cheap: while hunting, call it again on the same bytes with the next carrier's set.
pub fn filter(offer: &[u8], allowed: CodecSet, our: &SessionOrigin) -> Result<FilteredOffer, Refused> {
    let sdp = Sdp::parse(offer)?;
    let (audio, payloads) = choose(&sdp, allowed)?;
    let chosen = sdp.media().get(audio).ok_or(Refused::NoAudio)?;
    let connection = sdp.connection_of(chosen).ok_or(Refused::Address)?;
    let target = MediaTarget::of(&connection, chosen.port, our).ok_or(Refused::Address)?;

    let mut writer = Writer::with_capacity(offer.len() + 96);
    pass::write_session(&mut writer, &sdp, our);
    let mut kinds = [MediaKind::Other; MEDIA_MAX];
    for ((index, media), kind) in sdp.media().iter().enumerate().zip(&mut kinds) {
        *kind = media.kind;
        if index == audio {
            write_open(&mut writer, &sdp, media, &payloads);
        } else {
            pass::write_closed(&mut writer, &sdp, media);
        }
    }
    let offered = Offered {
        payloads,
        kinds,
        // MEDIA_MAX bounds both.
        media_count: sdp.media().len() as u8,
        audio: audio as u8,
        feedback: chosen.proto == Proto::Avpf,
        direction: sdp.direction_of(chosen),
        target,
    };
    Ok(FilteredOffer { sdp: our.stamp(writer.finish()?)?, offered })
}

/// The codecs of an offer that [`filter`] would let through, never the empty set, without writing anything.
pub fn offered_codecs(offer: &[u8], allowed: CodecSet) -> Result<CodecSet, Refused> {
    let sdp = Sdp::parse(offer)?;
    choose(&sdp, allowed).map(|(_, payloads)| payloads.codecs())
}

/// The m-line that passes, and its payloads; else the reason that comes nearest to passing.
fn choose(sdp: &Sdp<'_>, allowed: CodecSet) -> Result<(usize, Payloads), Refused> {
    let mut reason = Refused::NoAudio;
    for (index, media) in sdp.media().iter().enumerate() {
        if media.kind != MediaKind::Audio || media.port == 0 {
            continue;
        }
        match media.proto {
            Proto::Avp | Proto::Avpf => {
                let payloads = acceptable(sdp, media, allowed);
                if !payloads.codecs().is_empty() {
                    return Ok((index, payloads));
                }
                reason = Refused::NothingAcceptable;
            }
            Proto::OtherRtp | Proto::Other if reason == Refused::NoAudio => reason = Refused::Transport,
            Proto::OtherRtp | Proto::Other => {}
        }
    }
    Err(reason)
}

/// The payloads of a stream that may pass, in its order.
fn acceptable(sdp: &Sdp<'_>, media: &Media<'_>, allowed: CodecSet) -> Payloads {
    let map = PayloadMap::read(sdp.lines_of(media));
    let mut seen = Numbers::default();
    let mut payloads = Payloads::EMPTY;
    for number in media.payloads() {
        let Some(format) = map.format(number) else { continue };
        if format.codec().is_none_or(|codec| allowed.contains(codec))
            && seen.insert(number)
            && !payloads.push(Payload { number, format, params: map.params(number) })
        {
            break;
        }
    }
    payloads
}

/// Writes the m-line that passes, with those of its lines that speak of what passes.
fn write_open(writer: &mut Writer, sdp: &Sdp<'_>, media: &Media<'_>, payloads: &Payloads) {
    pass::write_media(writer, media.name, media.port, media.proto_name);
    let mut kept = Numbers::default();
    for payload in payloads.as_slice() {
        kept.insert(payload.number);
        pass::write_payload(writer, payload.number);
    }
    writer.end();
    for line in sdp.lines_of(media) {
        let passes = match line.attribute {
            None => line.kind != b'k',
            Some(Attribute::Rtpmap(rtpmap)) => kept.contains(rtpmap.payload),
            Some(Attribute::Fmtp { payload, .. }) => kept.contains(payload),
            Some(Attribute::RtcpFb { payload, .. }) => payload.is_none_or(|payload| kept.contains(payload)),
            Some(Attribute::Direction(_) | Attribute::Ptime | Attribute::Other) => true,
            Some(Attribute::Barred) => false,
        };
        if passes {
            writer.line(line.kind, line.value);
        }
    }
}
