//! What a side is sent, as one stream. Packets pass as they came until the side is paired with another one;
//! from then on they keep the source that its first packets had, and sequence numbers and timestamps go on
//! where they were: a receiver that knows one source only is not told of another.

use units::Tick;

use super::header::RtpHeader;
use super::settled::{Elsewhere, Settled};

/// Least step of the timestamp from the last packet of one source to the first of the next: the stretch that
/// a packet holds in most sessions, in milliseconds.
const STEP_MS: u64 = 20;
/// Numbers so far ahead, or behind, are of the same stream where numbers are used once.
const AHEAD_MAX: u16 = 3_000;
const BEHIND_MAX: u16 = 100;

/// How the numbers of a source become those of the stream that the receiver knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mapping {
    /// The source that sends.
    pub(super) from: u32,
    /// The source that the receiver knows.
    pub(super) to: u32,
    /// Added to sequence numbers.
    pub(super) sequence: u16,
    /// Added to timestamps.
    pub(super) timestamp: u32,
}

/// The last of the packets that were sent, by sequence number.
#[derive(Clone, Copy, Debug)]
struct Sent {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    at: Tick,
}

/// The stream to one side.
#[derive(Debug, Default)]
pub(super) struct Egress {
    sent: Option<Sent>,
    mapping: Option<Mapping>,
    /// The next packet is the first from another side.
    joins: bool,
    /// Whatever comes goes on as the stream of before: each number is used once, as keys want it.
    is_one_source: bool,
}

// === impl Egress ===

impl Egress {
    /// What comes from now on is another side's.
    pub(super) const fn join(&mut self) {
        self.joins = self.sent.is_some();
    }

    /// Whether all that is sent from now on has one source and goes on in its numbers.
    pub(super) const fn keep_one_source(&mut self, keep: bool) {
        self.is_one_source = keep;
    }

    /// The source that was sent last, and its timestamp of now by this clock, in Hz.
    pub(super) fn source_at(&self, now: Tick, clock: u32) -> Option<(u32, u32)> {
        let sent = self.sent?;
        let later = now.0.saturating_sub(sent.at.0).saturating_mul(u64::from(clock)) / 1_000_000;
        Some((sent.ssrc, sent.timestamp.wrapping_add(later as u32)))
    }

    /// How numbers are mapped; none while they pass as they came.
    pub(super) const fn mapping(&self) -> Option<&Mapping> {
        self.mapping.as_ref()
    }

    /// How numbers of this source are mapped, if its next packet is not the first of anything.
    pub(super) fn settled(&self, ssrc: u32) -> Option<Mapping> {
        let sent = self.sent.filter(|_| !self.joins && !self.is_one_source)?;
        let mapping = self.mapping.unwrap_or(Mapping { from: ssrc, to: ssrc, sequence: 0, timestamp: 0 });
        (mapping.from == ssrc && mapping.to == sent.ssrc).then_some(mapping)
    }

    /// Packets of the stream went on elsewhere.
    pub(super) const fn went_on(&mut self, passed: &Elsewhere, settled: &Settled) {
        let (sequence, timestamp) = passed.highest;
        self.sent = Some(Sent {
            ssrc: settled.told_ssrc,
            sequence: sequence.wrapping_add(settled.sequence),
            timestamp: timestamp.wrapping_add(settled.timestamp),
            at: passed.last,
        });
    }

    /// Whether a packet would have another source than the last, or a number far from its.
    fn begins_anew(&self, header: RtpHeader) -> bool {
        let Some(sent) = self.sent else { return false };
        let (ssrc, added) = self.mapping.map_or((header.ssrc, 0), |mapping| (mapping.to, mapping.sequence));
        let ahead = header.sequence.wrapping_add(added).wrapping_sub(sent.sequence);
        ssrc != sent.ssrc || (AHEAD_MAX..=u16::MAX - BEHIND_MAX).contains(&ahead)
    }

    /// Source, sequence number and timestamp of a packet of ours that is sent now and goes on in this stream;
    /// none where nothing was sent yet. `clock` is that of its payload, in Hz.
    pub(super) fn next(&self, now: Tick, clock: u32) -> Option<(u32, u16, u32)> {
        let sent = self.sent?;
        Some((sent.ssrc, sent.sequence.wrapping_add(1), sent.timestamp.wrapping_add(step(sent, now, clock))))
    }

    /// A packet of ours was sent as this: what comes of another side goes on behind it.
    pub(super) const fn sends(&mut self, now: Tick, header: RtpHeader) {
        let RtpHeader { ssrc, sequence, timestamp, .. } = header;
        self.sent = Some(Sent { ssrc, sequence, timestamp, at: now });
        self.joins = true;
    }

