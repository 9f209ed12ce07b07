//! RULES L6, X7, X11, X12, X14, X15 and the reseller chain, as a price list: what an account holds, how long
//! a call talks, who pays.

use std::sync::Arc;

use ledger::{BucketKind, BucketTerms, NoticeEvent, Record, RecordBody, Replay, Terms};
use rating::engine::{AccountView, Authorize, GrantRequest, OpenAccount, Settlement, TopUpRequest};
use rating::{CallId, CreditRefusal, Deck, Decks, Engine, LeaseId};
use serde_json::value::RawValue;
use units::{Currency, Money, Now, Tick, Wall};

const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee\n";
const RETAIL: &str = "34,Forward,0.1,60,60,\n49,Germany,0.6,1,1,\n55,Brazil,0.12345,30,6,\n8,Fee,0.6,1,1,0.05\n7,Free,0,1,1,\n";
/// The reseller buys cheaper, by other increments, and not everything.
const WHOLESALE: &str = "49,Germany,0.3,60,60,\n55,Brazil,0.06,1,1,\n8,Fee,0.6,1,1,\n7,Free,0,1,1,\n";

/// A desk with `acme`, which calls by `retail`.
struct Desk {
    engine: Engine,
    now: Now,
    calls: u128,
    records: Vec<Record>,
}

fn at(text: &str) -> Now {
    Now { tick: Tick(0), wall: Wall::parse(text).expect("a time") }
}

impl Desk {
    fn new() -> Self {
        let load = |name: &str, rows: &str| {
            Arc::new(
                Deck::load(name, Currency::EUR, format!("{HEADER}{rows}").as_bytes()).expect("a good deck").0,
            )
        };
        let mut engine = Engine::new();
        engine.set_decks(Arc::new(Decks::new([load("retail", RETAIL), load("wholesale", WHOLESALE)])));
        Self { engine, now: at("2026-01-01T12:00:00Z"), calls: 0, records: Vec::new() }
    }

    /// With `acme` and so much money.
    fn with(money: &str) -> Self {
        let mut desk = Self::new();
        desk.open("acme", money, Terms::of_deck("retail"));
        desk
    }

    fn open(&mut self, name: &str, money: &str, terms: Terms) {
        let opening = Money::parse(money, Currency::EUR).expect("money").amount;
        let ask = OpenAccount { name, currency: Currency::EUR, opening, terms, limit: 0 };
        let record = self.engine.open_account(self.now, &ask).expect("new");
        self.keep(Some(record));
    }

    /// Keeps a record and what the engine tells beside it.
    fn keep(&mut self, record: Option<Record>) {
        self.records.extend(record);
        while let Some(notice) = self.engine.poll_notice() {
            self.records.push(notice);
        }
    }

    /// `free=120` seconds, `promo=0.50` or `test=0.50`, with `@34` for a prefix.
    fn give(&mut self, what: &str) {
        let (kind, rest) = what.split_once('=').expect("kind=amount");
        let (amount, prefix) =
            rest.split_once('@').map_or((rest, None), |(amount, prefix)| (amount, Some(prefix)));
        let (kind, currency) = match kind {
            "free" => (BucketKind::Minutes, Currency::SEC),
            "test" => (BucketKind::Test, Currency::EUR),
            _ => (BucketKind::Promo, Currency::EUR),
        };
        let prefixes = prefix.map(|prefix| prefix.parse().expect("digits")).into_iter().collect();
        self.grant(
            what,
            Money::parse(amount, currency).expect("an amount"),
            BucketTerms { prefixes, ..BucketTerms::of(kind) },
        );
    }

    fn grant(&mut self, key: &str, amount: Money, terms: BucketTerms) {
        let bucket = terms.kind.word();
        let granted = self
            .engine
            .grant(self.now, &GrantRequest { account: "acme", bucket, amount, terms, reference: "", key });
        self.keep(granted.expect("granted").record);
    }

    fn top_up(&mut self, account: &str, money: &str) {
        let amount = Money::parse(money, Currency::EUR).expect("money");
        let key = format!("k{}", self.records.len());
        let done = self.engine.top_up(self.now, TopUpRequest { account, amount, reference: "", key: &key });
        self.keep(done.expect("booked").record);
    }

