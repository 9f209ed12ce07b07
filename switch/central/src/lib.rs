//! The central ledger in PostgreSQL, for several nodes that spend one balance: its tables, its transactions, and the task that keeps a node's
//! slices. The rules are those of `rating::slices`; here they meet SQL, time and a network.
//!
//! Invariant: a request is one transaction, fenced by the node's epoch; carried out twice it is carried out once.
#![forbid(unsafe_code)]

mod books;
mod closing;
mod desk;
mod driver;
mod error;
mod forms;
mod holders;
mod journal;
mod link;
mod operator;
mod questions;
mod rates;
mod recall;
mod requests;
mod rows;
mod schema;
mod status;
mod tls;
mod trial;

pub use driver::{Driver, Shards, Start, Wish};
pub use error::CentralError;
pub use holders::{SliceRow, SliceState};
pub use operator::{Booked, Central, NewGrant};
pub use rows::{AccountRow, PocketRow};
pub use status::Status;
