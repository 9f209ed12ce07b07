//! Corner 2: CANCEL before the carrier has said anything is held until it does (RFC 3261 §9.1). Corners 3 and
//! 4 beside it.

use tests::dialogue::cancel;

use crate::phone::Callee;
use crate::stage::{ALPHA, PBX, Stage, addr};

fn cancelled_at_once() -> (Stage, Callee) {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34911000000");
    phone.invite(&mut stage);
    let callee = Callee::wait(&mut stage, ALPHA);
    phone.cancel(&mut stage);
    phone.expect(&mut stage, "200 CANCEL");
    phone.refused(&mut stage, 487);
    stage.silence(callee.at);
    (stage, callee)
}

#[test]
fn held_until_the_first_1xx() {
    let (mut stage, mut callee) = cancelled_at_once();
    callee.reply(&mut stage, 100, "", None);
    let cancel = stage.expect(callee.at, "CANCEL");
    callee.answer_to(&mut stage, &cancel, 200, None);
    callee.fail(&mut stage, 487);
    stage.over();
    assert_eq!((&*stage.cdr().reason, stage.cdr().amount), ("cancelled", 0));
}

#[test]
fn dropped_if_a_final_answer_comes_first() {
    let (mut stage, mut callee) = cancelled_at_once();
    callee.reply(&mut stage, 486, "", None);
    assert_eq!(stage.kinds(callee.at), ["ACK"]);
    stage.over();
    assert_eq!(stage.cdr().sip_status, 487);
}

#[test]
fn a_carrier_that_never_answers_is_forgotten() {
    let (mut stage, callee) = cancelled_at_once();
    stage.over();
    let kinds = stage.kinds(callee.at);
    assert!(
        kinds.iter().all(|kind| kind == "INVITE") && !kinds.is_empty(),
        "only the INVITE, again: {kinds:?}"
    );
}

#[test]
fn cancel_of_nothing_is_481() {
    let mut stage = Stage::standard();
    let (mut phone, _callee) = stage.talk("c1", "34911000000");
    let mut other = stage.phone("c2", "34911000000");
    let bytes = other.dialog.request("INVITE", "", None);
    other.invite = Some(tests::dialogue::parse(&bytes));
    other.cancel(&mut stage);
    stage.expect(addr(PBX), "481 CANCEL");
    assert_eq!(stage.node.live_calls(), 1, "the call that is up is not touched");
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
}

#[test]
fn whoever_rings_hears_why_the_caller_gave_up() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34911000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.reply(&mut stage, 180, "", None);
    phone.expect(&mut stage, "180 INVITE");
    // RFC 3326 §2: a phone that was not the one to answer shows no missed call.
    let why = "SIP;cause=200;text=\"Call completed elsewhere\"";
    let plain = cancel(phone.invite.as_ref().expect("it called"));
    let text = String::from_utf8(plain.to_vec()).expect("text");
    let bytes = text.replace("Max-Forwards: 70\r\n", &format!("Max-Forwards: 70\r\nReason: {why}\r\n"));
    stage.send(phone.at, &bytes::Bytes::from(bytes));
    let cancel = stage.expect(callee.at, "CANCEL");
    assert_eq!(cancel.header(sip::Name::Reason), Some(why));
    phone.expect(&mut stage, "200 CANCEL");
    phone.refused(&mut stage, 487);
    callee.answer_to(&mut stage, &cancel, 200, None);
    callee.fail(&mut stage, 487);
    stage.over();
}
