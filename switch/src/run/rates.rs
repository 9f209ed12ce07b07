//! Customers hear of new prices: a thread of its own compares each new version of a deck with the one that customers know, has the list of
//! what changes journaled once, and then for every account that calls by it a notice that names the list, some at a time, so that no packet
//! waits for it.
//!
//! Invariant: one notice for each account and version, after the list. What was told last stands on the shelf once every notice is durable;
//! what one account was told is in its books, so that after a crash in between nobody is told twice.

mod list;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use crossbeam_channel::{Receiver, Sender, bounded};
use ledger::NoticeEvent;
use node::{AdminReply, AdminRequest};
use rating::{Deck, Decks, price};
use tokio::sync::oneshot;
use units::Name;

use crate::run::fabric::{Fabric, Letter};
use crate::shelf::Shelf;

/// Accounts read at a time.
const ACCOUNTS_PER_PAGE: usize = 256;
/// Accounts told at a time: each is a small record of its shard.
const ACCOUNTS_PER_LETTER: usize = 64;
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
        let list = match &known {
            None => None,
            Some(known) => list::of(&self.shelf.load(name, known)?, deck, self.fabric.clock.now().wall),
        };
        let told = match list {
            None => 0,
            Some(list) => {
                let reference = Arc::new(NoticeEvent::RatesChange(Box::new(list.reference())));
                let whole = Arc::new(NoticeEvent::RatesChange(Box::new(list)));
                self.ask(0, || AdminRequest::KeepRates(Arc::clone(&whole)))?;
                self.tell_all(name, &reference)?
            }
        };
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
