//! Sessions as SDP text (RFC 8866): read once when a message comes in, written once when one goes out.
//! Invariant: of the session part nothing that names the peer is written: `o=` is ours, `s=` is `-`, `i= u=
//! e= p=` and keys are dropped.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use codecs::Codec;
use codecs::sdp::{
    Address, Attribute, Direction, Line as SdpLine, Media, MediaKind, Proto, Sdp, SdpError, Writer,
};
use smallvec::SmallVec;

use crate::dtls_terms::{DtlsTerms, is_browsers};
use crate::local::SessionOrigin;
use crate::payload::{self, Format, Payload, PayloadMap};
use crate::session::{Connection, Line, Session, Span, Stream, What};
use crate::srtp::Crypto;

impl Session {
    /// Reads an SDP. The text is shared, not copied.
    pub fn read(text: &Bytes) -> Result<Self, SdpError> {
        let sdp = Sdp::parse(text)?;
        let at = At(text);
        let mut lines = SmallVec::new();
        for line in sdp.session_lines() {
            // Who the peer is never crosses; payload numbers mean nothing outside a stream.
            let dropped = matches!(line.kind, b'v' | b'o' | b's' | b'i' | b'u' | b'e' | b'p' | b'k')
                || matches!(
                    line.attribute,
                    Some(Attribute::Rtpmap(_) | Attribute::Fmtp { .. } | Attribute::RtcpFb { .. })
                );
            if !dropped {
                lines.push(at.line(line));
            }
        }
        let streams: SmallVec<[Stream; 1]> = sdp.media().iter().map(|media| at.stream(&sdp, media)).collect();
        let open = |is_it: fn(&Stream) -> bool| {
            let is_it = |stream: &Stream| stream.port != 0 && is_it(stream);
            streams.iter().position(is_it).and_then(|at| u8::try_from(at).ok())
        };
        let active = open(|stream| stream.kind == MediaKind::Audio).or_else(|| open(|stream| stream.is_fax));
        let connection = sdp.connection.as_ref().map(|connection| at.connection(connection));
        Ok(Self { connection, lines, streams, active, text: text.clone() })
    }

