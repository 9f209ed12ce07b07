//! RFC 3261 §12 on messages as they stand on the wire.

use bytes::Bytes;

use super::*;

fn message(text: &str) -> Message {
    let text = format!("{}\r\n\r\n", text.trim().lines().map(str::trim).collect::<Vec<_>>().join("\r\n"));
    Message::parse(Bytes::from(text)).expect("a message")
}

fn invite(extra: &str) -> Message {
    message(&format!(
        "INVITE sip:bob@biloxi.example.com SIP/2.0
        Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9
        From: \"Alice\" <sip:alice@atlanta.example.com>;tag=9fxced76sl
        To: Bob <sip:bob@biloxi.example.com>
        Call-ID: 3848276298220188511@atlanta.example.com
        CSeq: 5 INVITE
        Contact: <sip:alice@client.atlanta.example.com;transport=tcp>
        {extra}
        Content-Length: 0"
    ))
}

fn ok(status: u16, extra: &str) -> Message {
    message(&format!(
        "SIP/2.0 {status} OK
        Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9
        From: \"Alice\" <sip:alice@atlanta.example.com>;tag=9fxced76sl
        To: Bob <sip:bob@biloxi.example.com>;tag=8321234356
        Call-ID: 3848276298220188511@atlanta.example.com
        CSeq: 5 INVITE
        {extra}
        Content-Length: 0"
    ))
}

const SENDER: Sender<'static> = Sender {
    transport: Transport::Udp,
    sent_by: "192.0.2.4",
    branch: "z9hG4bKabc",
    contact: "<sip:us@192.0.2.4>",
};

const PROXIES: &str = "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>";

fn built(builder: Builder) -> Message {
    Message::parse(builder.build()).expect("what we build parses")
}

#[test]
fn the_callee_keeps_the_order_of_record_route() {
    let mut dialog = Dialog::uas(&invite(PROXIES), "ours").expect("a dialog");
    assert!(dialog.matches("3848276298220188511@atlanta.example.com", "ours", "9fxced76sl"));
    assert_eq!(dialog.next_hop(), "sip:p2.example.com;lr");
    let bye = built(dialog.request(Method::Bye, &SENDER));
    assert_eq!(bye.request_uri(), "sip:alice@client.atlanta.example.com;transport=tcp");
    assert_eq!(
        bye.headers(Name::Route).collect::<Vec<_>>(),
        ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"]
    );
    assert_eq!(bye.header(Name::From), Some("Bob <sip:bob@biloxi.example.com>;tag=ours"));
    assert_eq!(bye.header(Name::To), Some("\"Alice\" <sip:alice@atlanta.example.com>;tag=9fxced76sl"));
    assert_eq!((bye.cseq(), bye.max_forwards()), ((1, Method::Bye), Some(70)));
    assert_eq!(bye.header(Name::Contact), None);
    assert_eq!(
        bye.top_via().ok().and_then(|via| via.branch().map(str::to_owned)).as_deref(),
        Some("z9hG4bKabc")
    );
    bye.check().expect("complete");
}

#[test]
fn the_caller_reverses_it_and_counts_on() {
    let response = ok(200, &format!("{PROXIES}\r\nContact: <sip:bob@192.0.2.9>"));
    let mut dialog = Dialog::uac(&invite(""), &response).expect("a dialog");
    assert!(dialog.is_confirmed() && dialog.is_caller());
    let ack = built(dialog.ack(5, &SENDER));
    assert_eq!(
        ack.headers(Name::Route).collect::<Vec<_>>(),
        ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]
    );
    assert_eq!((ack.cseq(), ack.request_uri()), ((5, Method::Ack), "sip:bob@192.0.2.9"));
    let again = built(dialog.request(Method::Invite, &SENDER));
    assert_eq!(
        (again.cseq(), again.header(Name::Contact)),
        ((6, Method::Invite), Some("<sip:us@192.0.2.4>"))
    );
    assert_eq!(built(dialog.request(Method::Info, &SENDER)).cseq().0, 7);
    assert_eq!(dialog.invite_seq(), 6);
}

