//! An RTP packet beside its header (RFC 3550 §5.1), read by `rtp-rs`.

use rtp_rs::{RtpPacketBuilder, RtpReader};

/// Octets of the header that is written: the fixed one.
pub const HEADER: usize = 12;

/// What matters of an RTP packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// Payload number, 0 to 127.
    pub payload_type: u8,
    /// The first of a stretch of speech, or of an event.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// In units of the payload's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Without padding.
    pub payload: &'a [u8],
}

// === impl Packet ===

impl<'a> Packet<'a> {
    /// None of octets that are no RTP of version 2 or whose lengths contradict them.
    pub fn read(octets: &'a [u8]) -> Option<Self> {
        let reader = RtpReader::new(octets).ok()?;
        Some(Self {
            payload_type: reader.payload_type(),
            marker: reader.mark(),
            sequence: reader.sequence_number().into(),
            timestamp: reader.timestamp(),
            ssrc: reader.ssrc(),
            payload: reader.payload(),
        })
    }

    /// Writes header and payload, and says how many octets; none if they do not fit.
    pub fn write(&self, octets: &mut [u8]) -> Option<usize> {
        RtpPacketBuilder::new()
            .payload_type(self.payload_type & 0x7F)
            .marked(self.marker)
            .sequence(self.sequence.into())
            .timestamp(self.timestamp)
            .ssrc(self.ssrc)
            .payload(self.payload)
            .build_into(octets)
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let packet = Packet {
            payload_type: 101,
            marker: true,
            sequence: 0xFFFE,
            timestamp: 7,
            ssrc: 0xCAFE_BABE,
            payload: b"voice",
        };
        let mut octets = [0; 64];
        let length = packet.write(&mut octets).unwrap();
        assert_eq!(&octets[..length], b"\x80\xe5\xff\xfe\0\0\0\x07\xca\xfe\xba\xbevoice");
        assert_eq!(Packet::read(&octets[..length]), Some(packet));
        assert_eq!(packet.write(&mut octets[..16]), None);
        assert_eq!(Packet::read(&octets[..11]), None);
    }
}
