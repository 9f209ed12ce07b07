//! The journal as its owner sees it: open (lock, check, replay), hand out appenders, close.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use ledger::{Hash, Replay, TrialBalance};
use units::{Name, Wall};

use crate::head::{self, HeadFile};
use crate::import::{self, Imported, PlanError};
use crate::index::{self, CdrIndex};
use crate::lock::FolderLock;
use crate::queue::{Appender, CLOSE, Job, Metrics, Pressure, Shared};
use crate::room::Ballast;
use crate::schema::{self, Found};
use crate::snapshot::{self, Snapshots};
use crate::unsaved::{self, Unsaved};
use crate::walk::{self, Head, OnEntry};
use crate::writer::{Closed, Fault, SharedFault, Writer};
use crate::{Entry, Feed, Kind, Reader, Start, StoreError, Wants, closing, wal};

/// How the journal is run. The defaults suit a switch.
pub struct Options {
    /// Appenders that can be taken, numbered from 0.
    pub shards: usize,
    /// Entries that may wait to become durable.
    pub bound: u32,
    /// Part of the bound that only [`crate::Priority::Live`] may use.
    pub live_reserve: u32,
    /// Commits begin at least this far apart, so that entries gather (each costs about 0.2 ms of CPU whatever
    /// is in it); after a quiet time the first commits at once.
    pub gather: Duration,
    /// The log is copied into the file when it has grown by about this much.
    pub checkpoint_bytes: u64,
    /// Where entries go that cannot be written, beside stderr, and where a start looks for what the run
    /// before left; none: stderr alone.
    pub unsaved_file: Option<PathBuf>,
    /// Room kept back on the disk of the data folder, so that live calls can be settled when it is full; 0:
    /// none.
    pub ballast_bytes: u64,
    /// A snapshot is made after so many entries, so that a start reads at most about as many; 0: never.
    pub snapshot_entries: u64,
    /// Makes the disk fail, in tests.
    pub fault: Option<Fault>,
}

/// What was found at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// Whole entries.
    pub entries: u64,
    /// Those that a snapshot stood for; all others were read.
    pub from_snapshot: u64,
    /// Hash of the last one; zeros if there is none.
    pub head: Hash,
    /// How many of the entries were taken in now from the unsaved file.
    pub taken: u64,
}

/// What a start read.
struct Read {
    head: Head,
    found: Found,
    /// All after it was read, not taken from a snapshot.
    from: Head,
    /// Settled calls among what was read.
    cdrs: u64,
}

/// An open journal. One per data folder on the whole machine.
pub struct Journal {
    folder: PathBuf,
    shared: Arc<Shared>,
    sender: Sender<Job>,
    taken: Mutex<Vec<bool>>,
    writer: Mutex<Option<JoinHandle<Result<Closed, StoreError>>>>,
    snapshots: Snapshots,
    _lock: FolderLock,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 1,
            bound: 65_536,
            live_reserve: 8_192,
            gather: Duration::from_millis(20),
            checkpoint_bytes: 4 << 20,
            unsaved_file: None,
            ballast_bytes: 0,
            snapshot_entries: 200_000,
            fault: None,
        }
    }
}

// === impl Journal ===

impl Journal {
    /// Opens or makes the journal in `folder` and shows every entry to `on_entry` (number from 1, entry,
    /// hash), oldest first; see [`crate::feed`]. What the run before left in its unsaved file follows, and is
    /// in the journal when this returns. A journal that is not whole, or whose entry `on_entry` refuses, is
    /// left exactly as it is; nothing is written without room.
    pub fn open(
        folder: &Path,
        options: Options,
        mut on_entry: impl FnMut(u64, &Entry, &Hash) -> Result<(), String>,
    ) -> Result<(Self, Recovered), StoreError> {
        let (folder, lock) = take(folder)?;
        let read = recover(&folder, Head::START, &mut on_entry)?;
        Self::run(folder, lock, options, &read, &mut on_entry)
    }

    /// As [`Journal::open`], into a replay that `make` makes: the newest snapshot that fits, then the entries
    /// after it. What is damaged before a snapshot is found by [`crate::verify`], not by a start.
    pub fn restore(
        folder: &Path,
        options: Options,
        make: impl Fn() -> Replay,
    ) -> Result<(Self, Recovered, Replay), StoreError> {
        let (folder, lock) = take(folder)?;
        let (mut replay, from) = if schema::exists(&folder)? {
            snapshot::newest(&folder, &make, u64::MAX)
        } else {
            (make(), Head::START)
        };
        let read = recover(&folder, from, &mut crate::feed(&mut replay))?;
        let (journal, recovered) = Self::run(folder, lock, options, &read, &mut crate::feed(&mut replay))?;
        Ok((journal, recovered, replay))
    }

