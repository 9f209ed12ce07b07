//! A browser's side between real sockets: checks of ICE, a handshake of DTLS, then SRTP, to and from a plain
//! side; and what strangers on its port get, which is nothing.
#![forbid(unsafe_code)]
#![allow(clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use dtls::{Begin, Certificate, Handshaken, Handshakes};
use hmac::{Hmac, KeyInit as _, Mac as _};
use media::relay::{
    DropReason, DtlsPeer, DtlsRole, EndpointId, IceCredentials, IcePeer, MediaCommand, MediaEvent, MediaPeer,
    PeerKeys, PeerPayload, RtcpPlace, Secured, StreamKind,
};
use media::srtp::{Protector, RTCP_ROOM, Unprotector};
use relay::{Relay, RelayHandle, RelaySettings};
use sha1::Sha1;
use units::Tick;

const PATIENCE: Duration = Duration::from_secs(20);
const OURS: &str = "oursoursoursoursoursours";

struct Bench {
    relay: Relay,
    handle: RelayHandle,
    events: Receiver<MediaEvent>,
    /// Of the browser and of the plain side.
    sockets: [UdpSocket; 2],
    ports: [SocketAddr; 2],
}

fn id(leg: u8) -> EndpointId {
    EndpointId { shard: 0, call: 1, leg }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
    socket
}

fn ice() -> IcePeer {
    let credentials =
        |ufrag: &str, password: &str| IceCredentials { ufrag: ufrag.into(), password: password.into() };
    IcePeer { ours: credentials("ours", OURS), theirs: credentials("them", "themthemthemthemthemthem") }
}

