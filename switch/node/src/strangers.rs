//! Unknown addresses: how many challenges each may have, and which are locked out. One table for all shards;
//! what it holds is bounded, however many addresses are forged.
//!
//! Only requests of unknown addresses come here, so calls of gates and carriers take no lock
//! ([decision 114](../../../docs/decisions/0114-one-table-of-strangers.md)).

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sip::token::Minter;
use units::{Now, Tick, Wall};

/// Buckets of challenges. Addresses that share one share its rate.
const BUCKETS: usize = 16_384;
/// Addresses whose wrong credentials are counted; where there are more, the oldest count goes.
const FAILING_MAX: usize = 8_192;
/// Addresses that are locked out; where there are more, the one that would be free first goes.
const BANNED_MAX: usize = 65_536;

/// What an operator allows to strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerLimits {
    /// Challenges a second to one address.
    pub challenges_per_sec: u32,
    /// Wrong credentials after which an address is locked out.
    pub lockout_after: u32,
    /// In this time, and for as long, seconds.
    pub lockout_secs: u32,
}

/// An address that is locked out; of IPv6 its /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// The address, or the first of its block.
    pub ip: IpAddr,
    /// Since when.
    pub since: Wall,
    /// Until when.
    pub until: Wall,
    /// Wrong credentials that led to it.
    pub failures: u32,
}

/// All that is known of unknown addresses.
pub struct Strangers {
    minter: Minter,
    /// How many are locked out, so that whoever asks when none is takes no lock.
    banned: AtomicUsize,
    state: Mutex<State>,
}

struct State {
    buckets: Vec<Bucket>,
    failing: BTreeMap<IpAddr, Failing>,
    bans: BTreeMap<IpAddr, (Tick, Ban)>,
}

/// Thousandths of challenges that are left, as of a moment.
#[derive(Clone, Copy)]
struct Bucket {
    left: u64,
    at: Tick,
}

#[derive(Clone, Copy)]
struct Failing {
    count: u32,
    since: Tick,
}

impl Default for StrangerLimits {
    fn default() -> Self {
        Self { challenges_per_sec: 10, lockout_after: 5, lockout_secs: 900 }
    }
}

// === impl Strangers ===

impl Strangers {
    /// Nobody is known. `key` is secret: who shares a bucket with whom cannot be told from outside.
    pub fn new(key: [u8; 16]) -> Self {
        let state = State {
            buckets: vec![Bucket { left: u64::MAX, at: Tick(0) }; BUCKETS],
            failing: BTreeMap::new(),
            bans: BTreeMap::new(),
        };
        Self { minter: Minter::new(key, 0), banned: AtomicUsize::new(0), state: Mutex::new(state) }
    }

