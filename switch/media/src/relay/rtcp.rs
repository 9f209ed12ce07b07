//! RTCP on its way through (RFC 3550 §6): checked as a whole, and its sources and numbers put right where the
//! relay joined two streams to one.
//! Invariant: nothing outside the packet is read, and what was checked has the same length afterwards.

use super::egress::Mapping;

/// Packets in one datagram; a compound of a phone has two or three.
const MAX_PACKETS: usize = 32;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const APPLICATION: u8 = 204;
/// Of the transport and of the payload (RFC 4585 §6.1).
const FEEDBACK: [u8; 2] = [205, 206];
const EXTENDED_REPORT: u8 = 207;
const BLOCK_BYTES: usize = 24;

/// One packet of a compound.
struct Packet<'a> {
    kind: u8,
    /// Report blocks, chunks or sources.
    count: usize,
    bytes: &'a mut [u8],
}

/// Checks a datagram and gives the source that sent it: each packet whole and of version 2, their lengths
/// together those of the datagram, padding in the last one alone (RFC 3550 A.2). One that begins with
/// feedback is allowed (RFC 5506).
pub(super) fn sender(datagram: &[u8]) -> Option<u32> {
    let sender = read_u32(datagram, 4)?;
    let mut rest = datagram;
    for _ in 0..MAX_PACKETS {
        let (&[first, kind, length_high, length_low], _) = rest.split_first_chunk::<4>()?;
        let bytes = (usize::from(u16::from_be_bytes([length_high, length_low])) + 1) * 4;
        let (packet, after) = rest.split_at_checked(bytes)?;
        if first >> 6 != 2 || !(192..=223).contains(&kind) {
            return None;
        }
        let is_padded = first & 0x20 != 0;
        let padding = if is_padded { usize::from(*packet.last()?) } else { 0 };
        let is_wrong = is_padded && (padding == 0 || padding % 4 != 0 || !after.is_empty());
        if is_wrong || packet.len().checked_sub(padding)? < shortest(kind, usize::from(first & 0x1f)) {
            return None;
        }
        if after.is_empty() {
            return Some(sender);
        }
        rest = after;
    }
    None
}

/// The bytes that a packet of this kind and count has at least.
fn shortest(kind: u8, count: usize) -> usize {
    match kind {
        SENDER_REPORT => 28 + count * BLOCK_BYTES,
        RECEIVER_REPORT => 8 + count * BLOCK_BYTES,
        SOURCE_DESCRIPTION => 4 + count * 8,
        GOODBYE => 4 + count * 4,
        EXTENDED_REPORT => 8,
        APPLICATION => 12,
        _ if FEEDBACK.contains(&kind) => 12,
        _ => 4,
    }
}

/// Middle 32 bits of the NTP time at which its sender sent a checked datagram, if it says (RFC 3550 §6.4.1).
pub(super) fn sent_at(datagram: &[u8]) -> Option<u32> {
    let (kind, _, packet) = packets(datagram).next()?;
    (kind == SENDER_REPORT).then(|| read_u32(packet, 10))?
}

/// Of each report block of a checked datagram: which sender report came last, as [`sent_at`] gives it, and
/// how long before the block was sent, in units of 2⁻¹⁶ s (LSR and DLSR, RFC 3550 §6.4.1).
pub(super) fn echoes(datagram: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    packets(datagram).flat_map(|(kind, count, packet)| {
        let blocks = match kind {
            SENDER_REPORT => packet.get(28..),
            RECEIVER_REPORT => packet.get(8..),
            _ => None,
        };
        let blocks = blocks.unwrap_or_default().chunks_exact(BLOCK_BYTES).take(count);
        blocks.filter_map(|block| Some((read_u32(block, 16)?, read_u32(block, 20)?)))
    })
}

/// The packets of a checked datagram, each with its kind and count.
fn packets(mut datagram: &[u8]) -> impl Iterator<Item = (u8, usize, &[u8])> {
    std::iter::from_fn(move || {
        let &[first, kind, length_high, length_low] = datagram.first_chunk::<4>()?;
        let bytes = (usize::from(u16::from_be_bytes([length_high, length_low])) + 1) * 4;
        let (packet, after) = datagram.split_at_checked(bytes)?;
        datagram = after;
        Some((kind, usize::from(first & 0x1f), packet))
    })
    .take(MAX_PACKETS)
}

