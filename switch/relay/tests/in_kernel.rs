//! Settled streams of the relay go on in the kernel, between two network namespaces; without the permission
//! for them, or for BPF, the tests say so and pass.
#![forbid(unsafe_code)]
#![allow(clippy::panic)]

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use media::relay::{
    EndpointId, EndpointReport, MediaCommand, MediaEvent, MediaPeer, PeerPayload, RtcpPlace, StreamKind,
};
use relay::{Relay, RelayHandle, RelaySettings};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use units::Tick;

const OURS: Ipv4Addr = Ipv4Addr::new(10, 231, 78, 1);
const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 231, 78, 2);
const PATIENCE: Duration = Duration::from_secs(20);
const TIMEOUT_MS: u32 = 2_500;
/// First port of the relay, the others follow by twos.
const PORT: u16 = 20_000;

/// Two namespaces and a cable between them; dropped, they are gone.
struct Cable {
    names: [String; 2],
}

struct Bench {
    relay: Option<Relay>,
    handle: RelayHandle,
    events: Receiver<MediaEvent>,
    /// The caller's and the callee's.
    ends: [UdpSocket; 2],
    _cable: Cable,
}

fn ip(arguments: &str) -> Result<(), String> {
    let done = Command::new("ip").args(arguments.split(' ')).output();
    let done = done.map_err(|error| format!("`ip` does not run: {error}"))?;
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    if done.status.success() { Ok(()) } else { Err(format!("ip {arguments}: {said}")) }
}

impl Cable {
    fn new(test: &str) -> Result<Self, String> {
        let names = ["a", "b"].map(|end| format!("relay-{}-{test}-{end}", std::process::id()));
        let cable = Self { names };
        let [ours, theirs] = &cable.names;
        for name in &cable.names {
            ip(&format!("netns add {name}"))?;
            ip(&format!("-n {name} link set lo up"))?;
        }
        ip(&format!("link add v0 netns {ours} type veth peer name v0 netns {theirs}"))?;
        for (name, address) in [(ours, OURS), (theirs, THEIRS)] {
            ip(&format!("-n {name} address add {address}/24 dev v0"))?;
            ip(&format!("-n {name} link set v0 up"))?;
        }
        Ok(cable)
    }

    /// Does it in one of the namespaces.
    fn within<T: Send>(&self, end: usize, does: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/var/run/netns/{}", self.names[end])).expect("made");
        let inside = || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("allowed");
            does()
        };
        thread::scope(|scope| scope.spawn(inside).join().expect("no panic"))
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            let _gone = ip(&format!("netns delete {name}"));
        }
    }
}

impl Bench {
    /// A relay with a call of two legs, or why there is none.
    fn start(test: &str) -> Result<Self, String> {
        let cable = Cable::new(test)?;
        let (sender, events) = sync_channel(1_024);
        let origin = Instant::now();
        let settings =
            RelaySettings { threads: 1, workers: 1, endpoints_max: 8, fast_path: true, recorder: None };
        let relay = cable.within(0, || {
            Relay::start(
                settings,
                move || Tick(origin.elapsed().as_micros() as u64),
                move |event| sender.try_send(event).expect("room"),
            )
        });
        let relay = relay.expect("starts");
        if let Some(why) = relay.not_fast() {
            return Err(why.to_string());
        }
        let bind = |_| UdpSocket::bind((THEIRS, 0)).expect("a port");
        let ends = cable.within(1, || [0, 1].map(bind));
        ends.iter().for_each(|end| end.set_read_timeout(Some(PATIENCE)).expect("set"));
        let bench = Self { handle: relay.handle(), relay: Some(relay), events, ends, _cable: cable };
        for leg in [0, 1] {
            let (endpoint, ours) = (endpoint(leg), ours(leg));
            let open = MediaCommand::Open { endpoint, ours, timeout_ms: TIMEOUT_MS, hold_timeout_ms: 0 };
            bench.send(open);
            bench.send(MediaCommand::Peer { endpoint, peer: bench.said(leg, true) });
        }
        bench.send(MediaCommand::Pair { a: endpoint(0), b: endpoint(1) });
        bench.send(MediaCommand::Watch { endpoint: endpoint(0) });
        let end = Instant::now() + PATIENCE;
        while bench.handle.counters().endpoints != [2, 0] {
            assert!(Instant::now() < end, "{:?}", bench.handle.counters());
            thread::yield_now();
        }
        Ok(bench)
    }

    fn send(&self, command: MediaCommand) {
        self.handle.send(command).expect("room");
    }

    fn said(&self, leg: u8, receives: bool) -> MediaPeer {
        let rtp = self.ends[usize::from(leg)].local_addr().expect("bound");
        MediaPeer {
            kind: StreamKind::Rtp,
            rtp: Some(rtp),
            rtcp: RtcpPlace::Next,
            signalling: rtp.ip(),
            learn: false,
            receives,
            sends: true,
            payloads: [8, 101].map(|number| PeerPayload::new(number, 8_000)).into_iter().collect(),
            keys: None,
            secured: None,
        }
    }

