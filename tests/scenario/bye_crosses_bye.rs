//! Corner 12: both hang up at once (RFC 3261 §15.1.2, RFC 5407). Corners 11 and 13 beside it.

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage};

#[test]
fn both_byes_are_confirmed_and_one_call_is_billed() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(5_000);
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    let ours = stage.expect(callee.at, "BYE");
    callee.bye(&mut stage);
    stage.expect(callee.at, "200 BYE");
    // It knows no such dialog any more; that is as good as a 200.
    callee.answer_to(&mut stage, &ours, 481, None);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, stage.cdr().amount), (5_000, 8_333));
}

#[test]
fn a_caller_may_say_bye_before_the_answer() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    let ringing = phone.expect(&mut stage, "180 INVITE");
    phone.dialog.learn(&ringing);
    let invite_cseq = phone.dialog.invite_cseq;
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    phone.dialog.invite_cseq = invite_cseq;
    phone.refused(&mut stage, 487);
    let cancel = stage.expect(callee.at, "CANCEL");
    callee.answer_to(&mut stage, &cancel, 200, None);
    callee.fail(&mut stage, 487);
    stage.over();
    assert_eq!((stage.cdr().amount, &*stage.cdr().reason), (0, "cancelled"));
}

#[test]
fn bye_ends_a_reinvite_that_waits() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.reinvite(&mut stage, "sendonly");
    let theirs = stage.expect(callee.at, "INVITE");
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    phone.refused(&mut stage, 487);
    callee.answer_to(&mut stage, &theirs, 481, None);
    callee.bye_comes(&mut stage);
    stage.over();
    stage.cdr();
}
