//! What a node asks, each as one transaction: load the rows, call the rule, write the rows.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Hash, Notice, Purpose, Record, RecordBody, Transfer, TrialBalance};
use rating::quotas::central::{Ask, CENTRAL, Conditions, Lent, NodeRow, Shipped, WANTED_MS, ask};
use rating::quotas::client::Reply;
use rating::quotas::transaction::add_system_accounts;
use rating::quotas::{Grant, Movement, add_movements, owner};
use store::JournalEntry;
use tokio_postgres::Transaction;
use units::{Currency, Name, Wall};

use crate::failed::Failed;
use crate::instruction::{Answer, Instruction};
use crate::journal::{self, Line};
use crate::operator;
use crate::questions::{self, Found, Question};
use crate::rows::{self, AccountRow, damaged, signed};
use crate::{CentralError, schema, transaction};

/// A node counts as live for a fair share so long after its last beat.
const SEEN_MS: i64 = 15_000;

/// What is a unit of money for the largest grant is a minute for free seconds.
const SECS: i64 = 60;

/// One transaction to be.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    SetUp,
    /// The number of a node's last entry here.
    LastShipped(Name),
    Join {
        node: Name,
        boot: u64,
        /// Of the entry that [`Work::LastShipped`] told: its number, and its hash in the node's journal.
        at_last: (u64, Option<Hash>),
        /// The journal has customers of its own.
        own_books: bool,
        hold_ms: i64,
    },
    Beat {
        node: Name,
        epoch: u64,
        hold_ms: i64,
        /// The last change of terms that the node knows.
        since: i64,
    },
    /// What comes with time alone, as a node sees its wall clock now.
    Expire(Wall),
    Ask {
        node: Name,
        account: Name,
        ask: Ask,
        grant_max: i64,
    },
    Ship {
        node: Name,
        epoch: u64,
        entries: Vec<JournalEntry>,
    },
    Operator(Instruction),
    Question(Question),
}

/// What a transaction gave.
#[derive(Debug, PartialEq)]
pub(crate) enum Done {
    Nothing,
    LastShipped(u64),
    /// For the node, with the accounts that its grants are of.
    Reply(Reply, Vec<AccountRow>),
    /// As `Reply`, with the last change of terms that is among the accounts.
    Beaten(Reply, Vec<AccountRow>, i64),
    Operator(Answer),
    Found(Found),
}

pub(crate) async fn execute(tx: &Transaction<'_>, work: &Work) -> Result<Done, Failed> {
    match work {
        Work::SetUp => schema::set_up(tx).await.map(|()| Done::Nothing),
        Work::LastShipped(node) => {
            let row = tx.query_opt("SELECT last_seq FROM node WHERE name = $1", &[&&**node]).await?;
            let last: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
            Ok(Done::LastShipped(last.unwrap_or_default().cast_unsigned()))
        }
        Work::Join { node, boot, at_last, own_books, hold_ms } => {
            join(tx, node, *boot, *at_last, *own_books, *hold_ms).await
        }
        Work::Beat { node, epoch, hold_ms, since } => beat(tx, node, *epoch, *hold_ms, *since).await,
        Work::Expire(wall) => {
            transaction::expire(tx, schema::agreed_ms(tx, *wall).await?).await.map(|()| Done::Nothing)
        }
        Work::Ask { node, account, ask, grant_max } => lend(tx, node, account, ask, *grant_max).await,
        Work::Ship { node, epoch, entries } => ship(tx, node, *epoch, entries).await,
        Work::Operator(order) => operator::execute(tx, order).await.map(Done::Operator),
        Work::Question(question) => questions::answer(tx, question).await.map(Done::Found),
    }
}

async fn join(
    tx: &Transaction<'_>,
    name: &Name,
    boot: u64,
    at_last: (u64, Option<Hash>),
    own_books: bool,
    hold_ms: i64,
) -> Result<Done, Failed> {
    let found = rows::lock_node(tx, name).await?;
    if found.is_none() {
        if own_books {
            return Err(CentralError::OwnBooks.into());
        }
        rows::make_node(tx, name).await?;
    }
    let mut node = match found {
        Some(node) => node,
        None => rows::lock_node(tx, name).await?.unwrap_or_default(),
    };
    if node.last_seq != at_last.0 {
        // An earlier start has shipped in between: look again.
        return Err(CentralError::Away("the node was still being shipped from".to_owned()).into());
    }
    let epoch = node.join(boot, at_last.1).map_err(CentralError::from)?;
    rows::save_node(tx, name, &node).await?;
    if !node.lost {
        rows::renew(tx, name, schema::now_ms(tx).await?, hold_ms).await?;
    }
    let grants = rows::unbooked(tx, name).await?;
    let accounts = rows::families(tx, grants.iter().map(|grant| &grant.account)).await?;
    Ok(Done::Reply(Reply::Joined { epoch, last_seq: node.last_seq, grants, recalled: node.lost }, accounts))
}

