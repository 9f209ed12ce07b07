//! The node: its state, its one mutation and its outputs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use call::Event;
use media::transcode::Channels;
use rating::Engine;
use route::CarrierSlots;
use units::wheel::Wheel;
use units::{Name, Now, Tick};

use crate::calls::Calls;
use crate::certificates::Certificates;
use crate::clock::{ClockDoubt, ClockWatch};
use crate::ids::TimerKey;
use crate::io::{Input, Output, Pressure};
use crate::leg::Endpoint;
use crate::media::ShardMedia;
use crate::peers::Peers;
use crate::records::Records;
use crate::registrar::Registrar;
use crate::registrations::Registrations;
use crate::shedding::Shedding;
use crate::subscriptions::Subscriptions;
use crate::{ConfigSnapshot, Counters, Strangers};

/// Who this node is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// `node.name`.
    pub name: Name,
    /// This shard.
    pub shard: u8,
    /// How many there are.
    pub shards: u8,
    /// Secret of all tokens, new at every start and the same for all shards.
    pub key: [u8; 16],
    /// Distinguishes call ids of this start from those of any other.
    pub boot: u32,
}

/// One shard, in parts.
pub struct Node {
    pub(crate) identity: Identity,
    pub(crate) config: Arc<ConfigSnapshot>,
    /// Signalling.
    pub(crate) sip: Endpoint,
    pub(crate) calls: Calls,
    pub(crate) money: Money,
    pub(crate) peers: Peers,
    /// What part of new calls there is no room for.
    pub(crate) shedding: Shedding,
    pub(crate) strangers: Arc<Strangers>,
    /// Locked out by the packet in hand.
    pub(crate) lock_out: Option<std::net::IpAddr>,
    /// Where SIP accounts are.
    pub(crate) registrar: Registrar,
    /// Who is told of calls and messages of SIP accounts.
    pub(crate) subscriptions: Subscriptions,
    /// Ours at carriers.
    pub(crate) registrations: Registrations,
    /// Those that callers' numbers are signed by.
    pub(crate) certificates: Certificates,
    /// Ports of relayed calls.
    pub(crate) media: ShardMedia,
    pub(crate) records: Records,
    pub(crate) timers: Wheel<TimerKey>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) counters: Counters,
    pub(crate) pressure: Pressure,
    pub(crate) clock: ClockWatch,
    pub(crate) draining: bool,
    /// Nanoseconds of a clock that only metrics see; 0 without one.
    pub(crate) stopwatch: fn() -> u64,
}

/// Who pays, and how far.
pub(crate) struct Money {
    pub engine: Engine,
    /// How far lent balances may be trusted; none if the balances are this node's own.
    pub lending: Option<rating::quotas::client::LendingState>,
    /// When to look whether credit expired.
    pub expiry_at: Tick,
}

/// How much of everything a shard holds for its calls: what grows without calls is a leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// Calls not over.
    pub calls: usize,
    /// Their ids.
    pub ids: usize,
    /// Their leases.
    pub leases: usize,
    /// Their places at gates.
    pub gate_places: usize,
    /// Those that ring at numbers of ours.
    pub ringing: usize,
    /// Client transactions that somebody waits for.
    pub clients: usize,
    /// Server transactions that somebody answers.
    pub servers: usize,
    /// Timers of calls and probes.
    pub timers: usize,
    /// Transactions of either kind.
    pub transactions: usize,
    /// Their timers.
    pub transaction_timers: usize,
    /// Connections that stay open for calls.
    pub connections: usize,
    /// Endpoints at the relay that are not told closed.
    pub endpoints: usize,
    /// Records that wait for the relay's reports.
    pub unreported: usize,
}

// === impl Node ===

impl Node {
    /// A shard without accounts; give it what the journal holds by [`Node::restore`] before any input.
    pub fn new(
        identity: Identity,
        config: Arc<ConfigSnapshot>,
        carrier_slots: Arc<dyn CarrierSlots + Send + Sync>,
    ) -> Self {
        let mut engine = Engine::new();
        engine.set_decks(Arc::clone(&config.decks));
        engine.set_warning_secs(config.media.warning_secs);
        let mut node = Self {
            sip: Endpoint::new(identity.key, identity.shard, config.timing),
            calls: Calls::default(),
            money: Money { engine, lending: None, expiry_at: Tick::NEVER },
            peers: Peers::new(&config, carrier_slots),
            shedding: Shedding::default(),
            strangers: Arc::new(Strangers::new(identity.key)),
            lock_out: None,
            registrar: Registrar::default(),
            subscriptions: Subscriptions::default(),
            registrations: Registrations::default(),
            certificates: Certificates::default(),
            media: ShardMedia::new(&config.media, identity.key, identity.shard, identity.shards),
            records: Records::default(),
            timers: Wheel::new(),
            outputs: VecDeque::new(),
            counters: Counters::default(),
            pressure: Pressure::Ok,
            clock: ClockWatch::default(),
            draining: false,
            stopwatch: || 0,
            identity,
            config,
        };
        node.time_carriers();
        node
    }

