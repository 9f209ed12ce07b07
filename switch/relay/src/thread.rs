//! One thread of the relay: its ports, its table of endpoints and its loop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use dtls::Handshaken;
use media::relay::{
    Action, Component, DropReason, Effect, EndpointId, MediaCommand, MediaEvent, ROOM, Relay, Slot,
};
use net::{Interest, MediaPort, Poller, Ready};
use units::Tick;

use crate::command::endpoint;
use crate::driver::Driver;
use crate::fast::FastStreams;
use crate::handshakes::HandshakesOf;
use crate::pace::Pace;
use crate::recorder::RecorderOf;
use crate::shared::Shared;
use crate::transcoding::WorkersOf;

/// Longest datagram that is relayed, in bytes; those of this length are taken for longer ones. Not a power of
/// two, so that buffers side by side do not begin in the same lines of the processor's cache.
const DATAGRAM_MAX: usize = 2_048 + 64;
/// Behind it there is room for what the longest grows by.
const BUFFER_BYTES: usize = DATAGRAM_MAX + ROOM;
/// Packets that are received, judged and sent together: enough that the code of each is in the processor's
/// cache for the next and receivers wake up once for many, few enough that the first does not wait long.
const BATCH: usize = 64;
/// Datagrams that are dropped are followed by so many more of the same port before others have their turn.
const DROPPED_AT_ONCE: usize = 16;
/// Packets of ours that are sent before those of others have their turn.
const PLAYED_AT_ONCE: usize = 64;
/// Commands that are carried out before packets have their turn.
const COMMANDS_AT_ONCE: usize = 64;
/// Before all threads of ordinary priority.
const NICE: i32 = -15;
/// Threads with longer turns do not end theirs first when a packet comes.
const SLICE: Duration = Duration::from_micros(200);
/// Ports that cannot be opened are logged so often at most, in microseconds.
const LOG_EVERY_US: u64 = 60_000_000;
/// Packets from the workers that are sent before others have their turn.
const TRANSCODED_AT_ONCE: usize = 64;
/// What handshakes made is taken so often before others have their turn.
const HANDSHAKES_AT_ONCE: usize = 32;
/// After so long what the workers and the recorder had no room for is given to them again.
const RETRY: Duration = Duration::from_millis(5);

/// See the module.
pub(crate) struct MediaThread<C, E> {
    driver: Driver<C, E>,
    queue: Receiver<MediaCommand>,
    shared: Arc<Shared>,
    relay: Relay,
    workers: WorkersOf,
    recorder: RecorderOf,
    handshakes: HandshakesOf,
    /// By slot.
    ports: Vec<Option<Ports>>,
    buffers: Vec<[u8; BUFFER_BYTES]>,
    /// What waits in the buffers, in their order.
    batch: Vec<Packet>,
    pace: Pace,
    fast: Option<FastStreams>,
    logs_again_at: Tick,
}

/// A packet that came, and where it goes.
struct Packet {
    slot: Slot,
    component: Component,
    from: SocketAddr,
    bytes: usize,
    action: Action,
}

/// The two ports of an endpoint. Closing them takes them out of the poller.
struct Ports {
    ours: SocketAddr,
    rtp: MediaPort,
    rtcp: MediaPort,
}

/// Gives the calling thread a higher priority, where the process may, and short turns.
pub(crate) fn raise() -> io::Result<()> {
    net::nice_thread(NICE).and(net::shorten_slices(SLICE))
}

// === impl Ports ===

impl Ports {
    /// The even port and the next.
    fn bind(ours: SocketAddr) -> io::Result<Self> {
        let next = ours.port().checked_add(1).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let (rtp, rtcp) = (MediaPort::bind(ours)?, MediaPort::bind(SocketAddr::new(ours.ip(), next))?);
        Ok(Self { ours, rtp, rtcp })
    }

    const fn of(&self, component: Component) -> &MediaPort {
        match component {
            Component::Rtp => &self.rtp,
            Component::Rtcp => &self.rtcp,
        }
    }
}

const fn token(slot: Slot, component: Component) -> u64 {
    (slot.0 as u64) << 1 | component as u64
}

const fn place(token: u64) -> (Slot, Component) {
    (Slot((token >> 1) as u32), if token & 1 == 0 { Component::Rtp } else { Component::Rtcp })
}

// === impl MediaThread ===

