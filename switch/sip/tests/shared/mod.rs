//! What the message tests share: data files, verdicts, dice, and a call of every accessor.
#![allow(dead_code)]

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use sip::{Builder, Fault, Frame, Framer, Message, Method, Name, NameAddr, Uri, Via};

/// Where all test messages seem to come from.
pub fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 77], 5099))
}

fn folder(set: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data").join(set)
}

/// One file of a set.
pub fn data(set: &str, file: &str) -> Vec<u8> {
    let path = folder(set).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a set's table of verdicts.
pub fn rows(set: &str) -> Vec<Vec<String>> {
    let text = String::from_utf8(data(set, "EXPECT.tsv")).unwrap_or_else(|error| panic!("{set}: {error}"));
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

/// All torture messages by name.
pub fn corpus() -> Vec<(String, Vec<u8>)> {
    let old =
        rows("rfc4475").into_iter().map(|row| (row[0].clone(), data("rfc4475", &format!("{}.dat", row[0]))));
    let new = rows("rfc5118").into_iter().map(|row| (row[0].clone(), data("rfc5118", &row[0])));
    old.chain(new).collect()
}

/// What becomes of a message.
#[derive(Debug)]
pub enum Verdict {
    Accept,
    Wait,
    Drop { label: &'static str },
    Refuse { status: u16, label: &'static str, answer: Bytes, close: bool },
}

impl Verdict {
    pub fn label(&self) -> &'static str {
        match self {
            Verdict::Accept | Verdict::Wait => "-",
            Verdict::Drop { label } | Verdict::Refuse { label, .. } => label,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Accept => f.write_str("ok"),
            Verdict::Wait => f.write_str("wait"),
            Verdict::Drop { .. } => f.write_str("drop"),
            Verdict::Refuse { status, close, .. } => {
                write!(f, "{status}{}", if *close { "-close" } else { "" })
            }
        }
    }
}

fn refuse(fault: Fault, answer: Option<Bytes>, close: bool) -> Verdict {
    match answer {
        Some(answer) => Verdict::Refuse { status: fault.status(), label: fault.label(), answer, close },
        None => Verdict::Drop { label: fault.label() },
    }
}

fn checked(mut message: Message) -> Verdict {
    message.set_source(source());
    let scheme = if message.is_request() { message.check_scheme() } else { Ok(()) };
    match message.check().and(scheme) {
        Ok(()) => Verdict::Accept,
        Err(fault) => refuse(fault, fault.response(&message), false),
    }
}

/// The verdict on one datagram.
pub fn udp_verdict(wire: &[u8]) -> Verdict {
    match Message::parse(Bytes::copy_from_slice(wire)) {
        Ok(message) => checked(message),
        Err(error) => refuse(error.fault(), error.response(source()), false),
    }
}

/// The verdict on the first message of a stream that arrives in pieces.
pub fn stream_verdict(wire: &[u8], piece: usize) -> Verdict {
    let mut framer = Framer::new();
    for bytes in wire.chunks(piece.max(1)) {
        framer.push(bytes);
        match framer.next() {
            None | Some(Ok(Frame::Ping)) => {}
            Some(Ok(Frame::Message(message))) => return checked(message),
            Some(Err(failed)) => {
                return refuse(failed.error.fault(), failed.error.response(source()), failed.close);
            }
        }
    }
    Verdict::Wait
}

/// Runs everything that reads a message; true when it passed all checks.
pub fn exercise(wire: &[u8]) -> bool {
    let verdict = udp_verdict(wire);
    if let Verdict::Refuse { answer, .. } = &verdict {
        let answer = Message::parse(answer.clone()).unwrap_or_else(|error| panic!("our own answer: {error}"));
        assert!(!answer.is_request());
    }
    let mut framer = Framer::new();
    framer.push(wire);
    while framer.next().is_some() {}
    let Ok(message) = Message::parse(Bytes::copy_from_slice(wire)) else { return false };
    for (name, text, value) in message.all_headers() {
        assert!(!value.contains(['\r', '\n']), "a line end in {text}");
        assert!(name != Name::Other || message.header_named(text).is_some());
        if let Some(via) = Via::parse(value) {
            let _ = (via.branch(), via.received(), via.rport(), via.answer_to(source(), sip::ReplyTo::Auto));
        }
        if let Some(party) = NameAddr::parse(value) {
            let _ = (party.tag(), party.display_text(), party.parse_uri());
        }
        if let Some(uri) = Uri::parse(value) {
            let _ = (uri.user_unescaped(), uri.user_base(), uri.host_ip(), uri.is_loose());
        }
        let _ = message.values(name).count();
    }
    let _ = (
        message.cseq(),
        message.call_id(),
        message.from_tag(),
        message.to_tag(),
        message.max_forwards(),
        message.expires(),
    );
    let _ = (
        message.body(),
        message.content_type(),
        message.reason(),
        message.method_text(),
        message.uri().is_ok(),
    );
    let copy = Builder::request(Method::Invite, message.request_uri())
        .copy(&message, |_, _| true)
        .body("a/b", &message.body())
        .build();
    let copy = Message::parse(copy);
    let names =
        |message: &Message| message.all_headers().map(|(_, text, _)| text.to_owned()).collect::<Vec<_>>();
    if let Ok(copy) = copy {
        // nothing that was one header before is two after
        assert!(names(&copy).len() <= names(&message).len() + 2);
    }
    matches!(verdict, Verdict::Accept)
}

/// Deterministic dice: xorshift64*.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.roll() >> 33) as usize % bound.max(1)
    }

    /// One to four changes: a byte replaced, a range cut out, doubled, or taken from another message.
    pub fn mutate(&mut self, wire: &mut Vec<u8>, corpus: &[(String, Vec<u8>)]) {
        const SPECIAL: &[u8] = b"\0\r\n\t \"\\<>;:,=%@[]?*/\x7f\xff";
        for _ in 0..=self.below(4) {
            let at = self.below(wire.len());
            let end = (at + self.below(32)).min(wire.len());
            match self.below(6) {
                0 => wire[at] = self.roll() as u8,
                1 => wire[at] = SPECIAL[self.below(SPECIAL.len())],
                2 => wire.insert(at, SPECIAL[self.below(SPECIAL.len())]),
                3 if end - at < wire.len() => drop(wire.drain(at..end)),
                4 => {
                    let copy = wire[at..end].to_vec();
                    wire.splice(at..at, copy);
                }
                _ => {
                    let other = &corpus[self.below(corpus.len())].1;
                    let from = self.below(other.len());
                    let to = (from + self.below(64)).min(other.len());
                    wire.splice(at..end, other[from..to].iter().copied());
                }
            }
            if wire.is_empty() {
                wire.push(b'I');
            }
        }
    }
}
