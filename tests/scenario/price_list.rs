//! The price list, called: each row is a whole call through the node, and costs what the rules say to the
//! last digit.
//!
//! The amounts are those of the business rules and of exact fractions, not of this program.

use ledger::RecordBody;
use node::{AdminReply, AdminRequest, MoveOrder};
use rating::Cdr;
use tests::plan::Plan;
use units::{Currency, Exchange, Money, Rounding, Wall};

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage};

/// The price list and the calls that `tollgate price` and `rerate` are asked for too.
const DECK: &str = include_str!("../data/prices/deck.csv");
/// Rule, number, seconds talked, seconds billed, amount; the first line is the header.
const CALLS: &str = include_str!("../data/prices/calls.txt");

#[test]
fn every_row_is_called_and_costs_what_it_says() {
    let mut called = 0;
    for line in CALLS.lines().skip(1) {
        let [rule, number, seconds, billed, amount] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let mut stage = stage();
        let cdr = talk(&mut stage, number, seconds.parse().expect("seconds"));
        assert_eq!(
            (cdr.billed_seconds.to_string().as_str(), money(cdr.amount).as_str()),
            (billed, amount),
            "{rule}: {line}"
        );
        assert_eq!(stage.balance(), 1_000_000 - cdr.amount, "{line}");
        called += 1;
    }
    assert_eq!(called, 130);
}

/// L10: a dated change counts from its first millisecond on, for calls answered then; a call answered before
/// keeps the old price to its end, however long it talks and whatever is loaded meanwhile.
#[test]
fn a_dated_change_holds_for_calls_answered_from_that_instant_on() {
    // The stage begins at 10:00:00.000.
    const CHANGE: &str = "2026-01-05T10:00:10Z";
    for (wait_ms, rate, amount) in
        [(9_000, 2_000, 4_000), (9_999, 2_000, 4_000), (10_000, 3_000, 6_000), (10_001, 3_000, 6_000)]
    {
        let mut stage = dated(CHANGE);
        let mut phone = stage.phone("c1", "55211234567");
        phone.invite(&mut stage);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        callee.ring(&mut stage);
        stage.advance(wait_ms);
        callee.answer(&mut stage);
        phone.answered(&mut stage);
        stage.advance(60_000);
        stage.reload();
        stage.advance(60_000);
        phone.bye(&mut stage);
        callee.bye_comes(&mut stage);
        stage.over();
        let cdr = stage.cdr();
        assert_eq!(
            (cdr.rate, cdr.billed_seconds, cdr.amount),
            (units::Rate::of_units(rate), 120, amount),
            "answered after {wait_ms} ms"
        );
        assert_eq!(stage.balance(), 1_000_000 - amount);
    }
}

