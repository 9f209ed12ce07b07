//! What a billed call costs an account now: what it was billed, less what re-rating and reversals gave back
//! since.
//!
//! Made of the journal's records in their order. A call whose charge was reversed costs nothing and is not
//! priced again, unless the reversal was reversed.

use std::collections::BTreeMap;

use ledger::{CallId, Key, Party, Record, RecordBody, Transfer};
use units::{Currency, Name};

/// What one call is to cost an account, 10⁻⁵ units of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallCost {
    /// The call's id.
    pub call: CallId,
    /// What the account was billed when the call ended.
    pub billed: i64,
    /// What it costs at the other price.
    pub cost: i64,
}

/// What became of the calls of one account since they were billed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallChanges {
    account: Name,
    calls: BTreeMap<CallId, Change>,
    /// What each request did, by the account that it was made for and its key: it may be reversed itself.
    requests: BTreeMap<(Name, Name), Done>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Change {
    /// What the account got back by re-rating; negative if it paid more.
    rerated: i64,
    /// What it got back by the reversal of the call, while that is in force.
    reversed: i64,
    is_reversed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Done {
    /// The charge of a call was undone, or its undoing was.
    Reversal(CallId, i64),
    /// Calls were re-rated, or that was undone.
    Rerating(Vec<(CallId, i64)>),
}

// === impl CallCost ===

impl CallCost {
    /// What the account is owed for the call (above zero) or owes; none if it is out of range.
    pub fn owed(&self, changes: &CallChanges) -> Option<i64> {
        let Change { rerated, reversed, is_reversed } =
            changes.calls.get(&self.call).copied().unwrap_or_default();
        let now = self.billed.checked_sub(rerated)?.checked_sub(reversed)?;
        now.checked_sub(if is_reversed { 0 } else { self.cost })
    }
}

// === impl CallChanges ===

impl CallChanges {
    /// Of an account whose records are still to be taken.
    pub fn of(account: Name) -> Self {
        Self { account, ..Self::default() }
    }

    /// Takes the next record of the account, or of one below it. Records that change no call's cost do
    /// nothing.
    pub fn take(&mut self, record: &Record) {
        let (of, transfers) = match &record.body {
            RecordBody::Rerated(rerated) if record.account == self.account => {
                let calls = rerated.calls.iter().map(|change| (change.call, change.amount)).collect();
                return self.note(record, &rerated.transfers, Done::Rerating(calls));
            }
            RecordBody::Reversed(reversed) => (&reversed.of, &reversed.transfers),
            _ => return,
        };
        let done = match of {
            Key::Call(call, _) => {
                Some(Done::Reversal(*call, transfers.iter().map(|transfer| self.gets(transfer)).sum()))
            }
            Key::Given(earlier) => {
                self.requests.get(&(record.account.clone(), earlier.clone())).map(Done::undone)
            }
            Key::Opening | Key::Expired(..) | Key::Part(..) => None,
        };
        if let Some(done) = done {
            self.note(record, transfers, done);
        }
    }

    /// What the account got back for a call by re-rating: it is taken again where the call is reversed.
    pub fn rerated(&self, call: CallId) -> i64 {
        self.calls.get(&call).map_or(0, |change| change.rerated)
    }

    fn note(&mut self, record: &Record, transfers: &[Transfer], done: Done) {
        match &done {
            Done::Reversal(call, amount) => {
                let change = self.calls.entry(*call).or_default();
                change.reversed += amount;
                change.is_reversed = !change.is_reversed;
            }
            Done::Rerating(calls) => {
                for (call, amount) in calls {
                    self.calls.entry(*call).or_default().rerated += amount;
                }
            }
        }
        if let Some(Key::Given(key)) = transfers.first().map(|transfer| &transfer.key) {
            self.requests.insert((record.account.clone(), key.clone()), done);
        }
    }

    /// What a transfer gives to the account's money, in all of its balances.
    fn gets(&self, transfer: &Transfer) -> i64 {
        let is_ours = |party: &Party| match party {
            Party::Customer(account) | Party::Bucket { account, .. } => *account == self.account,
            Party::SystemAccount(_) => false,
        };
        match (is_ours(&transfer.credit), is_ours(&transfer.debit)) {
            _ if transfer.amount.currency == Currency::SEC => 0,
            (true, false) => transfer.amount.amount,
            (false, true) => -transfer.amount.amount,
            (true, true) | (false, false) => 0,
        }
    }
}

// === impl Done ===

impl Done {
    fn undone(&self) -> Self {
        match self {
            Self::Reversal(call, amount) => Self::Reversal(*call, -amount),
            Self::Rerating(calls) => {
                Self::Rerating(calls.iter().map(|(call, amount)| (*call, -amount)).collect())
            }
        }
    }
}
