//! SRTP with keys from SDP (RFC 4568), ended on each side by itself: what each side is offered and answered,
//! what it hears, and what it is not told.

use std::net::SocketAddr;

use codecs::SrtpPolicy;
use media::relay::DropReason;
use media::srtp::{Crypto, MasterKey, Protector, RTCP_ROOM, Suite, Unprotector};
use sip::Message;
use tests::plan::Plan;

use crate::phone::{Callee, Phone};
use crate::relay::{media_of, target};
use crate::stage::{ALPHA, BETA, Stage, addr};

const NUMBER: &str = "34600000000";

/// A call between sides of these policies.
fn stage(caller: SrtpPolicy, alpha: SrtpPolicy) -> Stage {
    let mut plan = Plan::standard().relayed((20_000, 20_099));
    plan.gates[0].media.srtp = caller;
    plan.carriers[0].media.srtp = alpha;
    plan.carriers[1].media.srtp = alpha;
    Stage::new(plan)
}

/// A key of one of the peers.
fn key(suite: Suite, seed: u8) -> MasterKey {
    MasterKey::new(suite, &[seed; 46]).expect("long enough")
}

/// An SDP over RTP/SAVP with this key.
fn keyed(sdp: &str, tag: u32, key: MasterKey) -> String {
    format!("{}a=crypto:{}\r\n", sdp.replace("RTP/AVP", "RTP/SAVP"), Crypto { tag, key }.write())
}

fn text(message: &Message) -> String {
    String::from_utf8_lossy(&message.body()).into_owned()
}

/// The keys that a message says.
fn keys(message: &Message) -> Vec<Crypto> {
    let text = text(message);
    let lines = text.lines().filter_map(|line| line.strip_prefix("a=crypto:"));
    lines.map(|line| Crypto::read(line.as_bytes()).expect("a line that can be taken")).collect()
}

fn rtp(sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 8];
    packet.extend(sequence.to_be_bytes());
    packet.extend((u32::from(sequence) * 160).to_be_bytes());
    packet.extend([0, 0, 0, 9]);
    packet.extend([0xd5; 160]);
    packet
}

fn protect(protector: &mut Protector, packet: &[u8]) -> Vec<u8> {
    let mut buffer = packet.to_vec();
    buffer.resize(packet.len() + RTCP_ROOM, 0);
    let bytes = protector.rtp(&mut buffer, packet.len()).expect("protected");
    buffer.truncate(bytes);
    buffer
}

/// What a side hears with its keys.
fn heard(unprotector: &mut Unprotector, (_, mut packet): (SocketAddr, Vec<u8>)) -> Vec<u8> {
    let bytes = unprotector.rtp(&mut packet).expect("by our key");
    packet.truncate(bytes);
    packet
}

impl Phone {
    fn offers(&mut self, stage: &mut Stage, sdp: &str) {
        let bytes = self.dialog.request("INVITE", "", Some(sdp));
        self.invite = Some(tests::dialogue::parse(&bytes));
        stage.send(self.at, &bytes);
    }
}

