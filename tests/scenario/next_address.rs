//! A carrier with several addresses (RFC 3263 §4.3): the next one before the next carrier, by the transport
//! that its domain chose.

use node::Input;
use sip::Name;
use sip::flow::{Flow, Transport};
use tests::dialogue::SWITCH;
use tests::plan::{Plan, carrier};

use crate::phone::Callee;
use crate::stage::{BETA, Stage, addr};

const ONE: &str = "198.51.100.11:5060";
const TWO: &str = "198.51.100.12:5060";
const SIX: &str = "[2001:db8::11]:5060";

/// Alpha has these addresses, and what its domain chose.
fn stage(uri: &str, addresses: &[&str], transport: Option<Transport>) -> Stage {
    let mut plan = Plan::standard();
    plan.carriers[0] = carrier("alpha", uri);
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

#[test]
fn a_503_that_asks_for_a_pause_means_the_whole_carrier() {
    let mut stage = stage("sip:alpha.example", &[ONE, TWO], None);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut one = Callee::wait(&mut stage, ONE);
    one.reply(&mut stage, 503, "Retry-After: 60\r\n", None);
    stage.expect(addr(ONE), "ACK");
    stage.silence(addr(TWO));
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
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
