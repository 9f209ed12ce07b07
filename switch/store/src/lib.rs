//! The disk: one journal of all money movements and call records, in SQLite, written by one thread.
//!
//! A durable entry implies that all entries before it are durable; nothing is acknowledged that is not.
#![forbid(unsafe_code)]

mod carrier;
mod closing;
mod entry;
mod error;
mod feed;
mod head;
mod import;
mod index;
mod journal;
mod lock;
mod lookup;
mod payments;
mod queue;
mod read;
mod reindex;
mod replay;
mod room;
mod schema;
mod snapshot;
mod statement;
mod unsaved;
mod verify;
mod wal;
mod walk;
mod wants;
mod writer;

pub use carrier::{ChargePage, ChargeRow};
pub use closing::ClosingCheck;
pub use entry::{Entry, Kind, Ticket};
pub use error::StoreError;
pub use feed::{Feed, Progress, Start};
pub use import::{Contradiction, Imported};
pub use journal::{Journal, Options, Recovered};
pub use payments::{Booked, PaymentList, PaymentPage, PaymentRow};
pub use queue::{Appender, Histogram, Load, Metrics, Pressure, Priority, QueueRefusal, RefusedEntry};
pub use read::{CdrRow, MAX_PAGE_ROWS, NoticePage, NoticeRow, Page, Query, Reader};
pub use reindex::{Reindexed, reindex};
pub use replay::feed;
pub use statement::{Balances, Movement, Statement, StatementPlace, StatementQuery, add_moved};
pub use unsaved::try_unsaved_place;
pub use verify::{SnapshotCheck, Verification, journal_head, verify, verify_against};
pub use wants::{Batch, JournalEntry, Wants};
pub use writer::{Closed, Fault, Stage};
