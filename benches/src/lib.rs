//! What the benchmarks share: a deterministic world of prefixes and numbers, peers that write SIP by hand,
//! clocks and figures. Times are CPU times of one thread, which repeat on a busy machine where wall times do
//! not.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark that cannot go on says why and stops"
)]

pub mod clock;
pub mod dice;
pub mod figure;
pub mod load;
pub mod plan;
pub mod wire;
pub mod world;
