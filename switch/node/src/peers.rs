//! Those that we call, from outside: how carriers stand, and the addresses of what has a name.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use route::{Carrier, CarrierSlots, Health, Host, PAUSE_SECS_MAX, Target};
use units::wheel::TimerId;
use units::{Name, Tick, Transport};

use crate::ConfigSnapshot;
use crate::shedding::Throttles;

/// What a shard knows of those that it calls.
pub(crate) struct Peers {
    pub health: Health,
    /// Places at carriers, of all shards.
    pub carrier_slots: Arc<dyn CarrierSlots + Send + Sync>,
    pub names: Names,
    pub probe_timer: TimerId,
    /// Addresses that have no room for all of our calls.
    pub throttles: Throttles,
    /// Addresses that asked not to be called until then (RFC 3261 §21.5.4), of any carrier.
    pauses: BTreeMap<SocketAddr, Tick>,
}

/// Most addresses in a pause: more than the carriers of a switch have.
const PAUSES_MAX: usize = 4_096;

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
        Self {
            health,
            carrier_slots,
            names: Names::default(),
            probe_timer: TimerId::NONE,
            throttles: Throttles::default(),
            pauses: BTreeMap::new(),
        }
    }

    /// Where a party is called now: its addresses that are in no pause; all of them if every one is.
    pub(crate) fn open_addresses_of(&self, target: &Target, name: &str, now: Tick) -> Vec<SocketAddr> {
        let mut addresses = self.addresses_of(target, name);
        let is_open = |address: &SocketAddr| self.pauses.get(address).is_none_or(|until| *until <= now);
        if !self.pauses.is_empty() && addresses.iter().any(is_open) {
            addresses.retain(is_open);
        }
        addresses
    }

    /// Takes out the addresses in front of the one that has room for the next call, by their own word (RFC
    /// 7339 §5.6); all of them if none has.
    pub(crate) fn shed(&mut self, addresses: &mut Vec<SocketAddr>, now: Tick) {
        if self.throttles.are_none() {
            return;
        }
        let open = addresses.iter().position(|at| !self.throttles.sheds(now, *at));
        addresses.drain(..open.unwrap_or(addresses.len()));
    }

    /// An address of a carrier asked not to be called for so many seconds; a longer pause is never made
    /// shorter. If all its addresses did: for how many seconds the carrier is to be skipped.
    pub(crate) fn pause_address(
        &mut self,
        carrier: &Carrier,
        at: SocketAddr,
        secs: u32,
        now: Tick,
    ) -> Option<u32> {
        self.pauses.retain(|_, until| *until > now);
        let until = now.plus_ms(u64::from(secs.min(PAUSE_SECS_MAX)) * 1_000);
        if self.pauses.len() < PAUSES_MAX || self.pauses.contains_key(&at) {
            let known = self.pauses.entry(at).or_insert(until);
            *known = until.max(*known);
        }
        let addresses = self.addresses_of(&carrier.target, &carrier.name);
        let first = |address: &SocketAddr| self.pauses.get(address).copied().unwrap_or(Tick(0));
        let opens = addresses.iter().map(first).min().filter(|opens| *opens > now)?;
        // Another carrier's address, or one of a redirection, says nothing of this carrier.
        addresses
            .contains(&at)
            .then(|| u32::try_from(opens.ms_since(now).div_ceil(1_000)).unwrap_or(u32::MAX))
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

    /// What a name resolves to, best first.
    pub(crate) fn addresses(&self, name: &str) -> &[SocketAddr] {
        self.addresses.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether `name` resolves to this address.
    pub(crate) fn is_at(&self, name: &str, ip: IpAddr) -> bool {
        self.addresses(name).iter().any(|address| address.ip() == ip)
    }

    /// What names resolve to this address.
    pub(crate) fn owners(&self, ip: IpAddr) -> impl Iterator<Item = &Name> {
        let at = move |addresses: &[SocketAddr]| addresses.iter().any(|address| address.ip() == ip);
        self.addresses.iter().filter(move |(_, addresses)| at(addresses)).map(|(name, _)| name)
    }
}
