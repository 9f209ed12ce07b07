//! Checks of ICE at the relay, without sockets: what is answered, which address is in use, for how long, and
//! what changes nothing.
#![allow(clippy::panic)]

use std::net::SocketAddr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use media::relay::{
    Action, Component, DropReason, Effect, EndpointId, IceCredentials, IcePeer, MediaCommand, MediaPeer,
    PeerPayload, Relay, RtcpPlace, Secured, Slot, StreamKind,
};
use proptest::prelude::*;
use sha1::Sha1;
use units::Tick;

const PASSWORD: &str = "oursoursoursoursoursours";
const BROWSER: &str = "203.0.113.7:50000";
const MOVED: &str = "198.51.100.77:40000";
const STRANGER: &str = "100.64.9.9:4000";
const PLAIN: &str = "192.0.2.50:6000";
const SECOND: u64 = 1_000_000;

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn id(leg: u8) -> EndpointId {
    EndpointId { shard: 0, call: 1, leg }
}

fn said(rtp: Option<&str>, ice: Option<IcePeer>) -> MediaPeer {
    MediaPeer {
        kind: StreamKind::Rtp,
        rtp: rtp.map(at),
        rtcp: RtcpPlace::Mux,
        signalling: at(PLAIN).ip(),
        learn: false,
        receives: true,
        sends: true,
        payloads: [PeerPayload::new(8, 8_000)].into_iter().collect(),
        keys: None,
        secured: ice.map(|ice| Box::new(Secured { ice: Some(ice), dtls: None })),
    }
}

fn ice(ours: &str) -> IcePeer {
    let credentials =
        |ufrag: &str, password: &str| IceCredentials { ufrag: ufrag.into(), password: password.into() };
    IcePeer { ours: credentials(ours, PASSWORD), theirs: credentials("them", "themthemthemthemthemthem") }
}

/// A side with ICE in slot 0, a plain one in slot 1.
fn relay() -> Relay {
    let mut relay = Relay::new(2);
    for (leg, peer) in [(0, said(None, Some(ice("ours")))), (1, said(Some(PLAIN), None))] {
        let ours = SocketAddr::from(([10, 0, 0, 1], 20_000 + u16::from(leg) * 2));
        let open = MediaCommand::Open { endpoint: id(leg), ours, timeout_ms: 0, hold_timeout_ms: 0 };
        assert_eq!(relay.command(Tick(0), open), Effect::Opened(Slot(u32::from(leg))));
        relay.command(Tick(0), MediaCommand::Peer { endpoint: id(leg), peer });
    }
    relay.command(Tick(0), MediaCommand::Pair { a: id(0), b: id(1) });
    relay
}

/// A check (RFC 8445 §7.2) with this attribute beside what each has.
fn check(username: &str, extra: Option<(u16, &[u8])>) -> Vec<u8> {
    let mut attributes = Vec::new();
    let mut put = |kind: u16, value: &[u8]| {
        attributes.extend(kind.to_be_bytes());
        attributes.extend(u16::try_from(value.len()).expect("short").to_be_bytes());
        attributes.extend(value);
        attributes.resize(attributes.len().next_multiple_of(4), 0);
    };
    put(0x0006, username.as_bytes());
    put(0x0024, &[110, 0, 1, 255]);
    put(0x802a, &[7; 8]);
    if let Some((kind, value)) = extra {
        put(kind, value);
    }
    let message = |attributes: &[u8], more: usize| {
        let length = u16::try_from(attributes.len() + more).expect("short").to_be_bytes();
        [&[0, 1][..], &length, &[0x21, 0x12, 0xa4, 0x42], &[5; 12], attributes].concat()
    };
    let mac = Hmac::<Sha1>::new_from_slice(PASSWORD.as_bytes()).expect("a key");
    let mac = mac.chain_update(message(&attributes, 24)).finalize().into_bytes();
    attributes.extend([0, 8, 0, 20]);
    attributes.extend(mac);
    let whole = message(&attributes, 8);
    let mut sum = !0_u32;
    for octet in &whole {
        sum ^= u32::from(*octet);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
        }
    }
    [&whole[..], &[0x80, 0x28, 0, 4], &(!sum ^ 0x5354_554e).to_be_bytes()].concat()
}

const NOMINATES: Option<(u16, &[u8])> = Some((0x0025, &[]));

fn comes(relay: &mut Relay, s: u64, slot: u32, from: &str, packet: &[u8]) -> (Action, Vec<u8>) {
    let mut packet = packet.to_vec();
    let action = relay.packet(Tick(s * SECOND), Slot(slot), Component::Rtp, at(from), &mut packet);
    (action, packet)
}

fn voice(sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    [&[0x80, 8][..], &sequence.to_be_bytes(), &timestamp.to_be_bytes(), &[0, 0, 0, 9], &[0xd5; 20]].concat()
}

