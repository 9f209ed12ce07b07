//! An account's movements from the journal: opening, each with the balance after it, closing.
//!
//! Call records are found by their blocks, all other money by an index of its own. An account sees what happened below it too: a tier
//! pays for the calls of the tiers under it.

use std::collections::BTreeMap;

use ledger::{Party, Purpose, Record, RecordBody, Transfer};
use serde::Deserialize;
use units::{Currency, Money, Name, Wall};

use crate::index::BLOCK;
use crate::{Reader, StoreError};

/// Most movements in one statement; ask for a shorter time.
const MOVEMENTS_MAX: usize = 100_000;

// All seqs that may concern the account, in order: its own and those below it, `acme:` up to but without `acme;`.
// The block still open is in no table.
const ENTRIES: &str = "SELECT e.seq, e.body FROM (\
    SELECT c.seq FROM (SELECT block FROM cdr_account WHERE account = ?1 UNION \
        SELECT block FROM cdr_account WHERE account >= ?2 AND account < ?3 UNION SELECT max(seq) / ?4 FROM cdr) b \
        CROSS JOIN cdr c ON c.seq >= b.block * ?4 AND c.seq < (b.block + 1) * ?4 \
        WHERE c.account = ?1 OR (c.account >= ?2 AND c.account < ?3) \
    UNION ALL SELECT seq FROM entry WHERE kind = 3 AND account = ?1 \
    UNION ALL SELECT seq FROM entry WHERE kind = 3 AND account >= ?2 AND account < ?3) found \
    CROSS JOIN entry e ON e.seq = found.seq ORDER BY e.seq";

/// Balances by pocket (empty: the account's own money) and currency, 10⁻⁵ units.
pub type Balances = BTreeMap<(Name, Currency), i64>;

/// One movement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Number of its entry.
    pub entry: u64,
    /// When.
    pub at: Wall,
    /// As it was posted.
    pub transfer: Transfer,
    /// Why, in words and ids.
    pub cause: String,
    /// Empty: the account's own money.
    pub pocket: Name,
    /// Negative if the account paid.
    pub amount: Money,
    /// Posted right after it, 10⁻⁵ units.
    pub balance: i64,
}

/// An account's movements in a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statement {
    /// Before the first movement.
    pub opening: Balances,
    /// In journal order.
    pub movements: Vec<Movement>,
    /// After the last.
    pub closing: Balances,
    /// There were more movements than one statement holds.
    pub is_cut: bool,
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

impl Reader {
    /// Everything that moved an account's money or pockets, dated from `from` until before `to`.
    pub fn statement(&self, account: &Name, from: Option<Wall>, to: Option<Wall>) -> Result<Statement, StoreError> {
        let mut statement = Statement::default();
        let mut balances = Balances::new();
        let mut read = |seq: u64, record: &Record| {
            let inside = from.is_none_or(|from| record.at >= from) && to.is_none_or(|to| record.at < to);
            let before = from.is_some_and(|from| record.at < from);
            for transfer in record.transfers() {
                for (pocket, amount) in sides(transfer, account) {
                    let place = (pocket.clone(), transfer.amount.currency);
                    if before {
                        add(&mut statement.opening, place, amount);
                    } else if inside && statement.movements.len() < MOVEMENTS_MAX {
                        let amount = Money::of(amount, transfer.amount.currency);
                        let cause = cause(record, transfer);
                        let (at, transfer) = (record.at, transfer.clone());
                        statement.movements.push(Movement { entry: seq, at, transfer, cause, pocket, amount, balance: 0 });
                    } else if inside {
                        statement.is_cut = true;
                    }
                }
            }
        };
        let (below, beyond) = (format!("{account}:"), format!("{account};"));
        let mut rows = self.conn.prepare_cached(ENTRIES).map_err(|e| self.unreadable(e))?;
        let mut rows = rows.query((&**account, below, beyond, BLOCK)).map_err(|e| self.unreadable(e))?;
        while let Some(row) = rows.next().map_err(|e| self.unreadable(e))? {
            let seq: u64 = row.get(0).map_err(|e| self.unreadable(e))?;
            let body = row.get_ref(1).map_err(|e| self.unreadable(e))?.as_bytes().unwrap_or_default();
            let record = Record::decode(body).map_err(|e| StoreError::Damaged {
                path: self.path.clone(),
                last_whole: seq - 1,
                why: format!("entry {seq} cannot be read: {e}"),
            })?;
            read(seq, &record);
        }
        balances.clone_from(&statement.opening);
        for movement in &mut statement.movements {
            let place = (movement.pocket.clone(), movement.amount.currency);
            movement.balance = add(&mut balances, place, movement.amount.amount);
        }
        statement.closing = balances;
        Ok(statement)
    }
}

fn add(balances: &mut Balances, place: (Name, Currency), amount: i64) -> i64 {
    let balance = balances.entry(place).or_default();
    *balance = balance.saturating_add(amount);
    *balance
}

/// What a transfer takes from and gives to an account: its own money or a pocket.
fn sides(transfer: &Transfer, account: &Name) -> Vec<(Name, i64)> {
    let place = |party: &Party| match party {
        Party::Customer(name) if name == account => Some(Name::from("")),
        Party::Pocket { account: name, pocket } if name == account => Some(pocket.clone()),
        Party::Customer(_) | Party::Pocket { .. } | Party::House(_) => None,
    };
    let amount = transfer.amount.amount;
    place(&transfer.debit)
        .map(|pocket| (pocket, -amount))
        .into_iter()
        .chain(place(&transfer.credit).map(|pocket| (pocket, amount)))
        .collect()
}

/// Why money moved, in words and ids.
fn cause(record: &Record, transfer: &Transfer) -> String {
    let memo = transfer.memo.as_deref().map(|memo| format!(": {memo}")).unwrap_or_default();
    match (&record.body, transfer.purpose) {
        (RecordBody::Settled(settled), _) => {
            let words: CallWords = serde_json::from_str(settled.cdr.get()).unwrap_or_default();
            let to = words.destination.map(|name| format!(" ({name})")).unwrap_or_default();
            format!("call {} to {}{to}, {} s billed, by {}", settled.call, words.called_e164, words.billed_seconds, record.account)
        }
        (RecordBody::TopUp(booked), _) => {
            let by = booked.method.as_ref().map(|method| format!(" by {method}")).unwrap_or_default();
            let of = booked.of.as_ref().map(|of| format!(", announced as {of}")).unwrap_or_default();
            format!("payment{by}{of}{memo}")
        }
        (RecordBody::Reversed(reversed), _) => format!("reversal of {}{memo}", reversed.of),
        (_, Purpose::Opening) => "opening balance".to_owned(),
        (_, Purpose::Correction) => format!("correction{memo}"),
        (_, Purpose::Grant) => format!("granted{memo}"),
        (_, Purpose::Expired) => format!("expired unused{memo}"),
        (_, Purpose::Slice) => format!("slice of the central ledger{memo}"),
        (_, other) => format!("{other:?}{memo}").to_lowercase(),
    }
}
