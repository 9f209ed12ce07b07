//! The operator's and the accountant's tools against a running node: what issue 7 found by use, each fault by
//! its number.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod accounts;
mod books;
mod kit;
mod manual;
mod noc;
mod phones;
mod records;
mod routes;
