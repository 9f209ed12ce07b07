//! Calls whose sides share no codec: what each is offered and answered, the sound that arrives, channels, and
//! calls that may not be transcoded.

use std::net::SocketAddr;

use codecs::{Codec, CodecSet};
use route::{MediaPath, Transcode};
use sip::Message;
use tests::plan::Plan;
use voice::{Packet, RATE_HZ};

use crate::phone::{Callee, Phone};
use crate::relay::{media_of, target};
use crate::stage::{ALPHA, BETA, Stage, addr};

const NUMBER: &str = "34600000000";

/// A caller of these codecs, carriers of these.
fn plan(caller: CodecSet, alpha: CodecSet, beta: CodecSet) -> Plan {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.gates[0].codecs = caller;
    plan.gates[0].media.transcode = Transcode::Wanted;
    plan.carriers[0].codecs = alpha;
    plan.carriers[1].codecs = beta;
    plan
}

fn pcma_to(codecs: CodecSet) -> Plan {
    plan(Codec::Pcma.into(), codecs, codecs)
}

fn offers(phone: &mut Phone, stage: &mut Stage, sdp: &str) {
    let bytes = phone.dialog.request("INVITE", "", Some(sdp));
    phone.invite = Some(tests::dialogue::parse(&bytes));
    stage.send(phone.at, &bytes);
}

/// An SDP of this side with these payloads and lines.
fn sdp(at: SocketAddr, version: u32, payloads: &str, lines: &str) -> String {
    let ip = at.ip();
    format!(
        "v=0\r\no=- 1 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP {payloads}\r\n{lines}"
    )
}

fn audio(message: &Message) -> String {
    let text = String::from_utf8_lossy(&message.body()).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("m=audio "))
        .expect("m=")
        .split_once("AVP ")
        .expect("AVP")
        .1
        .to_owned()
}

/// Twenty milliseconds of a tone of this codec, as a packet.
fn packet(sequence: u16, payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; 12 + payload.len()];
    let timestamp = u32::from(sequence) * 160;
    let packet = Packet { payload_type, marker: sequence == 1, sequence, timestamp, ssrc: 9, payload };
    packet.write(&mut octets).expect("room");
    octets
}

fn tone(sequence: u16) -> Vec<i16> {
    let at = |n: u32| f64::from(u32::from(sequence) * 160 + n) / f64::from(RATE_HZ);
    (0..160).map(|n| ((at(n) * 400.0 * std::f64::consts::TAU).sin() * 8_000.0) as i16).collect()
}

/// How loud samples are.
fn power(samples: &[i16]) -> f64 {
    let sum: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    (sum / samples.len().max(1) as f64).sqrt()
}

/// A transcoded call whose sides talk: an answer of these payloads, and what each side is told and hears.
struct Sides {
    phone: Phone,
    callee: Callee,
    a: SocketAddr,
    b: SocketAddr,
}

impl Sides {
    fn begin(stage: &mut Stage, (payloads, lines): (&str, &str)) -> Self {
        let mut phone = stage.phone("c1", NUMBER);
        let offer = sdp(phone.at, 1, "8 101", "a=rtpmap:101 telephone-event/8000\r\n");
        offers(&mut phone, stage, &offer);
        let mut callee = Callee::wait(stage, ALPHA);
        let b = target(&callee.invite.body());
        let answer = sdp(callee.at, 1, payloads, lines);
        callee.reply(stage, 200, "", Some(&answer));
        stage.expect(addr(ALPHA), "ACK");
        let ok = phone.answered(stage);
        assert_eq!(audio(&ok), "8 101", "its own codec and digits");
        Self { phone, callee, a: target(&ok.body()), b }
    }

    fn end(mut self, stage: &mut Stage) {
        self.phone.bye(stage);
        self.phone.expect(stage, "200 BYE");
        self.callee.bye_comes(stage);
        stage.over();
        assert_eq!(stage.relay.transcoded(), 0, "nothing is left");
    }
}

