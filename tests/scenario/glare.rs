//! Corner 14: both sides change the session at once (RFC 3261 §14.1, §14.2). Corner 15 beside it.

use tests::sdp;

use crate::stage::Stage;

#[test]
fn theirs_meets_ours_and_gets_491() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    let offer = sdp::write(callee.at.ip(), &sdp::Media { direction: "sendonly", version: 2, ..sdp::G711 });
    let theirs = callee.request(&mut stage, "INVITE", "", Some(&offer));
    let refused = stage.expect(callee.at, "491 INVITE");
    stage.send(callee.at, &tests::dialogue::ack_failure(&theirs, &refused));
    // The callee refuses ours for the same reason; the caller is told, and the session stays.
    callee.answer_to(&mut stage, &ours, 491, None);
    stage.expect(callee.at, "ACK");
    phone.refused(&mut stage, 491);
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 1_000);
}

#[test]
fn a_second_reinvite_while_the_first_waits_is_500() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    phone.reinvite(&mut stage, "sendrecv");
    let refused = phone.refused(&mut stage, 500);
    let wait: u32 = refused.header(sip::Name::RetryAfter).unwrap().parse().unwrap();
    assert!(wait <= 10);
    let answer = sdp::answer(&ours.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &ours, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    let ok = phone.expect(&mut stage, "200 INVITE");
    assert_eq!(ok.cseq().0, 2, "the first one is answered");
}

#[test]
fn a_lower_cseq_is_500() {
    let mut stage = Stage::standard();
    let (mut phone, _callee) = stage.talk("c1", "34600000000");
    phone.dialog.cseq = 7;
    let info = phone.dialog.request("OPTIONS", "", None);
    stage.send(phone.at, &info);
    phone.expect(&mut stage, "200 OPTIONS");
    phone.dialog.cseq = 3;
    let late = phone.dialog.request("OPTIONS", "", None);
    stage.send(phone.at, &late);
    phone.expect(&mut stage, "500 OPTIONS");
}
