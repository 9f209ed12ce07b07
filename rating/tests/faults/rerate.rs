//! A2: re-rating books the difference to what a call costs its account now, whatever came between.

use rating::rerate::{CallChanges, CallCost};

use super::*;

/// Re-rates calls at so much each, by what the journal says became of them; what was booked.
fn rerate(desk: &mut Desk, account: &str, calls: &[(u128, &str)], billed: &str) -> String {
    desk.keys += 1;
    let key = format!("rerate{}", desk.keys);
    let mut changes = CallChanges::of(account.into());
    desk.records
        .iter()
        .for_each(|record| changes.take(&Record::decode(&record.encode().expect("JSON")).expect("a record")));
    let cost = |(call, cost): &(u128, &str)| CallCost {
        call: CallId(*call),
        billed: money(billed).amount,
        cost: money(cost).amount,
    };
    let order = MoveOrder::Rerate {
        calls: calls.iter().map(cost).collect(),
        changes,
        reason: "a new list".to_owned(),
    };
    let moved = desk.order(account, &key, &order);
    let again = desk.engine.move_money(desk.now, account, &key, &order, &[]).expect("the same again");
    assert_eq!((again.amount, again.balance), (moved.amount, moved.balance));
    assert!(again.record.is_none());
    moved.amount.to_string()
}

fn reverse_call(desk: &mut Desk, account: &str, call: u128, key: &str) {
    let mut transfers = desk.usage(CallId(call));
    let payers: std::collections::BTreeSet<_> =
        transfers.iter().filter_map(|transfer| transfer.customer().cloned()).collect();
    for payer in payers {
        let mut changes = CallChanges::of(payer.clone());
        desk.records.iter().for_each(|record| changes.take(record));
        transfers.extend(rating::engine::rerated(&payer, CallId(call), &changes, EUR));
    }
    desk.order(
        account,
        key,
        &MoveOrder::ReverseCall { call: CallId(call), transfers, cause: "bad line".to_owned() },
    );
}

fn reverse(desk: &mut Desk, account: &str, of: &str, key: &str) {
    desk.order(
        account,
        key,
        &MoveOrder::Reverse { of: of.to_owned(), expired: None, cause: "by mistake".to_owned() },
    );
}

/// Calls of 15 s at 0.12 a minute are 0.03 each.
fn talked(accounts: &[(&str, &str)], caller: &str, calls: usize) -> Desk {
    let mut desk = Desk::with(accounts);
    for _ in 0..calls {
        let (lease, now) = (desk.dial(caller, "3491"), desk.now);
        for elapsed in (0..15_000).step_by(250) {
            desk.engine.extend(now, lease, elapsed).expect("a lease");
        }
        assert_eq!(desk.settle(lease, 15_000).amount, money("0.03"));
    }
    desk
}

/// The issue's figures: 4 calls at 0.03, 3 reversed, re-rated at half: 0.015 back, not 0.06; and each run
/// again finds nothing.
#[test]
fn fault_a2_rerate_books_the_difference_to_what_is_paid_now() {
    let mut desk = talked(&[("acme", "1.00")], "acme", 4);
    for (call, key) in [(1, "v1"), (2, "v2"), (3, "v3")] {
        reverse_call(&mut desk, "acme", call, key);
    }
    let half: Vec<_> = (1..=4).map(|call| (call, "0.015")).collect();
    assert_eq!(rerate(&mut desk, "acme", &half, "0.03"), "0.01500");
    assert_eq!(desk.balance("acme"), "0.98500");
    assert_eq!(rerate(&mut desk, "acme", &half, "0.03"), "0.00000", "again");
    // An overlapping period, and a second list in the other direction.
    assert_eq!(rerate(&mut desk, "acme", &half[2..], "0.03"), "0.00000");
    let dearer: Vec<_> = (1..=4).map(|call| (call, "0.05")).collect();
    assert_eq!(rerate(&mut desk, "acme", &dearer, "0.03"), "-0.03500");
    assert_eq!(rerate(&mut desk, "acme", &half, "0.03"), "0.03500", "and back, under keys of their own");
    // A reversal that is reversed: the call costs its account what it was billed, until it is re-rated.
    reverse(&mut desk, "acme", "v1", "w1");
    assert_eq!(desk.balance("acme"), "0.95500");
    assert_eq!(rerate(&mut desk, "acme", &half, "0.03"), "0.01500");
    // A re-rated call is reversed with its correction; then it costs nothing.
    reverse_call(&mut desk, "acme", 4, "v4");
    assert_eq!(desk.balance("acme"), "0.98500");
    assert_eq!(rerate(&mut desk, "acme", &half, "0.03"), "0.00000");
    reverse(&mut desk, "acme", "v4", "w4");
    assert_eq!(desk.balance("acme"), "0.97000");
    assert_eq!(rerate(&mut desk, "acme", &half, "0.03"), "0.00000", "re-rated before it was reversed");
    desk.crash();
    assert_eq!(desk.balance("acme"), "0.97000");
}