#[test]
fn each_side_hears_its_own_codec() {
    let mut stage = Stage::new(pcma_to(Codec::G729.into()));
    let sides = Sides::begin(&mut stage, ("18 101", "a=rtpmap:101 telephone-event/8000\r\n"));
    let (caller, called) = (media_of(sides.phone.at), media_of(sides.callee.at));
    assert_eq!(audio(&sides.callee.invite), "18 101");
    let mut to_g729 = voice::encoder(voice::EncoderSettings::new(Codec::G729)).expect("ours");
    let (mut to_callee, mut to_caller) = (Vec::new(), Vec::new());
    for sequence in 1..=100 {
        stage.advance(20);
        let now = stage.now.tick;
        let spoken = tone(sequence);
        let a_law: Vec<u8> = spoken.iter().map(|&sample| codecs::g711::Law::A.encode(sample)).collect();
        assert_eq!(
            stage.relay.packet(now, caller, sides.a, &packet(sequence, 8, &a_law)),
            None,
            "not as it is"
        );
        let mut octets = [0; 20];
        for half in 0..2 {
            to_g729.encode(&spoken[half * 80..][..80], &mut octets[half * 10..]);
        }
        stage.relay.packet(now, called, sides.b, &packet(sequence, 18, &octets));
        for (to, sent) in stage.relay.due(now) {
            if to == called { &mut to_callee } else { &mut to_caller }.push(sent);
        }
    }
    for (heard, codec, number) in [(&to_callee, Codec::G729, 18), (&to_caller, Codec::Pcma, 8)] {
        assert!((90..=100).contains(&heard.len()), "{codec}: {} packets", heard.len());
        let packets: Vec<Packet<'_>> =
            heard.iter().map(|octets| Packet::read(octets).expect("RTP")).collect();
        assert!(packets.iter().all(|packet| packet.payload_type == number && packet.ssrc == packets[0].ssrc));
        assert!(packets.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)));
        assert!(packets.windows(2).all(|pair| pair[1].timestamp == pair[0].timestamp.wrapping_add(160)));
        assert_ne!(packets[0].ssrc, 9, "a stream of ours");
        let mut decoder = voice::decoder(codec).expect("ours");
        let mut samples = Vec::new();
        for packet in &packets {
            for frame in voice::frames(codec, packet.payload).expect("frames") {
                let mut decoded = [0; 160];
                let count = decoder.decode(frame, &mut decoded);
                samples.extend_from_slice(&decoded[..count]);
            }
        }
        let heard = power(&samples[samples.len() / 2..]);
        assert!((4_000.0..7_500.0).contains(&heard), "{codec}: {heard}, and 5,657 was spoken");
    }
    sides.end(&mut stage);
    let cdr = stage.cdr();
    assert_eq!((cdr.codec_a.as_deref(), cdr.codec_b.as_deref()), (Some("PCMA"), Some("G729")));
    assert_eq!(cdr.transcoded, Some(true));
    assert_eq!((cdr.rtp_packets_a_in, cdr.rtp_packets_b_in), (Some(100), Some(100)));
    assert_eq!(cdr.rtp_packets_b_out, Some(to_callee.len() as u64));
    assert!(cdr.mos_a.expect("rated").score() > cdr.mos_b.expect("rated").score(), "G.729 is less");
}

/// A digit of the caller's is told to the other side as a digit, in its number.
#[test]
fn digits_go_through_with_the_numbers_of_each_side() {
    let mut stage = Stage::new(pcma_to(Codec::G729.into()));
    let sides = Sides::begin(&mut stage, ("18 96", "a=rtpmap:96 telephone-event/8000\r\n"));
    let (caller, mut told) = (media_of(sides.phone.at), Vec::new());
    for sequence in 1..=12_u16 {
        stage.advance(20);
        let now = stage.now.tick;
        let event =
            [5, if sequence > 9 { 0x8a } else { 10 }, ((sequence * 160) >> 8) as u8, (sequence * 160) as u8];
        let mut octets = vec![0; 16];
        let packet = Packet {
            payload_type: 101,
            marker: sequence == 1,
            sequence,
            timestamp: 160,
            ssrc: 9,
            payload: &event,
        };
        packet.write(&mut octets).expect("room");
        stage.relay.packet(now, caller, sides.a, &octets);
        told.extend(stage.relay.due(now).into_iter().map(|(_, sent)| sent));
    }
    let digits: Vec<Packet<'_>> = told.iter().map(|octets| Packet::read(octets).expect("RTP")).collect();
    assert!(digits.len() >= 10 && digits.iter().all(|packet| packet.payload_type == 96), "{}", digits.len());
    assert!(digits.iter().all(|packet| packet.payload[0] == 5));
    assert!(digits.last().expect("some").payload[1] & 0x80 != 0, "its end");
    sides.end(&mut stage);
}

