//! What readers of the journal ask for and get: whole entries with their places, some kinds or all.

use ledger::Hash;

use crate::Entry;

/// Which entries a feed hands on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wants {
    /// Each one: another ledger is built of them.
    All,
    /// Call records, [`crate::Kind::CDR`].
    Cdrs,
    /// Notices, [`crate::Kind::NOTICE`].
    Notices,
}

/// An entry with its place in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalEntry {
    /// Its number, from 1.
    pub seq: u64,
    /// As written.
    pub entry: Entry,
    /// The chain's hash over it and all before.
    pub hash: Hash,
}

/// Entries to hand on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// In journal order; empty if there is nothing new.
    pub entries: Vec<JournalEntry>,
    /// All that the feed wants up to this number is in the batch.
    pub upto: u64,
}
