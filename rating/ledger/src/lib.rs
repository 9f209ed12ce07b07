//! Double entry: the chart of accounts, transfers, the books, and the journal's records with their replay.
//!
//! Invariant: the sum of all balances of a currency is zero, always. No disk, no clock here.
#![forbid(unsafe_code)]

mod books;
mod bucket;
mod chain;
pub mod json;
mod key;
mod lent;
mod notice;
mod party;
mod rates;
mod record;
mod refused;
mod replay;
mod sheet;
mod snapshot;
mod state;
mod tariff;
mod terms;
mod transfer;
mod trial;
mod units_text;

pub use books::{Balance, Books, GivenImage, Outcome, Posted, Request, Settles};
pub use bucket::{Bucket, BucketExpired, BucketGranted, BucketKind, BucketOpened, BucketTerms, Warned};
pub use chain::{GENESIS, Hash, chain, from_hex, hex};
pub use key::{CallId, Key};
pub use lent::Lent;
pub use notice::{Notice, NoticeEvent};
pub use party::{
    AccountNameError, MAX_TIERS, Party, SystemAccount, check_account_name, check_bucket_name, parent, root,
};
pub use rates::{PeriodTimes, RateChange, RateTerms, RatesChange, RoundingChange, Times};
pub use record::{
    AccountChanged, AccountOpened, Announced, CallChange, CallOpen, Charged, Checkpoint, Corrected,
    CostBooked, Newer, OpenPart, PeriodClosed, PriceRow, Record, RecordBody, RecordError, Rejected, Rerated,
    Reversed, Settled, SliceMoved, Started, TierOpen, TopUpBooked,
};
pub use refused::{AccountId, Refused};
pub use replay::{OPEN, OpenCall, Replay, ReplayError, Restored, ShardBooks, Verification};
pub use sheet::{Sheet, SheetError, SheetMoney};
pub use snapshot::{BucketImage, SnapshotError, SnapshotHead, SnapshotReader, StateImage};
pub use state::{AccountState, Announcement, Due, MAX_BUCKETS, OpenedAs, note_all};
pub use tariff::{Segment, Tariff};
pub use terms::{AccountStatus, ProfitGuard, Terms};
pub use transfer::{Purpose, Transfer};
pub use trial::{TrialBalance, TrialLine, TrialRow};
