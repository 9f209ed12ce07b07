//! Connections and the calls on them: kept while a call lives, opened again when gone (RFC 3261 §18.2.2,
//! §18.4; RFC 5923). Corner 44.

use node::Input;
use sip::flow::{Flow, Transport};
use sip::{Message, Name};
use tests::dialogue::{SWITCH, reply};
use tests::plan::Plan;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, PBX, Stage, addr};

/// The PBX's end of its connection: a port that nobody listens on.
const EPHEMERAL: &str = "192.0.2.11:40000";

fn by(peer: &str, conn: u64) -> Flow {
    Flow::stream(Transport::Tcp, addr(SWITCH), addr(peer), conn)
}

/// A call that came by connection 7 and left by UDP.
fn talk_over_tcp(stage: &mut Stage, extra: &str) -> (Phone, Callee) {
    let mut phone = stage.phone("c1", "34600000000");
    phone.dialog = phone.dialog.over("TCP");
    let sdp = phone.sdp("sendrecv");
    let invite = phone.dialog.request("INVITE", extra, Some(&sdp));
    stage.send_over(by(EPHEMERAL, 7), &invite);
    let mut callee = Callee::wait(stage, ALPHA);
    callee.answer(stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = stage.expect(addr(PBX), "200 INVITE");
    assert_eq!(stage.flows[&addr(PBX)], by(PBX, 7), "by its connection, else to its sent-by");
    phone.dialog.learn(&ok);
    let ack = phone.dialog.ack(phone.dialog.invite_cseq, None);
    stage.send_over(by(EPHEMERAL, 7), &ack);
    (phone, callee)
}

#[track_caller]
fn bye_to_the_pbx(stage: &mut Stage, callee: &mut Callee) -> (Message, Flow) {
    callee.bye(stage);
    stage.expect(callee.at, "200 BYE");
    let bye = stage.expect(addr(PBX), "BYE");
    (bye, stage.flows[&addr(PBX)])
}

#[test]
fn fault_b2_a_connection_is_kept_as_long_as_its_call_lives() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = talk_over_tcp(&mut stage, "");
    assert_eq!(stage.kept_open, [7].into());
    let bye = phone.dialog.request("BYE", "", None);
    stage.send_over(by(EPHEMERAL, 7), &bye);
    stage.expect(addr(PBX), "200 BYE");
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.kept_open, [].into());
}

#[test]
fn fault_b2_the_bye_goes_by_the_callers_own_connection() {
    let mut stage = Stage::standard();
    let (_phone, mut callee) = talk_over_tcp(&mut stage, "");
    let (bye, flow) = bye_to_the_pbx(&mut stage, &mut callee);
    assert_eq!(flow, by(PBX, 7), "should it be gone, to its Contact");
    stage.send_over(by(EPHEMERAL, 7), &reply(&bye, 200, "", addr(PBX), "", None));
    stage.over();
}

#[test]
fn fault_b2_a_bye_on_a_connection_that_breaks_goes_out_again() {
    let mut stage = Stage::standard();
    let (_phone, mut callee) = talk_over_tcp(&mut stage, "");
    let (first, _) = bye_to_the_pbx(&mut stage, &mut callee);
    stage.input(Input::Closed(by(EPHEMERAL, 7)));
    let second = stage.expect(addr(PBX), "BYE");
    assert_eq!(
        stage.flows[&addr(PBX)],
        by(PBX, 0),
        "another connection, to the listener that its Contact names"
    );
    assert_eq!(first.as_bytes(), second.as_bytes());
    stage.send_over(by(PBX, 9), &reply(&second, 200, "", addr(PBX), "", None));
    stage.over();
    stage.silence(addr(PBX));
}

#[test]
fn fault_b2_a_new_connection_takes_the_calls_of_the_old_one() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = talk_over_tcp(&mut stage, "");
    stage.input(Input::Closed(by(EPHEMERAL, 7)));
    let options = phone.dialog.request("OPTIONS", "", None);
    stage.send_over(by("192.0.2.11:40001", 8), &options);
    stage.expect(addr(PBX), "200 OPTIONS");
    let (bye, flow) = bye_to_the_pbx(&mut stage, &mut callee);
    assert_eq!(flow, by(PBX, 8));
    stage.send_over(by("192.0.2.11:40001", 8), &reply(&bye, 200, "", addr(PBX), "", None));
    stage.over();
    assert_eq!(stage.kept_open, [].into());
}

#[test]
fn fault_b2_a_refresh_that_cannot_be_sent_ends_no_call() {
    let mut stage = Stage::standard();
    let timer = "Supported: timer\r\nSession-Expires: 600;refresher=uas\r\nAllow: UPDATE\r\n";
    let (_phone, callee) = talk_over_tcp(&mut stage, timer);
    stage.input(Input::Closed(by(EPHEMERAL, 7)));
    stage.advance(300_100);
    stage.expect(addr(PBX), "UPDATE");
    assert_eq!(stage.flows[&addr(PBX)], by(PBX, 0));
    stage.input(Input::Unreachable(by(PBX, 0)));
    assert_eq!(stage.talking(), 1);
    stage.silence(callee.at);
    // It listens again.
    stage.advance(5_000);
    let again = stage.expect(addr(PBX), "UPDATE");
    stage.send_over(
        by(PBX, 9),
        &reply(&again, 200, "", addr(PBX), "Session-Expires: 600;refresher=uac\r\n", None),
    );
    stage.advance(280_000);
    assert_eq!(stage.talking(), 1);
    stage.silence(callee.at);
}

#[test]
fn fault_b2_a_new_contact_is_reached_by_a_connection_of_its_own() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = talk_over_tcp(&mut stage, "");
    let moved = "192.0.2.11:5070";
    phone.dialog.me = addr(moved);
    let update = phone.dialog.request("UPDATE", "", None);
    stage.send_over(by(EPHEMERAL, 7), &update);
    stage.expect(addr(moved), "200 UPDATE");
    callee.bye(&mut stage);
    let bye = stage.expect(addr(moved), "BYE");
    assert_eq!(stage.flows[&addr(moved)], by(moved, 0));
    stage.send_over(by(moved, 9), &reply(&bye, 200, "", addr(moved), "", None));
    stage.over();
}

#[test]
fn fault_b2_an_invite_meets_a_connection_that_the_carrier_has_just_closed() {
    let mut plan = Plan::standard();
    plan.carriers[0] = tests::plan::carrier("alpha", "sip:198.51.100.1:5060;transport=tcp");
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    stage.expect(addr(ALPHA), "INVITE");
    // An idle connection to alpha was shared; its FIN crossed our INVITE.
    stage.input(Input::Closed(by(ALPHA, 3)));
    let invite = stage.expect(addr(ALPHA), "INVITE");
    stage.send_over(by(ALPHA, 4), &reply(&invite, 486, "b1", addr(ALPHA), "", None));
    phone.refused(&mut stage, 486);
    stage.over();
    assert_eq!(stage.cdr().attempts.len(), 1);
    assert_eq!(invite.header(Name::Via).map(|via| via.starts_with("SIP/2.0/TCP")), Some(true));
}
