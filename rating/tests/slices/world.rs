//! The world: a clock, a network that loses, repeats and reorders, crashes, an operator; and the invariants, looked at after every step.

use std::collections::BTreeMap;

use ledger::CallId;
use rating::slices::central::{Account, Shipped};
use rating::slices::holder::{Order, Reply, Request, Tag, Timing};
use units::{Name, Tick};

use crate::central::Central;
use crate::dice::Dice;
use crate::node::{Node, Wish};

const TIMING: Timing = Timing { hold_ms: 8_000, beat_ms: 500, retry_ms: 100, timeout_ms: 400 };
const STEPS: usize = 400;

/// Chances per mille: of a step, or of a message.
#[derive(Clone, Copy)]
pub struct Profile {
    loss: u64,
    repeat: u64,
    crash: u64,
    away: u64,
    restart: u64,
    give_up: u64,
    /// How far a node's clock may be off, per mille.
    drift: u64,
}

/// What happened, so that a test can say that it tested something.
#[derive(Default, Debug)]
pub struct Seen {
    pub calls: u64,
    pub refused: u64,
    pub ended: u64,
    pub grants: u64,
    pub returns: u64,
    pub repeated: u64,
    pub away: u64,
    pub crashes: u64,
    pub fenced: u64,
    pub lost: u64,
    pub found: u64,
}

enum Message {
    Request { node: usize, boot: u64, tag: Tag, request: Request, entries: Vec<Shipped> },
    Reply { node: usize, boot: u64, tag: Tag, reply: Reply },
}

pub struct World {
    dice: Dice,
    profile: Profile,
    now_ms: u64,
    central: Central,
    nodes: Vec<Node>,
    accounts: Vec<Name>,
    wire: BTreeMap<(u64, u64), Message>,
    sent: u64,
    calls: u128,
    away_until_ms: u64,
    /// Opening balances and what operators booked.
    funds: BTreeMap<Name, i64>,
    /// What lost nodes had not shipped when they were given up.
    exposed: BTreeMap<Name, i64>,
    pub seen: Seen,
    seed: u64,
}

impl Profile {
    pub const CALM: Self = Self { loss: 0, repeat: 0, crash: 0, away: 0, restart: 0, give_up: 0, drift: 0 };
    pub const STORM: Self = Self { loss: 80, repeat: 80, crash: 4, away: 4, restart: 100, give_up: 0, drift: 50 };
    pub const LOSSES: Self = Self { loss: 40, repeat: 40, crash: 8, away: 4, restart: 5, give_up: 200, drift: 50 };
}

impl Seen {
    pub fn add(&mut self, more: &Self) {
        let Self { calls, refused, ended, grants, returns, repeated, away, crashes, fenced, lost, found } = more;
        let pairs = [
            (&mut self.calls, calls),
            (&mut self.refused, refused),
            (&mut self.ended, ended),
            (&mut self.grants, grants),
            (&mut self.returns, returns),
            (&mut self.repeated, repeated),
            (&mut self.away, away),
            (&mut self.crashes, crashes),
            (&mut self.fenced, fenced),
            (&mut self.lost, lost),
            (&mut self.found, found),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
    }
}

impl World {
    pub fn new(seed: u64, profile: Profile) -> Self {
        let accounts: Vec<Name> = vec!["acme".into(), "shop".into()];
        let mut central = Central { hold_ms: TIMING.hold_ms as i64, clock_ms: 1_000_000, ..Central::default() };
        let mut funds = BTreeMap::new();
        let mut dice = Dice(seed);
        for (account, limit) in accounts.iter().zip([0, -300]) {
            let posted = dice.range(0, 5_000) as i64;
            central.accounts.insert(account.clone(), Account { posted, limit, ..Account::default() });
            funds.insert(account.clone(), posted);
        }
        let mut nodes: Vec<Node> = ["n1", "n2", "n3"].iter().map(|name| Node::new(name, &accounts, TIMING)).collect();
        for node in &mut nodes {
            node.rate = dice.range(1_000 - profile.drift, 1_000 + profile.drift);
            node.origin_ms = dice.range(0, 1_000_000);
            node.start(dice.next(), 0, &accounts, TIMING);
        }
        let (wire, exposed) = (BTreeMap::new(), BTreeMap::new());
        let seen = Seen::default();
        let (now_ms, sent, calls, away_until_ms) = (0, 0, 0, 0);
        Self { dice, profile, now_ms, central, nodes, accounts, wire, sent, calls, away_until_ms, funds, exposed, seen, seed }
    }

