//! The one thread that writes: takes all that queued during the last commit, writes it in one transaction,
//! then acknowledges.
//!
//! Invariant: what is acknowledged is on disk, in one order with one hash chain. A disk that is full at a
//! write is given room once, from the ballast, and the same entries are written again: nothing of them was
//! forced to the disk. After any other error nothing is written or acknowledged any more; a failed fsync is
//! never retried, because the system may already have dropped the pages.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use ledger::chain;
use rusqlite::Connection;
use rusqlite::ErrorCode;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::StoreError;
use crate::head::HeadFile;
use crate::index::{self, CdrIndex};
use crate::queue::{CLOSE, Job, Shared};
use crate::room::Ballast;
use crate::schema::PAGE_BYTES;
use crate::unsaved::Unsaved;
use crate::walk::Head;
use crate::{Entry, Kind};

/// Entries in one transaction.
const BATCH: usize = 4_096;
/// Pages that a commit changes beside those that its bodies fill: the table's last leaf, the CDR table's, a
/// block's.
const PAGES_PER_COMMIT: u64 = 3;
/// A disk that was full is looked at so often.
const ROOM_LOOK: Duration = Duration::from_secs(2);

/// A point where a test can make the disk fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Before the rows of a batch.
    Insert,
    /// Before the commit and its fsync.
    Commit,
    /// Before a checkpoint.
    Checkpoint,
    /// Before a snapshot is written, and before it gets its name.
    Snapshot,
}

/// Called before each stage; an error is treated as the disk's.
pub type Fault = Box<dyn FnMut(Stage) -> io::Result<()> + Send>;

/// The writer and the maker of snapshots fail by the same plan.
pub(crate) type SharedFault = Arc<Mutex<Option<Fault>>>;

/// What was there at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed {
    /// Entries in the journal, all durable.
    pub entries: u64,
}

pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) path: PathBuf,
    pub(crate) receiver: Receiver<Job>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) index: CdrIndex,
    pub(crate) head: Head,
    pub(crate) gather: Duration,
    pub(crate) checkpoint_bytes: u64,
    pub(crate) logged_bytes: u64,
    pub(crate) unsaved: Unsaved,
    pub(crate) ballast: Ballast,
    pub(crate) head_file: HeadFile,
    pub(crate) fault: SharedFault,
}

/// Why something was not written.
enum Trouble {
    /// The disk had no room for it; nothing was forced to it.
    Full(String),
    /// Anything else: what is on the disk is not known.
    Broken(String),
}

/// A batch and, per shard, the highest ticket in it.
struct Batch {
    jobs: Vec<Job>,
    upto: Vec<u64>,
    closing: bool,
}

// === impl Writer ===

impl Writer {
    /// Runs until closed; all that was queued before is then durable, or unsaved and an error.
    pub(crate) fn run(mut self) -> Result<Closed, StoreError> {
        let mut batch = Batch { jobs: Vec::new(), upto: vec![0; self.shared.slots.len()], closing: false };
        let mut last_start: Option<Instant> = None;
        while self.gather(&mut batch, last_start) {
            last_start = Some(Instant::now());
            self.write(&mut batch);
        }
        if !self.shared.has_failed() {
            self.checkpoint("TRUNCATE");
        }
        match self.shared.failure() {
            None => {
                self.head_file.sync();
                tracing::info!(
                    entry = self.head.entries,
                    hash = ledger::hex(&self.head.hash),
                    "the journal's head at its end"
                );
                Ok(Closed { entries: self.head.entries })
            }
            Some(why) => {
                self.unsaved.sync();
                Err(StoreError::Failed {
                    why: why.to_owned(),
                    unsaved: self.unsaved.count(),
                    path: self.unsaved.path(),
                })
            }
        }
    }

    /// Fills the batch with what is queued. Waits for the first entry, and lets more gather if the last
    /// commit began only now: while it sleeps nobody pays for waking it. False when closed and empty.
    fn gather(&mut self, batch: &mut Batch, last_start: Option<Instant>) -> bool {
        if !batch.closing {
            let Some(first) = self.first() else { return false };
            batch.push(first);
            let rest = last_start.and_then(|start| self.gather.checked_sub(start.elapsed()));
            if let Some(rest) = rest.filter(|_| !batch.closing && self.receiver.len() < BATCH) {
                thread::sleep(rest);
            }
        }
        while batch.jobs.len() < BATCH {
            let Ok(job) = self.receiver.try_recv() else { break };
            batch.push(job);
        }
        !(batch.closing && batch.jobs.is_empty())
    }

