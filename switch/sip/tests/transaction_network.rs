//! Two layers over a network that loses 30 %, repeats and reorders, thousands of times: everything ends,
//! once, and nothing leaks. The same seed gives the same trace.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use sip::flow::{Flow, Transport};
use sip::token::Minter;
use sip::transaction::{ClientId, Event, Layer, Live, ServerId, Settings};
use sip::{Builder, Message, Method, Name};
use units::Tick;

const SEEDS: u64 = 2_500;
const REQUESTS: usize = 6;

struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

/// What is yet to happen.
enum Plan {
    Arrive { at_server: bool, bytes: Bytes },
    Send { request: usize },
    Cancel { request: usize },
    Respond { id: ServerId, status: u16, request: Box<Message> },
}

#[derive(Default, Debug)]
struct Fate {
    id: Option<ClientId>,
    invite: bool,
    arrived: u32,
    ended: u32,
    cancelled: u32,
    /// The server's final status, if it gave one.
    answered: u16,
    acked_or_given_up: bool,
}

struct World {
    dice: Dice,
    loss: u64,
    reliable: bool,
    now_us: u64,
    serial: u64,
    plans: BTreeMap<(u64, u64), Plan>,
    client: Layer,
    server: Layer,
    fates: Vec<Fate>,
    servers: BTreeMap<ServerId, usize>,
    trace: DefaultHasher,
    strays: u32,
    steps: u64,
}

impl World {
    fn new(seed: u64, loss: u64, reliable: bool) -> Self {
        let layer = |shard| {
            Layer::new(Minter::new([5; 16], shard), Settings { trying_after_ms: 200, ..Settings::default() })
        };
        let mut world = Self {
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            loss,
            reliable,
            now_us: 0,
            serial: 0,
            plans: BTreeMap::new(),
            client: layer(1),
            server: layer(2),
            fates: vec![],
            servers: BTreeMap::new(),
            trace: DefaultHasher::new(),
            strays: 0,
            steps: 0,
        };
        for request in 0..REQUESTS {
            let at = world.dice.roll(3_000_000);
            world.plan(at, Plan::Send { request });
            world.fates.push(Fate::default());
        }
        world
    }

    fn flow(&self, from_client: bool) -> Flow {
        let (client, server) = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.2:5060".parse().unwrap());
        let (local, peer) = if from_client { (client, server) } else { (server, client) };
        if self.reliable { Flow::stream(Transport::Tcp, local, peer, 1) } else { Flow::udp(local, peer) }
    }

    fn now(&self) -> Tick {
        Tick(self.now_us)
    }

    fn plan(&mut self, delay_us: u64, plan: Plan) {
        self.serial += 1;
        self.plans.insert((self.now_us + delay_us, self.serial), plan);
    }

    /// Lossy, repeating, reordering; or a stream: in order and whole.
    fn carry(&mut self, at_server: bool, bytes: Bytes) {
        (self.now_us, at_server, &bytes[..]).hash(&mut self.trace);
        if self.reliable {
            return self.plan(20_000, Plan::Arrive { at_server, bytes });
        }
        let copies = 1 + u64::from(self.dice.roll(10) == 0);
        for _ in 0..copies {
            if self.dice.roll(100) >= self.loss {
                let delay = self.dice.roll(900_000);
                self.plan(delay, Plan::Arrive { at_server, bytes: bytes.clone() });
            }
        }
    }

    fn run(&mut self) {
        loop {
            self.drain();
            let timers =
                [self.client.next_deadline(), self.server.next_deadline()].into_iter().flatten().min();
            let plan = self.plans.keys().next().map(|(at, _)| Tick(*at));
            let Some(next) = timers.into_iter().chain(plan).min() else { break };
            self.now_us = self.now_us.max(next.0);
            self.steps += 1;
            assert!(self.steps < 20_000, "no end in sight");
            if plan.is_some_and(|at| at.0 <= self.now_us) {
                let (_, plan) = self.plans.pop_first().unwrap();
                self.act(plan);
            } else {
                let now = self.now();
                self.client.handle_timeout(now);
                self.server.handle_timeout(now);
            }
        }
    }

