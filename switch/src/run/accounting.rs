//! The books as an accountant reads them: balances of all shards, an account's statement, the close of a period.

use std::sync::Arc;

use ledger::{PeriodClosed, TrialBalance};
use node::{AdminReply, AdminRequest};
use store::{Balances, Journal};
use units::{Money, Name, Wall};
use web::documents::{MovementDoc, PeriodDoc, StatementBalanceDoc, StatementDoc, TrialBalanceDoc, TrialLineDoc};
use web::{BackendError, StatementAsk};

use crate::run::backend::ask;
use crate::run::fabric::Fabric;

/// Each shard's balances sum to zero by themselves, so the sum is right although they are not read at one instant.
async fn trial(fabric: &Arc<Fabric>) -> Result<TrialBalance, BackendError> {
    let mut trial = TrialBalance::default();
    for shard in 0..fabric.mailboxes.len() as u8 {
        if let AdminReply::Trial(part) = ask(Arc::clone(fabric), shard, AdminRequest::Trial).await? {
            trial.merge(&part);
        }
    }
    Ok(trial)
}

pub(super) async fn trial_balance(fabric: Arc<Fabric>) -> Result<TrialBalanceDoc, BackendError> {
    Ok(trial_doc(&trial(&fabric).await?))
}

/// First every shard agrees, and all that it dated before is durable; then the balances are taken and the closing is written.
pub(super) async fn close_period(fabric: Arc<Fabric>, journal: Arc<Journal>, until: Wall) -> Result<PeriodDoc, BackendError> {
    for shard in 0..fabric.mailboxes.len() as u8 {
        match ask(Arc::clone(&fabric), shard, AdminRequest::ClosePeriod { until }).await? {
            AdminReply::Closed => {}
            AdminReply::Refused { detail, .. } => return Err(BackendError::Refused { field: "until", detail }),
            _ => return Err(BackendError::Unavailable("the period was not closed".to_owned())),
        }
    }
    let entry = journal.last();
    let trial = trial(&fabric).await?;
    let closed = PeriodClosed { until, entry, trial: trial.rows() };
    match ask(fabric, 0, AdminRequest::PeriodClosed(closed)).await? {
        AdminReply::Closed => Ok(PeriodDoc { until: until.rfc3339(), entry, trial: trial_doc(&trial) }),
        _ => Err(BackendError::Unavailable("the period was not closed".to_owned())),
    }
}

pub(super) async fn statement(
    fabric: Arc<Fabric>,
    shard: u8,
    journal: Arc<Journal>,
    wanted: StatementAsk,
) -> Result<StatementDoc, BackendError> {
    let StatementAsk { account, from, to } = wanted;
    let name = Name::from(account.as_str());
    if !matches!(ask(fabric, shard, AdminRequest::Account(name.clone())).await?, AdminReply::Account(_)) {
        return Err(BackendError::NoAccount(account));
    }
    let read = tokio::task::spawn_blocking(move || journal.reader()?.statement(&name, from, to));
    let found = read.await.map_err(|error| BackendError::Unavailable(error.to_string()))?;
    let found = found.map_err(|error| BackendError::Unavailable(error.to_string()))?;
    if found.is_cut {
        let detail = "more movements than one statement holds: ask for a shorter time".to_owned();
        return Err(BackendError::Refused { field: "from", detail });
    }
    let movements = found.movements.iter().map(movement_doc).collect();
    Ok(StatementDoc { account, opening: balances(&found.opening), movements, closing: balances(&found.closing) })
}

fn movement_doc(movement: &store::Movement) -> MovementDoc {
    let currency = movement.amount.currency;
    let purpose = serde_json::to_value(movement.transfer.purpose).ok().and_then(|word| word.as_str().map(str::to_owned));
    MovementDoc {
        entry: movement.entry,
        at: movement.at.rfc3339(),
        key: movement.transfer.key.to_string(),
        purpose: purpose.unwrap_or_default(),
        cause: movement.cause.clone(),
        pocket: movement.pocket.to_string(),
        amount: movement.amount.to_string(),
        currency: currency.to_string(),
        balance: Money::of(movement.balance, currency).to_string(),
    }
}

fn balances(balances: &Balances) -> Vec<StatementBalanceDoc> {
    let doc = |((pocket, currency), amount): (&(Name, units::Currency), &i64)| StatementBalanceDoc {
        pocket: pocket.to_string(),
        currency: currency.to_string(),
        balance: Money::of(*amount, *currency).to_string(),
    };
    balances.iter().map(doc).collect()
}

/// As the API and the command line show it.
pub(crate) fn trial_doc(trial: &TrialBalance) -> TrialBalanceDoc {
    let line =
        |row: ledger::TrialRow| TrialLineDoc { currency: row.currency.to_string(), account: row.account.to_string(), balance: row.balance };
    TrialBalanceDoc {
        lines: trial.rows().into_iter().map(line).collect(),
        sums: trial.sums().into_iter().map(|(currency, sum)| (currency.to_string(), sum)).collect(),
    }
}