    /// Takes in an unsaved file from elsewhere: what fits is appended, what the journal holds is skipped,
    /// what contradicts it is named. The file stays. No switch may run on the folder.
    pub fn import(folder: &Path, file: &Path) -> Result<Imported, StoreError> {
        if !schema::exists(folder)? {
            return Err(StoreError::Missing { path: schema::file(folder) });
        }
        if !file.exists() {
            return Err(StoreError::Missing { path: file.to_owned() });
        }
        let (folder, _lock) = take(folder)?;
        let mut without = import::Refusals::new();
        loop {
            let (mut replay, from) = snapshot::newest(&folder, &Replay::new, u64::MAX);
            let read = recover(&folder, from, &mut crate::feed(&mut replay))?;
            match import::plan(&folder, file, read.head, &mut crate::feed(&mut replay), &without) {
                Ok(plan) => {
                    let shared = Arc::new(Shared::new(0, 0, 0));
                    let (_, receiver) = crossbeam_channel::bounded(1);
                    let (options, ballast) = (Options::default(), Ballast::new(&folder, 0));
                    ballast.keep()?;
                    writer(&folder, &read, options, ballast, receiver, &shared, &SharedFault::default())?
                        .take_in(plan.entries)?;
                    return Ok(plan.imported);
                }
                // The books were changed by half of it: anew, without that line.
                Err(PlanError::RefusedEntry { line, why }) if !without.contains_key(&line) => {
                    drop(without.insert(line, why))
                }
                Err(error) => return Err(error.of_start(file)),
            }
        }
    }

    /// Takes in the unsaved file after what was recovered, and starts the writer.
    fn run(
        folder: PathBuf,
        lock: FolderLock,
        options: Options,
        read: &Read,
        on_entry: OnEntry<'_>,
    ) -> Result<(Self, Recovered), StoreError> {
        let ballast = Ballast::new(&folder, options.ballast_bytes);
        ballast.keep()?;
        let unsaved_file = options.unsaved_file.clone();
        let mut to_take = Vec::new();
        if let Some(place) = &unsaved_file {
            unsaved::try_unsaved_place(place, false)?;
            let plan = import::plan(&folder, place, read.head, on_entry, &import::Refusals::new());
            to_take = plan.and_then(import::Plan::whole).map_err(|e: PlanError| e.of_start(place))?;
        }
        let shared =
            Arc::new(Shared::new(options.shards, u64::from(options.bound), u64::from(options.live_reserve)));
        // One place more than the bound, for the word that closes.
        let (sender, receiver) = crossbeam_channel::bounded(options.bound as usize + 1);
        let (shards, every, fault) = (options.shards, options.snapshot_entries, SharedFault::default());
        let mut writer = writer(&folder, read, options, ballast, receiver, &shared, &fault)?;
        let taken = to_take.len() as u64;
        writer.take_in(to_take)?;
        if let Some(place) = &unsaved_file {
            unsaved::remove(place)?;
        }
        let recovered = Recovered {
            entries: writer.head.entries,
            from_snapshot: read.from.entries,
            head: writer.head.hash,
            taken,
        };
        let path = writer.path.clone();
        let watched = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                let _watch = Watch(watched);
                writer.run()
            })
            .map_err(|source| StoreError::Io {
                what: "cannot start the writer of",
                path: path.clone(),
                source,
            })?;
        let snapshots = Snapshots::start(&folder, &shared, every, read.from.entries, fault)
            .map_err(|source| StoreError::Io { what: "cannot start the snapshots of", path, source })?;
        let taken_places = Mutex::new(vec![false; shards]);
        let journal = Self {
            folder,
            shared,
            sender,
            taken: taken_places,
            writer: Mutex::new(Some(thread)),
            snapshots,
            _lock: lock,
        };
        Ok((journal, recovered))
    }

    /// The way in for one shard, once per shard. `wake` is called from the writer's thread after each commit
    /// that made entries of this shard durable, and when the journal fails; it must not block.
    pub fn appender(
        &self,
        shard: usize,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Appender, StoreError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(shard) {
            Some(place @ false) => *place = true,
            Some(true) | None => return Err(StoreError::Shard { shard }),
        }
        let slot = &self.shared.slots[shard];
        // Set once: the place was free.
        let _set = slot.wake.set(Box::new(wake));
        let last = slot.durable.load(Ordering::Acquire);
        Ok(Appender { shard, last, sender: self.sender.clone(), shared: Arc::clone(&self.shared) })
    }

    /// Another connection, for queries from another thread.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.folder)
    }

    /// The feed `name` of this journal, for one consumer; `node` is what its message ids begin with. At most
    /// one of a name may be open.
    pub fn feed(
        &self,
        node: &str,
        name: &'static str,
        wants: Wants,
        start: Start,
    ) -> Result<Feed, StoreError> {
        Feed::open(&self.folder, Arc::clone(&self.shared), node, name, wants, start)
    }

    /// Calls `wake` from the writer's thread after each commit, for as long as the journal lives; it must not
    /// block.
    pub fn watch(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.shared.watch(Box::new(wake));
    }

    /// Number of the last durable entry, 0 if there is none.
    pub fn last(&self) -> u64 {
        self.shared.last()
    }

    /// All balances right after entry `entry`, which has to be durable: the sum of exactly those up to it. It
    /// reads what came after the last snapshot before it.
    pub fn trial_at(&self, entry: u64) -> Result<TrialBalance, StoreError> {
        closing::trial_at(&self.folder, entry)
    }

    /// How full the queue is.
    pub fn pressure(&self) -> Pressure {
        self.shared.pressure()
    }

    /// Why the journal failed, if it did.
    pub fn failed(&self) -> Option<&str> {
        self.shared.failure()
    }

    /// Counters and commit times.
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics()
    }

    /// Makes all that was queued durable and ends the writer. Appenders should have stopped before. An error
    /// means that entries are not in the journal: the process must not exit with 0. A second call finds
    /// nothing to do.
    pub fn close(&self) -> Result<Option<Closed>, StoreError> {
        self.shared.close();
        self.snapshots.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return Ok(None) };
        let word = Job {
            shard: CLOSE,
            ticket: 0,
            entry: Entry { kind: Kind::OTHER, account: Name::from(""), at: Wall(0), body: Vec::new() },
        };
        // If the writer is gone already, joining says why.
        let _sent = self.sender.send(word);
        match writer.join() {
            Ok(result) => result.map(Some),
            Err(_) => {
                let why = self.shared.failure().unwrap_or("its writer ended").to_owned();
                Err(StoreError::Failed {
                    why,
                    unsaved: self.shared.pressure().queued,
                    path: PathBuf::from("memory"),
                })
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Err(e) = self.close() {
            tracing::error!(error = %e, "closing the journal");
        }
    }
}

