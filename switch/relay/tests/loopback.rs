//! The relay's threads between real sockets on loopback.
#![forbid(unsafe_code)]
#![allow(clippy::panic)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use codecs::Codec;
use media::record::Voices;
use media::relay::{
    DropReason, EndpointId, EndpointReport, Hearing, MediaCommand, MediaEvent, MediaPeer, PeerPayload, Play,
    RtcpPlace, StreamKind,
};
use relay::{Relay, RelayHandle, RelaySettings};
use units::Tick;
use voice::tones::{Tone, ToneMaker, cadence};
use voice::{FirstSound, Packet};

const PATIENCE: Duration = Duration::from_secs(20);
const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// A running relay, and the events of it.
struct Bench {
    relay: Relay,
    handle: RelayHandle,
    events: Receiver<MediaEvent>,
}

/// One side of a call: its ports and ours that it talks to.
struct Side {
    endpoint: EndpointId,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    ours: SocketAddr,
}

impl Bench {
    fn start(threads: usize) -> Self {
        let (sender, events) = sync_channel(1_024);
        let origin = Instant::now();
        let relay = Relay::start(
            RelaySettings { threads, workers: 1, endpoints_max: 64, fast_path: false, recorder: None },
            move || Tick(origin.elapsed().as_micros() as u64),
            move |event| sender.try_send(event).expect("room"),
        );
        let relay = relay.expect("starts");
        Self { handle: relay.handle(), relay, events }
    }

    /// Opens an endpoint of a call on a pair of free ports.
    fn side(&self, call: u64, leg: u8, host: IpAddr) -> Side {
        let endpoint = EndpointId { shard: 0, call, leg };
        let (rtp, rtcp) = pair(host);
        for _ in 0..50 {
            let (even, _odd) = pair(host);
            let ours = even.local_addr().expect("bound");
            drop((even, _odd));
            let failures = self.handle.counters().open_failed;
            let endpoints = self.open(endpoint, ours);
            // another program may take the ports in between
            if self.handle.counters().open_failed == failures {
                assert!(endpoints > 0);
                let side = Side { endpoint, rtp, rtcp, ours };
                self.says(&side, side.said());
                return side;
            }
        }
        panic!("no pair of ports is free");
    }

    /// How many endpoints are open after the command was carried out.
    fn open(&self, endpoint: EndpointId, ours: SocketAddr) -> u64 {
        let before = self.handle.counters();
        let open = MediaCommand::Open { endpoint, ours, timeout_ms: 200, hold_timeout_ms: 0 };
        self.handle.send(open).expect("room");
        let total = |counters: media::relay::RelayCounters| counters.endpoints[0] + counters.open_failed;
        self.until(|| total(self.handle.counters()) > total(before));
        self.handle.counters().endpoints[0]
    }

    fn says(&self, side: &Side, peer: MediaPeer) {
        self.handle.send(MediaCommand::Peer { endpoint: side.endpoint, peer }).expect("room");
    }

    fn pair(&self, a: &Side, b: &Side) {
        self.handle.send(MediaCommand::Pair { a: a.endpoint, b: b.endpoint }).expect("room");
    }

    fn close(&self, side: &Side) -> EndpointReport {
        self.handle.send(MediaCommand::Close { endpoint: side.endpoint }).expect("room");
        match self.events.recv_timeout(PATIENCE).expect("an event") {
            MediaEvent::Closed { endpoint, report } if endpoint == side.endpoint => report,
            other => panic!("{other:?}"),
        }
    }

    fn until(&self, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {:?}", self.handle.counters());
            std::thread::yield_now();
        }
    }

    /// Sends a packet until it comes out, since commands before it are carried out at another thread's pace;
    /// then takes what else comes of it.
    fn goes(&self, from: &Side, to: &Side, packet: impl Fn(u16) -> Vec<u8>) -> Vec<u8> {
        let mut buffer = [0; 2_048];
        to.rtp.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        let end = Instant::now() + PATIENCE;
        for sequence in 1.. {
            assert!(Instant::now() < end, "nothing came: {:?}", self.handle.counters());
            from.rtp.send_to(&packet(sequence), from.ours).expect("sends");
            if let Ok((bytes, source)) = to.rtp.recv_from(&mut buffer) {
                assert_eq!(source, to.ours, "from the port that it sends to");
                return buffer[..bytes].to_vec();
            }
        }
        Vec::new()
    }
}

