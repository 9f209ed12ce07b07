//! Addresses of carriers, and of what numbers of ours ring, that are configured by name (RFC 3263): SRV where
//! no port is written, else A and AAAA.
//!
//! Invariant: a look-up that fails changes nothing. The last good answer is used until another one comes; a
//! name without an answer is asked again within seconds, and no name waits for another's answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RData;
use route::{Host, Target};
use tokio::task::JoinSet;
use units::Name;

use crate::run::router::Router;

/// Most SRV targets followed.
const TARGETS_MAX: usize = 8;
/// Most names that are being asked at once; the rest have their turn a moment later.
const ASKED_MAX: usize = 64;

/// When names are asked.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How often it is looked which names are due; a reload's new names wait so long at most.
    look: Duration,
    /// From a good answer to the next question.
    every: Duration,
    /// From the first failure to the next question; doubled with each further one.
    retry: Duration,
    /// The longest wait after failures.
    retry_max: Duration,
}

/// A carrier's name as configured: another target is another question.
type Key = (Name, Target);

/// What is known of one name.
#[derive(Debug, Default)]
struct Known {
    /// The last good answer.
    addresses: Vec<SocketAddr>,
    /// When to ask next; none: at once.
    due: Option<Instant>,
    failures: u32,
    is_asked: bool,
}

/// All names in use.
struct Names {
    pace: Pace,
    known: BTreeMap<String, (Key, Known)>,
}

// === impl Pace ===

impl Pace {
    const USUAL: Self = Self {
        look: Duration::from_secs(1),
        every: Duration::from_secs(60),
        retry: Duration::from_secs(2),
        retry_max: Duration::from_secs(30),
    };

    fn after_failures(&self, failures: u32) -> Duration {
        self.retry.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.retry_max)
    }
}

// === impl Names ===

impl Names {
    const fn new(pace: Pace) -> Self {
        Self { pace, known: BTreeMap::new() }
    }

    /// Follows the configuration, and says which names are to be asked now.
    fn due(&mut self, wanted: Vec<Key>, now: Instant) -> Vec<Key> {
        let named = |(carrier, target): &Key| format!("{carrier} {}", target.host_port());
        let wanted: BTreeMap<String, Key> = wanted.into_iter().map(|key| (named(&key), key)).collect();
        self.known.retain(|name, _| wanted.contains_key(name));
        for (name, key) in wanted {
            self.known.entry(name).or_insert_with(|| (key, Known::default()));
        }
        let asked = self.known.values().filter(|(_, known)| known.is_asked).count();
        let is_due = |known: &Known| !known.is_asked && known.due.is_none_or(|due| due <= now);
        let due =
            self.known.values_mut().filter(|(_, known)| is_due(known)).take(ASKED_MAX.saturating_sub(asked));
        due.map(|(key, known)| {
            known.is_asked = true;
            key.clone()
        })
        .collect()
    }

    /// Takes an answer; the addresses if they are to be told.
    fn answered(
        &mut self,
        key: &Key,
        answer: Result<Vec<SocketAddr>, String>,
        now: Instant,
    ) -> Option<Vec<SocketAddr>> {
        let pace = self.pace;
        let (_, known) = self.known.values_mut().find(|(known, _)| known == key)?;
        known.is_asked = false;
        let carrier = &*key.0;
        match answer {
            Ok(addresses) => {
                if known.failures > 0 {
                    tracing::info!(carrier, after = known.failures, "its name resolves again");
                }
                (known.failures, known.due) = (0, Some(now + pace.every));
                if known.addresses == addresses {
                    return None;
                }
                known.addresses.clone_from(&addresses);
                Some(addresses)
            }
            Err(why) => {
                known.failures = known.failures.saturating_add(1);
                known.due = Some(now + pace.after_failures(known.failures));
                // The first failure, then each doubling: a name that is gone for a day makes a dozen lines.
                if known.failures.is_power_of_two() {
                    let (failures, kept) = (known.failures, known.addresses.len());
                    tracing::warn!(
                        carrier,
                        why,
                        failures,
                        kept,
                        "its name does not resolve: the last good addresses stay in use"
                    );
                }
                None
            }
        }
    }
}

