//! A carrier that was given up answers after all: ACK and BYE, its cost booked; the call that went elsewhere
//! does not notice.

use crate::phone::Callee;
use crate::stage::{ALPHA, BETA, Stage};

#[test]
fn the_late_answer_is_ended_and_paid() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut alpha = Callee::wait_as(&mut stage, ALPHA, "late");
    stage.advance(4_000);
    let mut beta = Callee::wait(&mut stage, BETA);
    beta.answer(&mut stage);
    phone.answered(&mut stage);
    stage.advance(1_000);
    stage.inbox(alpha.at);
    alpha.answer(&mut stage);
    stage.expect(alpha.at, "ACK");
    alpha.bye_comes(&mut stage);
    stage.silence(phone.at);
    stage.advance(30_000);
    phone.bye(&mut stage);
    beta.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.duration_ms, cdr.amount), (31_000, 7_407));
    let attempts: Vec<_> = cdr.attempts.iter().map(|attempt| (&*attempt.carrier, attempt.status)).collect();
    assert_eq!(attempts, [("alpha", None), ("beta", Some(200))]);
    assert_eq!(stage.late_costs(), [50]);
}
