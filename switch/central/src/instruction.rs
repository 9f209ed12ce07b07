//! What an operator may ask of the central ledger, and what comes back. Plain data: who carries it out is in
//! `operator`.

use std::sync::Arc;

use ledger::{BucketTerms, PeriodClosed, TrialBalance};
use rating::engine::{AccountChange, AccountView, MoveOrder, PaymentMethod};
use rating::quotas::transaction::NewAccount;
use units::{Money, Name, Wall};

use crate::CentralError;
use crate::quotas::QuotaRow;
use crate::rates::Claim;
use crate::recall::Held;

/// What became of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booked {
    /// What the account got, or the bucket; negative if it paid.
    pub amount: Money,
    /// Posted right after it, less the usage shipped by then.
    pub balance: Money,
    /// When it was booked; earlier, if it was before.
    pub at: Wall,
    /// When an announced payment should be here.
    pub due: Option<Wall>,
    /// The same had been booked before: nothing changed.
    pub replayed: bool,
}

/// Credit or minutes for a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// The account, by its name.
    pub account: Name,
    /// Into which bucket.
    pub bucket: Name,
    /// Money, or seconds in `SEC`.
    pub amount: Money,
    /// What the bucket serves.
    pub terms: BucketTerms,
    /// The operator's words.
    pub reference: String,
    /// Idempotency key, unique within the account.
    pub key: String,
}

/// One order; carried out in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Instruction {
    Open { new: NewAccount, at: Wall },
    OpenOnce { new: NewAccount, key: Name, at: Wall },
    Amend { account: Name, change: AccountChange, at: Wall },
    Move { account: Name, key: String, order: MoveOrder, methods: Arc<[PaymentMethod]>, at: Wall },
    Grant { grant: NewGrant, at: Wall },
    Account(Name),
    Accounts { after: Name, limit: i64 },
    Slices,
    Lose(Name),
    Trial,
    Close { until: Wall, key: Name, at: Wall },
    Claim(Claim),
}

/// What an order gave.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Done,
    Account(Option<Box<AccountView>>),
    Opened(Box<AccountView>, bool),
    Views(Vec<AccountView>),
    Booked(Booked),
    /// Nodes hold what it takes: they were asked for it, and nothing was moved.
    Recalled(Held),
    Slices(Vec<QuotaRow>),
    Trial(TrialBalance),
    /// The closing, and whether it was written before.
    Closed(Box<PeriodClosed>, bool),
    /// Some entries have no place yet: they have to get theirs first.
    Behind,
    Claimed(bool),
}

// === impl Answer ===

impl Answer {
    /// The booking that was asked for.
    pub(crate) fn booked(self) -> Result<Booked, CentralError> {
        match self {
            Self::Booked(booked) => Ok(booked),
            _ => Err(CentralError::Statement("no booking".to_owned())),
        }
    }
}
