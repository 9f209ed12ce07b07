//! A carrier with several addresses (RFC 3263 §4.3): the next one before the next carrier, by the transport
//! that its domain chose.

use node::Input;
use route::CarrierSpec;
use sip::Name;
use sip::flow::{Flow, Transport};
use tests::dialogue::SWITCH;
use tests::plan::{Plan, carrier};

use crate::phone::{Callee, Phone};
use crate::stage::{BETA, Stage, addr};

const ONE: &str = "198.51.100.11:5060";
const TWO: &str = "198.51.100.12:5060";
const SIX: &str = "[2001:db8::11]:5060";

/// Alpha has these addresses, and what its domain chose.
fn stage(uri: &str, addresses: &[&str], transport: Option<Transport>) -> Stage {
    let mut plan = Plan::standard();
    plan.carriers[0] = CarrierSpec { deck: Some("alpha-cost".into()), ..carrier("alpha", uri) };
    let mut stage = Stage::new(plan);
    let addresses = addresses.iter().map(|text| addr(text)).collect();
    stage.input(Input::Resolved { carrier: "alpha".into(), addresses, transport });
    stage
}

#[test]
fn corner_37_a_503_goes_to_the_next_address_before_the_next_carrier() {
    let mut stage = stage("sip:alpha.example", &[SIX, ONE, TWO], None);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    // Nothing of ours speaks IPv6 here.
    let mut one = Callee::wait(&mut stage, ONE);
    one.fail(&mut stage, 503);
    let mut two = Callee::wait(&mut stage, TWO);
    assert_eq!(two.invite.call_id(), one.invite.call_id());
    assert_eq!(two.invite.from_tag(), one.invite.from_tag());
    stage.silence(addr(BETA));
    two.fail(&mut stage, 503);
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
    assert_eq!(stage.cdr().attempts.len(), 2, "two addresses are one attempt");
}

#[test]
fn corner_37_an_address_that_cannot_be_reached_goes_to_the_next() {
    let mut stage = stage("sip:alpha.example", &[ONE, TWO], None);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    stage.expect(addr(ONE), "INVITE");
    stage.input(Input::Unreachable(Flow::udp(addr(SWITCH), addr(ONE))));
    let mut two = Callee::wait(&mut stage, TWO);
    two.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    two.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().attempts.len(), 1);
}

/// Calls, and refuses the call at the address where it is expected.
fn rings_first_at(stage: &mut Stage, call_id: &str, at: &str) {
    let mut phone = stage.phone(call_id, "34511000000");
    phone.invite(stage);
    Callee::wait(stage, at).fail(stage, 486);
    phone.refused(stage, 486);
    for other in [ONE, TWO, BETA] {
        stage.silence(addr(other));
    }
}

#[test]
fn corner_37_a_pause_is_that_of_the_address_which_asked_for_it() {
    let mut stage = stage("sip:alpha.example", &[ONE, TWO], None);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut one = Callee::wait(&mut stage, ONE);
    one.reply(&mut stage, 503, "Retry-After: 60\r\n", None);
    stage.expect(addr(ONE), "ACK");
    let mut two = Callee::wait(&mut stage, TWO);
    two.fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    rings_first_at(&mut stage, "c2", TWO);
    assert!(stage.node.carriers_down(stage.now.tick).is_empty());
    // Now the other one does too: the carrier is skipped until the first of them is open again.
    stage.advance(20_000);
    let mut phone = stage.phone("c3", "34511000000");
    phone.invite(&mut stage);
    let mut two = Callee::wait(&mut stage, TWO);
    two.reply(&mut stage, 503, "Retry-After: 600\r\n", None);
    stage.expect(addr(TWO), "ACK");
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    assert_eq!(stage.node.carriers_down(stage.now.tick), ["alpha".into()]);
    rings_first_at(&mut stage, "c4", BETA);
    stage.advance(41_000);
    rings_first_at(&mut stage, "c5", ONE);
    stage.over();
}

