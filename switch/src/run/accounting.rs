//! The books as an accountant reads them: trial balance, statements and closings, as the API shows them.

use std::sync::Arc;

use ledger::{PeriodClosed, TrialBalance, TrialRow};
use store::{Balances, Movement, Statement, StatementPlace, StatementQuery};
use units::{Currency, Money, Name, Wall};
use web::documents::{
    MovementDoc, PeriodDoc, StatementBalanceDoc, StatementDoc, TrialBalanceDoc, TrialLineDoc,
};
use web::{BackendError, CloseReceipt, StatementAsk, StatementPage};

use crate::run::books::{About, Books, problem};

pub(super) async fn trial_balance(books: Arc<dyn Books>) -> Result<TrialBalanceDoc, BackendError> {
    Ok(trial_doc(&books.trial().await?))
}

/// Closes a period, once per key.
pub(super) async fn close_period(
    books: Arc<dyn Books>,
    until: Wall,
    key: String,
) -> Result<CloseReceipt, BackendError> {
    let about = About { account: "", key: &key, field: "until" };
    let (closed, replayed) =
        books.close(until, key.as_str().into()).await.map_err(|error| problem(error, about))?;
    Ok(CloseReceipt { document: period_doc(&closed), replayed })
}

/// A page of an account's movements.
pub(super) async fn statement(
    books: Arc<dyn Books>,
    wanted: StatementAsk,
) -> Result<StatementPage, BackendError> {
    let StatementAsk { account, from, to, after, limit } = wanted;
    let query = StatementQuery {
        account: account.as_str().into(),
        from,
        to,
        after: after.map(place).transpose()?,
        limit,
    };
    let page = books.statement(query).await.map_err(|error| problem(error, About::of(&account)))?;
    Ok(statement_page(account, &page))
}

/// As the API shows it.
fn statement_page(account: String, page: &Statement) -> StatementPage {
    let movements = page.movements.iter().map(movement_doc).collect();
    let (opening, closing) = (balances(&page.opening), balances(&page.closing.balances));
    let document = StatementDoc { account, opening, movements, closing, next: None };
    StatementPage { document, next: page.more.then_some(page.closing.entry) }
}

/// Where a page begins, as the store takes it.
fn place(place: web::StatementPlace) -> Result<StatementPlace, BackendError> {
    let bad =
        |_| BackendError::Refused { field: "cursor", detail: "this is no cursor of this list".to_owned() };
    let mut balances = Balances::new();
    for StatementBalanceDoc { bucket, currency, balance } in place.balances {
        let currency: Currency = currency.parse().map_err(bad)?;
        balances.insert(
            (bucket.as_str().into(), currency),
            Money::parse(&balance, currency).map_err(bad)?.amount,
        );
    }
    Ok(StatementPlace { entry: place.entry, balances })
}

fn period_doc(closed: &PeriodClosed) -> PeriodDoc {
    PeriodDoc {
        until: closed.until.rfc3339(),
        entry: closed.entry,
        trial: rows_doc(&closed.trial),
        idempotency_key: closed.key.as_deref().unwrap_or_default().to_owned(),
    }
}

fn movement_doc(movement: &Movement) -> MovementDoc {
    let currency = movement.amount.currency;
    let purpose = serde_json::to_value(movement.transfer.purpose)
        .ok()
        .and_then(|word| word.as_str().map(str::to_owned));
    MovementDoc {
        entry: movement.entry,
        at: movement.at.rfc3339(),
        key: movement.transfer.key.to_string(),
        purpose: purpose.unwrap_or_default(),
        cause: movement.cause.clone(),
        bucket: movement.bucket.to_string(),
        amount: movement.amount.to_string(),
        currency: currency.to_string(),
        balance: Money::of(movement.balance, currency).to_string(),
    }
}

fn balances(balances: &Balances) -> Vec<StatementBalanceDoc> {
    let doc = |((bucket, currency), amount): (&(Name, Currency), &i64)| StatementBalanceDoc {
        bucket: bucket.to_string(),
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
