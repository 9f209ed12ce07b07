//! `dtmf = "info"`: keypad digits go as INFO on one side of a call and as events (RFC 4733) on the other.

use std::net::SocketAddr;

use bytes::Bytes;
use codecs::DtmfForm;
use media::relay::DropReason;
use node::Input;
use sip::Message;
use tests::plan::Plan;
use tests::sdp;
use voice::Packet;
use voice::dtmf::{Digit, Event};

use crate::relay::{Talk, media_of};
use crate::stage::{ALPHA, PBX, Stage, addr};

const EVENTS: u8 = 101;

/// The gate and all carriers tell digits so.
fn plan(gate: DtmfForm, carriers: DtmfForm) -> Plan {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.gates[0].media.dtmf = gate;
    plan.carriers.iter_mut().for_each(|carrier| carrier.media.dtmf = carriers);
    plan
}

/// An INFO of dtmf-relay in place of a request with a session.
pub(crate) fn info(request: &Bytes, body: &str) -> Bytes {
    let text = String::from_utf8(request.to_vec()).expect("text");
    let (head, was) = text.split_once("\r\n\r\n").expect("a body");
    let head = head
        .replace("Content-Type: application/sdp", "Content-Type: application/dtmf-relay")
        .replace(&format!("Content-Length: {}", was.len()), &format!("Content-Length: {}", body.len()));
    Bytes::from(format!("{head}\r\n\r\n{body}"))
}

/// The events that were sent to a side since it was asked last: marker, timestamp, event.
fn events(stage: &mut Stage, to: SocketAddr) -> Vec<(bool, u32, Event)> {
    let sent = std::mem::take(&mut stage.relay.played);
    let event = |(at, packet): &(SocketAddr, Vec<u8>)| {
        assert_eq!(*at, to);
        let packet = Packet::read(packet).expect("RTP");
        assert_eq!(packet.payload_type, EVENTS);
        (packet.marker, packet.timestamp, Event::parse(packet.payload).expect("an event"))
    };
    sent.iter().map(event).collect()
}

/// A side keys a digit: its packets, of which none is passed.
fn keys(stage: &mut Stage, from: SocketAddr, to: SocketAddr, digit: char, number: u16) {
    let code = Digit::from_char(digit).expect("a key").code();
    for n in 0..8_u16 {
        let (end, duration) = (n > 4, 160 * (n + 1).min(5));
        let payload = Event { code, end, volume: 10, duration }.write();
        let packet = Packet {
            payload_type: EVENTS,
            marker: n == 0,
            sequence: number + n,
            timestamp: u32::from(number) * 160,
            ssrc: u32::from(from.port()) << 8 | 7,
            payload: &payload,
        };
        let mut buffer = [0; 64];
        let bytes = packet.write(&mut buffer).expect("fits");
        assert_eq!(stage.relay.packet(stage.now.tick, from, to, &buffer[..bytes]), None);
        stage.advance(20);
        stage.input(Input::Tick);
    }
}

fn body(message: &Message) -> String {
    String::from_utf8_lossy(&message.body()).into_owned()
}