/// A check, as a browser sends it (RFC 8445 §7.2).
fn check(username: &str, password: &str, nominates: bool) -> Vec<u8> {
    let mut attributes = Vec::new();
    let mut put = |kind: u16, value: &[u8]| {
        attributes.extend(kind.to_be_bytes());
        attributes.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
        attributes.extend(value);
        attributes.resize(attributes.len().next_multiple_of(4), 0);
    };
    put(0x0006, username.as_bytes());
    put(0x0024, &[110, 0, 1, 255]);
    put(0x802a, &[7; 8]);
    if nominates {
        put(0x0025, &[]);
    }
    let message = |attributes: &[u8], more: usize| {
        let length = u16::try_from(attributes.len() + more).expect("short").to_be_bytes();
        [&[0, 1][..], &length, &[0x21, 0x12, 0xa4, 0x42], &[5; 12], attributes].concat()
    };
    let mac = Hmac::<Sha1>::new_from_slice(password.as_bytes()).expect("a key");
    let mac = mac.chain_update(message(&attributes, 24)).finalize().into_bytes();
    attributes.extend([0, 8, 0, 20]);
    attributes.extend(mac);
    let mut sum = !0_u32;
    for octet in message(&attributes, 8) {
        sum ^= u32::from(octet);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    let mut whole = message(&attributes, 8);
    whole.extend([0x80, 0x28, 0, 4]);
    whole.extend((!sum ^ 0x5354_554e).to_be_bytes());
    whole
}

fn voice(sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    [&[0x80, 8][..], &sequence.to_be_bytes(), &timestamp.to_be_bytes(), &[0, 0, 0, 9], &[0xd5; 160]].concat()
}

impl Bench {
    /// Both endpoints open, the browser's with this certificate expected.
    fn start(fingerprint: [u8; 32], role: DtlsRole) -> Self {
        let (sender, events) = sync_channel(1_024);
        let origin = Instant::now();
        let relay = Relay::start(
            RelaySettings { threads: 1, workers: 1, endpoints_max: 64, fast_path: false, recorder: None },
            move || Tick(origin.elapsed().as_micros() as u64),
            move |event| sender.try_send(event).expect("room"),
        )
        .expect("starts");
        let sockets = [socket(), socket()];
        let handle = relay.handle();
        let is_free = |port: u16| [port, port + 1].map(|port| UdpSocket::bind(("127.0.0.1", port)).is_ok());
        let mut free = (0..).map(|n| 21_000 + (std::process::id() as u16 % 4_000 + n) * 4 % 20_000);
        let mut ports = [0, 1].map(|_| free.find(|port| is_free(*port) == [true; 2]).expect("a pair"));
        ports.sort_unstable();
        let ports = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        for leg in [0, 1] {
            let ours = ports[usize::from(leg)];
            let open = MediaCommand::Open { endpoint: id(leg), ours, timeout_ms: 0, hold_timeout_ms: 0 };
            handle.send(open).expect("room");
        }
        let bench = Self { relay, handle, events, sockets, ports };
        let secured = Secured { ice: Some(ice()), dtls: Some(DtlsPeer { fingerprint, role }) };
        let browser = MediaPeer { rtp: None, secured: Some(Box::new(secured)), ..bench.said(0) };
        for (leg, peer) in [(0, browser), (1, bench.said(1))] {
            bench.handle.send(MediaCommand::Peer { endpoint: id(leg), peer }).expect("room");
        }
        bench.handle.send(MediaCommand::Pair { a: id(0), b: id(1) }).expect("room");
        bench
    }

    fn said(&self, leg: usize) -> MediaPeer {
        let rtp = self.sockets[leg].local_addr().expect("bound");
        MediaPeer {
            kind: StreamKind::Rtp,
            rtp: Some(rtp),
            rtcp: RtcpPlace::Mux,
            signalling: rtp.ip(),
            learn: false,
            receives: true,
            sends: true,
            payloads: [PeerPayload::new(8, 8_000)].into_iter().collect(),
            keys: None,
            secured: None,
        }
    }

    fn until(&self, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "not within {PATIENCE:?}: {:?}", self.handle.counters());
            std::thread::yield_now();
        }
    }

    /// Sends a datagram of the browser's until something comes back.
    fn asks(&self, datagram: &[u8]) -> Vec<u8> {
        let (mut buffer, mut came) = ([0; 2_048], Vec::new());
        self.until(|| {
            self.sockets[0].send_to(datagram, self.ports[0]).expect("sends");
            let received = self.sockets[0].recv_from(&mut buffer);
            received.is_ok_and(|(bytes, _)| {
                came = buffer[..bytes].to_vec();
                true
            })
        });
        came
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.handle.counters().dropped(reason)
    }

    /// The browser's half of a handshake: its keys, or why there are none.
    fn shakes_hands(&self, certificate: Certificate, role: DtlsRole) -> Option<PeerKeys> {
        let epoch = Instant::now();
        let mut browser = Handshakes::new(certificate, epoch, 1).expect("settings");
        let now = || Tick(epoch.elapsed().as_micros() as u64);
        let begin = Begin { role, fingerprint: self.handle.fingerprint(), is_checked: true };
        browser.begin(now(), 0, begin);
        let (mut buffer, end) = ([0; 2_048], Instant::now() + PATIENCE);
        while Instant::now() < end {
            while let Some((_, made)) = browser.poll() {
                match made {
                    Handshaken::Datagram(datagram) => {
                        self.sockets[0].send_to(&datagram, self.ports[0]).expect("sends");
                    }
                    Handshaken::Secured(keys) => return Some(keys),
                    Handshaken::Failed(_) => return None,
                }
            }
            if let Ok((bytes, _)) = self.sockets[0].recv_from(&mut buffer) {
                browser.handle(now(), 0, &buffer[..bytes]);
            }
            browser.tick(now());
        }
        panic!("no end of the handshake: {:?}", self.handle.counters());
    }

    fn event(&self) -> MediaEvent {
        self.events.recv_timeout(PATIENCE).expect("an event")
    }
}

