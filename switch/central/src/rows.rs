//! Rows to values and back. Everything that will be written is locked when it is read, in the order node, accounts by name, slices, so
//! that no two transactions wait for each other in a circle.

use ledger::{Hash, Terms};
use rating::slices::Grant;
use rating::slices::central::{Account, Node, Slice, Wanted};
use tokio_postgres::{Row, Transaction};
use units::{Currency, Name, Wall};

use crate::CentralError;
use crate::link::Failed;

/// An account over all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its name.
    pub name: Name,
    /// For ever.
    pub currency: Currency,
    /// What it calls by.
    pub terms: Terms,
    /// When it was opened.
    pub opened_at: Wall,
    /// Its money, 10⁻⁵ units.
    pub money: Account,
}

pub(crate) const ACCOUNT: &str = "name, currency, posted, held, credit_limit, terms, opened_ms, wanted_by, wanted_ms";

// === impl AccountRow ===

impl AccountRow {
    /// A row of [`ACCOUNT`].
    pub(crate) fn read(row: &Row) -> Result<Self, Failed> {
        let wanted: Option<String> = row.try_get(7)?;
        let at_ms: Option<i64> = row.try_get(8)?;
        Ok(Self {
            name: row.try_get::<_, &str>(0)?.into(),
            currency: row.try_get::<_, &str>(1)?.parse().map_err(|e: units::MoneyError| damaged(&e))?,
            terms: serde_json::from_str(row.try_get(5)?).map_err(|e| damaged(&e))?,
            opened_at: Wall(row.try_get(6)?),
            money: Account {
                posted: row.try_get(2)?,
                held: row.try_get(3)?,
                limit: row.try_get(4)?,
                wanted: wanted.zip(at_ms).map(|(by, at_ms)| Wanted { by: by.into(), at_ms }),
            },
        })
    }
}

pub(crate) fn damaged(error: &dyn std::fmt::Display) -> Failed {
    Failed::Other(CentralError::Row(error.to_string()))
}

/// Counters are stored as the signed numbers that SQL has.
pub(crate) const fn signed(number: u64) -> i64 {
    number.cast_signed()
}

/// A node's row, to be written.
pub(crate) async fn lock_node(tx: &Transaction<'_>, name: &str) -> Result<Option<Node>, Failed> {
    let text = "SELECT epoch, boot, last_seq, chain, last_ask, lost FROM node WHERE name = $1 FOR UPDATE";
    let Some(row) = tx.query_opt(text, &[&name]).await? else { return Ok(None) };
    let chain: Hash = row.try_get::<_, &[u8]>(3)?.try_into().map_err(|_| damaged(&"a node's hash has not 32 bytes"))?;
    Ok(Some(Node {
        epoch: row.try_get::<_, i64>(0)?.cast_unsigned(),
        boot: row.try_get::<_, i64>(1)?.cast_unsigned(),
        last_seq: row.try_get::<_, i64>(2)?.cast_unsigned(),
        chain,
        last_ask: row.try_get::<_, i64>(4)?.cast_unsigned(),
        lost: row.try_get(5)?,
    }))
}

pub(crate) async fn save_node(tx: &Transaction<'_>, name: &str, node: &Node) -> Result<(), Failed> {
    let text = "UPDATE node SET epoch = $2, boot = $3, last_seq = $4, chain = $5, last_ask = $6, lost = $7 WHERE name = $1";
    let (epoch, boot, last_seq, last_ask) = (signed(node.epoch), signed(node.boot), signed(node.last_seq), signed(node.last_ask));
    tx.execute(text, &[&name, &epoch, &boot, &last_seq, &node.chain.as_slice(), &last_ask, &node.lost]).await?;
    Ok(())
}

/// The node lives, and its slices hold from now on for `hold_ms`.
pub(crate) async fn renew(tx: &Transaction<'_>, name: &str, now_ms: i64, hold_ms: i64) -> Result<(), Failed> {
    let text = "UPDATE node SET seen_ms = $2, expires_ms = CASE WHEN expires_ms > $3 THEN expires_ms ELSE $3 END WHERE name = $1";
    tx.execute(text, &[&name, &now_ms, &now_ms.saturating_add(hold_ms)]).await?;
    Ok(())
}

