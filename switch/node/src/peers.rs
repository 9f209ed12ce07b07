//! Those that we call, from outside: how carriers stand, and the addresses of what has a name.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use route::{CarrierSlots, Health, Host, Target};
use units::wheel::TimerId;
use units::{Name, Tick, Transport};

use crate::ConfigSnapshot;

/// What a shard knows of those that it calls.
pub(crate) struct Peers {
    pub health: Health,
    /// Places at carriers, of all shards.
    pub carrier_slots: Arc<dyn CarrierSlots + Send + Sync>,
    pub names: Names,
    pub probe_timer: TimerId,
}

/// What host names were last resolved to, by the carrier's name or a number's target.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub addresses: BTreeMap<Name, Vec<SocketAddr>>,
    /// What their domains chose, where no transport is configured.
    pub transports: BTreeMap<Name, Transport>,
}

impl Peers {
    pub(crate) fn new(config: &ConfigSnapshot, carrier_slots: Arc<dyn CarrierSlots + Send + Sync>) -> Self {
        let health = Health::new(&config.carriers, Tick(0));
        Self { health, carrier_slots, names: Names::default(), probe_timer: TimerId::NONE }
    }

    /// Where a party is called: its address, or what its host name was last resolved to.
    pub(crate) fn addresses_of(&self, target: &Target, name: &str) -> Vec<SocketAddr> {
        match &target.host {
            Host::Ip(ip) => vec![SocketAddr::new(*ip, target.port_or_default())],
            Host::Name(_) => self.names.addresses(name).to_vec(),
        }
    }
}

impl Names {
    /// The transport by which a target is reached that is known by this name.
    pub(crate) fn transport(&self, target: &Target, name: &str) -> Transport {
        let chosen = if target.is_written { None } else { self.transports.get(name).copied() };
        chosen.unwrap_or(target.transport)
    }

    fn addresses(&self, name: &str) -> &[SocketAddr] {
        self.addresses.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether `name` resolves to this address.
    pub(crate) fn is_at(&self, name: &str, ip: IpAddr) -> bool {
        self.addresses(name).iter().any(|address| address.ip() == ip)
    }

    /// Who has a name that resolves to this address.
    pub(crate) fn owner(&self, ip: IpAddr) -> Option<&Name> {
        self.addresses
            .iter()
            .find(|(_, addresses)| addresses.iter().any(|address| address.ip() == ip))
            .map(|(name, _)| name)
    }
}