    fn dial(&mut self, account: &str, number: &str) -> Result<LeaseId, CreditRefusal> {
        self.calls += 1;
        let number = number.parse().expect("digits");
        let lease = self
            .engine
            .authorize(self.now, Authorize { call: CallId(self.calls), account, number: &number })?
            .lease;
        self.engine.answer(self.now, lease).expect("the same row");
        let raw = || RawValue::from_string("{}".to_owned()).expect("JSON");
        self.records.push(self.engine.open_record(lease, "pbx".into(), (raw(), raw()), raw()).expect("open"));
        Ok(lease)
    }

    /// Talks for so many seconds, or until the cut, extended whenever that is due.
    fn talk(&mut self, lease: LeaseId, secs: u64) -> Settlement {
        let mut cut = self.engine.extend(self.now, lease, 0).expect("a lease").timing;
        let mut elapsed = 0;
        while elapsed < (secs * 1_000).min(cut.cut_at_ms) {
            cut = self.engine.extend(self.now, lease, elapsed).expect("a lease").timing;
            elapsed = (elapsed + 500).min(secs * 1_000);
        }
        self.settle(lease, (secs * 1_000).min(cut.cut_at_ms))
    }

    fn settle(&mut self, lease: LeaseId, ms: u64) -> Settlement {
        let done = self.engine.settle(self.now, lease, ms, None).expect("a lease");
        let raw = RawValue::from_string("{}".to_owned()).expect("JSON");
        self.keep(Some(Record::settled(
            self.now.wall,
            done.account.clone(),
            done.call,
            raw,
            done.transfers.clone(),
        )));
        assert_eq!(self.engine.imbalance(), 0);
        done
    }

    fn view(&self, account: &str) -> AccountView {
        self.engine.account(account).expect("there")
    }

    fn told(&mut self) -> Vec<NoticeEvent> {
        self.keep(None);
        let told = |record: &Record| match &record.body {
            RecordBody::Notice(notice) => Some(notice.event.clone()),
            _ => None,
        };
        self.records.iter().filter_map(told).collect()
    }

    /// The node dies and comes back with what its journal holds.
    fn crash(&mut self) {
        let decks = Arc::clone(self.engine.decks());
        let mut replay = Replay::new();
        for record in &self.records {
            let bytes = record.encode().expect("JSON");
            replay.apply_record(&Record::decode(&bytes).expect("a record")).expect("whole");
        }
        let (engine, open) = Engine::restored(replay.finish().shards.swap_remove(0));
        self.engine = engine;
        self.engine.set_decks(decks);
        for lost in open {
            let done = self.engine.recover(self.now, &lost, None).expect("recovered");
            let raw = RawValue::from_string("{}".to_owned()).expect("JSON");
            self.keep(Some(Record::settled(self.now.wall, done.account, done.call, raw, done.transfers)));
        }
    }

    fn expire(&mut self, at_text: &str) {
        self.now = at(at_text);
        while self.engine.next_expiry().is_some_and(|at| at <= self.now.wall) {
            let records = self.engine.expire(self.now);
            self.records.extend(records);
        }
        assert_eq!(self.engine.imbalance(), 0);
    }
}

