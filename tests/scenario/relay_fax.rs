//! Fax over UDPTL (T.38) in relayed calls: offered in mid-call or from the start, taken or declined, and
//! never silent.

use std::net::SocketAddr;

use media::relay::{MediaCommand, StreamKind};
use sip::Message;
use tests::plan::RELAY;

use crate::phone::Callee;
use crate::relay::{Talk, media_of, relayed};
use crate::stage::{ALPHA, Stage, addr};

const NUMBER: &str = "34600000000";

/// An SDP of fax at this address, its audio stream closed.
fn fax(at: SocketAddr, version: u32) -> String {
    let ip = at.ip();
    format!(
        "v=0\r\no=- 7 {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\n\
         m=image {} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n",
        at.port()
    )
}

/// Where a message wants its fax.
fn target(message: &Message) -> SocketAddr {
    let text = String::from_utf8_lossy(&message.body()).into_owned();
    let ip = text.lines().find_map(|line| line.strip_prefix("c=IN IP4 ")).expect("c=").trim();
    let port = text.lines().find_map(|line| line.strip_prefix("m=image ")).expect("m=image");
    let port = port.split(' ').next().expect("port").parse().expect("port");
    SocketAddr::new(ip.parse().expect("address"), port)
}

fn kinds(stage: &Stage) -> Vec<StreamKind> {
    let said = |leg: u8| {
        stage.relay.commands.iter().rev().find_map(|command| match command {
            MediaCommand::Peer { endpoint, peer } if endpoint.leg == leg => Some(peer.kind),
            _ => None,
        })
    };
    [0, 1].into_iter().filter_map(said).collect()
}

/// The called machine asks for T.38; its datagrams pass both ways by the ports that voice had, and the
/// silence between pages does not end the call.
#[test]
fn corner_29_a_fax_in_mid_call() {
    let mut stage = relayed();
    let mut talk = Talk::begin(&mut stage);
    let (callers, callees) = (addr("192.0.2.11:4400"), addr("198.51.100.1:5000"));
    let asked = talk.callee.request(&mut stage, "INVITE", "", Some(&fax(callees, 2)));
    let reinvite = stage.expect(talk.phone.at, "INVITE");
    let said = String::from_utf8_lossy(&reinvite.body()).into_owned();
    assert_eq!(target(&reinvite), talk.a, "the port of its leg");
    assert!(said.contains("m=audio 0 ") && said.contains("a=T38MaxBitRate:14400"), "{said}");
    assert!(!said.contains("198.51.100.1"), "{said}");
    talk.phone.reply(&mut stage, &reinvite, 200, Some(&fax(callers, 2)));
    let ok = stage.expect(talk.callee.at, "200 INVITE");
    assert_eq!(target(&ok), talk.b);
    let ack = talk.callee.dialog.ack(asked.cseq().0, None);
    stage.send(talk.callee.at, &ack);
    stage.inbox(talk.phone.at);
    assert_eq!(kinds(&stage), [StreamKind::Udptl, StreamKind::Udptl]);
    stage.advance(20);
    assert_eq!(stage.relay.datagram(stage.now.tick, callers, talk.a, b"page"), Some(callees));
    assert_eq!(stage.relay.datagram(stage.now.tick, callees, talk.b, b"page"), Some(callers));
    assert_eq!(stage.relay.datagram(stage.now.tick, addr("203.0.113.9:5000"), talk.b, b"spam"), None);
    // Longer than any silence of voice may be.
    stage.advance(300_000);
    assert_eq!(stage.talking(), 1);
    // Back to voice, as machines do behind the last page.
    talk.phone.sdp_version += 2;
    talk.phone.reinvite(&mut stage, "sendrecv");
    let back = stage.expect(talk.callee.at, "INVITE");
    let answer = tests::sdp::answer(&back.body(), talk.callee.at.ip(), 9);
    talk.callee.answer_to(&mut stage, &back, 200, Some(&answer));
    stage.expect(talk.callee.at, "ACK");
    talk.phone.expect(&mut stage, "200 INVITE");
    talk.phone.ack(&mut stage, None);
    assert_eq!(kinds(&stage), [StreamKind::Rtp, StreamKind::Rtp]);
    stage.advance(20);
    assert_eq!(talk.caller_sends(&mut stage), Some(media_of(talk.callee.at)));
    talk.end(&mut stage);
    assert_eq!(stage.cdr().codec_a.as_deref(), Some("PCMA"));
}

