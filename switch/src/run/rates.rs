//! Customers hear of new prices: a thread of its own compares each new version of a deck with the one that
//! customers know, has the list of what changes journaled once, and then for every account that calls by it a
//! notice that names the list, some at a time, so that no packet waits for it.
//!
//! Where several nodes share their accounts, the central ledger says which of them tells: the first that has
//! the version in force.
//!
//! Invariant: one notice for each account and version, after the list. What was told last stands on the
//! archive once every notice is durable; what one account was told is in its books, so that after a crash in
//! between nobody is told twice.

mod list;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use central::Central;
use config::Settings;
use crossbeam_channel::{Receiver, Sender, bounded};
use ledger::NoticeEvent;
use node::{AdminReply, AdminRequest};
use rating::{Deck, Decks, price};
use tokio::sync::oneshot;
use units::Name;

use crate::deck_archive::DeckArchive;
use crate::run::router::{Router, ShardMessage};

/// Accounts read at a time.
const ACCOUNTS_PER_PAGE: usize = 256;
/// Accounts told at a time: each is a small record of its shard.
const ACCOUNTS_PER_LETTER: usize = 64;
/// Reloads that wait; with more, the thread sees the newest of them only.
const JOBS_MAX: usize = 16;
/// Before a full inbox is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// Before a central ledger that is away is asked again, in steps of [`RETRY`].
const AWAY_STEPS: usize = 50;

/// The thread.
pub(crate) struct PriceNotifier {
    jobs: Sender<Arc<Decks>>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What it works with.
struct Teller {
    router: Arc<Router>,
    deck_archive: DeckArchive,
    stopping: Arc<AtomicBool>,
    /// The URL of the central ledger.
    ledger: Option<String>,
    /// Who asks it.
    node: Name,
}

// === impl Herald ===

impl PriceNotifier {
    pub(crate) fn start(
        settings: &Settings,
        router: &Arc<Router>,
        deck_archive: &DeckArchive,
    ) -> anyhow::Result<Self> {
        let (jobs, to_do) = bounded(JOBS_MAX);
        let stopping = Arc::new(AtomicBool::new(false));
        let ledger = settings.node.ledger.as_ref().map(|ledger| ledger.address.clone());
        let node = settings.node.name.clone();
        let teller = Teller {
            router: Arc::clone(router),
            deck_archive: deck_archive.clone(),
            stopping: Arc::clone(&stopping),
            ledger,
            node,
        };
        let run = move || teller.run(&to_do);
        let thread = std::thread::Builder::new()
            .name("rates".to_owned())
            .spawn(run)
            .context("cannot start the rates thread")?;
        Ok(Self { jobs, stopping, thread })
    }

    /// These decks are in force now.
    pub(crate) fn announce(&self, decks: &Arc<Decks>) {
        if self.jobs.try_send(Arc::clone(decks)).is_err() {
            tracing::error!(
                "more reloads than can be told of: customers hear of these prices with the next one"
            );
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
                    Err(error) => tracing::error!(
                        deck = &**deck.name(),
                        "customers are not told of new prices: {error:#}"
                    ),
                }
            }
        }
    }

    /// Tells all customers of a deck, if it is another than they know. Returns how many were told.
    fn announce(&self, deck: &Deck) -> anyhow::Result<usize> {
        let (name, version) = (deck.name(), price::version_text(deck.version()));
        let known = self.deck_archive.told(name)?;
        if known.as_deref() == Some(&version) {
            return Ok(0);
        }
        let list = match &known {
            None => None,
            Some(known) => {
                list::of(&self.deck_archive.load(name, known)?, deck, self.router.clock.now().wall)
            }
        };
        let told = match list {
            Some(list) if self.is_mine(name, &version)? => {
                let reference = Arc::new(NoticeEvent::RatesChange(Box::new(list.reference())));
                let whole = Arc::new(NoticeEvent::RatesChange(Box::new(list)));
                self.ask(0, || AdminRequest::KeepRates(Arc::clone(&whole)))?;
                self.tell_all(name, &reference)?
            }
            Some(_) | None => 0,
        };
        self.deck_archive.set_told(name, &version)?;
        Ok(told)
    }

    /// Whether this node tells. Waits for a central ledger that is away; the connection lasts for the one
    /// question.
    fn is_mine(&self, deck: &Name, version: &str) -> anyhow::Result<bool> {
        let Some(address) = &self.ledger else { return Ok(true) };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot ask the central ledger")?;
        loop {
            let answer = runtime.block_on(async {
                let central = Central::new(address, 0)?;
                central.tells_rates(deck.clone(), version.into(), self.node.clone()).await
            });
            match answer {
                Err(error) if error.is_away() => self.pause(AWAY_STEPS)?,
                answer => return answer.context("the central ledger does not say who tells of new prices"),
            }
        }
    }

    /// Fails if the switch stops meanwhile.
    fn pause(&self, steps: usize) -> anyhow::Result<()> {
        for _ in 0..steps {
            if self.stopping.load(Ordering::Relaxed) {
                return Err(anyhow!("the switch is stopping"));
            }
            std::thread::sleep(RETRY);
        }
        Ok(())
    }

    fn tell_all(&self, deck: &Name, event: &Arc<NoticeEvent>) -> anyhow::Result<usize> {
        let mut told = 0;
        for shard in 0..self.router.inboxes.len() as u8 {
            let mut after = None;
            loop {
                let AdminReply::Accounts(page) = self.ask(shard, || AdminRequest::Accounts {
                    after: after.clone(),
                    limit: ACCOUNTS_PER_PAGE,
                })?
                else {
                    break;
                };
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                let theirs: Vec<Name> = page
                    .iter()
                    .filter(|view| view.terms.decks.contains(deck))
                    .map(|view| view.name.clone())
                    .collect();
                for accounts in theirs.chunks(ACCOUNTS_PER_LETTER) {
                    let request = || AdminRequest::NotifyRates {
                        accounts: accounts.to_vec(),
                        event: Arc::clone(event),
                    };
                    if let AdminReply::Notified(count) = self.ask(shard, request)? {
                        told += count;
                    }
                }
            }
        }
        Ok(told)
    }

    /// Asks a shard and waits; a full inbox is tried again until the switch stops.
    fn ask(&self, shard: u8, request: impl Fn() -> AdminRequest) -> anyhow::Result<AdminReply> {
        loop {
            let (reply, answer) = oneshot::channel();
            if self.stopping.load(Ordering::Relaxed) {
                return Err(anyhow!("the switch is stopping"));
            }
            if self.router.post(shard, ShardMessage::Admin { request: request(), reply }) {
                return answer.blocking_recv().context("the switch is stopping");
            }
            self.pause(1)?;
        }
    }
}
