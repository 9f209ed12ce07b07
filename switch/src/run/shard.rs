//! One shard's thread: waits once, takes all that came, gives it to the node, and sends what the node wants.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use central::QuotaRequest;
use crossbeam_channel::Receiver;
use net::{Interest, Poller, UdpBatch};
use node::{AdminReply, Arrival, Input, Node, Output};
use sip::flow::{Flow, Transport};
use sip::{Message, stun};
use store::{Appender, Entry, Load, Priority, QueueRefusal};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use units::{Now, Tick};

use crate::run::certificates::{self, Asked};
use crate::run::kept_registrations::Keeper;
use crate::run::engines::EngineSockets;
use crate::run::media::ShardRelay;
use crate::run::meter::Meter;
use crate::run::pace::Pace;
use crate::run::router::{Picture, Router, ShardMessage};
use crate::run::sip_log;
use crate::run::streams::Outgoing;

/// Batches taken from one socket before the others have their turn.
const BATCHES_PER_TURN: usize = 8;
/// Messages taken in one turn.
const SHARD_MESSAGES_PER_TURN: usize = 1_024;
/// Datagrams that wait for a full socket; the oldest go first, as the kernel would drop them.
const UNSENT_MAX: usize = 65_536;
/// How long a stop waits for answers to its BYEs: one retransmission, RFC 3261 timer E at 500 ms, has its
/// time.
const FAREWELL_MS: u64 = 1_000;
/// A keep-alive of a phone that sends by UDP what RFC 5626 §4.4.1 wants on streams.
const PING: &[u8] = b"\r\n\r\n";
/// Longest datagram of a phone that keeps its way through a NAT open without wanting an answer.
const BLANK_MAX: usize = 4;
/// Sleep while the media relay's queue is full.
const RETRY_SLEEP: Duration = Duration::from_millis(1);
/// Longest sleep: counters are handed on at least this often.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);

/// One shard with everything it owns.
pub(crate) struct Shard {
    pub number: u8,
    pub node: Node,
    pub router: Arc<Router>,
    pub poller: Poller,
    pub sockets: Vec<Udp>,
    pub shard_messages: Receiver<ShardMessage>,
    pub appender: Appender,
    pub streams: mpsc::Sender<Outgoing>,
    /// To whoever fetches certificates of callers' numbers.
    pub certificates: mpsc::Sender<Asked>,
    /// Keeps where SIP accounts are.
    pub registrations: Keeper,
    pub relay: ShardRelay,
    /// Toward relays outside.
    pub engines: EngineSockets,
    /// To the central ledger, if there is one.
    pub quota_requests: mpsc::Sender<QuotaRequest>,
    pub meter: Meter,
    pub asked: BTreeMap<u64, oneshot::Sender<AdminReply>>,
    pub tickets: u64,
    /// Records that the journal's queue had no room for, in order.
    pub backlog: VecDeque<(Entry, Priority)>,
    pub durable: u64,
    pub pressure: node::Pressure,
    pub pace: Pace,
}

/// A socket and what waits to be sent by it.
pub(crate) struct Udp {
    pub socket: UdpBatch,
    pub queue: VecDeque<(SocketAddr, Bytes)>,
    pub blocked: bool,
}

