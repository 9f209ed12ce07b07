//! The central ledger on a PostgreSQL of its own, with nodes that have real books, journals and drivers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a failure is its message"
)]

mod clocks;
mod encrypted;
mod idle_money;
mod kit;
mod money;
mod opening;
mod sharing;
mod trouble;
mod versions;
mod whole;
mod words;
