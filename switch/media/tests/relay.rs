//! Attacks on the relay: what a foreign host sends changes nothing, whatever it is.
#![allow(clippy::panic)]

use std::net::SocketAddr;

use media::relay::{
    Action, Component, DropReason, Effect, EndpointId, EndpointReport, MediaCommand, MediaEvent, MediaPeer,
    PeerPayload, Relay, RtcpPlace, Slot, StreamKind,
};
use proptest::prelude::*;
use units::Tick;

const SIDES: [&str; 2] = ["198.51.100.1:4000", "203.0.113.1:6000"];
/// Where their packets come from where they stand behind NAT.
const SEEN: [&str; 2] = ["192.0.2.77:31000", "192.0.2.88:32000"];
const STRANGER: &str = "100.64.9.9:4000";
const KEPT_PACKETS: usize = 200;

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn id(leg: u8) -> EndpointId {
    EndpointId { shard: 0, call: 1, leg }
}

fn peer(leg: u8, learn: bool) -> MediaPeer {
    MediaPeer {
        kind: StreamKind::Rtp,
        rtp: Some(at(SIDES[usize::from(leg)])),
        rtcp: RtcpPlace::Mux,
        signalling: at(SEEN[usize::from(leg)]).ip(),
        learn,
        receives: true,
        sends: true,
        payloads: [8, 101].map(|number| PeerPayload::new(number, 8_000)).into_iter().collect(),
        keys: None,
        secured: None,
    }
}

fn call(learn: bool) -> Relay {
    let mut relay = Relay::new(2);
    for leg in [0, 1] {
        let ours = SocketAddr::from(([10, 0, 0, 1], 20_000 + u16::from(leg) * 2));
        let open = MediaCommand::Open { endpoint: id(leg), ours, timeout_ms: 3_000, hold_timeout_ms: 0 };
        assert_eq!(relay.command(Tick(0), open), Effect::Opened(Slot(u32::from(leg))));
        relay.command(Tick(0), MediaCommand::Peer { endpoint: id(leg), peer: peer(leg, learn) });
        relay.command(Tick(0), MediaCommand::Watch { endpoint: id(leg) });
    }
    relay.command(Tick(0), MediaCommand::Pair { a: id(0), b: id(1) });
    relay
}

fn voice(ssrc: u32, sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    let (sequence, timestamp, ssrc) = (sequence.to_be_bytes(), timestamp.to_be_bytes(), ssrc.to_be_bytes());
    [&[0x80, 8][..], &sequence, &timestamp, &ssrc, &[0xd5; 20]].concat()
}

fn reports(relay: &mut Relay) -> Vec<EndpointReport> {
    for leg in [0, 1] {
        relay.command(Tick(9_000_000), MediaCommand::Close { endpoint: id(leg) });
    }
    std::iter::from_fn(|| relay.poll_event())
        .map(|event| match event {
            MediaEvent::Closed { report, .. } => report,
            other => panic!("{other:?}"),
        })
        .collect()
}

/// A call of two sides, with foreign packets before each of theirs: its actions, and its reports with
/// nothing dropped.
fn actions(learn: bool, foreign: &[(u8, Component, Vec<u8>)]) -> (Vec<Action>, Vec<EndpointReport>) {
    let mut relay = call(learn);
    let mut actions = Vec::new();
    let mut foreign = foreign.iter().cycle();
    for packet in 0..KEPT_PACKETS {
        let now = Tick(packet as u64 * 10_000);
        for (slot, component, bytes) in foreign.by_ref().take(3) {
            let slot = Slot(u32::from(slot % 2));
            let action = relay.packet(now, slot, *component, at(STRANGER), &mut bytes.clone());
            assert!(matches!(action, Action::Drop(_)), "{action:?}");
        }
        let side = packet % 2;
        let from = if learn { SEEN[side] } else { SIDES[side] };
        let mut bytes = voice(side as u32, packet as u16 / 2);
        actions.push(relay.packet(now, Slot(side as u32), Component::Rtp, at(from), &mut bytes));
        assert_eq!(bytes, voice(side as u32, packet as u16 / 2));
    }
    let reports = reports(&mut relay);
    (actions, reports.into_iter().map(|report| EndpointReport { dropped: 0, ..report }).collect())
}

