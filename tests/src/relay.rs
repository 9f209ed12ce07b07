//! The relay's core on the network of the tests: its ports, and the rules by which shards use them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::ops::Range;

use media::record::{RecordCommand, Recordings, Shelf};
use media::relay::{
    Action, Component, Effect, EndpointId, HandshakeCommand, HandshakeId, Listeners, MediaCommand,
    MediaEvent, PeerKeys, Relay, Slot,
};
use media::transcode::Transcoders;
use units::Tick;
use voice::wav::WAV_HEADER;

/// A closed pair of ports is not opened again for so long, ms.
const REST_MS: u64 = 10_000;
const PCMA: u8 = 8;

/// One relay thread, its ports open at once.
pub struct TestRelay {
    relay: Relay,
    /// Open ports: even ones, by endpoint and back.
    ports: BTreeMap<SocketAddr, (Slot, EndpointId)>,
    ours: BTreeMap<EndpointId, SocketAddr>,
    closed_at: BTreeMap<SocketAddr, Tick>,
    /// Every endpoint that ever was.
    known: BTreeSet<EndpointId>,
    /// Which ports cannot be opened, counted from the first: another program has them.
    pub failing: Range<usize>,
    /// Commands as they came.
    pub commands: Vec<MediaCommand>,
    /// What was played, until somebody takes it: to where, and the whole packet.
    pub played: Vec<(SocketAddr, Vec<u8>)>,
    /// Sequence number of the next packet of each sender.
    sequences: BTreeMap<SocketAddr, u16>,
    /// Its worker.
    transcoders: Transcoders<()>,
    listeners: Listeners,
    /// Its recorder, once a scenario has one.
    pub recorder: Option<Recordings<Files>>,
    /// What the worker and the recorder tell.
    events: VecDeque<MediaEvent>,
}

/// Recordings in memory, by name.
#[derive(Default)]
pub struct Files {
    /// Whole files.
    pub files: BTreeMap<String, Vec<u8>>,
    /// None can be opened.
    pub is_full: bool,
}

impl Shelf for Files {
    type File = String;

    fn open(&mut self, name: &str) -> Option<String> {
        if self.is_full {
            return None;
        }
        self.files.insert(name.to_owned(), vec![0; WAV_HEADER]);
        Some(name.to_owned())
    }

    fn append(&mut self, file: &mut String, octets: &[u8]) -> bool {
        self.files.get_mut(file).is_some_and(|kept| {
            kept.extend_from_slice(octets);
            true
        })
    }

    fn put_header(&mut self, file: &mut String, header: &[u8]) {
        if let Some(kept) = self.files.get_mut(file) {
            kept[..WAV_HEADER].copy_from_slice(header);
        }
    }
}

impl Default for TestRelay {
    fn default() -> Self {
        Self {
            relay: Relay::new(10_000),
            ports: BTreeMap::new(),
            ours: BTreeMap::new(),
            closed_at: BTreeMap::new(),
            known: BTreeSet::new(),
            failing: 0..0,
            commands: Vec::new(),
            played: Vec::new(),
            sequences: BTreeMap::new(),
            transcoders: Transcoders::default(),
            listeners: Listeners::default(),
            recorder: None,
            events: VecDeque::new(),
        }
    }
}

impl TestRelay {
    /// Carries a command out.
    ///
    /// # Errors
    /// What of the rules it breaks: a name or a port that is used again, a name that never was.
    pub fn command(&mut self, now: Tick, command: MediaCommand) -> Result<(), String> {
        self.commands.push(command.clone());
        match &command {
            MediaCommand::Open { endpoint, ours, .. } => return self.open(now, *endpoint, *ours, command),
            MediaCommand::Peer { endpoint, .. }
            | MediaCommand::Transcode { endpoint, .. }
            | MediaCommand::Watch { endpoint }
            | MediaCommand::Play { endpoint, .. }
            | MediaCommand::StopPlay { endpoint }
            | MediaCommand::Digit { endpoint, .. }
            | MediaCommand::Events { endpoint, .. }
            | MediaCommand::Record { endpoint, .. }
            | MediaCommand::Listen { endpoint, .. }
            | MediaCommand::Close { endpoint }
                if !self.known.contains(endpoint) =>
            {
                return Err(format!("{command:?} for an endpoint that never was"));
            }
            MediaCommand::Pair { a, b } if !self.known.contains(a) || !self.known.contains(b) => {
                return Err(format!("{command:?} of an endpoint that never was"));
            }
            MediaCommand::Close { endpoint } => {
                if let Some(ours) = self.ours.remove(endpoint) {
                    self.ports.remove(&ours);
                    self.closed_at.insert(ours, now);
                }
            }
            MediaCommand::Peer { .. }
            | MediaCommand::Watch { .. }
            | MediaCommand::Transcode { .. }
            | MediaCommand::Play { .. }
            | MediaCommand::StopPlay { .. }
            | MediaCommand::Digit { .. }
            | MediaCommand::Events { .. }
            | MediaCommand::Record { .. }
            | MediaCommand::Listen { .. }
            | MediaCommand::Pair { .. } => {}
        }
        self.relay.command(now, command);
        while let Some(command) = self.relay.poll_transcode() {
            self.transcoders.command((), command);
        }
        while let Some(command) = self.relay.poll_listen() {
            self.listeners.command(command);
        }
        match &mut self.recorder {
            None => self.relay.refuse_records(),
            Some(recorder) => {
                while let Some(command) = self.relay.poll_record() {
                    let begins = match &command {
                        RecordCommand::Begin(endpoint, _) => Some(*endpoint),
                        RecordCommand::End(_) => None,
                    };
                    if !recorder.command(now, command) {
                        self.events.extend(begins.map(|endpoint| MediaEvent::NotRecorded { endpoint }));
                    }
                }
            }
        }
        Ok(())
    }

