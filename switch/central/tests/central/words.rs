//! What is of the whole balance is noticed in the database and said by one node: a low balance, and credit
//! that ends.

use std::time::{SystemTime, UNIX_EPOCH};

use ledger::Terms;
use rating::engine::MoveOrder;
use units::{Currency, Money, Wall};

use crate::kit::bench::Bench;
use crate::kit::node::TIMING;
use crate::kit::wait;

/// Notices of a kind in the nodes' journals.
fn said(bench: &Bench, kind: &str) -> i64 {
    bench.count(&format!("SELECT count(*) FROM entry WHERE node <> '@central' AND body LIKE '%\"notice\"%' AND body LIKE '%\"{kind}\"%'"))
}

#[test]
fn a_low_balance_is_said_once_by_one_node_and_again_after_a_payment() {
    let mut bench =
        Bench::with_terms(250_000, Terms { low_balance: Some(200_000), ..Terms::of_deck("retail") });
    let (mut first, mut second) = (bench.node("n1", TIMING), bench.node("n2", TIMING));
    wait("both have something", || first.free() > 30_000 && second.free() > 30_000);
    assert_eq!((first.call(1), second.call(2)), (Ok(()), Ok(())));
    for _ in 0..30 {
        assert_eq!(first.second() + second.second(), 0);
    }
    first.hang_up_all();
    second.hang_up_all();
    wait("below the mark", || bench.money().0 == 190_000);
    wait("said", || said(&bench, "low_balance") == 1);
    assert!(!bench.top_up("p1", 100_000).unwrap().replayed);
    wait("a payment is told too", || said(&bench, "top_up_booked") == 1);
    let taken =
        MoveOrder::Correct { amount: Money::of(-100_000, Currency::EUR), reason: "a mistake".to_owned() };
    assert_eq!(bench.move_money("c1", taken).unwrap().balance.amount, 190_000, "below it again");
    wait("said again", || said(&bench, "low_balance") == 2);
    wait("nothing left to say", || bench.count("SELECT count(*) FROM notice") == 0);
    first.stop();
    second.stop();
    assert_eq!((said(&bench, "low_balance"), said(&bench, "top_up_booked"), bench.sum("EUR")), (2, 1, 0));
}

#[test]
fn minutes_that_end_come_back_from_the_nodes_and_expire_as_a_whole() {
    let mut bench = Bench::new(1_000_000);
    let (first, second) = (bench.node("n1", TIMING), bench.node("n2", TIMING));
    wait("both serve the account", || first.free() > 0 && second.free() > 0);
    let now_ms = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    bench.give_seconds("g1", 1_000, Some(Wall(now_ms + 2_500))).unwrap();
    wait("minutes everywhere", || {
        [&first, &second].iter().all(|node| node.bucket("free").is_some_and(|free| free > 0))
    });
    wait("they are gone", || bench.minutes() == (0, 0) && bench.system_account("@breakage") == 100_000_000);
    wait("and it is said once", || said(&bench, "credit_expired") == 1);
    first.stop();
    second.stop();
    assert_eq!(
        (said(&bench, "credit_expired"), bench.sum("SEC"), bench.sum("EUR"), bench.money()),
        (1, 0, 0, (1_000_000, 0))
    );
}

/// All nodes have the same decks; the first to have a version in force tells of it, also after a restart in
/// between.
#[test]
fn one_node_tells_of_new_prices() {
    let bench = Bench::new(0);
    let asks: [(&str, &str, bool); 9] = [
        ("n1", "v1", true),
        ("n2", "v1", false),
        ("n1", "v1", true),
        ("n2", "v2", true),
        ("n1", "v2", false),
        ("n2", "v2", true),
        // Back to the old prices: that is a change, too.
        ("n1", "v1", true),
        ("n2", "v1", false),
        ("n1", "v1", true),
    ];
    for (step, (node, version, tells)) in asks.into_iter().enumerate() {
        assert_eq!(bench.tells_rates("retail", version, node), tells, "step {step}: {node} has {version}");
    }
    assert!(bench.tells_rates("wholesale", "v1", "n2"), "each deck for itself");
}
