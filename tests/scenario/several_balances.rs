//! Whole calls that several balances pay: free minutes, test credit, promotional credit, money, and the
//! accounts above a customer's.

use ledger::{BucketKind, BucketTerms, NoticeEvent, RecordBody};
use node::{AdminReply, AdminRequest};
use rating::Cdr;
use tests::plan::{Plan, deck};
use units::{Currency, Money};

use crate::stage::Stage;

/// 43 costs 0.10 a minute by whole minutes, 49 the same by the second, 33 a whole unit a minute.
const DECK: &[(&str, &str, u32, u32, &str)] =
    &[("43", "0.1", 60, 60, ""), ("49", "0.1", 1, 1, ""), ("33", "1", 1, 1, "")];

fn stage(balance: i64) -> Stage {
    let mut plan = Plan::standard();
    plan.decks[0].1 = deck(DECK);
    plan.accounts[0].1 = balance;
    plan.routes = vec![("", vec!["alpha", "beta"])];
    plan.carriers[0].deck = None;
    Stage::new(plan)
}

fn grant(stage: &mut Stage, bucket: &str, kind: BucketKind, amount: i64) {
    let terms = BucketTerms::of(kind);
    let amount = Money::of(amount, kind.currency(Currency::EUR));
    let request = AdminRequest::Grant {
        account: "acme".into(),
        bucket: bucket.into(),
        amount,
        terms,
        reference: String::new(),
        key: bucket.to_owned(),
    };
    stage.admin(request);
    let Some((_, AdminReply::Granted { left, .. })) = stage.replies.last() else {
        panic!("not granted: {:?}", stage.replies)
    };
    assert_eq!(*left, amount);
}

fn talk(stage: &mut Stage, number: &str, seconds: u64) -> Cdr {
    let (mut phone, mut callee) = stage.talk("c1", number);
    stage.advance(seconds * 1_000);
    phone.bye(stage);
    phone.expect(stage, "200 BYE");
    callee.bye_comes(stage);
    stage.cdr()
}

/// Seconds and amount of each part, with the name of its bucket.
fn parts(cdr: &Cdr) -> Vec<(&str, u64, String)> {
    let text = |part: &rating::cdr::Part| Money::of(part.amount, part.currency).to_string();
    cdr.parts
        .iter()
        .map(|part| (part.bucket.as_deref().unwrap_or("money"), part.seconds, text(part)))
        .collect()
}

fn told(stage: &Stage) -> Vec<NoticeEvent> {
    let event = |record: ledger::Record| {
        if let RecordBody::Notice(notice) = record.body { Some(notice.event) } else { None }
    };
    stage.disk.records().filter_map(event).collect()
}

/// X7: two free minutes, then 0.10 a minute by whole minutes: 181 s are 120 s free and 0.20.
#[test]
fn free_minutes_go_first_and_a_call_spills_into_money() {
    let mut stage = stage(1_000_000);
    grant(&mut stage, "free", BucketKind::Minutes, 120 * 100_000);
    let cdr = talk(&mut stage, "4312345678", 181);
    assert_eq!((cdr.billed_seconds, cdr.amount), (240, 20_000));
    assert_eq!(parts(&cdr), [("free", 120, "120.00000".to_owned()), ("money", 120, "0.20000".to_owned())]);
    assert_eq!(stage.balance(), 980_000);
    assert_eq!(stage.view("acme").buckets[0].left.amount, 0);
}

/// L6: test credit pays before money and alone as long as it lasts.
#[test]
fn test_credit_pays_for_tests() {
    let mut stage = stage(1_000_000);
    grant(&mut stage, "trial", BucketKind::Test, 50_000);
    let cdr = talk(&mut stage, "4912345678", 60);
    assert_eq!(parts(&cdr), [("trial", 60, "0.10000".to_owned())]);
    assert_eq!((cdr.amount, stage.balance()), (10_000, 1_000_000));
}

/// Without money of its own an account talks as long as what it was given lasts, and not a second longer.
#[test]
fn what_was_given_ends_the_call_too() {
    let mut stage = stage(0);
    grant(&mut stage, "promo", BucketKind::Promo, 50_000);
    let (mut phone, mut callee) = stage.talk("c1", "3312345678");
    stage.advance(30_000);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    let cdr = stage.cdr();
    assert_eq!((cdr.duration_ms, cdr.amount, &*cdr.reason), (30_000, 50_000, "no-credit"));
    assert_eq!((stage.balance(), stage.view("acme").buckets[0].left.amount), (0, 0));
}

/// X13: told once a minute before the end; a top-up arms it again.
#[test]
fn the_end_is_told_a_minute_ahead() {
    let mut stage = stage(200_000);
    let (mut phone, mut callee) = stage.talk("c1", "3312345678");
    let call_ends = |stage: &Stage| {
        told(stage).iter().filter(|event| matches!(event, NoticeEvent::CallEnds { .. })).count()
    };
    stage.advance(59_000);
    assert_eq!(call_ends(&stage), 0);
    stage.advance(2_000);
    assert_eq!(call_ends(&stage), 1, "120 s paid for, 60 left");
    stage.advance(10_000);
    assert_eq!(call_ends(&stage), 1);
    stage.admin(AdminRequest::Move {
        account: "acme".into(),
        key: "k1".to_owned(),
        order: tests::plan::top_up(Money::of(100_000, Currency::EUR), "cash"),
    });
    stage.advance(50_000);
    assert_eq!(call_ends(&stage), 2, "180 s paid for, less than 60 left again");
    stage.advance(59_000);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    assert_eq!((stage.cdr().duration_ms, stage.cdr().amount, stage.balance()), (180_000, 300_000, 0));
}

/// A reseller pays its own price for its customer's call; both pay, or there is no call.
#[test]
fn each_tier_pays_by_its_own_deck() {
    let tree = |reseller: i64| {
        let mut plan = Plan::standard();
        plan.decks[0].1 = deck(DECK);
        plan.decks.push(("wholesale", deck(&[("4", "0.06", 6, 6, "")])));
        plan.accounts = vec![("house", reseller, "wholesale"), ("house:shop", 1_000_000, "retail")];
        plan.gates[0].account = "house:shop".into();
        plan.routes = vec![("", vec!["alpha", "beta"])];
        plan.carriers[0].deck = None;
        Stage::new(plan)
    };
    let mut stage = tree(1_000_000);
    let cdr = talk(&mut stage, "4312345678", 61);
    assert_eq!((&*cdr.account, cdr.billed_seconds, cdr.amount), ("house:shop", 120, 20_000));
    let tier = &cdr.tiers[0];
    assert_eq!((&*tier.account, tier.billed_seconds, tier.amount), ("house", 66, 6_600));
    assert_eq!(
        (stage.view("house:shop").balance.amount, stage.view("house").balance.amount),
        (980_000, 993_400)
    );

    let mut poor = tree(0);
    let mut phone = poor.phone("c1", "4312345678");
    phone.invite(&mut poor);
    phone.expect(&mut poor, "402 INVITE");
    poor.over();
    assert_eq!(poor.view("house:shop").balance.amount, 1_000_000);
}