async fn beat(
    tx: &Transaction<'_>,
    name: &Name,
    epoch: u64,
    hold_ms: i64,
    since: i64,
) -> Result<Done, Failed> {
    let mut node = rows::lock_node(tx, name).await?.ok_or_else(|| CentralError::NoNode(name.to_string()))?;
    node.fence(epoch).map_err(CentralError::from)?;
    let now_ms = schema::now_ms(tx).await?;
    if node.lost {
        let sum = "SELECT count(*) FROM slice WHERE node = $1 AND granted - returned - used <> 0";
        let outstanding: i64 = tx.query_one(sum, &[&&**name]).await?.try_get(0)?;
        if node.find_again(outstanding) {
            rows::save_node(tx, name, &node).await?;
        }
    }
    if !node.lost {
        rows::renew(tx, name, now_ms, hold_ms).await?;
    }
    let wanted = "SELECT s.account FROM slice s JOIN account a ON a.name = s.account WHERE s.node = $1 \
                  AND s.granted - s.returned - s.used > 0 AND a.wanted_by <> $1 AND a.wanted_ms > $2 ORDER BY s.account LIMIT 1000";
    let wanted = rows::names(&tx.query(wanted, &[&&**name, &(now_ms - WANTED_MS)]).await?)?;
    let offered = offered(tx, name, now_ms).await?;
    let grants = rows::unbooked(tx, name).await?;
    let words = transaction::words(tx, name).await?;
    let changed = "SELECT a.name, a.changed FROM slice s JOIN account a ON a.name = s.account WHERE s.node = $1 AND a.changed > $2 \
                   ORDER BY a.changed LIMIT 200";
    let changed = tx.query(changed, &[&&**name, &since]).await?;
    let last = changed.last().map(|row| row.try_get(1)).transpose()?.unwrap_or(since);
    let changed = rows::names(&changed)?;
    let accounts = rows::families(tx, grants.iter().map(|grant| &grant.account).chain(&changed)).await?;
    Ok(Done::Beaten(Reply::Beaten { wanted, offered, grants, recalled: node.lost, words }, accounts, last))
}

/// Balances of which the node has nothing and there is something: those that it had some of, and buckets of
/// the accounts that it serves.
async fn offered(tx: &Transaction<'_>, name: &Name, now_ms: i64) -> Result<Vec<Name>, Failed> {
    const FREE: &str = "a.posted - a.held - a.credit_limit > 0 AND (a.ends_ms IS NULL OR a.ends_ms > $2) \
                        AND (a.wanted_by IS NULL OR a.wanted_by <> $3 OR a.wanted_ms <= $4)";
    let text = format!(
        "SELECT a.name FROM slice s JOIN account a ON a.name = s.account \
         WHERE s.node = $1 AND s.granted - s.returned - s.used <= 0 AND {FREE} \
         UNION SELECT a.name FROM slice o JOIN account a ON a.pocket_of = o.account \
         WHERE o.node = $1 AND NOT EXISTS (SELECT 1 FROM slice s WHERE s.account = a.name AND s.node = $1) AND {FREE} LIMIT 1000"
    );
    rows::names(&tx.query(&text, &[&&**name, &now_ms, &CENTRAL, &(now_ms - WANTED_MS)]).await?)
}

