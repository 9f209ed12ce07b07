//! The media relay beside the shards: its threads, and each shard's commands to it and events of it.

use std::collections::VecDeque;
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use config::{Media, Recording, Settings};
use crossbeam_channel::{Receiver, Sender};
use media::relay::{DropReason, EndpointId, MediaCommand, MediaEvent, StreamKind};
use node::Node;
use relay::{Full, RecorderSettings, Relay, RelayHandle, RelaySettings};
use web::Metrics;
use web::metrics::{PacketDirection, PacketDrop, RelayTotals};

use crate::run::prompts;
use crate::run::router::Router;

/// Events of one endpoint that may wait for its shard: that it fell silent, that what it played is over, that
/// it is not recorded, what its handshake came to, and that it is closed.
const EVENTS_PER_ENDPOINT: usize = 5;
/// And some more.
const EVENTS_MORE: usize = 1_024;
/// Commands of one shard that found a thread's queue full and wait; a call has some eight.
const WAITING_MAX: usize = 1 << 18;
/// Events that a shard takes in one turn.
const EVENTS_PER_TURN: usize = 1_024;
/// Descriptors of the process besides its media ports.
const DESCRIPTORS_BESIDES: u64 = 1_024;

/// The relay of a running switch; none where no address is configured.
pub(crate) struct MediaRelay {
    relay: Option<Relay>,
    /// Those of the shards that did not take theirs yet, in order.
    ends: VecDeque<ShardRelay>,
}

/// What a shard has of the relay.
pub(crate) struct ShardRelay {
    handle: Option<RelayHandle>,
    events: Receiver<MediaEvent>,
    /// Commands that wait, in order.
    waiting: VecDeque<MediaCommand>,
}

// === impl MediaRelay ===

impl MediaRelay {
    /// Starts the threads where media has an address. `descriptors` is how many files may be open.
    pub(crate) fn start(settings: &Settings, router: &Arc<Router>, descriptors: u64) -> anyhow::Result<Self> {
        let (media, shards) = (&settings.media, router.inboxes.len());
        if !is_usable(settings)? {
            return Ok(Self { relay: None, ends: VecDeque::new() });
        }
        prompts::encode_ahead(settings);
        let endpoints = endpoints(media);
        let needed = 2 * endpoints as u64 + DESCRIPTORS_BESIDES;
        if settings.relays() && descriptors < needed {
            tracing::warn!(
                descriptors,
                needed,
                "there are fewer descriptors than media.ports need: raise the limit (LimitNOFILE= in systemd, ulimit -Hn), or write fewer ports"
            );
        }
        let per_shard = endpoints.div_ceil(shards) * EVENTS_PER_ENDPOINT + EVENTS_MORE;
        let (senders, receivers): (Vec<Sender<_>>, Vec<Receiver<_>>) =
            (0..shards).map(|_| crossbeam_channel::bounded(per_shard)).unzip();
        let (senders, told): (Arc<[Sender<MediaEvent>]>, _) = (senders.into(), Arc::clone(router));
        let tell = move |event: MediaEvent| {
            let shard = usize::from(endpoint_of(&event).shard);
            let (Some(sender), Some(inbox)) = (senders.get(shard), told.inboxes.get(shard)) else { return };
            // What a peer may tell over and over never takes the place of what has to be told.
            let may_be_lost = matches!(event, MediaEvent::Digit { .. } | MediaEvent::FirstSound { .. });
            if may_be_lost && sender.len() > per_shard / 2 {
                return;
            }
            if sender.try_send(event).is_err() {
                tracing::error!(
                    shard,
                    "the shard does not take what the media relay tells: its ports stay taken"
                );
            }
            inbox.waker.wake();
        };
        let clock = router.clock;
        let [threads, workers] = [media.threads, media.workers].map(usize::from);
        let recorder = settings.recording.as_ref().map(recorder);
        let fast_path = media.fast_path;
        let wanted = RelaySettings { threads, workers, endpoints_max: endpoints, fast_path, recorder };
        let relay = Relay::start(wanted, move || clock.now().tick, tell)
            .context("cannot start the media relay's threads")?;
        if let Some(error) = relay.not_raised() {
            tracing::info!(%error, "the media relay's threads have no higher priority than others");
        }
        if let Some(why) = relay.not_fast() {
            tracing::warn!(%why, "voice does not go on in the kernel (`media.fast_path`): the relay carries it all");
        }
        let end = |events| ShardRelay { handle: Some(relay.handle()), events, waiting: VecDeque::new() };
        let ends = receivers.into_iter().map(end).collect();
        Ok(Self { relay: Some(relay), ends })
    }

