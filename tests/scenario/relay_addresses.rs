//! Attack 42: media addresses that nothing may be sent to, in each place where a peer can say one. Ours are
//! 203.0.113.5 with ports 20,000 to 20,099, and the listener 192.0.2.1 of the standard plan.

use tests::plan::{Plan, carrier, gate};
use tests::{dialogue, sdp};

use crate::phone::{Callee, Phone};
use crate::relay::{Talk, relayed};
use crate::stage::{ALPHA, PBX, Stage, addr};

const NUMBER: &str = "34600000000";
/// Addresses that are refused, with a port.
const BAD: [(&str, u16); 9] = [
    ("203.0.113.5", 20_050),
    ("127.0.0.1", 40_000),
    ("127.1.2.3", 40_000),
    ("0.0.0.0", 40_000),
    ("224.0.0.1", 40_000),
    ("255.255.255.255", 40_000),
    ("::ffff:127.0.0.1", 40_000),
    ("::", 40_000),
    ("ff02::1", 40_000),
];

/// The audio stream of `sdp` at another place.
fn at(sdp: &str, (ip, port): (&str, u16)) -> String {
    let family = if ip.contains(':') { "IP6" } else { "IP4" };
    let lines = sdp.lines().map(|line| match line {
        line if line.starts_with("c=") => format!("c=IN {family} {ip}"),
        line => line.replace("m=audio 40000", &format!("m=audio {port}")),
    });
    lines.map(|line| line + "\r\n").collect()
}

fn offers(stage: &mut Stage, phone: &mut Phone, sdp: &str) {
    let bytes = phone.dialog.request("INVITE", "", Some(sdp));
    phone.invite = Some(dialogue::parse(&bytes));
    stage.send(phone.at, &bytes);
}

#[test]
fn attack_42_in_a_first_offer() {
    for bad in BAD {
        let mut stage = relayed();
        let mut phone = stage.phone("c1", NUMBER);
        let sdp = at(&phone.sdp("sendrecv"), bad);
        offers(&mut stage, &mut phone, &sdp);
        phone.refused(&mut stage, 488);
        stage.silence(addr(ALPHA));
        stage.over();
        let cdr = stage.cdr();
        assert_eq!((cdr.sip_status, cdr.cause_q850.0, cdr.amount), (488, 65, 0), "{bad:?}");
        assert!(stage.relay.commands.is_empty());
    }
}

/// A host name cannot be judged, a listener's address with a port of the relay is ours too; with another
/// port it is some program's beside us.
#[test]
fn attack_42_by_other_names() {
    let listener = addr(dialogue::SWITCH).ip().to_string();
    for (place, is_refused) in [
        (("pbx.example.net", 40_000), true),
        ((&*listener, 20_001), true),
        ((&*listener, 40_000), false),
        (("203.0.113.5", 30_000), false),
    ] {
        let mut stage = relayed();
        let mut phone = stage.phone("c1", NUMBER);
        let sdp = at(&phone.sdp("sendrecv"), place);
        offers(&mut stage, &mut phone, &sdp);
        if is_refused {
            phone.refused(&mut stage, 488);
        } else {
            Callee::wait(&mut stage, ALPHA);
        }
    }
}

/// The carrier decides that the call is relayed: the same, without a word to it.
#[test]
fn attack_42_where_only_the_carrier_is_relayed() {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.gates[0].media.path = route::MediaPath::Bypass;
    plan.routes = vec![("34", vec!["alpha"])];
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", NUMBER);
    let sdp = at(&phone.sdp("sendrecv"), BAD[0]);
    offers(&mut stage, &mut phone, &sdp);
    phone.refused(&mut stage, 488);
    stage.silence(addr(ALPHA));
    stage.over();
}

/// An answer like that is none: the carrier has its BYE, and the next is tried.
#[test]
fn attack_42_in_an_answer() {
    for bad in BAD.into_iter().filter(|(ip, _)| !matches!(*ip, "0.0.0.0" | "::")) {
        let mut stage = relayed();
        let mut phone = stage.phone("c1", NUMBER);
        phone.invite(&mut stage);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        let answer = at(&callee.sdp(), bad);
        callee.reply(&mut stage, 200, "", Some(&answer));
        stage.expect(callee.at, "ACK");
        callee.bye_comes(&mut stage);
        let mut next = Callee::wait(&mut stage, crate::stage::BETA);
        next.answer(&mut stage);
        phone.answered(&mut stage);
        phone.bye(&mut stage);
        next.bye_comes(&mut stage);
        stage.over();
    }
}

/// In mid-call it is refused, and the call goes on; 0.0.0.0 is hold.
#[test]
fn attack_42_in_a_later_offer() {
    let mut stage = relayed();
    let mut talk = Talk::begin(&mut stage);
    for bad in BAD.into_iter().filter(|(ip, _)| !matches!(*ip, "0.0.0.0" | "::")) {
        talk.phone.sdp_version += 1;
        let sdp = at(&talk.phone.sdp("sendrecv"), bad);
        offers(&mut stage, &mut talk.phone, &sdp);
        talk.phone.refused(&mut stage, 488);
    }
    talk.phone.sdp_version += 1;
    let sdp = at(&talk.phone.sdp("sendrecv"), ("0.0.0.0", 40_000));
    offers(&mut stage, &mut talk.phone, &sdp);
    let asked = stage.expect(talk.callee.at, "INVITE");
    assert_eq!(sdp::direction(&asked.body()), "sendonly", "hold, by our address");
    let answer = sdp::answer(&asked.body(), talk.callee.at.ip(), 2);
    talk.callee.answer_to(&mut stage, &asked, 200, Some(&answer));
    let ok = talk.phone.expect(&mut stage, "200 INVITE");
    talk.phone.ack(&mut stage, None);
    assert_eq!(sdp::direction(&ok.body()), "recvonly");
    stage.advance(20);
    assert_eq!(talk.callee_sends(&mut stage), None, "nothing goes to nobody");
    talk.end(&mut stage);
}

/// Hold from the first offer on is no address to send to either, but no attack.
#[test]
fn a_call_that_begins_on_hold() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", NUMBER);
    let sdp = at(&phone.sdp("inactive"), ("0.0.0.0", 40_000));
    offers(&mut stage, &mut phone, &sdp);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    assert_eq!(sdp::direction(&callee.invite.body()), "inactive");
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

/// On a test bench all is loopback.
#[test]
fn loopback_for_peers_on_loopback() {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.gates.push(gate("lab", "acme", "127.0.0.11"));
    plan.gates[1].media.path = route::MediaPath::Relay;
    plan.carriers.push(carrier("local", "sip:127.0.0.12:5060"));
    plan.routes = vec![("34", vec!["local"])];
    let mut stage = Stage::new(plan);
    let mut phone = Phone::new(addr("127.0.0.11:5060"), "c1", NUMBER);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, "127.0.0.12:5060");
    callee.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

/// Bypass stays as it was: who talks to whom is their business.
#[test]
fn bypass_refuses_nothing_new() {
    let mut stage = Stage::standard();
    let mut phone = Phone::new(addr(PBX), "c1", NUMBER);
    let sdp = at(&phone.sdp("sendrecv"), ("127.0.0.1", 40_000));
    offers(&mut stage, &mut phone, &sdp);
    Callee::wait(&mut stage, ALPHA);
}
