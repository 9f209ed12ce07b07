//! A7 and A5: a reversal undoes all movements of what it reverses, and what expired can be given back by its
//! key.

use ledger::{BucketKind, RecordBody, SystemAccount};

use super::*;

fn reverse(of: &str) -> MoveOrder {
    MoveOrder::Reverse { of: of.to_owned(), expired: None, cause: "by mistake".to_owned() }
}

/// Three tiers, the lowest paid by a bucket of minutes and money: every balance is as before the first
/// reversal, and again after each.
#[test]
fn fault_a7_reversing_a_reversal_undoes_all_its_movements() {
    let accounts = ["r", "r:s", "r:s:c"];
    let mut desk = Desk::with(&accounts.map(|name| (name, "1.00")));
    desk.grant("r:s:c", "free", Money::of(3_000_000, Currency::SEC), BucketTerms::of(BucketKind::Minutes));
    let (lease, now) = (desk.dial("r:s:c", "3491"), desk.now);
    for elapsed in (0..45_000).step_by(500) {
        desk.engine.extend(now, lease, elapsed).expect("a lease");
    }
    let done = desk.settle(lease, 45_000);
    assert_eq!(done.transfers.len(), 4);
    let all = |desk: &Desk| {
        let of = |name: &str| {
            desk.engine
                .account(name)
                .map(|view| (view.balance, view.buckets.first().map(|bucket| bucket.left)))
        };
        accounts.map(of)
    };
    let system_accounts = |desk: &Desk| {
        [SystemAccount::Revenue, SystemAccount::ResellerRevenue]
            .map(|system_account| desk.engine.books().system_account(system_account, EUR))
    };
    let (charged, earned) = (all(&desk), system_accounts(&desk));
    let transfers = desk.usage(done.call);
    desk.order(
        "r:s:c",
        "v1",
        &MoveOrder::ReverseCall { call: done.call, transfers, cause: "bad line".to_owned() },
    );
    assert_eq!(
        (accounts.map(|name| desk.balance(name)), system_accounts(&desk)),
        (["1.00000"; 3].map(str::to_owned), [0, 0])
    );
    for (key, of, is_charged) in [("v2", "v1", true), ("v3", "v2", false), ("v4", "v3", true)] {
        desk.order("r:s:c", key, &reverse(of));
        assert_eq!(all(&desk) == charged, is_charged, "{key}");
        assert_eq!(system_accounts(&desk) == earned, is_charged, "{key}");
        assert!(
            desk.engine
                .move_money(desk.now, "r:s:c", key, &reverse(of), &[])
                .expect("the same again")
                .replayed
        );
    }
    let twice = desk.engine.move_money(desk.now, "r:s:c", "v5", &reverse("v1"), &[]);
    assert!(twice.is_err(), "v1 was reversed by v2");
    desk.crash();
    assert_eq!((all(&desk), system_accounts(&desk)), (charged, earned), "the journal says the same");
}

/// The bank keeps its fee when a payment is reversed, and when that is reversed too.
#[test]
fn fault_a7_a_payment_goes_back_and_comes_again_without_its_fee() {
    let mut desk = Desk::with(&[("acme", "0")]);
    let order = MoveOrder::TopUp {
        amount: money("300.00"),
        reference: String::new(),
        method: None,
        fee: 1_200_000,
        pending: false,
    };
    desk.order("acme", "p", &order);
    for (key, of, balance) in [("v1", "p", "0.00000"), ("v2", "v1", "288.00000"), ("v3", "v2", "0.00000")] {
        desk.order("acme", key, &reverse(of));
        assert_eq!(desk.balance("acme"), balance, "{key}");
    }
    assert_eq!(desk.engine.books().system_account(SystemAccount::Fees, EUR), money("12.00").amount);
}

/// Calls that wait on any of the accounts hear that money came back.
#[test]
fn fault_a7_money_that_comes_back_to_a_tier_above_wakes_its_calls() {
    let mut desk = Desk::with(&[("r", "0.0305"), ("r:c", "5.00"), ("r:d", "5.00")]);
    let first = desk.dial("r:c", "3491");
    desk.engine.extend(desk.now, first, 500).expect("a lease");
    let done = desk.settle(first, 3_000);
    let second = desk.dial("r:d", "3491");
    let mut elapsed = 500;
    while !desk.engine.extend(desk.now, second, elapsed).expect("a lease").refused {
        elapsed += 500;
        assert!(elapsed < 60_000, "the reseller's money ends");
    }
    assert_eq!(desk.engine.poll_woken(), None);
    let transfers = desk.usage(done.call);
    desk.order(
        "r:c",
        "v",
        &MoveOrder::ReverseCall { call: done.call, transfers, cause: "bad line".to_owned() },
    );
    assert_eq!(desk.engine.poll_woken(), Some((CallId(2), second)));
}

