//! Customers hear of new prices: a thread of its own compares each new version of a deck with the one that customers know, and has the
//! shards journal a notice for every account that calls by it, a few at a time, so that no packet waits for it.
//!
//! Invariant: one notice for each account and version. What was told last stands on the shelf once every notice is durable; what one
//! account was told is in its books, so that after a crash in between nobody is told twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};
use ledger::{NoticeEvent, RateChange};
use node::{AdminReply, AdminRequest};
use rating::deck::price_changes;
use rating::{Deck, Decks, price};
use tokio::sync::oneshot;
use units::{Name, Wall};

use crate::run::fabric::{Fabric, Letter};
use crate::shelf::Shelf;

/// Changes listed in one notice; the rest are counted.
const CHANGES_MAX: usize = 500;
/// Accounts read at a time.
const ACCOUNTS_PER_PAGE: usize = 256;
/// Accounts told at a time: each costs its shard a list of changes as text.
const ACCOUNTS_PER_LETTER: usize = 4;
/// Reloads that wait; with more, the thread sees the newest of them only.
const JOBS_MAX: usize = 16;
/// Before a full mailbox is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// The thread.
pub(crate) struct Herald {
    jobs: Sender<Arc<Decks>>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What it works with.
struct Teller {
    fabric: Arc<Fabric>,
    shelf: Shelf,
    stopping: Arc<AtomicBool>,
}

// === impl Herald ===

impl Herald {
    pub(crate) fn start(fabric: &Arc<Fabric>, shelf: &Shelf) -> anyhow::Result<Self> {
        let (jobs, to_do) = bounded(JOBS_MAX);
        let stopping = Arc::new(AtomicBool::new(false));
        let teller = Teller { fabric: Arc::clone(fabric), shelf: shelf.clone(), stopping: Arc::clone(&stopping) };
        let run = move || teller.run(&to_do);
        let thread = std::thread::Builder::new().name("rates".to_owned()).spawn(run).context("cannot start the rates thread")?;
        Ok(Self { jobs, stopping, thread })
    }

    /// These decks are in force now.
    pub(crate) fn announce(&self, decks: &Arc<Decks>) {
        if self.jobs.try_send(Arc::clone(decks)).is_err() {
            tracing::error!("more reloads than can be told of: customers hear of these prices with the next one");
        }
    }

    /// Tells nobody more; what is not told yet is told after the next start.
    pub(crate) fn cease(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Ends it, once the shards are ended, whose answers it may wait for.
    pub(crate) fn join(self) {
        self.cease();
        drop(self.jobs);
        if self.thread.join().is_err() {
            tracing::error!("the rates thread panicked: see the log");
        }
    }
}

// === impl Teller ===

impl Teller {
    fn run(&self, to_do: &Receiver<Arc<Decks>>) {
        while let Ok(decks) = to_do.recv() {
            for deck in decks.iter() {
                match self.announce(deck) {
                    Ok(0) => {}
                    Ok(told) => tracing::info!(deck = &**deck.name(), accounts = told, "told of new prices"),
                    Err(_) if self.stopping.load(Ordering::Relaxed) => return,
                    Err(error) => tracing::error!(deck = &**deck.name(), "customers are not told of new prices: {error:#}"),
                }
            }
        }
    }

    /// Tells all customers of a deck, if it is another than they know. Returns how many were told.
    fn announce(&self, deck: &Deck) -> anyhow::Result<usize> {
        let (name, version) = (deck.name(), price::version_text(deck.version()));
        let known = self.shelf.told(name)?;
        if known.as_deref() == Some(&version) {
            return Ok(0);
        }
        let event = match &known {
            None => None,
            Some(known) => event(&self.shelf.load(name, known)?, deck, self.fabric.clock.now().wall),
        };
        let told = event.map_or(Ok(0), |event| self.tell_all(name, &Arc::new(event)))?;
        self.shelf.set_told(name, &version)?;
        Ok(told)
    }

