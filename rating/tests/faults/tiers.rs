//! A3: each tier's lease is extended when its own lease ends; the cut is at the least capacity.

use super::*;

/// Extends whenever it is due, as the switch does, and returns the time at which the call is cut.
fn cut_of(desk: &mut Desk, lease: LeaseId) -> u64 {
    let now = desk.now;
    let mut extension = desk.engine.extend(now, lease, 0).expect("a lease");
    let mut elapsed = 0;
    while elapsed < extension.timing.cut_at_ms {
        elapsed += 250;
        if !extension.refused && elapsed >= extension.timing.renew_at_ms {
            extension = desk.engine.extend(now, lease, elapsed).expect("a lease");
        }
    }
    extension.timing.cut_at_ms
}

/// The customer has one minute; the reseller pays it by the second, out of 0.061.
#[test]
fn fault_a3_a_tier_without_money_does_not_cut_before_its_own_end() {
    let mut desk = Desk::with(&[("r", "0.061"), ("r:c", "0.60")]);
    let lease = desk.dial("r:c", "4930");
    assert_eq!(cut_of(&mut desk, lease), 60_000);
    let done = desk.settle(lease, 60_000);
    assert_eq!((done.duration_ms, done.billed_seconds, done.amount), (60_000, 60, money("0.60")));
    assert_eq!((done.tiers[0].billed_seconds, done.tiers[0].amount), (60, money("0.06")));
    assert_eq!((desk.balance("r"), desk.balance("r:c")), ("0.00100".to_owned(), "0.00000".to_owned()));
    rerates(&done, "4930");
}

/// Whoever has the least decides: here the reseller, in the middle of the customer's second minute.
#[test]
fn fault_a3_the_cut_is_at_the_least_capacity() {
    for (reseller, customer, cut_ms) in [
        ("0.0755", "6.00", 75_000),
        ("0.001", "6.00", 1_000),
        ("1.00", "1.20", 120_000),
        ("0.119", "1.20", 119_000),
        ("0.120", "1.80", 120_000),
    ] {
        let mut desk = Desk::with(&[("r", reseller), ("r:c", customer)]);
        let lease = desk.dial("r:c", "4930");
        assert_eq!(cut_of(&mut desk, lease), cut_ms, "{reseller} above {customer}");
        let done = desk.settle(lease, cut_ms);
        assert_eq!(done.duration_ms, cut_ms);
        rerates(&done, "4930");
    }
}

/// No tier holds more than reaches to the end of the one that waits, and money for that one lets all go on.
#[test]
fn fault_a3_the_others_hold_no_more_and_go_on_with_money() {
    let mut desk = Desk::with(&[("r", "5.00"), ("r:c", "0.60")]);
    let (lease, now) = (desk.dial("r:c", "4930"), desk.now);
    let held = |desk: &Desk| desk.engine.account("r").expect("there").leased.amount;
    for elapsed in (0..=45_000).step_by(250) {
        desk.engine.extend(now, lease, elapsed).expect("a lease");
    }
    // From here on it is known that the customer's money ends at 60 s.
    let before = held(&desk);
    for elapsed in (45_000..59_000).step_by(250) {
        desk.engine.extend(now, lease, elapsed).expect("a lease");
        assert_eq!(held(&desk), before, "after {elapsed} ms");
    }
    let waits = desk.engine.extend(now, lease, 59_000).expect("a lease");
    assert_eq!((waits.refused, waits.timing.cut_at_ms), (true, 60_000));
    desk.top_up("r:c", "0.60");
    assert_eq!(desk.engine.poll_woken(), Some((CallId(1), lease)));
    let longer = desk.engine.extend(now, lease, 59_250).expect("a lease");
    assert!(!longer.refused && longer.timing.cut_at_ms > 60_000);
    // Top-ups of the other tier in between do not put the call into the list of those that wait twice.
    for _ in 0..5 {
        desk.top_up("r", "0.01");
        assert_eq!(desk.engine.poll_woken(), None, "it does not wait");
    }
}
