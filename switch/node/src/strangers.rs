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
/// Wrong requests of one address that are remembered, so that their repeats count once.
const REMEMBERED: usize = 8;
/// Addresses that are locked out; where there are more, the one that would be free first goes.
const BANNED_MAX: usize = 65_536;
/// With so many locked out no further scanner is: its address may be forged, and its challenges are bounded
/// anyway.
const SCANNERS_MAX: usize = 4_096;

/// What an operator allows to strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrangerLimits {
    /// Challenges a second to one address.
    pub challenges_per_sec: u32,
    /// Wrong credentials after which an address is locked out.
    pub lockout_after: u32,
    /// In this time, and for as long, seconds.
    pub lockout_secs: u32,
    /// Requests without a good end within that time after which an address is locked out too; 0: never.
    pub ban_after: u32,
}

/// Why an address is locked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BanReason {
    /// It gave wrong credentials for nonces of ours.
    WrongCredentials,
    /// It behaves as scanners do: challenges that it never answers, requests for others, garbage.
    Scanner,
}

impl BanReason {
    /// As the API has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WrongCredentials => "wrong-credentials",
            Self::Scanner => "scanner",
        }
    }
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
    /// Wrong credentials, or requests of a scanner, that led to it.
    pub failures: u32,
    /// What it was shut out for.
    pub reason: BanReason,
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
    /// Addresses whose requests had no good end, by hash: where two meet, the busier one stays.
    scanning: Vec<Option<(IpAddr, Failing)>>,
    /// Addresses that gave right credentials, by hash, and when: what else comes from there may be forged.
    proven: Vec<Option<(IpAddr, Tick)>>,
    failing: BTreeMap<IpAddr, Guessing>,
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

/// Wrong credentials of an address.
#[derive(Clone, Copy)]
struct Guessing {
    count: u32,
    since: Tick,
    /// Hashes of its last wrong requests; 0: none.
    last: [u64; REMEMBERED],
}

impl Default for StrangerLimits {
    fn default() -> Self {
        Self { challenges_per_sec: 10, lockout_after: 5, lockout_secs: 900, ban_after: 100 }
    }
}

// === impl Strangers ===

impl Strangers {
    /// Nobody is known. `key` is secret: who shares a bucket with whom cannot be told from outside.
    pub fn new(key: [u8; 16]) -> Self {
        let state = State {
            buckets: vec![Bucket { left: u64::MAX, at: Tick(0) }; BUCKETS],
            scanning: vec![None; BUCKETS],
            proven: vec![None; BUCKETS],
            failing: BTreeMap::new(),
            bans: BTreeMap::new(),
        };
        Self { minter: Minter::new(key, 0), banned: AtomicUsize::new(0), state: Mutex::new(state) }
    }

