//! The world: a clock, a network that loses, repeats and reorders, crashes, an operator; and the invariants,
//! looked at after every step.

mod checks;

use std::collections::{BTreeMap, BTreeSet};

use ledger::{BucketKind, BucketTerms, CallId, Notice, NoticeEvent, OPEN, Terms};
use rating::engine::{GrantRequest, MoveOrder};
use rating::quotas::central::{Account, Shipped};
use rating::quotas::client::{CentralNotice, Command, QuotaTiming, Reply, Request, Tag};
use rating::quotas::transaction::{AccountTransaction, NewAccount};
use units::{Money, Name, Now, Tick, Wall};

use crate::central::Central;
use crate::dice::Dice;
use crate::node::{EUR, Node, Wish};

const TIMING: QuotaTiming = QuotaTiming { hold_ms: 8_000, beat_ms: 500, retry_ms: 100, timeout_ms: 400 };
const STEPS: usize = 400;
const BUCKET: &str = "acme/free";
const NOW: Now = Now { tick: Tick(0), wall: Wall(0) };

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
    pub payments: u64,
    pub reversals: u64,
    pub words: u64,
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
    orders: u64,
    granted: BTreeSet<String>,
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
    pub const STORM: Self =
        Self { loss: 80, repeat: 80, crash: 4, away: 4, restart: 100, give_up: 0, drift: 50 };
    pub const LOSSES: Self =
        Self { loss: 40, repeat: 40, crash: 8, away: 4, restart: 5, give_up: 200, drift: 50 };
}

impl Seen {
    pub fn add(&mut self, more: &Self) {
        let Self {
            calls,
            refused,
            ended,
            grants,
            returns,
            repeated,
            away,
            crashes,
            fenced,
            lost,
            found,
            payments,
            reversals,
            words,
        } = more;
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
            (&mut self.payments, payments),
            (&mut self.reversals, reversals),
            (&mut self.words, words),
        ];
        for (sum, more) in pairs {
            *sum += more;
        }
    }
}

