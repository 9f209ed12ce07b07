//! One pass over a message's head (RFC 3261 §7, §25): finds lines, names and values, copies nothing.
//! Invariant: all offsets lie inside the buffer and fit `u16`; the first fault is kept and indexing goes on,
//! so that a malformed request can still be answered.

use memchr::{memchr, memchr_iter, memrchr};
use smallvec::SmallVec;

use crate::chars::{is_blank, is_token};
use crate::{Fault, Method, Name};

/// Bytes of the longest message taken, head and body.
pub const MAX_MESSAGE: usize = 65_535;
/// Header lines of one message.
pub const MAX_HEADERS: usize = 96;
/// Headers indexed without an allocation.
const INLINE_HEADERS: usize = 24;

/// A range of the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u16,
    pub(crate) end: u16,
}

impl Span {
    /// Offsets above `u16::MAX` cannot occur: longer buffers are refused before indexing.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u16, end: end as u16 }
    }

    #[inline]
    pub(crate) fn of(self, buf: &[u8]) -> &[u8] {
        buf.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn text(self, head: &str) -> &str {
        head.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }
}

/// One header: its name, the name's bytes and the value's bytes without the blanks around it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) name: Name,
    folded: bool,
    pub(crate) text: Span,
    pub(crate) value: Span,
}

/// The first line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Unknown,
    Request { method: Method, text: Span, uri: Span },
    Response { status: u16, reason: Span },
}

/// What Content-Length says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Absent,
    Bad,
    Bytes(usize),
}

/// Where everything is.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) start: Start,
    pub(crate) headers: SmallVec<[Header; INLINE_HEADERS]>,
    /// Names seen, and names seen more than once, as [`Name::bit`] sets.
    pub(crate) seen: u128,
    pub(crate) repeated: u128,
    /// Offset of the first body byte.
    pub(crate) body: usize,
    pub(crate) length: Length,
    pub(crate) fault: Option<Fault>,
    /// Some value runs over several lines: line ends must be blanked before use.
    pub(crate) folded: bool,
    /// A byte of 0x80 or above stands in the head.
    pub(crate) high: bool,
}

impl Index {
    /// Indexes `buf`, which must not be longer than [`MAX_MESSAGE`].
    pub(crate) fn new(buf: &[u8]) -> Index {
        let mut index = Index {
            start: Start::Unknown,
            headers: SmallVec::new(),
            seen: 0,
            repeated: 0,
            body: buf.len(),
            length: Length::Absent,
            fault: None,
            folded: false,
            high: false,
        };
        if buf.len() > MAX_MESSAGE {
            index.fail(Fault::TooLarge);
            return index;
        }
        let first = buf.iter().position(|&byte| byte != b'\r' && byte != b'\n').unwrap_or(buf.len());
        if first == buf.len() {
            index.fail(Fault::Empty);
            return index;
        }
        let lines = index.lines(buf, first);
        index.controls(buf, first, lines);
        index.length = index.content_length(buf);
        index
    }

    #[inline]
    fn fail(&mut self, fault: Fault) {
        if self.fault.is_none() {
            self.fault = Some(fault);
        }
    }

    /// Indexes every line and counts them, the blank one included.
    fn lines(&mut self, buf: &[u8], first: usize) -> usize {
        let mut at = first;
        let mut lines = 0;
        let mut attach = false;
        for feed in memchr_iter(b'\n', buf.get(first..).unwrap_or_default()) {
            let feed = first + feed;
            let end = if feed > at && buf[feed - 1] == b'\r' {
                feed - 1
            } else {
                self.fail(Fault::LineEnd);
                feed
            };
            let line_start = at;
            at = feed + 1;
            lines += 1;
            if end == line_start {
                self.body = at;
                return lines;
            }
            if line_start == first {
                self.start_line(buf, line_start, end);
            } else if is_blank(buf[line_start]) {
                self.continuation(buf, line_start, end, attach);
            } else {
                attach = self.header_line(buf, line_start, end);
            }
        }
        if at == first {
            self.fail(Fault::NotSip);
        }
        self.fail(Fault::Unterminated);
        lines
    }

    #[inline]
    fn header_line(&mut self, buf: &[u8], start: usize, end: usize) -> bool {
        let line = &buf[start..end];
        let length = line.iter().position(|&byte| !is_token(byte)).unwrap_or(line.len());
        let colon =
            length + line[length..].iter().position(|&byte| !is_blank(byte)).unwrap_or(line.len() - length);
        if length == 0 || line.get(colon) != Some(&b':') {
            self.fail(Fault::HeaderLine);
            return false;
        }
        if self.headers.len() == MAX_HEADERS {
            self.fail(Fault::TooManyHeaders);
            return false;
        }
        let name = Name::from_bytes(&line[..length]);
        if name != Name::Other {
            self.repeated |= self.seen & name.bit();
            self.seen |= name.bit();
        }
        let value = trimmed(buf, start + colon + 1, end);
        self.headers.push(Header { name, folded: false, text: Span::new(start, start + length), value });
        true
    }

    fn continuation(&mut self, buf: &[u8], start: usize, end: usize, attach: bool) {
        match self.headers.last_mut() {
            Some(last) if attach => {
                last.folded = true;
                self.folded = true;
                let joined = trimmed(buf, usize::from(last.value.start), end);
                // a blank continuation adds nothing
                if usize::from(joined.end) > start {
                    last.value = joined;
                }
            }
            Some(_) | None => self.fail(Fault::HeaderLine),
        }
    }

