//! A layer on a bench: a hand-moved clock, messages written as text, and a log of what went out when.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use sip::flow::{Flow, Transport};
use sip::token::Minter;
use sip::transaction::{ClientId, Event, Layer, Live, ServerId, Settings, Transmit};
use sip::{Message, Method};
use units::Tick;

/// That of every bench.
pub const MINTER: Minter = Minter::new([7; 16], 3);

pub fn udp() -> Flow {
    Flow::udp("192.0.2.1:5060".parse().unwrap(), "192.0.2.9:5060".parse().unwrap())
}

pub fn tcp() -> Flow {
    Flow::stream(Transport::Tcp, "192.0.2.1:5060".parse().unwrap(), "192.0.2.9:40000".parse().unwrap(), 7)
}

pub fn parse(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

/// The parts of a request that tests change.
pub struct Text<'a> {
    pub method: &'a str,
    pub branch: &'a str,
    pub number: u32,
    pub from_tag: &'a str,
    pub to_tag: &'a str,
    pub call_id: &'a str,
    pub extra: &'a str,
}

pub const INVITE: Text<'static> = Text {
    method: "INVITE",
    branch: ";branch=z9hG4bKpeer1",
    number: 1,
    from_tag: ";tag=a",
    to_tag: "",
    call_id: "c1",
    extra: "",
};

impl Text<'_> {
    pub fn write(&self) -> String {
        let Text { method, branch, number, from_tag, to_tag, call_id, extra } = self;
        format!(
            "{method} sip:34600000000@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9{branch}\r\n{extra}From: <sip:alice@192.0.2.9>{from_tag}\r\n\
             To: <sip:34600000000@192.0.2.1>{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n\
             Contact: <sip:alice@192.0.2.9>\r\nContent-Length: 0\r\n\r\n"
        )
    }

    pub fn message(&self) -> Message {
        parse(&self.write())
    }
}

/// A response to a request in bytes, as a peer would write it.
pub fn response(request: &[u8], status: u16, to_tag: &str) -> Message {
    let request = Message::parse(Bytes::copy_from_slice(request)).unwrap();
    Message::parse(sip::Builder::response(&request, status, "Because").to_tag(to_tag).build()).unwrap()
}

/// `INVITE`, `180 INVITE`, `ACK` …
pub fn line(bytes: &[u8]) -> String {
    let msg = Message::parse(Bytes::copy_from_slice(bytes)).unwrap();
    if msg.is_request() { msg.method().to_string() } else { format!("{} {}", msg.status(), msg.cseq().1) }
}

pub struct Bench {
    pub layer: Layer,
    pub now_ms: u64,
    /// What went out: when, in ms, and what.
    pub sent: Vec<(u64, Transmit)>,
    pub events: Vec<Event>,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        Self { layer: Layer::new(MINTER, settings), now_ms: 0, sent: vec![], events: vec![] }
    }

    pub fn now(&self) -> Tick {
        Tick(0).plus_ms(self.now_ms)
    }

    /// Collects outputs.
    pub fn drain(&mut self) {
        while let Some(transmit) = self.layer.poll_transmit() {
            self.sent.push((self.now_ms, transmit));
        }
        while let Some(event) = self.layer.poll_event() {
            self.events.push(event);
        }
    }

    /// Runs the timers up to `ms`.
    pub fn run_to(&mut self, ms: u64) {
        while let Some(at) = self.layer.next_deadline().filter(|at| at.0 <= ms * 1_000) {
            self.now_ms = self.now_ms.max(at.0 / 1_000);
            let now = self.now();
            self.layer.handle_timeout(now);
            self.drain();
        }
        self.now_ms = ms;
    }

    pub fn run_out(&mut self) {
        self.run_to(self.now_ms + 200_000);
    }

    pub fn hear_on(&mut self, flow: Flow, msg: Message) {
        let now = self.now();
        self.layer.handle_message(now, flow, msg);
        self.drain();
    }

    pub fn hear(&mut self, msg: Message) {
        self.hear_on(udp(), msg);
    }

    /// Sends a request of ours and gives its id and bytes.
    pub fn send_on(&mut self, flow: Flow, method: Method) -> (ClientId, Bytes) {
        let (id, branch) = self.layer.mint_client();
        let text = Text { method: method.as_str(), branch: &format!(";branch={branch}"), ..INVITE };
        let extra = "Route: <sip:p1;lr>, <sip:p2;lr>\r\nRoute: <sip:p3;lr>\r\n";
        let bytes = Bytes::from(Text { extra, ..text }.write());
        let now = self.now();
        self.layer.send(now, id, flow, method, bytes.clone());
        self.drain();
        (id, bytes)
    }

    pub fn send(&mut self, method: Method) -> (ClientId, Bytes) {
        self.send_on(udp(), method)
    }

    /// A request comes in; gives its id.
    pub fn request(&mut self, flow: Flow, msg: Message) -> ServerId {
        self.hear_on(flow, msg);
        match self.take_events().pop() {
            Some(Event::Request { id, .. }) => id,
            other => panic!("no request but {other:?}"),
        }
    }

    pub fn respond(&mut self, id: ServerId, request: &str, status: u16) {
        let bytes = sip::Builder::response(&parse(request), status, "Because").to_tag("ours").build();
        let now = self.now();
        self.layer.respond(now, id, status, bytes);
        self.drain();
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Takes the log as times and lines.
    pub fn take_sent(&mut self) -> Vec<(u64, String)> {
        self.sent.drain(..).map(|(at, transmit)| (at, line(&transmit.bytes))).collect()
    }

    pub fn take_lines(&mut self) -> Vec<String> {
        self.take_sent().into_iter().map(|(_, line)| line).collect()
    }

    pub fn assert_empty(&self) {
        assert_eq!(self.layer.live(), Live::default(), "something leaked");
    }
}

/// `Request`, `Response 180`, `Timeout` …
pub fn name(event: &Event) -> String {
    match event {
        Event::Request { msg, .. } => format!("Request {}", msg.method()),
        Event::Cancel { .. } => "Cancel".into(),
        Event::Ack { .. } => "Ack".into(),
        Event::Response { msg, .. } => format!("Response {}", msg.status()),
        Event::Timeout { .. } => "Timeout".into(),
        Event::TransportError { .. } => "TransportError".into(),
        Event::NoAck { .. } => "NoAck".into(),
        Event::Stray { msg, .. } => format!("Stray {}", msg.status()),
    }
}

pub fn names(events: &[Event]) -> Vec<String> {
    events.iter().map(name).collect()
}
