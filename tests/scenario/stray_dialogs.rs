//! Requests into dialogs that are not: 481, or silence for strangers. Corners 50, 54 and 57.

use bytes::Bytes;

use crate::stage::{PBX, Stage, addr};

#[test]
fn an_invite_with_a_tag_of_nobody_is_481() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.dialog.remote.push_str(";tag=nobody");
    phone.invite(&mut stage);
    phone.refused(&mut stage, 481);
    stage.over();
    assert!(stage.cdrs.is_empty());
}

#[test]
fn a_bye_after_the_end_is_481() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    stage.advance(60_000);
    phone.bye(&mut stage);
    phone.expect(&mut stage, "481 BYE");
}

#[test]
fn another_customer_cannot_end_a_call() {
    let mut plan = tests::plan::Plan::standard();
    plan.gates.push(tests::plan::gate("other", "acme", "192.0.2.99"));
    let mut stage = Stage::new(plan);
    let (mut phone, callee) = stage.talk("c1", "34600000000");
    let bye = phone.dialog.request("BYE", "", None);
    stage.send(addr("192.0.2.99:5060"), &bye);
    stage.expect(addr("192.0.2.99:5060"), "403 BYE");
    stage.silence(callee.at);
    assert_eq!(stage.talking(), 1);
}

#[test]
fn unknown_methods_are_refused_in_and_out_of_dialogs() {
    let mut stage = Stage::standard();
    let (mut phone, _callee) = stage.talk("c1", "34600000000");
    for (method, status) in [("REFER", 603), ("REGISTER", 405), ("FLY", 501), ("SUBSCRIBE", 489)] {
        let bytes = phone.dialog.request(method, "", None);
        stage.send(phone.at, &bytes);
        let kind = if method == "FLY" { "501 OTHER".to_owned() } else { format!("{status} {method}") };
        phone.expect(&mut stage, &kind);
    }
    let mut stranger = stage.phone("c2", "34600000000");
    for (method, kind) in [("REGISTER", "405 REGISTER"), ("FLY", "501 OTHER"), ("MESSAGE", "405 MESSAGE")] {
        let bytes = stranger.dialog.request(method, "", None);
        stage.send(stranger.at, &bytes);
        let refused = stranger.expect(&mut stage, kind);
        assert!(refused.header(sip::Name::Allow).is_some_and(|allow| allow.contains("INVITE")));
    }
}

#[test]
fn a_response_to_nothing_is_dropped() {
    let mut stage = Stage::standard();
    let text = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnothing\r\nFrom: <sip:a@b>;tag=x\r\nTo: <sip:c@d>;tag=y\r\n\
         Call-ID: none\r\nCSeq: 1 INVITE\r\nContact: <sip:{PBX}>\r\nContent-Length: 0\r\n\r\n"
    );
    stage.send(addr(PBX), &Bytes::from(text));
    stage.silence(addr(PBX));
}
