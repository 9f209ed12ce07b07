//! What operators do in the central ledger: accounts, payments, grants and corrections, and a look at who holds what.
//!
//! Invariant: money that comes from outside is booked here first, once per key of its account over all nodes, and confirmed when the
//! database has committed it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::{Key, PeriodClosed, PocketTerms, TrialBalance};
use rating::engine::{AccountChange, AccountRefused, AccountView, GrantRequest, MoveOrder, PaymentMethod, rerated};
use rating::quotas::transaction::NewAccount;
use tokio::sync::Mutex;
use tokio_postgres::Transaction;
use units::{Money, Name, Now, Wall};

use crate::link::{Failed, Link};
use crate::questions::{Found, Question};
use crate::quotas::{self, QuotaRow};
use crate::rates::Claim;
use crate::requests::{Done, Work};
use crate::rows::{self, AccountRow, damaged};
use crate::{CentralError, closing, rates, recall, transaction, trial};

/// An operator waits so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// An order that needs money which nodes hold waits so long until they have given it back. That takes them a beat and a shipment.
const RECALL_PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether the money is back.
const RECALL_LOOK: Duration = Duration::from_millis(100);

/// The operator's door to the central ledger, with two connections of its own: orders go one at a time, and so do questions, which may take
/// longer.
pub struct Central {
    link: Mutex<Link>,
    questions: Mutex<Link>,
}

/// What became of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// What the account got, or the pocket; negative if it paid.
    pub amount: Money,
    /// Posted right after it, less the usage shipped by then.
    pub balance: Money,
    /// When it was booked; earlier, if it was before.
    pub at: Wall,
    /// When an announced payment should be here.
    pub due: Option<Wall>,
    /// The same had been booked before: nothing changed.
    pub replayed: bool,
}

/// Credit or minutes for a pocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// The account, by its name.
    pub account: Name,
    /// Into which pocket.
    pub pocket: Name,
    /// Money, or seconds in `SEC`.
    pub amount: Money,
    /// What the pocket serves.
    pub terms: PocketTerms,
    /// The operator's words.
    pub reference: String,
    /// Idempotency key, unique within the account.
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Instruction {
    Open { new: NewAccount, at: Wall },
    OpenOnce { new: NewAccount, key: Name, at: Wall },
    Amend { account: Name, change: AccountChange, at: Wall },
    Move { account: Name, key: String, order: MoveOrder, methods: Arc<[PaymentMethod]>, at: Wall },
    Grant { grant: NewGrant, at: Wall },
    Account(Name),
    Accounts { after: Name, limit: i64 },
    Slices,
    Lose(Name),
    Trial,
    Close { until: Wall, key: Name },
    Claim(Claim),
}

#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Done,
    Account(Option<Box<AccountView>>),
    Opened(Box<AccountView>, bool),
    Views(Vec<AccountView>),
    Booked(Booked),
    /// Nodes hold what it takes: they were asked for it, and nothing was moved.
    Recalled(recall::Held),
    Slices(Vec<QuotaRow>),
    Trial(TrialBalance),
    /// The closing, and whether it was written before.
    Closed(Box<PeriodClosed>, bool),
    /// Some entries have no place yet: they have to get theirs first.
    Behind,
    Claimed(bool),
}

// === impl Central ===

impl Central {
    /// Connects when first asked. `address` is a `postgres://` URL.
    pub fn new(address: &str, seed: u64) -> Result<Self, CentralError> {
        Ok(Self { link: Mutex::new(Link::new(address, seed)?), questions: Mutex::new(Link::new(address, seed.rotate_left(32))?) })
    }

    /// Opens an account.
    pub async fn open(&self, new: NewAccount, at: Wall) -> Result<AccountView, CentralError> {
        let name = new.name.clone();
        self.order(Instruction::Open { new, at }).await?;
        self.account(&name).await?.ok_or_else(|| CentralError::NoAccount(name.to_string()))
    }

    /// Opens an account once per key over all nodes; true if it was opened by an earlier request of this key and content.
    pub async fn open_once(&self, new: NewAccount, key: Name, at: Wall) -> Result<(AccountView, bool), CentralError> {
        match self.order(Instruction::OpenOnce { new, key, at }).await? {
            Answer::Opened(view, replayed) => Ok((*view, replayed)),
            _ => Err(CentralError::Statement("no account".to_owned())),
        }
    }

    /// Changes terms and limit. Nodes hear of it with their next beat.
    pub async fn amend(&self, account: Name, change: AccountChange, at: Wall) -> Result<AccountView, CentralError> {
        self.order(Instruction::Amend { account: account.clone(), change, at }).await?;
        self.account(&account).await?.ok_or_else(|| CentralError::NoAccount(account.to_string()))
    }

