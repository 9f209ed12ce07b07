//! Prices with periods, another rate after the first block, conversion and rounding, against the slow exact
//! model; and that slicing a call in any way changes no cent.
#![allow(clippy::panic)]

mod reference;

use proptest::prelude::*;
use reference::{Dice, World, differ};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// 40 calls in each of 200 worlds; the bench program runs 10⁷.
    #[test]
    fn the_fast_price_is_the_exact_one(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let world = World::roll(&mut dice);
        for _ in 0..40 {
            if let Err(told) = differ(&world, &mut dice) {
                panic!("{told}");
            }
        }
    }

    /// Grants of any lengths: each debits the difference of the same rounded function, and the sum is the
    /// whole.
    #[test]
    fn slicing_changes_no_cent(seed in any::<u64>(), grants in proptest::collection::vec(0_u64..400, 1..60)) {
        let mut dice = Dice(seed);
        let world = World::roll(&mut dice);
        let at = world.base + dice.roll(200_000_000) as i64;
        let Some(price) = world.price("34911234567", at) else { return Ok(()) };
        let (mut leased, mut debited, mut spent) = (0, 0, 0);
        for grant in grants {
            let until = price.next_boundary(leased + grant);
            let cost = price.cost(until);
            prop_assert!(cost >= debited, "cost never falls");
            spent += cost - debited;
            (leased, debited) = (until, cost);
            prop_assert_eq!(price.billed_seconds(leased * 1_000), leased, "a grant ends where a block ends");
        }
        prop_assert_eq!(spent, price.charge(leased * 1_000).amount.amount);
        let budget = spent / 2;
        let within = price.affordable(0, leased, budget);
        prop_assert!(price.cost(within) <= budget && (within == leased || price.cost(price.next_boundary(within)) > budget));
    }
}

/// The comparison above compares something: of the calls in such worlds most have a price.
#[test]
fn most_calls_have_a_price() {
    let priced = |seed| {
        let mut dice = Dice(seed);
        let world = World::roll(&mut dice);
        (0..40).filter(|_| differ(&world, &mut dice).unwrap_or_else(|told| panic!("{told}"))).count()
    };
    let all: usize = (0..200).map(priced).sum();
    assert!(all > 200 * 40 / 2, "only {all} calls have a price");
}
