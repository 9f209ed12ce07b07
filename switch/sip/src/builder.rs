//! Writes messages (RFC 3261 §7, §8.2.6): one growing buffer, Content-Length always.
//! Invariant: no value can end a header: control bytes in values become blanks, bad names are left out.

use std::fmt;
use std::io::Write;

use bytes::Bytes;

use crate::chars::{is_token, write_decimal};
use crate::lexer::MAX_HEADERS;
use crate::via::write_with_source;
use crate::{Message, Method, Name};

/// Room that an ordinary message without body needs.
const HEAD_HINT: usize = 768;

/// A message under construction. Headers come out in the order of the calls.
#[derive(Clone, Debug)]
pub struct Builder {
    head: Vec<u8>,
    body: Vec<u8>,
    /// End of the To header's value, for [`Builder::to_tag`]; 0 when To has a tag or is not there.
    to_end: usize,
}

impl Builder {
    /// Starts a request.
    pub fn request(method: Method, uri: &str) -> Builder {
        Builder::request_named(method.as_str(), uri)
    }

    /// Starts a request whose method [`Method`] does not list.
    pub fn request_named(method: &str, uri: &str) -> Builder {
        let mut builder = Builder::with_room(HEAD_HINT);
        builder.put(method.as_bytes());
        builder.head.push(b' ');
        builder.put(uri.as_bytes());
        builder.head.extend_from_slice(b" SIP/2.0\r\n");
        builder
    }

    /// Starts the response to `request`: copies Via (the top one with `received` and `rport` if the request's
    /// source is set), From, To, Call-ID, CSeq and Timestamp in the order of the request (§8.2.6.2).
    pub fn response(request: &Message, status: u16, reason: &str) -> Builder {
        let mut builder = Builder::with_room(HEAD_HINT);
        builder.head.extend_from_slice(b"SIP/2.0 ");
        write_decimal(&mut builder.head, usize::from(status));
        builder.head.push(b' ');
        builder.put(reason.as_bytes());
        builder.head.extend_from_slice(b"\r\n");
        let mut done = 0u128;
        for (name, _, value) in request.all_headers() {
            let first = done & name.bit() == 0;
            match (name, request.source()) {
                (Name::Via, Some(source)) if first => {
                    builder.head.extend_from_slice(b"Via: ");
                    let report = request.load_report();
                    builder.put_with(|head| write_with_source(head, value, source, report));
                    builder.head.extend_from_slice(b"\r\n");
                }
                (Name::Via, _) => builder.line(b"Via", value.as_bytes()),
                (Name::From | Name::To | Name::CallId | Name::CSeq | Name::Timestamp, _) if first => {
                    builder.line(name.as_str().as_bytes(), value.as_bytes());
                    if name == Name::To && request.to().is_ok_and(|to| to.tag().is_none()) {
                        builder.to_end = builder.head.len() - 2;
                    }
                }
                _ => continue,
            }
            done |= name.bit();
        }
        builder
    }

    fn with_room(bytes: usize) -> Builder {
        Builder { head: Vec::with_capacity(bytes), body: Vec::new(), to_end: 0 }
    }

    /// Appends `;tag=` to a response's To unless the request's To had a tag. At most once.
    #[must_use]
    pub fn to_tag(mut self, tag: &str) -> Builder {
        if self.to_end != 0 && !tag.is_empty() && tag.bytes().all(is_token) {
            let at = self.to_end;
            // A semicolon at the end of the request's To is taken for ours: two would be none of SIP.
            let with: &[u8] = if self.head[..at].ends_with(b";") { b"tag=" } else { b";tag=" };
            self.head.splice(at..at, with.iter().copied().chain(tag.bytes()));
            self.to_end = 0;
        }
        self
    }

    /// Copies the request's Record-Route headers, in order (dialog-forming responses, §12.1.1).
    #[must_use]
    pub fn record_routes(mut self, request: &Message) -> Builder {
        for (_, _, value) in request.all_headers().filter(|(name, ..)| *name == Name::RecordRoute) {
            self.line(b"Record-Route", value.as_bytes());
        }
        self
    }

