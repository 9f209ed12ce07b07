//! DTLS-SRTP with ICE (RFC 5763, RFC 8839), ended on its side: what a browser's offer is answered, what one
//! that is called is offered, what the relay is told of both, and what the other side never sees.

use codecs::SrtpPolicy;
use media::relay::{DtlsPeer, DtlsRole, HandshakeCommand, HandshakeId};
use node::Input;
use sip::Message;
use sip::flow::{Flow, Transport};
use tests::dialogue::SWITCH;
use tests::plan::Plan;

use crate::called_sip_account::{called, plan};
use crate::handset::Handset;
use crate::phone::{Callee, Phone};
use crate::stage::{ALPHA, Stage, addr};

const NUMBER: &str = "34600000000";
const BROWSER: &str = "203.0.113.20:50443";

/// A call of a gate with this policy.
fn stage(caller: SrtpPolicy) -> Stage {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.gates[0].media.srtp = caller;
    Stage::new(plan)
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(&message.body()).into_owned()
}

fn fingerprint(octet: u8) -> String {
    vec![format!("{octet:02X}"); 32].join(":")
}

/// What a browser says before it has gathered anything: no address, all else.
fn browsers(version: u32, (setup, ufrag, direction): (&str, &str, &str)) -> String {
    format!(
        "v=0\r\no=- 4611 {version} IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
         m=audio 9 UDP/TLS/RTP/SAVPF 111 8 110\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
         a=candidate:1 1 udp 2113937151 6e0c.local 50000 typ host generation 0\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:browsersbrowsersbrowsers\r\na=ice-options:trickle\r\n\
         a=fingerprint:sha-256 {}\r\na=setup:{setup}\r\na=mid:0\r\na={direction}\r\na=rtcp-mux\r\n\
         a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\na=rtpmap:111 opus/48000/2\r\n\
         a=rtcp-fb:111 transport-cc\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:110 telephone-event/8000\r\n\
         a=ssrc:99 cname:x\r\na=msid:- y\r\n",
        fingerprint(0xa7)
    )
}

/// The lines of an attribute.
fn values<'a>(sdp: &'a str, name: &str) -> Vec<&'a str> {
    sdp.lines().filter_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':')).collect()
}

/// What a side that has all of ours was told: credentials of ICE.
#[track_caller]
fn ours(sdp: &str, setup: &str) -> (String, String) {
    assert!(sdp.contains(" UDP/TLS/RTP/SAVPF "), "{sdp}");
    let (session, _) = sdp.split_once("m=audio").expect("a stream");
    assert!(session.contains("a=ice-lite\r\n"), "{sdp}");
    assert_eq!(values(sdp, "setup"), [setup]);
    assert_eq!(values(sdp, "fingerprint"), [format!("sha-256 {}", fingerprint(0x5e))]);
    let [candidate] = values(sdp, "candidate")[..] else { panic!("one candidate: {sdp}") };
    let words: Vec<_> = candidate.split(' ').collect();
    let connection = sdp.lines().find_map(|line| line.strip_prefix("c=IN IP4 ")).expect("an address");
    let port = sdp.lines().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()).expect("a port");
    assert_eq!((words[1], words[4], words[5], &words[6..]), ("1", connection, port, &["typ", "host"][..]));
    assert!(sdp.contains("a=rtcp-mux\r\n") && !sdp.contains("crypto"), "{sdp}");
    let ([ufrag], [password]) = (&values(sdp, "ice-ufrag")[..], &values(sdp, "ice-pwd")[..]) else {
        panic!("one of each: {sdp}")
    };
    assert!(ufrag.len() >= 4 && password.len() >= 22, "{sdp}");
    ((*ufrag).to_owned(), (*password).to_owned())
}

/// The other side hears nothing of all that.
#[track_caller]
fn is_plain(sdp: &str) {
    assert!(sdp.contains(" RTP/AVP "), "{sdp}");
    for word in ["ice", "candidate", "setup", "fingerprint", "extmap", "mid", "ssrc", "rtcp-fb", "0.0.0.0"] {
        assert!(!sdp.contains(word), "{word}: {sdp}");
    }
}

#[track_caller]
fn begun(stage: &mut Stage) -> HandshakeId {
    match stage.relay.handshakes()[..] {
        [HandshakeCommand::Begin { handshake, peer, is_checked: true }] => {
            let peer_of = |role| DtlsPeer { fingerprint: [0xa7; 32], role };
            assert_eq!(peer, peer_of(DtlsRole::Server));
            handshake
        }
        ref other => panic!("{other:?}"),
    }
}

impl Phone {
    fn says(&mut self, stage: &mut Stage, sdp: &str) {
        let bytes = self.dialog.request("INVITE", "", Some(sdp));
        self.invite = Some(tests::dialogue::parse(&bytes));
        stage.send(self.at, &bytes);
    }
}