impl<C: Fn() -> Tick, E: Fn(MediaEvent)> MediaThread<C, E> {
    pub(crate) fn new(
        driver: Driver<C, E>,
        queue: Receiver<MediaCommand>,
        (shared, workers, recorder, handshakes): (Arc<Shared>, WorkersOf, RecorderOf, HandshakesOf),
        endpoints_max: usize,
        fast: Option<FastStreams>,
    ) -> Self {
        Self {
            driver,
            queue,
            shared,
            relay: Relay::new(endpoints_max),
            workers,
            recorder,
            handshakes,
            ports: Vec::new(),
            buffers: vec![[0; BUFFER_BYTES]; BATCH],
            batch: Vec::with_capacity(BATCH),
            pace: Pace::default(),
            fast,
            logs_again_at: Tick(0),
        }
    }

    /// Runs until the relay is stopped.
    pub(crate) fn run(mut self, mut poller: Poller) {
        let mut last = (self.driver.clock)();
        loop {
            let timeout = self.timeout(last);
            let waited = poller.wait(timeout, |ready| self.receive(ready));
            if let Err(error) = waited {
                // Only a broken descriptor does that; without it no packet comes any more.
                tracing::error!(%error, "the media relay cannot wait for packets: its thread ends");
                return;
            }
            let now = (self.driver.clock)();
            last = now;
            self.relay_batch(now);
            self.send_transcoded(now);
            self.send_handshakes();
            self.play(now);
            self.tick(now);
            // Before the queue is looked at: what was sent before the stop is carried out.
            let is_stopping = self.shared.is_stopping();
            self.carry_out(now, &poller);
            self.workers.command(&mut self.relay);
            self.recorder.command(&mut self.relay);
            self.handshakes.command(&mut self.relay);
            self.tell();
            if is_stopping && self.queue.is_empty() {
                self.close_all(now);
                return;
            }
            self.shared.publish(self.relay.counters());
            if let Some(pause) = self.pace.pause(now) {
                std::thread::sleep(pause);
            }
        }
    }

    /// From `now`, which is at most a turn ago, until the next deadline; no time at all while commands wait.
    fn timeout(&self, now: Tick) -> Option<Duration> {
        let is_behind = !self.queue.is_empty() || self.workers.has_packets() || self.handshakes.has_made();
        if is_behind || self.shared.is_stopping() {
            return Some(Duration::ZERO);
        }
        let at = [self.relay.next_deadline(), self.fast.as_ref().map(FastStreams::next_deadline)];
        let at = at.into_iter().flatten().min();
        let wait = at.map(|at| Duration::from_micros(at.0.saturating_sub(now.0)));
        let is_behind = self.workers.is_behind() || self.recorder.is_behind() || self.handshakes.is_behind();
        if is_behind { Some(wait.unwrap_or(RETRY).min(RETRY)) } else { wait }
    }

    /// Tells who fell silent by now, and looks after the streams in the kernel.
    fn tick(&mut self, now: Tick) {
        let Some(fast) = &mut self.fast else { return self.relay.tick(now) };
        while let Some(slot) = self.relay.due(now) {
            for slot in [Some(slot), self.relay.partner_of(slot)].into_iter().flatten() {
                fast.count(now, &mut self.relay, slot);
            }
            self.relay.look(now, slot);
        }
        let (slots, ports) = (self.ports.len() as u32, &self.ports);
        let ours = |slot: Slot| Some(ports.get(slot.0 as usize)?.as_ref()?.ours);
        fast.sweep(now, &mut self.relay, slots, ours);
        self.shared.publish_in_kernel(fast.packets());
    }

    /// What is in the kernel of the sides that a command is about is the thread's again.
    fn take_back(&mut self, now: Tick, command: &MediaCommand) {
        let Some(fast) = &mut self.fast else { return };
        let second = if let MediaCommand::Pair { b, .. } = command { Some(*b) } else { None };
        for endpoint in [Some(endpoint(command)), second].into_iter().flatten() {
            for slot in self.relay.slots_of(endpoint).into_iter().flatten() {
                fast.take_back(now, &mut self.relay, slot);
            }
        }
    }

