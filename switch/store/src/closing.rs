//! Closed periods: the trial balance at an exact entry of the journal, the closings written so far, and
//! whether they say what the journal says.

use std::path::Path;

use ledger::{PeriodClosed, Record, RecordBody, Replay, TrialBalance};

use crate::snapshot::newest;
use crate::walk::walk_file;
use crate::{Reader, StoreError, feed, schema};

const CLOSINGS: &str = "SELECT seq, body FROM entry WHERE kind = 3 AND account = ?1 ORDER BY seq";
/// Entries read at once.
const ENTRIES: u32 = 4_096;

/// A closing against the entries that it sums up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClosingCheck {
    /// The entry that closed the period.
    pub seq: u64,
    /// The last entry in its trial balance.
    pub entry: u64,
    /// It says what the entries say, to the last digit.
    pub equal: bool,
}

/// All balances right after an entry.
pub(crate) fn trial_at(folder: &Path, entry: u64) -> Result<TrialBalance, StoreError> {
    let path = schema::file(folder);
    let (mut replay, from) = newest(folder, &Replay::new, entry);
    let walked = walk_file(&path, from, &mut |seq, written, hash| {
        if seq > entry { Err("beyond the cut".to_owned()) } else { feed(&mut replay)(seq, written, hash) }
    });
    if replay.seq() == entry {
        return Ok(replay.trial());
    }
    walked.1?;
    Err(StoreError::Damaged { path, last_whole: replay.seq(), why: format!("entry {entry} is not there") })
}

/// Whether the closing in entry `seq` says what the entries up to its cut say; `replay` has taken all up to
/// and including `seq`. None of one that was written before cuts were exact.
pub(crate) fn check(folder: &Path, replay: &Replay, seq: u64, closed: &PeriodClosed) -> Option<ClosingCheck> {
    closed.key.as_ref()?;
    let at_cut = without_later(folder, replay.trial(), closed.entry, seq);
    let equal = at_cut.is_ok_and(|trial| trial.rows() == closed.trial);
    Some(ClosingCheck { seq, entry: closed.entry, equal })
}

/// What `trial` was before the entries after `cut`, of which `upto` is the last.
fn without_later(
    folder: &Path,
    mut trial: TrialBalance,
    cut: u64,
    upto: u64,
) -> Result<TrialBalance, StoreError> {
    let reader = Reader::open(folder)?;
    let mut after = cut;
    while after < upto {
        let entries = reader.entries(after, ENTRIES)?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in entries.iter().filter(|entry| entry.seq <= upto) {
            let record = Record::decode(&entry.entry.body).map_err(|e| reader.damaged(entry.seq, &e))?;
            record.transfers().into_iter().for_each(|transfer| trial.take_back(transfer));
        }
    }
    Ok(trial)
}

impl Reader {
    /// The closings that are in the journal, each with the number of its entry, the oldest first.
    pub fn closings(&self) -> Result<Vec<(u64, PeriodClosed)>, StoreError> {
        let mut statement = self.conn.prepare_cached(CLOSINGS).map_err(|e| self.unreadable(e))?;
        let mut rows = statement.query([Record::NODE]).map_err(|e| self.unreadable(e))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(|e| self.unreadable(e))? {
            let (seq, record) = self.decode(row)?;
            if let RecordBody::PeriodClosed(closed) = record.body {
                all.push((seq, closed));
            }
        }
        Ok(all)
    }
}
