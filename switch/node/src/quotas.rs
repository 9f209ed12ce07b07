//! Lent balances: a shard books what it is told, gives back what it is asked for, and says what it requests.

use ledger::{Lent, Record, RecordBody, Refused};
use rating::engine::OpenAccount;
use rating::quotas::Grant;
use rating::quotas::client::{CentralNotice, LendingState};
use units::{Name, Now};

use crate::io::Output;
use crate::lent::{LentAccount, QuotaCommand};
use crate::node::Node;

impl Node {
    /// The balances of this node are a central ledger's: nothing is lent before it says so, and accounts of
    /// the configuration are opened by it. Once, before [`Node::restore`].
    pub fn set_lent(&mut self) {
        self.money.lending = Some(LendingState { until: units::Tick(0), reachable: false });
    }

    /// Says to the books whether the time of what was lent is over.
    pub(crate) fn watch_lending(&mut self, now: Now) {
        if let Some(lending) = self.money.lending {
            self.money.engine.set_lent(Lent { open: now.tick < lending.until, reachable: lending.reachable });
            self.wake_starved(now);
        }
    }

    /// Hands on what calls found short.
    pub(crate) fn send_quota_requests(&mut self) {
        if self.money.lending.is_some() {
            while let Some((account, need)) = self.money.engine.poll_quota_request() {
                self.outputs.push_back(Output::QuotaRequest { account, need });
            }
        }
    }

    pub(crate) fn quota_command(&mut self, now: Now, order: QuotaCommand) {
        match order {
            QuotaCommand::Lending(lending) => {
                self.money.lending = Some(lending);
                self.watch_lending(now);
            }
            QuotaCommand::Open(accounts) => accounts.iter().for_each(|account| self.open_lent(now, account)),
            QuotaCommand::Book(grant) => self.book_quota(now, &grant),
            QuotaCommand::GiveBack { account, name } => self.give_back(now, &account, &name),
            QuotaCommand::Dry(balance) => {
                self.money.engine.note_dry(&balance);
                self.wake_starved(now);
            }
            QuotaCommand::Notify(CentralNotice { account, notice, .. }) => {
                self.journal_notice(Record::new(now.wall, account, RecordBody::Notice(notice)));
            }
            QuotaCommand::GiveAllBack { name } => {
                for balance in self.money.engine.lent_balances() {
                    self.give_back(now, &balance, &name);
                }
            }
        }
    }

    fn open_lent(&mut self, now: Now, account: &LentAccount) {
        let LentAccount { name, currency, terms, buckets } = account;
        let terms = ledger::Terms { low_balance: None, idle_days: None, idle_months: None, ..terms.clone() };
        let made = match self.money.engine.account(name) {
            None => {
                let ask = OpenAccount { name, currency: *currency, opening: 0, terms, limit: 0 };
                self.money.engine.open_account(now, &ask).map(Some)
            }
            Some(view) if view.terms != terms => {
                self.money.engine.change_account(now, name, &terms, 0).map(Some)
            }
            Some(_) => Ok(None),
        };
        match made {
            Ok(Some(record)) => _ = self.journal(true, record),
            Ok(None) => {}
            Err(refused) => {
                return tracing::error!(account = &**name, %refused, "account of the central ledger not opened");
            }
        }
        for bucket in buckets {
            match self.money.engine.know_bucket(now, name, bucket.clone()) {
                Ok(Some(record)) => _ = self.journal(true, record),
                Ok(None) => {}
                Err(refused) => {
                    tracing::error!(account = &**name, bucket = &*bucket.bucket, %refused, "pocket not opened")
                }
            }
        }
        self.wake_starved(now);
    }

    fn book_quota(&mut self, now: Now, grant: &Grant) {
        match self.money.engine.book_quota(now, grant) {
            Ok(Some(record)) => {
                self.journal(true, record);
                self.wake_starved(now);
            }
            Ok(None) => {}
            Err(Refused::UnknownAccount) => {
                tracing::warn!(
                    account = &*grant.account,
                    "a slice of a balance that is not open here: it will be told again"
                );
            }
            Err(refused) => {
                tracing::error!(account = &*grant.account, slice = &*grant.id, %refused, "slice not booked")
            }
        }
    }

    fn give_back(&mut self, now: Now, account: &Name, name: &str) {
        if let Some(record) = self.money.engine.return_quota(now, account, name) {
            self.journal(true, record);
        }
    }
}
