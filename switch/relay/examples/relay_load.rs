//! What a relayed packet costs: the relay's thread beside a bare loop of epoll, receive and send over as
//! many ports, in turn in one run, with the same packets; then both under a flood from a foreign address.
//!
//! `cargo run --release -p relay --example relay_load -- [STREAMS [SECONDS [ROUNDS [FLOOD [NG PID]]]]]`:
//! 1,000 streams of 50 packets a second, 5 seconds, 5 rounds, 20,000 foreign packets a second. All on
//! 127.0.0.1 and 127.0.0.2; each loop has the second core, the packets come from the first. With the control
//! address and the process of an rtpengine it is measured in turn with them; start it on its own so:
//!
//! `nice -n -15 rtpengine --table=-1 --interface=127.0.0.1 --listen-ng=127.0.0.1:2223 --port-min=25000
//! --port-max=32000 --num-threads=1 --foreground`
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement says why it stops")]

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::relay::{
    Action, Component, DropReason, Effect, EndpointId, MediaCommand, MediaEvent, MediaPeer, PeerPayload,
    RtcpPlace, Slot, StreamKind,
};
use net::{Interest, Poller, UdpBatch, UdpOptions};
use relay::{Relay, RelaySettings};
use units::Tick;

/// Packets are sent so often, in microseconds.
const PHASE_US: usize = 250;
const PHASES_PER_SECOND: usize = 1_000_000 / PHASE_US;
/// From a packet of a stream to the next.
const SPACING: usize = PHASES_PER_SECOND / 50;
/// PCMA of 20 ms behind its header.
const PACKET_BYTES: usize = 172;
const FIRST_PORT: u16 = 20_000;
const PATIENCE: Duration = Duration::from_secs(10);

/// A loop under test.
trait Subject {
    /// CPU time that it has used.
    fn cpu(&self) -> Duration;
    /// Where a stream's packets go.
    fn port(&self, stream: usize) -> SocketAddr {
        port_of(stream)
    }
    /// Packets that it sent on.
    fn passed(&self) -> u64;
    /// Packets that it dropped.
    fn dropped(&self) -> u64;
}

struct Plan {
    streams: usize,
    time: Duration,
    flood: usize,
    generator: SocketAddr,
}

/// One round's figures.
struct Figures {
    us_per_packet: f64,
    lost: u64,
    /// Of the half and of 99 %.
    delay_us: [u64; 2],
    cpu: Duration,
    passed: u64,
    dropped: u64,
}

/// What is measured in turn, and what became of it, in µs.
#[derive(Default)]
struct Sums {
    bare: Vec<f64>,
    relay: Vec<f64>,
    ratio: Vec<f64>,
    flood: Vec<f64>,
    rtpengine: Vec<f64>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mut next = |preset: usize| args.next().map_or(preset, |text| text.parse().expect("a number"));
    let (streams, seconds, rounds, flood) = (next(1_000), next(5), next(5), next(20_000));
    let rtpengine = args.next().zip(args.next());
    net::raise_open_files().expect("allowed");
    pin("self", |name| name == "relay_load", 0);
    println!("core alone: {:.0} ns a packet, {:.0} ns a foreign one", core_ns(false), core_ns(true));
    let mut sums = Sums::default();
    for round in 1..=rounds {
        println!("round {round} of {rounds}");
        let mut generator = Generator::new();
        let own = generator.socket.local_addr();
        let mut plan = Plan { streams, time: Duration::from_secs(seconds as u64), flood: 0, generator: own };
        let alone = pair_of(&mut generator, &plan);
        sums.bare.push(alone[0].us_per_packet);
        sums.relay.push(alone[1].us_per_packet);
        sums.ratio.push(alone[1].us_per_packet / alone[0].us_per_packet);
        if let Some((ng, process)) = &rtpengine {
            let subject = Rtpengine::start(&plan, ng, process);
            pin(process, |_| true, 1);
            sums.rtpengine.push(told("rtpengine", generator.measure(&plan, &subject)).us_per_packet);
            subject.stop();
        }
        plan.flood = flood;
        let flooded = pair_of(&mut generator, &plan);
        // The bare loop receives and drops the flood too: the rest is what the relay adds.
        let each = |place: usize| {
            let (alone, flooded) = (&alone[place], &flooded[place]);
            let spent = flooded.cpu.as_secs_f64() * 1e6 - alone.us_per_packet * flooded.passed as f64;
            spent / flooded.dropped.max(1) as f64
        };
        sums.flood.push(each(1) - each(0));
    }
    for (name, mut runs) in [
        ("bare, µs", sums.bare),
        ("relay, µs", sums.relay),
        ("relay beside bare", sums.ratio),
        ("rtpengine, µs", sums.rtpengine),
        ("a foreign packet beyond bare, µs", sums.flood),
    ] {
        runs.sort_by(f64::total_cmp);
        if let (Some(first), Some(last)) = (runs.first(), runs.last()) {
            println!("{name:<34} {:.2} ({first:.2}–{last:.2}, {} rounds)", runs[runs.len() / 2], runs.len());
        }
    }
}

