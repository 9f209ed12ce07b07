//! Queries on what is durable, through a connection of their own that never blocks the writer.

use std::path::{Path, PathBuf};

use ledger::{GENESIS, Hash, Notice, Record, RecordBody, RecordError};
use rusqlite::{Connection, OptionalExtension as _};
use serde::Deserialize;
use serde_json::value::RawValue;
use units::{Name, Wall};

use crate::index::BLOCK;
use crate::walk::read;
use crate::{Batch, JournalEntry, StoreError, Wants, schema};

/// Rows in one page at most.
pub const MAX_PAGE_ROWS: u32 = 10_000;

/// Which call records.
#[derive(Clone, Debug)]
pub struct Query {
    /// Of this account only.
    pub account: Option<Name>,
    /// Ended at or after.
    pub from: Option<Wall>,
    /// Ended before.
    pub to: Option<Wall>,
    /// Cursor: only entries after this number, or before it where the newest are first.
    pub after: Option<u64>,
    /// Rows wanted, 1 to [`MAX_PAGE_ROWS`]; what is outside is taken as the nearest.
    pub limit: u32,
    /// From the end of the journal to its beginning; `after` then is the number that rows are before.
    pub newest_first: bool,
}

/// Call records in journal order.
#[derive(Clone, Debug)]
pub struct Page {
    /// The records.
    pub rows: Vec<CdrRow>,
    /// Cursor for the next page, if there are more rows now.
    pub next: Option<u64>,
}

/// One call record.
#[derive(Clone, Debug)]
pub struct CdrRow {
    /// Number of its entry, usable as a cursor.
    pub seq: u64,
    /// The record's JSON, as it was published.
    pub cdr: Box<RawValue>,
}

/// Notices in journal order.
#[derive(Clone, Debug)]
pub struct NoticePage {
    /// The notices.
    pub rows: Vec<NoticeRow>,
    /// Cursor for the next page, if there are more rows now.
    pub next: Option<u64>,
}

/// One notice.
#[derive(Clone, Debug)]
pub struct NoticeRow {
    /// Number of its entry, usable as a cursor.
    pub seq: u64,
    /// To whom.
    pub account: Name,
    /// When it was made.
    pub at: Wall,
    /// JSON of the [`ledger::Notice`].
    pub notice: Box<RawValue>,
}

/// A read-only connection. Cheap to open; may move between threads.
pub struct Reader {
    pub(crate) conn: Connection,
    pub(crate) path: PathBuf,
}

/// Bodies with their numbers, and the cursor.
type Found = (Vec<(u64, Vec<u8>)>, Option<u64>);

/// The part of a [`ledger::Record`] that queries need: a tenth of the work of reading all of it.
#[derive(Deserialize)]
struct OnlyCdr {
    body: OnlySettled,
}

#[derive(Deserialize)]
struct OnlyNotice {
    body: OnlyNoticeOf,
}

#[derive(Deserialize)]
struct OnlyNoticeOf {
    notice: Box<RawValue>,
}

#[derive(Deserialize)]
struct OnlySettled {
    settled: OnlyCdrOf,
}

#[derive(Deserialize)]
struct OnlyCdrOf {
    cdr: Box<RawValue>,
}

// Blocks that may hold rows. The one still open is in neither table: it is always visited.
const BLOCKS_OF_ACCOUNT: &str = "SELECT block FROM cdr_account b WHERE account = ?1 AND block >= ?2 AND EXISTS \
    (SELECT 1 FROM cdr_time t WHERE t.block = b.block AND t.last_at >= ?3 AND t.first_at < ?4) \
    UNION ALL SELECT max(seq) / ?5 AS block FROM cdr WHERE seq >= ?2 * ?5 ORDER BY block";
const BLOCKS: &str = "SELECT block FROM cdr_time WHERE ?1 IS NULL AND block >= ?2 AND last_at >= ?3 AND first_at < ?4 \
    UNION ALL SELECT max(seq) / ?5 AS block FROM cdr WHERE seq >= ?2 * ?5 ORDER BY block";
const BLOCKS_OF_ACCOUNT_BACK: &str = "SELECT block FROM cdr_account b WHERE account = ?1 AND block <= ?2 AND EXISTS \
    (SELECT 1 FROM cdr_time t WHERE t.block = b.block AND t.last_at >= ?3 AND t.first_at < ?4) \
    UNION SELECT max(seq) / ?5 AS block FROM cdr WHERE seq < (?2 + 1) * ?5 ORDER BY block DESC";
const BLOCKS_BACK: &str = "SELECT block FROM cdr_time WHERE ?1 IS NULL AND block <= ?2 AND last_at >= ?3 AND first_at < ?4 \
    UNION SELECT max(seq) / ?5 AS block FROM cdr WHERE seq < (?2 + 1) * ?5 ORDER BY block DESC";
