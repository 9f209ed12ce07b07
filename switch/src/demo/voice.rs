//! A test end's voice: a port of its own that takes RTP (RFC 3550), and sends a packet each 20 ms once it
//! knows where to.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Of speech in one packet.
const PACKET: Duration = Duration::from_millis(20);
/// What a packet of 20 ms holds of G.711, and of G.729.
const G711_BYTES: usize = 160;
const G729_BYTES: usize = 20;

/// A port of RTP with a thread of its own.
pub(super) struct Voice {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Where to send, and as which payload.
    to: Mutex<Option<(SocketAddr, u8)>>,
    heard: AtomicU64,
    stop: AtomicBool,
}

impl Voice {
    /// Takes a free port of this address.
    pub(super) fn start(ip: Ipv4Addr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((ip, 0)).context("no port for the voice of a test end")?;
        let address = socket.local_addr().context("a socket without address")?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("test-voice".to_owned())
            .spawn(move || speak(&socket, &of_thread))
            .context("cannot start a test end's voice")?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Where it is heard.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends to where this SDP wants its audio, as its first payload.
    pub(super) fn talk_to(&self, sdp: &[u8]) {
        *self.shared.to.lock().unwrap_or_else(PoisonError::into_inner) = target(sdp);
    }

    /// RTP packets that came.
    pub(super) fn heard(&self) -> u64 {
        self.shared.heard.load(Ordering::Relaxed)
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It holds nothing that its end could spoil.
            let _ = thread.join();
        }
    }
}

fn speak(socket: &UdpSocket, shared: &Shared) {
    let (mut sequence, mut due) = (0_u16, Instant::now());
    let mut buffer = [0; 2_048];
    while !shared.stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now >= due {
            due = now + PACKET;
            let to = *shared.to.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((to, payload)) = to {
                sequence = sequence.wrapping_add(1);
                // What does not leave is missed by the other side, which says so.
                let _ = socket.send_to(&packet(payload, sequence, socket), to);
            }
        }
        let left = due.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        if socket.set_read_timeout(Some(left)).is_err() {
            return;
        }
        if let Ok((bytes, _)) = socket.recv_from(&mut buffer)
            && bytes > 12
            && buffer.first().is_some_and(|first| first >> 6 == 2)
        {
            shared.heard.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A packet of silence.
fn packet(payload: u8, sequence: u16, socket: &UdpSocket) -> Vec<u8> {
    let source = socket.local_addr().map_or(1, |address| u32::from(address.port()));
    let (bytes, silence) = match payload {
        0 => (G711_BYTES, 0xff),
        8 => (G711_BYTES, 0xd5),
        _ => (G729_BYTES, 0),
    };
    let mut packet = vec![0x80, payload];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend(source.to_be_bytes());
    packet.resize(12 + bytes, silence);
    packet
}

/// Where an SDP wants its audio, and its first payload number.
fn target(sdp: &[u8]) -> Option<(SocketAddr, u8)> {
    let text = std::str::from_utf8(sdp).ok()?;
    let ip = text.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
    let mut stream = text.lines().find_map(|line| line.strip_prefix("m=audio "))?.split_whitespace();
    let port = stream.next()?.parse().ok().filter(|port| *port != 0)?;
    let payload = stream.nth(1)?.parse().ok()?;
    Some((SocketAddr::new(ip.trim().parse().ok()?, port), payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ends_hear_each_other() {
        let [a, b] = [0, 1].map(|_| Voice::start(Ipv4Addr::LOCALHOST).expect("a port"));
        for (one, other) in [(&a, &b), (&b, &a)] {
            let (ip, port) = (other.address().ip(), other.address().port());
            one.talk_to(format!("v=0\r\nc=IN IP4 {ip}\r\nm=audio {port} RTP/AVP 8 0\r\n").as_bytes());
        }
        let until = Instant::now() + Duration::from_secs(10);
        while (a.heard() < 3 || b.heard() < 3) && Instant::now() < until {
            std::thread::yield_now();
        }
        assert!(a.heard() >= 3 && b.heard() >= 3, "{} and {}", a.heard(), b.heard());
        assert_eq!(target(b"c=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 8\r\n"), None, "closed");
    }
}
