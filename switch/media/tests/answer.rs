//! Whole answers, what they mean and what the offerer gets.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use codecs::{Codec, CodecSet};
use media::{AnswerError, Direction, LocalSession, Negotiated, Reach, SdpError, Session, SessionOrigin};

const OUR: &str = "198.51.100.9";

/// What the offerer gets.
fn written(negotiated: &Negotiated) -> String {
    let sdp = LocalSession::new()
        .write(&negotiated.session, SessionOrigin { id: 8, address: OUR.parse().unwrap() });
    String::from_utf8(sdp.to_vec()).unwrap().replace('\r', "")
}

fn filter(offer: &[u8], allowed: CodecSet) -> Session {
    Session::read(&Bytes::copy_from_slice(offer)).unwrap().offer(allowed).unwrap()
}

fn check_answer(offer: &Session, answer: &[u8]) -> Result<Negotiated, AnswerError> {
    offer.answered(&Session::read(&Bytes::copy_from_slice(answer))?)
}

fn offered(media: &str) -> Session {
    let offer = format!("v=0\no=pbx 1 2 IN IP4 192.0.2.1\ns=call\nc=IN IP4 192.0.2.1\nt=0 0\n{media}");
    filter(offer.as_bytes(), CodecSet::ALL)
}

fn answered(offer: &str, answer: &str) -> Result<Negotiated, AnswerError> {
    let answer = format!(
        "v=0\r\no=carrier 5 6 IN IP4 203.0.113.5\ns=talk\ni=x\nc=IN IP4 203.0.113.5\nt=0 0\n{answer}"
    );
    check_answer(&offered(offer), answer.as_bytes())
}

/// What the offerer gets, without the session part.
fn passed(negotiated: &Negotiated) -> String {
    let text = written(negotiated);
    let head = "v=0\no=- 8 1 IN IP4 198.51.100.9\ns=-\nc=IN IP4 203.0.113.5\nt=0 0\n";
    text.strip_prefix(head).expect("the session part").to_owned()
}

#[test]
fn an_answer_passes_with_its_address_and_port() {
    let offer = "m=audio 4000 RTP/AVP 18 8 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\n";
    let answer = "m=audio 6000 RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=x:y\n";
    let negotiated = answered(offer, answer).unwrap();
    assert_eq!(passed(&negotiated), answer);
    assert_eq!(
        (negotiated.codec, negotiated.dtmf, negotiated.direction),
        (Some(Codec::Pcma), true, Direction::SendRecv)
    );
    assert_eq!(
        (negotiated.annexb, negotiated.annexa, negotiated.bitrate_bps, negotiated.hold),
        (false, false, None, false)
    );
    let target = negotiated.target.unwrap();
    assert_eq!(
        (target.address, target.port, target.reach(OUR.parse().unwrap())),
        (Some("203.0.113.5".parse().unwrap()), 6000, Reach::Unicast)
    );
}

#[test]
fn payload_numbers_stay_the_offerers() {
    let offer = "m=audio 4000 RTP/AVP 97 96\na=rtpmap:97 G729/8000\na=rtpmap:96 telephone-event/8000\n";
    let negotiated = answered(
        offer,
        "m=audio 6000 RTP/AVP 18 101\na=rtpmap:18 G729/8000\na=fmtp:18 annexb=no\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n\
         a=rtcp-fb:18 nack\na=rtcp-fb:* nack\na=rtcp-fb:55 nack\na=fmtp:55 x\na=rtpmap:55 x/1\n",
    )
    .unwrap();
    assert_eq!(
        passed(&negotiated),
        "m=audio 6000 RTP/AVP 97 96\na=rtpmap:97 G729/8000\na=fmtp:97 annexb=no\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-15\n\
         a=rtcp-fb:97 nack\na=rtcp-fb:* nack\n"
    );
    // Numbers swapped between two formats are told apart by what they carry.
    let offer = "m=audio 4000 RTP/AVP 96 97\na=rtpmap:96 G729/8000\na=rtpmap:97 telephone-event/8000\n";
    let negotiated = answered(
        offer,
        "m=audio 6000 RTP/AVP 97 96\na=rtpmap:97 G729/8000\na=rtpmap:96 telephone-event/8000\n",
    )
    .unwrap();
    assert_eq!(
        passed(&negotiated),
        "m=audio 6000 RTP/AVP 96 97\na=rtpmap:96 G729/8000\na=rtpmap:97 telephone-event/8000\n"
    );
    // An rtpmap left out means what the offer said; a second number for the same adds nothing.
    let negotiated = answered(offer, "m=audio 6000 RTP/AVP 96 97 18\n").unwrap();
    assert_eq!(passed(&negotiated), "m=audio 6000 RTP/AVP 96 97\n");
    assert_eq!((negotiated.codec, negotiated.dtmf), (Some(Codec::G729), true));
}