impl Shard {
    /// Runs until it was told to stop and is idle.
    pub(crate) fn run(mut self) -> io::Result<()> {
        for (token, udp) in self.sockets.iter().enumerate() {
            self.poller.add(&udp.socket, token as u64, Interest::READ)?;
        }
        let mut stopping = None;
        self.flush(self.router.clock.now())?;
        // Before anything from outside: what the start itself wrote.
        let begun_at = self.appender.last().0 + self.backlog.len() as u64;
        loop {
            let mut ready = Vec::with_capacity(self.sockets.len());
            let before = self.router.clock.now().tick;
            self.poller.wait(Some(self.sleep(before)), |socket| ready.push(socket))?;
            let now = self.router.clock.now();
            self.pace.waited(now.tick - before);
            for socket in ready {
                let at = socket.token as usize;
                if socket.error {
                    self.errors(now, at)?;
                }
                if socket.writable {
                    self.sockets[at].blocked = false;
                }
                if socket.readable {
                    self.receive(now, at)?;
                }
            }
            // First what the journal says: nothing is promised that it can no longer write.
            self.journal_news(now);
            self.note_begun(begun_at);
            self.take_media_events(now);
            if self.take_shard_messages(now) {
                stopping = stopping.or(Some(now.tick));
            }
            if self.node.deadline() <= now.tick {
                self.node.handle(now, Input::Tick);
            }
            self.flush(now)?;
            self.stand(now);
            if stopping.is_some_and(|since| self.is_done(since, now.tick)) {
                self.meter.flush(&mut self.node);
                return Ok(());
            }
            if let Some(pause) = self.pace.pause() {
                std::thread::sleep(pause);
            }
        }
    }

    fn note_begun(&self, begun_at: u64) {
        let begun = &self.router.standings[usize::from(self.number)].has_begun;
        if self.durable >= begun_at && !begun.load(Ordering::Relaxed) {
            begun.store(true, Ordering::Release);
        }
    }

    /// No call is left, and no record that waits for the disk. A peer that does not answer its BYE has had it
    /// twice and is not waited for; a journal that failed acknowledges nothing more, and is not either.
    fn is_done(&self, since: Tick, now: Tick) -> bool {
        let failed = self.pressure == node::Pressure::Failed;
        let waited = now >= since.plus_ms(FAREWELL_MS);
        let settled = self.node.is_idle()
            || (waited && self.node.is_settled())
            || (failed && self.node.live_calls() == 0 && self.node.held().unreported == 0);
        self.backlog.is_empty() && settled
    }

    fn sleep(&self, now: Tick) -> Duration {
        match self.node.deadline() {
            _ if self.relay.is_behind() => RETRY_SLEEP,
            Tick::NEVER => LONGEST_SLEEP,
            at => (at - now).min(LONGEST_SLEEP),
        }
    }

    fn receive(&mut self, now: Now, at: usize) -> io::Result<()> {
        let local = self.sockets[at].socket.local_addr();
        let mut taken: Vec<(Bytes, SocketAddr)> = Vec::new();
        for _ in 0..BATCHES_PER_TURN {
            let received = self.sockets[at].socket.recv_batch(|bytes, peer| taken.push((bytes, peer)))?;
            for (bytes, peer) in taken.drain(..) {
                self.packet(now, Flow::udp(local, peer), bytes);
            }
            if !received.more {
                break;
            }
        }
        Ok(())
    }

    fn packet(&mut self, now: Now, flow: Flow, bytes: Bytes) {
        if stun::is_stun(&bytes) || is_blank(&bytes) {
            return self.keep_alive(flow, &bytes);
        }
        let message = Message::parse(bytes);
        sip_log::received(&flow, &message);
        let found = self.router.find(flow, message);
        if let Some((shard, arrival)) = &found {
            self.router.share(*shard, arrival);
        }
        match found {
            Some((shard, arrival)) if shard == self.number => self.arrived(now, arrival),
            Some((shard, arrival)) => _ = self.router.post(shard, ShardMessage::Sip(Box::new(arrival))),
            None => {}
        }
    }

    /// A message for this shard. What a stranger sent is kept only if it was answered.
    fn arrived(&mut self, now: Now, arrival: Arrival) {
        let strange = arrival.is_strange() && arrival.leg_is_unknown();
        if strange && !self.router.is_known(arrival.flow.peer.ip()) {
            let (flow, bytes) = (arrival.flow, arrival.message.as_ref().ok().map(|it| it.bytes().clone()));
            let before = self.node.outputs_waiting();
            self.node.handle(now, Input::Sip(arrival));
            if let Some(bytes) = bytes.filter(|_| self.node.outputs_waiting() > before) {
                self.keep(now, trace::Direction::In, &flow, &bytes);
            }
            return;
        }
        if let Ok(message) = &arrival.message {
            self.keep(now, trace::Direction::In, &arrival.flow, message.bytes());
        }
        self.node.handle(now, Input::Sip(arrival));
    }

