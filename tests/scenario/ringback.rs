//! Ringback of ours: a caller that has an early session hears it while somebody rings without one.

use std::net::SocketAddr;

use codecs::Codec;
use node::Input;
use tests::plan::Plan;
use voice::{FirstSound, Packet, RingbackDetector};

use crate::called_sip_account::{self, DESK, MOBILE};
use crate::phone::{Callee, Phone};
use crate::relay::{media_of, target};
use crate::stage::{ALPHA, BETA, Stage, addr};

fn plan() -> Plan {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.carriers.iter_mut().for_each(|carrier| carrier.hunt_after_early_media = true);
    plan
}

/// Time passes; what was played to the caller meanwhile.
fn played(stage: &mut Stage, at: SocketAddr, secs: u32) -> Vec<Vec<u8>> {
    for _ in 0..secs * 50 {
        stage.advance(20);
        stage.input(Input::Tick);
    }
    let played = std::mem::take(&mut stage.relay.played);
    played.into_iter().map(|(to, packet)| (to == at).then_some(packet).expect("to the caller")).collect()
}

/// Whether packets in A-law, one after the other, are ringback.
#[track_caller]
fn is_ringback(packets: &[Vec<u8>]) -> bool {
    let mut decoder = voice::decoder(Codec::Pcma).expect("A-law");
    let (mut detector, mut samples) = (RingbackDetector::new(), [0; 160]);
    let mut heard = None;
    for packet in packets {
        let packet = Packet::read(packet).expect("RTP");
        assert_eq!(packet.payload_type, 8);
        for frame in voice::frames(Codec::Pcma, packet.payload).expect("A-law") {
            let made = decoder.decode(frame, &mut samples);
            heard = heard.or(detector.hear(&samples[..made]));
        }
    }
    heard == Some(FirstSound::Ringback)
}

/// Alpha is heard before the answer, and fails; beta is called. The last packet of alpha as it went on to the
/// caller.
fn alpha_is_heard_and_fails(stage: &mut Stage) -> (Phone, Callee, SocketAddr, Vec<u8>) {
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(stage);
    let mut alpha = Callee::wait(stage, ALPHA);
    let b = target(&alpha.invite.body());
    let sdp = alpha.sdp();
    alpha.reply(stage, 183, "", Some(&sdp));
    let a = target(&phone.expect(stage, "183 INVITE").body());
    let mut last = Vec::new();
    for n in 0..25_u16 {
        stage.advance(20);
        last = speaks(stage, media_of(alpha.at), b, 1_000 + n).expect("passes");
    }
    alpha.fail(stage, 503);
    let beta = Callee::wait(stage, BETA);
    (phone, beta, a, last)
}

/// A packet of somebody, as it went on.
fn speaks(stage: &mut Stage, from: SocketAddr, to: SocketAddr, sequence: u16) -> Option<Vec<u8>> {
    let (timestamp, ssrc) =
        (u32::from(sequence) * 160, u32::from(from.port()) << 8 | from.ip().is_ipv4() as u32);
    let packet = Packet { payload_type: 8, marker: false, sequence, timestamp, ssrc, payload: &[0x55; 160] };
    let mut buffer = [0; 200];
    let bytes = packet.write(&mut buffer).expect("fits");
    stage.relay.packet(stage.now.tick, from, to, &buffer[..bytes]).map(|(_, packet)| packet)
}

/// Each packet is the next of one stream.
#[track_caller]
fn is_one_stream(packets: &[Vec<u8>]) {
    for pair in packets.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|packet| Packet::read(packet).expect("RTP"));
        assert_eq!((after.ssrc, after.sequence), (before.ssrc, before.sequence.wrapping_add(1)));
        assert!(after.timestamp.wrapping_sub(before.timestamp) <= 8_000 * 2);
    }
}