#[test]
fn the_transport_is_what_the_domain_chose_unless_one_is_written() {
    for (uri, chosen, by) in [
        ("sip:alpha.example", Some(Transport::Tcp), Transport::Tcp),
        ("sip:alpha.example", None, Transport::Udp),
        ("sip:alpha.example;transport=udp", Some(Transport::Tcp), Transport::Udp),
    ] {
        let mut stage = stage(uri, &[ONE], chosen);
        let mut phone = stage.phone("c1", "34511000000");
        phone.invite(&mut stage);
        let one = Callee::wait(&mut stage, ONE);
        assert_eq!(stage.flows[&addr(ONE)].transport, by, "{uri}");
        let via = one.invite.header(Name::Via).unwrap();
        assert!(via.starts_with(&format!("SIP/2.0/{}", by.via_name())), "{via}");
    }
}

/// A call that found the first of two addresses silent for its part of the time, and rings at the second.
fn past_the_silent() -> (Stage, Phone, Callee, Callee) {
    let mut stage = stage("sip:alpha.example", &[ONE, TWO], None);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let one = Callee::wait(&mut stage, ONE);
    stage.advance(1_999);
    stage.silence(addr(TWO));
    stage.advance(1);
    let mut two = Callee::wait_as(&mut stage, TWO, "b2");
    assert_eq!(two.invite.call_id(), one.invite.call_id());
    assert_eq!((one.invite.cseq().0, two.invite.cseq().0), (1, 2), "it is no repeat of the first");
    two.ring(&mut stage);
    phone.expect(&mut stage, "180 INVITE");
    stage.silence(addr(BETA));
    (stage, phone, one, two)
}

#[test]
fn corner_37_a_silent_address_goes_to_the_next_before_the_next_carrier() {
    let (mut stage, mut phone, _one, mut two) = past_the_silent();
    two.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(60_000);
    phone.bye(&mut stage);
    two.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().attempts.len(), stage.cdr().duration_ms), (1, 60_000));
    assert_eq!(stage.late_costs(), [0_i64; 0]);
}

#[test]
fn corner_37_all_addresses_share_the_time_of_the_first_response() {
    let mut stage = stage("sip:alpha.example", &[ONE, TWO], None);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    stage.advance(3_999);
    stage.expect(addr(TWO), "INVITE");
    stage.silence(addr(BETA));
    stage.advance(1);
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
    let ends: Vec<_> = stage.cdr().attempts.iter().map(|tried| tried.status).collect();
    assert_eq!(ends, [None, Some(486)]);
}

#[test]
fn corner_37_a_silent_address_that_answers_late_is_ended_and_charged() {
    let (mut stage, mut phone, mut one, mut two) = past_the_silent();
    // It rings at last: now its INVITE can be cancelled.
    one.ring(&mut stage);
    let cancel = stage.expect(one.at, "CANCEL");
    one.answer_to(&mut stage, &cancel, 200, None);
    stage.silence(phone.at);
    one.answer(&mut stage);
    let ack = stage.expect(one.at, "ACK");
    assert_eq!((ack.cseq().0, ack.to_tag()), (1, "b1"));
    one.bye_comes(&mut stage);
    stage.silence(phone.at);
    two.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(1_000);
    phone.bye(&mut stage);
    two.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 1_000);
    assert_eq!(stage.late_costs().len(), 1);
}

#[test]
fn corner_37_a_silent_address_may_answer_after_the_call_is_over() {
    let (mut stage, mut phone, mut one, mut two) = past_the_silent();
    two.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    two.bye_comes(&mut stage);
    stage.advance(5_000);
    assert_eq!(stage.cdrs.len(), 1);
    one.answer(&mut stage);
    stage.expect(one.at, "ACK");
    one.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.late_costs().len(), 1);
}

#[test]
fn corner_37_a_silent_address_that_fails_or_says_nothing_is_forgotten() {
    let (mut stage, mut phone, mut one, mut two) = past_the_silent();
    one.ring(&mut stage);
    stage.expect(one.at, "CANCEL");
    one.fail(&mut stage, 487);
    stage.silence(phone.at);
    two.fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();

    let (mut stage, mut phone, _one, mut two) = past_the_silent();
    phone.cancel(&mut stage);
    phone.refused(&mut stage, 487);
    stage.expect(two.at, "CANCEL");
    two.fail(&mut stage, 487);
    stage.over();
}

#[test]
fn an_address_that_says_something_is_not_left_for_its_silence() {
    let mut stage = stage("sip:alpha.example", &[ONE, TWO], None);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut one = Callee::wait(&mut stage, ONE);
    one.reply(&mut stage, 100, "", None);
    stage.advance(30_000);
    stage.silence(addr(TWO));
    one.fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
}
