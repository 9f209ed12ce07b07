//! What the node does when its journal can write no more or no new things, and when its wall clock may be
//! wrong.

use ledger::{BucketKind, BucketTerms, RecordBody};
use node::{AdminReply, AdminRequest, Input, Pressure};
use rating::engine::MoveOrder;
use units::{Currency, Money, Wall};

use crate::stage::Stage;

const DAY_MS: i64 = 86_400_000;

fn top_up(stage: &mut Stage, key: &str) -> u64 {
    let amount = Money::of(500_000, Currency::EUR);
    let order = MoveOrder::TopUp { amount, reference: String::new(), method: None, fee: 0, pending: false };
    stage.admin(AdminRequest::Move { account: "acme".into(), key: key.to_owned(), order })
}

/// The answer with this number, if it is there: whether it says "not now".
fn is_refused(stage: &Stage, ticket: u64) -> Option<bool> {
    let (_, reply) = stage.replies.iter().find(|(of, _)| *of == ticket)?;
    Some(matches!(reply, AdminReply::Unavailable(_)))
}

#[test]
fn fault_a1_without_a_journal_money_does_not_move_and_askers_hear_it_at_once() {
    for pressure in [Pressure::Failed, Pressure::NoRoom] {
        let mut stage = Stage::standard();
        let before = stage.balance();
        stage.hold_disk = true;
        let waiting = top_up(&mut stage, "k1");
        assert_eq!(
            (is_refused(&stage, waiting), stage.balance()),
            (None, before + 500_000),
            "it waits for the disk"
        );
        stage.input(Input::Journal(pressure));
        // What waits for a disk that is only full is still written; of one that failed nothing will be.
        assert_eq!(
            is_refused(&stage, waiting),
            (pressure == Pressure::Failed).then_some(true),
            "{pressure:?}"
        );
        let requests = [
            AdminRequest::ChangeAccount {
                name: "acme".into(),
                change: rating::engine::AccountChange::default(),
            },
            AdminRequest::ClosePeriod { until: Wall(0) },
            AdminRequest::Grant {
                account: "acme".into(),
                bucket: "promo".into(),
                amount: Money::of(1, Currency::EUR),
                terms: BucketTerms::of(BucketKind::Promo),
                reference: String::new(),
                key: "g".to_owned(),
            },
        ];
        let records = stage.disk.waiting();
        let second = top_up(&mut stage, "k2");
        assert_eq!(is_refused(&stage, second), Some(true), "{pressure:?}");
        for request in requests {
            let ticket = stage.admin(request.clone());
            assert_eq!(is_refused(&stage, ticket), Some(true), "{pressure:?}: {request:?}");
        }
        assert_eq!(
            (stage.balance(), stage.disk.waiting()),
            (before + 500_000, records),
            "{pressure:?}: nothing moved"
        );
        stage.hold_disk = false;
        stage.input(Input::Journal(Pressure::Ok));
        let third = top_up(&mut stage, "k2");
        assert_eq!(
            (is_refused(&stage, third), stage.balance()),
            (Some(false), before + 1_000_000),
            "{pressure:?}: the key is not used"
        );
    }
}

#[test]
fn fault_a1_calls_are_not_extended_without_room() {
    let mut stage = Stage::standard();
    let (phone, callee) = stage.talk("c1", "34600000000");
    stage.input(Input::Journal(Pressure::NoRoom));
    stage.advance(300_000);
    stage.expect(phone.at, "BYE");
    stage.expect(callee.at, "BYE");
    let cdr = stage.cdr();
    assert!(
        cdr.amount > 0 && stage.balance() == 1_000_000 - cdr.amount,
        "settled in the room kept back: {cdr:?}"
    );
}

fn promo(stage: &mut Stage, days: i64) {
    let terms = BucketTerms {
        expires_at: Some(stage.now.wall.plus_ms(days * DAY_MS)),
        ..BucketTerms::of(BucketKind::Promo)
    };
    let amount = Money::of(300_000, Currency::EUR);
    let (account, bucket, reference, key) = ("acme".into(), "promo".into(), String::new(), "g1".to_owned());
    stage.admin(AdminRequest::Grant { account, bucket, amount, terms, reference, key });
}

fn expiries(stage: &Stage) -> usize {
    stage.disk.records().filter(|record| matches!(record.body, RecordBody::BucketExpired(_))).count()
}

fn close(stage: &mut Stage) -> bool {
    let until = Wall(stage.now.wall.0 - DAY_MS);
    let ticket = stage.admin(AdminRequest::ClosePeriod { until });
    is_refused(stage, ticket) == Some(true)
}

#[test]
fn fault_a5_a_clock_that_is_wrong_for_a_minute_ends_nothing() {
    let mut stage = Stage::standard();
    promo(&mut stage, 30);
    stage.advance(120_000);
    let right = stage.now.wall;
    stage.now.wall = Wall(right.0 + 365 * DAY_MS);
    stage.input(Input::Tick);
    stage.advance(60_000);
    assert!(stage.node.clock_doubt().is_some_and(|doubt| doubt.to_string().contains("31536000 s ahead of")));
    assert!(close(&mut stage), "no period is closed by a clock in doubt");
    assert_eq!(expiries(&stage), 0, "the credit is there");
    stage.now.wall = Wall(right.0 + 60_000);
    stage.input(Input::Tick);
    assert_eq!((stage.node.clock_doubt(), expiries(&stage)), (None, 0));
    // What is due by a clock that is right ends.
    stage.advance(30 * DAY_MS as u64);
    assert_eq!(expiries(&stage), 1);
}

#[test]
fn fault_a5_a_start_far_from_the_journals_last_moment_ends_nothing() {
    let mut stage = Stage::standard();
    promo(&mut stage, 30);
    let last = stage.now.wall;
    for (off_days, ends) in [(40, 0), (-1, 0), (0, 0)] {
        stage.now.wall = Wall(last.0 + off_days * DAY_MS);
        stage.restart_after(last);
        assert_eq!(
            (stage.node.clock_doubt().is_some(), expiries(&stage)),
            (off_days != 0, ends),
            "{off_days} days"
        );
    }
    // A week of standing still is nothing strange.
    stage.now.wall = Wall(last.0 + 6 * DAY_MS);
    stage.restart_after(last);
    assert_eq!(stage.node.clock_doubt(), None);
}

/// 34 600 … costs 1.00 a minute by the second after the first 20: checkpoint at 20 s, killed at 25.5 s,
/// started again 4.5 s later.
#[test]
fn fault_a12_after_a_kill_the_time_until_the_bye_is_the_operators_exposure() {
    let mut stage = Stage::standard();
    stage.talk("c1", "34600000000");
    stage.advance(25_500);
    stage.now.wall = Wall(stage.now.wall.0 + 4_500);
    stage.node.take_counters();
    stage.crash();
    let cdr = stage.cdr();
    let counters = stage.node.take_counters();
    assert_eq!((cdr.duration_ms, cdr.teardown_ms, cdr.amount), (20_000, 10_000, 33_333));
    // 30 s at the same price are 0.50000; 0.33333 of it were billed.
    assert_eq!(counters.operator_exposure_units, 50_000 - 33_333);
}