/// Parameters offered and answered, those that the offerer gets, whether the annex holds.
const ANNEX_B: [(&str, &str, &str, bool); 8] = [
    ("", "", "", true),
    ("annexb=yes", "annexb=yes", "annexb=yes", true),
    ("", "annexb=no", "annexb=no", false),
    ("annexb=no", "annexb=no", "annexb=no", false),
    ("annexb=no", "", "annexb=no", false),
    ("annexb=no", "annexb=yes", "annexb=no", false),
    ("AnnexB = No", "x=1; annexb=yes ;y=2", "x=1;y=2;annexb=no", false),
    ("annexb=yes", "", "", true),
];

#[test]
fn annex_b_holds_only_if_both_sides_say_yes() {
    let line = |params: &str| if params.is_empty() { String::new() } else { format!("a=fmtp:18 {params}\n") };
    for (ours, theirs, expected, holds) in ANNEX_B {
        let offer = format!("m=audio 4000 RTP/AVP 18\n{}", line(ours));
        let answer = format!("m=audio 6000 RTP/AVP 18\na=rtpmap:18 G729/8000\n{}", line(theirs));
        let negotiated = answered(&offer, &answer).unwrap();
        assert_eq!(
            (negotiated.codec, negotiated.annexb, negotiated.annexa),
            (Some(Codec::G729), holds, false),
            "{ours} / {theirs}"
        );
        let expected = format!("m=audio 6000 RTP/AVP 18\na=rtpmap:18 G729/8000\n{}", line(expected));
        assert_eq!(passed(&negotiated), expected, "{ours} / {theirs}");
    }
}

#[test]
fn a_refused_annex_is_told_once_however_often_the_answer_contradicts_itself() {
    let negotiated = answered(
        "m=audio 4000 RTP/AVP 18 8\na=fmtp:18 annexb=no\n",
        "m=audio 6000 RTP/AVP 18 8\na=fmtp:18 x=1\na=fmtp:18 annexb=yes\na=fmtp:18 annexb=yes;y=2,z\na=fmtp:8 annexb=yes\n",
    );
    let expected =
        "m=audio 6000 RTP/AVP 18 8\na=fmtp:18 x=1;annexb=no\na=fmtp:18 y=2;z\na=fmtp:8 annexb=yes\n";
    assert_eq!(passed(&negotiated.unwrap()), expected);
}

#[test]
fn g723_keeps_its_rate_and_annex_a_needs_both() {
    for (ours, theirs, expected, annexa, rate) in [
        ("", "", "", true, None),
        ("a=fmtp:4 bitrate=5.3;annexa=no\n", "", "a=fmtp:4 annexa=no\n", false, Some(5300)),
        (
            "a=fmtp:4 bitrate=5.3;annexa=no\n",
            "a=fmtp:4 bitrate=6.3\n",
            "a=fmtp:4 bitrate=6.3;annexa=no\n",
            false,
            Some(6300),
        ),
        ("", "a=fmtp:4 bitrate=5.3;annexa=no\n", "a=fmtp:4 bitrate=5.3;annexa=no\n", false, Some(5300)),
        (
            "a=fmtp:4 annexa=yes\n",
            "a=fmtp:4 annexa=yes;bitrate=6.3\n",
            "a=fmtp:4 annexa=yes;bitrate=6.3\n",
            true,
            Some(6300),
        ),
        // The annex of another codec says nothing.
        ("a=fmtp:4 annexb=no\n", "", "", true, None),
    ] {
        let negotiated = answered(
            &format!("m=audio 4000 RTP/AVP 4\n{ours}"),
            &format!("m=audio 6000 RTP/AVP 4\n{theirs}"),
        )
        .unwrap();
        assert_eq!((negotiated.codec, negotiated.annexb), (Some(Codec::G723), false));
        assert_eq!((negotiated.annexa, negotiated.bitrate_bps), (annexa, rate), "{ours} / {theirs}");
        assert_eq!(passed(&negotiated), format!("m=audio 6000 RTP/AVP 4\n{expected}"));
    }
}

#[test]
fn streams_that_we_closed_come_back_closed_and_in_order() {
    let offer = "m=video 4002 RTP/AVP 99\nm=audio 4000 RTP/AVPF 8\nm=image 4004 udptl t38\n";
    let negotiated =
        answered(offer, "m=video 7002 RTP/AVP 99\na=rtpmap:99 H264/90000\nm=audio 6000 RTP/AVP 8\na=sendonly\nm=image 0 udptl t38\n")
            .unwrap();
    assert_eq!(
        passed(&negotiated),
        "m=video 0 RTP/AVP 99\nm=audio 6000 RTP/AVPF 8\na=sendonly\nm=image 0 udptl t38\n"
    );
    assert!(negotiated.hold);
    for answer in [
        "m=audio 6000 RTP/AVP 8\n",
        "m=video 0 RTP/AVP 99\nm=audio 6000 RTP/AVP 8\n",
        "m=audio 6000 RTP/AVP 8\nm=video 0 RTP/AVP 99\nm=image 0 udptl t38\n",
        "m=video 0 RTP/AVP 99\nm=audio 6000 RTP/AVP 8\nm=image 0 udptl t38\nm=image 0 udptl t38\n",
        "m=video 0 RTP/AVP 99\nm=audio 6000 RTP/SAVP 8\nm=image 0 udptl t38\n",
        "",
    ] {
        assert_eq!(answered(offer, answer).unwrap_err(), AnswerError::StreamMismatch, "{answer}");
    }
}

