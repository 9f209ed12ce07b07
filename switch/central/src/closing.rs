//! The close of a period over all nodes: a cut of the central journal.
//!
//! Nothing waits for a node. What a node dated into the period and ships after the close is in the next
//! period, by the date of its place in the central journal; its own record keeps the time at which it
//! happened.

use ledger::{PeriodClosed, Record, RecordBody};
use rating::engine::AccountRefused;
use tokio_postgres::Transaction;
use units::{Name, Wall};

use crate::failed::Failed;
use crate::instruction::Answer;
use crate::rows::{self, damaged, signed};
use crate::{CentralError, journal, schema, transaction, trial};

/// Closes once per key; `at` is the clock of the node that asks.
pub(crate) async fn close(tx: &Transaction<'_>, until: Wall, key: &Name, at: Wall) -> Result<Answer, Failed> {
    let mut own = transaction::lock_journal(tx).await?;
    if let Some(row) = tx.query_opt("SELECT body FROM closing WHERE key = $1", &[&&**key]).await? {
        let before: PeriodClosed = serde_json::from_str(row.try_get(0)?).map_err(|e| damaged(&e))?;
        return if before.until == until {
            Ok(Answer::Closed(Box::new(before), true))
        } else {
            Err(reused(key))
        };
    }
    if let Some(row) =
        tx.query_opt("SELECT until_ms, place FROM closing ORDER BY until_ms DESC LIMIT 1", &[]).await?
    {
        let (closed, place) = (Wall(row.try_get(0)?), row.try_get::<_, i64>(1)?.cast_unsigned());
        if closed >= until {
            return Err(CentralError::Closed { until: closed.rfc3339(), place }.into());
        }
    }
    let now = Wall(schema::agreed_ms(tx, at).await?);
    if until > now || until < rows::closed_until(tx).await? {
        return Err(CentralError::Account(AccountRefused::Period).into());
    }
    // From here on nothing gets a place before this is committed: the balances are those of the journal up to
    // its end.
    journal::lock_end(tx).await?;
    let (trial, end) = trial::balance(tx).await?;
    if end.behind {
        return Ok(Answer::Behind);
    }
    let closed = PeriodClosed { until, entry: end.place, trial: trial.rows(), key: Some(key.clone()) };
    let body = serde_json::to_string(&closed).map_err(|e| damaged(&e))?;
    let text = "INSERT INTO closing (key, until_ms, place, body) VALUES ($1, $2, $3, $4)";
    tx.execute(text, &[&&**key, &until.0, &signed(end.place), &body]).await?;
    tx.execute("UPDATE form SET closed_ms = $1 WHERE one = 1", &[&until.0]).await?;
    own.push(Record::new(now, Record::NODE.into(), RecordBody::PeriodClosed(closed.clone())));
    own.append(tx).await?;
    Ok(Answer::Closed(Box::new(closed), false))
}

fn reused(key: &Name) -> Failed {
    CentralError::KeyReused(key.to_string()).into()
}
