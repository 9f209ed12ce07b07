//! Finds call records by account and by end without an index page per account touched in every commit.
//!
//! Entries are cut into blocks of 8,192. When a block is full it is written which accounts have records in it and which span of time
//! they cover; a query visits only blocks that can match and the open one, and within them a narrow table in journal order.

use std::collections::HashSet;

use rusqlite::{Connection, Statement};
use units::Name;

use crate::Entry;

/// Entries in one block.
pub(crate) const BLOCK: u64 = 8_192;

/// Adds a record to the narrow table.
pub(crate) const INSERT: &str = "INSERT INTO cdr (seq, at, account) VALUES (?1, ?2, ?3)";

/// The open block, of which the tables do not know yet.
pub(crate) struct CdrIndex {
    block: u64,
    accounts: HashSet<Name>,
    span: Option<(i64, i64)>,
}

// === impl CdrIndex ===

impl CdrIndex {
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

    /// Enters the record with number `seq`, in the transaction that is open, by the statement made of [`INSERT`].
    pub(crate) fn add(&mut self, conn: &Connection, insert: &mut Statement<'_>, seq: u64, entry: &Entry) -> rusqlite::Result<()> {
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
            conn.prepare_cached("INSERT OR REPLACE INTO cdr_time (block, first_at, last_at) VALUES (?1, ?2, ?3)")?
                .execute((self.block, first, last))?;
        }
        let mut insert = conn.prepare_cached("INSERT OR REPLACE INTO cdr_account (account, block) VALUES (?1, ?2)")?;
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