/// A re-rating is reversed by its key, as any request, and comes again.
#[test]
fn fault_a2_a_reversed_correction_is_booked_again() {
    let mut desk = talked(&[("acme", "1.00")], "acme", 2);
    assert_eq!(rerate(&mut desk, "acme", &[(1, "0.01"), (2, "0.04")], "0.03"), "0.01000");
    assert_eq!(desk.balance("acme"), "0.95000", "0.02 back and 0.01 taken");
    let key = format!("rerate{}", desk.keys);
    reverse(&mut desk, "acme", &key, "v");
    assert_eq!(desk.balance("acme"), "0.94000");
    assert_eq!(rerate(&mut desk, "acme", &[(1, "0.01"), (2, "0.04")], "0.03"), "0.01000");
    // Differences that make zero together are kept call by call.
    assert_eq!(rerate(&mut desk, "acme", &[(1, "0.02"), (2, "0.03")], "0.03"), "0.00000");
    assert_eq!(rerate(&mut desk, "acme", &[(1, "0.02"), (2, "0.02")], "0.03"), "0.01000");
    assert_eq!(desk.balance("acme"), "0.96000");
    let twice = MoveOrder::Rerate {
        calls: [1, 1].map(|call| CallCost { call: CallId(call), billed: 1, cost: 2 }).to_vec(),
        changes: CallChanges::of("acme".into()),
        reason: "a new list".to_owned(),
    };
    assert!(desk.engine.move_money(desk.now, "acme", "twice", &twice, &[]).is_err());
}

/// The tier above is re-rated by itself; a reversal made for the customer is one for the reseller, too.
#[test]
fn fault_a2_every_tier_by_what_it_costs_that_tier_now() {
    let mut desk = talked(&[("r", "1.00"), ("r:c", "1.00")], "r:c", 3);
    assert_eq!((desk.balance("r"), desk.balance("r:c")), ("0.95500".to_owned(), "0.91000".to_owned()));
    reverse_call(&mut desk, "r:c", 1, "v1");
    assert_eq!(rerate(&mut desk, "r", &[(1, "0.01"), (2, "0.01"), (3, "0.02")], "0.015"), "0.00000");
    assert_eq!(desk.balance("r"), "0.97000");
    assert_eq!(rerate(&mut desk, "r", &[(1, "0.01"), (2, "0.01"), (3, "0.01")], "0.015"), "0.01000");
    reverse_call(&mut desk, "r:c", 2, "v2");
    assert_eq!((desk.balance("r"), desk.balance("r:c")), ("0.99000".to_owned(), "0.97000".to_owned()));
    assert_eq!(rerate(&mut desk, "r", &[(1, "0.01"), (2, "0.01"), (3, "0.01")], "0.015"), "0.00000");
    assert_eq!(rerate(&mut desk, "r:c", &[(1, "0.06"), (2, "0.06"), (3, "0.06")], "0.03"), "-0.03000");
}
