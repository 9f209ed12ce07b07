//! A test end's telephone line: a UDP socket that speaks whole SIP messages, and the SDP of one audio stream
//! (RFC 4566). Test ends answer what they must and nothing else: they are peers to try a switch with, not
//! examples of one.

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use sip::Message;

/// Room for one datagram.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// What is offered: payload number and its rtpmap.
pub(super) type Payloads = &'static [(u8, &'static str)];

/// One socket.
pub(super) struct Line {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Line {
    /// Takes a free port of this address.
    pub(super) fn bind(ip: Ipv4Addr) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((ip, 0))
            .with_context(|| format!("the demo cannot use {ip}: the whole of 127.0.0.0/8 must be local"))?;
        let address = socket.local_addr().context("a socket without address")?;
        Ok(Self { socket, address })
    }

    /// Where it is reached.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one message.
    pub(super) fn send(&self, to: SocketAddr, message: &[u8]) -> anyhow::Result<()> {
        self.socket.send_to(message, to).with_context(|| format!("{} cannot send to {to}", self.address))?;
        Ok(())
    }

    /// The next message that comes until then, if any; what is no SIP is passed over.
    pub(super) fn receive(&self, until: Instant) -> anyhow::Result<Option<(Message, SocketAddr)>> {
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).context("a socket without timeout")?;
            match self.socket.recv_from(&mut buffer) {
                Ok((bytes, peer)) => {
                    if let Ok(mut message) =
                        Message::parse(Bytes::copy_from_slice(buffer.get(..bytes).unwrap_or_default()))
                    {
                        message.set_source(peer);
                        return Ok(Some((message, peer)));
                    }
                }
                Err(error) if is_quiet(&error) => {}
                Err(error) => return Err(error).with_context(|| format!("{} cannot receive", self.address)),
            }
            if Instant::now() >= until {
                return Ok(None);
            }
        }
    }
}

/// Nothing came, or somebody else's port was closed.
fn is_quiet(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted | ErrorKind::ConnectionRefused
    )
}

/// A word that no other message of this process has.
pub(super) fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("demo{:x}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The offer of one audio stream at this address.
pub(super) fn offer(at: SocketAddr, payloads: Payloads) -> String {
    let numbers: String = payloads.iter().map(|(number, _)| format!(" {number}")).collect();
    let maps: String = payloads.iter().map(|(number, map)| format!("a=rtpmap:{number} {map}\r\n")).collect();
    describe(at, &numbers, &maps)
}

/// The answer that takes the first codec offered; none if there is no audio stream in the offer.
pub(super) fn answer(at: SocketAddr, offer: &str) -> Option<String> {
    let stream = offer.lines().find_map(|line| line.strip_prefix("m=audio "))?;
    let number = stream.split_whitespace().nth(2)?;
    let wanted = format!("a=rtpmap:{number} ");
    let map =
        offer.lines().find(|line| line.starts_with(&wanted)).map(|line| format!("{}\r\n", line.trim_end()));
    Some(describe(at, &format!(" {number}"), &map.unwrap_or_default()))
}

fn describe(at: SocketAddr, numbers: &str, maps: &str) -> String {
    let (ip, port) = (at.ip(), at.port());
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP{numbers}\r\n{maps}a=sendrecv\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_the_first_codec() {
        let at = SocketAddr::from(([127, 0, 0, 1], 4000));
        let offered = offer(at, &[(18, "G729/8000"), (0, "PCMU/8000")]);
        assert!(offered.contains("m=audio 4000 RTP/AVP 18 0\r\n"), "{offered}");
        let answered = answer(at, &offered).expect("an audio stream");
        assert!(answered.contains("m=audio 4000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n"), "{answered}");
        assert!(!answered.contains("PCMU"));
        assert_eq!(answer(at, "v=0\r\nm=video 1 RTP/AVP 31\r\n"), None);
    }
}
