//! The central ledger in PostgreSQL, for several nodes that spend one balance: its tables, its transactions,
//! and the task that keeps a node's quotas. The rules are those of `rating::quotas`; here they meet SQL, time
//! and a network.
//!
//! Invariant: a request is one transaction, fenced by the node's epoch; carried out twice it is carried out
//! once.
#![forbid(unsafe_code)]

mod books;
mod closing;
mod door;
mod driver;
mod error;
mod failed;
mod forms;
mod instruction;
mod journal;
mod link;
mod operator;
mod questions;
mod quotas;
mod rates;
mod recall;
mod requests;
mod rows;
mod schema;
mod status;
mod tls;
mod transaction;
mod trial;

pub use door::Central;
pub use driver::{Driver, QuotaRequest, Shards, Start};
pub use error::CentralError;
pub use instruction::{Booked, NewGrant};
pub use quotas::{QuotaRow, QuotaState};
pub use rows::{AccountRow, BucketRow};
pub use status::Status;
