//! What is played to one side of a call: in its codec, in the stream that it has, and given back without a
//! gap.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a failing test says where")]

use std::net::SocketAddr;
use std::sync::Arc;

use codecs::Codec;
use media::relay::{
    Action, Component, DropReason, Effect, EndpointId, MediaCommand, MediaEvent, MediaPeer, PeerKeys,
    PeerPayload, Play, ROOM, Relay, RtcpPlace, Slot, StreamKind,
};
use media::srtp::{MasterKey, Suite, Unprotector};
use units::Tick;
use voice::playback::Clip;
use voice::{EncoderSettings, Packet};

const CALLER: &str = "198.51.100.1:4000";
const CALLEE: &str = "203.0.113.1:6000";
const MS: u64 = 1_000;

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn id(leg: u8) -> EndpointId {
    EndpointId { shard: 0, call: 1, leg }
}

fn said(rtp: &str) -> MediaPeer {
    MediaPeer {
        kind: StreamKind::Rtp,
        rtp: Some(at(rtp)),
        rtcp: RtcpPlace::Next,
        signalling: at(rtp).ip(),
        learn: false,
        receives: true,
        sends: true,
        payloads: [PeerPayload::new(8, 8_000)].into_iter().collect(),
        keys: None,
        secured: None,
    }
}

/// So many packets of 20 ms of silence.
fn clip(packets: usize) -> Arc<Clip> {
    Arc::new(Clip::encode(vec![0; 160 * packets], EncoderSettings::new(Codec::Pcma)).unwrap())
}

fn play(packets: usize) -> Play {
    Play { clip: clip(packets), payload: 8, repeat: false, seed: 0xcafe_babe_0000_fffe }
}

/// A caller and a callee whose packets are passed.
struct Call {
    relay: Relay,
    now: Tick,
    slots: [Slot; 2],
}

/// What a side was sent: (marker, number, timestamp, source).
type Heard = (bool, u16, u32, u32);

impl Call {
    fn new(caller: MediaPeer) -> Self {
        let (mut relay, now) = (Relay::new(4), Tick(1_000_000));
        let mut slots = Vec::new();
        for (leg, peer) in [(0, caller), (1, said(CALLEE))] {
            let ours = SocketAddr::new(at("192.0.2.1:0").ip(), 20_000 + u16::from(leg) * 2);
            let open = MediaCommand::Open { endpoint: id(leg), ours, timeout_ms: 3_000, hold_timeout_ms: 0 };
            let Effect::Opened(slot) = relay.command(now, open) else { panic!("there is room") };
            relay.command(now, MediaCommand::Peer { endpoint: id(leg), peer });
            slots.push(slot);
        }
        relay.command(now, MediaCommand::Pair { a: id(0), b: id(1) });
        Self { relay, now, slots: [slots[0], slots[1]] }
    }

    fn command(&mut self, command: MediaCommand) {
        self.relay.command(self.now, command);
    }

    /// A packet of a side; what the other is sent.
    fn speaks(&mut self, leg: usize, ssrc: u32, sequence: u16, timestamp: u32) -> Result<Heard, DropReason> {
        let packet =
            Packet { payload_type: 8, marker: false, sequence, timestamp, ssrc, payload: &[0xd5; 160] };
        let mut buffer = [0; 256];
        let bytes = packet.write(&mut buffer).unwrap();
        let from = at([CALLER, CALLEE][leg]);
        let came = (&mut buffer[..], bytes);
        match self.relay.packet_in(self.now, self.slots[leg], Component::Rtp, from, came) {
            Action::Send { bytes, .. } => Ok(read(&buffer[..bytes])),
            Action::Transcode { .. } | Action::Handshake { .. } | Action::Taken => {
                panic!("nothing is transcoded")
            }
            Action::Drop(reason) => Err(reason),
        }
    }

