//! What an operations centre reads in the log, said once for all shards: carriers that go down and come up,
//! and who calls without being known, at a bounded rate.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use node::{BanReason, CarrierChange, Evidence};
use route::{AttemptEnd, Carriers};
use units::{Name, Tick};

/// Addresses of strangers named in …
const NAMED_MAX: usize = 10;
/// … this time; the rest are counted in one line.
const WINDOW_MS: u64 = 60_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    carriers: Mutex<Standing>,
    strangers: Mutex<Strangers>,
    /// Named for having been locked out.
    locked_out: Mutex<Strangers>,
    /// Until then nothing more is named: a flood is counted without a lock.
    quiet_until: AtomicU64,
    /// Packets since the last line that nobody was named for.
    unnamed: AtomicU64,
}

/// Which shards skip which carriers.
#[derive(Debug, Default)]
struct Standing {
    down: BTreeMap<Name, BTreeSet<u8>>,
    are_all_down: bool,
}

#[derive(Debug, Default)]
struct Strangers {
    since: Option<Tick>,
    named: BTreeSet<IpAddr>,
}

/// What is to be said of a carrier.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Down,
    Up,
    AllDown,
    NotAllDown,
}

// === impl Watch ===

impl Watch {
    /// A shard skips a carrier from now on, or uses it again.
    pub(crate) fn carrier_changed(&self, shard: u8, change: &CarrierChange, carriers: &Carriers) {
        let names: Vec<&Name> = carriers.iter().map(|carrier| &carrier.name).collect();
        let said =
            self.carriers.lock().unwrap_or_else(PoisonError::into_inner).changed(shard, change, &names);
        let (carrier, reason) = (&*change.carrier, reason(change.by));
        for said in said {
            match said {
                Said::Down => {
                    tracing::warn!(carrier, reason, "carrier down: calls skip it until it answers again")
                }
                Said::Up => tracing::info!(carrier, reason, "carrier up"),
                Said::AllDown => tracing::error!(
                    last = carrier,
                    reason,
                    "all carriers are down: new calls are answered 503"
                ),
                Said::NotAllDown => tracing::info!(carrier, "a carrier is up again: new calls go out"),
            }
        }
    }

    /// An address was locked out.
    pub(crate) fn locked_out(&self, (ip, reason): (IpAddr, BanReason), now: Tick) {
        let Ok(mut said) = self.locked_out.try_lock() else { return };
        said.begins(now);
        if said.names(ip) {
            match reason {
                BanReason::WrongCredentials => {
                    tracing::warn!(source = %ip, "locked out for wrong credentials: it hears nothing for `sip.lockout_secs`")
                }
                BanReason::Scanner => {
                    tracing::warn!(source = %ip, "locked out as a scanner (`sip.ban_after`): it hears nothing for `sip.lockout_secs`")
                }
            }
        }
    }

