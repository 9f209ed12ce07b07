//! The last messages in a fixed number of bytes: a new one takes the place of the oldest. Writing copies once
//! into memory that was taken at the start and reads nothing of the message.
//!
//! ```text
//!  0      4           5           6     7        8      16      35     54       56
//!  | size | direction | transport | cut | unused | time | local | peer | unused | bytes … to 8
//! ```

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use units::{Transport, Wall};

use crate::{Direction, Envelope};

/// Longest message that is kept whole, bytes: what one UDP datagram holds.
pub const MESSAGE_BYTES_MAX: usize = 65_507;
/// Bytes before each message.
const HEADER: usize = 56;
const ADDRESS: usize = 19;
/// The smallest ring: some messages of any size.
const RING_BYTES_MIN: usize = 256 * 1024;

/// A place in the bytes ever written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Position(u64);

/// A message that was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// When, by what and between whom.
    pub envelope: Envelope,
    /// As it was, secrets included.
    pub bytes: Vec<u8>,
    /// Its end is missing: it was longer than [`MESSAGE_BYTES_MAX`].
    pub cut: bool,
}

/// Messages in order, the oldest overwritten.
pub struct Ring {
    bytes: Box<[u8]>,
    /// Where the oldest message begins.
    tail: u64,
    /// Where the next message begins.
    head: u64,
}

// === impl Ring ===

impl Ring {
    /// Takes `bytes` of memory, and at least room for some messages of any size.
    pub fn new(bytes: usize) -> Self {
        let size = bytes.max(RING_BYTES_MIN).next_multiple_of(8);
        Self { bytes: vec![0; size].into_boxed_slice(), tail: 0, head: 0 }
    }

    /// How much it can hold, bytes.
    pub const fn capacity(&self) -> usize {
        self.bytes.len()
    }

    /// Where the oldest message is.
    pub const fn oldest(&self) -> Position {
        Position(self.tail)
    }

    /// When the oldest message came or went.
    pub fn since(&self) -> Option<Wall> {
        (self.tail < self.head).then(|| self.header(self.tail).1.at)
    }

    /// Keeps a message.
    pub fn push(&mut self, envelope: &Envelope, message: &[u8]) {
        let cut = message.len() > MESSAGE_BYTES_MAX;
        let message = &message[..message.len().min(MESSAGE_BYTES_MAX)];
        let need = room(message.len());
        while self.head + need - self.tail > self.bytes.len() as u64 {
            let (size, ..) = self.header(self.tail);
            self.tail += room(size);
        }
        self.copy_in(self.head, &encoded(envelope, message.len(), cut));
        self.copy_in(self.head + HEADER as u64, message);
        self.head += need;
    }

    /// Shows up to `count` messages from `from` on, which is moved behind them; false once there are no more.
    /// What was overwritten meanwhile is passed over. `wants` sees a message in one or two pieces.
    pub fn read(
        &self,
        from: &mut Position,
        count: usize,
        mut wants: impl FnMut(&[u8]) -> bool,
        mut take: impl FnMut(Kept),
    ) -> bool {
        let mut whole = Vec::new();
        let mut at = from.0.max(self.tail);
        for _ in 0..count {
            if at >= self.head {
                break;
            }
            let (size, envelope, cut) = self.header(at);
            let (first, second) = self.pieces(at + HEADER as u64, size);
            let message = if second.is_empty() {
                first
            } else {
                whole.clear();
                whole.extend_from_slice(first);
                whole.extend_from_slice(second);
                &whole
            };
            if wants(message) {
                take(Kept { envelope, bytes: message.to_vec(), cut });
            }
            at += room(size);
        }
        *from = Position(at);
        at < self.head
    }

    fn copy_in(&mut self, at: u64, from: &[u8]) {
        let begin = self.index(at);
        let first = from.len().min(self.bytes.len() - begin);
        self.bytes[begin..begin + first].copy_from_slice(&from[..first]);
        self.bytes[..from.len() - first].copy_from_slice(&from[first..]);
    }

    fn pieces(&self, at: u64, size: usize) -> (&[u8], &[u8]) {
        let begin = self.index(at);
        let first = size.min(self.bytes.len() - begin);
        (&self.bytes[begin..begin + first], &self.bytes[..size - first])
    }

    const fn index(&self, at: u64) -> usize {
        (at % self.bytes.len() as u64) as usize
    }

    fn header(&self, at: u64) -> (usize, Envelope, bool) {
        let mut header = [0; HEADER];
        let (first, second) = self.pieces(at, HEADER);
        header[..first.len()].copy_from_slice(first);
        header[first.len()..].copy_from_slice(second);
        decoded(&header)
    }
}

/// Bytes that a message of `size` takes.
const fn room(size: usize) -> u64 {
    (HEADER + size.next_multiple_of(8)) as u64
}

