//! The books as an accountant reads them: balances of all shards, an account's statement, the close of a period.

use std::sync::Arc;

use ledger::{PeriodClosed, TrialBalance, TrialRow};
use node::{AdminReply, AdminRequest};
use store::{Balances, Journal, Movement, Reader, Statement, StatementPlace, StatementQuery, StoreError};
use tokio::sync::Mutex;
use units::{Currency, Money, Name, Wall};
use web::documents::{MovementDoc, PeriodDoc, StatementBalanceDoc, StatementDoc, TrialBalanceDoc, TrialLineDoc};
use web::{BackendError, CloseReceipt, StatementAsk, StatementPage};

use crate::run::backend::ask;
use crate::run::fabric::Fabric;

/// Looks at an account that moves while it is looked at.
const COMPARE_MAX: usize = 5;

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

/// Closes a period, once per key. What was begun is finished, also if nobody waits for it any more.
pub(super) async fn close_period(
    fabric: Arc<Fabric>,
    journal: Arc<Journal>,
    closing: Arc<Mutex<()>>,
    (until, key): (Wall, String),
) -> Result<CloseReceipt, BackendError> {
    let closed = tokio::spawn(async move {
        let _one_at_a_time = closing.lock().await;
        close(fabric, journal, until, key).await
    });
    closed.await.map_err(|error| BackendError::Unavailable(error.to_string()))?
}

/// First every shard agrees, and all that it dated before is durable. Then the journal is cut at its last entry: the trial balance is made
/// of the entries up to that by a replay, so no shard is stopped for it. At last the closing is written.
async fn close(fabric: Arc<Fabric>, journal: Arc<Journal>, until: Wall, key: String) -> Result<CloseReceipt, BackendError> {
    let closings = read(&journal, |reader| reader.closings()).await?;
    if let Some((_, before)) = closings.iter().find(|(_, closed)| closed.key.as_deref() == Some(&key)) {
        return match before.until == until {
            true => Ok(CloseReceipt { document: period_doc(before), replayed: true }),
            false => Err(BackendError::KeyReused(key)),
        };
    }
    if let Some((seq, before)) = closings.iter().find(|(_, closed)| closed.until >= until) {
        let detail = format!("the books are closed until {} already, by journal entry {seq}", before.until.rfc3339());
        return Err(BackendError::Refused { field: "until", detail });
    }
    for shard in 0..fabric.mailboxes.len() as u8 {
        match ask(Arc::clone(&fabric), shard, AdminRequest::ClosePeriod { until }).await? {
            AdminReply::Closed => {}
            AdminReply::Refused { detail, .. } => return Err(BackendError::Refused { field: "until", detail }),
            _ => return Err(BackendError::Unavailable("the period was not closed".to_owned())),
        }
    }
    let entry = read(&journal, |reader| reader.last()).await?;
    let trial = blocking(move || journal.trial_at(entry)).await?;
    let closed = PeriodClosed { until, entry, trial: trial.rows(), key: Some(key.into()) };
    let document = period_doc(&closed);
    match ask(fabric, 0, AdminRequest::PeriodClosed(closed)).await? {
        AdminReply::Closed => Ok(CloseReceipt { document, replayed: false }),
        _ => Err(BackendError::Unavailable("the period was not closed".to_owned())),
    }
}

/// A page; the last one of a time that reaches to now must close with what the account has.
pub(super) async fn statement(
    fabric: Arc<Fabric>,
    shard: u8,
    journal: Arc<Journal>,
    wanted: StatementAsk,
) -> Result<StatementPage, BackendError> {
    let StatementAsk { account, from, to, after, limit } = wanted;
    let name = Name::from(account.as_str());
    if !matches!(ask(Arc::clone(&fabric), shard, AdminRequest::Account(name.clone())).await?, AdminReply::Account(_)) {
        return Err(BackendError::NoAccount(account));
    }
    let query = StatementQuery { account: name.clone(), from, to, after: after.map(place).transpose()?, limit };
    let page = read(&journal, move |reader| reader.statement(&query)).await?;
    // What is dated after `to`, as after a step of the clock, is not in the page: its closing is not what the account has.
    let is_all = match to {
        None => true,
        // The past has closed with what it had.
        Some(to) if to <= fabric.clock.now().wall => false,
        Some(to) => {
            let later =
                StatementQuery { account: name.clone(), from: Some(to), to: None, after: Some(StatementPlace::default()), limit: 1 };
            read(&journal, move |reader| reader.statement(&later)).await?.movements.is_empty()
        }
    };
    if !page.more && is_all {
        compare(fabric, shard, &journal, name, page.closing.clone()).await?;
    }
    Ok(statement_page(account, &page))
}

/// As the API shows it.
pub(super) fn statement_page(account: String, page: &Statement) -> StatementPage {
    let movements = page.movements.iter().map(movement_doc).collect();
    let (opening, closing) = (balances(&page.opening), balances(&page.closing.balances));
    let document = StatementDoc { account, opening, movements, closing, next: None };
    StatementPage { document, next: page.more.then_some(page.closing.entry) }
}