    fn tell_all(&self, deck: &Name, event: &Arc<NoticeEvent>) -> anyhow::Result<usize> {
        let mut told = 0;
        for shard in 0..self.fabric.mailboxes.len() as u8 {
            let mut after = None;
            loop {
                let AdminReply::Accounts(page) =
                    self.ask(shard, || AdminRequest::Accounts { after: after.clone(), limit: ACCOUNTS_PER_PAGE })?
                else {
                    break;
                };
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                let theirs: Vec<Name> = page.iter().filter(|view| view.terms.decks.contains(deck)).map(|view| view.name.clone()).collect();
                for accounts in theirs.chunks(ACCOUNTS_PER_LETTER) {
                    let request = || AdminRequest::TellRates { accounts: accounts.to_vec(), event: Arc::clone(event) };
                    if let AdminReply::Told(count) = self.ask(shard, request)? {
                        told += count;
                    }
                }
            }
        }
        Ok(told)
    }

    /// Asks a shard and waits; a full mailbox is tried again until the switch stops.
    fn ask(&self, shard: u8, request: impl Fn() -> AdminRequest) -> anyhow::Result<AdminReply> {
        loop {
            let (reply, answer) = oneshot::channel();
            if self.stopping.load(Ordering::Relaxed) {
                return Err(anyhow!("the switch is stopping"));
            }
            if self.fabric.post(shard, Letter::Admin { request: request(), reply }) {
                return answer.blocking_recv().context("the switch is stopping");
            }
            std::thread::sleep(RETRY);
        }
    }
}

/// What to tell of a new version; nothing if no price changes. In another currency no account could have called by both.
fn event(old: &Deck, new: &Deck, since: Wall) -> Option<NoticeEvent> {
    if old.currency() != new.currency() {
        return None;
    }
    let all = price_changes(old, new, since);
    if all.is_empty() {
        return None;
    }
    let more = all.len().saturating_sub(CHANGES_MAX) as u64;
    let changes = all.into_iter().take(CHANGES_MAX).map(|change| RateChange {
        prefix: change.prefix,
        destination: change.destination,
        old: change.old.map(|paid| paid.rate),
        new: change.new.map(|paid| paid.rate),
        from: change.from,
    });
    Some(NoticeEvent::RatesChange {
        deck: new.name().clone(),
        version: price::version_text(new.version()),
        changes: changes.collect(),
        more,
        currency: new.currency(),
    })
}

#[cfg(test)]
mod tests {
    use units::Currency;

    use super::*;

    fn deck(rows: impl Iterator<Item = String>) -> Deck {
        let rows: String = rows.collect();
        let csv = format!("prefix,destination,rate,initial,increment,effective_from,effective_until\n{rows}");
        Deck::load("retail", Currency::EUR, csv.as_bytes()).expect("a good deck").0
    }

    #[test]
    fn a_notice_lists_old_new_and_date_and_counts_what_it_does_not_list() {
        let row = |rate: &'static str| move |n: i32| format!("{n},D{n},{rate},1,1,,\n");
        let old = deck((100..800).map(row("0.02")));
        assert_eq!(event(&old, &deck((100..800).map(row("0.020"))), Wall(7)), None);
        let Some(NoticeEvent::RatesChange { changes, more, version, .. }) = event(&old, &deck((100..800).map(row("0.03"))), Wall(7)) else {
            panic!("prices changed");
        };
        assert_eq!((changes.len(), more, version.len()), (500, 200, 16));
        let first = &changes[0];
        assert_eq!((first.prefix.to_string().as_str(), first.old, first.new, first.from), ("100", Some(2_000), Some(3_000), Wall(7)));
        let later = "55,Brazil,0.02,1,1,,2026-04-01T00:00:00Z\n55,Brazil,0.03,1,1,2026-04-01T00:00:00Z,\n";
        let old = deck(std::iter::once("55,Brazil,0.02,1,1,,\n".to_owned()));
        let Some(NoticeEvent::RatesChange { changes, more: 0, .. }) = event(&old, &deck(std::iter::once(later.to_owned())), Wall(7)) else {
            panic!("prices change");
        };
        assert_eq!(Some(changes[0].from), Wall::parse("2026-04-01T00:00:00Z"));
    }
}
