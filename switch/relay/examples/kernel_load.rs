//! What relayed streams cost the second core with the thread's sockets, and in the kernel: one relay between
//! two network namespaces, packets from the first core. Needs root, and a second core that nothing else uses.
//!
//! `cargo run --release -p relay --example kernel_load -- [STREAMS [SECONDS [ROUNDS]]]`: 1,000 streams of 50
//! packets a second, 5 seconds, 3 rounds. A loop that runs only where the core would be idle (`SCHED_IDLE`)
//! counts its turns, with packets and before and after without: what it lost is the core's whole busy time,
//! interrupts and the reception of packets included, which clocks that tick do not see.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement says why it stops")]

use std::collections::VecDeque;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use media::relay::{EndpointId, MediaCommand, MediaPeer, PeerPayload, RtcpPlace, StreamKind};
use net::{UdpBatch, UdpOptions};
use relay::{Relay, RelaySettings};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use units::Tick;

const OURS: Ipv4Addr = Ipv4Addr::new(10, 231, 79, 1);
const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 231, 79, 2);
const NAMES: [&str; 2] = ["kernel-load-a", "kernel-load-b"];
const FIRST_PORT: u16 = 20_000;
const PHASE_US: usize = 250;
/// Phases from a packet of a stream to its next.
const SPACING: usize = 80;
/// How long an end of the cable gathers packets before it hands them up, as a network card does.
const GATHER_US: u64 = 125;
/// Steps of one turn of the loop that has no priority: some microseconds.
const TURN: u64 = 2_000;

fn main() {
    let mut args = std::env::args().skip(1);
    let mut next = |preset: usize| args.next().map_or(preset, |text| text.parse().expect("a number"));
    let (streams, seconds, rounds) = (next(1_000), next(5), next(3));
    net::raise_open_files().expect("allowed");
    ends_go();
    for (name, ip) in NAMES.into_iter().zip([OURS, THEIRS]) {
        run(&format!("ip netns add {name}"));
        run(&format!("ip -n {name} link set lo up"));
        if ip == THEIRS {
            run(&format!("ip link add v0 netns {} type veth peer name v0 netns {name}", NAMES[0]));
        }
    }
    for (name, ip) in NAMES.into_iter().zip([OURS, THEIRS]) {
        run(&format!("ip -n {name} address add {ip}/24 dev v0"));
        // only what no segmentation could have joined waits in the queue of the other end
        run(&format!("ip netns exec {name} ethtool -K v0 tso off gro on"));
        run(&format!("ip -n {name} link set v0 up"));
    }
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for fast_path in [false, true] {
            costs[usize::from(fast_path)].push(round(streams, seconds, fast_path));
        }
    }
    ends_go();
    for (name, costs) in ["sockets, µs", "kernel, µs"].into_iter().zip(&mut costs) {
        costs.sort_by(f64::total_cmp);
        println!("{name:<12} {:.2} ({:.2}–{:.2})", costs[rounds / 2], costs[0], costs[rounds - 1]);
    }
    println!("kernel beside sockets: {:.2}", costs[1][rounds / 2] / costs[0][rounds / 2]);
}

fn ends_go() {
    for name in NAMES {
        let _is_there = Command::new("ip").args(["netns", "delete", name]).output();
    }
}

/// Words are apart by spaces; a tab is a space in a word.
fn run(line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(|word| word.replace('\t', " ")).collect();
    let done = Command::new(&words[0]).args(&words[1..]).output().expect("it runs");
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// From here on each end hands up what came to it every `GATHER_US`, by a timer of the core where it got the
/// first packet: what comes to the relay on the second core, what it sends on the first.
fn gather() {
    for (to, from, core) in [(1, 0, 0), (0, 1, 1)] {
        set(NAMES[to], "gro_flush_timeout", GATHER_US * 1_000);
        set(NAMES[to], "napi_defer_hard_irqs", 1_000_000);
        let ip = [OURS, THEIRS][to];
        let from = NAMES[from];
        run(&format!("taskset -c {core} ip netns exec {from} bash -c echo\t>/dev/udp/{ip}/9"));
    }
}

/// Each end hands up every packet as it comes.
fn hand_on() {
    for name in NAMES {
        set(name, "napi_defer_hard_irqs", 0);
        set(name, "gro_flush_timeout", 0);
    }
}

fn set(name: &str, what: &str, value: u64) {
    run(&format!("ip netns exec {name} sh -c echo\t{value}\t>/sys/class/net/v0/{what}"));
}

fn within<T: Send>(name: &str, does: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(format!("/var/run/netns/{name}")).expect("made");
    let inside = || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("allowed");
        does()
    };
    thread::scope(|scope| scope.spawn(inside).join().expect("no panic"))
}

