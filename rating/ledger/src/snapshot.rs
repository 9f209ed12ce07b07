//! A replay as lines of JSON, in one order whatever way it was reached, and back: what a start with a long
//! journal begins from.
//!
//! Two replays of the same entries write the same bytes, also if one of them began with a snapshot. Numbers
//! of accounts and shards do not survive; how much of a system account a shard holds means nothing, only the
//! sum does.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use units::{Name, Wall};

use crate::books::{AccountImage, BalanceImage, GivenImage};
use crate::{
    AccountId, AccountState, Announcement, Books, Bucket, BucketTerms, GENESIS, Hash, Key, OpenCall,
    OpenedAs, Outcome, Party, Refused, Replay, ShardBooks, SystemAccount, Terms, Warned, chain, from_hex,
    hex, parent,
};

/// The form written today.
const VERSION: u8 = 3;

/// Why a snapshot cannot be used. The journal itself can.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A line is not one that this program writes.
    #[error("line {line} of the snapshot cannot be read")]
    Line {
        /// From 1.
        line: u64,
        /// The error below.
        source: serde_json::Error,
    },
    /// Written by another version.
    #[error("the snapshot has form {0}, this program reads {VERSION}")]
    Version(u8),
    /// Its lines do not fit together.
    #[error("line {line} of the snapshot does not fit the lines before it: {why}")]
    Unfit {
        /// From 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// It has no end, or more after it.
    #[error("the snapshot is not whole")]
    Cut,
    /// Its bytes are not those that were written.
    #[error("the snapshot was changed after it was written")]
    Changed,
}

/// Where in the journal a snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotHead {
    /// The last entry in it.
    pub seq: u64,
    /// The hash of that entry.
    pub chain: Hash,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begin {
        v: u8,
        seq: u64,
        chain: String,
        closed_until: Wall,
    },
    #[serde(rename = "house")]
    SystemAccount {
        #[serde(rename = "house")]
        system_account: Party,
        balance: BalanceImage,
    },
    Account {
        account: AccountImage,
        state: Box<StateImage>,
    },
    Given(GivenImage),
    Outcome {
        owner: Name,
        of: Key,
        outcome: Outcome,
    },
    Open(Box<OpenCall>),
    End {
        sha256: String,
    },
}

/// An [`AccountState`] without numbers of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateImage {
    /// What it calls by.
    pub terms: Terms,
    /// When it was opened.
    pub opened_at: Wall,
    /// What `idle_days` counts from.
    pub last_event: Wall,
    /// A low balance was not told yet.
    pub low_armed: bool,
    /// What was said of the end of the main balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned: Option<Warned>,
    /// How often the main balance expired.
    pub expiries: u32,
    /// By deck, the version of whose prices the owner was told last.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rates_told: BTreeMap<Name, Name>,
    /// The request that opened it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_as: Option<Box<OpenedAs>>,
    /// Payments on their way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub announced: BTreeMap<Key, Announcement>,
    /// In the order in which calls use them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[serde(rename = "pockets")]
    pub buckets: Vec<BucketImage>,
}

/// A [`Bucket`] without its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketImage {
    /// Unique within the account.
    pub name: Name,
    /// What it serves.
    pub terms: BucketTerms,
    /// The last grant.
    pub granted_at: Wall,
    /// Few seconds left were not told yet.
    pub low_armed: bool,
    /// What was said of its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned: Option<Warned>,
    /// How often something of it expired.
    pub expiries: u32,
}

/// Reads a snapshot line by line into a replay.
pub struct SnapshotReader {
    replay: Replay,
    head: Option<SnapshotHead>,
    line: u64,
    /// Over all lines so far.
    sum: Hash,
    ended: bool,
}

// === impl StateImage ===

impl StateImage {
    pub(crate) fn of(state: &AccountState) -> Self {
        let AccountState {
            terms,
            opened_at,
            parent: _,
            buckets,
            last_event,
            low_armed,
            warned,
            expiries,
            rates_told,
            opened_as,
            announced,
        } = state.clone();
        let buckets = buckets.into_iter().map(|bucket| {
            let Bucket { id: _, name, terms, granted_at, low_armed, warned, expiries } = bucket;
            BucketImage { name, terms, granted_at, low_armed, warned, expiries }
        });
        let opened_as = opened_as.map(|opened| Box::new((*opened).clone()));
        Self {
            terms,
            opened_at,
            last_event,
            low_armed,
            warned,
            expiries,
            rates_told,
            opened_as,
            announced,
            buckets: buckets.collect(),
        }
    }

