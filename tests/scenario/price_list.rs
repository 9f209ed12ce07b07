//! The price list, called: each row is a whole call through the node, and costs what the rules say to the last digit.
//!
//! The amounts are those of the business rules and of exact fractions, not of this program.

use tests::plan::{Plan, deck};

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage};

/// Prefix, rate per minute, increments. Traps: 7 is shared by two countries, 1684 lies inside 1, 64 is not 672, 685 is not 1684.
const DECK: &[(&str, &str, u32, u32, &str)] = &[
    ("34", "0.12345", 1, 1, ""),
    ("55", "0.12345", 30, 6, ""),
    ("5511", "0.12345", 60, 60, ""),
    ("84", "0.12345", 60, 1, ""),
    ("64", "0.12345", 60, 1, ""),
    ("672", "0.12345", 1, 1, ""),
    ("52", "0.12345", 60, 60, ""),
    ("7", "0.12345", 60, 60, ""),
    ("76", "0.12345", 1, 1, ""),
    ("77", "0.12345", 1, 1, ""),
    ("1", "0.12345", 1, 1, ""),
    ("1684", "0.12345", 60, 60, ""),
    ("685", "0.12345", 60, 60, ""),
    // 0.123456 is kept as 0.12346.
    ("220", "0.123456", 60, 60, ""),
    ("49", "0.1", 1, 1, ""),
    ("43", "0.1", 60, 60, ""),
    ("44", "0", 1, 1, "0.05"),
];

const CALLS: &str = "
    rule  number          seconds   billed   amount
    L12   34911234567           1        1   0.00206
    L12   22012345678          60       60   0.12346
    L13   34911234567          31       31   0.06378
    L14   5521987654321         1       30   0.06173
    L14   5521987654321        30       30   0.06173
    L14   5521987654321        31       36   0.07407
    L14   5521987654321        61       66   0.13580
    L15   84912345678           1       60   0.12345
    L15   84912345678          60       60   0.12345
    L15   84912345678          61       61   0.12551
    L15   84912345678         121      121   0.24896
    L15   6491234567            1       60   0.12345
    L15   672312345             1        1   0.00206
    L16   525512345678          1       60   0.12345
    L16   525512345678         60       60   0.12345
    L16   525512345678         61      120   0.24690
    L16   525512345678        121      180   0.37035
    L16   68512345678          61      120   0.24690
    L16   16841234567           1       60   0.12345
    L16   12125551234           1        1   0.00206
    L17   5511987654321        31       60   0.12345
    L16   74951234567          31       60   0.12345
    L16   77012345678          31       31   0.06378
    L16   76123456789          31       31   0.06378
    L16   79001234567          31       60   0.12345
    L15   6421234567            1       60   0.12345
    L15   672112345            61       61   0.12551
    L16   1683123456           61       61   0.12551
    L16   16849876543          61      120   0.24690
    L16   68598765             31       60   0.12345
    X2    4312345678           61      120   0.20000
    fee   442012345678          1        1   0.05000
    sum   49301234567         180      180   0.30000
";

#[test]
fn every_row_is_called_and_costs_what_it_says() {
    let mut called = 0;
    for line in CALLS.lines().map(str::trim).filter(|line| !line.is_empty()).skip(1) {
        let [rule, number, seconds, billed, amount] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        let mut stage = stage();
        let (mut phone, mut callee) = stage.talk("c1", number);
        stage.advance(seconds.parse::<u64>().expect("seconds") * 1_000);
        phone.bye(&mut stage);
        phone.expect(&mut stage, "200 BYE");
        callee.bye_comes(&mut stage);
        stage.over();
        let cdr = stage.cdr();
        let money = |units| units::Money::of(units, units::Currency::EUR).to_string();
        assert_eq!((cdr.billed_seconds.to_string().as_str(), money(cdr.amount).as_str()), (billed, amount), "{rule}: {line}");
        assert_eq!(stage.balance(), 1_000_000 - cdr.amount, "{line}");
        called += 1;
    }
    assert_eq!(called, 33);
}

/// L10: a dated change counts from its first millisecond on, for calls answered then; a call answered before keeps the old price to its end,
/// however long it talks and whatever is loaded meanwhile.
#[test]
fn a_dated_change_holds_for_calls_answered_from_that_instant_on() {
    // The stage begins at 10:00:00.000.
    const CHANGE: &str = "2026-01-05T10:00:10Z";
    for (wait_ms, rate, amount) in [(9_000, 2_000, 4_000), (9_999, 2_000, 4_000), (10_000, 3_000, 6_000), (10_001, 3_000, 6_000)] {
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
        assert_eq!((cdr.rate, cdr.billed_seconds, cdr.amount), (rate, 120, amount), "answered after {wait_ms} ms");
        assert_eq!(stage.balance(), 1_000_000 - amount);
    }
}

/// L10: what was reserved while it rang is what the row then cost; at the answer it is what the new one costs.
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

/// L11, B12: ringing costs nothing, whatever ends it; billing begins with the answer.
#[test]
fn ringing_is_free() {
    let mut stage = stage();
    let mut phone = stage.phone("c1", "34911234567");
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
    assert_eq!((stage.cdr().duration_ms, stage.cdr().billed_seconds, stage.cdr().amount), (10_000, 10, 2_058));
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

fn stage() -> Stage {
    let mut plan = Plan::standard();
    plan.decks[0].1 = deck(DECK);
    plan.routes = vec![("", vec!["alpha", "beta"])];
    // A carrier with a deck is tried only for what the deck prices.
    plan.carriers[0].deck = None;
    Stage::new(plan)
}
