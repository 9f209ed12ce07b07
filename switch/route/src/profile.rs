//! What a carrier wants to be different in the INVITEs that it gets: headers, and whether it may send them
//! on.
//! Invariant: no rule touches a header that the switch writes itself or decides about.

use std::net::IpAddr;

use units::Name;

use crate::{Cidr, Host, Target};

/// Most headers added, and most stripped.
pub const HEADERS_MAX: usize = 16;
/// Longest header that is added, name and value, bytes.
const HEADER_BYTES_MAX: usize = 256;

/// Headers of dialogs, routes, bodies, credentials and extensions, and those of identity, which have rules of
/// their own; all that begin with `Content-` too.
const OURS: &[&str] = &[
    "Via",
    "Contact",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Max-Forwards",
    "Route",
    "Record-Route",
    "Path",
    "Authorization",
    "Proxy-Authorization",
    "WWW-Authenticate",
    "Proxy-Authenticate",
    "Allow",
    "Supported",
    "Require",
    "Proxy-Require",
    "Unsupported",
    "Session-Expires",
    "Min-SE",
    "RAck",
    "RSeq",
    "Expires",
    "MIME-Version",
    "Identity",
    "Privacy",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Remote-Party-ID",
    "Diversion",
    "History-Info",
    "Replaces",
    "Referred-By",
    "Refer-To",
    "Event",
    "Join",
];

/// Headers of the INVITEs to a carrier.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeaderRules {
    /// Name and value of each that is added.
    pub add: Vec<(Box<str>, Box<str>)>,
    /// Names of those of the caller that do not cross.
    pub strip: Vec<Box<str>>,
}

/// Where a carrier may send an INVITE on by a 3xx.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RedirectHosts {
    /// Blocks of addresses.
    pub blocks: Vec<Cidr>,
    /// Host names, lower case, with the port where one is written; resolved beforehand, as carriers' names
    /// are.
    pub names: Vec<(Name, Option<u16>)>,
}

// === impl RedirectHosts ===

impl RedirectHosts {
    /// Whether an address is inside.
    pub fn has_address(&self, ip: IpAddr) -> bool {
        self.blocks.iter().any(|block| block.contains(ip))
    }

    /// A host name as a target of the carrier at `carrier`, if it is inside: written there just so, with the
    /// same port or with none.
    pub fn target_of(&self, name: &str, port: Option<u16>, carrier: &Target) -> Option<Target> {
        let found = self.names.iter().find(|(host, at)| host.eq_ignore_ascii_case(name) && *at == port);
        found.map(|one| target(one, carrier))
    }

    /// All host names as targets, each under what its addresses are told by.
    pub fn targets(&self, carrier: &Target) -> impl Iterator<Item = (Name, Target)> {
        self.names.iter().map(|one| target(one, carrier)).map(|target| (Self::key(&target), target))
    }

    /// What the addresses of such a target are told by: no carrier's name, which has no blanks.
    pub fn key(target: &Target) -> Name {
        format!("redirect to {target}").into()
    }
}

/// By the transport of the carrier, as if it was written: NAPTR has no say.
fn target((host, port): &(Name, Option<u16>), carrier: &Target) -> Target {
    Target { host: Host::Name(host.clone()), port: *port, is_written: true, ..carrier.clone() }
}

// === impl HeaderRules ===

impl HeaderRules {
    /// Whether a header of the caller's does not cross.
    pub fn strips(&self, name: &str) -> bool {
        self.strip.iter().any(|stripped| stripped.eq_ignore_ascii_case(name))
    }

    /// Whether a name may stand in a rule; else what is wrong with it.
    pub fn check_name(name: &str) -> Result<(), String> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
        // One letter is another name of something.
        if name.len() < 2 || !name.chars().all(is_token) {
            return Err(format!("{name:?} is no header's name: write its long form"));
        }
        let begins_content = name.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case("Content-"));
        if begins_content || OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
            return Err(format!("{name} is written or judged by the switch itself"));
        }
        Ok(())
    }

    /// `Name: value`; else what is wrong with it.
    pub fn parse_added(text: &str) -> Result<(Box<str>, Box<str>), String> {
        let (name, value) =
            text.split_once(':').ok_or_else(|| format!("{text:?} is no header: write \"X-Name: value\""))?;
        let (name, value) = (name.trim(), value.trim());
        Self::check_name(name)?;
        if value.is_empty() || text.len() > HEADER_BYTES_MAX || value.chars().any(char::is_control) {
            return Err(format!(
                "{name}: a value has 1 to {HEADER_BYTES_MAX} bytes and no control characters"
            ));
        }
        Ok((name.into(), value.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_stays_ours() {
        for name in
            ["Via", "v", "contact", "CALL-ID", "Content-Type", "content-x", "Authorization", "X Y", "", "é"]
        {
            assert!(HeaderRules::check_name(name).is_err(), "{name}");
        }
        for name in ["X-Trunk", "Subject", "P-Charging-Vector", "User-to-User"] {
            assert_eq!(HeaderRules::check_name(name), Ok(()), "{name}");
        }
        assert_eq!(HeaderRules::parse_added("X-A:  b: c "), Ok(("X-A".into(), "b: c".into())));
        for text in ["X-A", "X-A:", "X-A: b\r\nVia: c", "To: <sip:a@b>", &format!("X-A: {}", "b".repeat(300))]
        {
            assert!(HeaderRules::parse_added(text).is_err(), "{text}");
        }
        let rules = HeaderRules { strip: vec!["X-Secret".into()], ..HeaderRules::default() };
        assert!(rules.strips("x-secret") && !rules.strips("X-Other"));
    }
}
