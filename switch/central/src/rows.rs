//! Rows to values and back. Everything that will be written is locked when it is read, in the order node,
//! accounts by name each before its buckets, quotas, so that no two transactions wait for each other in a
//! circle.

use std::collections::BTreeMap;

use ledger::{GENESIS, Hash, OPEN, Sheet, SheetMoney, StateImage};
use rating::quotas::Grant;
use rating::quotas::central::{Account, NodeRow, Quota, Wanted};
use rating::quotas::owner;
use serde::Deserialize as _;
use tokio_postgres::{Row, Transaction};
use units::{Currency, Name, Wall};

use crate::failed::Failed;
use crate::{CentralError, forms};

/// An account over all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its name.
    pub name: Name,
    /// For ever.
    pub currency: Currency,
    /// Its own money.
    pub money: Account,
    /// What it calls by, and what is known of its buckets.
    pub state: StateImage,
    /// Its buckets.
    pub buckets: Vec<BucketRow>,
    /// Counts the changes of terms over all accounts.
    pub(crate) changed: i64,
    /// The state with all that is in the row, also what this program does not know.
    pub(crate) whole: serde_json::Value,
}

/// A bucket over all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketRow {
    /// Unique within its account.
    pub name: Name,
    /// What it counts.
    pub currency: Currency,
    /// What is in it.
    pub money: Account,
}

const BALANCE: &str =
    "name, pocket_of, currency, posted, held, credit_limit, wanted_by, wanted_ms, state, changed, more";

// === impl AccountRow ===

impl AccountRow {
    /// Rows of [`BALANCE`], accounts before their buckets.
    fn read_all(rows: &[Row]) -> Result<Vec<Self>, Failed> {
        let mut accounts: BTreeMap<Name, Self> = BTreeMap::new();
        for row in rows.iter().filter(|row| matches!(row.try_get::<_, Option<&str>>(1), Ok(None))) {
            let name: Name = row.try_get::<_, &str>(0)?.into();
            let (currency, money) = balance(row)?;
            let whole = forms::merged(row.try_get(8)?, row.try_get(10)?).map_err(|e| damaged(&e))?;
            let state =
                StateImage::deserialize(&whole).map_err(|e| damaged(&format_args!("account {name}: {e}")))?;
            let account =
                Self { name, currency, money, state, buckets: Vec::new(), changed: row.try_get(9)?, whole };
            accounts.insert(account.name.clone(), account);
        }
        for row in rows {
            let Some(of) = row.try_get::<_, Option<&str>>(1)? else { continue };
            let name: &str = row.try_get(0)?;
            let (currency, money) = balance(row)?;
            if let (Some(account), Some(bucket)) = (accounts.get_mut(of), name.get(of.len() + 1..)) {
                account.buckets.push(BucketRow { name: bucket.into(), currency, money });
            }
        }
        Ok(accounts.into_values().collect())
    }

    /// One of its balances, by its name over all: `acme` or `acme/free`.
    pub(crate) fn money_mut(&mut self, balance: &str) -> Option<&mut Account> {
        if *self.name == *balance {
            return Some(&mut self.money);
        }
        let bucket = balance.strip_prefix(&*self.name)?.strip_prefix('/')?;
        self.buckets.iter_mut().find(|row| &*row.name == bucket).map(|row| &mut row.money)
    }

    /// What one of its balances counts.
    pub(crate) fn currency_of(&self, balance: &str) -> Option<Currency> {
        if *self.name == *balance {
            return Some(self.currency);
        }
        let bucket = balance.strip_prefix(&*self.name)?.strip_prefix('/')?;
        self.buckets.iter().find(|row| &*row.name == bucket).map(|row| row.currency)
    }

    /// Whether one of its balances has ended: a bucket at its end.
    pub(crate) fn has_ended(&self, balance: &str, at: Wall) -> bool {
        let bucket = balance.strip_prefix(&*self.name).and_then(|rest| rest.strip_prefix('/'));
        bucket
            .and_then(|name| self.state.buckets.iter().find(|known| &*known.name == name))
            .is_some_and(|known| known.terms.is_expired(at))
    }

    /// As the account transaction takes it, without movements.
    pub(crate) fn sheet(&self) -> Sheet {
        let money = |currency, money: &Account| SheetMoney {
            currency,
            posted: money.posted,
            held: money.held,
            limit: money.limit,
        };
        Sheet {
            name: self.name.clone(),
            money: money(self.currency, &self.money),
            buckets: self
                .buckets
                .iter()
                .map(|row| (row.name.clone(), money(row.currency, &row.money)))
                .collect(),
            state: self.state.clone(),
            given: Vec::new(),
            outcomes: Vec::new(),
        }
    }
}