const ROWS_BACK: &str = "SELECT e.seq, e.body FROM cdr c CROSS JOIN entry e ON e.seq = c.seq \
    WHERE c.seq > ?1 AND c.seq < ?2 AND (?3 IS NULL OR c.account = ?3) AND c.at >= ?4 AND c.at < ?5 ORDER BY c.seq DESC LIMIT ?6";
const ROWS: &str = "SELECT e.seq, e.body FROM cdr c CROSS JOIN entry e ON e.seq = c.seq \
    WHERE c.seq > ?1 AND c.seq < ?2 AND (?3 IS NULL OR c.account = ?3) AND c.at >= ?4 AND c.at < ?5 ORDER BY c.seq LIMIT ?6";

// Each in journal order; the constants are those of `Kind`, written out so that the index of notices is used.
const ALL: &str = "SELECT seq, kind, account, at, body, hash FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const CDRS: &str = "SELECT e.seq, kind, e.account, e.at, body, hash FROM cdr c CROSS JOIN entry e ON e.seq = c.seq \
    WHERE c.seq > ?1 ORDER BY c.seq LIMIT ?2";
const NOTICES: &str =
    "SELECT seq, kind, account, at, body, hash FROM entry WHERE kind = 2 AND seq > ?1 ORDER BY seq LIMIT ?2";

const NOTICE_ROWS: &str = "SELECT seq, account, at, body FROM entry \
    WHERE kind = 2 AND seq > ?1 AND (?2 IS NULL OR account = ?2) AND at >= ?3 AND at < ?4 ORDER BY seq LIMIT ?5";

const NOTICE_ROWS_BACK: &str = "SELECT seq, account, at, body FROM entry \
    WHERE kind = 2 AND seq < ?1 AND (?2 IS NULL OR account = ?2) AND at >= ?3 AND at < ?4 ORDER BY seq DESC LIMIT ?5";

const NODE_NOTICES: &str =
    "SELECT seq, body FROM entry WHERE kind = 2 AND seq < ?1 AND account = ?2 ORDER BY seq DESC";

/// Bodies in one batch, about.
const BATCH_BYTES: usize = 4 << 20;

// === impl Query ===

impl Default for Query {
    fn default() -> Self {
        Self { account: None, from: None, to: None, after: None, limit: 100, newest_first: false }
    }
}

// === impl Reader ===

