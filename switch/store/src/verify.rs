//! `ledger verify`: reads and replays the whole journal without writing, beside a running switch or on a
//! damaged file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ledger::{Hash, RecordBody, Replay, TrialBalance};
use units::Money;

use crate::lock::{FolderLock, Peek};
use crate::replay::take;
use crate::walk::Head;
use crate::{ClosingCheck, Reader, StoreError, closing, head, index, schema, snapshot, wal, walk};

/// What a journal holds. Where it is damaged, what its whole part holds.
#[derive(Debug)]
pub struct Verification {
    /// Whole entries.
    pub entries: u64,
    /// Customers' accounts.
    pub accounts: u64,
    /// Per currency the sum over all accounts: zero, or the books are wrong.
    pub sums: Vec<Money>,
    /// Calls answered and not settled.
    pub open_calls: u64,
    /// Hash of the last entry; zeros if there is none.
    pub head: Hash,
    /// Why not all of it is whole: [`StoreError::Damaged`] or [`StoreError::Replay`].
    pub damage: Option<StoreError>,
    /// All balances.
    pub trial: TrialBalance,
    /// The snapshots beside it.
    pub snapshots: Vec<SnapshotCheck>,
    /// The closed periods.
    pub closings: Vec<ClosingCheck>,
    /// Why the tables for queries do not fit the entries: [`StoreError::Index`].
    pub index: Option<StoreError>,
    /// Entry of the anchor beside the journal; none if there is none.
    pub anchored: Option<u64>,
}

/// A snapshot against a replay of everything up to its entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotCheck {
    /// The entry that it stands for.
    pub seq: u64,
    /// It says what the replay says, byte for byte.
    pub equal: bool,
}

// === impl Verification ===

impl Verification {
    /// Whole, every sum is zero, the tables for queries fit, and no anchor, no snapshot and no closed period
    /// says otherwise.
    pub fn is_clean(&self) -> bool {
        let sums = self.sums.iter().all(|sum| sum.amount == 0);
        let (snapshots, closings) =
            (self.snapshots.iter().all(|one| one.equal), self.closings.iter().all(|one| one.equal));
        self.damage.is_none() && self.index.is_none() && sums && snapshots && closings
    }
}

/// Reads the journal in `folder` from its first entry. An error only if it cannot be read at all.
pub fn verify(folder: &Path) -> Result<Verification, StoreError> {
    verify_against(folder, None)
}

/// As [`verify`]; it must also hold the entry of this number with this hash, which [`journal_head`] said
/// once.
pub fn verify_against(folder: &Path, kept: Option<(u64, Hash)>) -> Result<Verification, StoreError> {
    let path = schema::file(folder);
    if !schema::exists(folder)? {
        return Err(StoreError::Missing { path });
    }
    // Before the walk: a running switch writes on.
    let anchor = head::read(folder);
    let mut replay = Replay::new();
    let (mut snapshots, mut closings) = (Vec::new(), Vec::new());
    let files: BTreeMap<u64, PathBuf> = snapshot::files(folder)
        .into_iter()
        .filter_map(|file| Some((snapshot::seq_of(&file)?, file)))
        .collect();
    let (end, walked) = walk::walk_file(&path, Head::START, &mut |seq, entry, hash| {
        if let RecordBody::PeriodClosed(closed) = take(&mut replay, seq, entry, hash)?.body {
            closings.extend(closing::check(folder, &replay, seq, &closed));
        }
        if let Some(file) = files.get(&seq) {
            snapshots.push(SnapshotCheck { seq, equal: is_snapshot_of(file, &replay) });
        }
        Ok(())
    });
    // Of entries that are not there, what files that were there before the walk say.
    snapshots.extend(
        files
            .range(end.entries + 1..)
            .filter(|(_, file)| file.exists())
            .map(|(seq, _)| SnapshotCheck { seq: *seq, equal: false }),
    );
    let damage = match walked {
        Ok(_) => check_end(folder, end, &anchor, kept).err().map(|why| StoreError::Damaged {
            path,
            last_whole: end.entries,
            why,
        }),
        Err(e @ (StoreError::Damaged { .. } | StoreError::Replay { .. })) => Some(e),
        Err(e) => return Err(e),
    };
    let index = if damage.is_none() { check_index(folder, end)? } else { None };
    let anchored = anchor.ok().flatten().map(|anchor| anchor.entries);
    let ledger::Verification { accounts, sums, open_calls, .. } = replay.verification();
    let trial = replay.trial();
    let (entries, head) = (end.entries, end.hash);
    Ok(Verification {
        entries,
        accounts,
        sums,
        open_calls,
        head,
        damage,
        trial,
        snapshots,
        closings,
        index,
        anchored,
    })
}

/// Where the journal in `folder` ends: number and hash of its last entry. Kept on another machine it proves
/// later that nothing up to it was changed, see [`verify_against`].
pub fn journal_head(folder: &Path) -> Result<(u64, Hash), StoreError> {
    let reader = Reader::open(folder)?;
    let last = reader.last()?;
    Ok((last, reader.hash(last)?))
}

/// The log, the anchor beside the journal, and one that was kept elsewhere.
fn check_end(
    folder: &Path,
    end: Head,
    anchor: &Result<Option<Head>, String>,
    kept: Option<(u64, Hash)>,
) -> Result<(), String> {
    check_log(folder)?;
    if let Some(anchor) = anchor.clone()? {
        head::is_held(folder, end, anchor, head::FILE)?;
    }
    match kept {
        Some((entries, hash)) => {
            head::is_held(folder, end, Head { entries, hash }, "the head that was given")
        }
        None => Ok(()),
    }
}

fn check_index(folder: &Path, end: Head) -> Result<Option<StoreError>, StoreError> {
    let path = schema::file(folder);
    let conn = schema::open_to_read(&path)?;
    let mut checked = index::check(&conn, &path, end.entries);
    // It reads all of the file at once, which would hold back the log of a running switch.
    if let (Ok(()), Peek::Idle(_held)) = (&checked, FolderLock::peek(folder)) {
        checked = index::check_sqlite(&conn, &path);
    }
    match checked {
        Ok(()) => Ok(None),
        Err(e @ (StoreError::Index { .. } | StoreError::Damaged { .. })) => Ok(Some(e)),
        Err(e) => Err(e),
    }
}

fn is_snapshot_of(file: &Path, replay: &Replay) -> bool {
    let mut expected = Vec::new();
    // One that was replaced meanwhile says nothing.
    let Ok(found) = std::fs::read(file) else { return true };
    snapshot::bytes(replay, &mut expected).is_ok() && found == expected
}

/// A running switch writes its log while we would read it; it has checked what was there when it started.
fn check_log(folder: &Path) -> Result<(), String> {
    match FolderLock::peek(folder) {
        Peek::Busy => Ok(()),
        Peek::Idle(_held) => wal::check(folder),
    }
}
