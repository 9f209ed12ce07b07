//! What operators do in the central ledger: accounts, top-ups and corrections, and a look at who holds what.
//!
//! Invariant: money that comes from outside is booked here first, once per key of its account over all nodes, and confirmed when the
//! database has committed it.

use std::time::Duration;

use ledger::{House, Key, Party, Purpose, Terms, Transfer};
use rating::slices::central::{Account, Slice};
use tokio::sync::Mutex;
use tokio_postgres::{Row, Transaction};
use units::{Currency, Money, Name, Wall};

use crate::link::{Failed, Link};
use crate::requests::{Done, Work};
use crate::rows::{self, ACCOUNT, AccountRow, damaged};
use crate::{CentralError, schema};

/// An operator waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The operator's door to the central ledger, with a connection of its own. One order at a time.
pub struct Central {
    link: Mutex<Link>,
}

/// An account to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Unique over all nodes, see [`ledger::check_account_name`].
    pub name: Name,
    /// For ever.
    pub currency: Currency,
    /// To begin with, 10⁻⁵ units.
    pub opening: i64,
    /// How far usage may go, 10⁻⁵ units: 0 or negative.
    pub limit: i64,
    /// What it calls by.
    pub terms: Terms,
    /// When.
    pub at: Wall,
}

/// What became of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booked {
    /// Posted balance right after it, less the usage shipped by then, 10⁻⁵ units.
    pub balance_after: i64,
    /// When it was booked; earlier, if it was before.
    pub at: Wall,
    /// The same had been booked before: nothing changed.
    pub replayed: bool,
}

/// Whether a slice may be lent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceState {
    /// Its node beats.
    Live,
    /// Its node's time is over and its journal not here: held until it is back, or declared lost.
    Reconcile,
    /// Its node was declared lost: the money went back to the balance.
    Lost,
    /// Nothing is outstanding.
    Closed,
}

/// What one node has of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceRow {
    /// Whose money.
    pub account: Name,
    /// Who has it.
    pub node: Name,
    /// The node's starts so far.
    pub epoch: u64,
    /// Amounts, 10⁻⁵ units.
    pub slice: Slice,
    /// What it is.
    pub state: SliceState,
    /// When its node's time is over, by the database's clock.
    pub expires_at: Wall,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    Open(NewAccount),
    Change { account: Name, terms: Terms, limit: i64 },
    Book { transfer: Transfer, at: Wall },
    Account(Name),
    Accounts { after: Name, limit: i64 },
    Slices,
    Lose(Name),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Account(Option<Box<AccountRow>>),
    Accounts(Vec<AccountRow>),
    Booked(Booked),
    Slices(Vec<SliceRow>),
}

// === impl Central ===

impl Central {
    /// Connects when first asked. `address` is a `postgres://` URL.
    pub fn new(address: &str, seed: u64) -> Result<Self, CentralError> {
        Ok(Self { link: Mutex::new(Link::new(address, seed)?) })
    }

    /// Opens an account.
    pub async fn open(&self, new: NewAccount) -> Result<AccountRow, CentralError> {
        let name = new.name.clone();
        self.order(Order::Open(new)).await?;
        self.account(&name).await?.ok_or_else(|| CentralError::NoAccount(name.to_string()))
    }

    /// Changes terms and limit. The nodes follow with their next grants.
    pub async fn change(&self, account: Name, terms: Terms, limit: i64) -> Result<(), CentralError> {
        self.order(Order::Change { account, terms, limit }).await.map(|_| ())
    }

    /// Books money that came, or, debited from the customer, goes. Not usage: that comes from the nodes.
    pub async fn book(&self, transfer: Transfer, at: Wall) -> Result<Booked, CentralError> {
        match self.order(Order::Book { transfer, at }).await? {
            Answer::Booked(booked) => Ok(booked),
            _ => Err(CentralError::Statement("no booking".to_owned())),
        }
    }

    /// One account.
    pub async fn account(&self, name: &Name) -> Result<Option<AccountRow>, CentralError> {
        match self.order(Order::Account(name.clone())).await? {
            Answer::Account(row) => Ok(row.map(|row| *row)),
            _ => Ok(None),
        }
    }

