//! The engine against a slow exact model: random calls, random slicing, random crowds on one account; not one
//! cent may differ.

use std::sync::Arc;

use ledger::{CallId, Record, Replay};
use proptest::prelude::*;
use rating::engine::{Authorize, OpenAccount, TopUpRequest};
use rating::{Deck, Decks, Engine, LeaseId};
use serde_json::value::RawValue;
use units::{Currency, Money, Now, Tick, Wall};

/// The reference: fractions, no sharing of code with the engine.
mod reference {
    /// `num / den` in lowest terms is not needed: both are exact.
    fn ceil_div(a: i128, b: i128) -> i128 {
        (a + b - 1) / b
    }

    /// Billed seconds and the amount in 10⁻⁵ units.
    pub fn bill(rate: i64, fee: i64, initial: u32, increment: u32, ms: u64) -> (i128, i128) {
        let (a, b, d) = (i128::from(initial), i128::from(increment), ceil_div(i128::from(ms), 1_000));
        if d == 0 {
            return (0, 0);
        }
        let billed = if d <= a { a } else { a + ceil_div(d - a, b) * b };
        // amount = fee + rate · billed / 60, half-up: floor((2 · num + den) / (2 · den)).
        let (num, den) = (i128::from(fee) * 60 + i128::from(rate) * billed, 60);
        (billed, (2 * num + den) / (2 * den))
    }
}

#[derive(Clone, Copy, Debug)]
struct Tariff {
    rate: i64,
    fee: i64,
    initial: u32,
    increment: u32,
}

impl Tariff {
    fn bill(self, ms: u64) -> (i128, i128) {
        reference::bill(self.rate, self.fee, self.initial, self.increment, ms)
    }
}

fn tariff() -> impl Strategy<Value = Tariff> {
    let steps =
        prop_oneof![Just((1, 1)), Just((30, 6)), Just((60, 1)), Just((60, 60)), (1_u32..90, 1_u32..90)];
    let rate = prop_oneof![0_i64..100, 1_000_i64..60_000, 0_i64..5_000_000];
    (rate, prop_oneof![Just(0_i64), 0_i64..20_000], steps)
        .prop_map(|(rate, fee, (initial, increment))| Tariff { rate, fee, initial, increment })
}

fn now(ms: u64) -> Now {
    Now { tick: Tick(ms * 1_000), wall: Wall(1_800_000_000_000 + ms as i64) }
}

/// One account, one prefix per tariff: 10, 11, 12…
fn engine(tariffs: &[Tariff], balance: i64) -> (Engine, Vec<Record>) {
    let mut csv = "prefix,destination,rate,initial,increment,connect_fee\n".to_owned();
    for (at, t) in tariffs.iter().enumerate() {
        let (rate, fee) = (Money::of(t.rate, Currency::EUR), Money::of(t.fee, Currency::EUR));
        csv += &format!("{},Place {at},{rate},{},{},{fee}\n", 10 + at, t.initial, t.increment);
    }
    let (deck, _) = Deck::load("retail", Currency::EUR, csv.as_bytes()).expect("a good deck");
    let mut engine = Engine::new();
    engine.set_decks(Arc::new(Decks::new([Arc::new(deck)])));
    let ask = OpenAccount {
        name: "acme",
        currency: Currency::EUR,
        opening: balance,
        terms: ledger::Terms::of_deck("retail"),
        limit: 0,
    };
    let record = engine.open_account(now(0), &ask).expect("new");
    (engine, vec![record])
}

fn raw() -> Box<RawValue> {
    RawValue::from_string("{}".to_owned()).expect("JSON")
}

fn authorize(engine: &mut Engine, call: u128, tariff: usize, at: Now) -> Option<LeaseId> {
    let number = format!("{}5551234", 10 + tariff).parse().expect("digits");
    engine
        .authorize(at, Authorize { call: CallId(call), account: "acme", number: &number })
        .ok()
        .map(|grant| grant.lease)
}

/// A call in the crowd.
struct Up {
    call: u128,
    lease: LeaseId,
    tariff: Tariff,
    answered_ms: u64,
    cut_at_ms: u64,
}

/// What the crowd does next.
#[derive(Clone, Debug)]
enum Step {
    Dial { tariff: usize, answered: bool },
    Wait { ms: u64 },
    Renew { which: usize },
    HangUp { which: usize },
    TopUp { amount: i64 },
}

fn step(tariffs: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..tariffs, proptest::bool::weighted(0.9)).prop_map(|(tariff, answered)| Step::Dial { tariff, answered }),
        4 => prop_oneof![0_u64..2_000, 0_u64..20_000].prop_map(|ms| Step::Wait { ms }),
        6 => (0_usize..50).prop_map(|which| Step::Renew { which }),
        2 => (0_usize..50).prop_map(|which| Step::HangUp { which }),
        1 => (1_i64..50_000).prop_map(|amount| Step::TopUp { amount }),
    ]
}

