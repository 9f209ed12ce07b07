//! One row of the journal as its writer hands it in. The body is the ledger's record, opaque here.

use ledger::{Record, RecordBody, RecordError};
use units::{Name, Wall};

/// What a row is, so that call records are found without reading bodies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Kind(pub u8);

/// One atomic unit of the journal: it is on disk whole or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What the row is; [`Kind::CDR`] rows are those that [`crate::Reader::cdrs`] finds.
    pub kind: Kind,
    /// Whose it is.
    pub account: Name,
    /// When it happened; for a call record its `ended_at`.
    pub at: Wall,
    /// The ledger's record, JSON in UTF-8. The hash chain runs over these bytes.
    pub body: Vec<u8>,
}

/// The number of an entry among those of its shard, from 1. Durable up to N means that N and all before are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub struct Ticket(pub u64);

// === impl Kind ===

impl Kind {
    /// Anything that is none of those below.
    pub const OTHER: Self = Self(0);
    /// A settled call: its body holds the call record.
    pub const CDR: Self = Self(1);
    /// Something that the account's owner should hear of.
    pub const NOTICE: Self = Self(2);
    /// Money that moved other than by a call: a payment, a grant, a correction; or the close of its books.
    pub const MONEY: Self = Self(3);

    /// What the record is.
    pub fn of(record: &Record) -> Self {
        match &record.body {
            RecordBody::Notice(_) => Self::NOTICE,
            _ if record.cdr().is_some() => Self::CDR,
            RecordBody::CostBooked(_) => Self::OTHER,
            RecordBody::PeriodClosed(_) => Self::MONEY,
            _ if !record.transfers().is_empty() => Self::MONEY,
            _ => Self::OTHER,
        }
    }
}

// === impl Entry ===

impl Entry {
    /// The journal's row for `record`. A settled call's `record.at` has to be its `ended_at`.
    pub fn of(record: &Record) -> Result<Self, RecordError> {
        Ok(Self {
            kind: Kind::of(record),
            account: record.account.clone(),
            at: record.at,
            body: record.encode()?,
        })
    }

    /// The columns that `record` has to have; the body is left empty.
    pub(crate) fn columns_of(record: &Record) -> Self {
        Self { kind: Kind::of(record), account: record.account.clone(), at: record.at, body: Vec::new() }
    }

    /// Do the columns say what the body says? The hash chain covers only the body.
    pub(crate) fn is_row_of(&self, record: &Record) -> bool {
        let kind = Kind::of(record);
        // What this program does not know is of the kind that its writer knew. The upgrade from the first
        // version, which knew no money but a call's, took the few records that make a bucket known for money.
        let upgraded = self.kind == Kind::MONEY && matches!(record.body, RecordBody::BucketOpened(_));
        let fits = self.kind == kind || upgraded || matches!(record.body, RecordBody::Newer(_));
        fits && self.account == record.account && self.at == record.at
    }
}
