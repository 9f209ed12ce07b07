//! Where and how a side wants its media, as a relay needs to know it: address, place of RTCP (RFC 3605, RFC
//! 5761), direction, and whether silence means anything (RFC 3389, RFC 3551 §4.5.6, RFC 7261).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use codecs::Codec;
use codecs::sdp::Direction;
use smallvec::SmallVec;

use crate::dtls_terms::DtlsTerms;
use crate::payload::{Format, Payload};
use crate::relay::{PeerPayload, RtcpPlace, StreamKind};
use crate::session::{Session, Stream, What};
use crate::srtp::Crypto;
use crate::target::{MediaTarget, direction_to};

/// What a side says of its stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Described {
    /// What it carries.
    pub kind: StreamKind,
    /// Where it wants RTP; none for an address of nobody or a host name.
    pub rtp: Option<SocketAddr>,
    /// Where it wants RTCP, if not on the RTP port.
    pub rtcp: RtcpPlace,
    /// It takes RTCP on the RTP port too (RFC 5761), if the other side agrees.
    pub mux: bool,
    /// From its view; an address of nobody receives nothing.
    pub direction: Direction,
    /// Nothing may come from either side while nobody speaks: comfort noise, or an annex of the codec, was
    /// not refused; or it is fax.
    pub may_be_silent: bool,
    /// The key by which it sends, and whether it said RTP/SAVP.
    pub keys: Option<(Crypto, bool)>,
    /// Its terms of DTLS-SRTP and ICE.
    pub dtls: Option<Arc<DtlsTerms>>,
}

impl Session {
    /// What the session says of the stream that is negotiated; none if that is closed.
    pub fn described(&self) -> Option<Described> {
        let stream = self.active().filter(|stream| stream.port != 0)?;
        let address = self.connection_of(stream)?.address.map(|address| address.to_canonical());
        let reached = address.filter(|address| !address.is_unspecified());
        Some(Described {
            kind: if stream.is_fax { StreamKind::Udptl } else { StreamKind::Rtp },
            rtp: reached.map(|address| SocketAddr::new(address, stream.port)),
            rtcp: self.rtcp_of(stream, reached),
            mux: !stream.is_fax && self.attribute(stream, b"rtcp-mux").is_some(),
            direction: direction_to(stream.direction, address),
            may_be_silent: stream.is_fax || stream.may_be_silent(),
            keys: self.keys(),
            dtls: self.dtls().cloned(),
        })
    }

    /// Where each open stream is wanted; none of one that is for no single receiver.
    pub fn targets(&self) -> impl Iterator<Item = (&Stream, Option<MediaTarget>)> {
        self.streams.iter().filter(|stream| stream.port != 0).map(|stream| (stream, self.target_of(stream)))
    }

    /// `a=rtcp:53020` or `a=rtcp:53020 IN IP4 192.0.2.4` (RFC 3605 §2.1); one that cannot be read counts as
    /// absent.
    fn rtcp_of(&self, audio: &Stream, address: Option<IpAddr>) -> RtcpPlace {
        let place = || {
            let value = std::str::from_utf8(self.attribute(audio, b"rtcp")?).ok()?;
            let mut words = value.split_ascii_whitespace();
            let port = words.next()?.parse::<u16>().ok().filter(|port| *port != 0)?;
            let address = match (words.next(), words.next(), words.next(), words.next()) {
                (None, ..) => address?,
                (Some("IN"), Some("IP4" | "IP6"), Some(address), None) => {
                    address.parse::<IpAddr>().ok()?.to_canonical()
                }
                _ => return None,
            };
            let is_usual =
                Some(address) == self.target_of(audio)?.address && Some(port) == audio.port.checked_add(1);
            (!is_usual).then(|| RtcpPlace::At(SocketAddr::new(address, port)))
        };
        place().unwrap_or(RtcpPlace::Next)
    }

    /// The value of an attribute that names a way to its side, without `a=NAME:`.
    fn attribute(&self, stream: &Stream, name: &[u8]) -> Option<&[u8]> {
        let paths = stream.lines.iter().filter(|line| line.what == What::Path);
        paths.map(|line| self.part(line.text).get(2..).unwrap_or(&[])).find_map(|value| {
            let mut parts = value.splitn(2, |&byte| byte == b':');
            let is_it = parts.next()?.trim_ascii_end().eq_ignore_ascii_case(name);
            is_it.then(|| parts.next().unwrap_or(&[]))
        })
    }
}

impl Session {
    /// What may come from the side whose offer this answers: it sends in the answer's numbers, as they were
    /// told to it, which are its own (RFC 3264 §6.1).
    pub fn payloads_of_offerer(&self) -> SmallVec<[PeerPayload; 8]> {
        if let Some(transcoding) = self.transcoding() {
            return transcoding.offerer.payloads();
        }
        let told = |payload: &Payload| payload.sent_as(payload.shown, payload.number);
        // Of an offer whose codecs are ours: its own, and what is none.
        if let Some((audio, own)) = self.active().and_then(|audio| Some((audio, audio.stands_for?))) {
            let others = audio.payloads.iter().filter(|payload| payload.format.codec().is_none());
            return std::iter::once(&own).chain(others).map(told).collect();
        }
        self.active().into_iter().flat_map(|audio| audio.payloads.iter().map(told)).collect()
    }

    /// What may come from the side that answered with this: it sends in the offer's numbers (RFC 3264 §6.1).
    /// Some send in their own, which are taken as long as they mean nothing else.
    pub fn payloads_of_answerer(&self) -> SmallVec<[PeerPayload; 8]> {
        if let Some(transcoding) = self.transcoding() {
            return transcoding.answerer.payloads();
        }
        let payloads = self.active().map_or(&[][..], |audio| &audio.payloads);
        let right = payloads.iter().map(|payload| payload.sent_as(payload.shown, payload.shown));
        let is_free = |number: u8| payloads.iter().all(|payload| payload.shown != number);
        let own = payloads.iter().filter(|payload| is_free(payload.number));
        right.chain(own.map(|payload| payload.sent_as(payload.number, payload.shown))).collect()
    }
}

impl Payload {
    /// What it is where it comes as one number and the other side knows it by another.
    const fn sent_as(&self, number: u8, told: u8) -> PeerPayload {
        PeerPayload { number, told, clock: self.format.clock_hz() }
    }
}

impl Stream {
    /// Comfort noise is among its payloads, or the annex of its first codec that suppresses silence is not
    /// refused.
    fn may_be_silent(&self) -> bool {
        let first = self.payloads.iter().find(|payload| payload.format.codec().is_some());
        let has_annex = first.is_some_and(|payload| {
            matches!(payload.format, Format::Codec(Codec::G729 | Codec::G723))
                && !payload.annex_refused
                && !payload.params.refuses_annex(payload.format)
        });
        has_annex || self.payloads.iter().any(|payload| payload.format == Format::ComfortNoise)
    }
}
