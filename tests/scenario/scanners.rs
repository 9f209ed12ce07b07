//! Scanners: unknown addresses whose requests never have a good end hear nothing after a while; nobody is
//! kept out in whose name they are sent.

use bytes::Bytes;
use node::BanReason;
use tests::plan::{Plan, SIP_DOMAIN, sip_account};

use crate::phone::{Callee, Phone};
use crate::sip_accounts::{ALICE, challenged, of_invite};
use crate::stage::{ALPHA, PBX, Stage, addr};

const SCANNER: &str = "203.0.113.9:5060";
const HOME: &str = "198.51.100.77:40000";
const NUMBER: &str = "+34911000001";

fn stage() -> Stage {
    let mut plan = Plan::standard();
    plan.gates.push(sip_account("alice", "acme"));
    plan.domains = vec![SIP_DOMAIN];
    plan.strangers.ban_after = 20;
    Stage::new(plan)
}

fn stranger(at: &str, call_id: &str) -> Phone {
    let mut phone = Phone::new(addr(at), call_id, NUMBER);
    phone.dialog.target = format!("sip:{NUMBER}@{SIP_DOMAIN}");
    phone
}

/// Another user name and another call each, and no challenge is ever answered.
#[test]
fn a_scanner_that_never_answers_is_locked_out_for_its_time() {
    let mut stage = stage();
    for n in 0..19 {
        let mut phone = stranger(SCANNER, &format!("s{n}"));
        challenged(&mut stage, &mut phone);
        stage.advance(1_000);
    }
    stranger(SCANNER, "last").invite(&mut stage);
    stage.silence(addr(SCANNER));
    let locked_out = stage.node.take_counters().locked_out;
    assert_eq!(locked_out, [(addr(SCANNER).ip(), BanReason::Scanner)]);
    stage.advance(899_000);
    stranger(SCANNER, "still").invite(&mut stage);
    stage.silence(addr(SCANNER));
    stage.advance(2_000);
    challenged(&mut stage, &mut stranger(SCANNER, "free"));
    stage.over();
}

/// Requests for others, by other methods, and what is no SIP.
#[test]
fn garbage_and_requests_for_others_count_too() {
    let mut stage = stage();
    for n in 0..10 {
        let mut phone = Phone::new(addr(SCANNER), &format!("s{n}"), NUMBER);
        phone.dialog.target = "sip:100@1.1.1.1".to_owned();
        let options = phone.dialog.request("OPTIONS", "", None);
        stage.send(addr(SCANNER), &options);
        stage.send(addr(SCANNER), &Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"));
    }
    assert_eq!(stage.node.take_counters().locked_out.len(), 1);
    stranger(SCANNER, "late").invite(&mut stage);
    stage.silence(addr(SCANNER));
}

/// Whoever forges the address of a customer's phone does not keep it out; a gate is no stranger.
#[test]
fn nobody_is_kept_out_in_whose_name_it_is_sent() {
    let mut stage = stage();
    let mut phone = stranger(HOME, "c1");
    let challenge = challenged(&mut stage, &mut phone);
    let credentials = of_invite(&phone, &challenge, ALICE, 1);
    phone.invite_with(&mut stage, &credentials);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    let garbage = Bytes::from_static(b"x\r\n\r\n");
    for from in [HOME, PBX] {
        (0..1_000).for_each(|_| stage.send(addr(from), &garbage));
        stage.inbox(addr(from));
    }
    assert!(stage.node.take_counters().locked_out.is_empty());
    challenged(&mut stage, &mut stranger(HOME, "c2"));
    stage.phone("c3", "34600000000").invite(&mut stage);
    Callee::wait(&mut stage, ALPHA);
}

/// Without SIP accounts nobody is heard, so that nobody is counted.
#[test]
fn without_sip_accounts_there_is_no_table_to_fill() {
    let mut stage = Stage::standard();
    for _ in 0..200 {
        stage.send(addr(SCANNER), &Bytes::from_static(b"x\r\n\r\n"));
        stranger(SCANNER, "s").invite(&mut stage);
    }
    stage.silence(addr(SCANNER));
    assert!(stage.node.take_counters().locked_out.is_empty());
}