    /// What is due now: where to, and what.
    fn due(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut sent = Vec::new();
        let mut buffer = [0; 1_500];
        while let Some(action) = self.relay.poll_packet(self.now, &mut buffer) {
            let Action::Send { slot, component, to, bytes } = action else { panic!("{action:?}") };
            assert_eq!((slot, component), (self.slots[0], Component::Rtp));
            sent.push((to, buffer[..bytes].to_vec()));
        }
        sent
    }

    fn is_over(&mut self) -> bool {
        let mut events = std::iter::from_fn(|| self.relay.poll_event());
        events.any(|event| event == MediaEvent::Played { endpoint: id(0) })
    }
}

fn read(packet: &[u8]) -> Heard {
    let packet = Packet::read(packet).unwrap();
    (packet.marker, packet.sequence, packet.timestamp, packet.ssrc)
}

#[test]
fn a_clip_stands_in_the_place_of_the_other_sides_packets() {
    let mut call = Call::new(said(CALLER));
    assert_eq!(call.speaks(1, 7, 65_534, 160), Ok((false, 65_534, 160, 7)));
    call.now.0 += 20 * MS;
    call.command(MediaCommand::Play { endpoint: id(0), play: play(3) });
    let mut heard = Vec::new();
    for n in 0..3_u16 {
        assert!(call.relay.next_deadline().is_some_and(|at| at <= call.now), "packet {n}");
        for (to, packet) in call.due() {
            assert_eq!(to, at(CALLER));
            heard.push(read(&packet));
        }
        // Both sides go on talking: the caller is heard, the callee is not.
        assert_eq!(call.speaks(1, 7, n.wrapping_sub(1), u32::from(n + 1) * 160), Err(DropReason::Replaced));
        assert!(call.speaks(0, 9, 100 + n, 0).is_ok());
        // So do reports of both.
        let mut report = *b"\x80\xc9\0\x01\0\0\0\x07";
        let sent =
            call.relay.packet(call.now, call.slots[1], Component::Rtcp, at("203.0.113.1:6001"), &mut report);
        assert!(matches!(sent, Action::Send { component: Component::Rtcp, .. }), "{sent:?}");
        assert!(!call.is_over());
        call.now.0 += 20 * MS;
    }
    assert_eq!(heard, [(true, 65_535, 320, 7), (false, 0, 480, 7), (false, 1, 640, 7)]);
    assert!(call.due().is_empty() && call.is_over());
    assert_eq!(call.relay.next_deadline(), None);
    // Back in the same stream, right behind the clip.
    assert_eq!(call.speaks(1, 7, 2, 640), Ok((true, 2, 800, 7)));
    call.now.0 += 20 * MS;
    assert_eq!(call.speaks(1, 7, 3, 800), Ok((false, 3, 960, 7)));
    assert_eq!(call.relay.counters().dropped(DropReason::Replaced), 3);
    let report = |call: &mut Call, leg| {
        call.command(MediaCommand::Close { endpoint: id(leg) });
        match call.relay.poll_event() {
            Some(MediaEvent::Closed { report, .. }) => report,
            other => panic!("{other:?}"),
        }
    };
    let (caller, callee) = (report(&mut call, 0), report(&mut call, 1));
    assert_eq!((caller.packets_in, caller.packets_out, caller.dropped), (3, 6, 0));
    assert_eq!((callee.packets_in, callee.packets_out, callee.dropped, callee.lost), (6, 3, 0, 0));
}

#[test]
fn without_a_stream_one_begins_and_goes_on_as_the_other_sides() {
    let mut call = Call::new(said(CALLER));
    call.command(MediaCommand::Play { endpoint: id(0), play: play(1) });
    let heard: Vec<_> = call.due().iter().map(|(_, packet)| read(packet)).collect();
    assert_eq!(heard, [(true, 0xfffe, 0xbabe_0000, 0xcafe_babe)]);
    call.now.0 += 20 * MS;
    assert!(call.due().is_empty() && call.is_over());
    call.now.0 += 5 * MS;
    assert_eq!(call.speaks(1, 7, 1, 1), Ok((true, 0xffff, 0xbabe_0000 + 200, 0xcafe_babe)));
}