    /// Up to `limit` accounts in the order of their names, after `after`.
    pub async fn accounts(&self, after: Option<Name>, limit: usize) -> Result<Vec<AccountRow>, CentralError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match self.order(Order::Accounts { after: after.unwrap_or_else(|| "".into()), limit }).await? {
            Answer::Accounts(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// Who holds what, by account and node.
    pub async fn slices(&self) -> Result<Vec<SliceRow>, CentralError> {
        match self.order(Order::Slices).await? {
            Answer::Slices(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// Declares a node lost, once its slices' time is over: what it holds goes back to the balances. What it had used since it last
    /// shipped is then spent twice at most; if the node comes back it ships that and gives the rest back.
    pub async fn lose(&self, node: Name) -> Result<(), CentralError> {
        self.order(Order::Lose(node)).await.map(|_| ())
    }

    async fn order(&self, order: Order) -> Result<Answer, CentralError> {
        let mut link = self.link.lock().await;
        match link.transact(&Work::Operator(order), PATIENCE).await? {
            Done::Operator(answer) => Ok(answer),
            Done::Nothing | Done::LastShipped(_) | Done::Reply(..) => Ok(Answer::Done),
        }
    }
}

pub(crate) async fn carry_out(tx: &Transaction<'_>, order: &Order) -> Result<Answer, Failed> {
    match order {
        Order::Open(new) => open(tx, new).await.map(|()| Answer::Done),
        Order::Change { account, terms, limit } => change(tx, account, terms, *limit).await.map(|()| Answer::Done),
        Order::Book { transfer, at } => book(tx, transfer, *at).await.map(Answer::Booked),
        Order::Account(name) => {
            let row = tx.query_opt(&format!("SELECT {ACCOUNT} FROM account WHERE name = $1"), &[&&**name]).await?;
            Ok(Answer::Account(row.as_ref().map(AccountRow::read).transpose()?.map(Box::new)))
        }
        Order::Accounts { after, limit } => {
            let text = format!("SELECT {ACCOUNT} FROM account WHERE name > $1 ORDER BY name LIMIT $2");
            let rows = tx.query(&text, &[&&**after, limit]).await?;
            rows.iter().map(AccountRow::read).collect::<Result<_, _>>().map(Answer::Accounts)
        }
        Order::Slices => slices(tx).await.map(Answer::Slices),
        Order::Lose(node) => lose(tx, node).await.map(|()| Answer::Done),
    }
}

async fn open(tx: &Transaction<'_>, new: &NewAccount) -> Result<(), Failed> {
    if let Some(above) = ledger::parent(&new.name)
        && rows::lock_account(tx, above).await?.is_none()
    {
        return Err(CentralError::NoAccount(above.to_owned()).into());
    }
    let terms = serde_json::to_string(&new.terms).map_err(|e| damaged(&e))?;
    let text = "INSERT INTO account (name, currency, posted, held, credit_limit, terms, opened_ms) VALUES ($1, $2, 0, 0, $3, $4, $5) \
                ON CONFLICT (name) DO NOTHING";
    let made = tx.execute(text, &[&&*new.name, &new.currency.as_str(), &new.limit, &terms, &new.at.0]).await?;
    if made == 0 {
        return Err(CentralError::AccountExists(new.name.to_string()).into());
    }
    if new.opening != 0 {
        book(tx, &opening(new), new.at).await?;
    }
    Ok(())
}

/// From or, for an old debt, to the opening account.
fn opening(new: &NewAccount) -> Transfer {
    let (house, customer) = (Party::House(House::Opening), Party::Customer(new.name.clone()));
    let (debit, credit) = if new.opening < 0 { (customer, house) } else { (house, customer) };
    let amount = Money::of(new.opening.saturating_abs(), new.currency);
    Transfer { key: Key::Opening, purpose: Purpose::Opening, debit, credit, amount, memo: None }
}

async fn change(tx: &Transaction<'_>, account: &Name, terms: &Terms, limit: i64) -> Result<(), Failed> {
    let text = serde_json::to_string(terms).map_err(|e| damaged(&e))?;
    let update = "UPDATE account SET terms = $2, credit_limit = $3 WHERE name = $1";
    match tx.execute(update, &[&&**account, &text, &limit]).await? {
        0 => Err(CentralError::NoAccount(account.to_string()).into()),
        _ => Ok(()),
    }
}

async fn book(tx: &Transaction<'_>, transfer: &Transfer, at: Wall) -> Result<Booked, Failed> {
    let (account, sign) = match (&transfer.debit, &transfer.credit) {
        (Party::House(_), Party::Customer(account)) => (account, 1),
        (Party::Customer(account), Party::House(_)) => (account, -1),
        _ => return Err(damaged(&"only money between a house account and a customer is booked centrally")),
    };
    let row = rows::lock_account(tx, account).await?.ok_or_else(|| CentralError::NoAccount(account.to_string()))?;
    if row.currency != transfer.amount.currency {
        return Err(CentralError::CurrencyMismatch(row.currency).into());
    }
    let (key, text) = (transfer.key.to_string(), serde_json::to_string(transfer).map_err(|e| damaged(&e))?);
    let before = "SELECT transfer, balance_after, at_ms FROM booking WHERE account = $1 AND key = $2";
    if let Some(found) = tx.query_opt(before, &[&&**account, &key]).await? {
        if found.try_get::<_, &str>(0)? != text {
            return Err(CentralError::KeyReused(key).into());
        }
        return Ok(Booked { balance_after: found.try_get(1)?, at: Wall(found.try_get(2)?), replayed: true });
    }
    let amount = transfer.amount.amount.saturating_mul(sign);
    let mut money: Account = row.money;
    money.book(amount).map_err(CentralError::from)?;
    rows::save_money(tx, account, &money).await?;
    let insert = "INSERT INTO booking (account, key, at_ms, amount, balance_after, transfer) VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(insert, &[&&**account, &key, &at.0, &amount, &money.posted, &text]).await?;
    Ok(Booked { balance_after: money.posted, at, replayed: false })
}

async fn slices(tx: &Transaction<'_>) -> Result<Vec<SliceRow>, Failed> {
    let now_ms = schema::now_ms(tx).await?;
    let text = "SELECT s.account, s.node, s.granted, s.returned, s.used, n.epoch, n.lost, n.expires_ms FROM slice s \
                JOIN node n ON n.name = s.node ORDER BY s.account, s.node";
    let read = |row: &Row| -> Result<SliceRow, Failed> {
        let slice = Slice { granted: row.try_get(2)?, returned: row.try_get(3)?, used: row.try_get(4)? };
        let expires_ms: i64 = row.try_get(7)?;
        let state = match (slice.outstanding(), row.try_get(6)?) {
            (0, _) => SliceState::Closed,
            (_, true) => SliceState::Lost,
            _ if expires_ms < now_ms => SliceState::Reconcile,
            _ => SliceState::Live,
        };
        Ok(SliceRow {
            account: row.try_get::<_, &str>(0)?.into(),
            node: row.try_get::<_, &str>(1)?.into(),
            epoch: row.try_get::<_, i64>(5)?.cast_unsigned(),
            slice,
            state,
            expires_at: Wall(expires_ms),
        })
    };
    tx.query(text, &[]).await?.iter().map(read).collect()
}

async fn lose(tx: &Transaction<'_>, name: &Name) -> Result<(), Failed> {
    let mut node = rows::lock_node(tx, name).await?.ok_or_else(|| CentralError::NoNode(name.to_string()))?;
    if node.lost {
        return Ok(());
    }
    let expires_ms: i64 = tx.query_one("SELECT expires_ms FROM node WHERE name = $1", &[&&**name]).await?.try_get(0)?;
    let left_ms = expires_ms - schema::now_ms(tx).await?;
    if left_ms >= 0 {
        return Err(CentralError::NotExpired { node: name.to_string(), secs: left_ms / 1_000 + 1 }.into());
    }
    node.lose();
    rows::save_node(tx, name, &node).await?;
    for row in tx.query("SELECT account FROM slice WHERE node = $1 ORDER BY account", &[&&**name]).await? {
        let account: &str = row.try_get(0)?;
        let Some(mut row) = rows::lock_account(tx, account).await? else { continue };
        let slice = rows::lock_slice(tx, account, name).await?;
        row.money.lose(&slice);
        rows::save_money(tx, account, &row.money).await?;
    }
    Ok(())
}

// === impl SliceState ===

impl SliceState {
    /// In one word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Reconcile => "reconcile",
            Self::Lost => "lost",
            Self::Closed => "closed",
        }
    }
}