    fn act(&mut self, plan: Plan) {
        let now = self.now();
        match plan {
            Plan::Arrive { at_server, bytes } => {
                let flow = self.flow(!at_server);
                let layer = if at_server { &mut self.server } else { &mut self.client };
                layer.handle_message(now, flow, Message::parse(bytes).unwrap());
            }
            Plan::Send { request } => self.send(request),
            Plan::Cancel { request } => {
                self.client.cancel(now, self.fates[request].id.unwrap(), Some("SIP;cause=487"))
            }
            Plan::Respond { id, status, request } => self.respond(id, status, &request),
        }
    }

    fn send(&mut self, request: usize) {
        let method =
            [Method::Invite, Method::Invite, Method::Options, Method::Info][self.dice.roll(4) as usize];
        let (id, branch) = self.client.mint_client();
        let bytes = Builder::request(method, "sip:b@192.0.2.2")
            .header_fmt(Name::Via, format_args!("SIP/2.0/UDP 192.0.2.1;branch={branch};rport"))
            .header(Name::From, "<sip:a@192.0.2.1>;tag=a")
            .header(Name::To, "<sip:b@192.0.2.2>")
            .header_fmt(Name::CallId, format_args!("{request}"))
            .cseq(1, method)
            .header(Name::MaxForwards, "70")
            .build();
        let (now, flow) = (self.now(), self.flow(true));
        self.client.send(now, id, flow, method, bytes);
        self.fates[request].id = Some(id);
        self.fates[request].invite = method == Method::Invite;
        if method == Method::Invite && self.dice.roll(3) == 0 {
            let at = self.dice.roll(8_000_000);
            self.plan(at, Plan::Cancel { request });
        }
    }

    fn respond(&mut self, id: ServerId, status: u16, request: &Message) {
        if !self.server.is_open(id) {
            return;
        }
        let bytes = Builder::response(request, status, "Fate")
            .to_tag("b")
            .header(Name::Contact, "<sip:b@192.0.2.2>")
            .build();
        if status >= 200 {
            self.fates[self.servers[&id]].answered = status;
        }
        self.server.respond(self.now(), id, status, bytes);
    }

    fn drain(&mut self) {
        loop {
            if let Some(transmit) = self.client.poll_transmit() {
                self.carry(true, transmit.bytes);
            } else if let Some(transmit) = self.server.poll_transmit() {
                self.carry(false, transmit.bytes);
            } else if let Some(event) = self.client.poll_event() {
                self.at_client(event);
            } else if let Some(event) = self.server.poll_event() {
                self.at_server(event);
            } else {
                break;
            }
        }
    }

    fn at_client(&mut self, event: Event) {
        match event {
            Event::Response { id, flow, msg } => {
                let request: usize = msg.call_id().parse().unwrap();
                assert_eq!(self.fates[request].id, Some(id));
                if msg.status() < 200 {
                    // Timer C, which is the call's (§16.6)
                    return self.plan(180_000_000, Plan::Cancel { request });
                }
                self.fates[request].ended += 1;
                if msg.status() < 300 && self.fates[request].invite {
                    let ack = Builder::request(Method::Ack, "sip:b@192.0.2.2")
                        .header_fmt(
                            Name::Via,
                            format_args!("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKack{request}"),
                        )
                        .header(Name::From, msg.header(Name::From).unwrap())
                        .header(Name::To, msg.header(Name::To).unwrap())
                        .header(Name::CallId, msg.call_id())
                        .cseq(1, Method::Ack)
                        .build();
                    self.client.ack_2xx(self.now(), id, msg.to_tag(), flow, ack);
                }
            }
            Event::Timeout { id } => {
                let fate = self.fates.iter_mut().find(|fate| fate.id == Some(id)).unwrap();
                fate.ended += 1;
            }
            Event::Stray { .. } => self.strays += 1,
            Event::TransportError { .. }
            | Event::Request { .. }
            | Event::Cancel { .. }
            | Event::Ack { .. }
            | Event::NoAck { .. } => {
                panic!("{event:?}")
            }
        }
    }