#[test]
fn where_a_codec_is_shared_nothing_is_transcoded() {
    let mut stage = Stage::new(pcma_to(CodecSet::of(Codec::G729).with(Codec::Pcma)));
    let sides = Sides::begin(&mut stage, ("8 101", "a=rtpmap:101 telephone-event/8000\r\n"));
    assert_eq!((audio(&sides.callee.invite).as_str(), stage.relay.transcoded()), ("8 101", 0));
    sides.end(&mut stage);
    assert_eq!(stage.cdr().transcoded, Some(false));
}

/// Who wants it and who forbids it; without it the call is refused for its codecs.
#[test]
fn who_may_be_transcoded() {
    use Transcode::{Never, Unsaid, Wanted};
    for (caller, alpha, is) in [
        (Wanted, Unsaid, true),
        (Unsaid, Wanted, true),
        (Wanted, Wanted, true),
        (Unsaid, Unsaid, false),
        (Wanted, Never, false),
        (Never, Wanted, false),
    ] {
        let mut plan = pcma_to(Codec::G729.into());
        plan.gates[0].media.transcode = caller;
        plan.carriers[0].media.transcode = alpha;
        plan.carriers[1].media.transcode = alpha;
        let mut stage = Stage::new(plan);
        if is {
            Sides::begin(&mut stage, ("18 101", "a=rtpmap:101 telephone-event/8000\r\n")).end(&mut stage);
        } else {
            let mut phone = stage.phone("c1", NUMBER);
            let offer = sdp(phone.at, 1, "8", "");
            offers(&mut phone, &mut stage, &offer);
            phone.refused(&mut stage, 488);
            stage.over();
        }
    }
}

/// Both sides want to be called directly: a call that has to be transcoded is relayed all the same.
#[test]
fn a_transcoded_call_is_never_bypassed() {
    let mut plan = pcma_to(Codec::G729.into());
    plan.gates[0].media.path = MediaPath::Bypass;
    plan.carriers[0].media.path = MediaPath::Bypass;
    let mut stage = Stage::new(plan);
    let sides = Sides::begin(&mut stage, ("18 101", "a=rtpmap:101 telephone-event/8000\r\n"));
    assert_eq!(stage.relay.open_ports().len(), 2);
    assert_eq!(stage.relay.transcoded(), 2);
    sides.end(&mut stage);
}

/// With all channels in use the next carrier is tried, which may share a codec; with none left it is 503.
#[test]
fn channels_are_limited() {
    let g729 = CodecSet::of(Codec::G729);
    for (beta, goes) in [(CodecSet::of(Codec::Pcma), true), (g729, false)] {
        let mut plan = plan(Codec::Pcma.into(), g729, beta);
        plan.media.transcoding_max = 1;
        let mut stage = Stage::new(plan);
        let first = Sides::begin(&mut stage, ("18 101", "a=rtpmap:101 telephone-event/8000\r\n"));
        let mut phone = stage.phone("c2", NUMBER);
        let offer = sdp(phone.at, 1, "8", "");
        offers(&mut phone, &mut stage, &offer);
        if goes {
            let mut callee = Callee::wait(&mut stage, BETA);
            assert_eq!(audio(&callee.invite), "8");
            let answer = sdp(callee.at, 1, "8", "");
            callee.reply(&mut stage, 200, "", Some(&answer));
            stage.expect(addr(BETA), "ACK");
            phone.answered(&mut stage);
            phone.bye(&mut stage);
            phone.expect(&mut stage, "200 BYE");
            callee.bye_comes(&mut stage);
        } else {
            let refused = phone.refused(&mut stage, 503);
            assert!(refused.headers(sip::Name::RetryAfter).next().is_none());
            assert_eq!(stage.cdr().cause_q850.0, 34);
        }
        stage.silence(addr(ALPHA));
        first.end(&mut stage);
        // The channel is free again.
        let mut phone = stage.phone("c3", NUMBER);
        let offer = sdp(phone.at, 1, "8", "");
        offers(&mut phone, &mut stage, &offer);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        callee.reply(&mut stage, 486, "", None);
        phone.refused(&mut stage, 486);
        stage.over();
    }
}

