//! Calls to numbers of ours that come back: the same call by a proxy, the last hop, and agents that make a
//! new call of each.

use bytes::Bytes;

use crate::numbers::{NUMBER, calling, cause, plan};
use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, PBX, Stage, addr};

/// The INVITE that the PBX got, as a proxy there would send it on to `number` at the switch.
fn sent_on(stage: &mut Stage, number: &str) {
    let mut phone = calling(ALPHA, NUMBER);
    phone.invite(stage);
    let callee = Callee::wait(stage, PBX);
    let text = String::from_utf8_lossy(callee.invite.as_bytes()).into_owned();
    let text = text.replacen("\r\n", &format!("\r\nVia: SIP/2.0/UDP {PBX};branch=z9hG4bKproxy\r\n"), 1);
    let text = text.replacen("sip:34911000001@192.0.2.11", &format!("sip:{number}@192.0.2.1"), 1);
    stage.send(addr(PBX), &Bytes::from(text));
}

#[test]
fn our_own_call_that_comes_back_is_482() {
    let mut stage = Stage::new(plan());
    sent_on(&mut stage, NUMBER);
    let looped = stage.expect(addr(PBX), "482 INVITE");
    assert_eq!(cause(&looped), "25");
}

/// Forwarded to another number it is no loop: it is the PBX's call, which it pays for.
#[test]
fn one_that_is_forwarded_goes_on() {
    let mut stage = Stage::new(plan());
    sent_on(&mut stage, "34600000009");
    stage.expect(addr(ALPHA), "INVITE");
}

#[test]
fn no_more_hops_is_483_to_a_carrier_too() {
    let mut stage = Stage::new(plan());
    let mut phone = calling(ALPHA, NUMBER);
    let text = String::from_utf8_lossy(&phone.dialog.request("INVITE", "", None))
        .replace("Max-Forwards: 70", "Max-Forwards: 0");
    stage.send(addr(ALPHA), &Bytes::from(text));
    phone.expect(&mut stage, "483 INVITE");
    stage.silence(addr(PBX));
}

/// A PBX that makes a new call to the number of each call that comes for it: nothing in it tells that it is
/// the same, and it must end.
#[test]
fn an_agent_that_calls_its_own_number_again_and_again_is_stopped() {
    const FREE: &str = "4930000001";
    let mut stage = Stage::new(plan());
    let mut phone = calling(ALPHA, FREE);
    phone.invite(&mut stage);
    let mut rounds = 0;
    let stopped = loop {
        let inbox = stage.inbox(addr(PBX));
        if let Some(refusal) = inbox.iter().find(|message| !message.is_request() && message.status() >= 300) {
            break refusal.status();
        }
        assert!(
            inbox.iter().any(|message| message.is_request()),
            "neither a call nor an end after {rounds} rounds"
        );
        rounds += 1;
        assert!(rounds < 100, "it never ends");
        Phone::new(addr(PBX), &format!("again-{rounds}"), FREE).invite(&mut stage);
    };
    assert_eq!((stopped, rounds), (482, 16));
    stage.over();
    assert!(stage.cdrs.iter().all(|cdr| cdr.amount == 0));
    // All of them are over: the next one rings again.
    let mut next = Phone::new(addr(ALPHA), "next", FREE);
    next.invite(&mut stage);
    Callee::wait(&mut stage, PBX);
}