    /// Keeps a message for traces.
    fn keep(&self, now: Now, direction: trace::Direction, flow: &Flow, bytes: &Bytes) {
        let Flow { transport, local, peer, .. } = *flow;
        let envelope = trace::Envelope { at: now.wall, direction, transport, local, peer };
        self.router.trace.keep(usize::from(self.number), &envelope, bytes, &self.node);
    }

    /// A keep-alive of a known peer or of a registered phone is answered here; nobody else hears anything.
    fn keep_alive(&mut self, flow: Flow, bytes: &[u8]) {
        if !self.router.is_known(flow.peer.ip()) && !self.node.is_registered_at(flow.peer) {
            self.router.stranger(flow.peer.ip());
        } else if bytes == PING {
            self.queue(flow, Bytes::from_static(sip::framer::PONG));
        } else if let Some(answer) = stun::answer(bytes, flow.peer) {
            self.queue(flow, answer.into());
        }
    }

    /// ICMP errors: they start a failover and never end a call.
    fn errors(&mut self, now: Now, at: usize) -> io::Result<()> {
        let local = self.sockets[at].socket.local_addr();
        let mut lost = Vec::new();
        self.sockets[at].socket.recv_errors(|error| lost.push(error.peer))?;
        for peer in lost {
            let flow = Flow::udp(local, peer);
            // The kernel tells whichever socket it likes; every shard may have sent it.
            self.node.handle(now, Input::Unreachable(flow));
            for shard in (0..self.router.inboxes.len() as u8).filter(|shard| *shard != self.number) {
                self.router.post(shard, ShardMessage::Unreachable(flow));
            }
        }
        Ok(())
    }

    fn take_shard_messages(&mut self, now: Now) -> bool {
        let mut stopping = false;
        for _ in 0..SHARD_MESSAGES_PER_TURN {
            let Ok(shard_message) = self.shard_messages.try_recv() else { return stopping };
            let input = match shard_message {
                ShardMessage::Sip(arrival) => {
                    self.arrived(now, *arrival);
                    continue;
                }
                ShardMessage::Unreachable(flow) => Input::Unreachable(flow),
                ShardMessage::Closed(flow) => Input::Closed(flow),
                ShardMessage::Reload(config) => Input::Reload(config),
                ShardMessage::Resolved { carrier, addresses, transport } => {
                    Input::Resolved { carrier, addresses, transport }
                }
                ShardMessage::Probed { carrier, status, pause_secs } => {
                    Input::Probed { carrier, status, pause_secs }
                }
                ShardMessage::Certificate(certificate) => Input::Certificate(*certificate),
                ShardMessage::Registered(account) => Input::Registered(account),
                ShardMessage::Slices(order) => Input::Slices(order),
                ShardMessage::Drain => Input::Drain,
                ShardMessage::HangUp => Input::Stop,
                ShardMessage::Stop => {
                    stopping = true;
                    Input::Stop
                }
                ShardMessage::Admin { request, reply } => {
                    self.tickets += 1;
                    self.asked.insert(self.tickets, reply);
                    Input::Admin { ticket: self.tickets, request }
                }
            };
            self.node.handle(now, input);
        }
        // More messages wait: come back at once.
        self.router.inboxes[usize::from(self.number)].waker.wake();
        stopping
    }

