//! Finds call records by account and by end without an index page per account touched in every commit.
//!
//! Entries are cut into blocks of 8,192. When a block is full it is written which accounts have records in it
//! and which span of time they cover; a query visits only blocks that can match and the open one, and within
//! them a narrow table in journal order.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, Statement};
use units::Name;

use crate::{Entry, StoreError};

/// Entries in one block.
pub(crate) const BLOCK: u64 = 8_192;

/// Adds a record to the narrow table.
pub(crate) const INSERT: &str = "INSERT INTO cdr (seq, at, account) VALUES (?1, ?2, ?3)";

/// Entries compared in one read, so that a comparison never holds back the writer's log for long.
const COMPARED: u64 = 65_536;

// Each finds one place where a table does not say what the entries say; the constants are those of `Kind` and
// [`BLOCK`].
const NOT_IN_TABLE: &str = "SELECT e.seq FROM entry e LEFT JOIN cdr c ON c.seq = e.seq WHERE e.seq > ?1 AND e.seq <= ?2 AND e.kind = 1 \
    AND (c.seq IS NULL OR c.at <> e.at OR c.account <> e.account) LIMIT 1";
const NOT_IN_JOURNAL: &str = "SELECT c.seq FROM cdr c LEFT JOIN entry e ON e.seq = c.seq WHERE c.seq > ?1 AND c.seq <= ?2 \
    AND (e.seq IS NULL OR e.kind <> 1) LIMIT 1";
const BEYOND: &str = "SELECT seq FROM cdr WHERE seq > (SELECT ifnull(max(seq), 0) FROM entry) LIMIT 1";
const _: () = assert!(BLOCK == 8_192);
/// Blocks that are over: all but that of the last record.
const OVER: &str = "seq < (SELECT max(seq) / 8192 * 8192 FROM cdr)";

/// The open block, of which the tables do not know yet.
pub(crate) struct CdrIndex {
    block: u64,
    accounts: HashSet<Name>,
    span: Option<(i64, i64)>,
}

/// At a start: has the table a row for each of the `cdrs` call records after entry `from`, and none beyond
/// entry `last`?
pub(crate) fn check_tail(
    conn: &Connection,
    path: &Path,
    from: u64,
    last: u64,
    cdrs: u64,
) -> Result<(), StoreError> {
    let count = conn.query_row("SELECT count(*) FROM cdr WHERE seq > ?1", [from], |row| row.get::<_, u64>(0));
    let count = count.map_err(|e| StoreError::sqlite("cannot read", path, e))?;
    let beyond = first(conn, path, BEYOND, ())?;
    let why = match beyond {
        Some(seq) => format!("there is a call record {seq}, but the journal ends at entry {last}"),
        None if count != cdrs => {
            format!("after entry {from} there are {count} call records in a table and {cdrs} in the journal")
        }
        None => return Ok(()),
    };
    Err(StoreError::Index { path: path.to_owned(), why })
}

/// Compares every table for queries with the entries up to `last`.
pub(crate) fn check(conn: &Connection, path: &Path, last: u64) -> Result<(), StoreError> {
    let wrong = |why: String| Err(StoreError::Index { path: path.to_owned(), why });
    for from in (0..last).step_by(COMPARED as usize) {
        let upto = last.min(from + COMPARED);
        if let Some(seq) = first(conn, path, NOT_IN_TABLE, (from, upto))? {
            return wrong(format!("the call record of entry {seq} is missing there, or is not the entry's"));
        }
        if let Some(seq) = first(conn, path, NOT_IN_JOURNAL, (from, upto))? {
            return wrong(format!("it has a call record {seq}, which is no call record in the journal"));
        }
    }
    if let Some(seq) = first(conn, path, BEYOND, ())? {
        return wrong(format!("it has a call record {seq}, but the journal ends before"));
    }
    let times = format!("SELECT seq / 8192, min(at), max(at) FROM cdr WHERE {OVER} GROUP BY 1");
    let accounts = format!("SELECT DISTINCT account, seq / 8192 FROM cdr WHERE {OVER}");
    for (said, table) in [
        (times, "SELECT block, first_at, last_at FROM cdr_time"),
        (accounts, "SELECT account, block FROM cdr_account"),
    ] {
        for (one, other) in [(&*said, table), (table, &*said)] {
            let sql = format!("SELECT 1 FROM (SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other})) LIMIT 1");
            if first(conn, path, &sql, ())?.is_some() {
                return wrong(
                    "the blocks of call records do not say which accounts and times are in them".to_owned(),
                );
            }
        }
    }
    Ok(())
}

/// SQLite's own indexes against their rows. It reads all of the file.
pub(crate) fn check_sqlite(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let said = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    let said = said.map_err(|e| StoreError::sqlite("cannot read", path, e))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(StoreError::Index { path: path.to_owned(), why: said.replace('\n', ": ") })
    }
}

fn first(
    conn: &Connection,
    path: &Path,
    sql: &str,
    between: impl rusqlite::Params,
) -> Result<Option<u64>, StoreError> {
    let found = conn
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(between, |row| row.get(0)).optional());
    found.map_err(|e| StoreError::sqlite("cannot read", path, e))
}

// === impl CdrIndex ===

impl CdrIndex {
    /// Of a journal without call records.
    pub(crate) fn empty() -> Self {
        Self { block: 0, accounts: HashSet::new(), span: None }
    }

    /// Reads the state of the open block: that of the last record.
    pub(crate) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let last: Option<u64> = conn.query_row("SELECT max(seq) FROM cdr", [], |row| row.get(0))?;
        let mut index = Self { block: last.unwrap_or(0) / BLOCK, accounts: HashSet::new(), span: None };
        let mut statement = conn.prepare("SELECT at, account FROM cdr WHERE seq >= ?1 ORDER BY seq")?;
        let mut rows = statement.query([index.block * BLOCK])?;
        while let Some(row) = rows.next()? {
            index.stretch(row.get(0)?);
            index.accounts.insert(Name::from(row.get_ref(1)?.as_str()?));
        }
        Ok(index)
    }

    /// Enters the record with number `seq`, in the transaction that is open, by the statement made of
    /// [`INSERT`].
    pub(crate) fn add(
        &mut self,
        conn: &Connection,
        insert: &mut Statement<'_>,
        seq: u64,
        entry: &Entry,
    ) -> rusqlite::Result<()> {
        let block = seq / BLOCK;
        if block != self.block {
            self.finish_block(conn)?;
            self.block = block;
        }
        self.stretch(entry.at.0);
        insert.execute((seq, entry.at.0, &*entry.account))?;
        if !self.accounts.contains(&entry.account) {
            self.accounts.insert(entry.account.clone());
        }
        Ok(())
    }

    fn finish_block(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        if let Some((first, last)) = self.span.take() {
            conn.prepare_cached(
                "INSERT OR REPLACE INTO cdr_time (block, first_at, last_at) VALUES (?1, ?2, ?3)",
            )?
            .execute((self.block, first, last))?;
        }
        let mut insert =
            conn.prepare_cached("INSERT OR REPLACE INTO cdr_account (account, block) VALUES (?1, ?2)")?;
        // In order, so that neighbours share a page.
        let mut accounts: Vec<Name> = self.accounts.drain().collect();
        accounts.sort_unstable();
        for account in accounts {
            insert.execute((&*account, self.block))?;
        }
        Ok(())
    }

    fn stretch(&mut self, at: i64) {
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }
}
