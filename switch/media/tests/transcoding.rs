//! Offers to a side that shares no codec with the offerer, their answers, and what is transcoded then.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use codecs::{Codec, CodecSet, G723Rate};
use media::relay::{
    Action, Component, Effect, EndpointId, MediaCommand, MediaPeer, PeerPayload, Relay, RtcpPlace,
    StreamKind, TranscodeCommand,
};
use media::transcode::{StreamStart, settings};
use media::{LocalSession, OfferRefused, Session, SessionOrigin, VoicePayload};
use units::Tick;

const HEAD: &str = "v=0\r\no=pbx 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n";

fn read(media: &str) -> Session {
    Session::read(&Bytes::from(format!("{HEAD}{}", media.replace('\n', "\r\n")))).unwrap()
}

/// From the stream's line on.
fn written(session: &Session) -> String {
    let origin = SessionOrigin { id: 7, address: "198.51.100.9".parse().unwrap() };
    let text = String::from_utf8(LocalSession::new().write(session, origin).to_vec()).unwrap();
    text[text.find("m=").unwrap()..].replace('\r', "")
}

fn set(names: &str) -> CodecSet {
    names.parse().unwrap()
}

const OPUS: &str = "m=audio 4000 RTP/AVP 107 101 13\na=rtpmap:107 opus/48000/2\na=fmtp:107 useinbandfec=1;stereo=1\n\
                    a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:40\na=x-what:it is\n";

#[test]
fn codecs_that_are_shared_pass_as_they_are() {
    let offer = read("m=audio 4000 RTP/AVP 18 8\n");
    let offered = offer.offer_to(CodecSet::ALL, set("PCMA,PCMU"), true).unwrap();
    assert_eq!(written(&offered), "m=audio 4000 RTP/AVP 8\n");
    assert!(!offered.is_transcoded());
    let answered = offered.answered(&read("m=audio 6000 RTP/AVP 8\n")).unwrap();
    assert_eq!((answered.codec, answered.codec_of_answerer), (Some(Codec::Pcma), Some(Codec::Pcma)));
    assert_eq!(answered.session.transcoding(), None);
}

#[test]
fn where_none_is_shared_ours_stand_for_them() {
    let offer = read(OPUS);
    let own = set("OPUS");
    assert_eq!(
        offer.offer_to(own, set("PCMA,G729"), false).unwrap_err(),
        OfferRefused::NothingAcceptable,
        "not asked to"
    );
    let offered = offer.offer_to(own, set("PCMA,G729,G723"), true).unwrap();
    assert!(offered.is_transcoded());
    assert_eq!(
        written(&offered),
        "m=audio 4000 RTP/AVP 8 18 4 101 13\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=x-what:it is\n\
         a=rtpmap:8 PCMA/8000\na=rtpmap:18 G729/8000\na=fmtp:18 annexb=no\na=rtpmap:4 G723/8000\na=fmtp:4 annexa=no\n"
    );
    let payloads = |list: &[(u8, u32)]| -> Vec<PeerPayload> {
        list.iter().map(|&(number, clock)| PeerPayload::new(number, clock)).collect()
    };
    assert_eq!(
        offered.payloads_of_offerer().into_vec(),
        payloads(&[(107, 48_000), (101, 8_000), (13, 8_000)]),
        "what it may send before the answer"
    );
}

#[test]
fn the_offerer_is_answered_with_its_own_codec() {
    let offered = read(OPUS).offer_to(set("OPUS"), set("PCMA,G729"), true).unwrap();
    let answer = "m=audio 6000 RTP/AVP 18 96\na=rtpmap:18 G729/8000\na=fmtp:18 annexb=yes\n\
                  a=rtpmap:96 telephone-event/8000\na=fmtp:96 0-15\na=ptime:60\na=x-of:carrier\n";
    let answered = offered.answered(&read(answer)).unwrap();
    assert_eq!((answered.codec, answered.codec_of_answerer), (Some(Codec::Opus), Some(Codec::G729)));
    assert!(answered.dtmf && answered.session.is_open());
    assert_eq!(
        written(&answered.session),
        "m=audio 6000 RTP/AVP 107 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=x-of:carrier\n\
         a=rtpmap:107 OPUS/48000/2\na=fmtp:107 maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1\n"
    );
    let sides = answered.session.transcoding().unwrap();
    assert_eq!((sides.offerer.codec, sides.answerer.codec), (Codec::Opus, Codec::G729));
    assert_eq!(sides.offerer.payload, VoicePayload { taken: 107, sent: 107 });
    assert_eq!(sides.answerer.payload, VoicePayload { taken: 18, sent: 18 });
    assert_eq!(sides.answerer.event, Some(VoicePayload { taken: 96, sent: 101 }));
    assert_eq!((sides.offerer.packet_ms, sides.answerer.packet_ms), (Some(40), Some(60)));
    assert!(sides.offerer.fec && sides.offerer.noise.is_none());
    // It is told both numbers of its digits, and sends by either.
    let numbers: Vec<_> = answered.session.payloads_of_answerer().into_iter().collect();
    let event = |number| PeerPayload { number, told: 96, clock: 8_000 };
    assert_eq!(numbers, [PeerPayload::new(18, 8_000), event(101), event(96)]);

    let start = StreamStart { ssrc: 1, sequence: 2, timestamp: 3 };
    let to_answerer = settings(&sides.offerer, &sides.answerer, start);
    assert_eq!((to_answerer.incoming.payload, to_answerer.outgoing.payload), (107, 18));
    assert_eq!(to_answerer.outgoing.encoder.packet_ms, 60);
    assert!(!to_answerer.outgoing.encoder.dtx, "silence would look like a dead call");
    let to_offerer = settings(&sides.answerer, &sides.offerer, start);
    assert!(to_offerer.outgoing.encoder.fec);
    assert_eq!(to_offerer.incoming.event.unwrap().payload, 96);
    assert_eq!(to_offerer.outgoing.event.unwrap().payload, 101);
}

