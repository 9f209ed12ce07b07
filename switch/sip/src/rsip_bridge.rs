//! From our messages to `rsip`'s, for tools, the trace viewer and differential tests; never on the path of a
//! call. Invariant: what `rsip` gets is canonical (long names, unfolded values), so only values it cannot
//! read are refused.

use crate::{Message, Name};

/// Converts a message.
///
/// # Errors
/// `rsip`'s own error where it does not take what RFC 3261 allows (IPv6 hosts, other schemes, unknown
/// methods).
pub fn to_rsip(message: &Message) -> Result<rsip::SipMessage, rsip::Error> {
    rsip::SipMessage::try_from(canonical(message))
}

/// The message with long header names, one space after each colon, and values on one line.
pub fn canonical(message: &Message) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.as_bytes().len() + 128);
    let start = if message.is_request() {
        format!("{} {} SIP/2.0\r\n", message.method_text(), message.request_uri())
    } else {
        format!("SIP/2.0 {} {}\r\n", message.status(), message.reason())
    };
    wire.extend_from_slice(start.as_bytes());
    for (name, text, value) in message.all_headers() {
        let text = if name == Name::Other { text } else { name.as_str() };
        wire.extend_from_slice(text.as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"\r\n");
    wire.extend_from_slice(&message.body());
    wire
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use rsip::prelude::*;

    use super::*;
    use crate::{Method, Scheme};

    /// A request of the subset that `rsip` reads: names or IPv4 hosts, known methods, one Via.
    fn wire() -> impl Strategy<Value = String> {
        let method =
            prop::sample::select(vec!["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "UPDATE"]);
        let user = "[a-z0-9+]{1,15}";
        let host = prop_oneof!["[a-z]{1,8}\\.example\\.com", "[1-9]\\.[0-9]\\.[0-9]\\.[1-9]"];
        let names = prop::sample::select(vec![
            ["Via", "From", "To", "Call-ID", "Contact", "Content-Length"],
            ["v", "f", "t", "i", "m", "l"],
            ["VIA", "FROM", "TO", "CALL-ID", "CONTACT", "CONTENT-LENGTH"],
        ]);
        let port = prop::option::of(1u16..);
        (method, user, host, port, names, 1u32..0x7fff_ffff, "[A-Za-z0-9]{1,24}", "[ -~]{0,40}").prop_map(
            |(method, user, host, port, names, cseq, tag, body)| {
                let port = port.map_or(String::new(), |port| format!(":{port}"));
                let [via, from, to, call_id, contact, length] = names;
                format!(
                    "{method} sip:{user}@{host}{port} SIP/2.0\r\n{via}: SIP/2.0/UDP {host}{port};branch=z9hG4bK{tag};rport\r\n\
                     Max-Forwards: 70\r\n{from}: \"{user}\" <sip:{user}@{host}>;tag={tag}\r\n{to}: <sip:{user}@{host}{port}>\r\n\
                     {call_id}: {tag}@{host}\r\nCSeq: {cseq} {method}\r\n{contact}: <sip:{user}@{host}{port}>\r\n{length}: {}\r\n\r\n{body}",
                    body.len()
                )
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn both_read_the_same(wire in wire()) {
            let ours = Message::parse(Bytes::from(wire.clone())).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(ours.check(), Ok(()));
            let theirs = to_rsip(&ours).map_err(|error| TestCaseError::fail(error.to_string()))?;
            let rsip::SipMessage::Request(request) = &theirs else { return Err(TestCaseError::fail("no request")) };
            prop_assert_eq!(request.method().to_string(), ours.method_text());
            prop_assert_eq!(request.uri().to_string(), ours.request_uri());
            let uri = ours.uri().map_err(|fault| TestCaseError::fail(fault.to_string()))?;
            prop_assert_eq!(uri.scheme, Scheme::Sip);
            prop_assert_eq!(uri.port, request.uri().host_with_port.port.as_ref().map(|port| *port.value()));
            prop_assert_eq!(uri.host, request.uri().host().to_string());
            let fail = |error: rsip::Error| TestCaseError::fail(error.to_string());
            let via = request.via_header().map_err(fail)?.typed().map_err(fail)?;
            let our_via = ours.top_via().map_err(|fault| TestCaseError::fail(fault.to_string()))?;
            prop_assert_eq!(via.branch().map(|branch| branch.to_string()), our_via.branch().map(str::to_owned));
            prop_assert_eq!(via.uri.host().to_string(), our_via.host);
            let from = request.from_header().map_err(fail)?.typed().map_err(fail)?;
            prop_assert_eq!(from.tag().map(|tag| tag.to_string()), Some(ours.from_tag().to_owned()));
            let cseq = request.cseq_header().map_err(fail)?.typed().map_err(fail)?;
            prop_assert_eq!((cseq.seq, Method::from_bytes(cseq.method.to_string().as_bytes())), ours.cseq());
            prop_assert_eq!(request.call_id_header().map_err(fail)?.value(), ours.call_id());
            prop_assert_eq!(theirs.body(), &ours.body().to_vec());
        }
    }
}
