//! An account's movements from the journal, page by page: opening, each with the balance after it, closing.
//!
//! Call records are found by their blocks, all other money by an index of its own. An account sees what
//! happened below it too: a tier pays for the calls of the tiers under it.

use std::collections::BTreeMap;

use ledger::{Party, Purpose, Record, RecordBody, Transfer};
use serde::Deserialize;
use units::{Currency, Money, Name, Wall};

use crate::index::BLOCK;
use crate::{Reader, StoreError};

/// Numbers of entries found at once.
const FOUND_MAX: u32 = 8_192;
/// Entries looked through at once: each search sorts what it finds in them.
const WINDOW: u64 = 4 * BLOCK;

// Numbers of the entries after ?5 and up to ?9 that may concern the account, in order: its own and those
// below it, `acme:` up to but without `acme;`. The block still open is in no table.
const ENTRIES: &str = "SELECT seq FROM (\
    SELECT c.seq FROM (SELECT block FROM cdr_account WHERE account = ?1 AND block BETWEEN ?5 / ?4 AND ?9 / ?4 UNION \
        SELECT block FROM cdr_account WHERE account >= ?2 AND account < ?3 AND block BETWEEN ?5 / ?4 AND ?9 / ?4 UNION SELECT max(seq) / ?4 FROM cdr) b \
        CROSS JOIN cdr c ON c.seq >= b.block * ?4 AND c.seq < (b.block + 1) * ?4 \
        WHERE c.seq > ?5 AND c.seq <= ?9 AND c.at >= ?6 AND c.at < ?7 AND (c.account = ?1 OR (c.account >= ?2 AND c.account < ?3)) \
    UNION ALL SELECT seq FROM entry WHERE kind = 3 AND account = ?1 AND seq > ?5 AND seq <= ?9 AND at >= ?6 AND at < ?7 \
    UNION ALL SELECT seq FROM entry WHERE kind = 3 AND account >= ?2 AND account < ?3 AND seq > ?5 AND seq <= ?9 AND at >= ?6 AND at < ?7) \
    ORDER BY seq LIMIT ?8";
const BODY: &str = "SELECT seq, body FROM entry WHERE seq = ?1";

/// Balances by bucket (empty: the account's own money) and currency, 10⁻⁵ units.
pub type Balances = BTreeMap<(Name, Currency), i64>;

/// Which movements.
#[derive(Debug, Clone)]
pub struct StatementQuery {
    /// The account, by its name.
    pub account: Name,
    /// Dated at or after.
    pub from: Option<Wall>,
    /// Dated before.
    pub to: Option<Wall>,
    /// Where the page before ended; the first if absent.
    pub after: Option<StatementPlace>,
    /// About how many: an entry is never cut, and at least one is in a page.
    pub limit: usize,
}

/// The end of a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatementPlace {
    /// The last entry that was looked at.
    pub entry: u64,
    /// The balances right after it.
    pub balances: Balances,
}

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Number of its entry.
    pub entry: u64,
    /// The moment, wall time.
    pub at: Wall,
    /// As it was posted.
    pub transfer: Transfer,
    /// Why, in words and ids.
    pub cause: String,
    /// Empty: the account's own money.
    pub bucket: Name,
    /// Negative if the account paid.
    pub amount: Money,
    /// Posted right after it, 10⁻⁵ units.
    pub balance: i64,
}

/// A page of an account's movements in a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statement {
    /// Before the first movement.
    pub opening: Balances,
    /// In journal order.
    pub movements: Vec<Movement>,
    /// After the last: where the next page begins. Without more it stands for the end of the journal at that
    /// moment.
    pub closing: StatementPlace,
    /// More movements follow.
    pub more: bool,
}

/// What a call record says in words.
#[derive(Deserialize, Default)]
struct CallWords {
    #[serde(default)]
    called_e164: String,
    #[serde(default)]
    destination: Option<String>,
    #[serde(default)]
    billed_seconds: u64,
}

// === impl Statement ===

impl Statement {
    /// A page that begins with these balances, after this entry.
    pub fn beginning(opening: Balances, after: u64) -> Self {
        let closing = StatementPlace { entry: after, balances: opening.clone() };
        Self { opening, movements: Vec::new(), closing, more: false }
    }

    /// Adds what an entry moved of the account.
    pub fn take(&mut self, seq: u64, record: &Record, account: &Name) {
        let moved = movements(seq, record, account, &mut self.closing.balances);
        self.movements.extend(moved);
        self.closing.entry = seq;
    }
}

/// Adds to the balances what a record moved of the account.
pub fn add_moved(balances: &mut Balances, record: &Record, account: &Name) {
    for transfer in record.transfers() {
        for (bucket, amount) in sides(transfer, account) {
            add(balances, (bucket, transfer.amount.currency), amount);
        }
    }
}

impl Reader {
    /// What moved an account's money or buckets, dated from `from` until before `to`: one page.
    pub fn statement(&self, query: &StatementQuery) -> Result<Statement, StoreError> {
        let _snapshot = self.conn.unchecked_transaction().map_err(|e| self.unreadable(e))?;
        let opening = match (&query.after, query.from) {
            (Some(place), _) => place.balances.clone(),
            (None, None) => Balances::new(),
            (None, Some(from)) => self.opening(&query.account, from)?,
        };
        let entry = query.after.as_ref().map_or(0, |place| place.entry);
        let mut page = Statement::beginning(opening, entry);
        let span = (query.from.unwrap_or(Wall(i64::MIN)), query.to.unwrap_or(Wall(i64::MAX)));
        self.each_of(&query.account, entry, span, |seq, record| {
            page.take(seq, record, &query.account);
            page.movements.len() < query.limit
        })?;
        if page.movements.len() >= query.limit {
            self.each_of(&query.account, page.closing.entry, span, |_, _| {
                page.more = true;
                false
            })?;
        }
        if !page.more {
            page.closing.entry = self.last()?.max(page.closing.entry);
        }
        Ok(page)
    }

