//! Money ends in mid-call: BYE to both with `Reason: SIP;cause=402`, billed to the last leased second; or
//! comes back in time.

use node::{AdminReply, AdminRequest};
use sip::Name;
use tests::plan::Plan;
use units::{Currency, Money};

use crate::phone::{Callee, Phone};
use crate::stage::Stage;

/// 346 costs 1.00 a minute, 1/1.
fn with(balance: i64) -> (Stage, Phone, Callee) {
    let mut plan = Plan::standard();
    plan.accounts[0].1 = balance;
    let mut stage = Stage::new(plan);
    let (phone, callee) = stage.talk("c1", "34600000000");
    (stage, phone, callee)
}

#[test]
fn cut_at_the_last_second_that_is_paid() {
    let (mut stage, mut phone, mut callee) = with(150_000);
    stage.advance(89_999);
    stage.silence(phone.at);
    stage.advance(1);
    for bye in [phone.bye_comes(&mut stage), callee.bye_comes(&mut stage)] {
        assert!(
            bye.header(Name::Reason).is_some_and(|reason| reason.starts_with("SIP;cause=402")),
            "{bye:?}"
        );
    }
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.duration_ms, cdr.amount, cdr.balance_after), (90_000, 150_000, 0));
    assert_eq!((&*cdr.reason, &*cdr.hangup_by, cdr.teardown_ms), ("no-credit", "switch", 0));
    assert_eq!(stage.node.take_counters().calls_cut_no_balance, 1);
}

#[test]
fn a_bye_that_is_lost_bills_nothing_more() {
    let (mut stage, phone, callee) = with(50_000);
    stage.advance(30_000);
    stage.expect(phone.at, "BYE");
    stage.expect(callee.at, "BYE");
    stage.over();
    assert_eq!((stage.cdr().duration_ms, stage.balance()), (30_000, 0));
}

#[test]
fn a_top_up_in_time_carries_it_on() {
    let (mut stage, mut phone, mut callee) = with(50_000);
    stage.advance(25_000);
    let top_up = || AdminRequest::Move {
        account: "acme".into(),
        key: "k1".to_owned(),
        order: tests::plan::top_up(Money::of(50_000, Currency::EUR), "cash"),
    };
    stage.admin(top_up());
    stage.admin(top_up());
    stage.advance(10_000);
    stage.silence(phone.at);
    stage.advance(25_000);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, stage.cdr().amount, stage.balance()), (60_000, 100_000, 0));
    let replayed: Vec<bool> = stage
        .replies
        .iter()
        .filter_map(
            |(_, reply)| if let AdminReply::Moved { replayed, .. } = reply { Some(*replayed) } else { None },
        )
        .collect();
    assert_eq!(replayed, [false, true], "the same key pays once");
}

#[test]
fn a_top_up_is_confirmed_when_it_is_on_disk() {
    let mut stage = Stage::standard();
    stage.hold_disk = true;
    stage.admin(AdminRequest::Move {
        account: "acme".into(),
        key: "k".to_owned(),
        order: tests::plan::top_up(Money::of(1, Currency::EUR), "x"),
    });
    assert!(stage.replies.is_empty());
    stage.hold_disk = false;
    stage.advance(1);
    stage.input(node::Input::Tick);
    assert_eq!(stage.replies.len(), 1);
}

#[test]
fn tear_down_beyond_the_lease_is_ours() {
    let (mut stage, mut phone, mut callee) = with(150_000);
    // The wake-up comes late: everything stood still for two seconds.
    let late = stage.now.tick.plus_ms(92_000);
    stage.jump(late);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert!(cdr.balance_after >= 0 && cdr.duration_ms + cdr.teardown_ms == 92_000, "{cdr:?}");
}

#[test]
fn no_more_time_than_the_gate_allows() {
    let mut plan = Plan::standard();
    plan.gates[0].max_call_secs = 45;
    let mut stage = Stage::new(plan);
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(45_000);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (45_000, "max-call-secs"));
}

#[test]
fn an_operator_ends_a_call() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(5_000);
    stage.admin(AdminRequest::Calls);
    let Some((_, AdminReply::Calls(calls))) = stage.replies.pop() else { panic!("no list") };
    assert_eq!((calls.len(), calls[0].duration_ms, calls[0].state), (1, 5_000, "answered"));
    stage.admin(AdminRequest::Kill(calls[0].id));
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((&*stage.cdr().hangup_by, stage.cdr().duration_ms), ("operator", 5_000));
}