/// If the writer's thread ends by a panic, shards must see a failed journal, not a silent one.
struct Watch(Arc<Shared>);

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("the writer's thread panicked".to_owned());
        }
    }
}

/// The writer at the end of what was read; nothing is written yet but the tables of a new journal.
fn writer(
    folder: &Path,
    read: &Read,
    options: Options,
    ballast: Ballast,
    receiver: Receiver<Job>,
    shared: &Arc<Shared>,
    fault: &SharedFault,
) -> Result<Writer, StoreError> {
    let (path, head) = (schema::file(folder), read.head);
    let conn = schema::open_to_write(&path, read.found)?;
    index::check_tail(&conn, &path, read.from.entries, head.entries, read.cdrs)?;
    let index = CdrIndex::load(&conn).map_err(|e| StoreError::Damaged {
        path: path.clone(),
        last_whole: head.entries,
        why: format!("the tables for queries cannot be read: {e}"),
    })?;
    let head_file =
        HeadFile::begin(folder, head).map_err(|e| StoreError::folder(&folder.join(head::FILE), e))?;
    // The names of new files are durable only when their folder is.
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| StoreError::folder(folder, e))?;
    shared.reached(head.entries);
    *fault.lock().unwrap_or_else(PoisonError::into_inner) = options.fault;
    Ok(Writer {
        conn,
        path,
        receiver,
        shared: Arc::clone(shared),
        index,
        head,
        gather: options.gather,
        checkpoint_bytes: options.checkpoint_bytes,
        logged_bytes: 0,
        unsaved: Unsaved::new(options.unsaved_file),
        ballast,
        head_file,
        fault: Arc::clone(fault),
    })
}

/// The folder, made if absent and then for its owner alone, and ours.
pub(crate) fn take(folder: &Path) -> Result<(PathBuf, FolderLock), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| StoreError::folder(folder, e))?;
    let folder = folder.canonicalize().map_err(|e| StoreError::folder(folder, e))?;
    let lock = FolderLock::take(&folder)?;
    Ok((folder, lock))
}

fn recover(folder: &Path, from: Head, on_entry: OnEntry<'_>) -> Result<Read, StoreError> {
    let path = schema::file(folder);
    if !schema::exists(folder)? {
        head::check(folder, Head::START).map_err(|why| StoreError::Damaged { path, last_whole: 0, why })?;
        return Ok(Read { head: Head::START, found: Found::Nothing, from, cdrs: 0 });
    }
    let mut cdrs = 0;
    let (head, found) = walk::walk_file(&path, from, &mut |seq, entry, hash| {
        cdrs += u64::from(entry.kind == Kind::CDR);
        on_entry(seq, entry, hash)
    });
    let found = found?;
    let whole = wal::check(folder)
        .and_then(|()| head::check(folder, head))
        .and_then(|()| snapshot::check_end(folder, head));
    whole.map_err(|why| StoreError::Damaged { path, last_whole: head.entries, why })?;
    Ok(Read { head, found, from, cdrs })
}