    /// The state of `account`, named `name`; buckets that the books do not have are an error.
    pub(crate) fn state(
        self,
        books: &Books,
        account: AccountId,
        name: &str,
    ) -> Result<AccountState, Refused> {
        let Self {
            terms,
            opened_at,
            last_event,
            low_armed,
            warned,
            expiries,
            rates_told,
            opened_as,
            announced,
            buckets,
        } = self;
        let buckets = buckets.into_iter().map(|image| {
            let BucketImage { name, terms, granted_at, low_armed, warned, expiries } = image;
            let id = books.bucket(account, &name).ok_or(Refused::UnknownAccount)?;
            Ok(Bucket { id, name, terms, granted_at, low_armed, warned, expiries })
        });
        let parent = parent(name).and_then(|above| books.id(above));
        let buckets = buckets.collect::<Result<_, Refused>>()?;
        let opened_as = opened_as.map(|opened| Arc::new(*opened));
        Ok(AccountState {
            terms,
            opened_at,
            parent,
            buckets,
            last_event,
            low_armed,
            warned,
            expiries,
            rates_told,
            opened_as,
            announced,
        })
    }
}

// === impl Replay ===

impl Replay {
    /// Hands out the lines of a snapshot, each without its line feed.
    ///
    /// # Errors
    /// That of `put`, at once.
    pub fn write_snapshot<E: From<serde_json::Error>>(
        &self,
        mut put: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut sum = GENESIS;
        let mut write = |line: &Line| {
            let bytes = serde_json::to_vec(line)?;
            sum = chain(&sum, &bytes);
            put(&bytes)
        };
        write(&Line::Begin {
            v: VERSION,
            seq: self.seq(),
            chain: hex(&self.chain),
            closed_until: self.closed_until,
        })?;
        let mut system_accounts: BTreeMap<(units::Currency, SystemAccount), BalanceImage> = BTreeMap::new();
        let mut accounts: BTreeMap<&Name, (&ShardBooks, AccountId)> = BTreeMap::new();
        let mut open_calls = BTreeMap::new();
        for shard in &self.shards {
            let ShardBooks { books, states: _, open_calls: open, closed_until: _ } = shard;
            for (system_account, image) in books.system_account_images() {
                let sum = system_accounts.entry((image.currency, system_account)).or_insert(BalanceImage {
                    credits: 0,
                    debits: 0,
                    ..image
                });
                sum.credits = sum
                    .credits
                    .checked_add(image.credits)
                    .expect("the shards' house accounts sum within range");
                sum.debits = sum
                    .debits
                    .checked_add(image.debits)
                    .expect("the shards' house accounts sum within range");
            }
            accounts.extend(books.customers().map(|(name, id)| (name, (shard, id))));
            open_calls.extend(open);
        }
        for ((_, system_account), balance) in system_accounts {
            write(&Line::SystemAccount { system_account: Party::SystemAccount(system_account), balance })?;
        }
        for (owner, (shard, id)) in accounts {
            let (Some(account), Some(state)) = (shard.books.image(id), shard.states.get(&id)) else {
                continue;
            };
            write(&Line::Account { account, state: Box::new(StateImage::of(state)) })?;
            for given in shard.books.given_images(id) {
                write(&Line::Given(given))?;
            }
            for (of, outcome) in shard.books.outcomes_of(id) {
                write(&Line::Outcome { owner: owner.clone(), of: of.clone(), outcome: outcome.clone() })?;
            }
        }
        for call in open_calls.into_values() {
            write(&Line::Open(Box::new(call.clone())))?;
        }
        put(&serde_json::to_vec(&Line::End { sha256: hex(&sum) })?)
    }

