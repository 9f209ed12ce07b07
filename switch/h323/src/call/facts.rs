//! What is known of a call: its names, who calls whom, how long it waits.

use super::fast_start::Offer;
use crate::q931::CallingParty;
use std::net::SocketAddr;
use units::Tick;

/// What names a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallIds {
    /// Call reference value, 1 to 32767: names it on its connection.
    pub reference: u16,
    /// callIdentifier: names it everywhere.
    pub call_id: [u8; 16],
    /// conferenceID; random for each call, as constant ones merge calls.
    pub conference_id: [u8; 16],
}

/// Who calls whom, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SetupInfo {
    /// Digits that are called; empty if there are none.
    pub called: String,
    /// All names and numbers that are called, for gates that call names.
    pub called_aliases: Vec<String>,
    /// Who calls, with presentation and screening.
    pub calling: CallingParty,
    /// The caller's name to be shown, if it gave one.
    pub display: Option<String>,
    /// What the peer calls its product.
    pub product: Option<String>,
    /// Where the caller takes call signalling.
    pub source: Option<SocketAddr>,
    /// What fast start offers, in the caller's order; empty on slow start.
    pub offers: Vec<Offer>,
    /// The caller does not want media before the answer.
    pub media_wait_for_connect: bool,
    /// Further calls may come over the connection.
    pub multiple_calls: bool,
}

/// Deadlines of the signalling; H.245 has its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadlines {
    /// T303, T310 or T301, by the phase.
    pub phase: Option<Tick>,
    /// The answered call has to have media.
    pub media: Option<Tick>,
    /// The peer ended H.245 and owes a Release Complete.
    pub end_session: Option<Tick>,
}
