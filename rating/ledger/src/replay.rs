//! From the journal back to memory: balances, keys and the calls that were up, verifying the hash chain and
//! every transfer.
//!
//! Each record's transfers go to the books of its account's shard, so every shard sums to zero by itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::{Currency, Money, Name, Wall};

use crate::{
    AccountChanged, AccountId, AccountOpened, AccountState, Balance, Books, BucketGranted, BucketOpened,
    CallId, CallOpen, GENESIS, Hash, Key, OpenPart, Outcome, Posted, Record, RecordBody, RecordError,
    Refused, Request, Settles, Transfer, TrialBalance, chain, note_all, parent,
};

/// No period was ever closed.
pub const OPEN: Wall = Wall(i64::MIN);

/// A call that was up when the journal ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OpenCall {
    /// Who pays.
    pub account: Name,
    /// As written at its answer.
    pub open: CallOpen,
    /// Answered time at its last checkpoint, ms; 0 if none came.
    pub answered_ms: u64,
    /// Which balances paid until then, as that checkpoint says.
    pub parts: Vec<Vec<OpenPart>>,
}

/// One shard's part of the journal.
#[derive(Debug, Clone)]
pub struct ShardBooks {
    /// All balances, and the keys known.
    pub books: Books,
    /// The rest of what is known of each customer.
    pub states: BTreeMap<AccountId, AccountState>,
    /// Calls answered and not settled, in the order of their ids.
    pub open_calls: BTreeMap<CallId, OpenCall>,
    /// The books are closed for everything dated before; [`OPEN`] if they never were.
    pub closed_until: Wall,
}

/// The journal's sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Records read.
    pub entries: u64,
    /// Customers' accounts.
    pub accounts: u64,
    /// Per currency the sum of all balances: zero if the books are whole.
    pub sums: Vec<Money>,
    /// Hash of the last entry.
    pub chain: Hash,
    /// Calls answered and not settled.
    pub open_calls: u64,
}

/// What a start continues from.
#[derive(Debug)]
pub struct Restored {
    /// One per shard.
    pub shards: Vec<ShardBooks>,
    /// Sequence of the next record; none if the journal is empty.
    pub next_seq: Option<u64>,
    /// Hash to chain it to.
    pub chain: Hash,
}

/// Where the journal is not whole. Everything before the entry named holds.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// An entry is missing.
    #[error("journal entry {found} follows entry {last}: entries between are missing", last = expected.wrapping_sub(1))]
    Gap {
        /// What should have come.
        expected: u64,
        /// What came.
        found: u64,
    },
    /// The bytes are not those that were chained.
    #[error("journal entry {seq} was changed after it was written: its hash does not fit")]
    Chain {
        /// The number of the entry in the journal.
        seq: u64,
    },
    /// The bytes are no record.
    #[error("journal entry {seq} cannot be read")]
    Record {
        /// The number of the entry in the journal.
        seq: u64,
        /// The error below.
        source: RecordError,
    },
    /// A movement that the books refuse.
    #[error("journal entry {seq}: {refused}")]
    Refused {
        /// The number of the entry in the journal.
        seq: u64,
        /// What the books refused, and why.
        refused: Refused,
    },
    /// A charge for a call that is not up: settled twice, or never answered.
    #[error("journal entry {seq}: call {call} is charged but not open")]
    NotOpen {
        /// The number of the entry in the journal.
        seq: u64,
        /// The call, by its id.
        call: CallId,
    },
    /// Dated into a period whose books are closed.
    #[error("journal entry {seq} is dated {}, but the books are closed until {}", at.rfc3339(), until.rfc3339())]
    Closed {
        /// The number of the entry in the journal.
        seq: u64,
        /// Its date.
        at: Wall,
        /// The first moment that is open.
        until: Wall,
    },
}

