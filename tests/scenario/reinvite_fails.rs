//! Corner 16: a re-INVITE that fails leaves the session as it was; only 408 and 481 end it (RFC 3261 §14.1).

use crate::stage::Stage;

#[test]
fn the_old_session_stays() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(2_000);
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    callee.answer_to(&mut stage, &ours, 488, None);
    stage.expect(callee.at, "ACK");
    phone.refused(&mut stage, 488);
    stage.advance(3_000);
    assert_eq!(stage.node.live_calls(), 1);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (5_000, "normal"));
}

#[test]
fn a_side_that_knows_no_such_dialog_is_gone() {
    let mut stage = Stage::standard();
    let (mut phone, mut callee) = stage.talk("c1", "34600000000");
    stage.advance(2_000);
    phone.reinvite(&mut stage, "sendonly");
    let ours = stage.expect(callee.at, "INVITE");
    callee.answer_to(&mut stage, &ours, 481, None);
    phone.refused(&mut stage, 481);
    phone.bye_comes(&mut stage);
    stage.over();
    let kinds = stage.kinds(callee.at);
    assert_eq!(kinds, ["ACK"], "no BYE into a dialog that is gone");
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (2_000, "dialog-gone"));
}

#[test]
fn a_side_that_is_silent_is_gone_after_its_time() {
    let mut stage = Stage::standard();
    let (mut phone, callee) = stage.talk("c1", "34600000000");
    phone.reinvite(&mut stage, "sendonly");
    stage.expect(callee.at, "INVITE");
    stage.advance(32_100);
    phone.refused(&mut stage, 408);
    phone.bye_comes(&mut stage);
    stage.expect(callee.at, "BYE");
    stage.over();
    assert_eq!((stage.cdr().duration_ms, &*stage.cdr().reason), (32_000, "dialog-gone"));
}
