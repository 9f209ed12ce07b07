//! Corner 8: our 2xx is sent again until 64·T1, then BYE to both, billed until then (RFC 3261 §13.3.1.4).
//! Corner 9 beside it.

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage};

#[test]
fn an_answer_that_nobody_acknowledges_ends_the_call() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.take_answer(&mut stage);
    stage.advance(31_900);
    let kinds = stage.kinds(phone.at);
    assert!(kinds.iter().all(|kind| kind == "200 INVITE"), "{kinds:?}");
    assert_eq!(kinds.len(), 10, "T1 doubling to T2: 0.5 1.5 3.5 7.5 … 31.5 s");
    stage.advance(200);
    phone.bye_comes(&mut stage);
    let bye = callee.bye_comes(&mut stage);
    assert!(
        bye.header(sip::Name::Reason).is_some_and(|reason| reason.starts_with("Q.850;cause=102")),
        "{bye:?}"
    );
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.duration_ms, cdr.billed_seconds, cdr.amount), (32_000, 32, 53_333));
    assert_eq!((&*cdr.reason, cdr.cause_q850.0, &*cdr.hangup_by), ("no-ack", 102, "switch"));
}

#[test]
fn an_invite_that_comes_again_makes_no_second_call() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34511000000");
    let again = bytes::Bytes::copy_from_slice(phone.invite.as_ref().unwrap().as_bytes());
    stage.send(phone.at, &again);
    assert_eq!(stage.node.live_calls(), 1);
    stage.silence(callee.at);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    stage.cdr();
}

#[test]
fn a_callee_that_hangs_up_before_the_ack_is_heard_at_once() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.take_answer(&mut stage);
    stage.advance(100);
    callee.bye(&mut stage);
    stage.expect(callee.at, "200 BYE");
    stage.advance(50);
    // Our BYE waits for the caller's ACK (§15), the bill does not.
    assert!(!stage.kinds(phone.at).iter().any(|kind| kind == "BYE"));
    stage.advance(300);
    phone.ack(&mut stage, None);
    phone.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 100);
}