    /// The text of it, with `o=- ID VERSION IN IP4|IP6 ADDRESS` as its origin.
    pub(crate) fn write(&self, origin: SessionOrigin, version: u32) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.text.len() + 96);
        writer.line(b'v', b"0");
        writer.origin(origin.number(), u64::from(version), origin.address);
        writer.line(b's', b"-");
        self.write_session_lines(&mut writer);
        for (index, stream) in self.streams.iter().enumerate() {
            if stream.port != 0 && self.active.is_some_and(|active| usize::from(active) == index) {
                self.write_active(&mut writer, stream);
            } else {
                self.write_other(&mut writer, stream);
            }
        }
        // What is read is bounded by 16 KiB, and what is added to it by far less than the writer allows
        // beyond that.
        writer.finish().unwrap_or_default()
    }

    fn write_session_lines(&self, writer: &mut Writer) {
        let own = self.connection.filter(|connection| connection.text.is_none());
        if let Some(connection) = own {
            self.write_connection(writer, connection);
        }
        let mut timed = self.lines.iter().any(|line| line.kind == b't');
        for line in &self.lines {
            // Equipment that forgets t= is repaired: it belongs before z= and the attributes.
            if !timed && matches!(line.kind, b'z' | b'a') {
                writer.line(b't', b"0 0");
                timed = true;
            }
            match (line.what, self.connection) {
                (What::Connection, Some(connection)) if own.is_none() => {
                    self.write_connection(writer, connection)
                }
                (What::Connection, _) => {}
                _ => self.write_verbatim(writer, line.text),
            }
        }
        if !timed {
            writer.line(b't', b"0 0");
        }
        if self.is_lite() {
            writer.line(b'a', b"ice-lite");
        }
    }

    fn write_connection(&self, writer: &mut Writer, connection: Connection) {
        match (connection.text, connection.address) {
            (Some(text), _) => self.write_verbatim(writer, text),
            (None, Some(address)) => writer.connection(address),
            (None, None) => {}
        }
    }

    fn write_verbatim(&self, writer: &mut Writer, line: Span) {
        writer.text(self.part(line));
        writer.end();
    }

    /// Begins an m-line: all before its formats.
    fn write_media(&self, writer: &mut Writer, stream: &Stream) {
        writer.begin(b'm');
        writer.text(self.part(stream.name));
        writer.text(b" ");
        writer.number(u64::from(stream.port));
        writer.text(b" ");
        writer.text(match (stream.transport_text, stream.transport) {
            (Some(text), _) => self.part(text),
            (None, Proto::Avpf) => b"RTP/AVPF",
            (None, Proto::Savp) => b"RTP/SAVP",
            (None, Proto::Savpf) => b"RTP/SAVPF",
            (None, Proto::TlsSavp) => b"UDP/TLS/RTP/SAVP",
            (None, Proto::TlsSavpf) => b"UDP/TLS/RTP/SAVPF",
            (None, Proto::Avp | Proto::OtherRtp | Proto::Other) => b"RTP/AVP",
        });
    }

    /// The stream that is negotiated and open.
    fn write_active(&self, writer: &mut Writer, stream: &Stream) {
        self.write_media(writer, stream);
        if stream.is_fax {
            self.write_formats(writer, stream);
        }
        for payload in &stream.payloads {
            writer.text(b" ");
            writer.number(u64::from(payload.shown));
        }
        writer.end();
        let mut told = payload::Numbers::default();
        for line in &stream.lines {
            let of = stream.payloads.iter().find(|payload| line.speaks_of(payload));
            match (line.what, of) {
                (What::Connection, _) => {
                    if let Some(connection) = stream.connection {
                        self.write_connection(writer, connection);
                    }
                }
                (What::Fmtp, Some(payload)) if payload.annex_refused => {
                    write_annex_refused(writer, payload, self.value(line), told.insert(payload.number));
                }
                (What::Rtpmap | What::Fmtp | What::RtcpFb, Some(payload))
                    if payload.shown != payload.number =>
                {
                    begin_attribute(writer, line.what, payload.shown);
                    writer.text(self.value(line));
                    writer.end();
                }
                _ => self.write_verbatim(writer, line.text),
            }
        }
        for payload in stream.payloads.iter().filter(|payload| payload.is_ours) {
            write_ours(writer, payload);
        }
        for payload in stream.payloads.iter().filter(|payload| !payload.is_ours) {
            if payload.annex_refused && told.insert(payload.number) {
                write_annex_refused(writer, payload, &[], true);
            }
        }
        for crypto in stream.keys.as_deref().filter(|_| stream.keys_are_ours).unwrap_or_default() {
            writer.begin(b'a');
            writer.text(b"crypto:");
            writer.text(crypto.write().as_bytes());
            writer.end();
        }
        if let Some(terms) = stream.dtls.as_deref().filter(|_| stream.dtls_is_ours) {
            let address = self.connection_of(stream).and_then(|connection| connection.address);
            terms.write(writer, address.map(|address| SocketAddr::new(address, stream.port)));
        }
        if stream.direction_is_ours {
            writer.line(b'a', direction_name(stream.direction));
        }
        if stream.takes_mux {
            writer.line(b'a', b"rtcp-mux");
        }
    }

    fn write_formats(&self, writer: &mut Writer, stream: &Stream) {
        let formats = self.part(stream.formats).split(|&byte| byte == b' ');
        for format in formats.filter(|format| !format.is_empty()) {
            writer.text(b" ");
            writer.text(format);
        }
    }

    /// Any other stream, as it was written; a closed one says no more than its m-line (RFC 3264 §6) and an
    /// address, if it must have one.
    fn write_other(&self, writer: &mut Writer, stream: &Stream) {
        self.write_media(writer, stream);
        self.write_formats(writer, stream);
        writer.end();
        if stream.port != 0 {
            for line in self
                .part(stream.rest)
                .split(|&byte| byte == b'\n')
                .map(<[u8]>::trim_ascii_end)
                .filter(|line| !line.is_empty())
            {
                writer.text(line);
                writer.end();
            }
        } else if let (None, Some(connection)) = (self.connection, stream.connection) {
            self.write_connection(writer, connection);
        }
    }
}

/// Finds parts of one text.
struct At<'a>(&'a [u8]);

