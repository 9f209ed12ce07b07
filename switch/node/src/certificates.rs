//! Certificates that callers' numbers are signed by: asked for once, kept as long as their server says, and
//! the calls that wait for them.
//!
//! Invariant: the table is bounded, and so is the number of calls that wait; what finds no room goes without.

use std::collections::BTreeMap;
use std::sync::Arc;

use stir::{CertificateUrl, Credential, Fault};
use units::Tick;

use crate::ids::CallRef;

/// Most certificates of one shard.
const URLS_MAX: usize = 1_024;
/// Most calls of one shard that wait for one.
const WAITING_MAX: usize = 1_024;
/// A request that was not answered for so long is made again, ms.
const ASK_AGAIN_MS: u64 = 10_000;

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    by_url: BTreeMap<CertificateUrl, Entry>,
    /// Calls in all entries that are asked for.
    waiting: usize,
}

#[derive(Debug)]
enum Entry {
    /// It is being fetched.
    Asked { since: Tick, calls: Vec<CallRef> },
    /// It was fetched, or could not be.
    Known { outcome: Result<Arc<Credential>, Fault>, until: Tick },
}

/// What [`Certificates::find`] found.
#[derive(Debug)]
pub(crate) enum Found {
    /// What it is, or why it is none.
    Known(Result<Arc<Credential>, Fault>),
    /// The call waits; `true`: nobody has asked for it yet.
    Waits(bool),
    /// There is no room.
    Full,
}

// === impl Certificates ===

impl Certificates {
    /// The certificate at `url`; if it is not known, `call` waits for it.
    pub(crate) fn find(&mut self, now: Tick, url: &CertificateUrl, call: CallRef) -> Found {
        let is_full = self.waiting >= WAITING_MAX;
        match self.by_url.get_mut(url) {
            Some(Entry::Known { outcome, until }) if now < *until => return Found::Known(outcome.clone()),
            Some(Entry::Asked { since, calls }) if now < since.plus_ms(ASK_AGAIN_MS) => {
                if is_full {
                    return Found::Full;
                }
                calls.push(call);
                self.waiting += 1;
                return Found::Waits(false);
            }
            Some(_) => self.remove(url),
            None => {}
        }
        if self.waiting >= WAITING_MAX || !self.make_room(now) {
            return Found::Full;
        }
        self.by_url.insert(url.clone(), Entry::Asked { since: now, calls: vec![call] });
        self.waiting += 1;
        Found::Waits(true)
    }

    /// What became of a certificate; the calls that waited for it.
    pub(crate) fn told(
        &mut self,
        url: &CertificateUrl,
        outcome: Result<Arc<Credential>, Fault>,
        until: Tick,
    ) -> Vec<CallRef> {
        // Nobody asked: what was asked for before a reload was verified by other roots.
        let Some(Entry::Asked { calls, .. }) = self.by_url.get_mut(url) else { return Vec::new() };
        let calls = std::mem::take(calls);
        self.waiting -= calls.len();
        self.by_url.insert(url.clone(), Entry::Known { outcome, until });
        calls
    }

    /// Nothing that is known counts any more, nor what is being fetched; calls that wait do so to their end.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    fn remove(&mut self, url: &CertificateUrl) {
        if let Some(Entry::Asked { calls, .. }) = self.by_url.remove(url) {
            self.waiting -= calls.len();
        }
    }

    /// Room for one more: what is over goes first, then what is over soonest.
    fn make_room(&mut self, now: Tick) -> bool {
        if self.by_url.len() < URLS_MAX {
            return true;
        }
        self.by_url.retain(|_, entry| !matches!(entry, Entry::Known { until, .. } if *until <= now));
        if self.by_url.len() < URLS_MAX {
            return true;
        }
        let known = self.by_url.iter().filter_map(|(url, entry)| match entry {
            Entry::Known { until, .. } => Some((*until, url)),
            Entry::Asked { .. } => None,
        });
        let Some(first) = known.min().map(|(_, url)| url.clone()) else { return false };
        self.by_url.remove(&first);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(n: usize) -> CertificateUrl {
        CertificateUrl::parse(&format!("https://c.example/{n}")).expect("url")
    }

    const CALL: CallRef = CallRef { slot: 1, generation: 1 };

    #[test]
    fn one_request_serves_all_who_wait() {
        let mut certificates = Certificates::default();
        assert!(matches!(certificates.find(Tick(0), &url(1), CALL), Found::Waits(true)));
        assert!(matches!(certificates.find(Tick(1), &url(1), CALL), Found::Waits(false)));
        let none = Err(Fault::Fetch("refused".into()));
        assert_eq!(certificates.told(&url(1), none.clone(), Tick(100)).len(), 2);
        assert!(matches!(certificates.find(Tick(99), &url(1), CALL), Found::Known(Err(Fault::Fetch(_)))));
        assert!(matches!(certificates.find(Tick(100), &url(1), CALL), Found::Waits(true)));
        certificates.forget();
        assert!(certificates.told(&url(1), none, Tick(200)).is_empty());
        assert_eq!(certificates.waiting, 0);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut certificates = Certificates::default();
        for n in 0..URLS_MAX {
            assert!(matches!(certificates.find(Tick(0), &url(n), CALL), Found::Waits(true)), "{n}");
        }
        // All of them are being fetched.
        assert!(matches!(certificates.find(Tick(0), &url(URLS_MAX), CALL), Found::Full));
        certificates.told(&url(7), Err(Fault::Signature), Tick(50));
        certificates.told(&url(8), Err(Fault::Signature), Tick(60));
        assert!(matches!(certificates.find(Tick(1), &url(URLS_MAX), CALL), Found::Waits(true)));
        assert!(matches!(certificates.find(Tick(1), &url(8), CALL), Found::Known(_)));
        assert_eq!(certificates.by_url.len(), URLS_MAX);
        for _ in 0..WAITING_MAX {
            certificates.find(Tick(1), &url(9), CALL);
        }
        assert_eq!(certificates.waiting, WAITING_MAX);
    }
}