/// The clock is wrong for a minute: all that can expire is gone, and comes back by the keys of its expiries.
#[test]
fn fault_a5_every_expiry_is_reversed_by_its_key() {
    let mut desk = Desk::with(&[]);
    desk.open("acme", "7.00", Terms { idle_months: Some(12), ..Terms::of_deck("retail") });
    let end = Some(Wall::parse("2027-01-01T00:00:00Z").expect("a time"));
    let promo = BucketTerms { expires_at: end, ..BucketTerms::of(BucketKind::Promo) };
    desk.grant("acme", "promo", money("2.00"), promo.clone());
    desk.grant(
        "acme",
        "free",
        Money::of(6_000_000, Currency::SEC),
        BucketTerms { kind: BucketKind::Minutes, ..promo },
    );
    let right = desk.now;
    desk.now.wall = Wall::parse("2099-01-01T00:00:00Z").expect("a time");
    expire(&mut desk);
    assert_eq!((desk.balance("acme"), buckets(&desk)), ("0.00000".to_owned(), Vec::<String>::new()));
    desk.now = right;
    for (key, of) in [("v1", "expired/1/"), ("v2", "expired/1/promo"), ("v3", "expired/1/free")] {
        let order = give_back(&desk, of);
        desk.order("acme", key, &order);
        assert!(desk.engine.move_money(desk.now, "acme", key, &order, &[]).expect("the same again").replayed);
        assert!(desk.engine.move_money(desk.now, "acme", "other", &order, &[]).is_err(), "once");
    }
    let whole = ["free 60.00000 2027-01-01T00:00:00.000Z", "promo 2.00000 2027-01-01T00:00:00.000Z"]
        .map(str::to_owned);
    assert_eq!((desk.balance("acme"), buckets(&desk)), ("7.00000".to_owned(), whole.to_vec()));
    expire(&mut desk);
    desk.crash();
    assert_eq!((desk.balance("acme"), buckets(&desk)), ("7.00000".to_owned(), whole.to_vec()), "and stays");
    // It ends again when its time has come, under a key of its own.
    desk.now.wall = Wall::parse("2027-01-01T00:00:00Z").expect("a time");
    expire(&mut desk);
    assert_eq!(buckets(&desk), Vec::<String>::new());
    // What ended in its time does not end again as soon as it is given back.
    let order = give_back(&desk, "expired/2/promo");
    desk.order("acme", "v4", &order);
    expire(&mut desk);
    desk.crash();
    assert_eq!(buckets(&desk), ["promo 2.00000 -"].map(str::to_owned).to_vec());
    assert_eq!(
        desk.engine.move_money(desk.now, "acme", "v5", &reverse("expired/9/promo"), &[]).map(|_| ()),
        Err(ledger::Refused::NoMovement.into())
    );
}

fn expire(desk: &mut Desk) {
    while desk.engine.next_expiry().is_some_and(|at| at <= desk.now.wall) {
        let records = desk.engine.expire(desk.now);
        desk.records.extend(records);
    }
    desk.keep(None);
}

/// The order with the movement that the journal has under the key.
fn give_back(desk: &Desk, of: &str) -> MoveOrder {
    let found = desk.records.iter().filter(|record| matches!(record.body, RecordBody::BucketExpired(_)));
    let expired = found.flat_map(Record::transfers).find(|transfer| transfer.key.to_string() == of).cloned();
    assert!(expired.is_some(), "{of}");
    MoveOrder::Reverse { of: of.to_owned(), expired, cause: "the clock was wrong".to_owned() }
}

fn buckets(desk: &Desk) -> Vec<String> {
    let view = desk.engine.account("acme").expect("there");
    let line = |bucket: &rating::engine::BucketView| {
        format!("{} {} {}", bucket.name, bucket.left, bucket.expires_at.map_or("-".to_owned(), Wall::rfc3339))
    };
    view.buckets.iter().map(line).collect()
}
