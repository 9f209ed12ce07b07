//! A balance for 60 s shared by 20 calls at once: it cannot be overspent, whatever they do.

use tests::plan::Plan;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, Stage};

#[test]
fn twenty_calls_share_sixty_seconds() {
    let mut plan = Plan::standard();
    plan.accounts[0].1 = 100_000;
    let mut stage = Stage::new(plan);
    let mut calls: Vec<(Phone, Callee)> = Vec::new();
    for n in 0..20 {
        let mut phone = stage.phone(&format!("c{n}"), "34600000000");
        phone.invite(&mut stage);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        callee.answer(&mut stage);
        phone.answered(&mut stage);
        calls.push((phone, callee));
    }
    for _ in 0..200 {
        stage.advance(50);
        let view = stage.view("acme");
        assert!(view.available.amount >= 0 && view.balance.amount - view.leased.amount >= 0, "{view:?}");
    }
    stage.advance(60_000);
    stage.over();
    assert_eq!(stage.cdrs.len(), 20);
    let spent: i64 = stage.cdrs.iter().map(|cdr| cdr.amount).sum();
    let talked: u64 = stage.cdrs.iter().map(|cdr| cdr.duration_ms).sum();
    assert_eq!(spent, 100_000 - stage.balance());
    assert!(stage.balance() >= 0 && stage.balance() < 1_667, "not one more second fits: {}", stage.balance());
    assert!((55_000..=60_000).contains(&talked), "{talked} ms");
    assert!(
        stage
            .cdrs
            .iter()
            .all(|cdr| &*cdr.reason == "no-credit" && cdr.teardown_ms == 0 && cdr.duration_ms % 1_000 == 0)
    );
}

#[test]
fn the_call_that_does_not_fit_is_402() {
    let mut plan = Plan::standard();
    plan.accounts[0].1 = 8_000;
    let mut stage = Stage::new(plan);
    // 30 s at 0.12345: 0.06173 each.
    stage.talk("c1", "34511000000");
    let mut second = stage.phone("c2", "34511000000");
    second.invite(&mut stage);
    let refused = second.refused(&mut stage, 402);
    assert!(refused.header(sip::Name::Reason).is_some_and(|reason| reason.starts_with("Q.850;cause=21")));
}
