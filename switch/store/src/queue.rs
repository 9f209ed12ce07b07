//! What shard threads see of the journal: a bounded queue, tickets, pressure and counters, all by atomics.
//!
//! Invariant: an entry counts as queued until it is durable or unsaved, and never more than the bound are.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::{Entry, Ticket};

/// Upper bounds of the commit histogram's buckets, µs; the last bucket has none.
const BUCKETS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000];

/// Whose room in the queue an entry may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Priority {
    /// For what starts something new: refused when only the reserve is left.
    New,
    /// For calls that run: may use the reserve too.
    Live,
}

/// Why an entry was not taken. It comes back in [`RefusedEntry::entry`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum QueueRefusal {
    /// No room at this priority: the disk is too slow for the load.
    #[error("the journal's queue is full")]
    Full,
    /// The disk failed; nothing new may start. (Entries of live calls are still taken, and go to the unsaved
    /// file.)
    #[error("the journal has failed")]
    Failed,
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// An entry that was not taken, and why.
#[derive(Debug)]
pub struct RefusedEntry {
    /// The entry as it was given.
    pub entry: Entry,
    /// The reason of the refusal.
    pub why: QueueRefusal,
}

/// How full the queue is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Load {
    /// Under half.
    Ok,
    /// Half or more: refuse new calls.
    Half,
    /// Only the reserve for live calls is left, or less.
    Full,
    /// The disk is full, and the room kept back is in use: no new calls, no extensions, nothing that an
    /// operator asks to be written.
    NoRoom,
    /// The disk failed: no new calls, no extensions; the process has to end with an error.
    Failed,
}

/// The queue at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pressure {
    /// Entries not yet durable.
    pub queued: u64,
    /// What that means.
    pub load: Load,
}

/// Counters since the start.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Entries not yet durable.
    pub queued: u64,
    /// Durable entries written by this process.
    pub entries: u64,
    /// Commits, each one fsync.
    pub commits: u64,
    /// Entries that went to the unsaved file.
    pub unsaved: u64,
    /// How long commits took, from the first row to the end of the fsync.
    pub commit_seconds: Histogram,
}

/// Commit times in buckets.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// Upper bounds, µs. `counts` has one more, for all that was slower.
    pub bounds_us: &'static [u64],
    /// Commits in each bucket (not cumulative).
    pub counts: Vec<u64>,
    /// Sum of all, µs.
    pub sum_us: u64,
}

/// One shard's way into the journal.
pub struct Appender {
    pub(crate) shard: usize,
    pub(crate) last: u64,
    pub(crate) sender: Sender<Job>,
    pub(crate) shared: std::sync::Arc<Shared>,
}

/// What travels to the writer.
pub(crate) struct Job {
    /// [`CLOSE`] ends the writer.
    pub(crate) shard: usize,
    pub(crate) ticket: u64,
    pub(crate) entry: Entry,
}

/// No shard has this number.
pub(crate) const CLOSE: usize = usize::MAX;

pub(crate) type Wake = Box<dyn Fn() + Send + Sync>;

/// One shard's place: what is durable of its entries, and how to tell it.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) durable: AtomicU64,
    pub(crate) wake: OnceLock<Wake>,
}

const RUNNING: u8 = 0;
const NO_ROOM: u8 = 1;
const FAILED: u8 = 2;

pub(crate) struct Shared {
    bound: u64,
    reserve: u64,
    queued: AtomicU64,
    state: AtomicU8,
    closed: AtomicBool,
    failure: OnceLock<String>,
    pub(crate) slots: Box<[Slot]>,
    /// Number of the last durable entry.
    last: AtomicU64,
    watchers: Mutex<Vec<Wake>>,
    entries: AtomicU64,
    commits: AtomicU64,
    unsaved: AtomicU64,
    buckets: [AtomicU64; BUCKETS_US.len() + 1],
    commit_us: AtomicU64,
}

// === impl Appender ===

impl Appender {
    /// Hands an entry to the writer; never waits. Tickets count up by one for each entry taken.
    pub fn append(&mut self, entry: Entry, priority: Priority) -> Result<Ticket, RefusedEntry> {
        if let Err(why) = self.shared.admit(priority) {
            return Err(RefusedEntry { entry, why });
        }
        let ticket = self.last + 1;
        match self.sender.try_send(Job { shard: self.shard, ticket, entry }) {
            Ok(()) => {
                self.last = ticket;
                Ok(Ticket(ticket))
            }
            Err(refused) => {
                self.shared.leave(1);
                let why = if refused.is_full() { QueueRefusal::Full } else { QueueRefusal::Closed };
                Err(RefusedEntry { entry: refused.into_inner().entry, why })
            }
        }
    }

