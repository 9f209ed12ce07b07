//! Payments, corrections, reversals, grants and terms through the database: as in a node's own books, with
//! two nodes that spend meanwhile.

use central::CentralError;
use ledger::{Refused, TrialLine};
use rating::engine::{AccountChange, AccountRefused, MoveOrder};
use units::{Currency, Money, Name, Wall};

use crate::kit::bench::Bench;
use crate::kit::node::TIMING;
use crate::kit::wait;

fn refusal<T: std::fmt::Debug>(outcome: Result<T, CentralError>) -> AccountRefused {
    match outcome {
        Err(CentralError::Account(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_payment_is_announced_booked_and_reversed_once() {
    let bench = Bench::new(0);
    assert_eq!(refusal(bench.announce("p1", 999_999)).code(), "refused", "below the minimum");
    let announced = bench.announce("p1", 30_000_000).unwrap();
    assert_eq!((announced.amount.amount, announced.balance.amount, announced.replayed), (0, 0, false));
    assert!(bench.announce("p1", 30_000_000).unwrap().replayed);
    assert_eq!(refusal(bench.announce("p1", 30_000_001)), AccountRefused::Books(Refused::KeyReused));
    assert_eq!(bench.system_account("@transit"), 30_000_000);
    let book = |key: &str, of: &str, fee| bench.move_money(key, MoveOrder::Book { of: of.to_owned(), fee });
    assert_eq!(refusal(book("b0", "nothing", 0)), AccountRefused::Books(Refused::NoMovement));
    let booked = book("b1", "p1", 1_200_000).unwrap();
    assert_eq!((booked.amount.amount, booked.balance.amount), (28_800_000, 28_800_000), "the net amount");
    let again = book("b1", "p1", 1_200_000).unwrap();
    assert_eq!((again.replayed, again.at, again.balance), (true, booked.at, booked.balance));
    assert_eq!(refusal(book("b2", "p1", 0)), AccountRefused::Books(Refused::NotPending));
    let reject = |key: &str, of: &str| {
        bench.move_money(key, MoveOrder::Reject { of: of.to_owned(), cause: "never came".to_owned() })
    };
    assert_eq!(refusal(reject("r1", "p1")), AccountRefused::Books(Refused::NotPending));
    bench.announce("p2", 5_000_000).unwrap();
    assert_eq!(reject("r2", "p2").unwrap().balance.amount, 28_800_000);
    let back = bench.reverse("v1", "p1").unwrap();
    assert_eq!((back.amount.amount, back.balance.amount), (-28_800_000, 0), "the bank keeps its fee");
    assert!(bench.reverse("v1", "p1").unwrap().replayed);
    assert_eq!(refusal(bench.reverse("v2", "b1")), AccountRefused::Books(Refused::Reversed));
    let correct = |key: &str, amount| {
        bench.move_money(
            key,
            MoveOrder::Correct { amount: Money::of(amount, Currency::EUR), reason: "goodwill".to_owned() },
        )
    };
    assert_eq!(correct("c1", -700_000).unwrap().balance.amount, -700_000, "a correction may lead into debt");
    let system_accounts = ["@payments", "@transit", "@fees", "@corrections"]
        .map(|system_account| bench.system_account(system_account));
    assert_eq!(system_accounts, [-1_200_000, 0, 1_200_000, 700_000]);
    assert_eq!((bench.sum("EUR"), bench.count("SELECT count(*) FROM booking")), (0, 7));
    let trial = bench.runtime.block_on(bench.central.trial_balance()).unwrap();
    assert_eq!(trial.sums(), [(Currency::EUR, "0.00000".to_owned())]);
    assert!(
        trial.rows().iter().any(|row| row.account == TrialLine::Customers && row.balance == "-7.00000"),
        "{trial:?}"
    );
    // What central did is a journal as a node's: whole, in order, chained.
    assert_eq!(
        bench.count("SELECT last_seq FROM node WHERE name = '@central'"),
        bench.count("SELECT count(*) FROM entry")
    );
}

#[test]
fn a_call_is_reversed_in_every_balance_that_paid_and_two_nodes_share_free_minutes() {
    let mut bench = Bench::new(1_000_000);
    let given = bench.give_seconds("g1", 100, None).unwrap();
    assert_eq!((given.balance.amount, given.replayed), (10_000_000, false));
    assert!(bench.give_seconds("g1", 100, None).unwrap().replayed);
    assert_eq!(refusal(bench.give_seconds("g1", 60, None)), AccountRefused::Books(Refused::KeyReused));
    let (mut first, mut second) = (bench.node("n1", TIMING), bench.node("n2", TIMING));
    for node in [&first, &second] {
        wait("money and minutes", || node.free() > 0 && node.bucket("free").is_some_and(|free| free > 0));
    }
    assert!(
        bench.minutes().1 <= 100 && bench.minutes().0 == 100,
        "no more is lent than there is: {:?}",
        bench.minutes()
    );
    assert_eq!((first.call(1), second.call(2)), (Ok(()), Ok(())));
    for _ in 0..10 {
        assert_eq!(first.second() + second.second(), 0);
    }
    first.hang_up_all();
    second.hang_up_all();
    wait("both are shipped", || bench.minutes().0 == 80);
    assert_eq!(bench.money().0, 1_000_000, "the minutes pay first");
    assert!(matches!(bench.reverse_call("v0", 99), Err(CentralError::NoCall { .. })));
    let back = bench.reverse_call("v1", 1).unwrap();
    assert_eq!((back.amount.amount, back.replayed), (0, false), "no money: seconds");
    assert!(bench.reverse_call("v1", 1).unwrap().replayed);
    assert_eq!(refusal(bench.reverse_call("v2", 1)), AccountRefused::Books(Refused::Reversed));
    assert_eq!(bench.minutes().0, 90);
    // New terms get to every node that has something of the account.
    let change =
        AccountChange { email: Some(Some(Name::from("ops@acme.example"))), ..AccountChange::default() };
    let view = bench.runtime.block_on(bench.central.amend("acme".into(), change, Wall(3))).unwrap();
    assert_eq!(view.terms.email.as_deref(), Some("ops@acme.example"));
    for node in [&first, &second] {
        wait("new terms", || node.terms().is_some_and(|terms| terms.email.is_some()));
    }
    first.stop();
    second.stop();
    assert_eq!((bench.money(), bench.minutes()), ((1_000_000, 0), (90, 0)), "what was not used is back");
    assert_eq!((bench.sum("EUR"), bench.sum("SEC")), (0, 0));
}

/// Who sells to a shop and who sells to that one both pay their part of its calls.
#[test]
fn fault_a7_reversing_a_reversal_undoes_it_in_every_tier() {
    const TIERS: [&str; 3] = ["acme", "acme:shop", "acme:shop:kiosk"];
    let mut bench = Bench::new(1_000_000);
    for name in &TIERS[1..] {
        let (terms, currency) = (ledger::Terms::of_deck("retail"), Currency::EUR);
        let new = rating::quotas::transaction::NewAccount {
            name: (*name).into(),
            currency,
            opening: 500_000,
            limit: 0,
            terms,
        };
        bench.runtime.block_on(bench.central.open(new, Wall(1))).unwrap();
    }
    let balances = |bench: &Bench| TIERS.map(|name| bench.posted(name));
    let before = balances(&bench);
    let mut node = bench.node("n1", TIMING);
    wait("a call of the lowest tier", || node.call_of(TIERS[2], 1).is_ok());
    for _ in 0..10 {
        assert_eq!(node.second(), 0);
    }
    node.hang_up_all();
    // 0.01 a second in each tier.
    let after = before.map(|posted| posted - 10_000);
    wait("it is billed in every tier", || balances(&bench) == after);
    let kiosk = |key: &str, of: Option<&str>| {
        let cause = "bad line".to_owned();
        let order = match of {
            Some(of) => MoveOrder::Reverse { of: of.to_owned(), expired: None, cause },
            None => MoveOrder::ReverseCall { call: ledger::CallId(1), transfers: Vec::new(), cause },
        };
        bench.runtime.block_on(bench.central.move_money(
            TIERS[2].into(),
            key.to_owned(),
            order,
            [].into(),
            Wall(2),
        ))
    };
    kiosk("v1", None).unwrap();
    assert_eq!(balances(&bench), before, "the call is undone in every tier");
    let again = kiosk("v2", Some("v1")).unwrap();
    assert_eq!((balances(&bench), again.amount.amount), (after, -10_000), "and billed again in every tier");
    assert!(kiosk("v2", Some("v1")).unwrap().replayed);
    assert_eq!(refusal(kiosk("v3", Some("v1"))), AccountRefused::Books(Refused::Reversed));
    kiosk("v4", Some("v2")).unwrap();
    assert_eq!(balances(&bench), before, "a third time");
    node.stop();
    assert_eq!((balances(&bench), bench.sum("EUR")), (before, 0));
}
