//! Calls that the engine billed, re-rated from their records: every tier and every balance comes out to the
//! last digit, and a correction makes the books say what the other price would have.

use std::sync::Arc;

use ledger::{BucketKind, BucketTerms, Terms};
use rating::engine::{Authorize, GrantRequest, OpenAccount};
use rating::rerate::{Comparison, Repricing};
use rating::{CallId, Cdr, Deck, Decks, Engine, Rules};
use units::{Currency, Exchange, Exchanges, Money, Now, Period, Tick, Wall, Zone};

const HEADER: &str = "prefix,destination,rate,initial,increment,connect_fee,next_rate,period\n";
/// Sold in euros: a fee, another rate after the first block, and a dearer day.
const RETAIL: &str =
    "49,Germany,0.6,1,1,0.05,,\n34,Spain,0.12345,60,6,0.01,0.1,\n34,Spain,0.3,60,6,0.01,0.2,peak\n";
/// Bought in dollars.
const WHOLESALE: &str = "49,Germany,0.3,60,60,,,\n34,Spain all,0.06,1,1,0.001,,\n";

fn now() -> Now {
    Now { tick: Tick(0), wall: Wall::parse("2026-01-05T19:58:30Z").expect("a time") }
}

fn deck(name: &str, currency: Currency, rows: &str) -> Arc<Deck> {
    let peak = Period::new("peak", Arc::new(Zone::utc()), 0x7F, 8 * 3_600, 20 * 3_600).expect("a period");
    let rules = Rules { periods: vec![peak].into(), ..Rules::default() };
    Arc::new(
        Deck::load_by(name, currency, &rules, format!("{HEADER}{rows}").as_bytes()).expect("a good deck").0,
    )
}

fn exchanges() -> Arc<Exchanges> {
    let rate = "0.9215".parse().expect("a rate");
    Arc::new(Exchanges::new([Exchange { from: Currency::USD, to: Currency::EUR, rate, at: Wall(0) }]))
}

/// `a` is a reseller with a free minute, `a:b` its customer with 0.10 of promotion.
fn engine() -> Engine {
    let mut engine = Engine::new();
    let decks =
        Decks::new([deck("retail", Currency::EUR, RETAIL), deck("wholesale", Currency::USD, WHOLESALE)]);
    engine.set_decks(Arc::new(decks.with_exchanges(exchanges())));
    for (name, by) in [("a", "wholesale"), ("a:b", "retail")] {
        let ask = OpenAccount {
            name,
            currency: Currency::EUR,
            opening: 1_000_000,
            terms: Terms::of_deck(by),
            limit: 0,
        };
        engine.open_account(now(), &ask).expect("opens");
    }
    for (account, kind, amount) in [
        ("a", BucketKind::Minutes, Money::of(6_000_000, Currency::SEC)),
        ("a:b", BucketKind::Promo, Money::of(10_000, Currency::EUR)),
    ] {
        let ask = GrantRequest {
            account,
            bucket: kind.word(),
            amount,
            terms: BucketTerms::of(kind),
            reference: "",
            key: account,
        };
        engine.grant(now(), &ask).expect("granted");
    }
    engine
}

/// A call of so many milliseconds as its record tells it, from the journal's text.
fn call(engine: &mut Engine, id: u128, number: &str, ms: u64) -> Cdr {
    let number = number.parse().expect("a number");
    let lease = engine
        .authorize(now(), Authorize { call: CallId(id), account: "a:b", number: &number })
        .expect("money")
        .lease;
    engine.answer(now(), lease).expect("the same row");
    let mut elapsed = 0;
    while elapsed < ms {
        engine.extend(now(), lease, elapsed).expect("a lease");
        elapsed = (elapsed + 500).min(ms);
    }
    let done = engine.settle(now(), lease, ms, None).expect("a lease");
    let mut cdr =
        Cdr::new(CallId(id), &"sw1".into(), &"a:b".into(), &"pbx".into(), Currency::EUR, now().wall);
    cdr.set_settlement(&done);
    cdr.called_e164 = number.to_string();
    Cdr::from_raw(&cdr.to_raw().expect("JSON")).expect("a record")
}

