//! The contract's table "SIP answers": what is refused, in which order, with which status, cause and
//! Retry-After.

use node::{Input, Pressure};
use sip::{Message, Name};
use tests::plan::Plan;

use crate::phone::Callee;
use crate::stage::{ALPHA, PBX, Stage, addr};

fn cause(refusal: &Message) -> u8 {
    let reason = refusal.header(Name::Reason).expect("every refusal has its Reason");
    let (_, rest) = reason.split_once("Q.850;cause=").expect("Q.850");
    rest.split(';').next().unwrap().parse().unwrap()
}

/// One INVITE to `number`: status, cause, Retry-After, number of CDRs.
fn refused(plan: Plan, number: &str, before: impl FnOnce(&mut Stage)) -> (u16, u8, bool, usize) {
    let mut stage = Stage::new(plan);
    before(&mut stage);
    let mut phone = stage.phone("c1", number);
    phone.invite(&mut stage);
    let refusal = stage.inbox(phone.at).pop().expect("an answer");
    stage.send(phone.at, &tests::dialogue::ack_failure(phone.invite.as_ref().unwrap(), &refusal));
    let told = (refusal.status(), cause(&refusal), refusal.header(Name::RetryAfter).is_some());
    stage.silence(addr(ALPHA));
    stage.advance(40_000);
    assert!(
        stage
            .cdrs
            .iter()
            .all(|cdr| cdr.amount == 0 && cdr.sip_status == told.0 && cdr.cause_q850.0 == told.1)
    );
    (told.0, told.1, told.2, stage.cdrs.len())
}

fn plain(number: &str) -> (u16, u8, bool, usize) {
    refused(Plan::standard(), number, |_| ())
}

#[test]
fn numbers() {
    assert_eq!(plain(""), (484, 28, false, 1));
    assert_eq!(plain("34abc"), (404, 1, false, 1));
    assert_eq!(plain("3491100000012345"), (404, 1, false, 1), "over 15 digits");
    assert_eq!(plain("0911000000"), (404, 1, false, 1), "a leading 0 under e164");
    assert_eq!(plain("*21*"), (404, 1, false, 1));
}

#[test]
fn prices_routes_and_blocks() {
    assert_eq!(plain("49301234567"), (404, 3, false, 1), "no price");
    let mut priced = Plan::standard();
    priced.decks[0].1.push_str("49,Germany,1,1,1,,,\n");
    assert_eq!(refused(priced, "49301234567", |_| ()), (404, 3, false, 1), "no route");
    let mut blocked = Plan::standard();
    blocked.gates[0].blocked = vec!["349".into()];
    assert_eq!(refused(blocked, "34911000000", |_| ()), (403, 21, false, 1));
    let mut silent = Plan::standard();
    silent.gates[0].blocked_callers = vec!["346".into()];
    assert_eq!(refused(silent, "34911000000", |_| ()), (403, 21, false, 1));
}

#[test]
fn credit() {
    let mut poor = Plan::standard();
    poor.accounts[0].1 = 69_999;
    assert_eq!(
        refused(poor.clone(), "34911000000", |_| ()),
        (402, 21, false, 1),
        "0.10 and a minute at 0.60"
    );
    poor.accounts[0].1 = 70_000;
    let mut stage = Stage::new(poor);
    stage.talk("c1", "34911000000");
}

#[test]
fn drain_and_pressure_are_503_to_be_tried_again() {
    assert_eq!(
        refused(Plan::standard(), "34911000000", |stage| stage.input(Input::Drain)),
        (503, 42, true, 0)
    );
    let half = |stage: &mut Stage| stage.input(Input::Journal(Pressure::Half));
    assert_eq!(refused(Plan::standard(), "34911000000", half), (503, 42, true, 0));
    let failed = |stage: &mut Stage| stage.input(Input::Journal(Pressure::Failed));
    assert_eq!(refused(Plan::standard(), "34911000000", failed), (503, 42, true, 0));
}

#[test]
fn a_gate_with_all_its_calls_is_503_without_a_blackout() {
    let mut plan = Plan::standard();
    plan.gates[0].max_calls = 1;
    let mut stage = Stage::new(plan);
    let (mut phone, mut callee) = stage.talk("c1", "34511000000");
    let mut second = stage.phone("c2", "34511000000");
    second.invite(&mut stage);
    let refusal = second.refused(&mut stage, 503);
    assert_eq!((cause(&refusal), refusal.header(Name::RetryAfter)), (34, None));
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    // The place is free again.
    let mut third = stage.phone("c3", "34511000000");
    third.invite(&mut stage);
    Callee::wait(&mut stage, ALPHA);
}

