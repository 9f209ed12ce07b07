//! A12: an amount beyond what a balance can hold (about 9.2e13) is refused, and never cut to the largest that fits.

use rating::engine::{AccountChange, AccountRefused, CarrierLeg};

use super::*;

const DEAR: &str = "9,Nowhere,90000000000000,1,1,\n8,Fee,0,1,1,92233720368547\n";

fn dear() -> Deck {
    Deck::load("dear", EUR, format!("{HEADER}{DEAR}").as_bytes()).expect("a good deck").0
}

#[test]
fn fault_a12_a_price_that_no_balance_can_hold_is_no_amount() {
    let price = dear().price(&"91".parse().expect("digits"), Wall(0)).expect("a price");
    let amounts = [30_000, 60_000, 61_000, 3_600_000].map(|ms| price.checked_charge(ms).map(|charge| charge.amount.to_string()));
    assert_eq!(
        amounts,
        [Some("45000000000000.00000".to_owned()), Some("90000000000000.00000".to_owned()), Some("91500000000000.00000".to_owned()), None]
    );
    let calls = "call_id,answered_at,number,duration_ms\n\
                 a,2026-01-01T00:00:00Z,91,3600000\n\
                 b,2026-01-01T00:00:00Z,91,60000\n";
    let mut out = Vec::new();
    let summary = rating::rerate::rerate(&dear(), calls.as_bytes(), &mut out, |_| ()).expect("runs");
    let out = String::from_utf8(out).expect("UTF-8");
    assert!(out.lines().nth(1).is_some_and(|line| line.ends_with(",,,the amount is out of range")), "{out}");
    assert_eq!((summary.unpriced, summary.amount.to_string()), (1, "90000000000000.00000".to_owned()));
    let twice = format!("{calls}c,2026-01-01T00:00:00Z,91,60000\n");
    let error = rating::rerate::rerate(&dear(), twice.as_bytes(), Vec::new(), |_| ()).expect_err("the sum is out of range");
    assert!(error.to_string().contains("line 4"), "{error}");
}

#[test]
fn fault_a12_the_engine_gives_no_lease_and_books_no_cost_out_of_range() {
    let mut desk = Desk::with(&[("acme", "1.00")]);
    desk.engine.set_decks(Arc::new(Decks::new([
        Arc::new(Deck::load("retail", EUR, format!("{HEADER}{DEAR}").as_bytes()).expect("a deck").0),
        Arc::new(dear()),
    ])));
    let number = "91".parse().expect("digits");
    let ask = Authorize { call: CallId(1), account: "acme", number: &number };
    assert!(desk.engine.authorize(desk.now, ask).is_err());
    let leg = CarrierLeg { deck: "dear", number: &number, answered_at: desk.now.wall, duration_ms: 3_600_000, attempt: 0 };
    assert_eq!(desk.engine.carrier_cost(&leg), None);
    assert_eq!(desk.engine.book_cost(CallId(1), &leg), Ok((None, Vec::new())));
    assert!(desk.engine.carrier_cost(&CarrierLeg { duration_ms: 60_000, ..leg }).is_some());
}

#[test]
fn fault_a12_no_account_begins_or_may_go_out_of_range() {
    let mut desk = Desk::with(&[("acme", "1.00")]);
    let overflow = AccountRefused::Books(ledger::Refused::Overflow);
    for (opening, limit) in [(i64::MAX, 0), (i64::MIN, 0), (0, i64::MIN), (1_000_000_000_000_001, 0)] {
        let ask = OpenAccount { name: "rich", currency: EUR, opening, terms: Terms::of_deck("retail"), limit };
        assert_eq!(desk.engine.open_account(desk.now, &ask).map(|_| ()), Err(overflow.clone()), "{opening} {limit}");
    }
    assert!(desk.engine.account("rich").is_none(), "nothing of it is there");
    let change = AccountChange { limit: Some(i64::MIN), ..AccountChange::default() };
    assert_eq!(desk.engine.amend_account(desk.now, "acme", &change).map(|_| ()), Err(overflow.clone()));
    let huge = MoveOrder::TopUp { amount: Money::of(i64::MAX, EUR), reference: String::new(), method: None, fee: 0, pending: false };
    desk.keys += 1;
    let refused = desk.engine.carry_out(desk.now, "acme", "huge", &huge, &[]);
    assert_eq!(refused.map(|_| ()), Err(overflow));
}
