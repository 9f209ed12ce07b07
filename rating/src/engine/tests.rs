//! The engine against its rules: grants, growth, cuts, repricing, top-ups and recovery, one story each.

use ledger::{CallId, Lent, Replay, SystemAccount, Terms};
use units::{Currency, Tick};

use super::*;
use crate::Deck;

const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,effective_from,effective_until\n";
const RETAIL: &str = "34,Spain,0.12345,30,6\n1,Second,0.6,1,1\n52,Mexico,0.12345,60,60\n7,Free,0,1,1\n8,Fee,0.6,1,1,0.05\n\
                      9,Promo,0.06,1,1,,,2026-01-01T12:00:00Z\n9,Full,6,1,1,,2026-01-01T12:00:00Z,\n\
                      6,Gone,0.06,1,1,,,2026-01-01T12:00:00Z\n";
const COST: &str = "34,Spain,0.05,1,1\n";

struct Desk {
    engine: Engine,
    now: Now,
    calls: u128,
    records: Vec<Record>,
}

fn desk(balance: i64) -> Desk {
    let load = |name: &str, currency, rows: &str| {
        let (deck, _) =
            Deck::load(name, currency, format!("{HEADER}{rows}").as_bytes()).expect("a good deck");
        Arc::new(deck)
    };
    let mut engine = Engine::new();
    let decks = [
        load("retail", Currency::EUR, RETAIL),
        load("alpha", Currency::USD, COST),
        load("dollars", Currency::USD, RETAIL),
    ];
    engine.set_decks(Arc::new(Decks::new(decks)));
    let now = Now { tick: Tick(0), wall: Wall::parse("2026-01-01T11:00:00Z").expect("a time") };
    let mut desk = Desk { engine, now, calls: 0, records: Vec::new() };
    desk.open("acme", balance, "retail");
    desk
}

impl Desk {
    fn open(&mut self, name: &str, opening: i64, deck: &str) {
        let ask =
            OpenAccount { name, currency: Currency::EUR, opening, terms: Terms::of_deck(deck), limit: 0 };
        let record = self.engine.open_account(self.now, &ask).expect("new");
        self.records.push(record);
    }

    fn authorize(&mut self, number: &str) -> Result<Grant, CreditRefusal> {
        self.calls += 1;
        let number = number.parse().expect("digits");
        self.engine
            .authorize(self.now, Authorize { call: CallId(self.calls), account: "acme", number: &number })
    }

    /// Authorized and answered, with its open record written.
    fn answered(&mut self, number: &str) -> LeaseId {
        let lease = self.authorize(number).expect("money").lease;
        self.engine.answer(self.now, lease).expect("answered");
        let raw = || RawValue::from_string("{}".to_owned()).expect("JSON");
        let record = self.engine.open_record(lease, "pbx".into(), (raw(), raw()), raw()).expect("open");
        self.records.push(record);
        lease
    }

    fn settle(&mut self, lease: LeaseId, ms: u64) -> Settlement {
        let settlement = self.engine.settle(self.now, lease, ms, None).expect("a lease");
        let raw = RawValue::from_string("{}".to_owned()).expect("JSON");
        let Settlement { account, call, transfers, .. } = settlement.clone();
        self.records.push(Record::settled(self.now.wall, account, call, raw, transfers));
        settlement
    }

    fn extend(&mut self, lease: LeaseId, ms: u64) -> Extension {
        self.engine.extend(self.now, lease, ms).expect("a lease")
    }

    /// Posted, leased, available.
    fn money(&self) -> (i64, i64, i64) {
        let view = self.engine.account("acme").expect("there");
        (view.balance.amount, view.leased.amount, view.available.amount)
    }

    fn top_up(&mut self, amount: i64, key: &str) -> Result<Moved, AccountRefused> {
        let amount = Money::of(amount, Currency::EUR);
        let booked = self
            .engine
            .top_up(self.now, TopUpRequest { account: "acme", amount, reference: "invoice 7", key })?;
        self.records.extend(booked.record.clone());
        Ok(booked)
    }
}

