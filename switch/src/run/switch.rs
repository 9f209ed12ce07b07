//! The running switch: its threads and sockets, started in order and ended in the reverse order.

use std::collections::{BTreeMap, VecDeque};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use central::QuotaRequest;
use config::Settings;
use ledger::Replay;
use net::{Poller, UdpBatch, UdpOptions};
use node::{Identity, Input, Node, RegisteredAccount, shard_of};
use route::SlotTable;
use sip::flow::Transport;
use store::{Journal, Load, Options};
use tokio::sync::{mpsc, oneshot};
use web::documents::ReloadDoc;
use web::{Metrics, WebState};

use crate::deck_archive::DeckArchive;
use crate::node_secret;
use crate::run::engines::EngineSockets;
use crate::run::backend::{BooksCdrs, SwitchBackend};
use crate::run::books::Books;
use crate::run::central::{Ledger, QUOTA_REQUESTS_MAX};
use crate::run::central_books::CentralBooks;
use crate::run::clock::{self, Clock};
use crate::run::control::{ControlCommand, NodeControl, ORDERS_MAX};
use crate::run::kept_decks::{keep, not_kept};
use crate::run::kept_registrations::{Keeper, KeptRegistrations};
use crate::run::local::LocalBooks;
use crate::run::media::MediaRelay;
use crate::run::meter::Meter;
use crate::run::outlets::{Outlets, Task};
use crate::run::pace::Pace;
use crate::run::rates::PriceNotifier;
use crate::run::router::{Router, ShardMessage};
use crate::run::shard::{Shard, Udp};
use crate::run::stream_settings::StreamSettings;
use crate::run::streams::{Limits, Outgoing, Streams};
use crate::run::trace::recorder::Recorder;
use crate::run::{bootstrap, certificates, config_snapshot, dns, prompts, start_key};

mod shards;

use shards::{inboxes, shard_count};

/// Messages on their way to streams.
const OUTGOING_MAX: usize = 16_384;
/// Before what is left of slices is given back, calls have so long for their last words.
const HANG_UP_PATIENCE: Duration = Duration::from_secs(5);
const HANG_UP_LOOK: Duration = Duration::from_millis(10);

/// Where it listens.
#[derive(Debug, Clone)]
pub(crate) struct Addresses {
    pub sip: Vec<(Transport, SocketAddr)>,
    pub http: SocketAddr,
}

/// A switch that runs.
pub(crate) struct Switch {
    pub addresses: Addresses,
    settings: Settings,
    deck_archive: DeckArchive,
    notifier: PriceNotifier,
    /// Writes traces.
    recorder: Option<JoinHandle<()>>,
    /// Writes where SIP accounts are; ends with the shards.
    registrations: Option<JoinHandle<()>>,
    /// Tables that were in force before, until nobody has them: a large deck is freed here and not between
    /// two packets of a shard.
    retired: Vec<Arc<node::ConfigSnapshot>>,
    router: Arc<Router>,
    journal: Arc<Journal>,
    metrics: Arc<Metrics>,
    ledger: Option<Ledger>,
    shards: Vec<JoinHandle<std::io::Result<()>>>,
    relay: MediaRelay,
    io: Option<(JoinHandle<anyhow::Result<()>>, oneshot::Sender<()>)>,
    /// What operators ask of the node by the API; the other end is [`Self::order`]'s.
    orders: mpsc::Receiver<ControlCommand>,
    backend: Arc<SwitchBackend>,
}

/// Everything bound before any thread starts.
struct Bound {
    udp: Vec<Vec<UdpBatch>>,
    /// Listeners of TCP, TLS and WebSockets.
    streams: Vec<(Transport, TcpListener)>,
    http: TcpListener,
    addresses: Addresses,
}