    /// Takes a packet off a port, into the next buffer; with the last buffer all go on their way.
    fn receive(&mut self, ready: Ready) {
        let (slot, component) = place(ready.token);
        if let Some((bytes, from)) = self.take(slot, component, self.batch.len()) {
            let action = Action::Drop(DropReason::Malformed);
            self.batch.push(Packet { slot, component, from, bytes, action });
        }
        if self.batch.len() == BATCH {
            self.relay_batch((self.driver.clock)());
        }
    }

    fn take(&mut self, slot: Slot, component: Component, buffer: usize) -> Option<(usize, SocketAddr)> {
        let ports = self.ports.get(slot.0 as usize)?.as_ref()?;
        // An error that waits on the socket is taken away by this too.
        ports.of(component).recv(&mut self.buffers[buffer][..DATAGRAM_MAX]).ok().flatten()
    }

    /// Judges all packets of a batch, then sends them.
    fn relay_batch(&mut self, now: Tick) {
        let mut batch = std::mem::take(&mut self.batch);
        self.pace.count(batch.len());
        for (buffer, packet) in batch.iter_mut().enumerate() {
            packet.action = self.judge(now, packet, buffer);
        }
        for (buffer, packet) in batch.iter().enumerate() {
            self.send(packet.action, buffer);
        }
        for packet in &batch {
            if matches!(packet.action, Action::Drop(_)) {
                self.read_on(now, packet);
            }
        }
        batch.clear();
        self.batch = batch;
        self.pass_copies();
    }

    /// Gives copies of packets to whoever records or listens to their sides.
    fn pass_copies(&mut self) {
        while let Some(copied) = self.relay.poll_copy() {
            if copied.taken.records {
                self.recorder.give(copied);
            }
            if copied.taken.listens {
                self.workers.hear(copied);
            }
        }
    }

    fn judge(&mut self, now: Tick, packet: &Packet, buffer: usize) -> Action {
        let &Packet { slot, component, from, bytes, .. } = packet;
        if bytes == DATAGRAM_MAX {
            self.relay.count_drop(DropReason::Malformed);
            return Action::Drop(DropReason::Malformed);
        }
        let packet = &mut self.buffers[buffer][..];
        if let (Some(fast), Component::Rtp) = (&mut self.fast, component)
            && fast.is_new(slot, from, &packet[..bytes])
        {
            fast.take_back(now, &mut self.relay, slot);
        }
        self.relay.packet_in(now, slot, component, from, (packet, bytes))
    }

    /// Sends what is played and due; the buffers are free between two batches.
    fn play(&mut self, now: Tick) {
        for _ in 0..PLAYED_AT_ONCE {
            let Some(action) = self.relay.poll_packet(now, &mut self.buffers[0][..]) else { return };
            self.send(action, 0);
        }
    }

    fn send(&mut self, action: Action, buffer: usize) {
        let (slot, component, to, bytes) = match action {
            Action::Send { slot, component, to, bytes } => (slot, component, to, bytes),
            Action::Transcode { stream, bytes } => {
                let given = self.workers.give(stream, &self.buffers[buffer][..bytes]);
                return given.unwrap_or_else(|reason| self.relay.count_drop(reason));
            }
            Action::Handshake { handshake, bytes } => {
                return self.handshakes.give(handshake, &self.buffers[buffer][..bytes]);
            }
            Action::Taken | Action::Drop(_) => return,
        };
        let ports = self.ports.get(slot.0 as usize).and_then(Option::as_ref);
        let datagram = &self.buffers[buffer][..bytes];
        if !ports.is_some_and(|ports| matches!(ports.of(component).send(datagram, to), Ok(true))) {
            self.relay.count_drop(DropReason::Unsent);
        }
    }

    /// Sends what the workers made; the buffers are free between two batches.
    fn send_transcoded(&mut self, now: Tick) {
        for _ in 0..TRANSCODED_AT_ONCE {
            let Some((stream, bytes)) = self.workers.take_back(&mut self.buffers[0][..]) else { return };
            let action = self.relay.transcoded(now, stream, (&mut self.buffers[0][..], bytes));
            self.send(action, 0);
        }
    }

