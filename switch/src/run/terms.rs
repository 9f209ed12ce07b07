//! Accounts, their terms and grants: the API's orders as the books take them, and accounts as the API shows
//! them.

use std::sync::Arc;

use central::NewGrant;
use rating::engine::{AccountChange, AccountView, BucketView};
use rating::quotas::transaction::NewAccount;
use units::{Money, Name, Wall};
use web::documents::{AccountDoc, BucketDoc, GrantDoc, TermsDoc};
use web::{BackendError, GrantReceipt, GrantRequest, OpenReceipt};

use crate::run::books::{About, Books, problem};

pub(super) fn account_doc(view: &AccountView) -> AccountDoc {
    AccountDoc {
        name: view.name.to_string(),
        currency: view.currency.to_string(),
        balance: view.balance.to_string(),
        leased: view.leased.to_string(),
        available: view.available.to_string(),
        deck: view.terms.decks.first().map(ToString::to_string).unwrap_or_default(),
        live_calls: None,
        status: view.terms.status.word().to_owned(),
        opened_at: Some(view.opened_at.rfc3339()),
        terms: Some(terms_doc(view)),
        buckets: view.buckets.iter().map(bucket_doc).collect(),
    }
}

fn terms_doc(view: &AccountView) -> TermsDoc {
    let terms = &view.terms;
    TermsDoc {
        decks: terms.decks.iter().map(ToString::to_string).collect(),
        profit_guard: terms.profit_guard.word().to_owned(),
        low_balance: terms.low_balance.map(|mark| Money::of(mark, view.currency).to_string()),
        idle_days: terms.idle_days,
        idle_months: terms.idle_months,
        zone: terms.zone.as_ref().map(ToString::to_string),
        idle_end: view.idle_end.map(Wall::rfc3339),
        email: terms.email.as_ref().map(ToString::to_string),
        language: terms.language.as_ref().map(ToString::to_string),
        credit: Money::of(view.limit.amount.saturating_neg(), view.currency).to_string(),
    }
}

fn bucket_doc(bucket: &BucketView) -> BucketDoc {
    BucketDoc {
        name: bucket.name.to_string(),
        kind: bucket.kind.word().to_owned(),
        left: bucket.left.to_string(),
        leased: bucket.leased.to_string(),
        currency: bucket.left.currency.to_string(),
        priority: bucket.priority,
        prefixes: bucket.prefixes.iter().map(ToString::to_string).collect(),
        valid_from: bucket.valid_from.map(Wall::rfc3339),
        expires_at: bucket.expires_at.map(Wall::rfc3339),
    }
}

/// Opens an account, once per key if there is one.
pub(super) async fn add(books: Arc<dyn Books>, new: web::NewAccount) -> Result<OpenReceipt, BackendError> {
    let web::NewAccount { name, currency, terms, limit, balance, idempotency_key: key } = new;
    let account = NewAccount { name: name.as_str().into(), currency, opening: balance.amount, limit, terms };
    let about = About { account: &name, key: key.as_deref().unwrap_or_default(), field: "terms" };
    let (view, replayed) =
        books.open(account, key.as_deref().map(Name::from)).await.map_err(|error| problem(error, about))?;
    Ok(OpenReceipt { document: account_doc(&view), replayed })
}

/// Changes what an account calls by.
pub(super) async fn change(
    books: Arc<dyn Books>,
    name: String,
    change: AccountChange,
) -> Result<AccountDoc, BackendError> {
    let about = About { field: "terms", ..About::of(&name) };
    let changed = books.amend(name.as_str().into(), change).await;
    changed.map(|view| account_doc(&view)).map_err(|error| problem(error, about))
}

/// Gives credit or minutes, once per key.
pub(super) async fn grant(books: Arc<dyn Books>, order: GrantRequest) -> Result<GrantReceipt, BackendError> {
    let account: Name = order.account.as_str().into();
    let view = books
        .account(account.clone())
        .await?
        .ok_or_else(|| BackendError::NoAccount(order.account.clone()))?;
    let grant = NewGrant {
        account,
        bucket: order.bucket.as_str().into(),
        amount: order.amount.money(order.terms.kind.currency(view.currency))?,
        terms: order.terms.clone(),
        reference: order.reference.clone(),
        key: order.idempotency_key.clone(),
    };
    let about = About { account: &order.account, key: &order.idempotency_key, field: "pocket" };
    let done = books.grant(grant).await.map_err(|error| problem(error, about))?;
    Ok(GrantReceipt {
        document: grant_doc(order, done.amount, done.balance, done.at),
        replayed: done.replayed,
    })
}

fn grant_doc(order: GrantRequest, amount: Money, left: Money, booked_at: Option<Wall>) -> GrantDoc {
    GrantDoc {
        account: order.account,
        bucket: order.bucket,
        kind: order.terms.kind.word().to_owned(),
        amount: amount.to_string(),
        currency: amount.currency.to_string(),
        left: left.to_string(),
        reference: order.reference,
        idempotency_key: order.idempotency_key,
        booked_at: booked_at.map(Wall::rfc3339),
    }
}
