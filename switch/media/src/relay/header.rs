//! The fixed header of RTP, read by `rtp-rs` and edited in place.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! |                           timestamp                           |
//! |           synchronization source (SSRC) identifier            |   RFC 3550 §5.1
//! ```

use std::ops::RangeInclusive;

use rtp_rs::RtpReader;

/// Second bytes that are RTCP where RTP and RTCP share a port (RFC 5761 §4).
const RTCP_TYPES: RangeInclusive<u8> = 192..=223;
/// Payload numbers that are RTCP's types without their highest bit (RFC 3551 §6): never RTP.
const RESERVED_PAYLOADS: RangeInclusive<u8> = 72..=76;
const MARKER: u8 = 0x80;
/// Length of the header without further sources.
pub(super) const FIXED_BYTES: usize = 12;

/// What the relay reads of an RTP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RtpHeader {
    pub(super) payload: u8,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
}

// === impl RtpHeader ===

impl RtpHeader {
    /// None of what is not RTP version 2 with room for its sources, its extension and its padding, or has a
    /// payload number that is RTCP's: STUN, DTLS and ZRTP among them.
    pub(super) fn read(packet: &[u8]) -> Option<Self> {
        let reader = RtpReader::new(packet).ok()?;
        let payload = reader.payload_type();
        (!RESERVED_PAYLOADS.contains(&payload)).then(|| Self {
            payload,
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
        })
    }

    /// Writes sequence number, timestamp and source over those of a packet that was read. `mark` sets the
    /// marker: what follows is another stretch of speech (RFC 3551 §4.1).
    pub(super) fn write_over(self, packet: &mut [u8], mark: bool) {
        let Some((head, _)) = packet.split_first_chunk_mut::<12>() else { return };
        if mark {
            head[1] |= MARKER;
        }
        head[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        head[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        head[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }
}

/// Writes another payload number over that of a packet that was read.
pub(super) fn write_payload(packet: &mut [u8], payload: u8) {
    if let Some(second) = packet.get_mut(1) {
        *second = *second & MARKER | payload & !MARKER;
    }
}

/// Whether a packet on a port that RTP and RTCP share is RTCP.
pub(super) fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| RTCP_TYPES.contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_written_where_rfc_3550_has_them() {
        let mut packet = *b"\x80\x88\x12\x34\x01\x02\x03\x04\xca\xfe\xba\xbevoice";
        let read = RtpHeader::read(&packet).expect("RTP");
        assert_eq!(
            read,
            RtpHeader { payload: 8, sequence: 0x1234, timestamp: 0x0102_0304, ssrc: 0xcafe_babe }
        );
        let other = RtpHeader { sequence: 0xfffe, timestamp: 7, ssrc: 9, ..read };
        packet[1] = 8;
        other.write_over(&mut packet, false);
        assert_eq!(&packet, b"\x80\x08\xff\xfe\0\0\0\x07\0\0\0\x09voice");
        other.write_over(&mut packet, true);
        assert_eq!(&packet, b"\x80\x88\xff\xfe\0\0\0\x07\0\0\0\x09voice");
        assert_eq!(RtpHeader::read(&packet), Some(other));
    }

    #[test]
    fn attack_41_broken_headers_are_not_rtp() {
        let voice = |first: u8, rest: &[u8]| [&[first, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1], rest].concat();
        for (packet, why) in [
            (b"".to_vec(), "nothing"),
            (voice(0x80, b"")[..11].to_vec(), "a byte too short"),
            (voice(0x40, &[0; 160]), "version 1"),
            (voice(0x8f, &[0; 59]), "fifteen sources, room for fourteen and a bit"),
            (voice(0x90, &[0, 0, 0xff, 0xff, 1, 2, 3, 4]), "an extension of 262,140 bytes"),
            (voice(0x90, &[0, 0]), "half an extension header"),
            (voice(0xa0, &[1, 2, 0]), "padding of no byte"),
            (voice(0xa0, &[1, 2, 4]), "more padding than packet"),
            (voice(0xa0, b""), "padding without a byte"),
            (b"\x00\x01\x00\x08\x21\x12\xa4\x42aaaaaaaaaaaa".to_vec(), "STUN"),
            (b"\x16\xfe\xff\0\0\0\0\0\0\0\0\x01\x00\x01".to_vec(), "DTLS"),
            (b"\x80\xc9\0\x01\xca\xfe\xba\xbe\0\0\0\0".to_vec(), "RTCP"),
        ] {
            assert_eq!(RtpHeader::read(&packet), None, "{why}");
        }
        for packet in [voice(0x8f, &[0; 60]), voice(0x90, &[0; 4]), voice(0xa0, &[1, 2, 3])] {
            assert!(RtpHeader::read(&packet).is_some(), "{packet:?}");
        }
    }
}
