//! Carriers: where calls are sent, within which limits, and what makes the next one be tried.
//!
//! Invariant: a `CarrierId` means the same name across reloads; an id whose carrier is gone finds nothing.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use codecs::CodecSet;
use units::Name;

use crate::names::{CARRIERS_MAX, Names};
use crate::{BuildError, CarrierId, Cidr, CidrIndex, SessionTimer, StatusSet, Translations};

/// How a target is reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
}

/// Address or name of a target.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A DNS name, lower case; resolved outside (RFC 3263).
    Name(Name),
}

/// Where a carrier's INVITEs go: `sip:host[:port][;transport=udp|tcp|tls]`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Target {
    /// Address or name.
    pub host: Host,
    /// As written; without one the transport's default applies, see [`Target::port_or_default`].
    pub port: Option<u16>,
    /// UDP unless written.
    pub transport: Transport,
}

/// Why text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not a SIP URI of the short form taken here.
    #[error("{0:?} is not a carrier address: write sip:192.0.2.1:5060;transport=udp")]
    Syntax(String),
    /// A user part, which a trunk has no use for.
    #[error("{0:?} has a user part: the called number goes there, write only sip:host:port")]
    User(String),
    /// Neither address nor name.
    #[error("{0:?} is neither an IP address nor a DNS name")]
    Host(String),
    /// A port that is not one.
    #[error("{0:?} is not a port from 1 to 65535")]
    Port(String),
    /// Other than udp, tcp, tls.
    #[error("transport {0:?} is not known: udp, tcp or tls")]
    Transport(String),
    /// A parameter that would be ignored.
    #[error("URI parameter {0:?} is not known: only transport is")]
    Parameter(String),
}

/// What an operator writes about a carrier.
#[derive(Clone, PartialEq, Debug)]
pub struct CarrierSpec {
    /// Name, unique among carriers.
    pub name: Name,
    /// Where its INVITEs go.
    pub target: Target,
    /// Further addresses that its requests come from; the target's own address always counts.
    pub source: Vec<Cidr>,
    /// What the carrier charges, if known.
    pub deck: Option<Name>,
    /// Codecs it takes.
    pub codecs: CodecSet,
    /// Most calls at once, over all shards; `u32::MAX`: no limit.
    pub max_calls: u32,
    /// Seconds between OPTIONS probes; 0: none is ever sent.
    pub probe_secs: u32,
    /// Consecutive failures before it is skipped.
    pub down_after: u32,
    /// Seconds that it is skipped before one call may try it again.
    pub down_secs: u32,
    /// Milliseconds to wait for any response before the next carrier.
    pub first_response_ms: u32,
    /// Seconds to wait for a final response, from the last provisional one.
    pub no_answer_secs: u32,
    /// Final statuses after which the next carrier is tried.
    pub next_on: StatusSet,
    /// Whether the next carrier may be tried after this one sent media before the answer.
    pub hunt_after_early_media: bool,
    /// Rewriting of the E.164 digits before they are dialled there.
    pub translate: Translations,
    /// Session timer toward the carrier.
    pub session: SessionTimer,
}

/// A carrier in the table.
#[derive(Clone, PartialEq, Debug)]
pub struct Carrier {
    /// Stable across reloads.
    pub id: CarrierId,
    spec: CarrierSpec,
}

/// All carriers, immutable; found by id, name or source address.
#[derive(Clone, Debug, Default)]
pub struct Carriers {
    names: Names,
    /// By id; `None` where a name of an earlier configuration is gone.
    slots: Vec<Option<Arc<Carrier>>>,
    index: CidrIndex<CarrierId>,
}

// === impl Transport ===

impl Transport {
    /// As in a URI's `transport` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The port of RFC 3261 §19.1.2 where none is written.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Transport {
    type Err = TargetError;
    fn from_str(s: &str) -> Result<Self, TargetError> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|t| s.eq_ignore_ascii_case(t.as_str()))
            .ok_or_else(|| TargetError::Transport(s.to_owned()))
    }
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
        let rest = match s.split_once(':') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => rest,
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
        let mut transport = Transport::Udp;
        for parameter in parts {
            match parameter.split_once('=') {
                Some((name, value)) if name.eq_ignore_ascii_case("transport") => transport = value.parse()?,
                _ => return Err(TargetError::Parameter(parameter.to_owned())),
            }
        }
        Ok(Self { host, port, transport })
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
        write!(f, "sip:{};transport={}", self.host_port(), self.transport)
    }
}