#[test]
fn an_answer_that_closes_the_stream_or_takes_nothing() {
    let offered = read(OPUS).offer_to(set("OPUS"), set("PCMA"), true).unwrap();
    let closed = offered.answered(&read("m=audio 0 RTP/AVP 8\n")).unwrap();
    assert_eq!((closed.codec, closed.session.is_open()), (None, false));
    assert_eq!(closed.session.transcoding(), None);
    for useless in
        ["m=audio 6000 RTP/AVP 0\n", "m=audio 6000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n"]
    {
        assert!(offered.answered(&read(useless)).is_err(), "{useless}");
    }
    let unnamed = offered.answered(&read("m=audio 6000 RTP/AVP 107\na=rtpmap:107 opus/48000/2\n"));
    assert!(unnamed.is_err(), "the offerer's own codec was not offered");
}

#[test]
fn rates_of_g723_and_dynamic_numbers() {
    let offer = read(
        "m=audio 4000 RTP/AVP 4 96 97\na=fmtp:4 bitrate=5.3\na=rtpmap:96 telephone-event/8000\na=rtpmap:97 x/8000\n",
    );
    let offered = offer.offer_to(set("G723"), set("OPUS"), true).unwrap();
    assert!(written(&offered).starts_with("m=audio 4000 RTP/AVP 97 96\n"), "{}", written(&offered));
    let answer = "m=audio 6000 RTP/AVP 111\na=rtpmap:111 opus/48000\n";
    let answered = offered.answered(&read(answer)).unwrap();
    assert_eq!(
        written(&answered.session),
        "m=audio 6000 RTP/AVP 4\na=rtpmap:4 G723/8000\na=fmtp:4 annexa=no\n"
    );
    let sides = answered.session.transcoding().unwrap();
    assert_eq!((sides.offerer.g723, sides.answerer.g723), (G723Rate::R5300, G723Rate::R6300));
    assert_eq!(sides.answerer.payload, VoicePayload { taken: 111, sent: 97 });
    assert!(!sides.answerer.fec);
}

#[test]
fn an_offer_without_a_codec_that_may_be_used_stays_refused() {
    for (offer, own) in [
        ("m=audio 4000 RTP/AVP 9\n", "PCMA"),
        ("m=audio 4000 RTP/AVP 0\n", "PCMA"),
        ("m=audio 4000 RTP/SAVP 8\n", "PCMA"),
    ] {
        assert!(read(offer).offer_to(set(own), set("G729"), true).is_err(), "{offer}");
    }
    assert!(read(OPUS).offer_to(set("OPUS"), CodecSet::EMPTY, true).is_err());
}

/// Noise of G.711 is agreed as any other payload: it is understood, and made.
#[test]
fn comfort_noise_is_kept() {
    let offered = read("m=audio 4000 RTP/AVP 8 13\n").offer_to(set("PCMA"), set("PCMU"), true).unwrap();
    let answered = offered.answered(&read("m=audio 6000 RTP/AVP 0 13\n")).unwrap();
    assert!(answered.session.described().unwrap().may_be_silent);
    let sides = answered.session.transcoding().unwrap();
    let how = settings(&sides.offerer, &sides.answerer, StreamStart { ssrc: 0, sequence: 0, timestamp: 0 });
    assert_eq!(
        (how.incoming.noise, how.outgoing.noise, how.outgoing.encoder.dtx),
        (Some(13), Some(13), true)
    );
    let without = offered.answered(&read("m=audio 6000 RTP/AVP 0\n")).unwrap();
    assert!(!without.session.described().unwrap().may_be_silent);
}

