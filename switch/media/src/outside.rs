//! Sides of a call as a relay outside this machine is told them: a session (RFC 8866) that says of a side what
//! a relay has to know, and nothing else of it; and the address of the relay's own, read from its answer.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;

use crate::relay::{MediaPeer, RtcpPlace, StreamKind};
use crate::session::Session;

/// Discard (RFC 863): where a side's media goes that is not known yet.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
/// Payload numbers of a side that may send any.
const USUAL: &str = " 0 3 4 8 9 13 18";

/// What a relay outside is told of a side; without a word of it, that there is one. Who holds the call is told
/// as if it did not: a side that was muted once may stay so.
pub fn describe(peer: Option<&MediaPeer>) -> Bytes {
    let at = peer.and_then(|peer| peer.rtp).unwrap_or(NOWHERE);
    let (ip, family) = (at.ip(), if at.is_ipv4() { "IP4" } else { "IP6" });
    let mut text = format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n{}",
        stream(at.port(), peer)
    );
    if let Some(RtcpPlace::At(rtcp)) = peer.map(|peer| peer.rtcp) {
        let family = if rtcp.is_ipv4() { "IP4" } else { "IP6" };
        // Writing to a string cannot fail.
        _ = write!(text, "a=rtcp:{} IN {family} {}\r\n", rtcp.port(), rtcp.ip());
    }
    if is_mux(peer) {
        text.push_str("a=rtcp-mux\r\n");
    }
    Bytes::from(text)
}

/// Whether a side's RTCP comes by its RTP port.
pub fn is_mux(peer: Option<&MediaPeer>) -> bool {
    peer.is_some_and(|peer| peer.kind == StreamKind::Rtp && peer.rtcp == RtcpPlace::Mux)
}

/// The address that an answer of a relay outside tells; none if it tells none that can be sent to.
pub fn address(answer: &Bytes) -> Option<SocketAddr> {
    let told = Session::read(answer).ok()?.described()?.rtp?;
    (!told.ip().is_multicast() && !told.ip().is_unspecified() && told.port() != 0).then_some(told)
}

fn stream(port: u16, peer: Option<&MediaPeer>) -> String {
    let Some(peer) = peer else { return format!("m=audio {port} RTP/AVP{USUAL}\r\na=sendrecv\r\n") };
    if peer.kind == StreamKind::Udptl {
        return format!("m=image {port} udptl t38\r\n");
    }
    let (mut numbers, mut maps) = (String::new(), String::new());
    for payload in &peer.payloads {
        _ = write!(numbers, " {}", payload.number);
        // What it is called is the sides' business; a relay that passes it needs its clock.
        if payload.number >= 96 {
            _ = write!(maps, "a=rtpmap:{} X-PASSED/{}\r\n", payload.number, payload.clock);
        }
    }
    if numbers.is_empty() {
        numbers.push_str(USUAL);
    }
    format!("m=audio {port} RTP/AVP{numbers}\r\n{maps}a=sendrecv\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::PeerPayload;

    fn peer(rtp: &str) -> MediaPeer {
        MediaPeer {
            kind: StreamKind::Rtp,
            rtp: Some(rtp.parse().unwrap()),
            rtcp: RtcpPlace::Next,
            signalling: "192.0.2.1".parse().unwrap(),
            learn: true,
            receives: true,
            sends: true,
            payloads: [PeerPayload::new(8, 8_000), PeerPayload::new(101, 8_000)].into_iter().collect(),
            keys: None,
        }
    }

    #[test]
    fn a_side_is_described_by_its_address_and_payloads() {
        let text = describe(Some(&peer("192.0.2.7:4000")));
        let expected = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n\
            m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 X-PASSED/8000\r\na=sendrecv\r\n";
        assert_eq!(std::str::from_utf8(&text).unwrap(), expected);
        assert_eq!(address(&text), Some("192.0.2.7:4000".parse().unwrap()));
    }

    #[test]
    fn rtcp_has_its_place_and_fax_its_stream() {
        let mut side = peer("[2001:db8::7]:4000");
        side.rtcp = RtcpPlace::At("[2001:db8::8]:5000".parse().unwrap());
        let text = String::from_utf8(describe(Some(&side)).to_vec()).unwrap();
        assert!(text.contains("c=IN IP6 2001:db8::7\r\n"), "{text}");
        assert!(text.ends_with("a=rtcp:5000 IN IP6 2001:db8::8\r\n"), "{text}");
        side.rtcp = RtcpPlace::Mux;
        assert!(describe(Some(&side)).ends_with(b"a=rtcp-mux\r\n"));
        side.kind = StreamKind::Udptl;
        assert!(describe(Some(&side)).ends_with(b"m=image 4000 udptl t38\r\n"));
    }

    #[test]
    fn an_answer_without_an_address_to_send_to_tells_none() {
        for bad in [
            "",
            "v=0",
            "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n",
            "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n",
            "v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 224.0.0.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n",
        ] {
            assert_eq!(address(&Bytes::copy_from_slice(bad.as_bytes())), None, "{bad:?}");
        }
        assert!(address(&describe(None)).is_some());
    }
}
