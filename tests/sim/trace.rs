//! What happened, as a hash of everything and the last lines for people.

use std::collections::VecDeque;

use bytes::Bytes;

/// Lines kept for a failure's report.
const TAIL: usize = 120;

#[derive(Clone)]
enum Line {
    Packet { into: bool, peer: std::net::SocketAddr, bytes: Bytes },
    Note(String),
}

pub struct Trace {
    hash: u64,
    tail: VecDeque<(u64, Line)>,
    /// Everything is printed as it happens.
    pub loud: bool,
}

impl Trace {
    pub const fn new(loud: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, tail: VecDeque::new(), loud }
    }

    /// FNV-1a of every byte that went in or out, and of its time.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub fn packet(&mut self, tick: u64, into: bool, peer: std::net::SocketAddr, bytes: &Bytes) {
        self.mix(&tick.to_le_bytes());
        self.mix(bytes);
        self.line(tick, Line::Packet { into, peer, bytes: bytes.clone() });
    }

    pub fn note(&mut self, tick: u64, text: String) {
        self.mix(text.as_bytes());
        self.line(tick, Line::Note(text));
    }

    /// A record: part of the hash; a line only by its first words.
    pub fn record(&mut self, tick: u64, bytes: &[u8]) {
        self.mix(bytes);
        if self.loud {
            let text = String::from_utf8_lossy(bytes);
            let body = text.split_once("\"body\":").map_or(&*text, |(_, body)| body);
            self.line(tick, Line::Note(format!("journal {}", body.chars().take(200).collect::<String>())));
        }
    }

    fn line(&mut self, tick: u64, line: Line) {
        if self.loud {
            println!("{}", show(tick, &line));
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back((tick, line));
    }

    pub fn tail(&self) -> String {
        self.tail.iter().map(|(tick, line)| show(*tick, line) + "\n").collect()
    }
}

fn show(tick: u64, line: &Line) -> String {
    let at = format!("{:>9}.{:03}", tick / 1_000_000, tick / 1_000 % 1_000);
    match line {
        Line::Note(text) => format!("{at}  {text}"),
        Line::Packet { into, peer, bytes } => {
            let text = String::from_utf8_lossy(bytes);
            let field = |name: &str| {
                text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned()
            };
            let first = text.lines().next().unwrap_or("");
            let first = first
                .strip_prefix("SIP/2.0 ")
                .map_or_else(|| first.split(' ').next().unwrap_or("").to_owned(), str::to_owned);
            let arrow = if *into { "→" } else { "←" };
            let (cseq, id, reason) = (field("CSeq:"), field("Call-ID:"), field("Reason:"));
            let to = field("To:");
            let tag = to.rsplit_once("tag=").map_or("", |(_, tag)| tag);
            format!("{at}  {peer} {arrow} {first} [{cseq}] {id} to={tag} {reason}")
        }
    }
}