    fn at_server(&mut self, event: Event) {
        match event {
            Event::Request { id, msg, .. } => {
                let request: usize = msg.call_id().parse().unwrap();
                self.fates[request].arrived += 1;
                self.servers.insert(id, request);
                if msg.method() == Method::Invite && self.dice.roll(2) == 0 {
                    let at = self.dice.roll(4_000_000);
                    self.plan(at, Plan::Respond { id, status: 180, request: Box::new(msg.clone()) });
                }
                let (at, status) =
                    (self.dice.roll(10_000_000), [200, 200, 404, 603][self.dice.roll(4) as usize]);
                self.plan(at, Plan::Respond { id, status, request: Box::new(msg) });
            }
            Event::Cancel { invite, msg } => {
                self.fates[self.servers[&invite]].cancelled += 1;
                // the INVITE's headers differ from the CANCEL's in the CSeq method alone
                let text = String::from_utf8(msg.as_bytes().to_vec()).unwrap().replace("CANCEL", "INVITE");
                self.respond(invite, 487, &Message::parse(Bytes::from(text)).unwrap());
            }
            Event::Ack { msg, .. } => {
                let request: usize = msg.call_id().parse().unwrap();
                let (&id, _) = self.servers.iter().find(|(_, found)| **found == request).unwrap();
                // an ACK to a 3xx–6xx that comes after Timer H belongs to nothing
                self.fates[request].acked_or_given_up |= (200..300).contains(&self.fates[request].answered);
                self.server.acked(self.now(), id);
            }
            Event::NoAck { id } => self.fates[self.servers[&id]].acked_or_given_up = true,
            Event::Response { .. }
            | Event::Timeout { .. }
            | Event::TransportError { .. }
            | Event::Stray { .. } => panic!("{event:?}"),
        }
    }

    fn judge(&self, seed: u64) {
        assert_eq!(self.client.live(), Live::default(), "seed {seed}: the client leaks");
        assert_eq!(self.server.live(), Live::default(), "seed {seed}: the server leaks");
        for fate in &self.fates {
            assert_eq!(fate.ended, 1, "seed {seed}: one end per request: {fate:?}");
            assert!(fate.arrived <= 1, "seed {seed}: no request twice: {fate:?}");
            assert!(fate.cancelled <= 1, "seed {seed}: {fate:?}");
            let accepted = fate.invite && (200..300).contains(&fate.answered);
            assert_eq!(fate.acked_or_given_up, accepted, "seed {seed}: {fate:?}");
        }
        let counters = self.client.counters();
        assert!(counters.timeouts > 0 || self.strays == 0, "seed {seed}: strays come only after a timeout");
        assert_eq!(
            self.server.counters().merged + self.server.counters().malformed + counters.malformed,
            0,
            "seed {seed}"
        );
        if self.reliable {
            assert_eq!((counters.timeouts, counters.retransmissions_sent), (0, 0), "seed {seed}");
        }
    }
}

fn play(seed: u64, loss: u64, reliable: bool) -> (u64, World) {
    let mut world = World::new(seed, loss, reliable);
    world.run();
    world.judge(seed);
    (world.trace.finish(), world)
}

#[test]
fn every_transaction_ends_once_and_nothing_leaks() {
    let (mut repeated, mut timeouts, mut cancelled, mut unacknowledged) = (0, 0, 0, 0);
    for seed in 0..SEEDS {
        let (_, world) = play(seed, 30, false);
        repeated += world.server.counters().requests_repeated + world.client.counters().responses_repeated;
        timeouts += world.client.counters().timeouts;
        unacknowledged += world.server.counters().unacknowledged;
        cancelled += world.fates.iter().map(|fate| u64::from(fate.cancelled)).sum::<u64>();
    }
    assert!(
        repeated > 10_000 && cancelled > 500,
        "the network did its worst: {repeated} repeats, {cancelled} CANCELs"
    );
    assert!(
        timeouts < 200 && unacknowledged < 50,
        "30 % loss is survivable: {timeouts} timeouts, {unacknowledged} without ACK"
    );
}

#[test]
fn even_when_almost_nothing_arrives() {
    let mut timeouts = 0;
    for seed in 0..500 {
        timeouts += play(seed, 85, false).1.client.counters().timeouts;
    }
    assert!(timeouts > 100, "{timeouts}");
}

#[test]
fn streams_need_no_repeats() {
    for seed in 0..500 {
        play(seed, 0, true);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let traces: Vec<u64> = (0..200).map(|seed| play(seed, 30, false).0).collect();
    for (seed, trace) in traces.iter().enumerate() {
        assert_eq!(play(seed as u64, 30, false).0, *trace, "seed {seed}");
    }
    let mut different = traces.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), traces.len());
}
