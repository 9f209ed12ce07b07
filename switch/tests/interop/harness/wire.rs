//! A peer that says exactly what it is told to, byte by byte: for what no well-behaved user agent sends.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// Pauses between repeats of a request: the first, and the longest.
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);

/// A UDP socket at an address of our choice.
pub struct Peer {
    socket: UdpSocket,
    to: SocketAddr,
    sent: u32,
}

impl Peer {
    /// From any port of `ip`.
    pub fn new(ip: &str, to: SocketAddr) -> Self {
        Self { socket: UdpSocket::bind((ip, 0)).unwrap(), to, sent: 0 }
    }

    /// Sends these bytes.
    pub fn send(&self, bytes: &[u8]) {
        self.socket.send_to(bytes, self.to).unwrap();
    }

    /// The next datagram, if one comes in time.
    pub fn hear(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within.max(Duration::from_millis(1)))).unwrap();
        let mut buffer = vec![0; 65_536];
        let (count, _) = self.socket.recv_from(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..count]).into_owned())
    }

    /// The final answer to the transaction of this branch; others are not looked at.
    pub fn final_answer(&self, branch: &str, within: Duration) -> Option<String> {
        let begun = Instant::now();
        while let Some(left) = within.checked_sub(begun.elapsed()) {
            let heard = self.hear(left)?;
            if heard.contains(branch) && status_of(&heard).is_some_and(|status| status >= 200) {
                return Some(heard);
            }
        }
        None
    }

    /// A request with all that RFC 3261 asks for, and its branch.
    pub fn request(&mut self, method: &str, uri: &str, body: &str) -> (String, String) {
        self.sent += 1;
        let here = self.socket.local_addr().unwrap();
        let branch = format!("z9hG4bK-{}-{}", here.port(), self.sent);
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch={branch};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:caller@{here}>;tag=t{}\r\nTo: <{uri}>\r\nCall-ID: {branch}@test\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:caller@{here}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            self.sent,
            body.len()
        );
        (text, branch)
    }

    /// Asks, again and again as RFC 3261 §17.1 wants it of UDP, and waits for the final answer. An INVITE's
    /// is acknowledged.
    pub fn ask(&mut self, method: &str, uri: &str, body: &str, within: Duration) -> Option<String> {
        let (text, branch) = self.request(method, uri, body);
        let begun = Instant::now();
        let mut pause = T1;
        let answer = loop {
            self.send(text.as_bytes());
            let left = within.checked_sub(begun.elapsed())?;
            if let Some(answer) = self.final_answer(&branch, pause.min(left)) {
                break answer;
            }
            pause = (pause * 2).min(T2);
        };
        if method == "INVITE" {
            let to =
                answer.lines().find(|line| line.to_ascii_lowercase().starts_with("to:")).unwrap_or_default();
            let head = text.split("\r\n\r\n").next().unwrap_or_default();
            let kept = head.lines().skip(1).filter(|line| {
                ["Via", "Max-Forwards", "From", "Call-ID"]
                    .iter()
                    .any(|name| line.split(':').next() == Some(name))
            });
            let kept: Vec<&str> = kept.collect();
            self.send(
                format!(
                    "ACK {uri} SIP/2.0\r\n{}\r\n{to}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
                    kept.join("\r\n")
                )
                .as_bytes(),
            );
        }
        Some(answer)
    }
}

/// An offer of PCMA and telephone-event, what SIPp's carriers answer with.
pub const OFFER: &str = "v=0\r\no=pbx 1 1 IN IP4 127.0.0.11\r\ns=-\r\nc=IN IP4 127.0.0.11\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\n\
    a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

/// The status of a response.
pub fn status_of(message: &str) -> Option<u16> {
    message.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// A TCP connection from `ip`.
pub fn connect(ip: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(ip.parse().unwrap(), 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// What comes on a connection until it is closed; `None` if it stays open.
pub fn until_closed(stream: &mut TcpStream, within: Duration) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(within)).unwrap();
    let mut heard = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Some(heard),
            Ok(count) => heard.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Some(heard),
            Err(_) => return None,
        }
    }
}
