//! What the kernel's program knows of a stream, and counts of it: one entry for a port of ours.

use std::net::{Ipv4Addr, SocketAddrV4};

/// Offsets in an entry.
pub(crate) mod at {
    pub(crate) const FROM_IP: i16 = 0;
    pub(crate) const FROM_PORT: i16 = 4;
    pub(crate) const PAYLOAD: i16 = 6;
    pub(crate) const TOLD_PAYLOAD: i16 = 7;
    pub(crate) const SSRC: i16 = 8;
    pub(crate) const TOLD_SSRC: i16 = 12;
    pub(crate) const OUR_IP: i16 = 16;
    pub(crate) const TO_IP: i16 = 20;
    /// Ours, then theirs.
    pub(crate) const PORTS: i16 = 24;
    pub(crate) const TIMESTAMP: i16 = 28;
    pub(crate) const SEQUENCE: i16 = 32;
    pub(crate) const INTERFACE: i16 = 36;
    pub(crate) const HIGHEST: i16 = 40;
    pub(crate) const CYCLES: i16 = 44;
    pub(crate) const PACKETS: i16 = 48;
    pub(crate) const BYTES: i16 = 56;
    pub(crate) const LAST_NS: i16 = 64;
    pub(crate) const GAPS: i16 = 72;
    pub(crate) const LAST_TIMESTAMP: i16 = 76;
}

/// Length of an entry, a multiple of eight.
pub(crate) const BYTES: usize = 80;
pub(crate) const KEY_BYTES: usize = 8;

/// A stream of RTP whose packets go on in the kernel, as they came but for what is told here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Only packets from here are taken,
    pub from: SocketAddrV4,
    /// of this source
    pub ssrc: u32,
    /// and this payload number.
    pub payload: u8,
    /// Highest sequence number so far, of those that came.
    pub highest: u16,
    /// Timestamp of that packet.
    pub highest_timestamp: u32,
    /// They leave by this address and port of ours,
    pub ours: SocketAddrV4,
    /// to here,
    pub to: SocketAddrV4,
    /// by the interface of this number,
    pub interface: u32,
    /// with this source
    pub told_ssrc: u32,
    /// and this payload number.
    pub told_payload: u8,
    /// Added to sequence numbers.
    pub sequence: u16,
    /// Added to timestamps.
    pub timestamp: u32,
}

/// What went on in the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Passed {
    /// Packets.
    pub packets: u64,
    /// Their bytes of RTP, headers included.
    pub bytes: u64,
    /// When the last came, by the clock that [`std::time::Instant`] has, in nanoseconds; 0 if none came.
    pub last_ns: u64,
    /// Highest sequence number, of those that came.
    pub highest: u16,
    /// Timestamp of that packet.
    pub timestamp: u32,
    /// How many times sequence numbers began again at 0.
    pub cycles: u32,
    /// How many times one or more packets in a row did not come in order.
    pub gaps: u32,
}

/// The key of the port that a stream comes to.
pub(crate) fn key(port: SocketAddrV4) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    put(&mut key, 0, port.ip().octets());
    put(&mut key, 4, port.port().to_be_bytes());
    key
}

// === impl Stream ===

impl Stream {
    pub(crate) fn entry(&self) -> [u8; BYTES] {
        let mut entry = [0; BYTES];
        let mut ip = |place: i16, ip: &Ipv4Addr| put(&mut entry, place, ip.octets());
        ip(at::FROM_IP, self.from.ip());
        ip(at::OUR_IP, self.ours.ip());
        ip(at::TO_IP, self.to.ip());
        for (place, port) in [(at::FROM_PORT, self.from), (at::PORTS, self.ours), (at::PORTS + 2, self.to)] {
            put(&mut entry, place, port.port().to_be_bytes());
        }
        put(&mut entry, at::PAYLOAD, [self.payload, self.told_payload]);
        put(&mut entry, at::SSRC, self.ssrc.to_be_bytes());
        put(&mut entry, at::TOLD_SSRC, self.told_ssrc.to_be_bytes());
        for (place, number) in [
            (at::TIMESTAMP, self.timestamp),
            (at::SEQUENCE, u32::from(self.sequence)),
            (at::INTERFACE, self.interface),
            (at::HIGHEST, u32::from(self.highest)),
            (at::LAST_TIMESTAMP, self.highest_timestamp),
        ] {
            put(&mut entry, place, number.to_ne_bytes());
        }
        entry
    }
}

// === impl Passed ===

impl Passed {
    pub(crate) fn of(entry: &[u8; BYTES]) -> Self {
        let long = |place| u64::from_ne_bytes(take(entry, place));
        let word = |place| u32::from_ne_bytes(take(entry, place));
        Self {
            packets: long(at::PACKETS),
            bytes: long(at::BYTES),
            last_ns: long(at::LAST_NS),
            highest: word(at::HIGHEST) as u16,
            timestamp: word(at::LAST_TIMESTAMP),
            cycles: word(at::CYCLES),
            gaps: word(at::GAPS),
        }
    }
}

fn put<const N: usize>(to: &mut [u8], place: i16, bytes: [u8; N]) {
    to[place as usize..][..N].copy_from_slice(&bytes);
}

fn take<const N: usize>(from: &[u8; BYTES], place: i16) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&from[place as usize..][..N]);
    bytes
}
