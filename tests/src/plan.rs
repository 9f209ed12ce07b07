//! The operator's configuration in the tests: gates, carriers, routes and decks, as tables for the node.

use std::net::SocketAddr;
use std::sync::Arc;

use node::{BootstrapAccount, ConfigSnapshot, MediaConfig, RelayAddress, RelayConfig};
use rating::{Deck, Decks, Rules};
use route::{
    CarrierOrder, CarrierSpec, Carriers, Cidr, GateKind, GateSpec, Gates, Ha1, Login, MediaPath, Origin,
    OurNumber, OurNumbers, RouteTableBuilder, Secret,
};
use sip::flow::Transport;
use units::{Currency, Exchange, Exchanges, Money, Rounding};

use crate::dialogue::SWITCH;

/// A configuration that a test changes before it is built.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Name and CSV, in euros unless it is one of `dollars`.
    pub decks: Vec<(&'static str, String)>,
    /// Decks in dollars.
    pub dollars: Vec<&'static str>,
    /// What converts them.
    pub exchanges: Vec<Exchange>,
    /// How amounts are rounded.
    pub rounding: Rounding,
    /// Name, opening balance (10⁻⁵ units), deck.
    pub accounts: Vec<(&'static str, i64, &'static str)>,
    /// Who calls.
    pub gates: Vec<GateSpec>,
    /// Who carries.
    pub carriers: Vec<CarrierSpec>,
    /// Numbers of ours.
    pub numbers: Vec<OurNumber>,
    /// Prefix and carriers in order.
    pub routes: Vec<(&'static str, Vec<&'static str>)>,
    /// Where the switch listens.
    pub listeners: Vec<(Transport, SocketAddr)>,
    /// Domains of SIP accounts.
    pub domains: Vec<&'static str>,
    /// Hashes that challenges offer.
    pub hashes: route::OfferedHashes,
    /// What unknown addresses are allowed.
    pub strangers: node::StrangerLimits,
    /// Silence after which peers without session timer are asked; none: half of their session timer.
    pub dialog_probe_ms: Option<u32>,
    /// How callers' numbers are signed toward carriers.
    pub stir: Option<Arc<node::Signing>>,
    /// How media travels; gates and carriers say so too.
    pub media: MediaConfig,
}

/// Where relayed media comes to.
pub const RELAY: &str = "203.0.113.5";
/// The same for IPv6.
pub const RELAY_V6: &str = "2001:db8:ffff::5";

/// The domain of SIP accounts.
pub const SIP_DOMAIN: &str = "sip.example.net";

/// The header of every deck here.
pub const DECK_HEADER: &str =
    "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";

/// A deck of these rows: prefix, rate, initial, increment, fee.
pub fn deck(rows: &[(&str, &str, u32, u32, &str)]) -> String {
    let mut csv = DECK_HEADER.to_owned();
    for (prefix, rate, initial, increment, fee) in rows {
        csv.push_str(&format!("{prefix},to {prefix},{rate},{initial},{increment},{fee},,\n"));
    }
    csv
}

/// A gate of one address.
pub fn gate(name: &str, account: &str, source: &str) -> GateSpec {
    GateSpec { source: vec![Cidr::parse(source).expect("block")], ..GateSpec::new(name, account) }
}

/// A SIP account that has password `s3cret`, in the realm of [`SIP_DOMAIN`].
pub fn sip_account(name: &str, account: &str) -> GateSpec {
    let ha1 = Ha1::of(name, SIP_DOMAIN, &Secret::new("s3cret"));
    GateSpec {
        kind: GateKind::SipAccount { max_contacts: 5 },
        login: Some(Box::new(Login { username: name.into(), ha1 })),
        ..GateSpec::new(name, account)
    }
}

/// A carrier by its URI.
pub fn carrier(name: &str, target: &str) -> CarrierSpec {
    CarrierSpec::new(name, target.parse().expect("target"))
}

/// A number of ours and what it rings.
pub fn number(e164: &str, account: &str, target: &str) -> OurNumber {
    OurNumber {
        e164: e164.parse().expect("number"),
        account: account.into(),
        target: target.parse().expect("target"),
    }
}

