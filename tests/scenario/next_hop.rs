//! Where requests inside a dialog go: the route set and the last Contact (RFC 3261 §12.2.1.1), and what a NAT
//! hides. Corners 31, 32, 40, 42.

use node::Input;
use sip::Name;
use sip::flow::{Flow, Transport};
use tests::dialogue::{SWITCH, reply};
use tests::plan::Plan;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, BETA, PBX, Stage, addr};

const MOVED: &str = "192.0.2.11:5070";
const PROXY: &str = "192.0.2.11:5090";

/// A BYE of the callee reaches the caller there.
#[track_caller]
fn hangs_up_at(stage: &mut Stage, callee: &mut Callee, at: &str) -> sip::Message {
    stage.inbox(addr(PBX));
    callee.bye(stage);
    let bye = stage.expect(addr(at), "BYE");
    stage.send(addr(at), &reply(&bye, 200, "", addr(at), "", None));
    if at != PBX {
        stage.silence(addr(PBX));
    }
    stage.over();
    bye
}

#[test]
fn fault_b3_the_callers_contact_is_where_its_requests_go() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.dialog.me = addr(MOVED);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    let bye = hangs_up_at(&mut stage, &mut callee, MOVED);
    assert_eq!(bye.request_uri(), format!("sip:{MOVED}"));
}

#[test]
fn fault_b3_the_callers_record_route_is_the_next_hop() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, &format!("Record-Route: <sip:{PROXY};lr>, <sip:192.0.2.11:5091;lr>\r\n"));
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    let bye = hangs_up_at(&mut stage, &mut callee, PROXY);
    assert_eq!(bye.request_uri(), format!("sip:{PBX}"));
    let routes: Vec<&str> = bye.values(Name::Route).collect();
    assert_eq!(routes, [&format!("<sip:{PROXY};lr>"), "<sip:192.0.2.11:5091;lr>"]);
}

#[test]
fn fault_b3_a_strict_router_gets_its_own_uri() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(
        &mut stage,
        &format!("Record-Route: <sip:{PROXY}>\r\nRecord-Route: <sip:192.0.2.11:5091;lr>\r\n"),
    );
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    let bye = hangs_up_at(&mut stage, &mut callee, PROXY);
    assert_eq!(bye.request_uri(), format!("sip:{PROXY}"));
    let routes: Vec<&str> = bye.values(Name::Route).collect();
    assert_eq!(routes, ["<sip:192.0.2.11:5091;lr>", &format!("<sip:{PBX}>")], "the target is the last route");
}

#[test]
fn fault_b3_a_reinvite_moves_the_caller() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.dialog.me = addr(MOVED);
    phone.reinvite(&mut stage, "sendonly");
    let asked = stage.expect(callee.at, "INVITE");
    let answer = tests::sdp::answer(&asked.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &asked, 200, Some(&answer));
    phone.answered(&mut stage);
    hangs_up_at(&mut stage, &mut callee, MOVED);
}

#[test]
fn fault_b3_an_update_moves_the_callee() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let moved = addr("198.51.100.1:5070");
    callee.dialog.me = moved;
    callee.request(&mut stage, "UPDATE", "", None);
    stage.expect(callee.at, "200 UPDATE");
    phone.bye(&mut stage);
    let bye = stage.expect(moved, "BYE");
    stage.silence(callee.at);
    stage.send(moved, &reply(&bye, 200, "", moved, "", None));
    stage.over();
}

#[test]
fn fault_b3_the_contact_of_a_2xx_to_our_reinvite_moves_the_callee() {
    let mut stage = Stage::standard();
    let (mut phone, callee) = stage.talk("c1", "34600000000");
    let moved = addr("198.51.100.1:5070");
    phone.reinvite(&mut stage, "sendonly");
    let asked = stage.expect(callee.at, "INVITE");
    let answer = tests::sdp::answer(&asked.body(), callee.at.ip(), 2);
    // Its Record-Route comes too late: the route set was frozen by the first 2xx.
    let late = "Record-Route: <sip:198.51.100.9:5060;lr>\r\n";
    stage.send(callee.at, &reply(&asked, 200, "", moved, late, Some(&answer)));
    let ack = stage.expect(moved, "ACK");
    assert_eq!((ack.request_uri(), ack.header(Name::Route)), (&*format!("sip:{moved}"), None));
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    let bye = stage.expect(moved, "BYE");
    stage.send(moved, &reply(&bye, 200, "", moved, "", None));
    stage.over();
}

