//! About which peers the log said something of late: one that fails again and again has a line now and then.

use std::net::IpAddr;

use dashmap::DashMap;
use sip::flow::TlsId;
use units::Tick;

/// Between two lines of the log about the same peer.
const SAID_EVERY_MS: u64 = 30_000;
/// Addresses about which something was said of late.
const SAID_MAX: usize = 4_096;

/// About whom the log said something, and when.
#[derive(Debug, Default)]
pub(super) struct Said {
    by_ip: DashMap<IpAddr, Tick>,
    by_tls: DashMap<TlsId, Tick>,
}

// === impl Said ===

impl Said {
    /// Whether the log may say something of an address now; it is noted.
    pub(super) fn may_say_of(&self, ip: IpAddr, now: Tick) -> bool {
        if self.by_ip.len() >= SAID_MAX {
            self.by_ip.retain(|_, said| now < said.plus_ms(SAID_EVERY_MS));
        }
        self.by_ip.len() < SAID_MAX && is_due(&self.by_ip, ip, now)
    }

    pub(super) fn may_say_of_name(&self, tls: TlsId, now: Tick) -> bool {
        is_due(&self.by_tls, tls, now)
    }
}

fn is_due<K: Eq + std::hash::Hash>(said: &DashMap<K, Tick>, key: K, now: Tick) -> bool {
    let mut is_due = false;
    let mut at = said.entry(key).or_insert_with(|| {
        is_due = true;
        now
    });
    if now >= at.plus_ms(SAID_EVERY_MS) {
        (*at, is_due) = (now, true);
    }
    is_due
}
