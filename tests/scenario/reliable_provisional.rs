//! Provisional responses that are acknowledged by PRACK (RFC 3262), each leg for itself. Corners 20–23.

use sip::{Message, Name};
use tests::dialogue::contact_uri;
use tests::sdp::{self, Media};

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, Stage, addr};

const REQUIRED: &str = "Require: 100rel\r\nRSeq: ";

/// A call of a caller that says `extra`, as the carrier has it.
fn calling(extra: &str) -> (Stage, Phone, Callee) {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, extra);
    let callee = Callee::wait(&mut stage, ALPHA);
    (stage, phone, callee)
}

/// A reliable provisional response of the carrier.
fn rings_reliably(stage: &mut Stage, callee: &mut Callee, status: u16, rseq: u32, sdp: Option<&str>) {
    callee.reply(stage, status, &format!("{REQUIRED}{rseq}\r\n"), sdp);
}

fn rseq(response: &Message) -> u32 {
    assert!(response.has_token(Name::Require, "100rel"), "it is to be acknowledged");
    response.header(Name::RSeq).expect("RSeq").parse().expect("a number")
}

/// The caller's PRACK of a response.
fn prack(stage: &mut Stage, phone: &mut Phone, response: &Message, rseq: u32, sdp: Option<&str>) {
    phone.dialog.learn(response);
    let rack = format!("RAck: {rseq} {} INVITE\r\n", response.cseq().0);
    let bytes = phone.dialog.request("PRACK", &rack, sdp);
    stage.send(phone.at, &bytes);
}

fn acknowledge(stage: &mut Stage, phone: &mut Phone, response: &Message) {
    prack(stage, phone, response, rseq(response), None);
    phone.expect(stage, "200 PRACK");
}

fn talk_and_end(mut stage: Stage, mut phone: Phone, mut callee: Callee) {
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (1_000, "normal"));
}

