//! A new configuration while calls are up: they keep what they began with; the next ones get the new.

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, Stage, addr};

#[test]
fn prices_of_live_calls_stay() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.plan.decks[0].1 = stage.plan.decks[0].1.replace("346,to 346,1,", "346,to 346,9,");
    stage.reload();
    stage.advance(60_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    let (mut next, mut again) = stage.talk("c2", "34600000000");
    stage.advance(60_000);
    next.bye(&mut stage);
    again.bye_comes(&mut stage);
    stage.over();
    let amounts: Vec<i64> = stage.cdrs.iter().map(|cdr| cdr.amount).collect();
    assert_eq!(amounts, [100_000, 900_000]);
}

#[test]
fn a_row_that_changes_while_it_rings_is_the_row_of_the_answer() {
    let mut plan = tests::plan::Plan::standard();
    plan.decks[0].1.push_str(
        "351,Portugal,0.1,60,60,,,2026-01-05T10:00:05Z\n351,Portugal,0.2,60,60,,2026-01-05T10:00:05Z,\n",
    );
    plan.routes.push(("351", vec!["beta"]));
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "351210000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, BETA);
    callee.ring(&mut stage);
    stage.advance(6_000);
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(1_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().rate, stage.cdr().amount), (units::Rate::of_units(20_000), 20_000));
}

#[test]
fn a_row_that_became_too_dear_ends_the_call_without_charge() {
    let mut plan = tests::plan::Plan::standard();
    plan.accounts[0].1 = 15_000;
    plan.decks[0].1.push_str(
        "351,Portugal,0.1,60,60,,,2026-01-05T10:00:05Z\n351,Portugal,0.2,60,60,,2026-01-05T10:00:05Z,\n",
    );
    plan.decks[1].1.push_str("351,Portugal,0.03,1,1,,,\n");
    plan.routes.push(("351", vec!["alpha"]));
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "351210000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.ring(&mut stage);
    stage.advance(6_000);
    callee.answer(&mut stage);
    stage.expect(callee.at, "ACK");
    callee.bye_comes(&mut stage);
    phone.refused(&mut stage, 402);
    stage.over();
    assert_eq!((stage.cdr().amount, stage.balance()), (0, 15_000));
    assert_eq!(stage.late_costs(), [50], "the carrier charges its second");
}

#[test]
fn a_gate_that_is_gone_may_still_hang_up() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.plan.gates.clear();
    stage.reload();
    let mut next = stage.phone("c2", "34600000000");
    next.invite(&mut stage);
    stage.silence(next.at);
    stage.advance(5_000);
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().duration_ms, 5_000);
}

#[test]
fn routes_change_for_the_next_call() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.plan.routes[0].1 = vec!["beta"];
    stage.reload();
    let mut next = stage.phone("c2", "34600000000");
    next.invite(&mut stage);
    Callee::wait(&mut stage, BETA).fail(&mut stage, 486);
    next.refused(&mut stage, 486);
    stage.silence(addr(ALPHA));
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.balance(), 1_000_000 - stage.cdrs.iter().map(|cdr| cdr.amount).sum::<i64>());
}