fn balance(row: &Row) -> Result<(Currency, Account), Failed> {
    let (wanted, at_ms): (Option<String>, Option<i64>) = (row.try_get(6)?, row.try_get(7)?);
    let money = Account {
        posted: row.try_get(3)?,
        held: row.try_get(4)?,
        limit: row.try_get(5)?,
        wanted: wanted.zip(at_ms).map(|(by, at_ms)| Wanted { by: by.into(), at_ms }),
    };
    Ok((row.try_get::<_, &str>(2)?.parse().map_err(|e: units::MoneyError| damaged(&e))?, money))
}

pub(crate) fn damaged(error: &dyn std::fmt::Display) -> Failed {
    Failed::Other(CentralError::Row(error.to_string()))
}

/// Counters are stored as the signed numbers that SQL has.
pub(crate) const fn signed(number: u64) -> i64 {
    number.cast_signed()
}

/// A node that was never here.
pub(crate) async fn make_node(tx: &Transaction<'_>, name: &str) -> Result<(), Failed> {
    let make = "INSERT INTO node (name, epoch, boot, last_seq, chain, last_ask, lost, seen_ms, expires_ms) \
                VALUES ($1, 0, 0, 0, $2, 0, FALSE, 0, 0) ON CONFLICT (name) DO NOTHING";
    tx.execute(make, &[&name, &GENESIS.as_slice()]).await?;
    Ok(())
}

/// A node's row, to be written.
pub(crate) async fn lock_node(tx: &Transaction<'_>, name: &str) -> Result<Option<NodeRow>, Failed> {
    let text = "SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = $1 FOR UPDATE";
    let Some(row) = tx.query_opt(text, &[&name]).await? else { return Ok(None) };
    let chain: Hash =
        row.try_get::<_, &[u8]>(3)?.try_into().map_err(|_| damaged(&"a node's hash has not 32 bytes"))?;
    Ok(Some(NodeRow {
        epoch: row.try_get::<_, i64>(0)?.cast_unsigned(),
        boot: row.try_get::<_, i64>(1)?.cast_unsigned(),
        last_seq: row.try_get::<_, i64>(2)?.cast_unsigned(),
        chain,
        last_ask: row.try_get::<_, i64>(4)?.cast_unsigned(),
        lost: row.try_get(5)?,
    }))
}

pub(crate) async fn save_node(tx: &Transaction<'_>, name: &str, node: &NodeRow) -> Result<(), Failed> {
    let text = "UPDATE node SET epoch = $2, boot = $3, last_seq = $4, chain = $5, last_ask = $6, lost = $7 WHERE name = $1";
    let (epoch, boot, last_seq, last_ask) =
        (signed(node.epoch), signed(node.boot), signed(node.last_seq), signed(node.last_ask));
    tx.execute(text, &[&name, &epoch, &boot, &last_seq, &node.chain.as_slice(), &last_ask, &node.lost])
        .await?;
    Ok(())
}

/// The node lives, and its quotas hold from now on for `hold_ms`.
pub(crate) async fn renew(tx: &Transaction<'_>, name: &str, now_ms: i64, hold_ms: i64) -> Result<(), Failed> {
    let text = "UPDATE node SET seen_ms = $2, expires_ms = CASE WHEN expires_ms > $3 THEN expires_ms ELSE $3 END WHERE name = $1";
    tx.execute(text, &[&name, &now_ms, &now_ms.saturating_add(hold_ms)]).await?;
    Ok(())
}

/// An account with its buckets, to be written. The account's own row is locked first: who has that has the
/// buckets, and sees them all.
pub(crate) async fn lock_account(tx: &Transaction<'_>, name: &str) -> Result<Option<AccountRow>, Failed> {
    let text = format!("SELECT {BALANCE} FROM account WHERE name = $1 AND pocket_of IS NULL FOR UPDATE");
    let Some(own) = tx.query_opt(&text, &[&name]).await? else { return Ok(None) };
    let mut rows = vec![own];
    rows.extend(
        tx.query(
            &format!("SELECT {BALANCE} FROM account WHERE pocket_of = $1 ORDER BY name FOR UPDATE"),
            &[&name],
        )
        .await?,
    );
    Ok(AccountRow::read_all(&rows)?.pop())
}

