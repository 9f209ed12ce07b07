//! SIP as the model peers speak it: text written by hand, read by looking at lines. Independent of the
//! switch's dialogs and builder.

use std::net::SocketAddr;

use bytes::Bytes;
use sip::{Message, Method, Name};

/// Where the switch listens.
pub const SWITCH: &str = "192.0.2.1:5060";

/// One side of a dialog.
#[derive(Debug, Clone)]
pub struct Dialogue {
    /// Our address.
    pub me: SocketAddr,
    /// Call-ID.
    pub call_id: String,
    /// Our From value, with tag.
    pub local: String,
    /// The other's value, with tag once it is known.
    pub remote: String,
    /// Request-URI of the next request.
    pub target: String,
    /// CSeq of our last request.
    pub cseq: u32,
    /// CSeq of our last INVITE.
    pub invite_cseq: u32,
    branches: u32,
    transport: &'static str,
}

impl Dialogue {
    /// The caller's side of a call to `number` that is about to begin.
    pub fn caller(me: SocketAddr, call_id: &str, from: &str, number: &str) -> Self {
        Self {
            me,
            call_id: call_id.to_owned(),
            local: format!("<sip:{from}@{me}>;tag=c{call_id}"),
            remote: format!("<sip:{number}@{SWITCH}>"),
            target: format!("sip:{number}@{SWITCH}"),
            cseq: 0,
            invite_cseq: 0,
            branches: 0,
            transport: "UDP",
        }
    }

    /// The answering side, from the INVITE and our tag.
    pub fn callee(me: SocketAddr, invite: &Message, tag: &str) -> Self {
        let to = invite.header(Name::To).expect("To");
        Self {
            me,
            call_id: invite.call_id().to_owned(),
            local: format!("{to};tag={tag}"),
            remote: invite.header(Name::From).expect("From").to_owned(),
            target: contact_uri(invite).unwrap_or_default(),
            cseq: 100,
            invite_cseq: 100,
            branches: 0,
            transport: "UDP",
        }
    }

    /// The same over another transport.
    #[must_use]
    pub const fn over(mut self, transport: &'static str) -> Self {
        self.transport = transport;
        self
    }

    /// Takes the other's tag and Contact from a response that makes or refreshes the dialog.
    pub fn learn(&mut self, response: &Message) {
        self.remote = response.header(Name::To).expect("To").to_owned();
        if let Some(uri) = contact_uri(response) {
            self.target = uri;
        }
    }

    /// The next request: `extra` is whole header lines.
    pub fn request(&mut self, method: &str, extra: &str, sdp: Option<&str>) -> Bytes {
        self.cseq += 1;
        if method == "INVITE" {
            self.invite_cseq = self.cseq;
        }
        let branch = self.branch();
        self.write(method, self.cseq, &branch, extra, sdp)
    }

    /// The ACK to a 2xx.
    pub fn ack(&mut self, cseq: u32, sdp: Option<&str>) -> Bytes {
        let branch = self.branch();
        self.write("ACK", cseq, &branch, "", sdp)
    }

    fn branch(&mut self) -> String {
        self.branches += 1;
        let side = self.local.rsplit("tag=").next().unwrap_or_default();
        format!("z9hG4bK-{}-{side}-{}", self.me.port(), self.branches)
    }

    fn write(&self, method: &str, cseq: u32, branch: &str, extra: &str, sdp: Option<&str>) -> Bytes {
        let Self { me, call_id, local, remote, target, transport, .. } = self;
        let head = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/{transport} {me};branch={branch};rport\r\nMax-Forwards: 70\r\nFrom: {local}\r\n\
             To: {remote}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{me}{}>\r\n{extra}",
            if *transport == "TCP" { ";transport=tcp" } else { "" },
        );
        finish(head, sdp)
    }
}

/// A response by hand; `extra` is whole header lines. An empty tag leaves To as it came.
pub fn reply(
    request: &Message,
    status: u16,
    tag: &str,
    me: SocketAddr,
    extra: &str,
    sdp: Option<&str>,
) -> Bytes {
    let mut head = format!("SIP/2.0 {status} Whatever\r\n");
    for via in request.headers(Name::Via) {
        head.push_str(&format!("Via: {via}\r\n"));
    }
    let to = request.header(Name::To).expect("To");
    let tagged = if request.to_tag().is_empty() && !tag.is_empty() {
        format!("{to};tag={tag}")
    } else {
        to.to_owned()
    };
    let (number, method) = request.cseq();
    let from = request.header(Name::From).expect("From");
    let transport =
        if request.header(Name::Via).is_some_and(|via| via.contains("/TCP")) { ";transport=tcp" } else { "" };
    head.push_str(&format!(
        "From: {from}\r\nTo: {tagged}\r\nCall-ID: {}\r\nCSeq: {number} {method}\r\n",
        request.call_id()
    ));
    head.push_str(&format!("Contact: <sip:{me}{transport}>\r\n{extra}"));
    finish(head, sdp)
}

/// The CANCEL of an INVITE of ours.
pub fn cancel(invite: &Message) -> Bytes {
    derived(invite, "CANCEL", invite.header(Name::To).expect("To"))
}

/// The ACK to a 3xx–6xx.
pub fn ack_failure(invite: &Message, response: &Message) -> Bytes {
    derived(invite, "ACK", response.header(Name::To).expect("To"))
}

fn derived(invite: &Message, method: &str, to: &str) -> Bytes {
    let via = invite.header(Name::Via).expect("Via");
    let from = invite.header(Name::From).expect("From");
    let head = format!(
        "{method} {} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {} {method}\r\n",
        invite.request_uri(),
        invite.call_id(),
        invite.cseq().0,
    );
    finish(head, None)
}

fn finish(mut head: String, sdp: Option<&str>) -> Bytes {
    match sdp {
        Some(sdp) => head.push_str(&format!(
            "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        )),
        None => head.push_str("Content-Length: 0\r\n\r\n"),
    }
    Bytes::from(head)
}

/// The URI of the Contact, if it has one.
pub fn contact_uri(message: &Message) -> Option<String> {
    let value = message.header(Name::Contact)?;
    let start = value.find('<')? + 1;
    Some(value[start..].split('>').next()?.to_owned())
}

/// Reads what must be a message.
pub fn parse(bytes: &Bytes) -> Message {
    Message::parse(bytes.clone())
        .unwrap_or_else(|e| panic!("not SIP: {e:?}\n{}", String::from_utf8_lossy(bytes)))
}

/// `INVITE`, or `200 INVITE`: what a message is, for people.
pub fn kind(message: &Message) -> String {
    if message.is_request() {
        message.method_text().to_owned()
    } else {
        let (_, method) = message.cseq();
        let named = if method == Method::Other { "OTHER" } else { method.as_str() };
        format!("{} {named}", message.status())
    }
}
