//! Calls at a steady rate by kept TLS connections, and the carrier that answers them by UDP: whether a
//! switch keeps up, how long an answer takes, and what CPU the switch used. Its SIP is written and read here,
//! by none of the switch's crates.
//!
//! `tls_load 127.0.0.1:5061 NAME CA.pem 127.0.0.2:5080 [RATE [CALLS [CONNECTIONS [PID]]]]`: the switch's
//! listener, the name and the authority of its certificate, where its carrier is called; 1000 calls a second,
//! 20000 of them, by 10 connections. The gate is 127.0.0.1.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// How long a call may take until it counts as failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one look at a connection waits.
const LOOK: Duration = Duration::from_millis(1);
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";
const NUMBER: &str = "34911234567";

struct Plan {
    to: SocketAddr,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
    rate: f64,
    calls: usize,
    connections: usize,
}

/// What one connection saw.
#[derive(Default)]
struct Seen {
    done: usize,
    failed: usize,
    /// From the INVITE to its 200, milliseconds.
    answers: Vec<f64>,
}

struct Line {
    stream: StreamOwned<ClientConnection, TcpStream>,
    heard: Vec<u8>,
    number: usize,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mut next =
        |what: &str| args.next().unwrap_or_else(|| panic!("{what} is missing: see the head of this file"));
    let (to, name, ca, carrier) =
        (next("the listener"), next("its name"), next("its authority"), next("the carrier"));
    let mut number = |preset: f64| args.next().map_or(preset, |text| text.parse().unwrap());
    let (rate, calls, connections, pid) = (number(1_000.0), number(20_000.0), number(10.0), number(0.0));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&ca).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let plan = Arc::new(Plan {
        to: to.parse().unwrap(),
        name: ServerName::try_from(name).unwrap(),
        config: Arc::new(config),
        rate,
        calls: calls as usize,
        connections: connections as usize,
    });
    let socket = UdpSocket::bind(&carrier).unwrap();
    std::thread::spawn(move || answer_calls(&socket));
    let (begun, cpu) = (Instant::now(), cpu_secs(pid as u32));
    let lines: Vec<_> = (0..plan.connections)
        .map(|number| {
            let plan = Arc::clone(&plan);
            std::thread::spawn(move || call_by(&plan, number, begun))
        })
        .collect();
    let seen: Vec<Seen> = lines.into_iter().map(|line| line.join().unwrap()).collect();
    report(&seen, begun.elapsed(), cpu_secs(pid as u32) - cpu);
}

