//! HEP3, in which Homer is told of messages: one packet of typed chunks, big-endian.
//!
//! ```text
//!  "HEP3" | total length (2) | chunks: vendor (2) | type (2) | length with these six bytes (2) | value …
//! ```

use std::net::IpAddr;

use units::Transport;

use crate::{Envelope, masked};

/// Longest packet, bytes: what one UDP datagram over IPv4 holds.
pub const PACKET_BYTES_MAX: usize = 65_507;
/// Longest correlation id.
const CORRELATION_BYTES_MAX: usize = 256;
/// Chunks of the generic vendor.
const VENDOR: u16 = 0;
const FAMILY_V4: u8 = 2;
const FAMILY_V6: u8 = 10;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const PAYLOAD_IS_SIP: u8 = 1;

/// One message, masked, for Homer. `agent` is this node's number there, `node` its name, `correlation` the
/// same for all messages of a call. What no datagram holds is cut off the message.
pub fn packet(envelope: &Envelope, message: &[u8], agent: u32, node: &str, correlation: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 256);
    out.extend_from_slice(b"HEP3\0\0");
    let (from, to) = (envelope.from(), envelope.to());
    let addresses = match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (FAMILY_V4, 3, from.octets().to_vec(), to.octets().to_vec()),
        (from, to) => (FAMILY_V6, 5, v6(from).to_vec(), v6(to).to_vec()),
    };
    let (family, address_type, from_ip, to_ip) = addresses;
    let protocol = match envelope.transport {
        Transport::Udp => PROTOCOL_UDP,
        Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss | Transport::H323 => PROTOCOL_TCP,
    };
    let ms = envelope.at.0.max(0);
    chunk(&mut out, 1, &[family]);
    chunk(&mut out, 2, &[protocol]);
    chunk(&mut out, address_type, &from_ip);
    chunk(&mut out, address_type + 1, &to_ip);
    chunk(&mut out, 7, &from.port().to_be_bytes());
    chunk(&mut out, 8, &to.port().to_be_bytes());
    chunk(&mut out, 9, &((ms / 1_000) as u32).to_be_bytes());
    chunk(&mut out, 10, &((ms % 1_000 * 1_000) as u32).to_be_bytes());
    chunk(&mut out, 11, &[PAYLOAD_IS_SIP]);
    chunk(&mut out, 12, &agent.to_be_bytes());
    chunk(&mut out, 17, &correlation[..correlation.len().min(CORRELATION_BYTES_MAX)]);
    chunk(&mut out, 19, node.as_bytes());
    let room = PACKET_BYTES_MAX - out.len() - 6;
    let message = masked(message);
    chunk(&mut out, 15, &message[..message.len().min(room)]);
    let length = (out.len() as u16).to_be_bytes();
    out[4..6].copy_from_slice(&length);
    out
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn chunk(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    for field in [VENDOR, kind, 6 + value.len() as u16] {
        out.extend_from_slice(&field.to_be_bytes());
    }
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::Direction;
    use units::Wall;

    /// Reads a packet by the published layout, and nothing of the code above.
    fn decoded(packet: &[u8]) -> BTreeMap<u16, Vec<u8>> {
        let word = |at: usize| usize::from(packet[at]) << 8 | usize::from(packet[at + 1]);
        assert_eq!((&packet[..4], word(4)), (&b"HEP3"[..], packet.len()));
        let (mut at, mut chunks) = (6, BTreeMap::new());
        while at < packet.len() {
            let length = word(at + 4);
            assert_eq!(word(at), 0, "the generic vendor");
            assert!(length >= 6 && at + length <= packet.len());
            let before = chunks.insert(word(at + 2) as u16, packet[at + 6..at + length].to_vec());
            assert!(before.is_none(), "once each");
            at += length;
        }
        chunks
    }

    fn envelope(transport: Transport, local: &str, peer: &str) -> Envelope {
        Envelope {
            at: Wall(1_700_000_000_123),
            direction: Direction::In,
            transport,
            local: local.parse().expect("address"),
            peer: peer.parse().expect("address"),
        }
    }

    #[test]
    fn every_chunk_says_what_it_should() {
        let message = b"OPTIONS sip:a:PW@h SIP/2.0\r\nCall-ID: 1\r\n\r\n";
        let v4 = envelope(Transport::Udp, "192.0.2.1:5060", "192.0.2.2:5061");
        let chunks = decoded(&packet(&v4, message, 7, "sw1", b"abc@h"));
        assert_eq!(chunks[&1], [2]);
        assert_eq!(chunks[&2], [17]);
        assert_eq!((&chunks[&3][..], &chunks[&4][..]), (&[192, 0, 2, 2][..], &[192, 0, 2, 1][..]));
        assert_eq!((&chunks[&7][..], &chunks[&8][..]), (&[0x13, 0xC5][..], &[0x13, 0xC4][..]));
        assert_eq!(chunks[&9], [0x65, 0x53, 0xF1, 0x00]);
        assert_eq!(chunks[&10], [0x00, 0x01, 0xE0, 0x78]);
        assert_eq!((&chunks[&11][..], &chunks[&12][..]), (&[1][..], &[0, 0, 0, 7][..]));
        assert_eq!((&chunks[&17][..], &chunks[&19][..]), (&b"abc@h"[..], &b"sw1"[..]));
        assert_eq!(chunks[&15], b"OPTIONS sip:a:**@h SIP/2.0\r\nCall-ID: 1\r\n\r\n");
        let v6 = envelope(Transport::Wss, "[2001:db8::1]:1", "[2001:db8::2]:2");
        let chunks = decoded(&packet(&v6, message, 7, "sw1", b""));
        assert_eq!((&chunks[&1][..], &chunks[&2][..]), (&[10][..], &[6][..]));
        assert_eq!((chunks[&5].len(), chunks[&6].len(), chunks[&6][15]), (16, 16, 1));
    }

    /// SECURITY.md 13.
    #[test]
    fn attack_13_any_message_gives_a_packet_that_can_be_sent() {
        let v4 = envelope(Transport::Tcp, "192.0.2.1:5060", "192.0.2.2:5061");
        let long = "x".repeat(300);
        let sdp =
            format!("INVITE sip:a@b SIP/2.0\r\nWarning:\r\n\r\nc=IN IP4 {long}\r\nm={long} 1 RTP/AVP 8\r\n");
        assert_eq!(decoded(&packet(&v4, sdp.as_bytes(), 0, "n", b"c"))[&15], sdp.as_bytes());
        for size in [0, 65_000, 65_507, 200_000] {
            let packet = packet(&v4, &vec![b'x'; size], 0, "n", &[b'c'; 70_000]);
            assert!(packet.len() <= PACKET_BYTES_MAX);
            assert_eq!(decoded(&packet)[&17].len(), CORRELATION_BYTES_MAX);
        }
    }
}
