//! Smaller rules of RFC 3261 and its neighbours, a test each: reply ports, Require in dialogs, Expires, 199,
//! the tag of a CANCEL's answer.

use bytes::Bytes;
use sip::Name;
use tests::plan::Plan;

use crate::phone::Callee;
use crate::stage::{ALPHA, PBX, Stage, addr};

/// The INVITE of a phone whose Via has no `rport`, sent from another port than it names.
fn status_at(reply_to: route::ReplyTo, via_host: &str) -> (bool, bool) {
    let mut plan = Plan::standard();
    plan.gates[0].reply_to = reply_to;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "7");
    let sdp = phone.sdp("sendrecv");
    let text = String::from_utf8(phone.dialog.request("INVITE", "", Some(&sdp)).to_vec()).unwrap();
    let text = text.replace(";rport", "").replace(&format!("UDP {PBX}"), &format!("UDP {via_host}:5099"));
    let source = addr("192.0.2.11:33333");
    stage.send(source, &Bytes::from(text));
    let heard = |stage: &mut Stage, at: &str| stage.kinds(addr(at)).iter().any(|kind| kind == "484 INVITE");
    (heard(&mut stage, "192.0.2.11:33333"), heard(&mut stage, "192.0.2.11:5099"))
}

#[test]
fn fault_b11a_answers_without_rport_go_where_the_gate_wants_them() {
    // Setting, the Via's host, whether the answer comes to the source's port, and to the Via's.
    let table = [
        (route::ReplyTo::Auto, "192.0.2.11", (false, true)),
        (route::ReplyTo::Auto, "10.0.0.5", (true, false)),
        (route::ReplyTo::Auto, "pbx.example", (true, false)),
        (route::ReplyTo::Source, "192.0.2.11", (true, false)),
        (route::ReplyTo::Via, "192.0.2.11", (false, true)),
        (route::ReplyTo::Via, "10.0.0.5", (false, true)),
    ];
    for (reply_to, host, expected) in table {
        assert_eq!(status_at(reply_to, host), expected, "{reply_to:?} {host}");
    }
}

#[test]
fn fault_b11f_require_is_checked_inside_dialogs() {
    let mut stage = Stage::standard();
    let (mut phone, callee) = stage.talk("c1", "34600000000");
    let sdp = phone.sdp("sendonly");
    for method in ["INVITE", "UPDATE", "INFO", "OPTIONS"] {
        let bytes = phone.dialog.request(method, "Require: timer, foo\r\nProxy-Require: bar\r\n", Some(&sdp));
        phone.invite = Some(tests::dialogue::parse(&bytes));
        stage.send(phone.at, &bytes);
        let refused = phone.expect(&mut stage, &format!("420 {method}"));
        assert_eq!(refused.header(Name::Unsupported), Some("foo, bar"));
        stage.silence(callee.at);
    }
    assert_eq!(stage.talking(), 1);
}

#[test]
fn fault_b11f_a_bye_that_requires_too_much_ends_the_call_all_the_same() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(3_000);
    let bytes = phone.dialog.request("BYE", "Require: foo\r\n", None);
    stage.send(phone.at, &bytes);
    phone.expect(&mut stage, "420 BYE");
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 3_000, "whoever sent it is gone");
}

#[test]
fn fault_b11i_an_invite_expires() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, "Expires: 20\r\n");
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    stage.advance(19_900);
    phone.expect(&mut stage, "180 INVITE");
    stage.silence(phone.at);
    stage.advance(200);
    phone.refused(&mut stage, 487);
    let cancel = stage.expect(callee.at, "CANCEL");
    callee.answer_to(&mut stage, &cancel, 200, None);
    callee.fail(&mut stage, 487);
    stage.over();
    assert_eq!((stage.cdr().sip_status, stage.cdr().amount), (487, 0));
}

#[test]
fn an_answered_invite_does_not() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, "Expires: 20\r\n");
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(60_000);
    assert_eq!(stage.talking(), 1);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn fault_b11j_the_answer_to_a_cancel_has_the_tag_of_the_487() {
    for rings in [false, true] {
        let mut stage = Stage::standard();
        let mut phone = stage.phone("c1", "34600000000");
        phone.invite(&mut stage);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        if rings {
            callee.ring(&mut stage);
        }
        phone.cancel(&mut stage);
        let ok = phone.expect(&mut stage, "200 CANCEL");
        let refused = phone.refused(&mut stage, 487);
        assert_eq!(ok.to_tag(), refused.to_tag(), "RFC 3261 §9.2");
        assert!(!ok.to_tag().is_empty());
    }
}

#[test]
fn fault_b11n_199_is_a_sign_of_life_and_not_passed_on() {
    for supported in ["", "Supported: timer\r\n"] {
        let mut stage = Stage::standard();
        let mut phone = stage.phone("c1", "34600000000");
        phone.invite_with(&mut stage, supported);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        callee.reply(&mut stage, 199, "", None);
        let heard = stage.kinds(phone.at).iter().any(|kind| kind == "199 INVITE");
        assert!(!heard, "{supported:?}");
        // It was a sign of life: the carrier is waited for.
        stage.advance(10_000);
        callee.answer(&mut stage);
        phone.answered(&mut stage);
    }
}