impl At<'_> {
    /// Where `part`, a piece of the text, stands in it. The text is shorter than 2¹⁶.
    fn span(&self, part: &[u8]) -> Span {
        let start = (part.as_ptr() as usize).wrapping_sub(self.0.as_ptr() as usize);
        let end = start.wrapping_add(part.len());
        if end > self.0.len() || start > end {
            return Span::default();
        }
        Span { start: u16::try_from(start).unwrap_or(0), end: u16::try_from(end).unwrap_or(0) }
    }

    /// The whole line of a value: two bytes before it, its letter and `=`.
    fn whole(&self, value: &[u8]) -> Span {
        let span = self.span(value);
        Span { start: span.start.saturating_sub(2), end: span.end }
    }

    fn line(&self, line: &SdpLine<'_>) -> Line {
        let text = self.whole(line.value);
        let bound = |what, payload: u8, value: &[u8]| {
            // An empty value has no place of its own.
            let value = if value.is_empty() { text.end } else { self.span(value).start };
            let is_browsers = line.kind == b'a' && is_browsers(line.value);
            Line { what, payload, kind: line.kind, text, value, is_browsers }
        };
        match line.attribute {
            Some(Attribute::Rtpmap(map)) => bound(What::Rtpmap, map.payload, map.value),
            Some(Attribute::Fmtp { payload, params }) => bound(What::Fmtp, payload, params),
            Some(Attribute::RtcpFb { payload: Some(payload), value }) => bound(What::RtcpFb, payload, value),
            Some(Attribute::Direction(_)) => bound(What::Direction, 0, &[]),
            Some(Attribute::Barred) => bound(What::Barred, 0, &[]),
            Some(Attribute::Other) if is_path(line.value) => bound(What::Path, 0, &[]),
            None if line.kind == b'c' => bound(What::Connection, 0, &[]),
            None if line.kind == b'k' => bound(What::Barred, 0, &[]),
            Some(Attribute::Ptime(_) | Attribute::MaxPtime) => bound(What::PacketTime, 0, &[]),
            Some(Attribute::RtcpFb { payload: None, .. } | Attribute::Other) | None => {
                bound(What::Plain, 0, &[])
            }
        }
    }

    fn connection(&self, connection: &codecs::sdp::Connection<'_>) -> Connection {
        let address = match connection.address {
            Address::Ip(address) => Some(address),
            Address::Host(_) => None,
        };
        Connection { address, text: Some(self.whole(connection.value)) }
    }

    fn stream(&self, sdp: &Sdp<'_>, media: &Media<'_>) -> Stream {
        let is_audio = media.kind == MediaKind::Audio;
        let is_fax = media.kind == MediaKind::Image
            && media.proto_name.eq_ignore_ascii_case(b"udptl")
            && media.formats().any(|format| format.eq_ignore_ascii_case(b"t38"));
        let lines = if is_audio || is_fax { sdp.lines_of(media) } else { &[] };
        let mut has_connection = false;
        // Of the lines of fax nothing was a fault, a second address neither.
        let is_first =
            |line: &Line| line.what != What::Connection || !std::mem::replace(&mut has_connection, true);
        let packet_time = lines.iter().find_map(|line| match line.attribute {
            Some(Attribute::Ptime(ms)) => Some(ms),
            _ => None,
        });
        Stream {
            kind: media.kind,
            port: media.port,
            transport: media.proto,
            direction: sdp.direction_of(media),
            packet_time_ms: packet_time,
            name: self.span(media.name),
            transport_text: Some(self.span(media.proto_name)),
            formats: self.span(media.format_text()),
            connection: media.connection.as_ref().map(|connection| self.connection(connection)),
            payloads: if is_audio { payloads(media, lines) } else { SmallVec::new() },
            is_fax,
            keys: if is_audio { keys(lines) } else { None },
            keys_are_ours: false,
            is_savp: false,
            dtls: if is_audio {
                DtlsTerms::read(media.proto, lines, sdp.session_lines()).map(Arc::new)
            } else {
                None
            },
            dtls_is_ours: false,
            lines: lines.iter().map(|line| self.line(line)).filter(is_first).collect(),
            direction_is_ours: false,
            takes_mux: false,
            stands_for: None,
            transcoding: None,
            rest: if is_audio { Span::default() } else { self.span(sdp.text_of(media)) },
        }
    }
}

