//! A server of another service.

use std::fmt;

/// A server by name or address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Name, IPv4 or IPv6 address, the last without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}