#[test]
fn one_call_from_grant_to_settle() {
    let mut desk = desk(1_000_000);
    let grant = desk.authorize("34911234567").expect("money");
    assert_eq!((grant.leased_secs, grant.reserved.amount), (30, 6_173));
    assert_eq!(desk.money(), (1_000_000, 6_173, 993_827));
    let timing = desk.engine.answer(desk.now, grant.lease).expect("answered");
    assert_eq!(
        timing,
        LeaseTiming { leased_secs: 30, renew_at_ms: 15_000, cut_at_ms: 30_000, warn_at_ms: None }
    );
    let early = desk.extend(grant.lease, 14_999);
    assert_eq!((early.granted_secs, early.refused), (0, false));
    // 15 s left: three times 6 s make 33.
    let more = desk.extend(grant.lease, 15_000);
    assert_eq!(more.granted_secs, 18);
    assert_eq!(
        more.timing,
        LeaseTiming { leased_secs: 48, renew_at_ms: 39_000, cut_at_ms: 48_000, warn_at_ms: None }
    );
    let done = desk.settle(grant.lease, 31_000);
    assert_eq!(
        (done.billed_seconds, done.amount.to_string(), done.duration_ms, done.teardown_ms),
        (36, "0.07407".to_owned(), 31_000, 0)
    );
    assert_eq!(
        (done.balance_before.to_string(), done.balance_after.to_string()),
        ("10.00000".to_owned(), "9.92593".to_owned())
    );
    assert_eq!(desk.money(), (992_593, 0, 992_593));
    assert_eq!(desk.engine.settle(desk.now, grant.lease, 31_000, None), Err(CreditRefusal::NoLease));
    assert_eq!((desk.engine.imbalance(), desk.engine.leases()), (0, 0));
}

#[test]
fn no_answer_no_charge() {
    let mut desk = desk(100_000);
    let ringing = desk.authorize("8").expect("money").lease;
    assert_eq!(desk.money(), (100_000, 6_000, 94_000));
    let done = desk.settle(ringing, 45_000);
    assert_eq!(
        (done.amount.amount, done.billed_seconds, done.duration_ms, done.transfers.len()),
        (0, 0, 0, 0)
    );
    let cancelled = desk.authorize("8").expect("money").lease;
    desk.engine.release(cancelled).expect("a lease");
    assert_eq!(desk.engine.release(cancelled), Err(CreditRefusal::NoLease));
    let at_once = desk.answered("8");
    assert_eq!(desk.settle(at_once, 0).amount.amount, 0);
    assert_eq!(desk.money(), (100_000, 0, 100_000));
}

#[test]
fn refusals_by_name_and_answer() {
    let mut desk = desk(999);
    assert_eq!(desk.authorize("1"), Err(CreditRefusal::NoCredit));
    assert_eq!(desk.authorize("2"), Err(CreditRefusal::NoPrice));
    assert!(desk.authorize("7").is_ok(), "what is free needs no money");
    let number = "1".parse().expect("digits");
    let ask = Authorize { call: CallId(99), account: "nobody", number: &number };
    assert_eq!(desk.engine.authorize(desk.now, ask), Err(CreditRefusal::UnknownAccount));
    for (account, deck, refusal) in
        [("x", "missing", CreditRefusal::NoDeck), ("y", "dollars", CreditRefusal::CurrencyMismatch)]
    {
        desk.open(account, 1_000_000, deck);
        assert_eq!(desk.engine.authorize(desk.now, Authorize { account, ..ask }), Err(refusal));
    }
    assert_eq!((CreditRefusal::NoCredit.status(), CreditRefusal::NoCredit.cause().0), (402, 21));
    assert_eq!((CreditRefusal::NoPrice.status(), CreditRefusal::NoPrice.cause().0), (404, 3));
}