/// Reads the journal in order.
pub struct Replay {
    pub(crate) shards: Vec<ShardBooks>,
    shard_of: Box<dyn Fn(&str) -> usize + Send>,
    next_seq: Option<u64>,
    pub(crate) chain: Hash,
    entries: u64,
    pub(crate) closed_until: Wall,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("entries", &self.entries)
            .field("next_seq", &self.next_seq)
            .finish_non_exhaustive()
    }
}

impl Default for Replay {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Replay ===

impl Replay {
    /// Into one shard.
    pub fn new() -> Self {
        Self::sharded(1, |_| 0)
    }

    /// Into `count` shards; `shard_of` an account's name is taken modulo `count`.
    pub fn sharded(count: usize, shard_of: impl Fn(&str) -> usize + Send + 'static) -> Self {
        let shards = vec![ShardBooks::default(); count.max(1)];
        Self {
            shards,
            shard_of: Box::new(shard_of),
            next_seq: None,
            chain: GENESIS,
            entries: 0,
            closed_until: OPEN,
        }
    }

    /// Takes the next entry as it is on disk and gives it back decoded. After an error stop: the entries
    /// before it hold.
    pub fn feed(&mut self, seq: u64, bytes: &[u8], hash: &Hash) -> Result<Record, ReplayError> {
        if let Some(expected) = self.next_seq.filter(|expected| *expected != seq) {
            return Err(ReplayError::Gap { expected, found: seq });
        }
        let link = chain(&self.chain, bytes);
        if link != *hash {
            return Err(ReplayError::Chain { seq });
        }
        let record = Record::decode(bytes).map_err(|source| ReplayError::Record { seq, source })?;
        self.apply(seq, &record)?;
        self.next_seq = seq.checked_add(1);
        self.chain = link;
        self.entries += 1;
        Ok(record)
    }

    /// Takes a record that is not on disk: a simulator's, or one just made.
    pub fn apply_record(&mut self, record: &Record) -> Result<(), ReplayError> {
        self.apply(self.entries, record)?;
        self.entries += 1;
        Ok(())
    }

    /// Sums so far.
    pub fn verification(&self) -> Verification {
        let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
        for money in self.shards.iter().flat_map(|shard| shard.books.sums_as_money()) {
            let sum = sums.entry(money.currency).or_insert(Money::zero(money.currency));
            sum.amount =
                sum.amount.checked_add(money.amount).expect("the shards of a journal sum within range");
        }
        Verification {
            entries: self.entries,
            accounts: self.shards.iter().map(|shard| shard.books.customers().count() as u64).sum(),
            sums: sums.into_values().collect(),
            chain: self.chain,
            open_calls: self.shards.iter().map(|shard| shard.open_calls.len() as u64).sum(),
        }
    }

    /// All balances so far.
    pub fn trial(&self) -> TrialBalance {
        let mut trial = TrialBalance::default();
        self.shards.iter().for_each(|shard| shard.books.add_to(&mut trial));
        trial
    }

    /// The last entry taken; 0 before the first.
    pub const fn seq(&self) -> u64 {
        match self.next_seq {
            Some(next) => next - 1,
            None => 0,
        }
    }

    /// Continues after entry `seq` of hash `chain`, which all that is loaded from a snapshot stands for.
    pub(crate) fn begin_at(&mut self, seq: u64, chain: Hash, closed_until: Wall) {
        (self.next_seq, self.chain, self.entries, self.closed_until) =
            (seq.checked_add(1), chain, seq, closed_until);
    }

    /// The shard of an account.
    pub(crate) fn shard_mut(&mut self, account: &str) -> Option<&mut ShardBooks> {
        let at = (self.shard_of)(account) % self.shards.len();
        self.shards.get_mut(at)
    }

    /// What a start continues from.
    pub fn finish(mut self) -> Restored {
        for shard in &mut self.shards {
            shard.closed_until = self.closed_until;
        }
        Restored { shards: self.shards, next_seq: self.next_seq, chain: self.chain }
    }