/// An encrypted caller, a plain carrier; for each suite, and as RTP/AVP with keys beside it.
#[test]
fn a_caller_with_keys_and_a_carrier_without() {
    for (at, suite) in Suite::ALL.into_iter().enumerate() {
        let policy = if at % 2 == 0 { SrtpPolicy::Required } else { SrtpPolicy::Optional };
        let mut stage = stage(policy, SrtpPolicy::Off);
        let mut phone = stage.phone("c1", NUMBER);
        let theirs = key(suite, 7);
        let mut offer = keyed(&phone.sdp("sendrecv"), 5, theirs);
        let is_savp = at < 2;
        if !is_savp {
            offer = offer.replace("RTP/SAVP", "RTP/AVP");
        }
        phone.offers(&mut stage, &offer);
        let mut callee = Callee::wait(&mut stage, ALPHA);
        let said = text(&callee.invite);
        assert!(said.contains(" RTP/AVP ") && !said.contains("crypto"), "{said}");
        callee.answer(&mut stage);
        let ok = phone.answered(&mut stage);
        assert_eq!(text(&ok).contains("RTP/SAVP"), is_savp, "{}", text(&ok));
        let [ours] = keys(&ok)[..] else { panic!("one line: {}", text(&ok)) };
        assert_eq!((ours.tag, ours.key.suite()), (5, suite));
        assert_ne!(ours.key, theirs);
        let (a, b) = (target(&ok.body()), target(&callee.invite.body()));
        let (caller, called) = (media_of(phone.at), media_of(callee.at));
        let mut sends = Protector::new(&theirs).expect("keys");
        let mut hears = Unprotector::new(&ours.key).expect("keys");
        for sequence in 1..20 {
            stage.advance(20);
            let packet = protect(&mut sends, &rtp(sequence));
            assert_eq!(stage.relay.packet(stage.now.tick, caller, a, &packet), Some((called, rtp(sequence))));
            let back = stage.relay.packet(stage.now.tick, called, b, &rtp(sequence)).expect("sent");
            assert_ne!(back.1[12..172], rtp(sequence)[12..]);
            assert_eq!(heard(&mut hears, back), rtp(sequence));
        }
        // Plain packets, changed ones and repeated ones of the caller's address reach nobody.
        let good = protect(&mut sends, &rtp(20));
        let mut changed = good.clone();
        changed[30] ^= 1;
        for (packet, reason) in [
            (rtp(21), DropReason::Unauthentic),
            (changed, DropReason::Unauthentic),
            (protect(&mut Protector::new(&key(suite, 8)).expect("keys"), &rtp(21)), DropReason::Unauthentic),
        ] {
            let before = stage.relay.dropped_for(reason);
            assert_eq!(stage.relay.packet(stage.now.tick, caller, a, &packet), None);
            assert_eq!(stage.relay.dropped_for(reason), before + 1);
        }
        assert!(stage.relay.packet(stage.now.tick, caller, a, &good).is_some());
        assert_eq!(stage.relay.packet(stage.now.tick, caller, a, &good), None);
        assert_eq!(stage.relay.dropped_for(DropReason::Replayed), 1);
        phone.bye(&mut stage);
        callee.bye_comes(&mut stage);
        stage.over();
        assert_eq!(stage.cdr().rtp_packets_a_in, Some(20));
    }
}

/// Keys are required: who has none is refused, and nobody is called.
#[test]
fn plain_offers_are_refused_where_keys_are_required() {
    for (policy, with_key) in [(SrtpPolicy::Required, false), (SrtpPolicy::Off, true)] {
        let mut stage = stage(policy, SrtpPolicy::Off);
        let mut phone = stage.phone("c1", NUMBER);
        let mut offer = phone.sdp("sendrecv");
        if with_key {
            offer = keyed(&offer, 1, key(Suite::Aes128Sha1Tag80, 7));
        }
        phone.offers(&mut stage, &offer);
        phone.refused(&mut stage, 488);
        stage.silence(addr(ALPHA));
        stage.over();
    }
    // RTP/SAVP whose keys cannot be taken.
    let mut stage = stage(SrtpPolicy::Optional, SrtpPolicy::Off);
    let mut phone = stage.phone("c1", NUMBER);
    let offer = phone.sdp("sendrecv").replace("RTP/AVP", "RTP/SAVP")
        + "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA\r\n";
    phone.offers(&mut stage, &offer);
    phone.refused(&mut stage, 488);
    stage.over();
}

