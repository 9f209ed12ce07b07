//! Requests before the answer, in the dialogs that provisional responses made (RFC 3261 §12.1, §14.2; RFC
//! 3311 §5.2; RFC 6086), and between the answer and its ACK. Corners 15 and 17.

use sip::Name;
use tests::dialogue::Dialogue;
use tests::sdp;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, Stage};

/// A call that rings on both sides, and both know each other.
fn ringing() -> (Stage, Phone, Callee) {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    let ringing = phone.expect(&mut stage, "180 INVITE");
    phone.dialog.learn(&ringing);
    (stage, phone, callee)
}

fn answer_and_end(mut stage: Stage, mut phone: Phone, mut callee: Callee, duration_ms: u64) {
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    phone.dialog.invite_cseq = 1;
    phone.answered(&mut stage);
    stage.advance(duration_ms);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (duration_ms, "normal"));
}

fn phone_sends(stage: &mut Stage, phone: &mut Phone, method: &str, extra: &str, sdp: Option<&str>) {
    let bytes = phone.dialog.request(method, extra, sdp);
    stage.send(phone.at, &bytes);
}

#[test]
fn fault_b7_an_update_of_the_caller_waits_for_the_answer_or_changes_nothing() {
    let (mut stage, mut phone, callee) = ringing();
    let offer = phone.sdp("sendonly");
    phone_sends(&mut stage, &mut phone, "UPDATE", "", Some(&offer));
    let later = phone.expect(&mut stage, "500 UPDATE");
    assert!(later.header(Name::RetryAfter).unwrap().parse::<u32>().unwrap() <= 10);
    phone_sends(&mut stage, &mut phone, "UPDATE", "", None);
    let ok = phone.expect(&mut stage, "200 UPDATE");
    assert!(ok.header(Name::Contact).is_some());
    answer_and_end(stage, phone, callee, 1_000);
}

#[test]
fn fault_b7_an_update_of_the_callee_meets_our_offer() {
    let (mut stage, phone, mut callee) = ringing();
    let offer = sdp::write(callee.at.ip(), &sdp::G711);
    callee.request(&mut stage, "UPDATE", "", Some(&offer));
    stage.expect(callee.at, "491 UPDATE");
    callee.request(&mut stage, "UPDATE", "", None);
    stage.expect(callee.at, "200 UPDATE");
    answer_and_end(stage, phone, callee, 1_000);
}

#[test]
fn fault_b7_a_second_invite_before_the_answer_is_500_and_one_of_the_callee_491() {
    let (mut stage, mut phone, mut callee) = ringing();
    let offer = phone.sdp("sendonly");
    phone_sends(&mut stage, &mut phone, "INVITE", "", Some(&offer));
    let later = stage.expect(phone.at, "500 INVITE");
    assert!(later.header(Name::RetryAfter).unwrap().parse::<u32>().unwrap() <= 10);
    let offer = sdp::write(callee.at.ip(), &sdp::G711);
    callee.request(&mut stage, "INVITE", "", Some(&offer));
    stage.expect(callee.at, "491 INVITE");
    answer_and_end(stage, phone, callee, 1_000);
}

#[test]
fn fault_b7_options_are_answered_in_early_dialogs() {
    let (mut stage, mut phone, mut callee) = ringing();
    phone_sends(&mut stage, &mut phone, "OPTIONS", "", None);
    phone.expect(&mut stage, "200 OPTIONS");
    callee.request(&mut stage, "OPTIONS", "", None);
    stage.expect(callee.at, "200 OPTIONS");
    answer_and_end(stage, phone, callee, 1_000);
}

#[test]
fn fault_b7_info_passes_in_early_dialogs_both_ways() {
    let (mut stage, mut phone, mut callee) = ringing();
    phone_sends(&mut stage, &mut phone, "INFO", "X-Key: 5\r\n", None);
    let passed = stage.expect(callee.at, "INFO");
    assert_eq!((passed.to_tag(), passed.from_tag()), (&*callee.tag, callee.invite.from_tag()));
    assert_eq!(passed.header_named("X-Key"), Some("5"));
    callee.answer_to(&mut stage, &passed, 200, None);
    phone.expect(&mut stage, "200 INFO");
    callee.request(&mut stage, "INFO", "", None);
    let passed = phone.expect(&mut stage, "INFO");
    phone.reply(&mut stage, &passed, 200, None);
    stage.expect(callee.at, "200 INFO");
    answer_and_end(stage, phone, callee, 1_000);
}

#[test]
fn fault_b7_info_before_the_ack_passes() {
    let (mut stage, mut phone, mut callee) = ringing();
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    phone.take_answer(&mut stage);
    callee.request(&mut stage, "INFO", "", None);
    let passed = phone.expect(&mut stage, "INFO");
    phone.reply(&mut stage, &passed, 200, None);
    stage.expect(callee.at, "200 INFO");
    phone_sends(&mut stage, &mut phone, "INFO", "", None);
    let passed = stage.expect(callee.at, "INFO");
    callee.answer_to(&mut stage, &passed, 200, None);
    phone.expect(&mut stage, "200 INFO");
    phone.ack(&mut stage, None);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn what_belongs_to_no_early_dialog_is_still_481() {
    let (mut stage, phone, callee) = ringing();
    let mut stranger = phone.dialog.clone();
    stranger.local = stranger.local.replace("tag=", "tag=x");
    for method in ["UPDATE", "INFO", "OPTIONS", "BYE"] {
        let bytes = stranger.request(method, "", None);
        stage.send(phone.at, &bytes);
        stage.expect(phone.at, &format!("481 {method}"));
    }
    let mut unknown =
        Callee { dialog: Dialogue::callee(callee.at, &callee.invite, "other"), ..callee.clone() };
    for method in ["UPDATE", "INFO", "BYE"] {
        unknown.request(&mut stage, method, "", None);
        stage.expect(callee.at, &format!("481 {method}"));
    }
    answer_and_end(stage, phone, callee, 1_000);
}

#[test]
fn a_lower_cseq_is_500_in_an_early_dialog_too() {
    let (mut stage, mut phone, callee) = ringing();
    phone.dialog.cseq = 7;
    phone_sends(&mut stage, &mut phone, "OPTIONS", "", None);
    phone.expect(&mut stage, "200 OPTIONS");
    phone.dialog.cseq = 3;
    phone_sends(&mut stage, &mut phone, "OPTIONS", "", None);
    phone.expect(&mut stage, "500 OPTIONS");
    phone.dialog.cseq = 8;
    answer_and_end(stage, phone, callee, 1_000);
}

#[test]
fn info_that_nobody_answers_is_never_told_as_a_timeout() {
    let (mut stage, mut phone, callee) = ringing();
    phone_sends(&mut stage, &mut phone, "INFO", "", None);
    stage.expect(callee.at, "INFO");
    stage.advance(31_000);
    let kinds = stage.kinds(phone.at);
    assert!(!kinds.iter().any(|kind| kind == "408 INFO"), "RFC 4320 §4.2: {kinds:?}");
}
