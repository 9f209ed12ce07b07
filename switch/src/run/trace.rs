//! Messages of calls: each shard keeps its last ones in a ring of its own; whoever asks for a call's trace
//! searches the rings; what goes to files and to Homer goes through one bounded queue to a thread of its own.
//!
//! Invariant: a shard waits for nobody here longer than a reader takes to look at [`READ_AT_ONCE`] messages,
//! and loses copies rather than time.

mod choice;
mod folder;
mod homer;
mod next;
pub(crate) mod recorder;
pub(crate) mod search;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender};
use node::Node;
use trace::{Envelope, Ring};
use units::Wall;
use web::metrics::TraceTotals;

pub(crate) use next::{Next, NextCalls};

/// Copies of messages that wait for the recorder; more are lost and counted.
const QUEUE_MAX: usize = 8_192;
/// Messages that a reader looks at before it lets the shard go on.
const READ_AT_ONCE: usize = 256;

/// What is kept and where it goes.
pub(crate) struct Tracing {
    /// By shard; none if nothing is kept.
    rings: Vec<Mutex<Ring>>,
    settings: ArcSwap<TraceSettings>,
    queue: Sender<Copied>,
    received: Receiver<Copied>,
    /// Whether the recorder wants copies.
    is_wanted: AtomicBool,
    /// Calls to come that an operator waits for.
    pub next: NextCalls,
    pub counts: TraceCounts,
}

/// What a reload changes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TraceSettings {
    dir: Option<PathBuf>,
    /// Millionths of all calls.
    share: u32,
    hep: Option<config::Server>,
}

/// For metrics.
#[derive(Default)]
pub(crate) struct TraceCounts {
    pub written: AtomicU64,
    pub sent: AtomicU64,
    pub lost_in_queue: AtomicU64,
    pub lost_on_disk: AtomicU64,
    pub lost_to_hep: AtomicU64,
}

/// A message on its way to the recorder.
enum Copied {
    Message {
        envelope: Envelope,
        bytes: Bytes,
        /// The caller's Call-ID, if this is a called leg's message of a live call.
        caller: Option<String>,
    },
    Stop,
}

// === impl Tracing ===

impl Tracing {
    pub(crate) fn new(settings: &config::Trace, shards: usize) -> Self {
        let bytes = (settings.ring_mb as usize) << 20;
        let rings = if bytes == 0 { 0 } else { shards };
        let (queue, received) = crossbeam_channel::bounded(QUEUE_MAX);
        let tracing = Self {
            rings: (0..rings).map(|_| Mutex::new(Ring::new(bytes / shards.max(1)))).collect(),
            settings: ArcSwap::from_pointee(TraceSettings::of(settings)),
            queue,
            received,
            is_wanted: AtomicBool::new(false),
            next: NextCalls::default(),
            counts: TraceCounts::default(),
        };
        tracing.ask_whether_wanted(0);
        tracing
    }

    /// Takes new settings; the ring stays as it is.
    pub(crate) fn reload(&self, settings: &config::Trace) {
        self.settings.store(Arc::new(TraceSettings::of(settings)));
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    pub(crate) fn settings(&self) -> Arc<TraceSettings> {
        self.settings.load_full()
    }

    /// Whether anything is kept in memory.
    pub(crate) fn has_ring(&self) -> bool {
        !self.rings.is_empty()
    }

    /// Keeps a message that a shard takes or sends.
    pub(crate) fn keep(&self, shard: usize, envelope: &Envelope, bytes: &Bytes, node: &Node) {
        if let Some(ring) = self.rings.get(shard) {
            ring.lock().unwrap_or_else(PoisonError::into_inner).push(envelope, bytes);
        }
        if self.is_wanted.load(Ordering::Relaxed) {
            self.copy(envelope, bytes, node);
        }
    }

    #[cold]
    fn copy(&self, envelope: &Envelope, bytes: &Bytes, node: &Node) {
        let call_id = trace::call_id(bytes).and_then(|id| std::str::from_utf8(id).ok());
        let caller = call_id.and_then(|id| node.caller_call_id(id));
        let copied = Copied::Message { envelope: *envelope, bytes: bytes.clone(), caller };
        if self.queue.try_send(copied).is_err() {
            self.counts.lost_in_queue.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Decides whether shards copy messages to the recorder; it follows `following` calls to their ends.
    fn ask_whether_wanted(&self, following: usize) {
        let settings = self.settings.load();
        let on_disk =
            settings.dir.is_some() && (settings.share > 0 || !self.next.is_empty() || following > 0);
        self.is_wanted.store(settings.hep.is_some() || on_disk, Ordering::SeqCst);
        // An operator may have asked meanwhile.
        if settings.dir.is_some() && !self.next.is_empty() {
            self.is_wanted.store(true, Ordering::SeqCst);
        }
    }

    /// Waits for the next call of this kind; false if too many are waited for.
    pub(crate) fn wait_for(&self, next: Next, now: Wall) -> bool {
        let added = self.next.add(next, now);
        self.is_wanted.store(true, Ordering::SeqCst);
        added
    }

    /// For metrics.
    pub(crate) fn totals(&self) -> TraceTotals {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        TraceTotals {
            written: read(&self.counts.written),
            sent: read(&self.counts.sent),
            lost_in_queue: read(&self.counts.lost_in_queue),
            lost_on_disk: read(&self.counts.lost_on_disk),
            lost_to_hep: read(&self.counts.lost_to_hep),
        }
    }

    /// Since when messages are kept: on all shards, so that every call that began later is whole.
    pub(crate) fn since(&self) -> Option<Wall> {
        let since = |ring: &Mutex<Ring>| ring.lock().unwrap_or_else(PoisonError::into_inner).since();
        self.rings.iter().filter_map(since).max()
    }

    /// The oldest message of any shard.
    fn oldest(&self) -> Option<Wall> {
        let since = |ring: &Mutex<Ring>| ring.lock().unwrap_or_else(PoisonError::into_inner).since();
        self.rings.iter().filter_map(since).min()
    }

    /// Ends the recorder once it has done what is queued.
    pub(crate) fn stop(&self) {
        // It takes one message after the other, so there is room soon; a recorder that is gone took all.
        let _ = self.queue.send_timeout(Copied::Stop, std::time::Duration::from_secs(5));
    }
}

// === impl TraceSettings ===

impl TraceSettings {
    fn of(settings: &config::Trace) -> Self {
        Self { dir: settings.dir.clone(), share: settings.share, hep: settings.hep.clone() }
    }

    /// The folder of files, if there is one.
    pub(crate) const fn dir(&self) -> Option<&PathBuf> {
        self.dir.as_ref()
    }
}