fn encoded(envelope: &Envelope, size: usize, cut: bool) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&(size as u32).to_le_bytes());
    header[4] = u8::from(envelope.direction == Direction::Out);
    header[5] = match envelope.transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
        Transport::Ws => 3,
        Transport::Wss => 4,
        Transport::H323 => 5,
    };
    header[6] = u8::from(cut);
    header[8..16].copy_from_slice(&envelope.at.0.to_le_bytes());
    write_address(&mut header[16..16 + ADDRESS], envelope.local);
    write_address(&mut header[16 + ADDRESS..16 + 2 * ADDRESS], envelope.peer);
    header
}

fn decoded(header: &[u8; HEADER]) -> (usize, Envelope, bool) {
    let mut size = [0; 4];
    size.copy_from_slice(&header[..4]);
    let mut time = [0; 8];
    time.copy_from_slice(&header[8..16]);
    let envelope = Envelope {
        at: Wall(i64::from_le_bytes(time)),
        direction: if header[4] == 0 { Direction::In } else { Direction::Out },
        transport: match header[5] {
            0 => Transport::Udp,
            1 => Transport::Tcp,
            2 => Transport::Tls,
            3 => Transport::Ws,
            4 => Transport::Wss,
            _ => Transport::H323,
        },
        local: read_address(&header[16..16 + ADDRESS]),
        peer: read_address(&header[16 + ADDRESS..16 + 2 * ADDRESS]),
    };
    (u32::from_le_bytes(size) as usize, envelope, header[6] != 0)
}

fn write_address(to: &mut [u8], address: SocketAddr) {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    };
    to[0] = u8::from(address.is_ipv6());
    to[1..3].copy_from_slice(&address.port().to_le_bytes());
    to[3..].copy_from_slice(&octets);
}

fn read_address(from: &[u8]) -> SocketAddr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&from[3..ADDRESS]);
    let ip = Ipv6Addr::from(octets);
    let ip = match ip.to_ipv4_mapped() {
        Some(v4) if from[0] == 0 => IpAddr::V4(v4),
        _ => IpAddr::V6(ip),
    };
    SocketAddr::new(ip, u16::from_le_bytes([from[1], from[2]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(at: i64) -> Envelope {
        Envelope {
            at: Wall(at),
            direction: if at % 2 == 0 { Direction::In } else { Direction::Out },
            transport: [
                Transport::Udp,
                Transport::Tcp,
                Transport::Tls,
                Transport::Ws,
                Transport::Wss,
                Transport::H323,
            ][at as usize % 6],
            local: "192.0.2.1:5060".parse().expect("address"),
            peer: ["[2001:db8::1]:1", "192.0.2.9:65535", "[::ffff:192.0.2.7]:9"][at as usize % 3]
                .parse()
                .expect("address"),
        }
    }

    fn message(at: i64) -> Vec<u8> {
        (0..(at * 37 % 1_500) as usize).map(|i| (i as i64 + at) as u8).collect()
    }

    fn all(ring: &Ring) -> Vec<Kept> {
        let (mut from, mut found) = (ring.oldest(), Vec::new());
        while ring.read(&mut from, 7, |_| true, |kept| found.push(kept)) {}
        found
    }

    #[test]
    fn the_last_messages_are_there_whole_and_in_order() {
        let mut ring = Ring::new(0);
        assert!(all(&ring).is_empty());
        assert_eq!(ring.since(), None);
        for at in 0..5_000 {
            ring.push(&envelope(at), &message(at));
            if at % 611 != 0 {
                continue;
            }
            let found = all(&ring);
            let first = at + 1 - found.len() as i64;
            assert_eq!(ring.since(), Some(Wall(first)));
            for (kept, at) in found.iter().zip(first..) {
                assert_eq!(*kept, Kept { envelope: envelope(at), bytes: message(at), cut: false });
            }
            let used: usize = found.iter().map(|kept| kept.bytes.len() + HEADER).sum();
            assert!(used <= ring.capacity());
            assert!(first == 0 || used + 1_600 + 8 * found.len() > ring.capacity(), "little is wasted");
        }
        assert_eq!(ring.capacity(), RING_BYTES_MIN, "it never grows");
    }

    #[test]
    fn too_long_a_message_is_cut_and_marked() {
        let mut ring = Ring::new(1);
        for _ in 0..9 {
            ring.push(&envelope(1), &vec![b'x'; 200_000]);
        }
        let found = all(&ring);
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|kept| kept.cut && kept.bytes.len() == MESSAGE_BYTES_MAX));
    }

    /// A reader that is slower than the writer goes on at the oldest.
    #[test]
    fn a_reader_that_was_overtaken_loses_no_more_than_what_is_gone() {
        let mut ring = Ring::new(0);
        for at in 0..100 {
            ring.push(&envelope(at), &message(at));
        }
        let mut from = ring.oldest();
        let mut last = None;
        assert!(ring.read(&mut from, 10, |_| true, |kept| last = Some(kept.envelope.at.0)));
        assert_eq!(last, Some(9));
        for at in 100..3_000 {
            ring.push(&envelope(at), &message(at));
        }
        let mut next = Vec::new();
        while ring.read(&mut from, 64, |_| true, |kept| next.push(kept.envelope.at.0)) {}
        assert_eq!(next.last(), Some(&2_999));
        assert_eq!(next.first().copied().map(Wall), ring.since());
    }
}
