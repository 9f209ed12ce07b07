//! One request and its answer through writer and parser.
#![allow(clippy::panic, reason = "a test says what it expected")]
use bytes::Bytes;
use sip::{Builder, Message, Method, Name};

#[test]
fn invite_and_its_answer() {
    let wire = Builder::request(Method::Invite, "sip:34911234567@127.0.0.1")
        .header(Name::Via, "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;rport")
        .header(Name::MaxForwards, "70")
        .header(Name::From, "\"A, B\" <sip:a@h>;tag=1")
        .header(Name::To, "<sip:34911234567@127.0.0.1>")
        .header(Name::CallId, "abc@h")
        .cseq(1, Method::Invite)
        .header(Name::Contact, "<sip:a@192.0.2.9>")
        .raw("X-Thing", "a;b, c")
        .body("application/sdp", b"v=0\r\n")
        .build();
    let mut invite = Message::parse(wire).expect("parses");
    invite.check().expect("is whole");
    assert_eq!(invite.body(), Bytes::from_static(b"v=0\r\n"));
    assert_eq!(invite.cseq(), (1, Method::Invite));
    assert_eq!(invite.header_named("x-thing"), Some("a;b, c"));
    invite.set_source("[::ffff:127.0.0.11]:5070".parse().expect("address"));
    let answer =
        Builder::response(&invite, 200, "OK").to_tag("t2").header(Name::Contact, "<sip:b@127.0.0.1>").build();
    let answer = Message::parse(answer).expect("parses");
    answer.check().expect("is whole");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.to_tag(), "t2");
    assert_eq!(answer.method(), Method::Invite);
    let via = answer.top_via().expect("via");
    assert_eq!(via.rport(), Some(Some(5070)));
    assert_eq!(via.received(), Some("127.0.0.11".parse().expect("address")));
    assert_eq!(
        answer.header(Name::Via),
        Some("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1;received=127.0.0.11;rport=5070")
    );
}