    /// Makes a packet the next of this stream. `clock` is that of its payload, in Hz.
    pub(super) fn pass(&mut self, now: Tick, header: RtpHeader, clock: u32, packet: &mut [u8]) {
        let is_first = self.joins
            || self.mapping.is_some_and(|mapping| mapping.from != header.ssrc)
            || self.is_one_source && self.begins_anew(header);
        if let Some(sent) = self.sent.filter(|_| is_first) {
            self.mapping = Some(Mapping::joining(sent, now, header, clock));
            self.joins = false;
        }
        let mut out = header;
        if let Some(mapping) = self.mapping {
            out.ssrc = mapping.to;
            out.sequence = header.sequence.wrapping_add(mapping.sequence);
            out.timestamp = header.timestamp.wrapping_add(mapping.timestamp);
            out.write_over(packet, is_first);
        }
        let is_later =
            |sent: Sent| sent.ssrc != out.ssrc || (out.sequence.wrapping_sub(sent.sequence) as i16) >= 0;
        if self.sent.is_none_or(is_later) {
            self.sent =
                Some(Sent { ssrc: out.ssrc, sequence: out.sequence, timestamp: out.timestamp, at: now });
        }
    }
}

// === impl Mapping ===

impl Mapping {
    /// So that `first` follows what was sent: by one in sequence, by the time between them in timestamp.
    fn joining(sent: Sent, now: Tick, first: RtpHeader, clock: u32) -> Self {
        Self {
            from: first.ssrc,
            to: sent.ssrc,
            sequence: sent.sequence.wrapping_add(1).wrapping_sub(first.sequence),
            timestamp: sent.timestamp.wrapping_add(step(sent, now, clock)).wrapping_sub(first.timestamp),
        }
    }
}

/// How far the timestamp goes on from the last packet until now.
fn step(sent: Sent, now: Tick, clock: u32) -> u32 {
    let us = now.0.saturating_sub(sent.at.0).max(STEP_MS * 1_000);
    (us.saturating_mul(u64::from(clock)) / 1_000_000) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: u32 = 8_000;

    fn sent(egress: &mut Egress, ms: u64, ssrc: u32, sequence: u16, timestamp: u32) -> (bool, RtpHeader) {
        let header = RtpHeader { payload: 8, sequence, timestamp, ssrc };
        let mut packet = [0; 12];
        (packet[0], packet[1]) = (0x80, 8);
        header.write_over(&mut packet, false);
        egress.pass(Tick(ms * 1_000), header, CLOCK, &mut packet);
        (packet[1] & 0x80 != 0, RtpHeader::read(&packet).expect("RTP"))
    }

    fn header(ssrc: u32, sequence: u16, timestamp: u32) -> RtpHeader {
        RtpHeader { payload: 8, sequence, timestamp, ssrc }
    }

    #[test]
    fn packets_pass_as_they_came_also_when_their_source_begins_anew() {
        let mut egress = Egress::default();
        assert_eq!(sent(&mut egress, 0, 7, 65_535, 160), (false, header(7, 65_535, 160)));
        assert_eq!(sent(&mut egress, 20, 9, 4, 70_000), (false, header(9, 4, 70_000)));
        egress.join();
        assert_eq!(sent(&mut egress, 60, 1, 1, 1), (true, header(9, 5, 70_320)), "the last one's");
    }

    #[test]
    fn streams_of_two_sides_are_one_to_the_receiver() {
        let mut egress = Egress::default();
        egress.join();
        assert_eq!(
            sent(&mut egress, 0, 7, 65_534, u32::MAX - 100),
            (false, header(7, 65_534, u32::MAX - 100))
        );
        assert_eq!(sent(&mut egress, 20, 7, 0, 219), (false, header(7, 0, 219)));
        assert_eq!(sent(&mut egress, 21, 7, 65_535, 59), (false, header(7, 65_535, 59)), "late");
        egress.join();
        // 500 ms after the last packet in order: 4,000 of the clock
        assert_eq!(sent(&mut egress, 520, 9, 1_000, 5), (true, header(7, 1, 4_219)));
        assert_eq!(sent(&mut egress, 540, 9, 1_001, 165), (false, header(7, 2, 4_379)));
        // its source begins anew: still one stream; at once, so a packet's length apart
        assert_eq!(sent(&mut egress, 541, 8, 3, 0), (true, header(7, 3, 4_539)));
        egress.join();
        assert_eq!(sent(&mut egress, 561, 8, 50, 50), (true, header(7, 4, 4_699)), "the first side again");
    }
}