#[test]
fn a_second_carrier_that_rings_without_a_session_is_heard_to_ring() {
    let mut stage = Stage::new(plan());
    let (mut phone, mut beta, _, last) = alpha_is_heard_and_fails(&mut stage);
    let b = target(&beta.invite.body());
    let at = media_of(phone.at);
    assert!(played(&mut stage, at, 1).is_empty(), "nobody rings yet");
    beta.ring(&mut stage);
    phone.expect(&mut stage, "180 INVITE");
    let mut stream = played(&mut stage, at, 10);
    assert_eq!(stream.len(), 501);
    assert!(is_ringback(&stream));
    // It rings again, and nothing changes.
    beta.ring(&mut stage);
    stream.extend(played(&mut stage, at, 1));
    beta.answer(&mut stage);
    stage.expect(beta.at, "ACK");
    phone.answered(&mut stage);
    stream.insert(0, last);
    for n in 0..10 {
        stage.advance(20);
        stream.push(speaks(&mut stage, media_of(beta.at), b, 7_000 + n).expect("is heard at once"));
    }
    is_one_stream(&stream);
    assert!(played(&mut stage, at, 2).is_empty(), "it is over");
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    beta.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn early_media_of_the_second_carrier_ends_it() {
    let mut stage = Stage::new(plan());
    let (mut phone, mut beta, _, _) = alpha_is_heard_and_fails(&mut stage);
    let b = target(&beta.invite.body());
    let at = media_of(phone.at);
    beta.ring(&mut stage);
    phone.expect(&mut stage, "180 INVITE");
    let mut stream = played(&mut stage, at, 3);
    assert!(!stream.is_empty());
    let sdp = beta.sdp();
    beta.reply(&mut stage, 183, "", Some(&sdp));
    phone.expect(&mut stage, "183 INVITE");
    stage.advance(20);
    stream.push(speaks(&mut stage, media_of(beta.at), b, 7_000).expect("is heard"));
    is_one_stream(&stream);
    assert!(played(&mut stage, at, 2).is_empty());
    beta.ring(&mut stage);
    assert!(played(&mut stage, at, 2).is_empty(), "it has a session");
}

#[test]
fn it_ends_with_the_last_that_rang() {
    let mut stage = Stage::new(plan());
    let (mut phone, mut beta, _, _) = alpha_is_heard_and_fails(&mut stage);
    beta.ring(&mut stage);
    phone.expect(&mut stage, "180 INVITE");
    assert!(!played(&mut stage, media_of(phone.at), 3).is_empty());
    beta.fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    assert!(played(&mut stage, media_of(phone.at), 3).is_empty());
    stage.over();
    assert_eq!(stage.cdr().amount, 0);
}

/// A caller that was told no session rings by itself.
#[test]
fn nothing_is_played_to_a_caller_without_an_early_session() {
    let mut stage = Stage::new(plan());
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    alpha.ring(&mut stage);
    let rings = phone.expect(&mut stage, "180 INVITE");
    assert!(rings.body().is_empty());
    assert!(played(&mut stage, media_of(phone.at), 3).is_empty());
    alpha.fail(&mut stage, 503);
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.ring(&mut stage);
    let rings = phone.expect(&mut stage, "180 INVITE");
    assert!(rings.body().is_empty(), "it stays a 180 without a session");
    assert!(played(&mut stage, media_of(phone.at), 3).is_empty());
    beta.answer(&mut stage);
    stage.expect(addr(BETA), "ACK");
    phone.answered(&mut stage);
    assert!(played(&mut stage, media_of(phone.at), 3).is_empty());
}

/// Two phones of one preference: the one that is heard declines while the other rings.
#[test]
fn a_phone_that_rang_all_the_while_is_heard_to_ring_when_the_other_declines() {
    let plan = called_sip_account::plan().relayed((20_000, 20_099));
    let mut stage = Stage::new(plan);
    for at in [DESK, MOBILE] {
        called_sip_account::register(&mut stage, "alice", at, "1");
    }
    let mut caller = called_sip_account::called(&mut stage);
    let (mut desk, mut mobile) = (Callee::wait(&mut stage, DESK), Callee::wait_as(&mut stage, MOBILE, "m1"));
    let at = media_of(caller.at);
    mobile.ring(&mut stage);
    caller.expect(&mut stage, "180 INVITE");
    let sdp = desk.sdp();
    desk.reply(&mut stage, 183, "", Some(&sdp));
    caller.expect(&mut stage, "183 INVITE");
    assert!(played(&mut stage, at, 2).is_empty(), "the desk's phone is heard");
    desk.fail(&mut stage, 486);
    assert!(is_ringback(&played(&mut stage, at, 10)));
    mobile.fail(&mut stage, 486);
    caller.refused(&mut stage, 486);
    assert!(played(&mut stage, at, 2).is_empty());
    stage.over();
}
