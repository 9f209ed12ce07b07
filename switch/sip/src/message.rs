//! One SIP message: a shared buffer and the places of its parts (RFC 3261 §7).
//! Invariant: every accessor gives valid text; folded values come with blanks in place of their line ends.

use std::net::SocketAddr;

use bytes::Bytes;
use bytestring::ByteString;

use crate::lexer::{Index, Length, Span, Start};
use crate::list::{self, Values};
use crate::overload::LoadReport;
use crate::{Fault, Method, Name, NameAddr, ReplyTo, Uri, Via};

/// A request or response. Cheap to hold for the time of handling it; it keeps the whole received buffer
/// alive.
#[derive(Clone, Debug)]
pub struct Message {
    buf: Bytes,
    /// The first line and the headers: the same bytes, known to be text.
    head: ByteString,
    index: Index,
    body_end: usize,
    source: Option<SocketAddr>,
    reply_to: Option<ReplyTo>,
    load_report: Option<LoadReport>,
    checked: Option<Checked>,
}

/// What a check read anyway and everybody asks for again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    pub(crate) from_tag: Span,
    pub(crate) to_tag: Span,
    pub(crate) cseq: (u32, Method),
}

/// A datagram or frame that is no message: its first fault, and what could be salvaged for the answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{fault}")]
pub struct ParseError {
    fault: Fault,
    salvaged: Option<Box<Message>>,
}

impl ParseError {
    pub(crate) fn new(fault: Fault, salvaged: Option<Message>) -> ParseError {
        ParseError { fault, salvaged: salvaged.map(Box::new) }
    }

    /// What is wrong.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    /// The counter label of the fault.
    pub fn label(&self) -> &'static str {
        self.fault.label()
    }

    /// The half-read request, when there is one to answer.
    pub fn request(&self) -> Option<&Message> {
        self.salvaged.as_deref()
    }
}

// === impl Message ===

impl Message {
    /// Parses one datagram. Trailing bytes beyond Content-Length are ignored; a missing Content-Length takes
    /// all.
    ///
    /// Only the frame is checked here; call [`Message::check`] before acting on a message.
    ///
    /// # Errors
    /// [`ParseError`] with the first fault; for a request whose Via can be read, [`ParseError::response`]
    /// answers it.
    pub fn parse(buf: Bytes) -> Result<Message, ParseError> {
        let index = Index::new(&buf);
        let rest = buf.len().saturating_sub(index.body);
        let (length, fault) = match index.length {
            Length::Absent => (rest, None),
            Length::Bytes(bytes) if bytes <= rest => (bytes, None),
            Length::Bytes(_) => (rest, Some(Fault::BodyShort)),
            Length::Bad => (rest, Some(Fault::ContentLength)),
        };
        Message::assemble(buf, index, length, fault)
    }

    /// Puts an indexed buffer and its body length together; the index's own fault comes before `fault`.
    pub(crate) fn assemble(
        buf: Bytes,
        mut index: Index,
        length: usize,
        fault: Option<Fault>,
    ) -> Result<Message, ParseError> {
        let fault = index.fault.or(fault);
        let is_request = matches!(index.start, Start::Request { .. });
        if let Some(fault) = fault.filter(|_| !is_request) {
            return Err(ParseError::new(fault, None));
        }
        let buf = if index.folded || index.high { clean(buf, &mut index) } else { buf };
        let body_end = index.body.saturating_add(length).min(buf.len());
        // `clean` left nothing that is no text
        let head = ByteString::try_from(buf.slice(..index.body)).unwrap_or_default();
        let message = Message {
            buf,
            head,
            index,
            body_end,
            source: None,
            reply_to: None,
            load_report: None,
            checked: None,
        };
        match fault {
            Some(fault) => Err(ParseError::new(fault, Some(message))),
            None => Ok(message),
        }
    }

    /// Remembers where the message came from, so that [`crate::Builder::response`] can put `received` and
    /// `rport` (RFC 3581 §4) into the top Via. IPv4-mapped addresses become IPv4.
    pub fn set_source(&mut self, source: SocketAddr) {
        self.source = Some(SocketAddr::new(source.ip().to_canonical(), source.port()));
    }

    /// Remembers how the peer wants answers over UDP when its Via has no `rport`; without it the settings of
    /// the layer count.
    pub fn set_reply_to(&mut self, reply_to: ReplyTo) {
        self.reply_to = Some(reply_to);
    }

    /// What was given to [`Message::set_reply_to`].
    pub fn reply_to(&self) -> Option<ReplyTo> {
        self.reply_to
    }

