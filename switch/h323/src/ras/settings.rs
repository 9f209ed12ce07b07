//! What a registration is configured with, and what it is asked.

use super::token::Secret;
use crate::call::CallIds;
use std::net::SocketAddr;

/// A registration at a gatekeeper.
#[derive(Clone, Debug, PartialEq)]
pub struct RasSettings {
    /// The gatekeeper's RAS address.
    pub gatekeeper: SocketAddr,
    /// Its name, if one is to be asked for.
    pub gatekeeper_id: Option<String>,
    /// Whether it is asked first whether it takes us (GRQ).
    pub discover: bool,
    /// Our names and numbers.
    pub aliases: Vec<String>,
    /// Prefixes that we serve.
    pub prefixes: Vec<String>,
    /// Where we take call signalling.
    pub signalling: SocketAddr,
    /// Where we take RAS.
    pub ras: SocketAddr,
    /// How long a registration should live, in seconds.
    pub ttl_s: u32,
    /// Who we are to the gatekeeper.
    pub secret: Option<Secret>,
    /// What we call ourselves.
    pub product: &'static str,
    /// Milliseconds until a request is repeated.
    pub wait_ms: u64,
    /// How often a request is sent.
    pub tries: u8,
    /// Milliseconds after which a registration that failed is tried again.
    pub retry_ms: u64,
}

/// A call that a gatekeeper is asked to admit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Its names.
    pub ids: CallIds,
    /// Digits that are called.
    pub called: String,
    /// Digits of the caller's; empty if they are not to be told.
    pub calling: String,
    /// The call came to us.
    pub is_answer: bool,
}
