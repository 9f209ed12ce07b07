//! What the threads share: a bounded inbox per shard with its waker, the tables in force, and the way from a
//! packet to its shard.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use config::Settings;
use crossbeam_channel::{Sender, TrySendError};
use dashmap::DashMap;
use net::Waker;
use node::{AdminReply, AdminRequest, Arrival, ConfigSnapshot, Dispatch, QuotaCommand};
use sip::flow::Flow;
use tokio::sync::oneshot;
use units::{Currency, Name};

use crate::run::clock::Clock;
use crate::run::stream_settings::StreamSettings;
use crate::run::trace::Tracing;
use crate::run::watch::Watch;

/// Messages that wait for one shard; more are dropped and counted, as a full socket buffer would.
pub(crate) const MAILBOX_LETTERS: usize = 16_384;

/// What a thread may tell a shard.
pub(crate) enum ShardMessage {
    /// A packet that another thread received.
    Sip(Box<Arrival>),
    /// A flow by which nothing can be sent.
    Unreachable(Flow),
    /// A stream that was open and is not any more.
    Closed(Flow),
    /// Of a connection of H.323.
    Gateway(node::GatewayEvent),
    /// A question from the API.
    Admin { request: AdminRequest, reply: oneshot::Sender<AdminReply> },
    /// New configuration.
    Reload(Arc<ConfigSnapshot>),
    /// Addresses of a carrier.
    Resolved { carrier: Name, addresses: Vec<std::net::SocketAddr>, transport: Option<units::Transport> },
    /// A carrier answered another shard's probe with this status.
    Probed { carrier: Name, status: u16, pause_secs: Option<u32> },
    /// A certificate that the shard asked for.
    Certificate(Box<node::Certificate>),
    /// Contacts of a SIP account that another shard keeps.
    Registered(node::RegisteredAccount),
    /// The central ledger's word.
    Slices(QuotaCommand),
    /// Refuse new calls.
    Drain,
    /// End every call; the shard goes on.
    HangUp,
    /// End every call.
    Stop,
}

/// One shard's door.
pub(crate) struct Inbox {
    pub shard_messages: Sender<ShardMessage>,
    pub waker: Waker,
}

/// What a shard says of itself, for readiness and for the end.
#[derive(Default)]
pub(crate) struct Standing {
    pub live_calls: AtomicU64,
    /// Calls that have no record yet, or whose record is not on disk; kept while the switch drains.
    pub is_unsettled: AtomicBool,
    /// All that its start wrote is durable.
    pub has_begun: AtomicBool,
    pub picture: Mutex<Picture>,
}

/// What a shard shows now and then, for gauges.
#[derive(Default, Clone)]
pub(crate) struct Picture {
    /// Calls by state.
    pub calls: BTreeMap<&'static str, u64>,
    /// Calls of which a leg speaks H.323.
    pub h323_calls: usize,
    /// Carriers that it skips.
    pub carriers_down: Vec<Name>,
    /// Registrations at carriers that it keeps.
    pub registrations: Vec<node::RegistrationStanding>,
    /// Contacts of SIP accounts that can be reached, and those that cannot.
    pub contacts: (usize, usize),
    /// What its books are out of balance by, 10⁻⁵ units; anything but 0 is a fault.
    pub imbalance: u128,
    /// Accounts under their low-balance mark.
    pub low_accounts: usize,
    /// Payments on their way, and how many of them are late.
    pub in_transit: (usize, usize),
    /// Why it does not trust the wall clock.
    pub clock: Option<node::ClockDoubt>,
    /// By currency, what it holds of balances that the central ledger lent, 10⁻⁵ units.
    pub lent: BTreeMap<Currency, i64>,
}