impl Reader {
    /// Opens the journal in `folder`, whoever is writing it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = schema::file(folder);
        if !path.exists() {
            return Err(StoreError::Missing { path });
        }
        Ok(Self { conn: schema::open_to_read(&path)?, path })
    }

    /// One page of call records. Only durable ones are ever seen.
    pub fn cdrs(&self, query: &Query) -> Result<Page, StoreError> {
        let (found, next) =
            self.select(query).map_err(|e| StoreError::sqlite("cannot read", &self.path, e))?;
        let mut rows = Vec::with_capacity(found.len());
        for (seq, body) in found {
            let whole: OnlyCdr = serde_json::from_slice(&body).map_err(|e| StoreError::Damaged {
                path: self.path.clone(),
                last_whole: seq - 1,
                why: format!("entry {seq} has no call record: {e}"),
            })?;
            rows.push(CdrRow { seq, cdr: whole.body.settled.cdr });
        }
        Ok(Page { rows, next })
    }

    /// One page of notices; the times of the query are those at which they were made.
    pub fn notices(&self, query: &Query) -> Result<NoticePage, StoreError> {
        let limit = query.limit.clamp(1, MAX_PAGE_ROWS) as usize;
        let start = if query.newest_first { i64::MAX as u64 } else { 0 };
        let after = query.after.unwrap_or(start).min(i64::MAX as u64 - 1);
        let span = (query.from.map_or(i64::MIN, |at| at.0), query.to.map_or(i64::MAX, |at| at.0));
        let mut rows = Vec::new();
        let mut statement = self
            .conn
            .prepare_cached(if query.newest_first { NOTICE_ROWS_BACK } else { NOTICE_ROWS })
            .map_err(|e| self.unreadable(e))?;
        let found =
            statement.query_map((after, query.account.as_deref(), span.0, span.1, limit + 1), |row| {
                let account = Name::from(row.get_ref(1)?.as_str()?);
                Ok((row.get::<_, u64>(0)?, account, Wall(row.get(2)?), row.get_ref(3)?.as_bytes()?.to_vec()))
            });
        for row in found.map_err(|e| self.unreadable(e))? {
            let (seq, account, at, body) = row.map_err(|e| self.unreadable(e))?;
            let whole: OnlyNotice = serde_json::from_slice(&body).map_err(|e| StoreError::Damaged {
                path: self.path.clone(),
                last_whole: seq - 1,
                why: format!("entry {seq} has no notice: {e}"),
            })?;
            rows.push(NoticeRow { seq, account, at, notice: whole.body.notice });
        }
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.seq);
        Ok(NoticePage { rows, next })
    }

    /// The newest notice of the node itself before entry `before` that `take` takes something of.
    pub fn notice_of_node<T>(
        &self,
        before: u64,
        mut take: impl FnMut(&Notice) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.conn.prepare_cached(NODE_NOTICES).map_err(|e| self.unreadable(e))?;
        let before = before.min(i64::MAX as u64);
        let mut rows = statement.query((before, Record::NODE)).map_err(|e| self.unreadable(e))?;
        while let Some(row) = rows.next().map_err(|e| self.unreadable(e))? {
            let body: Vec<u8> = row
                .get_ref(1)
                .and_then(|body| Ok(body.as_bytes()?.to_vec()))
                .map_err(|e| self.unreadable(e))?;
            if let Ok(Record { body: RecordBody::Notice(notice), .. }) = Record::decode(&body)
                && let Some(found) = take(&notice)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Up to `limit` durable entries after number `after`, as they were written, some megabytes at most.
    pub fn entries(&self, after: u64, limit: u32) -> Result<Vec<JournalEntry>, StoreError> {
        self.wanted(Wants::All, after, limit).map(|batch| batch.entries)
    }

    /// As [`Self::entries`], of those that are wanted.
    pub(crate) fn wanted(&self, wants: Wants, after: u64, limit: u32) -> Result<Batch, StoreError> {
        self.batch(wants, after.min(i64::MAX as u64 - 1), limit.clamp(1, MAX_PAGE_ROWS))
            .map_err(|e| self.unreadable(e))
    }

    fn batch(&self, wants: Wants, after: u64, limit: u32) -> rusqlite::Result<Batch> {
        // One snapshot: what is not found up to its last entry is not there.
        let snapshot = self.conn.unchecked_transaction()?;
        let mut statement = snapshot.prepare_cached(match wants {
            Wants::All => ALL,
            Wants::Cdrs => CDRS,
            Wants::Notices => NOTICES,
        })?;
        let mut rows = statement.query((after, limit))?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let (entry, hash) = read(row)?;
            bytes += entry.body.len();
            entries.push(JournalEntry { seq: row.get(0)?, entry, hash });
            if bytes > BATCH_BYTES || entries.len() >= limit as usize {
                break;
            }
        }
        let upto = match entries.last() {
            Some(last) => last.seq,
            None => last(&snapshot)?.max(after),
        };
        Ok(Batch { entries, upto })
    }

    /// Number of the last durable entry, 0 if there is none. Whatever a shard was told to be durable is up to
    /// it.
    pub fn last(&self) -> Result<u64, StoreError> {
        last(&self.conn).map_err(|e| self.unreadable(e))
    }

    /// When the last durable entry was made; none if there is none.
    pub fn last_at(&self) -> Result<Option<Wall>, StoreError> {
        let found = self.conn.prepare_cached("SELECT at FROM entry ORDER BY seq DESC LIMIT 1");
        let found =
            found.and_then(|mut statement| statement.query_row([], |row| row.get(0).map(Wall)).optional());
        found.map_err(|e| self.unreadable(e))
    }

    /// The chain's hash at entry `seq`; zeros before the first.
    pub(crate) fn hash(&self, seq: u64) -> Result<Hash, StoreError> {
        if seq == 0 {
            return Ok(GENESIS);
        }
        let found = self.conn.prepare_cached("SELECT hash FROM entry WHERE seq = ?1");
        let found = found.and_then(|mut statement| statement.query_row([seq], |row| row.get(0)).optional());
        found.map_err(|e| self.unreadable(e))?.ok_or_else(|| StoreError::Damaged {
            path: self.path.clone(),
            last_whole: 0,
            why: format!("entry {seq} is not there"),
        })
    }

    /// The number and the record of a row `seq, body`.
    pub(crate) fn decode(&self, row: &rusqlite::Row<'_>) -> Result<(u64, Record), StoreError> {
        let seq: u64 = row.get(0).map_err(|e| self.unreadable(e))?;
        let body = row.get_ref(1).map_err(|e| self.unreadable(e))?.as_bytes().unwrap_or_default();
        Ok((seq, Record::decode(body).map_err(|e| self.damaged(seq, &e))?))
    }

    /// Entry `seq` is no record.
    pub(crate) fn damaged(&self, seq: u64, why: &RecordError) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            last_whole: seq - 1,
            why: format!("entry {seq} cannot be read: {why}"),
        }
    }

    pub(crate) fn unreadable(&self, e: rusqlite::Error) -> StoreError {
        StoreError::sqlite("cannot read", &self.path, e)
    }

    fn select(&self, query: &Query) -> rusqlite::Result<Found> {
        let limit = query.limit.clamp(1, MAX_PAGE_ROWS) as usize;
        let account = query.account.as_deref();
        if query.newest_first {
            return self.select_back(query, limit);
        }
        let after = query.after.unwrap_or(0).min(i64::MAX as u64 - 1);
        let (from, to) = (query.from.map_or(i64::MIN, |at| at.0), query.to.map_or(i64::MAX, |at| at.0));
        // One snapshot for all statements.
        let snapshot = self.conn.unchecked_transaction()?;
        let (mut found, mut next) = (Vec::new(), None);
        let mut blocks =
            snapshot.prepare_cached(if account.is_some() { BLOCKS_OF_ACCOUNT } else { BLOCKS })?;
        let mut rows_of = snapshot.prepare_cached(ROWS)?;
        let first_block = (after + 1) / BLOCK;
        let mut blocks = blocks.query((account, first_block, from, to, BLOCK))?;
        while let Some(block) = blocks.next()? {
            // Without any record at or after the cursor there is no open block.
            let Some(block) = block.get::<_, Option<u64>>(0)? else { continue };
            let start = block.saturating_mul(BLOCK);
            let wanted = limit + 1 - found.len();
            let span = (after.max(start.saturating_sub(1)), start + BLOCK);
            let mut rows = rows_of.query((span.0, span.1, account, from, to, wanted))?;
            while let Some(row) = rows.next()? {
                found.push((row.get(0)?, row.get_ref(1)?.as_bytes()?.to_vec()));
            }
            if found.len() > limit {
                found.truncate(limit);
                next = found.last().map(|(seq, _)| *seq);
                break;
            }
        }
        Ok((found, next))
    }
}

