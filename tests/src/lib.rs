//! What the scenarios and the simulator share: peers that write SIP by hand, a disk in memory, an operator's
//! configuration, a reference pricer. Nothing here uses the transactions, dialogs or prices that are under
//! test.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test code: a failure is its message"
)]

pub mod dialogue;
pub mod digest;
pub mod disk;
pub mod plan;
pub mod pricer;
pub mod relay;
pub mod rng;
pub mod sdp;
pub mod signers;
pub mod slots;