    /// Whether one more challenge may go to this address.
    pub fn may_challenge(&self, ip: IpAddr, now: Tick, limits: StrangerLimits) -> bool {
        let at = self.bucket_of(block_of(ip));
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

    /// An address gave wrong credentials for a nonce of ours, in a request that `request` tells from others:
    /// a repeat of it counts no more. True if that locks the address out.
    pub fn failed(&self, ip: IpAddr, now: Now, limits: StrangerLimits, request: &[u8]) -> bool {
        let ip = block_of(ip);
        let request = self.minter.hash(request) | 1;
        let lasts_ms = u64::from(limits.lockout_secs) * 1_000;
        let mut state = self.state();
        if !state.failing.contains_key(&ip) && state.failing.len() >= FAILING_MAX {
            let oldest = state.failing.iter().min_by_key(|(_, failing)| failing.since).map(|(ip, _)| *ip);
            oldest.map(|oldest| state.failing.remove(&oldest));
        }
        let none = Guessing { count: 0, since: now.tick, last: [0; REMEMBERED] };
        let failing = state.failing.entry(ip).or_insert(none);
        if failing.since.plus_ms(lasts_ms) <= now.tick {
            *failing = none;
        }
        if failing.last.contains(&request) {
            return false;
        }
        failing.last.rotate_right(1);
        failing.last[0] = request;
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
        self.ban(&mut state, (ip, failures, BanReason::WrongCredentials), now, limits);
        true
    }

    /// A request of an address had no good end: it was challenged, was for somebody else, or was none. True
    /// if that locks the address out; never one that gave right credentials lately, as anybody can forge it.
    pub fn offended(&self, ip: IpAddr, now: Now, limits: StrangerLimits) -> bool {
        if limits.ban_after == 0 {
            return false;
        }
        let ip = block_of(ip);
        let lasts_ms = u64::from(limits.lockout_secs) * 1_000;
        let at = self.bucket_of(ip);
        let mut state = self.state();
        let is_proven = matches!(state.proven.get(at), Some(Some((proven, since)))
            if *proven == ip && now.tick < since.plus_ms(lasts_ms));
        let are_enough = state.bans.len() >= SCANNERS_MAX;
        let Some(place) = state.scanning.get_mut(at).filter(|_| !is_proven) else { return false };
        let first = Failing { count: 1, since: now.tick };
        let count = match place {
            Some((its, failing)) if failing.since.plus_ms(lasts_ms) > now.tick && *its == ip => {
                failing.count += 1;
                failing.count
            }
            Some((_, failing)) if failing.since.plus_ms(lasts_ms) > now.tick && failing.count > 1 => {
                failing.count -= 1;
                return false;
            }
            Some(_) | None => place.insert((ip, first)).1.count,
        };
        if count < limits.ban_after || are_enough {
            return false;
        }
        *place = None;
        self.ban(&mut state, (ip, count, BanReason::Scanner), now, limits);
        true
    }

    /// Right credentials: what went wrong before is forgotten.
    pub fn succeeded(&self, ip: IpAddr, now: Tick) {
        let ip = block_of(ip);
        let at = self.bucket_of(ip);
        let mut state = self.state();
        state.failing.remove(&ip);
        if let Some(place) =
            state.scanning.get_mut(at).filter(|place| matches!(place, Some((its, _)) if *its == ip))
        {
            *place = None;
        }
        if let Some(place) = state.proven.get_mut(at) {
            *place = Some((ip, now));
        }
    }

    fn ban(
        &self,
        state: &mut State,
        (ip, failures, reason): (IpAddr, u32, BanReason),
        now: Now,
        limits: StrangerLimits,
    ) {
        let until = now.wall.plus_ms(i64::from(limits.lockout_secs) * 1_000);
        let ban = Ban { ip, since: now.wall, until, failures, reason };
        state.bans.insert(ip, (now.tick.plus_ms(u64::from(limits.lockout_secs) * 1_000), ban));
        self.count(state);
    }

    fn bucket_of(&self, ip: IpAddr) -> usize {
        let bytes = match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        (self.minter.hash(&bytes) % BUCKETS as u64) as usize
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
        StrangerLimits { challenges_per_sec: 10, lockout_after: 3, lockout_secs: 60, ban_after: 20 };

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
        let failed = |ip, secs: u64| strangers.failed(ip, at(secs), LIMITS, &secs.to_be_bytes());
        assert!(!failed(bad, 0) && !failed(bad, 1));
        // Repeats.
        assert!(!failed(bad, 1) && !failed(bad, 0));
        assert!(!failed(good, 1) && !strangers.is_banned(bad, at(1).tick));
        assert!(failed(bad, 2));
        assert!(strangers.is_banned(bad, at(61).tick) && !strangers.is_banned(good, at(2).tick));
        assert_eq!(strangers.bans(at(61).tick).iter().map(|ban| ban.failures).collect::<Vec<_>>(), [3]);
        assert!(!strangers.is_banned(bad, at(62).tick) && strangers.bans(at(62).tick).is_empty());
    }

    #[test]
    fn old_failures_right_credentials_and_operators_count_for_good() {
        let strangers = Strangers::new([1; 16]);
        let bad = ip("203.0.113.1");
        for secs in [0, 30, 60, 90] {
            assert!(!strangers.failed(bad, at(secs), LIMITS, &secs.to_be_bytes()), "{secs}");
        }
        strangers.succeeded(bad, at(91).tick);
        let failed = |request: &[u8]| strangers.failed(bad, at(91), LIMITS, request);
        assert!(!failed(b"1") && !failed(b"2"));
        assert!(failed(b"3") && strangers.lift(bad) && !strangers.lift(bad));
        assert!(!strangers.is_banned(bad, at(91).tick));
    }

    #[test]
    fn scanners_are_locked_out_and_who_proved_its_address_is_not() {
        let strangers = Strangers::new([1; 16]);
        let (bad, good) = (ip("203.0.113.1"), ip("2001:db8::1"));
        strangers.succeeded(good, at(0).tick);
        let offences =
            |ip, count, secs| (0..count).filter(|_| strangers.offended(ip, at(secs), LIMITS)).count();
        assert_eq!((offences(bad, 19, 0), offences(good, 1_000, 59)), (0, 0));
        // Its time is over: it begins anew.
        assert_eq!((offences(bad, 19, 60), offences(bad, 1, 60)), (0, 1));
        assert!(strangers.is_banned(bad, at(61).tick));
        assert_eq!(offences(good, 20, 60), 1, "it has not proved its address for long");
        assert_eq!(
            strangers.bans(at(61).tick).iter().map(|ban| ban.reason).collect::<Vec<_>>(),
            [BanReason::Scanner; 2]
        );
        // To ask after its time forgets it.
        assert!(!strangers.is_banned(bad, at(120).tick));
        let never = StrangerLimits { ban_after: 0, ..LIMITS };
        assert!((0..1_000).all(|_| !strangers.offended(ip("203.0.113.3"), at(200), never)));
    }

    #[test]
    fn forged_addresses_fill_nothing() {
        let strangers = Strangers::new([1; 16]);
        let once = StrangerLimits { ban_after: 1, ..LIMITS };
        for n in 0..20_000_u32 {
            strangers.offended(IpAddr::from(n.to_be_bytes()), at(0), once);
        }
        let banned = strangers.bans(at(0).tick).len();
        assert_eq!(banned, SCANNERS_MAX);
    }

    #[test]
    fn the_table_is_bounded() {
        let strangers = Strangers::new([1; 16]);
        for n in 0..FAILING_MAX as u32 + 10 {
            strangers.failed(IpAddr::from(n.to_be_bytes()), at(0), LIMITS, b"1");
        }
        assert_eq!(strangers.state().failing.len(), FAILING_MAX);
    }
}