    /// Moves money once per key of the account. What was posted for a call that is to be reversed is read here. Where nodes hold the money
    /// that it takes they are asked for it first; [`CentralError::Recalled`] if it is not back in time.
    pub async fn carry_out(
        &self,
        account: Name,
        key: String,
        order: MoveOrder,
        methods: Arc<[PaymentMethod]>,
        at: Wall,
    ) -> Result<Booked, CentralError> {
        let (begun, order) = (Instant::now(), Instruction::Move { account, key, order, methods, at });
        loop {
            match self.order(order.clone()).await? {
                Answer::Recalled(_) if begun.elapsed() < RECALL_PATIENCE => tokio::time::sleep(RECALL_LOOK).await,
                Answer::Recalled(held) => return Err(held.into()),
                answer => return answer.booked(),
            }
        }
    }

    /// Gives credit or minutes once per key of the account. `balance` is what is in the pocket then.
    pub async fn grant(&self, grant: NewGrant, at: Wall) -> Result<Booked, CentralError> {
        self.order(Instruction::Grant { grant, at }).await?.booked()
    }

    /// One account; `leased` is what nodes hold.
    pub async fn account(&self, name: &Name) -> Result<Option<AccountView>, CentralError> {
        match self.order(Instruction::Account(name.clone())).await? {
            Answer::Account(view) => Ok(view.map(|view| *view)),
            _ => Ok(None),
        }
    }

