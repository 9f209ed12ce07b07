//! The node: its state, its one mutation and its outputs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use call::{Actions, Event, LegId};
use hashbrown::HashMap;
use rating::Engine;
use route::{CarrierSlots, GateId, Health, RateLimiter};
use sip::token::Minter;
use sip::transaction::{ClientId, Layer, ServerId};
use units::wheel::{TimerId, Wheel};
use units::{Name, Now, Tick};

use crate::clock::{ClockDoubt, ClockWatch};
use crate::io::{Input, Output, Pressure};
use crate::leg::{Leg, LegState};
use crate::parties::Ringing;
use crate::probe::Probes;
use crate::records::Unpublished;
use crate::slot::{CallRef, Slot, Slots};
use crate::user_agents::UserAgents;
use crate::{Counters, Tables};

/// Hash maps whose keys are our own ids: fast and the same on every run.
pub(crate) type Ids<K, V> = HashMap<K, V, foldhash::fast::FixedState>;

/// A 100 is sent only if nothing else was by then (RFC 3261 §17.2.1 allows 200 ms): most carriers ring sooner.
const TRYING_AFTER_MS: u64 = 100;

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

/// One shard.
pub struct Node {
    pub(crate) identity: Identity,
    pub(crate) tables: Arc<Tables>,
    pub(crate) layer: Layer,
    pub(crate) minter: Minter,
    pub(crate) engine: Engine,
    pub(crate) health: Health,
    pub(crate) carrier_slots: Arc<dyn CarrierSlots + Send + Sync>,
    pub(crate) limiters: Vec<(GateId, RateLimiter)>,
    pub(crate) gate_calls: HashMap<GateId, u32, foldhash::fast::FixedState>,
    pub(crate) slots: Slots,
    /// What our client transactions are for.
    pub(crate) clients: Ids<ClientId, Client>,
    /// The INVITEs and UPDATEs that wait for our answer or its ACK.
    pub(crate) servers: Ids<ServerId, (CallRef, LegId)>,
    /// By the half of their id that no other call of this run has.
    pub(crate) by_id: Ids<u64, CallRef>,
    pub(crate) wheel: Wheel<TimerKey>,
    pub(crate) probes: Probes,
    pub(crate) user_agents: UserAgents,
    pub(crate) ringing: Ringing,
    /// Connections that calls live on, and how many do.
    pub(crate) kept: Ids<u64, u32>,
    pub(crate) probe_timer: TimerId,
    pub(crate) unpublished: Unpublished,
    /// When to look whether credit expired.
    pub(crate) expiry_at: Tick,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) scratch: Actions,
    pub(crate) counters: Counters,
    pub(crate) pressure: Pressure,
    pub(crate) clock: ClockWatch,
    /// How far lent balances may be trusted; none if the balances are this node's own.
    pub(crate) gate: Option<rating::quotas::client::Gate>,
    pub(crate) draining: bool,
    /// Nanoseconds of a clock that only metrics see; 0 without one.
    pub(crate) stopwatch: fn() -> u64,
    /// The carrier's name where there is none.
    pub(crate) nobody: Name,
    pub(crate) minted_calls: u64,
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
}

/// What a client transaction is for.
#[derive(Debug, Clone)]
pub(crate) enum Client {
    /// The INVITE of a carrier's leg.
    Invite(CallRef, LegId),
    /// A re-INVITE or UPDATE on a leg.
    Offer(CallRef, LegId),
    /// An OPTIONS on a leg.
    Liveness(CallRef, LegId),
    /// A BYE on a leg.
    Bye(CallRef, LegId),
    /// An INFO that answers one of the other leg's.
    Relay(CallRef, ServerId, Box<sip::Message>),
    /// An OPTIONS probe of a carrier.
    Probe(route::CarrierId),
    /// A BYE that nobody waits for.
    Farewell,
}

/// What the wheel wakes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TimerKey {
    /// A call's earliest deadline, its legs' session timers included.
    Call(CallRef),
    /// Probes of carriers.
    Probes,
}

/// The half of a call's id that no other call of this run has: boot and count.
pub(crate) const fn id_in_run(id: u128) -> u64 {
    id as u64
}

// === impl Node ===