impl Switch {
    /// Starts everything, or says what stands in the way. When it returns every listener is bound.
    pub(crate) fn start(settings: Settings) -> anyhow::Result<Self> {
        let descriptors = net::raise_open_files().context("cannot raise the limit of open files")?;
        let count = shard_count(&settings);
        let clock = Clock::start();
        let metrics = metrics(&settings)?;
        let (journal, replay) = open_journal(&settings, count)?;
        // After the journal, which makes the data folder and keeps a second process out: that is where the
        // token is often kept.
        let token = web::admin_token(&settings.http.admin_token_file)?;
        settings.node.secret_file.as_deref().map(node_secret::read_or_make).transpose()?;
        let last_moment = clock::last_moment(&settings.node.data_dir, &journal)?;
        let journal = Arc::new(journal);
        let deck_archive = DeckArchive::in_data(&settings.node.data_dir);
        keep(&deck_archive, &settings, &clock)?;
        let bound = bind(&settings, count)?;
        let config = Arc::new(config_snapshot::config_snapshot(&settings, &bound.addresses.sip));
        let registrations = KeptRegistrations::open(&settings.node.data_dir, &bound.addresses.sip, clock)?;
        let (key, (inlets, inboxes)) = (start_key::random()?, inboxes(count)?);
        let router = Arc::new(Router::new(&settings, clock, &config, key, inboxes));
        let (outgoing, to_send) = mpsc::channel(OUTGOING_MAX);
        let (certificates, to_fetch) = mpsc::channel(certificates::ASKED_MAX);
        let parts = Parts {
            key,
            router: &router,
            journal: &journal,
            metrics: &metrics,
            outgoing: &outgoing,
            certificates: &certificates,
            config: &config,
            slots: &Arc::new(SlotTable::default()),
            deck_archive: &deck_archive,
            last_moment,
            registrations: (&registrations.keeper, &registrations.kept),
        };
        let books = replay.finish().shards;
        let own_books = books.iter().any(|shard| shard.books.customers().next().is_some());
        let (quota_requests, requested) = mpsc::channel(QUOTA_REQUESTS_MAX);
        let mut relay = MediaRelay::start(&settings, &router, descriptors)?;
        let shards = start_shards(&settings, &parts, &mut relay, &quota_requests, books, bound.udp, inlets)?;
        let ledger =
            Ledger::start(&settings, key, own_books, &router, &journal, (quota_requests, requested))?;
        let outlets = Outlets::open(&settings, &journal)?;
        let (ordered, orders) = mpsc::channel(ORDERS_MAX);
        let backend = Arc::new(backend(&settings, &parts, outlets.statuses, ledger.as_ref(), &relay));
        let state = web_state(&parts, &backend, token, ordered);
        let asked = (to_send, to_fetch);
        let io = start_io(&settings, &router, bound.streams, bound.http, asked, state, outlets.tasks)?;
        let recorder = Recorder::start(&router, &settings.node.name)?;
        let notifier = PriceNotifier::start(&settings, &router, &deck_archive)?;
        notifier.announce(&settings.decks);
        let started = Self {
            addresses: bound.addresses,
            settings,
            deck_archive,
            notifier,
            recorder: Some(recorder),
            registrations: Some(registrations.thread),
            retired: Vec::new(),
            router,
            journal,
            metrics,
            ledger,
            shards,
            relay,
            io: Some(io),
            orders,
            backend,
        };
        started.begun()
    }

    /// Itself, once all that the start wrote is durable; else it is stopped.
    fn begun(self) -> anyhow::Result<Self> {
        match self.wait_begun() {
            Ok(()) => Ok(self),
            Err(why) => {
                // Its own error says the same.
                let _ = self.stop();
                Err(why)
            }
        }
    }

    /// Until all that the start wrote is durable, calls of before that are closed among it: without that
    /// nothing is ready.
    fn wait_begun(&self) -> anyhow::Result<()> {
        while !self.router.standings.iter().all(|shard| shard.has_begun.load(Ordering::Acquire)) {
            if let Some(why) = self.journal_failed() {
                bail!("the journal failed at the start: {why}");
            }
            if self.a_shard_died() {
                bail!("a shard ended at the start: see the log");
            }
            std::thread::sleep(HANG_UP_LOOK);
        }
        Ok(())
    }

