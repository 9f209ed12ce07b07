//! A node on a stage: a clock moved by hand, a network without delay, a disk, inboxes of the peers.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use node::{AdminReply, AdminRequest, ConfigSnapshot, Held, Identity, Input, Node, Output};
use rating::Cdr;
use sip::Message;
use sip::flow::Flow;
use tests::dialogue::{SWITCH, kind};
use tests::disk::Disk;
use tests::plan::Plan;
use tests::relay::TestRelay;
use tests::slots::Places;
use units::{Now, Tick, Wall};

use crate::phone::{Callee, Phone};

/// The customer's PBX of the standard plan.
pub const PBX: &str = "192.0.2.11:5060";
/// Carriers of the standard plan.
pub const ALPHA: &str = "198.51.100.1:5060";
pub const BETA: &str = "198.51.100.2:5060";
/// 2026-01-05T10:00:00Z, a Monday.
const MORNING: i64 = 1_767_607_200_000;

pub fn addr(text: &str) -> SocketAddr {
    text.parse().expect("address")
}

pub struct Stage {
    pub node: Node,
    pub now: Now,
    pub plan: Plan,
    pub config: Arc<ConfigSnapshot>,
    pub disk: Disk,
    pub places: Arc<Places>,
    /// Nothing becomes durable while this holds.
    pub hold_disk: bool,
    /// What relays media; what it tells waits while `hold_relay` holds.
    pub relay: TestRelay,
    pub hold_relay: bool,
    /// Published, in order.
    pub cdrs: Vec<Arc<Cdr>>,
    pub replies: Vec<(u64, AdminReply)>,
    /// Connections that calls live on.
    pub kept_open: BTreeSet<u64>,
    /// What relays outside were sent and have not read.
    pub to_engines: VecDeque<(SocketAddr, Bytes)>,
    /// Certificates that were asked for.
    pub certificates: Vec<stir::CertificateUrl>,
    /// What is kept of SIP accounts over a restart.
    pub registered: BTreeMap<units::Name, node::RegisteredAccount>,
    /// Whose connections are to be closed.
    pub locked_out: Vec<std::net::IpAddr>,
    /// By what flow the last message to each peer went.
    pub flows: BTreeMap<SocketAddr, Flow>,
    inboxes: BTreeMap<SocketAddr, VecDeque<Message>>,
    log: Vec<String>,
    boots: u32,
}

impl Stage {
    pub fn standard() -> Self {
        Self::new(Plan::standard())
    }

    pub fn new(plan: Plan) -> Self {
        let config = plan.config_snapshot(None);
        let places = Arc::new(Places::default());
        let now = Now { tick: Tick(1_000_000), wall: Wall(MORNING) };
        let node = Node::new(identity(0), Arc::clone(&config), places.clone());
        let mut stage = Self {
            node,
            now,
            plan,
            config,
            disk: Disk::default(),
            places,
            hold_disk: false,
            relay: TestRelay::default(),
            hold_relay: false,
            cdrs: Vec::new(),
            replies: Vec::new(),
            kept_open: BTreeSet::new(),
            to_engines: VecDeque::new(),
            certificates: Vec::new(),
            registered: BTreeMap::new(),
            locked_out: Vec::new(),
            flows: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            log: Vec::new(),
            boots: 0,
        };
        stage.node.start_empty(now);
        stage.drain();
        stage
    }

    // --- in ---

    pub fn input(&mut self, input: Input) {
        self.node.handle(self.now, input);
        self.drain();
    }

    /// A datagram from a peer.
    pub fn send(&mut self, from: SocketAddr, bytes: &Bytes) {
        self.send_over(Flow::udp(addr(SWITCH), from), bytes);
    }

    /// A message by any flow.
    pub fn send_over(&mut self, flow: Flow, bytes: &Bytes) {
        let from = flow.peer;
        let message = Message::parse(bytes.clone());
        let what = message.as_ref().map_or_else(|e| e.label().to_owned(), kind);
        self.log.push(format!("{:>10} {from} → {what}", self.now.tick.0 / 1_000));
        let arrival = self.node.find(flow, message);
        self.input(Input::Sip(arrival));
    }

    /// Time passes; whatever is due happens at its time.
    pub fn advance(&mut self, ms: u64) {
        let end = self.now.tick.plus_ms(ms);
        loop {
            let due = self.node.deadline().min(self.relay.deadline());
            if due > end {
                break;
            }
            let at = due.max(Tick(self.now.tick.0 + if due <= self.now.tick { 1_000 } else { 0 }));
            if at > end {
                break;
            }
            self.set_clock(at);
            self.relay.tick(at);
            self.input(Input::Tick);
        }
        self.set_clock(end);
    }

