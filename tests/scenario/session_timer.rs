//! Corners 24, 25 and 26: session timers (RFC 4028).

use sip::Name;
use tests::plan::Plan;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, Stage};

#[test]
fn too_short_a_session_is_422_with_our_minimum() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(&mut stage, "Supported: timer\r\nSession-Expires: 60\r\n");
    let refused = phone.refused(&mut stage, 422);
    assert_eq!(refused.header(Name::MinSe), Some("90"));
    stage.over();
}

#[test]
fn a_carrier_that_wants_more_gets_it_once() {
    let mut plan = Plan::standard();
    plan.carriers[0].session.expires_secs = 600;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut first = Callee::wait(&mut stage, ALPHA);
    assert_eq!(first.invite.header(Name::SessionExpires), Some("600"));
    first.reply(&mut stage, 422, "Min-SE: 1800\r\n", None);
    stage.expect(first.at, "ACK");
    let mut second = Callee::wait(&mut stage, ALPHA);
    assert_eq!(second.invite.call_id(), first.invite.call_id());
    assert_eq!(second.invite.from_tag(), first.invite.from_tag());
    assert_eq!((first.invite.cseq().0, second.invite.cseq().0), (1, 2));
    assert_eq!(second.invite.header(Name::SessionExpires), Some("1800"));
    second.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    second.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().attempts.len(), 1, "one carrier, one attempt");
}

fn with_timer(refresher: &str) -> (Stage, Phone, Callee) {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite_with(
        &mut stage,
        &format!("Supported: timer\r\nSession-Expires: 90;refresher={refresher}\r\n"),
    );
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(ok.header(Name::SessionExpires), Some(&*format!("90;refresher={refresher}")));
    (stage, phone, callee)
}

#[test]
fn we_refresh_at_half_and_change_nothing() {
    let (mut stage, mut phone, callee) = with_timer("uas");
    let said = phone.invite.clone();
    stage.advance(44_900);
    stage.silence(phone.at);
    stage.advance(200);
    let refresh = phone.expect(&mut stage, "INVITE");
    assert!(refresh.header(Name::SessionExpires).is_some_and(|value| value.starts_with("90")));
    let answer = phone.sdp("sendrecv");
    phone.reply(&mut stage, &refresh, 200, Some(&answer));
    phone.expect(&mut stage, "ACK");
    stage.silence(callee.at);
    // Alive beyond the first interval.
    stage.advance(20_000);
    assert_eq!(stage.talking(), 1);
    assert!(said.is_some());
}

#[test]
fn a_refresh_that_is_refused_is_tried_again() {
    let (mut stage, mut phone, _callee) = with_timer("uas");
    stage.advance(45_100);
    let refresh = phone.expect(&mut stage, "INVITE");
    phone.reply(&mut stage, &refresh, 491, None);
    stage.advance(5_000);
    let again = phone.expect(&mut stage, "INVITE");
    assert!(again.cseq().0 > refresh.cseq().0);
}

#[test]
fn a_session_that_nobody_refreshes_ends_a_little_early() {
    let (mut stage, mut phone, mut callee) = with_timer("uac");
    stage.advance(59_900);
    stage.silence(phone.at);
    stage.advance(200);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (60_000, "session-expired"));
}

#[test]
fn a_callers_refresh_keeps_it_up() {
    let (mut stage, mut phone, callee) = with_timer("uac");
    stage.advance(45_000);
    let bytes =
        phone.dialog.request("UPDATE", "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n", None);
    stage.send(phone.at, &bytes);
    let ok = phone.expect(&mut stage, "200 UPDATE");
    assert_eq!(ok.header(Name::SessionExpires), Some("90;refresher=uac"));
    stage.advance(40_000);
    stage.silence(phone.at);
    stage.silence(callee.at);
    assert_eq!(stage.talking(), 1);
}
