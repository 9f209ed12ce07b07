//! The endpoints of one relay thread.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use units::Tick;
use units::slab::Slab;
use units::wheel::{TimerId, Wheel};
use voice::FirstSound;
use voice::transcoder::TranscoderSettings;

use super::control::{
    EndpointId, Hearing, ListenCommand, MediaCommand, MediaEvent, StreamId, StreamKind, TranscodeCommand,
};
use super::copies::{Copied, Copies};
use super::counters::{DropReason, RelayCounters};
use super::endpoint::{Component, Endpoint, Heard, Transcoded};
use super::first_sounds::FirstSounds;
use super::player::Play;
use super::secured::{HandshakeCommand, HandshakeId, is_before_media};
use crate::record::RecordCommand;
use crate::recorded::RecordedSide;

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
    /// Gives it, as it stands in its buffer now, to the worker that transcodes its stream.
    Transcode {
        /// The stream, as it was begun by [`TranscodeCommand::Begin`].
        stream: StreamId,
        /// So many octets of the buffer.
        bytes: usize,
    },
    /// Gives it to whoever makes the handshake.
    Handshake {
        /// Of which it is.
        handshake: HandshakeId,
        /// So many octets of the buffer.
        bytes: usize,
    },
    /// Nothing: it was for the relay itself.
    Taken,
    /// Forgets it.
    Drop(DropReason),
}

