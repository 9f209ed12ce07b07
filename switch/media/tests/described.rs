//! What a relay is told of a side, and what the other side is told of the relay.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use bytes::Bytes;
use media::relay::{RtcpPlace, StreamKind};
use media::{Described, Direction, LocalSession, Session, SessionOrigin};

const OURS: &str = "203.0.113.9:20000";

/// An SDP of one audio stream at 192.0.2.1:4000 with these lines.
fn session(lines: &str) -> Session {
    read(&format!("c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n{lines}"))
}

fn read(rest: &str) -> Session {
    Session::read(&Bytes::from(format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n{rest}"))).unwrap()
}

fn described(lines: &str) -> Described {
    session(lines).described().unwrap()
}

/// As the other side is told, from the stream's line on.
fn told(session: &Session, ours: &str, mux: bool) -> String {
    let origin = SessionOrigin { id: 7, address: "198.51.100.9".parse().unwrap() };
    let relayed = session.relayed(ours.parse().unwrap(), mux);
    String::from_utf8(LocalSession::new().write(&relayed, origin).to_vec()).unwrap()
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_side_is_where_it_says() {
    let plain = described("");
    assert_eq!((plain.kind, plain.rtp), (StreamKind::Rtp, Some(at("192.0.2.1:4000"))));
    assert_eq!((plain.rtcp, plain.mux, plain.direction), (RtcpPlace::Next, false, Direction::SendRecv));
    let six = read("t=0 0\r\nm=audio 4000 RTP/AVP 8\r\nc=IN IP6 2001:db8::1\r\na=recvonly\r\n")
        .described()
        .unwrap();
    assert_eq!((six.rtp, six.direction), (Some(at("[2001:db8::1]:4000")), Direction::RecvOnly));
    let mapped =
        read("c=IN IP6 ::ffff:192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n").described().unwrap();
    assert_eq!(mapped.rtp, Some(at("192.0.2.1:4000")), "a mapped address is IPv4's");
    assert!(read("c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n").described().is_none());
    assert_eq!(
        read("c=IN IP4 pbx.example.net\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n").described().unwrap().rtp,
        None
    );
}

/// RFC 3605 §2.1 and RFC 5761 §5.1.1.
#[test]
fn rtcp_has_a_place_of_its_own() {
    for (lines, place, mux) in [
        ("a=rtcp:4001\r\n", RtcpPlace::Next, false),
        ("a=rtcp:53020\r\n", RtcpPlace::At(at("192.0.2.1:53020")), false),
        ("a=rtcp:53020 IN IP4 126.16.64.4\r\n", RtcpPlace::At(at("126.16.64.4:53020")), false),
        (
            "a=rtcp:53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD\r\n",
            RtcpPlace::At(at("[2001:2345:6789:abcd:ef01:2345:6789:abcd]:53020")),
            false,
        ),
        ("a=rtcp-mux\r\n", RtcpPlace::Next, true),
        ("a=rtcp:4001\r\na=RTCP-MUX\r\n", RtcpPlace::Next, true),
        ("a=rtcp:0\r\n", RtcpPlace::Next, false),
        ("a=rtcp:99999\r\n", RtcpPlace::Next, false),
        ("a=rtcp:53020 IN IP4 host.example.net\r\n", RtcpPlace::Next, false),
        ("a=rtcp:53020 IN IP4 126.16.64.4 more\r\n", RtcpPlace::Next, false),
        ("a=rtcp-xr:rcvr-rtt\r\n", RtcpPlace::Next, false),
    ] {
        let said = described(lines);
        assert_eq!((said.rtcp, said.mux), (place, mux), "{lines}");
    }
}

#[test]
fn silence_means_nothing_where_it_was_agreed() {
    for (payloads, may_be_silent) in [
        ("8\r\n", false),
        ("8 13\r\n", true),
        ("8 101\r\na=rtpmap:101 telephone-event/8000\r\n", false),
        ("8 18\r\n", false),
        ("18\r\n", true),
        ("18\r\na=fmtp:18 annexb=yes\r\n", true),
        ("18\r\na=fmtp:18 annexb=no\r\n", false),
        ("4\r\na=fmtp:4 annexa=no\r\n", false),
        ("4\r\n", true),
    ] {
        let said =
            read(&format!("c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP {payloads}")).described();
        assert_eq!(said.unwrap().may_be_silent, may_be_silent, "{payloads}");
    }
    // Refused by either side.
    let offer = read("c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 18\r\na=fmtp:18 annexb=no\r\n");
    let answer = read("c=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 6000 RTP/AVP 18\r\n");
    let offered = offer.offer(codecs::CodecSet::ALL).unwrap();
    assert!(!offered.answered(&answer).unwrap().session.described().unwrap().may_be_silent);
}

/// No other way to the peer is told than ours.
#[test]
fn the_other_side_is_told_our_address_only() {
    let peer = session(
        "a=rtcp:4009 IN IP4 192.0.2.8\r\na=rtcp-mux\r\na=candidate:1 1 UDP 2130706431 192.0.2.1 4000 typ host\r\n\
         a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=end-of-candidates\r\na=remote-candidates:1 192.0.2.9 4000\r\na=ptime:20\r\n",
    );
    let plain = told(&peer, OURS, false);
    assert!(!plain.contains("192.0.2.") && !plain.contains("ice-") && !plain.contains("rtcp"), "{plain}");
    assert!(
        plain.ends_with("c=IN IP4 203.0.113.9\r\nt=0 0\r\nm=audio 20000 RTP/AVP 8\r\na=ptime:20\r\n"),
        "{plain}"
    );
    let muxed = told(&peer, OURS, true);
    assert!(muxed.ends_with("m=audio 20000 RTP/AVP 8\r\na=ptime:20\r\na=rtcp-mux\r\n"), "{muxed}");
    let six = told(&peer, "[2001:db8::9]:20000", false);
    assert!(six.contains("c=IN IP6 2001:db8::9\r\n"), "{six}");
}

/// RFC 3264 §8.4: the old form of hold is told as the direction that it means, since our address is one.
#[test]
fn an_address_of_nobody_becomes_a_direction() {
    for (lines, told_as) in [
        ("", "sendonly"),
        ("a=sendrecv\r\n", "sendonly"),
        ("a=sendonly\r\n", "sendonly"),
        ("a=recvonly\r\n", "inactive"),
        ("a=inactive\r\n", "inactive"),
    ] {
        let held = read(&format!("c=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n{lines}"));
        let said = held.described().unwrap();
        assert_eq!(said.rtp, None);
        let text = told(&held, OURS, false);
        let directions: Vec<_> = ["sendrecv", "sendonly", "recvonly", "inactive"]
            .into_iter()
            .filter(|word| text.contains(&format!("a={word}\r\n")))
            .collect();
        assert_eq!(directions, [told_as], "{lines:?}: {text}");
        assert!(text.contains("c=IN IP4 203.0.113.9\r\n"));
    }
}

#[test]
fn a_closed_stream_stays_closed() {
    let closed = read("c=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n");
    assert!(told(&closed, OURS, true).ends_with("m=audio 0 RTP/AVP 8\r\n"));
}
