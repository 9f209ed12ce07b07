//! An account's payments from the journal, each with what became of it, in the order in which they were
//! announced or booked.

use std::collections::BTreeMap;

use ledger::{Key, Record, RecordBody, Transfer};
use units::{Money, Name, Wall};

use crate::read::MAX_PAGE_ROWS;
use crate::{Reader, StoreError};

const FIRST: &str = "SELECT seq, body FROM entry WHERE kind = 3 AND account = ?1 AND seq > ?2 ORDER BY seq";
// Only a record that is the next word on an earlier one has `of`; within a text the quotes would be escaped.
const NEXT: &str = "SELECT seq, body FROM entry WHERE kind = 3 AND account = ?1 AND seq > ?2 AND instr(body, '\"of\":') > 0 ORDER BY seq";

/// Payments, and where the next page begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentPage {
    /// Oldest first.
    pub rows: Vec<PaymentRow>,
    /// Cursor for the next page, if there are more now.
    pub next: Option<u64>,
}

/// A payment and all that became of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRow {
    /// Number of the entry that announced or booked it, usable as a cursor.
    pub entry: u64,
    /// Its idempotency key; what books or rejects it names this.
    pub key: Key,
    /// What was paid.
    pub gross: Money,
    /// How, if that was said.
    pub method: Option<Name>,
    /// In the payer's or operator's words.
    pub reference: Option<Name>,
    /// When it was announced; nothing if it was booked at once.
    pub announced_at: Option<Wall>,
    /// After this it is late.
    pub due: Option<Wall>,
    /// What came of it.
    pub booked: Option<Booked>,
    /// Why and when it ended without money: an announced one rejected, a booked one reversed.
    pub undone: Option<(Wall, Option<Name>)>,
}

/// How a payment was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booked {
    /// The moment, wall time.
    pub at: Wall,
    /// What the account got.
    pub net: Money,
    /// What the bank kept.
    pub fee: Money,
}

/// Payments of one account out of the records of its journal, found again by their keys and by the keys that
/// they were booked under.
#[derive(Debug, Default)]
pub struct PaymentList {
    rows: Vec<PaymentRow>,
    by_key: BTreeMap<Key, usize>,
}

// === impl PaymentList ===

impl PaymentList {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The first `limit` of them; the place of the last if there are more.
    pub fn page(mut self, limit: usize) -> PaymentPage {
        let more = self.rows.len() > limit;
        self.rows.truncate(limit);
        let next = self.rows.last().filter(|_| more).map(|row| row.entry);
        PaymentPage { rows: self.rows, next }
    }

    /// Adds the payment that this record announces or books at once, if it does.
    pub fn begin(&mut self, entry: u64, record: &Record) {
        let (transfer, method, announced_at, due, booked) = match &record.body {
            RecordBody::Announced(announced) => {
                (&announced.transfer, &announced.method, Some(record.at), announced.due, None)
            }
            RecordBody::TopUp(top_up) if top_up.of.is_none() => (
                &top_up.transfer,
                &top_up.method,
                None,
                None,
                Some(booked(record.at, &top_up.transfer, top_up.fee.as_ref())),
            ),
            _ => return,
        };
        let Transfer { key, amount, memo, .. } = transfer.clone();
        let kept = booked.map_or(0, |booked| booked.fee.amount);
        let gross = Money::of(
            amount.amount.checked_add(kept).expect("a payment and its fee were one amount"),
            amount.currency,
        );
        self.by_key.insert(key.clone(), self.rows.len());
        let method = method.clone();
        self.rows.push(PaymentRow {
            entry,
            key,
            gross,
            method,
            reference: memo,
            announced_at,
            due,
            booked,
            undone: None,
        });
    }

    /// What became of one of the payments, if this record says that.
    pub fn next_word(&mut self, record: &Record) {
        match &record.body {
            RecordBody::TopUp(top_up) => {
                let Some(at) = top_up.of.as_ref().and_then(|of| self.by_key.get(of)).copied() else { return };
                self.by_key.insert(top_up.transfer.key.clone(), at);
                if let Some(row) = self.rows.get_mut(at) {
                    row.booked = Some(booked(record.at, &top_up.transfer, top_up.fee.as_ref()));
                }
            }
            RecordBody::Rejected(rejected) => self.undo(&rejected.of, record.at, Some(&rejected.transfer)),
            RecordBody::Reversed(reversed) => self.undo(&reversed.of, record.at, reversed.transfers.first()),
            _ => {}
        }
    }

    fn undo(&mut self, of: &Key, when: Wall, by: Option<&Transfer>) {
        if let Some(row) = self.by_key.get(of).and_then(|at| self.rows.get_mut(*at)) {
            row.undone = Some((when, by.and_then(|transfer| transfer.memo.clone())));
        }
    }
}

fn booked(at: Wall, transfer: &Transfer, fee: Option<&Transfer>) -> Booked {
    let net = transfer.amount;
    Booked { at, net, fee: fee.map_or(Money::zero(net.currency), |fee| fee.amount) }
}

// === impl Reader ===

impl Reader {
    /// Up to `limit` payments of an account after entry `after`. Only durable ones are ever seen.
    pub fn payments(&self, account: &Name, after: u64, limit: u32) -> Result<PaymentPage, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE_ROWS) as usize;
        let after = after.min(i64::MAX as u64 - 1);
        // One snapshot for both statements.
        let _snapshot = self.conn.unchecked_transaction().map_err(|e| self.unreadable(e))?;
        let mut found = PaymentList::default();
        self.money_of(FIRST, account, after, |seq, record| {
            found.begin(seq, record);
            found.len() <= limit
        })?;
        let from = found.rows.first().map_or(after, |row| row.entry);
        self.money_of(NEXT, account, from, |_, record| {
            found.next_word(record);
            true
        })?;
        Ok(found.page(limit))
    }

    /// Shows records to `take` until it has enough.
    fn money_of(
        &self,
        sql: &str,
        account: &Name,
        after: u64,
        mut take: impl FnMut(u64, &Record) -> bool,
    ) -> Result<(), StoreError> {
        let mut statement = self.conn.prepare_cached(sql).map_err(|e| self.unreadable(e))?;
        let mut rows = statement.query((&**account, after)).map_err(|e| self.unreadable(e))?;
        while let Some(row) = rows.next().map_err(|e| self.unreadable(e))? {
            let (seq, record) = self.decode(row)?;
            if !take(seq, &record) {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Journal, Options};

    #[test]
    fn payments_are_found_by_their_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let (journal, _) = Journal::open(folder.path(), Options::default(), |_, _, _| Ok(())).expect("opens");
        let reader = journal.reader().expect("opens");
        for sql in [FIRST, NEXT] {
            let mut statement = reader.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("prepares");
            let steps = statement.query_map((&"acme", 1), |row| row.get::<_, String>(3)).expect("plans");
            let steps = steps.collect::<Result<Vec<_>, _>>().expect("reads");
            assert_eq!(steps.join("; "), "SEARCH entry USING INDEX money (account=? AND seq>?)");
        }
    }
}