/// The endpoints of one thread: packets and commands in, packets and events out.
#[derive(Debug)]
pub struct Relay {
    pub(super) endpoints: Slab<Endpoint>,
    slots: BTreeMap<EndpointId, u32>,
    endpoints_max: usize,
    timers: Wheel<u32>,
    /// When packets of what is played are due.
    due: Wheel<u32>,
    events: VecDeque<MediaEvent>,
    pub(super) counters: RelayCounters,
    /// Streams that were ever transcoded.
    transcoded: u32,
    to_workers: VecDeque<TranscodeCommand>,
    copies: Copies,
    /// Handshakes that were ever begun.
    pub(super) handshakes: u32,
    pub(super) to_handshakes: VecDeque<HandshakeCommand>,
    first_sounds: FirstSounds,
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
            due: Wheel::new(),
            events: VecDeque::new(),
            counters: RelayCounters {
                packets_in: 0,
                packets_out: 0,
                rtcp: 0,
                open_failed: 0,
                dropped: [0; DropReason::ALL.len()],
                endpoints: [0; 2],
            },
            transcoded: 0,
            to_workers: VecDeque::new(),
            copies: Copies::new(),
            handshakes: 0,
            to_handshakes: VecDeque::new(),
            first_sounds: FirstSounds::new(),
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
                    let handshake = found.handshake();
                    found.set_peer(now, peer);
                    self.counters.endpoints[before as usize] -= 1;
                    self.counters.endpoints[after as usize] += 1;
                    self.renew_handshake(slot, handshake);
                    self.set_timer(slot);
                    self.play_on(now, slot);
                }
            }
            MediaCommand::Pair { a, b } => self.pair(a, b),
            MediaCommand::Transcode { endpoint, how } => self.transcode(endpoint, how.as_deref()),
            MediaCommand::Record { endpoint, how } => self.record(endpoint, how),
            MediaCommand::Listen { endpoint, hearing } => self.listen(now, endpoint, hearing),
            MediaCommand::Watch { endpoint } => {
                if let Some((slot, found)) = self.find(endpoint) {
                    found.watch(now);
                    self.set_timer(slot);
                }
            }
            MediaCommand::Play { endpoint, play } => self.play(now, endpoint, play),
            MediaCommand::Digit { endpoint, payload, digit, seed } => {
                if let Some((slot, found)) = self.find(endpoint)
                    && found.kind == StreamKind::Rtp
                {
                    let before =
                        found.playing().filter(|playing| !playing.has_digits()).map(|clip| clip.timer);
                    found.send_digit(now, payload, digit, seed);
                    self.due.cancel(before.unwrap_or_default());
                    self.play_on(now, slot);
                }
            }
            MediaCommand::Events { endpoint, payload } => {
                if let Some((_, found)) = self.find(endpoint) {
                    found.tell_events(payload);
                }
            }
            MediaCommand::StopPlay { endpoint } => {
                let timer = self.find(endpoint).and_then(|(_, found)| found.stop_play());
                self.due.cancel(timer.unwrap_or_default());
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
        let packet = buffer.get_mut(..bytes).ok_or(DropReason::Malformed)?;
        if is_before_media(packet)
            && component == Component::Rtp
            && let Some(action) = self.before_media(now, slot, from, packet)
        {
            return action;
        }
        let endpoint = self.endpoints.at_mut(slot.0).ok_or(DropReason::Unpaired)?;
        let (heard, bytes) = endpoint.hear(now, component, from, packet)?;
        if let Heard::Rtp(header, _) = heard {
            if endpoint.taken.is_any() {
                self.copies.push(endpoint.id(), endpoint.taken, packet.get(..bytes).unwrap_or_default());
            }
            if endpoint.tells(header) {
                self.counters.packets_in += 1;
                if let Some(digit) = endpoint.hear_digit(now, header, packet.get(..bytes).unwrap_or_default())
                {
                    self.events.push_back(MediaEvent::Digit { endpoint: endpoint.id(), digit });
                }
                return Err(DropReason::Replaced);
            }
            endpoint.renumber(header, packet);
        }
        let (kind, partner, transcoded) = (endpoint.kind, endpoint.partner, endpoint.transcoded);
        let is_rtcp = matches!(heard, Heard::Rtcp);
        let back = if is_rtcp { endpoint.mapping() } else { None };
        if is_rtcp && transcoded.is_some() {
            return self.answer_report(now, slot, (buffer, bytes));
        }
        self.counters.packets_in += u64::from(!is_rtcp);
        let partner = partner.ok_or(DropReason::Unpaired)?;
        let other = self.endpoints.at_mut(partner).filter(|other| other.kind == kind);
        let other = other.ok_or(DropReason::Unpaired)?;
        if let Some(Transcoded { number, .. }) = transcoded {
            other.may_be_sent(kind)?;
            return Ok(Action::Transcode { stream: StreamId { slot: slot.0, number }, bytes });
        }
        let (component, to, bytes) = other.send(now, heard, back.as_ref(), (buffer, bytes))?;
        if is_rtcp {
            self.counters.rtcp += 1;
        } else {
            self.counters.packets_out += 1;
        }
        Ok(Action::Send { slot: Slot(partner), component, to, bytes })
    }

    /// A report speaks of a stream that the other side does not know: it is answered.
    fn answer_report(
        &mut self,
        now: Tick,
        slot: Slot,
        (buffer, bytes): (&mut [u8], usize),
    ) -> Result<Action, DropReason> {
        let endpoint = self.endpoints.at_mut(slot.0).ok_or(DropReason::Unpaired)?;
        let Some(bytes) = endpoint.answer_report(now, (&mut *buffer, bytes)) else {
            return Ok(Action::Taken);
        };
        let (component, to, bytes) = endpoint.send(now, Heard::Rtcp, None, (buffer, bytes))?;
        self.counters.rtcp += 1;
        Ok(Action::Send { slot, component, to, bytes })
    }

    /// What the workers are to be told, in order. Taken after each command until there is nothing.
    pub fn poll_transcode(&mut self) -> Option<TranscodeCommand> {
        self.to_workers.pop_front()
    }

    /// What the recorder is to be told, in order. Taken after each command until there is nothing.
    pub fn poll_record(&mut self) -> Option<RecordCommand> {
        self.copies.poll_record()
    }

    /// What the workers are to be told of sides to listen to, as [`Self::poll_record`].
    pub fn poll_listen(&mut self) -> Option<ListenCommand> {
        self.copies.poll_listen()
    }

    /// The next packet for the recorder or a worker. Taken after the packets of a batch until there is none.
    pub fn poll_copy(&mut self) -> Option<&Copied> {
        self.copies.poll()
    }

    /// There is no recorder: whoever wants something recorded is told so.
    pub fn refuse_records(&mut self) {
        while let Some(command) = self.copies.poll_record() {
            if let RecordCommand::Begin(endpoint, _) = command {
                self.record(endpoint, None);
                self.events.push_back(MediaEvent::NotRecorded { endpoint });
            }
        }
    }

    fn record(&mut self, id: EndpointId, how: Option<Box<RecordedSide>>) {
        let Some((_, endpoint)) = self.find(id) else { return };
        let was_recorded = std::mem::replace(&mut endpoint.taken.records, how.is_some());
        match how {
            Some(how) => self.copies.record(RecordCommand::Begin(id, how)),
            None if was_recorded => self.copies.record(RecordCommand::End(id)),
            None => {}
        }
    }

    fn listen(&mut self, now: Tick, id: EndpointId, mut hearing: Option<Box<Hearing>>) {
        if self.find(id).is_none() {
            return;
        }
        if !hearing.as_ref().is_some_and(|hearing| hearing.first_sound) {
            self.first_sounds.free(id);
        } else if !self.first_sounds.take(now, id) {
            self.events.push_back(MediaEvent::FirstSound { endpoint: id, sound: FirstSound::Other });
            hearing = hearing.filter(|hearing| hearing.digits);
            hearing.iter_mut().for_each(|hearing| hearing.first_sound = false);
        }
        let Some((_, endpoint)) = self.find(id) else { return };
        let did_listen = std::mem::replace(&mut endpoint.taken.listens, hearing.is_some());
        match hearing {
            Some(hearing) => self.copies.listen(ListenCommand::Begin(id, hearing)),
            None if did_listen => self.copies.listen(ListenCommand::End(id)),
            None => {}
        }
    }

    fn transcode(&mut self, id: EndpointId, how: Option<&TranscoderSettings>) {
        let number = self.transcoded.wrapping_add(u32::from(how.is_some()));
        let Some((slot, endpoint)) = self.find(id) else { return };
        let clock = |how: &TranscoderSettings| how.outgoing.encoder.codec.clock_hz();
        let begun = how.map(|how| Transcoded { number, clock: clock(how) });
        let before = std::mem::replace(&mut endpoint.transcoded, begun);
        let partner = endpoint.partner;
        self.transcoded = number;
        if let Some(Transcoded { number, .. }) = before {
            self.to_workers.push_back(TranscodeCommand::End(StreamId { slot, number }));
        }
        if let Some(how) = how {
            self.to_workers.push_back(TranscodeCommand::Begin(StreamId { slot, number }, *how));
        }
        if let Some(other) = partner.and_then(|partner| self.endpoints.at_mut(partner)) {
            other.join();
        }
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

    /// When to call [`Self::tick`] and [`Self::poll_packet`] next.
    pub fn next_deadline(&self) -> Option<Tick> {
        let (timers, due) = (self.timers.next_deadline(), self.due.next_deadline());
        timers.into_iter().chain(due).min()
    }

    /// Writes the next packet of what is played that is due by now into a buffer of 1,500 octets, which it is
    /// the beginning of. To be called until there is none.
    pub fn poll_packet(&mut self, now: Tick, buffer: &mut [u8]) -> Option<Action> {
        while let Some((_, slot)) = self.due.pop(now) {
            let Some(endpoint) = self.endpoints.at_mut(slot) else { continue };
            let polled = endpoint.poll_packet(now, buffer);
            self.play_on(now, slot);
            match polled {
                Some(Ok((to, bytes))) => {
                    self.counters.packets_out += 1;
                    return Some(Action::Send { slot: Slot(slot), component: Component::Rtp, to, bytes });
                }
                Some(Err(reason)) => self.counters.count_drop(reason),
                None => {}
            }
        }
        None
    }

    fn play(&mut self, now: Tick, id: EndpointId, play: Play) {
        let Some((slot, endpoint)) = self.find(id) else { return };
        let before = endpoint.stop_play();
        endpoint.play(now, play);
        if endpoint.kind != StreamKind::Rtp
            && let Some(playing) = endpoint.playing()
        {
            playing.end();
        }
        self.due.cancel(before.unwrap_or_default());
        self.play_on(now, slot);
    }

    /// Waits for what is due next of what is played, or tells that it is over.
    fn play_on(&mut self, now: Tick, slot: u32) {
        let Some(endpoint) = self.endpoints.at_mut(slot) else { return };
        let id = endpoint.id();
        let Some(playing) = endpoint.playing() else { return };
        self.due.cancel(playing.timer);
        if playing.is_over(now) {
            let is_told = !playing.has_digits();
            endpoint.stop_play();
            if is_told {
                self.events.push_back(MediaEvent::Played { endpoint: id });
            }
        } else {
            playing.timer = self.due.insert(playing.due(), slot);
        }
    }

    pub(super) fn push_event(&mut self, event: MediaEvent) {
        self.events.push_back(event);
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
            if let Some(Transcoded { number, .. }) = endpoint.transcoded {
                self.to_workers.push_back(TranscodeCommand::End(StreamId { slot, number }));
            }
            if let Some(number) = endpoint.handshake() {
                self.to_handshakes.push_back(HandshakeCommand::End(HandshakeId { slot, number }));
            }
            if endpoint.taken.records {
                self.copies.record(RecordCommand::End(id));
            }
            if endpoint.taken.listens {
                self.copies.listen(ListenCommand::End(id));
                self.first_sounds.free(id);
            }
            self.timers.cancel(*endpoint.timer());
            self.due.cancel(endpoint.stop_play().unwrap_or_default());
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
