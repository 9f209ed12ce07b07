//! Entries of the journal as a replay takes them.

use ledger::{Hash, Record, Replay};

use crate::Entry;

/// Hands entries on to `replay`: what [`crate::Journal::open`] wants. Columns that contradict the record are
/// refused, too.
pub fn feed(replay: &mut Replay) -> impl FnMut(u64, &Entry, &Hash) -> Result<(), String> {
    |seq, entry, hash| take(replay, seq, entry, hash).map(|_| ())
}

/// As [`feed`], for one entry; its record.
pub(crate) fn take(replay: &mut Replay, seq: u64, entry: &Entry, hash: &Hash) -> Result<Record, String> {
    let record = replay.feed(seq, &entry.body, hash).map_err(|e| chain_text(&e))?;
    match row_of(entry, &record) {
        None => Ok(record),
        Some(right) if right.account == entry.account && right.at == entry.at => Err(format!(
            "its column `kind` says {} where its record is of kind {}: see `tollgate ledger reindex`",
            entry.kind.0, right.kind.0
        )),
        Some(_) => Err("its columns are not those of its record".to_owned()),
    }
}

/// The entry as its columns should be, if they are not; the hash chain covers only the body.
pub(crate) fn row_of(entry: &Entry, record: &Record) -> Option<Entry> {
    if entry.is_row_of(record) {
        None
    } else {
        Some(Entry { body: entry.body.clone(), ..Entry::columns_of(record) })
    }
}

/// An error with its causes, in one line.
fn chain_text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<String>>().join(": ")
}