#[test]
fn a_callers_info_becomes_events_and_events_become_info() {
    let mut stage = Stage::new(plan(DtmfForm::Info, DtmfForm::Rfc4733));
    let mut phone = stage.phone("c1", "34600000000");
    // It says nothing of events.
    phone.payloads = vec![8, 0];
    phone.invite(&mut stage);
    let mut callee = crate::phone::Callee::wait(&mut stage, ALPHA);
    assert_eq!(sdp::payloads(&callee.invite.body()), [8, 0, EVENTS], "events are put in");
    let b = crate::relay::target(&callee.invite.body());
    callee.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(sdp::payloads(&ok.body()), [8], "and left out of the answer");
    let a = crate::relay::target(&ok.body());
    let mut call = Talk { phone, callee, a, b };
    let voice = |stage: &mut Stage, call: &Talk| call.caller_sends(stage).is_some();
    assert!(voice(&mut stage, &call));

    let request = call.phone.dialog.request("INFO", "", Some("x"));
    stage.send(call.phone.at, &info(&request, "Signal=5\r\nDuration=100\r\n"));
    stage.expect(call.phone.at, "200 INFO");
    stage.silence(call.callee.at);
    stage.advance(1);
    assert!(!voice(&mut stage, &call), "the digit is in its place");
    stage.advance(400);
    let sent = events(&mut stage, media_of(addr(ALPHA)));
    let five = Digit::from_char('5').expect("a key").code();
    assert!(sent[0].0 && sent[1..].iter().all(|(marker, ..)| !marker));
    assert!(sent.iter().all(|(_, timestamp, event)| *timestamp == sent[0].1 && event.code == five));
    let durations: Vec<(u16, bool)> = sent.iter().map(|(.., event)| (event.duration, event.end)).collect();
    let expected =
        [(160, false), (320, false), (480, false), (640, false), (800, true), (800, true), (800, true)];
    assert_eq!(durations, expected);
    assert!(voice(&mut stage, &call), "the caller is heard again");

    // The callee keys: the caller has an INFO for each digit, and no event.
    for (digit, number) in [('1', 1_000), ('#', 1_100)] {
        keys(&mut stage, media_of(addr(ALPHA)), call.b, digit, number);
        let told = stage.expect(call.phone.at, "INFO");
        assert_eq!(told.content_type(), "application/dtmf-relay");
        assert_eq!(body(&told), format!("Signal={digit}\r\nDuration=100\r\n"));
        call.phone.reply(&mut stage, &told, 200, None);
        stage.silence(call.phone.at);
    }
    assert!(stage.relay.dropped_for(DropReason::Replaced) >= 16);
    call.end(&mut stage);
}

#[test]
fn a_carrier_with_info_has_no_events_and_the_caller_keeps_them() {
    let mut stage = Stage::new(plan(DtmfForm::Rfc4733, DtmfForm::Info));
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = crate::phone::Callee::wait(&mut stage, ALPHA);
    assert_eq!(sdp::payloads(&callee.invite.body()), [8, 0]);
    assert!(!body(&callee.invite).contains("telephone-event"));
    let b = crate::relay::target(&callee.invite.body());
    callee.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(sdp::payloads(&ok.body()), [8, EVENTS]);
    assert!(body(&ok).contains("a=rtpmap:101 telephone-event/8000\r\n"), "{}", body(&ok));
    let a = crate::relay::target(&ok.body());
    let mut call = Talk { phone, callee, a, b };

    keys(&mut stage, media_of(addr(PBX)), call.a, '9', 500);
    let told = stage.expect(call.callee.at, "INFO");
    assert_eq!(body(&told), "Signal=9\r\nDuration=100\r\n");
    call.callee.answer_to(&mut stage, &told, 200, None);

    let request = call.callee.dialog.request("INFO", "", Some("x"));
    stage.send(call.callee.at, &info(&request, "Signal=0\r\nDuration=40\r\n"));
    stage.expect(call.callee.at, "200 INFO");
    stage.advance(400);
    let sent = events(&mut stage, media_of(addr(PBX)));
    assert_eq!(sent.len(), 4, "{sent:?}");
    // One that is no key goes on as it is.
    let request = call.callee.dialog.request("INFO", "", Some("x"));
    stage.send(call.callee.at, &info(&request, "Signal=flash\r\n"));
    let flash = stage.expect(call.phone.at, "INFO");
    call.phone.reply(&mut stage, &flash, 415, None);
    stage.expect(call.callee.at, "415 INFO");
    call.end(&mut stage);
}

#[test]
fn sides_that_tell_digits_alike_are_left_alone() {
    for form in [DtmfForm::Info, DtmfForm::Rfc4733] {
        let mut stage = Stage::new(plan(form, form));
        let mut call = Talk::begin(&mut stage);
        let request = call.phone.dialog.request("INFO", "", Some("x"));
        stage.send(call.phone.at, &info(&request, "Signal=5\r\nDuration=100\r\n"));
        let passed = stage.expect(call.callee.at, "INFO");
        assert_eq!(body(&passed), "Signal=5\r\nDuration=100\r\n");
        call.callee.answer_to(&mut stage, &passed, 200, None);
        stage.expect(call.phone.at, "200 INFO");
        assert!(stage.relay.played.is_empty());
        call.end(&mut stage);
    }
}