#[test]
fn a_tone_goes_on_until_it_is_stopped_or_replaced() {
    let mut call = Call::new(said(CALLER));
    let tone = Play { repeat: true, ..play(2) };
    call.command(MediaCommand::Play { endpoint: id(0), play: tone });
    for _ in 0..50 {
        assert_eq!(call.due().len(), 1);
        call.now.0 += 20 * MS;
    }
    call.command(MediaCommand::Play { endpoint: id(0), play: play(1) });
    assert_eq!(call.due().len(), 1, "the other one");
    call.command(MediaCommand::StopPlay { endpoint: id(0) });
    call.now.0 += 20 * MS;
    assert!(call.due().is_empty() && !call.is_over());
    assert_eq!(call.relay.next_deadline(), None);
    assert!(call.speaks(1, 7, 1, 1).is_ok());
}

#[test]
fn who_wants_nothing_is_sent_nothing_and_loses_nothing() {
    let mut call = Call::new(said(CALLER));
    call.command(MediaCommand::Play { endpoint: id(0), play: play(5) });
    assert_eq!(call.due().len(), 1);
    let holds = MediaPeer { receives: false, ..said(CALLER) };
    call.command(MediaCommand::Peer { endpoint: id(0), peer: holds });
    for _ in 0..2 {
        call.now.0 += 20 * MS;
        assert!(call.due().is_empty());
    }
    call.command(MediaCommand::Peer { endpoint: id(0), peer: said(CALLER) });
    call.now.0 += 20 * MS;
    let heard: Vec<_> = call.due().iter().map(|(_, packet)| read(packet)).collect();
    assert_eq!(heard, [(false, 0xffff, 0xbabe_0000 + 480, 0xcafe_babe)], "time went on, numbers did not");
    // Another codec is agreed: what is played is none of it.
    let payloads = [PeerPayload::new(18, 8_000)].into_iter().collect();
    call.command(MediaCommand::Peer { endpoint: id(0), peer: MediaPeer { payloads, ..said(CALLER) } });
    assert!(call.is_over());
    call.now.0 += 20 * MS;
    assert!(call.due().is_empty());
    let fax = MediaPeer { kind: StreamKind::Udptl, ..said(CALLER) };
    call.command(MediaCommand::Peer { endpoint: id(0), peer: fax });
    call.command(MediaCommand::Play { endpoint: id(0), play: play(5) });
    assert!(call.due().is_empty() && call.is_over(), "no sound in fax");
}

#[test]
fn a_side_with_keys_is_played_to_by_them() {
    let [theirs, ours] = [1, 2].map(|of| MasterKey::derive(Suite::ALL[0], &[of; 16], b"test").unwrap());
    let keys = PeerKeys { theirs, ours };
    let mut call = Call::new(MediaPeer { keys: Some(Box::new(keys)), ..said(CALLER) });
    call.command(MediaCommand::Play { endpoint: id(0), play: play(2) });
    let mut unprotector = Unprotector::new(&ours).unwrap();
    for n in 0..2 {
        let (_, mut packet) = call.due().remove(0);
        assert!(packet.len() > 172 && packet.len() <= 172 + ROOM);
        let bytes = unprotector.rtp(&mut packet).unwrap();
        assert_eq!((bytes, read(&packet[..bytes]).1), (172, 0xfffe + n));
        call.now.0 += 20 * MS;
    }
}

#[test]
fn a_late_driver_sends_no_burst() {
    let mut call = Call::new(said(CALLER));
    call.command(MediaCommand::Play { endpoint: id(0), play: play(100) });
    assert_eq!(call.due().len(), 1);
    call.now.0 += 100 * MS;
    assert_eq!(call.due().len(), 5, "what is a little late is sent");
    call.now.0 += 1_000 * MS;
    assert_eq!(call.due().len(), 1, "what is very late is left out");
    call.command(MediaCommand::Close { endpoint: id(0) });
    call.now.0 += 100 * MS;
    assert!(call.due().is_empty());
    assert_eq!(call.relay.next_deadline(), None, "nothing waits for what is closed");
}
