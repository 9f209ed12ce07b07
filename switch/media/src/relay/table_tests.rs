use super::*;
use crate::relay::{MediaPeer, PeerPayload, RtcpPlace, StreamKind};

const CALLER: &str = "198.51.100.1:4000";
const CALLEE: &str = "203.0.113.1:6000";
const OTHER: &str = "203.0.113.9:7000";
const SECOND: u64 = 1_000_000;

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn id(leg: u8) -> EndpointId {
    EndpointId { shard: 1, call: 5, leg }
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

/// A call between two sides, its first leg in slot 0; time goes on by 20 ms with each packet.
struct Call {
    relay: Relay,
    now: Tick,
}

impl Call {
    fn new() -> Self {
        let mut call = Self { relay: Relay::new(4), now: Tick(SECOND) };
        call.open(0, CALLER);
        call.open(1, CALLEE);
        call.command(MediaCommand::Pair { a: id(0), b: id(1) });
        call
    }

    fn open(&mut self, leg: u8, peer: &str) -> Slot {
        let open = MediaCommand::Open {
            endpoint: id(leg),
            ours: SocketAddr::new(at("192.0.2.1:0").ip(), 20_000 + u16::from(leg) * 2),
            timeout_ms: 3_000,
            hold_timeout_ms: 60_000,
        };
        let Effect::Opened(slot) = self.command(open) else { panic!("there is room") };
        self.says(leg, said(peer));
        slot
    }

    fn command(&mut self, command: MediaCommand) -> Effect {
        self.relay.command(self.now, command)
    }

    fn says(&mut self, leg: u8, peer: MediaPeer) {
        self.command(MediaCommand::Peer { endpoint: id(leg), peer });
    }

    /// Where a packet goes.
    fn sent(
        &mut self,
        slot: u32,
        on: Component,
        from: &str,
        packet: &mut [u8],
    ) -> Result<(Slot, Component, SocketAddr), DropReason> {
        self.now.0 += 20_000;
        match self.relay.packet(self.now, Slot(slot), on, at(from), packet) {
            Action::Send { slot, component, to, .. } => Ok((slot, component, to)),
            Action::Drop(reason) => Err(reason),
            Action::Transcode { .. } | Action::Handshake { .. } | Action::Taken => {
                panic!("nothing is transcoded")
            }
        }
    }

    fn rtp(
        &mut self,
        slot: u32,
        from: &str,
        sequence: u16,
    ) -> Result<(Slot, Component, SocketAddr), DropReason> {
        self.sent(slot, Component::Rtp, from, &mut voice(u32::from(sequence >> 8), sequence))
    }

    /// The events of the time until then.
    fn until(&mut self, now: Tick) -> Vec<(u64, MediaEvent)> {
        let mut events = Vec::new();
        while let Some(at) = self.relay.next_deadline().filter(|at| *at <= now) {
            self.relay.tick(at);
            events.extend(std::iter::from_fn(|| self.relay.poll_event()).map(|event| (at.0, event)));
        }
        self.now = now;
        events
    }

    fn close(&mut self, leg: u8) -> crate::relay::EndpointReport {
        assert!(matches!(self.command(MediaCommand::Close { endpoint: id(leg) }), Effect::Closed(_)));
        match std::iter::from_fn(|| self.relay.poll_event()).last() {
            Some(MediaEvent::Closed { endpoint, report }) if endpoint == id(leg) => report,
            other => panic!("{other:?}"),
        }
    }
}

fn voice(ssrc: u32, sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    [&[0x80, 8][..], &sequence.to_be_bytes(), &timestamp.to_be_bytes(), &ssrc.to_be_bytes(), &[0xd5; 160]]
        .concat()
}

fn receiver_report(sender: u32, of: u32) -> Vec<u8> {
    [0x81c9_0007, sender, of, 0, 40, 0, 0, 0].iter().flat_map(|word: &u32| word.to_be_bytes()).collect()
}

#[test]
fn packets_go_to_the_other_side_unchanged_and_are_counted() {
    let mut call = Call::new();
    for sequence in 1..=10 {
        let mut packet = voice(0, sequence);
        let sent = call.sent(0, Component::Rtp, CALLER, &mut packet);
        assert_eq!(sent, Ok((Slot(1), Component::Rtp, at(CALLEE))));
        assert_eq!(packet, voice(0, sequence));
    }
    assert_eq!(call.rtp(1, CALLEE, 1), Ok((Slot(0), Component::Rtp, at(CALLER))));
    assert_eq!(call.rtp(0, CALLER, 13), Ok((Slot(1), Component::Rtp, at(CALLEE))), "two are lost");
    assert_eq!(call.rtp(0, OTHER, 14), Err(DropReason::Foreign));
    let counters = *call.relay.counters();
    assert_eq!((counters.packets_in, counters.packets_out, counters.endpoints), (12, 12, [2, 0]));
    assert_eq!(counters.dropped(DropReason::Foreign), 1);
    let report = call.close(0);
    assert_eq!((report.packets_in, report.packets_out, report.lost, report.dropped), (11, 1, 2, 1));
    assert_eq!((report.peer, report.last), (Some(at(CALLER)), Some(Tick(SECOND + 12 * 20_000))));
    assert_eq!(call.rtp(1, CALLEE, 2), Err(DropReason::Unpaired));
    assert_eq!(call.rtp(0, CALLER, 14), Err(DropReason::Unpaired), "its slot is empty");
    assert_eq!(call.close(1).packets_out, 11);
    assert_eq!(call.relay.counters().endpoints, [0, 0]);
}

#[test]
fn rtcp_crosses_between_a_side_with_one_port_and_a_side_with_two() {
    let mut call = Call::new();
    call.says(1, MediaPeer { rtcp: RtcpPlace::Mux, ..said(CALLEE) });
    let mut report = receiver_report(7, 9);
    let to_one_port = call.sent(0, Component::Rtcp, "198.51.100.1:4001", &mut report);
    assert_eq!(to_one_port, Ok((Slot(1), Component::Rtp, at(CALLEE))));
    let to_two_ports = call.sent(1, Component::Rtp, CALLEE, &mut report);
    assert_eq!(to_two_ports, Ok((Slot(0), Component::Rtcp, at("198.51.100.1:4001"))));
    assert_eq!(report, receiver_report(7, 9));
    assert_eq!(call.sent(0, Component::Rtp, CALLER, &mut report), Err(DropReason::Malformed), "not agreed");
    assert_eq!(call.sent(1, Component::Rtcp, "203.0.113.1:6001", &mut report), Err(DropReason::Foreign));
    assert_eq!(call.rtp(1, CALLEE, 1), Ok((Slot(0), Component::Rtp, at(CALLER))), "beside RTP");
    // a marker and payload 64 to 95 would look like RTCP; RFC 5761 §4 leaves those numbers to nobody
    assert_eq!(call.relay.counters().rtcp, 2);
}

#[test]
fn corner_27_a_side_on_hold_is_sent_reports_only_and_its_silence_is_told_later() {
    let mut call = Call::new();
    call.command(MediaCommand::Watch { endpoint: id(1) });
    call.says(1, MediaPeer { receives: false, sends: false, ..said(CALLEE) });
    assert_eq!(call.rtp(0, CALLER, 1), Err(DropReason::Held));
    let report = call.sent(0, Component::Rtcp, "198.51.100.1:4001", &mut receiver_report(7, 9));
    assert_eq!(report, Ok((Slot(1), Component::Rtcp, at("203.0.113.1:6001"))));
    assert_eq!(call.until(Tick(59 * SECOND)), []);
    call.says(1, said(CALLEE));
    let events = call.until(Tick(100 * SECOND));
    let silent =
        MediaEvent::Silent { endpoint: id(1), last: None, last_of_other: Some(Tick(SECOND + 40_000)) };
    assert_eq!(events, [(62 * SECOND, silent)], "three seconds from its return");
}

#[test]
fn corner_51_silence_is_told_once_with_the_last_packets() {
    let mut call = Call::new();
    assert_eq!(call.until(Tick(100 * SECOND)), [], "nobody watches");
    call.command(MediaCommand::Watch { endpoint: id(0) });
    call.command(MediaCommand::Watch { endpoint: id(1) });
    for sequence in 1..=100 {
        call.rtp(0, CALLER, sequence).expect("passes");
        call.rtp(1, CALLEE, sequence).expect("passes");
        assert_eq!(call.until(call.now), []);
    }
    let (first, second) = (call.now.0 - 20_000, call.now.0);
    let silent = |leg, last, other| MediaEvent::Silent {
        endpoint: id(leg),
        last: Some(Tick(last)),
        last_of_other: Some(Tick(other)),
    };
    let told =
        [(first + 3 * SECOND, silent(0, first, second)), (second + 3 * SECOND, silent(1, second, first))];
    assert_eq!(call.until(Tick(1_000 * SECOND)), told);
    call.says(0, said(CALLER));
    assert_eq!(call.until(Tick(2_000 * SECOND)), [(1_003 * SECOND, silent(0, first, second))]);
}

#[test]
fn offers_again_and_again_do_not_hide_silence() {
    let mut call = Call::new();
    call.command(MediaCommand::Watch { endpoint: id(0) });
    for half in 2..7 {
        assert_eq!(call.until(Tick(half * SECOND / 2)), []);
        call.says(0, said(CALLER));
    }
    assert_eq!(call.until(Tick(5 * SECOND)).len(), 1);
}

#[test]
fn reports_prove_life_and_foreign_packets_do_not() {
    let mut call = Call::new();
    call.command(MediaCommand::Watch { endpoint: id(0) });
    call.sent(0, Component::Rtcp, "198.51.100.1:4001", &mut receiver_report(7, 9)).expect("passes");
    let last = call.now;
    call.until(Tick(3 * SECOND));
    assert_eq!(call.rtp(0, OTHER, 1), Err(DropReason::Foreign));
    assert_eq!(
        call.sent(0, Component::Rtcp, "198.51.100.1:4001", &mut [0x80, 201]),
        Err(DropReason::Malformed)
    );
    assert_eq!(call.until(Tick(9 * SECOND))[0].0, last.0 + 3 * SECOND);
}

#[test]
fn corner_6_early_media_of_another_leg_joins_the_stream_that_the_caller_hears() {
    let mut call = Call::new();
    let third = call.open(2, OTHER);
    let ssrc_and_sequence =
        |packet: &[u8]| (packet[8..12].to_vec(), u16::from_be_bytes([packet[2], packet[3]]));
    let mut packet = voice(1, 500);
    call.sent(1, Component::Rtp, CALLEE, &mut packet).expect("passes");
    assert_eq!(call.sent(third.0, Component::Rtp, OTHER, &mut voice(9, 30)), Err(DropReason::Unpaired));
    call.command(MediaCommand::Pair { a: id(0), b: id(2) });
    let mut packet = voice(9, 31);
    let sent = call.sent(third.0, Component::Rtp, OTHER, &mut packet);
    assert_eq!(sent, Ok((Slot(0), Component::Rtp, at(CALLER))));
    assert_eq!(ssrc_and_sequence(&packet), (vec![0, 0, 0, 1], 501));
    assert_eq!(call.sent(1, Component::Rtp, CALLEE, &mut voice(1, 501)), Err(DropReason::Unpaired));
    // what the caller reports of the stream that it knows is told of the one that is sent, and the reverse
    let mut told = receiver_report(7, 1);
    let sent = call.sent(0, Component::Rtcp, "198.51.100.1:4001", &mut told);
    assert_eq!(sent, Ok((third, Component::Rtcp, at("203.0.113.9:7001"))));
    // 40 - (501 - 31), in sixteen bits
    let highest = u32::from(40_u16.wrapping_sub(470));
    let mut expected = receiver_report(7, 9);
    expected[16..20].copy_from_slice(&highest.to_be_bytes());
    assert_eq!(told, expected);
    let mut told = receiver_report(9, 7);
    call.sent(third.0, Component::Rtcp, "203.0.113.9:7001", &mut told).expect("passes");
    assert_eq!(told, receiver_report(1, 7));
}

#[test]
fn payloads_have_the_numbers_of_the_side_that_they_go_to() {
    let mut call = Call::new();
    let numbers = |list: &[(u8, u8)]| {
        list.iter().map(|&(number, told)| PeerPayload { number, told, clock: 8_000 }).collect()
    };
    call.says(0, MediaPeer { payloads: numbers(&[(8, 8), (101, 96)]), ..said(CALLER) });
    call.says(1, MediaPeer { payloads: numbers(&[(8, 8), (101, 101), (96, 101)]), ..said(CALLEE) });
    let mut sequence = 0;
    let mut sent = |call: &mut Call, slot, from, second: u8| {
        sequence += 1;
        let mut packet = voice(7 + slot, sequence);
        packet[1] = second;
        call.sent(slot, Component::Rtp, from, &mut packet).expect("passes");
        packet[1]
    };
    for (slot, from, came, goes) in [
        (0, CALLER, 101, 96),
        (0, CALLER, 0x80 | 101, 0x80 | 96),
        (0, CALLER, 8, 8),
        // Unknown numbers are nobody's to change.
        (0, CALLER, 96, 96),
        (1, CALLEE, 101, 101),
        (1, CALLEE, 0x80 | 96, 0x80 | 101),
        (1, CALLEE, 96, 101),
        (1, CALLEE, 8, 8),
    ] {
        assert_eq!(sent(&mut call, slot, from, came), goes, "{came} of {from}");
    }
}

#[test]
fn datagrams_of_t38_pass_unread_when_both_sides_carry_them() {
    let mut call = Call::new();
    let fax = |rtp| MediaPeer { kind: StreamKind::Udptl, sends: false, ..said(rtp) };
    call.says(0, fax(CALLER));
    assert_eq!(call.sent(0, Component::Rtp, CALLER, &mut [0; 5]), Err(DropReason::Unpaired), "one side only");
    call.says(1, fax(CALLEE));
    assert_eq!(call.sent(0, Component::Rtp, CALLER, &mut [0; 5]), Ok((Slot(1), Component::Rtp, at(CALLEE))));
    assert_eq!(call.sent(0, Component::Rtp, CALLER, &mut []), Err(DropReason::Malformed));
    assert_eq!(call.sent(0, Component::Rtp, OTHER, &mut [0; 5]), Err(DropReason::Foreign));
    assert_eq!(call.relay.counters().endpoints, [0, 2]);
}

#[test]
fn nothing_is_sent_where_our_port_cannot_reach() {
    let mut call = Call::new();
    call.says(1, said("[2001:db8::1]:6000"));
    assert_eq!(call.rtp(0, CALLER, 1), Err(DropReason::NoAddress));
    call.says(1, MediaPeer { rtp: None, ..said(CALLEE) });
    assert_eq!(call.rtp(0, CALLER, 2), Err(DropReason::NoAddress));
}

#[test]
fn sound_that_goes_one_way_only_is_reported() {
    for (watched, packets_back, one_way) in [(true, 0, true), (true, 1, false), (false, 0, false)] {
        let mut call = Call::new();
        if watched {
            call.command(MediaCommand::Watch { endpoint: id(0) });
            call.command(MediaCommand::Watch { endpoint: id(1) });
        }
        for sequence in 1..=60 {
            call.rtp(0, CALLER, sequence).expect("passes");
        }
        for sequence in 0..packets_back {
            call.rtp(1, CALLEE, sequence).expect("passes");
        }
        for leg in [0, 1] {
            assert_eq!(call.close(leg).is_one_way(), one_way, "leg {leg}, {watched}, {packets_back}");
        }
    }
}

#[test]
fn the_table_is_bounded_and_names_are_unique() {
    let mut call = Call::new();
    let open = |leg| MediaCommand::Open {
        endpoint: id(leg),
        ours: at("192.0.2.1:20000"),
        timeout_ms: 0,
        hold_timeout_ms: 0,
    };
    assert_eq!(call.command(open(1)), Effect::Refused);
    assert_eq!(call.relay.poll_event(), None, "it is open");
    call.open(2, OTHER);
    call.open(3, OTHER);
    assert_eq!(call.command(open(4)), Effect::Refused);
    assert_eq!(call.relay.poll_event(), Some(MediaEvent::OpenFailed { endpoint: id(4) }));
    assert_eq!(call.command(MediaCommand::Close { endpoint: id(4) }), Effect::None);
    call.close(3);
    assert_eq!(call.command(open(4)), Effect::Opened(Slot(3)), "its slot");
    for leg in [0, 1, 2, 4] {
        call.command(MediaCommand::Watch { endpoint: id(leg) });
        call.close(leg);
    }
    assert_eq!(call.relay.next_deadline(), None, "no timer is left");
}
