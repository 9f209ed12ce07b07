//! The API's questions about accounts, answered by the central ledger where there is one: money that comes in is there first, and is
//! confirmed when the database has it.

use std::sync::Arc;

use central::{AccountRow, Central, CentralError};
use ledger::{House, Key, Party, Purpose, Transfer};
use units::{Money, Name, Wall};
use web::documents::{AccountDoc, MovedDoc, TopUpDoc};
use web::{Answer, BackendError, Hand, HandOrder, MovedReceipt, NewAccount, TopUpOrder, TopUpReceipt};

/// Up to `limit` accounts after `after`.
pub(crate) fn accounts(central: Arc<Central>, after: Option<String>, limit: usize) -> Answer<Vec<AccountDoc>> {
    Box::pin(async move {
        let rows = central.accounts(after.as_deref().map(Name::from), limit).await.map_err(refusal)?;
        Ok(rows.iter().map(document).collect())
    })
}

/// One account.
pub(crate) fn account(central: Arc<Central>, name: String) -> Answer<Option<AccountDoc>> {
    Box::pin(async move { Ok(central.account(&name.as_str().into()).await.map_err(refusal)?.as_ref().map(document)) })
}

/// Opens an account for all nodes.
pub(crate) fn add_account(central: Arc<Central>, new: NewAccount, at: Wall) -> Answer<AccountDoc> {
    Box::pin(async move {
        let new = central::NewAccount {
            name: new.name.as_str().into(),
            currency: new.currency,
            opening: new.balance.amount,
            limit: 0,
            terms: ledger::Terms::of_deck(&new.deck),
            at,
        };
        central.open(new).await.map(|row| document(&row)).map_err(refusal)
    })
}

/// Books a payment once per key over all nodes. The nodes' slices follow.
pub(crate) fn top_up(central: Arc<Central>, order: TopUpOrder, at: Wall) -> Answer<TopUpReceipt> {
    Box::pin(async move {
        if order.pending || order.fee != 0 {
            return Err(not_here("announced payments and bank fees"));
        }
        let account: Name = order.account.as_str().into();
        let row = central.account(&account).await.map_err(refusal)?.ok_or_else(|| BackendError::NoAccount(order.account.clone()))?;
        let amount = order.amount.money(row.currency)?;
        let transfer = Transfer {
            key: Key::Given(order.idempotency_key.as_str().into()),
            purpose: Purpose::TopUp,
            debit: Party::House(House::Payments),
            credit: Party::Customer(account),
            amount,
            memo: (!order.reference.is_empty()).then(|| order.reference.as_str().into()),
        };
        let booked = match central.book(transfer, at).await {
            Err(CentralError::KeyReused(_)) => return Err(BackendError::KeyReused(order.idempotency_key)),
            outcome => outcome.map_err(refusal)?,
        };
        Ok(TopUpReceipt {
            document: TopUpDoc {
                account: order.account,
                amount: amount.to_string(),
                currency: amount.currency.to_string(),
                reference: order.reference,
                idempotency_key: order.idempotency_key,
                balance_before: Money::of(booked.balance_after.saturating_sub(amount.amount), amount.currency).to_string(),
                balance_after: Money::of(booked.balance_after, amount.currency).to_string(),
                booked_at: Some(booked.at.rfc3339()),
                state: "booked".to_owned(),
                method: order.method,
                fee: Money::zero(amount.currency).to_string(),
                net: amount.to_string(),
                due_at: None,
            },
            replayed: booked.replayed,
        })
    })
}

/// Corrects a balance, once per key over all nodes.
pub(crate) fn move_money(central: Arc<Central>, order: HandOrder, at: Wall) -> Answer<MovedReceipt> {
    Box::pin(async move {
        let HandOrder { account, idempotency_key, hand } = order;
        let Hand::Correct { amount, reason } = hand else { return Err(not_here("announced payments, charges and reversals")) };
        let name: Name = account.as_str().into();
        let row = central.account(&name).await.map_err(refusal)?.ok_or_else(|| BackendError::NoAccount(account.clone()))?;
        let amount = amount.money(row.currency)?;
        let (house, customer) = (Party::House(House::corrects(&name)), Party::Customer(name));
        let (debit, credit) = if amount.amount < 0 { (customer, house) } else { (house, customer) };
        let transfer = Transfer {
            key: Key::Given(idempotency_key.as_str().into()),
            purpose: Purpose::Correction,
            debit,
            credit,
            amount: Money::of(amount.amount.saturating_abs(), row.currency),
            memo: Some(reason.as_str().into()),
        };
        let booked = match central.book(transfer, at).await {
            Err(CentralError::KeyReused(_)) => return Err(BackendError::KeyReused(idempotency_key)),
            outcome => outcome.map_err(refusal)?,
        };
        let document = MovedDoc {
            account,
            amount: amount.to_string(),
            currency: row.currency.to_string(),
            of: None,
            cause: Some(reason),
            idempotency_key,
            balance_before: Money::of(booked.balance_after.saturating_sub(amount.amount), row.currency).to_string(),
            balance_after: Money::of(booked.balance_after, row.currency).to_string(),
            booked_at: Some(booked.at.rfc3339()),
        };
        Ok(MovedReceipt { document, replayed: booked.replayed })
    })
}

fn not_here(what: &str) -> BackendError {
    let detail = format!("{what} are not kept by the central ledger yet: book what came in, or correct the balance");
    BackendError::Refused { field: "method", detail }
}

/// Over all nodes: `balance` is posted less the usage shipped, `leased` what nodes hold of it.
fn document(row: &AccountRow) -> AccountDoc {
    let money = |amount| Money::of(amount, row.currency).to_string();
    AccountDoc {
        name: row.name.to_string(),
        currency: row.currency.to_string(),
        balance: money(row.money.posted),
        leased: money(row.money.held),
        available: money(row.money.available()),
        deck: row.terms.decks.first().map(ToString::to_string).unwrap_or_default(),
        live_calls: None,
        terms: None,
        pockets: Vec::new(),
    }
}

fn refusal(error: CentralError) -> BackendError {
    match error {
        CentralError::NoAccount(name) => BackendError::NoAccount(name),
        CentralError::AccountExists(_) => BackendError::Conflict(error.to_string()),
        CentralError::CurrencyMismatch(_) => BackendError::Refused { field: "currency", detail: error.to_string() },
        CentralError::Refused(_) => BackendError::Refused { field: "amount", detail: error.to_string() },
        other => BackendError::Unavailable(other.to_string()),
    }
}
