//! A12: an amount beyond what a balance can hold (about 9.2e13) is refused, and never cut to the largest that
//! fits.

use rating::engine::{AccountChange, AccountRefused, CarrierLeg};

use super::*;

/// The dearest that a deck may hold: a million a minute.
const DEAR: &str = "9,Nowhere,1000000,1,1,\n";

fn dear() -> Deck {
    Deck::load("dear", EUR, format!("{HEADER}{DEAR}").as_bytes()).expect("a good deck").0
}

#[test]
fn fault_a12_a_price_that_no_balance_can_hold_is_no_amount() {
    let price = dear().price(&"91".parse().expect("digits"), Wall(0)).expect("a price");
    let amount = |secs: u64| price.checked_charge(secs * 1_000).map(|charge| charge.amount.to_string());
    for (secs, expected) in [
        (60, Some("1000000.00000")),
        (5_400_000_000, Some("90000000000000.00000")),
        (5_600_000_000, None),
        (u64::MAX / 1_000, None),
    ] {
        assert_eq!(amount(secs), expected.map(str::to_owned), "{secs} s");
    }
}

#[test]
fn fault_a12_the_engine_books_no_cost_out_of_range() {
    let mut desk = Desk::with(&[("acme", "1.00")]);
    desk.engine.set_decks(Arc::new(Decks::new([Arc::new(dear())])));
    let number = "91".parse().expect("digits");
    let leg = CarrierLeg {
        deck: "dear",
        number: &number,
        answered_at: desk.now.wall,
        duration_ms: 5_600_000_000_000,
        attempt: 0,
    };
    assert_eq!(desk.engine.carrier_cost(&leg), None);
    assert_eq!(desk.engine.book_cost(CallId(1), &leg), Ok((None, Vec::new())));
    assert!(desk.engine.carrier_cost(&CarrierLeg { duration_ms: 60_000, ..leg }).is_some());
}

#[test]
fn fault_a12_no_account_begins_or_may_go_out_of_range() {
    let mut desk = Desk::with(&[("acme", "1.00")]);
    let overflow = AccountRefused::Books(ledger::Refused::Overflow);
    for (opening, limit) in [(i64::MAX, 0), (i64::MIN, 0), (0, i64::MIN), (i64::MAX / 2 + 1, 0)] {
        let ask =
            OpenAccount { name: "rich", currency: EUR, opening, terms: Terms::of_deck("retail"), limit };
        assert_eq!(
            desk.engine.open_account(desk.now, &ask).map(|_| ()),
            Err(overflow.clone()),
            "{opening} {limit}"
        );
    }
    assert!(desk.engine.account("rich").is_none(), "nothing of it is there");
    let change = AccountChange { limit: Some(i64::MIN), ..AccountChange::default() };
    assert_eq!(desk.engine.amend_account(desk.now, "acme", &change).map(|_| ()), Err(overflow.clone()));
    let huge = MoveOrder::TopUp {
        amount: Money::of(i64::MAX, EUR),
        reference: String::new(),
        method: None,
        fee: 0,
        pending: false,
    };
    desk.keys += 1;
    let refused = desk.engine.move_money(desk.now, "acme", "huge", &huge, &[]);
    assert_eq!(refused.map(|_| ()), Err(overflow));
}
