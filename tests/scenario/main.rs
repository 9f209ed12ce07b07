//! One file per story, without randomness, against the node directly: what goes in on the wire, what comes out, what is billed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a failing scenario says where")]

mod phone;
mod stage;

mod plain_call;
