//! The Via header (RFC 3261 §20.42, §18.2) and `received`/`rport` (RFC 3581).
//! Invariant: `maddr` and `ttl` are read but never steer an answer: that would be a reflector.

use std::net::{IpAddr, SocketAddr};

use crate::Params;
use crate::chars::{all_token, trim, write_decimal, write_ip};
use crate::overload::{self, LoadReport};
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

/// The port to which answers over UDP go when the Via has no `rport`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyTo {
    /// The Via's port if its host is the source's address; else there is a NAT between, and it is the
    /// source's port.
    #[default]
    Auto,
    /// Always the port that the request came from.
    Source,
    /// Always the Via's port, as RFC 3261 §18.2.2 has it.
    Via,
}

impl<'a> Via<'a> {
    /// Parses one Via value (not a list); `None` when malformed. Blanks may stand round every separator. Any
    /// version is taken, so that a 505 finds its way back.
    pub fn parse(value: &'a str) -> Option<Via<'a>> {
        let rest = match value.strip_prefix("SIP/2.0/") {
            Some(rest) => rest,
            None => {
                let (name, rest) = value.split_once('/')?;
                let (version, rest) = rest.split_once('/')?;
                if !trim(name).eq_ignore_ascii_case("SIP") || !all_token(trim(version)) {
                    return None;
                }
                rest
            }
        };
        let rest = trim(rest);
        let (transport, sent_by) = rest.split_at(memchr::memchr2(b' ', b'\t', rest.as_bytes())?);
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

    /// Where an answer to a request from `source` goes over UDP (RFC 3581 §4, RFC 3261 §18.2.2): always back
    /// to the source address; to its port when `rport` is there, else to that port or the sent-by port as
    /// `reply_to` says.
    pub fn answer_to(&self, source: SocketAddr, reply_to: ReplyTo) -> SocketAddr {
        let by_via = match reply_to {
            ReplyTo::Auto => {
                parse_ip(self.host).is_some_and(|host| host.to_canonical() == source.ip().to_canonical())
            }
            ReplyTo::Source => false,
            ReplyTo::Via => true,
        };
        let port = if by_via && self.rport().is_none() { self.port_or_default() } else { source.port() };
        SocketAddr::new(source.ip(), port)
    }
}

fn spaced_port(text: &str) -> Option<(Option<u16>, &str)> {
    let text = trim(text);
    let digits = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let port = text[..digits].parse().ok()?;
    Some((Some(port), trim(&text[digits..])))
}

/// Writes the first value of a Via line with `received` and `rport` as seen from `source` (RFC 3581 §4), then
/// the rest of the line as it is; and what is told of our load (RFC 7339 §4). Values that the peer put there
/// itself are replaced.
pub(crate) fn write_with_source(
    out: &mut Vec<u8>,
    line: &str,
    source: SocketAddr,
    report: Option<&LoadReport>,
) {
    let end = crate::list::find_outside(line, b',').unwrap_or(line.len());
    let (top, rest) = line.split_at(end);
    let Some(via) = Via::parse(trim(top)) else {
        out.extend_from_slice(line.as_bytes());
        return;
    };
    let rport = via.rport().is_some();
    let received = rport || parse_ip(via.host) != Some(source.ip()) || via.params.find("received").is_some();
    if !received && report.is_none() {
        out.extend_from_slice(line.as_bytes());
        return;
    }
    let params_at = crate::list::find_outside(top, b';').unwrap_or(top.len());
    out.extend_from_slice(top[..params_at].trim_end().as_bytes());
    for (name, value) in via.params.iter() {
        let is_replaced = name.eq_ignore_ascii_case("received") || name.eq_ignore_ascii_case("rport");
        if is_replaced || (report.is_some() && overload::is_ours(name)) {
            continue;
        }
        out.push(b';');
        out.extend_from_slice(name.as_bytes());
        if let Some(value) = value {
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
    if received {
        out.extend_from_slice(b";received=");
        write_ip(out, source.ip());
    }
    if rport {
        out.extend_from_slice(b";rport=");
        write_decimal(out, usize::from(source.port()));
    }
    if let Some(report) = report {
        report.write(out);
    }
    out.extend_from_slice(rest.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(line: &str, source: &str) -> String {
        let mut out = Vec::new();
        write_with_source(&mut out, line, source.parse().expect("address"), None);
        String::from_utf8(out).expect("text")
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("address")
    }

    #[test]
    fn blanks_stand_anywhere() {
        let via = Via::parse("SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8")
            .expect("parses");
        assert_eq!(
            (via.transport, via.host, via.port, via.branch()),
            ("TCP", "spindle.example.com", None, Some("z9hG4bK9ikj8"))
        );
        let via = Via::parse(
            "SIP/2.0/UDP first.example.com : 4000 ;ttl=16 ; maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1",
        )
        .expect("parses");
        assert_eq!(
            (via.host, via.port, via.ttl(), via.maddr()),
            ("first.example.com", Some(4000), Some(16), Some("224.2.0.1"))
        );
    }

    #[test]
    fn addresses_of_version_6() {
        let via =
            Via::parse("SIP/2.0/UDP [2001:db8::9:1]:6050;received=2001:db8::9:255;rport;branch=z9hG4bKas3")
                .expect("parses");
        assert_eq!((via.host, via.port, via.rport()), ("[2001:db8::9:1]", Some(6050), Some(None)));
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
        let via = Via::parse("SIP/2.0/UDP [::1];received=[2001:db8::9:255]").expect("parses");
        assert_eq!(via.received(), "2001:db8::9:255".parse().ok());
    }

    #[test]
    fn broken_values_are_refused() {
        let table = [
            "",
            "SIP/2.0",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/2.0/UDP [::1",
            "SIP//UDP h",
            "SIP/2.0/UDP h:99999",
            "SIP/2.0/UDP h x",
        ];
        for value in table {
            assert_eq!(Via::parse(value), None, "{value:?}");
        }
    }

    #[test]
    fn source_goes_into_the_top_value() {
        let table = [
            // RFC 3581 §4: rport asks for both
            (
                "SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff",
                "192.0.2.1:9988",
                "SIP/2.0/UDP 10.1.1.1:4540;branch=z9hG4bKkjshdyff;received=192.0.2.1;rport=9988",
            ),
            // without rport only a differing address is noted
            ("SIP/2.0/UDP 192.0.2.1;branch=b", "192.0.2.1:9", "SIP/2.0/UDP 192.0.2.1;branch=b"),
            (
                "SIP/2.0/UDP pc.example.com;branch=b , SIP/2.0/UDP b",
                "192.0.2.1:9",
                "SIP/2.0/UDP pc.example.com;branch=b;received=192.0.2.1, SIP/2.0/UDP b",
            ),
            // what the peer claims is replaced
            (
                "SIP/2.0/UDP 192.0.2.1;received=8.8.8.8;rport=53;branch=b",
                "192.0.2.1:9",
                "SIP/2.0/UDP 192.0.2.1;branch=b;received=192.0.2.1;rport=9",
            ),
            (
                "SIP/2.0/UDP [2001:db8::1];rport",
                "[2001:db8::1]:7",
                "SIP/2.0/UDP [2001:db8::1];received=2001:db8::1;rport=7",
            ),
        ];
        for (line, source, expected) in table {
            assert_eq!(fixed(line, source), expected);
        }
    }

    #[test]
    fn a_report_of_load_replaces_what_announced_it() {
        let report = LoadReport { loss: 20, validity_ms: 500, seq: 128_232_161_578_200 };
        let told = ";oc=20;oc-algo=\"loss\";oc-validity=500;oc-seq=1282321615.78200";
        for (line, expected) in [
            (
                "SIP/2.0/UDP 192.0.2.1;oc;branch=b;oc-algo=\"loss,A\"",
                format!("SIP/2.0/UDP 192.0.2.1;branch=b{told}"),
            ),
            (
                "SIP/2.0/UDP p1;branch=b;OC , SIP/2.0/UDP h;oc",
                format!("SIP/2.0/UDP p1;branch=b;received=192.0.2.1{told}, SIP/2.0/UDP h;oc"),
            ),
        ] {
            let mut out = Vec::new();
            write_with_source(&mut out, line, address("192.0.2.1:9"), Some(&report));
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }

    #[test]
    fn answers_never_follow_maddr() {
        let via = Via::parse("SIP/2.0/UDP 10.0.0.1:4540;maddr=8.8.8.8").expect("parses");
        for (reply_to, port) in [(ReplyTo::Via, 4540), (ReplyTo::Auto, 9988), (ReplyTo::Source, 9988)] {
            assert_eq!(
                via.answer_to(address("192.0.2.1:9988"), reply_to),
                address(&format!("192.0.2.1:{port}"))
            );
        }
        let via = Via::parse("SIP/2.0/UDP 10.0.0.1:4540;rport").expect("parses");
        assert_eq!(via.answer_to(address("192.0.2.1:9988"), ReplyTo::Via), address("192.0.2.1:9988"));
        let via = Via::parse("SIP/2.0/UDP 192.0.2.1").expect("parses");
        for (reply_to, port) in [(ReplyTo::Via, 5060), (ReplyTo::Auto, 5060), (ReplyTo::Source, 9988)] {
            assert_eq!(
                via.answer_to(address("192.0.2.1:9988"), reply_to),
                address(&format!("192.0.2.1:{port}"))
            );
        }
    }
}
