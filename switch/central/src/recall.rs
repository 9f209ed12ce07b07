//! Money that an order needs and that nodes hold: they are asked to give it back, by the same hint as for
//! credit that ended.
//!
//! Invariant: an order is refused for lack of money only if it is in no node's hands either.

use rating::engine::MoveOrder;
use rating::quotas::central::CENTRAL;
use tokio_postgres::Transaction;
use units::{Money, Name};

use crate::failed::Failed;
use crate::rows::{self, AccountRow};
use crate::{CentralError, schema};

/// What is worth waiting before the next try, s: nodes that answer are asked again with each beat.
const TRY_AGAIN_SECS: u32 = 5;

/// What nodes hold of an account's own money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    account: Name,
    amount: Money,
    /// Nodes that hold some of it and do not beat any more.
    silent: Vec<Name>,
}

impl From<Held> for CentralError {
    fn from(held: Held) -> Self {
        let Held { account, amount, silent } = held;
        let silent = match silent.join(", ") {
            names if names.is_empty() => String::new(),
            names => format!(
                " (no word from {names}: start it, or give it up with `tollgate ledger slices --lost NODE`)"
            ),
        };
        Self::Recalled {
            account: account.to_string(),
            held: amount.to_string(),
            silent,
            secs: TRY_AGAIN_SECS,
        }
    }
}

/// Asks the nodes for an account's money if an order was refused only because they hold it.
pub(crate) async fn held_back(
    tx: &Transaction<'_>,
    rows: &[AccountRow],
    account: &Name,
    order: &MoveOrder,
) -> Result<Option<Held>, Failed> {
    let MoveOrder::Charge { pieces, price, .. } = order else { return Ok(None) };
    let Some(row) = rows.iter().find(|row| row.name == *account) else { return Ok(None) };
    let asked = i128::from(*pieces) * i128::from(price.amount);
    let there = i128::from(row.money.posted) - i128::from(row.money.limit);
    if row.money.held <= 0 || asked > there {
        return Ok(None);
    }
    let now_ms = schema::now_ms(tx).await?;
    let mark = "UPDATE account SET wanted_by = $2, wanted_ms = $3 WHERE name = $1";
    tx.execute(mark, &[&&**account, &CENTRAL, &now_ms]).await?;
    let silent = "SELECT s.node FROM slice s JOIN node n ON n.name = s.node WHERE s.account = $1 AND s.granted - s.returned - s.used > 0 \
                  AND n.expires_ms < $2 ORDER BY s.node";
    let silent = rows::names(&tx.query(silent, &[&&**account, &now_ms]).await?)?;
    Ok(Some(Held { account: account.clone(), amount: Money::of(row.money.held, row.currency), silent }))
}

/// The order is done: nodes may borrow again. Money of balances that ended is marked again by whoever ends
/// them.
pub(crate) async fn over(tx: &Transaction<'_>, account: &Name) -> Result<(), Failed> {
    let clear = "UPDATE account SET wanted_by = NULL, wanted_ms = NULL WHERE name = $1 AND wanted_by = $2";
    tx.execute(clear, &[&&**account, &CENTRAL]).await?;
    Ok(())
}