#[test]
fn a_fax_that_the_other_side_declines_leaves_the_voice() {
    for status in [488, 200] {
        let mut stage = relayed();
        let mut talk = Talk::begin(&mut stage);
        let asked = talk.callee.request(&mut stage, "INVITE", "", Some(&fax(addr("198.51.100.1:5000"), 2)));
        let reinvite = stage.expect(talk.phone.at, "INVITE");
        if status == 200 {
            let declined = fax(addr("192.0.2.11:4400"), 2).replace("m=image 4400", "m=image 0");
            talk.phone.reply(&mut stage, &reinvite, 200, Some(&declined));
            let ok = stage.expect(talk.callee.at, "200 INVITE");
            assert!(String::from_utf8_lossy(&ok.body()).contains("m=image 0 udptl t38"));
            let ack = talk.callee.dialog.ack(asked.cseq().0, None);
            stage.send(talk.callee.at, &ack);
        } else {
            talk.phone.reply(&mut stage, &reinvite, 488, None);
            let refused = stage.expect(talk.callee.at, "488 INVITE");
            stage.send(talk.callee.at, &tests::dialogue::ack_failure(&asked, &refused));
            stage.advance(20);
            assert_eq!(talk.caller_sends(&mut stage), Some(media_of(talk.callee.at)));
        }
        stage.inbox(talk.phone.at);
        assert_eq!(stage.talking(), 1, "{status}");
        talk.end(&mut stage);
    }
}

#[test]
fn a_call_that_is_fax_from_its_first_offer() {
    let mut stage = relayed();
    let mut phone = stage.phone("c1", NUMBER);
    let (callers, callees) = (addr("192.0.2.11:4400"), addr("198.51.100.1:5000"));
    let alone = |sdp: String| sdp.replace("m=audio 0 RTP/AVP 8\r\n", "");
    let bytes = phone.dialog.request("INVITE", "", Some(&alone(fax(callers, 1))));
    phone.invite = Some(tests::dialogue::parse(&bytes));
    stage.send(phone.at, &bytes);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let b = target(&callee.invite);
    assert_eq!(b.ip().to_string(), RELAY);
    callee.reply(&mut stage, 200, "", Some(&alone(fax(callees, 1))));
    let a = target(&phone.answered(&mut stage));
    stage.advance(20);
    assert_eq!(stage.relay.datagram(stage.now.tick, callers, a, b"page"), Some(callees));
    assert_eq!(stage.relay.datagram(stage.now.tick, callees, b, b"page"), Some(callers));
    stage.advance(120_000);
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
    let cdr = stage.cdr();
    assert_eq!((cdr.rtp_packets_a_in, cdr.rtp_packets_b_in), (Some(1), Some(1)));
    assert_eq!((cdr.sip_status, cdr.codec_a.as_deref()), (200, None));
}

