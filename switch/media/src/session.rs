//! A session description: what one side offers or answers, in terms that SDP (RFC 8866) and H.245 (terminal
//! capabilities and logical channels) share. `sdp` reads and writes it as text; `offer` and `answer` say what
//! of it reaches the other side (RFC 3264). Invariant: what we do not understand stays word for word, in its
//! place, until an offer or answer is made of it for the other side.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use codecs::sdp::{Direction, MediaKind, Proto};
use codecs::{Codec, CodecSet};
use smallvec::SmallVec;

use crate::dtls_terms::DtlsTerms;
use crate::payload::{Format, Payload};
use crate::srtp::Crypto;
use crate::target::{MediaTarget, direction_to};
use crate::voice_side::Transcoding;

/// An offer or an answer. Cheap to copy: its text is shared, its lists are short.
#[derive(Clone, Debug)]
pub struct Session {
    /// What was read; every [`Span`] is a part of it.
    pub(crate) text: Bytes,
    /// Address of all streams without one of their own.
    pub(crate) connection: Option<Connection>,
    /// Lines above the first stream.
    pub(crate) lines: SmallVec<[Line; 4]>,
    /// Streams in the order in which both sides number them (RFC 3264 §6).
    pub(crate) streams: SmallVec<[Stream; 1]>,
    /// Place of the stream that is negotiated. Read from a peer: its first open audio stream, else fax.
    pub(crate) active: Option<u8>,
}

/// One media stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Media type.
    pub kind: MediaKind,
    /// UDP port on which its side receives; 0 closes the stream.
    pub port: u16,
    /// Transport.
    pub transport: Proto,
    /// Direction from the view of its side: its own attribute, else the session's.
    pub direction: Direction,
    /// Milliseconds of audio in one packet that its side asks for.
    pub packet_time_ms: Option<u16>,
    pub(crate) name: Span,
    /// None where the transport is written in its usual form.
    pub(crate) transport_text: Option<Span>,
    pub(crate) formats: Span,
    pub(crate) connection: Option<Connection>,
    /// What may be sent to its side, preferred first; of audio streams only.
    pub(crate) payloads: SmallVec<[Payload; 8]>,
    /// Fax over UDPTL (T.38).
    pub(crate) is_fax: bool,
    /// Keys of its side's that can be taken, preferred first; once they are ours, what is written.
    pub(crate) keys: Option<Arc<[Crypto]>>,
    pub(crate) keys_are_ours: bool,
    /// Its side said RTP/SAVP.
    pub(crate) is_savp: bool,
    /// DTLS-SRTP: its side's terms, or, once they are ours, what is written.
    pub(crate) dtls: Option<Arc<DtlsTerms>>,
    pub(crate) dtls_is_ours: bool,
    /// Of audio and fax streams only.
    pub(crate) lines: SmallVec<[Line; 12]>,
    /// Its direction is ours to write, and not a line of its own.
    pub(crate) direction_is_ours: bool,
    /// `a=rtcp-mux` is ours to write.
    pub(crate) takes_mux: bool,
    /// Of an offer whose codecs are ours: the payload of the offerer's that they stand for.
    pub(crate) stands_for: Option<Payload>,
    /// Of an answer to such an offer: what each side sends and is sent.
    pub(crate) transcoding: Option<Arc<Transcoding>>,
    /// All lines of another stream, as they were written.
    pub(crate) rest: Span,
}

/// A stretch of the session's text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Span {
    pub start: u16,
    pub end: u16,
}

/// Where a side wants its media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Connection {
    /// None for a host name.
    pub address: Option<IpAddr>,
    /// As it was written; none for an address of ours.
    pub text: Option<Span>,
}

/// One line of a description.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub what: What,
    /// The payload number that it speaks of, if `what` does.
    pub payload: u8,
    /// The letter before `=`.
    pub kind: u8,
    /// The whole line, letter and `=` included.
    pub text: Span,
    /// Where in `text` that begins which follows the payload number.
    pub value: u16,
    /// It speaks of streams as browsers number them.
    pub is_browsers: bool,
}

/// What a line speaks of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// The address: written from [`Connection`].
    Connection,
    Rtpmap,
    Fmtp,
    /// Feedback for one payload.
    RtcpFb,
    Direction,
    /// Keys, encryption, grouping, capability negotiation: never passed on.
    Barred,
    /// Where else than at its address and port a side takes packets (ICE, a port for RTCP): holds only as
    /// long as the address is the peer's.
    Path,
    /// How much sound a packet holds; of the codecs that its side says, and of no other.
    PacketTime,
    /// Anything else: passed on as it is.
    Plain,
}

// === impl Session ===

