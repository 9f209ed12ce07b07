//! What is called, between the attempt and its connection.

use std::net::SocketAddr;
use std::sync::Arc;

use h323::q931::CallingParty;
use media::Session;
use route::H323Terms;

/// What is called, until a connection stands.
#[derive(Debug)]
pub(crate) struct Calling {
    pub terms: H323Terms,
    pub called: String,
    pub calling: CallingParty,
    pub offered: Arc<Session>,
    /// The address that is tried, and others of its name.
    pub at: SocketAddr,
    pub others: Vec<SocketAddr>,
}
