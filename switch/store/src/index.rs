//! Finds call records by account and by end without an index page per account touched in every commit.
//!
//! Entries are cut into blocks of 8,192. Per block it is kept which accounts have records in it and which span of time they cover;
//! a query visits only blocks that can match, and within them a narrow table in journal order. All of it is written with the entry.

use std::collections::HashSet;

use rusqlite::Connection;
use units::Name;

use crate::Entry;

/// Entries in one block.
pub(crate) const BLOCK: u64 = 8_192;

/// The open block: what the tables need to hear only once.
pub(crate) struct CdrIndex {
    block: u64,
    accounts: HashSet<Name>,
    span: Option<(i64, i64)>,
}

// === impl CdrIndex ===

impl CdrIndex {
    /// Reads the state of the block in which entry `last` lies.
    pub(crate) fn load(conn: &Connection, last: u64) -> rusqlite::Result<Self> {
        let mut index = Self { block: last / BLOCK, accounts: HashSet::new(), span: None };
        let mut statement = conn.prepare("SELECT at, account FROM cdr WHERE seq >= ?1 ORDER BY seq")?;
        let mut rows = statement.query([index.block * BLOCK])?;
        while let Some(row) = rows.next()? {
            index.stretch(row.get(0)?);
            index.accounts.insert(Name::from(row.get_ref(1)?.as_str()?));
        }
        Ok(index)
    }

    /// Enters the record with number `seq`, in the transaction that is open.
    pub(crate) fn add(&mut self, conn: &Connection, seq: u64, entry: &Entry) -> rusqlite::Result<()> {
        let block = seq / BLOCK;
        if block != self.block {
            self.finish_block(conn)?;
            self.block = block;
        }
        self.stretch(entry.at.0);
        conn.prepare_cached("INSERT INTO cdr (seq, at, account) VALUES (?1, ?2, ?3)")?.execute((seq, entry.at.0, &*entry.account))?;
        if !self.accounts.contains(&entry.account) {
            conn.prepare_cached("INSERT OR IGNORE INTO cdr_account (account, block) VALUES (?1, ?2)")?.execute((&*entry.account, block))?;
            self.accounts.insert(entry.account.clone());
        }
        Ok(())
    }

    fn finish_block(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        if let Some((first, last)) = self.span.take() {
            conn.prepare_cached("INSERT OR REPLACE INTO cdr_time (block, first_at, last_at) VALUES (?1, ?2, ?3)")?
                .execute((self.block, first, last))?;
        }
        self.accounts.clear();
        Ok(())
    }

    fn stretch(&mut self, at: i64) {
        self.span = Some(self.span.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }
}