#[test]
fn the_fewest_increments_within_an_eighth() {
    // 0.01 a second. Free: 100 s' worth less the first second.
    let mut desk = desk(100_000);
    let lease = desk.answered("1");
    // 0.5 s left, 30 wanted; an eighth of 99 s is 12.
    assert_eq!(desk.extend(lease, 500).granted_secs, 12);
    // 13 s leased, half of the grant is 6 s: free are 87, an eighth is 10.
    assert_eq!(desk.extend(lease, 6_999).granted_secs, 0);
    assert_eq!(desk.extend(lease, 7_000).granted_secs, 10);
    let rich = self::desk(100_000_000);
    let mut desk = rich;
    let lease = desk.answered("1");
    assert_eq!(desk.extend(lease, 500).granted_secs, 30);
    assert_eq!(desk.extend(lease, 16_000).granted_secs, 15);
    // 60/60: one block is always allowed, though it is above an eighth.
    let mut desk = self::desk(30_000);
    let lease = desk.answered("52");
    assert_eq!(desk.extend(lease, 45_000).granted_secs, 60);
}

#[test]
fn the_cut_is_at_the_last_leased_increment() {
    // 3 s and 0.005 over.
    let mut desk = desk(3_500);
    let lease = desk.answered("1");
    let mut cut_at_ms = 1_000;
    let mut ms = 0;
    while ms < cut_at_ms {
        cut_at_ms = desk.extend(lease, ms).timing.cut_at_ms;
        ms += 100;
    }
    assert_eq!(cut_at_ms, 3_000);
    let done = desk.settle(lease, 3_250);
    assert_eq!(
        (done.duration_ms, done.teardown_ms, done.billed_seconds, done.amount.amount),
        (3_000, 250, 3, 3_000)
    );
    assert_eq!((done.exposure.amount, desk.engine.exposure().get(&Currency::EUR)), (1_000, Some(&1_000)));
    assert_eq!(desk.money(), (500, 0, 500));
}

#[test]
fn what_is_not_to_be_billed_is_exposure() {
    // 0.06 a minute, 1/1.
    let mut desk = desk(1_000_000);
    let lease = desk.answered("1");
    for ms in (0..10_500).step_by(100) {
        desk.extend(lease, ms);
    }
    let done = desk.engine.settle_part(desk.now, lease, (70_000, 10_500), None).expect("a lease");
    assert_eq!((done.duration_ms, done.teardown_ms), (10_500, 59_500));
    assert_eq!((done.billed_seconds, done.amount.amount), (11, 11_000));
    assert_eq!(done.exposure.amount, 59_000, "70 s less 11 s");
    // Never more than the lease, whatever is asked.
    let lease = desk.answered("1");
    let done = desk.engine.settle_part(desk.now, lease, (70_000, 70_000), None).expect("a lease");
    assert!(done.duration_ms < 70_000 && done.teardown_ms == 70_000 - done.duration_ms);
}

#[test]
fn a_refused_extension_is_tried_again_when_money_returns() {
    let mut desk = desk(2_000);
    let (first, second) = (desk.answered("1"), desk.answered("1"));
    let refused = desk.extend(first, 500);
    assert_eq!((refused.granted_secs, refused.refused, refused.timing.cut_at_ms), (0, true, 1_000));
    assert!(desk.extend(first, 600).refused);
    assert_eq!(desk.engine.poll_woken(), None);
    desk.engine.release(second).expect("a lease");
    assert_eq!(desk.engine.poll_woken(), Some((CallId(1), first)));
    assert_eq!(desk.engine.poll_woken(), None);
    assert_eq!(desk.extend(first, 700).granted_secs, 1);
    assert!(desk.extend(first, 1_600).refused);
    desk.top_up(100_000, "k1").expect("booked");
    assert_eq!(desk.engine.poll_woken(), Some((CallId(1), first)));
    assert_eq!(desk.extend(first, 1_700).granted_secs, 12);
    // Too late is too late.
    let third = desk.answered("1");
    assert!(desk.extend(third, 1_000).refused);
    desk.settle(first, 10_000);
    desk.settle(third, 1_000);
    assert_eq!(desk.engine.poll_woken(), None);
    assert_eq!(desk.money(), (102_000 - 11_000, 0, 91_000));
}

