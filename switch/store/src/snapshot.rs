//! Snapshots of the replay beside the journal, so that a start need not read all of it.
//!
//! A snapshot is only a shortcut: it is used if its bytes are whole and its hash is that of the entry it
//! stands for, and it is made by a thread that reads the journal as anybody could. Losing one loses time,
//! never money.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender};
use ledger::{Replay, SnapshotHead, SnapshotReader};

use crate::queue::Shared;
use crate::walk::{Head, walk_file};
use crate::writer::{SharedFault, stage};
use crate::{Reader, Stage, StoreError, feed, schema};

const PREFIX: &str = "snapshot-";
const NEW: &str = "snapshot.new";
/// Snapshots kept: the newest, and the one before it should the newest be damaged.
const KEPT: usize = 2;

/// The thread that makes them.
pub(crate) struct Snapshots {
    words: Sender<()>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread has.
struct Maker {
    folder: PathBuf,
    words: Receiver<()>,
    stop: Arc<AtomicBool>,
    /// The last entry in a snapshot.
    done: Arc<AtomicU64>,
    fault: SharedFault,
}

/// The snapshots in `folder`, the newest first.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
    };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(is_one)
        .collect();
    files.sort_unstable();
    files.reverse();
    files
}

/// The entry that a snapshot's name says it stands for.
pub(crate) fn seq_of(file: &Path) -> Option<u64> {
    file.file_name()?.to_str()?.rsplit('-').next()?.parse().ok()
}

/// The newest snapshot that fits the journal in `folder` and stands for no entry after `upto`, in a replay
/// that `make` made; an empty replay if there is none.
pub(crate) fn newest(folder: &Path, make: &dyn Fn() -> Replay, upto: u64) -> (Replay, Head) {
    for path in files(folder).into_iter().filter(|path| seq_of(path).is_some_and(|seq| seq <= upto)) {
        match read(folder, &path, make()) {
            Ok((replay, head)) => return (replay, head),
            Err(why) => {
                tracing::warn!(path = %path.display(), why, "snapshot ignored: an older one or the whole journal is read instead")
            }
        }
    }
    (make(), Head::START)
}

fn read(folder: &Path, path: &Path, into: Replay) -> Result<(Replay, Head), String> {
    let mut reader = SnapshotReader::into(into);
    let mut file = BufReader::with_capacity(1 << 20, File::open(path).map_err(|e| e.to_string())?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if file.read_until(b'\n', &mut line).map_err(|e| e.to_string())? == 0 {
            break;
        }
        let is_first = reader.head().is_none();
        reader.take(line.strip_suffix(b"\n").unwrap_or(&line)).map_err(|e| e.to_string())?;
        if is_first && let Some(head) = reader.head() {
            fits(folder, head)?;
        }
    }
    let SnapshotHead { seq, chain } = reader.head().ok_or("it is empty")?;
    Ok((reader.finish().map_err(|e| e.to_string())?, Head { entries: seq, hash: chain }))
}

/// Is the entry that it stands for in the journal, with this hash?
fn fits(folder: &Path, head: SnapshotHead) -> Result<(), String> {
    let written = Reader::open(folder).and_then(|reader| reader.hash(head.seq)).map_err(|e| e.to_string())?;
    if written == head.chain {
        Ok(())
    } else {
        Err(format!("entry {} of the journal has another hash", head.seq))
    }
}

/// A whole snapshot of an entry that the journal, which ends at `head`, does not have: its end is missing.
pub(crate) fn check_end(folder: &Path, head: Head) -> Result<(), String> {
    for path in files(folder) {
        let Some(seq) = seq_of(&path).filter(|seq| *seq > head.entries) else { continue };
        if is_whole(&path) {
            return Err(format!(
                "it ends at entry {}, but {} was made of {seq} entries: entries were deleted at its end, or its log is missing",
                head.entries,
                path.display()
            ));
        }
    }
    Ok(())
}