/// Shared by all threads.
pub(crate) struct Router {
    pub clock: Clock,
    pub config: ArcSwap<ConfigSnapshot>,
    pub dispatch: Dispatch,
    pub inboxes: Vec<Inbox>,
    pub standings: Vec<Standing>,
    pub draining: AtomicBool,
    /// Packets of unknown sources, counted before any shard.
    pub unknown_sources: AtomicU64,
    /// What the log says of carriers and strangers.
    pub watch: Watch,
    /// What all shards know of unknown addresses.
    pub strangers: Arc<node::Strangers>,
    /// Messages that found a inbox full.
    pub dropped_messages: AtomicU64,
    /// `node.max_calls`.
    pub max_calls: AtomicU64,
    /// Addresses of the carriers that are configured by name.
    pub resolved: DashMap<Name, Vec<SocketAddr>>,
    /// Messages of calls, kept and handed on.
    pub trace: Tracing,
    /// What a reload changes for connections that open from then on.
    pub stream_settings: ArcSwap<StreamSettings>,
    /// Streams that calls live on, and how many shards say so.
    pub kept_open: DashMap<u64, u32>,
}

impl Router {
    /// What all threads share, at the start; `key` is that of this start's tokens.
    pub(crate) fn new(
        settings: &Settings,
        clock: Clock,
        config: &Arc<ConfigSnapshot>,
        key: [u8; 16],
        inboxes: Vec<Inbox>,
    ) -> Self {
        let count = inboxes.len();
        Self {
            clock,
            config: ArcSwap::from(Arc::clone(config)),
            dispatch: Dispatch::new(key, count as u8),
            inboxes,
            standings: (0..count).map(|_| Standing::default()).collect(),
            draining: AtomicBool::new(false),
            unknown_sources: AtomicU64::new(0),
            watch: Watch::default(),
            strangers: Arc::new(node::Strangers::new(key)),
            dropped_messages: AtomicU64::new(0),
            max_calls: AtomicU64::new(u64::from(settings.node.max_calls)),
            resolved: DashMap::new(),
            trace: Tracing::new(&settings.trace, count),
            stream_settings: ArcSwap::from_pointee(StreamSettings::of(settings)),
            kept_open: DashMap::new(),
        }
    }

    /// Why the wall clock is not trusted, if it is not.
    pub(crate) fn clock_doubt(&self) -> Option<String> {
        self.pictures().iter().find_map(|picture| picture.clock).map(|doubt| doubt.to_string())
    }