fn calls(engine: &mut Engine) -> Vec<Cdr> {
    [("4930", 100_000), ("34911", 90_001), ("34911", 250_000), ("4930", 1)]
        .into_iter()
        .zip(1..)
        .map(|((number, ms), id)| call(engine, id, number, ms))
        .collect()
}

fn compare(calls: &[Cdr], by: &Repricing) -> Comparison {
    let mut comparison = Comparison::default();
    calls.iter().for_each(|cdr| comparison.add(cdr, by));
    assert!(comparison.unpriced.is_empty(), "{:?}", comparison.unpriced);
    comparison
}

/// DESIGN: `rerate` of any record gives its amount; here of every tier, whichever balances paid, in two
/// currencies and over an hour's edge.
#[test]
fn every_tier_comes_out_to_the_last_digit() {
    let mut engine = engine();
    let calls = calls(&mut engine);
    assert!(calls[0].parts.len() == 2 && calls[0].tiers[0].parts.len() == 2, "{:?}", calls[0]);
    assert!(calls[1].segments.len() > 2 && calls[1].tiers[0].exchange_rate.is_some());
    let same = compare(&calls, &Repricing::again());
    assert_eq!(same.corrections().count(), 0, "{:?}", same.accounts);
    assert!(same.balances.values().all(|sum| sum.old == sum.new), "{:?}", same.balances);
    let again = Repricing::all(
        [deck("retail", Currency::EUR, RETAIL), deck("wholesale", Currency::USD, WHOLESALE)],
        exchanges(),
    );
    assert_eq!(compare(&calls, &again), same, "and by the decks that they were billed by");
    let paid: i64 = same.accounts.values().map(|sum| sum.old).sum();
    let usage = engine.books().system_account(ledger::SystemAccount::Revenue, Currency::EUR)
        + engine.books().system_account(ledger::SystemAccount::ResellerRevenue, Currency::EUR);
    assert_eq!(paid, usage, "the records are the books");
    assert_eq!(same.total[&Currency::EUR].old, usage);
    assert_eq!(
        same.revenue[&Currency::EUR].old,
        engine.books().system_account(ledger::SystemAccount::Revenue, Currency::EUR)
    );
}

/// Yesterday's calls at tomorrow's prices, booked: every account then has paid what the new decks say, once,
/// and the books stay at zero.
#[test]
fn corrections_book_the_difference_of_each_tier_once() {
    let mut engine = engine();
    let calls = calls(&mut engine);
    let cheaper = deck("wholesale", Currency::USD, "49,Germany,0.1,60,60,,,\n34,Spain,0.06,1,1,,,\n");
    let dearer = deck("retail", Currency::EUR, "49,Germany,0.7,1,1,0.05,,\n34,Spain,0.2,60,60,,,\n");
    let by = Repricing::all([cheaper, dearer], exchanges());
    let compared = compare(&calls, &by);
    let balance = |engine: &Engine, name: &str| engine.account(name).expect("there").balance.amount;
    let before = [balance(&engine, "a"), balance(&engine, "a:b")];
    for replayed in [false, true] {
        for (account, owed, _) in compared.corrections() {
            let key = format!("rerate/{}/{account}", by.version());
            assert_eq!(
                engine.correct(now(), account, owed, "re-rated", &key).expect("booked").replayed,
                replayed
            );
        }
    }
    let owed = |name: &str| -compared.accounts[&(name.into(), Currency::EUR)].more();
    assert!(owed("a") > 0 && owed("a:b") < 0, "{:?}", compared.accounts);
    assert_eq!(
        [balance(&engine, "a"), balance(&engine, "a:b")],
        [before[0] + owed("a"), before[1] + owed("a:b")]
    );
    let system_account = |system_account| engine.books().system_account(system_account, Currency::EUR);
    assert_eq!(system_account(ledger::SystemAccount::Corrections), -owed("a"));
    assert_eq!(
        system_account(ledger::SystemAccount::ResellerRevenue),
        compared.accounts[&("a:b".into(), Currency::EUR)].new,
        "the reseller's own business"
    );
    assert_eq!(engine.imbalance(), 0);
}
