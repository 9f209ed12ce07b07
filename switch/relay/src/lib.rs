//! The threads of the media relay: they open ports, wait for packets and send on what [`media::relay`] says.
//! The driver of the shards starts them, gives each shard a [`RelayHandle`], and takes their events.
//! Invariant: a thread waits only for its ports and its queue; what it tells others, it tells without
//! waiting.
//!
//! ```
//! use std::net::UdpSocket;
//! use std::sync::mpsc;
//! use std::time::{Duration, Instant};
//!
//! use media::relay::{EndpointId, MediaCommand, MediaEvent};
//! use relay::{Relay, RelaySettings};
//! use units::Tick;
//!
//! # fn main() -> std::io::Result<()> {
//! let start = Instant::now();
//! let clock = move || Tick(start.elapsed().as_micros() as u64);
//! let (sender, events) = mpsc::sync_channel(16);
//! let settings =
//!     RelaySettings { threads: 1, workers: 1, endpoints_max: 1_000, fast_path: false, recorder: None };
//! let relay = Relay::start(settings, clock, move |event| {
//!     let _is_taken = sender.try_send(event);
//! })?;
//! let handle = relay.handle();
//!
//! let endpoint = EndpointId { shard: 0, call: 1, leg: 0 };
//! # // a pair of ports that is free, for the test
//! # let mut pairs = (10_000..15_000_u16)
//! #     .map(|half| std::net::SocketAddr::from(([127, 0, 0, 1], half * 2)));
//! # let is_free = |at: &std::net::SocketAddr|
//! #     [0, 1].map(|n| UdpSocket::bind((at.ip(), at.port() + n)).is_ok());
//! # let ours = pairs.find(|at| is_free(at) == [true, true]).unwrap();
//! let open = MediaCommand::Open { endpoint, ours, timeout_ms: 60_000, hold_timeout_ms: 0 };
//! handle.send(open).map_err(|_| std::io::ErrorKind::WouldBlock)?;
//! handle.send(MediaCommand::Close { endpoint }).map_err(|_| std::io::ErrorKind::WouldBlock)?;
//! let event = events.recv_timeout(Duration::from_secs(10)).unwrap();
//! assert!(matches!(event, MediaEvent::Closed { endpoint: closed, .. } if closed == endpoint));
//! assert_eq!(handle.counters().endpoints, [0, 0]);
//! relay.stop();
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod command;
mod driver;
mod fast;
mod handshakes;
mod pace;
mod recorder;
mod shared;
mod thread;
mod transcoding;
mod worker;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle, available_parallelism};

use crossbeam_channel::{Sender, TrySendError};
use dtls::{Certificate, Handshakes};
use fastpath::FastPath;
pub use fastpath::Unavailable;
use media::relay::{EndpointId, MediaCommand, MediaEvent, RelayCounters};
use media::transcode::Channels;
use net::{Poller, Waker};
use units::Tick;

use self::command::endpoint;
use self::driver::Driver;
use self::fast::FastStreams;
use self::handshakes::{AT_ONCE_MAX, HandshakeThread, HandshakesOf};
pub use self::recorder::RecorderSettings;
use self::recorder::{Recorder, RecorderOf};
use self::shared::Shared;
use self::thread::MediaThread;
use self::transcoding::WorkersOf;
use self::worker::{Load, RING, WayBack, Worker, Workers};

/// Commands that wait for one thread; a call takes some eight in its life.
const QUEUE_MAX: usize = 16_384;
/// Streams in the kernel at most.
const STREAMS_MAX: u32 = 1 << 17;

/// How much the relay may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelaySettings {
    /// Threads; 0: half of the cores, at least one.
    pub threads: usize,
    /// Threads that transcode; 0: as many.
    pub workers: usize,
    /// Endpoints of a thread at most: as many as there are pairs of ports, since calls are not spread evenly.
    pub endpoints_max: usize,
    /// Settled streams go on in the kernel, where the machine allows it.
    pub fast_path: bool,
    /// Calls may be recorded.
    pub recorder: Option<RecorderSettings>,
}

/// The running threads. Dropped without [`Self::stop`] they run on.
#[derive(Debug)]
pub struct Relay {
    handle: RelayHandle,
    threads: Vec<JoinHandle<()>>,
    not_raised: Option<io::Error>,
    not_fast: Option<Unavailable>,
}

