//! What operators do in the central ledger, each order in one transaction.
//!
//! Invariant: money that comes from outside is booked here first, once per key of its account over all nodes,
//! and confirmed when the database has committed it.

use std::collections::BTreeSet;

use ledger::Key;
use rating::engine::{
    AccountChange, AccountRefused, AccountView, GrantRequest, MoveOrder, PaymentMethod, rerated,
};
use rating::quotas::transaction::NewAccount;
use tokio_postgres::Transaction;
use units::{Name, Now, Wall};

use crate::failed::Failed;
use crate::instruction::{Answer, Booked, Instruction, NewGrant};
use crate::rows::{self, AccountRow, damaged};
use crate::{CentralError, closing, quotas, rates, recall, transaction, trial};

/// Carries out one order.
pub(crate) async fn execute(tx: &Transaction<'_>, order: &Instruction) -> Result<Answer, Failed> {
    match order {
        Instruction::Open { new, at } => open(tx, new, transaction::at(*at)).await.map(|()| Answer::Done),
        Instruction::OpenOnce { new, key, at } => open_once(tx, new, key, transaction::at(*at)).await,
        Instruction::Amend { account, change, at } => {
            amend(tx, account, change, transaction::at(*at)).await.map(|()| Answer::Done)
        }
        Instruction::Move { account, key, order, methods, at } => {
            move_money(tx, (account, key), order, methods, transaction::at(*at)).await
        }
        Instruction::Grant { grant, at } => give(tx, grant, transaction::at(*at)).await.map(Answer::Booked),
        Instruction::Account(name) => {
            let rows = rows::families(tx, std::iter::once(name)).await?;
            let row = rows.into_iter().find(|row| row.name == *name);
            Ok(Answer::Account(row.map(|row| view(&row)).transpose()?.map(Box::new)))
        }
        Instruction::Accounts { after, limit } => rows::accounts(tx, after, *limit)
            .await?
            .iter()
            .map(view)
            .collect::<Result<_, _>>()
            .map(Answer::Views),
        Instruction::Slices => quotas::slices(tx).await.map(Answer::Slices),
        Instruction::Lose(node) => quotas::lose(tx, node).await.map(|()| Answer::Done),
        Instruction::Trial => trial::balance(tx).await.map(|(trial, _)| Answer::Trial(trial)),
        Instruction::Close { until, key, at } => closing::close(tx, *until, key, *at).await,
        Instruction::Claim(claim) => rates::claim(tx, claim).await.map(Answer::Claimed),
    }
}

/// An account as its owner sees it.
fn view(row: &AccountRow) -> Result<AccountView, Failed> {
    let desk = rating::quotas::transaction::AccountTransaction::new(vec![row.sheet()], ledger::OPEN)
        .map_err(|e| damaged(&e))?;
    desk.view(&row.name).ok_or_else(|| damaged(&"an account lost its name"))
}

fn refused(error: AccountRefused) -> Failed {
    Failed::Other(CentralError::Account(error))
}

async fn open(tx: &Transaction<'_>, new: &NewAccount, now: Now) -> Result<(), Failed> {
    let mut journal = transaction::lock_journal(tx).await?;
    let above = ledger::parent(&new.name).map(Name::from);
    let accounts: BTreeSet<Name> = above.into_iter().chain([new.name.clone()]).collect();
    let mut open = transaction::open(tx, &accounts, &[]).await?;
    open.desk.open(now, new).map_err(refused)?;
    open.close(tx, Some(&mut journal), None).await?;
    journal.append(tx).await
}

/// The journal's lock makes one of two requests with the same key see the other. Programs of the first form
/// lose the key when they write an account's state; the column that they never touch has it too.
async fn open_once(tx: &Transaction<'_>, new: &NewAccount, key: &Name, now: Now) -> Result<Answer, Failed> {
    let mut journal = transaction::lock_journal(tx).await?;
    // A bucket's state is no JSON, and the order of conditions is the database's.
    let by_key = "SELECT name FROM account WHERE CASE WHEN pocket_of IS NULL \
                  THEN COALESCE(state::jsonb #>> '{opened_as,key}', more::jsonb #>> '{opened_as,key}') = $1 ELSE FALSE END";
    let before: Option<String> =
        tx.query_opt(by_key, &[&&**key]).await?.map(|row| row.try_get(0)).transpose()?;
    let above = ledger::parent(&new.name).map(Name::from);
    let accounts: BTreeSet<Name> =
        above.into_iter().chain(before.map(Name::from)).chain([new.name.clone()]).collect();
    let mut open = transaction::open(tx, &accounts, &[]).await?;
    let opened = open.desk.open_once(now, new, key).map_err(refused)?;
    open.close(tx, Some(&mut journal), None).await?;
    journal.append(tx).await?;
    Ok(Answer::Opened(Box::new(opened.view), opened.replayed))
}

