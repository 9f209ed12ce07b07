//! Overload control between neighbours (RFC 7339): what we tell peers that announce it, and what becomes of
//! calls to a carrier that tells us.

use node::{Input, Pressure};
use sip::{Message, Name};
use tests::dialogue::{parse, reply};
use tests::plan::Plan;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, BETA, Stage, addr};

const NUMBER: &str = "34511000000";
const ANNOUNCED: &str = ";oc;oc-algo=\"loss\"";

/// An INVITE that announces it in its Via.
fn invite(stage: &mut Stage, call: &str, announced: &str) -> Phone {
    let mut phone = stage.phone(call, NUMBER);
    let bytes = phone.dialog.request("INVITE", "", Some(&phone.sdp("sendrecv")));
    let text =
        String::from_utf8(bytes.to_vec()).unwrap().replacen(";rport", &format!(";rport{announced}"), 1);
    phone.invite = Some(parse(&text.clone().into()));
    stage.send(phone.at, &text.into());
    phone
}

/// The parameters of overload control in a response's top Via, without the number of the report.
fn told(response: &Message) -> String {
    let via = response.header(Name::Via).expect("a Via");
    let at = via.find(";oc").unwrap_or(via.len());
    via[at..].split(";oc-seq=").next().unwrap_or_default().to_owned()
}

/// The answer to one call more.
fn answer(stage: &mut Stage, call: &str, announced: &str) -> Message {
    let phone = invite(stage, call, announced);
    let mut inbox = stage.inbox(phone.at);
    if inbox.is_empty() {
        let mut alpha = Callee::wait(stage, ALPHA);
        alpha.fail(stage, 486);
        inbox = stage.inbox(phone.at);
    }
    let response = inbox.pop().expect("an answer");
    let ack = tests::dialogue::ack_failure(phone.invite.as_ref().expect("it called"), &response);
    stage.send(phone.at, &ack);
    response
}

#[test]
fn peers_that_announce_it_are_told_what_part_has_no_room() {
    let mut stage = Stage::standard();
    let calm = answer(&mut stage, "c1", ANNOUNCED);
    assert_eq!((calm.status(), &*told(&calm)), (486, ";oc=0;oc-algo=\"loss\";oc-validity=0"));
    // Three of four have room.
    stage.advance(1_000);
    for call in ["c2", "c3", "c4"] {
        assert_eq!(answer(&mut stage, call, ANNOUNCED).status(), 486);
    }
    stage.input(Input::Journal(Pressure::Half));
    assert_eq!(answer(&mut stage, "c5", ANNOUNCED).status(), 503);
    stage.input(Input::Journal(Pressure::Ok));
    stage.advance(500);
    let crowded = answer(&mut stage, "c6", ANNOUNCED);
    assert_eq!((crowded.status(), &*told(&crowded)), (486, ";oc=25;oc-algo=\"loss\";oc-validity=1000"));
    assert!(crowded.header(Name::Via).unwrap().contains(";oc-seq=17676072"), "seconds of the clock");
    // Who announces nothing, or other algorithms, is told nothing.
    assert_eq!(told(&answer(&mut stage, "c7", "")), "");
    let other = told(&answer(&mut stage, "c8", ";oc;oc-algo=\"rate\""));
    assert!(other.starts_with(";oc;oc-algo=\"rate\";received"), "{other}");
    // It falls when nothing is refused any more.
    stage.advance(500);
    assert_eq!(told(&answer(&mut stage, "c9", ANNOUNCED)), ";oc=15;oc-algo=\"loss\";oc-validity=1000");
    stage.advance(1_000);
    assert_eq!(told(&answer(&mut stage, "c10", ANNOUNCED)), ";oc=0;oc-algo=\"loss\";oc-validity=0");
    stage.input(Input::Drain);
    let draining = answer(&mut stage, "c11", ANNOUNCED);
    assert_eq!((draining.status(), &*told(&draining)), (503, ";oc=100;oc-algo=\"loss\";oc-validity=1000"));
    stage.over();
}

/// A carrier's 486 that tells this of its load.
fn busy(stage: &mut Stage, callee: &Callee, told: &str) {
    assert!(callee.invite.header(Name::Via).unwrap().ends_with(&format!(";rport{ANNOUNCED}")));
    let text = String::from_utf8(reply(&callee.invite, 486, "b1", callee.at, "", None).to_vec()).unwrap();
    stage.send(callee.at, &text.replacen(ANNOUNCED, told, 1).into());
    stage.expect(callee.at, "ACK");
}

