//! Balances lent by a central ledger, as a shard sees them: it books what it is told, gives back what it is asked for, and says what it
//! wishes. It knows no database.

use ledger::Lent;
use rating::engine::OpenAccount;
use rating::slices::Grant;
use rating::slices::holder::Gate;
use units::{Currency, Name, Now};

use crate::io::Output;
use crate::node::Node;

/// Accounts in whose slices a shard gives back in one go.
const ACCOUNTS_MAX: usize = 1_000_000;

/// What the central ledger tells a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SliceOrder {
    /// How far slices may be trusted. Before the first of these nothing is lent.
    Gate(Gate),
    /// These accounts exist, the tiers above first; open those that are not here.
    Open(Vec<LentAccount>),
    /// Book this once.
    Book(Grant),
    /// Give back what is spare of this account.
    GiveBack {
        /// Which.
        account: Name,
        /// Used once.
        name: Name,
    },
    /// Give back what is spare of every account.
    GiveAllBack {
        /// Used once for each account.
        name: Name,
    },
}

/// An account as the central ledger has it. Its limit stays there: a slice has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LentAccount {
    /// Its name.
    pub name: Name,
    /// For ever.
    pub currency: Currency,
    /// What it calls by. Marks and ends that are of the whole balance do not hold for a part of it, and are left out here.
    pub terms: ledger::Terms,
}

// === impl Node ===

impl Node {
    /// The balances of this node are a central ledger's: nothing is lent before it says so, and accounts of the configuration are opened
    /// by it. Once, before [`Node::restore`].
    pub fn set_lent(&mut self) {
        self.gate = Some(Gate { until: units::Tick(0), reachable: false });
    }

    /// Says to the books whether the time of what was lent is over.
    pub(crate) fn watch_gate(&mut self, now: Now) {
        if let Some(gate) = self.gate {
            self.engine.set_lent(Lent { open: now.tick < gate.until, reachable: gate.reachable });
            self.wake_starved(now);
        }
    }

    /// Hands on what calls found short.
    pub(crate) fn tell_wishes(&mut self) {
        if self.gate.is_some() {
            while let Some((account, need)) = self.engine.poll_wish() {
                self.outputs.push_back(Output::Wish { account, need });
            }
        }
    }

    pub(crate) fn slice_order(&mut self, now: Now, order: SliceOrder) {
        match order {
            SliceOrder::Gate(gate) => {
                self.gate = Some(gate);
                self.watch_gate(now);
            }
            SliceOrder::Open(accounts) => accounts.iter().for_each(|account| self.open_lent(now, account)),
            SliceOrder::Book(grant) => self.book_slice(now, &grant),
            SliceOrder::GiveBack { account, name } => self.give_back(now, &account, &name),
            SliceOrder::GiveAllBack { name } => {
                for view in self.engine.accounts(None, ACCOUNTS_MAX) {
                    self.give_back(now, &view.name, &name);
                }
            }
        }
    }

    fn open_lent(&mut self, now: Now, account: &LentAccount) {
        let LentAccount { name, currency, terms } = account;
        let terms = ledger::Terms { low_balance: None, idle_days: None, ..terms.clone() };
        let made = match self.engine.account(name) {
            None => self.engine.open_account(now, &OpenAccount { name, currency: *currency, opening: 0, terms: terms.clone(), limit: 0 }),
            Some(view) if view.terms != terms => self.engine.change_account(now, name, &terms, 0),
            Some(_) => return,
        };
        match made {
            Ok(record) => {
                self.journal(true, record);
            }
            Err(refused) => tracing::error!(account = &**name, %refused, "account of the central ledger not opened"),
        }
    }

    fn book_slice(&mut self, now: Now, grant: &Grant) {
        let Some(view) = self.engine.account(&grant.account) else {
            return tracing::warn!(account = &*grant.account, "a slice of an account that is not open here: it will be told again");
        };
        match self.engine.book_slice(now, grant, view.currency) {
            Ok(Some(record)) => {
                self.journal(true, record);
                self.wake_starved(now);
            }
            Ok(None) => {}
            Err(refused) => tracing::error!(account = &*grant.account, slice = &*grant.id, %refused, "slice not booked"),
        }
    }

    fn give_back(&mut self, now: Now, account: &Name, name: &str) {
        if let Some(record) = self.engine.return_slice(now, account, name) {
            self.journal(true, record);
        }
    }
}
