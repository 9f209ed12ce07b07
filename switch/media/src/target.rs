//! Where a peer wants its media, and what kind of address that is.

use std::net::IpAddr;

use codecs::sdp::Direction;

/// What kind of address a peer wants its media sent to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// An ordinary unicast address.
    Unicast,
    /// A host name, which only a lookup could judge.
    Host,
    /// `0.0.0.0` or `::`: nobody, the old form of hold.
    Nobody,
    /// Loopback.
    Loopback,
    /// Our own address.
    Own,
}

impl Reach {
    /// Whether a switch outside a test bench should refuse this with 488: loopback or our own address. Both
    /// are ordinary when all runs on one machine, so the policy is the caller's; multicast and broadcast are
    /// refused always.
    pub const fn unroutable(self) -> bool {
        matches!(self, Self::Loopback | Self::Own)
    }
}

/// Where a peer wants its media.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaTarget {
    /// The audio stream's address, an IPv4-mapped one as IPv4; none for a host name.
    pub address: Option<IpAddr>,
    /// The audio port, 1 to 65535.
    pub port: u16,
}

impl MediaTarget {
    /// The target of a stream; none if it is not for one receiver.
    pub(crate) fn of(address: Option<IpAddr>, port: u16) -> Option<Self> {
        let Some(address) = address.map(|address| address.to_canonical()) else {
            return Some(Self { address: None, port });
        };
        let many = match address {
            IpAddr::V4(v4) => v4.is_broadcast() || v4.octets()[0] == 0 && !v4.is_unspecified(),
            IpAddr::V6(_) => false,
        };
        (!many && !address.is_multicast()).then_some(Self { address: Some(address), port })
    }

    /// Whether the address is that of nobody.
    pub fn is_nobody(&self) -> bool {
        self.address.is_some_and(|address| address.is_unspecified())
    }

    /// Kind of the address; `ours` is the one that we show on that leg.
    pub fn reach(&self, ours: IpAddr) -> Reach {
        match self.address {
            None => Reach::Host,
            Some(address) if address.is_unspecified() => Reach::Nobody,
            Some(address) if address == ours.to_canonical() => Reach::Own,
            Some(address) if address.is_loopback() => Reach::Loopback,
            Some(_) => Reach::Unicast,
        }
    }
}

/// An address of nobody takes no media, whatever is said beside it (RFC 3264 §8.4).
pub(crate) fn direction_to(direction: Direction, address: Option<IpAddr>) -> Direction {
    if !address.is_some_and(|address| address.is_unspecified()) {
        return direction;
    }
    match direction {
        Direction::SendRecv | Direction::SendOnly => Direction::SendOnly,
        Direction::RecvOnly | Direction::Inactive => Direction::Inactive,
    }
}