/// Whether the file is as it was written, whatever the journal says.
fn is_whole(path: &Path) -> bool {
    let mut reader = SnapshotReader::into(Replay::new());
    let Ok(file) = File::open(path) else { return false };
    let lines = BufReader::with_capacity(1 << 20, file).split(b'\n');
    lines.map_while(Result::ok).all(|line| reader.take(&line).is_ok()) && reader.finish().is_ok()
}

/// The bytes of a replay's snapshot.
pub(crate) fn bytes(replay: &Replay, out: &mut impl Write) -> io::Result<()> {
    replay.write_snapshot(|line| {
        out.write_all(line)?;
        out.write_all(b"\n")
    })
}

/// Writes a snapshot, durable before it has its name, and lets the oldest go.
fn write(folder: &Path, replay: &Replay, fault: &SharedFault) -> io::Result<()> {
    let (new, named) = (folder.join(NEW), folder.join(format!("{PREFIX}{:020}", replay.seq())));
    stage(fault, Stage::Snapshot)?;
    let made = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
    let mut file = BufWriter::with_capacity(1 << 20, made);
    bytes(replay, &mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    stage(fault, Stage::Snapshot)?;
    fs::rename(&new, &named)?;
    File::open(folder)?.sync_all()?;
    files(folder).into_iter().skip(KEPT).try_for_each(fs::remove_file)
}

// === impl Snapshots ===

impl Snapshots {
    /// Makes one whenever `every` entries came since the last, which had `done`.
    pub(crate) fn start(
        folder: &Path,
        shared: &Arc<Shared>,
        every: u64,
        done: u64,
        fault: SharedFault,
    ) -> io::Result<Self> {
        let (words, inbox) = crossbeam_channel::bounded(1);
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(done)));
        let maker = Maker {
            folder: folder.to_owned(),
            words: inbox,
            stop: Arc::clone(&stop),
            done: Arc::clone(&done),
            fault,
        };
        let thread = thread::Builder::new().name("snapshot".to_owned()).spawn(move || maker.run())?;
        let (bell, watched) = (words.clone(), Arc::downgrade(shared));
        let ring = move || {
            let last = watched.upgrade().map_or(0, |shared| shared.last());
            if every > 0 && last.saturating_sub(done.load(Ordering::Relaxed)) >= every {
                // If it is at work already it looks again afterwards.
                let _told = bell.try_send(());
            }
        };
        ring();
        shared.watch(Box::new(ring));
        Ok(Self { words, stop, thread: Mutex::new(Some(thread)) })
    }

    /// Ends the thread; a snapshot that it is making is given up.
    pub(crate) fn close(&self) {
        self.stop.store(true, Ordering::Release);
        let _told = self.words.try_send(());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the snapshots panicked; the journal is whole");
        }
    }
}

// === impl Maker ===

impl Maker {
    fn run(self) {
        while self.words.recv().is_ok() && !self.stop.load(Ordering::Acquire) {
            match self.make() {
                Ok(seq) => self.done.store(seq, Ordering::Relaxed),
                Err(_) if self.stop.load(Ordering::Acquire) => return,
                Err(why) => {
                    tracing::warn!(why, "no snapshot was made: the next start reads more of the journal");
                    // Not again at every commit.
                    let seq = Reader::open(&self.folder).and_then(|reader| reader.last()).unwrap_or_default();
                    self.done.store(seq, Ordering::Relaxed);
                }
            }
        }
    }

    /// From the last snapshot, or the first entry, to the last durable entry.
    fn make(&self) -> Result<u64, String> {
        let (mut replay, from) = newest(&self.folder, &Replay::new, u64::MAX);
        let walked = {
            let mut take = feed(&mut replay);
            walk_file(&schema::file(&self.folder), from, &mut |seq, entry, hash| {
                if self.stop.load(Ordering::Relaxed) {
                    Err("the journal closes".to_owned())
                } else {
                    take(seq, entry, hash)
                }
            })
        };
        let text = |e: StoreError| e.to_string();
        walked.1.map_err(text)?;
        write(&self.folder, &replay, &self.fault).map_err(|e| e.to_string())?;
        tracing::info!(
            entry = walked.0.entries,
            hash = ledger::hex(&walked.0.hash),
            "the journal's head at a snapshot"
        );
        Ok(replay.seq())
    }
}
