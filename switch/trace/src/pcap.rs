//! Files that Wireshark and tshark open: the classic format of libpcap with milliseconds, one packet a
//! message, link type 101 (raw IP).

use crate::{Envelope, MESSAGE_BYTES_MAX, mask, packet};

/// What a file begins with: byte order and microseconds (0xA1B2C3D4), version 2.4, longest packet, link type.
pub const PCAP_HEADER: [u8; 24] =
    [0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 101, 0, 0, 0];

/// A whole file of masked messages.
pub fn pcap<'a>(messages: impl IntoIterator<Item = (&'a Envelope, &'a [u8])>) -> Vec<u8> {
    let mut file = PCAP_HEADER.to_vec();
    for (envelope, bytes) in messages {
        pcap_record(&mut file, envelope, bytes);
    }
    file
}

/// Appends one message, masked; of what no datagram can hold the end is missing.
pub fn pcap_record(file: &mut Vec<u8>, envelope: &Envelope, message: &[u8]) {
    let (from, to) = (envelope.from(), envelope.to());
    let message = mask::masked(message);
    // An IPv4 packet has room for that much; the snapshot length is its longest.
    let kept = message.len().min(MESSAGE_BYTES_MAX.min(0xFFFF - packet::header_bytes(from, to)));
    let length = (packet::header_bytes(from, to) + kept) as u32;
    let ms = envelope.at.0.max(0);
    let (seconds, micros) = ((ms / 1_000) as u32, (ms % 1_000 * 1_000) as u32);
    for field in [seconds, micros, length, length] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    packet::write(file, from, to, &message[..kept]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Direction;
    use units::{Transport, Wall};

    fn envelope(local: &str, peer: &str) -> Envelope {
        Envelope {
            at: Wall(1_700_000_000_123),
            direction: Direction::Out,
            transport: Transport::Tls,
            local: local.parse().expect("address"),
            peer: peer.parse().expect("address"),
        }
    }

    /// The sum over all words of a packet that is whole, RFC 1071: ones.
    fn ones(bytes: &[u8]) -> u32 {
        let mut sum: u64 = bytes
            .chunks(2)
            .map(|pair| u64::from(pair[0]) * 256 + u64::from(*pair.get(1).unwrap_or(&0)))
            .sum();
        while sum > 0xFFFF {
            sum = sum % 0x1_0000 + sum / 0x1_0000;
        }
        sum as u32
    }

    #[test]
    fn headers_lengths_and_sums_are_right() {
        for (local, peer, head) in [
            ("192.0.2.1:5060", "192.0.2.2:5061", 20),
            ("[2001:db8::1]:5060", "[2001:db8::2]:9", 40),
            ("0.0.0.0:5060", "[2001:db8::2]:9", 40),
            ("[::ffff:192.0.2.1]:5060", "192.0.2.2:9", 20),
        ] {
            for size in [0, 1, 700, 701, 65_507, 70_000] {
                let message = vec![b'x'; size];
                let file = pcap([(&envelope(local, peer), &message[..])]);
                let (record, packet) = file[24..].split_at(16);
                assert_eq!(record[..4], 1_700_000_000_u32.to_le_bytes());
                assert_eq!(record[4..8], 123_000_u32.to_le_bytes());
                assert_eq!(record[8..12], (packet.len() as u32).to_le_bytes());
                assert_eq!(record[12..16], record[8..12]);
                let udp = &packet[head..];
                assert_eq!(udp[4..6], (udp.len() as u16).to_be_bytes(), "{local} {size}");
                assert!(udp.len() <= 8 + size && packet.len() <= 65_535);
                let addresses = if head == 20 {
                    assert_eq!((packet[0], ones(&packet[..20])), (0x45, 0xFFFF));
                    assert_eq!(packet[2..4], (packet.len() as u16).to_be_bytes());
                    &packet[12..20]
                } else {
                    assert_eq!((packet[0], &packet[4..6]), (0x60, &udp[4..6]));
                    &packet[8..40]
                };
                let pseudo = [addresses, &[0, 17][..], &udp[4..6], udp].concat();
                assert_eq!(ones(&pseudo), 0xFFFF, "{local} {size}");
            }
        }
    }

    #[test]
    fn secrets_are_not_in_files() {
        let message = b"INVITE sip:a:S3CRET@h SIP/2.0\r\nAuthorization: Digest S3CRET\r\n\r\n";
        let file = pcap([(&envelope("192.0.2.1:1", "192.0.2.2:2"), &message[..])]);
        assert_eq!(file.len(), 24 + 16 + 28 + message.len());
        assert!(!String::from_utf8_lossy(&file).contains("S3CRET"));
    }
}