impl Session {
    /// The stream that is negotiated: the one that passed, or, as read from a peer, its first open audio
    /// stream, else its first one of fax.
    pub fn active(&self) -> Option<&Stream> {
        self.streams.get(usize::from(self.active?))
    }

    /// Whether anything is to be sent between the sides at all.
    pub fn is_open(&self) -> bool {
        self.active().is_some_and(|active| active.port != 0)
    }

    /// Whether what is negotiated is fax over UDPTL (T.38).
    pub fn is_fax(&self) -> bool {
        self.active().is_some_and(|active| active.is_fax)
    }

    /// All streams in order.
    pub fn streams(&self) -> &[Stream] {
        &self.streams
    }

    /// Where the negotiated stream's side wants its media; none without such a stream or without a unicast
    /// address.
    pub fn target(&self) -> Option<MediaTarget> {
        self.active().and_then(|active| self.target_of(active))
    }

    /// The codecs of the negotiated stream; none of fax.
    pub fn codecs(&self) -> CodecSet {
        self.active().map_or(CodecSet::EMPTY, Stream::codecs)
    }

    /// The first codec of the negotiated stream.
    pub fn preferred(&self) -> Option<Codec> {
        self.active().and_then(Stream::preferred)
    }

    /// Whether its side holds the call: `sendonly`, `inactive`, or an address of nobody (RFC 3264 §8.4).
    pub fn hold(&self) -> bool {
        let held = |stream: &Stream| matches!(stream.direction, Direction::SendOnly | Direction::Inactive);
        self.active().is_some_and(held) || self.target().is_some_and(|target| target.is_nobody())
    }

    /// The same session with our own address in the place of its side's: its media comes to us, with `mux`
    /// RTCP on the same port (RFC 5761). What names other ways to its side goes. An address of nobody becomes
    /// the direction that it means, since ours is one.
    #[must_use]
    pub fn relayed(&self, ours: SocketAddr, mux: bool) -> Self {
        let mut relayed = self.clone();
        relayed.connection = Some(Connection { address: Some(ours.ip()), text: None });
        relayed.lines.retain(|line| line.what != What::Path);
        for stream in &mut relayed.streams {
            let connection = stream.connection.take().or(self.connection);
            stream.lines.retain(|line| !matches!(line.what, What::Path | What::Connection));
            if stream.port == 0 {
                continue;
            }
            stream.port = ours.port();
            stream.takes_mux = mux;
            let meant = direction_to(stream.direction, connection.and_then(|connection| connection.address));
            if meant != stream.direction {
                stream.direction = meant;
                stream.direction_is_ours = true;
                stream.lines.retain(|line| line.what != What::Direction);
            }
        }
        relayed
    }

    pub(crate) fn connection_of(&self, stream: &Stream) -> Option<Connection> {
        stream.connection.or(self.connection)
    }

    pub(crate) fn target_of(&self, stream: &Stream) -> Option<MediaTarget> {
        MediaTarget::of(self.connection_of(stream)?.address, stream.port)
    }

    pub(crate) fn part(&self, span: Span) -> &[u8] {
        self.text.get(usize::from(span.start)..usize::from(span.end)).unwrap_or(&[])
    }

    /// What a line says behind its payload number.
    pub(crate) fn value(&self, line: &Line) -> &[u8] {
        self.part(Span { start: line.value, end: line.text.end })
    }
}

// === impl Line ===

impl Line {
    /// Whether its side says this of a payload of its own.
    pub(crate) fn speaks_of(&self, payload: &Payload) -> bool {
        !payload.is_ours && payload.number == self.payload
    }
}

// === impl Stream ===

impl Stream {
    /// Whether it is fax over UDPTL (T.38).
    pub const fn is_fax(&self) -> bool {
        self.is_fax
    }

    /// The codecs that we know.
    pub fn codecs(&self) -> CodecSet {
        self.payloads.iter().filter_map(|payload| payload.format.codec()).collect()
    }

    /// The first codec that we know.
    pub fn preferred(&self) -> Option<Codec> {
        self.payloads.iter().find_map(|payload| payload.format.codec())
    }

    /// The first payload number of DTMF (telephone-event, RFC 4733), as its side sees it.
    pub fn dtmf(&self) -> Option<u8> {
        self.payloads
            .iter()
            .find(|payload| payload.format == Format::TelephoneEvent)
            .map(|payload| payload.shown)
    }

    /// A closed stream: it keeps its place, and nothing of it is open.
    pub(crate) fn close(&mut self) {
        self.port = 0;
        self.payloads.clear();
        (self.stands_for, self.transcoding) = (None, None);
        (self.keys, self.dtls) = (None, None);
        self.lines.clear();
        self.rest = Span::default();
        self.takes_mux = false;
    }
}
