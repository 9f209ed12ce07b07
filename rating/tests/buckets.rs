//! The engine against a slow exact model of several balances: buckets, tiers, crowds, payments, expiry, and a
//! crash after any record.
//!
//! The model walks increment by increment in 128 bits and shares nothing with the engine but the rules. After
//! every step each balance, each reservation and each system account must be the model's, to the last unit.

#[path = "buckets/model.rs"]
mod model;

use std::sync::Arc;

use ledger::{CallId, Record, RecordBody, Replay, SystemAccount};
use model::{ACCOUNTS, BUCKETS, Billed, Call, Model, Part, Tariff};
use proptest::prelude::*;
use rating::engine::{Authorize, GrantRequest, MoveOrder, OpenAccount, Settlement, TopUpRequest};
use rating::rerate::{Comparison, Repricing};
use rating::{Cdr, Deck, Decks, Engine, LeaseId};
use serde_json::value::RawValue;
use units::{Currency, Money, Now, Tick, Wall};

const BEGIN: i64 = 1_800_000_000_000;

#[derive(Clone, Debug)]
enum Step {
    Dial { account: usize, place: usize, answered: bool },
    Wait { ms: i128 },
    Renew { which: usize },
    Checkpoint { which: usize },
    HangUp { which: usize },
    TopUp { account: usize, amount: i64 },
    Grant { account: usize, bucket: usize, amount: i64 },
    Warn { which: usize },
    Correct { account: usize, amount: i64 },
    Limit { account: usize, limit: i64 },
    Reverse { which: usize },
    Crash { back: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let account = 0..ACCOUNTS.len();
    prop_oneof![
        4 => (account.clone(), 0_usize..3, proptest::bool::weighted(0.9))
            .prop_map(|(account, place, answered)| Step::Dial { account, place, answered }),
        5 => prop_oneof![9 => 0_i128..15_000, 1 => 50_000_i128..150_000].prop_map(|ms| Step::Wait { ms }),
        9 => (0_usize..50).prop_map(|which| Step::Renew { which }),
        2 => (0_usize..50).prop_map(|which| Step::Checkpoint { which }),
        2 => (0_usize..50).prop_map(|which| Step::HangUp { which }),
        1 => (account.clone(), 1_i64..60_000).prop_map(|(account, amount)| Step::TopUp { account, amount }),
        3 => (account, 0..BUCKETS.len(), 1_i64..90).prop_map(|(account, bucket, amount)| Step::Grant { account, bucket, amount }),
        4 => (0_usize..50).prop_map(|which| Step::Warn { which }),
        1 => (0..ACCOUNTS.len(), -60_000_i64..60_000).prop_map(|(account, amount)| Step::Correct { account, amount }),
        1 => (0..ACCOUNTS.len(), prop_oneof![Just(0_i64), -50_000_i64..0]).prop_map(|(account, limit)| Step::Limit { account, limit }),
        2 => (0_usize..50).prop_map(|which| Step::Reverse { which }),
        1 => (0_usize..6).prop_map(|back| Step::Crash { back }),
    ]
}

fn tariff() -> impl Strategy<Value = Tariff> {
    let steps = prop_oneof![Just((1, 1)), Just((30, 6)), Just((60, 60)), (1_i128..70, 1_i128..70)];
    let rate = prop_oneof![1 => Just(0_i128), 9 => 1_000_i128..90_000];
    (rate, prop_oneof![Just(0_i128), 0_i128..9_000], steps)
        .prop_map(|(rate, fee, (initial, increment))| Tariff { rate, fee, initial, increment })
}

/// The engine beside its model, with all records so far and what the model was after each.
struct Pair {
    engine: Engine,
    model: Model,
    leases: Vec<(u128, LeaseId)>,
    records: Vec<Record>,
    after: Vec<Model>,
    calls: u128,
    keys: u32,
}

fn money(amount: i128, currency: Currency) -> Money {
    Money::of(i64::try_from(amount).expect("in range"), currency)
}

fn raw() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("JSON")
}

