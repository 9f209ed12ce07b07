//! Accounts of the central ledger on the account transaction: taken out of its rows for one transaction,
//! changed by the rules of the engine, and put back.
//!
//! So a payment, a grant, a low balance or the end of idle credit is the same thing in one node's books and
//! over all nodes. What nodes hold counts as reserved here.

use std::collections::BTreeSet;

use ledger::{
    Key, Party, Purpose, Record, RecordBody, ShardBooks, Sheet, SheetError, SystemAccount, Terms, Transfer,
    TrialBalance, TrialLine,
};
use units::{Currency, Name, Now, Wall};

use crate::Engine;
use crate::engine::{
    AccountChange, AccountRefused, AccountView, GrantRequest, Granted, InTransit, MoveOrder, Moved,
    OpenAccount, Opened, PaymentMethod, TransitPlace,
};

/// Accounts opened for one transaction.
#[derive(Debug)]
pub struct AccountTransaction {
    engine: Engine,
    /// As they came, to tell what changed.
    before: Vec<Sheet>,
    records: Vec<Record>,
}

/// What a transaction leaves.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The accounts that changed, with only those movements and outcomes that are new.
    pub sheets: Vec<Sheet>,
    /// For the journal, in order.
    pub records: Vec<Record>,
    /// For the owners.
    pub notices: Vec<Record>,
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
}

// === impl NewAccount ===

impl NewAccount {
    fn ask(&self) -> OpenAccount<'_> {
        let Self { name, currency, opening, limit, terms } = self;
        OpenAccount { name, currency: *currency, opening: *opening, terms: terms.clone(), limit: *limit }
    }
}

// === impl AccountTransaction ===

impl AccountTransaction {
    /// With these accounts, those above others first; nothing is dated before `closed_until`.
    pub fn new(sheets: Vec<Sheet>, closed_until: Wall) -> Result<Self, SheetError> {
        let before = sheets.clone();
        let (engine, _) = Engine::restored(ShardBooks::of_sheets(sheets, closed_until)?);
        Ok(Self { engine, before, records: Vec::new() })
    }

    /// Opens an account; the one above it has to be on the account transaction.
    pub fn open(&mut self, now: Now, new: &NewAccount) -> Result<(), AccountRefused> {
        let record = self.engine.open_account(now, &new.ask())?;
        self.keep(record);
        Ok(())
    }

    /// Opens an account once per key; the account that the key opened before has to be on the account
    /// transaction, if there is one.
    pub fn open_once(&mut self, now: Now, new: &NewAccount, key: &str) -> Result<Opened, AccountRefused> {
        let opened = self.engine.open_once(now, &new.ask(), key)?;
        self.records.extend(opened.record.clone());
        Ok(opened)
    }

    /// Moves money once per key, as in a node's own books.
    pub fn move_money(
        &mut self,
        now: Now,
        account: &str,
        key: &str,
        order: &MoveOrder,
        methods: &[PaymentMethod],
    ) -> Result<Moved, AccountRefused> {
        let moved = self.engine.move_money(now, account, key, order, methods)?;
        let notice = self.engine.booked_notice(now, account, &moved);
        self.records.extend(moved.record.clone());
        self.records.extend(notice);
        Ok(moved)
    }

    /// Gives credit or minutes once per key.
    pub fn grant(&mut self, now: Now, ask: &GrantRequest<'_>) -> Result<Granted, AccountRefused> {
        let granted = self.engine.grant(now, ask)?;
        self.records.extend(granted.record.clone());
        Ok(granted)
    }

    /// Changes terms and limit.
    pub fn amend(&mut self, now: Now, account: &str, change: &AccountChange) -> Result<(), AccountRefused> {
        let record = self.engine.amend_account(now, account, change)?;
        self.keep(record);
        Ok(())
    }

    /// What came with time alone: credit that ends as far as no node holds it, and words ahead of that.
    pub fn expire(&mut self, now: Now) {
        self.records.extend(self.engine.expire(now));
    }

    /// Movements that nodes shipped, which are in the balances already.
    pub fn note(&mut self, now: Now, shipped: &[(Wall, Transfer)]) {
        self.engine.note_shipped(now, shipped);
    }

    /// An account as its owner sees it: `leased` is what nodes hold.
    pub fn view(&self, account: &str) -> Option<AccountView> {
        self.engine.account(account)
    }

    /// Up to `limit` payments of the accounts here that are on their way, after one of them; or only those
    /// that are late.
    pub fn in_transit(
        &mut self,
        now: Wall,
        after: Option<&TransitPlace>,
        late_only: bool,
        limit: usize,
    ) -> Vec<InTransit> {
        self.engine.look_for_late(now);
        self.engine.in_transit(after, late_only, limit)
    }

    /// When to look at an account again for what comes with time: also at the end of what nodes hold, which
    /// has to come back first.
    pub fn due(&self, account: &str) -> Option<Wall> {
        self.engine.due(account)
    }

    /// The balances of an account that ended though nodes hold some of them, at `at`: its own under the empty
    /// name, and buckets.
    pub fn overdue(&self, account: &str, at: Wall) -> Vec<Name> {
        self.engine.overdue(account, at)
    }

    /// What is to be written.
    pub fn finish(&mut self) -> Outcome {
        while let Some(record) = self.engine.poll_notice() {
            self.records.push(record);
        }
        let (notices, records) = std::mem::take(&mut self.records)
            .into_iter()
            .partition(|record| matches!(record.body, RecordBody::Notice(_)));
        let names: Vec<Name> = self.engine.books().customers().map(|(name, _)| name.clone()).collect();
        let mut sheets = Vec::new();
        for mut sheet in names.iter().filter_map(|name| self.engine.sheet(name)) {
            if let Some(before) = self.before.iter().find(|before| before.name == sheet.name) {
                if *before == sheet {
                    continue;
                }
                let known: BTreeSet<&Key> = before.given.iter().map(|given| &given.transfer.key).collect();
                sheet.given.retain(|given| !known.contains(&given.transfer.key));
                sheet.outcomes.retain(|outcome| !before.outcomes.contains(outcome));
            }
            sheets.push(sheet);
        }
        Outcome { sheets, records, notices }
    }

    fn keep(&mut self, record: Record) {
        self.records.push(record);
    }
}

/// Adds what transfers do to system accounts. Slices do nothing: over all nodes they are no movement.
pub fn add_system_accounts<'a>(transfers: impl IntoIterator<Item = &'a Transfer>, to: &mut TrialBalance) {
    for transfer in transfers.into_iter().filter(|transfer| transfer.purpose != Purpose::Slice) {
        let amount = i128::from(transfer.amount.amount);
        let mut add = |party: &Party, amount| {
            if let Party::SystemAccount(system_account) = party {
                to.add(transfer.amount.currency, TrialLine::SystemAccount(*system_account), amount);
            }
        };
        add(&transfer.debit, -amount);
        add(&transfer.credit, amount);
    }
}

/// The system accounts of a trial balance.
pub fn system_accounts(trial: &TrialBalance) -> impl Iterator<Item = (Currency, SystemAccount, i128)> {
    trial.lines().filter_map(|(currency, line, amount)| match line {
        TrialLine::SystemAccount(system_account) => Some((currency, system_account, amount)),
        TrialLine::Customers | TrialLine::Buckets | TrialLine::Leases => None,
    })
}
