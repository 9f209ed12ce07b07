//! SRTP with keys from SDP or from a handshake: what is agreed (RFC 4568, RFC 6188, RFC 5764), and the
//! transform of packets (RFC 3711, RFC 7714).
//! Invariants: no packet allocates or panics; nothing of a packet is believed before its tag was checked;
//! no index is used twice with a key to send.

mod counter;
mod gcm;
mod keys;
mod sdes;
mod suite;
mod transform;
mod window;

pub use keys::RTCP_ROOM;
pub use sdes::Crypto;
pub use suite::{MasterKey, Suite};
pub use transform::{Protector, SrtpError, Unprotector};
