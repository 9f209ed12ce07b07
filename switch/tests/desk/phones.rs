//! A caller behind a gate and a carrier that answers: the least of RFC 3261 that makes a call record.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::kit::PATIENCE;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

/// Answers every INVITE with `status`.
pub struct Carrier {
    pub address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Carrier {
    pub fn start(status: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (address, stop) = (socket.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let ended = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while !ended.load(Ordering::Relaxed) {
                let Ok((length, peer)) = socket.recv_from(&mut bytes) else { continue };
                let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
                let line = match message.split_whitespace().next() {
                    Some("INVITE") => status,
                    Some("BYE" | "CANCEL" | "OPTIONS") => "200 OK",
                    _ => continue,
                };
                socket.send_to(response(&message, line, address).as_bytes(), peer).unwrap();
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// As `[[carrier]]` of a configuration, and the default route to it.
    pub fn config(&self, name: &str) -> String {
        format!(
            "\n[[carrier]]\nname = {name:?}\naddress = \"sip:{};transport=udp\"\ndeck = \"cost\"\ncodecs = [\"PCMA\"]\n",
            self.address
        )
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn header<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    message
        .split("\r\n")
        .filter(|line| line.to_ascii_lowercase().starts_with(&format!("{}:", name.to_ascii_lowercase())))
        .collect()
}

fn response(request: &str, status: &str, contact: SocketAddr) -> String {
    let mut lines = vec![format!("SIP/2.0 {status}")];
    for name in ["Via", "Record-Route", "From", "Call-ID", "CSeq"] {
        lines.extend(header(request, name).into_iter().map(str::to_owned));
    }
    let to = header(request, "To")[0];
    lines.push(if to.contains("tag=") { to.to_owned() } else { format!("{to};tag=c1") });
    let has_body = status.starts_with('2') && request.starts_with("INVITE");
    lines.push(format!("Contact: <sip:{contact}>"));
    if has_body {
        lines.push("Content-Type: application/sdp".to_owned());
    }
    let body = if has_body { SDP } else { "" };
    format!("{}\r\nContent-Length: {}\r\n\r\n{body}", lines.join("\r\n"), body.len())
}

/// Calls `number`, waits for the final answer, hangs up at once if it was answered. Returns the status.
pub fn call(sip: SocketAddr, number: &str, call_id: &str) -> u16 {
    let socket = UdpSocket::bind("127.0.0.11:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let me = socket.local_addr().unwrap();
    let request = |method: &str, cseq: u32, to: &str, uri: &str, body: &str| {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{method}{call_id}\r\nMax-Forwards: 70\r\n\
             From: <sip:34900000001@{me}>;tag=a1\r\n{to}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{me}>\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let uri = format!("sip:{number}@{sip}");
    socket.send_to(request("INVITE", 1, &format!("To: <{uri}>"), &uri, SDP).as_bytes(), sip).unwrap();
    let answer = wait(&socket, "INVITE");
    let status: u16 = answer.split_whitespace().nth(1).unwrap().parse().unwrap();
    let to = header(&answer, "To")[0].to_owned();
    if status >= 300 {
        socket.send_to(request("ACK", 1, &to, &uri, "").as_bytes(), sip).unwrap();
        return status;
    }
    let contact = header(&answer, "Contact")[0];
    let target = contact.split(['<', '>']).nth(1).unwrap().to_owned();
    socket.send_to(request("ACK", 1, &to, &target, "").as_bytes(), sip).unwrap();
    // Some milliseconds of talk, in which nothing comes: a call of none is billed nothing.
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    while socket.recv_from(&mut [0; 8192]).is_ok() {}
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(request("BYE", 2, &to, &target, "").as_bytes(), sip).unwrap();
    wait(&socket, "BYE");
    status
}

/// The final answer to a request.
fn wait(socket: &UdpSocket, method: &str) -> String {
    let mut bytes = [0; 8192];
    loop {
        let (length, _) = socket.recv_from(&mut bytes).expect("an answer");
        let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
        let status =
            message.split_whitespace().nth(1).and_then(|word| word.parse::<u16>().ok()).unwrap_or_default();
        if message.starts_with("SIP/2.0") && status >= 200 && header(&message, "CSeq")[0].ends_with(method) {
            return message;
        }
    }
}
