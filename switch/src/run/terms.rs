//! Grants and terms of accounts: the API's orders as the shards take them, and accounts as the API shows them.

use std::sync::Arc;

use node::{AdminReply, AdminRequest};
use rating::engine::{AccountChange, AccountView, PocketView};
use store::Journal;
use tokio::sync::Mutex;
use units::{Money, Name, Wall};
use web::documents::{AccountDoc, GrantDoc, PocketDoc, TermsDoc};
use web::{BackendError, GrantOrder, GrantReceipt, NewAccount, OpenReceipt};

use crate::run::backend::ask;
use crate::run::fabric::Fabric;
use crate::run::money::booked_before;

/// Opens an account, once per key over all shards. What was begun is finished, also if nobody waits for it any more.
pub(super) async fn add(fabric: Arc<Fabric>, shard: u8, opening: Arc<Mutex<()>>, new: NewAccount) -> Result<OpenReceipt, BackendError> {
    let opened = tokio::spawn(async move {
        let _one_at_a_time = opening.lock().await;
        open(fabric, shard, new).await
    });
    opened.await.map_err(|error| BackendError::Unavailable(error.to_string()))?
}

async fn open(fabric: Arc<Fabric>, shard: u8, new: NewAccount) -> Result<OpenReceipt, BackendError> {
    let NewAccount { name, currency, terms, limit, balance, idempotency_key: key } = new;
    if let Some(key) = &key {
        for other in (0..fabric.mailboxes.len() as u8).filter(|other| *other != shard) {
            let asked = ask(Arc::clone(&fabric), other, AdminRequest::OpenedBy(key.clone())).await?;
            if matches!(asked, AdminReply::OpenedBy(Some(_))) {
                return Err(BackendError::KeyReused(key.clone()));
            }
        }
    }
    let request =
        AdminRequest::AddAccount { name: name.as_str().into(), currency, opening: balance.amount, terms, limit, key: key.clone() };
    match ask(fabric, shard, request).await? {
        AdminReply::Opened { view, replayed } => Ok(OpenReceipt { document: account_doc(&view), replayed }),
        AdminReply::Refused { code: "key-reused", .. } => Err(BackendError::KeyReused(key.unwrap_or_default())),
        AdminReply::Refused { code: "unknown-deck", detail } => Err(BackendError::Refused { field: "decks", detail }),
        AdminReply::Refused { detail, .. } => Err(BackendError::Conflict(detail)),
        _ => Err(BackendError::Unavailable("the account was not opened".to_owned())),
    }
}

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
        pockets: view.pockets.iter().map(pocket_doc).collect(),
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

fn pocket_doc(pocket: &PocketView) -> PocketDoc {
    PocketDoc {
        name: pocket.name.to_string(),
        kind: pocket.kind.word().to_owned(),
        left: pocket.left.to_string(),
        leased: pocket.leased.to_string(),
        currency: pocket.left.currency.to_string(),
        priority: pocket.priority,
        prefixes: pocket.prefixes.iter().map(ToString::to_string).collect(),
        valid_from: pocket.valid_from.map(Wall::rfc3339),
        expires_at: pocket.expires_at.map(Wall::rfc3339),
    }
}

pub(super) fn change_request(name: &str, change: AccountChange) -> AdminRequest {
    AdminRequest::ChangeAccount { name: name.into(), change }
}

pub(super) fn changed(name: String, reply: AdminReply) -> Result<AccountDoc, BackendError> {
    match reply {
        AdminReply::Account(view) => Ok(account_doc(&view)),
        AdminReply::NotFound => Err(BackendError::NoAccount(name)),
        AdminReply::Refused { code: "unknown-deck", detail } => Err(BackendError::Refused { field: "decks", detail }),
        AdminReply::Refused { code: "conflict", detail } => Err(BackendError::Conflict(detail)),
        AdminReply::Refused { detail, .. } => Err(BackendError::Refused { field: "terms", detail }),
        _ => Err(BackendError::Unavailable("the account was not changed".to_owned())),
    }
}

/// `view` is the account as it is, whose currency the money is in.
fn grant_request(order: &GrantOrder, view: &AccountView) -> Result<AdminRequest, BackendError> {
    let amount = order.amount.money(order.terms.kind.currency(view.currency))?;
    let account: Name = order.account.as_str().into();
    let (pocket, terms) = (order.pocket.as_str().into(), order.terms.clone());
    Ok(AdminRequest::Grant { account, pocket, amount, terms, reference: order.reference.clone(), key: order.idempotency_key.clone() })
}

/// Gives credit or minutes, once per key.
pub(super) async fn grant(fabric: Arc<Fabric>, shard: u8, journal: Arc<Journal>, order: GrantOrder) -> Result<GrantReceipt, BackendError> {
    let show = AdminRequest::Account(order.account.as_str().into());
    let AdminReply::Account(view) = ask(Arc::clone(&fabric), shard, show).await? else {
        return Err(BackendError::NoAccount(order.account));
    };
    let request = grant_request(&order, &view)?;
    let (account, key) = (order.account.clone(), order.idempotency_key.clone());
    let mut receipt = granted(order, ask(fabric, shard, request).await?)?;
    if receipt.replayed {
        receipt.document.booked_at = booked_before(&journal, &account, &key).await?.map(Wall::rfc3339);
    }
    Ok(receipt)
}

fn granted(order: GrantOrder, reply: AdminReply) -> Result<GrantReceipt, BackendError> {
    match reply {
        AdminReply::Granted { amount, left, booked_at, replayed } => {
            Ok(GrantReceipt { document: grant_doc(order, amount, left, booked_at), replayed })
        }
        AdminReply::NotFound => Err(BackendError::NoAccount(order.account)),
        AdminReply::Refused { code: "key-reused", .. } => Err(BackendError::KeyReused(order.idempotency_key)),
        AdminReply::Refused { code: "conflict", detail } => Err(BackendError::Conflict(detail)),
        AdminReply::Refused { detail, .. } => Err(BackendError::Refused { field: "pocket", detail }),
        _ => Err(BackendError::Unavailable("the grant was not booked".to_owned())),
    }
}

pub(super) fn grant_doc(order: GrantOrder, amount: Money, left: Money, booked_at: Option<Wall>) -> GrantDoc {
    GrantDoc {
        account: order.account,
        pocket: order.pocket,
        kind: order.terms.kind.word().to_owned(),
        amount: amount.to_string(),
        currency: amount.currency.to_string(),
        left: left.to_string(),
        reference: order.reference,
        idempotency_key: order.idempotency_key,
        booked_at: booked_at.map(Wall::rfc3339),
    }
}