    fn start_line(&mut self, buf: &[u8], start: usize, end: usize) {
        let line = &buf[start..end];
        if line.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/")) {
            return self.status_line(buf, start, end);
        }
        let Some(version_at) = find_version(line) else { return self.fail(Fault::NotSip) };
        let Some(method_end) = memchr(b' ', line).filter(|&at| at > 0 && at < version_at) else {
            return self.fail(Fault::NotSip);
        };
        if !line[..method_end].iter().all(|&byte| is_token(byte)) {
            return self.fail(Fault::NotSip);
        }
        // line[version_at] is the blank before the version
        let uri = Span::new(start + method_end + 1, start + version_at.max(method_end + 1));
        self.start = Start::Request {
            method: Method::from_bytes(&line[..method_end]),
            text: Span::new(start, start + method_end),
            uri,
        };
        let version = &line[version_at + 1..];
        let bare = version.trim_ascii_end();
        if !bare.eq_ignore_ascii_case(b"SIP/2.0") {
            self.fail(Fault::Version);
        } else if bare.len() != version.len()
            || uri.of(buf).iter().any(|&byte| is_blank(byte))
            || uri.start == uri.end
        {
            self.fail(Fault::RequestLine);
        }
    }

    fn status_line(&mut self, buf: &[u8], start: usize, end: usize) {
        let line = &buf[start..end];
        let Some(rest) = line.get(7..).filter(|_| line[..7].eq_ignore_ascii_case(b"SIP/2.0")) else {
            return self.fail(Fault::Version);
        };
        match rest {
            [b' ', c @ b'1'..=b'6', d @ b'0'..=b'9', u @ b'0'..=b'9', tail @ ..]
                if tail.first().is_none_or(|&byte| byte == b' ') =>
            {
                let status = u16::from(c - b'0') * 100 + u16::from(d - b'0') * 10 + u16::from(u - b'0');
                self.start = Start::Response { status, reason: trimmed(buf, start + 11, end) };
            }
            _ => self.fail(Fault::StatusCode),
        }
    }

    /// Control bytes may stand in a head only as CR LF, as tab, and escaped in quoted strings (§25.1
    /// `quoted-pair`). A head with two of them for each line has no other.
    fn controls(&mut self, buf: &[u8], first: usize, lines: usize) {
        let head = &buf[first..self.body];
        self.high = !head.is_ascii();
        // sums of bytes over short chunks: this form runs sixteen bytes at a time
        let control = |&byte: &u8| u8::from((byte < 0x20) | (byte == 0x7f));
        let controls: usize =
            head.chunks(240).map(|chunk| usize::from(chunk.iter().map(control).sum::<u8>())).sum();
        if controls != 2 * lines {
            self.controls_slowly(head);
        }
    }

    fn controls_slowly(&mut self, head: &[u8]) {
        let mut quoted = false;
        let mut escaped = false;
        for (at, &byte) in head.iter().enumerate() {
            let line_end = byte == b'\n' || (byte == b'\r' && head.get(at + 1) == Some(&b'\n'));
            if line_end {
                // quotes may run over a fold but never into the next header
                quoted &= head.get(at + 1).is_some_and(|&next| next == b'\n' || is_blank(next));
                escaped = false;
                continue;
            }
            let control = (byte < 0x20 && byte != b'\t') || byte == 0x7f;
            if control && !(quoted && escaped && byte != b'\r') {
                return self.fail(Fault::Control);
            }
            if byte == b'"' && !escaped {
                quoted = !quoted;
            }
            escaped = byte == b'\\' && !escaped && quoted;
        }
    }

    fn content_length(&self, buf: &[u8]) -> Length {
        if self.seen & Name::ContentLength.bit() == 0 {
            return Length::Absent;
        }
        if self.repeated & Name::ContentLength.bit() != 0 {
            return Length::Bad;
        }
        let Some(header) = self.headers.iter().find(|header| header.name == Name::ContentLength) else {
            return Length::Absent;
        };
        let digits = header.value.of(buf).trim_ascii();
        if digits.is_empty() || digits.len() > 10 {
            return Length::Bad;
        }
        let mut bytes = 0usize;
        for &digit in digits {
            if !digit.is_ascii_digit() {
                return Length::Bad;
            }
            bytes = bytes.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
        }
        Length::Bytes(bytes)
    }

    /// Blanks the line ends of folded values in `buf` and trims the values anew.
    pub(crate) fn unfold(&mut self, buf: &mut [u8]) {
        for header in self.headers.iter_mut().filter(|header| header.folded) {
            let (start, end) = (usize::from(header.value.start), usize::from(header.value.end));
            for byte in buf.get_mut(start..end).unwrap_or_default() {
                if *byte == b'\r' || *byte == b'\n' {
                    *byte = b' ';
                }
            }
            header.value = trimmed(buf, start, end);
        }
    }
}

/// Position of the blank before the version, which is the last part of a request line, trailing blanks aside.
fn find_version(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_end();
    let at = memrchr(b' ', line)?;
    line[at + 1..].get(..4).filter(|head| head.eq_ignore_ascii_case(b"SIP/"))?;
    Some(at)
}

/// The span without spaces, tabs and line ends on both sides.
#[inline]
fn trimmed(buf: &[u8], mut start: usize, mut end: usize) -> Span {
    let blank = |byte: u8| is_blank(byte) || byte == b'\r' || byte == b'\n';
    while start < end && blank(buf[start]) {
        start += 1;
    }
    while end > start && blank(buf[end - 1]) {
        end -= 1;
    }
    Span::new(start, end)
}