/// A crowd on one account, with the books checked after every step.
struct Crowd {
    engine: Engine,
    records: Vec<Record>,
    up: Vec<Up>,
    ms: u64,
    calls: u128,
    paid_in: i128,
    spent: i128,
}

impl Crowd {
    fn new(tariffs: &[Tariff], balance: i64) -> Self {
        let (engine, records) = engine(tariffs, balance);
        Self { engine, records, up: Vec::new(), ms: 0, calls: 0, paid_in: i128::from(balance), spent: 0 }
    }

    fn take(&mut self, tariffs: &[Tariff], step: &Step) {
        match *step {
            Step::Dial { tariff, answered } => self.dial(tariffs, tariff, answered),
            Step::Wait { ms } => self.ms += ms,
            Step::Renew { which } => {
                let Some(up) = pick(&mut self.up, which) else { return };
                let elapsed = self.ms - up.answered_ms;
                let extension = self.engine.extend(now(self.ms), up.lease, elapsed).expect("a lease");
                assert_eq!(extension.timing.cut_at_ms % 1_000, 0);
                assert!(extension.timing.cut_at_ms >= up.cut_at_ms);
                assert!(
                    elapsed < up.cut_at_ms || extension.granted_secs == 0,
                    "nothing is granted after the cut"
                );
                up.cut_at_ms = extension.timing.cut_at_ms;
            }
            Step::HangUp { which } if !self.up.is_empty() => {
                let up = self.up.swap_remove(which % self.up.len());
                self.settle(&up);
            }
            Step::HangUp { .. } => {}
            Step::TopUp { amount } => {
                let key = format!("k{}", self.records.len());
                let amount = Money::of(amount, Currency::EUR);
                let booked = self
                    .engine
                    .top_up(now(self.ms), TopUpRequest { account: "acme", amount, reference: "", key: &key });
                self.records.extend(booked.expect("booked").record);
                self.paid_in += i128::from(amount.amount);
            }
        }
    }

    fn dial(&mut self, tariffs: &[Tariff], tariff: usize, answered: bool) {
        self.calls += 1;
        let Some(lease) = authorize(&mut self.engine, self.calls, tariff, now(self.ms)) else { return };
        if !answered {
            return self.engine.release(lease).expect("a lease");
        }
        let timing = self.engine.answer(now(self.ms), lease).expect("the row did not change");
        self.records.push(self.engine.open_record(lease, "pbx".into(), (raw(), raw()), raw()).expect("open"));
        self.up.push(Up {
            call: self.calls,
            lease,
            tariff: tariffs[tariff],
            answered_ms: self.ms,
            cut_at_ms: timing.cut_at_ms,
        });
    }

    fn settle(&mut self, up: &Up) {
        let talked = self.ms - up.answered_ms;
        let done = self.engine.settle(now(self.ms), up.lease, talked, None).expect("a lease");
        assert_eq!(
            (done.duration_ms, done.teardown_ms),
            (talked.min(up.cut_at_ms), talked.saturating_sub(up.cut_at_ms))
        );
        let (billed, amount) = up.tariff.bill(done.duration_ms);
        assert_eq!(
            (i128::from(done.billed_seconds), i128::from(done.amount.amount)),
            (billed, amount),
            "{:?} {talked} ms",
            up.tariff
        );
        assert_eq!(done.call, CallId(up.call));
        assert_eq!(done.balance_before.amount, done.balance_after.amount + done.amount.amount);
        self.spent += amount;
        self.records.push(Record::settled(now(self.ms).wall, done.account, done.call, raw(), done.transfers));
    }

    fn check(&self) {
        let view = self.engine.account("acme").expect("there");
        assert_eq!(i128::from(view.balance.amount), self.paid_in - self.spent);
        let held: i128 = self.up.iter().map(|up| up.tariff.bill(up.cut_at_ms).1).sum();
        assert_eq!(i128::from(view.leased.amount), held, "reserved is the cost of the leased time");
        assert!(view.available.amount >= 0 && view.balance.amount >= 0);
        assert_eq!(self.engine.imbalance(), 0);
        assert_eq!(self.engine.leases(), self.up.len());
    }

    fn close(mut self) {
        self.ms += 3_600_000;
        for up in std::mem::take(&mut self.up) {
            self.settle(&up);
        }
        self.check();
        assert_eq!(self.engine.account("acme").expect("there").leased.amount, 0);
        assert!(self.spent <= self.paid_in);
        let mut replay = Replay::new();
        for record in &self.records {
            let bytes = record.encode().expect("JSON");
            replay.apply_record(&Record::decode(&bytes).expect("a record")).expect("whole");
        }
        assert_eq!(replay.verification().open_calls, 0);
        let (restored, open) = Engine::restored(replay.finish().shards.swap_remove(0));
        assert!(open.is_empty());
        assert_eq!(restored.account("acme"), self.engine.account("acme"));
    }
}