    /// The balances of all that is dated before `from`.
    fn opening(&self, account: &Name, from: Wall) -> Result<Balances, StoreError> {
        let mut balances = Balances::new();
        self.each_of(account, 0, (Wall(i64::MIN), from), |_, record| {
            add_moved(&mut balances, record, account);
            true
        })?;
        Ok(balances)
    }

    /// Shows what may concern an account after entry `after`, dated within `span`, until `take` has enough.
    fn each_of(
        &self,
        account: &Name,
        mut after: u64,
        span: (Wall, Wall),
        mut take: impl FnMut(u64, &Record) -> bool,
    ) -> Result<(), StoreError> {
        let mut body = self.conn.prepare_cached(BODY).map_err(|e| self.unreadable(e))?;
        let last = self.last()?;
        while after < last {
            let upto = after.saturating_add(WINDOW).min(last);
            let found = self.find(account, (after, upto), span)?;
            for seq in &found {
                let (seq, record) =
                    body.query_row([seq], |row| Ok(self.decode(row))).map_err(|e| self.unreadable(e))??;
                if !take(seq, &record) {
                    return Ok(());
                }
            }
            after = found.last().copied().filter(|_| found.len() >= FOUND_MAX as usize).unwrap_or(upto);
        }
        Ok(())
    }

    fn find(
        &self,
        account: &Name,
        (after, upto): (u64, u64),
        (from, to): (Wall, Wall),
    ) -> Result<Vec<u64>, StoreError> {
        let (below, beyond) = (format!("{account}:"), format!("{account};"));
        let read = || {
            let mut found = self.conn.prepare_cached(ENTRIES)?;
            let rows = found.query_map(
                (&**account, below, beyond, BLOCK, after, from.0, to.0, FOUND_MAX, upto),
                |row| row.get(0),
            )?;
            rows.collect::<rusqlite::Result<Vec<u64>>>()
        };
        read().map_err(|e| self.unreadable(e))
    }
}

fn add(balances: &mut Balances, place: (Name, Currency), amount: i64) -> i64 {
    let balance = balances.entry(place).or_default();
    *balance = balance.checked_add(amount).expect("the ledger keeps balances in range");
    *balance
}

/// What an entry moved of an account, each with the balance after it.
fn movements(seq: u64, record: &Record, account: &Name, balances: &mut Balances) -> Vec<Movement> {
    let mut all = Vec::new();
    for transfer in record.transfers() {
        for (bucket, amount) in sides(transfer, account) {
            let balance = add(balances, (bucket.clone(), transfer.amount.currency), amount);
            let amount = Money::of(amount, transfer.amount.currency);
            let cause = cause(record, transfer);
            all.push(Movement {
                entry: seq,
                at: record.at,
                transfer: transfer.clone(),
                cause,
                bucket,
                amount,
                balance,
            });
        }
    }
    all
}

/// What a transfer takes from and gives to an account: its own money or a bucket.
fn sides(transfer: &Transfer, account: &Name) -> Vec<(Name, i64)> {
    let place = |party: &Party| match party {
        Party::Customer(name) if name == account => Some(Name::from("")),
        Party::Bucket { account: name, bucket } if name == account => Some(bucket.clone()),
        Party::Customer(_) | Party::Bucket { .. } | Party::SystemAccount(_) => None,
    };
    let amount = transfer.amount.amount;
    place(&transfer.debit)
        .map(|bucket| (bucket, -amount))
        .into_iter()
        .chain(place(&transfer.credit).map(|bucket| (bucket, amount)))
        .collect()
}

/// Why money moved, in words and ids.
fn cause(record: &Record, transfer: &Transfer) -> String {
    let memo = transfer.memo.as_deref().map(|memo| format!(": {memo}")).unwrap_or_default();
    match (&record.body, transfer.purpose) {
        (RecordBody::Settled(settled), _) => {
            let words: CallWords = serde_json::from_str(settled.cdr.get()).unwrap_or_default();
            let to = words.destination.map(|name| format!(" ({name})")).unwrap_or_default();
            format!(
                "call {} to {}{to}, {} s billed, by {}",
                settled.call, words.called_e164, words.billed_seconds, record.account
            )
        }
        (RecordBody::TopUp(booked), _) => {
            let by = booked.method.as_ref().map(|method| format!(" by {method}")).unwrap_or_default();
            let of = booked.of.as_ref().map(|of| format!(", announced as {of}")).unwrap_or_default();
            format!("payment{by}{of}{memo}")
        }
        (RecordBody::Rerated(rerated), _) => format!("{} calls re-rated{memo}", rerated.calls.len()),
        (RecordBody::Reversed(reversed), _) => format!("reversal of {}{memo}", reversed.of),
        (_, Purpose::Opening) => "opening balance".to_owned(),
        (_, Purpose::Correction) => format!("correction{memo}"),
        (_, Purpose::Grant) => format!("granted{memo}"),
        (_, Purpose::Expired) => format!("expired unused{memo}"),
        (_, Purpose::Slice) => format!("slice of the central ledger{memo}"),
        (_, other) => format!("{other:?}{memo}").to_lowercase(),
    }
}
