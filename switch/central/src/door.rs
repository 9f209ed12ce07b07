//! The operator's door to the central ledger: accounts, payments, grants and corrections, and a look at who
//! holds what.
//!
//! Invariant: an order is answered when the database has committed it, or with an error that says whether it
//! may be sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::TrialBalance;
use rating::engine::{AccountChange, AccountView, MoveOrder, PaymentMethod};
use rating::quotas::transaction::NewAccount;
use tokio::sync::Mutex;
use units::{Name, Wall};

use crate::CentralError;
use crate::instruction::{Answer, Booked, Instruction, NewGrant};
use crate::link::Link;
use crate::questions::{Found, Question};
use crate::quotas::QuotaRow;
use crate::rates::Claim;
use crate::requests::{Done, Work};

/// An operator waits so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// An order that needs money which nodes hold waits so long until they have given it back. That takes them a
/// beat and a shipment.
const RECALL_PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether the money is back.
const RECALL_LOOK: Duration = Duration::from_millis(100);

/// The operator's door to the central ledger, with two connections of its own: orders go one at a time, and
/// so do questions, which may take longer.
pub struct Central {
    link: Mutex<Link>,
    questions: Mutex<Link>,
}

// === impl Central ===

impl Central {
    /// Connects when first asked. `address` is a `postgres://` URL.
    pub fn new(address: &str, seed: u64) -> Result<Self, CentralError> {
        Ok(Self {
            link: Mutex::new(Link::new(address, seed)?),
            questions: Mutex::new(Link::new(address, seed.rotate_left(32))?),
        })
    }

    /// Opens an account.
    pub async fn open(&self, new: NewAccount, at: Wall) -> Result<AccountView, CentralError> {
        let name = new.name.clone();
        self.order(Instruction::Open { new, at }).await?;
        self.account(&name).await?.ok_or_else(|| CentralError::NoAccount(name.to_string()))
    }

    /// Opens an account once per key over all nodes; true if it was opened by an earlier request of this key
    /// and content.
    pub async fn open_once(
        &self,
        new: NewAccount,
        key: Name,
        at: Wall,
    ) -> Result<(AccountView, bool), CentralError> {
        match self.order(Instruction::OpenOnce { new, key, at }).await? {
            Answer::Opened(view, replayed) => Ok((*view, replayed)),
            _ => Err(CentralError::Statement("no account".to_owned())),
        }
    }

    /// Changes terms and limit. Nodes hear of it with their next beat.
    pub async fn amend(
        &self,
        account: Name,
        change: AccountChange,
        at: Wall,
    ) -> Result<AccountView, CentralError> {
        self.order(Instruction::Amend { account: account.clone(), change, at }).await?;
        self.account(&account).await?.ok_or_else(|| CentralError::NoAccount(account.to_string()))
    }

    /// Moves money once per key of the account. What was posted for a call that is to be reversed is read
    /// here. Where nodes hold the money that it takes they are asked for it first; [`CentralError::Recalled`]
    /// if it is not back in time.
    pub async fn move_money(
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
                Answer::Recalled(_) if begun.elapsed() < RECALL_PATIENCE => {
                    tokio::time::sleep(RECALL_LOOK).await
                }
                Answer::Recalled(held) => return Err(held.into()),
                answer => return answer.booked(),
            }
        }
    }

    /// Gives credit or minutes once per key of the account. `balance` is what is in the bucket then.
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
    pub async fn accounts(
        &self,
        after: Option<Name>,
        limit: usize,
    ) -> Result<Vec<AccountView>, CentralError> {
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

    /// All balances of all nodes, as far as their journals are here. What nodes hold of customers' money and
    /// buckets is the line `leases`.
    pub async fn trial_balance(&self) -> Result<TrialBalance, CentralError> {
        match self.order(Instruction::Trial).await? {
            Answer::Trial(trial) => Ok(trial),
            _ => Ok(TrialBalance::default()),
        }
    }

    /// Declares a node lost, once its quotas' time is over: what it holds goes back to the balances. What it
    /// had used since it last shipped is then spent twice at most; if the node comes back it ships that and
    /// gives the rest back.
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
            Done::Nothing | Done::LastShipped(_) | Done::Reply(..) | Done::Beaten(..) | Done::Found(_) => {
                Ok(Answer::Done)
            }
        }
    }
}
