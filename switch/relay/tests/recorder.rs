//! Calls recorded by the relay's threads: real sockets, a real folder.
#![forbid(unsafe_code)]
#![allow(clippy::panic)]

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use codecs::Codec;
use media::record::{RecordedSide, Voices};
use media::relay::{EndpointId, MediaCommand, MediaEvent, MediaPeer, PeerPayload, RtcpPlace, StreamKind};
use relay::{RecorderSettings, Relay, RelaySettings};
use units::Tick;

const PATIENCE: Duration = Duration::from_secs(20);
const PACKETS: u16 = 25;

fn start(folder: &Path, octets_max: u64) -> (Relay, Receiver<MediaEvent>) {
    let (sender, events) = sync_channel(1_024);
    let origin = Instant::now();
    let recorder = Some(RecorderSettings { folder: folder.to_owned(), minutes_max: 1, octets_max });
    let settings = RelaySettings { threads: 1, workers: 1, endpoints_max: 64, fast_path: false, recorder };
    let clock = move || Tick(origin.elapsed().as_micros() as u64);
    let relay = Relay::start(settings, clock, move |event| sender.try_send(event).expect("room"));
    (relay.expect("starts"), events)
}

const fn endpoint(leg: u8) -> EndpointId {
    EndpointId { shard: 0, call: 9, leg }
}

/// A side of a call on ports of ours that are free: its socket, and where it sends.
fn side(relay: &Relay, leg: u8) -> (UdpSocket, SocketAddr) {
    let own = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let at = own.local_addr().expect("bound");
    let before = relay.handle().counters();
    let free = || {
        let even = UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        let next = SocketAddr::new(even.ip(), even.port() + 1);
        (even.port().is_multiple_of(2) && UdpSocket::bind(next).is_ok()).then_some(even)
    };
    let ours = (0..200).find_map(|_| free()).expect("a pair of ports");
    let open = MediaCommand::Open { endpoint: endpoint(leg), ours, timeout_ms: 0, hold_timeout_ms: 0 };
    relay.handle().send(open).expect("room");
    let peer = MediaPeer {
        kind: StreamKind::Rtp,
        rtp: Some(at),
        rtcp: RtcpPlace::Next,
        signalling: at.ip(),
        learn: false,
        receives: true,
        sends: true,
        payloads: [PeerPayload::new(8, 8_000)].into_iter().collect(),
        keys: None,
        secured: None,
    };
    relay.handle().send(MediaCommand::Peer { endpoint: endpoint(leg), peer }).expect("room");
    until(|| relay.handle().counters().endpoints[0] > before.endpoints[0]);
    (own, ours)
}

fn until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

fn record(relay: &Relay, leg: u8) {
    let voices = Voices { codecs: [(8, Codec::Pcma)].into_iter().collect(), noise: None };
    let how = Some(Box::new(RecordedSide { file: "a-call.wav".into(), is_caller: leg == 0, voices }));
    relay.handle().send(MediaCommand::Record { endpoint: endpoint(leg), how }).expect("room");
}

fn packet(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend([0, 0, 0, 7]);
    packet.extend([0xAA; 160]);
    packet
}

/// Closes both sides; whether the call was said not to be recorded.
fn end(relay: Relay, events: &Receiver<MediaEvent>) -> bool {
    for leg in [0, 1] {
        relay.handle().send(MediaCommand::Close { endpoint: endpoint(leg) }).expect("room");
    }
    relay.stop();
    events.try_iter().any(|event| matches!(event, MediaEvent::NotRecorded { .. }))
}

#[test]
fn what_a_side_sends_is_in_a_file_for_nobody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let recordings = folder.path().join("recordings");
    let (relay, events) = start(&recordings, 1 << 20);
    let (caller, ours) = side(&relay, 0);
    let (_callee, _) = side(&relay, 1);
    relay.handle().send(MediaCommand::Pair { a: endpoint(0), b: endpoint(1) }).expect("room");
    record(&relay, 0);
    record(&relay, 1);
    let file = recordings.join("a-call.wav");
    until(|| file.exists());
    let before = relay.handle().counters().packets_in;
    let mut due = Instant::now();
    for sequence in 1..=PACKETS {
        until(|| Instant::now() >= due);
        due += Duration::from_millis(20);
        caller.send_to(&packet(sequence), ours).expect("sends");
    }
    until(|| relay.handle().counters().packets_in >= before + u64::from(PACKETS));
    // What the sides sent last is held back for some time.
    let held = Instant::now() + Duration::from_millis(150);
    until(|| Instant::now() >= held);
    assert!(!end(relay, &events));

    let written = fs::read(&file).expect("a recording");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(&recordings)), (0o600, 0o700));
    assert_eq!(&written[..4], b"RIFF");
    let octets = u32::from_le_bytes([written[40], written[41], written[42], written[43]]) as usize;
    assert_eq!(octets + 44, written.len());
    let pairs = written[44..].as_chunks::<4>().0;
    let loud = |pick: fn(&[u8; 4]) -> [u8; 2]| {
        pairs.iter().filter(|pair| i16::from_le_bytes(pick(pair)).unsigned_abs() > 1_000).count()
    };
    let left = loud(|&[a, b, ..]| [a, b]);
    assert!(left > usize::from(PACKETS) * 160 * 8 / 10, "{left} of {}", pairs.len());
    assert_eq!(loud(|&[.., c, d]| [c, d]), 0, "the callee was silent");
}

#[test]
fn a_full_folder_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("old.wav"), [0; 2_000]).expect("written");
    let (relay, events) = start(folder.path(), 1_000);
    let (_caller, _) = side(&relay, 0);
    record(&relay, 0);
    let told = events.recv_timeout(PATIENCE).expect("an event");
    assert_eq!(told, MediaEvent::NotRecorded { endpoint: endpoint(0) });
    assert!(!folder.path().join("a-call.wav").exists());
    end(relay, &events);
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a-file");
    fs::write(&file, "x").expect("written");
    let recorder =
        Some(RecorderSettings { folder: file.join("recordings"), minutes_max: 1, octets_max: 1 << 20 });
    let settings = RelaySettings { threads: 1, workers: 1, endpoints_max: 64, fast_path: false, recorder };
    assert!(Relay::start(settings, || Tick(0), |_| {}).is_err());
}