fn pick(up: &mut [Up], which: usize) -> Option<&mut Up> {
    let len = up.len();
    (len > 0).then(|| &mut up[which % len])
}

proptest! {
    /// However many calls run at once, the balance is never overspent, and every amount is the reference's.
    #[test]
    fn a_crowd_never_overspends(
        tariffs in proptest::collection::vec(tariff(), 1..4),
        balance in prop_oneof![0_i64..2_000, 0_i64..1_000_000],
        steps in proptest::collection::vec(step(3), 1..200),
    ) {
        let mut crowd = Crowd::new(&tariffs, balance);
        for step in &steps {
            if matches!(step, Step::Dial { tariff, .. } if *tariff >= tariffs.len()) {
                continue;
            }
            crowd.take(&tariffs, step);
            crowd.check();
        }
        crowd.close();
    }

    /// A lease taken in any slices costs what the call costs whole.
    #[test]
    fn slicing_changes_no_cent(tariff in tariff(), waits in proptest::collection::vec(1_u64..40_000, 0..40)) {
        let (mut engine, _) = engine(&[tariff], i64::MAX / 2);
        let lease = authorize(&mut engine, 1, 0, now(0)).expect("rich");
        let mut cut = engine.answer(now(0), lease).expect("answered").cut_at_ms;
        let mut elapsed = 0;
        for wait in waits {
            elapsed = (elapsed + wait).min(cut);
            cut = engine.extend(now(elapsed), lease, elapsed).expect("a lease").timing.cut_at_ms;
        }
        let done = engine.settle(now(elapsed), lease, elapsed, None).expect("a lease");
        prop_assert_eq!((i128::from(done.billed_seconds), i128::from(done.amount.amount)), tariff.bill(elapsed));
        prop_assert_eq!(engine.account("acme").expect("there").leased.amount, 0);
    }

    /// The price function alone, up to the highest rates and a year of talk.
    #[test]
    fn prices_are_exact(rate in 0_i64..100_000_000_000, fee in 0_i64..100_000_000_000, initial in 1_u32..=86_400, increment in 1_u32..=86_400,
                        ms in 0_u64..31_622_400_000) {
        let (billed, amount) = reference::bill(rate, fee, initial, increment, ms);
        prop_assert_eq!(i128::from(rating::price::cost(units::Rate::new(rate * 100_000), units::Rate::new(fee * 100_000), billed as u64)), amount);
    }
}

/// 180 s at 0.1 a minute by the second: 180 debits of 0.0016666… are 0.30000, as one is.
#[test]
fn three_minutes_by_the_second() {
    let tariff = Tariff { rate: 10_000, fee: 0, initial: 1, increment: 1 };
    let (mut engine, _) = engine(&[tariff], 30_000);
    let lease = authorize(&mut engine, 1, 0, now(0)).expect("money");
    let mut cut = engine.answer(now(0), lease).expect("answered").cut_at_ms;
    let mut elapsed = 0;
    while elapsed < cut {
        cut = engine.extend(now(elapsed), lease, elapsed).expect("a lease").timing.cut_at_ms;
        elapsed += 100;
    }
    assert_eq!(cut, 180_000, "the balance lasts exactly 180 s");
    assert_eq!(
        engine.settle(now(elapsed), lease, 180_000, None).expect("a lease").amount.to_string(),
        "0.30000"
    );
    assert_eq!(engine.account("acme").expect("there").balance.to_string(), "0.00000");
}

/// A balance of 60 s at 1/1 shared by 20 calls: at least ten are cut, seconds talked are seconds billed,
/// nothing is negative.
#[test]
fn sixty_seconds_among_twenty() {
    let tariff = Tariff { rate: 60_000, fee: 0, initial: 1, increment: 1 };
    let mut crowd = Crowd::new(&[tariff], 60_000);
    for _ in 0..20 {
        crowd.take(&[tariff], &Step::Dial { tariff: 0, answered: true });
    }
    let (mut cut, mut billed) = (0, 0);
    while !crowd.up.is_empty() {
        crowd.ms += 50;
        let mut at = 0;
        while at < crowd.up.len() {
            crowd.take(&[tariff], &Step::Renew { which: at });
            if crowd.ms - crowd.up[at].answered_ms >= crowd.up[at].cut_at_ms {
                let up = crowd.up.swap_remove(at);
                billed += up.cut_at_ms / 1_000;
                cut += 1;
                crowd.settle(&up);
            } else {
                at += 1;
            }
            crowd.check();
        }
    }
    assert_eq!((cut, billed), (20, 60));
    assert_eq!(crowd.spent, 60_000);
    crowd.close();
}