/// The bare loop and the relay, in turn.
fn pair_of(generator: &mut Generator, plan: &Plan) -> [Figures; 2] {
    let bare = Bare::start(plan);
    pin("self", |name| name == "bare-0", 1);
    let of_bare = told("bare", generator.measure(plan, &bare));
    bare.stop();
    let relayed = Relayed::start(plan);
    pin("self", |name| name == "relay-0", 1);
    let of_relay = told("relay", generator.measure(plan, &relayed));
    relayed.relay.stop();
    [of_bare, of_relay]
}

fn told(name: &str, figures: Figures) -> Figures {
    let Figures { us_per_packet, lost, delay_us: [half, most], passed, dropped, .. } = figures;
    println!(
        "  {name:<10} {us_per_packet:.2} µs a packet of {passed}, {lost} lost, {dropped} foreign, \
         delay {half} µs (half) {most} (99 %)"
    );
    figures
}

// === the core without sockets ===

fn core_ns(is_foreign: bool) -> f64 {
    const PACKETS: u32 = 5_000_000;
    const CALLS: u64 = 500;
    let mut relay = media::relay::Relay::new(1_000);
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4_000));
    for (call, leg) in (0..CALLS).flat_map(|call| [(call, 0), (call, 1)]) {
        let endpoint = EndpointId { shard: 0, call, leg };
        let effect = relay.command(Tick(0), open(endpoint, FIRST_PORT));
        assert!(matches!(effect, Effect::Opened(_)));
        relay.command(Tick(0), MediaCommand::Peer { endpoint, peer: said(peer) });
        relay.command(Tick(0), MediaCommand::Watch { endpoint });
        if leg == 1 {
            relay.command(Tick(0), MediaCommand::Pair { a: EndpointId { leg: 0, ..endpoint }, b: endpoint });
        }
    }
    let from = if is_foreign { SocketAddr::from((Ipv4Addr::LOCALHOST, 9)) } else { peer };
    let before = cpu_of("self", |name| name == "relay_load");
    for packet in 0..PACKETS {
        let (slot, sequence) = (packet % (2 * CALLS as u32), packet / (2 * CALLS as u32));
        let mut bytes = voice(slot, sequence as u16, 0);
        let now = Tick(u64::from(sequence) * 20_000);
        let action = relay.packet(now, Slot(slot), Component::Rtp, from, &mut bytes);
        let expected = Action::Drop(DropReason::Foreign);
        assert_eq!(action == expected, is_foreign, "{action:?}");
    }
    (cpu_of("self", |name| name == "relay_load") - before).as_nanos() as f64 / f64::from(PACKETS)
}

fn open(endpoint: EndpointId, port: u16) -> MediaCommand {
    let ours = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    MediaCommand::Open { endpoint, ours, timeout_ms: 60_000, hold_timeout_ms: 0 }
}

fn said(rtp: SocketAddr) -> MediaPeer {
    MediaPeer {
        kind: StreamKind::Rtp,
        rtp: Some(rtp),
        rtcp: RtcpPlace::Next,
        signalling: rtp.ip(),
        learn: false,
        receives: true,
        sends: true,
        payloads: [8, 101].map(|number| PeerPayload::new(number, 8_000)).into_iter().collect(),
        keys: None,
        secured: None,
    }
}

