//! H.323 without sockets and clocks: packed encoding, H.225.0, H.235, H.245, Q.931.
#![forbid(unsafe_code)]

pub mod asn1;
pub mod per;
pub mod q931;
