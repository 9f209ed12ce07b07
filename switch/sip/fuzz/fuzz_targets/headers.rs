//! Each typed header with any value, inside a request that is otherwise good: read, and written back.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use sip::{Builder, Message, Name};

const HEADS: [&str; 16] = [
    "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Route", "Record-Route", "Require",
    "Session-Expires", "Authorization", "Reason", "Privacy", "Content-Type", "RAck",
];

fuzz_target!(|input: &[u8]| {
    let Some((&which, value)) = input.split_first() else { return };
    let head = HEADS[usize::from(which) % HEADS.len()];
    let mut wire = b"INVITE sip:34911000001@192.0.2.1 SIP/2.0\r\n".to_vec();
    for (name, good) in [
        ("Via", "SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bK1;rport"),
        ("From", "<sip:+34600000001@192.0.2.11>;tag=a"),
        ("To", "<sip:34911000001@192.0.2.1>"),
        ("Call-ID", "c1"),
        ("CSeq", "1 INVITE"),
    ] {
        if name != head {
            wire.extend_from_slice(format!("{name}: {good}\r\n").as_bytes());
        }
    }
    wire.extend_from_slice(format!("{head}: ").as_bytes());
    wire.extend_from_slice(value);
    wire.extend_from_slice(b"\r\nContent-Length: 0\r\n\r\n");
    let Ok(mut message) = Message::parse(Bytes::from(wire)) else { return };
    message.set_source(([192, 0, 2, 11], 5060).into());
    let _ = (message.top_via().is_ok(), message.from().is_ok(), message.to().is_ok(), message.contact().is_ok());
    let _ = (message.cseq(), message.call_id(), message.max_forwards(), message.content_type(), message.to_tag());
    for name in [Name::Route, Name::RecordRoute, Name::Require, Name::Reason, Name::Privacy, Name::SessionExpires] {
        message.values(name).for_each(|value| assert!(!value.is_empty()));
    }
    if message.check_once().is_err() {
        return;
    }
    let answer = Builder::response(&message, 200, "OK").to_tag("t").record_routes(&message).build();
    Message::parse(answer).expect("our own answer parses").check_once().expect("and is good");
});