/// Wholesale for the reseller, retail for all others; prefixes 10, 11 and 12.
fn decks(tariffs: &[[Tariff; 3]; 2]) -> Arc<Decks> {
    let deck = |name: &str, rows: &[Tariff; 3]| {
        let mut csv = "prefix,destination,rate,initial,increment,connect_fee\n".to_owned();
        for (at, t) in rows.iter().enumerate() {
            let (rate, fee) = (money(t.rate, Currency::EUR), money(t.fee, Currency::EUR));
            csv += &format!("{},Place {at},{rate},{},{},{fee}\n", 10 + at, t.initial, t.increment);
        }
        Arc::new(Deck::load(name, Currency::EUR, csv.as_bytes()).expect("a good deck").0)
    };
    Arc::new(Decks::new([deck("wholesale", &tariffs[0]), deck("retail", &tariffs[1])]))
}

impl Pair {
    fn new(tariffs: [[Tariff; 3]; 2], opening: [i64; ACCOUNTS.len()]) -> Self {
        let mut engine = Engine::new();
        engine.set_decks(decks(&tariffs));
        let model = Model::new(tariffs);
        let mut pair = Self {
            engine,
            model,
            leases: Vec::new(),
            records: Vec::new(),
            after: Vec::new(),
            calls: 0,
            keys: 0,
        };
        for (at, (name, opening)) in ACCOUNTS.iter().zip(opening).enumerate() {
            let terms = ledger::Terms::of_deck(if at == 0 { "wholesale" } else { "retail" });
            let ask = OpenAccount { name, currency: Currency::EUR, opening, terms, limit: 0 };
            let record = pair.engine.open_account(pair.now(), &ask).expect("new");
            pair.model.accounts[at].main = i128::from(opening);
            pair.keep(record);
        }
        pair
    }

    fn now(&self) -> Now {
        Now { tick: Tick(self.model.ms as u64 * 1_000), wall: Wall(BEGIN + self.model.ms as i64) }
    }

    fn keep(&mut self, record: Record) {
        self.records.push(record);
        self.after.push(self.model.clone());
    }