fn to(action: Action) -> Result<SocketAddr, DropReason> {
    match action {
        Action::Send { to, .. } => Ok(to),
        Action::Drop(reason) => Err(reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn media_goes_where_checks_come_from_and_as_long_as_they_come() {
    let mut relay = relay();
    let sends = |relay: &mut Relay, s| to(comes(relay, s, 1, PLAIN, &voice(s as u16)).0);
    assert_eq!(to(comes(&mut relay, 1, 0, BROWSER, &voice(1)).0), Err(DropReason::Foreign));
    assert_eq!(sends(&mut relay, 1), Err(DropReason::Consent));
    let (answered, packet) = comes(&mut relay, 1, 0, BROWSER, &check("ours:them", None));
    assert_eq!((to(answered), &packet[..2]), (Ok(at(BROWSER)), &[1, 1][..]));
    assert_eq!(sends(&mut relay, 2), Ok(at(BROWSER)), "the first that passes its check");
    // Another address that is checked is not used before it is nominated.
    assert_eq!(to(comes(&mut relay, 2, 0, MOVED, &check("ours:them", None)).0), Ok(at(MOVED)));
    assert_eq!(sends(&mut relay, 3), Ok(at(BROWSER)));
    assert_eq!(to(comes(&mut relay, 3, 0, MOVED, &voice(2)).0), Err(DropReason::Foreign));
    comes(&mut relay, 3, 0, MOVED, &check("ours:them", NOMINATES));
    assert_eq!(sends(&mut relay, 4), Ok(at(MOVED)));
    assert_eq!(to(comes(&mut relay, 4, 0, MOVED, &voice(3)).0), Ok(at(PLAIN)));
    assert_eq!(to(comes(&mut relay, 4, 0, BROWSER, &voice(4)).0), Err(DropReason::Foreign));
    // Checks from the address of before are no consent of the present one.
    comes(&mut relay, 20, 0, BROWSER, &check("ours:them", None));
    assert_eq!(sends(&mut relay, 32), Ok(at(MOVED)));
    assert_eq!(sends(&mut relay, 33), Err(DropReason::Consent), "30 s after its last check");
    comes(&mut relay, 34, 0, MOVED, &check("ours:them", None));
    assert_eq!(sends(&mut relay, 35), Ok(at(MOVED)), "it asks again");
}

#[test]
fn a_restart_keeps_the_address_until_another_is_nominated() {
    let mut relay = relay();
    comes(&mut relay, 1, 0, BROWSER, &check("ours:them", NOMINATES));
    let peer = said(None, Some(ice("anew")));
    relay.command(Tick(2 * SECOND), MediaCommand::Peer { endpoint: id(0), peer });
    assert_eq!(to(comes(&mut relay, 3, 1, PLAIN, &voice(1)).0), Ok(at(BROWSER)));
    let of_before = comes(&mut relay, 4, 0, MOVED, &check("ours:them", NOMINATES)).0;
    assert_eq!(of_before, Action::Drop(DropReason::Unauthentic));
    comes(&mut relay, 5, 0, MOVED, &check("anew:them", NOMINATES));
    assert_eq!(to(comes(&mut relay, 6, 1, PLAIN, &voice(2)).0), Ok(at(MOVED)));
}

#[test]
fn what_a_lite_agent_cannot_take_is_answered_with_an_error_and_changes_nothing() {
    for (extra, code) in [((0x8029, &[1; 8][..]), 87), ((0x7001, &[1; 4][..]), 20)] {
        let mut relay = relay();
        let request = check("ours:them", Some(extra));
        let (answered, packet) = comes(&mut relay, 1, 0, BROWSER, &request);
        let Action::Send { bytes, to, .. } = answered else { panic!("{answered:?}") };
        assert!(to == at(BROWSER) && bytes <= request.len());
        assert_eq!((&packet[..2], packet[26], packet[27]), (&[1, 0x11][..], 4, code));
        assert_eq!(comes(&mut relay, 1, 1, PLAIN, &voice(1)).0, Action::Drop(DropReason::Consent));
    }
}

#[test]
fn no_more_checks_are_answered_in_a_second_than_so_many() {
    let mut relay = relay();
    let mut answered = |s: u64| {
        let answers = (0..200).filter(|_| {
            comes(&mut relay, s, 0, BROWSER, &check("ours:them", None)).0 != Action::Drop(DropReason::Rate)
        });
        answers.count()
    };
    assert_eq!((answered(1), answered(2)), (50, 50));
}

proptest! {
    /// Whatever a stranger sends is not answered, and the call goes on as it was.
    #[test]
    fn strangers_get_no_answer(mut packet in prop::collection::vec(any::<u8>(), 0..200), looks in any::<bool>()) {
        let mut relay = relay();
        comes(&mut relay, 1, 0, BROWSER, &check("ours:them", NOMINATES));
        if looks {
            let real = check("ours:them", NOMINATES);
            let place = packet.len() % real.len();
            let change = packet.first().copied().unwrap_or_default() | 1;
            packet = real;
            packet[place] ^= change;
        }
        let action = comes(&mut relay, 2, 0, STRANGER, &packet).0;
        prop_assert!(matches!(action, Action::Drop(_)), "{action:?}");
        prop_assert_eq!(to(comes(&mut relay, 3, 1, PLAIN, &voice(1)).0), Ok(at(BROWSER)));
        prop_assert_eq!(to(comes(&mut relay, 3, 0, BROWSER, &voice(1)).0), Ok(at(PLAIN)));
    }
}
