//! Relayed calls: whose address each side is told, what the relay is told of each side, ports, and that
//! nothing of it stays behind.

use std::net::SocketAddr;

use media::relay::{MediaCommand, RtcpPlace};
use route::MediaPath;
use tests::plan::{Plan, RELAY, RELAY_V6, carrier};
use tests::sdp;

use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, BETA, PBX, Stage, addr};

const PORTS: (u16, u16) = (20_000, 20_099);
const NUMBER: &str = "34600000000";

pub fn relayed() -> Stage {
    Stage::new(Plan::standard().relayed(PORTS))
}

/// Where a session wants its audio.
pub fn target(body: &[u8]) -> SocketAddr {
    let text = String::from_utf8_lossy(body);
    let connection = text.lines().filter_map(|line| line.strip_prefix("c=IN IP")).next_back().expect("c=");
    let port = text.lines().find_map(|line| line.strip_prefix("m=audio ")).expect("m=");
    let port = port.split(' ').next().expect("port").parse().expect("port");
    SocketAddr::new(connection[2..].trim().parse().expect("address"), port)
}

/// Both sides of an answered call, and where each was told to send.
pub struct Talk {
    pub phone: Phone,
    pub callee: Callee,
    /// Ours toward the caller.
    pub a: SocketAddr,
    /// Ours toward the called side.
    pub b: SocketAddr,
}

impl Talk {
    #[track_caller]
    pub fn begin(stage: &mut Stage) -> Self {
        let mut phone = stage.phone("c1", NUMBER);
        phone.invite(stage);
        let mut callee = Callee::wait(stage, ALPHA);
        let b = target(&callee.invite.body());
        callee.answer(stage);
        stage.expect(addr(ALPHA), "ACK");
        let ok = phone.answered(stage);
        Self { phone, callee, a: target(&ok.body()), b }
    }

    /// A packet of the caller; where it goes.
    pub fn caller_sends(&self, stage: &mut Stage) -> Option<SocketAddr> {
        stage.relay.rtp(stage.now.tick, media_of(self.phone.at), self.a)
    }

    /// A packet of the called side; where it goes.
    pub fn callee_sends(&self, stage: &mut Stage) -> Option<SocketAddr> {
        stage.relay.rtp(stage.now.tick, media_of(self.callee.at), self.b)
    }

    #[track_caller]
    pub fn end(mut self, stage: &mut Stage) {
        self.phone.bye(stage);
        self.phone.expect(stage, "200 BYE");
        self.callee.bye_comes(stage);
        stage.over();
    }
}

/// Where the model peers say that their audio is.
pub fn media_of(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip(), 40_000)
}

#[test]
fn each_side_hears_the_other_by_our_ports() {
    let mut stage = relayed();
    let talk = Talk::begin(&mut stage);
    for ours in [talk.a, talk.b] {
        assert_eq!(ours.ip().to_string(), RELAY);
        assert!(ours.port().is_multiple_of(2) && (PORTS.0..PORTS.1).contains(&ours.port()), "{ours}");
    }
    assert_ne!(talk.a, talk.b);
    assert_eq!(stage.relay.open_ports().len(), 2);
    for _ in 0..5 {
        stage.advance(20);
        assert_eq!(talk.caller_sends(&mut stage), Some(media_of(addr(ALPHA))));
        assert_eq!(talk.callee_sends(&mut stage), Some(media_of(addr(PBX))));
    }
    // A stranger's packets reach nobody.
    assert_eq!(stage.relay.rtp(stage.now.tick, addr("203.0.113.66:4000"), talk.a), None);
    assert_eq!(stage.relay.dropped(), 1);
    let (phone_at, callee_at) = (talk.phone.at.ip(), talk.callee.at.ip());
    talk.end(&mut stage);
    let cdr = stage.cdr();
    assert_eq!((cdr.media_ip_a, cdr.media_ip_b), (Some(phone_at), Some(callee_at)));
    assert_eq!((cdr.rtp_packets_a_in, cdr.rtp_packets_a_out), (Some(5), Some(5)));
    assert_eq!((cdr.rtp_packets_b_in, cdr.rtp_packets_b_out), (Some(5), Some(5)));
    assert_eq!((cdr.rtp_lost_a, cdr.rtp_lost_b), (Some(0), Some(0)));
    assert!(cdr.jitter_ms_a.is_some() && cdr.jitter_ms_b.is_some());
}