#[test]
fn a_gate_over_its_rate_is_503_to_be_tried_again() {
    let mut plan = Plan::standard();
    plan.gates[0].max_cps = Some(1);
    let mut stage = Stage::new(plan);
    let mut refused = Vec::new();
    for n in 0..5 {
        let mut phone = stage.phone(&format!("c{n}"), "34511000000");
        phone.invite(&mut stage);
        let Some(last) = stage.inbox(phone.at).pop() else { continue };
        assert!(last.status() == 503 && cause(&last) == 42 && last.header(Name::RetryAfter).is_some());
        refused.push(n);
    }
    assert!(!refused.is_empty() && refused[0] > 0, "{refused:?}");
    stage.advance(2_000);
    let mut later = stage.phone("later", "34511000000");
    later.invite(&mut stage);
    Callee::wait(&mut stage, ALPHA);
}

#[test]
fn only_g722_is_488() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.payloads = vec![9];
    phone.invite(&mut stage);
    let refusal = phone.refused(&mut stage, 488);
    assert_eq!(cause(&refusal), 65);
    stage.over();
    assert_eq!((stage.cdr().sip_status, &*stage.cdr().reason), (488, "no-codec"));
}

#[test]
fn what_no_carrier_speaks_is_488() {
    let mut plan = Plan::standard();
    plan.carriers.iter_mut().for_each(|carrier| carrier.codecs = codecs::CodecSet::of(codecs::Codec::G729));
    assert_eq!(refused(plan, "34511000000", |_| ()), (488, 65, false, 1));
}

#[test]
fn the_order_is_that_of_the_contract() {
    // Everything is wrong with this call: the number is told first.
    let mut plan = Plan::standard();
    plan.accounts[0].1 = 0;
    plan.gates[0].blocked = vec!["34".into()];
    assert_eq!(refused(plan.clone(), "34abc", |_| ()).0, 404);
    assert_eq!(refused(plan.clone(), "34511000000", |_| ()).0, 403, "blocked before credit");
    plan.gates[0].blocked.clear();
    plan.routes.clear();
    assert_eq!(refused(plan.clone(), "34511000000", |_| ()).0, 404, "route before credit");
}

#[test]
fn strangers_meet_silence() {
    let mut stage = Stage::standard();
    for method in ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL"] {
        let mut stranger = crate::phone::Phone::new(addr("203.0.113.9:5060"), "x1", "34511000000");
        let bytes = stranger.dialog.request(method, "", None);
        stage.send(stranger.at, &bytes);
        stage.silence(stranger.at);
    }
    stage.send(addr("203.0.113.9:5060"), &bytes::Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"));
    stage.silence(addr("203.0.113.9:5060"));
    assert_eq!(stage.rejected("unknown_source"), 6);
    stage.over();
    assert!(stage.cdrs.is_empty());
}

#[test]
fn what_is_required_and_unknown_is_420() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite_with(&mut stage, "Require: timer, 100rel, telepathy\r\nProxy-Require: magic\r\n");
    let refusal = phone.refused(&mut stage, 420);
    let unsupported = refusal.header(Name::Unsupported).expect("Unsupported");
    assert!(
        unsupported.contains("telepathy")
            && unsupported.contains("magic")
            && !unsupported.contains("timer")
            && !unsupported.contains("100rel"),
        "{unsupported}"
    );
    stage.over();
}

#[test]
fn options_of_a_known_peer_is_200_until_we_drain() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "");
    let bytes = phone.dialog.request("OPTIONS", "", None);
    stage.send(addr(PBX), &bytes);
    let ok = phone.expect(&mut stage, "200 OPTIONS");
    assert!(ok.header(Name::Allow).is_some_and(|allow| allow.contains("INVITE")));
    stage.input(Input::Drain);
    let bytes = phone.dialog.request("OPTIONS", "", None);
    stage.send(addr(PBX), &bytes);
    phone.expect(&mut stage, "503 OPTIONS");
}

#[test]
fn no_more_hops_is_483_for_a_call() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    let text = String::from_utf8_lossy(&phone.dialog.request("INVITE", "", None))
        .replace("Max-Forwards: 70", "Max-Forwards: 0");
    stage.send(addr(PBX), &bytes::Bytes::from(text));
    phone.expect(&mut stage, "483 INVITE");
}
