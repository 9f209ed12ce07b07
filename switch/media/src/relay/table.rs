//! The endpoints of one relay thread.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use units::Tick;
use units::slab::Slab;
use units::wheel::{TimerId, Wheel};

use super::control::{EndpointId, MediaCommand, MediaEvent};
use super::counters::{DropReason, RelayCounters};
use super::endpoint::{Component, Endpoint, Heard};

/// Place of an open endpoint in the table, used again after it is closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot(pub u32);

/// What the driver does about its sockets after a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing.
    None,
    /// Packets of the endpoint's ports are of this slot from now on.
    Opened(Slot),
    /// It cannot be opened: its ports are closed again. [`MediaEvent::OpenFailed`] says so if the table is
    /// full, nothing does if the endpoint is open already.
    Refused,
    /// The ports of this slot are closed.
    Closed(Slot),
}

/// What the driver does with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Sends it, as it stands in its buffer now.
    Send {
        /// From a port of this endpoint.
        slot: Slot,
        /// From this one of its ports.
        component: Component,
        /// To there.
        to: SocketAddr,
        /// So many octets of the buffer.
        bytes: usize,
    },
    /// Forgets it.
    Drop(DropReason),
}

/// The endpoints of one thread: packets and commands in, packets and events out.
#[derive(Debug)]
pub struct Relay {
    endpoints: Slab<Endpoint>,
    slots: BTreeMap<EndpointId, u32>,
    endpoints_max: usize,
    timers: Wheel<u32>,
    events: VecDeque<MediaEvent>,
    counters: RelayCounters,
}

// === impl Relay ===

impl Relay {
    /// A table of at most so many endpoints.
    pub const fn new(endpoints_max: usize) -> Self {
        Self {
            endpoints: Slab::new(),
            slots: BTreeMap::new(),
            endpoints_max,
            timers: Wheel::new(),
            events: VecDeque::new(),
            counters: RelayCounters {
                packets_in: 0,
                packets_out: 0,
                rtcp: 0,
                open_failed: 0,
                dropped: [0; DropReason::ALL.len()],
                endpoints: [0; 2],
            },
        }
    }

    /// Carries a command out. Ports of [`MediaCommand::Open`] are open when it is called. What names an
    /// endpoint that is not open is without effect.
    pub fn command(&mut self, now: Tick, command: MediaCommand) -> Effect {
        match command {
            MediaCommand::Open { endpoint, ours, timeout_ms, hold_timeout_ms } => {
                return self.open(Endpoint::new(endpoint, ours, timeout_ms, hold_timeout_ms));
            }
            MediaCommand::Peer { endpoint, peer } => {
                if let Some((slot, found)) = self.find(endpoint) {
                    let (before, after) = (found.kind, peer.kind);
                    found.set_peer(now, peer);
                    self.counters.endpoints[before as usize] -= 1;
                    self.counters.endpoints[after as usize] += 1;
                    self.set_timer(slot);
                }
            }
            MediaCommand::Pair { a, b } => self.pair(a, b),
            MediaCommand::Watch { endpoint } => {
                if let Some((slot, found)) = self.find(endpoint) {
                    found.watch(now);
                    self.set_timer(slot);
                }
            }
            MediaCommand::Close { endpoint } => return self.close(now, endpoint),
        }
        Effect::None
    }

    /// Judges a packet that came on a port of an endpoint, and makes it ready for its way.
    pub fn packet(
        &mut self,
        now: Tick,
        slot: Slot,
        component: Component,
        from: SocketAddr,
        packet: &mut [u8],
    ) -> Action {
        let bytes = packet.len();
        self.packet_in(now, slot, component, from, (packet, bytes))
    }

    /// The same with a buffer of which the packet is the beginning, so that it may grow: by
    /// [`super::ROOM`] at most.
    pub fn packet_in(
        &mut self,
        now: Tick,
        slot: Slot,
        component: Component,
        from: SocketAddr,
        packet: (&mut [u8], usize),
    ) -> Action {
        match self.pass(now, slot, component, from, packet) {
            Ok(action) => action,
            Err(reason) => {
                self.counters.count_drop(reason);
                Action::Drop(reason)
            }
        }
    }

    fn pass(
        &mut self,
        now: Tick,
        slot: Slot,
        component: Component,
        from: SocketAddr,
        (buffer, bytes): (&mut [u8], usize),
    ) -> Result<Action, DropReason> {
        let endpoint = self.endpoints.at_mut(slot.0).ok_or(DropReason::Unpaired)?;
        let packet = buffer.get_mut(..bytes).ok_or(DropReason::Malformed)?;
        let (heard, bytes) = endpoint.hear(now, component, from, packet)?;
        if let Heard::Rtp(header, _) = heard {
            endpoint.renumber(header, packet);
        }
        let (kind, partner) = (endpoint.kind, endpoint.partner);
        let is_rtcp = matches!(heard, Heard::Rtcp);
        let back = if is_rtcp { endpoint.mapping() } else { None };
        self.counters.packets_in += u64::from(!is_rtcp);
        let partner = partner.ok_or(DropReason::Unpaired)?;
        let other = self.endpoints.at_mut(partner).filter(|other| other.kind == kind);
        let other = other.ok_or(DropReason::Unpaired)?;
        let (component, to, bytes) = other.send(now, heard, back.as_ref(), (buffer, bytes))?;
        if is_rtcp {
            self.counters.rtcp += 1;
        } else {
            self.counters.packets_out += 1;
        }
        Ok(Action::Send { slot: Slot(partner), component, to, bytes })
    }