/// Puts a checked datagram right for its receiver: what its sender says of itself by `forward`, the mapping
/// of the stream that the sender sends; what it reports of the other side's stream by `reverse`, the mapping
/// by which that stream reached it.
pub(super) fn rewrite(datagram: &mut [u8], forward: Option<&Mapping>, reverse: Option<&Mapping>) {
    if forward.is_none() && reverse.is_none() {
        return;
    }
    let mut rest = datagram;
    for _ in 0..MAX_PACKETS {
        let Some(&[first, kind, length_high, length_low]) = rest.first_chunk::<4>() else { return };
        let bytes = (usize::from(u16::from_be_bytes([length_high, length_low])) + 1) * 4;
        let Some((packet, after)) = rest.split_at_mut_checked(bytes) else { return };
        Packet { kind, count: usize::from(first & 0x1f), bytes: packet }.rewrite(forward, reverse);
        rest = after;
    }
}

// === impl Packet ===

impl Packet<'_> {
    fn rewrite(&mut self, forward: Option<&Mapping>, reverse: Option<&Mapping>) {
        match self.kind {
            SENDER_REPORT => {
                if let Some(mapping) = forward.filter(|mapping| self.u32(4) == Some(mapping.from)) {
                    let timestamp = self.u32(16).unwrap_or_default();
                    self.set(16, timestamp.wrapping_add(mapping.timestamp));
                }
                self.source(4, forward, |mapping| (mapping.from, mapping.to));
                self.blocks(28, reverse);
            }
            RECEIVER_REPORT => {
                self.source(4, forward, |mapping| (mapping.from, mapping.to));
                self.blocks(8, reverse);
            }
            SOURCE_DESCRIPTION => self.chunks(forward),
            GOODBYE => {
                for at in 0..self.count {
                    self.source(4 + at * 4, forward, |mapping| (mapping.from, mapping.to));
                }
            }
            kind => {
                self.source(4, forward, |mapping| (mapping.from, mapping.to));
                if FEEDBACK.contains(&kind) {
                    self.source(8, reverse, |mapping| (mapping.to, mapping.from));
                }
            }
        }
    }

    /// Report blocks: the source of whom it is told, and the highest sequence number that came of it.
    fn blocks(&mut self, from: usize, reverse: Option<&Mapping>) {
        let Some(mapping) = reverse else { return };
        for at in (0..self.count).map(|block| from + block * BLOCK_BYTES) {
            if self.u32(at) == Some(mapping.to) {
                self.set(at, mapping.from);
                let highest = self.u32(at + 8).unwrap_or_default();
                // The count of cycles is the receiver's: it began with another stream.
                let low = (highest as u16).wrapping_sub(mapping.sequence);
                self.set(at + 8, highest & 0xffff_0000 | u32::from(low));
            }
        }
    }

    /// Chunks of a source description: a source, items of a kind, a length and a text, and a zero byte,
    /// filled up to four.
    fn chunks(&mut self, forward: Option<&Mapping>) {
        let mut at = 4;
        for _ in 0..self.count {
            self.source(at, forward, |mapping| (mapping.from, mapping.to));
            at += 4;
            while let Some(&kind) = self.bytes.get(at)
                && kind != 0
            {
                let Some(&length) = self.bytes.get(at + 1) else { return };
                at += 2 + usize::from(length);
            }
            at = (at + 4) & !3;
        }
    }

    /// Replaces the source at a place if it is the one that the mapping names first.
    fn source(&mut self, at: usize, mapping: Option<&Mapping>, names: impl Fn(&Mapping) -> (u32, u32)) {
        if let Some((old, new)) = mapping.map(names)
            && self.u32(at) == Some(old)
        {
            self.set(at, new);
        }
    }

    fn u32(&self, at: usize) -> Option<u32> {
        read_u32(self.bytes, at)
    }

    fn set(&mut self, at: usize, value: u32) {
        if let Some(place) = self.bytes.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUT: Mapping = Mapping { from: 0xaaaa_aaaa, to: 0x1111_1111, sequence: 100, timestamp: 1_000 };
    const BACK: Mapping = Mapping { from: 0xbbbb_bbbb, to: 0x2222_2222, sequence: 0xfff0, timestamp: 5 };

    fn words(packet: &[u32]) -> Vec<u8> {
        packet.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// A sender report with one block, a source description of two chunks, and a goodbye.
    fn compound(sender: u32, timestamp: u32, of: u32, highest: u32) -> Vec<u8> {
        words(&[
            0x81c8_000c,
            sender,
            1,
            2,
            timestamp,
            3,
            4,
            of,
            5,
            highest,
            6,
            7,
            8, // SR
            0x82ca_0006,
            sender,
            0x0103_6140,
            0x6200_0000,
            sender,
            0x0101_6100,
            0, // SDES
            0x81cb_0001,
            sender, // BYE
        ])
    }

    #[test]
    fn a_compound_is_passed_with_its_sender() {
        assert_eq!(sender(&compound(7, 0, 9, 0)), Some(7));
        assert_eq!(sender(&words(&[0x80c9_0001, 7])), Some(7), "an empty receiver report");
        assert_eq!(sender(&words(&[0xa0c9_0002, 7, 4])), Some(7), "with padding");
        assert_eq!(sender(&words(&[0x81cd_0003, 7, 9, 0])), Some(7), "feedback alone");
    }

    #[test]
    fn attack_41_blocks_of_wrong_sizes_are_no_rtcp() {
        let whole = compound(7, 0, 9, 0);
        for length in 0..whole.len() {
            let at_a_joint = [52, 80].contains(&length);
            assert_eq!(sender(&whole[..length]).is_some(), at_a_joint, "{length} bytes of it");
        }
        for (packet, why) in [
            (words(&[0x40c9_0001, 7]), "version 1"),
            (words(&[0x8008_0001, 7]), "no type of RTCP"),
            (words(&[0x9fc9_0001, 7]), "31 blocks that are not there"),
            (words(&[0x80c8_0001, 7]), "a sender report of eight bytes"),
            (words(&[0xa0c9_0001, 7, 0x80c9_0001, 7]), "padding in the first"),
            (words(&[0xa0c9_0002, 7, 0]), "padding of nothing"),
            (words(&[0xa0c9_0002, 7, 8]), "padding over the header"),
            (words(&[0xa0c9_0002, 7, 255]), "more padding than packet"),
            (words(&[0x80c9_ffff, 7]), "longer than it is"),
            (words(&[0x80ca_0000]), "no source"),
            (words(&[0x80c9_0001, 7]).repeat(MAX_PACKETS + 1), "too many"),
        ] {
            assert_eq!(sender(&packet), None, "{why}");
        }
        assert_eq!(sender(&words(&[0x80c9_0001, 7]).repeat(MAX_PACKETS)), Some(7));
    }

    #[test]
    fn sources_and_numbers_follow_the_streams() {
        let mut datagram = compound(OUT.from, 40, BACK.to, 0x0003_0010);
        rewrite(&mut datagram, Some(&OUT), Some(&BACK));
        // 0x0010 - 0xfff0 is 0x0020 in sixteen bits
        assert_eq!(datagram, compound(OUT.to, 1_040, BACK.from, 0x0003_0020));
        let mut others = compound(5, 40, 6, 7);
        rewrite(&mut others, Some(&OUT), Some(&BACK));
        assert_eq!(others, compound(5, 40, 6, 7), "what is of other sources stays");
    }

    #[test]
    fn feedback_names_both_sources() {
        let mut datagram = words(&[0x81cd_0003, OUT.from, BACK.to, 0]);
        rewrite(&mut datagram, Some(&OUT), Some(&BACK));
        assert_eq!(datagram, words(&[0x81cd_0003, OUT.to, BACK.from, 0]));
    }
}