#[test]
fn a_rejected_stream_is_no_error() {
    let negotiated =
        answered("m=audio 4000 RTP/AVP 8\n", "m=audio 0 RTP/AVP 9\na=rtpmap:9 G722/8000\n").unwrap();
    assert_eq!((negotiated.codec, negotiated.dtmf, negotiated.target), (None, false, None));
    assert_eq!(passed(&negotiated), "m=audio 0 RTP/AVP 9\n");
}

#[test]
fn hold_shows_on_either_side() {
    for (ours, theirs, hold) in [
        ("", "", false),
        ("a=sendonly\n", "a=recvonly\n", true),
        ("", "a=inactive\n", true),
        ("", "c=IN IP4 0.0.0.0\n", true),
    ] {
        let negotiated = answered(
            &format!("m=audio 4000 RTP/AVP 8\n{ours}"),
            &format!("m=audio 6000 RTP/AVP 8\n{theirs}"),
        )
        .unwrap();
        assert_eq!(negotiated.hold, hold, "{ours} / {theirs}");
        assert_eq!(passed(&negotiated), format!("m=audio 6000 RTP/AVP 8\n{theirs}"));
    }
}

#[test]
fn an_answer_outside_the_offer_is_refused() {
    let offer = "m=audio 4000 RTP/AVP 8 18 9 101\na=rtpmap:101 telephone-event/8000\n";
    for (answer, error) in [
        ("m=audio 6000 RTP/AVP 0\n", AnswerError::OutsideOffer(0)),
        // The caller offered it, but we did not.
        ("m=audio 6000 RTP/AVP 9\n", AnswerError::OutsideOffer(9)),
        ("m=audio 6000 RTP/AVP 0 9\n", AnswerError::OutsideOffer(0)),
        ("m=audio 6000 RTP/AVP 0 101\n", AnswerError::NoCodec),
        ("m=audio 6000 RTP/AVP 8\na=rtpmap:8 G722/8000\n", AnswerError::OutsideOffer(8)),
        ("m=audio 6000 RTP/AVP 101\n", AnswerError::NoCodec),
        ("m=audio 6000 RTP/AVP 8\nc=IN IP4 239.1.1.1/1\n", AnswerError::Address),
    ] {
        assert_eq!(answered(offer, answer).unwrap_err(), error, "{answer}");
        assert_eq!(error.cause().0, 65);
    }
    let offer = offered("m=audio 4000 RTP/AVP 8\n");
    assert_eq!(check_answer(&offer, b"").unwrap_err(), AnswerError::Malformed(SdpError::Empty));
    let no_address = b"v=0\no=- 1 1 IN IP4 192.0.2.1\nm=audio 6000 RTP/AVP 8\n";
    assert_eq!(check_answer(&offer, no_address).unwrap_err(), AnswerError::Address);
}

#[test]
fn a_late_offer_is_the_same_the_other_way_round() {
    // The carrier offers in its 200, the caller answers in its ACK.
    let carrier = "v=0\no=c 1 1 IN IP4 203.0.113.5\ns=-\nc=IN IP4 203.0.113.5\nt=0 0\nm=audio 6000 RTP/AVP 18 8 101\n\
                   a=fmtp:18 annexb=no\na=rtpmap:101 telephone-event/8000\n";
    let toward_caller = filter(carrier.as_bytes(), "PCMA,G729".parse().unwrap());
    let ack = "v=0\no=a 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 18 96\na=rtpmap:96 telephone-event/8000\n";
    let toward_carrier = check_answer(&toward_caller, ack.as_bytes()).unwrap();
    let text = written(&toward_carrier);
    assert!(
        text.ends_with(
            "m=audio 4000 RTP/AVP 18 101\na=rtpmap:101 telephone-event/8000\na=fmtp:18 annexb=no\n"
        ),
        "{text}"
    );
    assert_eq!((toward_carrier.codec, toward_carrier.annexb), (Some(Codec::G729), false));
}

#[test]
fn fault_b4_further_formats_of_an_answer_are_left_out() {
    // RFC 3264 §6.1: the answerer may list formats that it could receive, though nobody offered them.
    let offer = "m=audio 4000 RTP/AVP 8 18\n";
    for (answer, expected) in [
        ("8 101\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\n", "8\n"),
        ("8 0\na=rtpmap:0 PCMU/8000\n", "8\n"),
        ("8 13\n", "8\n"),
        ("8 100\n", "8\n"),
        ("0 9 8\na=rtcp-fb:9 nack\n", "8\n"),
        ("8 4\na=fmtp:4 annexa=no\n", "8\n"),
        ("96 8\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\n", "8\n"),
    ] {
        let negotiated = answered(offer, &format!("m=audio 6000 RTP/AVP {answer}")).unwrap();
        assert_eq!(passed(&negotiated), format!("m=audio 6000 RTP/AVP {expected}"), "{answer}");
        assert_eq!(negotiated.codec, Some(Codec::Pcma));
    }
}
