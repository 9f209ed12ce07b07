//! Corner 18: INVITE without SDP: the callee offers in its 200, the caller answers in its ACK (RFC 3261
//! §13.2.1, RFC 3264 §4).

use tests::sdp;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, Stage, addr};

fn offered() -> (Stage, Phone, Callee) {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.payloads.clear();
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    assert!(callee.invite.body().is_empty(), "no offer of ours");
    let offer = sdp::write(callee.at.ip(), &sdp::Media { payloads: &[9, 8, 0, 101], ..sdp::G711 });
    callee.reply(&mut stage, 200, "", Some(&offer));
    assert!(stage.kinds(addr(ALPHA)).is_empty(), "the ACK waits for the caller's answer");
    let ok = phone.take_answer(&mut stage);
    assert_eq!(sdp::payloads(&ok.body()), [8, 0, 101], "filtered to what the gate may speak");
    (stage, phone, callee)
}

#[test]
fn the_answer_goes_on_in_the_ack() {
    let (mut stage, mut phone, mut callee) = offered();
    stage.advance(200);
    let answer = sdp::write(phone.at.ip(), &sdp::Media { payloads: &[0, 101], ..sdp::G711 });
    phone.ack(&mut stage, Some(&answer));
    let ack = stage.expect(callee.at, "ACK");
    assert_eq!(sdp::payloads(&ack.body()), [0, 101]);
    stage.advance(10_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.duration_ms, cdr.codec_a.as_deref()), (10_200, Some("PCMU")));
}

#[test]
fn an_ack_without_answer_ends_the_call() {
    let (mut stage, mut phone, mut callee) = offered();
    stage.advance(200);
    phone.ack(&mut stage, None);
    stage.expect(callee.at, "ACK");
    callee.bye_comes(&mut stage);
    phone.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 200);
}

#[test]
fn no_ack_at_all_ends_both_sides() {
    let (mut stage, mut phone, mut callee) = offered();
    stage.advance(32_000);
    phone.bye_comes(&mut stage);
    stage.expect(callee.at, "ACK");
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (32_000, "no-ack"));
}