    /// Gives the shards beyond the first their counterweight of what the first holds of the system accounts,
    /// so that each sums to zero.
    fn balance_shards(&mut self) -> Result<(), Refused> {
        let Some((first, others)) = self.shards.split_first_mut() else { return Ok(()) };
        for shard in others {
            for (currency, sum) in shard.books.sums().into_iter().filter(|(_, sum)| *sum != 0) {
                let size = i64::try_from(sum.unsigned_abs()).map_err(|_| Refused::Overflow)?;
                let (low, high) = if sum < 0 { (size, 0) } else { (0, size) };
                let image = BalanceImage { currency, credits: low, debits: high, limit: 0 };
                shard.books.load_system_account(SystemAccount::Opening, image)?;
                first.books.load_system_account(
                    SystemAccount::Opening,
                    BalanceImage { credits: high, debits: low, ..image },
                )?;
            }
        }
        Ok(())
    }
}

// === impl SnapshotReader ===

impl SnapshotReader {
    /// Into `replay`, which has taken nothing yet.
    pub const fn into(replay: Replay) -> Self {
        Self { replay, head: None, line: 0, sum: GENESIS, ended: false }
    }

    /// Where it was taken, once the first line was read.
    pub const fn head(&self) -> Option<SnapshotHead> {
        self.head
    }

    /// Takes the next line, without its line feed. After an error stop.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.line += 1;
        let line = self.line;
        if self.ended {
            return Err(SnapshotError::Cut);
        }
        let read: Line =
            serde_json::from_slice(bytes).map_err(|source| SnapshotError::Line { line, source })?;
        if let Line::End { sha256 } = &read {
            self.ended = true;
            return if *sha256 == hex(&self.sum) { Ok(()) } else { Err(SnapshotError::Changed) };
        }
        self.sum = chain(&self.sum, bytes);
        match (read, self.head.is_some()) {
            (Line::Begin { v, .. }, false) if v != VERSION => Err(SnapshotError::Version(v)),
            (Line::Begin { seq, chain, closed_until, .. }, false) => {
                let chain = from_hex(&chain).ok_or_else(|| self.unfit("its hash is none"))?;
                self.head = Some(SnapshotHead { seq, chain });
                self.replay.begin_at(seq, chain, closed_until);
                Ok(())
            }
            (other, true) => self.load(other).map_err(|why| self.unfit(why)),
            (_, false) => Err(self.unfit("it must begin with its place")),
        }
    }

    /// The replay, ready for the entry after the snapshot.
    pub fn finish(mut self) -> Result<Replay, SnapshotError> {
        if !self.ended {
            return Err(SnapshotError::Cut);
        }
        self.replay.balance_shards().map_err(|why| self.unfit(why))?;
        Ok(self.replay)
    }

    fn load(&mut self, line: Line) -> Result<(), Refused> {
        match line {
            Line::Begin { .. } | Line::End { .. } => Err(Refused::KeyReused),
            Line::SystemAccount { system_account: Party::SystemAccount(system_account), balance } => {
                match self.replay.shards.first_mut() {
                    Some(first) => first.books.load_system_account(system_account, balance),
                    None => Ok(()),
                }
            }
            Line::SystemAccount { .. } => Err(Refused::UnknownAccount),
            Line::Account { account, state } => {
                let Some(shard) = self.replay.shard_mut(&account.name) else { return Ok(()) };
                let id = shard.books.load_account(&account)?;
                let state = state.state(&shard.books, id, &account.name)?;
                shard.states.insert(id, state);
                Ok(())
            }
            Line::Given(given) => match self.replay.shard_mut(&given.owner) {
                Some(shard) => shard.books.load_given(given),
                None => Ok(()),
            },
            Line::Outcome { owner, of, outcome } => match self.replay.shard_mut(&owner) {
                Some(shard) => shard.books.load_outcome(&owner, of, outcome),
                None => Ok(()),
            },
            Line::Open(call) => {
                if let Some(shard) = self.replay.shard_mut(&call.account) {
                    shard.open_calls.insert(call.open.call, *call);
                }
                Ok(())
            }
        }
    }

    fn unfit(&self, why: impl ToString) -> SnapshotError {
        SnapshotError::Unfit { line: self.line, why: why.to_string() }
    }
}

#[cfg(test)]
mod tests;