    /// Everything stood still until then.
    pub fn jump(&mut self, at: Tick) {
        self.set_clock(at);
        self.input(Input::Tick);
    }

    fn set_clock(&mut self, at: Tick) {
        let passed = at.ms_since(Tick(0)) as i64 - self.now.tick.ms_since(Tick(0)) as i64;
        self.now = Now { tick: at, wall: self.now.wall.plus_ms(passed) };
    }

    pub fn admin(&mut self, request: AdminRequest) -> u64 {
        let ticket = self.replies.len() as u64 + 1_000;
        self.input(Input::Admin { ticket, request });
        ticket
    }

    /// New configuration.
    pub fn reload(&mut self) {
        self.config = self.plan.config_snapshot(Some(&self.config));
        self.input(Input::Reload(Arc::clone(&self.config)));
    }

    /// The process dies with what was not durable, and another starts on the same disk.
    pub fn crash(&mut self) {
        self.log.push("           crash".to_owned());
        self.disk.crash();
        self.places.clear();
        self.relay = TestRelay::default();
        self.boots += 1;
        self.node = Node::new(identity(self.boots), Arc::clone(&self.config), self.places.clone());
        let restored = self.disk.replay(1);
        for shard in restored.shards {
            self.node.restore(self.now, shard);
        }
        for account in self.registered.values() {
            self.node.handle(self.now, Input::Registered(account.clone()));
        }
        self.drain();
    }

    /// As after a crash with all that was durable; the journal's last moment is `last`.
    pub fn restart_after(&mut self, last: Wall) {
        self.boots += 1;
        self.relay = TestRelay::default();
        self.node = Node::new(identity(self.boots), Arc::clone(&self.config), self.places.clone());
        self.node.set_last_moment(last);
        for shard in self.disk.replay(1).shards {
            self.node.restore(self.now, shard);
        }
        self.drain();
    }

    // --- out ---