#[test]
fn the_row_of_the_answer_counts_and_the_deck_of_the_authorization() {
    let mut desk = desk(20_000);
    let (cheap, dear) = (desk.authorize("9").expect("money"), desk.authorize("9").expect("money"));
    assert_eq!(&*cheap.price.destination, "Promo");
    desk.engine.answer(desk.now, cheap.lease).expect("answered");
    let gone = desk.authorize("6").expect("money");
    let third = desk.authorize("9").expect("money");
    desk.engine.set_decks(Arc::default());
    desk.now.wall = Wall::parse("2026-01-01T12:00:00Z").expect("a time");
    desk.engine.answer(desk.now, dear.lease).expect("0.1 is there");
    assert_eq!(desk.engine.price(dear.lease).map(|price| &*price.destination), Some("Full"));
    assert_eq!(desk.engine.answer(desk.now, gone.lease), Err(CreditRefusal::NoPrice));
    assert_eq!(desk.engine.answer(desk.now, third.lease), Err(CreditRefusal::NoCredit));
    assert_eq!(desk.engine.leases(), 2);
    assert_eq!(desk.settle(cheap.lease, 1_000).amount.amount, 100);
    assert_eq!(desk.settle(dear.lease, 1_000).amount.amount, 10_000);
    assert_eq!(desk.money(), (9_900, 0, 9_900));
}

#[test]
fn a_top_up_counts_once() {
    let mut desk = desk(0);
    assert!(matches!(desk.authorize("1"), Err(CreditRefusal::NoCredit)));
    let first = desk.top_up(100_000, "k1").expect("booked");
    assert_eq!((first.balance.amount, first.replayed), (100_000, false));
    desk.top_up(50_000, "k2").expect("booked");
    let again = desk.top_up(100_000, "k1").expect("replayed");
    assert_eq!((again.balance.amount, again.replayed, again.record.is_none()), (100_000, true, true));
    assert_eq!(
        desk.top_up(100_001, "k1").map(|_| ()),
        Err(AccountRefused::Books(ledger::Refused::KeyReused))
    );
    assert_eq!(
        desk.top_up(0, "k3").map(|_| ()),
        Err(AccountRefused::Books(ledger::Refused::AmountNotPositive))
    );
    assert_eq!(desk.top_up(1, "").map(|_| ()), Err(AccountRefused::Key));
    let usd = TopUpRequest { account: "acme", amount: Money::of(1, Currency::USD), reference: "", key: "k4" };
    let refused = desk.engine.top_up(desk.now, usd).map(|_| ());
    assert_eq!(refused, Err(AccountRefused::Books(ledger::Refused::CurrencyMismatch)));
    assert_eq!(desk.money(), (150_000, 0, 150_000));
}

#[test]
fn a_carrier_is_booked_in_its_own_currency() {
    let mut desk = desk(100_000);
    let lease = desk.answered("34911234567");
    let number = "34911234567".parse().expect("digits");
    let leg = CarrierLeg {
        deck: "alpha",
        number: &number,
        answered_at: desk.now.wall,
        duration_ms: 31_000,
        attempt: 0,
    };
    let done = desk.engine.settle(desk.now, lease, 30_000, Some(&leg)).expect("a lease");
    // 31 s at 0.05 a minute = 0.0258333…
    assert_eq!(done.cost.map(|cost| cost.amount), Some(Money::of(2_583, Currency::USD)));
    let (cost, transfers) =
        desk.engine.book_cost(done.call, &CarrierLeg { attempt: 1, duration_ms: 1, ..leg }).expect("booked");
    assert_eq!((cost.map(|cost| cost.amount.amount), transfers.len()), (Some(83), 1));
    assert_eq!(desk.engine.books().system_account(SystemAccount::CarrierPayable, Currency::USD), 2_583 + 83);
    assert_eq!(desk.engine.books().system_account(SystemAccount::CarrierCost, Currency::USD), -2_583 - 83);
    assert!(desk.engine.carrier_cost(&CarrierLeg { deck: "nobody", ..leg }).is_none());
    assert_eq!(desk.engine.imbalance(), 0);
}

