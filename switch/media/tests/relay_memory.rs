//! What the relay takes of the heap: some bytes for an endpoint, and none for a packet, whatever it is.

use std::net::SocketAddr;

use allocation_counter::measure;
use media::relay::{
    Action, Component, DropReason, EndpointId, MediaCommand, MediaPeer, PeerPayload, Relay, RtcpPlace, Slot,
    StreamKind,
};
use units::Tick;

const CALLS: u64 = 512;
/// With its place in the tables, and a timer.
const ENDPOINT_BYTES_MAX: i64 = 1_024;
const STRANGER: u16 = 9;

fn peer(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn id(call: u64, leg: u8) -> EndpointId {
    EndpointId { shard: 0, call, leg }
}

fn said(port: u16, kind: StreamKind) -> MediaPeer {
    MediaPeer {
        kind,
        rtp: Some(peer(port)),
        rtcp: RtcpPlace::Mux,
        signalling: peer(port).ip(),
        learn: true,
        receives: true,
        sends: true,
        payloads: [8, 101].map(|number| PeerPayload::new(number, 8_000)).into_iter().collect(),
        keys: None,
        secured: None,
    }
}

fn calls() -> Relay {
    let mut relay = Relay::new(2 * CALLS as usize);
    for (call, leg) in (0..CALLS).flat_map(|call| [(call, 0), (call, 1)]) {
        let (endpoint, port) = (id(call, leg), 4_000 + u16::from(leg));
        let open = MediaCommand::Open { endpoint, ours: peer(20_000), timeout_ms: 3_000, hold_timeout_ms: 0 };
        relay.command(Tick(0), open);
        relay.command(Tick(0), MediaCommand::Peer { endpoint, peer: said(port, StreamKind::Rtp) });
        relay.command(Tick(0), MediaCommand::Watch { endpoint });
        relay.command(Tick(0), MediaCommand::Pair { a: id(call, 0), b: endpoint });
    }
    relay
}

fn voice(ssrc: u32, sequence: u16) -> [u8; 172] {
    let mut packet = [0xd5; 172];
    packet[..2].copy_from_slice(&[0x80, 8]);
    packet[2..4].copy_from_slice(&sequence.to_be_bytes());
    packet[4..8].copy_from_slice(&(u32::from(sequence) * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&ssrc.to_be_bytes());
    packet
}

#[test]
fn an_endpoint_takes_few_bytes() {
    let taken = measure(|| std::mem::forget(calls()));
    let each = taken.bytes_current / (2 * CALLS as i64);
    assert!((200..ENDPOINT_BYTES_MAX).contains(&each), "{each} bytes");
}

#[test]
fn a_packet_takes_none() {
    let mut relay = calls();
    relay.command(Tick(0), MediaCommand::Peer { endpoint: id(1, 0), peer: said(4_000, StreamKind::Udptl) });
    relay.command(Tick(0), MediaCommand::Peer { endpoint: id(1, 1), peer: said(4_001, StreamKind::Udptl) });
    let mut judged = [0_u32; 5];
    let taken = measure(|| {
        for sequence in 0..1_000_u16 {
            let now = Tick(u64::from(sequence) * 20_000);
            let mut give = |slot: u32, from: u16, packet: &mut [u8]| match relay.packet(
                now,
                Slot(slot),
                Component::Rtp,
                peer(from),
                packet,
            ) {
                Action::Send { .. } => judged[0] += 1,
                Action::Transcode { .. } | Action::Handshake { .. } | Action::Taken => unreachable!(),
                Action::Drop(DropReason::Learning) => judged[1] += 1,
                Action::Drop(DropReason::Ssrc) => judged[2] += 1,
                Action::Drop(DropReason::Malformed) => judged[3] += 1,
                Action::Drop(_) => judged[4] += 1,
            };
            give(0, 4_000, &mut voice(7, sequence));
            give(1, 4_001, &mut voice(8, sequence));
            give(0, 4_000, &mut voice(u32::from(sequence), sequence));
            give(0, STRANGER, &mut voice(7, sequence));
            give(0, 4_000, &mut [0x80, 201, 0, 1, 0, 0, 0, 7]);
            give(0, 4_000, &mut [0x80, 8, 0]);
            give(2, 4_000, &mut [1, 2, 3, 4]);
            give(4, 4_000 + 7 * (sequence % 2), &mut voice(9, sequence));
            give(6, 5_000 + sequence, &mut voice(9, sequence));
            relay.tick(now);
        }
    });
    assert!(judged.iter().all(|packets| *packets >= 500), "{judged:?}");
    // A silence that is told is an event, and events have a queue: it has grown once.
    while relay.poll_event().is_some() {}
    let again = measure(|| {
        for sequence in 1_000..2_000_u16 {
            let now = Tick(u64::from(sequence) * 20_000);
            relay.packet(now, Slot(0), Component::Rtp, peer(4_000), &mut voice(7, sequence));
            relay.tick(now);
        }
    });
    assert_eq!(again.count_total, 0);
    assert!(
        taken.count_total <= 16,
        "{} allocations, one for each time that the queue grew",
        taken.count_total
    );
}
