//! Balances lent by a central ledger, as a shard is told of them. It knows no database.

use ledger::BucketOpened;
use rating::quotas::Grant;
use rating::quotas::client::{CentralNotice, LendingState};
use units::{Currency, Name};

/// What the central ledger tells a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuotaCommand {
    /// How far quotas may be trusted. Before the first of these nothing is lent.
    Lending(LendingState),
    /// These accounts exist, the tiers above first; open those that are not here.
    Open(Vec<LentAccount>),
    /// Book this once.
    Book(Grant),
    /// Give back what is spare of this account.
    GiveBack {
        /// The account, by its name.
        account: Name,
        /// Used once.
        name: Name,
    },
    /// The central ledger has no more of this balance.
    Dry(Name),
    /// Journal this notice, once.
    Notify(CentralNotice),
    /// Give back what is spare of every account.
    GiveAllBack {
        /// Used once for each account.
        name: Name,
    },
}

/// An account as the central ledger has it. Its limit stays there: a quota has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LentAccount {
    /// Its name.
    pub name: Name,
    /// For ever.
    pub currency: Currency,
    /// What it calls by. Marks and ends that are of the whole balance do not hold for a part of it, and are
    /// left out here.
    pub terms: ledger::Terms,
    /// Its buckets.
    pub buckets: Vec<BucketOpened>,
}