async fn amend(tx: &Transaction<'_>, account: &Name, change: &AccountChange, now: Now) -> Result<(), Failed> {
    let mut journal = transaction::lock_journal(tx).await?;
    let mut open = transaction::open(tx, &BTreeSet::from([account.clone()]), &[]).await?;
    open.desk.amend(now, account, change).map_err(refused)?;
    open.close(tx, Some(&mut journal), None).await?;
    journal.append(tx).await
}

async fn move_money(
    tx: &Transaction<'_>,
    (account, key): (&Name, &str),
    order: &MoveOrder,
    methods: &[PaymentMethod],
    now: Now,
) -> Result<Answer, Failed> {
    let mut journal = transaction::lock_journal(tx).await?;
    let given = Key::Given(key.into());
    let mut keys = vec![given.clone()];
    let mut accounts = BTreeSet::from([account.clone()]);
    let mut order = order.clone();
    match &mut order {
        MoveOrder::Book { of, .. } | MoveOrder::Reject { of, .. } => {
            keys.push(Key::Given(of.as_str().into()))
        }
        MoveOrder::Reverse { of, expired, .. } => {
            if let Ok(key @ Key::Expired(..)) = of.parse() {
                *expired = transaction::expired(tx, account, &key).await?;
                keys.push(key);
            }
            let of = Key::Given(of.as_str().into());
            accounts.extend(transaction::customers_of(tx, account, &of).await?);
            keys.push(of);
        }
        MoveOrder::ReverseCall { call, transfers, .. } => {
            keys.push(Key::usage(*call, 0, 0));
            *transfers = transaction::posted_for(tx, account, *call).await?;
            let payers: BTreeSet<Name> =
                transfers.iter().filter_map(|transfer| transfer.customer().cloned()).collect();
            for payer in payers {
                let currency = transaction::currency(tx, &payer).await?;
                transfers.extend(rerated(
                    &payer,
                    *call,
                    &transaction::changes_of_calls(tx, &payer).await?,
                    currency,
                ));
                accounts.insert(payer);
            }
        }
        MoveOrder::Rerate { changes, .. } => *changes = transaction::changes_of_calls(tx, account).await?,
        MoveOrder::TopUp { .. } | MoveOrder::Charge { .. } | MoveOrder::Correct { .. } => {}
    }
    let mut open = transaction::open(tx, &accounts, &keys).await?;
    let moved = match open.desk.move_money(now, account, key, &order, methods) {
        Ok(moved) => moved,
        Err(AccountRefused::NoMoney) => {
            let held = recall::held_back(tx, &open.rows, account, &order).await?;
            return held.map(Answer::Recalled).ok_or_else(|| refused(AccountRefused::NoMoney));
        }
        Err(error) => return Err(refused(error)),
    };
    let at = if moved.replayed { booked_at(tx, account, &given).await? } else { now.wall };
    open.close(tx, Some(&mut journal), None).await?;
    recall::over(tx, account).await?;
    journal.append(tx).await?;
    Ok(Answer::Booked(Booked {
        amount: moved.amount,
        balance: moved.balance,
        at,
        due: moved.due,
        replayed: moved.replayed,
    }))
}

async fn give(tx: &Transaction<'_>, grant: &NewGrant, now: Now) -> Result<Booked, Failed> {
    let NewGrant { account, bucket, amount, terms, reference, key } = grant;
    let mut journal = transaction::lock_journal(tx).await?;
    let given = Key::Given(key.as_str().into());
    let mut open =
        transaction::open(tx, &BTreeSet::from([account.clone()]), std::slice::from_ref(&given)).await?;
    let ask = GrantRequest { account, bucket, amount: *amount, terms: terms.clone(), reference, key };
    let granted = open.desk.grant(now, &ask).map_err(refused)?;
    let at = if granted.replayed { booked_at(tx, account, &given).await? } else { now.wall };
    open.close(tx, Some(&mut journal), None).await?;
    journal.append(tx).await?;
    Ok(Booked { amount: granted.amount, balance: granted.left, at, due: None, replayed: granted.replayed })
}

async fn booked_at(tx: &Transaction<'_>, account: &Name, key: &Key) -> Result<Wall, Failed> {
    let row = tx
        .query_opt(
            "SELECT at_ms FROM booking WHERE account = $1 AND key = $2",
            &[&&**account, &key.to_string()],
        )
        .await?;
    Ok(Wall(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default()))
}