/// Whoever refuses T.38, and however: the machine that asked goes on in G.711 by an offer of its own, which
/// passes, and both are heard. The call talked G.729 before.
#[test]
fn corner_29_a_fax_whose_other_side_has_no_t38_goes_by_g711() {
    for (status, callee_asks) in [(488, true), (200, true), (488, false), (606, false), (200, false)] {
        let mut stage = relayed();
        let mut phone = stage.phone("c1", NUMBER);
        phone.payloads = vec![18, 8];
        phone.invite(&mut stage);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        let b = crate::relay::target(&callee.invite.body());
        let low = tests::sdp::Media { payloads: &[18], direction: "sendrecv", version: 1 };
        callee.reply(&mut stage, 200, "", Some(&tests::sdp::write(callee.at.ip(), &low)));
        stage.expect(callee.at, "ACK");
        let a = crate::relay::target(&phone.answered(&mut stage).body());
        let mut talk = Talk { phone, callee, a, b };
        let voice = Some((media_of(talk.callee.at), 18));
        assert_eq!(stage.relay.rtp_as(stage.now.tick, media_of(talk.phone.at), a, 18), voice);

        let ports = [addr("192.0.2.11:4400"), addr("198.51.100.1:5000")];
        let declined = |at: SocketAddr| fax(at, 2).replace(&format!("m=image {}", at.port()), "m=image 0");
        let answer = (status == 200).then(|| declined(ports[usize::from(!callee_asks)]));
        let g711 = tests::sdp::Media { payloads: &[8], direction: "sendrecv", version: 3 };
        if callee_asks {
            let asked = talk.callee.request(&mut stage, "INVITE", "", Some(&fax(ports[1], 2)));
            let reinvite = stage.expect(talk.phone.at, "INVITE");
            talk.phone.reply(&mut stage, &reinvite, status, answer.as_deref());
            let end = stage.expect(talk.callee.at, &format!("{status} INVITE"));
            acknowledge(&mut stage, &mut talk, &asked, &end);
            stage.inbox(talk.phone.at);
            // The machine's next offer.
            let offer = tests::sdp::write(talk.callee.at.ip(), &g711);
            let asked = talk.callee.request(&mut stage, "INVITE", "", Some(&offer));
            let reinvite = stage.expect(talk.phone.at, "INVITE");
            assert_eq!(tests::sdp::payloads(&reinvite.body()), [8]);
            assert_eq!(crate::relay::target(&reinvite.body()), talk.a);
            let answer = tests::sdp::answer(&reinvite.body(), talk.phone.at.ip(), 3);
            talk.phone.reply(&mut stage, &reinvite, 200, Some(&answer));
            let ok = stage.expect(talk.callee.at, "200 INVITE");
            assert_eq!(crate::relay::target(&ok.body()), talk.b);
            acknowledge(&mut stage, &mut talk, &asked, &ok);
            stage.inbox(talk.phone.at);
        } else {
            let bytes = talk.phone.dialog.request("INVITE", "", Some(&fax(ports[0], 2)));
            talk.phone.invite = Some(tests::dialogue::parse(&bytes));
            stage.send(talk.phone.at, &bytes);
            let reinvite = stage.expect(talk.callee.at, "INVITE");
            talk.callee.answer_to(&mut stage, &reinvite, status, answer.as_deref());
            stage.expect(talk.callee.at, "ACK");
            if status == 200 {
                talk.phone.expect(&mut stage, "200 INVITE");
                talk.phone.ack(&mut stage, None);
            } else {
                let refused = talk.phone.expect(&mut stage, &format!("{status} INVITE"));
                let invite = talk.phone.invite.as_ref().expect("it asked");
                stage.send(talk.phone.at, &tests::dialogue::ack_failure(invite, &refused));
            }
            talk.phone.payloads = vec![8];
            talk.phone.sdp_version = 3;
            talk.phone.reinvite(&mut stage, "sendrecv");
            let reinvite = stage.expect(talk.callee.at, "INVITE");
            assert_eq!(tests::sdp::payloads(&reinvite.body()), [8]);
            let answer = tests::sdp::answer(&reinvite.body(), talk.callee.at.ip(), 3);
            talk.callee.answer_to(&mut stage, &reinvite, 200, Some(&answer));
            stage.expect(talk.callee.at, "ACK");
            talk.phone.expect(&mut stage, "200 INVITE");
            talk.phone.ack(&mut stage, None);
        }
        assert_eq!(kinds(&stage), [StreamKind::Rtp, StreamKind::Rtp], "{status} {callee_asks}");
        stage.advance(20);
        assert_eq!(talk.caller_sends(&mut stage), Some(media_of(talk.callee.at)), "{status} {callee_asks}");
        assert_eq!(talk.callee_sends(&mut stage), Some(media_of(talk.phone.at)), "{status} {callee_asks}");
        talk.end(&mut stage);
        let cdr = stage.cdr();
        let codecs = (cdr.codec_a.as_deref(), cdr.codec_b.as_deref());
        assert_eq!(codecs, (Some("PCMA"), Some("PCMA")), "{status} {callee_asks}");
    }
}

/// The callee acknowledges what its INVITE came to.
fn acknowledge(stage: &mut Stage, talk: &mut Talk, asked: &Message, end: &Message) {
    let ack = if end.status() == 200 {
        talk.callee.dialog.ack(asked.cseq().0, None)
    } else {
        tests::dialogue::ack_failure(asked, end)
    };
    stage.send(talk.callee.at, &ack);
}