    /// Up to `limit` accounts in the order of their names, after `after`.
    pub async fn accounts(&self, after: Option<Name>, limit: usize) -> Result<Vec<AccountView>, CentralError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match self.order(Instruction::Accounts { after: after.unwrap_or_else(|| "".into()), limit }).await? {
            Answer::Views(views) => Ok(views),
            _ => Ok(Vec::new()),
        }
    }

    /// Who holds what, by balance and node.
    pub async fn slices(&self) -> Result<Vec<QuotaRow>, CentralError> {
        match self.order(Instruction::Slices).await? {
            Answer::Slices(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// All balances of all nodes, as far as their journals are here. What nodes hold of customers' money and pockets is the line `leases`.
    pub async fn trial_balance(&self) -> Result<TrialBalance, CentralError> {
        match self.order(Instruction::Trial).await? {
            Answer::Trial(trial) => Ok(trial),
            _ => Ok(TrialBalance::default()),
        }
    }

    /// Declares a node lost, once its quotas' time is over: what it holds goes back to the balances. What it had used since it last
    /// shipped is then spent twice at most; if the node comes back it ships that and gives the rest back.
    pub async fn lose(&self, node: Name) -> Result<(), CentralError> {
        self.order(Instruction::Lose(node)).await.map(|_| ())
    }

    /// Whether it is for this node to tell customers of a deck's new version.
    pub async fn tells_rates(&self, deck: Name, version: Name, node: Name) -> Result<bool, CentralError> {
        Ok(self.order(Instruction::Claim(Claim { deck, version, node })).await? == Answer::Claimed(true))
    }

    /// Asks what is written.
    pub(crate) async fn ask(&self, question: Question) -> Result<Found, CentralError> {
        let mut link = self.questions.lock().await;
        match link.transact(&Work::Question(question), PATIENCE).await? {
            Done::Found(found) => Ok(found),
            _ => Err(CentralError::Statement("no answer".to_owned())),
        }
    }

    pub(crate) async fn order(&self, order: Instruction) -> Result<Answer, CentralError> {
        let mut link = self.link.lock().await;
        match link.transact(&Work::Operator(order), PATIENCE).await? {
            Done::Operator(answer) => Ok(answer),
            Done::Nothing | Done::LastShipped(_) | Done::Reply(..) | Done::Beaten(..) | Done::Found(_) => Ok(Answer::Done),
        }
    }
}

// === impl Answer ===

impl Answer {
    fn booked(self) -> Result<Booked, CentralError> {
        match self {
            Self::Booked(booked) => Ok(booked),
            _ => Err(CentralError::Statement("no booking".to_owned())),
        }
    }
}

pub(crate) async fn carry_out(tx: &Transaction<'_>, order: &Instruction) -> Result<Answer, Failed> {
    match order {
        Instruction::Open { new, at } => open(tx, new, transaction::at(*at)).await.map(|()| Answer::Done),
        Instruction::OpenOnce { new, key, at } => open_once(tx, new, key, transaction::at(*at)).await,
        Instruction::Amend { account, change, at } => amend(tx, account, change, transaction::at(*at)).await.map(|()| Answer::Done),
        Instruction::Move { account, key, order, methods, at } => {
            move_money(tx, (account, key), order, methods, transaction::at(*at)).await
        }
        Instruction::Grant { grant, at } => give(tx, grant, transaction::at(*at)).await.map(Answer::Booked),
        Instruction::Account(name) => {
            let rows = rows::families(tx, std::iter::once(name)).await?;
            let row = rows.into_iter().find(|row| row.name == *name);
            Ok(Answer::Account(row.map(|row| view(&row)).transpose()?.map(Box::new)))
        }
        Instruction::Accounts { after, limit } => {
            rows::accounts(tx, after, *limit).await?.iter().map(view).collect::<Result<_, _>>().map(Answer::Views)
        }
        Instruction::Slices => quotas::slices(tx).await.map(Answer::Slices),
        Instruction::Lose(node) => quotas::lose(tx, node).await.map(|()| Answer::Done),
        Instruction::Trial => trial::balance(tx).await.map(|(trial, _)| Answer::Trial(trial)),
        Instruction::Close { until, key } => closing::close(tx, *until, key).await,
        Instruction::Claim(claim) => rates::claim(tx, claim).await.map(Answer::Claimed),
    }
}

/// An account as its owner sees it.
fn view(row: &AccountRow) -> Result<AccountView, Failed> {
    let desk = rating::quotas::transaction::AccountTransaction::new(vec![row.sheet()], ledger::OPEN).map_err(|e| damaged(&e))?;
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

/// The journal's lock makes one of two requests with the same key see the other.
async fn open_once(tx: &Transaction<'_>, new: &NewAccount, key: &Name, now: Now) -> Result<Answer, Failed> {
    let mut journal = transaction::lock_journal(tx).await?;
    let by_key = "SELECT name FROM account WHERE pocket_of IS NULL AND state::jsonb -> 'opened_as' ->> 'key' = $1";
    let before: Option<String> = tx.query_opt(by_key, &[&&**key]).await?.map(|row| row.try_get(0)).transpose()?;
    let above = ledger::parent(&new.name).map(Name::from);
    let accounts: BTreeSet<Name> = above.into_iter().chain(before.map(Name::from)).chain([new.name.clone()]).collect();
    let mut open = transaction::open(tx, &accounts, &[]).await?;
    let opened = open.desk.open_once(now, new, key).map_err(refused)?;
    open.close(tx, Some(&mut journal), None).await?;
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
        MoveOrder::Book { of, .. } | MoveOrder::Reject { of, .. } => keys.push(Key::Given(of.as_str().into())),
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
            let payers: BTreeSet<Name> = transfers.iter().filter_map(|transfer| transfer.customer().cloned()).collect();
            for payer in payers {
                let currency = transaction::currency(tx, &payer).await?;
                transfers.extend(rerated(&payer, *call, &transaction::changes_of_calls(tx, &payer).await?, currency));
                accounts.insert(payer);
            }
        }
        MoveOrder::Rerate { changes, .. } => *changes = transaction::changes_of_calls(tx, account).await?,
        MoveOrder::TopUp { .. } | MoveOrder::Charge { .. } | MoveOrder::Correct { .. } => {}
    }
    let mut open = transaction::open(tx, &accounts, &keys).await?;
    let moved = match open.desk.carry_out(now, account, key, &order, methods) {
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
    Ok(Answer::Booked(Booked { amount: moved.amount, balance: moved.balance, at, due: moved.due, replayed: moved.replayed }))
}

async fn give(tx: &Transaction<'_>, grant: &NewGrant, now: Now) -> Result<Booked, Failed> {
    let NewGrant { account, pocket, amount, terms, reference, key } = grant;
    let mut journal = transaction::lock_journal(tx).await?;
    let given = Key::Given(key.as_str().into());
    let mut open = transaction::open(tx, &BTreeSet::from([account.clone()]), std::slice::from_ref(&given)).await?;
    let ask = GrantRequest { account, pocket, amount: *amount, terms: terms.clone(), reference, key };
    let granted = open.desk.grant(now, &ask).map_err(refused)?;
    let at = if granted.replayed { booked_at(tx, account, &given).await? } else { now.wall };
    open.close(tx, Some(&mut journal), None).await?;
    journal.append(tx).await?;
    Ok(Booked { amount: granted.amount, balance: granted.left, at, due: None, replayed: granted.replayed })
}

async fn booked_at(tx: &Transaction<'_>, account: &Name, key: &Key) -> Result<Wall, Failed> {
    let row = tx.query_opt("SELECT at_ms FROM booking WHERE account = $1 AND key = $2", &[&&**account, &key.to_string()]).await?;
    Ok(Wall(row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default()))
}
