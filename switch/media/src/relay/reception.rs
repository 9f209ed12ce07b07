//! What came of a stream: which sequence numbers are possible (RFC 3550 A.1), how many packets never came
//! (A.3) and how unevenly they came (A.8), in integers.

use units::Tick;

use super::header::RtpHeader;
use super::settled::Elsewhere;

/// A packet so far ahead is of the same stream; beyond it began anew, or is none of it.
const MAX_DROPOUT: u16 = 3_000;
/// A packet so far behind is late.
const MAX_MISORDER: u16 = 100;
const CYCLE: u64 = 1 << 16;
/// Differences of transit that are no jitter but a clock that was set, in milliseconds.
const MAX_STEP_MS: u64 = 1_000;

/// What came of a source, as a report block has it (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Received {
    /// Lost since the last one, in 256ths.
    pub(super) fraction: u8,
    /// Packets that never came.
    pub(super) lost: u64,
    /// Highest sequence number, with its cycles.
    pub(super) highest: u32,
    /// In units of the clock.
    pub(super) jitter: u32,
}

/// The packets of a side, over all its sources.
#[derive(Debug, Default)]
pub(super) struct Reception {
    stream: Option<Stream>,
    /// Lost of sources that ended, or began anew.
    lost_before: u64,
    /// How many times one or more packets in a row did not come in order.
    gaps: u64,
}

/// The packets of one source since it began.
#[derive(Debug)]
struct Stream {
    /// Sequence number of the first packet.
    base: u16,
    highest: u16,
    /// 65,536 for each time that the sequence numbers began again.
    cycles: u64,
    packets: u64,
    /// The sequence number that would show that the source began anew.
    restarts_at: Option<u16>,
    timing: Option<Timing>,
    /// Sixteen times the mean of differences, in units of `Timing::clock`.
    jitter: u64,
    /// Packets that were expected, and that came, at the last report.
    reported: (u64, u64),
}

/// Arrival of the last packet with a timestamp of its own.
#[derive(Debug)]
struct Timing {
    clock: u32,
    timestamp: u32,
    /// Arrival less timestamp, in units of the clock.
    transit: u32,
}

// === impl Reception ===

impl Reception {
    /// A source begins with this packet.
    pub(super) fn begin(&mut self, now: Tick, header: RtpHeader, clock: u32) {
        self.lost_before = self.lost();
        let mut stream = Stream::new(header.sequence);
        stream.time(now, header.timestamp, clock);
        self.stream = Some(stream);
    }

    /// Takes a packet of the source that began; whether its sequence number is possible. One that is not is
    /// counted nowhere; the second of two in order shows that the source began anew.
    pub(super) fn take(&mut self, now: Tick, header: RtpHeader, clock: u32) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let ahead = header.sequence.wrapping_sub(stream.highest);
        if ahead < MAX_DROPOUT {
            if header.sequence < stream.highest {
                stream.cycles += CYCLE;
            }
            self.gaps += u64::from(ahead > 1);
            stream.highest = header.sequence;
        } else if ahead <= u16::MAX - MAX_MISORDER {
            if stream.restarts_at != Some(header.sequence) {
                stream.restarts_at = Some(header.sequence.wrapping_add(1));
                return false;
            }
            self.begin(now, header, clock);
            return true;
        }
        stream.packets += 1;
        stream.restarts_at = None;
        stream.time(now, header.timestamp, clock);
        true
    }

    /// Highest sequence number that came, and the timestamp that came last.
    pub(super) fn highest(&self) -> Option<(u16, u32)> {
        let stream = self.stream.as_ref()?;
        Some((stream.highest, stream.timing.as_ref()?.timestamp))
    }

    /// Packets of the source were taken elsewhere. How unevenly they came is not known of them.
    pub(super) fn took(&mut self, passed: &Elsewhere) {
        if let Some(stream) = &mut self.stream {
            stream.highest = passed.highest.0;
            stream.cycles += CYCLE * u64::from(passed.cycles);
            stream.packets += passed.packets;
            stream.restarts_at = None;
            self.gaps += u64::from(passed.gaps);
        }
    }

    /// Packets that never came.
    pub(super) fn lost(&self) -> u64 {
        self.lost_before + self.stream.as_ref().map_or(0, Stream::lost)
    }

    /// How many times one or more packets in a row did not come in order.
    pub(super) const fn gaps(&self) -> u64 {
        self.gaps
    }

    /// What is to be reported of the source of now.
    pub(super) fn report(&mut self) -> Option<Received> {
        self.stream.as_mut().map(Stream::report)
    }

    /// Jitter of the source of now, in microseconds.
    pub(super) fn jitter_us(&self) -> u32 {
        self.stream.as_ref().map_or(0, Stream::jitter_us)
    }
}

// === impl Stream ===

impl Stream {
    const fn new(first: u16) -> Self {
        Self {
            base: first,
            highest: first,
            cycles: 0,
            packets: 1,
            restarts_at: None,
            timing: None,
            jitter: 0,
            reported: (0, 0),
        }
    }

    fn expected(&self) -> u64 {
        (self.cycles + u64::from(self.highest) + 1).saturating_sub(u64::from(self.base))
    }