/// At the rate of the answer, rounded once; where there is none nobody says a figure. The cost is booked in
/// its own currency either way.
#[test]
fn the_margin_is_in_the_customers_currency() {
    let second = |nth: i64| Wall::parse("2026-01-01T11:00:00Z").expect("a time").plus_ms(nth * 1_000);
    // 30 s at 0.12345 are 0.06173; 31 s at 0.05 USD are 0.02583 USD, which are 0.02380 EUR at 0.9215.
    for (since, margin) in [(Some(second(0)), Some(6_173 - 2_380)), (Some(second(1)), None), (None, None)] {
        let mut desk = desk(100_000);
        let rate = |at| units::Exchange {
            from: Currency::USD,
            to: Currency::EUR,
            rate: "0.9215".parse().expect("a rate"),
            at,
        };
        let decks = (**desk.engine.decks()).clone();
        desk.engine
            .set_decks(Arc::new(decks.with_exchanges(Arc::new(units::Exchanges::new(since.map(rate))))));
        let lease = desk.answered("34911234567");
        let number = "34911234567".parse().expect("digits");
        let leg = CarrierLeg {
            deck: "alpha",
            number: &number,
            answered_at: desk.now.wall,
            duration_ms: 31_000,
            attempt: 0,
        };
        let done = desk.engine.settle(desk.now, lease, 30_000, Some(&leg)).expect("a lease");
        assert_eq!(
            (done.margin.map(|margin| margin.amount), done.cost_exchange.is_some()),
            (margin, margin.is_some())
        );
        assert_eq!(desk.engine.books().system_account(SystemAccount::CarrierPayable, Currency::USD), 2_583);
        let mut cdr = crate::Cdr::new(
            done.call,
            &"sw1".into(),
            &"acme".into(),
            &"pbx".into(),
            Currency::EUR,
            desk.now.wall,
        );
        cdr.set_settlement(&done);
        assert_eq!(
            (cdr.margin, cdr.cost_exchange_rate.map(|rate| rate.to_string())),
            (margin, margin.map(|_| "0.9215".to_owned()))
        );
    }
}

#[test]
fn a_restart_finds_the_books_and_bills_lost_calls_once() {
    let mut desk = desk(1_000_000);
    desk.top_up(50_000, "k1").expect("booked");
    let (ended, lost, fresh) = (desk.answered("34"), desk.answered("34"), desk.answered("34"));
    desk.settle(ended, 61_000);
    assert!(desk.extend(lost, 20_000).granted_secs > 0 && desk.extend(fresh, 0).granted_secs == 0);
    desk.records.push(Record::checkpoint(desk.now.wall, "acme".into(), CallId(2), 31_000));
    let mut replay = Replay::sharded(4, |name| name.len());
    for record in &desk.records {
        let decoded = Record::decode(&record.encode().expect("JSON")).expect("a record");
        replay.apply_record(&decoded).expect("whole");
    }
    let sums = replay.verification();
    assert_eq!((sums.accounts, sums.open_calls), (1, 2));
    assert!(sums.sums.iter().all(|sum| sum.amount == 0));
    let shard = replay.finish().shards.swap_remove(0);
    let (engine, open) = Engine::restored(shard);
    desk.engine = engine;
    assert_eq!(desk.money(), (1_050_000 - 6_173, 0, 1_050_000 - 6_173), "30 s leased, no more is billed");
    let amounts: Vec<_> = open
        .iter()
        .map(|call| desk.engine.recover(desk.now, call, None).expect("money").amount.to_string())
        .collect();
    assert_eq!(amounts, ["0.07407", "0.00000"]);
    assert!(desk.top_up(50_000, "k1").expect("known").replayed);
    assert_eq!(desk.engine.imbalance(), 0);
}

