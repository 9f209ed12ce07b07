//! Against a second parser, that of ezk, which shares nothing with `rsip`: what both read, both read alike.
#![no_main]

use bytes::Bytes;
use bytesstr::BytesStr;
use ezk_sip_types::Name as Theirs;
use ezk_sip_types::header::HeaderParse;
use ezk_sip_types::header::typed::{CSeq, ContentLength, FromTo, Via};
use ezk_sip_types::msg::{Line, MessageLine, PullParser};
use ezk_sip_types::parse::Parse;
use libfuzzer_sys::fuzz_target;
use sip::{Message, Method, NameAddr};

/// A message as the other parser cuts it.
struct Cut {
    start: MessageLine,
    lines: Vec<Line>,
}

impl Cut {
    fn of(wire: &Bytes) -> Option<Self> {
        let mut lines = PullParser::new(wire, 0);
        let first = std::str::from_utf8(lines.next()?.ok()?).ok()?;
        let (rest, start) = MessageLine::parse(wire)(first).ok()?;
        let lines = lines.map(|line| {
            let text = std::str::from_utf8(line.ok()?).ok()?;
            Line::parse(wire, text).ok().map(|(_, line)| line)
        });
        let lines = lines.collect::<Option<_>>()?;
        rest.is_empty().then_some(Self { start, lines })
    }

    /// The first value of this header, if the other parser reads all of it, or up to the next value of a list.
    fn first<H: HeaderParse>(&self, wire: &Bytes, name: &Theirs) -> Option<H> {
        let line = self.lines.iter().find(|line| line.name == *name)?;
        let (rest, read) = H::parse(wire, &line.value).ok()?;
        let rest = rest.trim_start();
        (rest.is_empty() || rest.starts_with(',')).then_some(read)
    }
}

fuzz_target!(|wire: &[u8]| {
    let Ok(mut ours) = Message::parse(Bytes::copy_from_slice(wire)) else { return };
    if ours.check_once().is_err() {
        return;
    }
    let wire = Bytes::from(sip::rsip_bridge::canonical(&ours));
    let Some(theirs) = Cut::of(&wire) else { return };
    match &theirs.start {
        MessageLine::Request(line) => {
            assert!(ours.is_request());
            if ours.method() != Method::Other {
                assert_eq!(line.method.to_string(), ours.method_text());
            }
        }
        MessageLine::Response(line) => {
            assert!(!ours.is_request());
            assert_eq!(line.code.into_u16(), ours.status());
        }
    }
    if let (Some(via), Ok(own)) = (theirs.first::<Via>(&wire, &Theirs::VIA), ours.top_via()) {
        same("branch", via.params.get_val("branch"), own.branch());
        assert!(via.transport.as_ref() as &str == own.transport);
        assert_eq!(via.sent_by.port, own.port);
    }
    if let Some(cseq) = theirs.first::<CSeq>(&wire, &Theirs::CSEQ) {
        let (number, method) = ours.cseq();
        assert_eq!(cseq.cseq, number);
        if method != Method::Other {
            assert_eq!(cseq.method.to_string(), method.as_str());
        }
    }
    let tag = |value: Option<NameAddr<'_>>| value.and_then(|value| value.tag()).map(str::to_owned);
    if let Some(from) = theirs.first::<FromTo>(&wire, &Theirs::FROM) {
        same("From tag", from.tag.as_ref(), tag(ours.from().ok()).as_deref());
    }
    if let Some(to) = theirs.first::<FromTo>(&wire, &Theirs::TO) {
        same("To tag", to.tag.as_ref(), tag(ours.to().ok()).as_deref());
    }
    if let Some(line) = theirs.lines.iter().find(|line| line.name == Theirs::CALL_ID) {
        assert!(line.value.as_ref() as &str == ours.call_id());
    }
    if let Some(length) = theirs.first::<ContentLength>(&wire, &Theirs::CONTENT_LENGTH) {
        assert_eq!(length.0, ours.body().len());
    }
});

/// Known differences: ezk undoes percent escapes in parameters, which SIP has in URIs alone, takes quotes off, and ends
/// a value at the first character that is no token's, where we keep what stands there. (It also reads a method that
/// begins as a known one as that: unknown methods are not compared.) It finds names of parameters in lower case only.
fn same(what: &str, theirs: Option<&BytesStr>, ours: Option<&str>) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-.!*_+`'~".contains(c);
    if ours.is_some_and(|value| !value.chars().all(is_plain)) {
        return;
    }
    if let Some(theirs) = theirs {
        assert_eq!(Some(theirs.as_ref() as &str), ours, "{what}");
    }
}