    pub fn run(&mut self) {
        for _ in 0..STEPS {
            self.step();
            self.check();
        }
    }

    fn step(&mut self) {
        let ms = self.dice.range(0, 60);
        self.pass(ms);
        let at = self.dice.range(0, 2) as usize;
        if self.dice.per_mille(self.profile.crash) {
            self.crash(at);
        }
        if self.dice.per_mille(self.profile.away) {
            self.away_until_ms = self.now_ms + self.dice.range(100, 12_000);
            self.seen.away += 1;
        }
        if self.profile.drift > 0 && self.dice.per_mille(3) {
            // Only forward: set back, it would keep an operator from giving up a node, and harm nobody.
            self.central.clock_ms += self.dice.range(0, 3_000) as i64;
        }
        if self.dice.per_mille(15) {
            let amount = self.dice.range(1, 2_000) as i64;
            self.operator(at.min(1), amount);
        }
        if self.profile.give_up > 0 && !self.nodes[at].up && self.dice.per_mille(self.profile.give_up) {
            self.give_up(at);
        }
        if !self.nodes[at].up {
            if self.dice.per_mille(self.profile.restart) {
                self.restart(at);
            }
        } else {
            self.traffic(at);
        }
        self.work();
    }

    /// Time passes, and what is due arrives.
    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.central.clock_ms += ms as i64;
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= self.now_ms) {
            let message = entry.remove();
            self.deliver(message);
        }
    }

    fn traffic(&mut self, at: usize) {
        let account = self.accounts[self.dice.range(0, 1) as usize].clone();
        let node = &mut self.nodes[at];
        let now = node.tick(self.now_ms);
        let calls = node.calls.len() as u64;
        match self.dice.range(0, 9) {
            0..=3 => {
                self.calls += 1;
                let need = self.dice.range(1, 60) as i64;
                match node.call(now, &account, CallId(self.calls), need) {
                    Wish::Granted => self.seen.calls += 1,
                    Wish::NoMoney => self.seen.refused += 1,
                    Wish::Ended => self.seen.ended += 1,
                }
            }
            4 | 5 if calls > 0 => {
                let more = self.dice.range(1, 60) as i64;
                node.extend(now, self.dice.range(0, calls - 1) as usize, more);
            }
            6 | 7 if calls > 0 => node.hang_up(self.dice.range(0, calls - 1) as usize, self.dice.range(0, 1_000) as i64),
            _ => node.commit(),
        }
    }

    fn operator(&mut self, account: usize, amount: i64) {
        let name = self.accounts[account].clone();
        let row = self.central.accounts.get_mut(&name).expect("made");
        // A refund takes only what is not lent.
        let amount = if amount % 7 == 0 && row.available() >= amount { -amount } else { amount };
        row.book(amount).expect("in range");
        *self.funds.get_mut(&name).expect("made") += amount;
    }

    fn crash(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.up {
            node.up = false;
            // What of the journal's end reached the disk is the disk's to say.
            let on_disk = self.dice.range(node.durable as u64, node.journal.len() as u64) as usize;
            let boot = node.boot;
            node.start(boot, on_disk, &self.accounts, TIMING);
            node.up = false;
            self.seen.crashes += 1;
        }
    }

    fn restart(&mut self, at: usize) {
        let boot = self.dice.next();
        let was_lost = self.central.nodes.get(&self.nodes[at].name).is_some_and(|row| row.lost);
        self.seen.found += u64::from(was_lost);
        let node = &mut self.nodes[at];
        node.origin_ms = self.dice.range(0, 1_000_000);
        node.start(boot, node.journal.len(), &self.accounts, TIMING);
    }

    fn give_up(&mut self, at: usize) {
        let name = self.nodes[at].name.clone();
        if self.central.lose(&name) {
            self.seen.lost += 1;
            let shipped = self.central.nodes[&name].last_seq;
            for account in &self.accounts {
                *self.exposed.entry(account.clone()).or_default() += self.nodes[at].moved(account, shipped).0;
            }
        }
    }

    /// Nodes do what their holders want.
    fn work(&mut self) {
        for at in 0..self.nodes.len() {
            while self.nodes[at].up {
                let now = self.nodes[at].tick(self.now_ms);
                let Some(order) = self.nodes[at].holder.poll(now) else { break };
                self.obey(at, order);
            }
        }
    }

    fn obey(&mut self, at: usize, order: Order) {
        let node = &mut self.nodes[at];
        match order {
            Order::Gate(gate) => node.gate = gate,
            Order::Book(grant) => {
                node.book(&grant);
                self.seen.grants += 1;
            }
            Order::GiveBack { account, name } => self.seen.returns += u64::from(node.give_back(&account, &name)),
            Order::GiveAllBack { name } => {
                for account in &self.accounts {
                    self.seen.returns += u64::from(node.give_back(account, &name));
                }
            }
            Order::Send(tag, request) => {
                let entries = match request {
                    Request::Ship { after, .. } => node.entries(after, 5),
                    Request::Join | Request::Beat { .. } | Request::Ask { .. } => Vec::new(),
                };
                let boot = node.boot;
                while self.dice.per_mille(self.profile.repeat) {
                    self.seen.repeated += 1;
                    let (request, entries) = (request.clone(), entries.clone());
                    self.post(Message::Request { node: at, boot, tag, request, entries });
                }
                self.post(Message::Request { node: at, boot, tag, request, entries });
            }
        }
    }

    fn post(&mut self, message: Message) {
        if self.dice.per_mille(self.profile.loss) {
            return;
        }
        // Most are quick; some come after the sender has given up, or has died.
        let delay = if self.dice.per_mille(self.profile.loss) { self.dice.range(0, 6_000) } else { self.dice.range(0, 40) };
        self.sent += 1;
        self.wire.insert((self.now_ms + delay, self.sent), message);
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Request { node, boot, tag, request, entries } => {
                let from = &self.nodes[node];
                // A join reads the journal within its transaction, which ends with the process. All else may arrive late.
                let dead = from.boot != boot || !from.up;
                if dead && request == Request::Join {
                    return;
                }
                if self.now_ms < self.away_until_ms {
                    return self.post(Message::Reply { node, boot, tag, reply: Reply::Away });
                }
                let reply = self.central.request(&from.name, boot, &request, &entries, |seq| from.hash(seq));
                if dead && reply == Reply::Fenced {
                    self.seen.fenced += 1;
                }
                assert!(dead || reply != Reply::Fenced, "seed {}: {} is fenced without cause", self.seed, from.name);
                self.post(Message::Reply { node, boot, tag, reply });
            }
            Message::Reply { node, boot, tag, reply } => {
                let to = &mut self.nodes[node];
                if to.up && to.boot == boot {
                    let now = to.tick(self.now_ms);
                    to.holder.handle(now, tag, reply);
                }
            }
        }
    }

    /// The weather clears: every node comes back, every call ends, everything is shipped and given back.
    pub fn settle(&mut self) {
        self.profile = Profile::CALM;
        self.away_until_ms = 0;
        for at in 0..self.nodes.len() {
            if !self.nodes[at].up {
                self.restart(at);
            }
            while !self.nodes[at].calls.is_empty() {
                self.nodes[at].hang_up(0, 700);
            }
        }
        self.quiesce();
        for node in &mut self.nodes {
            for account in &self.accounts {
                node.give_back(account, &format!("{}.{}.last", node.name, node.boot));
            }
            node.commit();
            // Past its holder, which would ask for more of what came back.
            let row = self.central.nodes[&node.name];
            let (ship, entries) = (Request::Ship { epoch: row.epoch, after: row.last_seq }, node.entries(row.last_seq, usize::MAX));
            self.central.request(&node.name, node.boot, &ship, &entries, |_| None);
        }
        self.check_end();
    }

    fn quiesce(&mut self) {
        for _ in 0..2_000 {
            for node in &mut self.nodes {
                node.commit();
            }
            self.pass(20);
            self.work();
            self.check();
            let now_ms = self.now_ms;
            let open = |node: &Node| node.holder.gate().reachable && node.holder.gate().until > node.tick(now_ms);
            let idle = self.nodes.iter().all(|node| node.holder.lag() == 0 && open(node));
            if idle && self.wire.is_empty() && self.central.grants.is_empty() {
                return;
            }
        }
        unreachable!("seed {}: not quiet after 40 s", self.seed);
    }

    fn check(&self) {
        for name in &self.accounts {
            let (account, funds) = (&self.central.accounts[name], self.funds[name]);
            let spent: i64 = self.nodes.iter().map(|node| node.moved(name, 0).0).sum();
            let exposed = self.exposed.get(name).copied().unwrap_or_default();
            let seed = self.seed;
            assert!(spent <= funds - account.limit + exposed, "seed {seed}: {name} spent {spent} of {funds}, exposed {exposed}");
            assert!(exposed > 0 || account.available() >= 0, "seed {seed}: more of {name} is lent than there is: {account:?}");
            let mut held = 0;
            for node in &self.nodes {
                held += self.check_slice(name, node);
            }
            assert_eq!(held, account.held, "seed {seed}: {name} holds what the slices do not");
        }
    }

    /// What the node has is what central says that it has, less what is on its way. Returns what central holds for it.
    fn check_slice(&self, account: &Name, node: &Node) -> i64 {
        let key = (account.clone(), node.name.clone());
        let slice = self.central.slices.get(&key).copied().unwrap_or_default();
        let row = self.central.nodes.get(&node.name).copied().unwrap_or_default();
        let (used, returned, booked) = node.moved(account, row.last_seq);
        let lent = self.central.grants.values().filter(|(holder, grant)| *holder == node.name && grant.account == *account);
        let on_its_way: i64 = lent.filter(|(_, grant)| !booked.contains(&grant.id)).map(|(_, grant)| grant.amount).sum();
        let local = node.balance(account).posted();
        let seed = self.seed;
        assert_eq!(slice.outstanding() - used - returned - on_its_way, local, "seed {seed}: {account} at {}", node.name);
        assert!(slice.outstanding() >= used, "seed {seed}: {account} at {}: unshipped usage is not held", node.name);
        let trusted = node.up && node.boot == row.boot && node.gate.until > Tick(0);
        assert!(!(row.lost && trusted), "seed {seed}: {} lends what was given to others", node.name);
        if row.lost { 0 } else { slice.outstanding() }
    }

    fn check_end(&self) {
        self.check();
        for name in &self.accounts {
            let (account, funds) = (&self.central.accounts[name], self.funds[name]);
            let spent: i64 = self.nodes.iter().map(|node| node.moved(name, 0).0).sum();
            assert_eq!(account.posted, funds - spent, "seed {}: {name}: to the last unit", self.seed);
            assert_eq!(account.held, 0, "seed {}: {name}: all is back", self.seed);
        }
    }
}
