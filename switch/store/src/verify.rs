//! `ledger verify`: reads and replays the whole journal without writing, beside a running switch or on a damaged file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ledger::{Hash, Record, RecordBody, Replay, TrialBalance};
use units::Money;

use crate::lock::{FolderLock, Peek};
use crate::walk::Head;
use crate::{ClosingCheck, Entry, StoreError, closing, schema, snapshot, wal, walk};

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
    /// Whole, every sum is zero, and no snapshot and no closed period says otherwise.
    pub fn is_clean(&self) -> bool {
        let sums = self.sums.iter().all(|sum| sum.amount == 0);
        let (snapshots, closings) = (self.snapshots.iter().all(|one| one.equal), self.closings.iter().all(|one| one.equal));
        self.damage.is_none() && sums && snapshots && closings
    }
}

/// Reads the journal in `folder` from its first entry. An error only if it cannot be read at all.
pub fn verify(folder: &Path) -> Result<Verification, StoreError> {
    let path = schema::file(folder);
    if !schema::exists(folder)? {
        return Err(StoreError::Missing { path });
    }
    let mut replay = Replay::new();
    let (mut snapshots, mut closings) = (Vec::new(), Vec::new());
    let files: BTreeMap<u64, PathBuf> =
        snapshot::files(folder).into_iter().filter_map(|file| Some((snapshot::seq_of(&file)?, file))).collect();
    let (head, walked) = walk::walk_file(&path, Head::START, &mut |seq, entry, hash| {
        if let RecordBody::PeriodClosed(closed) = take(&mut replay, seq, entry, hash)?.body {
            closings.extend(closing::check(folder, &replay, seq, &closed));
        }
        if let Some(file) = files.get(&seq) {
            snapshots.push(SnapshotCheck { seq, equal: is_snapshot_of(file, &replay) });
        }
        Ok(())
    });
    let damage = match walked {
        Ok(_) => check_log(folder).err().map(|why| StoreError::Damaged { path, last_whole: head.entries, why }),
        Err(e @ (StoreError::Damaged { .. } | StoreError::Replay { .. })) => Some(e),
        Err(e) => return Err(e),
    };
    let ledger::Verification { accounts, sums, open_calls, .. } = replay.verification();
    let trial = replay.trial();
    Ok(Verification { entries: head.entries, accounts, sums, open_calls, head: head.hash, damage, trial, snapshots, closings })
}

fn is_snapshot_of(file: &Path, replay: &Replay) -> bool {
    let mut expected = Vec::new();
    // One that was replaced meanwhile says nothing.
    let Ok(found) = std::fs::read(file) else { return true };
    snapshot::bytes(replay, &mut expected).is_ok() && found == expected
}

/// Hands entries on to `replay`: what [`crate::Journal::open`] wants. Columns that contradict the record are refused, too.
pub fn feed(replay: &mut Replay) -> impl FnMut(u64, &Entry, &Hash) -> Result<(), String> {
    |seq, entry, hash| take(replay, seq, entry, hash).map(|_| ())
}

fn take(replay: &mut Replay, seq: u64, entry: &Entry, hash: &Hash) -> Result<Record, String> {
    let record = replay.feed(seq, &entry.body, hash).map_err(|e| chain_text(&e))?;
    if entry.is_row_of(&record) { Ok(record) } else { Err("its columns are not those of its record".to_owned()) }
}

/// A running switch writes its log while we would read it; it has checked what was there when it started.
fn check_log(folder: &Path) -> Result<(), String> {
    match FolderLock::peek(folder) {
        Peek::Busy => Ok(()),
        Peek::Idle(_held) => wal::check(folder),
    }
}

/// An error with its causes, in one line.
fn chain_text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<String>>().join(": ")
}
