//! A dialog is Call-ID and tags (RFC 3261 §12.2.2): its peer may send from any address that is its gate's or
//! its carrier's.

use route::Cidr;
use sip::Name;
use tests::plan::{Plan, gate};

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, PBX, Stage, addr};

/// Another PBX of the same customer, in the same gate.
const OTHER_PBX: &str = "192.0.2.12:5060";
/// Where alpha sends from too.
const ALPHA_MEDIA: &str = "198.51.100.77:5060";

fn plan() -> Plan {
    let mut plan = Plan::standard();
    plan.gates[0].source.push(Cidr::parse("192.0.2.12").unwrap());
    plan.carriers[0].source.push(Cidr::parse("198.51.100.64/28").unwrap());
    plan
}

#[test]
fn fault_b1_a_bye_from_another_address_of_the_gate_ends_the_call() {
    let mut stage = Stage::new(plan());
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(10_000);
    let bye = phone.dialog.request("BYE", "", None);
    stage.send(addr(OTHER_PBX), &bye);
    stage.expect(addr(OTHER_PBX), "200 BYE");
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (10_000, "normal"));
}

#[test]
fn fault_b1_a_bye_from_another_address_of_the_carrier_ends_the_call() {
    let mut stage = Stage::new(plan());
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(10_000);
    let bye = callee.dialog.request("BYE", "", None);
    stage.send(addr(ALPHA_MEDIA), &bye);
    stage.expect(addr(ALPHA_MEDIA), "200 BYE");
    phone.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 10_000);
}

#[test]
fn fault_b1_the_configured_address_may_end_a_call_whose_contact_names_another() {
    let mut stage = Stage::new(plan());
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let sdp = callee.sdp();
    // Alpha's call server is reached at one address and answers with the Contact of another machine.
    let ok = tests::dialogue::reply(&callee.invite, 200, "b1", addr(ALPHA_MEDIA), "", Some(&sdp));
    stage.send(callee.at, &ok);
    stage.expect(addr(ALPHA_MEDIA), "ACK");
    phone.answered(&mut stage);
    stage.advance(5_000);
    callee.bye(&mut stage);
    stage.expect(addr(ALPHA), "200 BYE");
    phone.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn fault_b1_the_ack_from_another_address_of_the_gate_counts() {
    let mut stage = Stage::new(plan());
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.take_answer(&mut stage);
    let ack = phone.dialog.ack(phone.dialog.invite_cseq, None);
    stage.send(addr(OTHER_PBX), &ack);
    stage.advance(40_000);
    assert_eq!(stage.talking(), 1, "the 2xx was acknowledged");
    stage.silence(addr(PBX));
}

#[test]
fn fault_b1_a_reinvite_from_another_address_is_passed_on_and_answered_there() {
    let mut stage = Stage::new(plan());
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.sdp_version += 1;
    let sdp = phone.sdp("sendonly");
    let reinvite = phone.dialog.request("INVITE", "", Some(&sdp));
    stage.send(addr(OTHER_PBX), &reinvite);
    let asked = stage.expect(callee.at, "INVITE");
    let answer = tests::sdp::answer(&asked.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &asked, 200, Some(&answer));
    stage.expect(addr(OTHER_PBX), "200 INVITE");
}

#[test]
fn fault_b1_a_resolved_address_of_the_carrier_may_end_its_call() {
    let mut plan = Plan::standard();
    plan.carriers[0] = tests::plan::carrier("alpha", "sip:gw.alpha.example");
    let mut stage = Stage::new(plan);
    let addresses = vec![addr(ALPHA), addr("203.0.113.20:5060")];
    stage.input(node::Input::Resolved { carrier: "alpha".into(), addresses, transport: None });
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let bye = callee.dialog.request("BYE", "", None);
    stage.send(addr("203.0.113.20:5060"), &bye);
    stage.expect(addr("203.0.113.20:5060"), "200 BYE");
    phone.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn a_gate_inside_the_block_of_another_is_a_stranger_to_its_calls() {
    let mut plan = Plan::standard();
    plan.gates[0].source = vec![Cidr::parse("192.0.2.0/24").unwrap()];
    plan.gates.push(gate("other", "acme", "192.0.2.99"));
    let mut stage = Stage::new(plan);
    let (mut phone, callee) = stage.talk("c1", "34600000000");
    for stranger in ["192.0.2.99:5060", BETA] {
        let bye = phone.dialog.request("BYE", "", None);
        stage.send(addr(stranger), &bye);
        stage.expect(addr(stranger), "403 BYE");
    }
    let bye = phone.dialog.request("BYE", "", None);
    stage.send(addr("203.0.113.66:5060"), &bye);
    stage.silence(addr("203.0.113.66:5060"));
    stage.silence(callee.at);
    assert_eq!(stage.talking(), 1);
    let options = phone.dialog.request("OPTIONS", "", None);
    stage.send(addr("192.0.2.55:5060"), &options);
    assert!(stage.expect(addr("192.0.2.55:5060"), "200 OPTIONS").header(Name::Allow).is_some());
}

#[test]
fn fault_b1_the_address_of_a_contact_may_end_the_call_too() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let sdp = callee.sdp();
    // A machine that no configuration knows: only alpha's Contact names it.
    let behind = addr("198.51.100.200:5090");
    let ok = tests::dialogue::reply(&callee.invite, 200, &callee.tag, behind, "", Some(&sdp));
    stage.send(callee.at, &ok);
    stage.expect(behind, "ACK");
    phone.answered(&mut stage);
    stage.advance(10_000);
    let bye = callee.dialog.request("BYE", "", None);
    stage.send(behind, &bye);
    stage.expect(behind, "200 BYE");
    phone.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 10_000);
}
