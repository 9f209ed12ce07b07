//! What the two sides of a relayed call do differently: payload numbers, families of addresses, destinations
//! that are heard before another answers, or nobody does.

use tests::plan::{Plan, RELAY, RELAY_V6};

use crate::phone::{Callee, Phone};
use crate::relay::{media_of, relayed, target};
use crate::stage::{ALPHA, BETA, Stage, addr};

const NUMBER: &str = "34600000000";
const PORTS: (u16, u16) = (20_000, 20_099);

/// The called side may use numbers of its own for what it was offered (RFC 3264 §6.1): packets to it have
/// those, packets of it the caller's.
#[test]
fn payload_numbers_of_each_side() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let b = target(&callee.invite.body());
    let said = callee.sdp();
    assert!(said.contains("a=rtpmap:101 telephone-event/8000"), "{said}");
    callee.reply(&mut stage, 200, "", Some(&said.replace("101", "96")));
    let ok = phone.answered(&mut stage);
    let (a, told) = (target(&ok.body()), String::from_utf8_lossy(&ok.body()).into_owned());
    assert!(told.contains("RTP/AVP 8 101\r\n") && !told.contains("rtpmap:96"), "{told}");
    let (caller, called) = (media_of(phone.at), media_of(callee.at));
    for (from, to, came, goes) in [
        (caller, a, 8, 8),
        (caller, a, 101, 96),
        (called, b, 8, 8),
        (called, b, 101, 101),
        (called, b, 96, 101),
    ] {
        stage.advance(20);
        let sent = stage.relay.rtp_as(stage.now.tick, from, to, came);
        assert_eq!(sent.map(|(_, number)| number), Some(goes), "{came} of {from}");
    }
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

/// A call that nobody answered, but that was heard: its record says of whom and how much.
#[test]
fn early_media_of_an_unanswered_call() {
    for gives_up in [false, true] {
        let mut stage = relayed();
        let mut phone = stage.phone("c1", NUMBER);
        phone.invite(&mut stage);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        let b = target(&callee.invite.body());
        let answer = callee.sdp();
        callee.reply(&mut stage, 183, "", Some(&answer));
        phone.expect(&mut stage, "183 INVITE");
        for _ in 0..7 {
            stage.advance(20);
            assert!(stage.relay.rtp(stage.now.tick, media_of(callee.at), b).is_some());
        }
        if gives_up {
            phone.cancel(&mut stage);
            let cancel = stage.expect(callee.at, "CANCEL");
            callee.answer_to(&mut stage, &cancel, 200, None);
            callee.reply(&mut stage, 487, "", None);
            phone.refused(&mut stage, 487);
        } else {
            callee.fail(&mut stage, 486);
            phone.refused(&mut stage, 486);
        }
        stage.over();
        let cdr = stage.cdr();
        assert_eq!(cdr.media_ip_b, Some(callee.at.ip()), "gives up: {gives_up}");
        assert_eq!((cdr.rtp_packets_b_in, cdr.rtp_packets_a_out), (Some(7), Some(7)), "gives up: {gives_up}");
        assert_eq!((cdr.amount, cdr.rtp_lost_b), (0, Some(0)));
    }
}

/// The called side's ports cannot be opened: the next carrier has its turn, with others.
#[test]
fn the_called_sides_port_fails_and_the_next_carrier_answers() {
    let mut stage = relayed();
    stage.relay.failing = 0..1;
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    let mut beta = Callee::wait(&mut stage, BETA);
    alpha.ring(&mut stage);
    let cancel = stage.expect(alpha.at, "CANCEL");
    alpha.answer_to(&mut stage, &cancel, 200, None);
    alpha.reply(&mut stage, 487, "", None);
    let b = target(&beta.invite.body());
    beta.answer(&mut stage);
    let a = target(&phone.answered(&mut stage).body());
    stage.advance(20);
    assert_eq!(stage.relay.rtp(stage.now.tick, media_of(phone.at), a), Some(media_of(beta.at)));
    assert_eq!(stage.relay.rtp(stage.now.tick, media_of(beta.at), b), Some(media_of(phone.at)));
    phone.bye(&mut stage);
    beta.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    let tried: Vec<&str> = cdr.attempts.iter().map(|attempt| &*attempt.reason).collect();
    assert_eq!(tried, ["no media ports", "answered"]);
}

/// Both families are at hand: each side is told an address of its own. With one alone the other family is
/// offered that, and a caller who can only be sent to over it is refused.
#[test]
fn each_side_is_told_an_address_of_its_family() {
    for (has_v6, caller_v6, told) in [
        (true, true, Some(RELAY_V6)),
        (true, false, Some(RELAY)),
        (false, false, Some(RELAY)),
        (false, true, None),
    ] {
        let mut plan = Plan::standard().relayed(PORTS);
        plan.gates[0].source.push(route::Cidr::parse("2001:db8::11").expect("block"));
        if !has_v6 {
            plan.media.relay.as_mut().expect("relayed").addresses.retain(|address| address.ours.is_ipv4());
        }
        let mut stage = Stage::new(plan);
        let at = if caller_v6 { "[2001:db8::11]:5060" } else { "192.0.2.11:5060" };
        let mut phone = Phone::new(addr(at), "c1", NUMBER);
        phone.invite(&mut stage);
        let Some(told) = told else {
            phone.refused(&mut stage, 488);
            stage.over();
            assert_eq!(&*stage.cdr().reason, "bad-media-address");
            continue;
        };
        let mut callee = Callee::wait(&mut stage, ALPHA);
        assert_eq!(target(&callee.invite.body()).ip().to_string(), RELAY);
        callee.answer(&mut stage);
        assert_eq!(target(&phone.answered(&mut stage).body()).ip().to_string(), told);
        phone.bye(&mut stage);
        callee.bye_comes(&mut stage);
        stage.over();
    }
}