    fn take_media_events(&mut self, now: Now) {
        for event in self.relay.events() {
            self.node.handle(now, Input::Media(event));
        }
        for (from, datagram) in self.engines.datagrams() {
            self.node.handle(now, Input::Engine { from, datagram });
        }
        if self.relay.has_more() || self.engines.has_more() {
            self.router.inboxes[usize::from(self.number)].waker.wake();
        }
    }

    /// What became durable, and whether there is room for more: in the journal, and under `node.max_calls`.
    fn journal_news(&mut self, now: Now) {
        let durable = self.appender.durable().0;
        if durable > self.durable {
            self.durable = durable;
            self.node.handle(now, Input::Durable(durable));
        }
        let crowded = self.router.live_calls() >= self.router.max_calls.load(Ordering::Relaxed);
        let pressure = match self.appender.pressure().load {
            Load::Ok if !crowded => node::Pressure::Ok,
            Load::Ok | Load::Half | Load::Full => node::Pressure::Half,
            Load::NoRoom => node::Pressure::NoRoom,
            Load::Failed => node::Pressure::Failed,
        };
        if pressure != self.pressure {
            self.pressure = pressure;
            self.node.handle(now, Input::Journal(pressure));
        }
    }

    /// Does all that the node wants.
    fn flush(&mut self, now: Now) -> io::Result<()> {
        self.retry_backlog();
        self.relay.retry();
        while let Some(output) = self.node.poll() {
            match output {
                Output::Send { flow, bytes } => {
                    sip_log::sent(&flow, &bytes);
                    self.keep(now, trace::Direction::Out, &flow, &bytes);
                    if flow.transport == Transport::Udp {
                        self.queue(flow, bytes)
                    } else {
                        self.stream(flow, bytes)
                    }
                }
                Output::Media(command) => self.relay.send(command),
                Output::Engine { to, datagram } => self.engines.send(to, &datagram),
                Output::KeepOpen { conn, wanted } => self.router.keep_open(conn, wanted),
                Output::Journal { live, record } => {
                    // What it says is done in memory: rather no switch than a record that is nowhere.
                    let entry = Entry::of(&record).expect("a record is always JSON");
                    self.append(entry, if live { Priority::Live } else { Priority::New });
                }
                Output::QuotaRequest { account, need } => {
                    // A full queue has requests enough.
                    let _ = self.quota_requests.try_send(QuotaRequest { account, need });
                }
                Output::FetchCertificate(url) => self.fetch_certificate(now, url),
                Output::Publish(cdr) => self.meter.publish(&cdr),
                Output::Probed { carrier, status, pause_secs } => {
                    for shard in (0..self.router.inboxes.len() as u8).filter(|shard| *shard != self.number) {
                        self.router.post(
                            shard,
                            ShardMessage::Probed { carrier: carrier.clone(), status, pause_secs },
                        );
                    }
                }
                Output::Registered(account) => {
                    for shard in (0..self.router.inboxes.len() as u8).filter(|shard| *shard != self.number) {
                        self.router.post(shard, ShardMessage::Registered(account.clone()));
                    }
                    self.registrations.changed(account);
                }
                Output::LockedOut(ip) => {
                    // Where there is no room, its connections end with their next message.
                    let _ = self.streams.try_send(Outgoing::LockedOut(ip));
                }
                Output::Reply { ticket, reply } => {
                    if let Some(asker) = self.asked.remove(&ticket) {
                        // Whoever asked may have gone.
                        let _ = asker.send(reply);
                    }
                }
            }
        }
        for at in 0..self.sockets.len() {
            self.send(at)?;
        }
        Ok(())
    }

    /// Whoever waits is told at once where nobody can fetch.
    fn fetch_certificate(&mut self, now: Now, url: stir::CertificateUrl) {
        let asked = Asked { shard: self.number, url };
        if let Err(TrySendError::Full(asked) | TrySendError::Closed(asked)) =
            self.certificates.try_send(asked)
        {
            let certificate = certificates::not_fetched(asked.url, "too many are asked for");
            self.node.handle(now, Input::Certificate(certificate));
        }
    }

