//! The m-line: media type, port, transport and formats (RFC 8866 §5.14).
//! Invariant: the formats of an audio stream over an RTP transport are payload numbers, 0 to 127.

use super::fault::{FORMATS_MAX, Fault, NAME_BYTES_MAX};
use super::field::{self, Connection};

/// The media type of an m-line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MediaKind {
    /// `audio`.
    Audio,
    /// `video`.
    Video,
    /// `image`, as T.38 fax has it.
    Image,
    /// `text`.
    Text,
    /// `application`.
    Application,
    /// `message`.
    Message,
    /// Any other.
    Other,
}

impl MediaKind {
    fn of(name: &[u8]) -> Self {
        const KINDS: [(&[u8], MediaKind); 6] = [
            (b"audio", MediaKind::Audio),
            (b"video", MediaKind::Video),
            (b"image", MediaKind::Image),
            (b"text", MediaKind::Text),
            (b"application", MediaKind::Application),
            (b"message", MediaKind::Message),
        ];
        KINDS
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or(Self::Other, |&(_, kind)| kind)
    }
}

/// The transport of an m-line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proto {
    /// `RTP/AVP` (RFC 3551).
    Avp,
    /// `RTP/AVPF` (RFC 4585).
    Avpf,
    /// `RTP/SAVP` (RFC 3711).
    Savp,
    /// `RTP/SAVPF` (RFC 5124).
    Savpf,
    /// `UDP/TLS/RTP/SAVP` (RFC 5764 §8).
    TlsSavp,
    /// `UDP/TLS/RTP/SAVPF`.
    TlsSavpf,
    /// Any other that carries RTP: formats are payload numbers.
    OtherRtp,
    /// Anything else, as `udptl`.
    Other,
}

impl Proto {
    fn of(name: &[u8]) -> Self {
        if name.eq_ignore_ascii_case(b"RTP/AVP") {
            Self::Avp
        } else if name.eq_ignore_ascii_case(b"RTP/AVPF") {
            Self::Avpf
        } else if name.eq_ignore_ascii_case(b"RTP/SAVP") {
            Self::Savp
        } else if name.eq_ignore_ascii_case(b"RTP/SAVPF") {
            Self::Savpf
        } else if name.eq_ignore_ascii_case(b"UDP/TLS/RTP/SAVP") {
            Self::TlsSavp
        } else if name.eq_ignore_ascii_case(b"UDP/TLS/RTP/SAVPF") {
            Self::TlsSavpf
        } else if name.windows(4).any(|part| part.eq_ignore_ascii_case(b"RTP/")) {
            Self::OtherRtp
        } else {
            Self::Other
        }
    }

    /// Whether formats are RTP payload numbers.
    pub const fn is_rtp(self) -> bool {
        !matches!(self, Self::Other)
    }
}

/// One m-line. Its further lines come from [`super::Sdp::lines_of`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Media<'a> {
    /// Media type.
    pub kind: MediaKind,
    /// Media type as written.
    pub name: &'a [u8],
    /// Port; 0 closes the stream.
    pub port: u16,
    /// Number of ports, 1 unless written.
    pub port_count: u16,
    /// Transport.
    pub proto: Proto,
    /// Transport as written.
    pub proto_name: &'a [u8],
    /// The `c=` line of this stream, without the session's.
    pub connection: Option<Connection<'a>>,
    formats: &'a [u8],
    pub(super) first_line: usize,
    pub(super) end_line: usize,
    /// Where its text begins and ends in the body; 0 until that is known.
    pub(super) text_start: usize,
    pub(super) text_end: usize,
}

impl<'a> Media<'a> {
    pub(super) fn parse(value: &'a [u8], first_line: usize) -> Result<Self, Fault> {
        let (name, rest) = field::token(value).ok_or(Fault::Media)?;
        let (ports, rest) = field::token(rest).ok_or(Fault::Media)?;
        let (proto_name, formats) = field::token(rest).ok_or(Fault::Media)?;
        if name.len() > NAME_BYTES_MAX || proto_name.len() > NAME_BYTES_MAX {
            return Err(Fault::Media);
        }
        let (port, port_count) = match ports.iter().position(|&byte| byte == b'/') {
            None => (field::number(ports), Some(1)),
            Some(slash) => (
                field::number(&ports[..slash]),
                field::number(&ports[slash + 1..]).filter(|&count| count > 0),
            ),
        };
        let (Some(port), Some(port_count)) = (
            port.and_then(|port| u16::try_from(port).ok()),
            port_count.and_then(|count| u16::try_from(count).ok()),
        ) else {
            return Err(Fault::Media);
        };
        let proto = Proto::of(proto_name);
        let media = Self {
            kind: MediaKind::of(name),
            name,
            port,
            port_count,
            proto,
            proto_name,
            connection: None,
            formats,
            first_line,
            end_line: first_line,
            text_start: 0,
            text_end: 0,
        };
        if media.kind != MediaKind::Audio {
            return if formats.trim_ascii().is_empty() { Err(Fault::Media) } else { Ok(media) };
        }
        let mut count = 0;
        for format in media.formats() {
            count += 1;
            if count > FORMATS_MAX {
                return Err(Fault::TooMany("formats"));
            }
            if proto.is_rtp() && field::payload_number(format).is_none() {
                return Err(Fault::Payload);
            }
        }
        if count == 0 { Err(Fault::Media) } else { Ok(media) }
    }

    /// The formats as written, in order.
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        field::tokens(self.formats)
    }

    /// All formats in one text, as written.
    pub const fn format_text(&self) -> &'a [u8] {
        self.formats
    }

    /// The payload numbers in order; nothing for a transport that carries no RTP.
    pub fn payloads(&self) -> impl Iterator<Item = u8> + use<'a> {
        let formats: &'a [u8] = if self.proto.is_rtp() { self.formats } else { &[] };
        field::tokens(formats).filter_map(field::payload_number)
    }
}