    /// Remembers that the clock was right until now, if it is.
    pub(crate) fn keep_moment(&self) {
        if self.router.clock_doubt().is_none() {
            clock::keep_moment(&self.settings.node.data_dir, self.router.clock.now().wall);
        }
    }

    /// What an operator asks of the node next.
    pub(crate) async fn order(&mut self) -> Option<ControlCommand> {
        self.orders.recv().await
    }

    /// Swaps in a new configuration; live calls keep theirs. Returns what changed, and what stays as it was,
    /// in words.
    pub(crate) async fn reload(
        &mut self,
        path: &std::path::Path,
    ) -> Result<ReloadDoc, Vec<config::Diagnostic>> {
        let outcome = config::reload(path, &self.settings).and_then(|settings| {
            match keep(&self.deck_archive, &settings, &self.router.clock) {
                Ok(()) => Ok(settings),
                Err(error) => Err(vec![not_kept(path, &error)]),
            }
        });
        self.metrics.config_last_reload_success.set(if outcome.is_ok() { 1.0 } else { 0.0 });
        let settings = outcome?;
        let changes = config::diff(&self.settings, &settings);
        let config = Arc::new(config_snapshot::config_snapshot(&settings, &self.addresses.sip));
        let carriers: Vec<&str> = settings.carriers.iter().map(|carrier| &*carrier.name).collect();
        self.metrics.set_carriers(&carriers);
        self.router.max_calls.store(u64::from(settings.node.max_calls), Ordering::Relaxed);
        self.router.stream_settings.store(Arc::new(StreamSettings::of(&settings)));
        self.router.trace.reload(&settings.trace);
        self.retired.push(self.router.config.swap(Arc::clone(&config)));
        self.router.broadcast(|| ShardMessage::Reload(Arc::clone(&config)));
        if let Some(ledger) = &self.ledger {
            ledger.bootstrap(&settings, self.router.clock.now().wall);
        }
        self.notifier.announce(&settings.decks);
        prompts::encode_ahead(&settings);
        // Whether a gate's account was opened is known here.
        let of_file =
            settings.warnings.iter().filter(|warning| !warning.message.contains(config::OPENED_LATER));
        let mut warnings: Vec<String> = of_file.map(ToString::to_string).collect();
        warnings.extend(bootstrap::unlike(&*self.backend, &settings).await);
        self.settings = settings;
        Ok(ReloadDoc { changes, warnings })
    }

    /// Frees what only this thread still holds of earlier configurations.
    pub(crate) fn sweep(&mut self) {
        let in_use = |config: &Arc<node::ConfigSnapshot>| {
            Arc::strong_count(config) > 1 || config.decks.iter().any(|deck| Arc::strong_count(deck) > 1)
        };
        self.retired.retain(in_use);
    }

    /// No new calls from now on.
    pub(crate) fn drain(&self) {
        for standing in &self.router.standings {
            // Until the shard says otherwise.
            standing.is_unsettled.store(true, Ordering::Relaxed);
        }
        self.router.draining.store(true, Ordering::Relaxed);
        self.router.broadcast(|| ShardMessage::Drain);
    }

    /// Calls that are not over.
    pub(crate) fn live_calls(&self) -> u64 {
        self.router.live_calls()
    }

    /// Why the journal can write no more, if it cannot.
    pub(crate) fn journal_failed(&self) -> Option<String> {
        (self.journal.pressure().load == Load::Failed)
            .then(|| self.journal.failed().unwrap_or("see the log").to_owned())
    }

    /// `node.drain_secs`.
    pub(crate) const fn drain_secs(&self) -> u32 {
        self.settings.node.drain_secs
    }