#[test]
fn corner_20_a_carrier_with_100rel_is_acknowledged_for_a_caller_without() {
    let (mut stage, mut phone, mut callee) = calling("");
    assert!(callee.invite.has_token(Name::Supported, "100rel"));
    let answer = callee.sdp();
    rings_reliably(&mut stage, &mut callee, 183, 776, Some(&answer));
    let ours = stage.expect(callee.at, "PRACK");
    assert_eq!(ours.header(Name::RAck), Some("776 1 INVITE"));
    assert_eq!((ours.to_tag(), ours.from_tag()), (&*callee.tag, callee.invite.from_tag()));
    assert_eq!((ours.cseq().0, ours.request_uri()), (2, &*format!("sip:{ALPHA}")));
    callee.answer_to(&mut stage, &ours, 200, None);
    let progress = phone.expect(&mut stage, "183 INVITE");
    assert!(progress.header(Name::RSeq).is_none() && progress.header(Name::Require).is_none());
    assert_eq!(sdp::payloads(&progress.body()), [8, 101]);
    // Its answer is given: the 200 has none, or another one that means nothing.
    let other = sdp::write(callee.at.ip(), &Media { payloads: &[0], ..sdp::G711 });
    callee.reply(&mut stage, 200, "", Some(&other));
    stage.expect(callee.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(sdp::payloads(&ok.body()), [8, 101]);
    // The dialog goes on with the next number.
    phone.bye(&mut stage);
    let bye = callee.bye_comes(&mut stage);
    assert_eq!(bye.cseq().0, 3);
    stage.over();
}

#[test]
fn corner_20_a_prack_goes_by_the_routes_of_its_early_dialog() {
    let (mut stage, _phone, mut callee) = calling("");
    let routes = "Record-Route: <sip:198.51.100.77;lr>\r\n";
    callee.reply(&mut stage, 180, &format!("{routes}{REQUIRED}1\r\n"), None);
    let ours = stage.expect(addr("198.51.100.77:5060"), "PRACK");
    assert_eq!(ours.header(Name::Route), Some("<sip:198.51.100.77;lr>"));
    assert_eq!(ours.request_uri(), format!("sip:{ALPHA}"));
    stage.silence(callee.at);
}

#[test]
fn corner_20_a_caller_with_100rel_is_served_with_a_carrier_without() {
    for extra in ["Require: 100rel\r\n", "Supported: 100rel\r\n"] {
        let (mut stage, mut phone, mut callee) = calling(extra);
        callee.ring(&mut stage);
        let ringing = phone.expect(&mut stage, "180 INVITE");
        if extra.starts_with("Require") {
            acknowledge(&mut stage, &mut phone, &ringing);
        } else {
            assert!(ringing.header(Name::RSeq).is_none(), "nothing in it must arrive");
        }
        let answer = callee.sdp();
        callee.reply(&mut stage, 183, "", Some(&answer));
        let progress = phone.expect(&mut stage, "183 INVITE");
        assert!(progress.header(Name::Contact).is_some());
        acknowledge(&mut stage, &mut phone, &progress);
        stage.silence(callee.at);
        callee.answer(&mut stage);
        stage.expect(callee.at, "ACK");
        let ok = phone.take_answer(&mut stage);
        assert!(ok.body().is_empty(), "the answer was given");
        phone.ack(&mut stage, None);
        talk_and_end(stage, phone, callee);
    }
}

#[test]
fn corner_20_both_legs_for_themselves() {
    let (mut stage, mut phone, mut callee) = calling("Require: 100rel\r\n");
    let answer = callee.sdp();
    rings_reliably(&mut stage, &mut callee, 183, 9, Some(&answer));
    let ours = stage.expect(callee.at, "PRACK");
    callee.answer_to(&mut stage, &ours, 200, None);
    let progress = phone.expect(&mut stage, "183 INVITE");
    assert_ne!(rseq(&progress), 9);
    acknowledge(&mut stage, &mut phone, &progress);
    callee.reply(&mut stage, 200, "", None);
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    talk_and_end(stage, phone, callee);
}

#[test]
fn corner_20_an_answer_that_changed_comes_under_another_tag() {
    let (mut stage, mut phone, mut callee) = calling("Supported: 100rel\r\n");
    let early = callee.sdp();
    callee.reply(&mut stage, 183, "", Some(&early));
    let progress = phone.expect(&mut stage, "183 INVITE");
    acknowledge(&mut stage, &mut phone, &progress);
    let other = sdp::write(callee.at.ip(), &Media { payloads: &[0, 101], ..sdp::G711 });
    callee.reply(&mut stage, 200, "", Some(&other));
    stage.expect(callee.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(sdp::payloads(&ok.body()), [0, 101]);
    assert_ne!(ok.to_tag(), progress.to_tag());
    talk_and_end(stage, phone, callee);
}

#[test]
fn corner_21_a_provisional_answer_that_nobody_acknowledges_is_repeated_and_fails() {
    let (mut stage, mut phone, mut callee) = calling("Require: 100rel\r\n");
    callee.ring(&mut stage);
    let first = phone.expect(&mut stage, "180 INVITE");
    for ms in [500, 1_000, 2_000, 4_000, 8_000, 16_000] {
        stage.advance(ms - 1);
        stage.silence(phone.at);
        stage.advance(1);
        let again = phone.expect(&mut stage, "180 INVITE");
        assert_eq!((rseq(&again), again.to_tag()), (rseq(&first), first.to_tag()));
    }
    stage.advance(500);
    phone.refused(&mut stage, 504);
    let cancel = stage.expect(callee.at, "CANCEL");
    callee.answer_to(&mut stage, &cancel, 200, None);
    callee.fail(&mut stage, 487);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((&*cdr.reason, cdr.sip_status, cdr.amount, &*cdr.hangup_by), ("no-prack", 504, 0, "switch"));
}

#[test]
fn corner_22_a_wrong_prack_is_481_and_the_right_one_ends_the_repeats() {
    let (mut stage, mut phone, mut callee) = calling("Require: 100rel\r\n");
    callee.ring(&mut stage);
    let ringing = phone.expect(&mut stage, "180 INVITE");
    let number = rseq(&ringing);
    phone.dialog.learn(&ringing);
    for rack in [
        format!("RAck: {} 1 INVITE\r\n", number + 1),
        format!("RAck: {number} 2 INVITE\r\n"),
        format!("RAck: {number} 1 UPDATE\r\n"),
        format!("RAck: {number} 1 INVITE 4\r\n"),
        "RAck: 99999999999999 1 INVITE\r\n".to_owned(),
        "RAck: x\r\n".to_owned(),
        String::new(),
    ] {
        let bytes = phone.dialog.request("PRACK", &rack, None);
        stage.send(phone.at, &bytes);
        phone.expect(&mut stage, "481 PRACK");
    }
    stage.advance(500);
    phone.expect(&mut stage, "180 INVITE");
    acknowledge(&mut stage, &mut phone, &ringing);
    stage.advance(30_000);
    stage.silence(phone.at);
    // It has nothing to acknowledge any more.
    prack(&mut stage, &mut phone, &ringing, number, None);
    phone.expect(&mut stage, "481 PRACK");
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    phone.dialog.invite_cseq = 1;
    phone.answered(&mut stage);
    talk_and_end(stage, phone, callee);
}

#[test]
fn corner_22_one_waits_for_its_prack_at_a_time() {
    let (mut stage, mut phone, mut callee) = calling("Require: 100rel\r\n");
    for status in [180, 182, 181] {
        callee.reply(&mut stage, status, "", None);
    }
    let mut numbers = Vec::new();
    for kind in ["180 INVITE", "182 INVITE", "181 INVITE"] {
        let response = phone.expect(&mut stage, kind);
        stage.silence(phone.at);
        numbers.push(rseq(&response));
        acknowledge(&mut stage, &mut phone, &response);
    }
    assert_eq!(numbers, [numbers[0], numbers[0] + 1, numbers[0] + 2]);
    // Without an end there is no room for more than a few.
    for _ in 0..50 {
        callee.reply(&mut stage, 183, "", None);
    }
    for _ in 0..9 {
        let response = phone.expect(&mut stage, "183 INVITE");
        acknowledge(&mut stage, &mut phone, &response);
    }
    stage.silence(phone.at);
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    phone.dialog.invite_cseq = 1;
    phone.answered(&mut stage);
    talk_and_end(stage, phone, callee);
}

#[test]
fn corner_22_repeats_and_gaps_of_a_carrier_are_ignored() {
    let (mut stage, mut phone, mut callee) = calling("");
    rings_reliably(&mut stage, &mut callee, 180, 5, None);
    stage.expect(callee.at, "PRACK");
    phone.expect(&mut stage, "180 INVITE");
    for number in [5, 7, 4, 1] {
        rings_reliably(&mut stage, &mut callee, 183, number, None);
        stage.silence(callee.at);
        stage.silence(phone.at);
    }
    rings_reliably(&mut stage, &mut callee, 183, 6, None);
    assert_eq!(stage.expect(callee.at, "PRACK").header(Name::RAck), Some("6 1 INVITE"));
    phone.expect(&mut stage, "183 INVITE");
    // Another phone counts for itself.
    let mut second = Callee { tag: "b2".to_owned(), ..callee.clone() };
    rings_reliably(&mut stage, &mut second, 180, 4_000_000_000, None);
    let ours = stage.expect(callee.at, "PRACK");
    assert_eq!((ours.to_tag(), ours.header(Name::RAck)), ("b2", Some("4000000000 1 INVITE")));
    // What cannot be acknowledged is still heard.
    for extra in [format!("{REQUIRED}0\r\n"), format!("{REQUIRED}x\r\n"), "Require: 100rel\r\n".to_owned()] {
        callee.reply(&mut stage, 182, &extra, None);
        stage.silence(callee.at);
    }
    callee.reply(&mut stage, 100, &format!("{REQUIRED}7\r\n"), None);
    stage.silence(callee.at);
}

#[test]
fn corner_23_the_200_waits_for_the_prack() {
    let (mut stage, mut phone, mut callee) = calling("Supported: 100rel\r\n");
    let answer = callee.sdp();
    callee.reply(&mut stage, 183, "", Some(&answer));
    let progress = phone.expect(&mut stage, "183 INVITE");
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    stage.silence(phone.at);
    stage.advance(500);
    phone.expect(&mut stage, "183 INVITE");
    stage.silence(phone.at);
    acknowledge(&mut stage, &mut phone, &progress);
    phone.dialog.invite_cseq = 1;
    phone.answered(&mut stage);
    stage.advance(500);
    talk_and_end_after(stage, phone, callee, 2_000);
}

fn talk_and_end_after(mut stage: Stage, mut phone: Phone, mut callee: Callee, total_ms: u64) {
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, total_ms, "from the callee's answer");
}

/// Answered by the carrier, and its caller does not know.
fn held() -> (Stage, Phone, Callee, Message) {
    let (mut stage, mut phone, mut callee) = calling("Require: 100rel\r\n");
    let answer = callee.sdp();
    callee.reply(&mut stage, 183, "", Some(&answer));
    let progress = phone.expect(&mut stage, "183 INVITE");
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    phone.dialog.learn(&progress);
    (stage, phone, callee, progress)
}

#[test]
fn corner_23_a_caller_that_never_acknowledges_ends_an_answered_call() {
    let (mut stage, mut phone, mut callee, _) = held();
    stage.advance(32_000);
    phone.refused(&mut stage, 504);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_unpaid(&stage, ("no-prack", 504, "switch"), 32);
}

/// The carrier had answered, for so many seconds, and the caller was never told: it pays nothing.
fn assert_unpaid(stage: &Stage, end: (&str, u16, &str), carrier_secs: i64) {
    let cdr = stage.cdr();
    assert_eq!((&*cdr.reason, cdr.sip_status, &*cdr.hangup_by), end);
    assert_eq!((cdr.amount, cdr.duration_ms, cdr.billed_seconds, cdr.answered_at), (0, 0, 0, None));
    assert_eq!(stage.balance(), 1_000_000);
    assert_eq!(cdr.cost, Some(50 * carrier_secs), "0.03 a minute");
}

#[test]
fn corner_23_a_call_that_ends_while_its_200_waits_is_refused() {
    let (mut stage, mut phone, mut callee, _) = held();
    phone.cancel(&mut stage);
    phone.expect(&mut stage, "200 CANCEL");
    phone.refused(&mut stage, 487);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_unpaid(&stage, ("cancelled", 487, "caller"), 1);

    let (mut stage, mut phone, mut callee, _) = held();
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    stage.over();
    assert_unpaid(&stage, ("cancelled", 487, "caller"), 1);

    let (mut stage, mut phone, mut callee, progress) = held();
    callee.bye(&mut stage);
    stage.expect(callee.at, "200 BYE");
    phone.refused(&mut stage, 480);
    prack(&mut stage, &mut phone, &progress, rseq(&progress), None);
    phone.expect(&mut stage, "481 PRACK");
    stage.over();
    assert_unpaid(&stage, ("normal", 480, "callee"), 1);
}

#[test]
fn corner_23_a_crash_while_the_200_waits_bills_nothing() {
    let (mut stage, ..) = held();
    stage.advance(25_000);
    stage.crash();
    stage.advance(1_000);
    let cdr = stage.cdr();
    assert_eq!((&*cdr.reason, cdr.amount, cdr.duration_ms), ("node-lost", 0, 0));
    assert_eq!(stage.balance(), 1_000_000);
}

#[test]
fn corner_23_money_that_ends_while_the_200_waits_is_not_charged() {
    let mut plan = tests::plan::Plan::standard();
    plan.accounts[0].1 = 3_000;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, "Require: 100rel\r\n");
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    phone.expect(&mut stage, "180 INVITE");
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    stage.advance(31_000);
    phone.refused(&mut stage, 402);
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((&*cdr.reason, cdr.sip_status, cdr.amount), ("no-credit", 402, 0));
    assert_eq!(stage.balance(), 3_000);
}

#[test]
fn corner_23_an_offer_in_a_prack_is_answered() {
    let (mut stage, mut phone, callee, progress) = held();
    // The same again has the same answer.
    let offer = phone.sdp("sendrecv");
    prack(&mut stage, &mut phone, &progress, rseq(&progress), Some(&offer));
    let ok = phone.expect(&mut stage, "200 PRACK");
    assert_eq!(ok.body(), progress.body());
    phone.dialog.invite_cseq = 1;
    phone.answered(&mut stage);
    talk_and_end(stage, phone, callee);
}

#[test]
fn an_invite_without_offer_is_told_nothing_that_it_had_to_answer() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.payloads.clear();
    phone.invite_with(&mut stage, "Require: 100rel\r\n");
    let mut callee = Callee::wait(&mut stage, ALPHA);
    assert!(callee.invite.has_token(Name::Supported, "100rel"), "an offer of its phone would be told");
    callee.ring(&mut stage);
    assert!(stage.kinds(phone.at).iter().all(|kind| kind == "100 INVITE"));
    assert!(contact_uri(&callee.invite).is_some());
}
