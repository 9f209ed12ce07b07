//! The slice protocol against a hostile world: three nodes and a central ledger, messages lost, repeated and
//! reordered, crashes, a database that goes away, clocks that differ and jump. Whatever happens, no balance
//! is overspent and no cent is lost or made.

mod central;
mod dice;
mod lent;
mod node;
mod world;

use world::{Profile, Seen, World};

fn run(profile: Profile, seeds: std::ops::Range<u64>) -> Seen {
    let mut seen = Seen::default();
    for seed in seeds {
        let mut world = World::new(seed, profile);
        world.run();
        world.settle();
        seen.add(&world.seen);
    }
    seen
}

#[test]
fn a_calm_network_serves_every_call_that_the_balance_pays() {
    let seen = run(Profile::CALM, 0..100);
    assert!(seen.calls > 5_000 && seen.grants > 500 && seen.returns > 50, "{seen:?}");
    assert_eq!((seen.crashes, seen.fenced, seen.lost), (0, 0, 0));
}

#[test]
fn storms() {
    let seen = run(Profile::STORM, 0..1_500);
    assert!(seen.calls > 50_000 && seen.grants > 5_000 && seen.returns > 300, "{seen:?}");
    assert!(
        seen.crashes > 1_000 && seen.fenced > 100 && seen.away > 500 && seen.repeated > 1_000,
        "{seen:?}"
    );
    assert!(seen.payments > 50 && seen.reversals > 30 && seen.words > 200, "{seen:?}");
    assert!(seen.ended > 100, "calls refused since a slice had ended and nobody answered: {seen:?}");
}

#[test]
fn nodes_given_up_and_found_again() {
    let seen = run(Profile::LOSSES, 0..500);
    assert!(seen.lost > 100 && seen.found > 50, "{seen:?}");
}
