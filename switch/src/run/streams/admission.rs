//! How many connections and handshakes one source, and all together, may have at a time.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;

/// Connections in all.
pub(crate) const CONNECTIONS_MAX: usize = 8_192;
/// Handshakes (TLS, WebSocket) under way at once.
const HANDSHAKES_MAX: usize = 512;
/// Of these, those of one source.
const HANDSHAKES_PER_SOURCE: u32 = 16;

/// Who has how many.
#[derive(Debug)]
pub(crate) struct Admission {
    per_source: u32,
    by_source: DashMap<IpAddr, Count>,
    open: AtomicUsize,
    handshakes: AtomicUsize,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    open: u32,
    handshakes: u32,
}

/// The place of a connection that a peer opened; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    admission: Arc<Admission>,
    ip: IpAddr,
}

/// The place of a handshake.
#[derive(Debug)]
pub(super) struct Handshake {
    admission: Arc<Admission>,
    ip: IpAddr,
}

// === impl Admission ===

impl Admission {
    pub(crate) fn new(per_source: u32) -> Self {
        Self {
            per_source,
            by_source: DashMap::new(),
            open: AtomicUsize::new(0),
            handshakes: AtomicUsize::new(0),
        }
    }

    /// A place for a connection from an address; none where it, or all together, have too many.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Admitted> {
        if self.open.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
            return None;
        }
        let mut count = self.by_source.entry(ip).or_default();
        if count.open >= self.per_source {
            return None;
        }
        count.open += 1;
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Admitted { admission: Arc::clone(self), ip })
    }

    /// A place for a handshake of a connection that was admitted.
    pub(super) fn handshake(self: &Arc<Self>, ip: IpAddr) -> Option<Handshake> {
        let mut count = self.by_source.entry(ip).or_default();
        let is_full = self.handshakes.load(Ordering::Relaxed) >= HANDSHAKES_MAX;
        if count.handshakes >= HANDSHAKES_PER_SOURCE || is_full {
            return None;
        }
        count.handshakes += 1;
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        Some(Handshake { admission: Arc::clone(self), ip })
    }

    fn give_back(&self, ip: IpAddr, change: impl FnOnce(&mut Count)) {
        if let Some(mut count) = self.by_source.get_mut(&ip) {
            change(&mut count);
        }
        self.by_source.remove_if(&ip, |_, count| count.open == 0 && count.handshakes == 0);
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.admission.open.fetch_sub(1, Ordering::Relaxed);
        self.admission.give_back(self.ip, |count| count.open = count.open.saturating_sub(1));
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.admission.handshakes.fetch_sub(1, Ordering::Relaxed);
        self.admission.give_back(self.ip, |count| count.handshakes = count.handshakes.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_20_one_source_takes_no_more_than_its_own_places() {
        let admission = Arc::new(Admission::new(2));
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let held = [admission.admit(one), admission.admit(one)];
        assert!(held.iter().all(Option::is_some) && admission.admit(one).is_none());
        assert!(admission.admit(other).is_some());
        let shaking: Vec<_> = (0..HANDSHAKES_PER_SOURCE).map(|_| admission.handshake(one)).collect();
        assert!(shaking.iter().all(Option::is_some) && admission.handshake(one).is_none());
        drop((held, shaking));
        assert!(admission.admit(one).is_some() && admission.handshake(one).is_some());
        // Nothing is kept of a source that has nothing.
        assert!(admission.by_source.is_empty());
        assert_eq!(admission.open.load(Ordering::Relaxed), 0);
    }
}