/// L10: what was reserved while it rang is what the row then cost; at the answer it is what the new one
/// costs.
#[test]
fn what_is_held_follows_the_row_of_the_answer() {
    let mut stage = dated("2026-01-05T10:00:10Z");
    let mut phone = stage.phone("c1", "55211234567");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    assert_eq!(stage.view("acme").leased.amount, 1_000, "30 s at 0.02");
    stage.advance(10_000);
    callee.answer(&mut stage);
    assert_eq!(stage.view("acme").leased.amount, 1_500, "30 s at 0.03");
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

/// Brazil at 0.02 until an instant and at 0.03 from then on, by 30/6.
fn dated(change: &str) -> Stage {
    let mut plan = Plan::standard();
    plan.decks[0].1.push_str(&format!("55,Brazil,0.02,30,6,,,{change}\n55,Brazil,0.03,30,6,,{change},\n"));
    plan.routes = vec![("", vec!["alpha"])];
    plan.carriers[0].deck = None;
    Stage::new(plan)
}

/// A call of so many seconds, to its end and everything after it.
fn talk(stage: &mut Stage, number: &str, seconds: u64) -> Cdr {
    let (mut phone, mut callee) = stage.talk("c1", number);
    stage.advance(seconds * 1_000);
    phone.bye(stage);
    phone.expect(stage, "200 BYE");
    callee.bye_comes(stage);
    stage.over();
    stage.cdr()
}

fn money(units: i64) -> String {
    Money::of(units, Currency::EUR).to_string()
}

/// L12: a second at 0.12345 is 0.0020575.
#[test]
fn roundings() {
    for (rounding, amount) in
        [(Rounding::HalfUp, "0.00206"), (Rounding::Up, "0.00206"), (Rounding::Down, "0.00205")]
    {
        let mut stage = Stage::new(Plan { rounding, ..plan() });
        let (mut phone, mut callee) = stage.talk("c1", "4930123456");
        stage.advance(1_000);
        phone.bye(&mut stage);
        callee.bye_comes(&mut stage);
        assert_eq!(money(stage.cdr().amount), amount, "{rounding:?}");
    }
}

/// L22: dollars become euros at the rate of the day, and without one there is no price; never one to one.
#[test]
fn dollars() {
    let rate = |text: &str, at: &str| Exchange {
        from: Currency::USD,
        to: Currency::EUR,
        rate: text.parse().expect("a rate"),
        at: Wall::parse(at).expect("a time"),
    };
    // The stage's day is 5 January 2026: 0.12345 · 31 / 60 · 0.9215 = 0.05877557375.
    let rates = vec![
        rate("0.85", "2025-06-01T00:00:00Z"),
        rate("0.9215", "2026-01-05T00:00:00Z"),
        rate("2", "2026-01-06T00:00:00Z"),
    ];
    let mut stage = Stage::new(Plan { dollars: vec!["retail"], exchanges: rates, ..plan() });
    let (mut phone, mut callee) = stage.talk("c1", "4930123456");
    stage.advance(31_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    assert_eq!((money(stage.cdr().amount), stage.balance()), ("0.05878".to_owned(), 1_000_000 - 5_878));

    let mut refused = Stage::new(Plan { dollars: vec!["retail"], ..plan() });
    let mut phone = refused.phone("c1", "4930123456");
    phone.invite(&mut refused);
    phone.expect(&mut refused, "404 INVITE");
    refused.over();
    assert_eq!((&*refused.cdr().reason, refused.balance()), ("currency-mismatch", 1_000_000));
}

/// What a node says to a charge: the amount and the balance after it, or the refusal.
fn charge(stage: &mut Stage, pieces: u32, price: i64, cause: &str) -> Result<(String, String), &'static str> {
    let order = MoveOrder::Charge { pieces, price: Money::of(price, Currency::EUR), cause: cause.to_owned() };
    stage.admin(AdminRequest::Move { account: "acme".into(), key: cause.to_owned(), order });
    match stage.replies.last() {
        Some((_, AdminReply::Moved { amount, balance, .. })) => Ok((amount.to_string(), balance.to_string())),
        Some((_, AdminReply::Refused(refused))) => Err(refused.code()),
        other => panic!("{other:?}"),
    }
}

/// X2, X3, B2: one balance pays a forwarded call by the minute, voicemail by the piece and a fax by the page;
/// a fax received costs nothing.
#[test]
fn one_balance_for_calls_and_services() {
    let mut stage = stage();
    assert_eq!(money(talk(&mut stage, "390212345678", 61).amount), "0.20000");
    let paid = |amount: &str, balance: &str| Ok((amount.to_owned(), balance.to_owned()));
    assert_eq!(charge(&mut stage, 1, 5_000, "voicemail"), paid("-0.05000", "9.75000"));
    assert_eq!(charge(&mut stage, 3, 8_000, "fax to 3901"), paid("-0.24000", "9.51000"));
    assert_eq!(charge(&mut stage, 9, 0, "fax received"), paid("0.00000", "9.51000"));
    assert_eq!(charge(&mut stage, 1, 500_000, "rent of 3902"), paid("-5.00000", "4.51000"));
    // X6, X10, B1: what is not there is not taken in part.
    assert_eq!(charge(&mut stage, 1, 451_001, "rent of 3903"), Err("no-money"));
    assert_eq!(stage.balance(), 451_000);
    let causes: Vec<String> = stage
        .disk
        .records()
        .filter(|record| matches!(record.body, RecordBody::Charged(_)))
        .flat_map(|record| {
            record
                .transfers()
                .into_iter()
                .filter_map(|transfer| transfer.memo.as_deref().map(str::to_owned))
                .collect::<Vec<_>>()
        })
        .collect();
    let said = [
        "voicemail: 1 x 0.05000",
        "fax to 3901: 3 x 0.08000",
        "fax received: 9 x 0.00000",
        "rent of 3902: 1 x 5.00000",
    ];
    assert_eq!(causes, said, "what is free has its entry and its key too");
    stage.crash();
    assert_eq!(stage.balance(), 451_000);
    assert_eq!(
        charge(&mut stage, 3, 8_000, "fax to 3901"),
        paid("-0.24000", "9.51000"),
        "a repeat is told what was done"
    );
    assert_eq!(charge(&mut stage, 2, 12_000, "fax to 3901"), Err("key-reused"));
    stage.over();
}

/// L11, B12: ringing costs nothing, whatever ends it; billing begins with the answer.
#[test]
fn ringing_is_free() {
    let mut stage = stage();
    let mut phone = stage.phone("c1", "4930123456");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    stage.advance(20_000);
    assert_eq!(stage.view("acme").leased.amount, 206, "one second is held while it rings");
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(10_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(
        (stage.cdr().duration_ms, stage.cdr().billed_seconds, stage.cdr().amount),
        (10_000, 10, 2_058)
    );
}

/// L3: without money no call; after a top-up there is one.
#[test]
fn the_first_payment_opens_the_way() {
    let mut plan = Plan::standard();
    plan.accounts[0].1 = 0;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    phone.expect(&mut stage, "402 INVITE");
    stage.admin(node::AdminRequest::Move {
        account: "acme".into(),
        key: "k1".to_owned(),
        order: tests::plan::top_up(units::Money::of(100_000, units::Currency::EUR), "first payment"),
    });
    let (mut phone, mut callee) = stage.talk("c2", "34511000000");
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.balance(), 100_000 - 6_173);
}

fn plan() -> Plan {
    let mut plan = Plan::standard();
    plan.decks[0].1 = DECK.to_owned();
    plan.routes = vec![("", vec!["alpha", "beta"])];
    // A carrier with a deck is tried only for what the deck prices.
    plan.carriers[0].deck = None;
    plan
}

fn stage() -> Stage {
    Stage::new(plan())
}