/// The called side changes to a codec that is shared: from then on packets pass as they are; and back.
#[test]
fn an_offer_in_mid_call_ends_it_and_begins_it_again() {
    let mut stage = Stage::new(plan(
        CodecSet::of(Codec::Pcma).with(Codec::Pcmu),
        CodecSet::of(Codec::G729),
        CodecSet::of(Codec::G729),
    ));
    let mut sides = Sides::begin(&mut stage, ("18 101", "a=rtpmap:101 telephone-event/8000\r\n"));
    // The caller offers another of its codecs: the called side is asked for G.729 again.
    let offer = sdp(sides.phone.at, 2, "0 101", "a=rtpmap:101 telephone-event/8000\r\n");
    offers(&mut sides.phone, &mut stage, &offer);
    let asked = stage.expect(sides.callee.at, "INVITE");
    assert_eq!(audio(&asked), "18 101");
    let answer = sdp(sides.callee.at, 2, "18 101", "a=rtpmap:101 telephone-event/8000\r\n");
    sides.callee.answer_to(&mut stage, &asked, 200, Some(&answer));
    stage.expect(sides.callee.at, "ACK");
    let ok = sides.phone.expect(&mut stage, "200 INVITE");
    assert_eq!(audio(&ok), "0 101");
    sides.phone.ack(&mut stage, None);
    assert_eq!(stage.relay.transcoded(), 2);
    stage.advance(20);
    let now = stage.now.tick;
    stage.relay.packet(now, media_of(sides.phone.at), sides.a, &packet(1, 0, &[0xff; 160]));
    stage.advance(100);
    let sent = stage.relay.due(stage.now.tick);
    assert!(sent.iter().all(|(to, octets)| *to == media_of(sides.callee.at) && octets[1] & 0x7f == 18));
    assert!(!sent.is_empty());
    sides.end(&mut stage);
    assert_eq!(stage.cdr().codec_a.as_deref(), Some("PCMU"));
}

/// A caller that offers nothing: the called side's offer is what is exchanged.
#[test]
fn the_called_sides_offer_is_transcoded_too() {
    let mut stage = Stage::new(pcma_to(Codec::G729.into()));
    let mut phone = stage.phone("c1", NUMBER);
    let bytes = phone.dialog.request("INVITE", "", None);
    phone.invite = Some(tests::dialogue::parse(&bytes));
    stage.send(phone.at, &bytes);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let offer = sdp(callee.at, 1, "18", "");
    callee.reply(&mut stage, 200, "", Some(&offer));
    let ok = phone.take_answer(&mut stage);
    assert_eq!(audio(&ok), "8", "ours in its place");
    let answer = sdp(phone.at, 1, "8", "");
    phone.ack(&mut stage, Some(&answer));
    let ack = stage.expect(addr(ALPHA), "ACK");
    assert_eq!(audio(&ack), "18");
    assert_eq!(stage.relay.transcoded(), 2);
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.codec_a.as_deref(), cdr.codec_b.as_deref()), (Some("PCMA"), Some("G729")));
}

/// All channels are in use: an offer in mid-call that needs one is refused, and the call goes on as it was.
#[test]
fn an_offer_that_needs_a_channel_is_refused_without_one() {
    let codecs = CodecSet::of(Codec::Pcma).with(Codec::G729);
    let mut plan = plan(codecs, Codec::Pcma.into(), Codec::Pcma.into());
    plan.media.transcoding_max = 1;
    let mut stage = Stage::new(plan);
    let mut sides = Sides::begin(&mut stage, ("8 101", "a=rtpmap:101 telephone-event/8000\r\n"));
    let mut other = stage.phone("c2", NUMBER);
    let offer = sdp(other.at, 1, "18", "");
    offers(&mut other, &mut stage, &offer);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let answer = sdp(callee.at, 1, "8", "");
    callee.reply(&mut stage, 200, "", Some(&answer));
    stage.expect(addr(ALPHA), "ACK");
    other.answered(&mut stage);
    let offer = sdp(sides.phone.at, 2, "18", "");
    offers(&mut sides.phone, &mut stage, &offer);
    sides.phone.refused(&mut stage, 488);
    stage.silence(addr(ALPHA));
    stage.advance(20);
    assert_eq!(
        stage.relay.rtp(stage.now.tick, media_of(sides.phone.at), sides.a),
        Some(media_of(sides.callee.at))
    );
    other.bye(&mut stage);
    other.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    sides.phone.bye(&mut stage);
    sides.phone.expect(&mut stage, "200 BYE");
    sides.callee.bye_comes(&mut stage);
    stage.over();
}
