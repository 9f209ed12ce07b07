//! A carrier that answers and rings on (a false answer), and what else may be heard first after an answer.

use std::net::SocketAddr;

use codecs::Codec;
use node::Input;
use tests::plan::number;
use voice::tones::{Cadence, Tone, ToneMaker, cadence};
use voice::{EncoderSettings, Packet};

use crate::phone::Callee;
use crate::relay::{Talk, media_of, relayed, target};
use crate::stage::{ALPHA, Stage, addr};

const PCMA: u8 = 8;

/// What somebody sends, packet by packet.
struct Sound {
    maker: ToneMaker,
    from: SocketAddr,
    to: SocketAddr,
    sequence: u16,
}

impl Sound {
    fn new(cadence: Cadence, from: SocketAddr, to: SocketAddr) -> Self {
        Self { maker: ToneMaker::new(cadence), from, to, sequence: 0 }
    }

    /// 20 ms of it; where it went.
    fn send(&mut self, stage: &mut Stage) -> Option<SocketAddr> {
        let mut encoder = voice::encoder(EncoderSettings::new(Codec::Pcma)).expect("A-law");
        let (mut samples, mut payload) = ([0; 160], [0; 160]);
        self.maker.fill(&mut samples);
        for (frame, octets) in samples.chunks(encoder.frame_samples()).zip(payload.chunks_mut(80)) {
            encoder.encode(frame, octets);
        }
        self.sequence += 1;
        let (sequence, timestamp) = (self.sequence, u32::from(self.sequence) * 160);
        let ssrc = u32::from(self.from.port());
        let packet =
            Packet { payload_type: PCMA, marker: false, sequence, timestamp, ssrc, payload: &payload };
        let mut buffer = [0; 200];
        let bytes = packet.write(&mut buffer).expect("fits");
        let went = stage.relay.packet(stage.now.tick, self.from, self.to, &buffer[..bytes]);
        stage.input(Input::Tick);
        went.map(|(to, _)| to)
    }
}

/// A call whose called side sends this; how long it was listened to, in ms, and which carriers answered
/// falsely.
fn listened_to(stage: &mut Stage, cadence: Cadence, secs: u32) -> (u32, Vec<(String, u64)>) {
    let talk = Talk::begin(stage);
    assert_eq!(stage.relay.listened(), 1);
    let mut sound = Sound::new(cadence, media_of(talk.callee.at), talk.b);
    let mut listened_ms = 0;
    for _ in 0..secs * 50 {
        stage.advance(20);
        assert!(talk.caller_sends(stage).is_some());
        assert_eq!(sound.send(stage), Some(media_of(talk.phone.at)), "the caller hears it all the while");
        listened_ms += if stage.relay.listened() == 1 { 20 } else { 0 };
    }
    talk.end(stage);
    assert_eq!(stage.relay.listened(), 0);
    let counted = stage.node.take_counters().false_answers;
    (listened_ms, counted.iter().map(|(name, n)| (name.to_string(), *n)).collect())
}

#[test]
fn a_carrier_that_answers_and_rings_on_answered_falsely() {
    for country in ["de", "gb", "us"] {
        let ringback = cadence(country, Tone::Ringback).expect("known");
        let (listened_ms, counted) = listened_to(&mut relayed(), ringback, 20);
        assert_eq!(counted, [("alpha".to_owned(), 1)], "{country}");
        assert!((3_000..12_000).contains(&listened_ms), "{country}: {listened_ms} ms");
    }
}

#[test]
fn what_else_is_heard_first_is_an_answer() {
    for (cadence, within_ms, what) in [
        (Cadence { frequencies: [1_000, 0], on_off_ms: &[(1_000, 60_000)] }, 400, "a beep"),
        (Cadence { frequencies: [425, 0], on_off_ms: &[(500, 500)] }, 3_500, "a busy tone"),
        (Cadence { frequencies: [697, 1_209], on_off_ms: &[(100, 3_000)] }, 15_000, "a digit"),
        (Cadence { frequencies: [425, 0], on_off_ms: &[(1_000, 60_000)] }, 15_000, "one ring"),
    ] {
        let (listened_ms, counted) = listened_to(&mut relayed(), cadence, 20);
        assert_eq!(counted, [], "{what}");
        assert!(listened_ms <= within_ms, "{what}: {listened_ms} ms");
    }
}

/// It sends nothing for 6 s, and then rings: one call, counted once.
#[test]
fn who_is_silent_and_then_rings_is_counted_once() {
    let mut stage = relayed();
    let talk = Talk::begin(&mut stage);
    let ringback = cadence("de", Tone::Ringback).expect("known");
    let mut sound = Sound::new(ringback, media_of(talk.callee.at), talk.b);
    for packet in 0..50 * 20 {
        stage.advance(20);
        talk.caller_sends(&mut stage);
        if packet >= 50 * 6 {
            sound.send(&mut stage);
        }
    }
    talk.end(&mut stage);
    let counted = stage.node.take_counters().false_answers;
    assert_eq!(counted.values().copied().collect::<Vec<_>>(), [1]);
}

/// What rings before the answer is no false answer.
#[test]
fn ringback_before_the_answer_is_as_it_should_be() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let b = target(&callee.invite.body());
    let sdp = callee.sdp();
    callee.reply(&mut stage, 183, "", Some(&sdp));
    phone.expect(&mut stage, "183 INVITE");
    let ringback = cadence("de", Tone::Ringback).expect("known");
    let mut sound = Sound::new(ringback, media_of(callee.at), b);
    for _ in 0..50 * 11 {
        stage.advance(20);
        assert_eq!(sound.send(&mut stage), Some(media_of(phone.at)));
        assert_eq!(stage.relay.listened(), 0);
    }
    callee.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = phone.answered(&mut stage);
    let a = target(&ok.body());
    assert_eq!(stage.relay.listened(), 1);
    sound.maker = ToneMaker::new(Cadence { frequencies: [300, 900], on_off_ms: &[(2_000, 200)] });
    for _ in 0..50 * 2 {
        stage.advance(20);
        sound.send(&mut stage);
    }
    assert_eq!(stage.relay.listened(), 0, "somebody speaks");
    let talk = Talk { phone, callee, a, b };
    talk.end(&mut stage);
    assert!(stage.node.take_counters().false_answers.is_empty());
}

/// Numbers of ours are no carriers: what answers there is the customer's.
#[test]
fn our_own_numbers_are_not_listened_to() {
    let mut plan = tests::plan::Plan::standard().relayed((20_000, 20_099));
    plan.numbers = vec![number("34911000001", "acme", "sip:alice@203.0.113.77")];
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34911000001");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, "203.0.113.77:5060");
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    phone.answered(&mut stage);
    assert_eq!((stage.relay.open_ports().len(), stage.relay.listened()), (2, 0));
}
