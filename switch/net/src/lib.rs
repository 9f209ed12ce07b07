//! UDP in batches and by single datagrams, one readiness wait per shard, and limits of the process: with
//! `fastpath` the crates that hold `unsafe`. Linux only.
//!
//! Every unsafe block is one system call, with a SAFETY comment saying why its pointers live long enough.
#![allow(unsafe_code)] // recvmmsg, sendmmsg and epoll have no safe door in std; all of them are in this crate
#![deny(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

mod address;
mod media_port;
mod poller;
mod process;
mod udp;

pub use media_port::MediaPort;
pub use poller::{Interest, Poller, Ready, Waker};
pub use process::{name_thread, nice_thread, raise_open_files, shorten_slices};
pub use udp::{MAX_BATCH, MAX_DATAGRAM_BYTES, Received, Sent, UdpBatch, UdpOptions, Unreachable};