/// So many calls, each refused by whom it reached: how many reached alpha.
fn reach_alpha(stage: &mut Stage, name: &str, calls: usize) -> usize {
    let mut reached = 0;
    for call in 0..calls {
        let mut phone = stage.phone(&format!("{name}{call}"), NUMBER);
        phone.invite(stage);
        let at_alpha = stage.inbox(addr(ALPHA));
        match at_alpha.into_iter().find(Message::is_request) {
            Some(invite) => {
                reached += 1;
                stage.send(addr(ALPHA), &reply(&invite, 486, "b1", addr(ALPHA), "", None));
            }
            None => Callee::wait(stage, BETA).fail(stage, 486),
        }
        phone.refused(stage, 486);
        stage.inbox(addr(ALPHA));
    }
    reached
}

fn heeding() -> Plan {
    let mut plan = Plan::standard();
    plan.carriers[0].overload_control = true;
    plan
}

#[test]
fn a_carrier_that_says_so_gets_only_the_calls_that_it_has_room_for() {
    let mut stage = Stage::new(heeding());
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    let alpha = Callee::wait(&mut stage, ALPHA);
    busy(&mut stage, &alpha, ";oc=40;oc-algo=\"loss\";oc-validity=5000;oc-seq=10.5");
    phone.refused(&mut stage, 486);
    // Of ten in a row four go to the next carrier.
    assert_eq!(reach_alpha(&mut stage, "d", 10), 6);
    assert_eq!(reach_alpha(&mut stage, "e", 5), 3);
    // No response of alpha's renewed it, as those had no parameters.
    stage.advance(5_000);
    assert_eq!(reach_alpha(&mut stage, "f", 10), 10);
    stage.over();
}

/// Values that are older, or that no server could mean, change nothing.
#[test]
fn what_a_carrier_cannot_mean_is_not_heeded() {
    let mut stage = Stage::new(heeding());
    let calls = |stage: &mut Stage, call: &str, told: &str| {
        let mut phone = stage.phone(call, NUMBER);
        phone.invite(stage);
        let alpha = Callee::wait(stage, ALPHA);
        busy(stage, &alpha, told);
        phone.refused(stage, 486);
    };
    for (call, told) in [
        ("c1", ";oc=101;oc-algo=\"loss\""),
        ("c2", ";oc=50;oc-algo=\"rate\""),
        ("c3", ";oc=50;oc-algo=\"loss\";oc-validity=0"),
        ("c4", ";oc=50"),
    ] {
        calls(&mut stage, call, told);
        assert_eq!(reach_alpha(&mut stage, call, 4), 4, "{told}");
    }
    calls(&mut stage, "c5", ";oc=50;oc-algo=\"loss\";oc-validity=9000;oc-seq=10.5");
    assert_eq!(reach_alpha(&mut stage, "d", 4), 2);
    calls(&mut stage, "c6", ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=10.49999");
    assert_eq!(reach_alpha(&mut stage, "e", 5), 2);
    calls(&mut stage, "c7", ";oc=0;oc-algo=\"loss\";oc-validity=0;oc-seq=10.50001");
    assert_eq!(reach_alpha(&mut stage, "f", 4), 4);
    stage.over();
}

/// Without another carrier the caller is refused, without Retry-After, and the carrier is not blamed.
#[test]
fn where_nobody_has_room_the_call_is_refused() {
    let mut plan = heeding();
    plan.routes = vec![("34", vec!["alpha"])];
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    let alpha = Callee::wait(&mut stage, ALPHA);
    busy(&mut stage, &alpha, ";oc=100;oc-algo=\"loss\";oc-validity=5000");
    phone.refused(&mut stage, 486);
    for call in 0..20 {
        let mut phone = stage.phone(&format!("d{call}"), NUMBER);
        phone.invite(&mut stage);
        let refusal = phone.refused(&mut stage, 503);
        assert_eq!(refusal.header(Name::RetryAfter), None);
    }
    stage.silence(addr(ALPHA));
    assert!(stage.node.carriers_down(stage.now.tick).is_empty());
    let last = stage.cdrs.last().unwrap();
    assert_eq!((last.sip_status, last.amount, last.attempts.len()), (503, 0, 1), "{last:?}");
    stage.over();
}
