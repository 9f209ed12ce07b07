//! `dtmf = "inband"`: digits are tones in the sound of one side, and events or INFO on the other.

use std::net::SocketAddr;

use codecs::{Codec, DtmfForm};
use node::Input;
use prompts::Prompts;
use tests::plan::Plan;
use tests::sdp;
use voice::dtmf::{Detector, Digit, Event, Heard, TonePair};
use voice::{EncoderSettings, Packet, RATE_HZ};

use crate::phone::Callee;
use crate::relay::{Talk, media_of, target};
use crate::stage::{ALPHA, PBX, Stage, addr};

const EVENTS: u8 = 101;
const PCMA: u8 = 8;

fn plan(gate: DtmfForm, carriers: DtmfForm) -> Plan {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.gates[0].media.dtmf = gate;
    plan.carriers.iter_mut().for_each(|carrier| carrier.media.dtmf = carriers);
    plan
}

/// A side keys digits as tones, 100 ms each and as much silence; its sound goes on.
fn keys(stage: &mut Stage, from: SocketAddr, to: SocketAddr, digits: &str, number: &mut u16) {
    let mut encoder = voice::encoder(EncoderSettings::new(Codec::Pcma)).expect("A-law");
    for digit in digits.chars() {
        let mut tones = TonePair::of(Digit::from_char(digit).expect("a key"));
        for n in 0..10 {
            let mut samples = [0; 160];
            tones.fill(&mut samples, n < 5);
            let mut payload = [0; 160];
            for (frame, octets) in samples.chunks(encoder.frame_samples()).zip(payload.chunks_mut(80)) {
                encoder.encode(frame, octets);
            }
            *number += 1;
            let (sequence, timestamp) = (*number, u32::from(*number) * 160);
            let ssrc = u32::from(from.port()) << 8 | 7;
            let packet =
                Packet { payload_type: PCMA, marker: false, sequence, timestamp, ssrc, payload: &payload };
            let mut buffer = [0; 200];
            let bytes = packet.write(&mut buffer).expect("fits");
            stage.relay.packet(stage.now.tick, from, to, &buffer[..bytes]);
            stage.input(Input::Tick);
            stage.advance(20);
        }
    }
}