#[test]
fn neither_side_is_told_of_the_other() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    assert!(!String::from_utf8_lossy(&callee.invite.body()).contains("192.0.2.11"));
    callee.answer(&mut stage);
    let ok = phone.answered(&mut stage);
    assert!(!String::from_utf8_lossy(&ok.body()).contains("198.51.100.1"));
}

#[test]
fn a_call_goes_directly_only_if_both_sides_say_so() {
    for (gate, alpha, is_relayed) in [
        (MediaPath::Bypass, MediaPath::Bypass, false),
        (MediaPath::Bypass, MediaPath::Relay, true),
        (MediaPath::Relay, MediaPath::Bypass, true),
    ] {
        let mut plan = Plan::standard().relayed(PORTS);
        plan.gates[0].media.path = gate;
        plan.carriers[0].media.path = alpha;
        let mut stage = Stage::new(plan);
        let talk = Talk::begin(&mut stage);
        assert_eq!(talk.b.ip().to_string() == RELAY, is_relayed, "{gate:?} {alpha:?}");
        assert_eq!(talk.a.ip().to_string() == RELAY, is_relayed, "{gate:?} {alpha:?}");
        talk.end(&mut stage);
        assert_eq!(stage.cdr().rtp_packets_a_in.is_some(), is_relayed);
    }
}

/// One carrier by the relay, the next directly: the caller is told what holds at its answer.
#[test]
fn both_ways_in_one_call() {
    for (first, second) in [(MediaPath::Relay, MediaPath::Bypass), (MediaPath::Bypass, MediaPath::Relay)] {
        let mut plan = Plan::standard().relayed(PORTS);
        plan.gates[0].media.path = MediaPath::Bypass;
        (plan.carriers[0].media.path, plan.carriers[1].media.path) = (first, second);
        let mut stage = Stage::new(plan);
        let mut phone = stage.phone("c1", NUMBER);
        phone.invite(&mut stage);
        let mut alpha = Callee::wait(&mut stage, ALPHA);
        alpha.fail(&mut stage, 503);
        let mut beta = Callee::wait(&mut stage, BETA);
        beta.answer(&mut stage);
        let ok = phone.answered(&mut stage);
        let is_relayed = second == MediaPath::Relay;
        assert_eq!(target(&ok.body()).ip().to_string() == RELAY, is_relayed);
        assert_eq!(stage.relay.open_ports().len(), if is_relayed { 2 } else { 0 }, "the others are closed");
        phone.bye(&mut stage);
        beta.bye_comes(&mut stage);
        stage.over();
        assert_eq!(stage.cdr().rtp_packets_b_in.is_some(), is_relayed);
    }
}

#[test]
fn a_caller_of_ipv6_and_a_carrier_of_ipv4() {
    let mut plan = Plan::standard().relayed(PORTS);
    plan.gates[0].source = vec![route::Cidr::parse("2001:db8::11").expect("block")];
    let mut stage = Stage::new(plan);
    let mut phone = Phone::new(addr("[2001:db8::11]:5060"), "c1", NUMBER);
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let b = target(&callee.invite.body());
    assert_eq!(b.ip().to_string(), RELAY);
    callee.answer(&mut stage);
    let ok = phone.answered(&mut stage);
    let a = target(&ok.body());
    assert_eq!(a.ip().to_string(), RELAY_V6);
    assert!(String::from_utf8_lossy(&ok.body()).contains("c=IN IP6 "));
    stage.advance(20);
    let caller = media_of(phone.at);
    assert_eq!(stage.relay.rtp(stage.now.tick, caller, a), Some(media_of(addr(ALPHA))));
    assert_eq!(stage.relay.rtp(stage.now.tick, media_of(addr(ALPHA)), b), Some(caller));
}

