//! Corner 49: the same INVITE by two ways is one call (RFC 3261 §8.2.2.2).

use bytes::Bytes;

use crate::phone::Callee;
use crate::stage::{ALPHA, Stage};

#[test]
fn the_second_way_is_482() {
    let mut stage = Stage::standard();
    let mut phone = stage.phone("c1", "34600000000");
    phone.invite(&mut stage);
    Callee::wait(&mut stage, ALPHA);
    let text = String::from_utf8_lossy(phone.invite.as_ref().unwrap().as_bytes())
        .replace("branch=z9hG4bK", "branch=z9hG4bK-other-way");
    stage.send(phone.at, &Bytes::from(text));
    phone.expect(&mut stage, "482 INVITE");
    assert_eq!(stage.node.live_calls(), 1);
}