    /// The one mutation. Due timers run with every input.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.watch_clock(now);
        self.watch_lending(now);
        match input {
            Input::Sip(arrival) => self.packet(now, arrival),
            Input::Unreachable(flow) => self.sip.unreachable(now, flow),
            Input::Closed(flow) => {
                self.sip.connection_closed(now, flow);
                self.registration_unplugged(now, flow);
                self.registrar.closed(flow);
                self.forget_subscriptions(Some(flow));
            }
            Input::Media(event) => self.media_event(now, event),
            Input::Engine { from, datagram } => self.media.outside.receive(now, from, &datagram),
            Input::Tick => {}
            Input::Durable(ticket) => self.durable(ticket),
            Input::Journal(pressure) => self.journal_stands(pressure),
            Input::Resolved { carrier, addresses, transport } => {
                self.resolved(&carrier, addresses, transport);
                self.registration_resolved(now, &carrier);
            }
            Input::Probed { carrier, status, pause_secs } => {
                self.probed_elsewhere(now, &carrier, status, pause_secs)
            }
            Input::Certificate(certificate) => self.certificate(now, &certificate),
            Input::Registered(account) => self.take_contacts(&account),
            Input::Reload(config) => self.reload(now, config),
            Input::Slices(order) => {
                self.write_unreported(Tick::NEVER);
                self.quota_command(now, order);
            }
            Input::Drain => self.draining = true,
            Input::Stop => self.stop(now),
            Input::Admin { ticket, request } => self.admin(now, ticket, request),
        }
        self.run_timers(now);
        self.write_unreported(now.tick);
        self.run_transactions(now);
        self.run_registrations(now);
        self.run_registrar(now);
        self.run_subscriptions(now);
        self.run_outside(now);
        while let Some(output) = self.sip.poll_output() {
            self.outputs.push_back(output);
        }
        // Behind the last answer to it.
        self.outputs.extend(self.lock_out.take().map(Output::LockedOut));
        self.journal_notices();
        self.run_expiry(now);
        self.send_quota_requests();
    }

    /// The next thing to be done outside; `None` when all is done.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// No later than this, [`Node::handle`] wants to be called again.
    pub fn deadline(&self) -> Tick {
        let timers = self.timers.next_deadline().unwrap_or(Tick::NEVER);
        let registrations = self.registrations.deadline().min(self.registrar.deadline());
        let registrations = registrations.min(self.subscriptions.deadline());
        let calls =
            timers.min(self.sip.deadline().unwrap_or(Tick::NEVER)).min(self.media.unreported.deadline());
        calls.min(self.money.expiry_at).min(registrations).min(self.outside_deadline())
    }

    /// Makes this shard count transcoded calls together with others. Once, before any input.
    pub fn share_channels(&mut self, channels: Arc<Channels>) {
        self.media.channels = channels;
    }

    /// Makes this shard judge unknown addresses by a table that others use too. Once, before any input.
    pub fn share_strangers(&mut self, strangers: Arc<Strangers>) {
        self.strangers = strangers;
    }

    /// Gives the metrics a clock of nanoseconds. Nothing that the node does depends on it.
    pub fn set_stopwatch(&mut self, stopwatch: fn() -> u64) {
        self.stopwatch = stopwatch;
    }

    /// The last moment that the journal knows of: the first reading of the clock is compared with it. Once,
    /// before [`Node::restore`].
    pub const fn set_last_moment(&mut self, last: units::Wall) {
        self.clock.begin(last);
    }

    /// Why the wall clock is not trusted at present, if it is not.
    pub const fn clock_doubt(&self) -> Option<ClockDoubt> {
        self.clock.doubt()
    }

    fn watch_clock(&mut self, now: Now) {
        if self.clock.look(now) && self.identity.shard == 0 {
            match self.clock.doubt() {
                Some(doubt) => tracing::error!("{doubt}"),
                None => tracing::warn!("the wall clock is trusted again: what is due expires"),
            }
        }
    }

    /// Whether a SIP account's phone is registered by UDP from this address: its keep-alives are answered.
    pub fn is_registered_at(&self, peer: std::net::SocketAddr) -> bool {
        self.registrar.is_at(peer)
    }

    /// How many contacts of this shard's SIP accounts can be reached, and how many cannot since their
    /// connections were closed.
    pub fn contacts_by_reach(&self) -> (usize, usize) {
        let contacts = self.registrar.iter().flat_map(|(_, contacts)| contacts);
        contacts.fold((0, 0), |(can, cannot), contact| match contact.is_reachable {
            true => (can + 1, cannot),
            false => (can, cannot + 1),
        })
    }

    /// Calls that are not over.
    pub const fn live_calls(&self) -> usize {
        self.calls.slots.len()
    }

    /// True when no call is live, every record was acknowledged, and no registration waits for its end.
    pub fn is_idle(&self) -> bool {
        self.calls.slots.len() == 0 && self.are_written() && !self.registrations.are_leaving()
    }

    /// Whether every call has its record and every record is on disk. Legs may still wait for the answer to a
    /// BYE.
    pub fn is_settled(&self) -> bool {
        self.are_written() && self.calls.slots.iter().all(|slot| slot.call.is_over())
    }

    /// No record waits for the disk or the relay.
    fn are_written(&self) -> bool {
        self.records.is_empty() && self.media.unreported.len() == 0
    }

    /// What is held for calls at present; nothing once the last call and its transactions are over.
    pub fn held(&self) -> Held {
        let load = self.sip.load();
        Held {
            calls: self.calls.slots.len(),
            ids: self.calls.by_id.len(),
            leases: self.money.engine.leases(),
            gate_places: self.calls.gate_calls.values().map(|calls| *calls as usize).sum(),
            ringing: self.calls.ringing.len(),
            clients: load.clients,
            servers: load.servers,
            timers: self.timers.len(),
            transactions: load.transactions,
            transaction_timers: load.timers,
            connections: load.connections,
            endpoints: self.media.open() + self.media.outside.open_ends(),
            unreported: self.media.unreported.len(),
        }
    }

    /// The caller's Call-ID of the live call that a called leg's Call-ID belongs to.
    pub fn caller_call_id(&self, call_id: &str) -> Option<String> {
        let slot = self.calls.slots.look(self.sip.by_call_id(call_id)?)?;
        Some(slot.caller.facts().call_id)
    }

    /// How many outputs wait for [`Self::poll`].
    pub fn outputs_waiting(&self) -> usize {
        self.outputs.len()
    }

    /// Takes what was counted since the last time.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.counters)
    }

    /// The rating engine, for reading.
    pub const fn engine(&self) -> &Engine {
        &self.money.engine
    }

    /// Calls by [`call::Call::state`]; those that are over and wait for their last packets are not counted.
    pub fn calls_by_state(&self) -> BTreeMap<&'static str, u64> {
        let mut states = BTreeMap::new();
        for slot in self.calls.slots.iter().filter(|slot| !slot.call.is_over()) {
            *states.entry(slot.call.state()).or_default() += 1;
        }
        states
    }

    /// Carriers that are skipped at `now`, by name.
    pub fn carriers_down(&self, now: Tick) -> Vec<Name> {
        self.config
            .carriers
            .iter()
            .filter(|carrier| !self.peers.health.is_up(carrier.id, now))
            .map(|carrier| carrier.name.clone())
            .collect()
    }

    fn reload(&mut self, now: Now, config: Arc<ConfigSnapshot>) {
        self.money.engine.set_decks(Arc::clone(&config.decks));
        self.money.engine.set_warning_secs(config.media.warning_secs);
        self.config = config;
        // They were verified by the roots of before.
        self.certificates.forget();
        self.calls.limiters.clear();
        self.bootstrap_accounts(now);
        self.time_carriers();
        self.schedule_probes(now);
        self.adopt_registrations(now);
        self.forget_contacts();
        self.forget_subscriptions(None);
    }

    fn stop(&mut self, now: Now) {
        self.draining = true;
        for at in self.calls.slots.refs() {
            self.drive(now, at, Event::Kill(call::HangupBy::Shutdown));
        }
        self.end_announcements(now);
        self.take_back_registrations(now);
        self.end_subscriptions(now);
    }

    fn run_timers(&mut self, now: Now) {
        while let Some((_, key)) = self.timers.pop(now.tick) {
            match key {
                TimerKey::Call(at) => self.call_timer(now, at),
                TimerKey::Probes => self.run_probes(now),
            }
        }
    }
}