    /// The last resort of a thread that died: nothing works without it.
    pub(crate) fn a_shard_died(&self) -> bool {
        self.shards.iter().any(JoinHandle::is_finished)
    }

    /// Ends every call, settled; then every thread; then the journal. An error means that something was not
    /// written.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        self.drain();
        self.notifier.cease();
        if let Some(ledger) = self.ledger.take() {
            self.hang_up();
            ledger.stop();
        }
        self.router.broadcast(|| ShardMessage::Stop);
        let mut outcome = Ok(());
        for shard in std::mem::take(&mut self.shards) {
            match shard.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => outcome = Err(anyhow!(error).context("a shard failed")),
                Err(_) => outcome = Err(anyhow!("a shard panicked: see the log; the journal is whole")),
            }
        }
        if self.registrations.take().is_some_and(|thread| thread.join().is_err()) {
            outcome = outcome.and(Err(anyhow!("the thread that keeps registrations panicked: see the log")));
        }
        self.relay.stop();
        self.router.trace.stop();
        if self.recorder.take().is_some_and(|recorder| recorder.join().is_err()) {
            outcome = outcome.and(Err(anyhow!("the trace thread panicked: see the log")));
        }
        self.notifier.join();
        if let Some((io, stop)) = self.io.take() {
            // It may have ended by itself.
            let _ = stop.send(());
            match io.join() {
                Ok(ended) => outcome = outcome.and(ended),
                Err(_) => outcome = Err(anyhow!("the I/O thread panicked: see the log")),
            }
        }
        self.journal
            .close()
            .context("records are not in the journal: they are in the unsaved file, keep it")?;
        outcome
    }
}

impl Switch {
    /// Ends every call, and waits until none is left.
    fn hang_up(&self) {
        self.router.broadcast(|| ShardMessage::HangUp);
        let begun = std::time::Instant::now();
        while !self.router.is_settled() && begun.elapsed() < HANG_UP_PATIENCE {
            std::thread::sleep(HANG_UP_LOOK);
        }
    }
}

fn metrics(settings: &Settings) -> anyhow::Result<Arc<Metrics>> {
    let carriers: Vec<&str> = settings.carriers.iter().map(|carrier| &*carrier.name).collect();
    Ok(Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), &carriers)?))
}

/// The journal with all that the runs before left, and what it holds.
fn open_journal(settings: &Settings, count: usize) -> anyhow::Result<(Journal, Replay)> {
    let unsaved_file = Some(settings.journal.unsaved_file.clone());
    let ballast_bytes = u64::from(settings.journal.ballast_mib) << 20;
    let options = Options { shards: count, unsaved_file, ballast_bytes, ..Options::default() };
    let make = || Replay::sharded(count, move |account| usize::from(shard_of(account, count as u8)));
    let (journal, recovered, replay) = Journal::restore(&settings.node.data_dir, options, make)?;
    let head = ledger::hex(&recovered.head);
    tracing::info!(
        entries = recovered.entries,
        from_snapshot = recovered.from_snapshot,
        head,
        "the journal was read"
    );
    if recovered.taken > 0 {
        let file = settings.journal.unsaved_file.display();
        tracing::warn!(entries = recovered.taken, %file, "the unsaved file of the run before was taken in");
    }
    Ok((journal, replay))
}

/// What every shard is given.
struct Parts<'a> {
    key: [u8; 16],
    router: &'a Arc<Router>,
    journal: &'a Arc<Journal>,
    metrics: &'a Arc<Metrics>,
    outgoing: &'a mpsc::Sender<Outgoing>,
    certificates: &'a mpsc::Sender<certificates::Asked>,
    config: &'a Arc<node::ConfigSnapshot>,
    slots: &'a Arc<SlotTable>,
    deck_archive: &'a DeckArchive,
    last_moment: Option<units::Wall>,
    /// Who keeps registrations, and those of the run before.
    registrations: (&'a Keeper, &'a [RegisteredAccount]),
}

