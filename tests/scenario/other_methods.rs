//! Methods that neither begin nor end a call, inside dialogs and outside: what is passed on, what is answered
//! and what is refused. Corners 50 and 56, attack 14; and calls whose two peers are gone, corner 51.

use bytes::Bytes;
use node::Input;
use sip::flow::{Flow, Transport};
use sip::{Message, Name};
use tests::dialogue::SWITCH;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, PBX, Stage, addr};

/// A request of the phone, whose body is of some type.
fn send_text(stage: &mut Stage, phone: &mut Phone, method: &str, kind: &str, body: &str) {
    let text = String::from_utf8(phone.dialog.request(method, "", None).to_vec()).expect("text");
    let head = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stage.send(phone.at, &Bytes::from(text.replace("Content-Length: 0\r\n\r\n", &head)));
}

fn sends(stage: &mut Stage, phone: &mut Phone, method: &str, extra: &str) {
    let bytes = phone.dialog.request(method, extra, None);
    stage.send(phone.at, &bytes);
}

fn end(mut stage: Stage, mut phone: Phone, mut callee: Callee) {
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn a_message_in_a_dialog_is_passed_on_and_its_answer_back() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    for status in [200, 202, 480, 603] {
        send_text(&mut stage, &mut phone, "MESSAGE", "text/plain;charset=utf-8", "¿Qué tal?");
        let passed = stage.expect(callee.at, "MESSAGE");
        assert_eq!(passed.content_type(), "text/plain;charset=utf-8");
        assert_eq!(&passed.body()[..], "¿Qué tal?".as_bytes());
        assert_eq!(passed.call_id(), callee.dialog.call_id);
        callee.answer_to(&mut stage, &passed, status, None);
        phone.expect(&mut stage, &format!("{status} MESSAGE"));
    }
    callee.request(&mut stage, "MESSAGE", "", None);
    let passed = phone.expect(&mut stage, "MESSAGE");
    phone.reply(&mut stage, &passed, 200, None);
    stage.expect(callee.at, "200 MESSAGE");
    end(stage, phone, callee);
}

#[test]
fn a_message_passes_before_the_answer_too() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    let ringing = phone.expect(&mut stage, "180 INVITE");
    phone.dialog.learn(&ringing);
    send_text(&mut stage, &mut phone, "MESSAGE", "text/plain", "wait");
    let passed = stage.expect(callee.at, "MESSAGE");
    callee.answer_to(&mut stage, &passed, 200, None);
    phone.expect(&mut stage, "200 MESSAGE");
}

#[test]
fn a_body_that_is_too_large_is_413() {
    let mut stage = Stage::standard();
    let (mut phone, callee) = stage.talk("c1", "34600000000");
    for method in ["MESSAGE", "INFO"] {
        send_text(&mut stage, &mut phone, method, "text/plain", &"x".repeat(8_193));
        phone.expect(&mut stage, &format!("413 {method}"));
        stage.silence(callee.at);
    }
    end(stage, phone, callee);
}

#[test]
fn a_message_or_a_subscription_outside_any_dialog_has_its_final_answer() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    send_text(&mut stage, &mut phone, "MESSAGE", "text/plain", "hello");
    let refused = phone.expect(&mut stage, "405 MESSAGE");
    assert!(refused.header(Name::Allow).is_some_and(|allow| !allow.contains("MESSAGE")));
    for event in ["Event: message-summary\r\n", "Event: dialog\r\n", ""] {
        sends(&mut stage, &mut phone, "SUBSCRIBE", event);
        phone.expect(&mut stage, "489 SUBSCRIBE");
    }
    assert!(stage.cdrs.is_empty());
    stage.over();
}

#[test]
fn corner_56_a_transfer_is_refused_and_the_call_goes_on() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let refer = "Refer-To: <sip:+34911000000@192.0.2.1>\r\n";
    sends(&mut stage, &mut phone, "REFER", refer);
    phone.expect(&mut stage, "603 REFER");
    callee.request(&mut stage, "REFER", refer, None);
    stage.expect(callee.at, "603 REFER");
    let mut other = stage.phone("c2", "34600000000");
    sends(&mut stage, &mut other, "REFER", refer);
    other.expect(&mut stage, "405 REFER");
    stage.advance(1_000);
    end(stage, phone, callee);
}