fn host_port(text: &str) -> Result<(Host, Option<u16>), TargetError> {
    let bad_host = || TargetError::Host(text.to_owned());
    let (host, port) = match text.strip_prefix('[') {
        Some(v6) => {
            let (address, after) = v6.split_once(']').ok_or_else(bad_host)?;
            let address = address.parse::<std::net::Ipv6Addr>().map_err(|_| bad_host())?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(bad_host)?) };
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
    let port = port.map(|p| p.parse::<u16>().ok().filter(|&n| n != 0).ok_or_else(|| TargetError::Port(p.to_owned()))).transpose()?;
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
    (name.len() <= 253 && !last_is_number && name.split('.').all(label)).then(|| Host::Name(name.to_ascii_lowercase().into()))
}

// === impl CarrierSpec ===

impl CarrierSpec {
    /// A carrier with every setting at its default.
    pub fn new(name: &str, target: Target) -> Self {
        Self {
            name: name.into(),
            target,
            source: Vec::new(),
            deck: None,
            codecs: CodecSet::ALL,
            max_calls: u32::MAX,
            probe_secs: 0,
            down_after: 5,
            down_secs: 30,
            first_response_ms: 4_000,
            no_answer_secs: 180,
            next_on: StatusSet::next_on(),
            hunt_after_early_media: false,
            translate: Translations::default(),
            session: SessionTimer::default(),
        }
    }

    /// Every block its requests may come from: `source` and the target's own address.
    pub fn sources(&self) -> impl Iterator<Item = Cidr> {
        let own = match self.target.host {
            Host::Ip(address) => Some(Cidr::host(address)),
            Host::Name(_) => None,
        };
        let listed = own.is_some_and(|own| self.source.contains(&own));
        self.source.iter().copied().chain(own.filter(|_| !listed))
    }
}

// === impl Carrier ===

impl std::ops::Deref for Carrier {
    type Target = CarrierSpec;
    fn deref(&self) -> &CarrierSpec {
        &self.spec
    }
}

impl Carrier {
    /// What is dialled at this carrier for an E.164 `number`.
    pub fn dialled(&self, number: &units::Number) -> String {
        let mut text = number.as_str().to_owned();
        self.translate.apply(&mut text);
        text
    }
}

// === impl Carriers ===

impl Carriers {
    /// Builds the table. Names that `before` knows keep their ids. Two carriers may share a target address
    /// (two ports, two products), but not a listed source block.
    pub fn new(specs: Vec<CarrierSpec>, before: Option<&Self>) -> Result<Self, BuildError> {
        let mut names = before.map(|b| b.names.clone()).unwrap_or_default();
        let mut slots: Vec<Option<Arc<Carrier>>> = vec![None; names.len()];
        let mut listed: Vec<(Cidr, CarrierId)> = Vec::new();
        let mut own: Vec<(Cidr, CarrierId)> = Vec::new();
        for spec in specs {
            let id = names.id("carrier", &spec.name, CARRIERS_MAX)?;
            slots.resize(names.len(), None);
            listed.extend(spec.source.iter().map(|&cidr| (cidr, CarrierId(id))));
            own.extend(spec.sources().map(|cidr| (cidr, CarrierId(id))));
            match &mut slots[usize::from(id)] {
                Some(_) => return Err(BuildError::TwiceNamed { kind: "carrier", name: spec.name }),
                empty => *empty = Some(Arc::new(Carrier { id: CarrierId(id), spec })),
            }
        }
        refuse_shared(&mut listed, |id| names.name(id.0).cloned())?;
        let blocks = listed.into_iter().chain(own);
        Ok(Self { names, slots, index: CidrIndex::new(blocks) })
    }

    /// The carrier with this id, if the present configuration has it.
    pub fn by_id(&self, id: CarrierId) -> Option<&Arc<Carrier>> {
        self.slots.get(usize::from(id.0))?.as_ref()
    }

