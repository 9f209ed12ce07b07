//! A peer over UDP with voice of its own: SIP at one socket, packets of G.711 at another.

use std::net::{SocketAddr, UdpSocket};

use codecs::g711::Law;

use super::{Line, OFFER, PBX, SOON};

/// Payload numbers of the two laws (RFC 3551 §6).
pub const PCMA: u8 = 8;
pub const PCMU: u8 = 0;

/// A peer's SIP over UDP, whose sessions name its own socket for voice.
pub struct Datagrams {
    pub sip: UdpSocket,
    pub switch: SocketAddr,
    pub voice: UdpSocket,
    /// The payload number of its codec.
    pub codec: u8,
}

impl Datagrams {
    pub fn at(ip: &str, switch: SocketAddr) -> Self {
        let [sip, voice] = [0, 0].map(|port: u16| UdpSocket::bind((ip, port)).unwrap());
        for socket in [&sip, &voice] {
            socket.set_read_timeout(Some(SOON)).unwrap();
        }
        Self { sip, switch, voice, codec: PCMA }
    }

    /// A message with this peer's own session in the place of the usual one.
    pub fn with_session(&self, message: &str) -> String {
        let at = self.voice.local_addr().unwrap();
        let codec = format!("RTP/AVP {}", self.codec);
        let session = OFFER.replace(PBX, &at.ip().to_string()).replace("40000", &at.port().to_string());
        let session = session.replace("RTP/AVP 8", &codec).replace("a=rtpmap:8 PCMA/8000\r\n", "");
        let length = |text: &str| format!("Content-Length: {}\r\n\r\n", text.len());
        message.replace(&format!("{}{OFFER}", length(OFFER)), &format!("{}{session}", length(&session)))
    }

    /// Sends a packet of voice; `number` is also its content.
    pub fn speak(&self, to: SocketAddr, number: u16) {
        self.voice.send_to(&packet(number), to).unwrap();
    }

    /// The content of the next packet of voice, and where it came from.
    pub fn listen(&self) -> (u16, SocketAddr) {
        let mut buffer = [0; 2_048];
        let (count, from) = self.voice.recv_from(&mut buffer).unwrap();
        assert_eq!((count, buffer[1] & 0x7f), (172, 8), "a whole packet of PCMA");
        (u16::from_be_bytes([buffer[12], buffer[13]]), from)
    }
}

impl Line for Datagrams {
    fn send(&mut self, message: &str) {
        self.sip.send_to(self.with_session(message).as_bytes(), self.switch).unwrap();
    }

    fn hear(&mut self) -> Option<String> {
        let mut buffer = vec![0; 65_536];
        let (count, _) = self.sip.recv_from(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..count]).into_owned())
    }
}

/// 20 ms of PCMA, RFC 3550 §5.1.
pub fn packet(number: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(number.to_be_bytes());
    packet.extend((u32::from(number) * 160).to_be_bytes());
    packet.extend([1, 2, 3, 4]);
    packet.extend(number.to_be_bytes());
    packet.resize(172, 0xd5);
    packet
}

/// Where a message wants voice.
pub fn target(message: &str) -> SocketAddr {
    let line = |start: &str| message.lines().find_map(|line| line.strip_prefix(start)).unwrap();
    let port = line("m=audio ").split(' ').next().unwrap();
    format!("{}:{port}", line("c=IN IP4 ").trim()).parse().unwrap()
}

/// Twenty milliseconds of a tone in one of the laws of G.711.
pub fn tone(law: Law, codec: u8, number: u16) -> Vec<u8> {
    let sample = |at: u16| {
        let second = f64::from(u32::from(number) * 160 + u32::from(at)) / 8_000.0;
        ((second * 500.0 * std::f64::consts::TAU).sin() * 10_000.0) as i16
    };
    let mut packet = packet(number);
    packet[1] = codec;
    packet.truncate(12);
    packet.extend((0..160).map(|at| law.encode(sample(at))));
    packet
}