impl Node {
    /// A shard without accounts; give it what the journal holds by [`Node::restore`] before any input.
    pub fn new(identity: Identity, tables: Arc<Tables>, carrier_slots: Arc<dyn CarrierSlots + Send + Sync>) -> Self {
        let minter = Minter::new(identity.key, identity.shard);
        let timing = sip::transaction::Timing { t1_ms: u64::from(tables.timing.t1_ms), ..sip::transaction::Timing::RFC3261 };
        let layer = Layer::new(
            minter.clone(),
            sip::transaction::Settings { timing, ..sip::transaction::Settings { trying_after_ms: TRYING_AFTER_MS, ..Default::default() } },
        );
        let mut engine = Engine::new();
        engine.set_decks(Arc::clone(&tables.decks));
        Self {
            minter,
            layer,
            engine,
            health: Health::new(&tables.carriers, Tick(0)),
            carrier_slots,
            limiters: Vec::new(),
            gate_calls: HashMap::default(),
            slots: Slots::default(),
            clients: Ids::default(),
            servers: Ids::default(),
            by_id: Ids::default(),
            wheel: Wheel::new(),
            probes: Probes::default(),
            user_agents: UserAgents::default(),
            ringing: Ringing::default(),
            kept: Ids::default(),
            probe_timer: TimerId::NONE,
            unpublished: Unpublished::default(),
            expiry_at: Tick::NEVER,
            outputs: VecDeque::new(),
            scratch: Actions::new(),
            counters: Counters::default(),
            pressure: Pressure::Ok,
            clock: ClockWatch::default(),
            gate: None,
            draining: false,
            stopwatch: || 0,
            nobody: "".into(),
            minted_calls: 0,
            identity,
            tables,
        }
    }

    /// The one mutation. Due timers run with every input.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.watch_clock(now);
        self.watch_gate(now);
        match input {
            Input::Sip { flow, message } => self.sip(now, flow, message),
            Input::Unreachable(flow) => self.layer.transport_failed(now.tick, flow),
            Input::Closed(flow) => self.connection_closed(now, flow),
            Input::Tick => {}
            Input::Durable(ticket) => self.durable(ticket),
            Input::Journal(pressure) => self.journal_stands(pressure),
            Input::Resolved { carrier, addresses } => self.resolved(&carrier, addresses),
            Input::Probed { carrier, status, pause_secs } => self.probed_elsewhere(now, &carrier, status, pause_secs),
            Input::Reload(tables) => self.reload(now, tables),
            Input::Slices(order) => self.quota_command(now, order),
            Input::Drain => self.draining = true,
            Input::Stop => self.stop(now),
            Input::Admin { ticket, request } => self.admin(now, ticket, request),
        }
        self.run_timers(now);
        self.run_layer(now);
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
        let timers = self.wheel.next_deadline().unwrap_or(Tick::NEVER);
        timers.min(self.layer.next_deadline().unwrap_or(Tick::NEVER)).min(self.expiry_at)
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

    /// Calls that are not over.
    pub const fn live_calls(&self) -> usize {
        self.slots.len()
    }

    /// True when no call is live and every record was acknowledged.
    pub fn is_idle(&self) -> bool {
        self.slots.len() == 0 && self.unpublished.is_empty()
    }

    /// Whether every call has its record and every record is on disk. Legs may still wait for the answer to a BYE.
    pub fn is_settled(&self) -> bool {
        self.unpublished.is_empty() && self.slots.iter().all(|slot| slot.call.is_over())
    }

    /// What is held for calls at present; nothing once the last call and its transactions are over.
    pub fn held(&self) -> Held {
        Held {
            calls: self.slots.len(),
            ids: self.by_id.len(),
            leases: self.engine.leases(),
            gate_places: self.gate_calls.values().map(|calls| *calls as usize).sum(),
            ringing: self.ringing.len(),
            clients: self.clients.len(),
            servers: self.servers.len(),
            timers: self.wheel.len(),
            transactions: self.layer.live().clients + self.layer.live().servers,
            transaction_timers: self.layer.live().timers,
            connections: self.kept.len(),
        }
    }