    /// Copies of packets reach whoever records or listens.
    fn pass_copies(&mut self, now: Tick) {
        while let Some(copied) = self.relay.poll_copy() {
            if copied.taken.records
                && let Some(recorder) = &mut self.recorder
            {
                recorder.push(now, copied.endpoint, copied.packet());
            }
            if copied.taken.listens {
                self.listeners.hear(copied.endpoint, copied.packet(), |event| self.events.push_back(event));
            }
        }
    }

    /// Sides that are listened to, for digits or ringback.
    pub fn listened(&self) -> usize {
        self.listeners.len()
    }

    /// Streams that are transcoded.
    pub fn transcoded(&self) -> usize {
        self.transcoders.len()
    }

    /// What is due by now of what was transcoded: packets, and where they go.
    pub fn due(&mut self, now: Tick) -> Vec<(SocketAddr, Vec<u8>)> {
        let (mut sent, mut octets) = (Vec::new(), [0; 2_048]);
        while let Some(((), stream, bytes)) = self.transcoders.poll(now, &mut octets) {
            if let Action::Send { to, bytes, .. } = self.relay.transcoded(now, stream, (&mut octets, bytes)) {
                sent.push((to, octets[..bytes].to_vec()));
            }
        }
        sent
    }

    fn open(
        &mut self,
        now: Tick,
        endpoint: EndpointId,
        ours: SocketAddr,
        command: MediaCommand,
    ) -> Result<(), String> {
        if !self.known.insert(endpoint) {
            return Err(format!("{endpoint:?} is opened twice"));
        }
        if !ours.port().is_multiple_of(2) {
            return Err(format!("{ours} is odd"));
        }
        if let Some((_, other)) = self.ports.get(&ours) {
            return Err(format!("{ours} is open for {other:?} and is wanted for {endpoint:?}"));
        }
        if self.closed_at.get(&ours).is_some_and(|at| now < at.plus_ms(REST_MS)) {
            return Err(format!("{ours} did not rest"));
        }
        if self.failing.contains(&(self.known.len() - 1)) {
            self.relay.open_failed(endpoint);
            return Ok(());
        }
        if let Effect::Opened(slot) = self.relay.command(now, command) {
            self.ports.insert(ours, (slot, endpoint));
            self.ours.insert(endpoint, ours);
        }
        Ok(())
    }

    /// Whoever is silent by now is told, and what is played goes on.
    pub fn tick(&mut self, now: Tick) {
        let mut buffer = [0; 1_500];
        while let Some(action) = self.relay.poll_packet(now, &mut buffer) {
            if let Action::Send { to, bytes, .. } = action {
                self.played.push((to, buffer[..bytes].to_vec()));
            }
        }
        self.relay.tick(now);
        if let Some(recorder) = &mut self.recorder {
            recorder.turn(now);
        }
    }

    /// When [`Self::tick`] is wanted.
    pub fn deadline(&self) -> Tick {
        let recorder = self.recorder.as_ref().and_then(Recordings::next_deadline);
        self.relay.next_deadline().into_iter().chain(recorder).min().unwrap_or(Tick::NEVER)
    }