/// As [`Reader::select`], from the end to the beginning.
impl Reader {
    fn select_back(&self, query: &Query, limit: usize) -> rusqlite::Result<Found> {
        let account = query.account.as_deref();
        let (from, to) = (query.from.map_or(i64::MIN, |at| at.0), query.to.map_or(i64::MAX, |at| at.0));
        let snapshot = self.conn.unchecked_transaction()?;
        let before = query.after.unwrap_or(u64::MAX).min(last(&snapshot)?.saturating_add(1));
        let (mut found, mut next) = (Vec::new(), None);
        let mut blocks =
            snapshot.prepare_cached(if account.is_some() { BLOCKS_OF_ACCOUNT_BACK } else { BLOCKS_BACK })?;
        let mut rows_of = snapshot.prepare_cached(ROWS_BACK)?;
        let last_block = before.saturating_sub(1) / BLOCK;
        let mut blocks = blocks.query((account, last_block, from, to, BLOCK))?;
        while let Some(block) = blocks.next()? {
            let Some(block) = block.get::<_, Option<u64>>(0)? else { continue };
            let start = block.saturating_mul(BLOCK);
            let wanted = limit + 1 - found.len();
            // Numbers begin with 1, so that the first block has none before it.
            let span = (i64::try_from(start).unwrap_or(i64::MAX) - 1, before.min(start + BLOCK));
            let mut rows = rows_of.query((span.0, span.1, account, from, to, wanted))?;
            while let Some(row) = rows.next()? {
                found.push((row.get(0)?, row.get_ref(1)?.as_bytes()?.to_vec()));
            }
            if found.len() > limit {
                found.truncate(limit);
                next = found.last().map(|(seq, _)| *seq);
                break;
            }
        }
        Ok((found, next))
    }
}

fn last(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT ifnull(max(seq), 0) FROM entry")?.query_row([], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Journal, Options};

    #[test]
    fn no_query_of_a_feed_sorts_or_scans() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(folder.path(), Options::default(), |_, _, _| Ok(())).expect("opens");
        let reader = journal.reader().expect("opens");
        for (sql, plan) in [
            (NOTICE_ROWS, "SEARCH entry USING INDEX notice (seq>?)"),
            (NOTICE_ROWS_BACK, "SEARCH entry USING INDEX notice (seq<?)"),
            (ALL, "SEARCH entry USING INTEGER PRIMARY KEY (rowid>?)"),
            (
                CDRS,
                "SEARCH c USING INTEGER PRIMARY KEY (rowid>?); SEARCH e USING INTEGER PRIMARY KEY (rowid=?)",
            ),
            (NOTICES, "SEARCH entry USING INDEX notice (seq>?)"),
            (NODE_NOTICES, "SEARCH entry USING INDEX notice (seq<?)"),
        ] {
            let mut statement = reader.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepares");
            let count = statement.parameter_count();
            let steps = statement
                .query_map(&[&1_i64 as &dyn rusqlite::ToSql; 5][..count], |row| row.get::<_, String>(3))
                .expect("plans");
            assert_eq!(steps.collect::<Result<Vec<_>, _>>().expect("reads").join("; "), plan);
        }
    }
}
