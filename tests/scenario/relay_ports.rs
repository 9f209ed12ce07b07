//! Ports of relayed calls: used up, taken by others, at rest; and records that wait for the relay's word.

use node::AdminRequest;
use tests::plan::Plan;

use crate::phone::Callee;
use crate::relay::{Talk, relayed, target};
use crate::stage::{ALPHA, Stage, addr};

const NUMBER: &str = "34600000000";

/// One call takes both pairs; the next finds none, and none before they have rested.
#[test]
fn ports_used_up() {
    let mut stage = Stage::new(Plan::standard().relayed((20_000, 20_003)));
    let talk = Talk::begin(&mut stage);
    let mut second = stage.phone("c2", NUMBER);
    second.invite(&mut stage);
    let refusal = second.refused(&mut stage, 503);
    assert_eq!(refusal.header(sip::Name::RetryAfter), None);
    assert!(refusal.header(sip::Name::Reason).unwrap_or_default().starts_with("Q.850;cause=34"));
    stage.silence(addr(ALPHA));
    assert_eq!(stage.node.take_counters().media_ports_exhausted, 1);
    let cdr = &stage.cdrs[0];
    assert_eq!((cdr.sip_status, cdr.cause_q850.0, &*cdr.reason, cdr.amount), (503, 34, "no-ports", 0));
    let Talk { mut phone, mut callee, .. } = talk;
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.advance(9_000);
    let mut early = stage.phone("c4", NUMBER);
    early.invite(&mut stage);
    early.refused(&mut stage, 503);
    stage.advance(2_000);
    let mut later = stage.phone("c5", NUMBER);
    later.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    later.answered(&mut stage);
    later.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

/// The order of a call that has to be relayed by a switch that cannot.
#[test]
fn without_an_address_nothing_is_relayed() {
    let mut plan = Plan::standard().relayed((20_000, 20_003));
    plan.media.relay = None;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    phone.refused(&mut stage, 503);
    stage.over();
    assert_eq!(&*stage.cdr().reason, "no-ports");
}

/// The called side was told at once, and there is no other: 503, and nothing is billed.
#[test]
fn the_called_sides_port_fails() {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.routes = vec![("34", vec!["alpha"])];
    let mut stage = Stage::new(plan);
    stage.relay.failing = 0..1;
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    let refusal = phone.refused(&mut stage, 503);
    assert!(refusal.header(sip::Name::Reason).unwrap_or_default().starts_with("Q.850;cause=34"));
    let mut callee = Callee::wait(&mut stage, ALPHA);
    stage.advance(1_000);
    callee.ring(&mut stage);
    let cancel = stage.expect(callee.at, "CANCEL");
    callee.answer_to(&mut stage, &cancel, 200, None);
    callee.reply(&mut stage, 487, "", None);
    stage.over();
    assert_eq!((&*stage.cdr().reason, stage.cdr().amount), ("no-ports", 0));
}

/// The caller was not told of its port yet: another is taken, once; a second failure ends the call.
#[test]
fn the_callers_port_fails_once_or_twice() {
    for failures in [1_usize, 2] {
        let mut stage = relayed();
        let mut phone = stage.phone("c1", NUMBER);
        // The called side's is opened first.
        stage.relay.failing = 1..1 + failures;
        phone.invite(&mut stage);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        if failures == 2 {
            phone.refused(&mut stage, 503);
            callee.ring(&mut stage);
            let cancel = stage.expect(callee.at, "CANCEL");
            callee.answer_to(&mut stage, &cancel, 200, None);
            callee.reply(&mut stage, 487, "", None);
        } else {
            callee.answer(&mut stage);
            let a = target(&phone.answered(&mut stage).body());
            stage.advance(20);
            let now = stage.now.tick;
            let from = crate::relay::media_of(phone.at);
            assert_eq!(stage.relay.rtp(now, from, a), Some(crate::relay::media_of(callee.at)));
            phone.bye(&mut stage);
            callee.bye_comes(&mut stage);
        }
        stage.over();
    }
}

/// Money is settled at once; the record waits half a second for the relay, and is then written without.
#[test]
fn a_relay_that_does_not_answer() {
    let mut stage = relayed();
    let Talk { mut phone, mut callee, .. } = Talk::begin(&mut stage);
    stage.advance(30_000);
    stage.hold_relay = true;
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    assert_eq!(stage.balance(), 950_000, "30 s at 1 a minute");
    assert!(stage.cdrs.is_empty());
    assert!(!stage.node.is_settled() && !stage.node.is_idle());
    stage.advance(499);
    assert!(stage.cdrs.is_empty());
    stage.advance(1);
    let cdr = stage.cdr();
    assert_eq!((cdr.amount, cdr.rtp_packets_a_in), (50_000, None));
    assert_eq!(cdr.media_ip_a, Some(phone.at.ip()), "as it was said");
    stage.hold_relay = false;
    stage.over();
}

/// What reads the books reads what is settled.
#[test]
fn a_statement_finds_every_settled_call() {
    let mut stage = relayed();
    let Talk { mut phone, mut callee, .. } = Talk::begin(&mut stage);
    stage.advance(30_000);
    stage.hold_relay = true;
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    assert!(stage.cdrs.is_empty());
    stage.admin(AdminRequest::Posted("acme".into()));
    assert_eq!(stage.cdr().amount, 50_000);
    stage.hold_relay = false;
    stage.over();
}

/// The process stops with a call up: its record has what passed.
#[test]
fn a_stop_waits_for_the_relay() {
    let mut stage = relayed();
    let talk = Talk::begin(&mut stage);
    stage.advance(20);
    talk.caller_sends(&mut stage);
    stage.input(node::Input::Stop);
    let Talk { mut phone, mut callee, .. } = talk;
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    assert!(stage.node.is_settled());
    assert_eq!((&*stage.cdr().reason, stage.cdr().rtp_packets_a_in), ("shutdown", Some(1)));
}

/// A crash while the record waits: the call was up at its last checkpoint, and is billed to that.
#[test]
fn a_crash_while_a_record_waits() {
    let mut stage = relayed();
    let Talk { mut phone, mut callee, .. } = Talk::begin(&mut stage);
    stage.advance(30_000);
    stage.hold_relay = true;
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.crash();
    stage.hold_relay = false;
    assert_eq!(stage.cdrs.len(), 1, "one record");
    assert_eq!((&*stage.cdrs[0].reason, stage.cdrs[0].amount), ("node-lost", 50_000));
    stage.over();
}
