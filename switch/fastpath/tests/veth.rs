//! Streams that go on in the kernel, between two network namespaces. Without the permission for them, or for
//! BPF, the tests say so and pass.
#![allow(clippy::panic)]
#![allow(unsafe_code)] // setns(2), and a raw socket

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::Command;
use std::thread;
use std::time::Duration;

use fastpath::{FastPath, Passed, Stream};

const OURS: Ipv4Addr = Ipv4Addr::new(10, 231, 77, 1);
const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 231, 77, 2);
const PATIENCE: Duration = Duration::from_secs(10);

/// Two namespaces and a cable between them; dropped, they are gone.
struct Cable {
    names: [String; 2],
}

/// Sockets of both ends: the caller's and the callee's, and the ports of ours that each talks to.
struct Ends {
    caller: UdpSocket,
    callee: UdpSocket,
    for_caller: UdpSocket,
    for_callee: UdpSocket,
    interface: u32,
}

fn ip(arguments: &str) -> Result<(), String> {
    let done = Command::new("ip").args(arguments.split(' ')).output();
    let done = done.map_err(|error| format!("`ip` does not run: {error}"))?;
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    if done.status.success() { Ok(()) } else { Err(format!("ip {arguments}: {said}")) }
}

impl Cable {
    fn new(test: &str) -> Result<Self, String> {
        let names = ["a", "b"].map(|end| format!("fastpath-{}-{test}-{end}", std::process::id()));
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
            // SAFETY: no pointers; the thread ends after `does`.
            let done = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(done, 0, "{}", io::Error::last_os_error());
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

impl Ends {
    fn new(cable: &Cable) -> Self {
        let bind = |ip| {
            let socket = UdpSocket::bind((ip, 0)).expect("a port");
            socket.set_read_timeout(Some(PATIENCE)).expect("set");
            socket
        };
        let (caller, callee) = cable.within(1, || (bind(THEIRS), bind(THEIRS)));
        let ((for_caller, for_callee), interface) = cable
            .within(0, || ((bind(OURS), bind(OURS)), FastPath::interface_to(OURS, THEIRS).expect("a route")));
        Self { caller, callee, for_caller, for_callee, interface }
    }

    /// What goes from the caller to the callee.
    fn stream(&self) -> Stream {
        Stream {
            from: v4(&self.caller),
            ssrc: 0xcafe_0007,
            payload: 8,
            highest: 65_533,
            highest_timestamp: 0,
            ours: v4(&self.for_callee),
            to: v4(&self.callee),
            interface: self.interface,
            told_ssrc: 0x0102_0304,
            told_payload: 98,
            sequence: 1_000,
            timestamp: 0xffff_fff0,
        }
    }
}

fn v4(socket: &UdpSocket) -> SocketAddrV4 {
    match socket.local_addr().expect("bound") {
        SocketAddr::V4(v4) => v4,
        SocketAddr::V6(v6) => panic!("{v6}"),
    }
}

fn voice(payload: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Vec<u8> {
    let (sequence, timestamp, ssrc) = (sequence.to_be_bytes(), timestamp.to_be_bytes(), ssrc.to_be_bytes());
    [&[0x80, payload][..], &sequence, &timestamp, &ssrc, b"some odd voice"].concat()
}

/// The cable and the program, or why not.
fn start(test: &str) -> Result<(Cable, FastPath), String> {
    let cable = Cable::new(test)?;
    let path = cable.within(0, || {
        let path = FastPath::load(16)?;
        path.attach(FastPath::interface_to(OURS, THEIRS).expect("a route"))?;
        Ok(path)
    });
    path.map(|path| (cable, path)).map_err(|error: fastpath::Unavailable| error.to_string())
}

fn unless_refused(test: &str, run: impl FnOnce(&Cable, &FastPath)) {
    match start(test) {
        Ok((cable, path)) => run(&cable, &path),
        Err(reason) => println!("in-kernel: not available ({reason})"),
    }
}

/// The next datagram, and who sent it.
fn next(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2_048];
    let (bytes, from) = socket.recv_from(&mut buffer).expect("it comes");
    (buffer[..bytes].to_vec(), from)
}

#[test]
fn a_stream_goes_on_as_its_entry_says_and_is_counted() {
    unless_refused("goes", |cable, path| {
        let ends = Ends::new(cable);
        let (stream, port) = (ends.stream(), v4(&ends.for_caller));
        let say = |packet: &[u8]| ends.caller.send_to(packet, port).expect("sends");
        say(&voice(8, 65_533, 160, stream.ssrc));
        assert_eq!(next(&ends.for_caller).0, voice(8, 65_533, 160, stream.ssrc), "not yet");
        path.insert(port, &stream).expect("room");
        assert!(path.insert(port, &stream).is_err(), "twice");
        for (sequence, told) in [(65_535, 999_u16), (0, 1_000), (65_534, 998), (3, 1_003)] {
            say(&voice(8 | 0x80, sequence, 0x20, stream.ssrc));
            let expected = voice(98 | 0x80, told, 0x10, stream.told_ssrc);
            assert_eq!(next(&ends.callee), (expected, ends.for_callee.local_addr().expect("bound")));
        }
        let passed = path.passed(port).expect("read").expect("there");
        let expected =
            Passed { packets: 4, bytes: 4 * 26, highest: 3, timestamp: 0x20, cycles: 1, gaps: 2, ..passed };
        assert_eq!(passed, expected);
        assert!(passed.last_ns > 0);
        assert_eq!(path.take(port).expect("read"), Some(passed));
        assert_eq!(path.take(port).expect("read"), None);
        say(&voice(8, 4, 160, stream.ssrc));
        assert_eq!(next(&ends.for_caller).0, voice(8, 4, 160, stream.ssrc), "ours again");
    });
}

/// A datagram with its header; the sum of the packet's addresses, ports and bytes is right (RFC 768).
fn datagram(from: SocketAddrV4, to: SocketAddrV4, packet: &[u8]) -> Vec<u8> {
    let length = (8 + packet.len() as u16).to_be_bytes();
    let ports = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
    let pseudo = [&from.ip().octets()[..], &to.ip().octets(), &[0, 17], &length].concat();
    let all = [&pseudo[..], &ports, &length, &[0, 0], packet].concat();
    let word = |pair: &[u8]| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
    let sum: u64 = all.chunks(2).map(word).sum();
    let folded = !((sum & 0xffff) + (sum >> 16)) as u16;
    [&ports[..], &length, &folded.to_be_bytes(), packet].concat()
}

#[test]
fn checksums_are_those_of_what_is_sent() {
    unless_refused("sums", |cable, path| {
        let ends = Ends::new(cable);
        let (stream, port) = (ends.stream(), v4(&ends.for_caller));
        path.insert(port, &stream).expect("room");
        // SAFETY: no pointers; the descriptor is the kernel's newest, and nobody else's.
        let raw = cable.within(1, || unsafe {
            UdpSocket::from_raw_fd(libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_UDP))
        });
        let say = |sequence, harm: u8| {
            let packet = voice(8, sequence, 160, stream.ssrc);
            let mut datagram = datagram(v4(&ends.caller), port, &packet);
            datagram[6] ^= harm;
            raw.send_to(&datagram, port).expect("sends");
        };
        // one that was broken on its way stays broken, and its receiver drops it
        for (sequence, harm) in [(65_534, 0x55), (65_535, 0), (0, 0)] {
            say(sequence, harm);
        }
        for told in [999_u16, 1_000] {
            assert_eq!(next(&ends.callee).0, voice(98, told, 160 - 16, stream.told_ssrc));
        }
        assert_eq!(path.passed(port).expect("read").expect("there").packets, 3);
    });
}

#[test]
fn what_does_not_fit_comes_to_the_socket_as_it_was() {
    unless_refused("fits", |cable, path| {
        let ends = Ends::new(cable);
        let (stream, port) = (ends.stream(), v4(&ends.for_caller));
        path.insert(port, &stream).expect("room");
        let good = voice(8, 65_534, 160, stream.ssrc);
        let with = |place: usize, byte: u8| {
            let mut packet = good.clone();
            packet[place] = byte;
            packet
        };
        for (packet, why) in [
            (voice(0, 65_534, 160, stream.ssrc), "another payload"),
            (voice(8, 65_534, 160, 9), "another source"),
            (voice(8, 30_000, 160, stream.ssrc), "a number far off"),
            (with(0, 0x90), "an extension"),
            (with(0, 0xa0), "padding"),
            (with(0, 0x81), "a contributing source"),
            (with(1, 0xc9), "RTCP"),
            (good[..11].to_vec(), "cut"),
            (Vec::new(), "empty"),
        ] {
            ends.caller.send_to(&packet, port).expect("sends");
            assert_eq!(next(&ends.for_caller), (packet, ends.caller.local_addr().expect("bound")), "{why}");
        }
        let stranger = ends.callee.local_addr().expect("bound");
        ends.callee.send_to(&good, port).expect("sends");
        assert_eq!(next(&ends.for_caller), (good.clone(), stranger), "another port");
        assert_eq!(path.passed(port).expect("read").expect("there").packets, 0);
        ends.caller.send_to(&good, port).expect("sends");
        assert_eq!(next(&ends.callee).0[2..4], 998_u16.to_be_bytes());
    });
}
