//! SRTP with keys from SDP: what is agreed (RFC 4568, RFC 6188), and the transform of packets (RFC 3711).
//! Invariants: no packet allocates or panics; nothing of a packet is believed before its tag was checked; no
//! index is used twice with a key to send.

mod sdes;
mod suite;
mod transform;
mod window;

pub use sdes::Crypto;
pub use suite::{MasterKey, Suite};
pub use transform::{Protector, RTCP_ROOM, SrtpError, Unprotector};
