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
    /// WebSocket, one message a frame (RFC 7118). Only the client opens it.
    Ws,
    /// The same under TLS.
    Wss,
    /// No transport of SIP: H.225.0 call signalling of H.323, over TCP.
    H323,
}

/// Whose TLS settings a connection of ours was made by: the name that the peer's certificate had to show, and
/// the authorities that were believed. Means the same as long as the process lives.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct TlsId(pub u16);

impl TlsId {
    /// Nobody's: what came in by itself, and whatever is not TLS.
    pub const NONE: Self = Self(0);
}

/// Text that names no transport.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("transport {0:?} is not known: udp, tcp, tls, ws or wss")]
pub struct UnknownTransport(pub String);

// === impl Transport ===

impl Transport {
    /// Every transport of SIP, as `FromStr` reads them.
    const OF_SIP: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss];

    /// As the configuration, the CDR and the `transport` parameter of an address in the configuration write
    /// it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::H323 => "h323",
        }
    }

    /// The name in a Via (RFC 3261 §20.42, RFC 7118 §5.2).
    pub const fn via_name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
            // Nobody's: H.323 has no Via.
            Self::H323 => "H323",
        }
    }

    /// The value of the `transport` parameter of a SIP URI on the wire. `tls` is deprecated for its scheme
    /// (RFC 5630 §3.1.4) and what every peer understands; a WebSocket is `ws`, secure or not (RFC 7118 §5.4).
    pub const fn uri_name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws | Self::Wss => "ws",
            Self::H323 => "h323",
        }
    }

    /// The port where none is written (RFC 3261 §19.1.2, RFC 7118 §5.1, H.225.0 appendix IV).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
            Self::H323 => 1720,
        }
    }

    /// Whether it is under TLS.
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// Whether only the peer can open it: a browser listens nowhere.
    pub const fn is_opened_by_peer(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// Whether the transport itself repeats what was lost, so that no timer of ours must (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls | Self::Ws | Self::Wss | Self::H323 => true,
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
        Self::OF_SIP
            .into_iter()
            .find(|transport| text.eq_ignore_ascii_case(transport.as_str()))
            .ok_or_else(|| UnknownTransport(text.to_owned()))
    }
}
