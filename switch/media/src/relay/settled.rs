//! What is told of streams of plain RTP whose packets go on without the table.

use std::net::SocketAddr;

use units::Tick;

/// How the next packet of a stream would be judged and sent, as long as nothing new is said of its sides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settled {
    /// It comes from here,
    pub from: SocketAddr,
    /// of this source,
    pub ssrc: u32,
    /// with this payload number.
    pub payload: u8,
    /// Highest sequence number so far, of those that came, and its packet's timestamp.
    pub highest: (u16, u32),
    /// It leaves by the RTP port of the endpoint at this slot,
    pub partner: u32,
    /// to here,
    pub to: SocketAddr,
    /// with this source
    pub told_ssrc: u32,
    /// and this payload number.
    pub told_payload: u8,
    /// Added to sequence numbers.
    pub sequence: u16,
    /// Added to timestamps.
    pub timestamp: u32,
}

/// Packets of a settled stream that went on elsewhere since they were told last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elsewhere {
    /// How many, at least one.
    pub packets: u64,
    /// Highest sequence number, of those that came, and its packet's timestamp.
    pub highest: (u16, u32),
    /// How many times sequence numbers began again at 0.
    pub cycles: u32,
    /// How many times one or more packets in a row did not come in order.
    pub gaps: u32,
    /// When the last came.
    pub last: Tick,
}
