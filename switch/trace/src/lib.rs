//! SIP messages of calls, kept and shown: a bounded ring in memory, pcap files, HEP3 to Homer, a ladder for
//! people. It opens no socket and reads no clock.
//!
//! Invariant: nothing leaves this crate for a file, a network or a screen before [`mask`] went over it, which
//! changes no length.
#![forbid(unsafe_code)]

pub mod hep;
mod ladder;
mod mask;
mod multipart;
mod packet;
mod pcap;
mod ring;
mod scan;

pub use ladder::{Step, ladder};
pub use mask::{mask, masked};
pub use pcap::{PCAP_HEADER, pcap, pcap_record};
pub use ring::{Kept, MESSAGE_BYTES_MAX, Position, Ring};
pub use scan::{call_id, cseq, first_line, header, is_new_invite, start_uri};

use std::net::SocketAddr;

use units::{Transport, Wall};

/// Which way a message went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// It came to us.
    In,
    /// We sent it.
    Out,
}

impl Direction {
    /// `in` or `out`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// Everything of a message but its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// When it was received or handed to the socket.
    pub at: Wall,
    /// Which way.
    pub direction: Direction,
    /// What carried it.
    pub transport: Transport,
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
}

impl Envelope {
    /// Who sent it.
    pub const fn from(&self) -> SocketAddr {
        match self.direction {
            Direction::In => self.peer,
            Direction::Out => self.local,
        }
    }

    /// Who was to receive it.
    pub const fn to(&self) -> SocketAddr {
        match self.direction {
            Direction::In => self.local,
            Direction::Out => self.peer,
        }
    }
}