    fn up(&self, which: usize) -> Option<(u128, LeaseId)> {
        (!self.leases.is_empty()).then(|| self.leases[which % self.leases.len()])
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Dial { account, place, answered } => self.dial(account, place, answered),
            Step::Wait { ms } => self.model.ms += ms,
            Step::Renew { which } => self.renew(which),
            Step::Checkpoint { which } => self.checkpoint(which),
            Step::HangUp { which } => self.hang_up(which),
            Step::TopUp { account, amount } => self.top_up(account, amount),
            Step::Grant { account, bucket, amount } => self.grant(account, bucket, amount),
            Step::Warn { which } => self.warn(which),
            Step::Correct { account, amount } => self.correct(account, amount),
            Step::Limit { account, limit } => self.limit(account, limit),
            Step::Reverse { which } => self.reverse(which),
            Step::Crash { back } => self.crash(back),
        }
        self.expire();
        while self.engine.poll_notice().is_some() || self.engine.poll_woken().is_some() {}
    }

    fn dial(&mut self, account: usize, place: usize, answered: bool) {
        self.calls += 1;
        let number = format!("{}5551234", 10 + place).parse().expect("digits");
        let ask = Authorize { call: CallId(self.calls), account: ACCOUNTS[account], number: &number };
        let lease = self.engine.authorize(self.now(), ask).ok().map(|grant| grant.lease);
        let call = self.model.authorized(account, place);
        assert_eq!(lease.is_some(), call.is_some(), "authorized");
        let (Some(lease), Some(call)) = (lease, call) else { return };
        if !answered {
            return self.engine.release(lease).expect("a lease");
        }
        let timing = self.engine.answer(self.now(), lease).expect("the same row");
        self.model.calls.insert(self.calls, call);
        assert_eq!(timing.warn_at_ms.map(i128::from), self.model.warn_at_ms(self.calls));
        self.leases.push((self.calls, lease));
        let record = self.engine.open_record(lease, "pbx".into(), (raw(), raw()), raw()).expect("open");
        self.keep(record);
    }

    fn renew(&mut self, which: usize) {
        let Some((id, lease)) = self.up(which) else { return };
        let elapsed = self.model.elapsed_ms(id);
        let before = self.model.calls[&id].leased();
        let extension = self.engine.extend(self.now(), lease, elapsed as u64).expect("a lease");
        let refused = self.model.extend(id);
        let leased = self.model.calls[&id].leased();
        assert_eq!(
            (i128::from(extension.granted_secs), extension.refused),
            (leased - before, refused),
            "extended after {elapsed} ms"
        );
        assert_eq!(i128::from(extension.timing.cut_at_ms), leased * 1_000);
        let (warn_at_ms, warning) =
            (extension.timing.warn_at_ms.map(i128::from), self.model.calls[&id].warning);
        if !warning.told {
            assert_eq!(warn_at_ms, self.model.warn_at_ms(id), "warned after {elapsed} ms");
        } else if !warning.may_rearm {
            assert_eq!(warn_at_ms, None, "told, and the end did not move away");
        }
    }

    fn warn(&mut self, which: usize) {
        let Some((id, lease)) = self.up(which) else { return };
        let elapsed = self.model.elapsed_ms(id);
        let warning = self.model.calls[&id].warning;
        let is_near = self.model.warn_at_ms(id).is_some_and(|at| at <= elapsed);
        let told = self.engine.warn(self.now(), lease, elapsed as u64).expect("a lease").notice.is_some();
        if !warning.told {
            assert_eq!(told, is_near, "warned after {elapsed} ms");
        }
        assert!(!told || !warning.told || warning.may_rearm, "told again though the end did not move away");
        if told {
            self.model.calls.get_mut(&id).expect("up").warning =
                model::Warning { told: true, ..model::Warning::default() };
        }
    }

    fn correct(&mut self, account: usize, amount: i64) {
        if amount == 0 {
            return;
        }
        self.keys += 1;
        let (key, amount) = (format!("k{}", self.keys), Money::of(amount, Currency::EUR));
        let order = MoveOrder::Correct { amount, reason: "a test".to_owned() };
        let moved = self.engine.move_money(self.now(), ACCOUNTS[account], &key, &order, &[]).expect("booked");
        self.model.accounts[account].main += i128::from(amount.amount);
        // Below a reseller it is the reseller's income that is corrected.
        let system_account =
            if account == 1 { &mut self.model.reseller_revenue[0] } else { &mut self.model.corrections };
        *system_account -= i128::from(amount.amount);
        self.model.funded();
        self.keep(moved.record.expect("new"));
    }

    fn limit(&mut self, account: usize, limit: i64) {
        let terms = self.engine.account(ACCOUNTS[account]).expect("there").terms;
        let record =
            self.engine.change_account(self.now(), ACCOUNTS[account], &terms, limit).expect("changed");
        self.model.accounts[account].limit = i128::from(limit);
        self.model.funded();
        self.keep(record);
    }

    /// A billed call is reversed, or its last reversal is.
    fn reverse(&mut self, which: usize) {
        if self.model.billed.is_empty() {
            return;
        }
        self.keys += 1;
        let (at, key, cause) =
            (which % self.model.billed.len(), format!("k{}", self.keys), "a test".to_owned());
        let billed = &self.model.billed[at];
        let order = match &billed.last {
            None => MoveOrder::ReverseCall {
                call: CallId(billed.call),
                transfers: billed.transfers.to_vec(),
                cause,
            },
            Some(of) => MoveOrder::Reverse { of: of.clone(), expired: None, cause },
        };
        let moved =
            self.engine.move_money(self.now(), ACCOUNTS[billed.account], &key, &order, &[]).expect("undone");
        self.model.reverse(at, key);
        self.keep(moved.record.expect("new"));
    }

    fn checkpoint(&mut self, which: usize) {
        let Some((id, lease)) = self.up(which) else { return };
        let elapsed = self.model.elapsed_ms(id);
        let call = &self.model.calls[&id];
        if elapsed > call.leased() * 1_000 {
            return;
        }
        let record = self.engine.checkpoint(self.now(), lease, elapsed as u64).expect("a lease");
        let said = if let RecordBody::Checkpoint(said) = &record.body { Some(said) } else { None };
        let index = |name: &str| BUCKETS.iter().position(|bucket| bucket.name == name).expect("one of them");
        let said: Vec<Vec<(Option<usize>, i128)>> = said
            .expect("a checkpoint")
            .parts
            .iter()
            .map(|tier| tier.iter().map(|p| (p.bucket.as_deref().map(index), i128::from(p.until))).collect())
            .collect();
        let held: Vec<Vec<_>> = call
            .tiers
            .iter()
            .map(|tier| tier.parts.iter().map(|part| (part.bucket, part.until)).collect())
            .collect();
        let only_money = held.iter().flatten().all(|(bucket, _)| bucket.is_none());
        assert_eq!(said, if only_money { Vec::new() } else { held });
        self.model.note_checkpoint(id, elapsed);
        self.keep(record);
    }

    fn hang_up(&mut self, which: usize) {
        let Some((id, lease)) = self.up(which) else { return };
        self.leases.retain(|(up, _)| *up != id);
        let talked = self.model.elapsed_ms(id);
        let done = self.engine.settle(self.now(), lease, talked as u64, None).expect("a lease");
        let call = self.model.calls.remove(&id).expect("up");
        let duration = talked.min(call.leased() * 1_000);
        assert_eq!(
            (i128::from(done.duration_ms), i128::from(done.teardown_ms)),
            (duration, talked - duration)
        );
        self.settled(&call, duration, done);
    }

    /// Books it in the model, part by part, and holds the engine's word against that.
    fn settled(&mut self, call: &Call, duration: i128, done: Settlement) {
        let paid = self.model.settle(call, duration);
        let said: Vec<_> = done
            .parts
            .iter()
            .map(|part| {
                let bucket = part
                    .bucket
                    .as_deref()
                    .map(|name| BUCKETS.iter().position(|p| p.name == name).expect("one of them"));
                (bucket, i128::from(part.seconds), i128::from(part.amount.amount))
            })
            .collect();
        assert_eq!(said, paid[0].parts);
        assert_eq!(i128::from(done.amount.amount), paid[0].money);
        self.rerates(&done);
        let mut taken = Vec::new();
        for (nth, (tier, paid)) in call.tiers.iter().zip(&paid).enumerate() {
            let is_resellers = nth + 1 < call.tiers.len();
            let seconds = |bucket: Option<usize>| bucket.is_some_and(|bucket| BUCKETS[bucket].is_minutes);
            taken.extend(
                paid.parts.iter().map(|(bucket, _, amount)| {
                    (tier.account, *bucket, *amount, seconds(*bucket), is_resellers)
                }),
            );
        }
        if !done.transfers.is_empty() {
            let (transfers, account) = (done.transfers.clone().into(), call.tiers[0].account);
            let call = done.call.0;
            self.model.billed.push(Billed {
                call,
                transfers,
                paid: taken.into(),
                account,
                last: None,
                reversed: false,
            });
        }
        let above: Vec<_> = done
            .tiers
            .iter()
            .map(|tier| (i128::from(tier.billed_seconds), i128::from(tier.amount.amount)))
            .collect();
        assert_eq!(above, paid[1..].iter().map(|tier| (tier.billed, tier.money)).collect::<Vec<_>>());
        let record = Record::settled(self.now().wall, done.account, done.call, raw(), done.transfers);
        self.keep(record);
    }

    /// The record of a call, priced again from itself, gives its amounts in every tier and of every balance.
    fn rerates(&self, done: &Settlement) {
        let mut cdr =
            Cdr::new(done.call, &"sw1".into(), &done.account, &"pbx".into(), Currency::EUR, self.now().wall);
        cdr.set_settlement(done);
        let mut comparison = Comparison::default();
        comparison.add(&cdr, &Repricing::again());
        assert!(
            comparison.unpriced.is_empty() && comparison.accounts.values().all(|sum| sum.more() == 0),
            "{comparison:?}"
        );
        assert!(comparison.balances.values().all(|sum| sum.more() == 0), "{comparison:?}");
    }

    fn top_up(&mut self, account: usize, amount: i64) {
        self.keys += 1;
        let (key, amount) = (format!("k{}", self.keys), Money::of(amount, Currency::EUR));
        let ask = TopUpRequest { account: ACCOUNTS[account], amount, reference: "", key: &key };
        let record = self.engine.top_up(self.now(), ask).expect("booked").record.expect("new");
        self.model.accounts[account].main += i128::from(amount.amount);
        self.model.funded();
        self.keep(record);
    }

    fn grant(&mut self, account: usize, bucket: usize, amount: i64) {
        self.keys += 1;
        let given = &BUCKETS[bucket];
        let terms = given.terms(BEGIN);
        let unit = if given.is_minutes { 100_000 } else { 333 };
        let (key, amount) =
            (format!("k{}", self.keys), money(i128::from(amount) * unit, terms.kind.currency(Currency::EUR)));
        let ask = GrantRequest {
            account: ACCOUNTS[account],
            bucket: given.name,
            amount,
            terms,
            reference: "",
            key: &key,
        };
        let granted = self.engine.grant(self.now(), &ask);
        assert_eq!(granted.is_ok(), !self.model.is_expired(bucket));
        let Ok(granted) = granted else { return };
        *self.model.accounts[account].buckets[bucket].get_or_insert(0) += i128::from(amount.amount);
        self.model.funded();
        assert!(self.engine.grant(self.now(), &ask).expect("the same again").replayed);
        self.keep(granted.record.expect("new"));
    }

    fn expire(&mut self) {
        while self.engine.next_expiry().is_some_and(|at| at <= self.now().wall) {
            for record in self.engine.expire(self.now()) {
                if let RecordBody::BucketExpired(expired) = &record.body {
                    let account = ACCOUNTS.iter().position(|name| **name == *record.account).expect("known");
                    let name = expired.bucket.as_deref().expect("no balance is idle here");
                    let bucket = BUCKETS.iter().position(|bucket| bucket.name == name).expect("known");
                    assert_eq!(
                        i128::from(expired.transfer.amount.amount),
                        self.model.expired(account, bucket)
                    );
                }
                self.keep(record);
            }
        }
    }

    /// All that was not on disk is lost: up to `back` records. What was up is billed to its last checkpoint.
    fn crash(&mut self, back: usize) {
        let kept = self.records.len().saturating_sub(back).max(ACCOUNTS.len());
        self.records.truncate(kept);
        self.after.truncate(kept);
        let ms = self.model.ms;
        self.model = self.after.last().expect("accounts were opened").clone();
        self.model.ms = ms;
        let decks = Arc::clone(self.engine.decks());
        let (engine, open) = self.replayed();
        self.engine = engine;
        self.engine.set_decks(decks);
        self.leases.clear();
        let ids: Vec<_> = self.model.calls.keys().copied().collect();
        assert_eq!(open.iter().map(|call| call.open.call.0).collect::<Vec<_>>(), ids);
        for call in &open {
            let done = self.engine.recover(self.now(), call, None).expect("recovered");
            let (answered, lost) = self.model.calls.remove(&call.open.call.0).expect("up").at_checkpoint();
            let duration = self.model.payable_ms(&lost, answered);
            assert_eq!(
                (i128::from(done.duration_ms), i128::from(done.teardown_ms)),
                (duration, answered - duration)
            );
            self.settled(&lost, duration, done);
        }
    }

    fn replayed(&self) -> (Engine, Vec<ledger::OpenCall>) {
        let mut replay = Replay::new();
        for record in &self.records {
            let bytes = record.encode().expect("JSON");
            replay.apply_record(&Record::decode(&bytes).expect("a record")).expect("whole");
        }
        Engine::restored(replay.finish().shards.swap_remove(0))
    }

    fn check(&self) {
        for (at, name) in ACCOUNTS.iter().enumerate() {
            let (view, account) = (self.engine.account(name).expect("there"), &self.model.accounts[at]);
            let held = |bucket| self.model.reserved(at, bucket);
            assert_eq!(
                (i128::from(view.balance.amount), i128::from(view.leased.amount)),
                (account.main, held(None)),
                "{name}"
            );
            assert_eq!(i128::from(view.limit.amount), account.limit);
            let books = self.engine.books();
            for (bucket, given) in BUCKETS.iter().enumerate() {
                let balance =
                    books.id(name).and_then(|id| books.balance(books.bucket(id, &given.name.into())?));
                let (left, leased) = balance
                    .map_or((0, 0), |balance| (i128::from(balance.posted()), i128::from(balance.reserved)));
                assert_eq!(
                    (left, leased),
                    (account.buckets[bucket].unwrap_or(0), held(Some(bucket))),
                    "{name}/{}",
                    given.name
                );
            }
        }
        for (at, currency) in [Currency::EUR, Currency::SEC].into_iter().enumerate() {
            let system_account =
                |system_account| i128::from(self.engine.books().system_account(system_account, currency));
            let model = &self.model;
            let expected = (model.revenue[at], model.reseller_revenue[at], model.breakage[at]);
            assert_eq!(
                (
                    system_account(SystemAccount::Revenue),
                    system_account(SystemAccount::ResellerRevenue),
                    system_account(SystemAccount::Breakage)
                ),
                expected,
                "{currency}"
            );
            let corrections = if currency == Currency::EUR { model.corrections } else { 0 };
            assert_eq!(system_account(SystemAccount::Corrections), corrections);
        }
        assert_eq!((self.engine.imbalance(), self.engine.leases()), (0, self.leases.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Several accounts, a reseller among them, share nothing but the rules; whatever happens in whatever
    /// order, not one unit differs.
    #[test]
    fn not_one_unit_differs(
        wholesale in (tariff(), tariff(), tariff()),
        retail in (tariff(), tariff(), tariff()),
        opening in [0_i64..150_000, 0_i64..60_000, 0_i64..60_000],
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let mut pair = Pair::new([wholesale.into(), retail.into()], opening);
        for step in &steps {
            pair.take(step);
            pair.check();
        }
        pair.crash(0);
        pair.expire();
        pair.check();
    }
}

/// The model itself, on the sum of RULES X7: 120 free seconds, 0.10 a minute by the minute, 181 s.
#[test]
fn the_model_knows_the_rules() {
    let tariff = Tariff { rate: 10_000, fee: 0, initial: 60, increment: 60 };
    let mut model = Model::new([[tariff; 3]; 2]);
    let solo = ACCOUNTS.len() - 1;
    model.accounts[solo].main = 1_000_000;
    model.accounts[solo].buckets[1] = Some(120 * 100_000);
    let call = model.authorized(solo, 2).expect("minutes");
    model.calls.insert(1, call);
    for ms in (0..181_000).step_by(500) {
        model.ms = ms;
        model.extend(1);
    }
    let call = model.calls.remove(&1).expect("up");
    let paid = model.settle(&call, 181_000);
    assert_eq!(paid[0].parts, [(Some(1), 120, 12_000_000), (None, 120, 20_000)]);
    assert_eq!(
        call.tiers[0].parts.first(),
        Some(&Part { bucket: Some(1), from: 0, until: 120, with_fee: false })
    );
}
