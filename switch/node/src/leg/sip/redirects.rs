//! What is kept of a redirection that is followed.

use std::net::SocketAddr;

/// Where else an INVITE goes.
#[derive(Debug, Default)]
pub(crate) struct Redirects {
    /// The Request-URI that stands for the carrier's; none: nothing was followed yet.
    pub uri: Option<Box<str>>,
    /// What is left to try, best first.
    pub left: Vec<(Box<str>, SocketAddr)>,
    pub followed: u8,
}