/// Commands to the relay, from any thread.
#[derive(Clone, Debug)]
pub struct RelayHandle {
    threads: Arc<[ThreadHandle]>,
    channels: Arc<Channels>,
    is_fast: bool,
    fingerprint: [u8; 32],
}

/// The queue of the command's thread is full, or the relay has stopped: it is to be sent again later.
#[derive(Debug)]
pub struct Full(pub Box<MediaCommand>);

/// What one thread is reached by.
struct ThreadHandle {
    commands: Sender<MediaCommand>,
    waker: Waker,
    shared: Arc<Shared>,
}

// === impl RelaySettings ===

impl RelaySettings {
    /// How many threads that are.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => (available_parallelism().map_or(1, usize::from) / 2).max(1),
            threads => threads,
        }
    }

    /// And how many transcode.
    pub fn workers(&self) -> usize {
        if self.workers == 0 { self.threads() } else { self.workers }
    }

    /// The way through the kernel, or why there is none though it is wanted.
    fn open_fast_path(&self) -> (Option<Arc<FastPath>>, Option<Unavailable>) {
        if !self.fast_path {
            return (None, None);
        }
        let streams = self.endpoints_max.saturating_mul(self.threads());
        match FastPath::load(u32::try_from(streams).unwrap_or(u32::MAX).clamp(1, STREAMS_MAX)) {
            Ok(path) => (Some(Arc::new(path)), None),
            Err(why) => (None, Some(why)),
        }
    }
}

// === impl Relay ===

impl Relay {
    /// Starts the threads. `clock` is the one of the shards. `events` is called by the threads: it must not
    /// wait, and must not lose an event whose endpoint's shard still runs.
    pub fn start(
        settings: RelaySettings,
        clock: impl Fn() -> Tick + Send + Clone + 'static,
        events: impl Fn(MediaEvent) + Send + Clone + 'static,
    ) -> io::Result<Self> {
        let (count, workers, endpoints_max) =
            (settings.threads(), settings.workers(), settings.endpoints_max);
        let (mut handles, mut threads, mut not_raised) = (Vec::new(), Vec::new(), None);
        let (to_workers, inputs): (Vec<_>, Vec<_>) =
            (0..workers).map(|_| crossbeam_channel::bounded(RING)).unzip();
        let mut ways_back = vec![Vec::new(); workers];
        let (path, not_fast) = settings.open_fast_path();
        let (to_recorder, recorder) = settings.recorder.clone().map_or((None, None), |settings| {
            let (to, inputs) = crossbeam_channel::bounded(recorder::RING);
            (Some(to), Some(Recorder::new(settings, clock.clone(), events.clone(), inputs)))
        });
        let recorder = recorder.transpose()?;
        let certificate = Certificate::new().map_err(io::Error::other)?;
        let fingerprint = certificate.fingerprint();
        let (to_handshakes, asked) = crossbeam_channel::bounded(handshakes::RING);
        let mut handshakes_back = Vec::new();
        for number in 0..count {
            let poller = Poller::new()?;
            let (commands, queue) = crossbeam_channel::bounded(QUEUE_MAX);
            let shared = Arc::new(Shared::default());
            let (ring, back) = crossbeam_channel::bounded(RING);
            for ways in &mut ways_back {
                ways.push(WayBack { ring: ring.clone(), waker: poller.waker() });
            }
            let thread = u16::try_from(number).unwrap_or(u16::MAX);
            let workers = WorkersOf { thread, workers: to_workers.clone(), back, waiting: VecDeque::new() };
            handles.push(ThreadHandle { commands, waker: poller.waker(), shared: Arc::clone(&shared) });
            let driver = Driver { clock: clock.clone(), events: events.clone() };
            let fast = path.clone().map(FastStreams::new);
            let (made, back) = crossbeam_channel::bounded(handshakes::RING);
            handshakes_back.push((made, poller.waker()));
            let to = to_handshakes.clone();
            let handshakes = HandshakesOf { thread, to, back, waiting: VecDeque::new() };
            let ends = (shared, workers, RecorderOf::new(to_recorder.clone()), handshakes);
            let (raised, is_raised) = crossbeam_channel::bounded(1);
            let thread = Builder::new().name(format!("relay-{number}")).spawn(move || {
                let _started = raised.send(thread::raise());
                MediaThread::new(driver, queue, ends, endpoints_max, fast).run(poller);
            })?;
            threads.push(thread);
            not_raised = not_raised.or(is_raised.recv().ok().and_then(Result::err));
        }
        let loads = (0..workers).map(|_| Load::default()).collect();
        let channels = Arc::new(Channels::default());
        let shared = Arc::new(Workers { loads, channels: Arc::clone(&channels) });
        shared.measure();
        for (number, (inputs, back)) in inputs.into_iter().zip(ways_back).enumerate() {
            let driver = Driver { clock: clock.clone(), events: events.clone() };
            let worker = Worker { driver, number, inputs, back, shared: Arc::clone(&shared) };
            threads.push(Builder::new().name(format!("transcode-{number}")).spawn(move || worker.run())?);
        }
        if let Some(recorder) = recorder {
            threads.push(Builder::new().name("recorder".to_owned()).spawn(move || recorder.run())?);
        }
        drop((to_recorder, to_handshakes));
        let epoch = std::time::Instant::now();
        let handshakes = Handshakes::new(certificate, epoch, AT_ONCE_MAX).map_err(io::Error::other)?;
        let thread = HandshakeThread { clock, handshakes, asked, back: handshakes_back };
        threads.push(Builder::new().name("handshakes".to_owned()).spawn(move || thread.run())?);
        let handle = RelayHandle { threads: handles.into(), channels, is_fast: path.is_some(), fingerprint };
        Ok(Self { handle, threads, not_raised, not_fast })
    }

