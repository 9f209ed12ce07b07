//! Signed caller numbers: PASSporTs and their Identity header (RFC 8224, RFC 8225, RFC 8588), and the
//! certificates that they are signed by (RFC 8226).
//!
//! Invariants: nothing here asks for the time or for dice, and nothing is fetched. A certificate becomes a
//! [`Credential`] only by a chain to given roots, and a [`Passport`] that was read says nothing until its
//! signature was verified by one.
#![forbid(unsafe_code)]

mod certificate_url;
mod chain;
mod credential;
mod fault;
mod header;
mod passport;
mod public;
mod signer;
mod tn;
mod tn_auth_list;

pub use certificate_url::{CertificateUrl, UrlFault};
pub use chain::{RootFault, Roots};
pub use credential::{Credential, CredentialFault};
pub use fault::{Fault, Verstat};
pub use passport::{Attestation, FRESH_SECS, Passport};
pub use public::is_public;
pub use signer::{Claims, KeyFault, Signer};
pub use tn::Tn;
pub use tn_auth_list::TnAuthList;