    fn apply(&mut self, seq: u64, record: &Record) -> Result<(), ReplayError> {
        if record.at < self.closed_until {
            return Err(ReplayError::Closed { seq, at: record.at, until: self.closed_until });
        }
        let at = (self.shard_of)(&record.account) % self.shards.len();
        // `at` is below the length, which is at least one.
        let Some(shard) = self.shards.get_mut(at) else { return Ok(()) };
        let refused = |refused| ReplayError::Refused { seq, refused };
        match &record.body {
            // What its writer lets others pass over moves no money that is seen here.
            RecordBody::Started(_) | RecordBody::Newer(_) => Ok(()),
            RecordBody::Notice(notice) => {
                if let Some(state) = shard.state_mut(&record.account) {
                    state.note_notice(&notice.event, record.at);
                }
                Ok(())
            }
            RecordBody::AccountOpened(opened) => shard.open(record, opened).map_err(refused),
            RecordBody::AccountChanged(changed) => shard.change(record, changed).map_err(refused),
            RecordBody::BucketGranted(granted) => shard.grant(record, granted).map_err(refused),
            RecordBody::BucketOpened(opened) => shard.know_bucket(record, opened).map_err(refused),
            RecordBody::BucketExpired(expired) => {
                shard.repost(&expired.transfer, record.at).map_err(refused)?;
                if let Some(state) = shard.state_mut(&record.account) {
                    state.note_expired(expired.bucket.as_ref());
                }
                Ok(())
            }
            RecordBody::TopUp(_)
            | RecordBody::Announced(_)
            | RecordBody::Corrected(_)
            | RecordBody::Rerated(_)
            | RecordBody::Charged(_)
            | RecordBody::Rejected(_)
            | RecordBody::Reversed(_) => shard.request(record).map_err(refused),
            RecordBody::PeriodClosed(closed) => {
                self.closed_until = self.closed_until.max(closed.until);
                Ok(())
            }
            RecordBody::Slice(moved) => shard.books.repost(&moved.transfer).map_err(refused),
            RecordBody::CallOpen(open) => {
                shard.answered(record, open);
                Ok(())
            }
            RecordBody::Checkpoint(checkpoint) => {
                let call = checkpoint.call;
                let open = shard.open_calls.get_mut(&call).ok_or(ReplayError::NotOpen { seq, call })?;
                if checkpoint.answered_ms > open.answered_ms {
                    open.answered_ms = checkpoint.answered_ms;
                    open.parts.clone_from(&checkpoint.parts);
                }
                Ok(())
            }
            RecordBody::Settled(settled) => {
                let call = settled.call;
                if settled.transfers.iter().any(|t| t.customer().is_some())
                    && !shard.open_calls.contains_key(&call)
                {
                    return Err(ReplayError::NotOpen { seq, call });
                }
                shard.repost_all(&settled.transfers, record.at).map_err(refused)?;
                shard.open_calls.remove(&call);
                Ok(())
            }
            RecordBody::CostBooked(booked) => shard.repost_all(&booked.transfers, record.at).map_err(refused),
        }
    }
}

/// The given key of a request's record, which what it settles refers to.
fn given_name(record: &Record) -> Option<Name> {
    match &record.transfers().first()?.key {
        Key::Given(name) => Some(name.clone()),
        Key::Opening | Key::Call(..) | Key::Part(..) | Key::Expired(..) => None,
    }
}

// === impl ShardBooks ===

impl Default for ShardBooks {
    fn default() -> Self {
        Self {
            books: Books::default(),
            states: BTreeMap::new(),
            open_calls: BTreeMap::new(),
            closed_until: OPEN,
        }
    }
}

impl ShardBooks {
    /// A request's movements as the journal has them; there is no second time.
    fn request(&mut self, record: &Record) -> Result<(), Refused> {
        let name = given_name(record).unwrap_or_default();
        let (method, settles) = match &record.body {
            RecordBody::TopUp(booked) => {
                (booked.method.as_ref(), booked.of.as_ref().map(|of| (of, Outcome::Booked(name))))
            }
            RecordBody::Announced(announced) => (announced.method.as_ref(), None),
            RecordBody::Rejected(rejected) => (None, Some((&rejected.of, Outcome::Rejected(name)))),
            RecordBody::Reversed(reversed) => (None, Some((&reversed.of, Outcome::Reversed(name)))),
            _ => (None, None),
        };
        let owner = self.books.id(&record.account).ok_or(Refused::UnknownAccount)?;
        let transfers: Vec<Transfer> = record.transfers().into_iter().cloned().collect();
        let settles = settles.as_ref().map(|(of, outcome)| Settles { of, outcome });
        match self.books.book_request(&Request { owner, transfers: &transfers, method, settles })? {
            Posted::Now => {
                note_all(&self.books, &mut self.states, &transfers, record.at);
                if let Some(state) = self.states.get_mut(&owner) {
                    state.note_request(&self.books, owner, &record.body, record.at);
                }
                Ok(())
            }
            Posted::Before { .. } => Err(Refused::KeyReused),
        }
    }

