//! The Via header (RFC 3261 §20.42, §18.2) and `received`/`rport` (RFC 3581).
//! Invariant: `maddr` and `ttl` are read but never steer an answer: that would be a reflector.

use std::net::{IpAddr, SocketAddr};

use crate::Params;
use crate::chars::{all_token, trim};
use crate::uri::{host_port, parse_ip};

/// Default SIP port.
const PORT: u16 = 5060;
/// Default port of SIP over TLS.
const TLS_PORT: u16 = 5061;

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// Transport as written: `UDP`, `TCP`, `TLS`, or a token unknown to us.
    pub transport: &'a str,
    /// Sent-by host: name, IPv4, or IPv6 in brackets.
    pub host: &'a str,
    /// Sent-by port, if written.
    pub port: Option<u16>,
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Parses one Via value (not a list); `None` when malformed. Blanks may stand round every separator.
    pub fn parse(value: &'a str) -> Option<Via<'a>> {
        let (name, rest) = value.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        if !trim(name).eq_ignore_ascii_case("SIP") || trim(version) != "2.0" {
            return None;
        }
        let (transport, sent_by) = trim(rest).split_once([' ', '\t'])?;
        if !all_token(transport) {
            return None;
        }
        let (host, port, rest) = host_port(trim(sent_by))?;
        let rest = trim(rest);
        let (port, rest) = match rest.strip_prefix(':').filter(|_| port.is_none()) {
            // blanks before or after the colon
            Some(after) => spaced_port(after)?,
            None => (port, rest),
        };
        if !rest.is_empty() && !rest.starts_with(';') {
            return None;
        }
        Some(Via { transport, host, port, params: Params::new(rest) })
    }

    /// The branch; `None` from RFC 2543 peers.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.value("branch").filter(|branch| !branch.is_empty())
    }

    /// The `received` parameter as an address, brackets optional (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        self.params.value("received").and_then(parse_ip)
    }

    /// The `rport` parameter: `Some(None)` when it asks for the port, `Some(Some(port))` when filled.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.find("rport").map(|value| value.and_then(|port| port.parse().ok()))
    }

    /// The `maddr` parameter.
    pub fn maddr(&self) -> Option<&'a str> {
        self.params.value("maddr")
    }

    /// The `ttl` parameter, 0–255.
    pub fn ttl(&self) -> Option<u8> {
        self.params.value("ttl")?.parse().ok()
    }

    /// The sent-by port or the transport's default.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.transport.eq_ignore_ascii_case("TLS") { TLS_PORT } else { PORT })
    }

    /// Where an answer to a request from `source` goes over UDP (RFC 3581 §4, RFC 3261 §18.2.2): always back to the
    /// source address; to its port when `rport` is there, else to the sent-by port.
    pub fn answer_to(&self, source: SocketAddr) -> SocketAddr {
        let port = if self.rport().is_some() { source.port() } else { self.port_or_default() };
        SocketAddr::new(source.ip(), port)
    }
}

fn spaced_port(text: &str) -> Option<(Option<u16>, &str)> {
    let text = trim(text);
    let digits = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let port = text[..digits].parse().ok()?;
    Some((Some(port), trim(&text[digits..])))
}

/// Writes the first value of a Via line with `received` and `rport` as seen from `source` (RFC 3581 §4), then the rest
/// of the line as it is. Values that the peer put there itself are replaced.
pub(crate) fn write_with_source(out: &mut Vec<u8>, line: &str, source: SocketAddr) {
    let end = crate::list::find_outside(line, b',').unwrap_or(line.len());
    let (top, rest) = line.split_at(end);
    let Some(via) = Via::parse(trim(top)) else {
        out.extend_from_slice(line.as_bytes());
        return;
    };
    let rport = via.rport().is_some();
    let received = rport || parse_ip(via.host) != Some(source.ip()) || via.params.find("received").is_some();
    if !received {
        out.extend_from_slice(line.as_bytes());
        return;
    }
    let params_at = crate::list::find_outside(top, b';').unwrap_or(top.len());
    out.extend_from_slice(top[..params_at].trim_end().as_bytes());
    for (name, value) in via.params.iter() {
        if name.eq_ignore_ascii_case("received") || name.eq_ignore_ascii_case("rport") {
            continue;
        }
        out.push(b';');
        out.extend_from_slice(name.as_bytes());
        if let Some(value) = value {
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
    use std::io::Write;
    // writing to a Vec cannot fail
    let _ = write!(out, ";received={}", source.ip());
    if rport {
        let _ = write!(out, ";rport={}", source.port());
    }
    out.extend_from_slice(rest.as_bytes());
}