#[test]
fn credit_has_a_limit_too() {
    let mut desk = desk(0);
    desk.engine.change_account(desk.now, "acme", &Terms::of_deck("retail"), -2_000).expect("there");
    let lease = desk.answered("1");
    assert_eq!(desk.extend(lease, 500).granted_secs, 1);
    assert!(desk.extend(lease, 1_500).refused);
    assert_eq!(desk.settle(lease, 2_000).balance_after.to_string(), "-0.02000");
    assert_eq!(desk.authorize("1"), Err(CreditRefusal::NoCredit));
}

#[test]
fn accounts_are_listed_by_name() {
    let mut desk = desk(1);
    for name in ["zeta", "beta", "alpha"] {
        desk.open(name, 0, "retail");
    }
    let names = |after, limit| {
        desk.engine.accounts(after, limit).into_iter().map(|view| view.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(None, 2), ["acme", "alpha"]);
    assert_eq!(names(Some("alpha"), 10), ["beta", "zeta"]);
    let json = serde_json::to_value(desk.engine.account("acme")).expect("JSON");
    assert_eq!(
        (json["balance"].as_str(), json["opened_at"].as_str()),
        (Some("0.00001"), Some("2026-01-01T11:00:00.000Z"))
    );
    let again = OpenAccount {
        name: "acme",
        currency: Currency::EUR,
        opening: 5,
        terms: Terms::of_deck("retail"),
        limit: 0,
    };
    assert!(desk.engine.open_account(desk.now, &again).is_err() && desk.money().0 == 1);
    assert!(desk.engine.open_account(desk.now, &OpenAccount { name: "@revenue", ..again }).is_err());
}

#[test]
fn new_prices_are_told_once_to_those_who_call_by_them() {
    let mut desk = desk(0);
    desk.open("beta", 0, "dollars");
    let event = |version: &str| {
        let text = format!(
            r#"{{"deck":"retail","version":"{version}","changes":[],"more":1,"currency":"EUR","shared":true}}"#
        );
        ledger::NoticeEvent::RatesChange(serde_json::from_str(&text).expect("a change"))
    };
    for (account, version, told) in [
        ("acme", "a", true),
        ("acme", "a", false), // the same reload again
        ("acme", "b", true),
        ("acme", "a", true), // and back
        ("beta", "a", false),
        ("nobody", "a", false),
    ] {
        let record = desk.engine.notify_rates(desk.now, account, &event(version));
        assert_eq!(record.is_some(), told, "{account} {version}");
        desk.records.extend(record);
    }
    // A restart knows it, too.
    let mut replay = Replay::new();
    for record in &desk.records {
        replay.apply_record(record).expect("whole");
    }
    let (mut engine, _) = Engine::restored(replay.finish().shards.swap_remove(0));
    assert!(
        engine.notify_rates(desk.now, "acme", &event("a")).is_none()
            && engine.notify_rates(desk.now, "acme", &event("b")).is_some()
    );
}

/// With a central ledger the accounts come from it: before it was reached none is here, and no caller is told
/// that it has no account.
#[test]
fn fault_a12_an_account_that_is_not_opened_yet_is_no_refusal_of_its_caller() {
    let mut desk = desk(999);
    let number = "1".parse().expect("digits");
    let ask = Authorize { call: CallId(99), account: "shop", number: &number };
    assert_eq!(
        desk.engine.authorize(desk.now, ask),
        Err(CreditRefusal::UnknownAccount),
        "in books of its own there is none"
    );
    for (open, reachable) in [(false, false), (true, true)] {
        desk.engine.set_lent(Lent { open, reachable });
        let refusal = desk.engine.authorize(desk.now, ask).expect_err("not here");
        assert_eq!((refusal.status(), refusal.cause().0, refusal.word()), (503, 41, "ledger-away"));
        assert_eq!(
            desk.engine.poll_quota_request(),
            Some(("shop".into(), 0)),
            "the central ledger is asked for it"
        );
        assert_eq!(desk.engine.poll_quota_request(), None, "once");
    }
}
