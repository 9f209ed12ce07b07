//! SDP (RFC 8866) as offer and answer use it: a parser over the body's own bytes and a bounded writer.
//! Lines that we do not understand stay, in order. Invariant: every count and length has a limit below, and
//! no input panics.

mod fault;
mod field;
mod line;
mod media;
mod write;

pub use fault::{
    ATTRIBUTES_MAX, FORMATS_MAX, Fault, LINE_BYTES_MAX, MEDIA_MAX, NAME_BYTES_MAX, OTHER_LINES_MAX,
    SDP_BYTES_MAX, SDP_WRITTEN_MAX, SdpError,
};
pub use field::{Address, Connection, Origin};
pub use line::{Attribute, Direction, Line, Rtpmap};
pub use media::{Media, MediaKind, Proto};
pub use write::Writer;

/// A parsed SDP; all of it borrows from the body.
#[derive(Clone, Debug)]
pub struct Sdp<'a> {
    /// The `o=` line.
    pub origin: Origin<'a>,
    /// The session's `c=` line, which holds for streams without one.
    pub connection: Option<Connection<'a>>,
    body: &'a [u8],
    lines: Vec<Line<'a>>,
    session_end: usize,
    media: Vec<Media<'a>>,
}

impl<'a> Sdp<'a> {
    /// Parses a body. Lines end with CRLF or LF, the last one may lack its end; `s=` and `t=` may be missing,
    /// since equipment forgets them.
    ///
    /// The session part and audio streams are read strictly. What stands below the m-line of another stream
    /// is never a fault: a video stream of many or strange attributes must not cost the audio beside it. Only
    /// a line of no form at all is: the text may be cut off.
    pub fn parse(body: &'a [u8]) -> Result<Self, SdpError> {
        if body.len() > SDP_BYTES_MAX {
            return Err(SdpError::TooLong);
        }
        let clean = field::is_clean(body);
        let mut parser = Parser::new(body.len());
        let mut rest = body;
        while !rest.is_empty() {
            let length_max = if parser.lenient { SDP_BYTES_MAX } else { LINE_BYTES_MAX };
            let (line, after) =
                field::split_line(rest, clean, length_max).map_err(|fault| parser.error(fault))?;
            if line.is_empty() {
                // Blank lines after the last one are harmless, anywhere else they would hide what follows.
                let blank = after.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
                if blank && !parser.lines.is_empty() {
                    break;
                }
            }
            let streams = parser.media.len();
            parser.line(line).map_err(|fault| parser.error(fault))?;
            if parser.media.len() > streams {
                parser.begin_text(body.len() - rest.len(), body.len() - after.len());
            }
            rest = after;
        }
        if let Some(last) = parser.media.last_mut() {
            last.text_end = body.len() - rest.len();
        }
        parser.finish(body)
    }

    /// Every line of the session part, `v=` first.
    pub fn session_lines(&self) -> &[Line<'a>] {
        self.lines.get(..self.session_end).unwrap_or(&[])
    }

    /// The m-lines in order.
    pub fn media(&self) -> &[Media<'a>] {
        &self.media
    }

    /// The lines below an m-line, itself not among them.
    pub fn lines_of(&self, media: &Media<'a>) -> &[Line<'a>] {
        self.lines.get(media.first_line..media.end_line).unwrap_or(&[])
    }

    /// All text below an m-line as it was written, line ends included.
    pub fn text_of(&self, media: &Media<'a>) -> &'a [u8] {
        self.body.get(media.text_start..media.text_end).unwrap_or(&[])
    }

    /// Where a stream wants its media: its own `c=` line, else the session's.
    pub fn connection_of(&self, media: &Media<'a>) -> Option<Connection<'a>> {
        media.connection.or(self.connection)
    }

    /// The direction of a stream: its own attribute, else the session's, else both ways.
    pub fn direction_of(&self, media: &Media<'a>) -> Direction {
        let last = |lines: &[Line<'a>]| {
            lines.iter().rev().find_map(|line| match line.attribute {
                Some(Attribute::Direction(direction)) => Some(direction),
                _ => None,
            })
        };
        last(self.lines_of(media)).or_else(|| last(self.session_lines())).unwrap_or_default()
    }
}

/// State of one pass over the lines.
struct Parser<'a> {
    lines: Vec<Line<'a>>,
    media: Vec<Media<'a>>,
    origin: Option<Origin<'a>>,
    connection: Option<Connection<'a>>,
    session_end: Option<usize>,
    attributes: usize,
    others: usize,
    named: bool,
    timed: bool,
    /// The section being read belongs to a stream that is not audio.
    lenient: bool,
}

impl<'a> Parser<'a> {
    fn new(bytes: usize) -> Self {
        Self {
            // A line of ordinary SDP is some 20 bytes long.
            lines: Vec::with_capacity(bytes / 16 + 4),
            media: Vec::with_capacity(2),
            origin: None,
            connection: None,
            session_end: None,
            attributes: 0,
            others: 0,
            named: false,
            timed: false,
            lenient: false,
        }
    }

