//! What the journal holds: one record per atomic change, as versioned JSON.
//!
//! Everything that moves money is in a record, and a record is written whole or not at all. A later Tollgate
//! raises the version of what it writes; in `needs` it says which version a program must know for its books
//! to be right without what it cannot read.

mod version;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use units::{Currency, Name, Prefix, Rate, Wall};

use crate::{
    BucketExpired, BucketGranted, BucketOpened, CallId, Key, Notice, Tariff, Terms, Transfer, TrialRow,
    units_text,
};

pub use version::{Newer, RecordError};

/// The version written today.
const VERSION: u8 = 1;

/// One journal entry. Its account decides its shard; `@node` stands for the node itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Form of the record.
    v: u8,
    /// When it was made, ms since the epoch.
    pub at: Wall,
    /// Whose it is.
    pub account: Name,
    /// What happened.
    pub body: RecordBody,
}

/// What happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordBody {
    /// The node started on this journal.
    Started(Started),
    /// A customer's account was opened.
    AccountOpened(AccountOpened),
    /// Its deck or limit changed.
    AccountChanged(AccountChanged),
    /// Money came in.
    TopUp(Box<TopUpBooked>),
    /// A call was answered.
    CallOpen(Box<CallOpen>),
    /// It was still up so long after its answer.
    Checkpoint(Checkpoint),
    /// It ended, answered or not.
    Settled(Settled),
    /// A carrier's charge outside a settle, as for a late answer.
    CostBooked(CostBooked),
    /// Something that the account's owner should hear of.
    Notice(Notice),
    /// Promotional or test credit, or minutes, were given.
    #[serde(rename = "pocket_granted")]
    BucketGranted(BucketGranted),
    /// What was left of a balance ended.
    #[serde(rename = "pocket_expired")]
    BucketExpired(BucketExpired),
    /// A payment was announced and is not yet here.
    Announced(Announced),
    /// An announced payment will not come.
    Rejected(Rejected),
    /// The operator corrected a balance.
    Corrected(Corrected),
    /// Calls were billed at other prices afterwards.
    Rerated(Rerated),
    /// An earlier movement was undone.
    Reversed(Reversed),
    /// The books of a period were closed.
    PeriodClosed(PeriodClosed),
    /// A bucket of the central ledger is known here, with these terms.
    #[serde(rename = "pocket_opened")]
    BucketOpened(BucketOpened),
    /// The central ledger lent a part of the account's balance, or got one back.
    Slice(SliceMoved),
    /// A service was paid by the piece.
    Charged(Charged),
    /// What only a later Tollgate can read, and its writer says that others may pass over. It is never
    /// written here.
    #[serde(skip)]
    Newer(Newer),
}

/// See [`RecordBody::Started`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// The node's name.
    pub node: Name,
    /// The program's version.
    pub version: Name,
}

/// See [`RecordBody::AccountOpened`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountOpened {
    /// For ever.
    pub currency: Currency,
    /// What it calls by.
    pub terms: Terms,
    /// How far usage may take the balance, 10⁻⁵ units; 0 or negative.
    #[serde(with = "units_text")]
    pub limit: i64,
    /// The balance to begin with, if not zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Transfer>,
    /// The idempotency key of the request that opened it; none of an account of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
}

/// See [`RecordBody::AccountChanged`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChanged {
    /// The terms from now on.
    pub terms: Terms,
    /// The limit from now on, 10⁻⁵ units.
    #[serde(with = "units_text")]
    pub limit: i64,
}

/// See [`RecordBody::TopUp`]. The key and the reference (memo) are in the transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpBooked {
    /// From payments, or from transit if it was announced, to the customer: net.
    pub transfer: Transfer,
    /// What the bank kept, from the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Transfer>,
    /// How the customer paid, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Name>,
    /// The announcement that it books.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Key>,
}

/// See [`RecordBody::Announced`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// From payments to transit: gross.
    pub transfer: Transfer,
    /// How the customer pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Name>,
    /// It should be here by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Wall>,
}

/// See [`RecordBody::Rejected`]. The cause is the transfer's memo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The announcement.
    pub of: Key,
    /// From transit back to payments.
    pub transfer: Transfer,
}

/// See [`RecordBody::Corrected`]. The reason is the transfer's memo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrected {
    /// Between corrections and the customer.
    pub transfer: Transfer,
}

