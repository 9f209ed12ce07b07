//! One shard as a switch runs it: gates with an account each, two carriers with decks, routes and prices of
//! any size, a clock by hand.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use node::{BootstrapAccount, ConfigSnapshot, Dispatch, Identity, Input, Node, Output};
use rating::Decks;
use route::{CarrierSpec, Carriers, Cidr, GateSpec, Gates, SlotTable};
use sip::Message;
use sip::flow::{Flow, Transport};
use units::{Currency, Money, Now, Number, Tick, Wall};

use crate::plan::{self, NOON};

/// Where the switch listens.
pub const SWITCH: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5060);
/// Gates, each of one address and with an account of its own.
pub const GATES: usize = 200;

const KEY: [u8; 16] = *b"benchmark-tokens";
/// Enough that no call is refused.
const OPENING: i64 = 1_000_000_000_000;

/// A packet on its way into the switch.
#[derive(Debug)]
pub struct Arrival {
    /// Who sent it.
    pub peer: SocketAddr,
    /// The message, whole.
    pub bytes: Bytes,
}

/// The switch without its threads and sockets.
pub struct World {
    /// The shard under test.
    pub node: Node,
    /// Its configuration.
    pub config: Arc<ConfigSnapshot>,
    /// Numbers that it can route and price.
    pub numbers: Vec<Number>,
    /// Records that came out so far: the ticket of the last one.
    pub written: u64,
    dispatch: Dispatch,
    now: Now,
}

/// Where the calls of a gate come from.
pub fn gate_address(gate: usize) -> SocketAddr {
    let [high, low] = u16::try_from(gate % GATES).unwrap_or(0).to_be_bytes();
    SocketAddr::from(([10, 1, high, low], 5060))
}

/// Gates of one address each, with a block around them that belongs to somebody else.
pub fn gates() -> Gates {
    let spec = |at: usize| {
        let source = vec![Cidr::host(gate_address(at).ip())];
        GateSpec { source, ..GateSpec::new(&format!("gate-{at}"), &format!("account-{at}")) }
    };
    let wide = GateSpec {
        source: vec![Cidr::parse("10.0.0.0/8").expect("block")],
        ..GateSpec::new("wide", "account-0")
    };
    Gates::new((0..GATES).map(spec).chain([wide]).collect(), None).expect("gates")
}

/// Two carriers, each with a deck of its own.
pub fn carriers() -> Carriers {
    let spec = |name: &str, target: &str| {
        let target = target.parse().expect("target");
        CarrierSpec { deck: Some(format!("{name}-cost").into()), ..CarrierSpec::new(name, target) }
    };
    Carriers::new(vec![spec("alpha", "sip:198.51.100.1:5060"), spec("beta", "sip:198.51.100.2:5060")], None)
        .expect("carriers")
}

/// The customers' deck and those of the carriers, of so many rows each.
pub fn decks(prefixes: &[String]) -> Arc<Decks> {
    Arc::new(Decks::new(
        [("retail", 2), ("alpha-cost", 3), ("beta-cost", 4)]
            .map(|(name, seed)| plan::deck(name, prefixes, seed)),
    ))
}

// === impl World ===

impl World {
    /// A world whose three decks and whose routes have `rows` rows each.
    pub fn new(rows: usize) -> Self {
        let prefixes = plan::prefixes(rows);
        let carriers = carriers();
        let account = |at: usize| BootstrapAccount {
            name: format!("account-{at}").into(),
            currency: Currency::EUR,
            balance: Money::of(OPENING, Currency::EUR),
            limit: 0,
            terms: ledger::Terms::of_deck("retail"),
        };
        let config = Arc::new(ConfigSnapshot {
            domains: Vec::new(),
            realm: String::new(),
            hashes: route::OfferedHashes::Both,
            strangers: node::StrangerLimits::default(),
            gates: Arc::new(gates()),
            routes: Arc::new(plan::routes(&prefixes, &carriers)),
            carriers: Arc::new(carriers),
            numbers: Arc::default(),
            decks: decks(&prefixes),
            accounts: (0..GATES).map(account).collect(),
            payment_methods: Vec::new(),
            listeners: vec![(Transport::Udp, SWITCH)],
            address: SWITCH.ip(),
            media: node::MediaConfig::default(),
            timing: node::NodeTiming::default(),
            stir: None,
        });
        let identity = Identity { name: "bench".into(), shard: 0, shards: 1, key: KEY, boot: 1 };
        let now = Now { tick: Tick(0), wall: NOON };
        let mut node = Node::new(identity, Arc::clone(&config), Arc::new(SlotTable::default()));
        node.start_empty(now);
        let written = std::iter::from_fn(|| node.poll())
            .filter(|output| matches!(output, Output::Journal { .. }))
            .count() as u64;
        Self {
            node,
            config,
            numbers: plan::numbers(&prefixes, 100_000, 5),
            written,
            dispatch: Dispatch::new(KEY, 1),
            now,
        }
    }

    /// Time passes; nothing happens yet.
    pub const fn advance_us(&mut self, us: u64) {
        let tick = Tick(self.now.tick.0 + us);
        self.now = Now { tick, wall: Wall(NOON.0 + (tick.0 / 1_000) as i64) };
    }

    /// What the shard's thread does with each packet, `spacing_us` apart; outputs with the place of the
    /// packet that caused them.
    pub fn deliver(&mut self, arrivals: Vec<Arrival>, spacing_us: u64, outputs: &mut Vec<(usize, Output)>) {
        for (place, Arrival { peer, bytes }) in arrivals.into_iter().enumerate() {
            self.advance_us(spacing_us);
            let flow = Flow::udp(SWITCH, peer);
            let message = Message::parse(bytes);
            let arrival = self.dispatch.find(&self.config, flow, message);
            if arrival.shard == Some(0) {
                self.node.handle(self.now, Input::Sip(arrival));
            }
            self.drain(place, outputs);
        }
    }

    /// Gives the node one input that is no packet.
    pub fn give(&mut self, input: Input, outputs: &mut Vec<(usize, Output)>) {
        self.node.handle(self.now, input);
        self.drain(usize::MAX, outputs);
    }

    /// Lets so many seconds pass, with every timer at its time.
    pub fn idle_secs(&mut self, secs: u64, outputs: &mut Vec<(usize, Output)>) {
        let end = Tick(self.now.tick.0 + secs * 1_000_000);
        loop {
            let next = self.node.deadline().min(end).max(self.now.tick);
            self.advance_us(next.0 - self.now.tick.0);
            self.give(Input::Tick, outputs);
            if next >= end {
                return;
            }
            // A deadline that stays where it is would never let time pass.
            self.advance_us(u64::from(self.node.deadline() <= next));
        }
    }
    fn drain(&mut self, place: usize, outputs: &mut Vec<(usize, Output)>) {
        while let Some(output) = self.node.poll() {
            self.written += u64::from(matches!(output, Output::Journal { .. }));
            outputs.push((place, output));
        }
    }
}
