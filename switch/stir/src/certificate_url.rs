//! Where a certificate may be fetched from (RFC 8224 §7.4, ATIS-1000074 §5.3.1): https, and nothing hidden in
//! the address.

use std::fmt;

/// Longest address, bytes.
const URL_MAX: usize = 512;
/// Ports of certificate repositories (ATIS-1000074 §5.3.1).
const PORTS: [u16; 2] = [443, 8443];

/// An https address, checked and in its parts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct CertificateUrl {
    /// Name in lower case or address, IPv6 without brackets.
    pub host: Box<str>,
    /// TCP port.
    pub port: u16,
    /// From the first slash on.
    pub path: Box<str>,
}

/// Why nothing is fetched from an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UrlFault {
    /// Another scheme than https.
    #[error("it is not https")]
    Scheme,
    /// It names a user.
    #[error("it names a user")]
    User,
    /// It has a query or a fragment.
    #[error("it has a query or a fragment")]
    Query,
    /// No host, no port, characters that are none of a URI's, or too long.
    #[error("it is no address of at most 512 characters")]
    Malformed,
    /// Neither 443 nor 8443.
    #[error("its port is neither 443 nor 8443")]
    Port,
}

// === impl CertificateUrl ===

impl CertificateUrl {
    /// Reads an https address without user, query and fragment.
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"\\<>^`{|}".contains(&byte);
        if text.len() > URL_MAX || !text.bytes().all(is_plain) {
            return Err(UrlFault::Malformed);
        }
        let scheme = text.get(..8).filter(|scheme| scheme.eq_ignore_ascii_case("https://"));
        let rest = &text[scheme.ok_or(UrlFault::Scheme)?.len()..];
        if rest.contains(['?', '#']) {
            return Err(UrlFault::Query);
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(UrlFault::User);
        }
        let (host, port) = host_and_port(authority).ok_or(UrlFault::Malformed)?;
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { host: host.to_ascii_lowercase().into(), port, path: path.into() })
    }

    /// Whether its port is one of a public certificate repository's.
    pub fn check_port(&self) -> Result<(), UrlFault> {
        if PORTS.contains(&self.port) { Ok(()) } else { Err(UrlFault::Port) }
    }

    /// Host and port as in a Host header and in the configuration.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        match (host.contains(':'), *port) {
            (true, 443) => format!("[{host}]"),
            (true, port) => format!("[{host}]:{port}"),
            (false, 443) => host.to_string(),
            (false, port) => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for CertificateUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority(), self.path)
    }
}

fn host_and_port(authority: &str) -> Option<(&str, u16)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inner) => {
            inner.split_once(']').filter(|(host, _)| host.parse::<std::net::Ipv6Addr>().is_ok())?
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
        None if rest.is_empty() => 443,
        None => return None,
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_host = authority.starts_with('[') || host.bytes().all(is_name);
    (is_host && !host.is_empty() && port != 0).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_addresses_are_taken_apart() {
        let url = CertificateUrl::parse("HTTPS://Cert.Example.org/a/passport.cer").expect("url");
        assert_eq!((&*url.host, url.port, &*url.path), ("cert.example.org", 443, "/a/passport.cer"));
        assert_eq!(url.to_string(), "https://cert.example.org/a/passport.cer");
        let six = CertificateUrl::parse("https://[2001:db8::1]:8443").expect("url");
        assert_eq!((six.to_string().as_str(), six.check_port()), ("https://[2001:db8::1]:8443/", Ok(())));
        let other = CertificateUrl::parse("https://cert.example.org:22/x").expect("url");
        assert_eq!(other.check_port(), Err(UrlFault::Port));
    }

    #[test]
    fn attack_49_what_hides_something_is_refused() {
        for (text, fault) in [
            ("http://cert.example.org/a.pem", UrlFault::Scheme),
            ("file:///dev/random", UrlFault::Scheme),
            ("", UrlFault::Scheme),
            ("https:/", UrlFault::Scheme),
            ("https://user@cert.example.org/a.pem", UrlFault::User),
            ("https://cert.example.org/a.pem?x=1", UrlFault::Query),
            ("https://cert.example.org/a.pem#x", UrlFault::Query),
            ("https:///a.pem", UrlFault::Malformed),
            ("https://:443/a.pem", UrlFault::Malformed),
            ("https://cert.example.org:/a.pem", UrlFault::Malformed),
            ("https://cert.example.org:+443/a.pem", UrlFault::Malformed),
            ("https://cert.example.org:70000/a.pem", UrlFault::Malformed),
            ("https://cert.example.org/a b.pem", UrlFault::Malformed),
            ("https://cert.example.org/a\r\nHost: x", UrlFault::Malformed),
            ("https://[::1/a.pem", UrlFault::Malformed),
            ("https://[cert]/a.pem", UrlFault::Malformed),
            ("https://cert.exämple.org/a.pem", UrlFault::Malformed),
        ] {
            assert_eq!(CertificateUrl::parse(text), Err(fault), "{text}");
        }
        let long = format!("https://cert.example.org/{}", "a".repeat(URL_MAX));
        assert_eq!(CertificateUrl::parse(&long), Err(UrlFault::Malformed));
    }
}