/// See [`RecordBody::Rerated`]. The reason is the transfers' memo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerated {
    /// Between the customer and what corrects it: what is given back, then what is taken.
    pub transfers: Vec<Transfer>,
    /// Which calls they are the sum of.
    pub calls: Vec<CallChange>,
}

/// What re-rating changed of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallChange {
    /// The call, by its id.
    pub call: CallId,
    /// What the account got back, 10⁻⁵ units of its currency; negative if it paid more.
    #[serde(with = "units_text")]
    pub amount: i64,
}

/// See [`RecordBody::Charged`]. What for, how many and at what price is the transfer's memo too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charged {
    /// How many pieces were charged.
    pub pieces: u32,
    /// Of each, 10⁻⁵ units.
    #[serde(with = "units_text")]
    pub price: i64,
    /// From the customer's money.
    pub transfer: Transfer,
}

/// See [`RecordBody::Reversed`]. The cause is the transfers' memo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversed {
    /// What was undone; a call by its first usage.
    pub of: Key,
    /// The way back.
    pub transfers: Vec<Transfer>,
}

/// See [`RecordBody::PeriodClosed`]. From here on nothing is dated before `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodClosed {
    /// The first moment that is still open.
    pub until: Wall,
    /// The journal's last entry when all shards had agreed: the trial balance is the sum of exactly those up
    /// to it.
    pub entry: u64,
    /// The trial balance.
    pub trial: Vec<TrialRow>,
    /// The idempotency key. Without one it was written before cuts were exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Name>,
}

/// See [`RecordBody::Slice`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceMoved {
    /// Between slices and the customer.
    pub transfer: Transfer,
}

/// The deck row that a call is billed by, whole: later decks do not matter to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceRow {
    /// Digits of the row.
    pub prefix: Prefix,
    /// Its name.
    pub destination: Name,
    /// Per minute.
    pub rate: Rate,
    /// Seconds of the first block.
    pub initial: u32,
    /// Seconds of each next block.
    pub increment: u32,
    /// Once per answered call.
    pub connect_fee: Rate,
    /// Of the amount; of rate and fee too, unless the tariff converts.
    pub currency: Currency,
    /// Name of the deck.
    pub deck: Name,
    /// Content hash of the deck, 16 hex digits.
    pub deck_version: Name,
    /// What the row does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tariff: Option<Arc<Tariff>>,
}

/// See [`RecordBody::CallOpen`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallOpen {
    /// Which call.
    pub call: CallId,
    /// Where it came in.
    pub gate: Name,
    /// When billing began.
    pub answered_at: Wall,
    /// Seconds leased at that moment.
    pub leased_secs: u64,
    /// What it is billed by.
    pub price: PriceRow,
    /// The accounts above, from the nearest up, which pay by prices of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<TierOpen>,
    /// The caller's dialog, as its owner wrote it: enough to end the leg after a restart. It names its
    /// protocol; without, it is SIP's.
    pub dialog_a: Box<RawValue>,
    /// The carrier's dialog.
    pub dialog_b: Box<RawValue>,
    /// What is known for its CDR and nothing else here tells, to complete it by if the node is lost.
    pub cdr: Box<RawValue>,
}

/// What an account above the caller's is billed by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierOpen {
    /// The account, by its name.
    pub account: Name,
    /// Its price.
    pub price: PriceRow,
}

/// See [`RecordBody::Checkpoint`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which call.
    pub call: CallId,
    /// Answered time so far, ms.
    pub answered_ms: u64,
    /// For each tier, from the caller's up, which balances pay which seconds; absent where every tier pays
    /// with its own money.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Vec<OpenPart>>,
}

/// Seconds leased from one balance, from the end of the part before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPart {
    /// Which bucket; the account's own money if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "pocket")]
    pub bucket: Option<Name>,
    /// Seconds after the answer, exclusive.
    pub until: u64,
}

/// See [`RecordBody::Settled`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settled {
    /// Which call.
    pub call: CallId,
    /// The CDR, as published.
    pub cdr: Box<RawValue>,
    /// What was posted for it; empty if nothing was due.
    pub transfers: Vec<Transfer>,
}

/// See [`RecordBody::CostBooked`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostBooked {
    /// Of which call.
    pub call: CallId,
    /// Who charges.
    pub carrier: Name,
    /// From carrier cost to carrier payable.
    pub transfers: Vec<Transfer>,
}

// === impl RecordBody ===

impl RecordBody {
    /// Money came in by `transfer`, without a fee and by no method.
    pub fn top_up(transfer: Transfer) -> Self {
        Self::TopUp(Box::new(TopUpBooked { transfer, fee: None, method: None, of: None }))
    }
}