    /// Whether one more challenge may go to this address.
    pub fn may_challenge(&self, ip: IpAddr, now: Tick, limits: StrangerLimits) -> bool {
        let bytes = match block_of(ip) {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        let at = (self.minter.hash(&bytes) % BUCKETS as u64) as usize;
        let full = u64::from(limits.challenges_per_sec) * 1_000;
        let mut state = self.state();
        let Some(bucket) = state.buckets.get_mut(at) else { return false };
        let gained = now.ms_since(bucket.at).saturating_mul(u64::from(limits.challenges_per_sec));
        let left = bucket.left.saturating_add(gained).min(full);
        let is_free = left >= 1_000;
        *bucket = Bucket { left: left - if is_free { 1_000 } else { 0 }, at: now };
        is_free
    }

    /// Whether an address is locked out.
    pub fn is_banned(&self, ip: IpAddr, now: Tick) -> bool {
        if self.banned.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let ip = block_of(ip);
        let mut state = self.state();
        match state.bans.get(&ip) {
            Some((until, _)) if *until > now => true,
            Some(_) => {
                state.bans.remove(&ip);
                self.count(&state);
                false
            }
            None => false,
        }
    }

    /// An address gave wrong credentials for a nonce of ours. True if that locks it out.
    pub fn failed(&self, ip: IpAddr, now: Now, limits: StrangerLimits) -> bool {
        let ip = block_of(ip);
        let lasts_ms = u64::from(limits.lockout_secs) * 1_000;
        let mut state = self.state();
        if !state.failing.contains_key(&ip) && state.failing.len() >= FAILING_MAX {
            let oldest = state.failing.iter().min_by_key(|(_, failing)| failing.since).map(|(ip, _)| *ip);
            oldest.map(|oldest| state.failing.remove(&oldest));
        }
        let failing = state.failing.entry(ip).or_insert(Failing { count: 0, since: now.tick });
        if failing.since.plus_ms(lasts_ms) <= now.tick {
            *failing = Failing { count: 0, since: now.tick };
        }
        failing.count += 1;
        let failures = failing.count;
        if failures < limits.lockout_after {
            return false;
        }
        state.failing.remove(&ip);
        if state.bans.len() >= BANNED_MAX {
            let next = state.bans.iter().min_by_key(|(_, (until, _))| *until).map(|(ip, _)| *ip);
            next.map(|next| state.bans.remove(&next));
        }
        let until = now.wall.plus_ms(i64::from(limits.lockout_secs) * 1_000);
        let ban = Ban { ip, since: now.wall, until, failures };
        state.bans.insert(ip, (now.tick.plus_ms(lasts_ms), ban));
        self.count(&state);
        true
    }

    /// Right credentials: what went wrong before is forgotten.
    pub fn succeeded(&self, ip: IpAddr) {
        self.state().failing.remove(&block_of(ip));
    }

    /// Lifts a ban; false if there is none.
    pub fn lift(&self, ip: IpAddr) -> bool {
        let mut state = self.state();
        let is_lifted = state.bans.remove(&block_of(ip)).is_some();
        self.count(&state);
        is_lifted
    }

    /// Who is locked out, in the order of addresses.
    pub fn bans(&self, now: Tick) -> Vec<Ban> {
        let mut state = self.state();
        state.bans.retain(|_, (until, _)| *until > now);
        self.count(&state);
        state.bans.values().map(|(_, ban)| *ban).collect()
    }

    fn count(&self, state: &State) {
        self.banned.store(state.bans.len(), Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Strangers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Strangers").field("banned", &self.banned).finish_non_exhaustive()
    }
}

/// An IPv4 address; of IPv6 the /64, which is one subscriber's.
fn block_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: StrangerLimits =
        StrangerLimits { challenges_per_sec: 10, lockout_after: 3, lockout_secs: 60 };

    fn at(secs: u64) -> Now {
        let ms = 1_000_000 + secs * 1_000;
        Now { tick: Tick(0).plus_ms(ms), wall: Wall(ms as i64) }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("address")
    }

    #[test]
    fn challenges_are_counted_by_address_and_second() {
        let strangers = Strangers::new([1; 16]);
        let challenged = |text: &str, secs| {
            (0..100).filter(|_| strangers.may_challenge(ip(text), at(secs).tick, LIMITS)).count()
        };
        assert_eq!(challenged("203.0.113.1", 0), 10);
        assert_eq!(challenged("203.0.113.2", 0), 10);
        assert_eq!(challenged("203.0.113.1", 0), 0);
        assert_eq!(challenged("203.0.113.1", 1), 10);
        assert_eq!(challenged("2001:db8::1", 1), 10);
        assert_eq!(challenged("2001:db8::2", 1), 0);
        assert_eq!(challenged("2001:db8:0:1::2", 1), 10);
    }

    #[test]
    fn wrong_credentials_lock_out_for_their_time() {
        let strangers = Strangers::new([1; 16]);
        let (bad, good) = (ip("203.0.113.1"), ip("203.0.113.2"));
        assert!(!strangers.failed(bad, at(0), LIMITS) && !strangers.failed(bad, at(1), LIMITS));
        assert!(!strangers.failed(good, at(1), LIMITS) && !strangers.is_banned(bad, at(1).tick));
        assert!(strangers.failed(bad, at(2), LIMITS));
        assert!(strangers.is_banned(bad, at(61).tick) && !strangers.is_banned(good, at(2).tick));
        assert_eq!(strangers.bans(at(61).tick).iter().map(|ban| ban.failures).collect::<Vec<_>>(), [3]);
        assert!(!strangers.is_banned(bad, at(62).tick) && strangers.bans(at(62).tick).is_empty());
    }

    #[test]
    fn old_failures_right_credentials_and_operators_count_for_good() {
        let strangers = Strangers::new([1; 16]);
        let bad = ip("203.0.113.1");
        for secs in [0, 30, 60, 90] {
            assert!(!strangers.failed(bad, at(secs), LIMITS), "{secs}");
        }
        strangers.succeeded(bad);
        assert!(!strangers.failed(bad, at(91), LIMITS) && !strangers.failed(bad, at(91), LIMITS));
        assert!(strangers.failed(bad, at(91), LIMITS) && strangers.lift(bad) && !strangers.lift(bad));
        assert!(!strangers.is_banned(bad, at(91).tick));
    }

    #[test]
    fn the_table_is_bounded() {
        let strangers = Strangers::new([1; 16]);
        for n in 0..FAILING_MAX as u32 + 10 {
            strangers.failed(IpAddr::from(n.to_be_bytes()), at(0), LIMITS);
        }
        assert_eq!(strangers.state().failing.len(), FAILING_MAX);
    }
}
