//! Commands and packets in any order: nothing panics, a stranger is neither heard nor sent anything, and
//! counts agree with actions. Each step begins with three bytes: what, which endpoint, and how long its
//! packet is.
#![no_main]

use std::net::{IpAddr, SocketAddr};

use libfuzzer_sys::fuzz_target;
use media::relay::{
    Action, Component, EndpointId, MediaCommand, MediaPeer, PeerPayload, Relay, RtcpPlace, Slot, StreamKind,
};
use units::Tick;

const LEGS: u8 = 4;
const STRANGER: [u8; 4] = [100, 64, 0, 1];

fn id(leg: u8) -> EndpointId {
    EndpointId { shard: 0, call: 1, leg: leg % LEGS }
}

/// One of the two hosts of a leg: that of its SDP and that of its signalling.
fn host(leg: u8, which: u8) -> IpAddr {
    IpAddr::from([10, which % 2, 0, leg % LEGS])
}

fn peer(leg: u8, choice: u8) -> MediaPeer {
    let rtp = SocketAddr::new(host(leg, 0), 4_000 + u16::from(choice & 2));
    MediaPeer {
        kind: if choice & 1 == 0 { StreamKind::Rtp } else { StreamKind::Udptl },
        rtp: (choice & 4 == 0).then_some(rtp),
        rtcp: match choice >> 3 & 3 {
            0 => RtcpPlace::Mux,
            1 => RtcpPlace::At(SocketAddr::new(host(leg, 0), 5_000)),
            _ => RtcpPlace::Next,
        },
        signalling: host(leg, 1),
        learn: choice & 32 == 0,
        receives: choice & 64 == 0,
        sends: choice & 128 == 0,
        payloads: [(8, 8, 8_000), (96, 97, 48_000), (101, 96, 8_000)]
            .map(|(number, told, clock)| PeerPayload { number, told, clock })
            .into_iter()
            .take(usize::from(choice % 4))
            .collect(),
        keys: None,
        secured: None,
    }
}

fn command(what: u8, leg: u8, length: u8) -> Option<MediaCommand> {
    let endpoint = id(leg);
    Some(match what & 7 {
        0 => MediaCommand::Open {
            endpoint,
            ours: SocketAddr::from(([192, 0, 2, 1], 20_000 + u16::from(leg % LEGS) * 2)),
            timeout_ms: 100,
            hold_timeout_ms: u32::from(length),
        },
        1 => MediaCommand::Peer { endpoint, peer: peer(leg, length) },
        2 => MediaCommand::Pair { a: endpoint, b: id(length) },
        3 if length & 1 == 0 => MediaCommand::Watch { endpoint },
        3 if length > 250 => MediaCommand::Close { endpoint },
        _ => return None,
    })
}

fuzz_target!(|input: &[u8]| {
    let (mut relay, mut now, mut input) = (Relay::new(3), 0, input);
    let (mut sent, mut dropped) = (0_u64, 0_u64);
    while let Some((&[what, leg, length], rest)) = input.split_first_chunk() {
        now += u64::from(what) * 100;
        relay.tick(Tick(now));
        while relay.poll_event().is_some() {}
        if let Some(command) = command(what, leg, length) {
            relay.command(Tick(now), command);
            input = rest;
            continue;
        }
        let (packet, rest) = rest.split_at(usize::from(length).min(rest.len()));
        input = rest;
        let mut packet = packet.to_vec();
        let is_stranger = what & 8 != 0;
        let from = if is_stranger { IpAddr::from(STRANGER) } else { host(leg, what >> 4) };
        let from = SocketAddr::new(from, 4_000 + u16::from(what >> 5));
        let component = if what & 16 == 0 { Component::Rtp } else { Component::Rtcp };
        let slot = Slot(u32::from(leg >> 2 & 3));
        let length = packet.len();
        match relay.packet(Tick(now), slot, component, from, &mut packet) {
            Action::Send { slot: other, to, .. } => {
                assert!(!is_stranger && to.ip() != IpAddr::from(STRANGER) && other != slot);
                sent += 1;
            }
            Action::Transcode { .. } | Action::Handshake { .. } | Action::Taken => unreachable!("nothing is transcoded"),
            Action::Drop(_) => dropped += 1,
        }
        assert_eq!(packet.len(), length);
    }
    let counters = relay.counters();
    assert_eq!(counters.packets_out + counters.rtcp, sent);
    assert_eq!(counters.dropped.iter().sum::<u64>(), dropped);
    assert!(counters.endpoints.iter().sum::<u64>() <= 3);
});
