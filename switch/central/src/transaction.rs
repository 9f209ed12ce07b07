//! Accounts from their rows to an account transaction and back: what is moved here goes into the central
//! ledger's own journal, under the name `@central`, with the movements under their keys beside it.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{GivenImage, Key, Notice, Outcome as Became, Record, RecordBody, Sheet, TrialBalance, chain};
use rating::quotas::bucket_balance;
use rating::quotas::central::{CENTRAL, NodeRow};
use rating::quotas::client::CentralNotice;
use rating::quotas::transaction::{AccountTransaction, Outcome, add_system_accounts, system_accounts};
use rating::rerate::CallChanges;
use tokio_postgres::{Row, Transaction};
use units::{Currency, Name, Now, Tick, Wall};

use crate::failed::Failed;
use crate::journal::{self, Line};
use crate::rows::{self, AccountRow, damaged, signed};
use crate::{CentralError, forms};

/// How long it waits until it asks again for what nodes hold of a balance that ended, ms.
pub(crate) const RECALL_MS: i64 = 2_000;

/// So long it waits for what nodes hold of a balance that ended before it ends the rest, ms.
const PATIENCE_MS: i64 = 60_000;

/// Accounts under lock, on their way over the account transaction.
pub(crate) struct Open {
    pub rows: Vec<AccountRow>,
    pub desk: AccountTransaction,
    closed_until: Wall,
}

/// The central ledger's own journal, locked, with what is to be appended to it.
pub(crate) struct Own {
    pub node: NodeRow,
    records: Vec<Record>,
}

/// A moment by wall time alone: nothing here has timers.
pub(crate) const fn at(wall: Wall) -> Now {
    Now { tick: Tick(0), wall }
}

/// The central ledger's own journal, to be written. Before any account; [`Own::append`] after all of them.
pub(crate) async fn lock_journal(tx: &Transaction<'_>) -> Result<Own, Failed> {
    let node = rows::lock_node(tx, CENTRAL)
        .await?
        .ok_or_else(|| damaged(&"the central ledger has no journal of its own"))?;
    Ok(Own { node, records: Vec::new() })
}

/// Accounts that are there, locked, with what was moved under the keys in `of` and what became of that.
pub(crate) async fn open(
    tx: &Transaction<'_>,
    accounts: &BTreeSet<Name>,
    of: &[Key],
) -> Result<Open, Failed> {
    let (mut rows, mut sheets) = (Vec::new(), Vec::new());
    for name in accounts {
        let Some(row) = rows::lock_account(tx, name).await? else { continue };
        let mut sheet = row.sheet();
        if !of.is_empty() {
            load_movements(tx, &mut sheet, of).await?;
        }
        rows.push(row);
        sheets.push(sheet);
    }
    lay(sheets, rows, rows::closed_until(tx).await?)
}

/// Accounts that are locked already.
pub(crate) fn lay(sheets: Vec<Sheet>, rows: Vec<AccountRow>, closed_until: Wall) -> Result<Open, Failed> {
    let desk = AccountTransaction::new(sheets, closed_until).map_err(|e| damaged(&e))?;
    Ok(Open { rows, desk, closed_until })
}

