//! RULES L21: PayPal announced at 10:00 is credited by 10:15, or somebody is alerted; nobody has to ask for
//! it.

use std::sync::Arc;

use node::{AdminReply, AdminRequest, ConfigSnapshot, Input, MoveOrder};
use rating::{PaymentMethod, Term};
use units::{Currency, Money};

use crate::stage::Stage;

const MINUTE_MS: u64 = 60_000;

fn stage() -> Stage {
    let mut stage = Stage::standard();
    let paypal = PaymentMethod {
        name: "paypal".into(),
        currency: Currency::EUR,
        minimum: 100_000,
        amounts: Vec::new(),
        term: Some(Term::Minutes(15)),
    };
    let config = Arc::into_inner(stage.plan.config_snapshot(Some(&stage.config))).unwrap();
    stage.config = Arc::new(ConfigSnapshot { payment_methods: vec![paypal], ..config });
    stage.input(Input::Reload(Arc::clone(&stage.config)));
    stage
}

fn order(stage: &mut Stage, key: &str, order: MoveOrder) -> (Money, Option<units::Wall>) {
    stage.admin(AdminRequest::Move { account: "acme".into(), key: key.to_owned(), order });
    let Some((_, AdminReply::Moved { amount, due, .. })) = stage.replies.last() else {
        panic!("not moved: {:?}", stage.replies)
    };
    (*amount, *due)
}

fn announce(stage: &mut Stage, key: &str) {
    let (amount, reference, method) =
        (Money::of(500_000, Currency::EUR), String::new(), Some("paypal".to_owned()));
    let (credited, due) =
        order(stage, key, MoveOrder::TopUp { amount, reference, method, fee: 0, pending: true });
    assert_eq!(
        (credited.amount, due),
        (0, Some(stage.now.wall.plus_ms(15 * 60_000))),
        "nothing yet, and when it should be here"
    );
}

/// On their way, and late.
fn counts(stage: &Stage) -> (usize, usize) {
    stage.node.engine().transit_counts()
}

#[test]
fn a_payment_is_late_by_the_clock_alone_until_it_is_booked() {
    let mut stage = stage();
    let balance = stage.balance();
    announce(&mut stage, "p1");
    stage.advance(5 * MINUTE_MS);
    announce(&mut stage, "p2");
    stage.advance(10 * MINUTE_MS);
    assert_eq!(counts(&stage), (2, 0), "10:15 is in time");
    stage.advance(1);
    assert_eq!(counts(&stage), (2, 1));
    stage.admin(AdminRequest::InTransit { after: None, late_only: true, limit: 10 });
    let Some((_, AdminReply::InTransit(rows))) = stage.replies.last() else {
        panic!("no list: {:?}", stage.replies)
    };
    assert_eq!(
        rows.iter().map(|row| (row.key.to_string(), row.late)).collect::<Vec<_>>(),
        [("key/p1".to_owned(), true)]
    );

    // What is late after a restart needs nobody to say so either.
    stage.crash();
    stage.advance(MINUTE_MS);
    assert_eq!(counts(&stage), (2, 1));
    let (credited, _) = order(&mut stage, "b1", MoveOrder::Book { of: "p1".to_owned(), fee: 20_000 });
    assert_eq!((credited.amount, stage.balance() - balance), (480_000, 480_000));
    assert_eq!(counts(&stage), (1, 0));
    stage.advance(10 * MINUTE_MS);
    assert_eq!(counts(&stage), (1, 1), "the second is late in its turn");
    order(&mut stage, "r2", MoveOrder::Reject { of: "p2".to_owned(), cause: "never came".to_owned() });
    assert_eq!(counts(&stage), (0, 0));
}
