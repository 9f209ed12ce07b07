//! What carries signalling: one list for peers' addresses, flows, records and the configuration.

use std::fmt;
use std::str::FromStr;

/// A transport of signalling messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Transport {
    /// Datagrams: messages may be lost, repeated, reordered.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
}

/// Text that names no transport.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transport {0:?} is not known: udp, tcp or tls")]
pub struct UnknownTransport(pub String);

// === impl Transport ===

impl Transport {
    /// As the configuration, the CDR and the `transport` parameter of an address in the configuration write
    /// it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The name in a Via (RFC 3261 §20.42): `UDP`, `TCP` or `TLS`.
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The value of the `transport` parameter of a SIP URI on the wire. TLS is `tcp`: there the scheme says
    /// the rest (RFC 3261 §26.2.2).
    pub const fn uri_name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp | Self::Tls => "tcp",
        }
    }

    /// The port where none is written (RFC 3261 §19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }

    /// Whether the transport itself repeats what was lost, so that no timer of ours must (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Transport {
    type Err = UnknownTransport;
    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|transport| text.eq_ignore_ascii_case(transport.as_str()))
            .ok_or_else(|| UnknownTransport(text.to_owned()))
    }
}
