//! What a carrier answers that concerns its own leg only: session timers, a pause that it asks for, an answer
//! that makes no dialog; and routes as long as the table allows.

use bytes::Bytes;
use sip::Name;
use tests::dialogue::reply;
use tests::plan::{Plan, carrier};

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, Stage, addr};

/// A route to the standard prefix with as many carriers as a route may have.
fn long_route() -> Plan {
    let mut plan = Plan::standard();
    let names: Vec<&'static str> =
        (1..=route::CARRIERS_PER_ROUTE_MAX).map(|n| &*format!("carrier-{n}").leak()).collect();
    plan.carriers = names
        .iter()
        .enumerate()
        .map(|(n, name)| carrier(name, &format!("sip:198.51.100.{}:5060", n + 1)))
        .collect();
    plan.routes = vec![("34", names)];
    plan
}

#[test]
fn fault_b8_the_last_carrier_of_the_longest_route_ends_its_call() {
    let mut stage = Stage::new(long_route());
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let last = route::CARRIERS_PER_ROUTE_MAX;
    let mut tags = std::collections::BTreeSet::new();
    for n in 1..last {
        let mut refusing = Callee::wait(&mut stage, &format!("198.51.100.{n}:5060"));
        assert!(tags.insert(refusing.invite.from_tag().to_owned()), "attempt {n} has the tag of another");
        refusing.fail(&mut stage, 404);
    }
    let mut callee = Callee::wait(&mut stage, &format!("198.51.100.{last}:5060"));
    assert!(tags.insert(callee.invite.from_tag().to_owned()), "the last attempt has the tag of another");
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    stage.advance(31_000);
    callee.bye(&mut stage);
    stage.expect(callee.at, "200 BYE");
    phone.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.attempts.len(), cdr.amount, &*cdr.hangup_by), (last, 7_407, "callee"));
}

#[test]
fn fault_b11b_a_422_without_min_se_goes_to_the_second_carrier() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 422);
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    beta.bye_comes(&mut stage);
    stage.over();
    assert_eq!(
        stage.cdr().attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(),
        [Some(422), Some(200)]
    );
}

#[test]
fn fault_b11b_a_second_422_goes_to_the_second_carrier() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    for _ in 0..2 {
        let mut alpha = Callee::wait(&mut stage, ALPHA);
        alpha.reply(&mut stage, 422, "Min-SE: 1800\r\n", None);
        stage.expect(alpha.at, "ACK");
    }
    stage.silence(addr(ALPHA));
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
    assert_eq!(stage.cdr().attempts.len(), 2, "one attempt at each");
}

/// 422 and 421 speak of the carrier's own leg: the caller could do nothing about them.
#[test]
fn fault_b11b_a_fault_of_our_own_timer_never_reaches_the_caller() {
    for status in [422, 421] {
        let mut stage = Stage::standard();
        let mut phone = stage.phone("c1", "34511000000");
        phone.invite(&mut stage);
        Callee::wait(&mut stage, ALPHA).fail(&mut stage, status);
        Callee::wait(&mut stage, BETA).fail(&mut stage, status);
        phone.refused(&mut stage, 500);
        stage.over();
        assert_eq!(stage.cdr().sip_status, 500);
    }
}

#[test]
fn fault_b11c_a_refresh_that_is_too_short_is_sent_again_with_the_larger_interval() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\n");
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(45_100);
    let refresh = phone.expect(&mut stage, "INVITE");
    stage.send(phone.at, &reply(&refresh, 422, "", phone.at, "Min-SE: 600\r\n", None));
    phone.expect(&mut stage, "ACK");
    let again = phone.expect(&mut stage, "INVITE");
    assert_eq!(again.header(Name::SessionExpires), Some("600;refresher=uac"));
    assert_eq!(again.header(Name::MinSe), Some("600"));
    assert!(again.cseq().0 > refresh.cseq().0);
    let answer = phone.sdp("sendrecv");
    let ok = reply(
        &again,
        200,
        "",
        phone.at,
        "Session-Expires: 600;refresher=uac\r\nRequire: timer\r\n",
        Some(&answer),
    );
    stage.send(phone.at, &ok);
    phone.expect(&mut stage, "ACK");
    // The next one is due at half of the new interval, not of the old.
    stage.advance(299_000);
    stage.silence(phone.at);
    stage.advance(2_000);
    phone.expect(&mut stage, "INVITE");
    assert_eq!(stage.talking(), 1);
}

