//! Next carrier, or the end: by cause, as the contract's `next_on` says; the best of several failures (RFC
//! 3261 §16.7).

use node::Input;
use sip::Name;
use sip::flow::Flow;
use tests::plan::Plan;
use tests::sdp;

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, Stage, addr};
use tests::dialogue::SWITCH;

/// Each carrier's final answers in turn; what the caller is told.
fn refused(answers: &[u16]) -> (u16, String, Stage) {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    for (status, at) in answers.iter().zip([ALPHA, BETA]) {
        Callee::wait(&mut stage, at).fail(&mut stage, *status);
    }
    let last = stage.inbox(phone.at).pop().expect("an answer");
    stage.send(phone.at, &tests::dialogue::ack_failure(phone.invite.as_ref().unwrap(), &last));
    let reason = last.header(Name::Reason).unwrap_or("").to_owned();
    stage.over();
    assert_eq!(
        (stage.cdr().amount, stage.cdr().attempts.len(), stage.cdr().sip_status),
        (0, answers.len(), last.status())
    );
    (last.status(), reason, stage)
}

#[test]
fn a_503_goes_to_the_second() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 503);
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(31_000);
    phone.bye(&mut stage);
    beta.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.carrier.as_deref(), cdr.amount), (Some("beta"), 7_407));
    assert_eq!(cdr.attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(), [Some(503), Some(200)]);
    assert!(cdr.route_reason.is_some_and(|reason| reason.contains("2 of 2")));
}

#[test]
fn a_silent_carrier_goes_to_the_second_after_its_time() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    stage.expect(addr(ALPHA), "INVITE");
    stage.advance(3_999);
    stage.silence(addr(BETA));
    stage.advance(1);
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    beta.bye_comes(&mut stage);
    stage.over();
    assert!(!stage.kinds(addr(ALPHA)).iter().any(|kind| kind == "CANCEL"), "nothing to cancel before a 1xx");
    assert_eq!(stage.cdr().attempts[0].reason, "timeout");
}

#[test]
fn an_unreachable_carrier_goes_to_the_second_at_once() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    stage.expect(addr(ALPHA), "INVITE");
    stage.input(Input::Unreachable(Flow::udp(addr(SWITCH), addr(ALPHA))));
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.fail(&mut stage, 486);
    phone.refused(&mut stage, 486);
    stage.over();
    assert_eq!(stage.cdr().attempts[0].reason, "unreachable");
}

#[test]
fn busy_and_its_like_end_the_hunt() {
    for status in [486, 410, 484, 487, 600, 603] {
        let (told, reason, mut stage) = refused(&[status]);
        assert_eq!(told, status);
        assert!(reason.starts_with("Q.850;cause="), "{reason}");
        stage.silence(addr(BETA));
    }
}

#[test]
fn the_best_of_all_failures_is_told() {
    for (answers, told) in [
        ([503, 404], 404),
        ([404, 503], 404),
        ([503, 503], 500),
        ([403, 500], 500),
        ([480, 500], 480),
        ([500, 486], 486),
        ([302, 404], 404),
        ([401, 407], 500),
        ([404, 603], 603),
    ] {
        assert_eq!(refused(&answers).0, told, "{answers:?}");
    }
}

#[test]
fn a_timeout_never_wins() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 404);
    stage.expect(addr(BETA), "INVITE");
    stage.advance(4_000);
    phone.refused(&mut stage, 404);
    stage.over();
    assert_eq!(stage.cdr().attempts.len(), 2);
}

#[test]
fn a_phone_that_rings_too_long_is_480() {
    let mut plan = Plan::standard();
    plan.carriers[0].no_answer_secs = 20;
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    alpha.ring(&mut stage);
    stage.advance(20_000);
    phone.refused(&mut stage, 480);
    let cancel = stage.expect(alpha.at, "CANCEL");
    alpha.answer_to(&mut stage, &cancel, 200, None);
    alpha.fail(&mut stage, 487);
    stage.over();
    stage.silence(addr(BETA));
}

#[test]
fn after_early_media_there_is_no_other_carrier() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    let sdp = alpha.sdp();
    alpha.reply(&mut stage, 183, "", Some(&sdp));
    let early = phone.expect(&mut stage, "183 INVITE");
    assert_eq!(sdp::payloads(&early.body()), [8, 101]);
    alpha.fail(&mut stage, 503);
    phone.refused(&mut stage, 500);
    stage.over();
    stage.silence(addr(BETA));
}

#[test]
fn an_answer_that_is_none_goes_to_the_second() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    let wrong = sdp::write(alpha.at.ip(), &sdp::G722);
    alpha.reply(&mut stage, 200, "", Some(&wrong));
    stage.expect(alpha.at, "ACK");
    alpha.bye_comes(&mut stage);
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    beta.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().carrier.as_deref(), Some("beta"));
    assert_eq!(stage.late_costs(), [50], "it was answered, and is charged");
}

#[test]
fn full_and_dead_carriers_are_503_without_a_blackout() {
    let mut plan = Plan::standard();
    plan.carriers.iter_mut().for_each(|carrier| carrier.max_calls = 1);
    let mut stage = Stage::new(plan);
    stage.talk("c1", "34511000000");
    let mut second = stage.phone("c2", "34511000000");
    second.invite(&mut stage);
    Callee::wait(&mut stage, BETA).ring(&mut stage);
    let mut third = stage.phone("c3", "34511000000");
    third.invite(&mut stage);
    let full = third.refused(&mut stage, 503);
    assert_eq!(full.header(Name::RetryAfter), None);
    assert!(full.header(Name::Reason).is_some_and(|reason| reason.starts_with("Q.850;cause=34")));
}

#[test]
fn a_carrier_that_fails_too_often_is_skipped() {
    let mut plan = Plan::standard();
    plan.carriers.iter_mut().for_each(|carrier| carrier.down_after = 1);
    let mut stage = Stage::new(plan);
    let mut first = stage.phone("c1", "34511000000");
    first.invite(&mut stage);
    Callee::wait(&mut stage, ALPHA).fail(&mut stage, 503);
    Callee::wait(&mut stage, BETA).fail(&mut stage, 503);
    first.refused(&mut stage, 500);
    let mut second = stage.phone("c2", "34511000000");
    second.invite(&mut stage);
    let down = second.refused(&mut stage, 503);
    assert_eq!(down.header(Name::RetryAfter), None);
    assert!(down.header(Name::Reason).is_some_and(|reason| reason.starts_with("Q.850;cause=41")));
    stage.silence(addr(ALPHA));
}