    /// What every response to this request says of our load, as its sender can heed it.
    pub fn set_load_report(&mut self, report: LoadReport) {
        self.load_report = Some(report);
    }

    /// What was given to [`Message::set_load_report`].
    pub fn load_report(&self) -> Option<&LoadReport> {
        self.load_report.as_ref()
    }

    /// The address given to [`Message::set_source`].
    pub fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    /// The whole message as it is read: as received, but for lines that were folded.
    pub const fn bytes(&self) -> &Bytes {
        &self.buf
    }

    /// True for a request.
    pub fn is_request(&self) -> bool {
        matches!(self.index.start, Start::Request { .. })
    }

    /// The request's method; for a response the method of its CSeq.
    pub fn method(&self) -> Method {
        match self.index.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } | Start::Unknown => self.cseq().1,
        }
    }

    /// The method's text as received; for a response the one of its CSeq.
    pub fn method_text(&self) -> &str {
        match self.index.start {
            Start::Request { text, .. } => text.text(&self.head),
            Start::Response { .. } | Start::Unknown => self.cseq_parts().map_or("", |(_, method)| method),
        }
    }

    /// The status code, 100–699; 0 for a request.
    pub fn status(&self) -> u16 {
        match self.index.start {
            Start::Response { status, .. } => status,
            Start::Request { .. } | Start::Unknown => 0,
        }
    }

    /// The reason phrase, which may be empty.
    pub fn reason(&self) -> &str {
        match self.index.start {
            Start::Response { reason, .. } => reason.text(&self.head),
            Start::Request { .. } | Start::Unknown => "",
        }
    }

    /// The Request-URI's text; empty for a response.
    pub fn request_uri(&self) -> &str {
        match self.index.start {
            Start::Request { uri, .. } => uri.text(&self.head),
            Start::Response { .. } | Start::Unknown => "",
        }
    }

    /// The Request-URI, parsed.
    ///
    /// # Errors
    /// [`Fault::Uri`] when malformed.
    pub fn uri(&self) -> Result<Uri<'_>, Fault> {
        Uri::parse(self.request_uri()).ok_or(Fault::Uri)
    }

    /// The first header of this name.
    pub fn header(&self, name: Name) -> Option<&str> {
        if name != Name::Other && self.index.seen & name.bit() == 0 {
            return None;
        }
        self.headers(name).next()
    }

    /// All headers of this name in order, one item per line.
    pub fn headers(&self, name: Name) -> impl Iterator<Item = &str> {
        self.index
            .headers
            .iter()
            .filter(move |header| header.name == name)
            .map(|header| header.value.text(&self.head))
    }

    /// The first header with this text as its name, case ignored: for headers that [`Name`] does not list.
    pub fn header_named(&self, text: &str) -> Option<&str> {
        self.all_headers().find(|(_, raw, _)| raw.eq_ignore_ascii_case(text)).map(|(_, _, value)| value)
    }

    /// All values of a comma-separated header over all its lines; empty values are skipped, commas in quotes
    /// and angle brackets do not count. For a header that is no list each line is one value.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &str> {
        let split = name.is_list();
        self.headers(name).flat_map(move |line| if split { list::values(line) } else { Values::whole(line) })
    }

    /// What `values(name).next()` gives, without the iterator when the first line has a value.
    fn first_value(&self, name: Name) -> Option<&str> {
        let line = self.header(name)?;
        if !name.is_list() {
            return Some(line).filter(|line| !line.is_empty());
        }
        list::values(line).next().or_else(|| self.values(name).next())
    }

    /// True when a comma-separated header holds this token, case ignored (`Supported: timer`).
    pub fn has_token(&self, name: Name, token: &str) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(token))
    }

    /// All headers in order: known name, name as received, value.
    pub fn all_headers(&self) -> impl Iterator<Item = (Name, &str, &str)> {
        self.index
            .headers
            .iter()
            .map(|header| (header.name, header.text.text(&self.head), header.value.text(&self.head)))
    }

    /// The top Via.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Header`].
    pub fn top_via(&self) -> Result<Via<'_>, Fault> {
        let value = self.first_value(Name::Via).ok_or(Fault::Missing(Name::Via))?;
        Via::parse(value).ok_or(Fault::Header(Name::Via))
    }

    /// The From header.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Header`].
    pub fn from(&self) -> Result<NameAddr<'_>, Fault> {
        self.name_addr(Name::From)
    }

    /// The To header.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Header`].
    pub fn to(&self) -> Result<NameAddr<'_>, Fault> {
        self.name_addr(Name::To)
    }

    /// The first Contact. That of `Contact: *` has the URI `*`, which does not parse.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Header`].
    pub fn contact(&self) -> Result<NameAddr<'_>, Fault> {
        self.name_addr(Name::Contact)
    }

    /// The first value of any header made of name-addr or addr-spec.
    ///
    /// # Errors
    /// [`Fault::Missing`] or [`Fault::Header`].
    pub fn name_addr(&self, name: Name) -> Result<NameAddr<'_>, Fault> {
        let value = self.first_value(name).ok_or(Fault::Missing(name))?;
        NameAddr::parse(value).ok_or(Fault::Header(name))
    }

    /// [`Message::check`], whose good outcome is remembered with what it read: asking again costs nothing.
    ///
    /// # Errors
    /// As [`Message::check`].
    pub fn check_once(&mut self) -> Result<(), Fault> {
        if self.checked.is_none() {
            self.checked = Some(self.examine()?);
        }
        Ok(())
    }

    /// The From tag; empty when absent (RFC 2543 peers).
    pub fn from_tag(&self) -> &str {
        if let Some(checked) = &self.checked {
            return checked.from_tag.text(&self.head);
        }
        self.from().ok().and_then(|from| from.tag()).unwrap_or("")
    }

    /// The To tag; empty when absent.
    pub fn to_tag(&self) -> &str {
        if let Some(checked) = &self.checked {
            return checked.to_tag.text(&self.head);
        }
        self.to().ok().and_then(|to| to.tag()).unwrap_or("")
    }

    /// Call-ID; empty when missing.
    pub fn call_id(&self) -> &str {
        self.header(Name::CallId).unwrap_or("")
    }

    /// CSeq number and method; `(0, Method::Other)` when malformed, which [`Message::check`] refuses.
    pub fn cseq(&self) -> (u32, Method) {
        if let Some(checked) = &self.checked {
            return checked.cseq;
        }
        self.cseq_parts()
            .map_or((0, Method::Other), |(number, method)| (number, Method::from_bytes(method.as_bytes())))
    }

    /// CSeq number, at most 2³¹−1, and method text.
    pub(crate) fn cseq_parts(&self) -> Option<(u32, &str)> {
        let (number, method) = self.header(Name::CSeq)?.split_once([' ', '\t'])?;
        let number = crate::chars::decimal(number).filter(|&number| number <= MAX_CSEQ)?;
        let method = crate::chars::trim(method);
        crate::chars::all_token(method).then_some((number, method))
    }

    /// Max-Forwards when present and 0–255.
    pub fn max_forwards(&self) -> Option<u8> {
        crate::chars::decimal(self.header(Name::MaxForwards)?).and_then(|hops| u8::try_from(hops).ok())
    }

    /// Content-Type as received; empty when absent.
    pub fn content_type(&self) -> &str {
        self.header(Name::ContentType).unwrap_or("")
    }

    /// The body, byte-exact, sharing the received buffer.
    pub fn body(&self) -> Bytes {
        self.buf.slice(self.index.body.min(self.body_end)..self.body_end)
    }

    /// The bytes of the message as received, folded lines with blanks in place of their line ends.
    pub fn as_bytes(&self) -> &[u8] {
        &self.buf[..self.body_end]
    }

    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// Where a part of this message's text stands in its buffer.
    pub(crate) fn span_of(&self, part: &str) -> Span {
        let start = (part.as_ptr() as usize).wrapping_sub(self.buf.as_ptr() as usize);
        if start > self.buf.len() { Span::default() } else { Span::new(start, start + part.len()) }
    }
}

/// Largest CSeq number (RFC 3261 §8.1.1.5).
pub(crate) const MAX_CSEQ: u32 = 0x7fff_ffff;

/// Blanks the line ends of folded values and puts `?` for bytes that are not UTF-8; the length stays the
/// same.
fn clean(buf: Bytes, index: &mut Index) -> Bytes {
    let head = &buf[..index.body];
    let valid = !index.high || std::str::from_utf8(head).is_ok();
    if valid && !index.folded {
        return buf;
    }
    let mut copy = buf.to_vec();
    if !valid {
        let mut at = 0;
        for chunk in head.utf8_chunks() {
            at += chunk.valid().len();
            let bad = chunk.invalid().len();
            copy[at..at + bad].fill(b'?');
            at += bad;
        }
    }
    index.unfold(&mut copy);
    Bytes::from(copy)
}