impl Side {
    fn said(&self) -> MediaPeer {
        let rtp = self.rtp.local_addr().expect("bound");
        MediaPeer {
            kind: StreamKind::Rtp,
            rtp: Some(rtp),
            rtcp: RtcpPlace::Next,
            signalling: rtp.ip(),
            learn: false,
            receives: true,
            sends: true,
            payloads: [PeerPayload::new(8, 8_000)].into_iter().collect(),
            keys: None,
            secured: None,
        }
    }
}

/// An even port and the next one.
fn pair(host: IpAddr) -> (UdpSocket, UdpSocket) {
    for _ in 0..1_000 {
        let rtp = UdpSocket::bind((host, 0)).expect("a port");
        let port = rtp.local_addr().expect("bound").port();
        if port.is_multiple_of(2)
            && let Ok(rtcp) = UdpSocket::bind((host, port + 1))
        {
            rtcp.set_read_timeout(Some(PATIENCE)).expect("set");
            return (rtp, rtcp);
        }
    }
    panic!("no pair of ports is free");
}

fn voice(ssrc: u32, sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    let (sequence, timestamp, ssrc) = (sequence.to_be_bytes(), timestamp.to_be_bytes(), ssrc.to_be_bytes());
    [&[0x80, 8][..], &sequence, &timestamp, &ssrc, &[0xd5; 160]].concat()
}

fn ssrc(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[8..12].try_into().expect("a header"))
}

#[test]
fn voice_goes_both_ways_between_the_families() {
    let bench = Bench::start(2);
    for (call, hosts) in [[V4, V4], [V4, V6], [V6, V4], [V6, V6]].into_iter().enumerate() {
        let [a, b] = [0, 1].map(|leg| bench.side(call as u64, leg, hosts[usize::from(leg)]));
        bench.pair(&a, &b);
        assert_eq!(ssrc(&bench.goes(&a, &b, |sequence| voice(7, sequence))), 7);
        assert_eq!(ssrc(&bench.goes(&b, &a, |sequence| voice(8, sequence))), 8);
        let report = bench.close(&a);
        assert!(report.packets_in >= 1 && report.packets_out >= 1, "{report:?}");
        assert_eq!(report.peer, Some(a.rtp.local_addr().expect("bound")));
        bench.close(&b);
        // what is closed is free
        let _again = UdpSocket::bind(a.ours).expect("free");
    }
    assert_eq!(bench.handle.counters().endpoints, [0, 0]);
    bench.relay.stop();
}

#[test]
fn reports_cross_between_one_port_and_two() {
    let bench = Bench::start(1);
    let [a, b] = [0, 1].map(|leg| bench.side(1, leg, V4));
    bench.says(&a, MediaPeer { rtcp: RtcpPlace::Mux, ..a.said() });
    bench.pair(&a, &b);
    bench.goes(&a, &b, |sequence| voice(7, sequence));
    let report = [0x80, 201, 0, 1, 0, 0, 0, 7];
    let mut buffer = [0; 64];
    a.rtp.send_to(&report, a.ours).expect("sends");
    let their_rtcp = SocketAddr::new(b.ours.ip(), b.ours.port() + 1);
    assert_eq!(b.rtcp.recv_from(&mut buffer).expect("comes"), (8, their_rtcp));
    assert_eq!(buffer[..8], report);
    b.rtcp.send_to(&report, their_rtcp).expect("sends");
    a.rtp.set_read_timeout(Some(PATIENCE)).expect("set");
    assert_eq!(a.rtp.recv_from(&mut buffer).expect("comes"), (8, a.ours));
    assert_eq!(buffer[..8], report);
    bench.until(|| bench.handle.counters().rtcp == 2);
    bench.relay.stop();
}

#[test]
fn another_leg_takes_over_as_one_stream() {
    let bench = Bench::start(1);
    let [a, b, c] = [0, 1, 2].map(|leg| bench.side(1, leg, V4));
    bench.pair(&a, &b);
    assert_eq!(ssrc(&bench.goes(&b, &a, |sequence| voice(8, sequence))), 8);
    bench.pair(&a, &c);
    assert_eq!(ssrc(&bench.goes(&c, &a, |sequence| voice(9, sequence))), 8, "as the first");
    assert_eq!(ssrc(&bench.goes(&a, &c, |sequence| voice(7, sequence))), 7);
    bench.close(&b);
    assert_eq!(ssrc(&bench.goes(&c, &a, |sequence| voice(9, 1_000 + sequence))), 8);
    bench.relay.stop();
}