#[test]
fn fault_b3_a_private_contact_goes_back_to_the_source() {
    let mut stage = Stage::standard();
    // Documentation addresses are public ones; the phone's own means nothing here.
    let mut phone = stage.phone("c1", "34600000000");
    phone.dialog.me = addr("192.168.1.20:5060");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    phone.dialog.me = addr("10.9.8.7:5062");
    let update = phone.dialog.request("UPDATE", "", None);
    stage.send(phone.at, &update);
    phone.expect(&mut stage, "200 UPDATE");
    let bye = hangs_up_at(&mut stage, &mut callee, PBX);
    assert_eq!(bye.request_uri(), "sip:10.9.8.7:5062", "the target is its word, the way is ours");
}

#[test]
fn a_contact_without_a_port_that_can_be_reached_goes_back_to_the_source() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.dialog.me = addr("192.0.2.11:0");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    hangs_up_at(&mut stage, &mut callee, PBX);
}

#[test]
fn fault_b3_a_nat_that_binds_anew_is_followed() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.dialog.me = addr("192.168.1.20:5060");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    let options = phone.dialog.request("OPTIONS", "", None);
    stage.send(addr("192.0.2.11:61000"), &options);
    stage.expect(addr("192.0.2.11:61000"), "200 OPTIONS");
    hangs_up_at(&mut stage, &mut callee, "192.0.2.11:61000");
}

#[test]
fn fault_b3_a_contact_of_another_transport_is_reached_by_it() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    let sdp = phone.sdp("sendrecv");
    let text = String::from_utf8(phone.dialog.request("INVITE", "", Some(&sdp)).to_vec()).unwrap();
    let text = text.replace(&format!("Contact: <sip:{PBX}>"), &format!("Contact: <sip:{PBX};transport=tcp>"));
    stage.send(phone.at, &bytes::Bytes::from(text));
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    callee.bye(&mut stage);
    let bye = stage.expect(addr(PBX), "BYE");
    let flow = stage.flows[&addr(PBX)];
    assert_eq!((flow.transport, flow.conn), (Transport::Tcp, 0));
    assert!(bye.header(Name::Via).is_some_and(|via| via.starts_with("SIP/2.0/TCP ")));
}

/// A call whose INVITE is too large for a datagram, by its headers that pass.
fn large(stage: &mut Stage) -> Phone {
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite_with(stage, &format!("X-Ballast: {}\r\n", "x".repeat(1_200)));
    phone
}

#[test]
fn fault_b11h_a_large_invite_goes_by_tcp() {
    let mut stage = Stage::standard();
    let mut phone = large(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let flow = stage.flows[&addr(ALPHA)];
    assert_eq!(flow.transport, Transport::Tcp);
    let via = callee.invite.header(Name::Via).unwrap();
    assert!(via.starts_with(&format!("SIP/2.0/TCP {SWITCH};branch=z9hG4bK")), "{via}");
    let by = Flow::stream(Transport::Tcp, addr(SWITCH), addr(ALPHA), 5);
    let sdp = callee.sdp();
    stage.send_over(by, &reply(&callee.invite, 200, "b1", callee.at, "", Some(&sdp)));
    stage.expect(addr(ALPHA), "ACK");
    assert_eq!(stage.flows[&addr(ALPHA)], by);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    let bye = stage.expect(addr(ALPHA), "BYE");
    stage.send_over(by, &reply(&bye, 200, "", callee.at, "", None));
    stage.over();
    assert_eq!(stage.cdr().transport_b.as_deref(), Some("tcp"));
    assert_eq!(stage.kept_open, [].into());
    callee.tag.clear();
}

#[test]
fn fault_b11h_a_peer_that_refuses_tcp_gets_the_datagram() {
    let mut stage = Stage::standard();
    let mut phone = large(&mut stage);
    let by_tcp = Callee::wait(&mut stage, ALPHA);
    stage.input(Input::Unreachable(stage.flows[&addr(ALPHA)]));
    let mut callee = Callee::wait(&mut stage, ALPHA);
    assert_eq!(stage.flows[&addr(ALPHA)].transport, Transport::Udp);
    let via = callee.invite.header(Name::Via).unwrap();
    assert!(via.starts_with("SIP/2.0/UDP "), "{via}");
    assert_eq!(
        callee.invite.top_via().unwrap().branch(),
        by_tcp.invite.top_via().unwrap().branch(),
        "one transaction"
    );
    // And again, as long as nothing is heard.
    stage.advance(600);
    stage.expect(addr(ALPHA), "INVITE");
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().attempts.len(), 1);
}

#[test]
fn an_address_that_says_udp_is_kept_to_it() {
    let mut plan = Plan::standard();
    plan.carriers[0] = tests::plan::carrier("alpha", "sip:198.51.100.1:5060;transport=udp");
    let mut stage = Stage::new(plan);
    large(&mut stage);
    let callee = Callee::wait(&mut stage, ALPHA);
    assert!(callee.invite.as_bytes().len() > 1_300);
    assert_eq!(stage.flows[&addr(ALPHA)].transport, Transport::Udp);
    stage.silence(addr(BETA));
}