    /// The next entry; none when closed. While there is no room, it is looked for.
    fn first(&mut self) -> Option<Job> {
        loop {
            if !self.shared.lacks_room() {
                return self.receiver.recv().ok();
            }
            match self.receiver.recv_timeout(ROOM_LOOK) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Timeout) => self.look_for_room(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Appends entries before the journal is anybody's, all in order.
    pub(crate) fn take_in(&mut self, entries: Vec<Entry>) -> Result<(), StoreError> {
        let mut jobs: Vec<Job> =
            entries.into_iter().map(|entry| Job { shard: CLOSE, ticket: 0, entry }).collect();
        let unsaved = jobs.len() as u64;
        while !jobs.is_empty() {
            let rest = jobs.split_off(jobs.len().min(BATCH));
            self.commit(&jobs).map_err(|trouble| match trouble {
                Trouble::Full(_) => StoreError::DiskFull { path: self.path.clone() },
                Trouble::Broken(why) => StoreError::Failed { why, unsaved, path: self.unsaved.path() },
            })?;
            jobs = rest;
        }
        self.shared.reached(self.head.entries);
        self.head_file.put(self.head);
        self.head_file.sync();
        Ok(())
    }

    fn write(&mut self, batch: &mut Batch) {
        let count = batch.jobs.len() as u64;
        if self.shared.has_failed() {
            return self.save_elsewhere(batch, self.head);
        }
        let (start, before) = (Instant::now(), self.head);
        match self.commit_with_room(&batch.jobs) {
            Ok(()) => {
                self.shared.committed(count, start.elapsed());
                self.head_file.put(self.head);
                self.acknowledge(batch);
                self.shared.reached(self.head.entries);
                if self.logged_bytes > self.checkpoint_bytes {
                    self.checkpoint("PASSIVE");
                }
            }
            Err(why) => {
                self.fail(why);
                self.save_elsewhere(batch, before);
            }
        }
    }

    /// A commit that finds the disk full is made once more, in the ballast's room.
    fn commit_with_room(&mut self, jobs: &[Job]) -> Result<(), String> {
        let before = self.head;
        match self.commit(jobs) {
            Ok(()) => Ok(()),
            Err(Trouble::Full(why)) => match self.roll_back(before).map(|()| self.make_room(&why)) {
                Ok(true) => self.commit(jobs).map_err(Trouble::text),
                Ok(false) => Err(why),
                Err(error) => Err(format!("{why}; and cannot roll back: {error}")),
            },
            Err(Trouble::Broken(why)) => Err(why),
        }
    }

    /// Gives up the ballast; whether there was any. Nothing new begins from now on.
    fn make_room(&mut self, why: &str) -> bool {
        let released = self.ballast.release();
        if released {
            tracing::error!(
                why,
                "the disk is full: no new calls, no payments; live calls end at their lease, in the room kept for them"
            );
            self.shared.lack_room();
            self.shared.slots.iter().for_each(crate::queue::Slot::tell);
        }
        released
    }

    fn look_for_room(&mut self) {
        if self.ballast.keep().is_ok() && self.shared.has_room() {
            tracing::warn!("the disk has room again: new calls and payments are taken");
            self.shared.slots.iter().for_each(crate::queue::Slot::tell);
        }
    }

    /// The state before a transaction that failed at a write.
    fn roll_back(&mut self, before: Head) -> rusqlite::Result<()> {
        if !self.conn.is_autocommit() {
            self.conn.execute_batch("ROLLBACK")?;
        }
        self.head = before;
        self.index = CdrIndex::load(&self.conn)?;
        Ok(())
    }

    fn commit(&mut self, jobs: &[Job]) -> Result<(), Trouble> {
        self.stage(Stage::Insert)?;
        self.insert(jobs).map_err(|e| self.trouble("write", &e))?;
        self.stage(Stage::Commit)?;
        let committed = self.conn.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        committed.map(|_| ()).map_err(|e| self.trouble("commit", &e))
    }

    /// SQLite says that the disk is full only of a write, which comes before the fsync.
    fn trouble(&self, what: &str, error: &rusqlite::Error) -> Trouble {
        let why = format!("cannot {what} {}: {error}", self.path.display());
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
            Trouble::Full(why)
        } else {
            Trouble::Broken(why)
        }
    }

    fn insert(&mut self, jobs: &[Job]) -> rusqlite::Result<()> {
        self.conn.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO entry (seq, kind, account, at, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let mut insert_cdr = self.conn.prepare_cached(index::INSERT)?;
        for Job { entry, .. } in jobs {
            self.head = next(self.head, entry);
            let body = ToSqlOutput::Borrowed(ValueRef::Text(&entry.body));
            insert.execute((
                self.head.entries,
                entry.kind.0,
                &*entry.account,
                entry.at.0,
                body,
                &self.head.hash[..],
            ))?;
            if entry.kind == Kind::CDR {
                self.index.add(&self.conn, &mut insert_cdr, self.head.entries, entry)?;
            }
            self.logged_bytes += entry.body.len() as u64;
        }
        self.logged_bytes += PAGES_PER_COMMIT * PAGE_BYTES;
        Ok(())
    }

    fn acknowledge(&self, batch: &mut Batch) {
        self.shared.leave(batch.jobs.len() as u64);
        batch.jobs.clear();
        for (slot, upto) in self.shared.slots.iter().zip(&mut batch.upto) {
            if *upto > 0 {
                slot.durable.store(*upto, Ordering::Release);
                *upto = 0;
                slot.tell();
            }
        }
    }

    /// Copies the log into the file. A reader that holds part of it back is no error, nor is a full disk: the
    /// entries are durable in the log, and the rest follows later.
    fn checkpoint(&mut self, mode: &str) {
        match self.try_checkpoint(mode) {
            Ok(whole) => self.logged_bytes = if whole { 0 } else { self.checkpoint_bytes / 2 },
            Err(Trouble::Full(why)) => {
                self.logged_bytes = self.checkpoint_bytes / 2;
                if !self.make_room(&why) {
                    tracing::warn!(why, "the journal's log grows until there is room");
                }
            }
            Err(Trouble::Broken(why)) => self.fail(why),
        }
        self.head_file.sync();
    }

    /// Whether all of it was copied.
    fn try_checkpoint(&self, mode: &str) -> Result<bool, Trouble> {
        self.stage(Stage::Checkpoint)?;
        let moved = self.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            let (busy, logged, copied): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(busy == 0 && logged == copied)
        });
        moved.map_err(|e| self.trouble("checkpoint", &e))
    }