/// The keys of a stream that can be taken.
fn keys(lines: &[SdpLine<'_>]) -> Option<Arc<[Crypto]>> {
    let values = lines.iter().filter(|line| line.kind == b'a').filter_map(|line| {
        let (name, value) = line.value.split_at_checked(b"crypto:".len())?;
        name.eq_ignore_ascii_case(b"crypto:").then_some(value)
    });
    let usable: SmallVec<[Crypto; 1]> = values.filter_map(Crypto::read).take(1).collect();
    (!usable.is_empty()).then(|| usable.as_slice().into())
}

/// The payloads of an audio stream, each once.
fn payloads(media: &Media<'_>, lines: &[SdpLine<'_>]) -> SmallVec<[Payload; 8]> {
    let map = PayloadMap::read(lines);
    let mut seen = payload::Numbers::default();
    let fresh = media.payloads().filter(|&number| seen.insert(number));
    fresh
        .map(|number| Payload {
            number,
            shown: number,
            format: map.format(number),
            params: map.params(number),
            annex_refused: false,
            is_ours: false,
        })
        .collect()
}

/// Attributes that name another way to the peer than its address and port: ICE (RFC 8839), a port for RTCP
/// (RFC 3605, RFC 5761).
fn is_path(value: &[u8]) -> bool {
    const NAMES: [&[u8]; 9] = [
        b"rtcp",
        b"candidate",
        b"remote-candidates",
        b"end-of-candidates",
        b"ice-ufrag",
        b"ice-pwd",
        b"ice-options",
        b"ice-lite",
        b"rtcp-mux",
    ];
    let name = value.split(|&byte| byte == b':').next().unwrap_or(value).trim_ascii_end();
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

const fn direction_name(direction: Direction) -> &'static [u8] {
    match direction {
        Direction::SendRecv => b"sendrecv",
        Direction::SendOnly => b"sendonly",
        Direction::RecvOnly => b"recvonly",
        Direction::Inactive => b"inactive",
    }
}

/// `a=NAME:PAYLOAD `
fn begin_attribute(writer: &mut Writer, what: What, payload: u8) {
    writer.begin(b'a');
    writer.text(match what {
        What::Rtpmap => b"rtpmap:",
        What::RtcpFb => b"rtcp-fb:",
        _ => b"fmtp:",
    });
    writer.number(u64::from(payload));
    writer.text(b" ");
}

/// The parameters of a payload without what they say of its annex, and with its refusal if this is the line
/// to `tell` it.
fn write_annex_refused(writer: &mut Writer, payload: &Payload, params: &[u8], tell: bool) {
    let annex: &[u8] = if payload.format == Format::Codec(Codec::G723) { b"annexa" } else { b"annexb" };
    let kept = payload::split_params(params)
        .filter(|(name, _)| !name.eq_ignore_ascii_case(annex))
        .map(|(_, param)| param);
    let mut others = kept.peekable();
    if !tell && others.peek().is_none() {
        return;
    }
    begin_attribute(writer, What::Fmtp, payload.shown);
    while let Some(param) = others.next() {
        writer.text(param);
        if tell || others.peek().is_some() {
            writer.text(b";");
        }
    }
    if tell {
        writer.text(annex);
        writer.text(b"=no");
    }
    writer.end();
}

/// What we say of it: nothing comes from us while nobody speaks, since whether a side is silent shows
/// whether its call lives.
fn write_ours(writer: &mut Writer, payload: &Payload) {
    let Some(codec) = payload.format.codec() else { return };
    begin_attribute(writer, What::Rtpmap, payload.shown);
    writer.text(codec.name().as_bytes());
    writer.text(b"/");
    writer.number(u64::from(codec.clock_hz()));
    if codec.channels() != 1 {
        writer.text(b"/");
        writer.number(u64::from(codec.channels()));
    }
    writer.end();
    let params: &[u8] = match codec {
        Codec::Pcmu | Codec::Pcma => return,
        Codec::G729 => b"annexb=no",
        Codec::G723 => b"annexa=no",
        // What is made of it has no more than 8,000 samples a second (RFC 7587 §6.1).
        Codec::Opus => b"maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1",
    };
    begin_attribute(writer, What::Fmtp, payload.shown);
    writer.text(params);
    writer.end();
}
