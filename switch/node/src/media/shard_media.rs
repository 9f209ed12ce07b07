//! The ports and endpoints of a shard: opened, closed, and given back when the relay says so. Invariants: no
//! endpoint's name and no port in use is given twice; what was opened is told closed, or its failure, before
//! its ports rest.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use media::relay::EndpointId;
use media::srtp::{MasterKey, Suite};
use media::transcode::{Channels, StreamStart};
use prompts::Prompts;
use route::MediaPath;
use units::Tick;

use super::outside::Outside;
use super::ports::{PortPool, REST_MS, Random, TAKEN_MS};
use super::reports::Unreported;
use crate::ids::Ids;

/// What is configured of media, beside what each peer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaConfig {
    /// How calls travel with a party that says nothing of it.
    pub path: MediaPath,
    /// What a shard relays with, fixed when it is made; none: a call that has to be relayed is refused.
    pub relay: Option<RelayConfig>,
    /// Relays outside (rtpengine), by their addresses for commands, fixed when a shard is made; none: `relay`
    /// is what relays.
    pub engines: Vec<SocketAddr>,
    /// Silence after which a relayed call ends, ms.
    pub rtp_timeout_ms: u32,
    /// The same while a side holds or may be silent, ms.
    pub rtp_timeout_hold_ms: u32,
    /// Calls that are transcoded at once, all shards together; 0: as many as there is time for.
    pub transcoding_max: u32,
    /// What is played into calls.
    pub prompts: Arc<Prompts>,
    /// So long before its money ends a call is warned, s; 0: it is not.
    pub warning_secs: u32,
    /// Callers hear why their calls are refused.
    pub announcements: bool,
    /// How calls are recorded; none: not at all.
    pub recording: Option<RecordingConfig>,
}

/// How calls are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingConfig {
    /// Both sides hear a beep when it begins.
    pub consent_tone: bool,
}

/// Addresses and ports of relayed media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayConfig {
    /// At most one of each family.
    pub addresses: Vec<RelayAddress>,
    /// First and last port.
    pub ports: (u16, u16),
}

/// An address that relayed media comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayAddress {
    /// Of this machine.
    pub ours: IpAddr,
    /// What peers are told, of the same family.
    pub shown: IpAddr,
}

/// The ports and endpoints of a shard.
pub(crate) struct ShardMedia {
    pub unreported: Unreported,
    /// Relays outside, in place of our own.
    pub outside: Outside,
    shard: u8,
    pools: Vec<(RelayAddress, PortPool)>,
    ports: (u16, u16),
    random: Random,
    /// Keys of SRTP are derived of it.
    secret: [u8; 16],
    /// Of all shards.
    pub channels: Arc<Channels>,
    /// Endpoints that are not told closed yet, with their ports.
    open: Ids<EndpointId, SocketAddr>,
}

/// Why a call is not relayed as it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MediaRefused {
    /// All ports are in use.
    NoPorts,
    /// It has to be transcoded, and all channels are in use.
    NoChannel,
    /// Nothing may be sent where the caller wants its media.
    Address,
}

/// An endpoint's address, and what its side is told in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ours {
    pub ours: SocketAddr,
    pub shown: SocketAddr,
}

// === impl MediaConfig ===

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            path: MediaPath::Bypass,
            relay: None,
            engines: Vec::new(),
            rtp_timeout_ms: 60_000,
            rtp_timeout_hold_ms: 3_600_000,
            transcoding_max: 0,
            prompts: Arc::default(),
            warning_secs: 60,
            announcements: false,
            recording: None,
        }
    }
}

// === impl ShardMedia ===

impl ShardMedia {
    pub(crate) fn new(config: &MediaConfig, key: [u8; 16], shard: u8, shards: u8) -> Self {
        let (addresses, ports) = match &config.relay {
            Some(relay) => (&relay.addresses[..], relay.ports),
            None => (&[][..], (0, 0)),
        };
        let pool = |address: &RelayAddress| (*address, PortPool::new(ports, shard, shards));
        let mut random = Random::new(key);
        let mut random_of_shard = || (0..=shard).fold(0, |_, _| random.draw());
        Self {
            unreported: Unreported::default(),
            outside: Outside::new(&config.engines, random_of_shard()),
            shard,
            pools: addresses.iter().map(pool).collect(),
            ports,
            random: Random::new(key),
            secret: key,
            channels: Arc::default(),
            open: Ids::default(),
        }
    }