#[test]
fn a_browser_talks_to_a_plain_side() {
    for (ours, theirs) in [(DtlsRole::Server, DtlsRole::Client), (DtlsRole::Client, DtlsRole::Server)] {
        let certificate = Certificate::new().expect("made");
        let bench = Bench::start(certificate.fingerprint(), ours);
        // Nothing of its own plain voice passes, nor a handshake from where no check came.
        let mut buffer = [0; 2_048];
        let hello = [&[22, 254, 253][..], &[0; 8], &[0, 1, 1]].concat();
        bench.until(|| {
            bench.sockets[0].send_to(&voice(1), bench.ports[0]).expect("sends");
            bench.sockets[0].send_to(&hello, bench.ports[0]).expect("sends");
            bench.dropped(DropReason::Unkeyed) > 0 && bench.dropped(DropReason::Foreign) > 0
        });
        // And nothing plain goes to it.
        let before = bench.dropped(DropReason::Unkeyed);
        bench.sockets[1].send_to(&voice(1), bench.ports[1]).expect("sends");
        bench.until(|| bench.dropped(DropReason::Unkeyed) > before);
        // Checks by somebody without the password are not answered.
        for (username, password) in [("ours:them", "another password, of 24."), ("them:ours", OURS)] {
            let before = bench.dropped(DropReason::Unauthentic);
            bench.sockets[0].send_to(&check(username, password, true), bench.ports[0]).expect("sends");
            bench.until(|| bench.dropped(DropReason::Unauthentic) > before);
        }
        assert!(bench.sockets[0].recv_from(&mut buffer).is_err(), "no answer");
        let request = check("ours:them", OURS, true);
        let answer = bench.asks(&request);
        assert_eq!((answer[..2].to_vec(), answer[4..20].to_vec()), (vec![1, 1], request[4..20].to_vec()));
        assert!(answer.len() <= request.len());
        let keys = bench.shakes_hands(certificate, theirs).expect("keys");
        assert_eq!(bench.event(), MediaEvent::Secured { endpoint: id(0) });
        let mut sends = Protector::new(&keys.ours).expect("keys");
        let mut hears = Unprotector::new(&keys.theirs).expect("keys");
        for sequence in 2..20 {
            let mut packet = voice(sequence);
            packet.resize(packet.len() + RTCP_ROOM, 0);
            let bytes = sends.rtp(&mut packet, 172).expect("protected");
            bench.sockets[0].send_to(&packet[..bytes], bench.ports[0]).expect("sends");
            bench.sockets[1].set_read_timeout(Some(PATIENCE)).expect("set");
            let (bytes, from) = bench.sockets[1].recv_from(&mut buffer).expect("it is heard");
            assert_eq!((&buffer[..bytes], from), (&voice(sequence)[..], bench.ports[1]));
            bench.sockets[1].send_to(&voice(sequence), bench.ports[1]).expect("sends");
            bench.sockets[0].set_read_timeout(Some(PATIENCE)).expect("set");
            let bytes = loop {
                // A last flight of the handshake may come again.
                let (bytes, _) = bench.sockets[0].recv_from(&mut buffer).expect("it hears");
                if buffer[0] >= 128 {
                    break bytes;
                }
            };
            let bytes = hears.rtp(&mut buffer[..bytes]).expect("by its keys");
            assert_eq!(buffer[12..bytes], voice(sequence)[12..]);
        }
        bench.handle.send(MediaCommand::Close { endpoint: id(0) }).expect("room");
        let MediaEvent::Closed { report, .. } = bench.event() else { panic!("it is closed") };
        assert_eq!((report.packets_in, report.packets_out), (18, 18));
        assert_eq!(report.peer, bench.sockets[0].local_addr().ok());
        bench.relay.stop();
    }
}

#[test]
fn another_certificate_than_that_of_the_session_makes_no_keys() {
    let [expected, other] = [(); 2].map(|()| Certificate::new().expect("made"));
    let bench = Bench::start(expected.fingerprint(), DtlsRole::Server);
    bench.asks(&check("ours:them", OURS, true));
    let _its_view = bench.shakes_hands(other, DtlsRole::Client);
    let MediaEvent::SecureFailed { endpoint, why } = bench.event() else { panic!("it is told") };
    assert_eq!(endpoint, id(0));
    assert!(why.contains("certificate"), "{why}");
    let before = bench.dropped(DropReason::Unkeyed);
    bench.sockets[1].send_to(&voice(1), bench.ports[1]).expect("sends");
    bench.until(|| bench.dropped(DropReason::Unkeyed) > before);
    bench.relay.stop();
}

#[test]
fn checks_are_answered_so_often_in_a_second() {
    let bench = Bench::start([7; 32], DtlsRole::Server);
    bench.asks(&check("ours:them", OURS, false));
    bench.until(|| {
        for _ in 0..40 {
            bench.sockets[0].send_to(&check("ours:them", OURS, false), bench.ports[0]).expect("sends");
        }
        bench.dropped(DropReason::Rate) > 0
    });
    bench.relay.stop();
}
