//! Addresses of carriers, and of what numbers of ours ring, that are configured by name: when they are asked
//! for, and what is kept; `lookup` asks.
//!
//! Invariant: a look-up that fails changes nothing. The last good answer is used until another one comes; a
//! name without an answer is asked again within seconds, and no name waits for another's answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::NetError;
use route::Target;
use tokio::task::JoinSet;
use units::Name;

use self::lookup::{Draw, Found, Lookup};
use crate::run::router::Router;

mod lookup;

/// Most names that are being asked at once; the rest have their turn a moment later.
const ASKED_MAX: usize = 64;

/// When names are asked.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// How often it is looked which names are due; a reload's new names wait so long at most.
    look: Duration,
    /// From a good answer to the next question, at least, and at most; between, its time to live.
    every: Duration,
    every_max: Duration,
    /// From the first failure to the next question; doubled with each further one.
    retry: Duration,
    /// The longest wait after failures.
    retry_max: Duration,
}

/// Where a name leads and how long that holds; or why nobody could say.
type Answer = Result<(Found, Duration), String>;

/// A carrier's name as configured: another target is another question.
type Key = (Name, Target);

/// What is known of one name.
#[derive(Debug, Default)]
struct Known {
    /// The last good answer.
    found: Found,
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
        every: Duration::from_secs(5),
        every_max: Duration::from_secs(3_600),
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

    /// Follows the configuration, and says which names are to be asked now, and of each whether its transport
    /// came from DNS before.
    fn due(&mut self, wanted: Vec<Key>, now: Instant) -> Vec<(Key, bool)> {
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
            (key.clone(), known.found.transport.is_some())
        })
        .collect()
    }

    /// Takes an answer; the addresses if they are to be told.
    fn answered(&mut self, key: &Key, answer: Answer, now: Instant) -> Option<Found> {
        let pace = self.pace;
        let (_, known) = self.known.values_mut().find(|(known, _)| known == key)?;
        known.is_asked = false;
        let carrier = &*key.0;
        match answer {
            Ok((found, lives)) => {
                if known.failures > 0 {
                    tracing::info!(carrier, after = known.failures, "its name resolves again");
                }
                let wait = lives.clamp(pace.every, pace.every_max);
                (known.failures, known.due) = (0, Some(now + wait));
                if known.found == found {
                    return None;
                }
                known.found.clone_from(&found);
                Some(found)
            }
            Err(why) => {
                known.failures = known.failures.saturating_add(1);
                known.due = Some(now + pace.after_failures(known.failures));
                // The first failure, then each doubling: a name that is gone for a day makes a dozen lines.
                if known.failures.is_power_of_two() {
                    let (failures, kept) = (known.failures, known.found.addresses.len());
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
    let tell = |carrier: &Name, found: Found| router.resolved(carrier, found.addresses, found.transport);
    let listeners = router.config.load().listeners.clone();
    let speaks = listeners.iter().map(|(transport, _)| *transport).collect();
    let lookup = Lookup { resolver, speaks, draw: draw() };
    follow(&lookup, Pace::USUAL, || named(&router), tell).await;
}

/// By the machine's own settings. That a name has no records is not remembered, so that the next question is
/// asked.
fn system_resolver() -> Result<TokioResolver, NetError> {
    let mut builder = TokioResolver::builder_tokio()?;
    let options = builder.options_mut();
    options.negative_max_ttl = Some(Duration::from_secs(1));
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    builder.build()
}

fn named(router: &Router) -> Vec<Key> {
    router.config.load().named_targets()
}

/// Asks what is due, all at once, and tells what is new.
async fn follow(lookup: &Lookup, pace: Pace, wanted: impl Fn() -> Vec<Key>, tell: impl Fn(&Name, Found)) {
    let mut names = Names::new(pace);
    let mut asked: JoinSet<(Key, Answer)> = JoinSet::new();
    let mut look = tokio::time::interval(pace.look);
    loop {
        tokio::select! {
            _ = look.tick() => {
                for (key, had_transport) in names.due(wanted(), Instant::now()) {
                    let lookup = lookup.clone();
                    asked.spawn(async move {
                        let answer = lookup.find(&key.1, had_transport).await;
                        (key, answer)
                    });
                }
            }
            Some(Ok((key, answer))) = asked.join_next() => {
                if let Some(found) = names.answered(&key, answer, Instant::now()) {
                    tell(&key.0, found);
                }
            }
        }
    }
}

/// A number from 0 to the given one, both included, for the choice among SRV records of one priority.
fn draw() -> Draw {
    |most| {
        let mut random = [0; 4];
        // Without dice the heaviest of them is as good as any.
        match getrandom::fill(&mut random) {
            Ok(()) => {
                u32::try_from(u64::from(u32::from_le_bytes(random)) % (u64::from(most) + 1)).unwrap_or(most)
            }
            Err(_) => most,
        }
    }
}

#[cfg(test)]
mod tests;
