//! A database that is slow, takes no writes, or is full: said in words, calls go on within the slice, nothing
//! is lost, and all is well by itself when the cause is gone.

use rating::quotas::client::QuotaTiming;

use crate::kit::bench::Bench;
use crate::kit::node::TIMING;
use crate::kit::obstacles::{execute, hold};
use crate::kit::wait;

const OPENING: i64 = 1_000_000;
/// 0.01 a second.
const SECOND: i64 = 1_000;

const READ_ONLY: &[&str] = &[
    "ALTER DATABASE postgres SET default_transaction_read_only = on",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tollgate'",
];
const WRITABLE: &[&str] = &["ALTER DATABASE postgres RESET default_transaction_read_only"];

/// What the server says of each row when no page can be added to the table.
const FULL: &[&str] = &[
    "CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
    "CREATE TRIGGER no_space BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION no_space()",
    "CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON account FOR EACH ROW EXECUTE FUNCTION no_space()",
];
const ROOM: &[&str] = &["DROP FUNCTION no_space CASCADE"];

#[test]
fn slow_read_only_and_full_are_told_and_lose_nothing() {
    let mut bench = Bench::new(OPENING);
    let mut node = bench.node("n1", QuotaTiming { timeout_ms: 300, ..TIMING });
    wait("a slice", || node.free() > 0);
    assert_eq!(node.call(1), Ok(()));
    let mut seconds = 0;
    let mut calls = 1;
    for (name, word) in [("slow", "no answer within 300 ms"), ("read-only", "(25006)"), ("full", "(53100)")] {
        let held = (name == "slow").then(|| hold(&bench.postgres, "account, entry"));
        match name {
            "read-only" => execute(&bench.postgres, READ_ONLY),
            "full" => execute(&bench.postgres, FULL),
            _ => {}
        }
        let mut looks = 0;
        wait(name, || {
            if looks % 10 == 0 {
                assert_eq!(node.second(), 0, "calls go on within the slice");
                seconds += node.live() as i64;
            }
            looks += 1;
            node.status.trouble().is_some_and(|why| why.contains(word)) && node.status.lag() > 0
        });
        calls += 1;
        assert_eq!(node.call(calls), Ok(()), "new calls too");
        // An operator's patience with a slow one is longer than this test's.
        assert!(
            name == "slow" || bench.top_up(name, 5).is_err_and(|error| error.is_away()),
            "a payment is not confirmed: {name}"
        );
        drop(held);
        match name {
            "read-only" => execute(&bench.postgres, WRITABLE),
            "full" => execute(&bench.postgres, ROOM),
            _ => {}
        }
        wait("all is well again", || {
            node.status.trouble().is_none() && node.status.is_up() && node.status.lag() == 0
        });
    }
    node.hang_up_all();
    node.stop();
    assert_eq!(bench.money(), (OPENING - seconds * SECOND, 0), "to the last unit");
    assert_eq!(bench.amounts(), seconds * SECOND);
    assert_eq!(bench.count("SELECT count(*) FROM cdr"), i64::try_from(calls).unwrap());
}