impl Plan {
    /// One customer with 10.00, one gate at 192.0.2.11, two carriers tried in order for 34.
    pub fn standard() -> Self {
        let retail =
            deck(&[("34", "0.12345", 30, 6, ""), ("346", "1", 1, 1, ""), ("349", "0.6", 60, 60, "0.1")]);
        let mut alpha = carrier("alpha", "sip:198.51.100.1:5060");
        alpha.deck = Some("alpha-cost".into());
        Self {
            decks: vec![("retail", retail), ("alpha-cost", deck(&[("34", "0.03", 1, 1, "")]))],
            dollars: Vec::new(),
            exchanges: Vec::new(),
            rounding: Rounding::HalfUp,
            accounts: vec![("acme", 1_000_000, "retail")],
            gates: vec![gate("acme-pbx", "acme", "192.0.2.11")],
            carriers: vec![alpha, carrier("beta", "sip:198.51.100.2:5060")],
            numbers: Vec::new(),
            routes: vec![("34", vec!["alpha", "beta"])],
            listeners: [Transport::Udp, Transport::Tcp]
                .map(|transport| (transport, SWITCH.parse().expect("address")))
                .to_vec(),
            domains: Vec::new(),
            hashes: route::OfferedHashes::Both,
            strangers: node::StrangerLimits::default(),
            dialog_probe_ms: None,
            stir: None,
            media: MediaConfig::default(),
        }
    }

    /// All media is relayed, by these relays outside.
    #[must_use]
    pub fn outside(mut self, engines: &[std::net::SocketAddr]) -> Self {
        self = self.relayed((20_000, 20_099));
        (self.media.relay, self.media.engines) = (None, engines.to_vec());
        self
    }

    /// All media is relayed, by an address of each family and these ports.
    #[must_use]
    pub fn relayed(mut self, ports: (u16, u16)) -> Self {
        let address = |ip: &str| {
            let ip = ip.parse().expect("address");
            RelayAddress { ours: ip, shown: ip }
        };
        let addresses = vec![address(RELAY), address(RELAY_V6)];
        let relay = Some(RelayConfig { addresses, ports });
        self.media = MediaConfig { path: MediaPath::Relay, relay, ..MediaConfig::default() };
        for terms in self.gates.iter_mut().map(|gate| &mut gate.media) {
            terms.path = MediaPath::Relay;
        }
        for terms in self.carriers.iter_mut().map(|carrier| &mut carrier.media) {
            terms.path = MediaPath::Relay;
        }
        self
    }

    /// The tables; ids of gates and carriers stay those of `before`.
    pub fn config_snapshot(&self, before: Option<&ConfigSnapshot>) -> Arc<ConfigSnapshot> {
        let gates = Gates::new(self.gates.clone(), before.map(|b| &*b.gates)).expect("gates");
        let carriers = Carriers::new(self.carriers.clone(), before.map(|b| &*b.carriers)).expect("carriers");
        let mut routes = RouteTableBuilder::default();
        for (line, (prefix, names)) in self.routes.iter().enumerate() {
            let list = routes.list(&carriers, names, CarrierOrder::Listed).expect("list");
            let origin = Origin { file: 0, line: line as u32, column: 1 };
            routes.add(units::Prefix::new(prefix.as_bytes()).expect("prefix"), list, origin).expect("row");
        }
        let decks = self.decks.iter().map(|(name, csv)| {
            let currency = if self.dollars.contains(name) { Currency::USD } else { Currency::EUR };
            let rules = Rules { rounding: self.rounding, ..Rules::default() };
            let (deck, _) = Deck::load_by(name, currency, &rules, csv.as_bytes())
                .unwrap_or_else(|e| panic!("deck {name}: {e:?}"));
            Arc::new(deck)
        });
        let listener: SocketAddr = SWITCH.parse().expect("address");
        let seed = |&(name, balance, deck): &(&str, i64, &str)| BootstrapAccount {
            name: name.into(),
            currency: Currency::EUR,
            balance: Money::of(balance, Currency::EUR),
            limit: 0,
            terms: ledger::Terms::of_deck(deck),
        };
        Arc::new(ConfigSnapshot {
            gates: Arc::new(gates),
            carriers: Arc::new(carriers),
            numbers: Arc::new(OurNumbers::new(self.numbers.clone()).expect("numbers")),
            routes: Arc::new(routes.build().0),
            decks: Arc::new(
                Decks::new(decks).with_exchanges(Exchanges::new(self.exchanges.iter().copied()).into()),
            ),
            accounts: self.accounts.iter().map(seed).collect(),
            payment_methods: Vec::new(),
            listeners: self.listeners.clone(),
            address: listener.ip(),
            domains: self.domains.iter().map(|domain| (*domain).to_owned()).collect(),
            realm: self
                .domains
                .first()
                .map_or_else(|| listener.ip().to_string(), |domain| (*domain).to_owned()),
            hashes: self.hashes,
            strangers: self.strangers,
            media: self.media.clone(),
            timing: node::NodeTiming { dialog_probe_ms: self.dialog_probe_ms, ..node::NodeTiming::default() },
            stir: self.stir.clone(),
        })
    }
}

/// A payment by no method, without a fee.
pub fn top_up(amount: units::Money, reference: &str) -> node::MoveOrder {
    node::MoveOrder::TopUp { amount, reference: reference.to_owned(), method: None, fee: 0, pending: false }
}