/// A request may be a word on an earlier one, which may have been booked by a third.
pub(crate) async fn load_movements(
    tx: &Transaction<'_>,
    sheet: &mut Sheet,
    of: &[Key],
) -> Result<(), Failed> {
    let mut keys: BTreeSet<String> = of.iter().map(ToString::to_string).collect();
    for _ in 0..2 {
        sheet.outcomes = outcomes(tx, &sheet.name, &keys).await?;
        for (_, Became::Booked(by) | Became::Rejected(by) | Became::Reversed(by)) in &sheet.outcomes {
            keys.insert(Key::Given(by.clone()).to_string());
        }
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let text = "SELECT transfer, method, balance_after FROM booking WHERE account = $1 AND request = ANY ($2) ORDER BY key";
    for row in tx.query(text, &[&&*sheet.name, &keys]).await? {
        let transfer = serde_json::from_str(row.try_get(0)?).map_err(|e| damaged(&e))?;
        let method: Option<String> = row.try_get(1)?;
        sheet.given.push(GivenImage {
            owner: sheet.name.clone(),
            transfer,
            method: method.map(Name::from),
            after: row.try_get(2)?,
        });
    }
    Ok(())
}

async fn outcomes(
    tx: &Transaction<'_>,
    account: &Name,
    keys: &BTreeSet<String>,
) -> Result<Vec<(Key, Became)>, Failed> {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let text = "SELECT of_key, outcome FROM outcome WHERE account = $1 AND of_key = ANY ($2) ORDER BY of_key";
    let read = |row: &Row| -> Result<_, Failed> {
        let key = row.try_get::<_, &str>(0)?.parse().map_err(|e: &str| damaged(&e))?;
        Ok((key, serde_json::from_str(row.try_get(1)?).map_err(|e| damaged(&e))?))
    };
    tx.query(text, &[&&**account, &keys]).await?.iter().map(read).collect()
}

impl Open {
    /// Writes what the account transaction leaves. `journal` has to be locked if anything was moved, and
    /// takes the records; words to owners go to `node`, or to any.
    pub(crate) async fn close(
        self,
        tx: &Transaction<'_>,
        journal: Option<&mut Own>,
        node: Option<(&Name, u64)>,
    ) -> Result<(), Failed> {
        let Self { rows, mut desk, closed_until } = self;
        let Outcome { sheets, mut records, notices } = desk.finish();
        let mut dates = BTreeMap::new();
        for record in &mut records {
            record.at = record.at.max(closed_until);
            dates.extend(record.transfers().iter().map(|transfer| (transfer.key.clone(), record.at)));
        }
        for sheet in &sheets {
            let before = rows.iter().find(|row| row.name == sheet.name);
            save(tx, before, sheet, desk.due(&sheet.name).map(|at| at.0)).await?;
            save_movements(tx, sheet, &dates).await?;
        }
        let mut last = node.map_or(0, |(_, seq)| seq);
        if let Some(journal) = journal {
            journal.records.extend(records);
            last = journal.node.last_seq + journal.records.len() as u64;
        } else if !records.is_empty() {
            return Err(damaged(&"something moved without a journal"));
        }
        let from = node.map_or(CENTRAL, |(name, _)| name);
        for (n, notice) in notices.into_iter().enumerate() {
            let id = format!("{from}.{last}.{}.{n}", notice.account);
            let body = serde_json::to_string(&notice).map_err(|e| damaged(&e))?;
            let text = "INSERT INTO notice (id, node, account, body) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING";
            tx.execute(text, &[&id, &node.map(|(name, _)| &**name), &&*notice.account, &body]).await?;
        }
        Ok(())
    }
}

// === impl Own ===

impl Own {
    /// One more record.
    pub(crate) fn push(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Writes what was collected, and gives it its places in the central journal: the last thing that a
    /// transaction locks.
    pub(crate) async fn append(self, tx: &Transaction<'_>) -> Result<(), Failed> {
        let Self { mut node, records } = self;
        let (mut trial, mut lines) = (TrialBalance::default(), Vec::new());
        for record in &records {
            let body = record.encode().map_err(|e| damaged(&e))?;
            (node.last_seq, node.chain) = (node.last_seq + 1, chain(&node.chain, &body));
            let body = String::from_utf8(body).map_err(|e| damaged(&e))?;
            let text =
                "INSERT INTO entry (node, seq, account, at_ms, body, hash) VALUES ($1, $2, $3, $4, $5, $6)";
            let (seq, hash) = (signed(node.last_seq), node.chain.as_slice());
            tx.execute(text, &[&CENTRAL, &seq, &&*record.account, &record.at.0, &body, &hash]).await?;
            add_system_accounts(record.transfers(), &mut trial);
            let (account, kind) = (record.account.clone(), journal::kind(record));
            lines.push(Line { seq: node.last_seq, account, kind, at: record.at });
        }
        save_system_accounts(tx, CENTRAL, &trial).await?;
        rows::save_node(tx, CENTRAL, &node).await?;
        journal::place(tx, CENTRAL, &lines).await
    }
}

/// Adds to what of the system accounts comes from this journal.
pub(crate) async fn save_system_accounts(
    tx: &Transaction<'_>,
    node: &str,
    trial: &TrialBalance,
) -> Result<(), Failed> {
    for (currency, system_account, amount) in system_accounts(trial) {
        let amount = i64::try_from(amount).map_err(|_| damaged(&"a house account is out of range"))?;
        let text = "INSERT INTO house (node, currency, house, balance) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (node, currency, house) DO UPDATE SET balance = house.balance + EXCLUDED.balance";
        tx.execute(text, &[&node, &currency.as_str(), &system_account.name(), &amount]).await?;
    }
    Ok(())
}

async fn save(
    tx: &Transaction<'_>,
    before: Option<&AccountRow>,
    sheet: &Sheet,
    due_ms: Option<i64>,
) -> Result<(), Failed> {
    let terms = |state: &ledger::StateImage| {
        let buckets = state
            .buckets
            .iter()
            .map(|bucket| (bucket.name.clone(), bucket.terms.clone(), bucket.granted_at))
            .collect::<Vec<_>>();
        (state.terms.clone(), buckets)
    };
    let is_new = before
        .is_none_or(|row| terms(&row.state) != terms(&sheet.state) || row.money.limit != sheet.money.limit);
    let changed = if is_new {
        let count = "UPDATE form SET changes = changes + 1 WHERE one = 1 RETURNING changes";
        tx.query_one(count, &[]).await?.try_get(0)?
    } else {
        before.map_or(0, |row| row.changed)
    };
    let mut state = serde_json::to_value(&sheet.state).map_err(|e| damaged(&e))?;
    if let Some(row) = before {
        let read = serde_json::to_value(&row.state).map_err(|e| damaged(&e))?;
        forms::keep_unknown(&row.whole, &read, &mut state);
    }
    let (state, more) = forms::split(state);
    let text = "INSERT INTO account (name, currency, posted, held, credit_limit, state, due_ms, changed, more) \
                VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8) \
                ON CONFLICT (name) DO UPDATE SET posted = $3, credit_limit = $4, state = $5, due_ms = $6, changed = $7, more = $8";
    let money = &sheet.money;
    tx.execute(
        text,
        &[
            &&*sheet.name,
            &money.currency.as_str(),
            &money.posted,
            &money.limit,
            &state,
            &due_ms,
            &changed,
            &more,
        ],
    )
    .await?;
    for (bucket, money) in &sheet.buckets {
        let known = sheet.state.buckets.iter().find(|known| known.name == *bucket);
        let ends = known.and_then(|known| known.terms.expires_at).map(|at| at.0);
        let text = "INSERT INTO account (name, pocket_of, currency, posted, held, credit_limit, state, ends_ms, changed) \
                    VALUES ($1, $2, $3, $4, 0, 0, '', $5, 0) ON CONFLICT (name) DO UPDATE SET posted = $4, ends_ms = $5";
        let balance = bucket_balance(&sheet.name, bucket);
        tx.execute(text, &[&&*balance, &&*sheet.name, &money.currency.as_str(), &money.posted, &ends])
            .await?;
    }
    Ok(())
}

/// What moved under its keys, dated as its records are, and what became of earlier movements.
async fn save_movements(
    tx: &Transaction<'_>,
    sheet: &Sheet,
    dates: &BTreeMap<Key, Wall>,
) -> Result<(), Failed> {
    for given in &sheet.given {
        let request = match &given.transfer.key {
            Key::Part(name, _) => Key::Given(name.clone()),
            other => other.clone(),
        };
        let transfer = serde_json::to_string(&given.transfer).map_err(|e| damaged(&e))?;
        let text = "INSERT INTO booking (account, key, request, at_ms, transfer, method, balance_after) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let (key, request) = (given.transfer.key.to_string(), request.to_string());
        let at_ms = dates.get(&given.transfer.key).map_or(0, |at| at.0);
        tx.execute(
            text,
            &[&&*sheet.name, &key, &request, &at_ms, &transfer, &given.method.as_deref(), &given.after],
        )
        .await?;
    }
    for (of, outcome) in &sheet.outcomes {
        let outcome = serde_json::to_string(outcome).map_err(|e| damaged(&e))?;
        let text = "INSERT INTO outcome (account, of_key, outcome) VALUES ($1, $2, $3)";
        tx.execute(text, &[&&*sheet.name, &of.to_string(), &outcome]).await?;
    }
    Ok(())
}

/// Credit that ended, and words ahead of that, of accounts that are due by `now`.
pub(crate) async fn expire(tx: &Transaction<'_>, now_ms: i64) -> Result<(), Failed> {
    let due = "SELECT name FROM account WHERE due_ms <= $1 ORDER BY due_ms LIMIT 50";
    if tx.query_opt(&format!("SELECT 1 FROM ({due}) due LIMIT 1"), &[&now_ms]).await?.is_none() {
        return Ok(());
    }
    let mut journal = lock_journal(tx).await?;
    let names: BTreeSet<Name> = rows::names(&tx.query(due, &[&now_ms]).await?)?.into_iter().collect();
    let now = at(Wall(now_ms));
    for name in names {
        let mut open = open(tx, &BTreeSet::from([name.clone()]), &[]).await?;
        let balance =
            |bucket: &Name| if bucket.is_empty() { name.clone() } else { bucket_balance(&name, bucket) };
        let overdue: Vec<Name> = open.desk.overdue(&name, now.wall).iter().map(balance).collect();
        let mut held = Vec::new();
        for balance in overdue {
            held.extend(
                open.rows
                    .iter_mut()
                    .filter_map(|row| row.money_mut(&balance))
                    .any(|money| money.held > 0)
                    .then_some(balance),
            );
        }
        // What nodes hold of it has to come back first, so that it ends as a whole; but not for ever.
        let is_late = !open.desk.overdue(&name, Wall(now_ms - PATIENCE_MS)).is_empty();
        if held.is_empty() || is_late {
            open.desk.expire(now);
        }
        open.close(tx, Some(&mut journal), None).await?;
        for balance in &held {
            tx.execute(
                "UPDATE account SET wanted_by = $2, wanted_ms = $3 WHERE name = $1",
                &[&&**balance, &CENTRAL, &now_ms],
            )
            .await?;
        }
        let again =
            "UPDATE account SET due_ms = CASE WHEN due_ms <= $2 THEN $3 ELSE due_ms END WHERE name = $1";
        tx.execute(again, &[&&*name, &now_ms, &(now_ms + RECALL_MS)]).await?;
    }
    journal.append(tx).await
}

/// What a node should say and has not shipped yet. Words that are nobody's become its own.
pub(crate) async fn words(tx: &Transaction<'_>, node: &Name) -> Result<Vec<CentralNotice>, Failed> {
    let take = "UPDATE notice SET node = $1 WHERE node IS NULL AND id IN (SELECT id FROM notice WHERE node IS NULL ORDER BY id LIMIT 100)";
    tx.execute(take, &[&&**node]).await?;
    let mut words = Vec::new();
    for row in
        tx.query("SELECT id, body FROM notice WHERE node = $1 ORDER BY id LIMIT 100", &[&&**node]).await?
    {
        let id = Name::from(row.try_get::<_, &str>(0)?);
        match Record::decode(row.try_get::<_, &str>(1)?.as_bytes()) {
            Ok(Record { account, body: RecordBody::Notice(notice), .. }) => {
                words.push(CentralNotice {
                    id: id.clone(),
                    account,
                    notice: Notice { id: Some(id), ..notice },
                });
            }
            Ok(_) => {}
            // Of a newer program: a node that knows it says it.
            Err(_) => _ = tx.execute("UPDATE notice SET node = NULL WHERE id = $1", &[&&*id]).await?,
        }
    }
    Ok(words)
}

/// The currency of an account that has a row.
pub(crate) async fn currency(tx: &Transaction<'_>, account: &Name) -> Result<Currency, Failed> {
    let row = tx.query_one("SELECT currency FROM account WHERE name = $1", &[&&**account]).await?;
    row.try_get::<_, &str>(0)?.parse().map_err(|e: units::MoneyError| damaged(&e))
}

/// What became of an account's billed calls, by the central ledger's own journal.
pub(crate) async fn changes_of_calls(tx: &Transaction<'_>, account: &Name) -> Result<CallChanges, Failed> {
    let text = "SELECT body FROM entry WHERE node = $1 AND (account = $2 OR position($3 in account) = 1) \
                AND (position($4 in body) > 0 OR position($5 in body) > 0) ORDER BY seq";
    let (below, reversed, rerated) = (format!("{account}:"), "\"reversed\":{", "\"rerated\":{");
    let mut changes = CallChanges::of(account.clone());
    for row in tx.query(text, &[&CENTRAL, &&**account, &below, &reversed, &rerated]).await? {
        changes.take(&Record::decode(row.try_get::<_, &str>(0)?.as_bytes()).map_err(|e| damaged(&e))?);
    }
    Ok(changes)
}

/// What expired of an account under this key, from the central ledger's own journal; of several the newest.
pub(crate) async fn expired(
    tx: &Transaction<'_>,
    account: &Name,
    key: &Key,
) -> Result<Option<ledger::Transfer>, Failed> {
    let text = "SELECT body FROM entry WHERE node = $1 AND account = $2 AND position($3 in body) > 0 ORDER BY seq DESC LIMIT 1";
    let written = format!("\"key\":{}", serde_json::to_string(key).map_err(|e| damaged(&e))?);
    let Some(row) = tx.query_opt(text, &[&CENTRAL, &&**account, &written]).await? else { return Ok(None) };
    let record = Record::decode(row.try_get::<_, &str>(0)?.as_bytes()).map_err(|e| damaged(&e))?;
    Ok(record.transfers().into_iter().find(|transfer| transfer.key == *key).cloned())
}

/// Who, beside houses, is a side of the movements that were made with one key: reversing them moves money of
/// all of these.
pub(crate) async fn customers_of(
    tx: &Transaction<'_>,
    account: &Name,
    of: &Key,
) -> Result<BTreeSet<Name>, Failed> {
    let text = "SELECT transfer FROM booking WHERE account = $1 AND request = $2";
    let mut customers = BTreeSet::new();
    for row in tx.query(text, &[&&**account, &of.to_string()]).await? {
        let transfer: ledger::Transfer = serde_json::from_str(row.try_get(0)?).map_err(|e| damaged(&e))?;
        customers.extend(
            [&transfer.debit, &transfer.credit].into_iter().filter_map(ledger::Party::account).cloned(),
        );
    }
    Ok(customers)
}

/// The transfers of a call's record, if it was billed to the account.
pub(crate) async fn posted_for(
    tx: &Transaction<'_>,
    account: &Name,
    call: ledger::CallId,
) -> Result<Vec<ledger::Transfer>, Failed> {
    let text = "SELECT e.body FROM cdr c JOIN entry e ON e.node = c.node AND e.seq = c.seq WHERE c.id = $1 AND c.account = $2";
    let no_call = || CentralError::NoCall { call: call.to_string(), account: account.to_string() };
    let row = tx.query_opt(text, &[&call.to_string(), &&**account]).await?.ok_or_else(no_call)?;
    let record = Record::decode(row.try_get::<_, &str>(0)?.as_bytes()).map_err(|e| damaged(&e))?;
    match record.body {
        RecordBody::Settled(settled) => Ok(settled.transfers),
        _ => Err(no_call().into()),
    }
}
