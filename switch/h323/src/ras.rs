//! RAS (H.225.0 §7.7 and on): our registration at a gatekeeper, and a small gatekeeper for gateways that
//! insist on one. Datagrams in, datagrams out.

mod gatekeeper;
mod messages;
mod registration;
mod requests;
mod settings;
mod token;

pub use gatekeeper::{Gatekeeper, GatekeeperEvent, GatekeeperSettings, Member};
pub use registration::{Admitted, RasEvent, RasOutput, Registration};
pub use settings::{Admission, RasSettings};
pub use token::{Scheme, Secret, sealed, verifies};