/// `number talked s | money and buckets | billed s cost | what each balance paid | money left`, one call a
/// line.
#[test]
fn who_pays_for_what() {
    let table = "
        34911  181 | 10  free=120          | 240  0.20000 | free 120 s, 120 s 0.20000             | 9.80000
        34911  120 | 10  free=120          | 120  0.00000 | free 120 s                            | 10.00000
        34911   60 | 10  free=90           |  60  0.00000 | free 60 s                             | 10.00000
        34911   61 | 10  free=90           | 120  0.10000 | free 60 s, 60 s 0.10000               | 9.90000
        34911   61 | 10  free=59           | 120  0.20000 | 120 s 0.20000                         | 9.80000
        34911   60 | 10  free=120@349      |  60  0.00000 | free 60 s                             | 10.00000
        34911   60 | 10  free=120@49       |  60  0.10000 | 60 s 0.10000                          | 9.90000
        34911  600 |  0  free=120          | 120  0.00000 | free 120 s                            | 0.00000
        4930    10 | 10  promo=0.05        |  10  0.10000 | promo 5 s 0.05000, 5 s 0.05000        | 9.95000
        4930    10 | 10  promo=0.05@34     |  10  0.10000 | 10 s 0.10000                          | 9.90000
        4930    10 |  0  test=0.50         |  10  0.10000 | test 10 s 0.10000                     | 0.00000
        4930    10 |  0  test=0.05         |   5  0.05000 | test 5 s 0.05000                      | 0.00000
        4930    10 |  1  promo=0.03 test=0.02 free=3 | 10 0.07000 | free 3 s, test 2 s 0.02000, promo 3 s 0.03000, 2 s 0.02000 | 0.98000
        5511    37 |  1  promo=0.07        |  42  0.08642 | promo 30 s 0.06173, 12 s 0.02469      | 0.97531
        811     10 |  1  free=4            |  10  0.11000 | free 4 s, 6 s 0.11000                 | 0.89000
        811      4 |  1  free=4            |   4  0.00000 | free 4 s                              | 1.00000
        811     10 |  1  promo=0.10        |  10  0.15000 | promo 5 s 0.10000, 5 s 0.05000        | 0.95000
        711     50 |  0  free=60 promo=1   |  50  0.00000 | 50 s 0.00000                          | 0.00000
        4930     0 |  1  free=60           |   0  0.00000 |                                       | 1.00000";
    let mut lines = 0;
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [call, holds, billed, paid, left] =
            line.split('|').map(str::trim).collect::<Vec<_>>().try_into().expect("five columns");
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (call, holds, billed) = (words(call), words(holds), words(billed));
        let mut desk = Desk::with(&holds[0]);
        holds[1..].iter().for_each(|what| desk.give(what));
        let lease = desk.dial("acme", &call[0]).expect("money");
        let done = desk.talk(lease, call[1].parse().expect("seconds"));
        assert_eq!([done.billed_seconds.to_string(), done.amount.to_string()], billed[..], "{line}");
        let part = |part: &rating::engine::PaidPart| {
            let bucket = part
                .bucket
                .as_deref()
                .map(|name| if name == "minutes" { "free " } else { name }.trim().to_owned() + " ");
            let money = if part.amount.currency == Currency::SEC {
                String::new()
            } else {
                format!(" {}", part.amount)
            };
            format!("{}{} s{money}", bucket.unwrap_or_default(), part.seconds)
        };
        assert_eq!(done.parts.iter().map(part).collect::<Vec<_>>().join(", "), paid, "{line}");
        let view = desk.view("acme");
        assert_eq!((view.balance.to_string(), view.leased.amount), (left.to_owned(), 0), "{line}");
        let sum: i64 = done
            .parts
            .iter()
            .filter(|part| part.amount.currency == Currency::EUR)
            .map(|part| part.amount.amount)
            .sum();
        assert_eq!(sum, done.amount.amount, "{line}");
        lines += 1;
    }
    assert_eq!(lines, 19);
}

#[test]
fn within_a_kind_by_priority_then_end_then_age() {
    let mut desk = Desk::with("1");
    let day = |n: i64| Some(desk.now.wall.plus_ms(n * 86_400_000));
    let promo = BucketTerms::of(BucketKind::Promo);
    let grants = [
        ("late", BucketTerms { expires_at: day(9), ..promo.clone() }),
        ("never", promo.clone()),
        ("first", BucketTerms { priority: 0, expires_at: day(9), ..promo.clone() }),
        ("last", BucketTerms { priority: 2, expires_at: day(1), ..promo.clone() }),
        ("soon", BucketTerms { priority: 1, expires_at: day(2), ..promo.clone() }),
        ("sooner", BucketTerms { priority: 1, expires_at: day(1), ..promo }),
    ];
    for (ms, (bucket, terms)) in grants.into_iter().enumerate() {
        let now = Now { wall: desk.now.wall.plus_ms(ms as i64), ..desk.now };
        let ask = GrantRequest {
            account: "acme",
            bucket,
            amount: Money::of(1_000, Currency::EUR),
            terms,
            reference: "",
            key: bucket,
        };
        desk.engine.grant(now, &ask).expect("granted");
    }
    let lease = desk.dial("acme", "4930").expect("money");
    let paid: Vec<_> = desk
        .talk(lease, 7)
        .parts
        .iter()
        .map(|part| part.bucket.as_deref().unwrap_or("money").to_owned())
        .collect();
    assert_eq!(paid, ["late", "first", "never", "sooner", "soon", "last", "money"]);
}