impl World {
    pub fn new(seed: u64, profile: Profile) -> Self {
        let accounts: Vec<Name> = vec!["acme".into(), BUCKET.into(), "shop".into()];
        let mut central =
            Central { hold_ms: TIMING.hold_ms as i64, clock_ms: 1_000_000, ..Central::default() };
        let mut funds = BTreeMap::new();
        let mut dice = Dice(seed);
        for (account, limit) in [("acme", 0), ("shop", -300)] {
            let (name, opening) = (Name::from(account), dice.range(0, 5_000) as i64);
            let new = NewAccount {
                name: name.clone(),
                currency: EUR,
                opening,
                limit,
                terms: Terms::of_deck("retail"),
            };
            let mut desk = AccountTransaction::new(Vec::new(), OPEN).expect("nothing");
            desk.open(NOW, &new).expect("new");
            let outcome = desk.finish();
            central.records.extend(outcome.records);
            central.sheets.extend(outcome.sheets.into_iter().map(|sheet| (sheet.name.clone(), sheet)));
            central.accounts.insert(name.clone(), Account { posted: opening, limit, ..Account::default() });
            funds.insert(name, opening);
        }
        central.accounts.insert(BUCKET.into(), Account::default());
        funds.insert(BUCKET.into(), 0);
        let mut nodes: Vec<Node> =
            ["n1", "n2", "n3"].iter().map(|name| Node::new(name, &accounts, TIMING)).collect();
        for node in &mut nodes {
            node.rate = dice.range(1_000 - profile.drift, 1_000 + profile.drift);
            node.origin_ms = dice.range(0, 1_000_000);
            node.start(dice.next(), 0, &accounts, TIMING);
        }
        let (wire, exposed, granted) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let seen = Seen::default();
        let (now_ms, sent, calls, orders, away_until_ms) = (0, 0, 0, 0, 0);
        Self {
            dice,
            profile,
            now_ms,
            central,
            nodes,
            accounts,
            wire,
            sent,
            calls,
            orders,
            granted,
            away_until_ms,
            funds,
            exposed,
            seen,
            seed,
        }
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
            self.operator();
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
        let account = self.accounts[self.dice.range(0, 2) as usize].clone();
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
            6 | 7 if calls > 0 => {
                node.hang_up(self.dice.range(0, calls - 1) as usize, self.dice.range(0, 1_000) as i64)
            }
            _ => node.commit(),
        }
    }

    /// An operator does something by hand, or says the same again.
    fn operator(&mut self) {
        let name: Name = if self.dice.per_mille(700) { "acme".into() } else { "shop".into() };
        self.orders += u64::from(self.dice.per_mille(850));
        let (key, earlier) =
            (format!("k{}", self.orders), format!("k{}", self.orders.saturating_sub(self.dice.range(1, 3))));
        let amount = Money::of(self.dice.range(1, 2_000) as i64, EUR);
        let cause = "by the dice".to_owned();
        let payment =
            |pending| MoveOrder::TopUp { amount, reference: String::new(), method: None, fee: 0, pending };
        let order = match self.dice.range(0, 9) {
            0 | 1 => payment(false),
            2 | 3 => payment(true),
            4 | 5 => MoveOrder::Book { of: earlier, fee: amount.amount % 7 },
            6 => MoveOrder::Reject { of: earlier, cause },
            7 => MoveOrder::Reverse { of: earlier, expired: None, cause },
            8 => MoveOrder::Correct { amount: Money::of(-amount.amount, EUR), reason: cause },
            _ => return self.grant(&key, amount),
        };
        // What is lent is not taken back here: that is a debt, and what debts do is said elsewhere.
        let taken = match &order {
            MoveOrder::Reverse { of, .. } if self.granted.contains(of) && *name == *"acme" => BUCKET.into(),
            _ => name.clone(),
        };
        let free = self.central.accounts[&taken].available();
        if matches!(order, MoveOrder::Reverse { .. } | MoveOrder::Correct { .. }) && free < 2_000 {
            return;
        }
        let done = self.by_hand(&name, |desk| {
            desk.move_money(NOW, &name, &key, &order, &[]).is_ok_and(|moved| !moved.replayed)
        });
        self.seen.payments += u64::from(done && matches!(order, MoveOrder::Book { .. }));
        self.seen.reversals += u64::from(done && matches!(order, MoveOrder::Reverse { .. }));
    }

    /// Something at the desk, by which the funds change as the balances do.
    fn by_hand<T>(&mut self, account: &Name, work: impl FnOnce(&mut AccountTransaction) -> T) -> T {
        let posted = |central: &Central| {
            central.accounts.iter().map(|(name, row)| (name.clone(), row.posted)).collect::<Vec<_>>()
        };
        let before = posted(&self.central);
        let done = self.central.at_desk(account, work);
        for ((name, before), (_, after)) in before.into_iter().zip(posted(&self.central)) {
            *self.funds.get_mut(&name).expect("made") += after - before;
        }
        done
    }

    fn grant(&mut self, key: &str, amount: Money) {
        let terms = BucketTerms::of(BucketKind::Promo);
        let ask = GrantRequest { account: "acme", bucket: "free", amount, terms, reference: "", key };
        if self.by_hand(&"acme".into(), |desk| desk.grant(NOW, &ask).is_ok()) {
            self.granted.insert(key.to_owned());
        }
        // And its owner should hear of it.
        self.seen.words += 1;
        let (id, event) = (
            Name::from(format!("w{}", self.seen.words)),
            NoticeEvent::CreditExpired { bucket: None, amount: 1, currency: EUR },
        );
        let notice = Notice { to: None, language: None, event, id: Some(id.clone()) };
        self.central.words.insert(id.clone(), (None, CentralNotice { id, account: "acme".into(), notice }));
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

    fn obey(&mut self, at: usize, order: Command) {
        let node = &mut self.nodes[at];
        match order {
            Command::LendingState(gate) => node.gate = gate,
            Command::Book(grant) => {
                node.book(&grant);
                self.seen.grants += 1;
            }
            Command::GiveBack { account, name } => {
                self.seen.returns += u64::from(node.give_back(&account, &name))
            }
            Command::Dry(_) => {}
            Command::Tell(word) => node.tell(&word),
            Command::GiveAllBack { name } => {
                for account in &self.accounts {
                    self.seen.returns += u64::from(node.give_back(account, &name));
                }
            }
            Command::Send(tag, request) => {
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
        let delay = if self.dice.per_mille(self.profile.loss) {
            self.dice.range(0, 6_000)
        } else {
            self.dice.range(0, 40)
        };
        self.sent += 1;
        self.wire.insert((self.now_ms + delay, self.sent), message);
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Request { node, boot, tag, request, entries } => {
                let from = &self.nodes[node];
                // A join reads the journal within its transaction, which ends with the process. All else may
                // arrive late.
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
                assert!(
                    dead || reply != Reply::Fenced,
                    "seed {}: {} is fenced without cause",
                    self.seed,
                    from.name
                );
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
            let (ship, entries) = (
                Request::Ship { epoch: row.epoch, after: row.last_seq },
                node.entries(row.last_seq, usize::MAX),
            );
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
            let open =
                |node: &Node| node.holder.gate().reachable && node.holder.gate().until > node.tick(now_ms);
            let idle = self.nodes.iter().all(|node| node.holder.lag() == 0 && open(node));
            if idle && self.wire.is_empty() && self.central.grants.is_empty() && self.central.words.is_empty()
            {
                return;
            }
        }
        unreachable!("seed {}: not quiet after 40 s", self.seed);
    }
}