    fn queue(&mut self, flow: Flow, bytes: Bytes) {
        let Some(udp) = self.sockets.iter_mut().find(|udp| udp.socket.local_addr() == flow.local) else {
            return;
        };
        if udp.queue.len() >= UNSENT_MAX {
            udp.queue.pop_front();
        }
        udp.queue.push_back((flow.peer, bytes));
    }

    fn send(&mut self, at: usize) -> io::Result<()> {
        let udp = &mut self.sockets[at];
        if udp.queue.is_empty() || udp.blocked {
            return Ok(());
        }
        let local = udp.socket.local_addr();
        let mut refused = Vec::new();
        let sent = udp.socket.send_batch(&mut udp.queue, |peer, error| refused.push((peer, error)))?;
        let was_blocked = std::mem::replace(&mut udp.blocked, sent.blocked);
        if was_blocked != sent.blocked {
            let interest = if sent.blocked { Interest::BOTH } else { Interest::READ };
            self.poller.modify(&self.sockets[at].socket, at as u64, interest)?;
        }
        let now = self.router.clock.now();
        for (peer, error) in refused {
            tracing::debug!(%peer, %error, "datagram refused by the kernel");
            self.node.handle(now, Input::Unreachable(Flow::udp(local, peer)));
        }
        Ok(())
    }

    fn stream(&mut self, flow: Flow, bytes: Bytes) {
        if self.streams.try_send(Outgoing::Message { shard: self.number, flow, bytes }).is_err() {
            // The streams' task is flooded: as if the peer could not be reached.
            self.router.post(self.number, ShardMessage::Unreachable(flow));
        }
    }

    fn append(&mut self, entry: Entry, priority: Priority) {
        if !self.backlog.is_empty() {
            return self.backlog.push_back((entry, priority));
        }
        if let Err(refused) = self.appender.append(entry, priority) {
            self.refused(refused.entry, refused.why);
        }
    }

    /// Records keep their order: what finds no room waits, and new calls are refused meanwhile. A failed
    /// journal still takes what live calls leave, for the unsaved file.
    fn refused(&mut self, entry: Entry, why: QueueRefusal) {
        match why {
            QueueRefusal::Full | QueueRefusal::Failed => self.backlog.push_front((entry, Priority::Live)),
            QueueRefusal::Closed => {
                tracing::error!(account = &*entry.account, "record after the journal was closed")
            }
        }
    }

    fn retry_backlog(&mut self) {
        while let Some((entry, priority)) = self.backlog.pop_front() {
            if let Err(refused) = self.appender.append(entry, priority) {
                return self.refused(refused.entry, refused.why);
            }
        }
    }

    /// Tells the other threads how this shard stands.
    fn stand(&mut self, now: Now) {
        let standing = &self.router.standings[usize::from(self.number)];
        standing.live_calls.store(self.node.live_calls() as u64, Ordering::Relaxed);
        if self.router.draining.load(Ordering::Relaxed) {
            standing.is_unsettled.store(!self.node.is_settled(), Ordering::Relaxed);
        }
        if self.meter.tick(now, &mut self.node) {
            let carriers_down = self.node.carriers_down(now.tick);
            let picture = Picture {
                calls: self.node.calls_by_state(),
                carriers_down,
                registrations: self.node.registrations(),
                contacts: self.node.contacts_by_reach(),
                imbalance: self.node.engine().imbalance(),
                low_accounts: self.node.engine().low_accounts(),
                in_transit: self.node.engine().transit_counts(),
                clock: self.node.clock_doubt(),
                lent: self.node.engine().lent_units(),
            };
            *standing.picture.lock().unwrap_or_else(PoisonError::into_inner) = picture;
        }
    }
}

/// Whether a datagram is nothing but line ends or zeros.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.len() <= BLANK_MAX && bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}