    fn fail(&mut self, why: String) {
        // The unsaved file may be on the same disk.
        self.ballast.release();
        tracing::error!(why, unsaved = %self.unsaved.path().display(), "the journal failed: no new calls; entries go to the unsaved file");
        self.shared.fail(why);
        self.shared.slots.iter().for_each(crate::queue::Slot::tell);
    }

    /// `head` is that before the batch: the lines carry the numbers and hashes that the entries have, or
    /// would have had.
    fn save_elsewhere(&mut self, batch: &mut Batch, head: Head) {
        self.head = head;
        for Job { entry, .. } in &batch.jobs {
            self.head = next(self.head, entry);
            self.unsaved.put(self.head.entries, &self.head.hash, entry);
        }
        self.unsaved.sync();
        self.shared.count_unsaved(batch.jobs.len() as u64);
        self.shared.leave(batch.jobs.len() as u64);
        batch.jobs.clear();
        batch.upto.fill(0);
    }

    fn stage(&self, stage: Stage) -> Result<(), Trouble> {
        self::stage(&self.fault, stage).map_err(|e| {
            let why = format!("cannot write {}: {e}", self.path.display());
            // A fault at the commit stands for its fsync.
            let full = e.kind() == io::ErrorKind::StorageFull && stage != Stage::Commit;
            if full { Trouble::Full(why) } else { Trouble::Broken(why) }
        })
    }
}

// === impl Trouble ===

impl Trouble {
    fn text(self) -> String {
        let (Self::Full(why) | Self::Broken(why)) = self;
        why
    }
}

/// Fails if a test wants it to.
pub(crate) fn stage(fault: &SharedFault, stage: Stage) -> io::Result<()> {
    fault.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map_or(Ok(()), |fault| fault(stage))
}

fn next(head: Head, entry: &Entry) -> Head {
    Head { entries: head.entries + 1, hash: chain(&head.hash, &entry.body) }
}

// === impl Batch ===

impl Batch {
    fn push(&mut self, job: Job) {
        if job.shard == CLOSE {
            self.closing = true;
        } else if let Some(upto) = self.upto.get_mut(job.shard) {
            *upto = job.ticket;
            self.jobs.push(job);
        }
    }
}
