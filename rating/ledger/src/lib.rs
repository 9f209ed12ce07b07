//! Double entry: the chart of accounts, transfers, the books, and the journal's records with their replay.
//!
//! Invariant: the sum of all balances of a currency is zero, always. No disk, no clock here.
#![forbid(unsafe_code)]

mod books;
mod chain;
mod record;
mod replay;
mod transfer;

pub use books::{AccountId, Balance, Books, Posted, Refused};
pub use chain::{GENESIS, Hash, chain, hex};
pub use record::{
    AccountChanged, AccountOpened, CallOpen, Checkpoint, CostBooked, PriceRow, Record, RecordBody, RecordError, Settled, Started,
    TopUpBooked,
};
pub use replay::{AccountTerms, OpenCall, Replay, ReplayError, Restored, ShardBooks, Verification};
pub use transfer::{AccountNameError, CallId, House, Key, Party, Purpose, Transfer, check_account_name};
