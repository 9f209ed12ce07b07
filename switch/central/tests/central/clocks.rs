//! Nothing ends by time, and no period is closed, while the database's clock and a node's are far apart.

use std::sync::atomic::Ordering;

use central::CentralError;
use units::Wall;

use crate::kit::bench::{Bench, today};
use crate::kit::node::TIMING;
use crate::kit::wait;

const HOUR_MS: i64 = 3_600_000;

/// Whichever of both clocks is wrong, it looks the same from here: the node's is an hour behind, then an hour
/// ahead.
#[test]
fn fault_a5_no_credit_ends_while_the_databases_clock_is_another() {
    let mut bench = Bench::new(1_000_000);
    let node = bench.node("n1", TIMING);
    wait("it serves the account", || node.free() > 0);
    for (key, off_ms, says) in
        [("g1", -HOUR_MS, "the database is ahead"), ("g2", HOUR_MS, "the database is behind")]
    {
        node.clock_off_ms.store(off_ms, Ordering::Relaxed);
        bench.give_seconds(key, 1_000, Some(Wall(today().0 - 1))).unwrap();
        wait("the trouble is told", || node.status.trouble().is_some_and(|why| why.contains(says)));
        let ended = || bench.system_account("@breakage");
        let before = ended();
        assert_eq!(bench.minutes().0, 1_000, "due, and still there");
        let refused = bench
            .close_at("c", Wall(1_700_000_000_000), Wall(today().0 + off_ms))
            .expect_err("no period is closed");
        assert!(
            matches!(refused, CentralError::Clock { .. }) && refused.to_string().contains(says),
            "{refused}"
        );
        node.clock_off_ms.store(0, Ordering::Relaxed);
        wait("with right clocks it ends", || bench.minutes().0 == 0 && ended() == before + 100_000_000);
        wait("and all is well", || node.status.trouble().is_none());
    }
    node.stop();
    assert_eq!((bench.sum("SEC"), bench.sum("EUR"), bench.money()), (0, 0, (1_000_000, 0)));
}
