//! Corner 51: peers without session timer that say nothing for long are asked whether their call lives (RFC
//! 3261 §12.2.1.2).

use sip::Name;
use tests::plan::Plan;

use crate::stage::{ALPHA, PBX, Stage, addr};

/// Half of the session timer's default of 1,800 s.
const SILENCE_MS: u64 = 900_000;

#[test]
fn fault_b9_both_sides_are_asked_and_any_answer_proves_life() {
    let mut stage = Stage::standard();
    stage.plan.accounts[0].1 = 1;
    let (mut phone, mut callee) = stage.talk("c1", "34511000000");
    for status in [200, 405, 501, 404] {
        stage.advance(SILENCE_MS - 1_000);
        stage.silence(phone.at);
        stage.silence(callee.at);
        stage.advance(1_000);
        let to_phone = phone.expect(&mut stage, "OPTIONS");
        let to_callee = stage.expect(callee.at, "OPTIONS");
        assert_eq!(
            (to_phone.call_id(), to_callee.call_id()),
            ("c1", callee.dialog.call_id.as_str()),
            "inside the dialogs"
        );
        assert!(!to_phone.to_tag().is_empty() && to_phone.header(Name::Contact).is_some());
        phone.reply(&mut stage, &to_phone, status, None);
        callee.answer_to(&mut stage, &to_callee, status, None);
    }
    assert_eq!(stage.talking(), 1);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn fault_b9_two_481_end_the_call_of_a_peer_that_restarted() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34511000000");
    stage.advance(SILENCE_MS);
    let first = stage.expect(callee.at, "OPTIONS");
    let alive = phone.expect(&mut stage, "OPTIONS");
    phone.reply(&mut stage, &alive, 200, None);
    callee.answer_to(&mut stage, &first, 481, None);
    assert_eq!(stage.talking(), 1, "one may be an error");
    stage.advance(5_000);
    let second = stage.expect(callee.at, "OPTIONS");
    assert!(second.cseq().0 > first.cseq().0);
    callee.answer_to(&mut stage, &second, 481, None);
    phone.bye_comes(&mut stage);
    let bye = stage.expect(callee.at, "BYE");
    callee.answer_to(&mut stage, &bye, 481, None);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (SILENCE_MS + 5_000, "dialog-gone"));
}

#[test]
fn fault_b9_no_answer_twice_ends_the_call() {
    let mut plan = Plan::standard();
    plan.carriers[0].session.expires_secs = 600;
    let mut stage = Stage::new(plan);
    let (mut phone, callee) = stage.talk("c1", "34511000000");
    stage.advance(300_000);
    stage.expect(callee.at, "OPTIONS");
    // Timer F of either question.
    stage.advance(64_100);
    phone.bye_comes(&mut stage);
    stage.expect(callee.at, "BYE");
    stage.over();
    assert!((364_000..364_100).contains(&stage.cdr().duration_ms));
}

#[test]
fn a_request_of_the_peer_is_sign_of_life_enough() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34511000000");
    stage.advance(SILENCE_MS - 10_000);
    let info = phone.dialog.request("INFO", "", None);
    stage.send(phone.at, &info);
    let relayed = stage.expect(callee.at, "INFO");
    callee.answer_to(&mut stage, &relayed, 200, None);
    callee.request(&mut stage, "OPTIONS", "", None);
    stage.expect(callee.at, "200 OPTIONS");
    phone.expect(&mut stage, "200 INFO");
    stage.advance(SILENCE_MS - 20_000);
    stage.silence(addr(PBX));
    stage.silence(addr(ALPHA));
}

#[test]
fn a_session_timer_does_the_same_and_nobody_is_asked() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite_with(&mut stage, "Supported: timer\r\nSession-Expires: 7200;refresher=uac\r\n");
    let mut callee = crate::phone::Callee::wait(&mut stage, ALPHA);
    let sdp = callee.sdp();
    callee.reply(&mut stage, 200, "Require: timer\r\nSession-Expires: 7200;refresher=uas\r\n", Some(&sdp));
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    stage.advance(1_000_000);
    stage.silence(phone.at);
    stage.silence(callee.at);
}

#[test]
fn the_interval_is_the_operators() {
    let mut stage = Stage::standard();
    stage.plan.dialog_probe_ms = Some(20_000);
    stage.reload();
    let (mut phone, callee) = stage.talk("c1", "34511000000");
    stage.advance(20_000);
    phone.expect(&mut stage, "OPTIONS");
    stage.expect(callee.at, "OPTIONS");
    let mut never = Stage::standard();
    never.plan.dialog_probe_ms = Some(0);
    never.reload();
    let (phone, callee) = never.talk("c1", "34511000000");
    never.advance(4_000_000);
    never.silence(phone.at);
    never.silence(callee.at);
}
