//! Requests that wait for an answer: repeated with the same number, a few times.

use std::net::{IpAddr, SocketAddr};
use units::Tick;

/// Requests that wait at once.
pub const MAX_PENDING: usize = 4096;
/// The longest delay that a Request In Progress may ask for.
const PROGRESS_MAX_MS: u64 = 30_000;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Discover,
    Register,
    Refresh,
    Unregister,
    /// Admission of the owner's call.
    Admit(u64),
    Disengage(u64),
}

#[derive(Debug)]
struct Pending {
    number: u16,
    purpose: Purpose,
    to: SocketAddr,
    bytes: Vec<u8>,
    tries_left: u8,
    deadline: Tick,
}

/// All of them.
#[derive(Debug)]
pub struct Requests {
    pending: Vec<Pending>,
    last: u16,
    wait_ms: u64,
    tries: u8,
}

/// What came due.
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    /// Send it again.
    Again(SocketAddr, Vec<u8>),
    /// It was never answered.
    GivenUp(Purpose),
}

// === impl Requests ===

impl Requests {
    pub const fn new(first: u16, wait_ms: u64, tries: u8) -> Self {
        Self { pending: Vec::new(), last: first, wait_ms, tries }
    }

    /// The number of the next request: 1 to 65535.
    pub fn next_number(&mut self) -> u16 {
        self.last = self.last.checked_add(1).unwrap_or(1);
        self.last
    }

    /// A request was sent. False if too many wait.
    pub fn add(&mut self, now: Tick, number: u16, purpose: Purpose, to: SocketAddr, bytes: Vec<u8>) -> bool {
        if self.pending.len() >= MAX_PENDING {
            return false;
        }
        let deadline = now.plus_ms(self.wait_ms);
        let tries_left = self.tries.saturating_sub(1);
        self.pending.push(Pending { number, purpose, to, bytes, tries_left, deadline });
        true
    }

    /// What an answer from that host is to; it waits no more.
    pub fn take(&mut self, number: u16, from: IpAddr) -> Option<Purpose> {
        // answers may come from another port than that of the request
        let at = self.pending.iter().position(|p| p.number == number && p.to.ip() == from)?;
        Some(self.pending.swap_remove(at).purpose)
    }

    /// The peer works on it (Request In Progress).
    pub fn extend(&mut self, now: Tick, number: u16, from: IpAddr, delay_ms: u64) {
        let mut pending = self.pending.iter_mut();
        if let Some(pending) = pending.find(|p| p.number == number && p.to.ip() == from) {
            pending.deadline = now.plus_ms(delay_ms.clamp(1, PROGRESS_MAX_MS));
        }
    }

    /// Forgets all for which that is true.
    pub fn forget(&mut self, is_for: impl Fn(Purpose) -> bool) {
        self.pending.retain(|pending| !is_for(pending.purpose));
    }

    pub fn is_pending(&self, purpose: Purpose) -> bool {
        self.pending.iter().any(|pending| pending.purpose == purpose)
    }

    pub fn deadline(&self) -> Option<Tick> {
        self.pending.iter().map(|pending| pending.deadline).min()
    }

    /// One that is due; call until there is none.
    pub fn poll_due(&mut self, now: Tick) -> Option<Due> {
        let at = self.pending.iter().position(|pending| pending.deadline <= now)?;
        let pending = &mut self.pending[at];
        if pending.tries_left == 0 {
            return Some(Due::GivenUp(self.pending.swap_remove(at).purpose));
        }
        pending.tries_left -= 1;
        pending.deadline = now.plus_ms(self.wait_ms);
        Some(Due::Again(pending.to, pending.bytes.clone()))
    }
}