/// RTP and RTCP that look right, with the sources of the call, and anything else.
fn foreign() -> impl Strategy<Value = Vec<(u8, Component, Vec<u8>)>> {
    let component = prop_oneof![Just(Component::Rtp), Just(Component::Rtcp)];
    let bytes = prop_oneof![
        (0..3_u32, any::<u16>()).prop_map(|(ssrc, sequence)| voice(ssrc, sequence)),
        (0..3_u32).prop_map(|ssrc| [&[0x80, 201, 0, 1][..], &ssrc.to_be_bytes()].concat()),
        proptest::collection::vec(any::<u8>(), 0..64),
    ];
    proptest::collection::vec((any::<u8>(), component, bytes), 1..40)
}

proptest! {
    #[test]
    fn attack_38_foreign_packets_before_during_and_after_learning_change_nothing(
        foreign in foreign(),
        learn in any::<bool>(),
    ) {
        prop_assert_eq!(actions(learn, &foreign), actions(learn, &[]));
    }

    /// From the side's own address, which an attacker can forge: nothing panics, and nothing is sent to
    /// anyone but the two sides.
    #[test]
    fn attack_39_any_bytes_from_anyone_go_to_nobody_but_the_two_sides(
        packets in proptest::collection::vec(
            (0..2_u32, any::<bool>(), 0..5_usize, proptest::collection::vec(any::<u8>(), 0..80), any::<bool>()),
            1..200,
        ),
        learn in any::<bool>(),
    ) {
        let mut relay = call(learn);
        let sides = [SIDES[0], SIDES[1], SEEN[0], SEEN[1]];
        for (count, (slot, on_rtp, from, mut bytes, is_rtp)) in packets.into_iter().enumerate() {
            if is_rtp && bytes.len() > 12 {
                let kind = if count % 2 == 0 { 0xc0 } else { 0 };
                (bytes[0], bytes[1]) = ((bytes[0] & 0x3f) | 0x80, (bytes[1] & 0x1f) | kind);
            }
            let component = if on_rtp { Component::Rtp } else { Component::Rtcp };
            let from = at([SIDES[0], SIDES[1], SEEN[0], SEEN[1], STRANGER][from]);
            let now = Tick(count as u64 * 1_000);
            if let Action::Send { to, slot: other, .. } = relay.packet(now, Slot(slot), component, from, &mut bytes) {
                prop_assert!(sides.iter().any(|side| at(side) == to), "{} was sent something", to);
                prop_assert_eq!(other, Slot(1 - slot));
                prop_assert!(from != at(STRANGER));
            }
        }
    }
}

#[test]
fn attack_40_the_first_packet_of_a_stranger_claims_nothing() {
    let hello = b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\x2f\x01\0\0\x23".to_vec();
    for learn in [false, true] {
        for first in [hello.clone(), voice(1, 1), voice(1, 2)] {
            let mut relay = call(learn);
            for _ in 0..5 {
                let action = relay.packet(Tick(1), Slot(0), Component::Rtp, at(STRANGER), &mut first.clone());
                assert!(matches!(action, Action::Drop(DropReason::Foreign | DropReason::Malformed)));
            }
            let from = at(if learn { SEEN[0] } else { SIDES[0] });
            let sent = (1..4).filter(|&sequence| {
                let mut packet = voice(5, sequence);
                let action = relay.packet(Tick(2), Slot(0), Component::Rtp, from, &mut packet);
                matches!(action, Action::Send { to, .. } if to == at(SIDES[1]))
            });
            assert_eq!(sent.count(), if learn { 1 } else { 3 });
        }
    }
}

#[test]
fn attack_39_packets_that_are_sent_again_do_not_end_a_stream() {
    let mut relay = call(false);
    let mut passed = 0;
    for sequence in 1_000..2_000_u16 {
        for again in [sequence, sequence - 200, sequence.wrapping_add(20_000)] {
            let mut packet = voice(7, again);
            let now = Tick(u64::from(sequence) * 20_000);
            let action = relay.packet(now, Slot(0), Component::Rtp, at(SIDES[0]), &mut packet);
            passed += u32::from(again == sequence && matches!(action, Action::Send { .. }));
        }
    }
    assert_eq!(passed, 1_000);
    let report = reports(&mut relay)[0];
    assert_eq!((report.packets_in, report.lost, report.dropped), (1_000, 0, 2_000));
}
