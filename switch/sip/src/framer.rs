//! Cuts a byte stream into messages (RFC 3261 §7.5, §18.3; keep-alives of RFC 5626 §4.4.1).
//! Invariant: the buffer never grows beyond [`MAX_BUFFER`]; after a fatal error nothing more comes out.

use bytes::{Buf, Bytes, BytesMut};

use crate::lexer::{Index, Length, MAX_MESSAGE};
use crate::{Fault, Message, ParseError};

/// Bytes of the longest head taken from a stream.
pub const MAX_STREAM_HEAD: usize = 16 * 1024;
/// Bytes held at most: one whole message and one read behind it.
pub const MAX_BUFFER: usize = 2 * 64 * 1024;

/// What came out of a stream.
// a frame is handled at once and never stored: a box would cost an allocation for each message
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
pub enum Frame {
    /// A whole message, not yet checked.
    Message(Message),
    /// CR LF CR LF: answer with one CR LF ([`PONG`]).
    Ping,
}

/// The answer to [`Frame::Ping`].
pub const PONG: &[u8] = b"\r\n";

/// A frame that is no message.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct FrameError {
    /// The fault, with the salvaged request if it can be answered.
    pub error: ParseError,
    /// The stream cannot be trusted any more: answer, then close.
    pub close: bool,
}

/// The reading side of one TCP or TLS connection.
#[derive(Debug, Default)]
pub struct Framer {
    buf: BytesMut,
    /// Bytes already searched for the blank line.
    searched: usize,
    /// Length of the message at the front once its head was read.
    needed: Option<usize>,
    closed: bool,
    overflow: bool,
}

impl Framer {
    /// An empty framer.
    pub fn new() -> Framer {
        Framer::default()
    }