    /// Sends what handshakes have to say, and takes their keys.
    fn send_handshakes(&mut self) {
        for _ in 0..HANDSHAKES_AT_ONCE {
            let Some((handshake, made)) = self.handshakes.take_back() else { return };
            match made {
                Handshaken::Datagram(datagram) => {
                    let to = self.relay.handshake_to(handshake);
                    let ports = self.ports.get(handshake.slot as usize).and_then(Option::as_ref);
                    if let (Some(to), Some(ports)) = (to, ports)
                        && !matches!(ports.rtp.send(&datagram, to), Ok(true))
                    {
                        self.relay.count_drop(DropReason::Unsent);
                    }
                }
                Handshaken::Secured(keys) => self.relay.handshaken(handshake, Ok(keys)),
                Handshaken::Failed(failure) => self.relay.handshaken(handshake, Err(failure.words())),
            }
        }
    }

    /// Takes more of a port whose packet was dropped: a flood costs few waits, and good packets of other
    /// ports are not behind each of its packets.
    fn read_on(&mut self, now: Tick, dropped: &Packet) {
        let &Packet { slot, component, .. } = dropped;
        for _ in 1..DROPPED_AT_ONCE {
            let Some((bytes, from)) = self.take(slot, component, 0) else { return };
            let mut packet = Packet { slot, component, from, bytes, action: dropped.action };
            packet.action = self.judge(now, &packet, 0);
            if !matches!(packet.action, Action::Drop(_)) {
                return self.send(packet.action, 0);
            }
        }
    }

    /// Carries out some of the commands that wait.
    fn carry_out(&mut self, now: Tick, poller: &Poller) {
        for _ in 0..COMMANDS_AT_ONCE {
            let Ok(command) = self.queue.try_recv() else { return };
            self.take_back(now, &command);
            if let MediaCommand::Open { endpoint, ours, .. } = &command {
                let (endpoint, ours) = (*endpoint, *ours);
                if let Err(error) = self.open(now, poller, command) {
                    self.relay.open_failed(endpoint);
                    self.log_failure(now, ours, &error);
                }
            } else if let Effect::Closed(slot) = self.relay.command(now, command)
                && let Some(ports) = self.ports.get_mut(slot.0 as usize)
            {
                *ports = None;
            }
            self.tell();
        }
    }

    fn open(&mut self, now: Tick, poller: &Poller, command: MediaCommand) -> io::Result<()> {
        let MediaCommand::Open { endpoint, ours, .. } = &command else { return Ok(()) };
        if self.relay.is_open(*endpoint) {
            return Ok(());
        }
        let (endpoint, ports) = (*endpoint, Ports::bind(*ours)?);
        let Effect::Opened(slot) = self.relay.command(now, command) else { return Ok(()) };
        let place = slot.0 as usize;
        if self.ports.len() <= place {
            self.ports.resize_with(place + 1, || None);
        }
        let added = poller
            .add(&ports.rtp, token(slot, Component::Rtp), Interest::READ)
            .and_then(|()| poller.add(&ports.rtcp, token(slot, Component::Rtcp), Interest::READ));
        if added.is_err() {
            self.relay.forget(endpoint);
            return added;
        }
        self.ports[place] = Some(ports);
        Ok(())
    }

    fn log_failure(&mut self, now: Tick, ours: SocketAddr, error: &io::Error) {
        if now >= self.logs_again_at {
            self.logs_again_at = Tick(now.0.saturating_add(LOG_EVERY_US));
            tracing::warn!(
                %error,
                "cannot open the media ports from {ours} on, and its call ends (told once a minute): see \
                 whether another program has ports of `media.ports`, and the limit of open files"
            );
        }
    }

    /// Tells what happened; whoever hears it finds it in the counters.
    fn tell(&mut self) {
        while let Some(event) = self.relay.poll_event() {
            self.shared.publish(self.relay.counters());
            (self.driver.events)(event);
        }
    }

    /// Closes what is left.
    fn close_all(&mut self, now: Tick) {
        if let Some(fast) = &mut self.fast {
            (0..self.ports.len() as u32).for_each(|slot| fast.take_back(now, &mut self.relay, Slot(slot)));
        }
        let left: Vec<EndpointId> = self.relay.open_endpoints().collect();
        for endpoint in left {
            self.relay.command(now, MediaCommand::Close { endpoint });
            self.tell();
        }
        self.shared.publish(self.relay.counters());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_a_port() {
        for slot in [0, 1, 7_000, u32::MAX] {
            for component in [Component::Rtp, Component::Rtcp] {
                assert_eq!(place(token(Slot(slot), component)), (Slot(slot), component));
            }
        }
    }
}