    /// The m-line just read stands from `line_start` to `text_start`: the text of the stream before it ends
    /// there, its own begins.
    fn begin_text(&mut self, line_start: usize, text_start: usize) {
        if let [.., before, last] = self.media.as_mut_slice() {
            before.text_end = line_start;
            (last.text_start, last.text_end) = (text_start, text_start);
        } else if let Some(first) = self.media.last_mut() {
            (first.text_start, first.text_end) = (text_start, text_start);
        }
    }

    /// The error for the line being read.
    fn error(&self, fault: Fault) -> SdpError {
        let line = self.lines.len().saturating_add(self.media.len()).saturating_add(1);
        SdpError::Line { line: u16::try_from(line).unwrap_or(u16::MAX), fault }
    }

    fn line(&mut self, text: &'a [u8]) -> Result<(), Fault> {
        let (&kind, value) = match text {
            [kind, b'=', value @ ..] if kind.is_ascii_alphabetic() => (kind, value),
            _ => return Err(if self.lines.is_empty() { Fault::Version } else { Fault::Form }),
        };
        if self.lines.is_empty() {
            return if kind == b'v' && value.trim_ascii() == b"0" {
                self.push(Line::plain(kind, value))
            } else {
                Err(Fault::Version)
            };
        }
        match kind {
            b'm' => self.open_media(value),
            _ if self.lenient => {
                self.line_of_other(kind, value);
                Ok(())
            }
            b'v' => Err(Fault::Repeated('v')),
            b'a' => {
                let rtp = self.media.last().is_none_or(|media| media.proto.is_rtp());
                let line = Line::attribute(value, rtp)?;
                self.attributes += 1;
                if self.attributes > ATTRIBUTES_MAX {
                    Err(Fault::TooMany("attributes"))
                } else {
                    self.push(line)
                }
            }
            b'c' => {
                let connection = Connection::parse(value).ok_or(Fault::Connection)?;
                let slot = self.media.last_mut().map_or(&mut self.connection, |media| &mut media.connection);
                match slot.replace(connection) {
                    Some(_) => Err(Fault::Repeated('c')),
                    None => self.push(Line::plain(kind, value)),
                }
            }
            b'o' => match self.origin.replace(Origin::parse(value).ok_or(Fault::Origin)?) {
                Some(_) => Err(Fault::Repeated('o')),
                None if self.media.is_empty() => self.push(Line::plain(kind, value)),
                None => Err(Fault::Origin),
            },
            _ => self.push(Line::plain(kind, value)),
        }
    }

    /// A line below the m-line of a stream that is not audio: what cannot be read, or is too much, says
    /// nothing.
    fn line_of_other(&mut self, kind: u8, value: &'a [u8]) {
        if self.attributes + self.others > ATTRIBUTES_MAX {
            return;
        }
        let Some(media) = self.media.last_mut() else { return };
        let line = match kind {
            b'a' => Line::attribute(value, media.proto.is_rtp()).unwrap_or_else(|_| Line::unread(value)),
            b'c' => {
                media.connection = media.connection.or_else(|| Connection::parse(value));
                Line::plain(kind, value)
            }
            _ => Line::plain(kind, value),
        };
        self.attributes += 1;
        self.lines.push(line);
    }

    fn push(&mut self, line: Line<'a>) -> Result<(), Fault> {
        let exempt = match line.kind {
            b'a' => true,
            b's' if self.media.is_empty() => !std::mem::replace(&mut self.named, true),
            b't' if self.media.is_empty() => !std::mem::replace(&mut self.timed, true),
            _ => false,
        };
        if !exempt {
            self.others += 1;
            if self.others > OTHER_LINES_MAX {
                return Err(Fault::TooMany("lines"));
            }
        }
        self.lines.push(line);
        Ok(())
    }

    fn open_media(&mut self, value: &'a [u8]) -> Result<(), Fault> {
        if self.media.len() >= MEDIA_MAX {
            return Err(Fault::TooMany("m-lines"));
        }
        let media = Media::parse(value, self.lines.len())?;
        self.close_section();
        self.lenient = media.kind != MediaKind::Audio;
        self.media.push(media);
        Ok(())
    }

    /// Ends the session part or the last m-line's at the lines read so far.
    fn close_section(&mut self) {
        let end = self.lines.len();
        match self.media.last_mut() {
            Some(media) => media.end_line = end,
            None => self.session_end = Some(end),
        }
        self.attributes = 0;
        self.others = 0;
    }

    fn finish(mut self, body: &'a [u8]) -> Result<Sdp<'a>, SdpError> {
        if self.lines.is_empty() {
            return Err(SdpError::Empty);
        }
        self.close_section();
        let origin = self.origin.ok_or(SdpError::Missing('o'))?;
        let session_end = self.session_end.unwrap_or(0);
        Ok(Sdp {
            origin,
            connection: self.connection,
            body,
            lines: self.lines,
            session_end,
            media: self.media,
        })
    }
}

#[cfg(test)]
mod tests;
