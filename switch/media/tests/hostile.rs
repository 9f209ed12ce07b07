//! Broken and random SDPs: nothing panics, and what passes is always an SDP again that holds only what is
//! allowed.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use codecs::sdp::{MediaKind, SDP_BYTES_MAX, Sdp};
use codecs::{Codec, CodecSet};
use media::{AnswerError, LocalSession, Mark, Negotiated, OfferRefused, Session, SessionOrigin};
use proptest::prelude::*;

const SEEDS: [&str; 4] = [
    "v=0\r\no=pbx 1 2 IN IP4 192.0.2.1\r\ns=call\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9 8 0 18 101\r\n\
     a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n\
     a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n",
    "v=0\no=- 1 1 IN IP6 2001:db8::1\ns=-\nt=0 0\nm=video 5000 RTP/AVPF 96\nc=IN IP6 2001:db8::1\na=rtpmap:96 H264/90000\na=rtcp-fb:96 nack pli\n\
     m=audio 5002 RTP/AVPF 97 13 98\nc=IN IP6 2001:db8::1\na=rtpmap:97 G729/8000/1\na=rtpmap:98 telephone-event/8000\na=rtcp-fb:* nack\nm=image 0 udptl t38\n",
    "v=0\r\no=- 1 1 IN IP4 host.example.com\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=inactive\r\nm=audio 4000/2 RTP/AVP 4 3\r\na=fmtp:4 bitrate=5.3;annexa=no\r\n",
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\na=crypto:1 x inline:y\r\nm=audio 4002 RTP/AVP 8\r\nc=IN IP4 192.0.2.1/127\r\n",
];

fn write(session: &Session) -> Bytes {
    LocalSession::new().write(session, SessionOrigin { id: 7, address: "198.51.100.9".parse().unwrap() })
}

/// An offer as it passes, and the SDP that says so.
#[derive(Debug)]
struct FilteredOffer {
    sdp: Bytes,
    offered: Session,
}

fn filter(offer: &[u8], allowed: CodecSet) -> Result<FilteredOffer, OfferRefused> {
    let offered = Session::read(&Bytes::copy_from_slice(offer))?.offer(allowed)?;
    Ok(FilteredOffer { sdp: write(&offered), offered })
}

fn check_answer(offer: &FilteredOffer, answer: &[u8]) -> Result<(Negotiated, Bytes), AnswerError> {
    let negotiated = offer.offered.answered(&Session::read(&Bytes::copy_from_slice(answer))?)?;
    let sdp = write(&negotiated.session);
    Ok((negotiated, sdp))
}

/// Filters, answers the offer with the same bytes and with itself, and checks all that comes out.
fn exercise(input: &[u8], allowed: CodecSet, standing: &FilteredOffer) -> bool {
    assert_eq!(Mark::of(input), Mark::of(input));
    if let Ok((negotiated, sdp)) = check_answer(standing, input) {
        assert!(Sdp::parse(&sdp).is_ok());
        let answered = open_codecs(&sdp);
        assert!((answered & standing.offered.codecs()) == answered);
        assert_eq!(negotiated.codec.is_some(), negotiated.target.is_some());
    }
    let Ok(filtered) = filter(input, allowed) else { return false };
    let sdp = Sdp::parse(&filtered.sdp).expect("what passes is an SDP");
    assert!(filtered.sdp.len() <= SDP_BYTES_MAX);
    let codecs = open_codecs(&filtered.sdp);
    assert!(!codecs.is_empty() && codecs & allowed == codecs && codecs == filtered.offered.codecs());
    assert_eq!(sdp.media().len(), Sdp::parse(input).unwrap().media().len());
    // Filtering again changes nothing, and an offer is an answer to itself.
    assert_eq!(filter(&filtered.sdp, allowed).expect("passes again").sdp, filtered.sdp);
    let (negotiated, _) = check_answer(&filtered, &filtered.sdp).expect("answers itself");
    let relayed = write(&filtered.offered.relayed("203.0.113.9:20000".parse().unwrap(), false));
    let target = Session::read(&relayed).expect("an SDP with our address").target().expect("our address");
    assert_eq!((target.port, target.address), (20_000, Some("203.0.113.9".parse().unwrap())));
    assert_eq!(negotiated.codec, filtered.offered.preferred());
    true
}

/// The codecs of the one open stream, read by other means than the filter's: every payload must be known.
fn open_codecs(sdp: &[u8]) -> CodecSet {
    let parsed = Sdp::parse(sdp).unwrap();
    let mut open = parsed.media().iter().filter(|media| media.port != 0);
    let Some(audio) = open.next() else { return CodecSet::EMPTY };
    assert!(open.next().is_none() && audio.kind == MediaKind::Audio);
    let lines: Vec<String> = parsed
        .lines_of(audio)
        .iter()
        .map(|line| String::from_utf8_lossy(line.value).to_lowercase())
        .collect();
    let mut codecs = CodecSet::EMPTY;
    for number in audio.payloads() {
        let wanted = format!("rtpmap:{number} ");
        let mapped = lines.iter().find_map(|line| {
            line.replace(": ", ":").strip_prefix(&wanted).map(|name| name.trim().to_owned())
        });
        let name = mapped.map(|map| map.split('/').next().unwrap_or("").trim().to_owned());
        match name.as_deref() {
            Some("telephone-event" | "cn") => {}
            Some(name) => codecs = codecs.with(name.parse().expect("a known codec")),
            None if number == 13 => {}
            // An answer may leave out the rtpmap of what the offer explained.
            None => codecs = Codec::from_static_payload(number).map_or(codecs, |codec| codecs.with(codec)),
        }
    }
    codecs
}