    /// For the shards and for metrics.
    pub fn handle(&self) -> RelayHandle {
        self.handle.clone()
    }

    /// Why the threads have no higher priority than others, if they have none: for the log.
    pub const fn not_raised(&self) -> Option<&io::Error> {
        self.not_raised.as_ref()
    }

    /// Why streams do not go on in the kernel though they may: for the log.
    pub const fn not_fast(&self) -> Option<&Unavailable> {
        self.not_fast.as_ref()
    }

    /// Carries out what is queued, then closes all ports and ends the threads. Endpoints that are still open
    /// are told closed.
    pub fn stop(self) {
        for thread in self.handle.threads.iter() {
            thread.shared.stop();
            thread.waker.wake();
        }
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the media relay panicked");
            }
        }
    }
}

// === impl RelayHandle ===

impl RelayHandle {
    /// Queues a command. Those of one call are carried out in the order of their sending.
    pub fn send(&self, command: MediaCommand) -> Result<(), Full> {
        let thread = &self.threads[self.thread_of(endpoint(&command))];
        match thread.commands.try_send(command) {
            Ok(()) => {
                thread.waker.wake();
                Ok(())
            }
            Err(TrySendError::Full(command) | TrySendError::Disconnected(command)) => {
                Err(Full(Box::new(command)))
            }
        }
    }

    /// What passed until now, of all threads; at most a turn of their loops old.
    pub fn counters(&self) -> RelayCounters {
        let mut sum = RelayCounters::default();
        self.threads.iter().for_each(|thread| sum.add(&thread.shared.counters()));
        sum
    }

    /// SHA-256 of the certificate by which handshakes of DTLS are made, for sessions.
    pub const fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// How many calls are transcoded, and may be.
    pub fn channels(&self) -> Arc<Channels> {
        Arc::clone(&self.channels)
    }

    /// Packets of settled streams that went on in the kernel; they are among [`Self::counters`] too.
    pub fn passed_in_kernel(&self) -> u64 {
        self.threads.iter().map(|thread| thread.shared.in_kernel()).sum()
    }

    /// Whether settled streams go on in the kernel.
    pub const fn is_fast(&self) -> bool {
        self.is_fast
    }

    /// All endpoints of a call are one thread's.
    fn thread_of(&self, endpoint: EndpointId) -> usize {
        let call = endpoint.call ^ u64::from(endpoint.shard) << 48;
        let mixed = call.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        mixed as usize % self.threads.len()
    }
}

impl std::fmt::Debug for ThreadHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadHandle").field("waiting", &self.commands.len()).finish_non_exhaustive()
    }
}