/// The port stays through hold, its end and a new address; the other side learns nothing of it.
#[test]
fn ports_stay_and_addresses_follow() {
    let mut stage = relayed();
    let mut talk = Talk::begin(&mut stage);
    stage.advance(1_000);
    for (direction, theirs) in [("sendonly", "recvonly"), ("inactive", "inactive"), ("sendrecv", "sendrecv")]
    {
        talk.phone.reinvite(&mut stage, direction);
        let asked = stage.expect(talk.callee.at, "INVITE");
        assert_eq!((target(&asked.body()), sdp::direction(&asked.body())), (talk.b, direction));
        let answer = sdp::answer(&asked.body(), talk.callee.at.ip(), talk.phone.sdp_version);
        talk.callee.answer_to(&mut stage, &asked, 200, Some(&answer));
        stage.expect(talk.callee.at, "ACK");
        let ok = talk.phone.expect(&mut stage, "200 INVITE");
        talk.phone.ack(&mut stage, None);
        assert_eq!((target(&ok.body()), sdp::direction(&ok.body())), (talk.a, theirs));
    }
    // The caller moves to another address of its own.
    talk.phone.sdp_version += 1;
    let moved = talk.phone.sdp("sendrecv").replace("m=audio 40000", "m=audio 41000");
    let bytes = talk.phone.dialog.request("INVITE", "", Some(&moved));
    stage.send(talk.phone.at, &bytes);
    let asked = stage.expect(talk.callee.at, "INVITE");
    assert_eq!(target(&asked.body()), talk.b);
    stage.advance(20);
    assert_eq!(
        talk.callee_sends(&mut stage),
        Some(media_of(talk.phone.at)),
        "until the answer the old one holds"
    );
    let answer = sdp::answer(&asked.body(), talk.callee.at.ip(), 9);
    talk.callee.answer_to(&mut stage, &asked, 200, Some(&answer));
    talk.phone.expect(&mut stage, "200 INVITE");
    talk.phone.ack(&mut stage, None);
    stage.advance(20);
    assert_eq!(talk.callee_sends(&mut stage), Some(addr("192.0.2.11:41000")));
    assert_eq!(stage.relay.open_ports().len(), 2);
    talk.end(&mut stage);
}

/// RFC 3261 §14.1: an offer that is refused leaves media as it was.
#[test]
fn a_refused_offer_changes_nothing() {
    let mut stage = relayed();
    let mut talk = Talk::begin(&mut stage);
    stage.advance(1_000);
    let before = stage.relay.commands.len();
    talk.phone.sdp_version += 1;
    let moved = talk.phone.sdp("sendrecv").replace("m=audio 40000", "m=audio 41000");
    let bytes = talk.phone.dialog.request("INVITE", "", Some(&moved));
    talk.phone.invite = Some(tests::dialogue::parse(&bytes));
    stage.send(talk.phone.at, &bytes);
    let asked = stage.expect(talk.callee.at, "INVITE");
    talk.callee.answer_to(&mut stage, &asked, 488, None);
    talk.phone.refused(&mut stage, 488);
    stage.advance(20);
    assert_eq!(stage.relay.commands.len(), before);
    assert_eq!(talk.callee_sends(&mut stage), Some(media_of(talk.phone.at)));
    talk.end(&mut stage);
}

