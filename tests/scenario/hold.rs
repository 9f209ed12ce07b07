//! Corner 27: hold and resume; sendonly, inactive and the old c=0.0.0.0 (RFC 3264 §8.4).

use tests::sdp;

use crate::phone::{Callee, Phone};
use crate::stage::Stage;

fn exchange(stage: &mut Stage, phone: &mut Phone, callee: &mut Callee, direction: &str) -> (String, String) {
    phone.reinvite(stage, direction);
    let asked = stage.expect(callee.at, "INVITE");
    let answer = sdp::answer(&asked.body(), callee.at.ip(), phone.sdp_version);
    callee.answer_to(stage, &asked, 200, Some(&answer));
    stage.expect(callee.at, "ACK");
    let ok = phone.expect(stage, "200 INVITE");
    phone.ack(stage, None);
    (sdp::direction(&asked.body()).to_owned(), sdp::direction(&ok.body()).to_owned())
}

#[test]
fn directions_cross_and_time_goes_on() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(1_000);
    let held = exchange(&mut stage, &mut phone, &mut callee, "sendonly");
    assert_eq!((&*held.0, &*held.1), ("sendonly", "recvonly"));
    stage.advance(1_000);
    let both = exchange(&mut stage, &mut phone, &mut callee, "inactive");
    assert_eq!((&*both.0, &*both.1), ("inactive", "inactive"));
    stage.advance(1_000);
    let resumed = exchange(&mut stage, &mut phone, &mut callee, "sendrecv");
    assert_eq!((&*resumed.0, &*resumed.1), ("sendrecv", "sendrecv"));
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 4_000, "held time is talked time");
}

#[test]
fn the_callee_may_hold_too() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    let offer =
        sdp::write(callee.at.ip(), &sdp::Media { payloads: &[8, 101], direction: "sendonly", version: 2 });
    let theirs = callee.request(&mut stage, "INVITE", "", Some(&offer));
    let asked = phone.expect(&mut stage, "INVITE");
    assert_eq!(sdp::direction(&asked.body()), "sendonly");
    let answer = sdp::answer(&asked.body(), phone.at.ip(), 2);
    phone.reply(&mut stage, &asked, 200, Some(&answer));
    phone.expect(&mut stage, "ACK");
    let ok = stage.expect(callee.at, "200 INVITE");
    assert_eq!(sdp::direction(&ok.body()), "recvonly");
    let ack = callee.dialog.ack(theirs.cseq().0, None);
    stage.send(callee.at, &ack);
    stage.advance(40_000);
    assert_eq!(stage.talking(), 1);
    assert!(!stage.kinds(callee.at).iter().any(|kind| kind == "200 INVITE"), "it was acknowledged");
}

#[test]
fn the_old_way_with_an_address_of_zeros() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.sdp_version += 1;
    let zeros = phone.sdp("sendrecv").replace("c=IN IP4 192.0.2.11", "c=IN IP4 0.0.0.0");
    let bytes = phone.dialog.request("INVITE", "", Some(&zeros));
    stage.send(phone.at, &bytes);
    let asked = stage.expect(callee.at, "INVITE");
    assert!(String::from_utf8_lossy(&asked.body()).contains("c=IN IP4 0.0.0.0"));
    let answer = sdp::answer(&asked.body(), callee.at.ip(), 2);
    callee.answer_to(&mut stage, &asked, 200, Some(&answer));
    phone.expect(&mut stage, "200 INVITE");
}