    /// Takes what was counted since the last time.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.counters)
    }

    /// The rating engine, for reading.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Calls by [`call::Call::state`]; those that are over and wait for their last packets are not counted.
    pub fn calls_by_state(&self) -> BTreeMap<&'static str, u64> {
        let mut states = BTreeMap::new();
        for slot in self.slots.iter().filter(|slot| !slot.call.is_over()) {
            *states.entry(slot.call.state()).or_default() += 1;
        }
        states
    }

    /// Carriers that are skipped at `now`, by name.
    pub fn carriers_down(&self, now: Tick) -> Vec<Name> {
        self.tables.carriers.iter().filter(|carrier| !self.health.is_up(carrier.id, now)).map(|carrier| carrier.name.clone()).collect()
    }

    fn reload(&mut self, now: Now, tables: Arc<Tables>) {
        self.engine.set_decks(Arc::clone(&tables.decks));
        self.tables = tables;
        self.limiters.clear();
        self.seed_accounts(now);
        self.schedule_probes(now);
    }

    fn stop(&mut self, now: Now) {
        self.draining = true;
        for at in self.slots.refs() {
            self.drive(now, at, Event::Kill(call::HangupBy::Shutdown));
        }
    }

    fn run_timers(&mut self, now: Now) {
        while let Some((_, key)) = self.wheel.pop(now.tick) {
            match key {
                TimerKey::Call(at) => self.call_timer(now, at),
                TimerKey::Probes => self.run_probes(now),
            }
        }
    }

    fn run_layer(&mut self, now: Now) {
        self.layer.handle_timeout(now.tick);
        while let Some(event) = self.layer.poll_event() {
            self.transaction_event(now, event);
        }
        while let Some(transmit) = self.layer.poll_transmit() {
            self.outputs.push_back(Output::Send { flow: transmit.flow, bytes: transmit.bytes });
        }
    }

    /// Gives a call an event and carries out what it wants.
    pub(crate) fn drive(&mut self, now: Now, at: CallRef, event: Event) {
        let Some(mut slot) = self.slots.take(at) else { return };
        self.drive_slot(now, &mut slot, event);
        self.park(now, slot);
    }

    /// As [`Node::drive`], for a call that is in hand.
    pub(crate) fn drive_slot(&mut self, now: Now, slot: &mut Slot, event: Event) {
        let mut actions = std::mem::take(&mut self.scratch);
        slot.call.handle(now, event, &mut actions);
        self.carry_out(now, slot, &mut actions);
        self.scratch = actions;
    }

    /// Carries out actions until none is left; their answers may bring new ones.
    pub(crate) fn carry_out(&mut self, now: Now, slot: &mut Slot, actions: &mut Actions) {
        while let Some(action) = actions.pop_front() {
            if let Some(event) = self.execute(now, slot, action) {
                slot.call.handle(now, event, actions);
            }
        }
    }

    /// Puts a call back, with its timer; or forgets it if nothing will happen any more.
    pub(crate) fn park(&mut self, now: Now, mut slot: Box<Slot>) {
        if slot.call.is_over() && slot.all_gone() {
            self.wheel.cancel(slot.timer);
            self.by_id.remove(&id_in_run(slot.call.id()));
            self.slots.release(slot.me);
            slot.kept.iter().for_each(|conn| self.let_go(*conn));
            return;
        }
        let legs = std::iter::once(&slot.caller).chain(&slot.carriers);
        let due = |leg: &Leg| leg.session.deadline().min(leg.liveness.deadline(&leg.session));
        let sessions = legs.filter(|leg| matches!(leg.state, LegState::Confirmed)).map(due).min();
        let invite = if matches!(slot.caller.state, LegState::Incoming { .. }) { slot.expires_at } else { Tick::NEVER };
        let wanted = slot.call.deadline().min(sessions.unwrap_or(Tick::NEVER)).min(invite);
        // A timer that comes too early is harmless; only an earlier deadline needs a new one.
        if wanted < slot.timer_at || slot.timer_at <= now.tick {
            self.wheel.cancel(slot.timer);
            slot.timer_at = wanted;
            slot.timer = if wanted == Tick::NEVER { TimerId::NONE } else { self.wheel.insert(wanted, TimerKey::Call(slot.me)) };
        }
        self.slots.put(slot);
    }

    fn call_timer(&mut self, now: Now, at: CallRef) {
        let Some(mut slot) = self.slots.take(at) else { return };
        slot.timer = TimerId::NONE;
        slot.timer_at = Tick::NEVER;
        if slot.call.deadline() <= now.tick {
            self.drive_slot(now, &mut slot, Event::Timeout);
        }
        if slot.expires_at <= now.tick && matches!(slot.caller.state, LegState::Incoming { .. }) {
            slot.expires_at = Tick::NEVER;
            self.drive_slot(now, &mut slot, Event::Cancelled);
        }
        self.session_timers(now, &mut slot);
        self.park(now, slot);
    }
}