    fn drain(&mut self) {
        loop {
            while let Some(output) = self.node.poll() {
                self.output(output);
            }
            if !self.hold_relay
                && let Some(event) = self.relay.poll_event()
            {
                self.node.handle(self.now, Input::Media(event));
                continue;
            }
            if self.hold_disk || self.disk.waiting() == 0 {
                break;
            }
            for (_, upto) in self.disk.commit(usize::MAX) {
                self.node.handle(self.now, Input::Durable(upto));
            }
        }
        assert_eq!(self.node.engine().imbalance(), 0, "debits are not credits");
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Send { flow, bytes } => {
                let message = tests::dialogue::parse(&bytes);
                self.log.push(format!("{:>10} {} ← {}", self.now.tick.0 / 1_000, flow.peer, kind(&message)));
                self.flows.insert(flow.peer, flow);
                self.inboxes.entry(flow.peer).or_default().push_back(message);
            }
            Output::KeepOpen { conn, wanted } => {
                let changed = if wanted { self.kept_open.insert(conn) } else { self.kept_open.remove(&conn) };
                assert!(changed, "connection {conn} wanted: {wanted}, as it was already");
            }
            Output::Media(command) => {
                let done = self.relay.command(self.now.tick, command);
                assert_eq!(done, Ok(()), "so far:\n{}", self.log.join("\n"));
            }
            Output::Engine { to, datagram } => self.to_engines.push_back((to, datagram)),
            Output::Journal { record, .. } => self.disk.queue(0, &record),
            Output::FetchCertificate(url) => self.certificates.push(url),
            Output::Registered(account) => {
                self.registered.insert(account.sip_account.clone(), account);
            }
            Output::LockedOut(ip) => self.locked_out.push(ip),
            Output::Publish(cdr) => self.cdrs.push(cdr),
            Output::Reply { ticket, reply } => self.replies.push((ticket, reply)),
            Output::Probed { carrier, .. } => unreachable!("the only shard has nobody to tell of {carrier}"),
            Output::QuotaRequest { account, .. } => {
                unreachable!("a wish for {account} without a central ledger")
            }
        }
    }

    /// Everything that a peer got since it last looked.
    pub fn inbox(&mut self, at: SocketAddr) -> Vec<Message> {
        self.inboxes.remove(&at).unwrap_or_default().into()
    }

    /// The kinds of everything that a peer got since it last looked.
    pub fn kinds(&mut self, at: SocketAddr) -> Vec<String> {
        self.inbox(at).iter().map(kind).collect()
    }

    /// The first message of that kind; those before it are dropped.
    #[track_caller]
    pub fn expect(&mut self, at: SocketAddr, what: &str) -> Message {
        let inbox = self.inboxes.entry(at).or_default();
        let found = inbox.iter().position(|message| kind(message) == what);
        let Some(found) = found else { panic!("{at} got no {what}; so far:\n{}", self.log.join("\n")) };
        inbox.drain(..found);
        inbox.pop_front().expect("just found")
    }

    /// Nobody got anything.
    #[track_caller]
    pub fn silence(&mut self, at: SocketAddr) {
        let kinds = self.kinds(at);
        assert!(kinds.is_empty(), "{at} got {kinds:?}; so far:\n{}", self.log.join("\n"));
    }

    /// The one call's record.
    #[track_caller]
    pub fn cdr(&self) -> Cdr {
        assert_eq!(self.cdrs.len(), 1, "one CDR per call; so far:\n{}", self.log.join("\n"));
        Cdr::clone(&self.cdrs[0])
    }

    /// Posted balance of the standard customer.
    pub fn balance(&self) -> i64 {
        self.view("acme").balance.amount
    }

    pub fn view(&self, account: &str) -> rating::engine::AccountView {
        self.node.engine().account(account).expect("account")
    }

    /// All time runs out; then nothing may be left, and the disk must tell the same story as the memory.
    #[track_caller]
    pub fn over(&mut self) {
        self.drain();
        self.advance(600_000);
        let held = self.node.held();
        assert_eq!(held, Held::default(), "something leaked; so far:\n{}", self.log.join("\n"));
        assert!(self.node.is_idle(), "not idle");
        assert_eq!(self.relay.open_ports(), [], "ports are open");
        assert_eq!(self.places.taken(), [], "places at carriers are kept");
        let restored = self.disk.replay(1);
        for (name, _) in self.node.engine().books().customers() {
            let books = &restored.shards[0].books;
            let on_disk = books.id(name).and_then(|id| books.balance(id)).map(ledger::Balance::posted);
            assert_eq!(on_disk, Some(self.view(name).balance.amount), "balance of {name} on disk");
        }
        for cdr in &self.cdrs {
            let billed = tests::pricer::charge(
                cdr.rate.count(),
                cdr.connect_fee.count(),
                cdr.initial,
                cdr.increment,
                cdr.duration_ms,
            );
            let expected = if cdr.initial == 0 { (0, 0) } else { billed };
            assert_eq!((cdr.billed_seconds, cdr.amount), expected, "amount of {cdr:?}");
            assert_eq!(cdr.balance_before, cdr.balance_after + cdr.amount);
        }
    }

    /// Calls that are answered and not over.
    pub fn talking(&self) -> u64 {
        self.node.calls_by_state().get("answered").copied().unwrap_or(0)
    }

    /// What carriers charge outside any CDR, 10⁻⁵ units, as it is on disk.
    pub fn late_costs(&self) -> Vec<i64> {
        let cost = |record: ledger::Record| match record.body {
            ledger::RecordBody::CostBooked(cost) => {
                Some(cost.transfers.iter().map(|transfer| transfer.amount.amount).sum())
            }
            _ => None,
        };
        self.disk.records().filter_map(cost).collect()
    }

    /// A counter of refused packets.
    pub fn rejected(&mut self, reason: &str) -> u64 {
        self.node.take_counters().auth_rejected.get(reason).copied().unwrap_or(0)
    }

    // --- whole moves ---

    /// A phone behind the standard PBX that is about to call.
    pub fn phone(&mut self, call_id: &str, number: &str) -> Phone {
        Phone::new(addr(PBX), call_id, number)
    }

    /// A call from the first INVITE to the ACK, answered by alpha.
    #[track_caller]
    pub fn talk(&mut self, call_id: &str, number: &str) -> (Phone, Callee) {
        let mut phone = self.phone(call_id, number);
        phone.invite(self);
        let mut callee = Callee::wait(self, ALPHA);
        callee.ring(self);
        phone.expect(self, "180 INVITE");
        callee.answer(self);
        self.expect(addr(ALPHA), "ACK");
        phone.answered(self);
        (phone, callee)
    }
}

fn identity(boot: u32) -> Identity {
    Identity { name: "sw1".into(), shard: 0, shards: 1, key: [7 + boot as u8; 16], boot }
}
