//! Whole offers and what of them passes, line by line.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use codecs::{Codec, CodecSet};
use media::{Direction, LocalSession, Mark, OfferRefused, Reach, SdpError, Session, SessionOrigin};

const OUR: &str = "198.51.100.9";

/// What we say to one leg, as the first.
struct Ours(LocalSession, SessionOrigin);

impl Ours {
    fn write(&mut self, session: &Session) -> Bytes {
        self.0.write(session, self.1)
    }
}

fn our() -> Ours {
    Ours(LocalSession::new(), SessionOrigin { id: 7, address: OUR.parse().unwrap() })
}

/// An offer as it passes, and the SDP that says so.
#[derive(Debug)]
struct Filtered {
    sdp: Bytes,
    offered: Session,
}

fn filter(offer: &[u8], allowed: CodecSet, ours: &Ours) -> Result<Filtered, OfferRefused> {
    let offered = Session::read(&Bytes::copy_from_slice(offer))?.offer(allowed)?;
    Ok(Filtered { sdp: ours.0.clone().write(&offered, ours.1), offered })
}

fn offered_codecs(offer: &[u8], allowed: CodecSet) -> Result<CodecSet, OfferRefused> {
    Session::read(&Bytes::copy_from_slice(offer))?.offered_codecs(allowed)
}

fn set(names: &str) -> CodecSet {
    names.parse().unwrap()
}