async fn lend(
    tx: &Transaction<'_>,
    name: &Name,
    balance: &Name,
    request: &Ask,
    grant_max: i64,
) -> Result<Done, Failed> {
    let mut node = rows::lock_node(tx, name).await?.ok_or_else(|| CentralError::NoNode(name.to_string()))?;
    node.fence(request.epoch).map_err(CentralError::from)?;
    let nothing = || Ok(Done::Reply(Reply::Lent { account: balance.clone(), grant: None }, Vec::new()));
    let Some(mut row) = rows::lock_account(tx, owner(balance)).await? else { return nothing() };
    let now_ms = schema::now_ms(tx).await?;
    let ended = row.has_ended(balance, Wall(now_ms));
    let grant_max = if row.currency_of(balance) == Some(Currency::SEC) {
        grant_max.saturating_mul(SECS)
    } else {
        grant_max
    };
    let Some(money) = row.money_mut(balance) else { return nothing() };
    let mut slice = rows::lock_quota(tx, balance, name).await?;
    let live: i64 = tx
        .query_one("SELECT count(*) FROM node WHERE seen_ms > $1", &[&(now_ms - SEEN_MS)])
        .await?
        .try_get(0)?;
    let conditions =
        Conditions { live_nodes: u32::try_from(live).unwrap_or(u32::MAX), grant_max, now_ms, ended };
    let id: Name = format!("{name}.{}.{}", request.epoch, request.number).into();
    let lent = ask((name, &mut node), money, &mut slice, request, &conditions).map_err(CentralError::from)?;
    let grant = match lent {
        Lent::Now(amount) => {
            rows::save_grant(tx, balance, money).await?;
            rows::save_quota(tx, balance, name, &slice).await?;
            let text = "INSERT INTO lent (id, node, account, amount) VALUES ($1, $2, $3, $4)";
            tx.execute(text, &[&&*id, &&**name, &&**balance, &amount]).await?;
            Some(Grant { id, account: balance.clone(), amount })
        }
        Lent::Nothing => {
            rows::save_money(tx, balance, money).await?;
            None
        }
        Lent::Before => rows::unbooked(tx, name).await?.into_iter().find(|grant| grant.id == id),
    };
    rows::save_node(tx, name, &node).await?;
    let accounts = rows::families(tx, std::iter::once(balance)).await?;
    Ok(Done::Reply(Reply::Lent { account: balance.clone(), grant }, accounts))
}

/// Fresh entries in the words of the balances, of the call records and of the system accounts.
#[derive(Default)]
struct Said<'a> {
    moved: BTreeMap<Name, Movement>,
    transfers: BTreeMap<Name, Vec<(Wall, Transfer)>>,
    calls: Vec<(&'a JournalEntry, String, String)>,
    trial: TrialBalance,
    /// Words that are in the journal now.
    words: Vec<Name>,
    /// All of them, for the central journal.
    lines: Vec<Line>,
}

fn say<'a>(name: &Name, entries: &'a [JournalEntry]) -> Result<Said<'a>, Failed> {
    let mut said = Said::default();
    for entry in entries {
        let record = Record::decode(&entry.entry.body)
            .map_err(|e| damaged(&format_args!("entry {} of {name}: {e}", entry.seq)))?;
        said.lines.push(Line {
            seq: entry.seq,
            account: record.account.clone(),
            kind: journal::kind(&record),
            at: record.at,
        });
        add_movements(&record, &mut said.moved);
        add_system_accounts(record.transfers(), &mut said.trial);
        for transfer in record.transfers() {
            if let Some(customer) = transfer.customer().filter(|_| transfer.purpose != Purpose::Slice) {
                said.transfers.entry(customer.clone()).or_default().push((record.at, transfer.clone()));
            }
        }
        if let RecordBody::Notice(Notice { id: Some(id), .. }) = &record.body {
            said.words.push(id.clone());
        }
        if let Some((call, body)) = record.cdr() {
            said.calls.push((entry, call.to_string(), body.get().to_owned()));
        }
    }
    Ok(said)
}

