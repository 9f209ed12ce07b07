//! The switch as a whole: the real program between SIPp's callers and carriers on loopback, its books asked
//! through the API and read from the disk. One module per story; values come from the contract, worked out by
//! hand.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, unreachable_pub)]

mod api;
mod browser;
mod calls;
mod cashbook;
mod central;
mod central_books;
mod crash;
mod credit;
mod disk;
mod failover;
mod fault_noc;
mod feeds;
mod flood;
mod h323;
mod harness;
mod hostile;
mod limits;
mod media;
mod numbers;
mod old_data;
mod peers;
mod phones;
mod price;
mod service;
mod startup;
mod stir;
mod strangers;
mod tls;
mod torture;
mod trace;
mod websocket;