fn start_shards(
    settings: &Settings,
    parts: &Parts<'_>,
    relay: &mut MediaRelay,
    quota_requests: &mpsc::Sender<QuotaRequest>,
    books: Vec<ledger::ShardBooks>,
    udp: Vec<Vec<UdpBatch>>,
    (pollers, receivers): (Vec<Poller>, Vec<crossbeam_channel::Receiver<ShardMessage>>),
) -> anyhow::Result<Vec<JoinHandle<std::io::Result<()>>>> {
    let count = pollers.len();
    let mut threads = Vec::with_capacity(count);
    let boot = u32::from_le_bytes([parts.key[0], parts.key[1], parts.key[2], 0]);
    for (number, (((books, sockets), poller), shard_messages)) in
        books.into_iter().zip(udp).zip(pollers).zip(receivers).enumerate()
    {
        let identity = Identity {
            name: settings.node.name.clone(),
            shard: number as u8,
            shards: count as u8,
            key: parts.key,
            boot,
        };
        let waker = poller.waker();
        let appender = parts.journal.appender(number, move || waker.wake())?;
        let router = Arc::clone(parts.router);
        let mut node = Node::new(identity, Arc::clone(parts.config), parts.slots.clone());
        node.set_stopwatch(Clock::stopwatch);
        node.share_strangers(Arc::clone(&router.strangers));
        let relay = relay.next_end(&mut node);
        if settings.node.ledger.is_some() {
            node.set_lent();
        }
        if let Some(last) = parts.last_moment {
            node.set_last_moment(last);
        }
        node.restore(router.clock.now(), books);
        let (keeper, kept) = parts.registrations;
        for account in kept {
            node.handle(router.clock.now(), Input::Registered(account.clone()));
        }
        let shard = Shard {
            number: number as u8,
            node,
            router,
            poller,
            sockets: sockets
                .into_iter()
                .map(|socket| Udp { socket, queue: VecDeque::new(), blocked: false })
                .collect(),
            shard_messages,
            appender,
            streams: parts.outgoing.clone(),
            certificates: parts.certificates.clone(),
            registrations: keeper.clone(),
            relay,
            engines: EngineSockets::open(&settings.media.engines, number, parts.router)?,
            quota_requests: quota_requests.clone(),
            meter: Meter::new(Arc::clone(parts.metrics), Arc::clone(parts.router), number as u8),
            asked: BTreeMap::new(),
            tickets: 0,
            backlog: VecDeque::new(),
            durable: 0,
            pressure: node::Pressure::Ok,
            pace: Pace::default(),
        };
        let spawned = std::thread::Builder::new().name(format!("shard-{number}")).spawn(move || shard.run());
        threads.push(spawned.context("cannot start a shard's thread")?);
    }
    Ok(threads)
}

fn backend(
    settings: &Settings,
    parts: &Parts<'_>,
    feeds: Vec<Arc<feeds::Status>>,
    ledger: Option<&Ledger>,
    relay: &MediaRelay,
) -> SwitchBackend {
    let (journal, metrics) = (parts.journal, parts.metrics);
    let books: Arc<dyn Books> = match ledger {
        Some(ledger) => {
            Arc::new(CentralBooks { central: Arc::clone(&ledger.central), router: Arc::clone(parts.router) })
        }
        None => Arc::new(LocalBooks::new(parts.router, journal)),
    };
    SwitchBackend {
        router: Arc::clone(parts.router),
        journal: Arc::clone(journal),
        metrics: Arc::clone(metrics),
        slots: Arc::clone(parts.slots),
        deck_archive: parts.deck_archive.clone(),
        data_dir: settings.node.data_dir.clone(),
        feeds,
        books,
        ledger: ledger.map(|ledger| Arc::clone(&ledger.status)),
        relay: relay.handle(),
        commits_seen: std::sync::Mutex::default(),
        unknown_seen: AtomicU64::new(0),
    }
}

