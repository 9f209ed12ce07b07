//! Tests of H.323: one program, so that the generated types are linked once.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod calls;
mod captures;
mod corners;
mod dissect;
mod gatekeeper;
mod mutations;
mod pair;
mod per;
mod q931;
mod ras;
mod vectors;
