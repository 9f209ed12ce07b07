//! Who holds what of the balances, and what becomes of it when a node is given up.

use std::collections::BTreeSet;

use rating::quotas::central::{CENTRAL, Quota};
use rating::quotas::owner;
use tokio_postgres::{Row, Transaction};
use units::{Name, Wall};

use crate::failed::Failed;
use crate::{CentralError, rows, schema};

/// Whether a quota may be lent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaState {
    /// Its node beats.
    Live,
    /// Its node's time is over and its journal not here: held until it is back, or declared lost.
    Reconcile,
    /// Its node was declared lost: the money went back to the balance.
    Lost,
    /// Nothing is outstanding.
    Closed,
}

/// What one node has of one balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRow {
    /// Which balance: `acme`, or `acme/free` of a bucket.
    pub account: Name,
    /// Who has it.
    pub node: Name,
    /// The node's starts so far.
    pub epoch: u64,
    /// Amounts, 10⁻⁵ units.
    pub slice: Quota,
    /// What it is.
    pub state: QuotaState,
    /// When its node's time is over, by the database's clock.
    pub expires_at: Wall,
}

/// Who holds what, by balance and node.
pub(crate) async fn slices(tx: &Transaction<'_>) -> Result<Vec<QuotaRow>, Failed> {
    let now_ms = schema::now_ms(tx).await?;
    let text = "SELECT s.account, s.node, s.granted, s.returned, s.used, n.epoch, n.lost, n.expires_ms FROM slice s \
                JOIN node n ON n.name = s.node ORDER BY s.account, s.node";
    let read = |row: &Row| -> Result<QuotaRow, Failed> {
        let slice = Quota { granted: row.try_get(2)?, returned: row.try_get(3)?, used: row.try_get(4)? };
        let expires_ms: i64 = row.try_get(7)?;
        let state = match (slice.outstanding(), row.try_get(6)?) {
            (0, _) => QuotaState::Closed,
            (_, true) => QuotaState::Lost,
            _ if expires_ms < now_ms => QuotaState::Reconcile,
            _ => QuotaState::Live,
        };
        Ok(QuotaRow {
            account: row.try_get::<_, &str>(0)?.into(),
            node: row.try_get::<_, &str>(1)?.into(),
            epoch: row.try_get::<_, i64>(5)?.cast_unsigned(),
            slice,
            state,
            expires_at: Wall(expires_ms),
        })
    };
    tx.query(text, &[]).await?.iter().map(read).collect()
}

/// What a node holds goes back to the balances, once its time is over.
pub(crate) async fn lose(tx: &Transaction<'_>, name: &Name) -> Result<(), Failed> {
    let found = if &**name == CENTRAL { None } else { rows::lock_node(tx, name).await? };
    let mut node = found.ok_or_else(|| CentralError::NoNode(name.to_string()))?;
    if node.lost {
        return Ok(());
    }
    let expires_ms: i64 =
        tx.query_one("SELECT expires_ms FROM node WHERE name = $1", &[&&**name]).await?.try_get(0)?;
    let left_ms = expires_ms - schema::now_ms(tx).await?;
    if left_ms >= 0 {
        return Err(CentralError::NotExpired { node: name.to_string(), secs: left_ms / 1_000 + 1 }.into());
    }
    node.lose();
    rows::save_node(tx, name, &node).await?;
    let mut balances =
        rows::names(&tx.query("SELECT account FROM slice WHERE node = $1", &[&&**name]).await?)?;
    balances.sort();
    let owners: BTreeSet<&str> = balances.iter().map(|balance| owner(balance)).collect();
    for account in owners {
        let Some(mut row) = rows::lock_account(tx, account).await? else { continue };
        for balance in balances.iter().filter(|balance| owner(balance) == account) {
            let slice = rows::lock_quota(tx, balance, name).await?;
            if let Some(money) = row.money_mut(balance) {
                money.lose(&slice);
                rows::save_money(tx, balance, money).await?;
            }
        }
    }
    // Its words to owners are for others to say: if it said some already, they are said twice.
    tx.execute("UPDATE notice SET node = NULL WHERE node = $1", &[&&**name]).await?;
    Ok(())
}

// === impl QuotaState ===

impl QuotaState {
    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Reconcile => "reconcile",
            Self::Lost => "lost",
            Self::Closed => "closed",
        }
    }
}
