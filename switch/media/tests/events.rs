//! Events (RFC 4733) left out of a session and put into one, and the switch's own answer to an offer.
#![allow(clippy::unwrap_used, reason = "a failing test says where")]

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use codecs::{Codec, CodecSet};
use media::{LocalSession, Session, SessionOrigin, Sound};

const ALL: [Codec; 5] = Codec::ALL;

fn offer(payloads: &str, lines: &str) -> Session {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=tool:x\r\nm=audio 4000 RTP/AVP {payloads}\r\n{lines}"
    );
    Session::read(&Bytes::from(text)).unwrap()
}

/// The lines of the stream, from its m-line on.
fn stream(session: &Session) -> String {
    let origin = SessionOrigin { id: 7, address: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5)) };
    let text = String::from_utf8(LocalSession::new().write(session, origin).to_vec()).unwrap();
    text[text.find("m=audio").unwrap()..].to_owned()
}

#[test]
fn events_are_left_out_with_all_their_lines() {
    let with = offer("8 101 0", "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n");
    assert_eq!((with.events(), with.events_told()), (Some(101), Some(101)));
    let without = with.without_events();
    assert_eq!(stream(&without), "m=audio 4000 RTP/AVP 8 0\r\na=ptime:20\r\n");
    assert_eq!(without.events(), None);
    assert_eq!(stream(&without.without_events()), stream(&without));
}

#[test]
fn events_are_put_in_by_a_free_number_or_the_one_that_is_wanted() {
    let plain = offer("8 0", "a=ptime:20\r\n");
    let events = |number: u8| {
        format!("a=ptime:20\r\na=rtpmap:{number} telephone-event/8000\r\na=fmtp:{number} 0-15\r\n")
    };
    assert_eq!(stream(&plain.with_events(None)), format!("m=audio 4000 RTP/AVP 8 0 101\r\n{}", events(101)));
    assert_eq!(
        stream(&plain.with_events(Some(96))),
        format!("m=audio 4000 RTP/AVP 8 0 96\r\n{}", events(96))
    );
    // 101 means something else there, and is not told.
    let taken = offer("8 101", "a=rtpmap:101 opus/48000/2\r\n");
    assert!(stream(&taken.with_events(None)).starts_with("m=audio 4000 RTP/AVP 8 101 96\r\n"));
    let has = plain.with_events(Some(100));
    assert_eq!(stream(&has.with_events(None)), stream(&has), "once");
    assert_eq!(stream(&has.without_events()), stream(&plain));
    let closed = offer("8", "").offer(CodecSet::of(Codec::Pcma)).unwrap();
    assert_eq!(closed.with_events(None).events_told(), Some(101));
}

#[test]
fn an_announcement_answers_with_one_codec_and_nothing_else() {
    let lines = "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\n\
                 a=ptime:20\r\na=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=ssrc:1 cname:x\r\n";
    let all: CodecSet = ALL.into_iter().collect();
    let answer = offer("18 8 101", lines).announcement(all).unwrap();
    let ours = answer.relayed("203.0.113.5:20000".parse().unwrap(), false);
    assert_eq!(
        stream(&ours),
        "m=audio 20000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=sendrecv\r\n"
    );
    let sound = Sound { codec: Codec::G729, payload: 18, events: None };
    assert_eq!(ours.sound_to_offerer(), Some(sound));
    let pcma = offer("18 8 101", lines).announcement(CodecSet::of(Codec::Pcma)).unwrap();
    assert_eq!(pcma.sound_to_offerer().map(|sound| sound.payload), Some(8));
    let only_hears = offer("8", "a=recvonly\r\n").announcement(all).unwrap();
    assert!(stream(&only_hears).contains("a=sendonly\r\n"));
    for direction in ["a=sendonly\r\n", "a=inactive\r\n"] {
        assert!(offer("8", direction).announcement(all).is_none());
    }
    assert!(offer("9", "").announcement(all).is_none(), "no codec that we have");
}