#[test]
fn x11_a_low_balance_is_told_once_and_again_after_rising() {
    let mut desk = Desk::new();
    desk.open(
        "acme",
        "2.05",
        Terms { low_balance: Some(200_000), email: Some("a@example.net".into()), ..Terms::of_deck("retail") },
    );
    let lows = |desk: &mut Desk| {
        desk.told().iter().filter(|event| matches!(event, NoticeEvent::LowBalance { .. })).count()
    };
    for (call, lows_so_far) in [(5, 0), (5, 1), (5, 1)] {
        let lease = desk.dial("acme", "4930").expect("money");
        desk.talk(lease, call);
        assert_eq!(lows(&mut desk), lows_so_far);
        desk.crash();
        assert_eq!(lows(&mut desk), lows_so_far, "nor after a crash");
    }
    desk.top_up("acme", "0.10");
    let lease = desk.dial("acme", "4930").expect("money");
    desk.talk(lease, 1);
    assert_eq!(lows(&mut desk), 1, "2.00 is not above it");
    desk.top_up("acme", "0.02");
    let lease = desk.dial("acme", "4930").expect("money");
    desk.talk(lease, 2);
    assert_eq!(lows(&mut desk), 2);
    // The settle is durable and the word about it is not: it is told after the restart.
    desk.records.pop();
    desk.crash();
    let now = desk.now;
    assert_eq!(lows(&mut desk), 1);
    desk.expire("2026-01-01T12:00:01Z");
    assert_eq!((lows(&mut desk), desk.engine.expire(now).len()), (2, 0));
}

#[test]
fn x12_few_minutes_are_told_where_no_money_follows() {
    for (money, told) in [("0", 1), ("10", 0)] {
        let mut desk = Desk::with(money);
        desk.give("free=420");
        for _ in 0..3 {
            let lease = desk.dial("acme", "34911").expect("minutes");
            desk.talk(lease, 120);
        }
        let events = desk.told();
        let few: Vec<_> = events
            .iter()
            .filter(|event| matches!(event, NoticeEvent::LowMinutes { seconds: 300, .. }))
            .collect();
        assert_eq!((few.len(), events.len()), (told, told), "{money}");
    }
}

#[test]
fn x14_unused_credit_ends_a_year_after_the_last_event() {
    let terms = || Terms { idle_days: Some(365), ..Terms::of_deck("retail") };
    // Opened and paid, used for the last time on 1 March.
    let opened = || {
        let mut desk = Desk::new();
        desk.now = at("2025-01-01T10:00:00Z");
        desk.open("acme", "0", terms());
        desk.top_up("acme", "5");
        desk.now = at("2025-02-01T10:00:00Z");
        desk.top_up("acme", "5");
        desk.now = at("2025-03-01T10:00:00Z");
        let lease = desk.dial("acme", "4930").expect("money");
        desk.talk(lease, 1);
        desk
    };
    let mut desk = opened();
    desk.expire("2026-03-01T23:59:59.998Z");
    assert_eq!(desk.view("acme").balance.to_string(), "9.99000");
    desk.crash();
    desk.expire("2026-03-02T00:00:00Z");
    assert_eq!(desk.view("acme").balance.to_string(), "0.00000");
    assert_eq!(desk.engine.books().system_account(ledger::SystemAccount::Breakage, Currency::EUR), 999_000);
    let records = desk.records.len();
    desk.expire("2026-03-01T00:00:00Z");
    desk.expire("2027-03-02T00:00:00Z");
    assert_eq!(desk.records.len(), records, "once, however the clock jumps");
    assert!(matches!(
        desk.told().last(),
        Some(NoticeEvent::CreditExpired { bucket: None, amount: 999_000, .. })
    ));

    let mut used = opened();
    used.now = at("2026-02-28T23:00:00Z");
    let lease = used.dial("acme", "4930").expect("money");
    used.talk(lease, 1);
    used.expire("2027-02-28T23:59:59.998Z");
    assert_eq!(used.view("acme").balance.to_string(), "9.98000");
    used.expire("2027-03-01T00:00:00Z");
    assert_eq!(used.view("acme").balance.to_string(), "0.00000");
}

