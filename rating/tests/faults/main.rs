//! Faults that were found by use, each by its number: money that several tiers hold, restarts, reversals,
//! notices, calendar years.

mod buckets;
mod crash;
mod notices;
mod range;
mod rerate;
mod reversal;
mod tiers;
mod years;

use std::sync::Arc;

use ledger::{BucketTerms, Record, RecordBody, Replay, Terms};
use rating::engine::{Authorize, GrantRequest, MoveOrder, Moved, OpenAccount, Settlement};
use rating::rerate::{Comparison, Repricing};
use rating::{CallId, Cdr, Deck, Decks, Engine, LeaseId};
use serde_json::value::RawValue;
use units::{Currency, Money, Now, Tick, Wall};

const EUR: Currency = Currency::EUR;
const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee\n";

/// Shown with every test: a minute of 49 costs 0.60 by the minute below the reseller, and the reseller 0.06
/// by the second.
const RETAIL: &str = "49,Germany,0.6,60,60,\n34,Spain,0.12,1,1,\n39,Italy,0.10,1,1,0.02\n";
const WHOLESALE: &str = "49,Germany,0.06,1,1,\n34,Spain,0.06,1,1,\n39,Italy,0.05,60,60,\n";

/// The engine with its journal and a clock.
struct Desk {
    engine: Engine,
    now: Now,
    calls: u128,
    keys: u32,
    records: Vec<Record>,
}

fn money(text: &str) -> Money {
    Money::parse(text, EUR).expect("money")
}

fn raw() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("JSON")
}

fn decks() -> Arc<Decks> {
    let deck = |name: &str, rows: &str| {
        Arc::new(Deck::load(name, EUR, format!("{HEADER}{rows}").as_bytes()).expect("a good deck").0)
    };
    Arc::new(Decks::new([deck("retail", RETAIL), deck("wholesale", WHOLESALE)]))
}

impl Desk {
    /// With these accounts, each with its money; those above others first, which call by wholesale.
    fn with(accounts: &[(&str, &str)]) -> Self {
        let mut engine = Engine::new();
        engine.set_decks(decks());
        let now = Now { tick: Tick(0), wall: Wall::parse("2026-06-01T12:00:00Z").expect("a time") };
        let mut desk = Self { engine, now, calls: 0, keys: 0, records: Vec::new() };
        for (name, balance) in accounts {
            let is_above = accounts.iter().any(|(other, _)| ledger::parent(other) == Some(name));
            desk.open(name, balance, Terms::of_deck(if is_above { "wholesale" } else { "retail" }));
        }
        desk
    }

    fn open(&mut self, name: &str, balance: &str, terms: Terms) {
        let ask = OpenAccount { name, currency: EUR, opening: money(balance).amount, terms, limit: 0 };
        let record = self.engine.open_account(self.now, &ask).expect("new");
        self.keep(Some(record));
    }

    fn keep(&mut self, record: Option<Record>) {
        self.records.extend(record);
        while let Some(notice) = self.engine.poll_notice() {
            self.records.push(notice);
        }
        assert_eq!(self.engine.imbalance(), 0);
    }

    fn dial(&mut self, account: &str, number: &str) -> LeaseId {
        self.calls += 1;
        let number = number.parse().expect("digits");
        let ask = Authorize { call: CallId(self.calls), account, number: &number };
        let lease = self.engine.authorize(self.now, ask).expect("money").lease;
        self.engine.answer(self.now, lease).expect("the same row");
        let open = self.engine.open_record(lease, "pbx".into(), (raw(), raw()), raw()).expect("open");
        self.keep(Some(open));
        lease
    }

    fn settle(&mut self, lease: LeaseId, ms: u64) -> Settlement {
        let done = self.engine.settle(self.now, lease, ms, None).expect("a lease");
        self.settled(&done);
        done
    }

    fn settled(&mut self, done: &Settlement) {
        self.keep(Some(Record::settled(
            self.now.wall,
            done.account.clone(),
            done.call,
            raw(),
            done.transfers.clone(),
        )));
    }

    fn order(&mut self, account: &str, key: &str, order: &MoveOrder) -> Moved {
        let moved = self.engine.move_money(self.now, account, key, order, &[]).expect("carried out");
        self.keep(moved.record.clone());
        moved
    }

    fn top_up(&mut self, account: &str, amount: &str) {
        self.keys += 1;
        let order = MoveOrder::TopUp {
            amount: money(amount),
            reference: String::new(),
            method: None,
            fee: 0,
            pending: false,
        };
        self.order(account, &format!("k{}", self.keys), &order);
    }

    fn grant(&mut self, account: &str, bucket: &str, amount: Money, terms: BucketTerms) {
        self.keys += 1;
        let key = format!("g{}", self.keys);
        let ask = GrantRequest { account, bucket, amount, terms, reference: "", key: &key };
        let granted = self.engine.grant(self.now, &ask).expect("granted");
        self.keep(granted.record);
    }

    fn balance(&self, account: &str) -> String {
        self.engine.account(account).expect("there").balance.to_string()
    }

    /// Dies and starts again from what was journaled; the calls that were up are closed.
    fn crash(&mut self) -> Vec<Settlement> {
        let (engine, open) = Engine::restored(self.replay());
        self.engine = engine;
        self.engine.set_decks(decks());
        let closed: Vec<_> =
            open.iter().map(|call| self.engine.recover(self.now, call, None).expect("recovered")).collect();
        closed.iter().for_each(|done| self.settled(done));
        closed
    }

    fn replay(&self) -> ledger::ShardBooks {
        let mut replay = Replay::new();
        for record in &self.records {
            let decoded = Record::decode(&record.encode().expect("JSON")).expect("a record");
            replay.apply_record(&decoded).expect("whole");
        }
        replay.finish().shards.swap_remove(0)
    }

    /// What was posted for a call, as the journal has it.
    fn usage(&self, call: CallId) -> Vec<ledger::Transfer> {
        let of = |record: &Record| match &record.body {
            RecordBody::Settled(settled) if settled.call == call => Some(settled.transfers.clone()),
            _ => None,
        };
        self.records.iter().find_map(of).expect("settled")
    }
}

/// The record of a call as it is published, priced again from itself in every tier: nothing may differ.
fn rerates(done: &Settlement, number: &str) {
    let mut cdr = Cdr::new(done.call, &"sw1".into(), &done.account, &"pbx".into(), EUR, Wall(0));
    cdr.set_settlement(done);
    cdr.called_e164 = number.to_owned();
    let mut comparison = Comparison::default();
    comparison.add(&Cdr::from_raw(&cdr.to_raw().expect("JSON")).expect("a CDR"), &Repricing::again());
    assert!(comparison.unpriced.is_empty());
    for ((account, currency), sum) in &comparison.accounts {
        assert_eq!(sum.more(), 0, "{account} {currency}");
    }
    for ((account, bucket, _), sum) in &comparison.balances {
        assert_eq!(sum.more(), 0, "{account}/{bucket}");
    }
}
