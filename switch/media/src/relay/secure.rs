//! The keys of one side: its packets are SRTP, whatever the other side's are.

use super::control::PeerKeys;
use super::counters::DropReason;
use crate::srtp::{Protector, RTCP_ROOM, SrtpError, Unprotector};

/// Octets by which a packet may grow on its way.
pub const ROOM: usize = RTCP_ROOM;

/// What comes of a side by its key, and goes to it by ours.
pub(super) struct Secure {
    keys: PeerKeys,
    pub(super) takes: Unprotector,
    pub(super) sends: Protector,
}

// === impl Secure ===

impl Secure {
    /// What its side says now. A key that stays goes on where it was: its numbers are used once.
    pub(super) fn with(before: Option<Box<Self>>, keys: Option<&PeerKeys>) -> Option<Box<Self>> {
        let keys = keys?;
        let Some(mut secure) = before else { return Self::new(keys).map(Box::new) };
        if secure.keys.theirs != keys.theirs {
            secure.takes = Unprotector::new(&keys.theirs)?;
        }
        if secure.keys.ours != keys.ours {
            secure.sends = Protector::new(&keys.ours)?;
        }
        secure.keys = keys.clone();
        Some(secure)
    }

    fn new(keys: &PeerKeys) -> Option<Self> {
        let (takes, sends) = (Unprotector::new(&keys.theirs)?, Protector::new(&keys.ours)?);
        Some(Self { keys: keys.clone(), takes, sends })
    }
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secure").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// Why a packet that came is dropped.
pub(super) const fn not_taken(error: SrtpError) -> DropReason {
    match error {
        SrtpError::Malformed => DropReason::Malformed,
        SrtpError::Tag => DropReason::Unauthentic,
        SrtpError::Replayed => DropReason::Replayed,
        SrtpError::Exhausted => DropReason::Ssrc,
    }
}

/// Why one is not sent.
pub(super) const fn not_sent(error: SrtpError) -> DropReason {
    match error {
        SrtpError::Replayed => DropReason::Sequence,
        SrtpError::Malformed | SrtpError::Tag | SrtpError::Exhausted => DropReason::Unsent,
    }
}
