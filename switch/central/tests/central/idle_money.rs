//! A charge is paid with the whole balance, wherever the money lies: nodes that hold it give it back first.

use central::CentralError;
use rating::engine::AccountRefused;
use rating::quotas::client::QuotaTiming;

use crate::kit::bench::Bench;
use crate::kit::node::{Node, TIMING};
use crate::kit::wait;

const OPENING: i64 = 1_200_000;

/// Nodes that hold so much that what is left pays no charge of 9.00.
fn holders(bench: &mut Bench, names: &[&str], timing: QuotaTiming) -> Vec<Node> {
    let nodes: Vec<Node> = names.iter().map(|name| bench.node(name, timing)).collect();
    wait("they hold most of it", || bench.money().1 > OPENING - 900_000);
    nodes
}

#[test]
fn fault_a4_a_charge_calls_idle_money_back_from_the_nodes() {
    let mut bench = Bench::new(OPENING);
    let nodes = holders(&mut bench, &["n1", "n2", "n3"], TIMING);
    let paid = bench.charge("c1", 900_000).expect("the money is there, and nobody uses it");
    assert_eq!(
        (paid.amount.amount, paid.balance.amount, paid.replayed),
        (-900_000, OPENING - 900_000, false)
    );
    assert!(bench.charge("c1", 900_000).expect("the same again").replayed);
    let refused = bench.charge("c2", 300_001).expect_err("more than there is anywhere");
    assert!(matches!(refused, CentralError::Account(AccountRefused::NoMoney)), "{refused}");
    wait("nodes may borrow again at once", || bench.money().1 > 0);
    nodes.into_iter().for_each(Node::stop);
    assert_eq!((bench.money(), bench.sum("EUR")), ((OPENING - 900_000, 0), 0));
}

#[test]
fn fault_a4_money_that_a_call_or_a_silent_node_has_is_worth_another_try() {
    let mut bench = Bench::new(OPENING);
    let short = QuotaTiming { hold_ms: 4_000, ..TIMING };
    let mut nodes = holders(&mut bench, &["n1"], short);
    assert_eq!(nodes[0].call(1), Ok(()));
    // All of it but what the call has reserved comes back; a charge of all waits for the call.
    let refused = bench.charge("c1", OPENING).expect_err("a call has some of it");
    assert!(matches!(refused, CentralError::Recalled { secs: 1.., .. }), "{refused}");
    nodes.remove(0).kill();
    let silent = || bench.charge("c1", OPENING).expect_err("nobody gives it back").to_string();
    wait("it is said who is silent", || silent().contains("no word from n1"));
    assert!(silent().contains("try again in"), "{}", silent());
    wait("it is given up", || bench.runtime.block_on(bench.central.lose("n1".into())).is_ok());
    assert_eq!(bench.charge("c1", OPENING).expect("all is free").balance.amount, 0);
}