/// Several phones of one carrier ring with voice: the one that spoke last is heard, and the answer decides.
#[test]
fn early_media_of_a_forked_call() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    let mut first = Callee::wait_as(&mut stage, ALPHA, "b1");
    let mut second = first.clone();
    second.tag = "b2".to_owned();
    let b = target(&first.invite.body());
    let at = |port: u16| format!("198.51.100.1:{port}");
    let answer = |port: u16| first.sdp().replace("m=audio 40000", &format!("m=audio {port}"));
    let (one, two) = (answer(42_000), answer(43_000));
    first.reply(&mut stage, 183, "", Some(&one));
    let heard = phone.expect(&mut stage, "183 INVITE");
    let a = target(&heard.body());
    stage.advance(20);
    assert_eq!(stage.relay.rtp(stage.now.tick, addr(&at(42_000)), b), Some(media_of(phone.at)));
    second.reply(&mut stage, 183, "", Some(&two));
    let heard = phone.expect(&mut stage, "183 INVITE");
    assert_eq!(target(&heard.body()), a, "one port for all of them");
    stage.advance(20);
    assert_eq!(stage.relay.rtp(stage.now.tick, media_of(phone.at), a), Some(addr(&at(43_000))));
    first.dialog = tests::dialogue::Dialogue::callee(first.at, &first.invite, "b1");
    first.reply(&mut stage, 200, "", Some(&one));
    phone.answered(&mut stage);
    stage.advance(20);
    assert_eq!(stage.relay.rtp(stage.now.tick, media_of(phone.at), a), Some(addr(&at(42_000))));
    phone.bye(&mut stage);
    first.bye_comes(&mut stage);
    stage.over();
}

/// RFC 3605 and RFC 5761: each leg by itself.
#[test]
fn rtcp_is_agreed_leg_by_leg() {
    for (offers, answers, toward_callee, callers, callees) in [
        ("", "", false, RtcpPlace::Next, RtcpPlace::Next),
        ("a=rtcp-mux\r\n", "", true, RtcpPlace::Mux, RtcpPlace::Next),
        ("a=rtcp-mux\r\n", "a=rtcp-mux\r\n", true, RtcpPlace::Mux, RtcpPlace::Mux),
        ("", "a=rtcp-mux\r\n", false, RtcpPlace::Next, RtcpPlace::Next),
        (
            "a=rtcp:50001\r\n",
            "a=rtcp:50003 IN IP4 198.51.100.1\r\n",
            false,
            RtcpPlace::At(addr("192.0.2.11:50001")),
            RtcpPlace::At(addr("198.51.100.1:50003")),
        ),
        // Not to our own ports, not to loopback.
        (
            "a=rtcp:20001 IN IP4 203.0.113.5\r\n",
            "a=rtcp:9 IN IP4 127.0.0.1\r\n",
            false,
            RtcpPlace::Next,
            RtcpPlace::Next,
        ),
    ] {
        let mut stage = relayed();
        let mut phone = stage.phone("c1", NUMBER);
        let offer = phone.sdp("sendrecv") + offers;
        let bytes = phone.dialog.request("INVITE", "", Some(&offer));
        phone.invite = Some(tests::dialogue::parse(&bytes));
        stage.send(phone.at, &bytes);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        let said = String::from_utf8_lossy(&callee.invite.body()).into_owned();
        assert_eq!(said.contains("a=rtcp-mux"), toward_callee, "{said}");
        assert!(!said.contains("a=rtcp:"), "{said}");
        let answer = callee.sdp() + answers;
        callee.reply(&mut stage, 200, "", Some(&answer));
        let ok = phone.answered(&mut stage);
        let said = String::from_utf8_lossy(&ok.body()).into_owned();
        assert_eq!(said.contains("a=rtcp-mux"), offers.contains("mux"), "{said}");
        let place = |leg: u8| {
            stage.relay.commands.iter().rev().find_map(|command| match command {
                MediaCommand::Peer { endpoint, peer } if endpoint.leg == leg => Some(peer.rtcp),
                _ => None,
            })
        };
        // The called side's endpoint is opened first.
        assert_eq!((place(1), place(0)), (Some(callers), Some(callees)), "{offers}{answers}");
    }
}

