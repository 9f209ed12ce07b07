//! Reads the journal from its first entry, checking that none is missing and that the hash chain holds.
//!
//! Used by recovery and by verification. Each chunk is a read of its own, so that a long walk never holds
//! back the writer's log.

use std::path::Path;

use ledger::{GENESIS, Hash, chain};
use rusqlite::{Connection, Row};
use units::{Name, Wall};

use crate::schema::{self, Found};
use crate::{Entry, Kind, StoreError};

/// Rows read in one go.
const CHUNK_ROWS: u64 = 8_192;
const ROWS: &str =
    "SELECT seq, kind, account, at, body, hash FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/// The end of the whole part: how many entries, and the last one's hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) entries: u64,
    pub(crate) hash: Hash,
}

/// Why a walk ended early. All entries up to the head were whole and seen.
enum Stop {
    /// The next entry is not whole.
    Damaged(String),
    /// The caller refused a whole entry.
    RefusedEntry(String),
    /// Reading failed for a reason that is not damage.
    Sqlite(rusqlite::Error),
}

/// Sees each whole entry with its number and hash; an error ends the walk.
pub(crate) type OnEntry<'a> = &'a mut dyn FnMut(u64, &Entry, &Hash) -> Result<(), String>;

// === impl Head ===

impl Head {
    pub(crate) const START: Self = Self { entries: 0, hash: GENESIS };
}

/// Shows every whole entry of the journal at `path` after `from` to `on_entry`, in order. The head is how far
/// it came, also with an error; no journal at all is one without entries.
pub(crate) fn walk_file(path: &Path, from: Head, on_entry: OnEntry<'_>) -> (Head, Result<Found, StoreError>) {
    let mut head = from;
    let mut walked = walk_connection(schema::open_to_read(path), path, &mut head, on_entry);
    if head == from && matches!(walked, Err(StoreError::Damaged { .. })) {
        // SQLite reads nothing at all of a file that is shorter than its header says, unless it is told that
        // this is known.
        let salvaged = walk_connection(schema::open_to_salvage(path), path, &mut head, on_entry);
        walked = match (salvaged, walked) {
            (Err(e), _) => Err(e),
            (Ok(_), Err(StoreError::Damaged { path, why, .. })) => {
                Err(StoreError::Damaged { path, last_whole: head.entries, why })
            }
            (Ok(_), other) => other,
        };
    }
    (head, walked)
}

fn walk_connection(
    conn: Result<Connection, StoreError>,
    path: &Path,
    head: &mut Head,
    on_entry: OnEntry<'_>,
) -> Result<Found, StoreError> {
    let conn = conn?;
    let found = schema::identify(&conn, path)?;
    if found == Found::Nothing {
        return Ok(found);
    }
    let walked = walk(&conn, found, head, on_entry);
    let (path, last_whole) = (path.to_owned(), head.entries);
    match walked {
        Ok(()) => Ok(found),
        Err(Stop::Damaged(why)) => Err(StoreError::Damaged { path, last_whole, why }),
        Err(Stop::RefusedEntry(why)) => Err(StoreError::Replay { path, seq: last_whole + 1, why }),
        Err(Stop::Sqlite(e)) => Err(StoreError::sqlite("cannot read", &path, e)),
    }
}

fn walk(conn: &Connection, found: Found, head: &mut Head, on_entry: OnEntry<'_>) -> Result<(), Stop> {
    loop {
        let before = head.entries;
        walk_chunk(conn, found, head, on_entry)?;
        if head.entries - before < CHUNK_ROWS {
            return Ok(());
        }
    }
}

fn walk_chunk(conn: &Connection, version: Found, head: &mut Head, on_entry: OnEntry<'_>) -> Result<(), Stop> {
    let mut statement = conn.prepare_cached(ROWS)?;
    let mut rows = statement.query([head.entries, CHUNK_ROWS])?;
    while let Some(row) = rows.next()? {
        let seq = head.entries + 1;
        let found: u64 = row.get(0).map_err(damaged)?;
        if found != seq {
            return Err(Stop::Damaged(format!("entry {seq} is missing, the next is {found}")));
        }
        let (mut entry, written) = read(row).map_err(damaged)?;
        if version == Found::First {
            entry.kind = schema::upgraded(&entry);
        }
        let hash = chain(&head.hash, &entry.body);
        if written != hash {
            return Err(Stop::Damaged(format!(
                "the hash chain breaks at entry {seq}: it was changed, or one before it"
            )));
        }
        on_entry(seq, &entry, &hash).map_err(Stop::RefusedEntry)?;
        *head = Head { entries: seq, hash };
    }
    Ok(())
}

/// A row of `seq, kind, account, at, body, hash`.
pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<(Entry, Hash)> {
    let account: Name = Name::from(row.get_ref(2)?.as_str()?);
    let body = row.get_ref(4)?.as_bytes()?.to_vec();
    let entry = Entry { kind: Kind(row.get(1)?), account, at: Wall(row.get(3)?), body };
    Ok((entry, row.get(5)?))
}

/// Within a row, whatever cannot be read is damage.
fn damaged(e: rusqlite::Error) -> Stop {
    Stop::Damaged(e.to_string())
}

impl From<rusqlite::Error> for Stop {
    fn from(e: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match e.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(e.to_string()),
            // A page beyond the end of a file that was cut.
            Some(ErrorCode::SystemIoFailure) => Self::Damaged(e.to_string()),
            _ => Self::Sqlite(e),
        }
    }
}