/// A call whose caller has no events in its sessions where it has tones.
fn talk(stage: &mut Stage, caller_has_events: bool, callee_has_events: bool) -> Talk {
    let mut phone = stage.phone("c1", "34600000000");
    phone.payloads = if caller_has_events { vec![8, 0, EVENTS] } else { vec![8, 0] };
    phone.invite(stage);
    let mut callee = Callee::wait(stage, ALPHA);
    let offered = sdp::payloads(&callee.invite.body());
    assert_eq!(offered.contains(&EVENTS), callee_has_events, "{offered:?}");
    let b = target(&callee.invite.body());
    callee.answer(stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = phone.answered(stage);
    assert_eq!(sdp::payloads(&ok.body()).contains(&EVENTS), caller_has_events);
    let a = target(&ok.body());
    Talk { phone, callee, a, b }
}

/// The tones that were played to a side, in A-law.
fn tones(stage: &mut Stage, to: SocketAddr) -> String {
    let (mut detector, mut heard) = (Detector::new(), String::new());
    let mut decoder = voice::decoder(Codec::Pcma).expect("A-law");
    for (at, packet) in std::mem::take(&mut stage.relay.played) {
        assert_eq!(at, to);
        let packet = Packet::read(&packet).expect("RTP");
        assert_eq!(packet.payload_type, PCMA);
        for frame in voice::frames(Codec::Pcma, packet.payload).expect("A-law") {
            let mut samples = [0; 160];
            let made = decoder.decode(frame, &mut samples);
            detector.hear(&samples[..made], |tone| {
                if let Heard::Began(digit) = tone {
                    heard.push(digit.to_char());
                }
            });
        }
    }
    heard
}

#[test]
fn tones_of_the_caller_become_events_to_the_callee() {
    let mut stage = Stage::new(plan(DtmfForm::Inband, DtmfForm::Rfc4733));
    let call = talk(&mut stage, false, true);
    assert_eq!(stage.relay.listened(), 2, "and the carrier, for its first sound");
    let mut number = 100;
    keys(&mut stage, media_of(addr(PBX)), call.a, "4427", &mut number);
    let sent = std::mem::take(&mut stage.relay.played);
    let mut keyed = Vec::new();
    for (to, packet) in &sent {
        assert_eq!(*to, media_of(addr(ALPHA)));
        let packet = Packet::read(packet).expect("RTP");
        assert_eq!(packet.payload_type, EVENTS);
        let event = Event::parse(packet.payload).expect("an event");
        if packet.marker {
            keyed.push(Digit::from_code(event.code).expect("a key").to_char());
        }
    }
    assert_eq!(keyed, ['4', '4', '2', '7']);
    call.end(&mut stage);
    assert_eq!(stage.relay.listened(), 0, "nothing is left");
}

#[test]
fn events_of_the_callee_become_tones_to_the_caller() {
    let mut stage = Stage::new(plan(DtmfForm::Inband, DtmfForm::Rfc4733));
    let call = talk(&mut stage, false, true);
    let from = media_of(addr(ALPHA));
    // Two of the same in a row, faster than they can be played.
    for (n, digit) in ['5', '5', '#'].into_iter().enumerate() {
        let code = Digit::from_char(digit).expect("a key").code();
        for (step, end) in [(1_u16, false), (2, false), (3, true), (3, true), (3, true)] {
            let payload = Event { code, end, volume: 10, duration: step * 160 }.write();
            let sequence = 1_000 + n as u16 * 10 + step;
            let timestamp = 9_000 + n as u32 * 800;
            let ssrc = u32::from(from.port()) << 8 | 7;
            let packet =
                Packet { payload_type: EVENTS, marker: false, sequence, timestamp, ssrc, payload: &payload };
            let mut buffer = [0; 64];
            let bytes = packet.write(&mut buffer).expect("fits");
            stage.relay.packet(stage.now.tick, from, call.b, &buffer[..bytes]);
            stage.advance(20);
            stage.input(Input::Tick);
        }
    }
    for _ in 0..60 {
        stage.advance(20);
        stage.input(Input::Tick);
    }
    assert_eq!(tones(&mut stage, media_of(addr(PBX))), "55#");
    call.end(&mut stage);
}

#[test]
fn tones_become_info_and_info_becomes_tones() {
    let mut stage = Stage::new(plan(DtmfForm::Inband, DtmfForm::Info));
    let mut call = talk(&mut stage, false, false);
    let mut number = 100;
    keys(&mut stage, media_of(addr(PBX)), call.a, "9", &mut number);
    let told = stage.expect(call.callee.at, "INFO");
    assert_eq!(&*told.body(), b"Signal=9\r\nDuration=120\r\n");
    call.callee.answer_to(&mut stage, &told, 200, None);

    let body = "Signal=*\r\nDuration=250\r\n";
    let request = call.callee.dialog.request("INFO", "", Some("x"));
    stage.send(call.callee.at, &crate::dtmf::info(&request, body));
    stage.expect(call.callee.at, "200 INFO");
    for _ in 0..20 {
        stage.advance(20);
        stage.input(Input::Tick);
    }
    assert_eq!(tones(&mut stage, media_of(addr(PBX))), "*");
    call.end(&mut stage);
}

#[test]
fn sides_that_both_have_tones_are_left_alone() {
    let mut stage = Stage::new(plan(DtmfForm::Inband, DtmfForm::Inband));
    let call = talk(&mut stage, false, false);
    assert_eq!(stage.relay.listened(), 1, "the carrier, for its first sound");
    assert!(call.caller_sends(&mut stage).is_some());
    call.end(&mut stage);
}

#[test]
fn a_digit_is_a_clip_of_every_codec() {
    for codec in Codec::ALL {
        let clip = Prompts::default().digit(Digit::from_char('8').expect("a key"), codec).expect("a codec");
        assert_eq!(clip.duration().as_millis(), 240, "{codec:?} at {RATE_HZ} Hz");
    }
}