    /// Counts a packet that came on a port of an endpoint and was dropped before it could be judged, because
    /// it was longer than any, or that the system did not take.
    pub const fn count_drop(&mut self, reason: DropReason) {
        self.counters.count_drop(reason);
    }

    /// Tells who fell silent by now.
    pub fn tick(&mut self, now: Tick) {
        while let Some(slot) = self.due(now) {
            self.look(now, slot);
        }
    }

    /// The next endpoint that may have fallen silent by now: [`Self::look`] has to follow.
    pub fn due(&mut self, now: Tick) -> Option<Slot> {
        self.timers.pop(now).map(|(_, slot)| Slot(slot))
    }

    /// Tells whether one that was due is silent.
    pub fn look(&mut self, now: Tick, Slot(slot): Slot) {
        if let Some(endpoint) = self.endpoints.at_mut(slot) {
            *endpoint.timer() = TimerId::NONE;
            if endpoint.silent_at().is_some_and(|at| at <= now) {
                endpoint.tell_silence();
                let (id, last, partner) = (endpoint.id(), endpoint.last, endpoint.partner);
                let last_of_other = partner.and_then(|other| self.endpoints.at(other)?.last);
                self.events.push_back(MediaEvent::Silent { endpoint: id, last, last_of_other });
            }
            self.set_timer(slot);
        }
    }

    pub(super) const fn endpoints(&self) -> &Slab<Endpoint> {
        &self.endpoints
    }

    pub(super) fn endpoint_mut(&mut self, slot: Slot) -> Option<&mut Endpoint> {
        self.endpoints.at_mut(slot.0)
    }

    pub(super) fn slot_of(&self, endpoint: EndpointId) -> Option<Slot> {
        self.slots.get(&endpoint).copied().map(Slot)
    }

    pub(super) const fn counts_elsewhere(&mut self, packets: u64) {
        self.counters.packets_in += packets;
        self.counters.packets_out += packets;
    }

    /// When to call [`Self::tick`] next.
    pub fn next_deadline(&self) -> Option<Tick> {
        self.timers.next_deadline()
    }

    /// The next event. Taken after each command and tick until there is none, so that few wait.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// What passed since the beginning.
    pub const fn counters(&self) -> &RelayCounters {
        &self.counters
    }

    /// Tells that the ports of an endpoint cannot be opened.
    pub fn open_failed(&mut self, endpoint: EndpointId) {
        self.counters.open_failed += 1;
        self.events.push_back(MediaEvent::OpenFailed { endpoint });
    }

    /// Takes an endpoint back that was opened, but whose packets cannot be waited for. Nothing is told.
    pub fn forget(&mut self, endpoint: EndpointId) {
        let before = self.events.len();
        self.close(Tick(0), endpoint);
        self.events.truncate(before);
    }

    /// Names of the open endpoints.
    pub fn open_endpoints(&self) -> impl Iterator<Item = EndpointId> {
        self.slots.keys().copied()
    }

    /// Whether an endpoint of this name is open.
    pub fn is_open(&self, endpoint: EndpointId) -> bool {
        self.slots.contains_key(&endpoint)
    }

    fn open(&mut self, endpoint: Endpoint) -> Effect {
        if self.slots.contains_key(&endpoint.id()) {
            return Effect::Refused;
        }
        if self.endpoints.len() >= self.endpoints_max {
            self.open_failed(endpoint.id());
            return Effect::Refused;
        }
        let (id, kind) = (endpoint.id(), endpoint.kind);
        let (slot, _) = self.endpoints.insert(endpoint);
        self.slots.insert(id, slot);
        self.counters.endpoints[kind as usize] += 1;
        Effect::Opened(Slot(slot))
    }

    fn pair(&mut self, a: EndpointId, b: EndpointId) {
        let (Some(&a), Some(&b)) = (self.slots.get(&a), self.slots.get(&b)) else { return };
        if a == b || self.endpoints.at(a).is_some_and(|endpoint| endpoint.partner == Some(b)) {
            return;
        }
        for (one, with) in [(a, b), (b, a)] {
            self.part(one);
            if let Some(endpoint) = self.endpoints.at_mut(one) {
                endpoint.pair(with);
            }
        }
    }

    /// Ends the pair of an endpoint.
    fn part(&mut self, slot: u32) {
        let partner = self.endpoints.at_mut(slot).and_then(|endpoint| endpoint.partner.take());
        if let Some(other) = partner.and_then(|partner| self.endpoints.at_mut(partner))
            && other.partner == Some(slot)
        {
            other.partner = None;
        }
    }

    fn close(&mut self, now: Tick, id: EndpointId) -> Effect {
        let Some(slot) = self.slots.remove(&id) else { return Effect::None };
        self.part(slot);
        if let Some(mut endpoint) = self.endpoints.remove(slot) {
            self.timers.cancel(*endpoint.timer());
            self.counters.endpoints[endpoint.kind as usize] -= 1;
            self.events.push_back(MediaEvent::Closed { endpoint: id, report: endpoint.report(now) });
        }
        Effect::Closed(Slot(slot))
    }

    fn find(&mut self, id: EndpointId) -> Option<(u32, &mut Endpoint)> {
        let slot = *self.slots.get(&id)?;
        Some((slot, self.endpoints.at_mut(slot)?))
    }

    /// Looks again when the endpoint's side may be silent.
    fn set_timer(&mut self, slot: u32) {
        let Some(endpoint) = self.endpoints.at_mut(slot) else { return };
        let at = endpoint.silent_at();
        self.timers.cancel(*endpoint.timer());
        *endpoint.timer() = at.map_or(TimerId::NONE, |at| self.timers.insert(at, slot));
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