/// Resolves for ever. Carriers with addresses are never asked about.
pub(crate) async fn resolve(router: Arc<Router>) {
    let resolver = loop {
        if named(&router).is_empty() {
            tokio::time::sleep(Pace::USUAL.look).await;
            continue;
        }
        match system_resolver() {
            Ok(resolver) => break resolver,
            Err(error) => {
                tracing::error!(%error, "no resolver: carriers with names cannot be reached; check /etc/resolv.conf")
            }
        }
        tokio::time::sleep(Pace::USUAL.retry_max).await;
    };
    let tell = |carrier: &Name, addresses: &[SocketAddr]| {
        router.resolved(carrier, addresses);
    };
    follow(&resolver, Pace::USUAL, || named(&router), tell).await;
}

/// By the machine's own settings. That a name has no records is not remembered, so that the next question is
/// asked.
fn system_resolver() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    builder.options_mut().negative_max_ttl = Some(Duration::from_secs(1));
    builder.build()
}

fn named(router: &Router) -> Vec<Key> {
    router.config.load().named_targets()
}

/// Asks what is due, all at once, and tells what is new.
async fn follow(
    resolver: &TokioResolver,
    pace: Pace,
    wanted: impl Fn() -> Vec<Key>,
    tell: impl Fn(&Name, &[SocketAddr]),
) {
    let mut names = Names::new(pace);
    let mut asked: JoinSet<(Key, Result<Vec<SocketAddr>, String>)> = JoinSet::new();
    let mut look = tokio::time::interval(pace.look);
    loop {
        tokio::select! {
            _ = look.tick() => {
                for key in names.due(wanted(), Instant::now()) {
                    let resolver = resolver.clone();
                    asked.spawn(async move {
                        let answer = addresses(&resolver, &key.1).await;
                        (key, answer)
                    });
                }
            }
            Some(Ok((key, answer))) = asked.join_next() => {
                if let Some(addresses) = names.answered(&key, answer, Instant::now()) {
                    tell(&key.0, &addresses);
                }
            }
        }
    }
}

/// All addresses of a target, best first; an error if nobody could say, or if there are none.
async fn addresses(resolver: &TokioResolver, target: &Target) -> Result<Vec<SocketAddr>, String> {
    let Host::Name(name) = &target.host else { return Ok(Vec::new()) };
    if target.port.is_none() {
        let targets = services(resolver, &format!("_sip._{}.{name}.", target.transport)).await?;
        if !targets.is_empty() {
            let (mut found, mut why) = (Vec::new(), String::new());
            for (host, port) in targets {
                match hosts(resolver, &host, port).await {
                    Ok(addresses) => found.extend(addresses),
                    Err(error) => why = error,
                }
            }
            return if found.is_empty() { Err(why) } else { Ok(found) };
        }
    }
    hosts(resolver, name, target.port_or_default()).await
}

/// SRV targets by priority, heavier first; none if the domain has no such records (RFC 3263 §4.2 then asks
/// for addresses).
async fn services(resolver: &TokioResolver, name: &str) -> Result<Vec<(String, u16)>, String> {
    let answer = match resolver.srv_lookup(name).await {
        Ok(answer) => answer,
        Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
        Err(error) => return Err(said(&error)),
    };
    let mut found: Vec<_> = answer
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((srv.priority, u16::MAX - srv.weight, srv.target.to_utf8(), srv.port)),
            _ => None,
        })
        .collect();
    found.sort();
    Ok(found.into_iter().take(TARGETS_MAX).map(|(_, _, target, port)| (target, port)).collect())
}

async fn hosts(resolver: &TokioResolver, name: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let answer = resolver.lookup_ip(name).await.map_err(|error| said(&error))?;
    let found: Vec<SocketAddr> = answer.iter().map(|ip| SocketAddr::new(ip, port)).collect();
    if found.is_empty() { Err("it has no address".to_owned()) } else { Ok(found) }
}

fn said(error: &NetError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
