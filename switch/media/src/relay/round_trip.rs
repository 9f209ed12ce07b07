//! How long a packet takes from the relay to a side and back, by the reports that pass: a sender report that
//! goes to the side, and the side's report that names it (RFC 3550 §6.4.1, figure 2). The relay is in the
//! sender's place: it measures its own way to the side, not the other side's.

use units::Tick;

use super::rtcp;

/// Longest round trip that is one, in microseconds; beyond, the report is wrong.
const LONGEST_US: u64 = 10_000_000;
/// The newest measure counts for so much, as a divisor (as in RFC 6298 §2).
const SMOOTHING: u32 = 8;

/// The way to one side and back.
#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    /// The last sender report that went to the side, as it will name it, and when.
    sent: Option<(u32, Tick)>,
    smoothed_us: Option<u32>,
}

// === impl RoundTrip ===

impl RoundTrip {
    /// A checked datagram goes to the side.
    pub(super) fn sends(&mut self, now: Tick, datagram: &[u8]) {
        if let Some(name) = rtcp::sent_at(datagram) {
            self.sent = Some((name, now));
        }
    }

    /// A checked datagram came from the side. Each sender report counts once.
    pub(super) fn hears(&mut self, now: Tick, datagram: &[u8]) {
        let Some((name, sent)) = self.sent else { return };
        let Some((_, held)) = rtcp::echoes(datagram).find(|(last, _)| *last == name && *last != 0) else {
            return;
        };
        self.sent = None;
        let held_us = (u64::from(held) * 1_000_000) >> 16;
        let passed_us = now.0.saturating_sub(sent.0);
        // Whoever says that it held a report longer than it had it has another clock, or lies.
        let Some(us) = passed_us.checked_sub(held_us).filter(|us| *us <= LONGEST_US) else { return };
        let us = us as u32;
        self.smoothed_us = Some(match self.smoothed_us {
            Some(before) => before - before / SMOOTHING + us / SMOOTHING,
            None => us,
        });
    }

    /// Microseconds there and back; none if no report told.
    pub(super) const fn us(&self) -> Option<u32> {
        self.smoothed_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    fn words(packet: &[u32]) -> Vec<u8> {
        packet.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// A sender report of the NTP time 0xaaaa_1234.5678_bbbb.
    fn sender_report() -> Vec<u8> {
        words(&[0x80c8_0006, 7, 0xaaaa_1234, 0x5678_bbbb, 0, 1, 160])
    }

    /// A receiver report with two blocks; the second names a sender report, held so long.
    fn names(last: u32, held: u32) -> Vec<u8> {
        let block = |last, held| [9, 0, 0, 0, last, held];
        let mut packet = words(&[0x82c9_000d, 8]);
        packet.extend(words(&block(0x1111_1111, 5)));
        packet.extend(words(&block(last, held)));
        packet
    }

    fn after(us: u64, packet: &[u8]) -> Option<u32> {
        let mut way = RoundTrip::default();
        way.sends(Tick(1_000 * MS), &sender_report());
        way.hears(Tick(1_000 * MS + us), packet);
        way.us()
    }

    #[test]
    fn a_report_that_names_the_last_one_measures_the_way() {
        assert_eq!(rtcp::sender(&names(1, 1)), Some(8), "it is RTCP");
        // Held for half a second of 580 ms.
        assert_eq!(after(580 * MS, &names(0x1234_5678, 0x8000)), Some(80_000));
        assert_eq!(after(0, &names(0x1234_5678, 0)), Some(0));
        assert_eq!(after(580 * MS, &names(0x1234_5679, 0x8000)), None, "another report");
        assert_eq!(after(580 * MS, &sender_report()), None, "no block");
    }

    #[test]
    fn what_cannot_be_is_no_measure() {
        assert_eq!(after(499 * MS, &names(0x1234_5678, 0x8000)), None, "held longer than it was there");
        assert_eq!(after(10_501 * MS, &names(0x1234_5678, 0x8000)), None, "over ten seconds");
        assert_eq!(after(500 * MS, &names(0x1234_5678, u32::MAX)), None);
        let whole = names(0x1234_5678, 0x8000);
        for length in 0..whole.len() {
            assert_eq!(after(580 * MS, &whole[..length]), None, "{length} bytes of it");
        }
        let zero = words(&[0x80c8_0006, 7, 0, 0, 0, 1, 160]);
        let mut way = RoundTrip::default();
        way.sends(Tick(0), &zero);
        way.hears(Tick(MS), &names(0, 0));
        assert_eq!(way.us(), None, "who heard no report says zero");
    }

    #[test]
    fn each_report_counts_once_and_changes_are_smoothed() {
        let mut way = RoundTrip::default();
        way.sends(Tick(0), &sender_report());
        way.hears(Tick(80 * MS), &names(0x1234_5678, 0));
        way.hears(Tick(900 * MS), &names(0x1234_5678, 0));
        assert_eq!(way.us(), Some(80_000));
        way.sends(Tick(1_000 * MS), &sender_report());
        way.hears(Tick(1_160 * MS), &names(0x1234_5678, 0));
        assert_eq!(way.us(), Some(90_000));
    }
}