    /// Takes a pair of the wanted family, else of the other.
    pub(super) fn take(&mut self, now: Tick, endpoint: EndpointId, ipv4: bool) -> Result<Ours, MediaRefused> {
        let at = self.pools.iter().position(|(address, _)| address.ours.is_ipv4() == ipv4).unwrap_or(0);
        let (address, pool) = self.pools.get_mut(at).ok_or(MediaRefused::NoPorts)?;
        let port = pool.take(now, &mut self.random).ok_or(MediaRefused::NoPorts)?;
        let [ours, shown] = [address.ours, address.shown].map(|ip| SocketAddr::new(ip, port));
        self.open.insert(endpoint, ours);
        Ok(Ours { ours, shown })
    }

    /// The name of an endpoint of this shard.
    pub(super) fn name(&self, call: u64, leg: u8) -> EndpointId {
        EndpointId { shard: u16::from(self.shard), call, leg }
    }

    /// Our key of this suite for what is sent to an endpoint's side: the same as long as it lives.
    pub(super) fn key(&self, endpoint: EndpointId, suite: Suite) -> Option<MasterKey> {
        let EndpointId { shard, call, leg } = endpoint;
        let mut purpose = [0; 11];
        let (of_shard, rest) = purpose.split_first_chunk_mut::<2>()?;
        *of_shard = shard.to_be_bytes();
        let (of_call, of_leg) = rest.split_first_chunk_mut::<8>()?;
        *of_call = call.to_be_bytes();
        of_leg.copy_from_slice(&[leg]);
        MasterKey::derive(suite, &self.secret, &purpose)
    }

    /// Where a stream of ours begins.
    pub(super) fn stream_start(&mut self) -> StreamStart {
        let [first, second] = [self.draw(), self.draw()];
        StreamStart { ssrc: (first >> 32) as u32, sequence: first as u16, timestamp: second as u32 }
    }

    /// A number that nobody can foresee.
    pub(super) fn draw(&mut self) -> u64 {
        self.random.draw()
    }

    /// The relay closed it: its ports rest.
    pub(super) fn closed(&mut self, now: Tick, endpoint: EndpointId) {
        self.gone(endpoint, now.plus_ms(REST_MS));
    }

    /// The relay could not open it: its ports are left alone for a while. They are told, if it is known.
    pub(super) fn not_opened(&mut self, now: Tick, endpoint: EndpointId) -> Option<SocketAddr> {
        self.gone(endpoint, now.plus_ms(TAKEN_MS))
    }

    fn gone(&mut self, endpoint: EndpointId, rests_until: Tick) -> Option<SocketAddr> {
        let ours = self.open.remove(&endpoint)?;
        let pool = self.pools.iter_mut().find(|(address, _)| address.ours == ours.ip());
        if let Some((_, pool)) = pool {
            pool.give_back(ours.port(), rests_until);
        }
        Some(ours)
    }

    /// Whether a media address is one of ours, with a port that may be a relayed call's.
    pub(super) fn is_own(
        &self,
        address: IpAddr,
        port: u16,
        mut others: impl Iterator<Item = IpAddr>,
    ) -> bool {
        let (first, last) = self.ports;
        let mut relayed = self.pools.iter().flat_map(|(address, _)| [address.ours, address.shown]);
        (first..=last).contains(&port)
            && (relayed.any(|ours| ours == address)
                || self.outside.is_engine(address)
                || others.any(|ours| ours == address))
    }

    /// Whether media of this family can be relayed.
    pub(super) fn reaches(&self, ipv4: bool) -> bool {
        self.outside.is_used() || self.pools.iter().any(|(address, _)| address.ours.is_ipv4() == ipv4)
    }

    /// Whether anything can be relayed.
    pub(super) fn can_relay(&self) -> bool {
        self.outside.is_used() || !self.pools.is_empty()
    }

    /// Endpoints that are not told closed yet.
    pub(crate) fn open(&self) -> usize {
        self.open.len()
    }
}