    /// The carrier with this name.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Carrier>> {
        self.by_id(CarrierId(self.names.find(name)?))
    }

    /// The name of an id, also of a carrier that an earlier configuration had: for CDRs and metrics of calls that outlive it.
    pub fn name(&self, id: CarrierId) -> Option<&Name> {
        self.names.name(id.0)
    }

    /// The carrier whose requests come from `source`; of several on one address, the first by id.
    pub fn by_source(&self, source: IpAddr) -> Option<&Arc<Carrier>> {
        self.by_id(self.index.longest(source)?)
    }

    /// All carriers, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Carrier> {
        self.slots.iter().flatten().map(|slot| &**slot)
    }

    /// One more than the largest id: the size of a table indexed by carrier.
    pub fn ids(&self) -> usize {
        self.slots.len()
    }

    /// Number of carriers.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is no carrier.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// Refuses a block that two owners list; the same block twice in one owner's list is dropped.
pub(crate) fn refuse_shared<T: Copy + Ord>(blocks: &mut Vec<(Cidr, T)>, name: impl Fn(T) -> Option<Name>) -> Result<(), BuildError> {
    blocks.sort();
    blocks.dedup();
    match blocks.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        None => Ok(()),
        Some(pair) => {
            let name = |id| name(id).unwrap_or_else(|| Name::from("?"));
            Err(BuildError::TwiceSourced { cidr: pair[0].0, first: name(pair[0].1), second: name(pair[1].1) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, target: &str, source: &[&str]) -> CarrierSpec {
        let source = source.iter().map(|s| Cidr::parse(s).expect("block")).collect();
        CarrierSpec { source, ..CarrierSpec::new(name, target.parse().expect("target")) }
    }

    #[test]
    fn reads_targets() {
        for (text, written, port) in [
            ("sip:127.0.0.1:5080;transport=udp", "sip:127.0.0.1:5080;transport=udp", 5080),
            ("sip:127.0.0.1", "sip:127.0.0.1;transport=udp", 5060),
            ("SIP:[2001:DB8::1]:5062;Transport=TCP", "sip:[2001:db8::1]:5062;transport=tcp", 5062),
            ("sip:[::ffff:192.0.2.1]", "sip:192.0.2.1;transport=udp", 5060),
            ("sip:Gw-1.Carrier.Example.;transport=tls", "sip:gw-1.carrier.example;transport=tls", 5061),
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
            "sips:a.example",
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
        ] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }

    #[test]
    fn carriers_are_known_by_their_addresses() {
        let carriers = Carriers::new(
            vec![
                spec("alpha", "sip:192.0.2.1:5080", &["198.51.100.0/24"]),
                spec("beta", "sip:192.0.2.1:5081", &[]),
                spec("named", "sip:gw.example", &["203.0.113.4"]),
            ],
            None,
        )
        .expect("valid");
        let name = |ip: &str| carriers.by_source(ip.parse().expect("ip")).map(|c| c.name.to_string());
        assert_eq!(name("192.0.2.1").as_deref(), Some("alpha"));
        assert_eq!(name("198.51.100.9").as_deref(), Some("alpha"));
        assert_eq!(name("::ffff:203.0.113.4").as_deref(), Some("named"));
        assert_eq!(name("203.0.113.5"), None);
    }

    #[test]
    fn ids_survive_a_reload_and_names_are_remembered() {
        let first = Carriers::new(vec![spec("alpha", "sip:192.0.2.1", &[]), spec("beta", "sip:192.0.2.2", &[])], None).expect("valid");
        let second = Carriers::new(vec![spec("beta", "sip:192.0.2.9", &[])], Some(&first)).expect("valid");
        assert_eq!(second.by_name("beta").map(|c| c.id), Some(CarrierId(1)));
        assert_eq!(second.by_id(CarrierId(0)), None);
        assert_eq!(second.name(CarrierId(0)).map(|n| &**n), Some("alpha"));
        assert_eq!((second.len(), second.ids()), (1, 2));
    }

    #[test]
    fn two_carriers_cannot_list_one_block() {
        let both = Carriers::new(vec![spec("a", "sip:a.example", &["192.0.2.1"]), spec("b", "sip:b.example", &["192.0.2.1"])], None);
        assert!(matches!(both, Err(BuildError::TwiceSourced { .. })));
    }
}
