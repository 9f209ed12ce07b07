//! What leaves the journal for the world outside: each feed is a task that hands entries to one consumer
//! until it confirms them.
//!
//! Invariant: no consumer, however slow or dead, holds back the journal, a call or another feed; what it
//! missed waits in the journal.
#![forbid(unsafe_code)]

mod consumer;
pub mod mail;
pub mod nats;
mod run;
mod status;

pub use consumer::{Consumer, Delivery, Message};
pub use run::run;
pub use status::Status;
