//! Corners 5 and 7: two phones answer, the first is kept; a 2xx that comes again gets the same ACK (RFC 3261
//! §13.2.2.4, RFC 6026).

use tests::dialogue::{Dialogue, reply};

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage, addr};

#[test]
fn the_second_answer_is_acknowledged_and_ended() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34511000000");
    let sdp = callee.sdp();
    stage.send(callee.at, &reply(&callee.invite, 200, "fork", callee.at, "", Some(&sdp)));
    let ack = stage.expect(callee.at, "ACK");
    assert_eq!(ack.to_tag(), "fork");
    let bye = stage.expect(callee.at, "BYE");
    assert_eq!(bye.to_tag(), "fork");
    let mut fork = Callee {
        dialog: Dialogue::callee(callee.at, &callee.invite, "fork"),
        tag: "fork".to_owned(),
        ..Callee::clone(&callee)
    };
    fork.answer_to(&mut stage, &bye, 200, None);
    stage.silence(phone.at);
    stage.advance(31_000);
    phone.bye(&mut stage);
    assert_eq!(callee.bye_comes(&mut stage).to_tag(), "b1");
    stage.over();
    assert_eq!(stage.cdr().amount, 7_407, "one bill");
}

#[test]
fn a_repeated_answer_gets_the_same_ack() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    let first = stage.expect(addr(ALPHA), "ACK");
    stage.advance(500);
    callee.answer(&mut stage);
    let second = stage.expect(addr(ALPHA), "ACK");
    assert_eq!(first.as_bytes(), second.as_bytes());
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    stage.cdr();
}

#[test]
fn several_phones_ring_and_another_answers() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34511000000");
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    for tag in ["r1", "r2"] {
        stage.send(callee.at, &reply(&callee.invite, 180, tag, callee.at, "", None));
        let ringing = phone.expect(&mut stage, "180 INVITE");
        assert!(!ringing.to_tag().contains(tag), "tags do not cross");
    }
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    stage.cdr();
}