#[test]
fn x15_the_owner_is_told_in_advance_until_something_happens() {
    let mut desk = Desk::new();
    desk.now = at("2025-03-01T10:00:00Z");
    desk.open("acme", "1", Terms { idle_days: Some(365), ..Terms::of_deck("retail") });
    let told = |desk: &mut Desk| {
        desk.told().iter().filter(|event| matches!(event, NoticeEvent::CreditExpires { .. })).count()
    };
    for (time, times) in [
        ("2025-12-31T23:59:59Z", 0),
        ("2026-01-01T00:00:00Z", 1),
        ("2026-02-15T23:59:59Z", 1),
        ("2026-02-16T00:00:00Z", 2),
        ("2026-02-20T00:00:00Z", 2),
    ] {
        desk.expire(time);
        assert_eq!(told(&mut desk), times, "{time}");
        desk.crash();
    }
    desk.top_up("acme", "1");
    desk.expire("2026-12-20T00:00:00Z");
    assert_eq!((told(&mut desk), desk.view("acme").balance.to_string()), (2, "2.00000".to_owned()));
    desk.expire("2026-12-23T00:00:00Z");
    assert_eq!(told(&mut desk), 3, "60 days before 20 February 2027");
}

#[test]
fn an_expired_bucket_gives_nothing_new_and_keeps_its_word() {
    let mut desk = Desk::with("0");
    let expires_at = Some(Wall::parse("2026-01-01T12:01:00Z").expect("a time"));
    desk.grant(
        "g",
        Money::of(100_000, Currency::EUR),
        BucketTerms { expires_at, ..BucketTerms::of(BucketKind::Promo) },
    );
    let lease = desk.dial("acme", "4930").expect("credit");
    desk.engine.extend(desk.now, lease, 500).expect("a lease");
    let held = desk.view("acme").buckets[0].leased.amount;
    assert!(held > 0);
    desk.expire("2026-01-01T12:01:00Z");
    assert_eq!(desk.view("acme").buckets[0].left.amount, held, "what is reserved stays good");
    assert!(desk.engine.extend(desk.now, lease, held as u64 - 100).expect("a lease").refused);
    assert!(matches!(desk.dial("acme", "4930"), Err(CreditRefusal::NoCredit)));
    let done = desk.settle(lease, 3_000);
    assert_eq!(done.amount.to_string(), "0.03000");
    desk.expire("2026-01-01T12:01:01Z");
    assert!(desk.view("acme").buckets.is_empty());
    assert_eq!(desk.engine.books().system_account(ledger::SystemAccount::Breakage, Currency::EUR), 97_000);
}

/// `a:b` calls: `b` pays by retail, `a` by wholesale.
fn reseller(reseller: &str, customer: &str) -> Desk {
    let mut desk = Desk::new();
    desk.open("a", reseller, Terms::of_deck("wholesale"));
    desk.open("a:b", customer, Terms::of_deck("retail"));
    desk
}

#[test]
fn every_tier_pays_by_its_own_deck() {
    let mut desk = reseller("10", "10");
    let lease = desk.dial("a:b", "4930").expect("money");
    let done = desk.talk(lease, 61);
    // 61 s at 0.60 by the second; two minutes at 0.30.
    assert_eq!(
        (done.amount.to_string(), done.tiers[0].amount.to_string()),
        ("0.61000".to_owned(), "0.60000".to_owned())
    );
    assert_eq!((done.billed_seconds, done.tiers[0].billed_seconds), (61, 120));
    let books = desk.engine.books();
    assert_eq!(books.system_account(ledger::SystemAccount::ResellerRevenue, Currency::EUR), 61_000);
    assert_eq!(books.system_account(ledger::SystemAccount::Revenue, Currency::EUR), 60_000);
    assert_eq!(
        (desk.view("a:b").balance.to_string(), desk.view("a").balance.to_string()),
        ("9.39000".to_owned(), "9.40000".to_owned())
    );
}

#[test]
fn all_tiers_or_none() {
    for (money, number, refusal) in [
        (("0.29", "10"), "4930", CreditRefusal::NoCredit),
        (("10", "0"), "4930", CreditRefusal::NoCredit),
        (("10", "10"), "34911", CreditRefusal::NoPrice),
    ] {
        let mut desk = reseller(money.0, money.1);
        assert_eq!(desk.dial("a:b", number).map(|_| ()), Err(refusal), "{money:?}");
        assert_eq!(
            (desk.view("a").leased.amount, desk.view("a:b").leased.amount, desk.engine.leases()),
            (0, 0, 0)
        );
    }
    // A minute is all that the reseller has: the customer's money does not help.
    let mut desk = reseller("0.30", "10");
    let lease = desk.dial("a:b", "4930").expect("money");
    let mut elapsed = 0;
    let refused = loop {
        elapsed += 500;
        let more = desk.engine.extend(desk.now, lease, elapsed).expect("a lease");
        if more.refused {
            break more;
        }
    };
    assert_eq!((elapsed, refused.granted_secs), (45_000, 0), "the reseller's minute has 15 s left");
    assert_eq!(refused.timing.warn_at_ms, Some(0));
    let held = desk.view("a:b").leased.amount;
    assert!(desk.engine.extend(desk.now, lease, elapsed + 1_000).expect("a lease").refused);
    assert_eq!(desk.view("a:b").leased.amount, held, "all or none");
    desk.top_up("a", "1");
    let (_, woken) = desk.engine.poll_woken().expect("the call waits for its reseller");
    assert_eq!(woken, lease);
    let more = desk.engine.extend(desk.now, lease, 46_500).expect("a lease");
    assert!(!more.refused && more.timing.cut_at_ms > refused.timing.cut_at_ms);
    desk.settle(lease, 47_000);
}