fn voice(ssrc: u32, sequence: u16, sent_us: u64) -> [u8; PACKET_BYTES] {
    let mut packet = [0xd5; PACKET_BYTES];
    packet[..2].copy_from_slice(&[0x80, 8]);
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet[12..20].copy_from_slice(&sent_us.to_be_bytes());
    packet
}

// === the packets ===

struct Generator {
    socket: UdpBatch,
    stranger: UdpBatch,
    origin: Instant,
    sequence: u16,
}

impl Generator {
    fn new() -> Self {
        let bind = |host: [u8; 4]| UdpBatch::bind(SocketAddr::from((host, 0)), &UdpOptions::default());
        Self {
            socket: bind([127, 0, 0, 1]).expect("a port"),
            stranger: bind([127, 0, 0, 2]).expect("a port"),
            origin: Instant::now(),
            sequence: 0,
        }
    }

    /// Sends each stream's packet in its phase of each 20 ms, and takes what comes back.
    fn measure(&mut self, plan: &Plan, subject: &dyn Subject) -> Figures {
        let mut delays = Vec::new();
        self.run(plan, subject, Duration::from_millis(500), &mut delays);
        delays.clear();
        let (passed, dropped) = (subject.passed(), subject.dropped());
        let cpu = subject.cpu();
        let sent = self.run(plan, subject, plan.time, &mut delays);
        let cpu = subject.cpu() - cpu;
        let (passed, dropped) = (subject.passed() - passed, subject.dropped() - dropped);
        // Of another program only what came back is known.
        let passed = if passed == 0 { delays.len() as u64 } else { passed };
        delays.sort_unstable();
        let at = |percent: usize| delays.get(delays.len() * percent / 100).copied().unwrap_or_default();
        Figures {
            us_per_packet: cpu.as_secs_f64() * 1e6 / passed.max(1) as f64,
            lost: sent.saturating_sub(delays.len() as u64),
            delay_us: [at(50), at(99)],
            cpu,
            passed,
            dropped,
        }
    }

    fn run(&mut self, plan: &Plan, subject: &dyn Subject, time: Duration, delays: &mut Vec<u64>) -> u64 {
        let (start, mut sent) = (Instant::now(), 0);
        let (mut queue, mut foreign) = (VecDeque::new(), VecDeque::new());
        for phase in 0..time.as_micros() as usize / PHASE_US {
            while start.elapsed().as_micros() < (phase * PHASE_US) as u128 {
                if self.take(delays) == 0 {
                    thread::sleep(Duration::from_micros(20));
                }
            }
            self.sequence = self.sequence.wrapping_add(u16::from(phase % SPACING == 0));
            let now = self.origin.elapsed().as_micros() as u64;
            for stream in (phase % SPACING..plan.streams).step_by(SPACING) {
                let packet = voice(stream as u32, self.sequence, now);
                queue.push_back((subject.port(stream), Bytes::copy_from_slice(&packet)));
            }
            let flood = |phase: usize| plan.flood * phase / PHASES_PER_SECOND;
            for packet in flood(phase)..flood(phase + 1) {
                let packet_of = voice(packet as u32, packet as u16, now);
                foreign.push_back((subject.port(packet % plan.streams), Bytes::copy_from_slice(&packet_of)));
            }
            sent += queue.len() as u64;
            self.socket.send_batch(&mut queue, |_, error| panic!("{error}")).expect("sends");
            self.stranger.send_batch(&mut foreign, |_, error| panic!("{error}")).expect("sends");
            self.take(delays);
        }
        let end = Instant::now() + Duration::from_millis(200);
        while Instant::now() < end {
            self.take(delays);
        }
        sent
    }

    fn take(&mut self, delays: &mut Vec<u64>) -> usize {
        let now = self.origin.elapsed().as_micros() as u64;
        let mut taken = 0;
        let received = self.socket.recv_batch(|bytes, _| {
            if let Some(sent) = bytes.get(12..20) {
                delays.push(now.saturating_sub(u64::from_be_bytes(sent.try_into().unwrap())));
                taken += 1;
            }
        });
        received.expect("open");
        taken
    }
}