fn standing() -> FilteredOffer {
    filter(SEEDS[0].as_bytes(), CodecSet::ALL).unwrap()
}

#[test]
fn no_truncation_panics() {
    let standing = standing();
    for seed in SEEDS {
        for end in 0..=seed.len() {
            exercise(&seed.as_bytes()[..end], CodecSet::ALL, &standing);
        }
    }
}

/// SplitMix64: a seed replays its mutations for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

#[test]
fn a_hundred_thousand_mutations_do_not_panic() {
    const SPICE: [&[u8]; 12] = [
        b"\0",
        b"\r\n",
        b"a=",
        b"m=audio 1 RTP/AVP 0\r\n",
        b"4294967296",
        b" 8",
        b":",
        b"/",
        b"=",
        b"a=rtpmap:8 ",
        b"\xff",
        b"a=fmtp:18 annexb=yes\r\n",
    ];
    let standing = standing();
    let mut dice = Dice(2);
    let mut passed = 0;
    for _ in 0..100_000 {
        let mut body = SEEDS[dice.below(SEEDS.len())].as_bytes().to_vec();
        for _ in 0..=dice.below(3) {
            let place = dice.below(body.len());
            let until = place + dice.below((body.len() - place).min(24));
            match dice.below(4) {
                0 => body[place] = dice.below(256) as u8,
                1 => drop(body.drain(place..until)),
                2 => drop(body.splice(place..place, SPICE[dice.below(SPICE.len())].iter().copied())),
                _ => {
                    let piece = body[place..until].to_vec();
                    let target = dice.below(body.len());
                    body.splice(target..target, piece);
                }
            }
            if body.is_empty() {
                break;
            }
        }
        let allowed = Codec::ALL.into_iter().filter(|_| dice.below(2) == 0).collect();
        passed += usize::from(exercise(&body, allowed, &standing));
    }
    assert!(passed > 10_000, "only {passed} mutations were still offers");
}

prop_compose! {
    fn media_line()(kind in prop::sample::select(vec!["audio", "audio", "audio", "video", "image"]), port in 0u32..70_000,
        proto in prop::sample::select(vec!["RTP/AVP", "RTP/AVP", "RTP/AVPF", "RTP/SAVP", "udptl"]),
        payloads in prop::collection::vec(0u16..130, 1..10),
        names in prop::collection::vec(prop::sample::select(vec!["PCMA/8000", "pcmu/8000/1", "G729", "G723/8000", "opus/48000/2", "telephone-event/8000",
            "CN/8000", "G729A/8000", "telephone-event/16000"]), 0..6),
        params in prop::collection::vec(prop::sample::select(vec!["annexb=no", "annexa=no;bitrate=5.3", "0-16", "annexb=yes"]), 0..4),
        address in prop::sample::select(vec!["", "c=IN IP4 203.0.113.7\n", "c=IN IP6 2001:db8::7\n", "c=IN IP4 239.0.0.1/1\n"]),
        tail in prop::sample::select(vec!["", "a=sendonly\n", "a=ptime:30\nb=AS:64\n", "a=crypto:1 x y\nk=clear:z\n", "a=[]: x\n"])) -> String {
        let numbers: String = payloads.iter().map(|number| format!(" {number}")).collect();
        let maps: String = payloads.iter().zip(&names).map(|(number, name)| format!("a=rtpmap:{number} {name}\n")).collect();
        let fmtps: String = payloads.iter().zip(&params).map(|(number, params)| format!("a=fmtp:{number} {params}\n")).collect();
        format!("m={kind} {port} {proto}{numbers}\n{address}{maps}{fmtps}{tail}")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_passes_is_an_sdp_with_allowed_codecs_only(media in prop::collection::vec(media_line(), 0..5), allowed in 0usize..16, session in 0usize..3) {
        let session = ["", "c=IN IP4 192.0.2.1\n", "c=IN IP4 192.0.2.1\nt=0 0\na=sendonly\ny=0\n"][session];
        let body = format!("v=0\no=- 1 1 IN IP4 192.0.2.1\n{session}{}", media.concat());
        let allowed = Codec::ALL.into_iter().enumerate().filter(|(bit, _)| allowed >> bit & 1 == 1).map(|(_, codec)| codec).collect();
        exercise(body.as_bytes(), allowed, &standing());
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        exercise(&bytes, CodecSet::ALL, &standing());
    }
}