    /// Sends packets of the caller from a number on, each once the one before came to the callee; every
    /// `spacing`, for so long. The next number.
    fn talk(&self, first: u16, payload: u8, spacing: Duration, time: Duration) -> u16 {
        let (mut sequence, end) = (first, Instant::now() + time);
        while Instant::now() < end {
            self.ends[0].send_to(&voice(payload, sequence), ours(0)).expect("sends");
            let mut buffer = [0; 256];
            let (bytes, from) = self.ends[1].recv_from(&mut buffer).expect("it comes");
            assert_eq!((&buffer[..bytes], from), (&voice(payload, sequence)[..], ours(1)));
            sequence = sequence.wrapping_add(1);
            pause(spacing);
        }
        sequence
    }

    fn close(&self, leg: u8) -> EndpointReport {
        self.send(MediaCommand::Close { endpoint: endpoint(leg) });
        loop {
            match self.events.recv_timeout(PATIENCE).expect("an event") {
                MediaEvent::Closed { report, .. } => return report,
                MediaEvent::Silent { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(relay) = self.relay.take() {
            relay.stop();
        }
    }
}

fn unless_refused(test: &str, run: impl FnOnce(&Bench)) {
    match Bench::start(test) {
        Ok(bench) => run(&bench),
        Err(reason) => println!("in-kernel: not available ({reason})"),
    }
}

const fn endpoint(leg: u8) -> EndpointId {
    EndpointId { shard: 0, call: 1, leg }
}

fn ours(leg: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(OURS), PORT + 2 * u16::from(leg))
}

fn voice(payload: u8, sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    let (sequence, timestamp) = (sequence.to_be_bytes(), timestamp.to_be_bytes());
    [&[0x80, payload][..], &sequence, &timestamp, &7_u32.to_be_bytes(), &[0xd5; 160]].concat()
}

/// Waits for what never comes.
fn pause(time: Duration) {
    let (_sender, never) = sync_channel::<()>(0);
    assert!(never.recv_timeout(time).is_err());
}

const MS: Duration = Duration::from_millis(1);

#[test]
fn all_packets_are_counted_wherever_they_went_on() {
    unless_refused("counts", |bench| {
        // handed over within the second, and taken back for a digit
        let digit = bench.talk(1, 8, 5 * MS, 1_500 * MS);
        let voice = bench.talk(digit, 101, 5 * MS, 50 * MS);
        let held = bench.talk(voice, 8, 5 * MS, 1_500 * MS);
        let sent = u64::from(held) - 1;
        assert!(bench.handle.passed_in_kernel() > 100, "{}", bench.handle.passed_in_kernel());
        let report = bench.close(0);
        assert_eq!((report.packets_in, report.lost, report.gaps, report.dropped), (sent, 0, 0, 0));
        assert_eq!(bench.close(1).packets_out, sent);
        let counters = bench.handle.counters();
        assert_eq!((counters.packets_in, counters.packets_out), (sent, sent));
    });
}

#[test]
fn a_side_that_holds_hears_nothing_at_once() {
    unless_refused("holds", |bench| {
        let next = bench.talk(1, 8, 5 * MS, 2_500 * MS);
        let before = bench.handle.passed_in_kernel();
        bench.send(MediaCommand::Peer { endpoint: endpoint(1), peer: bench.said(1, false) });
        let end = Instant::now() + PATIENCE;
        let held = || bench.handle.counters().dropped(media::relay::DropReason::Held);
        let mut sequence = next;
        while held() == 0 {
            assert!(Instant::now() < end);
            bench.ends[0].send_to(&voice(8, sequence), ours(0)).expect("sends");
            sequence += 1;
            pause(5 * MS);
        }
        assert!(bench.handle.passed_in_kernel() >= before && before > 0);
        assert_eq!(bench.close(0).lost, 0);
    });
}

#[test]
fn silence_is_counted_from_the_last_packet_in_the_kernel() {
    unless_refused("silent", |bench| {
        let end = bench.talk(1, 8, 20 * MS, 3 * TIMEOUT_MS / 2 * MS);
        assert!(bench.handle.passed_in_kernel() > 0);
        assert!(bench.events.try_recv().is_err(), "it is not silent yet");
        let last = Instant::now();
        let event = bench.events.recv_timeout(PATIENCE).expect("an event");
        assert!(matches!(event, MediaEvent::Silent { endpoint: silent, .. } if silent == endpoint(0)));
        let waited = last.elapsed();
        let timeout = Duration::from_millis(u64::from(TIMEOUT_MS));
        assert!(waited + 200 * MS > timeout && waited < timeout + PATIENCE, "{waited:?}");
        assert_eq!(bench.close(0).packets_in, u64::from(end) - 1);
    });
}