/// One balance, by its name over all.
pub(crate) async fn save_money(tx: &Transaction<'_>, balance: &str, money: &Account) -> Result<(), Failed> {
    let text = "UPDATE account SET posted = $2, held = $3, wanted_by = $4, wanted_ms = $5 WHERE name = $1";
    let (by, at_ms) = (money.wanted.as_ref().map(|w| &*w.by), money.wanted.as_ref().map(|w| w.at_ms));
    tx.execute(text, &[&balance, &money.posted, &money.held, &by, &at_ms]).await?;
    Ok(())
}

/// As [`save_money`] after a grant; the database itself looks once more that all that is held is there.
pub(crate) async fn save_grant(tx: &Transaction<'_>, balance: &str, money: &Account) -> Result<(), Failed> {
    save_money(tx, balance, money).await?;
    let text = "SELECT 1 FROM account WHERE name = $1 AND posted - held - credit_limit >= 0";
    match tx.query_opt(text, &[&balance]).await? {
        Some(_) => Ok(()),
        None => Err(damaged(&format_args!("a grant would leave {balance} with more lent than there is"))),
    }
}

/// A node's quota of a balance, made if there is none.
pub(crate) async fn lock_quota(tx: &Transaction<'_>, balance: &str, node: &str) -> Result<Quota, Failed> {
    let make = "INSERT INTO slice (account, node, granted, returned, used) VALUES ($1, $2, 0, 0, 0) ON CONFLICT (account, node) DO NOTHING";
    tx.execute(make, &[&balance, &node]).await?;
    let text = "SELECT granted, returned, used FROM slice WHERE account = $1 AND node = $2 FOR UPDATE";
    let row = tx.query_one(text, &[&balance, &node]).await?;
    Ok(Quota { granted: row.try_get(0)?, returned: row.try_get(1)?, used: row.try_get(2)? })
}

pub(crate) async fn save_quota(
    tx: &Transaction<'_>,
    balance: &str,
    node: &str,
    slice: &Quota,
) -> Result<(), Failed> {
    let text = "UPDATE slice SET granted = $3, returned = $4, used = $5 WHERE account = $1 AND node = $2";
    tx.execute(text, &[&balance, &node, &slice.granted, &slice.returned, &slice.used]).await?;
    Ok(())
}

/// Grants that the node's journal has not shown yet, the oldest names first.
pub(crate) async fn unbooked(tx: &Transaction<'_>, node: &str) -> Result<Vec<Grant>, Failed> {
    let rows = tx
        .query("SELECT id, account, amount FROM lent WHERE node = $1 ORDER BY id LIMIT 1000", &[&node])
        .await?;
    let read = |row: &Row| -> Result<Grant, Failed> {
        Ok(Grant {
            id: row.try_get::<_, &str>(0)?.into(),
            account: row.try_get::<_, &str>(1)?.into(),
            amount: row.try_get(2)?,
        })
    };
    rows.iter().map(read).collect()
}

/// The accounts of these balances with their buckets and those above them: what a node has to know before it
/// can book.
pub(crate) async fn families(
    tx: &Transaction<'_>,
    balances: impl Iterator<Item = &Name>,
) -> Result<Vec<AccountRow>, Failed> {
    let mut names: Vec<&str> = Vec::new();
    for balance in balances {
        let mut name = Some(owner(balance));
        while let Some(one) = name {
            names.push(one);
            name = ledger::parent(one);
        }
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    names.sort_unstable();
    names.dedup();
    let rows = tx
        .query(
            &format!("SELECT {BALANCE} FROM account WHERE name = ANY ($1) OR pocket_of = ANY ($1)"),
            &[&names],
        )
        .await?;
    AccountRow::read_all(&rows)
}

/// Up to `limit` accounts in the order of their names, after `after`.
pub(crate) async fn accounts(
    tx: &Transaction<'_>,
    after: &str,
    limit: i64,
) -> Result<Vec<AccountRow>, Failed> {
    let page = "SELECT name FROM account WHERE name > $1 AND pocket_of IS NULL ORDER BY name LIMIT $2";
    let text = format!("SELECT {BALANCE} FROM account WHERE name IN ({page}) OR pocket_of IN ({page})");
    AccountRow::read_all(&tx.query(&text, &[&after, &limit]).await?)
}

pub(crate) fn names(rows: &[Row]) -> Result<Vec<Name>, Failed> {
    rows.iter().map(|row| Ok(row.try_get::<_, &str>(0)?.into())).collect()
}

/// Until when the books are closed.
pub(crate) async fn closed_until(tx: &Transaction<'_>) -> Result<Wall, Failed> {
    let closed: Option<i64> =
        tx.query_one("SELECT closed_ms FROM form WHERE one = 1", &[]).await?.try_get(0)?;
    Ok(closed.map_or(OPEN, Wall))
}