/// Corner 31, the example of RFC 3261 §12.2.1.1 and §16.12.1.2.
#[test]
fn a_strict_router_gets_the_request_uri() {
    let extra = "Record-Route: <sip:proxy1>, <sip:proxy2>, <sip:proxy3;lr>, <sip:proxy4>";
    let mut dialog = Dialog::uas(&invite(extra), "ours").expect("a dialog");
    let bye = built(dialog.request(Method::Bye, &SENDER));
    assert_eq!(bye.request_uri(), "sip:proxy1");
    assert_eq!(
        bye.headers(Name::Route).collect::<Vec<_>>(),
        [
            "<sip:proxy2>",
            "<sip:proxy3;lr>",
            "<sip:proxy4>",
            "<sip:alice@client.atlanta.example.com;transport=tcp>"
        ]
    );
}

/// Corner 32.
#[test]
fn the_first_2xx_freezes_the_routes() {
    let ringing = ok(180, "Record-Route: <sip:early;lr>\r\nContact: <sip:bob@early>");
    let early = Dialog::uac(&invite(""), &ringing).expect("an early dialog");
    assert_eq!((early.is_confirmed(), early.next_hop()), (false, "sip:early;lr"));
    let answer = ok(200, "Record-Route: <sip:late;lr>\r\nContact: <sip:bob@late>");
    let mut dialog = Dialog::uac(&invite(""), &answer).expect("confirmed");
    assert!(dialog.is_confirmed());
    assert_eq!((dialog.next_hop(), dialog.target()), ("sip:late;lr", "sip:bob@late"));
    let refreshed = ok(200, "Record-Route: <sip:other;lr>\r\nContact: <sip:bob@moved>");
    dialog.refresh(&refreshed).expect("a new target");
    assert_eq!((dialog.next_hop(), dialog.target()), ("sip:late;lr", "sip:bob@moved"));
    dialog.refresh(&ok(200, "")).expect("no Contact, no change");
    assert_eq!(dialog.target(), "sip:bob@moved");
}

/// Corner 53.
#[test]
fn cseq_may_jump_but_not_fall() {
    let mut dialog = Dialog::uas(&invite(""), "ours").expect("a dialog");
    let table = [(5, Method::Ack, Ok(())), (7, Method::Info, Ok(())), (5, Method::Ack, Ok(()))];
    let late = Err(DialogError::OutOfOrder { last: 7, received: 6 });
    let table = table.into_iter().chain([
        (6, Method::Bye, late),
        (7, Method::Bye, Ok(())),
        (CSEQ_MAX, Method::Bye, Ok(())),
    ]);
    for (number, method, verdict) in table {
        let request = message(&format!(
            "{method} sip:us@192.0.2.4 SIP/2.0
            Via: SIP/2.0/UDP h;branch=z9hG4bK{number}
            From: <sip:alice@atlanta.example.com>;tag=9fxced76sl
            To: <sip:bob@biloxi.example.com>;tag=ours
            Call-ID: 3848276298220188511@atlanta.example.com
            CSeq: {number} {method}"
        ));
        assert_eq!(dialog.accept(&request), verdict, "{number} {method}");
    }
    assert_eq!(dialog.accept(&invite("")), Err(DialogError::OtherDialog), "no To-tag");
    assert_eq!(
        (DialogError::OtherDialog.status(), late.map_or_else(DialogError::status, |()| 0)),
        (481, 500)
    );
}

#[test]
fn needs_a_contact_and_bounded_routes() {
    let error = Dialog::uac(&invite(""), &ok(200, "")).err();
    assert_eq!(error, Some(DialogError::Missing(Name::Contact)));
    let many = format!("Record-Route: {}", vec!["<sip:p;lr>"; ROUTES_MAX + 1].join(","));
    assert_eq!(Dialog::uas(&invite(&many), "ours").err(), Some(DialogError::TooManyRoutes));
}

#[test]
fn is_small() {
    assert!(size_of::<Dialog>() <= 72, "{}", size_of::<Dialog>());
}