#[test]
fn ports_of_another_program_are_told() {
    let bench = Bench::start(1);
    let (rtp, rtcp) = pair(V4);
    let endpoint = |call| EndpointId { shard: 3, call, leg: 0 };
    let ours = rtp.local_addr().expect("bound");
    for (call, kept) in [(1, rtp), (2, rtcp)] {
        bench.open(endpoint(call), ours);
        let event = bench.events.recv_timeout(PATIENCE).expect("an event");
        assert_eq!(event, MediaEvent::OpenFailed { endpoint: endpoint(call) });
        drop(kept);
    }
    let last = SocketAddr::new(V4, u16::MAX);
    bench.open(endpoint(3), last);
    assert_eq!(bench.events.recv_timeout(PATIENCE), Ok(MediaEvent::OpenFailed { endpoint: endpoint(3) }));
    assert_eq!(bench.handle.counters().endpoints, [0, 0]);
    bench.relay.stop();
}

#[test]
fn attack_38_a_third_host_hears_nothing_and_is_not_heard() {
    let bench = Bench::start(1);
    let [a, b] = [0, 1].map(|leg| bench.side(1, leg, V4));
    let (stranger, _) = pair(IpAddr::from([127, 0, 0, 2]));
    stranger.set_nonblocking(true).expect("set");
    bench.says(&a, MediaPeer { learn: true, ..a.said() });
    bench.pair(&a, &b);
    let spray = |first: u16| {
        for sequence in first..first + 100 {
            for ours in [a.ours, b.ours] {
                stranger.send_to(&voice(66, sequence), ours).expect("sends");
            }
        }
    };
    spray(1);
    assert_eq!(ssrc(&bench.goes(&a, &b, |sequence| voice(7, sequence))), 7);
    spray(101);
    assert_eq!(ssrc(&bench.goes(&b, &a, |sequence| voice(8, sequence))), 8);
    bench.until(|| bench.handle.counters().dropped(DropReason::Foreign) == 400);
    assert!(stranger.recv(&mut [0; 64]).is_err(), "it heard something");
    let mut buffer = [0; 2_048];
    for side in [&a, &b] {
        side.rtp.set_nonblocking(true).expect("set");
        while let Ok(bytes) = side.rtp.recv(&mut buffer) {
            assert_ne!(ssrc(&buffer[..bytes]), 66);
        }
    }
    bench.relay.stop();
}

#[test]
fn silence_is_told_by_the_clock_and_a_stop_closes_what_is_open() {
    let bench = Bench::start(1);
    let [a, b] = [0, 1].map(|leg| bench.side(1, leg, V4));
    bench.pair(&a, &b);
    bench.goes(&a, &b, |sequence| voice(7, sequence));
    bench.handle.send(MediaCommand::Watch { endpoint: a.endpoint }).expect("room");
    let event = bench.events.recv_timeout(PATIENCE).expect("an event");
    assert!(matches!(event, MediaEvent::Silent { endpoint, last: Some(_), .. } if endpoint == a.endpoint));
    let handle = bench.handle.clone();
    bench.relay.stop();
    let closed: Vec<_> = bench.events.iter().collect();
    assert_eq!(closed.len(), 2, "{closed:?}");
    assert!(closed.iter().all(|event| matches!(event, MediaEvent::Closed { .. })));
    assert!(handle.send(MediaCommand::Close { endpoint: a.endpoint }).is_err(), "it has stopped");
    assert_eq!(handle.counters().endpoints, [0, 0]);
}

#[test]
fn longer_datagrams_than_any_are_dropped() {
    let bench = Bench::start(1);
    let [a, b] = [0, 1].map(|leg| bench.side(1, leg, V4));
    bench.pair(&a, &b);
    bench.goes(&a, &b, |sequence| voice(7, sequence));
    let mut long = voice(7, 500);
    long.resize(3_000, 0);
    a.rtp.send_to(&long, a.ours).expect("sends");
    bench.until(|| bench.handle.counters().dropped(DropReason::Malformed) == 1);
    bench.relay.stop();
}