/// An offer whose m-lines, and what belongs to them, are `media`.
fn offer(media: &str) -> String {
    crlf(&format!("v=0\no=pbx 1 2 IN IP4 192.0.2.1\ns=call\nc=IN IP4 192.0.2.1\nt=0 0\n{media}"))
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// What passes of `offer(media)`, without the session part.
fn passed(media: &str, allowed: &str) -> Result<String, OfferRefused> {
    let filtered = filter(offer(media).as_bytes(), set(allowed), &our())?;
    let text = String::from_utf8(filtered.sdp.to_vec()).unwrap().replace('\r', "");
    let session = "v=0\no=- 7 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n";
    Ok(text.strip_prefix(session).expect("the session part").to_owned())
}

#[test]
fn the_session_part_names_us_only() {
    let offer = crlf(
        "v=0\no=pbx 3724394400 3724394405 IN IP4 10.1.2.3\ns=From the PBX\ni=info\nu=http://10.1.2.3/\ne=joe@10.1.2.3\np=+34 911\n\
         c=IN IP4 192.0.2.1\nb=AS:84\nt=0 0\nk=clear:secret\na=sendrecv\na=rtpmap:0 PCMU/8000\na=group:BUNDLE 0\na=key-mgmt:mikey x\nX=vendor\n\
         m=audio 4000 RTP/AVP 0\n",
    );
    let filtered = filter(offer.as_bytes(), CodecSet::ALL, &our()).unwrap();
    let expected = crlf(
        "v=0\no=- 7 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 192.0.2.1\nb=AS:84\nt=0 0\na=sendrecv\nX=vendor\nm=audio 4000 RTP/AVP 0\n",
    );
    assert_eq!(String::from_utf8(filtered.sdp.to_vec()).unwrap(), expected);
}

#[test]
fn a_missing_time_is_written() {
    for (session, rest) in [("", "m=audio 4000 RTP/AVP 8\n"), ("a=x\n", "m=audio 4000 RTP/AVP 8\n")] {
        let offer = format!("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP6 2001:db8::1\n{session}{rest}");
        let filtered = filter(
            offer.as_bytes(),
            CodecSet::ALL,
            &Ours(LocalSession::new(), SessionOrigin { id: 1, address: "2001:db8::9".parse().unwrap() }),
        )
        .unwrap();
        let expected = crlf(&format!(
            "v=0\no=- 1 1 IN IP6 2001:db8::9\ns=-\nc=IN IP6 2001:db8::1\nt=0 0\n{session}{rest}"
        ));
        assert_eq!(String::from_utf8(filtered.sdp.to_vec()).unwrap(), expected);
    }
}

#[test]
fn what_passes_of_an_sdp_at_its_limits_is_still_within_them() {
    let lines = "b=AS:64\n".repeat(codecs::sdp::OTHER_LINES_MAX - 3);
    let offer = format!("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\n{lines}m=audio 4000 RTP/AVP 8\n");
    let filtered = filter(offer.as_bytes(), CodecSet::ALL, &our()).unwrap();
    assert!(filter(&filtered.sdp, CodecSet::ALL, &our()).is_ok());
    assert!(filter(offer.replacen("b=", "X=\nb=", 1).as_bytes(), CodecSet::ALL, &our()).is_err());
}

/// Offer, allowed codecs, what passes.
const PASSES: [(&str, &str, &str); 17] = [
    ("m=audio 4000 RTP/AVP 8 0\n", "PCMA,PCMU", "m=audio 4000 RTP/AVP 8 0\n"),
    // The offerer's order counts, not ours; a static number needs no rtpmap.
    ("m=audio 4000 RTP/AVP 18 4 0 8 9\n", "PCMA,G729", "m=audio 4000 RTP/AVP 18 8\n"),
    // Lines of removed payloads go, those of kept ones and what is unknown stay where they were.
    (
        "m=audio 4000 RTP/AVP 9 8 101\nb=AS:64\na=rtpmap:9 G722/8000\na=rtpmap:8 PCMA/8000\na=x-unknown:9\na=rtpmap:101 telephone-event/8000\n\
         a=fmtp:9 bitrate=64\na=fmtp:101 0-16\na=rtcp-fb:9 nack\na=rtcp-fb:8 nack\na=rtcp-fb:* nack\na=ptime:20\na=sendrecv\n",
        "PCMA",
        "m=audio 4000 RTP/AVP 8 101\nb=AS:64\na=rtpmap:8 PCMA/8000\na=x-unknown:9\na=rtpmap:101 telephone-event/8000\n\
         a=fmtp:101 0-16\na=rtcp-fb:8 nack\na=rtcp-fb:* nack\na=ptime:20\na=sendrecv\n",
    ),
    // Dynamic numbers stay the offerer's.
    (
        "m=audio 4000 RTP/AVP 97\na=rtpmap:97 g729/8000\n",
        "G729",
        "m=audio 4000 RTP/AVP 97\na=rtpmap:97 g729/8000\n",
    ),
    // Opus has a clock of 48 kHz and two channels whatever it carries (RFC 7587 §7); any others are not Opus.
    (
        "m=audio 4000 RTP/AVP 96 97 8\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\na=rtpmap:97 opus/8000\n",
        "OPUS",
        "m=audio 4000 RTP/AVP 96\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\n",
    ),
    // An rtpmap overrides the static meaning; two that contradict each other mean nothing.
    ("m=audio 4000 RTP/AVP 8 0\na=rtpmap:8 G722/8000\n", "PCMA,PCMU", "m=audio 4000 RTP/AVP 0\n"),
    (
        "m=audio 4000 RTP/AVP 8 0\na=rtpmap:8 PCMA/8000\na=rtpmap:8 opus/8000\n",
        "PCMA,PCMU",
        "m=audio 4000 RTP/AVP 0\n",
    ),
    // Other clocks and two channels are other formats.
    (
        "m=audio 4000 RTP/AVP 96 97 98 8\na=rtpmap:96 PCMA/16000\na=rtpmap:97 PCMA/8000/2\na=rtpmap:98 telephone-event/16000\n",
        "PCMA",
        "m=audio 4000 RTP/AVP 8\n",
    ),
    // Events on two numbers and comfort noise stay, a format named twice stands once.
    (
        "m=audio 4000 RTP/AVP 8 13 8 96 101\na=rtpmap:96 telephone-event/8000\na=rtpmap:101 telephone-event/8000\n",
        "PCMA",
        "m=audio 4000 RTP/AVP 8 13 96 101\na=rtpmap:96 telephone-event/8000\na=rtpmap:101 telephone-event/8000\n",
    ),
    (
        "m=audio 4000 RTP/AVP 4\na=fmtp:4 bitrate=5.3;annexa=no\n",
        "G723",
        "m=audio 4000 RTP/AVP 4\na=fmtp:4 bitrate=5.3;annexa=no\n",
    ),
    ("m=audio 4000 RTP/AVPF 0\n", "PCMU", "m=audio 4000 RTP/AVPF 0\n"),
    // Other m-lines keep their place with port 0 and say nothing more.
    (
        "m=audio 4000 RTP/AVP 0\nm=video 4002 RTP/AVP 99 34\nb=AS:512\na=rtpmap:99 H264/90000\nm=image 4004 udptl t38\na=T38FaxVersion:0\n",
        "PCMU",
        "m=audio 4000 RTP/AVP 0\nm=video 0 RTP/AVP 99 34\nm=image 0 udptl t38\n",
    ),
    // The first audio stream that can pass does: not the encrypted, closed or foreign one before it, nor the
    // one after.
    (
        "m=audio 4000 RTP/SAVP 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\nm=audio 0 RTP/AVP 8\nm=audio 4002 RTP/AVP 9\n\
         m=audio 4004 RTP/AVP 8\nm=audio 4006 RTP/AVP 8\n",
        "PCMA",
        "m=audio 0 RTP/SAVP 8\nm=audio 0 RTP/AVP 8\nm=audio 0 RTP/AVP 9\nm=audio 4004 RTP/AVP 8\nm=audio 0 RTP/AVP 8\n",
    ),
    // Keys, and what would negotiate behind our back, never pass.
    (
        "m=audio 4000 RTP/AVP 8\nk=clear:x\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\na=fingerprint:sha-256 00\na=setup:actpass\n\
         a=tcap:1 RTP/SAVP\na=pcfg:1 t=1\na=rmcap:2 opus/48000\na=rtcp-mux\n",
        "PCMA",
        "m=audio 4000 RTP/AVP 8\na=rtcp-mux\n",
    ),
    // The stream's own address passes, whichever kind it is.
    (
        "m=audio 4000 RTP/AVP 8\nc=IN IP6 2001:db8::7\n",
        "PCMA",
        "m=audio 4000 RTP/AVP 8\nc=IN IP6 2001:db8::7\n",
    ),
    // One stream is one port.
    ("m=audio 4000/2 RTP/AVP 8\n", "PCMA", "m=audio 4000 RTP/AVP 8\n"),
    (
        "m=AUDIO 4000 rtp/avp 8\na=RTPMAP:8 pcma/8000\n",
        "PCMA",
        "m=AUDIO 4000 rtp/avp 8\na=RTPMAP:8 pcma/8000\n",
    ),
];

#[test]
fn what_is_allowed_passes() {
    for (media, allowed, expected) in PASSES {
        assert_eq!(passed(media, allowed).as_deref(), Ok(expected), "{media}");
    }
}

#[test]
fn what_is_not_is_refused() {
    for (media, refused) in [
        ("m=audio 4000 RTP/AVP 9\na=rtpmap:9 G722/8000\n", OfferRefused::NothingAcceptable),
        ("m=audio 4000 RTP/AVP 0\n", OfferRefused::NothingAcceptable),
        ("m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n", OfferRefused::NothingAcceptable),
        ("m=audio 4000 RTP/AVP 13\n", OfferRefused::NothingAcceptable),
        ("m=audio 4000 RTP/AVP 13 101\na=rtpmap:101 telephone-event/8000\n", OfferRefused::NothingAcceptable),
        ("m=audio 4000 RTP/AVP 96\n", OfferRefused::NothingAcceptable),
        ("", OfferRefused::NoAudio),
        ("m=audio 0 RTP/AVP 8\n", OfferRefused::NoAudio),
        ("m=image 4004 tcp t38\n", OfferRefused::NoAudio),
        ("m=audio 4000 RTP/SAVP 8\n", OfferRefused::Transport),
        ("m=audio 4000 UDP/TLS/RTP/SAVPF 8\n", OfferRefused::Transport),
        ("m=audio 4000 RTP/SAVP 8\nm=audio 4002 RTP/AVP 9\n", OfferRefused::NothingAcceptable),
        ("m=audio 4000 RTP/AVP 8\nc=IN IP4 224.2.36.42/127\n", OfferRefused::Address),
        ("m=audio 4000 RTP/AVP 8\nc=IN IP6 ff15::101\n", OfferRefused::Address),
        ("m=audio 4000 RTP/AVP 8\nc=IN IP4 255.255.255.255\n", OfferRefused::Address),
        ("m=audio 4000 RTP/AVP 8\nc=IN IP4 0.0.0.1\n", OfferRefused::Address),
        ("m=audio 4000 RTP/AVP 8\nc=IN IP6 ::ffff:224.0.0.1\n", OfferRefused::Address),
    ] {
        let verdict = passed(media, "PCMA");
        assert_eq!(verdict, Err(refused), "{media}");
        assert_eq!((refused.status(), refused.cause().0), (488, 65));
    }
    for media in [
        "m=audio 17002 RTP/AVP 4294967296\n",
        "m=audio 4000 RTP/AVP 8 101\na=fmtp\0:101 0-16\n",
        "m=audio 65536 RTP/AVP 8\n",
        "m=audio 4000 RTP/AVP 8\na=ptime:0\n",
    ] {
        assert!(
            matches!(passed(media, "PCMA"), Err(OfferRefused::Malformed(SdpError::Line { .. }))),
            "{media}"
        );
    }
    let payloads: String = (0..200).map(|number| format!(" {number}")).collect();
    assert!(matches!(
        passed(&format!("m=audio 4000 RTP/AVP{payloads}\n"), "PCMA"),
        Err(OfferRefused::Malformed(_))
    ));
    assert_eq!(filter(b"", CodecSet::ALL, &our()).unwrap_err(), OfferRefused::Malformed(SdpError::Empty));
    let no_address = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio 4000 RTP/AVP 8\n";
    assert_eq!(filter(no_address.as_bytes(), CodecSet::ALL, &our()).unwrap_err(), OfferRefused::Address);
}

#[test]
fn the_codecs_of_an_offer_are_told_without_filtering() {
    let all = offer("m=audio 4000 RTP/AVP 18 8 0 101\na=rtpmap:101 telephone-event/8000\n");
    assert_eq!(offered_codecs(all.as_bytes(), set("PCMA,G729,G723")), Ok(set("PCMA,G729")));
    assert_eq!(offered_codecs(all.as_bytes(), set("G723")), Err(OfferRefused::NothingAcceptable));
    let filtered = filter(all.as_bytes(), set("PCMA,G729"), &our()).unwrap();
    assert_eq!(
        (filtered.offered.codecs(), filtered.offered.preferred()),
        (set("PCMA,G729"), Some(Codec::G729))
    );
}

#[test]
fn hold_is_accepted_in_all_its_forms() {
    for (lines, direction, reach, hold) in [
        ("", Direction::SendRecv, Reach::Unicast, false),
        ("a=recvonly\n", Direction::RecvOnly, Reach::Unicast, false),
        ("a=sendonly\n", Direction::SendOnly, Reach::Unicast, true),
        ("a=inactive\n", Direction::Inactive, Reach::Unicast, true),
        ("c=IN IP4 0.0.0.0\n", Direction::SendRecv, Reach::Nobody, true),
        ("c=IN IP6 ::\n", Direction::SendRecv, Reach::Nobody, true),
    ] {
        let media = format!("m=audio 4000 RTP/AVP 8\n{lines}");
        let filtered = filter(offer(&media).as_bytes(), CodecSet::ALL, &our()).unwrap();
        let offered = filtered.offered;
        let found = offered.target().unwrap().reach(OUR.parse().unwrap());
        assert_eq!(
            (offered.active().unwrap().direction, found, offered.hold()),
            (direction, reach, hold),
            "{lines}"
        );
        assert!(!found.unroutable());
        assert_eq!(passed(&media, "PCMA").unwrap(), media);
    }
}

#[test]
fn the_media_address_is_judged() {
    for (address, reach, unroutable) in [
        ("IP4 203.0.113.5", Reach::Unicast, false),
        ("IP4 media.example.com", Reach::Host, false),
        ("IP4 127.0.0.1", Reach::Loopback, true),
        ("IP6 ::1", Reach::Loopback, true),
        ("IP6 ::ffff:127.0.0.1", Reach::Loopback, true),
        ("IP4 198.51.100.9", Reach::Own, true),
        ("IP6 ::ffff:198.51.100.9", Reach::Own, true),
    ] {
        let media = format!("m=audio 4000 RTP/AVP 8\nc=IN {address}\n");
        let target =
            filter(offer(&media).as_bytes(), CodecSet::ALL, &our()).unwrap().offered.target().unwrap();
        let found = target.reach(OUR.parse().unwrap());
        assert_eq!((found, found.unroutable(), target.port), (reach, unroutable, 4000), "{address}");
    }
}

/// An offer as it passes with every codec.
fn passes(media: &str) -> Session {
    Session::read(&Bytes::from(offer(media))).unwrap().offer(CodecSet::ALL).unwrap()
}

fn version(sdp: &[u8]) -> String {
    String::from_utf8(sdp.to_vec()).unwrap().lines().nth(1).unwrap().split(' ').nth(2).unwrap().to_owned()
}

#[test]
fn the_version_moves_when_we_say_something_else() {
    let mut ours = our();
    let active = passes("m=audio 4000 RTP/AVP 8\n");
    let first = ours.write(&active);
    // Whatever the peer's own version is: what we say has not changed.
    assert_eq!(ours.write(&active), first);
    let held = passes("m=audio 4000 RTP/AVP 8\na=sendonly\n");
    for _ in 0..2 {
        assert_eq!((version(&first), version(&ours.write(&held))), ("1".into(), "2".into()));
    }
    let third = ours.write(&active);
    assert_eq!((version(&third), third.len()), ("3".into(), first.len()));
    assert_eq!(ours.0.last_sent(), Some(third));
}

#[test]
fn an_offer_that_failed_leaves_what_was_said_and_its_version_is_never_used_again() {
    let mut ours = our();
    let first = ours.write(&passes("m=audio 4000 RTP/AVP 8\n"));
    let before = ours.0.before();
    let failed = ours.write(&passes("m=audio 4000 RTP/AVP 8\na=sendonly\n"));
    assert_eq!(version(&failed), "2");
    ours.0.restore(before);
    assert_eq!(ours.0.last_sent().unwrap(), first);
    assert_eq!(ours.write(&passes("m=audio 4000 RTP/AVP 8\n")), first, "a refresh says the same");
    // To a peer that took the failed one: the same under a new version.
    let again = ours.0.send_again(ours.1).unwrap();
    assert_eq!(version(&again), "3");
    assert_eq!(
        String::from_utf8(again.to_vec()).unwrap().replacen(" 3 IN", " 1 IN", 1).as_bytes(),
        &first[..]
    );
    assert_eq!(version(&ours.write(&passes("m=audio 4000 RTP/AVP 8\na=inactive\n"))), "4");
}

#[test]
fn a_mark_is_of_the_whole_sdp() {
    let old = offer("m=audio 4000 RTP/AVP 8\n");
    assert_eq!(Mark::of(old.as_bytes()), Mark::of(old.clone().as_bytes()));
    for (from, to) in
        [("pbx 1 2", "pbx 1 3"), ("pbx 1 2", "pbx 2 2"), ("4000", "4002"), ("RTP/AVP 8", "RTP/AVP 0")]
    {
        assert_ne!(Mark::of(old.as_bytes()), Mark::of(old.replace(from, to).as_bytes()), "{to}");
    }
}

#[test]
fn our_address_stands_where_the_peers_stood() {
    let media = "m=audio 4000 RTP/AVP 8 101\nc=IN IP4 192.0.2.77\nb=AS:80\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:30\n\
                 a=rtcp:4001 IN IP4 192.0.2.77\na=candidate:1 1 UDP 1 192.0.2.77 4000 typ host\na=ice-ufrag:x\na=rtcp-mux\na=sendonly\na=x:y\n\
                 m=video 5000 RTP/AVP 99\nc=IN IP4 192.0.2.77\na=rtpmap:99 H264/90000\n";
    let passed = passes(media);
    let audio = passed.active().unwrap();
    assert_eq!(
        (audio.packet_time_ms, audio.dtmf(), audio.direction),
        (Some(30), Some(101), Direction::SendOnly)
    );
    let relayed = passed.relayed("203.0.113.9:20000".parse().unwrap(), false);
    let target = relayed.target().unwrap();
    assert_eq!((target.address, target.port), (Some("203.0.113.9".parse().unwrap()), 20_000));
    let expected = "v=0\no=- 7 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 203.0.113.9\nt=0 0\nm=audio 20000 RTP/AVP 8 101\nb=AS:80\n\
                    a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:30\na=sendonly\na=x:y\nm=video 0 RTP/AVP 99\n";
    assert_eq!(String::from_utf8(our().write(&relayed).to_vec()).unwrap(), crlf(expected));
    let six = our().write(&passed.relayed("[2001:db8::9]:20000".parse().unwrap(), false));
    assert!(String::from_utf8(six.to_vec()).unwrap().contains("c=IN IP6 2001:db8::9\r\n"));
}

#[test]
fn fault_b11m_a_video_stream_of_any_size_or_shape_does_not_refuse_the_audio() {
    for video in [
        "a=x-attribute:1\n".repeat(300),
        format!("a=fmtp:99 sprop-parameter-sets={}\n", "A".repeat(2_000)),
        "a=rtpmap:200 H264/90000\na=ptime:0\nb=AS:1\n".to_owned(),
    ] {
        let media = format!("m=audio 4000 RTP/AVP 8\nm=video 5000 RTP/AVP 99\n{video}");
        assert_eq!(passed(&media, "PCMA").as_deref(), Ok("m=audio 4000 RTP/AVP 8\nm=video 0 RTP/AVP 99\n"));
    }
}
