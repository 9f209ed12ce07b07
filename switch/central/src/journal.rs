//! The central journal: one order over the entries of all nodes' journals and of the central ledger's own.
//!
//! Invariant: an entry gets its place once, under the lock of the journal's end and in the order of its own
//! journal; who has seen a place has seen all before it. A node of the version before ships without places:
//! whoever needs them next gives them.

use std::collections::VecDeque;

use ledger::{Record, RecordBody};
use store::Kind;
use tokio_postgres::{Row, Transaction};
use units::{Name, Wall};

use crate::failed::Failed;
use crate::rows::{self, damaged, signed};

/// Entries of one journal that get their places in one transaction at most.
const BATCH: i64 = 500;

/// An entry of a journal, as the central one lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its number in its own journal.
    pub seq: u64,
    pub account: Name,
    pub kind: Kind,
    /// When it happened.
    pub at: Wall,
}

/// How far the central journal goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct End {
    /// The last place; 0 before the first.
    pub place: u64,
    /// Entries of some journal wait for their places.
    pub behind: bool,
}

/// Entries of one journal that wait for their places, oldest first.
struct Waiting {
    node: Name,
    lines: VecDeque<Line>,
    /// There are more than these.
    more: bool,
}

/// What a record is to readers of the central journal: what moves money only between a node and the ledger is
/// nothing to them.
pub(crate) fn kind(record: &Record) -> Kind {
    if matches!(record.body, RecordBody::Slice(_)) { Kind::OTHER } else { Kind::of(record) }
}

/// One statement, so that it is of one moment: up to this end, and not behind, the balances are the sum of
/// the entries.
pub(crate) const END: &str = "SELECT e.place, EXISTS (SELECT 1 FROM node n LEFT JOIN placed p ON p.node = n.name \
     WHERE n.last_seq > COALESCE(p.seq, 0)) FROM journal_end e WHERE e.one = 1";

/// How far it goes.
pub(crate) async fn end(tx: &Transaction<'_>) -> Result<End, Failed> {
    let row = tx.query_one(END, &[]).await?;
    Ok(End { place: row.try_get::<_, i64>(0)?.cast_unsigned(), behind: row.try_get(1)? })
}

/// The last place, locked until the transaction is over. The last lock of a transaction that has others.
pub(crate) async fn lock_end(tx: &Transaction<'_>) -> Result<u64, Failed> {
    let row = tx.query_one("SELECT place FROM journal_end WHERE one = 1 FOR UPDATE", &[]).await?;
    Ok(row.try_get::<_, i64>(0)?.cast_unsigned())
}

/// Gives places to entries of one journal that this transaction wrote, unless earlier ones of it wait for
/// theirs.
pub(crate) async fn place(tx: &Transaction<'_>, node: &str, lines: &[Line]) -> Result<(), Failed> {
    let Some(first) = lines.first() else { return Ok(()) };
    let last = lock_end(tx).await?;
    let placed = tx.query_opt("SELECT seq FROM placed WHERE node = $1", &[&node]).await?;
    let placed: i64 = placed.map(|row| row.try_get(0)).transpose()?.unwrap_or(0);
    if placed.cast_unsigned() + 1 != first.seq {
        return Ok(());
    }
    let lines: Vec<(&str, &Line)> = lines.iter().map(|line| (node, line)).collect();
    write(tx, last, &lines).await
}

/// Gives places to some of the entries that wait for them, those that happened first in front. None waits if
/// it says so.
pub(crate) async fn catch_up(tx: &Transaction<'_>) -> Result<End, Failed> {
    let found = end(tx).await?;
    if !found.behind {
        return Ok(found);
    }
    let last = lock_end(tx).await?;
    let behind = "SELECT n.name, COALESCE(p.seq, 0), n.last_seq FROM node n LEFT JOIN placed p ON p.node = n.name \
                  WHERE n.last_seq > COALESCE(p.seq, 0) ORDER BY n.name";
    let mut waiting = Vec::new();
    for row in tx.query(behind, &[]).await? {
        waiting.push(wait(tx, row.try_get(0)?, row.try_get(1)?, row.try_get(2)?).await?);
    }
    let mut lines: Vec<(Name, Line)> = Vec::new();
    while let Some(next) =
        waiting.iter_mut().filter(|w| !w.lines.is_empty()).min_by_key(|w| w.lines.front().map(|line| line.at))
    {
        if let Some(line) = next.lines.pop_front() {
            lines.push((next.node.clone(), line));
        }
        // The next of this journal may be older than what others have.
        if next.lines.is_empty() && next.more {
            break;
        }
    }
    let lines: Vec<(&str, &Line)> = lines.iter().map(|(node, line)| (&**node, line)).collect();
    write(tx, last, &lines).await?;
    end(tx).await
}

async fn wait(tx: &Transaction<'_>, node: &str, after: i64, last: i64) -> Result<Waiting, Failed> {
    let text = "SELECT seq, at_ms, body FROM entry WHERE node = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let rows = tx.query(text, &[&node, &after, &BATCH]).await?;
    let read = |row: &Row| -> Result<Line, Failed> {
        let seq: i64 = row.try_get(0)?;
        let record = Record::decode(row.try_get::<_, &str>(2)?.as_bytes());
        let record = record.map_err(|e| damaged(&format_args!("entry {seq} of {node}: {e}")))?;
        Ok(Line {
            seq: seq.cast_unsigned(),
            kind: kind(&record),
            account: record.account,
            at: Wall(row.try_get(1)?),
        })
    };
    let lines = rows.iter().map(read).collect::<Result<VecDeque<_>, _>>()?;
    let more = lines.back().is_some_and(|line| signed(line.seq) < last);
    Ok(Waiting { node: node.into(), lines, more })
}

/// Nothing is dated into a period that is closed, whenever it comes.
async fn write(tx: &Transaction<'_>, last: u64, lines: &[(&str, &Line)]) -> Result<(), Failed> {
    let closed = rows::closed_until(tx).await?;
    let places: Vec<i64> = (last + 1..).take(lines.len()).map(signed).collect();
    let Some(end) = places.last() else { return Ok(()) };
    let nodes: Vec<&str> = lines.iter().map(|(node, _)| *node).collect();
    let seqs: Vec<i64> = lines.iter().map(|(_, line)| signed(line.seq)).collect();
    let accounts: Vec<&str> = lines.iter().map(|(_, line)| &*line.account).collect();
    let kinds: Vec<i64> = lines.iter().map(|(_, line)| i64::from(line.kind.0)).collect();
    let times: Vec<i64> = lines.iter().map(|(_, line)| line.at.max(closed).0).collect();
    let text = "INSERT INTO journal (place, node, seq, account, kind, at_ms) \
                SELECT * FROM unnest($1::BIGINT[], $2::TEXT[], $3::BIGINT[], $4::TEXT[], $5::BIGINT[], $6::BIGINT[])";
    tx.execute(text, &[&places, &nodes, &seqs, &accounts, &kinds, &times]).await?;
    let done = "INSERT INTO placed (node, seq) SELECT node, MAX(seq) FROM unnest($1::TEXT[], $2::BIGINT[]) AS new (node, seq) \
                GROUP BY node ON CONFLICT (node) DO UPDATE SET seq = EXCLUDED.seq";
    tx.execute(done, &[&nodes, &seqs]).await?;
    tx.execute("UPDATE journal_end SET place = $1 WHERE one = 1", &[end]).await?;
    Ok(())
}