    /// Appends a known header. [`Name::Other`] and Content-Length are left out: the one has no name, the
    /// other is written by [`Builder::build`].
    #[must_use]
    pub fn header(mut self, name: Name, value: &str) -> Builder {
        if !matches!(name, Name::Other | Name::ContentLength) {
            self.line(name.as_str().as_bytes(), value.as_bytes());
        }
        self
    }

    /// Like [`Builder::header`] with `format_args!`, without a string in between.
    #[must_use]
    pub fn header_fmt(mut self, name: Name, value: fmt::Arguments<'_>) -> Builder {
        if !matches!(name, Name::Other | Name::ContentLength) {
            self.head.extend_from_slice(name.as_str().as_bytes());
            self.head.extend_from_slice(b": ");
            self.put_with(|head| {
                // writing to a Vec fails only if a Display impl does; what it wrote stays
                let _ = head.write_fmt(value);
            });
            self.head.extend_from_slice(b"\r\n");
        }
        self
    }

    /// Appends `CSeq: number method`.
    #[must_use]
    pub fn cseq(mut self, number: u32, method: Method) -> Builder {
        self.head.extend_from_slice(b"CSeq: ");
        write_decimal(&mut self.head, number as usize);
        self.head.push(b' ');
        self.put(method.as_str().as_bytes());
        self.head.extend_from_slice(b"\r\n");
        self
    }

    /// Appends a header under any name, byte for byte but for control bytes; a name that is no token, and
    /// Content-Length, are left out.
    #[must_use]
    pub fn raw(mut self, name: &str, value: &str) -> Builder {
        let valid = !name.is_empty() && name.bytes().all(is_token);
        if valid && Name::from_bytes(name.as_bytes()) != Name::ContentLength {
            self.line(name.as_bytes(), value.as_bytes());
        }
        self
    }

    /// Copies every header of `message` that `keep` accepts, names and values as received.
    #[must_use]
    pub fn copy(mut self, message: &Message, keep: impl Fn(Name, &str) -> bool) -> Builder {
        for (name, text, value) in message.all_headers().take(MAX_HEADERS) {
            if name != Name::ContentLength && keep(name, text) {
                self.line(text.as_bytes(), value.as_bytes());
            }
        }
        self
    }