/// Of a transcoded stream the relay itself is the other end: a side's report is answered by one of ours, not
/// passed on.
#[test]
fn reports_end_at_the_relay_and_are_answered() {
    let mut relay = Relay::new(4);
    let [caller, callee] = [0, 1].map(|leg| EndpointId { shard: 0, call: 7, leg });
    let sides = {
        let offered = read("m=audio 4000 RTP/AVP 8\n").offer_to(set("PCMA"), set("PCMU"), true).unwrap();
        *offered.answered(&read("m=audio 6000 RTP/AVP 0\n")).unwrap().session.transcoding().unwrap()
    };
    let start = StreamStart { ssrc: 0xcafe, sequence: 1, timestamp: 1_000 };
    let mut slots = Vec::new();
    for (endpoint, port, theirs, side) in
        [(caller, 20_000, 4_000, sides.offerer), (callee, 20_002, 6_000, sides.answerer)]
    {
        let ours = format!("192.0.2.1:{port}").parse().unwrap();
        let open = MediaCommand::Open { endpoint, ours, timeout_ms: 60_000, hold_timeout_ms: 0 };
        let Effect::Opened(slot) = relay.command(Tick(0), open) else { panic!("there is room") };
        slots.push(slot);
        let peer = MediaPeer {
            kind: StreamKind::Rtp,
            rtp: format!("198.51.100.9:{theirs}").parse().ok(),
            rtcp: RtcpPlace::Next,
            signalling: "198.51.100.9".parse().unwrap(),
            learn: false,
            receives: true,
            sends: true,
            payloads: side.payloads(),
            keys: None,
            secured: None,
        };
        relay.command(Tick(0), MediaCommand::Peer { endpoint, peer });
    }
    for (endpoint, from, to) in
        [(caller, sides.offerer, sides.answerer), (callee, sides.answerer, sides.offerer)]
    {
        let how = Some(Box::new(settings(&from, &to, start)));
        relay.command(Tick(0), MediaCommand::Transcode { endpoint, how });
    }
    relay.command(Tick(0), MediaCommand::Pair { a: caller, b: callee });
    let begun: Vec<_> = std::iter::from_fn(|| relay.poll_transcode()).collect();
    let [TranscodeCommand::Begin(from_caller, _), TranscodeCommand::Begin(from_callee, _)] = begun[..] else {
        panic!("{begun:?}")
    };
    let [at, reports_from] = ["198.51.100.9:4000", "198.51.100.9:4001"].map(|at| at.parse().unwrap());
    let mut rtp = [0x80; 172];
    rtp[..12].copy_from_slice(b"\x80\x08\0\x01\0\0\0\xa0\0\0\xba\xbe");
    let action = relay.packet(Tick(20_000), slots[0], Component::Rtp, at, &mut rtp);
    assert_eq!(action, Action::Transcode { stream: from_caller, bytes: 172 });
    // What a worker made of the called side's packets goes to the caller.
    let mut made = [0; 172];
    made[..12].copy_from_slice(b"\x80\x08\0\x01\0\0\x03\xe8\0\0\xca\xfe");
    assert!(
        matches!(relay.transcoded(Tick(20_000), from_callee, (&mut made, 172)), Action::Send { to, .. } if to == at)
    );
    let mut report = |now: u64| {
        let mut buffer = [0; 256];
        let said = b"\x80\xc8\0\x06\0\0\xba\xbe\0\0\x12\x34\x56\x78\0\0\0\0\0\xa0\0\0\0\x01\0\0\0\xa0";
        buffer[..28].copy_from_slice(said);
        let action = relay.packet_in(Tick(now), slots[0], Component::Rtcp, reports_from, (&mut buffer, 28));
        (action, buffer)
    };
    let (answer, text) = report(520_000);
    let sent = Action::Send { slot: slots[0], component: Component::Rtcp, to: reports_from, bytes: 72 };
    assert_eq!(answer, sent);
    assert_eq!(&text[..8], b"\x81\xc8\0\x0c\0\0\xca\xfe");
    // 500 ms after the packet of timestamp 1,000; one packet of 160 octets.
    assert_eq!(&text[16..28], [5_000_u32.to_be_bytes(), 1_u32.to_be_bytes(), 160_u32.to_be_bytes()].concat());
    assert_eq!(&text[28..32], b"\0\0\xba\xbe");
    assert_eq!(&text[44..48], b"\x12\x34\x56\x78", "which report it answers");
    assert_eq!(report(600_000).0, Action::Taken, "too soon");
    assert_eq!(report(3_100_000).0, sent);
}