    /// The highest ticket of this shard that is on disk; 0 before the first.
    pub fn durable(&self) -> Ticket {
        Ticket(self.shared.slots[self.shard].durable.load(Ordering::Acquire))
    }

    /// The last ticket given.
    pub fn last(&self) -> Ticket {
        Ticket(self.last)
    }

    /// How full the queue is now.
    pub fn pressure(&self) -> Pressure {
        self.shared.pressure()
    }
}

// === impl Slot ===

impl Slot {
    /// Wakes the shard, if it has one by now.
    pub(crate) fn tell(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(shards: usize, bound: u64, reserve: u64) -> Self {
        Self {
            bound,
            reserve: reserve.min(bound),
            queued: AtomicU64::new(0),
            state: AtomicU8::new(RUNNING),
            closed: AtomicBool::new(false),
            failure: OnceLock::new(),
            slots: (0..shards).map(|_| Slot::default()).collect(),
            last: AtomicU64::new(0),
            watchers: Mutex::default(),
            entries: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            unsaved: AtomicU64::new(0),
            buckets: Default::default(),
            commit_us: AtomicU64::new(0),
        }
    }

    /// Takes one place in the queue.
    fn admit(&self, priority: Priority) -> Result<(), QueueRefusal> {
        if self.closed.load(Ordering::Acquire) {
            return Err(QueueRefusal::Closed);
        }
        let limit = match priority {
            Priority::New if self.has_failed() => return Err(QueueRefusal::Failed),
            Priority::New => self.bound - self.reserve,
            Priority::Live => self.bound,
        };
        if self.queued.fetch_add(1, Ordering::Relaxed) >= limit {
            self.leave(1);
            return Err(QueueRefusal::Full);
        }
        Ok(())
    }

    /// Gives `count` places back.
    pub(crate) fn leave(&self, count: u64) {
        self.queued.fetch_sub(count, Ordering::Relaxed);
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn fail(&self, why: String) {
        // The first reason stays: what follows are its consequences.
        let _first = self.failure.set(why);
        self.state.store(FAILED, Ordering::Release);
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.state.load(Ordering::Acquire) == FAILED
    }

    /// The disk is full and the ballast given up.
    pub(crate) fn lack_room(&self) {
        // A failure is for ever.
        let _failed = self.state.compare_exchange(RUNNING, NO_ROOM, Ordering::AcqRel, Ordering::Acquire);
    }

    /// There is room again; false if that changes nothing.
    pub(crate) fn has_room(&self) -> bool {
        self.state.compare_exchange(NO_ROOM, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(crate) fn lacks_room(&self) -> bool {
        self.state.load(Ordering::Acquire) == NO_ROOM
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    pub(crate) fn pressure(&self) -> Pressure {
        let queued = self.queued.load(Ordering::Relaxed);
        let load = if self.has_failed() {
            Load::Failed
        } else if self.lacks_room() {
            Load::NoRoom
        } else if queued >= self.bound - self.reserve {
            Load::Full
        } else if queued >= self.bound / 2 {
            Load::Half
        } else {
            Load::Ok
        };
        Pressure { queued, load }
    }

    /// Number of the last durable entry, 0 if there is none.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// One more to be told of each commit.
    pub(crate) fn watch(&self, wake: Wake) {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(wake);
    }

    /// Everything up to entry `last` is durable. The lock is free: it is only taken elsewhere when a watcher
    /// is added.
    pub(crate) fn reached(&self, last: u64) {
        self.last.store(last, Ordering::Release);
        for wake in self.watchers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            wake();
        }
    }

    /// Counts one commit of `entries`.
    pub(crate) fn committed(&self, entries: u64, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|&bound| bound < us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.commit_us.fetch_add(us, Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.entries.fetch_add(entries, Ordering::Relaxed);
    }

    pub(crate) fn count_unsaved(&self, entries: u64) {
        self.unsaved.fetch_add(entries, Ordering::Relaxed);
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics {
            queued: self.queued.load(Ordering::Relaxed),
            entries: self.entries.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
            unsaved: self.unsaved.load(Ordering::Relaxed),
            commit_seconds: Histogram {
                bounds_us: &BUCKETS_US,
                counts: self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect(),
                sum_us: self.commit_us.load(Ordering::Relaxed),
            },
        }
    }
}
