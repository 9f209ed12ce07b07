//! The plain call, with the amounts of the contract: 0.12345 a minute, 30/6.

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage, addr};

const MADRID: &str = "34911000000";

fn amount_after(ms: u64) -> (u64, u64, i64) {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34511000000");
    stage.advance(ms);
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!(stage.balance(), 1_000_000 - cdr.amount);
    (cdr.duration_ms, cdr.billed_seconds, cdr.amount)
}

#[test]
fn the_amounts_of_the_contract() {
    assert_eq!(amount_after(31_000), (31_000, 36, 7_407));
    assert_eq!(amount_after(61_000), (61_000, 66, 13_580));
    assert_eq!(amount_after(1), (1, 30, 6_173));
    assert_eq!(amount_after(30_000), (30_000, 30, 6_173));
    assert_eq!(amount_after(30_001), (30_001, 36, 7_407));
}

#[test]
fn the_callee_may_hang_up_too() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", MADRID);
    stage.advance(10_000);
    callee.bye(&mut stage);
    stage.expect(callee.at, "200 BYE");
    phone.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((&*cdr.hangup_by, cdr.amount), ("callee", 70_000));
    assert_eq!(cdr.cost, Some(500), "10 s at 0.03");
}

#[test]
fn the_record_tells_the_call() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "+34911000000");
    stage.advance(61_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((&*cdr.account, &*cdr.gate, &*cdr.node), ("acme", "acme-pbx", "sw1"));
    assert_eq!(
        (&*cdr.caller, &*cdr.called, &*cdr.called_e164),
        ("+34600000001", "+34911000000", "34911000000")
    );
    assert_eq!(
        (
            &*cdr.prefix,
            &*cdr.deck,
            cdr.rate.to_string().as_str(),
            cdr.initial,
            cdr.increment,
            cdr.connect_fee.count()
        ),
        ("349", "retail", "0.60000", 60, 60, 1_000_000_000)
    );
    assert_eq!((cdr.duration_ms, cdr.billed_seconds, cdr.amount), (61_000, 120, 130_000));
    assert_eq!((cdr.balance_before, cdr.balance_after), (1_000_000, 870_000));
    assert_eq!((cdr.codec_a.as_deref(), cdr.codec_b.as_deref()), (Some("PCMA"), Some("PCMA")));
    assert_eq!((&*cdr.call_id_a, cdr.carrier.as_deref(), cdr.attempts.len()), ("c1", Some("alpha"), 1));
    assert_eq!(
        (&*cdr.hangup_by, cdr.cause_q850.0, cdr.sip_status, &*cdr.reason),
        ("caller", 16, 200, "normal")
    );
    assert_eq!((&*cdr.transport_a, cdr.transport_b.as_deref()), ("udp", Some("udp")));
    assert_ne!(cdr.call_id_b.as_deref(), Some("c1"), "a Call-ID never crosses");
    assert_eq!(cdr.teardown_ms, 0);
}

#[test]
fn a_caller_who_hears_nothing_yet_is_told_that_we_try() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", MADRID);
    phone.invite(&mut stage);
    stage.advance(200);
    let trying = phone.expect(&mut stage, "100 INVITE");
    assert_eq!(trying.to_tag(), "");
}

#[test]
fn nothing_of_one_leg_shows_on_the_other() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", MADRID);
    phone.invite_with(&mut stage, "User-Agent: pbx\r\nX-Ours: kept\r\nRecord-Route: <sip:192.0.2.77;lr>\r\n");
    let callee = Callee::wait(&mut stage, ALPHA);
    let text = String::from_utf8_lossy(callee.invite.as_bytes()).into_owned();
    assert!(text.contains("X-Ours: kept"), "{text}");
    for secret in ["User-Agent", "192.0.2.77", "z9hG4bK-5060", "Call-ID: c1\r"] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
    assert!(callee.invite.header(sip::Name::Via).is_some_and(|via| via.contains("192.0.2.1:5060")));
    assert_eq!(callee.at, addr(ALPHA));
}
