//! Reads the journal from its first entry, checking that none is missing and that the hash chain holds.
//!
//! Used by recovery and by verification. Each chunk is a read of its own, so that a long walk never holds back the writer's log.

use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};
use units::{Name, Wall};

use crate::{Entry, Kind};

/// What the first entry is chained to.
pub(crate) const GENESIS: [u8; 32] = [0; 32];
/// Rows read in one go.
const CHUNK_ROWS: u64 = 8_192;
const ROWS: &str = "SELECT seq, kind, account, at, body, hash FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/// The end of the whole part: how many entries, and the last one's hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    pub(crate) entries: u64,
    pub(crate) hash: [u8; 32],
}

/// Why a walk ended early. All entries up to the head were whole and seen.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The next entry is not whole.
    Damaged(String),
    /// The caller refused a whole entry.
    Refused(String),
    /// Reading failed for a reason that is not damage.
    Sqlite(rusqlite::Error),
}

/// Sees each whole entry with its number and hash; an error ends the walk.
pub(crate) type OnEntry<'a> = &'a mut dyn FnMut(u64, &Entry, &[u8; 32]) -> Result<(), String>;

// === impl Head ===

impl Head {
    pub(crate) const START: Self = Self { entries: 0, hash: GENESIS };
}

/// The hash of an entry: over the one before and its own body.
pub(crate) fn chain(before: &[u8; 32], body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(before).chain_update(body).finalize().into()
}

/// Shows every whole entry to `on_entry`, in order, and moves `head` along.
pub(crate) fn walk(conn: &Connection, head: &mut Head, on_entry: OnEntry<'_>) -> Result<(), Stop> {
    loop {
        let before = head.entries;
        walk_chunk(conn, head, on_entry)?;
        if head.entries - before < CHUNK_ROWS {
            return Ok(());
        }
    }
}

fn walk_chunk(conn: &Connection, head: &mut Head, on_entry: OnEntry<'_>) -> Result<(), Stop> {
    let mut statement = conn.prepare_cached(ROWS)?;
    let mut rows = statement.query([head.entries, CHUNK_ROWS])?;
    while let Some(row) = rows.next()? {
        let seq = head.entries + 1;
        let found: u64 = row.get(0).map_err(damaged)?;
        if found != seq {
            return Err(Stop::Damaged(format!("entry {seq} is missing, the next is {found}")));
        }
        let (entry, written) = read(row).map_err(damaged)?;
        let hash = chain(&head.hash, &entry.body);
        if written != hash {
            return Err(Stop::Damaged(format!("the hash chain breaks at entry {seq}: it was changed, or one before it")));
        }
        on_entry(seq, &entry, &hash).map_err(Stop::Refused)?;
        *head = Head { entries: seq, hash };
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Entry, [u8; 32])> {
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