    /// What the next shard, from the first, has of it; its node counts transcoded calls with all others.
    pub(crate) fn next_end(&mut self, node: &mut Node) -> ShardRelay {
        if let Some(relay) = &self.relay {
            node.share_channels(relay.handle().channels());
            node.share_certificate(relay.handle().fingerprint());
        }
        self.ends.pop_front().unwrap_or_else(|| ShardRelay {
            handle: None,
            events: crossbeam_channel::never(),
            waiting: VecDeque::new(),
        })
    }

    /// For metrics.
    pub(crate) fn handle(&self) -> Option<RelayHandle> {
        self.relay.as_ref().map(Relay::handle)
    }

    /// Ends the threads, once no shard runs any more.
    pub(crate) fn stop(self) {
        if let Some(relay) = self.relay {
            relay.stop();
        }
    }
}

/// Whether media can come to the addresses. Where calls are to be relayed, one that is not this machine's is
/// an error; where none is, it may be what peers are told for another reason.
fn is_usable(settings: &Settings) -> anyhow::Result<bool> {
    let foreign = |ip: &&IpAddr| UdpSocket::bind((**ip, 0)).is_err();
    match settings.media.addresses.iter().find(foreign) {
        None => Ok(!settings.media.addresses.is_empty()),
        Some(ip) if settings.relays() => {
            bail!(
                "media.address {ip} is not an address of this machine: write the one that media comes to, and what peers are told instead as media.advertise"
            )
        }
        Some(ip) => {
            tracing::warn!(%ip, "media.address is not an address of this machine: nothing can be relayed");
            Ok(false)
        }
    }
}

fn recorder(recording: &Recording) -> RecorderSettings {
    RecorderSettings {
        folder: recording.dir.clone(),
        minutes_max: recording.max_minutes,
        octets_max: u64::from(recording.max_gib) << 30,
    }
}

/// Endpoints that all ports together hold.
fn endpoints(media: &Media) -> usize {
    let (first, last) = media.ports;
    let pairs = (usize::from(last) + 1).saturating_sub(usize::from(first)) / 2;
    pairs * media.addresses.len()
}

fn endpoint_of(event: &MediaEvent) -> EndpointId {
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

// === impl ShardRelay ===

impl ShardRelay {
    /// Sends a command, after those that wait.
    pub(crate) fn send(&mut self, command: MediaCommand) {
        let Some(handle) = &self.handle else { return };
        if self.waiting.is_empty() {
            let Err(Full(command)) = handle.send(command) else { return };
            return self.waiting.push_back(*command);
        }
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(command);
        } else {
            tracing::error!("the media relay does not take its commands: one is lost");
        }
    }

    /// Sends what waits, as far as there is room.
    pub(crate) fn retry(&mut self) {
        let Some(handle) = &self.handle else { return };
        while let Some(command) = self.waiting.pop_front() {
            if let Err(Full(command)) = handle.send(command) {
                return self.waiting.push_front(*command);
            }
        }
    }

    /// Whether commands wait.
    pub(crate) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What it told; at most so much that other work has its turn.
    pub(crate) fn events(&self) -> Vec<MediaEvent> {
        self.events.try_iter().take(EVENTS_PER_TURN).collect()
    }

    /// Whether it has told more.
    pub(crate) fn has_more(&self) -> bool {
        !self.events.is_empty()
    }
}

/// Shows what the relay counted since the start.
pub(crate) fn show(metrics: &Metrics, relay: &RelayHandle) {
    let counters = relay.counters();
    let sessions = StreamKind::ALL.map(|kind| (kind.label(), counters.endpoints[kind as usize]));
    metrics.relayed(&RelayTotals {
        packets: [(PacketDirection::In, counters.packets_in), (PacketDirection::Out, counters.packets_out)],
        dropped: DropReason::ALL.map(|reason| (drop_of(reason), counters.dropped(reason))),
        sessions,
        transcoding: relay.channels().in_use(),
        is_fast: relay.is_fast(),
    });
}

const fn drop_of(reason: DropReason) -> PacketDrop {
    match reason {
        DropReason::Malformed => PacketDrop::Malformed,
        DropReason::Foreign => PacketDrop::ForeignSource,
        DropReason::Learning => PacketDrop::Learning,
        DropReason::Ssrc => PacketDrop::Ssrc,
        DropReason::Sequence => PacketDrop::Sequence,
        DropReason::Unpaired => PacketDrop::Unpaired,
        DropReason::Held => PacketDrop::Held,
        DropReason::NoAddress => PacketDrop::NoPeer,
        DropReason::Unsent => PacketDrop::Overflow,
        DropReason::Unauthentic => PacketDrop::Unauthentic,
        DropReason::Replayed => PacketDrop::Replayed,
        DropReason::Replaced => PacketDrop::Replaced,
        DropReason::Unkeyed => PacketDrop::Unkeyed,
        DropReason::Consent => PacketDrop::Consent,
        DropReason::Rate => PacketDrop::Rate,
    }
}