/// What the journal says of an account up to `closing`, or after one of the entries that came since, must be what its shard has.
async fn compare(
    fabric: Arc<Fabric>,
    shard: u8,
    journal: &Arc<Journal>,
    account: Name,
    closing: StatementPlace,
) -> Result<(), BackendError> {
    let mut said = String::new();
    for _ in 0..COMPARE_MAX {
        let AdminReply::Posted(posted) = ask(Arc::clone(&fabric), shard, AdminRequest::Posted(account.clone())).await? else {
            return Err(BackendError::NoAccount(account.to_string()));
        };
        let live: Balances = posted.into_iter().map(|(pocket, currency, posted)| ((pocket, currency), posted)).collect();
        let query = StatementQuery { account: account.clone(), from: None, to: None, after: Some(closing.clone()), limit: usize::MAX };
        let since = read(journal, move |reader| reader.statement(&query)).await?;
        if passes(since.opening, &since.movements, &live) {
            return Ok(());
        }
        // What was asked for may be between two entries of one call: another look.
        said = format!("the journal says {}, the books say {}", words(&since.closing.balances), words(&live));
    }
    let detail =
        format!("the statement of {account} does not close with its balance: {said}. Keep the data folder, run `tollgate ledger verify`");
    tracing::error!(detail, "books and journal differ");
    Err(BackendError::Broken(detail))
}

/// Whether the balances were `live` at the beginning or after one of the entries.
fn passes(mut balances: Balances, movements: &[Movement], live: &Balances) -> bool {
    let same = |balances: &Balances| {
        let non_zero = |balances: &Balances| balances.iter().filter(|(_, amount)| **amount != 0).map(|(k, v)| (k.clone(), *v)).collect();
        let (a, b): (Balances, Balances) = (non_zero(balances), non_zero(live));
        a == b
    };
    same(&balances)
        || movements.chunk_by(|a, b| a.entry == b.entry).any(|entry| {
            for movement in entry {
                *balances.entry((movement.pocket.clone(), movement.amount.currency)).or_default() += movement.amount.amount;
            }
            same(&balances)
        })
}

/// `1.00000 EUR, 60.00000 SEC in free`.
fn words(balances: &Balances) -> String {
    let one = |((pocket, currency), amount): (&(Name, Currency), &i64)| {
        let within = if pocket.is_empty() { String::new() } else { format!(" in {pocket}") };
        format!("{} {currency}{within}", Money::of(*amount, *currency))
    };
    balances.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Where a page begins, as the store takes it.
pub(super) fn place(place: web::StatementPlace) -> Result<StatementPlace, BackendError> {
    let bad = |_| BackendError::Refused { field: "cursor", detail: "this is no cursor of this list".to_owned() };
    let mut balances = Balances::new();
    for StatementBalanceDoc { pocket, currency, balance } in place.balances {
        let currency: Currency = currency.parse().map_err(bad)?;
        balances.insert((pocket.as_str().into(), currency), Money::parse(&balance, currency).map_err(bad)?.amount);
    }
    Ok(StatementPlace { entry: place.entry, balances })
}

/// Asks the journal, away from the threads that serve requests.
pub(super) async fn read<T: Send + 'static>(
    journal: &Arc<Journal>,
    question: impl FnOnce(Reader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, BackendError> {
    let journal = Arc::clone(journal);
    blocking(move || question(journal.reader()?)).await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, StoreError> + Send + 'static) -> Result<T, BackendError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| BackendError::Unavailable(error.to_string()))?;
    done.map_err(|error| BackendError::Unavailable(error.to_string()))
}

pub(super) fn period_doc(closed: &PeriodClosed) -> PeriodDoc {
    PeriodDoc {
        until: closed.until.rfc3339(),
        entry: closed.entry,
        trial: rows_doc(&closed.trial),
        idempotency_key: closed.key.as_deref().unwrap_or_default().to_owned(),
    }
}

fn movement_doc(movement: &Movement) -> MovementDoc {
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
    let doc = |((pocket, currency), amount): (&(Name, Currency), &i64)| StatementBalanceDoc {
        pocket: pocket.to_string(),
        currency: currency.to_string(),
        balance: Money::of(*amount, *currency).to_string(),
    };
    balances.iter().map(doc).collect()
}

/// As the API and the command line show it.
pub(crate) fn trial_doc(trial: &TrialBalance) -> TrialBalanceDoc {
    rows_doc(&trial.rows())
}

fn rows_doc(rows: &[TrialRow]) -> TrialBalanceDoc {
    let line = |row: &TrialRow| TrialLineDoc {
        currency: row.currency.to_string(),
        account: row.account.to_string(),
        balance: row.balance.clone(),
    };
    let sums = TrialBalance::of_rows(rows).sums();
    TrialBalanceDoc {
        // What is in nothing says nothing.
        lines: rows.iter().map(line).filter(|line| line.balance != "0.00000").collect(),
        sums: sums.into_iter().map(|(currency, sum)| (currency.to_string(), sum)).collect(),
    }
}
