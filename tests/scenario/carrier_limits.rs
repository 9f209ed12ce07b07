//! What a carrier takes in a second, and what an attempt that nobody wanted any more says of it.

use tests::plan::Plan;

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, Stage, addr};

/// Which of both carriers gets the INVITE of another call.
fn served_by(stage: &mut Stage, call: usize) -> &'static str {
    let mut phone = stage.phone(&format!("c{call}"), "34511000000");
    // Repeats of earlier ones.
    stage.inbox(addr(ALPHA));
    phone.invite(stage);
    let mut kinds = stage.kinds(addr(ALPHA));
    kinds.retain(|kind| kind == "INVITE");
    if kinds.is_empty() { BETA } else { ALPHA }
}

#[test]
fn more_calls_a_second_than_a_carrier_takes_go_to_the_next() {
    let mut plan = Plan::standard();
    plan.carriers[0].max_cps = Some(3);
    let mut stage = Stage::new(plan);
    let served: Vec<_> = (0..5).map(|call| served_by(&mut stage, call)).collect();
    assert_eq!(served, [ALPHA, ALPHA, ALPHA, BETA, BETA]);
    stage.advance(999);
    assert_eq!(served_by(&mut stage, 5), BETA);
    stage.advance(1);
    assert_eq!(served_by(&mut stage, 6), ALPHA);
}

#[test]
fn what_was_left_out_for_its_rate_is_said_in_the_record() {
    let mut plan = Plan::standard();
    plan.carriers[0].max_cps = Some(1);
    let mut stage = Stage::new(plan);
    for (call, at) in [("c1", ALPHA), ("c2", BETA)] {
        let mut phone = stage.phone(call, "34511000000");
        phone.invite(&mut stage);
        Callee::wait(&mut stage, at).fail(&mut stage, 486);
        phone.refused(&mut stage, 486);
    }
    stage.over();
    let said = format!("{:?}", stage.cdrs[1].decision);
    assert!(said.contains("alpha (max_cps reached in this second)"), "{said}");
}

#[test]
fn a_call_given_up_before_any_response_proves_no_life() {
    let mut plan = Plan::standard();
    plan.carriers[0].down_after = 2;
    plan.routes = vec![("34", vec!["alpha"])];
    let mut stage = Stage::new(plan);
    let fails = |stage: &mut Stage, call: &str| {
        let mut phone = stage.phone(call, "34511000000");
        phone.invite(stage);
        stage.expect(addr(ALPHA), "INVITE");
        stage.advance(4_000);
        phone.refused(stage, 504);
    };
    fails(&mut stage, "c1");
    let mut phone = stage.phone("c2", "34511000000");
    phone.invite(&mut stage);
    stage.expect(addr(ALPHA), "INVITE");
    phone.cancel(&mut stage);
    phone.refused(&mut stage, 487);
    fails(&mut stage, "c3");
    assert_eq!(stage.node.carriers_down(stage.now.tick), ["alpha".into()]);
}

#[test]
fn a_call_given_up_while_it_rang_proves_life() {
    let mut plan = Plan::standard();
    plan.carriers[0].down_after = 2;
    plan.routes = vec![("34", vec!["alpha"])];
    let mut stage = Stage::new(plan);
    for (call, is_heard) in [("c1", false), ("c2", true), ("c3", false)] {
        let mut phone = stage.phone(call, "34511000000");
        // Repeats of earlier ones.
        stage.inbox(addr(ALPHA));
        phone.invite(&mut stage);
        let mut alpha = Callee::wait(&mut stage, ALPHA);
        if is_heard {
            alpha.ring(&mut stage);
            phone.cancel(&mut stage);
            phone.refused(&mut stage, 487);
        } else {
            stage.advance(4_000);
            phone.refused(&mut stage, 504);
        }
    }
    assert!(stage.node.carriers_down(stage.now.tick).is_empty());
}