    /// Repeats hide losses, as in A.3.
    fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.packets)
    }

    fn report(&mut self) -> Received {
        let (expected, packets) = (self.expected(), self.packets);
        let (before, came_before) = std::mem::replace(&mut self.reported, (expected, packets));
        let (due, came) = (expected.saturating_sub(before), packets.saturating_sub(came_before));
        let fraction = (due.saturating_sub(came) * 256).checked_div(due).unwrap_or(0);
        Received {
            fraction: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: self.lost(),
            highest: (self.cycles + u64::from(self.highest)) as u32,
            jitter: u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX),
        }
    }

    /// Packets of one timestamp (a telephone event, RFC 4733 §2.5.1.2) count by their first, and no
    /// difference is taken between payloads of different clocks.
    fn time(&mut self, now: Tick, timestamp: u32, clock: u32) {
        let arrival = (u128::from(now.0) * u128::from(clock) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        match &self.timing {
            Some(last) if last.timestamp == timestamp => return,
            Some(last) if last.clock == clock => {
                let step = u64::from((transit.wrapping_sub(last.transit) as i32).unsigned_abs());
                if step < u64::from(clock) * MAX_STEP_MS / 1_000 {
                    self.jitter = self.jitter + step - ((self.jitter + 8) >> 4);
                }
            }
            Some(last) => {
                self.jitter = self.jitter * u64::from(clock) / u64::from(last.clock.max(1));
            }
            None => {}
        }
        self.timing = Some(Timing { clock, timestamp, transit });
    }

    fn jitter_us(&self) -> u32 {
        let clock = u64::from(self.timing.as_ref().map_or(0, |timing| timing.clock)).max(1);
        u32::try_from((self.jitter >> 4) * 1_000_000 / clock).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: u32 = 8_000;

    fn header(sequence: u16, timestamp: u32) -> RtpHeader {
        RtpHeader { payload: 8, sequence, timestamp, ssrc: 1 }
    }

    /// Packets of 20 ms that came at once, by their numbers.
    fn numbers(sequences: &[u16]) -> (Reception, Vec<bool>) {
        let mut reception = Reception::default();
        reception.begin(Tick(0), header(sequences[0], 0), CLOCK);
        let taken =
            sequences[1..].iter().map(|&sequence| reception.take(Tick(0), header(sequence, 0), CLOCK));
        let taken = taken.collect();
        (reception, taken)
    }

    #[test]
    fn losses_are_counted_over_the_wrap_and_late_ones_are_none() {
        for (sequences, lost) in [
            (&[1, 2, 3][..], 0),
            (&[1, 3], 1),
            (&[1, 3, 2], 0),
            (&[1, 3, 3], 0),
            (&[65_534, 65_535, 0, 1], 0),
            (&[65_534, 1], 2),
            (&[65_534, 1, 65_535], 1),
            (&[5, 4, 6], 0),
            (&[0, 2_999], 2_998),
        ] {
            let (reception, taken) = numbers(sequences);
            assert!(taken.iter().all(|taken| *taken), "{sequences:?}");
            assert_eq!(reception.lost(), lost, "{sequences:?}");
        }
    }

    #[test]
    fn losses_in_a_row_are_one_gap() {
        for (sequences, gaps) in
            [(&[1, 2, 3][..], 0), (&[1, 5, 6], 1), (&[1, 3, 5], 2), (&[65_534, 1, 2], 1), (&[1, 3, 2, 4], 1)]
        {
            assert_eq!(numbers(sequences).0.gaps(), gaps, "{sequences:?}");
        }
    }

    #[test]
    fn attack_39_a_number_far_off_is_dropped_and_two_in_order_begin_anew() {
        let (reception, taken) = numbers(&[1, 3, 40_000, 4, 50_000, 60_000, 5]);
        assert_eq!(taken, [true, false, true, false, false, true]);
        assert_eq!(reception.lost(), 1);
        let (reception, taken) = numbers(&[1, 3, 40_000, 40_001, 40_003]);
        assert_eq!(taken, [true, false, true, true]);
        assert_eq!(reception.lost(), 2, "one of each stretch");
    }

    /// Against A.8 in floating point.
    #[test]
    fn jitter_is_that_of_rfc_3550() {
        let mut reception = Reception::default();
        let (mut jitter, mut transit_before) = (0.0_f64, 0.0_f64);
        let mut dice = 12_345_u64;
        for packet in 0..500_u64 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // whole units of the clock, so that both round alike
            let at_us = packet * 20_000 + (dice >> 40) % 200 * 125;
            let header = header(packet as u16, packet as u32 * 160);
            let transit = at_us as f64 / 125.0 - packet as f64 * 160.0;
            if packet == 0 {
                reception.begin(Tick(at_us), header, CLOCK);
            } else {
                assert!(reception.take(Tick(at_us), header, CLOCK));
                jitter += ((transit - transit_before).abs() - jitter) / 16.0;
            }
            transit_before = transit;
        }
        let difference = f64::from(reception.jitter_us()) - jitter * 125.0;
        assert!(difference.abs() < 200.0, "{} beside {}", reception.jitter_us(), jitter * 125.0);
        assert!(reception.jitter_us() > 5_000);
    }

    #[test]
    fn events_clocks_and_jumps_are_no_jitter() {
        let mut reception = Reception::default();
        reception.begin(Tick(0), header(0, 0), CLOCK);
        for packet in 1..=50_u16 {
            let timestamp = if packet < 25 { 0 } else { u32::from(packet) * 160 };
            assert!(reception.take(Tick(u64::from(packet) * 20_000), header(packet, timestamp), CLOCK));
        }
        assert_eq!(reception.jitter_us(), 0, "packets of one event");
        assert!(reception.take(Tick(1_020_000), header(51, 9_999), 48_000));
        assert!(reception.take(Tick(1_040_000), header(52, 4_000_000_000), 48_000));
        assert_eq!(reception.jitter_us(), 0);
    }
}