#[test]
fn corner_56_no_invite_takes_the_place_of_a_leg() {
    let mut plan = tests::plan::Plan::standard();
    plan.gates.push(tests::plan::gate("other", "acme", "192.0.2.99"));
    let mut stage = Stage::new(plan);
    let (phone, callee) = stage.talk("c1", "34600000000");
    let tag = |party: &str| party.rsplit("tag=").next().unwrap_or_default().to_owned();
    let (ours, theirs) = (tag(&phone.dialog.remote), tag(&phone.dialog.local));
    let named = format!("Replaces: c1;to-tag={ours};from-tag={theirs}\r\n");
    let cases = [
        (PBX, named.clone(), 603),
        ("192.0.2.99:5060", named.clone(), 481),
        (PBX, named.replace("c1;", "c9;"), 481),
        (PBX, named.replace(&ours, "nobody"), 481),
        (PBX, "Replaces: c1\r\n".to_owned(), 400),
        (PBX, format!("Require: replaces\r\n{named}"), 420),
    ];
    for (number, (at, extra, status)) in cases.into_iter().enumerate() {
        let mut other = Phone::new(addr(at), &format!("r{number}"), "34600000000");
        other.invite_with(&mut stage, &extra);
        other.refused(&mut stage, status);
        stage.silence(callee.at);
    }
    assert_eq!(stage.talking(), 1);
    end(stage, phone, callee);
}

#[test]
fn attack_14_a_notify_for_nothing_is_481() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let over = "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n";
    for extra in [over, "Event: refer\r\nSubscription-State: \0;;=\r\n", ""] {
        sends(&mut stage, &mut phone, "NOTIFY", extra);
        assert!(stage.kinds(phone.at).iter().all(|kind| ["481 NOTIFY", "400 NOTIFY"].contains(&&**kind)));
    }
    callee.request(&mut stage, "NOTIFY", over, None);
    stage.expect(callee.at, "481 NOTIFY");
    sends(&mut stage, &mut phone, "NOTIFY", &format!("{over}{over}"));
    phone.expect(&mut stage, "400 NOTIFY");
    let mut other = stage.phone("c2", "34600000000");
    sends(&mut stage, &mut other, "NOTIFY", over);
    other.expect(&mut stage, "481 NOTIFY");
    end(stage, phone, callee);
}

/// Nobody says anything any more; the time that was billed, and why it ended.
fn both_vanish(mut stage: Stage) -> (u64, String) {
    stage.advance(2_000_000);
    assert_eq!(stage.talking(), 0);
    stage.over();
    (stage.cdr().duration_ms, stage.cdr().reason.to_string())
}

#[test]
fn corner_51_a_call_of_two_vanished_peers_without_timers_ends_over_udp() {
    let mut stage = Stage::standard();
    stage.talk("c1", "34511000000");
    // Half of the default of 1,800 s, and two questions of 32 s.
    let (duration_ms, reason) = both_vanish(stage);
    assert!((964_000..964_010).contains(&duration_ms), "{duration_ms}");
    assert_eq!(reason, "dialog-gone");
}

#[test]
fn corner_51_a_call_of_two_vanished_peers_ends_within_the_operators_interval() {
    let mut stage = Stage::standard();
    stage.plan.dialog_probe_ms = Some(20_000);
    stage.reload();
    stage.talk("c1", "34511000000");
    let (duration_ms, reason) = both_vanish(stage);
    assert!((84_000..84_010).contains(&duration_ms), "{duration_ms}");
    assert_eq!(reason, "dialog-gone");
}

/// A call of one caller by TCP.
fn talk_over_tcp(stage: &mut Stage) -> Flow {
    let flow = Flow::stream(Transport::Tcp, addr(SWITCH), addr(PBX), 7);
    let mut phone = stage.phone("c1", "34511000000");
    phone.dialog = phone.dialog.over("TCP");
    let sdp = phone.sdp("sendrecv");
    let invite = phone.dialog.request("INVITE", "", Some(&sdp));
    stage.send_over(flow, &invite);
    let mut callee = Callee::wait(stage, ALPHA);
    callee.answer(stage);
    stage.expect(callee.at, "ACK");
    let ok: Message = stage.expect(addr(PBX), "200 INVITE");
    phone.dialog.learn(&ok);
    let ack = phone.dialog.ack(1, None);
    stage.send_over(flow, &ack);
    flow
}

#[test]
fn corner_51_a_call_of_two_vanished_peers_without_timers_ends_over_tcp() {
    // A connection that stands and says nothing, and one that is gone.
    for is_closed in [false, true] {
        let mut stage = Stage::standard();
        let flow = talk_over_tcp(&mut stage);
        if is_closed {
            stage.input(Input::Closed(flow));
        }
        let (duration_ms, reason) = both_vanish(stage);
        assert!((900_000..964_010).contains(&duration_ms), "{duration_ms}");
        assert_eq!(reason, "dialog-gone");
    }
}
