//! The messages of H.225.0, H.235 and H.245 as Rust types, made by build.rs from the schema
//! (schema/README.md). Announced are H.225.0 version 4 and H.245 version 7; what is newer is read as well.
//! Every extension addition is optional, unknown ones are skipped, unknown alternatives are kept as bytes.

use crate::per::Oid;

/// {itu-t(0) recommendation(0) h(8) 2250 version(0) 4}.
pub const H225_V4: Oid = Oid::of(&[0, 8, 0x91, 0x4a, 0, 4]);
/// {itu-t(0) recommendation(0) h(8) 245 version(0) 7}.
pub const H245_V7: Oid = Oid::of(&[0, 8, 0x81, 0x75, 0, 7]);

/// Call signalling and RAS.
#[allow(missing_docs, clippy::all, unused_variables)]
#[rustfmt::skip]
pub mod h225 {
    include!(concat!(env!("OUT_DIR"), "/h225.rs"));
}

/// Tokens and keys.
#[allow(missing_docs, clippy::all, unused_variables)]
#[rustfmt::skip]
pub mod h235 {
    include!(concat!(env!("OUT_DIR"), "/h235.rs"));
}

/// Control of media.
#[allow(missing_docs, clippy::all, unused_variables)]
#[rustfmt::skip]
pub mod h245 {
    include!(concat!(env!("OUT_DIR"), "/h245.rs"));
}
