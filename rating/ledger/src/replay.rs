//! From the journal back to memory: balances, keys and the calls that were up, verifying the hash chain and every transfer.
//!
//! Each record's transfers go to the books of its account's shard, so every shard sums to zero by itself.

use std::collections::BTreeMap;

use units::{Currency, Money, Name, Wall};

use crate::{AccountId, AccountOpened, Books, CallId, CallOpen, GENESIS, Hash, Record, RecordBody, RecordError, Refused, Transfer, chain};

/// What an account calls by, beside its balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTerms {
    /// Its price list.
    pub deck: Name,
    /// When it was opened.
    pub opened_at: Wall,
}

/// A call that was up when the journal ended.
#[derive(Debug, Clone)]
pub struct OpenCall {
    /// Who pays.
    pub account: Name,
    /// As written at its answer.
    pub open: CallOpen,
    /// Answered time at its last checkpoint, ms; 0 if none came.
    pub answered_ms: u64,
}

/// One shard's part of the journal.
#[derive(Debug, Clone, Default)]
pub struct ShardBooks {
    /// All balances, and the keys known.
    pub books: Books,
    /// What each customer calls by.
    pub terms: BTreeMap<AccountId, AccountTerms>,
    /// Calls answered and not settled, in the order of their ids.
    pub open_calls: BTreeMap<CallId, OpenCall>,
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
    /// Sequence of the next record.
    pub next_seq: u64,
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
        /// Where.
        seq: u64,
    },
    /// The bytes are no record.
    #[error("journal entry {seq} cannot be read")]
    Record {
        /// Where.
        seq: u64,
        /// Why.
        source: RecordError,
    },
    /// A movement that the books refuse.
    #[error("journal entry {seq}: {refused}")]
    Refused {
        /// Where.
        seq: u64,
        /// Why.
        refused: Refused,
    },
    /// A charge for a call that is not up: settled twice, or never answered.
    #[error("journal entry {seq}: call {call} is charged but not open")]
    NotOpen {
        /// Where.
        seq: u64,
        /// Which.
        call: CallId,
    },
}

/// Reads the journal in order.
pub struct Replay {
    shards: Vec<ShardBooks>,
    shard_of: Box<dyn Fn(&str) -> usize + Send>,
    first_seq: Option<u64>,
    next_seq: u64,
    chain: Hash,
    entries: u64,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("entries", &self.entries).field("next_seq", &self.next_seq).finish_non_exhaustive()
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
        Self { shards, shard_of: Box::new(shard_of), first_seq: None, next_seq: 0, chain: GENESIS, entries: 0 }
    }

    /// Takes the next entry as it is on disk and gives it back decoded. After an error nothing of that entry has been applied.
    pub fn feed(&mut self, seq: u64, bytes: &[u8], hash: &Hash) -> Result<Record, ReplayError> {
        if self.first_seq.is_some() && seq != self.next_seq {
            return Err(ReplayError::Gap { expected: self.next_seq, found: seq });
        }
        let link = chain(&self.chain, bytes);
        if link != *hash {
            return Err(ReplayError::Chain { seq });
        }
        let record = Record::decode(bytes).map_err(|source| ReplayError::Record { seq, source })?;
        self.apply(seq, &record)?;
        self.first_seq.get_or_insert(seq);
        self.next_seq = seq.saturating_add(1);
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
            sum.amount = sum.amount.saturating_add(money.amount);
        }
        Verification {
            entries: self.entries,
            accounts: self.shards.iter().map(|shard| shard.books.customers().count() as u64).sum(),
            sums: sums.into_values().collect(),
            chain: self.chain,
            open_calls: self.shards.iter().map(|shard| shard.open_calls.len() as u64).sum(),
        }
    }

    /// What a start continues from.
    pub fn finish(self) -> Restored {
        Restored { shards: self.shards, next_seq: self.next_seq, chain: self.chain }
    }

    fn apply(&mut self, seq: u64, record: &Record) -> Result<(), ReplayError> {
        let at = (self.shard_of)(&record.account) % self.shards.len();
        // `at` is below the length, which is at least one.
        let Some(shard) = self.shards.get_mut(at) else { return Ok(()) };
        let refused = |refused| ReplayError::Refused { seq, refused };
        match &record.body {
            RecordBody::Started(_) => Ok(()),
            RecordBody::AccountOpened(opened) => shard.open(record, opened).map_err(refused),
            RecordBody::AccountChanged(changed) => {
                let id = shard.books.id(&record.account).ok_or(refused(Refused::UnknownAccount))?;
                shard.books.set_limit(id, changed.limit).map_err(refused)?;
                if let Some(terms) = shard.terms.get_mut(&id) {
                    terms.deck = changed.deck.clone();
                }
                Ok(())
            }
            RecordBody::TopUp(top_up) => shard.books.repost(&top_up.transfer).map_err(refused),
            RecordBody::CallOpen(open) => {
                let call = OpenCall { account: record.account.clone(), open: (**open).clone(), answered_ms: 0 };
                shard.open_calls.insert(open.call, call);
                Ok(())
            }
            RecordBody::Checkpoint(checkpoint) => {
                let call = checkpoint.call;
                let open = shard.open_calls.get_mut(&call).ok_or(ReplayError::NotOpen { seq, call })?;
                open.answered_ms = open.answered_ms.max(checkpoint.answered_ms);
                Ok(())
            }
            RecordBody::Settled(settled) => {
                let call = settled.call;
                if settled.transfers.iter().any(|t| t.customer().is_some()) && !shard.open_calls.contains_key(&call) {
                    return Err(ReplayError::NotOpen { seq, call });
                }
                shard.repost_all(&settled.transfers).map_err(refused)?;
                shard.open_calls.remove(&call);
                Ok(())
            }
            RecordBody::CostBooked(booked) => shard.repost_all(&booked.transfers).map_err(refused),
        }
    }
}

// === impl ShardBooks ===

impl ShardBooks {
    fn open(&mut self, record: &Record, opened: &AccountOpened) -> Result<(), Refused> {
        let id = self.books.open(&record.account, opened.currency, opened.limit)?;
        self.terms.insert(id, AccountTerms { deck: opened.deck.clone(), opened_at: record.at });
        opened.opening.as_ref().map_or(Ok(()), |opening| self.books.repost(opening))
    }

    fn repost_all(&mut self, transfers: &[Transfer]) -> Result<(), Refused> {
        transfers.iter().try_for_each(|transfer| self.books.repost(transfer))
    }
}