    /// Sets Content-Type and the body; calls after the first replace nothing and are ignored.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: &[u8]) -> Builder {
        if self.body.is_empty() && !body.is_empty() {
            self.line(b"Content-Type", content_type.as_bytes());
            self.body = body.to_vec();
        }
        self
    }

    /// The finished message.
    pub fn build(mut self) -> Bytes {
        self.head.reserve(self.body.len() + 40);
        self.head.extend_from_slice(b"Content-Length: ");
        write_decimal(&mut self.head, self.body.len());
        self.head.extend_from_slice(b"\r\n\r\n");
        self.head.extend_from_slice(&self.body);
        Bytes::from(self.head)
    }

    fn line(&mut self, name: &[u8], value: &[u8]) {
        self.head.reserve(name.len() + value.len() + 4);
        self.head.extend_from_slice(name);
        self.head.extend_from_slice(b": ");
        self.put(value);
        self.head.extend_from_slice(b"\r\n");
    }

    fn put(&mut self, value: &[u8]) {
        self.put_with(|head| head.extend_from_slice(value));
    }

    /// Lets `write` append, then blanks every control byte but tab: none can end a line or surprise a peer's
    /// parser.
    fn put_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.head.len();
        write(&mut self.head);
        let Some(added) = self.head.get_mut(start..) else { return };
        // no early exit: this form runs sixteen bytes at a time
        let found = added.iter().fold(false, |found, &byte| found | (byte < 0x20) | (byte == 0x7f));
        if found {
            for byte in added {
                if byte.is_ascii_control() && *byte != b'\t' {
                    *byte = b' ';
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(extra: &str) -> Message {
        let wire = format!(
            "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP one;branch=z9hG4bK1;rport, SIP/2.0/TCP two\r\nv: SIP/2.0/UDP three;branch=x\r\n\
             Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nRecord-Route: <sip:p3;lr>\r\nf: A <sip:a@h>;tag=1\r\nt: <sip:b@h>\r\n{extra}\
             i: c1\r\nCSeq: 7 INVITE\r\nTimestamp: 54\r\nSubject: not copied\r\n\r\n"
        );
        Message::parse(Bytes::from(wire)).expect("parses")
    }

    #[test]
    fn a_tag_goes_behind_a_last_semicolon() {
        let wire = "OPTIONS sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:b@h>;tag=1\r\nTo: <sip:a@h>;\r\n\
                    Call-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
        let request = Message::parse(bytes::Bytes::from_static(wire.as_bytes())).expect("a request");
        let answer =
            Message::parse(Builder::response(&request, 200, "OK").to_tag("t").build()).expect("an answer");
        assert_eq!(answer.header(Name::To), Some("<sip:a@h>;tag=t"));
    }

    #[test]
    fn response_copies_what_it_must_in_order() {
        let mut request = request("");
        request.set_source(([192, 0, 2, 9], 5062).into());
        let wire = Builder::response(&request, 180, "Ringing").to_tag("x1").record_routes(&request).build();
        let expected = "SIP/2.0 180 Ringing\r\n\
            Via: SIP/2.0/UDP one;branch=z9hG4bK1;received=192.0.2.9;rport=5062, SIP/2.0/TCP two\r\nVia: SIP/2.0/UDP three;branch=x\r\n\
            From: A <sip:a@h>;tag=1\r\nTo: <sip:b@h>;tag=x1\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nTimestamp: 54\r\n\
            Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nRecord-Route: <sip:p3;lr>\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(std::str::from_utf8(&wire), Ok(expected));
    }

    #[test]
    fn to_tag_is_added_once_and_never_to_a_tagged_to() {
        let plain = request("");
        let wire = Builder::response(&plain, 200, "OK").to_tag("a").to_tag("b").build();
        assert_eq!(Message::parse(wire).expect("parses").to_tag(), "a");
        let wire = Builder::response(&plain, 200, "OK").to_tag("a\r\nX: 1").build();
        assert_eq!(Message::parse(wire).expect("parses").to_tag(), "");
        let tagged = Message::parse(Bytes::from_static(
            b"BYE sip:b@h SIP/2.0\r\nTo: <sip:b@h>;tag=old\r\nCall-ID: c\r\n\r\n",
        ))
        .expect("parses");
        let wire = Builder::response(&tagged, 481, "No Call").to_tag("new").build();
        assert_eq!(Message::parse(wire).expect("parses").to_tag(), "old");
    }

    #[test]
    fn nothing_can_be_injected() {
        let evil = "x\r\nX-Evil: 1\n\rX: 2\0\u{7f}\u{1}";
        let wire = Builder::request(Method::Options, evil)
            .header(Name::Subject, evil)
            .header_fmt(Name::UserAgent, format_args!("{evil}{}", 1))
            .raw("X-Thing", evil)
            .raw("X Bad", "1")
            .raw("X-Bad\r\nX-Evil", "1")
            .raw("", "1")
            .raw("l", "99")
            .header(Name::ContentLength, "99")
            .header(Name::Other, "1")
            .body(evil, b"ab")
            .build();
        let text = std::str::from_utf8(&wire).expect("text");
        let names: Vec<_> =
            text.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
        assert_eq!(names, ["Subject", "User-Agent", "X-Thing", "Content-Type", "Content-Length"]);
        assert!(text.ends_with("\r\nContent-Length: 2\r\n\r\nab"));
        let response = Builder::response(&request(""), 200, evil).build();
        assert_eq!(Message::parse(response).expect("parses").header_named("X-Evil"), None);
    }
}