/// Both sides encrypted: each by keys of its own, whatever suite each has.
#[test]
fn both_sides_with_keys_of_their_own() {
    let mut stage = stage(SrtpPolicy::Required, SrtpPolicy::Required);
    let mut phone = stage.phone("c1", NUMBER);
    let callers = key(Suite::Aes128Sha1Tag80, 7);
    phone.offers(&mut stage, &keyed(&phone.sdp("sendrecv"), 1, callers));
    let mut callee = Callee::wait(&mut stage, ALPHA);
    let offered = keys(&callee.invite);
    assert!(text(&callee.invite).contains("RTP/SAVP"));
    assert_eq!(offered.iter().map(|line| line.key.suite()).collect::<Vec<_>>(), Suite::ALL);
    assert!(offered.iter().all(|line| line.key != callers), "no key crosses");
    let chosen = offered.iter().find(|line| line.key.suite() == Suite::Aes256Sha1Tag80).expect("offered");
    let callees = key(Suite::Aes256Sha1Tag80, 9);
    let answer = keyed(&callee.sdp(), chosen.tag, callees);
    callee.reply(&mut stage, 200, "", Some(&answer));
    let ok = phone.answered(&mut stage);
    let [told] = keys(&ok)[..] else { panic!("one line: {}", text(&ok)) };
    assert!(told.key != callees && offered.iter().all(|line| line.key != told.key), "no key crosses");
    let (a, b) = (target(&ok.body()), target(&callee.invite.body()));
    let (caller, called) = (media_of(phone.at), media_of(callee.at));
    let [mut caller_sends, mut callee_sends] =
        [callers, callees].map(|key| Protector::new(&key).expect("keys"));
    let [mut caller_hears, mut callee_hears] =
        [told.key, chosen.key].map(|key| Unprotector::new(&key).expect("keys"));
    stage.advance(20);
    let there =
        stage.relay.packet(stage.now.tick, caller, a, &protect(&mut caller_sends, &rtp(1))).expect("sent");
    assert_eq!((there.0, heard(&mut callee_hears, there)), (called, rtp(1)));
    let back =
        stage.relay.packet(stage.now.tick, called, b, &protect(&mut callee_sends, &rtp(1))).expect("sent");
    assert_eq!((back.0, heard(&mut caller_hears, back)), (caller, rtp(1)));
    // A refresh says the same keys, and numbers go on.
    phone.sdp_version += 1;
    let again = keyed(&phone.sdp("sendrecv"), 1, callers);
    phone.offers(&mut stage, &again);
    let asked = stage.expect(callee.at, "INVITE");
    assert_eq!(keys(&asked), offered, "as before");
    callee.answer_to(&mut stage, &asked, 200, Some(&answer));
    let ok = phone.expect(&mut stage, "200 INVITE");
    phone.ack(&mut stage, None);
    assert_eq!(keys(&ok), [told], "as before");
    let there =
        stage.relay.packet(stage.now.tick, caller, a, &protect(&mut caller_sends, &rtp(2))).expect("sent");
    assert_eq!(heard(&mut callee_hears, there), rtp(2));
    // The source begins anew with numbers that were used: what is sent goes on, or its key stream would be
    // used twice.
    let mut begins_anew = Protector::new(&callers).expect("keys");
    for sequence in [1, 2, 3] {
        stage.advance(20);
        let mut packet = rtp(sequence);
        packet[11] = 77;
        let packet = protect(&mut begins_anew, &packet);
        if let Some(sent) = stage.relay.packet(stage.now.tick, caller, a, &packet) {
            let packet = heard(&mut callee_hears, sent);
            assert_eq!(packet[8..12], [0, 0, 0, 9], "one source");
            assert_eq!(packet[2..4], [0, 3], "the next number");
        }
    }
    phone.bye(&mut stage);
    callee.bye_comes(&mut stage);
    stage.over();
}

/// A carrier that must have keys and answers without is no answer; one that may is heard plain.
#[test]
fn an_answer_without_keys() {
    for policy in [SrtpPolicy::Required, SrtpPolicy::Optional] {
        let mut stage = stage(SrtpPolicy::Off, policy);
        let mut phone = stage.phone("c1", NUMBER);
        phone.invite(&mut stage);
        let mut alpha = Callee::wait(&mut stage, ALPHA);
        assert_eq!(text(&alpha.invite).contains("RTP/SAVP"), policy == SrtpPolicy::Required);
        assert_eq!(keys(&alpha.invite).len(), 4);
        alpha.answer(&mut stage);
        if policy == SrtpPolicy::Optional {
            let a = target(&phone.answered(&mut stage).body());
            stage.advance(20);
            let sent = stage.relay.packet(stage.now.tick, media_of(phone.at), a, &rtp(1));
            assert_eq!(sent, Some((media_of(alpha.at), rtp(1))));
            phone.bye(&mut stage);
            alpha.bye_comes(&mut stage);
        } else {
            stage.expect(alpha.at, "ACK");
            alpha.bye_comes(&mut stage);
            let mut beta = Callee::wait(&mut stage, BETA);
            beta.fail(&mut stage, 486);
            phone.refused(&mut stage, 486);
        }
        stage.over();
    }
}
