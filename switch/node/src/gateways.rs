//! H.323 as a node meets it: connections by number, the frames on them, and whose they are.
//!
//! Numbers of connections are chosen by whoever owns the sockets, except those of connections that the node
//! asks for: their highest bit is set, and the shard is in the next eight.

mod intake;
mod table;

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use h323::q931::{CalledParty, IeId, Message, MessageType};

use crate::config_snapshot::{ConfigSnapshot, Source, shard_of};

pub(crate) use table::{GatewayTable, Whose};

/// The bit of connections that the node asked for.
const ASKED: u64 = 1 << 63;

/// What happened to a connection of H.323.
#[derive(Debug, Clone)]
pub enum GatewayEvent {
    /// A gateway opened a connection for call signalling; told to a shard before its first frame there.
    Opened {
        /// Its number.
        conn: u64,
        /// Our end.
        local: SocketAddr,
        /// Its end.
        peer: SocketAddr,
    },
    /// [`GatewayCommand::Listen`] is done: the peer may be told this address.
    Listening {
        /// The number of the connection to be.
        conn: u64,
        /// Where it is waited for.
        at: SocketAddr,
    },
    /// [`GatewayCommand::Connect`] or [`GatewayCommand::Listen`] came to a connection.
    Connected {
        /// Its number.
        conn: u64,
        /// Our end.
        local: SocketAddr,
    },
    /// What one TPKT frame held.
    Frame {
        /// The number of its connection.
        conn: u64,
        /// Without the header; never empty.
        content: Bytes,
    },
    /// It is closed, or never came to be.
    Closed {
        /// Its number.
        conn: u64,
    },
}

/// What is wanted of a connection of H.323.
#[derive(Debug, Clone)]
pub enum GatewayCommand {
    /// Open one.
    Connect {
        /// The number that it shall have.
        conn: u64,
        /// To whom.
        peer: SocketAddr,
        /// From which address of ours; none: any.
        from: Option<IpAddr>,
    },
    /// Wait for one, for H.245.
    Listen {
        /// The number that it shall have.
        conn: u64,
        /// On which address of ours.
        ip: IpAddr,
        /// From whom it may come.
        peer: IpAddr,
    },
    /// Send this.
    Send {
        /// The number of the connection.
        conn: u64,
        /// Whole TPKT frames.
        bytes: Bytes,
    },
    /// Close it, once all before is sent; or wait for it no more.
    Close {
        /// The number of the connection.
        conn: u64,
    },
}

/// The number of a connection that a shard asks for.
pub(crate) const fn asked(shard: u8, count: u64) -> u64 {
    ASKED | (shard as u64) << 55 | count & ((1 << 55) - 1)
}

/// The shard that asked for a connection; none of one that a gateway opened.
pub const fn shard_of_asked(conn: u64) -> Option<u8> {
    if conn & ASKED == 0 { None } else { Some((conn >> 55) as u8) }
}

/// What the outer half has to know of a frame of call signalling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The first message of a call.
    Setup,
    /// The last one.
    ReleaseComplete,
    /// Any other.
    Other,
}

/// The call reference of a frame and what it is; none of what is no Q.931.
pub fn signal_of(content: &[u8]) -> Option<(u16, Signal)> {
    let &[8, 2, high, low, kind, ..] = content else { return None };
    let signal = match MessageType::of(kind) {
        MessageType::Setup => Signal::Setup,
        MessageType::ReleaseComplete => Signal::ReleaseComplete,
        _ => Signal::Other,
    };
    Some((u16::from_be_bytes([high & 0x7F, low]), signal))
}

/// Whose call a Setup from `source` is: the shard of the gate's account, or of the owner of the number that a
/// carrier calls. None of a stranger's.
pub fn shard_of_setup(config: &ConfigSnapshot, source: Source, setup: &[u8], shards: u8) -> Option<u8> {
    match source {
        Source::Unknown => None,
        Source::Gate(id) => Some(config.gates.by_id(id).map_or(0, |gate| shard_of(&gate.account, shards))),
        Source::Carrier(_) => {
            let called = Message::parse(setup).ok().and_then(|message| called_of(&message));
            let number = called.and_then(|called| config.numbers.find_dialled(&called).cloned());
            Some(number.map_or(0, |number| shard_of(&number.account, shards)))
        }
    }
}

/// The called number of a Setup: its first alias of digits, else its Called Party Number.
pub(crate) fn called_of(message: &Message<'_>) -> Option<String> {
    let element = message.element(IeId::CalledParty)?;
    CalledParty::parse(element).map(|party| party.digits.to_string())
}
