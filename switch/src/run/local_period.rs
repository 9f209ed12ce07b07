//! Periods of a node's own books: the close, and statements that must close with what the shards have.

use ledger::{PeriodClosed, Refused};
use node::{AdminReply, AdminRequest};
use rating::engine::AccountView;
use store::{Balances, Movement, Statement, StatementPlace, StatementQuery};
use units::{Currency, Money, Name, Wall};

use crate::run::books::BooksError;
use crate::run::local::{LocalBooks, ask, blocking};

/// Looks at an account that moves while it is looked at.
const COMPARE_MAX: usize = 5;

/// Closes a period, once per key. What was begun is finished, also if nobody waits for it any more.
pub(super) async fn close(
    books: LocalBooks,
    until: Wall,
    key: Name,
) -> Result<(PeriodClosed, bool), BooksError> {
    let closed = tokio::spawn(async move {
        let _one_at_a_time = books.closing.lock().await;
        close_now(&books, until, key).await
    });
    closed.await.map_err(|error| BooksError::Unavailable(error.to_string()))?
}

/// First every shard agrees, and all that it dated before is durable. Then the journal is cut at its last
/// entry: the trial balance is made of the entries up to that by a replay, so no shard is stopped for it. At
/// last the closing is written.
async fn close_now(books: &LocalBooks, until: Wall, key: Name) -> Result<(PeriodClosed, bool), BooksError> {
    let closings = books.read(|reader| reader.closings()).await?;
    if let Some((_, before)) = closings.iter().find(|(_, closed)| closed.key.as_ref() == Some(&key)) {
        return if before.until == until {
            Ok((before.clone(), true))
        } else {
            Err(BooksError::KeyReused(key))
        };
    }
    if let Some((seq, before)) = closings.iter().find(|(_, closed)| closed.until >= until) {
        return Err(BooksError::Closed { until: before.until, entry: *seq });
    }
    let agreed = |reply| match reply {
        AdminReply::Closed => Ok(()),
        _ => Err(BooksError::Unavailable("the period was not closed".to_owned())),
    };
    books.ask_all(|| AdminRequest::ClosePeriod { until }, agreed).await?;
    let entry = books.read(|reader| reader.last()).await?;
    let journal = std::sync::Arc::clone(&books.journal);
    let trial = blocking(move || journal.trial_at(entry)).await?;
    let closed = PeriodClosed { until, entry, trial: trial.rows(), key: Some(key) };
    agreed(ask(&books.router, 0, AdminRequest::PeriodClosed(closed.clone())).await?)?;
    Ok((closed, false))
}

/// A page; the last one of a time that reaches to now must close with what the account has.
pub(super) async fn statement(books: LocalBooks, query: StatementQuery) -> Result<Statement, BooksError> {
    let (account, to) = (query.account.clone(), query.to);
    let AdminReply::Account(AccountView { name, .. }) =
        books.ask(&account, AdminRequest::Account(account.clone())).await?
    else {
        return Err(BooksError::Account(Refused::UnknownAccount.into()));
    };
    let page = books.read(move |reader| reader.statement(&query)).await?;
    // What is dated after `to`, as after a step of the clock, is not in the page: its closing is not what the
    // account has.
    let is_all = match to {
        None => true,
        // The past has closed with what it had.
        Some(to) if to <= books.router.clock.now().wall => false,
        Some(to) => {
            let later = StatementQuery {
                account,
                from: Some(to),
                to: None,
                after: Some(StatementPlace::default()),
                limit: 1,
            };
            books.read(move |reader| reader.statement(&later)).await?.movements.is_empty()
        }
    };
    if !page.more && is_all {
        compare(&books, name, page.closing.clone()).await?;
    }
    Ok(page)
}

/// What the journal says of an account up to `closing`, or after one of the entries that came since, must be
/// what its shard has.
async fn compare(books: &LocalBooks, account: Name, closing: StatementPlace) -> Result<(), BooksError> {
    let mut said = String::new();
    for _ in 0..COMPARE_MAX {
        let AdminReply::Posted(posted) = books.ask(&account, AdminRequest::Posted(account.clone())).await?
        else {
            return Err(BooksError::Account(Refused::UnknownAccount.into()));
        };
        let live: Balances =
            posted.into_iter().map(|(bucket, currency, posted)| ((bucket, currency), posted)).collect();
        let query = StatementQuery {
            account: account.clone(),
            from: None,
            to: None,
            after: Some(closing.clone()),
            limit: usize::MAX,
        };
        let since = books.read(move |reader| reader.statement(&query)).await?;
        if passes(since.opening, &since.movements, &live) {
            return Ok(());
        }
        // What was asked for may be between two entries of one call: another look.
        said = format!("the journal says {}, the books say {}", words(&since.closing.balances), words(&live));
    }
    let detail = format!(
        "the statement of {account} does not close with its balance: {said}. Keep the data folder, run `tollgate ledger verify`"
    );
    tracing::error!(detail, "books and journal differ");
    Err(BooksError::Broken(detail))
}

/// Whether the balances were `live` at the beginning or after one of the entries.
fn passes(mut balances: Balances, movements: &[Movement], live: &Balances) -> bool {
    let same = |balances: &Balances| {
        let non_zero = |balances: &Balances| {
            balances.iter().filter(|(_, amount)| **amount != 0).map(|(k, v)| (k.clone(), *v)).collect()
        };
        let (a, b): (Balances, Balances) = (non_zero(balances), non_zero(live));
        a == b
    };
    same(&balances)
        || movements.chunk_by(|a, b| a.entry == b.entry).any(|entry| {
            for movement in entry {
                *balances.entry((movement.bucket.clone(), movement.amount.currency)).or_default() +=
                    movement.amount.amount;
            }
            same(&balances)
        })
}

/// `1.00000 EUR, 60.00000 SEC in free`.
fn words(balances: &Balances) -> String {
    let one = |((bucket, currency), amount): (&(Name, Currency), &i64)| {
        let within = if bucket.is_empty() { String::new() } else { format!(" in {bucket}") };
        format!("{} {currency}{within}", Money::of(*amount, *currency))
    };
    balances.iter().map(one).collect::<Vec<_>>().join(", ")
}
