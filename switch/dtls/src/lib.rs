//! Handshakes of DTLS (RFC 6347, RFC 9147) that make the keys of media (RFC 5764), without a socket: sides
//! and their datagrams in, datagrams, keys and failures out. The protocol is that of `dimpl`; here is who
//! may begin, how many at once, for how long, and whether the certificate is the one that the SDP names
//! (RFC 5763 §5). Invariants: no key is told of a side whose certificate is another; a side costs bounded
//! memory and work, whatever it sends; nothing is kept for datagrams that begin no handshake.
//!
//! ```
//! # use std::time::Instant;
//! # use dtls::{Begin, Certificate, Handshaken, Handshakes};
//! # use media::relay::DtlsRole;
//! # use units::Tick;
//! let (ours, theirs) = (Certificate::new()?, Certificate::new()?);
//! let begin = |role, of: &Certificate| Begin { role, fingerprint: of.fingerprint(), is_checked: true };
//! let (server, client) = (begin(DtlsRole::Server, &theirs), begin(DtlsRole::Client, &ours));
//! let mut sides = [(ours, server), (theirs, client)].map(|(certificate, begin)| {
//!     let mut handshakes = Handshakes::new(certificate, Instant::now(), 10).expect("settings");
//!     handshakes.begin(Tick(0), 7, begin);
//!     handshakes
//! });
//! let mut keys = [None, None];
//! while keys.contains(&None) {
//!     for from in [0, 1] {
//!         while let Some((7, made)) = sides[from].poll() {
//!             match made {
//!                 Handshaken::Datagram(datagram) => sides[1 - from].handle(Tick(0), 7, &datagram),
//!                 Handshaken::Secured(secured) => keys[from] = Some(secured),
//!                 Handshaken::Failed(failure) => panic!("{failure}"),
//!             }
//!         }
//!     }
//! }
//! let [Some(server), Some(client)] = keys else { panic!("both are there") };
//! assert_eq!((&server.ours, &server.theirs), (&client.theirs, &client.ours));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod association;
mod certificate;
mod handshakes;

pub use association::Failure;
pub use certificate::{Certificate, NotMade};
pub use handshakes::{Begin, Handshaken, Handshakes, NotSetUp};
