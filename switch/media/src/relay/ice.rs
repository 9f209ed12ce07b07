//! Checks of one endpoint's address (RFC 8445, RFC 8839). We are a lite agent: we ask nobody, we answer who
//! knows the password, and use the address that the other side nominates.
//! Invariants: what is not authentic gets no answer and changes nothing but a count; no more answers than
//! [`ANSWERS_MAX`] in a second; nothing is sent to an address whose side no longer asks (RFC 7675).

use std::fmt;
use std::net::SocketAddr;

use hmac::KeyInit;
use units::Tick;

use super::counters::DropReason;
use super::secured::IcePeer;
use super::stun::{Answer, Check, Key, write_answer};

/// Checks of one endpoint that are authenticated, and so answered, in one second: a browser sends up to
/// twenty while it looks for a way, and then one every few seconds.
const ANSWERS_MAX: u16 = 50;
const SECOND_US: u64 = 1_000_000;
/// So long nothing is sent after the last check (RFC 7675 §5.1).
const CONSENT_US: u64 = 30 * SECOND_US;

/// The lite agent of one endpoint.
pub(super) struct Ice {
    peer: IcePeer,
    key: Key,
    /// The last check from the address that is in use.
    consented: Option<Tick>,
    /// Where the last check came from.
    checked_from: Option<SocketAddr>,
    second: u64,
    in_second: u16,
}

/// What a check came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Checked {
    /// The answer's octets.
    pub bytes: usize,
    /// It was answered with success.
    pub is_good: bool,
    /// Its address is the one to use.
    pub nominates: bool,
}

// === impl Ice ===

impl Ice {
    /// What its side says now. Credentials that stay go on; with others all is checked anew, and the address
    /// in use holds until another is nominated (RFC 8445 §9).
    pub(super) fn with(before: Option<Box<Self>>, peer: Option<&IcePeer>) -> Option<Box<Self>> {
        let peer = peer?;
        let consented = match before {
            Some(before) if before.peer == *peer => return Some(before),
            before => before.and_then(|before| before.consented),
        };
        let key = Key::new_from_slice(peer.ours.password.as_bytes()).ok()?;
        let peer = peer.clone();
        Some(Box::new(Self { peer, key, consented, checked_from: None, second: 0, in_second: 0 }))
    }

    /// Judges what may be a check of so many octets, and writes its answer over it. `in_use`: its address is.
    pub(super) fn check(
        &mut self,
        now: Tick,
        (from, in_use): (SocketAddr, bool),
        packet: &mut [u8],
    ) -> Result<Checked, DropReason> {
        let check = Check::read(packet).ok_or(DropReason::Malformed)?;
        if !self.is_for_us(check.username) {
            return Err(DropReason::Unauthentic);
        }
        // Who knows the name of the other side could have us compute.
        if !self.may_compute(now) {
            return Err(DropReason::Rate);
        }
        if !check.is_by(&self.key) {
            return Err(DropReason::Unauthentic);
        }
        let answer = match (check.unknown, check.is_controlled) {
            (Some(unknown), _) => Answer::Unknown(unknown),
            (None, true) => Answer::RoleConflict,
            (None, false) => Answer::Success(from),
        };
        let is_good = matches!(answer, Answer::Success(_));
        let nominates = is_good && check.nominates;
        let bytes = write_answer(packet, packet.len(), answer, &self.key).ok_or(DropReason::Malformed)?;
        if is_good {
            self.checked_from = Some(from);
            if in_use || nominates {
                self.consented = Some(now);
            }
        }
        Ok(Checked { bytes, is_good, nominates })
    }

    /// Its side still wants what is sent to it.
    pub(super) fn consents(&self, now: Tick) -> bool {
        self.consented.is_some_and(|last| now.0.saturating_sub(last.0) < CONSENT_US)
    }

    /// A check came from there, the last one.
    pub(super) fn has_checked(&self, from: SocketAddr) -> bool {
        self.checked_from == Some(from)
    }

    /// RFC 8445 §7.2.2: the fragment of who is asked stands first.
    fn is_for_us(&self, username: &[u8]) -> bool {
        let IcePeer { ours, theirs } = &self.peer;
        let (ours, theirs) = (ours.ufrag.as_bytes(), theirs.ufrag.as_bytes());
        let rest = username.strip_prefix(ours).and_then(|rest| rest.strip_prefix(b":"));
        rest == Some(theirs)
    }

    fn may_compute(&mut self, now: Tick) -> bool {
        let second = now.0 / SECOND_US;
        if self.second != second {
            (self.second, self.in_second) = (second, 0);
        }
        self.in_second = self.in_second.saturating_add(1);
        self.in_second <= ANSWERS_MAX
    }
}

impl fmt::Debug for Ice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ice")
            .field("peer", &self.peer)
            .field("consented", &self.consented)
            .finish_non_exhaustive()
    }
}