#[test]
fn a_late_offer_is_relayed_too() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", NUMBER);
    phone.payloads.clear();
    phone.invite(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let offer = sdp::write(callee.at.ip(), &sdp::G711);
    callee.reply(&mut stage, 200, "", Some(&offer));
    let ok = phone.take_answer(&mut stage);
    let a = target(&ok.body());
    assert_eq!(a.ip().to_string(), RELAY);
    let answer = sdp::answer(&ok.body(), phone.at.ip(), 1);
    phone.ack(&mut stage, Some(&answer));
    let ack = stage.expect(callee.at, "ACK");
    let b = target(&ack.body());
    assert_eq!(b.ip().to_string(), RELAY);
    stage.advance(20);
    assert_eq!(stage.relay.rtp(stage.now.tick, media_of(phone.at), a), Some(media_of(callee.at)));
    assert_eq!(stage.relay.rtp(stage.now.tick, media_of(callee.at), b), Some(media_of(phone.at)));
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn a_gate_without_nat_is_where_it_says() {
    let mut plan = Plan::standard().relayed(PORTS);
    plan.gates[0].media.nat = false;
    let mut stage = Stage::new(plan);
    let talk = Talk::begin(&mut stage);
    let learns: Vec<_> = stage
        .relay
        .commands
        .iter()
        .filter_map(|command| match command {
            MediaCommand::Peer { endpoint, peer } => Some((endpoint.leg, peer.learn)),
            _ => None,
        })
        .collect();
    assert!(learns.contains(&(1, false)) && learns.contains(&(0, true)), "{learns:?}");
    talk.end(&mut stage);
}

/// Behind NAT the caller says a private address, and its media comes from where its signalling does.
#[test]
fn corner_40_symmetric_media_behind_nat() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", NUMBER);
    let private = phone.sdp("sendrecv").replace("192.0.2.11", "10.0.0.7");
    let bytes = phone.dialog.request("INVITE", "", Some(&private));
    phone.invite = Some(tests::dialogue::parse(&bytes));
    stage.send(phone.at, &bytes);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    let a = target(&phone.answered(&mut stage).body());
    let outside = addr("192.0.2.11:61234");
    let passed: Vec<_> = (0..6)
        .map(|_| {
            stage.advance(20);
            stage.relay.rtp(stage.now.tick, outside, a)
        })
        .collect();
    assert_eq!(passed.last(), Some(&Some(media_of(callee.at))), "{passed:?}");
    let b = target(&callee.invite.body());
    assert_eq!(stage.relay.rtp(stage.now.tick, media_of(callee.at), b), Some(outside));
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    assert_eq!(stage.cdr().media_ip_a, Some(outside.ip()));
}

/// A next address of another carrier, and what became of the first carrier's port.
#[test]
fn each_attempt_has_a_port_of_its_own() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    let mut alpha = Callee::wait(&mut stage, ALPHA);
    let first = target(&alpha.invite.body());
    alpha.fail(&mut stage, 503);
    let mut beta = Callee::wait(&mut stage, BETA);
    let second = target(&beta.invite.body());
    assert_ne!(first, second);
    assert!(!stage.relay.open_ports().contains(&first), "the failed attempt's is closed");
    beta.answer(&mut stage);
    phone.answered(&mut stage);
    phone.bye(&mut stage);
    beta.bye_comes(&mut stage);
    stage.over();
}

#[test]
fn a_carrier_that_goes_directly_keeps_the_addresses() {
    let mut plan = Plan::standard().relayed(PORTS);
    plan.carriers.push(carrier("gamma", "sip:198.51.100.3:5060"));
    plan.gates[0].media.path = MediaPath::Bypass;
    plan.routes = vec![("34", vec!["gamma"])];
    let mut stage = Stage::new(plan);
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    let callee = Callee::wait(&mut stage, "198.51.100.3:5060");
    assert_eq!(target(&callee.invite.body()), media_of(phone.at));
    assert!(stage.relay.commands.is_empty());
}
