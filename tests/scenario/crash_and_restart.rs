//! The process dies in mid-call: one CDR to the last checkpoint, BYE to both sides, whole books.

use node::{AdminRequest, Input};
use tests::dialogue::kind;
use units::{Currency, Money};

use crate::stage::{ALPHA, PBX, Stage, addr};

#[test]
fn billed_to_the_last_checkpoint_and_ended_on_both_sides() {
    let mut stage = Stage::standard();
    let (phone, callee) = stage.talk("c1", "34600000000");
    stage.advance(25_500);
    stage.crash();
    let (a, b) = (stage.expect(phone.at, "BYE"), stage.expect(callee.at, "BYE"));
    assert_eq!((a.call_id(), a.to_tag(), b.to_tag()), ("c1", "cc1", "b1"));
    assert!(b.cseq().0 > 1 && a.from_tag() == phone.dialog.remote.rsplit("tag=").next().unwrap());
    for (at, bye) in [(phone.at, &a), (callee.at, &b)] {
        stage.send(at, &tests::dialogue::reply(bye, 200, "", at, "", None));
    }
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.duration_ms, cdr.amount, &*cdr.reason), (20_000, 33_333, "node-lost"));
    assert_eq!((&*cdr.call_id_a, cdr.cost, stage.balance()), ("c1", Some(1_000), 966_667));
}

/// The `open` record keeps little: all that a record tells of a call that ended by itself, that of a lost one
/// tells too.
#[test]
fn the_record_of_a_lost_call_is_whole() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    let whole = stage.cdr();
    let mut stage = Stage::standard();
    let (phone, callee) = stage.talk("c1", "34600000000");
    stage.advance(10_500);
    stage.crash();
    for at in [phone.at, callee.at] {
        let bye = stage.expect(at, "BYE");
        stage.send(at, &tests::dialogue::reply(&bye, 200, "", at, "", None));
    }
    stage.over();
    let lost = stage.cdr();
    let attempt = |attempt: &rating::Attempt| rating::Attempt { cost: lost.cost, ..attempt.clone() };
    let expected = rating::Cdr {
        attempts: whole.attempts.iter().map(attempt).collect(),
        call_id_b: lost.call_id_b.clone(),
        ended_at: lost.ended_at,
        duration_ms: lost.duration_ms,
        teardown_ms: lost.teardown_ms,
        billed_seconds: lost.billed_seconds,
        amount: lost.amount,
        cost: lost.cost,
        margin: lost.margin,
        balance_after: lost.balance_after,
        hangup_by: "switch".into(),
        cause_q850: units::Cause::TEMPORARY,
        reason: "node-lost".into(),
        ..whole.clone()
    };
    assert_eq!((&lost, lost.duration_ms, !lost.rate.is_zero()), (&expected, 10_000, true));
}

#[test]
fn nothing_is_billed_before_the_first_checkpoint() {
    let mut stage = Stage::standard();
    stage.talk("c1", "34600000000");
    stage.advance(9_000);
    stage.crash();
    stage.over();
    assert_eq!((stage.cdr().duration_ms, stage.cdr().amount, stage.balance()), (0, 0, 1_000_000));
}

#[test]
fn what_was_not_durable_never_was() {
    let mut stage = Stage::standard();
    stage.hold_disk = true;
    let (mut phone, callee) = stage.talk("c1", "34600000000");
    stage.advance(5_000);
    phone.bye(&mut stage);
    stage.admin(AdminRequest::Move {
        account: "acme".into(),
        key: "k".to_owned(),
        order: tests::plan::top_up(Money::of(5, Currency::EUR), "x"),
    });
    assert!(stage.cdrs.is_empty() && stage.replies.is_empty(), "nothing is told before it is durable");
    stage.crash();
    stage.hold_disk = false;
    stage.over();
    assert!(stage.cdrs.is_empty() && stage.balance() == 1_000_000);
    assert!(!stage.kinds(callee.at).is_empty());
}

#[test]
fn two_crashes_settle_once() {
    let mut stage = Stage::standard();
    stage.talk("c1", "34600000000");
    stage.advance(12_000);
    stage.crash();
    stage.crash();
    stage.over();
    assert_eq!((stage.cdr().duration_ms, stage.balance()), (10_000, 983_333));
}

#[test]
fn a_message_of_a_former_life_is_481() {
    let mut stage = Stage::standard();
    let (mut phone, _callee) = stage.talk("c1", "34600000000");
    stage.crash();
    stage.inbox(phone.at);
    phone.reinvite(&mut stage, "sendonly");
    phone.refused(&mut stage, 481);
}

#[test]
fn stop_settles_every_call_now() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(7_000);
    stage.input(Input::Stop);
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    let mut other = stage.phone("c2", "34600000000");
    other.invite(&mut stage);
    let refused = other.refused(&mut stage, 503);
    assert!(refused.header(sip::Name::RetryAfter).is_some(), "{}", kind(&refused));
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.duration_ms, &*cdr.reason, &*cdr.hangup_by), (7_000, "shutdown", "switch"));
    assert!(stage.kinds(addr(ALPHA)).is_empty() && stage.kinds(addr(PBX)).is_empty());
}