    /// A packet or connection of an address that is in no gate and no carrier was dropped.
    pub(crate) fn stranger(&self, ip: IpAddr, now: Tick) {
        if now.0 < self.quiet_until.load(Ordering::Relaxed) {
            self.unnamed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // Whoever finds it taken is counted: nobody waits for the log.
        let Ok(mut strangers) = self.strangers.try_lock() else {
            self.unnamed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        if strangers.begins(now) {
            let more = self.unnamed.swap(0, Ordering::Relaxed);
            if more > 0 {
                tracing::info!(more, "further packets from unknown sources were dropped without a line");
            }
        }
        if strangers.names(ip) {
            tracing::info!(source = %ip, "packet from an unknown source dropped: it is in no gate's and no carrier's `source`");
        } else {
            self.unnamed.fetch_add(1, Ordering::Relaxed);
        }
        if strangers.named.len() >= NAMED_MAX {
            self.quiet_until
                .store(strangers.since.map_or(0, |since| since.plus_ms(WINDOW_MS).0), Ordering::Relaxed);
        }
    }
}

// === impl Standing ===

impl Standing {
    fn changed(&mut self, shard: u8, change: &CarrierChange, carriers: &[&Name]) -> Vec<Said> {
        self.down.retain(|name, _| carriers.contains(&name));
        let mut said = Vec::new();
        let shards = self.down.entry(change.carrier.clone()).or_default();
        if change.is_up {
            if shards.remove(&shard) && shards.is_empty() {
                said.push(Said::Up);
            }
        } else if shards.insert(shard) && shards.len() == 1 {
            said.push(Said::Down);
        }
        self.down.retain(|_, shards| !shards.is_empty());
        let are_all_down = !carriers.is_empty() && carriers.iter().all(|name| self.down.contains_key(*name));
        if are_all_down != self.are_all_down {
            said.push(if are_all_down { Said::AllDown } else { Said::NotAllDown });
            self.are_all_down = are_all_down;
        }
        said
    }
}

// === impl Strangers ===

impl Strangers {
    /// Whether a new window begins.
    fn begins(&mut self, now: Tick) -> bool {
        let is_over = self.since.is_none_or(|since| now >= since.plus_ms(WINDOW_MS));
        if is_over {
            self.since = Some(now);
            self.named.clear();
        }
        is_over
    }

    /// Whether this address has its line now.
    fn names(&mut self, ip: IpAddr) -> bool {
        self.named.len() < NAMED_MAX && self.named.insert(ip)
    }
}

/// In words that an operator can act on.
fn reason(by: Evidence) -> String {
    match by {
        Evidence::Call(AttemptEnd::Status(status)) => format!("{status} to a call"),
        Evidence::Call(AttemptEnd::Timeout) => "no response to a call's INVITE".to_owned(),
        Evidence::Call(AttemptEnd::Unreachable) => "its address cannot be reached".to_owned(),
        Evidence::Call(AttemptEnd::NoDialog) => "an answer without a Contact".to_owned(),
        Evidence::Call(AttemptEnd::NoAnswer { .. }) => "no answer to a call".to_owned(),
        Evidence::Call(
            AttemptEnd::Full
            | AttemptEnd::TooFast
            | AttemptEnd::Down
            | AttemptEnd::NoCommonCodec
            | AttemptEnd::NoPorts
            | AttemptEnd::Abandoned { .. },
        ) => "a call".to_owned(),
        Evidence::Probe(408) => "no response to OPTIONS".to_owned(),
        Evidence::Probe(status) => format!("{status} to OPTIONS"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_e1_a_carrier_is_said_once_for_all_shards() {
        let (alpha, beta): (Name, Name) = ("alpha".into(), "beta".into());
        let change = |carrier: &Name, is_up| CarrierChange {
            carrier: carrier.clone(),
            is_up,
            by: Evidence::Probe(408),
        };
        let mut standing = Standing::default();
        let all = [&alpha, &beta];
        for (shard, carrier, is_up, said) in [
            (0, &alpha, false, vec![Said::Down]),
            (1, &alpha, false, vec![]),
            (0, &alpha, true, vec![]),
            (1, &alpha, true, vec![Said::Up]),
            (1, &alpha, false, vec![Said::Down]),
            (0, &beta, false, vec![Said::Down, Said::AllDown]),
            (1, &beta, false, vec![]),
            (1, &alpha, true, vec![Said::Up, Said::NotAllDown]),
        ] {
            assert_eq!(
                standing.changed(shard, &change(carrier, is_up), &all),
                said,
                "{shard} {carrier} {is_up}"
            );
        }
        assert_eq!(reason(Evidence::Call(AttemptEnd::Status(503))), "503 to a call");
    }

    #[test]
    fn fault_e1_strangers_have_ten_lines_a_minute() {
        let mut strangers = Strangers::default();
        let ip = |last: u8| IpAddr::from([203, 0, 113, last]);
        assert!(strangers.begins(Tick(0)));
        assert_eq!((1..=200).filter(|last| strangers.names(ip(*last))).count(), NAMED_MAX);
        assert!(
            !strangers.begins(Tick(0).plus_ms(59_999))
                && !strangers.names(ip(1))
                && !strangers.names(ip(201))
        );
        assert!(
            strangers.begins(Tick(0).plus_ms(60_000)) && strangers.names(ip(1)) && !strangers.names(ip(1))
        );
    }
}
