//! Peers' messages, written by hand: as long and with the headers that trunks send. Nothing of the switch's
//! own writer is used.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use sip::{Message, Name};

/// G.711 and G.729 with events, as a PBX offers them.
pub const OFFER: &str = "v=0\r\no=- 3990230400 3990230400 IN IP4 10.1.0.1\r\ns=pbx\r\nc=IN IP4 10.1.0.1\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

/// One codec with events, as a carrier answers.
pub const ANSWER: &str = "v=0\r\no=- 1795348800 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n";

/// Headers that make an ordinary INVITE a long one.
const EXTRA: &str = "User-Agent: PBX 12.4.1\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO\r\nSupported: timer, replaces\r\n\
    Session-Expires: 1800\r\nMin-SE: 90\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n";

/// A caller of one call.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Distinguishes calls.
    pub call: usize,
    /// Where it calls from.
    pub from: SocketAddr,
    /// Where the switch listens.
    pub to: SocketAddr,
    /// What it dials.
    pub number: &'a str,
}

impl Caller<'_> {
    /// The INVITE, of some 900 bytes; `long`: of some 1,150.
    pub fn invite(&self, long: bool) -> Bytes {
        let to = format!("<sip:{}@{}>", self.number, self.to);
        let uri = format!("sip:{}@{}", self.number, self.to);
        let extra = if long { EXTRA } else { "" };
        self.request(
            &uri,
            &to,
            1,
            "INVITE",
            &format!("P-Asserted-Identity: <sip:34600000000@{}>\r\n{extra}", self.from),
            OFFER,
        )
    }

    /// The ACK to our 200.
    pub fn ack(&self, ok: &Message) -> Bytes {
        self.request(contact_uri(ok), value(ok, Name::To), 1, "ACK", "", "")
    }

    /// The BYE.
    pub fn bye(&self, ok: &Message) -> Bytes {
        self.request(contact_uri(ok), value(ok, Name::To), 2, "BYE", "", "")
    }

    fn request(&self, uri: &str, to: &str, cseq: u32, method: &str, extra: &str, sdp: &str) -> Bytes {
        let Self { call, from, .. } = self;
        let head = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK-{call}-{cseq}-{method};rport\r\nMax-Forwards: 70\r\n\
             From: \"34600000000\" <sip:34600000000@{from}>;tag=a{call}\r\nTo: {to}\r\nCall-ID: {call}-5b7c2f4e9a@{from}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:34600000000@{from}>\r\n{extra}"
        );
        finish(head, sdp)
    }
}

/// A carrier's response to a request of the switch; SDP in a 200 to INVITE.
pub fn response(request: &Message, status: u16, phrase: &str) -> Bytes {
    let mut head = format!("SIP/2.0 {status} {phrase}\r\n");
    for via in request.headers(Name::Via) {
        let _ = write!(head, "Via: {via}\r\n");
    }
    let (to, from, call_id, cseq) = (
        value(request, Name::To),
        value(request, Name::From),
        value(request, Name::CallId),
        value(request, Name::CSeq),
    );
    let tag = if to.contains(";tag=") || status == 100 { "" } else { ";tag=carrier-7f3e" };
    let _ = write!(head, "From: {from}\r\nTo: {to}{tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq}\r\n");
    let answers = cseq.ends_with("INVITE") && status == 200;
    if cseq.ends_with("INVITE") && status > 100 {
        head.push_str("Contact: <sip:34911234567@198.51.100.1:5060>\r\nServer: Carrier 9\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n");
    }
    finish(head, if answers { ANSWER } else { "" })
}

fn finish(mut head: String, sdp: &str) -> Bytes {
    if !sdp.is_empty() {
        head.push_str("Content-Type: application/sdp\r\n");
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n{sdp}", sdp.len());
    // Right-sized, as a datagram copied out of the receive ring is.
    Bytes::copy_from_slice(head.as_bytes())
}

fn value(message: &Message, name: Name) -> &str {
    message.header(name).expect("the header is there")
}

fn contact_uri(message: &Message) -> &str {
    value(message, Name::Contact).trim_start_matches('<').split('>').next().expect("a URI")
}