async fn ship(
    tx: &Transaction<'_>,
    name: &Name,
    epoch: u64,
    entries: &[JournalEntry],
) -> Result<Done, Failed> {
    let mut node = rows::lock_node(tx, name).await?.ok_or_else(|| CentralError::NoNode(name.to_string()))?;
    let links: Vec<Shipped> = entries
        .iter()
        .map(|entry| Shipped { seq: entry.seq, hash: entry.hash, body: entry.entry.body.clone() })
        .collect();
    let fresh = match node.ship(epoch, &links) {
        Ok(fresh) => fresh.len(),
        // An earlier batch had not come so far: go on from what is here.
        Err(rating::quotas::central::QuotaRefused::Gap { last, .. }) => {
            return Ok(Done::Reply(Reply::Shipped { last_seq: last }, Vec::new()));
        }
        Err(refused) => return Err(CentralError::from(refused).into()),
    };
    let fresh = &entries[entries.len() - fresh..];
    let said = say(name, fresh)?;
    insert_entries(tx, name, fresh).await?;
    insert_calls(tx, name, &said.calls).await?;
    let owners: BTreeSet<&str> = said.moved.keys().map(|balance| owner(balance)).collect();
    let (now, closed_until) =
        (transaction::at(Wall(schema::now_ms(tx).await?)), rows::closed_until(tx).await?);
    for account in owners {
        let open = book(tx, (name, &node), account, &said).await?;
        if let Some(transfers) = said.transfers.get(account) {
            let mut open = transaction::lay(vec![open.sheet()], vec![open], closed_until)?;
            open.desk.note(now, transfers);
            open.close(tx, None, Some((name, node.last_seq))).await?;
        }
    }
    if !said.words.is_empty() {
        let words: Vec<&str> = said.words.iter().map(|id| &**id).collect();
        tx.execute("DELETE FROM notice WHERE id = ANY ($1)", &[&words]).await?;
    }
    transaction::save_system_accounts(tx, name, &said.trial).await?;
    rows::save_node(tx, name, &node).await?;
    journal::place(tx, name, &said.lines).await?;
    Ok(Done::Reply(Reply::Shipped { last_seq: node.last_seq }, Vec::new()))
}

/// What was shipped of one account and its buckets.
async fn book(
    tx: &Transaction<'_>,
    (name, node): (&Name, &NodeRow),
    account: &str,
    said: &Said<'_>,
) -> Result<AccountRow, Failed> {
    let no_account = || CentralError::NoAccount(account.to_owned());
    let mut row = rows::lock_account(tx, account).await?.ok_or_else(no_account)?;
    for (balance, movement) in said.moved.iter().filter(|(balance, _)| owner(balance) == account) {
        let mut slice = rows::lock_quota(tx, balance, name).await?;
        let money = row.money_mut(balance).ok_or_else(no_account)?;
        money.apply(&mut slice, movement, node.lost).map_err(CentralError::from)?;
        rows::save_money(tx, balance, money).await?;
        rows::save_quota(tx, balance, name, &slice).await?;
        let booked: Vec<&str> = movement.booked.iter().map(|id| &**id).collect();
        if !booked.is_empty() {
            tx.execute("DELETE FROM lent WHERE id = ANY ($1)", &[&booked]).await?;
        }
    }
    Ok(row)
}

async fn insert_entries(tx: &Transaction<'_>, node: &str, entries: &[JournalEntry]) -> Result<(), Failed> {
    let seqs: Vec<i64> = entries.iter().map(|entry| signed(entry.seq)).collect();
    let accounts: Vec<&str> = entries.iter().map(|entry| &*entry.entry.account).collect();
    let times: Vec<i64> = entries.iter().map(|entry| entry.entry.at.0).collect();
    let bodies: Result<Vec<&str>, _> =
        entries.iter().map(|entry| std::str::from_utf8(&entry.entry.body)).collect();
    let bodies = bodies.map_err(|e| damaged(&e))?;
    let hashes: Vec<&[u8]> = entries.iter().map(|entry| entry.hash.as_slice()).collect();
    let text = "INSERT INTO entry (node, seq, account, at_ms, body, hash) \
                SELECT $1, * FROM unnest($2::BIGINT[], $3::TEXT[], $4::BIGINT[], $5::TEXT[], $6::BYTEA[])";
    tx.execute(text, &[&node, &seqs, &accounts, &times, &bodies, &hashes]).await?;
    Ok(())
}

async fn insert_calls(
    tx: &Transaction<'_>,
    node: &str,
    calls: &[(&JournalEntry, String, String)],
) -> Result<(), Failed> {
    if calls.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = calls.iter().map(|(entry, ..)| signed(entry.seq)).collect();
    let ids: Vec<&str> = calls.iter().map(|(_, id, _)| id.as_str()).collect();
    let accounts: Vec<&str> = calls.iter().map(|(entry, ..)| &*entry.entry.account).collect();
    let times: Vec<i64> = calls.iter().map(|(entry, ..)| entry.entry.at.0).collect();
    let bodies: Vec<&str> = calls.iter().map(|(.., body)| body.as_str()).collect();
    let text = "INSERT INTO cdr (node, seq, id, account, ended_ms, body) \
                SELECT $1, * FROM unnest($2::BIGINT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[], $6::TEXT[])";
    tx.execute(text, &[&node, &seqs, &ids, &accounts, &times, &bodies]).await?;
    Ok(())
}