/// An account's row, to be written.
pub(crate) async fn lock_account(tx: &Transaction<'_>, name: &str) -> Result<Option<AccountRow>, Failed> {
    let row = tx.query_opt(&format!("SELECT {ACCOUNT} FROM account WHERE name = $1 FOR UPDATE"), &[&name]).await?;
    row.as_ref().map(AccountRow::read).transpose()
}

pub(crate) async fn save_money(tx: &Transaction<'_>, name: &str, money: &Account) -> Result<(), Failed> {
    let text = "UPDATE account SET posted = $2, held = $3, credit_limit = $4, wanted_by = $5, wanted_ms = $6 WHERE name = $1";
    let (by, at_ms) = (money.wanted.as_ref().map(|w| &*w.by), money.wanted.as_ref().map(|w| w.at_ms));
    tx.execute(text, &[&name, &money.posted, &money.held, &money.limit, &by, &at_ms]).await?;
    Ok(())
}

/// As [`save_money`] after a grant; the database itself looks once more that all that is held is there.
pub(crate) async fn save_grant(tx: &Transaction<'_>, name: &str, money: &Account) -> Result<(), Failed> {
    save_money(tx, name, money).await?;
    let text = "SELECT 1 FROM account WHERE name = $1 AND posted - held - credit_limit >= 0";
    match tx.query_opt(text, &[&name]).await? {
        Some(_) => Ok(()),
        None => Err(damaged(&format_args!("a grant would leave account {name} with more lent than there is"))),
    }
}

/// A node's slice of an account, made if there is none.
pub(crate) async fn lock_slice(tx: &Transaction<'_>, account: &str, node: &str) -> Result<Slice, Failed> {
    let make = "INSERT INTO slice (account, node, granted, returned, used) VALUES ($1, $2, 0, 0, 0) ON CONFLICT (account, node) DO NOTHING";
    tx.execute(make, &[&account, &node]).await?;
    let text = "SELECT granted, returned, used FROM slice WHERE account = $1 AND node = $2 FOR UPDATE";
    let row = tx.query_one(text, &[&account, &node]).await?;
    Ok(Slice { granted: row.try_get(0)?, returned: row.try_get(1)?, used: row.try_get(2)? })
}

pub(crate) async fn save_slice(tx: &Transaction<'_>, account: &str, node: &str, slice: &Slice) -> Result<(), Failed> {
    let text = "UPDATE slice SET granted = $3, returned = $4, used = $5 WHERE account = $1 AND node = $2";
    tx.execute(text, &[&account, &node, &slice.granted, &slice.returned, &slice.used]).await?;
    Ok(())
}

/// Grants that the node's journal has not shown yet, the oldest names first.
pub(crate) async fn unbooked(tx: &Transaction<'_>, node: &str) -> Result<Vec<Grant>, Failed> {
    let rows = tx.query("SELECT id, account, amount FROM lent WHERE node = $1 ORDER BY id LIMIT 1000", &[&node]).await?;
    let read = |row: &Row| -> Result<Grant, Failed> {
        Ok(Grant { id: row.try_get::<_, &str>(0)?.into(), account: row.try_get::<_, &str>(1)?.into(), amount: row.try_get(2)? })
    };
    rows.iter().map(read).collect()
}

/// Accounts with those above them: what a node has to open before it can book.
pub(crate) async fn families(tx: &Transaction<'_>, accounts: impl Iterator<Item = &Name>) -> Result<Vec<AccountRow>, Failed> {
    let mut names: Vec<&str> = Vec::new();
    for account in accounts {
        let mut name = Some(&**account);
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
    // In the order of names an account comes after those above it.
    let rows = tx.query(&format!("SELECT {ACCOUNT} FROM account WHERE name = ANY ($1) ORDER BY name"), &[&names]).await?;
    rows.iter().map(AccountRow::read).collect()
}