/// A second of tone goes to one side at the pace of its packets, and then the other side is heard again.
#[test]
fn what_is_played_comes_in_time_and_gives_the_stream_back() {
    let bench = Bench::start(1);
    let [a, b] = [0, 1].map(|leg| bench.side(9, leg, V4));
    bench.pair(&a, &b);
    assert_eq!(ssrc(&bench.goes(&b, &a, |sequence| voice(8, sequence))), 8);
    let settings = voice::EncoderSettings::new(codecs::Codec::Pcma);
    let clip = voice::playback::Clip::encode([0; 8_000], settings).expect("A-law");
    let play = Play { clip: clip.into(), payload: 8, repeat: false, seed: 1 };
    let begun = Instant::now();
    bench.handle.send(MediaCommand::Play { endpoint: a.endpoint, play }).expect("room");
    a.rtp.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut buffer = [0; 2_048];
    // What the callee said before may still be on its way.
    let mut next = || {
        let (bytes, _) = a.rtp.recv_from(&mut buffer).expect("a packet");
        assert_eq!((bytes, ssrc(&buffer[..bytes])), (172, 8), "in the stream that it knows");
        (buffer[1] & 0x80 != 0, u16::from_be_bytes([buffer[2], buffer[3]]))
    };
    let (_, first) = std::iter::repeat_with(&mut next).find(|(marker, _)| *marker).expect("the first");
    let numbers: Vec<u16> = (1..50).map(|_| next().1).collect();
    assert_eq!(numbers, (1..50).map(|n| first.wrapping_add(n)).collect::<Vec<_>>());
    let lasted = begun.elapsed();
    assert!((Duration::from_millis(900)..Duration::from_secs(10)).contains(&lasted), "{lasted:?}");
    match bench.events.recv_timeout(PATIENCE).expect("an event") {
        MediaEvent::Played { endpoint } => assert_eq!(endpoint, a.endpoint),
        // It says nothing for a second.
        MediaEvent::Silent { .. } => {}
        other => panic!("{other:?}"),
    }
    let back = bench.goes(&b, &a, |sequence| voice(8, 1_000 + sequence));
    assert_eq!((ssrc(&back), back[1] & 0x80), (8, 0x80), "again, from its first packet on");
    bench.relay.stop();
}

/// A worker hears what one side sends, and the other side hears it all the same.
#[test]
fn what_rings_after_the_answer_is_told() {
    let bench = Bench::start(1);
    let (a, b) = (bench.side(1, 0, V4), bench.side(1, 1, V4));
    bench.pair(&a, &b);
    bench.goes(&b, &a, |sequence| voice(7, sequence));
    let voices = Voices { codecs: [(8, Codec::Pcma)].into_iter().collect(), noise: None };
    let hearing = Some(Box::new(Hearing { voices, digits: false, first_sound: true }));
    bench.handle.send(MediaCommand::Listen { endpoint: b.endpoint, hearing }).expect("room");
    let mut encoder = voice::encoder(voice::EncoderSettings::new(Codec::Pcma)).expect("A-law");
    let mut tone = ToneMaker::new(cadence("de", Tone::Ringback).expect("known"));
    let mut buffer = [0; 2_048];
    a.rtp.set_read_timeout(Some(PATIENCE)).expect("set");
    // Twelve seconds of it, as fast as it goes.
    for n in 0..600_u16 {
        let (mut samples, mut payload) = ([0; 160], [0; 160]);
        tone.fill(&mut samples);
        for (frame, octets) in samples.chunks(encoder.frame_samples()).zip(payload.chunks_mut(80)) {
            encoder.encode(frame, octets);
        }
        let (sequence, timestamp) = (2_000 + n, 320_000 + u32::from(n) * 160);
        let packet =
            Packet { payload_type: 8, marker: false, sequence, timestamp, ssrc: 7, payload: &payload };
        let bytes = packet.write(&mut buffer).expect("fits");
        b.rtp.send_to(&buffer[..bytes], b.ours).expect("sends");
        let came = a.rtp.recv(&mut buffer).expect("it passes");
        assert_eq!(came, bytes);
    }
    let told = bench.events.recv_timeout(PATIENCE).expect("it is told");
    assert_eq!(told, MediaEvent::FirstSound { endpoint: b.endpoint, sound: FirstSound::Ringback });
    bench.close(&b);
    bench.close(&a);
}
