//! Where a carrier is reached: the short form of a SIP URI that a trunk needs (RFC 3261 §19.1), or of an
//! H.323 URL (RFC 3508).
//!
//! Invariant: a target names one host that can be dialled; whatever would be ignored in the URI is refused.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

pub use units::Transport;
use units::{Name, TlsId, UnknownTransport};

/// Address or name of a target.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A DNS name, lower case; resolved outside (RFC 3263).
    Name(Name),
}

/// Where a carrier's INVITEs go: `sip:host[:port][;transport=udp|tcp|tls]`; `sips:` is another spelling of
/// `transport=tls`. Or its Setups: `h323:host[:port]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Target {
    /// Address or name.
    pub host: Host,
    /// As written; without one the transport's default applies, see [`Target::port_or_default`].
    pub port: Option<u16>,
    /// UDP unless written.
    pub transport: Transport,
    /// The transport was written: large requests do not leave it (RFC 3261 §18.1.1).
    pub is_written: bool,
    /// What its certificate is verified for; given by the configuration, nobody's otherwise.
    pub tls: TlsId,
}

/// Why text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a SIP URI of the short form taken here.
    #[error("{0:?} is not a carrier address: write sip:192.0.2.1:5060;transport=udp, or h323:192.0.2.1:1720")]
    Syntax(String),
    /// A user part, which a trunk has no use for.
    #[error("{0:?} has a user part: the called number goes there, write only host and port")]
    User(String),
    /// Neither address nor name.
    #[error("{0:?} is neither an IP address nor a DNS name")]
    Host(String),
    /// A port that is not one.
    #[error("{0:?} is not a port from 1 to 65535")]
    Port(String),
    /// Other than udp, tcp, tls.
    #[error(transparent)]
    Transport(#[from] UnknownTransport),
    /// A transport that only the peer can open.
    #[error("a WebSocket is opened by the client, so nothing can be called by {0}: use udp, tcp or tls")]
    OpenedByPeer(Transport),
    /// `sips:` beside another transport than TLS.
    #[error("{0:?} says sips and another transport: leave ;transport out, or write ;transport=tls")]
    Sips(String),
    /// A parameter that would be ignored.
    #[error("URI parameter {0:?} is not known: only transport is")]
    Parameter(String),
    /// A parameter of an H.323 address.
    #[error("{0:?}: an H.323 address has no parameters, write only h323:host:port")]
    H323Parameter(String),
}

// === impl Target ===

impl Target {
    /// The port to send to.
    pub const fn port_or_default(&self) -> u16 {
        match self.port {
            Some(port) => port,
            None => self.transport.default_port(),
        }
    }

    /// `host[:port]` as written in a Request-URI, brackets around IPv6.
    pub fn host_port(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(s: &str) -> Result<Self, TargetError> {
        let (is_sips, rest) = match s.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("h323") => return h323_target(s, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") => (true, rest),
            _ => return Err(TargetError::Syntax(s.to_owned())),
        };
        if rest.contains('?') || rest.len() > 320 {
            return Err(TargetError::Syntax(s.to_owned()));
        }
        if rest.contains('@') {
            return Err(TargetError::User(s.to_owned()));
        }
        let mut parts = rest.split(';');
        let (host, port) = host_port(parts.next().unwrap_or_default())?;
        let (mut transport, mut is_written) =
            if is_sips { (Transport::Tls, true) } else { (Transport::Udp, false) };
        for parameter in parts {
            match parameter.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("transport") => {
                    (transport, is_written) = (value.parse()?, true)
                }
                _ => return Err(TargetError::Parameter(parameter.to_owned())),
            }
        }
        if transport.is_opened_by_peer() {
            return Err(TargetError::OpenedByPeer(transport));
        }
        // Under sips TCP is TLS (RFC 3261 §26.2.2).
        match (is_sips, transport) {
            (true, Transport::Udp) => return Err(TargetError::Sips(s.to_owned())),
            (true, _) => transport = Transport::Tls,
            (false, _) => {}
        }
        Ok(Self { host, port, transport, is_written, tls: TlsId::NONE })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(a)) => write!(f, "{a}"),
            Self::Ip(IpAddr::V6(a)) => write!(f, "[{a}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The URI again, transport always written.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::H323 => write!(f, "h323:{}", self.host_port()),
            transport => write!(f, "sip:{};transport={transport}", self.host_port()),
        }
    }
}

