//! Makes the tables for queries anew from the entries, whose chain must be whole: they are derived, and only
//! the entries are the books.

use std::path::Path;

use ledger::Record;
use rusqlite::Connection;

use crate::index::{self, CdrIndex};
use crate::journal::take;
use crate::walk::{Head, read};
use crate::{Entry, StoreError, replay, schema, wal, walk};

/// Rows read in one go.
const CHUNK_ROWS: u64 = 8_192;

/// What was made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reindexed {
    /// Entries read.
    pub entries: u64,
    /// Call records entered.
    pub cdrs: u64,
    /// Entries whose columns were not those of their record.
    pub changed: u64,
}

/// Rebuilds every table and index for queries of the journal in `folder`, in one transaction. No switch may
/// run on it.
pub fn reindex(folder: &Path) -> Result<Reindexed, StoreError> {
    let (folder, _lock) = take(folder)?;
    let path = schema::file(&folder);
    if !schema::exists(&folder)? {
        return Err(StoreError::Missing { path });
    }
    // Only the chain counts: what is to be mended here must not stop it.
    let (head, walked) = walk::walk_file(&path, Head::START, &mut |_, _, _| Ok(()));
    let found = walked?;
    wal::check(&folder).map_err(|why| StoreError::Damaged {
        path: path.clone(),
        last_whole: head.entries,
        why,
    })?;
    let conn = schema::open_to_write(&path, found)?;
    let failed = |e| StoreError::sqlite("cannot write", &path, e);
    conn.execute_batch("BEGIN IMMEDIATE; DELETE FROM cdr; DELETE FROM cdr_account; DELETE FROM cdr_time;")
        .map_err(failed)?;
    let reindexed = rebuild(&conn, head).map_err(failed)?;
    conn.execute_batch("COMMIT; REINDEX;").map_err(failed)?;
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
    drop(conn);
    index::check(&schema::open_to_read(&path)?, &path, head.entries)?;
    Ok(reindexed)
}

fn rebuild(conn: &Connection, head: Head) -> rusqlite::Result<Reindexed> {
    let mut select = conn.prepare(
        "SELECT seq, kind, account, at, body, hash FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut update = conn.prepare("UPDATE entry SET kind = ?2, account = ?3, at = ?4 WHERE seq = ?1")?;
    let mut insert = conn.prepare(index::INSERT)?;
    let mut cdrs = CdrIndex::empty();
    let mut done = Reindexed { entries: head.entries, cdrs: 0, changed: 0 };
    for from in (0..head.entries).step_by(CHUNK_ROWS as usize) {
        let rows = select.query_map((from, CHUNK_ROWS), |row| Ok((row.get::<_, u64>(0)?, read(row)?.0)))?;
        for (seq, mut entry) in rows.collect::<rusqlite::Result<Vec<(u64, Entry)>>>()? {
            // What this program cannot read keeps its columns.
            if let Ok(record) = Record::decode(&entry.body)
                && let Some(row) = replay::row_of(&entry, &record)
            {
                update.execute((seq, row.kind.0, &*row.account, row.at.0))?;
                entry = row;
                done.changed += 1;
            }
            if entry.kind == crate::Kind::CDR {
                cdrs.add(conn, &mut insert, seq, &entry)?;
                done.cdrs += 1;
            }
        }
    }
    Ok(done)
}
