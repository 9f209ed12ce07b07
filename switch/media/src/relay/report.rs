//! Reports of our own (RFC 3550 §6.4). Those of a side whose stream is transcoded end at the relay, since the
//! other side knows another stream; each is answered by one of ours, about the stream that the side is sent
//! and the one that came of it. So a side that sends none gets none, and two relays never begin.

use units::Tick;

use super::reception::Received;

/// Least time between two reports to one side: half of the usual interval (RFC 3550 §6.2).
pub(super) const LEAST_US: u64 = 2_500_000;

const SENDER_REPORT: [u8; 4] = [0x81, 200, 0, 12];
/// One chunk of one item.
const SOURCE_DESCRIPTION: [u8; 4] = [0x81, 202, 0, 4];
const CNAME: u8 = 1;

/// What a report says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report {
    pub(super) at: Tick,
    /// Source, timestamp of now, packets and octets of what the side is sent.
    pub(super) sent: (u32, u32, u64, u64),
    /// The side's source, and what came of it.
    pub(super) heard: (u32, Received),
    /// The sender report of the side's that this answers (its NTP time's middle), 0 if it was none.
    pub(super) answers: u32,
}

// === impl Report ===

impl Report {
    /// Writes it and says how long it is; none if there is no room.
    pub(super) fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        let (ssrc, timestamp, packets, octets) = self.sent;
        let (source, received) = &self.heard;
        let mut words = Words { buffer, at: 0 };
        words.put(SENDER_REPORT)?;
        words.put(ssrc.to_be_bytes())?;
        // Of a clock that began when the switch did: NTP time need not be that of the day.
        let micros = self.at.0 % 1_000_000;
        words.put(((self.at.0 / 1_000_000) as u32).to_be_bytes())?;
        words.put((((micros << 32) / 1_000_000) as u32).to_be_bytes())?;
        words.put(timestamp.to_be_bytes())?;
        words.put((packets as u32).to_be_bytes())?;
        words.put((octets as u32).to_be_bytes())?;
        words.put(source.to_be_bytes())?;
        // 24 bits, of a sum that never falls.
        let lost = u32::try_from(received.lost).unwrap_or(u32::MAX).min(0x7f_ffff);
        words.put((u32::from(received.fraction) << 24 | lost).to_be_bytes())?;
        words.put(received.highest.to_be_bytes())?;
        words.put(received.jitter.to_be_bytes())?;
        words.put(self.answers.to_be_bytes())?;
        // It is answered at once.
        words.put([0; 4])?;
        words.put(SOURCE_DESCRIPTION)?;
        words.put(ssrc.to_be_bytes())?;
        let digit = |place: u32| b"0123456789abcdef"[(ssrc >> (28 - 4 * place) & 15) as usize];
        words.put([CNAME, 8, digit(0), digit(1)])?;
        words.put([digit(2), digit(3), digit(4), digit(5)])?;
        words.put([digit(6), digit(7), 0, 0])?;
        Some(words.at)
    }
}

struct Words<'a> {
    buffer: &'a mut [u8],
    at: usize,
}

impl Words<'_> {
    fn put(&mut self, word: [u8; 4]) -> Option<()> {
        self.buffer.get_mut(self.at..self.at + 4)?.copy_from_slice(&word);
        self.at += 4;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::rtcp;

    #[test]
    fn a_report_is_whole_and_says_what_it_is_told() {
        let report = Report {
            at: Tick(12_500_000),
            sent: (0xcafe_0123, 7, 50, 8_000),
            heard: (0xbabe, Received { fraction: 64, lost: 5, highest: 0x0001_0002, jitter: 40 }),
            answers: 0x1234_5678,
        };
        let mut buffer = [0xff; 128];
        let bytes = report.write(&mut buffer).expect("room");
        let datagram = &buffer[..bytes];
        assert_eq!((bytes, rtcp::sender(datagram)), (72, Some(0xcafe_0123)));
        assert_eq!(rtcp::sent_at(datagram), Some(12 << 16 | 0x8000), "twelve seconds and a half");
        assert_eq!(rtcp::echoes(datagram).collect::<Vec<_>>(), [(0x1234_5678, 0)]);
        assert_eq!(&datagram[28..48], b"\0\0\xba\xbe\x40\0\0\x05\0\x01\0\x02\0\0\0\x28\x12\x34\x56\x78");
        assert_eq!(&datagram[52..], b"\x81\xca\0\x04\xca\xfe\x01\x23\x01\x08cafe0123\0\0");
        assert_eq!(report.write(&mut [0; 71]), None);
    }
}