/// Events that nobody asked for: each digit is one INFO, whatever else tells it.
#[test]
fn events_of_a_side_with_info_are_told_once_as_info() {
    let mut stage = Stage::new(plan(DtmfForm::Info, DtmfForm::Info));
    let mut call = Talk::begin(&mut stage);
    assert!(call.caller_sends(&mut stage).is_some());
    // The caller offered them, and the callee speaks of none in its answer.
    for (is_caller, digit, number) in [(true, '7', 500), (false, '3', 500), (true, '7', 600)] {
        let (at, from, to) = if is_caller {
            (call.callee.at, media_of(addr(PBX)), call.a)
        } else {
            (call.phone.at, media_of(addr(ALPHA)), call.b)
        };
        keys(&mut stage, from, to, digit, number);
        let told = stage.expect(at, "INFO");
        assert_eq!(body(&told), format!("Signal={digit}\r\nDuration=100\r\n"));
        if is_caller {
            call.callee.answer_to(&mut stage, &told, 200, None);
        } else {
            call.phone.reply(&mut stage, &told, 200, None);
        }
        stage.silence(at);
    }
    assert!(stage.relay.played.is_empty());
    // A phone that tells each key in both ways: its INFO after the event goes no further, and the reverse.
    stage.advance(5_000);
    keys(&mut stage, media_of(addr(PBX)), call.a, '1', 1_000);
    let told = stage.expect(call.callee.at, "INFO");
    call.callee.answer_to(&mut stage, &told, 200, None);
    let request = call.phone.dialog.request("INFO", "", Some("x"));
    stage.send(call.phone.at, &info(&request, "Signal=1\r\nDuration=100\r\n"));
    stage.expect(call.phone.at, "200 INFO");
    stage.silence(call.callee.at);
    for digit in ['1', '2'] {
        let request = call.phone.dialog.request("INFO", "", Some("x"));
        stage.send(call.phone.at, &info(&request, &format!("Signal={digit}\r\nDuration=100\r\n")));
        let passed = stage.expect(call.callee.at, "INFO");
        call.callee.answer_to(&mut stage, &passed, 200, None);
        stage.expect(call.phone.at, "200 INFO");
    }
    keys(&mut stage, media_of(addr(PBX)), call.a, '1', 2_000);
    keys(&mut stage, media_of(addr(PBX)), call.a, '2', 2_100);
    stage.silence(call.callee.at);
    call.end(&mut stage);
}

/// Unasked events toward a side that has events are its own.
#[test]
fn events_of_a_side_with_info_become_events_of_the_other() {
    let mut stage = Stage::new(plan(DtmfForm::Info, DtmfForm::Rfc4733));
    let call = Talk::begin(&mut stage);
    assert!(call.caller_sends(&mut stage).is_some());
    keys(&mut stage, media_of(addr(PBX)), call.a, '8', 500);
    for _ in 0..20 {
        stage.advance(20);
        stage.input(Input::Tick);
    }
    let sent = events(&mut stage, media_of(addr(ALPHA)));
    let eight = Digit::from_char('8').expect("a key").code();
    assert_eq!(sent.iter().filter(|(marker, ..)| *marker).count(), 1);
    assert!(sent.len() >= 4 && sent.iter().all(|(.., event)| event.code == eight));
    call.end(&mut stage);
}

/// Thousands of events a second make no more than 25 INFOs.
#[test]
fn a_flood_of_events_is_no_flood_of_requests() {
    let mut stage = Stage::new(plan(DtmfForm::Rfc4733, DtmfForm::Info));
    let call = Talk::begin(&mut stage);
    let from = media_of(addr(PBX));
    for n in 0..2_000_u16 {
        let payload = Event { code: 1, end: true, volume: 10, duration: 800 }.write();
        let (sequence, timestamp) = (n, u32::from(n) * 1_000);
        let packet =
            Packet { payload_type: EVENTS, marker: true, sequence, timestamp, ssrc: 9, payload: &payload };
        let mut buffer = [0; 64];
        let bytes = packet.write(&mut buffer).expect("fits");
        stage.relay.packet(stage.now.tick, from, call.a, &buffer[..bytes]);
        if n % 2 == 0 {
            stage.advance(1);
            stage.input(Input::Tick);
        }
    }
    let told = stage.inbox(call.callee.at);
    let told: std::collections::BTreeSet<u32> = told.iter().map(|info| info.cseq().0).collect();
    assert!((20..=26).contains(&told.len()), "{} in a second", told.len());
}