    fn open(&mut self, record: &Record, opened: &AccountOpened) -> Result<(), Refused> {
        let id = self.books.open(&record.account, opened.currency, opened.limit)?;
        opened.opening.as_ref().map_or(Ok(()), |opening| self.books.repost(opening))?;
        let above = parent(&record.account).and_then(|above| self.books.id(above));
        let posted = self.books.balance(id).map_or(0, Balance::posted);
        self.states.insert(id, AccountState::opened(opened, record.at, above, posted));
        Ok(())
    }

    fn answered(&mut self, record: &Record, open: &CallOpen) {
        let call = OpenCall {
            account: record.account.clone(),
            open: open.clone(),
            answered_ms: 0,
            parts: Vec::new(),
        };
        self.open_calls.insert(open.call, call);
    }

    fn change(&mut self, record: &Record, changed: &AccountChanged) -> Result<(), Refused> {
        let id = self.books.id(&record.account).ok_or(Refused::UnknownAccount)?;
        self.books.set_limit(id, changed.limit)?;
        let posted = self.books.balance(id).map_or(0, Balance::posted);
        if let Some(state) = self.states.get_mut(&id) {
            state.change(changed.terms.clone(), posted);
        }
        Ok(())
    }

    fn grant(&mut self, record: &Record, granted: &BucketGranted) -> Result<(), Refused> {
        let id = self.books.id(&record.account).ok_or(Refused::UnknownAccount)?;
        let state = self.states.get_mut(&id).ok_or(Refused::UnknownAccount)?;
        match state.grant(&mut self.books, id, granted, record.at)? {
            Posted::Now => Ok(()),
            Posted::Before { .. } => Err(Refused::KeyReused),
        }
    }

    fn know_bucket(&mut self, record: &Record, opened: &BucketOpened) -> Result<(), Refused> {
        let id = self.books.id(&record.account).ok_or(Refused::UnknownAccount)?;
        let state = self.states.get_mut(&id).ok_or(Refused::UnknownAccount)?;
        state.know_bucket(&mut self.books, id, opened).map(|_| ())
    }

    /// What the journal says was posted at `at`, with all that follows from it.
    fn repost(&mut self, transfer: &Transfer, at: Wall) -> Result<(), Refused> {
        self.books.repost(transfer)?;
        if let Some(id) = transfer.customer().and_then(|name| self.books.id(name))
            && let Some(state) = self.states.get_mut(&id)
        {
            state.note_posted(transfer, at, self.books.balance(id).map_or(0, Balance::posted));
        }
        Ok(())
    }

    fn repost_all(&mut self, transfers: &[Transfer], at: Wall) -> Result<(), Refused> {
        transfers.iter().try_for_each(|transfer| self.repost(transfer, at))
    }

    fn state_mut(&mut self, account: &str) -> Option<&mut AccountState> {
        self.states.get_mut(&self.books.id(account)?)
    }
}

#[cfg(test)]
mod tests;
