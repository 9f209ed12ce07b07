//! What the operator configured, as one immutable set that is swapped whole; and which shard an account lives
//! on.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ledger::Terms;
use rating::Decks;
use rating::engine::PaymentMethod;
use route::{
    CarrierId, Carriers, GateId, Gates, Host, NumberTarget, OfferedHashes, OurNumbers, RouteTable, Target,
};
use units::{Currency, Money, Name, Transport};

use crate::media::MediaConfig;
use crate::strangers::StrangerLimits;

/// One configuration, checked by `config` and shared by all shards.
#[derive(Debug, Clone)]
pub struct ConfigSnapshot {
    /// Who may call.
    pub gates: Arc<Gates>,
    /// Where calls go.
    pub carriers: Arc<Carriers>,
    /// Numbers of ours: what a carrier's or another customer's call to one rings.
    pub numbers: Arc<OurNumbers>,
    /// Which carriers for which number.
    pub routes: Arc<RouteTable>,
    /// Prices.
    pub decks: Arc<Decks>,
    /// Accounts to be made where absent.
    pub accounts: Vec<BootstrapAccount>,
    /// How customers pay.
    pub payment_methods: Vec<PaymentMethod>,
    /// Listeners: which local address a flow to a carrier leaves from, first of its transport and family.
    pub listeners: Vec<(Transport, SocketAddr)>,
    /// The address that our SDP origins, Via and Contact name where a listener is bound to all.
    pub address: IpAddr,
    /// Domains of SIP accounts, lower case; empty: our own addresses.
    pub domains: Vec<String>,
    /// Protection space of digests.
    pub realm: String,
    /// Hashes that challenges offer.
    pub hashes: OfferedHashes,
    /// What unknown addresses are allowed.
    pub strangers: StrangerLimits,
    /// How media travels, and what it is relayed with.
    pub media: MediaConfig,
    /// Timers that are no gate's and no carrier's.
    pub timing: NodeTiming,
    /// How callers' numbers are signed toward carriers; none: they are not.
    pub stir: Option<Arc<Signing>>,
}

/// What callers' numbers are signed with (RFC 8224).
#[derive(Debug)]
pub struct Signing {
    /// Key and certificate.
    pub signer: Arc<stir::Signer>,
    /// The level of a number of which nothing is known, toward carriers.
    pub level_default: stir::Attestation,
}

/// Timers of the whole node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeTiming {
    /// Answered milliseconds between two checkpoints of a call: the most that a crash leaves unbilled.
    pub checkpoint_ms: u32,
    /// T1 of RFC 3261; fixed when the node is made.
    pub t1_ms: u32,
    /// Silence after which a peer without session timer is asked whether its call lives; `None`: half of its
    /// session timer; 0: never.
    pub dialog_probe_ms: Option<u32>,
}

impl Default for NodeTiming {
    fn default() -> Self {
        Self { checkpoint_ms: 10_000, t1_ms: 500, dialog_probe_ms: None }
    }
}

/// An account of the configuration.
#[derive(Debug, Clone)]
pub struct BootstrapAccount {
    /// Unique name.
    pub name: Name,
    /// Currency of its money.
    pub currency: Currency,
    /// Opening balance.
    pub balance: Money,
    /// How far usage may take it, 10⁻⁵ units: 0, or negative where credit is given.
    pub limit: i64,
    /// What it calls by.
    pub terms: Terms,
}

/// What a source address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A customer's.
    Gate(GateId),
    /// A carrier's.
    Carrier(CarrierId),
    /// Nobody's: silence.
    Unknown,
}

impl ConfigSnapshot {
    /// Whether there is a SIP account: without one, unknown addresses hear nothing at all.
    pub fn has_sip_accounts(&self) -> bool {
        self.gates.has_sip_accounts()
    }

    /// Whose SIP comes from an address. Gate before carrier: a customer's address pays, whatever else it is.
    pub fn source(&self, ip: IpAddr) -> Source {
        if let Some(gate) = self.gates.by_sip_source(ip) {
            Source::Gate(gate.id)
        } else if let Some(carrier) = self.carriers.by_source(ip) {
            Source::Carrier(carrier.id)
        } else {
            Source::Unknown
        }
    }

    /// The same for who speaks H.323.
    pub fn h323_source(&self, ip: IpAddr) -> Source {
        if let Some(gate) = self.gates.by_h323_source(ip) {
            Source::Gate(gate.id)
        } else if let Some(carrier) = self.carriers.by_h323_source(ip) {
            Source::Carrier(carrier.id)
        } else {
            Source::Unknown
        }
    }

    /// Everything that is called by a host name, under the name that its addresses are told by: carriers,
    /// what numbers of ours ring, and where redirections may lead.
    pub fn named_targets(&self) -> Vec<(Name, Target)> {
        let carriers = self.carriers.iter().map(|carrier| (carrier.name.clone(), carrier.target.clone()));
        let rung = self.numbers.iter().filter_map(|number| {
            let target = match &number.target {
                NumberTarget::Gate(name) => self.gates.by_name(name)?.called_at()?,
                NumberTarget::SipAccount(_) => return None,
                NumberTarget::Uri(uri) => uri.target.clone(),
                NumberTarget::H323(target) => target.clone(),
            };
            Some((Name::from(number.target.to_string()), target))
        });
        let redirects = self.carriers.iter().flat_map(|carrier| {
            carrier.redirect_hosts.iter().flat_map(|hosts| hosts.targets(&carrier.target))
        });
        let mut named: Vec<_> = carriers
            .chain(rung)
            .chain(redirects)
            .filter(|(_, target)| matches!(target.host, Host::Name(_)))
            .collect();
        named.sort();
        named.dedup();
        named
    }

    /// The address that a flow over `transport` to `peer` leaves from.
    pub fn local_for(&self, transport: Transport, peer: SocketAddr) -> Option<SocketAddr> {
        let of_kind = |&&(t, a): &&(Transport, SocketAddr)| t == transport && a.is_ipv4() == peer.is_ipv4();
        self.listeners.iter().find(of_kind).map(|&(_, local)| local)
    }

    /// What Via and Contact name for a listener.
    pub fn advertised(&self, local: SocketAddr) -> SocketAddr {
        if local.ip().is_unspecified() { SocketAddr::new(self.address, local.port()) } else { local }
    }
}

/// The shard that owns an account and its whole tree: the same on every run of `shards` shards (FNV-1a of the
/// name's first tier); nothing on disk depends on it.
pub fn shard_of(account: &str, shards: u8) -> u8 {
    let hash = ledger::root(account)
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (hash % u64::from(shards.max(1))) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_one_shard() {
        assert_eq!(shard_of("acme", 1), 0);
        assert_eq!(shard_of("acme", 4), shard_of("acme:shop:till", 4));
        let hit: std::collections::BTreeSet<_> =
            (0..64).map(|n| shard_of(&format!("account-{n}"), 4)).collect();
        assert_eq!(hit.len(), 4);
    }
}
