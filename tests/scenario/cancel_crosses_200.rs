//! Corner 1: CANCEL crosses 200 (RFC 3261 §9.1, §9.2, §15; RFC 5407).

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage, addr};

#[test]
fn before_our_200_the_call_is_cancelled_and_the_carriers_cost_booked() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34911000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    phone.cancel(&mut stage);
    phone.expect(&mut stage, "200 CANCEL");
    phone.refused(&mut stage, 487);
    let cancel = stage.expect(callee.at, "CANCEL");
    assert_eq!(
        cancel.top_via().unwrap().branch(),
        callee.invite.top_via().unwrap().branch(),
        "CANCEL has the INVITE's branch"
    );
    // The callee had picked up already.
    callee.answer(&mut stage);
    callee.answer_to(&mut stage, &cancel, 200, None);
    stage.expect(addr(ALPHA), "ACK");
    callee.bye_comes(&mut stage);
    stage.over();
    stage.silence(phone.at);
    let cdr = stage.cdr();
    assert_eq!((cdr.amount, cdr.duration_ms, cdr.sip_status, &*cdr.reason), (0, 0, 487, "cancelled"));
    assert_eq!(stage.balance(), 1_000_000);
    assert_eq!(stage.late_costs(), [50], "one second at 0.03 a minute");
}

#[test]
fn after_our_200_the_call_stands() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34911000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.cancel(&mut stage);
    let kinds = stage.kinds(phone.at);
    assert_eq!(kinds, ["200 INVITE", "200 CANCEL"], "no 487");
    assert_eq!(stage.kinds(addr(ALPHA)), ["ACK"], "the callee hears nothing of it");
}

#[test]
fn a_caller_whose_cancel_came_late_hangs_up() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34911000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.cancel(&mut stage);
    phone.answered(&mut stage);
    stage.advance(200);
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.duration_ms, cdr.billed_seconds, cdr.amount), (200, 60, 70_000));
}