fn report(seen: &[Seen], took: Duration, cpu: f64) {
    let (done, failed) =
        seen.iter().fold((0, 0), |(done, failed), one| (done + one.done, failed + one.failed));
    let mut answers: Vec<f64> = seen.iter().flat_map(|one| one.answers.iter().copied()).collect();
    answers.sort_by(f64::total_cmp);
    let at = |part: f64| answers.get((answers.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    println!(
        "calls {done} failed {failed} in {:.1} s ({:.0}/s); answered in {:.1} ms (half), {:.1} (99 %), {:.1} (all); CPU {:.0} µs a call",
        took.as_secs_f64(),
        done as f64 / took.as_secs_f64(),
        at(0.5),
        at(0.99),
        answers.last().copied().unwrap_or(f64::NAN),
        cpu * 1e6 / done.max(1) as f64
    );
    if failed > 0 {
        std::process::exit(1);
    }
}

/// User and system time of a process, from `/proc`; 0 for none.
fn cpu_secs(pid: u32) -> f64 {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0.0 };
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    // Fields 14 and 15; the kernel counts 100 a second.
    (ticks(11) + ticks(12)) / 100.0
}

// === the caller's end ===

fn call_by(plan: &Plan, number: usize, begun: Instant) -> Seen {
    let stream = TcpStream::connect(plan.to).unwrap();
    stream.set_nodelay(true).unwrap();
    let tls = ClientConnection::new(Arc::clone(&plan.config), plan.name.clone()).unwrap();
    let mut line = Line { stream: StreamOwned::new(tls, stream), heard: Vec::new(), number };
    line.stream.flush().unwrap();
    line.stream.sock.set_read_timeout(Some(LOOK)).unwrap();
    let mut seen = Seen::default();
    let mut open: BTreeMap<usize, Instant> = BTreeMap::new();
    let mine = plan.calls / plan.connections;
    let every = plan.connections as f64 / plan.rate;
    let mut placed = 0;
    while placed < mine || !open.is_empty() {
        while placed < mine && begun.elapsed().as_secs_f64() >= placed as f64 * every {
            line.send(
                "INVITE",
                placed,
                &format!("<sip:{NUMBER}@switch>"),
                &format!("sip:{NUMBER}@switch"),
                SDP,
            );
            open.insert(placed, Instant::now());
            placed += 1;
        }
        line.hear();
        while let Some(message) = line.message() {
            line.take(&message, &mut open, &mut seen);
        }
        let given_up = open.len();
        open.retain(|_, since| since.elapsed() < PATIENCE);
        seen.failed += given_up - open.len();
    }
    seen
}

impl Line {
    fn send(&mut self, method: &str, call: usize, to: &str, uri: &str, body: &str) {
        // Unlike those of a run before, which the switch may still remember.
        let line = format!("{}x{}", std::process::id(), self.number);
        let cseq = if method == "BYE" { 2 } else { 1 };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TLS load.invalid;branch=z9hG4bK{line}-{call}-{method};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:34600000000@load.invalid>;tag=t{line}-{call}\r\nTo: {to}\r\nCall-ID: {line}-{call}@load.invalid\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:load@load.invalid;transport=tls>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(text.as_bytes()).unwrap();
        self.stream.flush().unwrap();
    }

    fn hear(&mut self) {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => panic!("the switch closed the connection"),
            Ok(count) => self.heard.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn message(&mut self) -> Option<String> {
        let head = self.heard.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&self.heard[..head]).unwrap();
        let end = head + header(text, "Content-Length").map_or(0, |length| length.parse().unwrap());
        if self.heard.len() < end {
            return None;
        }
        let rest = self.heard.split_off(end);
        Some(String::from_utf8(std::mem::replace(&mut self.heard, rest)).unwrap())
    }

    fn take(&mut self, message: &str, open: &mut BTreeMap<usize, Instant>, seen: &mut Seen) {
        let id = header(message, "Call-ID").unwrap_or_default();
        let call =
            id.split(['-', '@']).nth(1).and_then(|call| call.parse::<usize>().ok()).unwrap_or(usize::MAX);
        let status = message.get(8..11).unwrap_or_default();
        let method = header(message, "CSeq").and_then(|cseq| cseq.split(' ').nth(1)).unwrap_or_default();
        match (status.as_bytes().first(), method) {
            (Some(b'1'), _) => {}
            (Some(b'2'), "INVITE") => {
                let Some(since) = open.get(&call) else { return };
                seen.answers.push(since.elapsed().as_secs_f64() * 1e3);
                let to = header(message, "To").unwrap().to_owned();
                let contact = header(message, "Contact").unwrap();
                let uri = contact.trim_start_matches('<').split('>').next().unwrap().to_owned();
                self.send("ACK", call, &to, &uri, "");
                self.send("BYE", call, &to, &uri, "");
            }
            (Some(b'2'), "BYE") => seen.done += usize::from(open.remove(&call).is_some()),
            _ => seen.failed += usize::from(open.remove(&call).is_some()),
        }
    }
}

// === the carrier ===

fn answer_calls(socket: &UdpSocket) {
    let here = socket.local_addr().unwrap();
    let mut buffer = [0; 8_192];
    while let Ok((count, from)) = socket.recv_from(&mut buffer) {
        let request = String::from_utf8_lossy(&buffer[..count]);
        if request.starts_with("ACK ") || request.starts_with("SIP/") {
            continue;
        }
        let body = if request.starts_with("INVITE ") { SDP } else { "" };
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let to = header(&request, "To").unwrap_or_default();
        let tag = if to.contains("tag=") { "" } else { ";tag=c" };
        let copied: String = ["Via", "From", "Call-ID", "CSeq"]
            .iter()
            .map(|name| format!("{name}: {}\r\n", header(&request, name).unwrap_or_default()))
            .collect();
        let answer = format!(
            "SIP/2.0 200 OK\r\n{copied}To: {to}{tag}\r\nContact: <sip:{here}>\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        // A full socket loses it, as a network would.
        let _ = socket.send_to(answer.as_bytes(), from);
    }
}

fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let lines = message.split("\r\n").take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
