//! The journal is the outbox: a feed is a durable place in it, behind which everything was handed on and
//! confirmed.
//!
//! Invariant: the place moves only forward and only when told, so each entry is handed on at least once, in
//! journal order. Its message id is the same each time. Places live in a file of their own, `feeds.db`, so
//! that no feed ever takes part in a commit of the journal.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ledger::Hash;
use rusqlite::{Connection, OptionalExtension as _};

use crate::queue::Shared;
use crate::{Batch, Reader, StoreError, Wants, schema};

/// Name of the file in the data folder.
const FILE: &str = "feeds.db";
/// How long one feed waits for another's place to be written.
const BUSY: Duration = Duration::from_secs(5);
/// `synchronous` is NORMAL: if the power fails the last moves may be lost, and what they covered is handed on
/// again.
const SET_UP: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS place (feed TEXT PRIMARY KEY, seq INTEGER NOT NULL, hash BLOB NOT NULL) STRICT, WITHOUT ROWID;";

/// Where a feed begins that has never run on this journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// With the first entry.
    First,
    /// With the next one: old news are not told.
    Next,
}

/// One feed's place in the journal, with connections of its own. It blocks on the disk; it may move between
/// threads.
pub struct Feed {
    name: &'static str,
    node: String,
    wants: Wants,
    reader: Reader,
    places: Connection,
    path: PathBuf,
    progress: Progress,
}

/// How far a feed is, for whoever shows it. Cheap to clone.
#[derive(Clone)]
pub struct Progress {
    shared: Arc<Shared>,
    seq: Arc<AtomicU64>,
}

// === impl Feed ===

impl Feed {
    /// Opens the feed `name` of the journal in `folder`, whose writer is seen through `shared`.
    pub(crate) fn open(
        folder: &Path,
        shared: Arc<Shared>,
        node: &str,
        name: &'static str,
        wants: Wants,
        start: Start,
    ) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        schema::make_private(&path).map_err(|e| StoreError::folder(&path, e))?;
        let places = open_places(&path).map_err(|e| StoreError::sqlite("cannot write", &path, e))?;
        let progress = Progress { shared, seq: Arc::default() };
        let mut feed = Self {
            name,
            node: node.to_owned(),
            wants,
            reader: Reader::open(folder)?,
            places,
            path,
            progress,
        };
        match feed.place()? {
            Some((seq, hash)) => feed.resume(seq, hash)?,
            None => {
                let first = if start == Start::First { 0 } else { feed.reader.last()? };
                feed.confirm(first)?;
            }
        }
        Ok(feed)
    }

    /// As in metrics.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The place: everything up to this entry is confirmed, or not wanted.
    pub fn seq(&self) -> u64 {
        self.progress.seq.load(Ordering::Acquire)
    }

    /// The id by which a receiver recognises entry `seq` when it comes again.
    pub fn message_id(&self, seq: u64) -> String {
        format!("{}/{seq}", self.node)
    }

    /// A view on how far it is.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// The next entries, `limit` of them or some megabytes at most. The same ones again until they are
    /// confirmed.
    pub fn read(&mut self, limit: u32) -> Result<Batch, StoreError> {
        let batch = self.reader.wanted(self.wants, self.seq(), limit)?;
        if batch.entries.is_empty() {
            // Nothing was handed on, so nothing is to be remembered: after a restart these are skipped again.
            self.progress.seq.fetch_max(batch.upto, Ordering::AcqRel);
        }
        Ok(batch)
    }

    /// Remembers that everything up to entry `seq` was handed on. Going back is not possible and changes
    /// nothing.
    pub fn confirm(&mut self, seq: u64) -> Result<(), StoreError> {
        let hash = self.reader.hash(seq)?;
        let moved = self.places.prepare_cached(
            "INSERT INTO place (feed, seq, hash) VALUES (?1, ?2, ?3) \
             ON CONFLICT (feed) DO UPDATE SET seq = excluded.seq, hash = excluded.hash WHERE excluded.seq > seq",
        );
        let moved = moved.and_then(|mut statement| statement.execute((self.name, seq, &hash[..])));
        moved.map_err(|e| StoreError::sqlite("cannot write", &self.path, e))?;
        self.progress.seq.fetch_max(seq, Ordering::AcqRel);
        Ok(())
    }

    fn place(&self) -> Result<Option<(u64, Hash)>, StoreError> {
        let found =
            self.places.query_row("SELECT seq, hash FROM place WHERE feed = ?1", [self.name], |row| {
                Ok((row.get(0)?, row.get(1)?))
            });
        found.optional().map_err(|e| StoreError::sqlite("cannot read", &self.path, e))
    }

    /// Goes on where it stood, if the journal is still the one that it stood in.
    fn resume(&mut self, seq: u64, hash: Hash) -> Result<(), StoreError> {
        if seq > self.reader.last()? || self.reader.hash(seq)? != hash {
            return Err(StoreError::Place { path: self.path.clone(), feed: self.name, seq });
        }
        self.progress.seq.store(seq, Ordering::Release);
        Ok(())
    }
}

// === impl Progress ===

impl Progress {
    /// Durable entries that the feed has not passed yet.
    pub fn lag(&self) -> u64 {
        self.shared.last().saturating_sub(self.seq.load(Ordering::Acquire))
    }
}

fn open_places(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open(path)?;
    conn.busy_timeout(BUSY)?;
    conn.execute_batch(SET_UP)?;
    Ok(conn)
}