#[test]
fn a_lost_call_is_billed_in_every_tier_from_the_same_balances() {
    let mut desk = reseller("10", "0");
    let terms = BucketTerms {
        priority: 1,
        prefixes: vec!["4930".parse().expect("digits")],
        ..BucketTerms::of(BucketKind::Minutes)
    };
    let ask = GrantRequest {
        account: "a:b",
        bucket: "free",
        amount: Money::of(1_000_000, Currency::SEC),
        terms,
        reference: "",
        key: "g",
    };
    let granted = desk.engine.grant(desk.now, &ask.clone()).expect("granted").record;
    desk.keep(granted);
    let lease = desk.dial("a:b", "4930").expect("minutes");
    for elapsed in (0..7_000).step_by(100) {
        desk.engine.extend(desk.now, lease, elapsed).expect("a lease");
    }
    desk.records.push(desk.engine.checkpoint(desk.now, lease, 7_000).expect("a lease"));
    // What comes later is not the lost call's.
    let promo = GrantRequest { bucket: "more", key: "h", amount: Money::of(700_000, Currency::SEC), ..ask };
    let granted = desk.engine.grant(desk.now, &promo).expect("granted").record;
    desk.keep(granted);
    desk.crash();
    let left = |at: usize| desk.view("a:b").buckets[at].left.to_string();
    assert_eq!((left(0), left(1)), ("3.00000".to_owned(), "7.00000".to_owned()));
    assert_eq!(
        (desk.view("a:b").balance.amount, desk.view("a").balance.to_string()),
        (0, "9.70000".to_owned())
    );
    assert_eq!(desk.engine.imbalance(), 0);
}

#[test]
fn a_minute_before_the_end_once_and_again_after_a_payment() {
    let mut desk = Desk::with("1.2");
    let lease = desk.dial("acme", "4930").expect("money");
    let now = desk.now;
    // 120 s in all: in sight from the extension at which a minute more than the lease does not fit.
    let (mut elapsed, mut warn_at) = (0, None);
    while warn_at.is_none() {
        elapsed += 500;
        warn_at = desk.engine.extend(now, lease, elapsed).expect("a lease").timing.warn_at_ms;
    }
    assert_eq!(warn_at, Some(60_000));
    let early = desk.engine.warn(now, lease, 59_999).expect("a lease");
    assert_eq!((early.notice.is_none(), early.timing.warn_at_ms), (true, Some(60_000)));
    let told = desk.engine.warn(now, lease, 60_000).expect("a lease");
    let event = told.notice.map(|record| record.body);
    assert!(
        matches!(event, Some(RecordBody::Notice(notice)) if notice.event == NoticeEvent::CallEnds { call: CallId(1), seconds: 60 })
    );
    assert_eq!(told.timing.warn_at_ms, None);
    assert!(desk.engine.warn(now, lease, 61_000).expect("a lease").notice.is_none(), "once");
    while elapsed < 61_000 {
        elapsed += 500;
        desk.engine.extend(now, lease, elapsed).expect("a lease");
    }
    desk.top_up("acme", "0.1");
    assert_eq!(desk.engine.poll_woken(), Some((CallId(1), lease)));
    let again = desk.engine.extend(now, lease, 61_000).expect("a lease");
    assert_eq!(again.timing.warn_at_ms, Some(70_000), "130 s now");
    desk.give("promo=0.2");
    assert_eq!(desk.engine.poll_woken(), None, "not told again yet, and not starved");
    desk.settle(lease, 62_000);
}