/// What stands behind `h323:`.
fn h323_target(whole: &str, rest: &str) -> Result<Target, TargetError> {
    if rest.contains(['?', ';']) || rest.len() > 320 {
        return Err(TargetError::H323Parameter(whole.to_owned()));
    }
    if rest.contains('@') {
        return Err(TargetError::User(whole.to_owned()));
    }
    let (host, port) = host_port(rest)?;
    Ok(Target { host, port, transport: Transport::H323, is_written: true, tls: TlsId::NONE })
}

fn host_port(text: &str) -> Result<(Host, Option<u16>), TargetError> {
    let bad_host = || TargetError::Host(text.to_owned());
    let (host, port) = match text.strip_prefix('[') {
        Some(v6) => {
            let (address, after) = v6.split_once(']').ok_or_else(bad_host)?;
            let address = address.parse::<std::net::Ipv6Addr>().map_err(|_| bad_host())?;
            let port =
                if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(bad_host)?) };
            (Host::Ip(crate::cidr::normal(IpAddr::V6(address))), port)
        }
        None => {
            let (name, port) = match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            };
            (name_or_v4(name).ok_or_else(bad_host)?, port)
        }
    };
    let port = port
        .map(|p| p.parse::<u16>().ok().filter(|&n| n != 0).ok_or_else(|| TargetError::Port(p.to_owned())))
        .transpose()?;
    if matches!(host, Host::Ip(a) if a.is_unspecified() || a.is_multicast()) {
        return Err(bad_host());
    }
    Ok((host, port))
}

/// An IPv4 address or a DNS name of RFC 1123: labels of letters, digits, hyphens, the last not all digits.
fn name_or_v4(text: &str) -> Option<Host> {
    if let Ok(v4) = text.parse::<std::net::Ipv4Addr>() {
        return Some(Host::Ip(IpAddr::V4(v4)));
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let last_is_number = name.rsplit('.').next().is_none_or(|l| l.bytes().all(|b| b.is_ascii_digit()));
    (name.len() <= 253 && !last_is_number && name.split('.').all(label))
        .then(|| Host::Name(name.to_ascii_lowercase().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_targets() {
        for (text, written, port) in [
            ("sip:127.0.0.1:5080;transport=udp", "sip:127.0.0.1:5080;transport=udp", 5080),
            ("sip:127.0.0.1", "sip:127.0.0.1;transport=udp", 5060),
            ("SIP:[2001:DB8::1]:5062;Transport=TCP", "sip:[2001:db8::1]:5062;transport=tcp", 5062),
            ("sip:[::ffff:192.0.2.1]", "sip:192.0.2.1;transport=udp", 5060),
            ("sip:Gw-1.Carrier.Example.;transport=tls", "sip:gw-1.carrier.example;transport=tls", 5061),
            ("sips:a.example", "sip:a.example;transport=tls", 5061),
            ("sips:a.example:5071;transport=tcp", "sip:a.example:5071;transport=tls", 5071),
            ("h323:192.0.2.1", "h323:192.0.2.1", 1720),
            ("H323:192.0.2.1:1721", "h323:192.0.2.1:1721", 1721),
        ] {
            let target: Target = text.parse().expect(text);
            assert_eq!((target.to_string().as_str(), target.port_or_default()), (written, port));
        }
    }

    #[test]
    fn refuses_other_targets() {
        for text in [
            "",
            "127.0.0.1:5060",
            "sips:a.example;transport=udp",
            "sip:a.example;transport=ws",
            "sip:a.example;transport=wss",
            "tel:34",
            "sip:",
            "sip:u@a.example",
            "sip:a.example:0",
            "sip:a.example:65536",
            "sip:a.example:x",
            "sip:2001:db8::1",
            "sip:[2001:db8::1",
            "sip:[::1]5060",
            "sip:256.1.1.1",
            "sip:1.2.3",
            "sip:a..b",
            "sip:-a.b",
            "sip:a b",
            "sip:a.example;transport=sctp",
            "sip:a.example;lr",
            "sip:a.example?x=y",
            "sip:0.0.0.0",
            "sip:224.0.0.1",
            "sip:a.example;transport=h323",
            "h323:",
            "h323:34911@192.0.2.1",
            "h323:192.0.2.1;transport=tcp",
            "h323:192.0.2.1:0",
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