/// A browser calls: whatever the policy, its offer is taken, and the carrier is offered plain RTP.
#[test]
fn a_browser_calls_a_plain_carrier() {
    for policy in [SrtpPolicy::Optional, SrtpPolicy::Required] {
        let mut stage = stage(policy);
        stage.node.share_certificate([0x5e; 32]);
        let mut phone = stage.phone("c1", NUMBER);
        phone.says(&mut stage, &browsers(1, ("actpass", "aaaa", "sendrecv")));
        let mut callee = Callee::wait(&mut stage, ALPHA);
        is_plain(&text(&callee.invite));
        callee.answer(&mut stage);
        let ok = text(&phone.answered(&mut stage));
        let first = ours(&ok, "passive");
        begun(&mut stage);
        // It holds: the same association, the same credentials.
        phone.says(&mut stage, &browsers(2, ("actpass", "aaaa", "sendonly")));
        let asked = stage.expect(callee.at, "INVITE");
        is_plain(&text(&asked));
        assert!(text(&asked).contains("a=sendonly"));
        let answer = callee.sdp().replace("a=sendrecv", "a=recvonly");
        callee.answer_to(&mut stage, &asked, 200, Some(&answer));
        let ok = text(&phone.expect(&mut stage, "200 INVITE"));
        phone.ack(&mut stage, None);
        assert_eq!(ours(&ok, "passive"), first);
        assert_eq!(stage.relay.handshakes(), []);
        // It restarts ICE: other credentials of ours too (RFC 8839 §4.4.1.1.1), the same association.
        phone.says(&mut stage, &browsers(3, ("actpass", "bbbb", "sendrecv")));
        let asked = stage.expect(callee.at, "INVITE");
        let answer = callee.sdp();
        callee.answer_to(&mut stage, &asked, 200, Some(&answer));
        let ok = text(&phone.expect(&mut stage, "200 INVITE"));
        phone.ack(&mut stage, None);
        let second = ours(&ok, "passive");
        assert!(second.0 != first.0 && second.1 != first.1);
        assert_eq!(stage.relay.handshakes(), []);
        phone.bye(&mut stage);
        callee.bye_comes(&mut stage);
        stage.over();
        assert_eq!(stage.relay.handshakes().len(), 1, "it is ended");
    }
}

/// What cannot be taken is refused: by policy, without a certificate's SHA-256, without rtcp-mux.
#[test]
fn offers_of_browsers_that_are_refused() {
    let offer = browsers(1, ("actpass", "aaaa", "sendrecv"));
    for (policy, offer) in [
        (SrtpPolicy::Off, offer.clone()),
        (SrtpPolicy::Optional, offer.replace("sha-256", "sha-1")),
        (SrtpPolicy::Optional, offer.replace("a=rtcp-mux\r\n", "")),
        (SrtpPolicy::Required, offer.replace("a=setup:actpass", "a=setup:holdconn")),
        (SrtpPolicy::Optional, offer.replace("a=ice-pwd:browsersbrowsersbrowsers", "a=ice-pwd:short")),
    ] {
        let mut stage = stage(policy);
        let mut phone = stage.phone("c1", NUMBER);
        phone.says(&mut stage, &offer);
        phone.refused(&mut stage, 488);
        stage.silence(addr(ALPHA));
        stage.over();
    }
}

/// A handshake that fails ends the call, on both sides.
#[test]
fn a_handshake_that_fails_ends_the_call() {
    let mut stage = stage(SrtpPolicy::Required);
    stage.node.share_certificate([0x5e; 32]);
    let mut phone = stage.phone("c1", NUMBER);
    phone.says(&mut stage, &browsers(1, ("active", "aaaa", "sendrecv")));
    let mut callee = Callee::wait(&mut stage, ALPHA);
    callee.answer(&mut stage);
    ours(&text(&phone.answered(&mut stage)), "passive");
    let handshake = begun(&mut stage);
    stage.relay.handshaken(handshake, Err("another certificate"));
    let told = stage.relay.poll_event().expect("it is told");
    stage.input(Input::Media(told));
    phone.bye_comes(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

/// A browser is called where it registered by a WebSocket: it is offered DTLS and ICE, and the caller
/// plain RTP.
#[test]
fn a_browser_is_called() {
    let mut plan = plan().relayed((20_000, 20_099));
    for gate in &mut plan.gates {
        gate.media.srtp = SrtpPolicy::Optional;
    }
    let mut stage = Stage::new(plan);
    stage.node.share_certificate([0x5e; 32]);
    let flow = Flow::stream(Transport::Wss, addr(SWITCH), addr(BROWSER), 7);
    let contact = "Contact: <sip:alice@x7.invalid;transport=ws>\r\n";
    let mut handset = Handset::by("alice", flow, "b1");
    assert_eq!(handset.register(&mut stage, contact).status(), 200);
    let mut caller = called(&mut stage);
    let mut browser = Callee::wait(&mut stage, BROWSER);
    ours(&text(&browser.invite), "actpass");
    let answer = browsers(1, ("active", "cccc", "sendrecv"));
    browser.reply(&mut stage, 200, "", Some(&answer));
    stage.expect(browser.at, "ACK");
    let ok = caller.answered(&mut stage);
    is_plain(&text(&ok));
    begun(&mut stage);
    caller.bye(&mut stage);
    browser.bye_comes(&mut stage);
    // Its connection is held for as long as it is registered.
    let gone = contact.replace("\r\n", ";expires=0\r\n");
    assert_eq!(handset.register(&mut stage, &gone).status(), 200);
    stage.over();
}
