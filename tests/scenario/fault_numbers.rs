//! Numbers as peers write them: local numbers with their context, blocked callers in disguise. Faults C2 of
//! the second review.

use tests::plan::{Plan, deck};

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage, addr};

fn plan() -> Plan {
    let mut plan = Plan::standard();
    // 1 is North America, 212 Morocco.
    plan.decks =
        vec![("retail", deck(&[("1", "0.01", 1, 1, ""), ("212", "1", 1, 1, ""), ("34", "0.1", 1, 1, "")]))];
    plan.carriers[0].deck = None;
    plan.routes = vec![("", vec!["alpha"])];
    plan
}

/// What the request line `target` is answered with, and the number and price row in the call's record.
fn dialled(target: &str) -> (u16, String, String) {
    let mut stage = Stage::new(plan());
    let mut phone = stage.phone("c1", "unused");
    phone.dialog.target = target.to_owned();
    phone.invite(&mut stage);
    if stage.cdrs.is_empty() {
        let mut callee = Callee::wait(&mut stage, ALPHA);
        callee.answer(&mut stage);
        stage.expect(addr(ALPHA), "ACK");
        phone.answered(&mut stage);
        phone.bye(&mut stage);
        callee.bye_comes(&mut stage);
    }
    stage.advance(40_000);
    let cdr = stage.cdr();
    (cdr.sip_status, cdr.called_e164.to_string(), cdr.prefix.to_string())
}

#[test]
fn fault_c2_a_local_number_is_not_another_countrys() {
    let us = (200, "12125550123".to_owned(), "1".to_owned());
    assert_eq!(dialled("tel:2125550123;phone-context=+1"), us);
    assert_eq!(dialled("sip:2125550123;phone-context=+1@192.0.2.1;user=phone"), us);
    assert_eq!(dialled("sip:2125550123@192.0.2.1;user=phone;phone-context=%2B1"), us);
    for (target, status) in
        [("tel:2125550123;phone-context=example.com", 404), ("tel:5550123;phone-context=+1", 484)]
    {
        assert_eq!(dialled(target), (status, String::new(), String::new()), "{target}");
    }
}

/// The prefix 999 is blocked; a number of Morocco that happens to hold these digits later is not.
#[test]
fn fault_c2_blocked_callers_are_found_in_every_disguise() {
    for (caller, status) in [
        ("sip:99912345678@192.0.2.11", 403),
        ("sip:0099912345678@192.0.2.11", 403),
        ("sip:+999-12345678@192.0.2.11", 403),
        ("sip:(999)12345678@192.0.2.11", 403),
        ("sip:%2B%39%3999345678@192.0.2.11", 403),
        ("tel:+999-12345678", 403),
        ("tel:12345678;phone-context=+999", 403),
        ("sip:212999123456@192.0.2.11", 180),
        ("sip:anonymous@anonymous.invalid", 180),
    ] {
        let mut plan = plan();
        plan.gates[0].blocked_callers = vec!["999".into()];
        let mut stage = Stage::new(plan);
        let mut phone = stage.phone("c1", "34911000000");
        phone.dialog.local = format!("<{caller}>;tag=cc1");
        phone.invite(&mut stage);
        if status == 180 {
            Callee::wait(&mut stage, ALPHA).ring(&mut stage);
            phone.expect(&mut stage, "180 INVITE");
        } else {
            phone.refused(&mut stage, status);
        }
    }
}