// === impl Record ===

impl Record {
    /// The account of records that belong to no customer.
    pub const NODE: &'static str = "@node";

    /// A record of `account`.
    pub const fn new(at: Wall, account: Name, body: RecordBody) -> Self {
        Self { v: VERSION, at, account, body }
    }

    /// A call's end: its CDR with everything posted for it.
    pub const fn settled(
        at: Wall,
        account: Name,
        call: CallId,
        cdr: Box<RawValue>,
        transfers: Vec<Transfer>,
    ) -> Self {
        Self::new(at, account, RecordBody::Settled(Settled { call, cdr, transfers }))
    }

    /// A call still up.
    pub const fn checkpoint(at: Wall, account: Name, call: CallId, answered_ms: u64) -> Self {
        Self::new(at, account, RecordBody::Checkpoint(Checkpoint { call, answered_ms, parts: Vec::new() }))
    }

    /// The node begins to write.
    pub fn started(at: Wall, node: Name, version: Name) -> Self {
        Self::new(at, Name::from(Self::NODE), RecordBody::Started(Started { node, version }))
    }

    /// As it goes to the journal.
    pub fn encode(&self) -> Result<Vec<u8>, RecordError> {
        Ok(crate::json::to_string(self, self.length_hint())?.into_bytes())
    }

    /// About how long the encoded record is, so that it is written without growing.
    fn length_hint(&self) -> usize {
        /// Of a transfer with names of some length.
        const TRANSFER: usize = 224;
        512 + match &self.body {
            RecordBody::CallOpen(open) => {
                open.dialog_a.get().len() + open.dialog_b.get().len() + open.cdr.get().len()
            }
            RecordBody::Settled(settled) => settled.cdr.get().len() + settled.transfers.len() * TRANSFER,
            RecordBody::CostBooked(_)
            | RecordBody::Started(_)
            | RecordBody::AccountOpened(_)
            | RecordBody::AccountChanged(_)
            | RecordBody::TopUp(_)
            | RecordBody::Notice(_)
            | RecordBody::BucketGranted(_)
            | RecordBody::BucketExpired(_)
            | RecordBody::Announced(_)
            | RecordBody::Rejected(_)
            | RecordBody::Corrected(_)
            | RecordBody::Rerated(_)
            | RecordBody::Reversed(_)
            | RecordBody::PeriodClosed(_)
            | RecordBody::BucketOpened(_)
            | RecordBody::Slice(_)
            | RecordBody::Charged(_)
            | RecordBody::Newer(_)
            | RecordBody::Checkpoint(_) => self.transfers().len() * TRANSFER,
        }
    }

    /// The CDR that this record publishes.
    pub fn cdr(&self) -> Option<(CallId, &RawValue)> {
        if let RecordBody::Settled(settled) = &self.body { Some((settled.call, &settled.cdr)) } else { None }
    }

    /// All money that it moves, in the order in which it was posted.
    pub fn transfers(&self) -> Vec<&Transfer> {
        match &self.body {
            RecordBody::Started(_)
            | RecordBody::AccountChanged(_)
            | RecordBody::CallOpen(_)
            | RecordBody::Checkpoint(_)
            | RecordBody::Notice(_)
            | RecordBody::BucketOpened(_)
            | RecordBody::Newer(_)
            | RecordBody::PeriodClosed(_) => Vec::new(),
            RecordBody::AccountOpened(opened) => opened.opening.iter().collect(),
            RecordBody::TopUp(booked) => std::iter::once(&booked.transfer).chain(&booked.fee).collect(),
            RecordBody::BucketGranted(granted) => vec![&granted.transfer],
            RecordBody::BucketExpired(expired) => vec![&expired.transfer],
            RecordBody::Settled(settled) => settled.transfers.iter().collect(),
            RecordBody::CostBooked(booked) => booked.transfers.iter().collect(),
            RecordBody::Announced(announced) => vec![&announced.transfer],
            RecordBody::Rejected(rejected) => vec![&rejected.transfer],
            RecordBody::Slice(moved) => vec![&moved.transfer],
            RecordBody::Charged(charged) => vec![&charged.transfer],
            RecordBody::Corrected(corrected) => vec![&corrected.transfer],
            RecordBody::Rerated(rerated) => rerated.transfers.iter().collect(),
            RecordBody::Reversed(reversed) => reversed.transfers.iter().collect(),
        }
    }
}