    /// What it tells.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front().or_else(|| self.relay.poll_event())
    }

    /// Every side that is known sends one packet, as long as `speaks` says so.
    pub fn chatter(&mut self, now: Tick, mut speaks: impl FnMut() -> bool) {
        let ports: Vec<(SocketAddr, EndpointId)> =
            self.ports.iter().map(|(ours, (_, id))| (*ours, *id)).collect();
        for (ours, endpoint) in ports {
            let said = self.commands.iter().rev().find_map(|command| match command {
                MediaCommand::Peer { endpoint: of, peer } if *of == endpoint => Some(peer.rtp),
                _ => None,
            });
            if let Some(from) = said.flatten().filter(|_| speaks()) {
                self.rtp(now, from, ours);
            }
        }
    }

    /// An RTP packet, the next in order of its sender; where it goes, if it is passed on.
    pub fn rtp(&mut self, now: Tick, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        self.rtp_as(now, from, to, PCMA).map(|(to, _)| to)
    }

    /// One of this payload number; where it goes, and as which.
    pub fn rtp_as(
        &mut self,
        now: Tick,
        from: SocketAddr,
        to: SocketAddr,
        payload: u8,
    ) -> Option<(SocketAddr, u8)> {
        let (slot, _) = *self.ports.get(&to)?;
        let sequence = self.sequences.entry(from).or_default();
        *sequence += 1;
        let mut packet = vec![0x80, payload];
        packet.extend(sequence.to_be_bytes());
        packet.extend((u32::from(*sequence) * 160).to_be_bytes());
        packet.extend((u32::from(from.port()) << 8 | 7).to_be_bytes());
        packet.extend([0xd5; 160]);
        let action = self.relay.packet(now, slot, Component::Rtp, from, &mut packet);
        self.pass_copies(now);
        match action {
            Action::Send { to, .. } => Some((to, packet[1])),
            Action::Transcode { .. } | Action::Handshake { .. } | Action::Taken | Action::Drop(_) => None,
        }
    }

    /// A datagram that is no RTP; where it goes.
    pub fn datagram(
        &mut self,
        now: Tick,
        from: SocketAddr,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Option<SocketAddr> {
        let (slot, _) = *self.ports.get(&to)?;
        match self.relay.packet(now, slot, Component::Rtp, from, &mut bytes.to_vec()) {
            Action::Send { to, .. } => Some(to),
            Action::Transcode { .. } | Action::Handshake { .. } | Action::Taken | Action::Drop(_) => None,
        }
    }

    /// Any packet of RTP; what of it goes where.
    pub fn packet(
        &mut self,
        now: Tick,
        from: SocketAddr,
        to: SocketAddr,
        packet: &[u8],
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let (slot, _) = *self.ports.get(&to)?;
        let mut buffer = packet.to_vec();
        buffer.resize(packet.len() + media::relay::ROOM, 0);
        let action = self.relay.packet_in(now, slot, Component::Rtp, from, (&mut buffer[..], packet.len()));
        self.pass_copies(now);
        match action {
            Action::Send { to, bytes, .. } => {
                buffer.truncate(bytes);
                Some((to, buffer))
            }
            Action::Transcode { stream, bytes } => {
                self.transcoders.push(now, (), stream, &buffer[..bytes]);
                None
            }
            Action::Handshake { .. } | Action::Taken | Action::Drop(_) => None,
        }
    }

    /// Packets that were dropped for this reason.
    pub fn dropped_for(&self, reason: media::relay::DropReason) -> u64 {
        self.relay.counters().dropped(reason)
    }

    /// Open ports.
    pub fn open_ports(&self) -> Vec<SocketAddr> {
        self.ports.keys().copied().collect()
    }

    /// Handshakes that were asked for since.
    pub fn handshakes(&mut self) -> Vec<HandshakeCommand> {
        std::iter::from_fn(|| self.relay.poll_handshake()).collect()
    }

    /// One of them is over.
    pub fn handshaken(&mut self, handshake: HandshakeId, made: Result<PeerKeys, &'static str>) {
        self.relay.handshaken(handshake, made);
    }

    /// Packets that were dropped.
    pub fn dropped(&self) -> u64 {
        self.relay.counters().dropped.iter().sum()
    }
}

/// Of which endpoint an event tells.
pub fn endpoint_of(event: &MediaEvent) -> EndpointId {
    match event {
        MediaEvent::OpenFailed { endpoint }
        | MediaEvent::Silent { endpoint, .. }
        | MediaEvent::Played { endpoint }
        | MediaEvent::NotRecorded { endpoint }
        | MediaEvent::Digit { endpoint, .. }
        | MediaEvent::FirstSound { endpoint, .. }
        | MediaEvent::Secured { endpoint }
        | MediaEvent::SecureFailed { endpoint, .. }
        | MediaEvent::Closed { endpoint, .. } => *endpoint,
    }
}