/// A hold that meets 422 on the other side: the timer is ours, the hold is the caller's.
#[test]
fn fault_b11c_a_passed_offer_that_is_too_short_is_sent_again() {
    let mut plan = Plan::standard();
    plan.carriers[0].session.expires_secs = 600;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let sdp = callee.sdp();
    callee.reply(&mut stage, 200, "Session-Expires: 600;refresher=uac\r\nRequire: timer\r\n", Some(&sdp));
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    phone.reinvite(&mut stage, "sendonly");
    let hold = stage.expect(callee.at, "INVITE");
    stage.send(callee.at, &reply(&hold, 422, "", callee.at, "Min-SE: 1200\r\n", None));
    stage.expect(callee.at, "ACK");
    let again = stage.expect(callee.at, "INVITE");
    assert_eq!((again.body(), again.header(Name::MinSe)), (hold.body(), Some("1200")));
    let answer = tests::sdp::answer(&again.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &again, 200, Some(&answer));
    phone.expect(&mut stage, "200 INVITE");
}

/// One call that ends at the carrier that is tried first; refused there.
fn first_tried(stage: &mut Stage, call_id: &str) -> String {
    let mut phone = stage.phone(call_id, "34511000000");
    phone.invite(stage);
    for at in [ALPHA, BETA] {
        let inbox = stage.inbox(addr(at));
        if let Some(invite) = inbox.into_iter().find(|message| tests::dialogue::kind(message) == "INVITE") {
            stage.send(addr(at), &reply(&invite, 486, "t", addr(at), "", None));
            phone.refused(stage, 486);
            return at.to_owned();
        }
    }
    "nobody".to_owned()
}

#[test]
fn fault_b11d_a_carrier_that_asks_for_a_pause_gets_it() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    alpha.reply(&mut stage, 503, "Retry-After: 120 (maintenance);duration=60\r\n", None);
    stage.expect(alpha.at, "ACK");
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    assert_eq!(stage.node.carriers_down(stage.now.tick), ["alpha".into()], "the metrics say so");
    assert_eq!(first_tried(&mut stage, "c2"), BETA);
    stage.advance(119_000);
    assert_eq!(first_tried(&mut stage, "c3"), BETA);
    stage.advance(2_000);
    assert!(stage.node.carriers_down(stage.now.tick).is_empty());
    assert_eq!(first_tried(&mut stage, "c4"), ALPHA);
}

/// A late success on the carrier does not end the pause; without Retry-After there is none.
#[test]
fn fault_b11d_only_time_ends_the_pause() {
    let mut stage = Stage::standard();
    let mut ringing = stage.phone("c0", "34511000000");
    ringing.invite(&mut stage);
    let mut answering = Callee::wait(&mut stage, ALPHA);
    answering.ring(&mut stage);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    alpha.reply(&mut stage, 503, "Retry-After: 60\r\n", None);
    stage.expect(alpha.at, "ACK");
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    answering.answer(&mut stage);
    ringing.answered(&mut stage);
    stage.inbox(addr(ALPHA));
    assert_eq!(first_tried(&mut stage, "c2"), BETA);
    stage.advance(61_000);
    let mut again = stage.phone("c3", "34511000000");
    again.invite(&mut stage);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 503);
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    again.refused(&mut stage, 486);
    assert_eq!(first_tried(&mut stage, "c4"), ALPHA, "a 503 without Retry-After is one failure of five");
}

/// A message without its Contact.
fn without_contact(bytes: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split_inclusive("\r\n").filter(|line| !line.starts_with("Contact:"));
    Bytes::from(lines.collect::<String>())
}

#[test]
fn fault_b11g_an_answer_without_contact_is_acknowledged_ended_and_booked() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    let sdp = alpha.sdp();
    let ok = without_contact(&reply(&alpha.invite, 200, "b1", alpha.at, "", Some(&sdp)));
    stage.send(alpha.at, &ok);
    let ack = stage.expect(alpha.at, "ACK");
    assert_eq!((ack.to_tag(), ack.cseq().0), ("b1", alpha.invite.cseq().0));
    let bye = alpha.bye_comes(&mut stage);
    assert_eq!(
        bye.request_uri(),
        "sip:198.51.100.1:5060",
        "without a target of its own: where it was called"
    );
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.answer(&mut stage);
    phone.answered(&mut stage);
    // It repeats its 2xx: the same ACK again, and nothing else.
    stage.send(alpha.at, &ok);
    assert_eq!(stage.kinds(alpha.at), ["ACK"]);
    phone.bye(&mut stage);
    beta.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.carrier.as_deref(), cdr.attempts[0].status), (Some("beta"), Some(200)));
    assert!(cdr.attempts[0].reason.contains("Contact"), "{}", cdr.attempts[0].reason);
    assert_eq!(stage.late_costs(), [50], "it was answered, and is charged");
}

/// The same of one that answers after nobody waited any more.
#[test]
fn fault_b11g_a_late_answer_without_contact_is_ended_too() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    alpha.ring(&mut stage);
    phone.cancel(&mut stage);
    phone.refused(&mut stage, 487);
    stage.expect(alpha.at, "CANCEL");
    let sdp = alpha.sdp();
    stage.send(alpha.at, &without_contact(&reply(&alpha.invite, 200, "b1", alpha.at, "", Some(&sdp))));
    stage.expect(alpha.at, "ACK");
    alpha.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.late_costs(), [50]);
}