/// Where a stream's packets go: two streams make a call.
fn port_of(stream: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST_PORT + 2 * stream as u16))
}

// === the relay ===

struct Relayed {
    relay: Relay,
    handle: relay::RelayHandle,
}

impl Relayed {
    fn start(plan: &Plan) -> Self {
        let origin = Instant::now();
        let settings = RelaySettings {
            threads: 1,
            workers: 1,
            endpoints_max: plan.streams,
            fast_path: false,
            recorder: None,
        };
        let clock = move || Tick(origin.elapsed().as_micros() as u64);
        let relay = Relay::start(settings, clock, |event| {
            assert!(matches!(event, MediaEvent::Closed { .. }), "{event:?}")
        })
        .expect("starts");
        let handle = relay.handle();
        for stream in 0..plan.streams {
            let endpoint = EndpointId { shard: 0, call: stream as u64 / 2, leg: (stream % 2) as u8 };
            handle.send(open(endpoint, port_of(stream).port())).expect("room");
            handle.send(MediaCommand::Peer { endpoint, peer: said(plan.generator) }).expect("room");
            handle.send(MediaCommand::Watch { endpoint }).expect("room");
            if stream % 2 == 1 {
                let a = EndpointId { leg: 0, ..endpoint };
                handle.send(MediaCommand::Pair { a, b: endpoint }).expect("room");
            }
        }
        let end = Instant::now() + PATIENCE;
        while handle.counters().endpoints[0] < plan.streams as u64 {
            assert!(Instant::now() < end, "ports from {FIRST_PORT} on are taken: {:?}", handle.counters());
            thread::yield_now();
        }
        Self { relay, handle }
    }
}

impl Subject for Relayed {
    fn cpu(&self) -> Duration {
        cpu_of("self", |name| name == "relay-0")
    }

    fn passed(&self) -> u64 {
        self.handle.counters().packets_out
    }

    fn dropped(&self) -> u64 {
        self.handle.counters().dropped(DropReason::Foreign)
    }
}

// === the bare loop ===

/// Receives and sends to where the generator is, from the port of the other stream of the call.
struct Bare {
    passed: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
    stops: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Bare {
    fn start(plan: &Plan) -> Self {
        let bind = |stream| {
            let port = UdpSocket::bind(port_of(stream)).expect("ports from 20000 on are free");
            port.set_nonblocking(true).expect("set");
            port
        };
        let ports: Vec<UdpSocket> = (0..plan.streams).map(bind).collect();
        let [passed, dropped] = [0, 0].map(|_| Arc::new(AtomicU64::new(0)));
        let stops = Arc::new(AtomicBool::new(false));
        let (to, all) = (plan.generator, (Arc::clone(&passed), Arc::clone(&dropped), Arc::clone(&stops)));
        let thread = thread::Builder::new().name("bare-0".into()).spawn(move || {
            let _raised = net::nice_thread(-15);
            let mut poller = Poller::new().expect("epoll");
            for (token, port) in ports.iter().enumerate() {
                poller.add(port, token as u64, Interest::READ).expect("adds");
            }
            let (passed, dropped, stops) = all;
            let (mut buffer, mut sent, mut foreign) = ([0; 2_048], 0, 0);
            while !stops.load(Ordering::Relaxed) {
                let waited = poller.wait(Some(Duration::from_millis(100)), |ready| {
                    let here = ready.token as usize;
                    let Ok((bytes, from)) = ports[here].recv_from(&mut buffer) else { return };
                    if from == to {
                        ports[here ^ 1].send_to(&buffer[..bytes], to).expect("sends");
                        sent += 1;
                    } else {
                        foreign += 1;
                    }
                });
                waited.expect("waits");
                passed.store(sent, Ordering::Relaxed);
                dropped.store(foreign, Ordering::Relaxed);
            }
        });
        Self { passed, dropped, stops, thread: thread.expect("starts") }
    }

    fn stop(self) {
        self.stops.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic");
    }
}

impl Subject for Bare {
    fn cpu(&self) -> Duration {
        cpu_of("self", |name| name == "bare-0")
    }

    fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

// === rtpengine ===

/// Calls of a running rtpengine, by its control protocol: a cookie, then a dictionary as in BitTorrent.
struct Rtpengine {
    control: UdpSocket,
    process: String,
    ports: Vec<SocketAddr>,
    generator: SocketAddr,
}

impl Rtpengine {
    fn start(plan: &Plan, ng: &str, process: &str) -> Self {
        let control = UdpSocket::bind("127.0.0.1:0").expect("a port");
        control.connect(ng).expect("an address");
        control.set_read_timeout(Some(PATIENCE)).expect("set");
        let mut started =
            Self { control, process: process.to_owned(), ports: Vec::new(), generator: plan.generator };
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\n",
            plan.generator.port()
        );
        for call in 0..plan.streams / 2 {
            // It keeps deleted calls for a while: each round has calls of its own.
            let call = format!("{}-{call}", plan.generator);
            // The answer to the offer has the port for the callee's side, that to the answer the caller's.
            for (command, tags) in [("offer", 1), ("answer", 2)] {
                let tags = &[("from-tag", "a"), ("to-tag", "b")][..tags];
                let fields = [("command", command), ("call-id", &*call), ("sdp", &*sdp)];
                let port = started.ask(&[&fields, tags].concat());
                started.ports.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port.expect("a port"))));
            }
        }
        started
    }

    /// The port of the SDP in its reply.
    fn ask(&self, fields: &[(&str, &str)]) -> Option<u16> {
        // The cookie names the request: one that comes again is answered as before.
        let mut request: String = fields[..2].iter().map(|(_, value)| *value).chain([" d"]).collect();
        for text in fields.iter().flat_map(|(key, value)| [key, value]) {
            request += &format!("{}:{text}", text.len());
        }
        self.control.send((request + "e").as_bytes()).expect("sends");
        let mut reply = [0; 4_096];
        let bytes = self.control.recv(&mut reply).expect("rtpengine replies");
        let reply = String::from_utf8_lossy(&reply[..bytes]).into_owned();
        let (_, rest) = reply.split_once("m=audio ")?;
        rest.split(' ').next()?.parse().ok()
    }

    fn stop(self) {
        for call in 0..self.ports.len() / 2 {
            self.ask(&[
                ("command", "delete"),
                ("call-id", &format!("{}-{call}", self.generator)),
                ("from-tag", "a"),
            ]);
        }
    }
}

impl Subject for Rtpengine {
    fn cpu(&self) -> Duration {
        cpu_of(&self.process, |_| true)
    }

    fn port(&self, stream: usize) -> SocketAddr {
        self.ports[stream]
    }

    fn passed(&self) -> u64 {
        0
    }

    fn dropped(&self) -> u64 {
        0
    }
}

/// Keeps the threads of a process to one core.
fn pin(process: &str, is_asked: impl Fn(&str) -> bool, core: usize) {
    for task in tasks_of(process, is_asked) {
        let id = task.file_name().and_then(|name| name.to_str()).expect("a number");
        let pinned = Command::new("taskset").args(["-pc", &core.to_string(), id]).output().expect("taskset");
        assert!(pinned.status.success(), "{pinned:?}");
    }
}

/// CPU time of the threads of a process that a name is asked for, as the scheduler counts it.
fn cpu_of(process: &str, is_asked: impl Fn(&str) -> bool) -> Duration {
    let ns_of = |task: PathBuf| {
        let counted = std::fs::read_to_string(task.join("schedstat")).expect("the scheduler counts");
        counted.split(' ').next().and_then(|ns| ns.parse().ok()).expect("a number")
    };
    tasks_of(process, is_asked).map(|task| Duration::from_nanos(ns_of(task))).sum()
}

fn tasks_of(process: &str, is_asked: impl Fn(&str) -> bool) -> impl Iterator<Item = PathBuf> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("a process");
    tasks
        .map(|task| task.expect("a thread").path())
        .filter(move |task| is_asked(std::fs::read_to_string(task.join("comm")).unwrap_or_default().trim()))
}