fn web_state(
    parts: &Parts<'_>,
    backend: &Arc<SwitchBackend>,
    token: String,
    orders: mpsc::Sender<ControlCommand>,
) -> Arc<WebState> {
    let (journal, metrics) = (parts.journal, parts.metrics);
    let control = NodeControl {
        router: Arc::clone(parts.router),
        slots: Arc::clone(parts.slots),
        journal: Arc::clone(journal),
        backend: Arc::clone(backend),
        orders,
    };
    let cdrs = BooksCdrs(Arc::clone(&backend.books));
    let state =
        WebState::new(Arc::<SwitchBackend>::clone(backend), Arc::new(cdrs), Arc::clone(metrics), token);
    Arc::new(state.with_control(Arc::new(control)))
}

/// One thread carries TCP, DNS, HTTP and the feeds.
#[allow(clippy::type_complexity, reason = "a thread and the word that ends it")]
fn start_io(
    settings: &Settings,
    router: &Arc<Router>,
    listeners: Vec<(Transport, TcpListener)>,
    http: TcpListener,
    (to_send, to_fetch): (mpsc::Receiver<Outgoing>, mpsc::Receiver<certificates::Asked>),
    state: Arc<WebState>,
    feeds: Vec<Task>,
) -> anyhow::Result<(JoinHandle<anyhow::Result<()>>, oneshot::Sender<()>)> {
    let limits = Limits {
        idle: Duration::from_secs(u64::from(settings.sip.tcp_idle_secs)),
        per_source: settings.sip.tcp_per_source,
    };
    let router = Arc::clone(router);
    let (stop, stopped) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the I/O runtime")?;
    let run = move || {
        runtime.block_on(async move {
            let streams = Streams::new(Arc::clone(&router), limits);
            tokio::spawn(Arc::clone(&streams).deliver(to_send));
            for (transport, listener) in listeners {
                listener.set_nonblocking(true)?;
                let listener = tokio::net::TcpListener::from_std(listener)?;
                tokio::spawn(Arc::clone(&streams).accept(listener, transport));
            }
            tokio::spawn(certificates::serve(Arc::clone(&router), to_fetch));
            tokio::spawn(dns::resolve(router));
            feeds.into_iter().for_each(|feed| drop(tokio::spawn(feed)));
            web::serve(http, state, async move {
                // A dropped sender ends it as well.
                let _ = stopped.await;
            })
            .await?;
            Ok(())
        })
    };
    let thread = std::thread::Builder::new()
        .name("io".to_owned())
        .spawn(run)
        .context("cannot start the I/O thread")?;
    Ok((thread, stop))
}

fn bind(settings: &Settings, count: usize) -> anyhow::Result<Bound> {
    let mut udp: Vec<Vec<UdpBatch>> = (0..count).map(|_| Vec::new()).collect();
    let (mut streams, mut sip) = (Vec::new(), Vec::new());
    for listen in &settings.sip.listen {
        match listen.transport {
            route::Transport::Udp => {
                let group = UdpBatch::bind_group(listen.addr, count, &UdpOptions::default())?;
                let local = group.first().map_or(listen.addr, UdpBatch::local_addr);
                for (shard, socket) in udp.iter_mut().zip(group) {
                    shard.push(socket);
                }
                sip.push((Transport::Udp, local));
            }
            transport => {
                let listener =
                    TcpListener::bind(listen.addr).with_context(|| format!("cannot listen on {listen}"))?;
                sip.push((transport, listener.local_addr()?));
                streams.push((transport, listener));
            }
        }
    }
    let http = TcpListener::bind(settings.http.listen)
        .with_context(|| format!("cannot listen on http:{}", settings.http.listen))?;
    let addresses = Addresses { sip, http: http.local_addr()? };
    Ok(Bound { udp, streams, http, addresses })
}