/// Microseconds of the second core for a packet.
fn round(streams: usize, seconds: usize, fast_path: bool) -> f64 {
    let bind = || UdpBatch::bind(SocketAddr::from((THEIRS, 0)), &UdpOptions::default()).expect("a port");
    let mut socket = within(NAMES[1], bind);
    let generator = socket.local_addr();
    let relay = within(NAMES[0], || started(streams, fast_path, generator));
    assert!(relay.not_fast().is_none(), "in-kernel: not available ({:?})", relay.not_fast());
    pin("relay-0", "1");
    pin("kernel_load", "0");
    let mut sequence = 0;
    // settled, then handed over; and all is counted within a second, also the kernel's
    send(&mut socket, streams, 3_000, &mut sequence);
    send(&mut socket, 0, 1_500, &mut sequence);
    let (before, own) = (relay.handle().counters().packets_out, relay.handle().passed_in_kernel());
    let soak = Soak::start();
    let mut during = |streams: usize| {
        let begun = soak.turns.load(Ordering::Relaxed);
        let (sent, came) = send(&mut socket, streams, seconds * 1_000, &mut sequence);
        (soak.turns.load(Ordering::Relaxed) - begun, sent, came)
    };
    // the timer that gathers costs too, so it rests while nothing is sent
    let (calm, ..) = during(0);
    gather();
    let (loaded, sent, came) = during(streams);
    hand_on();
    let (calm_again, ..) = during(0);
    soak.stop();
    let passed = relay.handle().counters().packets_out - before;
    let in_kernel = relay.handle().passed_in_kernel() - own;
    relay.stop();
    let idle = 2.0 * loaded as f64 / (calm + calm_again) as f64;
    let cost = (1.0 - idle) * seconds as f64 / sent as f64 * 1e6;
    println!(
        "{cost:.2} µs a packet of {sent}, {came} came, {passed} counted, {in_kernel} in the kernel, core {:.1} % busy, calm {:.3}",
        (1.0 - idle) * 100.0,
        calm_again as f64 / calm as f64
    );
    cost
}

/// Counts the turns of a loop that runs on the second core where nothing else does.
struct Soak {
    turns: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Soak {
    fn start() -> Self {
        let (turns, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counts, ends) = (Arc::clone(&turns), Arc::clone(&is_over));
        let soak = move || {
            let mut value = 1_u64;
            while !ends.load(Ordering::Relaxed) {
                for _ in 0..TURN {
                    value = std::hint::black_box(value.wrapping_mul(6_364_136_223_846_793_005));
                }
                counts.fetch_add(1, Ordering::Relaxed);
            }
        };
        let thread = thread::Builder::new().name("soak".to_owned()).spawn(soak).expect("a thread");
        while turns.load(Ordering::Relaxed) == 0 {
            thread::yield_now();
        }
        pin("soak", "1");
        run(&format!("chrt --idle --pid 0 {}", task("soak").expect("it runs")));
        Self { turns, is_over, thread }
    }

    fn stop(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic");
    }
}

fn pin(thread: &str, core: &str) {
    if let Some(task) = task(thread) {
        run(&format!("taskset -pc {core} {task}"));
    }
}

/// The number of a thread of ours.
fn task(thread: &str) -> Option<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("ours");
    tasks.map(|task| task.expect("a thread")).find_map(|task| {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        (name.trim() == thread).then(|| task.file_name().to_string_lossy().into_owned())
    })
}

fn started(streams: usize, fast_path: bool, generator: SocketAddr) -> Relay {
    let origin = Instant::now();
    let settings =
        RelaySettings { threads: 1, workers: 1, endpoints_max: streams, fast_path, recorder: None };
    let clock = move || Tick(origin.elapsed().as_micros() as u64);
    let relay = Relay::start(settings, clock, |_| {}).expect("starts");
    let peer = || MediaPeer {
        kind: StreamKind::Rtp,
        rtp: Some(generator),
        rtcp: RtcpPlace::Next,
        signalling: generator.ip(),
        learn: false,
        receives: true,
        sends: true,
        payloads: [PeerPayload::new(8, 8_000)].into_iter().collect(),
        keys: None,
        secured: None,
    };
    for stream in 0..streams {
        let endpoint = EndpointId { shard: 0, call: stream as u64 / 2, leg: (stream % 2) as u8 };
        let open =
            MediaCommand::Open { endpoint, ours: port_of(stream), timeout_ms: 60_000, hold_timeout_ms: 0 };
        for command in [open, MediaCommand::Peer { endpoint, peer: peer() }] {
            relay.handle().send(command).expect("room");
        }
        if stream % 2 == 1 {
            let a = EndpointId { leg: 0, ..endpoint };
            relay.handle().send(MediaCommand::Pair { a, b: endpoint }).expect("room");
        }
    }
    while relay.handle().counters().endpoints[0] < streams as u64 {
        thread::yield_now();
    }
    relay
}

fn port_of(stream: usize) -> SocketAddr {
    SocketAddr::from((OURS, FIRST_PORT + 2 * stream as u16))
}

/// Packets sent in so many milliseconds, and that came.
fn send(socket: &mut UdpBatch, streams: usize, ms: usize, sequence: &mut u16) -> (u64, u64) {
    let (start, mut sent, mut came) = (Instant::now(), 0, 0);
    let mut queue = VecDeque::new();
    for phase in 0..ms * 1_000 / PHASE_US {
        while start.elapsed().as_micros() < (phase * PHASE_US) as u128 {
            socket.recv_batch(|_, _| came += 1).expect("open");
            thread::sleep(Duration::from_micros(20));
        }
        *sequence = sequence.wrapping_add(u16::from(phase % SPACING == 0));
        for stream in (phase % SPACING..streams).step_by(SPACING) {
            let mut packet = [0xd5; 172];
            packet[..2].copy_from_slice(&[0x80, 8]);
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            packet[4..8].copy_from_slice(&(u32::from(*sequence) * 160).to_be_bytes());
            packet[8..12].copy_from_slice(&(stream as u32).to_be_bytes());
            queue.push_back((port_of(stream), Bytes::copy_from_slice(&packet)));
        }
        sent += queue.len() as u64;
        socket.send_batch(&mut queue, |_, error| panic!("{error}")).expect("sends");
    }
    (sent, came)
}
