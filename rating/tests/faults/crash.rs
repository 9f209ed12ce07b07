//! A6: after a crash all tiers of a call are billed for one duration, and its record re-rates to its amount.

use ledger::BucketKind;

use super::*;

/// What happens to an account while the call is up.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    Nothing,
    Correct(&'static str, &'static str),
    Limit(&'static str, &'static str),
    /// An earlier call's charge is given back and taken again.
    Reversals,
}

/// A call of 40 s that a checkpoint knows; then the crash.
fn lost(reseller: &str, customer: &str, number: &str, meanwhile: Meanwhile) -> Settlement {
    let mut desk = Desk::with(&[("r", reseller), ("r:c", customer)]);
    let before = desk.dial("r:c", number);
    let earlier = desk.settle(before, 1_000);
    let (lease, now) = (desk.dial("r:c", number), desk.now);
    for elapsed in (0..40_000).step_by(500) {
        desk.engine.extend(now, lease, elapsed).expect("a lease");
    }
    let checkpoint = desk.engine.checkpoint(now, lease, 40_000).expect("a lease");
    desk.keep(Some(checkpoint));
    match meanwhile {
        Meanwhile::Nothing => {}
        Meanwhile::Correct(account, amount) => {
            desk.order(
                account,
                "c",
                &MoveOrder::Correct { amount: money(amount), reason: "wrong payment".to_owned() },
            );
        }
        Meanwhile::Limit(account, limit) => {
            let terms = desk.engine.account(account).expect("there").terms;
            let record =
                desk.engine.change_account(now, account, &terms, money(limit).amount).expect("changed");
            desk.keep(Some(record));
        }
        Meanwhile::Reversals => {
            let (call, transfers) = (earlier.call, desk.usage(earlier.call));
            desk.order("r:c", "v", &MoveOrder::ReverseCall { call, transfers, cause: "bad line".to_owned() });
            desk.order(
                "r:c",
                "w",
                &MoveOrder::Reverse { of: "v".to_owned(), expired: None, cause: "it was not".to_owned() },
            );
            desk.order(
                "r",
                "c",
                &MoveOrder::Correct { amount: money("-0.99"), reason: "wrong payment".to_owned() },
            );
        }
    }
    let closed = desk.crash();
    assert_eq!(closed.len(), 1);
    for (account, balance) in [("r", desk.balance("r")), ("r:c", desk.balance("r:c"))] {
        let view = desk.engine.account(account).expect("there");
        let owes = matches!(meanwhile, Meanwhile::Correct(..) | Meanwhile::Limit(..) | Meanwhile::Reversals);
        assert!(owes || view.balance.amount >= view.limit.amount, "{account} {balance}");
    }
    closed.into_iter().next().expect("one")
}

#[test]
fn fault_a6_all_tiers_of_a_lost_call_are_billed_for_one_duration() {
    for (meanwhile, duration_ms) in [
        (Meanwhile::Nothing, 40_000),
        // 0.12 a minute, 0.002 a second: 0.030 is left for the call after 0.97 was taken; the
        // reseller pays 0.001 a second.
        (Meanwhile::Correct("r:c", "-0.966"), 15_000 + 1_000),
        (Meanwhile::Correct("r", "-0.980"), 19_000),
        (Meanwhile::Correct("r:c", "-5.00"), 0),
        (Meanwhile::Limit("r", "0"), 40_000),
        (Meanwhile::Reversals, 9_000),
    ] {
        let done = lost("1.00", "1.00", "3491", meanwhile);
        assert_eq!(done.duration_ms, duration_ms, "{meanwhile:?}");
        assert_eq!(done.billed_seconds, duration_ms.div_ceil(1_000), "{meanwhile:?}");
        assert_eq!(
            done.tiers[0].billed_seconds, done.billed_seconds,
            "{meanwhile:?}: the reseller for the same time"
        );
        assert_eq!(done.teardown_ms, 40_000 - duration_ms);
        rerates(&done, "3491");
    }
}

/// By other increments and with a fee, and with promotional money in the lower tier: the record still gives
/// its amounts.
#[test]
fn fault_a6_records_of_lost_calls_rerate_whatever_paid() {
    for (taken, promo) in [("-0.50", "0.05"), ("-0.93", "0.05"), ("-0.99", "0.01"), ("-2.00", "0.05")] {
        let mut desk = Desk::with(&[("r", "1.00"), ("r:c", "1.00")]);
        desk.grant("r:c", "promo", money(promo), BucketTerms::of(BucketKind::Promo));
        let (lease, now) = (desk.dial("r:c", "3902"), desk.now);
        for elapsed in (0..70_000).step_by(500) {
            desk.engine.extend(now, lease, elapsed).expect("a lease");
        }
        let checkpoint = desk.engine.checkpoint(now, lease, 70_000).expect("a lease");
        desk.keep(Some(checkpoint));
        desk.order(
            "r",
            "c",
            &MoveOrder::Correct { amount: money(taken), reason: "wrong payment".to_owned() },
        );
        let done = desk.crash().remove(0);
        // The reseller pays by the minute: two minutes, one, or none.
        let minutes = match taken {
            "-0.50" => 2,
            "-0.93" => 1,
            _ => 0,
        };
        assert_eq!(done.tiers[0].billed_seconds, minutes * 60, "{taken}");
        assert_eq!(done.duration_ms, [0, 60_000, 70_000][minutes as usize], "{taken}");
        assert_eq!(done.billed_seconds * 1_000, done.duration_ms);
        rerates(&done, "3902");
    }
}