    /// Puts a message into a shard's inbox and wakes it; false if it is full or gone.
    pub(crate) fn post(&self, shard: u8, shard_message: ShardMessage) -> bool {
        let Some(inbox) = self.inboxes.get(usize::from(shard)) else { return false };
        match inbox.shard_messages.try_send(shard_message) {
            Ok(()) => {
                inbox.waker.wake();
                true
            }
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.dropped_messages.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    /// The same message to all shards.
    pub(crate) fn broadcast(&self, shard_message: impl Fn() -> ShardMessage) {
        for shard in 0..self.inboxes.len() {
            self.post(shard as u8, shard_message());
        }
    }

    /// A packet with its shard; `None` for one of an unknown source, which is counted.
    pub(crate) fn find(&self, flow: Flow, message: node::Received) -> Option<(u8, Arrival)> {
        let (ip, config) = (flow.peer.ip(), self.config.load());
        let mut arrival = self.dispatch.find(&config, flow, message);
        // It may be a carrier that is configured by name.
        let is_open = arrival.shard.is_none() || config.has_sip_accounts();
        if is_open && arrival.is_strange() && arrival.leg_is_unknown() && self.is_resolved(&config, ip) {
            arrival.shard = Some(self.dispatch.shard_of_carrier(&config, &arrival.message));
            arrival.for_all = false;
        }
        match arrival.shard {
            Some(shard) => Some((shard, arrival)),
            None => {
                self.stranger(ip);
                None
            }
        }
    }

    /// Gives a packet that may be of any shard to all but one.
    pub(crate) fn share(&self, but: u8, arrival: &Arrival) {
        if arrival.for_all {
            for shard in (0..self.inboxes.len() as u8).filter(|shard| *shard != but) {
                self.post(shard, ShardMessage::Sip(Box::new(arrival.clone())));
            }
        }
    }

    /// Whether unknown addresses may open connections: while there are SIP accounts, and they are not locked
    /// out.
    pub(crate) fn is_open_to(&self, ip: IpAddr) -> bool {
        self.config.load().has_sip_accounts() && !self.strangers.is_banned(ip, self.clock.now().tick)
    }

    /// Whether packets and connections from an address are taken: a gate's, a carrier's, or one that a
    /// carrier's name resolves to.
    pub(crate) fn is_known(&self, ip: IpAddr) -> bool {
        let config = self.config.load();
        config.source(ip) != node::Source::Unknown || self.is_resolved(&config, ip)
    }

    /// Whether connections of H.323 from an address are taken.
    pub(crate) fn is_known_gateway(&self, ip: IpAddr) -> bool {
        self.gateway(ip) != node::Source::Unknown
    }

    /// The shard of a call that an address asks for by H.323; none of a stranger's.
    pub(crate) fn shard_of_setup(&self, ip: IpAddr, setup: &[u8]) -> Option<u8> {
        node::shard_of_setup(&self.config.load(), self.gateway(ip), setup, self.inboxes.len() as u8)
    }

    /// Who speaks H.323 at an address: a gate, or a carrier, perhaps by the name that it is configured by.
    fn gateway(&self, ip: IpAddr) -> node::Source {
        let config = self.config.load();
        let known = config.h323_source(ip);
        if known != node::Source::Unknown {
            return known;
        }
        let has =
            |addresses: &[SocketAddr]| addresses.iter().any(|address| address.ip().to_canonical() == ip);
        let named = self.resolved.iter().filter(|entry| has(entry.value())).find_map(|entry| {
            let carrier = config.carriers.by_name(entry.key())?;
            (carrier.target.transport == units::Transport::H323).then_some(carrier.id)
        });
        named.map_or(node::Source::Unknown, node::Source::Carrier)
    }

    fn is_resolved(&self, config: &ConfigSnapshot, ip: IpAddr) -> bool {
        let has =
            |addresses: &[SocketAddr]| addresses.iter().any(|address| address.ip().to_canonical() == ip);
        let speaks_sip = |name: &Name| {
            let carrier = config.carriers.by_name(name);
            carrier.is_some_and(|carrier| carrier.target.transport != units::Transport::H323)
        };
        self.resolved.iter().any(|entry| has(entry.value()) && speaks_sip(entry.key()))
    }

    /// Tells every shard, and whoever asks who is known, what a name resolves to.
    pub(crate) fn resolved(
        &self,
        carrier: &Name,
        addresses: Vec<SocketAddr>,
        transport: Option<units::Transport>,
    ) {
        self.resolved.insert(carrier.clone(), addresses.clone());
        self.broadcast(|| ShardMessage::Resolved {
            carrier: carrier.clone(),
            addresses: addresses.clone(),
            transport,
        });
    }

    /// A shard's calls begin or cease to need a stream.
    pub(crate) fn keep_open(&self, conn: u64, wanted: bool) {
        if wanted {
            *self.kept_open.entry(conn).or_default() += 1;
        } else if let Some(mut shards) = self.kept_open.get_mut(&conn) {
            *shards = shards.saturating_sub(1);
            drop(shards);
            self.kept_open.remove_if(&conn, |_, shards| *shards == 0);
        }
    }

    /// Counts a packet or connection of nobody known, and names its address in the log now and then.
    pub(crate) fn stranger(&self, ip: std::net::IpAddr) {
        self.unknown_sources.fetch_add(1, Ordering::Relaxed);
        self.watch.stranger(ip, self.clock.now().tick);
    }

    /// What each shard showed last.
    pub(crate) fn pictures(&self) -> Vec<Picture> {
        self.standings
            .iter()
            .map(|standing| standing.picture.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect()
    }

    /// Whether every call has ended and has its record on disk, on all shards. Known while the switch drains.
    pub(crate) fn is_settled(&self) -> bool {
        !self.standings.iter().any(|standing| standing.is_unsettled.load(Ordering::Relaxed))
    }

    /// Calls that are not over, on all shards.
    pub(crate) fn live_calls(&self) -> u64 {
        self.standings.iter().map(|standing| standing.live_calls.load(Ordering::Relaxed)).sum()
    }
}