    /// Takes what was read. Drain [`Framer::next`] after every call: more than [`MAX_BUFFER`] undrained bytes
    /// are an error.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.closed {
            return;
        }
        if self.buf.len() + bytes.len() > MAX_BUFFER {
            self.overflow = true;
            return;
        }
        self.buf.extend_from_slice(bytes);
    }

    /// True when a message has begun but not ended: its sender owes bytes (idle timers apply).
    pub fn is_partial(&self) -> bool {
        !self.closed && self.buf.iter().any(|&byte| byte != b'\r' && byte != b'\n')
    }

    /// The next frame; `None` when more bytes are needed or the stream is closed.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Option<Result<Frame, FrameError>> {
        if self.closed {
            return None;
        }
        if self.overflow {
            return Some(Err(self.fatal(ParseError::new(Fault::TooLarge, None))));
        }
        if self.needed.is_none() && self.take_ping() {
            return Some(Ok(Frame::Ping));
        }
        if self.buf.is_empty() {
            return None;
        }
        match self.needed {
            Some(needed) if self.buf.len() < needed => None,
            Some(needed) => {
                let frame = self.cut(needed);
                let index = Index::new(&frame);
                Some(self.finish(frame, index))
            }
            None => self.read_head(),
        }
    }

    /// Drops line ends at the front; true when they are a ping.
    fn take_ping(&mut self) -> bool {
        loop {
            if self.buf.starts_with(b"\r\n\r\n") {
                self.advance(4);
                return true;
            }
            // a lone CR LF is a pong, but it may also be the first half of a ping
            if self.buf.starts_with(b"\r\n")
                && self.buf.len() > 2
                && !b"\r\n".starts_with(&self.buf[2..self.buf.len().min(4)])
            {
                self.advance(2);
                continue;
            }
            return false;
        }
    }

    fn read_head(&mut self) -> Option<Result<Frame, FrameError>> {
        if self.buf.len() <= 3 && b"\r\n\r".starts_with(&self.buf) {
            return None;
        }
        let from = self.searched.saturating_sub(3);
        let end = memchr::memmem::find(&self.buf[from..], b"\n\r\n").map(|at| from + at + 3);
        let bare = memchr::memmem::find(&self.buf[from..], b"\n\n").map(|at| from + at + 2);
        self.searched = self.buf.len();
        let Some(head) = end.into_iter().chain(bare).min() else {
            if self.buf.len() > MAX_STREAM_HEAD {
                return Some(Err(self.fatal(ParseError::new(Fault::TooLarge, None))));
            }
            return None;
        };
        if head > MAX_STREAM_HEAD {
            return Some(Err(self.fatal(ParseError::new(Fault::TooLarge, None))));
        }
        // the index covers the head only, so its offsets hold whatever arrives behind it
        let index = Index::new(&self.buf[..head]);
        match index.length {
            Length::Bytes(body) if self.sound(&index) && head.saturating_add(body) <= MAX_MESSAGE => {
                let needed = head + body;
                if self.buf.len() < needed {
                    self.needed = Some(needed);
                    return None;
                }
                let frame = self.cut(needed);
                Some(self.finish(frame, index))
            }
            Length::Bytes(_) | Length::Absent | Length::Bad => {
                Some(Err(self.refuse(head, index, Fault::ContentLength)))
            }
        }
    }

    /// Faults of the lines themselves leave the message's end in doubt.
    fn sound(&self, index: &Index) -> bool {
        match index.fault {
            None => true,
            Some(fault) => !matches!(
                fault,
                Fault::LineEnd
                    | Fault::Unterminated
                    | Fault::HeaderLine
                    | Fault::TooManyHeaders
                    | Fault::NotSip
                    | Fault::Control
            ),
        }
    }

    fn finish(&mut self, frame: Bytes, index: Index) -> Result<Frame, FrameError> {
        let body = frame.len() - index.body.min(frame.len());
        match Message::assemble(frame, index, body, None) {
            Ok(message) => Ok(Frame::Message(message)),
            Err(error) => Err(FrameError { error, close: false }),
        }
    }

    fn refuse(&mut self, head: usize, index: Index, fault: Fault) -> FrameError {
        let frame = self.cut(head);
        let error = match Message::assemble(frame, index, 0, Some(fault)) {
            Ok(_) => ParseError::new(fault, None),
            Err(error) => error,
        };
        self.fatal(error)
    }

    fn fatal(&mut self, error: ParseError) -> FrameError {
        self.closed = true;
        self.buf = BytesMut::new();
        FrameError { error, close: true }
    }

    fn cut(&mut self, length: usize) -> Bytes {
        self.searched = 0;
        self.needed = None;
        self.buf.split_to(length).freeze()
    }

    fn advance(&mut self, bytes: usize) {
        self.searched = 0;
        self.buf.advance(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Method, Name};

    const OPTIONS: &str = "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nl: 3\r\n\r\nabc";

    /// Everything that comes out, as letters: M a message, P a ping, E an error, X an error that closes.
    fn letters(framer: &mut Framer) -> String {
        std::iter::from_fn(|| framer.next())
            .map(|frame| match frame {
                Ok(Frame::Message(_)) => 'M',
                Ok(Frame::Ping) => 'P',
                Err(failed) => {
                    if failed.close {
                        'X'
                    } else {
                        'E'
                    }
                }
            })
            .collect()
    }

    fn run(wire: &[u8], piece: usize) -> String {
        let mut framer = Framer::new();
        let mut out = String::new();
        for bytes in wire.chunks(piece) {
            framer.push(bytes);
            out.push_str(&letters(&mut framer));
        }
        out
    }

    #[test]
    fn streams_in_pieces() {
        // wire, frames
        let table = [
            (OPTIONS.to_owned(), "M"),
            (format!("{OPTIONS}{OPTIONS}\r\n\r\n{OPTIONS}"), "MMPM"),
            ("\r\n\r\n".to_owned(), "P"),
            ("\r\n\r\n\r\n\r\n".to_owned(), "PP"),
            ("\r\n".to_owned(), ""),
            (format!("\r\n{OPTIONS}"), "M"),
            (format!("\r\n\r\n\r\n{OPTIONS}"), "PM"),
            (OPTIONS.replace("l: 3\r\n", ""), "X"),
            (OPTIONS.replace("l: 3", "l: -3") + OPTIONS, "X"),
            (OPTIONS.replace("l: 3", "l: 4294967296") + OPTIONS, "X"),
            (OPTIONS.replace("l: 3", "l: 99999") + OPTIONS, "X"),
            (OPTIONS.replace("l: 3", "l: 3\r\nl: 4") + OPTIONS, "X"),
            (OPTIONS.replace("l: 3", "l: 3\nX: 4") + OPTIONS, "X"),
            // a fault that leaves the end of the message known
            (OPTIONS.replace("2.0\r\n", "7.0\r\n") + OPTIONS, "EM"),
            ("\n\nGET / HTTP/1.1\r\n\r\n".to_owned(), "X"),
        ];
        for (wire, frames) in table {
            for piece in [1, 2, 3, 5, 64, 4096] {
                assert_eq!(run(wire.as_bytes(), piece), frames, "{wire:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn heads_and_buffers_are_bounded() {
        let mut framer = Framer::new();
        framer.push(b"OPTIONS sip:h SIP/2.0\r\n");
        assert!(framer.is_partial());
        let mut out = String::new();
        for _ in 0..400 {
            framer.push(b"X-Padding: 0123456789012345678901234567890123456789\r\n");
            out.push_str(&letters(&mut framer));
            assert!(framer.buf.len() <= MAX_STREAM_HEAD + 64);
        }
        assert_eq!((out.as_str(), framer.is_partial()), ("X", false));
        let mut framer = Framer::new();
        for _ in 0..4 {
            framer.push(&[b'x'; 64 * 1024]);
        }
        assert_eq!(letters(&mut framer), "X");
        framer.push(OPTIONS.as_bytes());
        assert_eq!(letters(&mut framer), "");
    }

    #[test]
    fn a_lone_line_end_is_no_partial_message() {
        let mut framer = Framer::new();
        framer.push(b"\r\n");
        assert!(framer.next().is_none());
        assert!(!framer.is_partial());
    }

    #[test]
    fn bodies_up_to_the_limit_pass() {
        let head = "MESSAGE sip:h SIP/2.0\r\nVia: SIP/2.0/TCP h\r\nContent-Length: 65000\r\n\r\n";
        let mut framer = Framer::new();
        framer.push(head.as_bytes());
        assert!(framer.next().is_none());
        framer.push(&[b'b'; 65_000]);
        match framer.next() {
            Some(Ok(Frame::Message(message))) => {
                assert_eq!(
                    (message.method(), message.body().len(), message.header(Name::Via)),
                    (Method::Message, 65_000, Some("SIP/2.0/TCP h"))
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
