//! How a node stands with the central ledger, for metrics and readiness.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rating::quotas::client::LendingState;
use units::Tick;

/// Written by the driver, read by anybody.
#[derive(Debug, Default)]
pub struct Status {
    up: AtomicBool,
    fenced: AtomicBool,
    lag: AtomicU64,
    failures: AtomicU64,
    /// µs of the driver's clock.
    until: AtomicU64,
    /// By what was tried.
    trouble: Mutex<BTreeMap<&'static str, String>>,
}

// === impl Status ===

impl Status {
    /// The last request was answered.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    /// Another process has taken over this node's name, or it was declared lost: no leases until a restart.
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Relaxed)
    }

    /// Durable entries of the journal that the central ledger does not have yet.
    pub fn lag(&self) -> u64 {
        self.lag.load(Ordering::Relaxed)
    }

    /// Requests that failed since the start; each was or is tried again.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether this node may lend from its quotas at this moment of the driver's clock.
    pub fn lends(&self, now: Tick) -> bool {
        now.0 < self.until.load(Ordering::Relaxed)
    }

    /// What stands in the way, in words.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        (!trouble.is_empty()).then(|| {
            trouble.iter().map(|(what, why)| format!("{what}: {why}")).collect::<Vec<_>>().join("; ")
        })
    }

    pub(crate) fn show(&self, gate: LendingState, fenced: bool, lag: u64) {
        self.up.store(gate.reachable, Ordering::Relaxed);
        self.until.store(gate.until.0, Ordering::Relaxed);
        self.fenced.store(fenced, Ordering::Relaxed);
        self.lag.store(lag, Ordering::Relaxed);
    }

    /// What came of trying `what`. True if it is not what was said before.
    pub(crate) fn say(&self, what: &'static str, trouble: Option<String>) -> bool {
        let mut said = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(why) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                said.insert(what, why.clone()).is_none_or(|before| before != why)
            }
            None => {
                let told = said.remove(what).is_some();
                // The next ask may come never, and the ledger takes writes again.
                if what == "beat" {
                    said.retain(|what, _| *what == "ship");
                }
                told
            }
        }
    }
}
