use super::*;
use crate::relay::{PeerPayload, StreamKind};

const NAT: &str = "203.0.113.5:31000";
const PRIVATE: &str = "10.0.0.5:4000";

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn peer(rtp: Option<&str>, learn: bool) -> MediaPeer {
    MediaPeer {
        kind: StreamKind::Rtp,
        rtp: rtp.map(at),
        rtcp: RtcpPlace::Next,
        signalling: at(NAT).ip(),
        learn,
        receives: true,
        sends: true,
        payloads: [PeerPayload::new(8, 8_000)].into_iter().collect(),
        keys: None,
        secured: None,
    }
}

fn source(rtp: &str, learn: bool) -> Source {
    let mut source = Source::default();
    source.set(&peer(Some(rtp), learn));
    source
}

/// Judges a packet as an endpoint does, with every sequence number possible.
fn heard(source: &mut Source, from: &str, ssrc: u32, sequence: u16) -> Result<(), DropReason> {
    match source.rtp(at(from), RtpHeader { payload: 8, sequence, timestamp: 0, ssrc }, true) {
        Verdict::Drop(reason) => return Err(reason),
        Verdict::Present => source.prove(at(from), sequence),
        Verdict::Other => {}
    }
    Ok(())
}

fn stream(source: &mut Source, from: &str, ssrc: u32, first: u16) -> Vec<Result<(), DropReason>> {
    (first..first + 4).map(|sequence| heard(source, from, ssrc, sequence)).collect()
}

const LEARNT: [Result<(), DropReason>; 4] =
    [Err(DropReason::Learning), Err(DropReason::Learning), Ok(()), Ok(())];

#[test]
fn an_address_is_learnt_from_three_in_order_and_then_kept() {
    let mut source = source(PRIVATE, true);
    assert_eq!(source.rtp_to(), Some(at(PRIVATE)), "what the side said, until then");
    assert_eq!(stream(&mut source, NAT, 1, 65_530), LEARNT);
    assert_eq!(source.rtp_to(), Some(at(NAT)));
    for other in ["203.0.113.5:31002", PRIVATE, "203.0.113.6:31000"] {
        assert_eq!(stream(&mut source, other, 1, 1), [Err(DropReason::Foreign); 4], "{other}");
    }
    assert_eq!(source.rtp_to(), Some(at(NAT)));
}

#[test]
fn the_address_of_the_sdp_passes_at_once_and_is_kept_too() {
    let mut source = source(NAT, true);
    assert_eq!(stream(&mut source, NAT, 1, 1), [Ok(()); 4]);
    assert_eq!(stream(&mut source, "203.0.113.5:31002", 1, 5), [Err(DropReason::Foreign); 4]);
    let mut fixed = self::source(NAT, false);
    assert_eq!(heard(&mut fixed, "203.0.113.5:31002", 1, 1), Err(DropReason::Foreign), "nothing is learnt");
    assert_eq!(heard(&mut fixed, NAT, 1, 1), Ok(()));
}

#[test]
fn only_packets_in_order_of_one_source_and_address_prove_it() {
    let mut source = source(PRIVATE, true);
    for (from, ssrc, sequence) in [
        (NAT, 1, 1),
        (NAT, 1, 2),
        (NAT, 2, 3),
        (NAT, 2, 4),
        ("203.0.113.5:31002", 2, 5),
        (NAT, 2, 5),
        (NAT, 2, 6),
        (NAT, 2, 8),
        (NAT, 2, 9),
    ] {
        let judged = heard(&mut source, from, ssrc, sequence);
        assert_eq!(judged, Err(DropReason::Learning), "{from} {ssrc} {sequence}");
        assert_eq!(source.rtp_to(), Some(at(PRIVATE)));
    }
    assert_eq!(heard(&mut source, NAT, 2, 10), Ok(()));
}

#[test]
fn unknown_payloads_teach_nothing_and_pass_from_the_address() {
    let mut source = source(PRIVATE, true);
    let event = |sequence| RtpHeader { payload: 99, sequence, timestamp: 0, ssrc: 1 };
    for sequence in 1..5 {
        let judged = source.rtp(at(NAT), event(sequence), false);
        assert_eq!(judged, Verdict::Drop(DropReason::Learning));
    }
    assert_eq!(stream(&mut source, NAT, 1, 5), LEARNT);
    assert_eq!(source.rtp(at(NAT), event(9), false), Verdict::Present);
}

#[test]
fn a_source_that_restarts_is_taken_after_three_while_the_first_is_quiet() {
    let mut source = source(NAT, false);
    assert_eq!(stream(&mut source, NAT, 1, 1), [Ok(()); 4]);
    for sequence in 5..50 {
        assert_eq!(heard(&mut source, NAT, 1, sequence), Ok(()));
        assert_eq!(
            heard(&mut source, NAT, 9, sequence),
            Err(DropReason::Ssrc),
            "between packets of the first"
        );
    }
    assert_eq!(stream(&mut source, NAT, 9, 50)[..2], [Err(DropReason::Ssrc), Ok(())]);
    assert_eq!(heard(&mut source, NAT, 1, 50), Err(DropReason::Ssrc));
}

#[test]
fn two_sources_that_take_turns_are_the_first_one() {
    let mut source = source(NAT, true);
    for sequence in 1..10 {
        assert_eq!(heard(&mut source, NAT, 1, sequence), Ok(()));
        assert_eq!(heard(&mut source, NAT, 2, sequence), Err(DropReason::Ssrc));
    }
    assert_eq!(heard(&mut source, "203.0.113.5:31002", 1, 10), Err(DropReason::Foreign), "learnt meanwhile");
    source.set(&peer(Some(NAT), true));
    assert_eq!(stream(&mut source, NAT, 2, 10), [Ok(()); 4], "another one after an offer");
}

#[test]
fn an_offer_that_says_the_same_keeps_the_address_and_may_teach_another() {
    let mut source = source(PRIVATE, true);
    stream(&mut source, NAT, 1, 1);
    source.set(&peer(Some(PRIVATE), true));
    assert_eq!(source.rtp_to(), Some(at(NAT)));
    assert_eq!(heard(&mut source, NAT, 1, 5), Ok(()), "no gap");
    assert_eq!(stream(&mut source, "203.0.113.5:31002", 7, 1), LEARNT);
    assert_eq!(source.rtp_to(), Some(at("203.0.113.5:31002")));
    assert_eq!(heard(&mut source, NAT, 1, 6), Err(DropReason::Foreign));
}

#[test]
fn an_offer_with_another_address_moves_the_side_at_once() {
    let mut source = source(PRIVATE, true);
    stream(&mut source, NAT, 1, 1);
    source.set(&peer(Some("10.0.0.5:4002"), true));
    assert_eq!(source.rtp_to(), Some(at("10.0.0.5:4002")));
    assert_eq!(stream(&mut source, "203.0.113.5:31002", 2, 1), LEARNT);
    source.set(&peer(Some("198.51.100.1:8"), false));
    assert_eq!(source.rtp_to(), Some(at("198.51.100.1:8")));
    assert_eq!(heard(&mut source, "203.0.113.5:31002", 2, 5), Err(DropReason::Foreign));
    assert_eq!(heard(&mut source, "198.51.100.1:8", 77, 1), Ok(()), "another source, no proof needed");
}

#[test]
fn corner_27_hold_without_an_address_sends_nothing_and_is_still_heard() {
    for learn in [false, true] {
        let mut source = source(NAT, learn);
        stream(&mut source, NAT, 1, 1);
        source.set(&peer(None, learn));
        assert_eq!((source.rtp_to(), source.rtcp_to()), (None, None));
        assert_eq!(heard(&mut source, NAT, 1, 5), Ok(()), "music on hold");
        source.set(&peer(Some(NAT), learn));
        assert_eq!(source.rtp_to(), Some(at(NAT)));
    }
    let mut closed = Source::default();
    closed.set(&peer(None, false));
    assert_eq!(heard(&mut closed, NAT, 1, 1), Err(DropReason::Foreign));
}

#[test]
fn rtcp_has_the_next_port_another_or_that_of_rtp() {
    let said = |rtcp| MediaPeer { rtcp, ..peer(Some(NAT), false) };
    let next = source(NAT, false);
    assert_eq!(next.rtcp_to(), Some(at("203.0.113.5:31001")));
    let mut other = Source::default();
    other.set(&said(RtcpPlace::At(at("203.0.113.9:5"))));
    assert_eq!(other.rtcp_to(), Some(at("203.0.113.9:5")));
    assert_eq!(other.rtcp(at("203.0.113.9:5"), 1, false), Ok(()));
    assert_eq!(other.rtcp(at("203.0.113.5:31001"), 1, false), Err(DropReason::Foreign));
    let mut muxed = Source::default();
    muxed.set(&said(RtcpPlace::Mux));
    assert_eq!(muxed.rtcp_to(), Some(at(NAT)));
    assert_eq!(muxed.rtcp(at(NAT), 1, true), Ok(()));
    assert_eq!(muxed.rtcp(at("203.0.113.5:31001"), 1, false), Err(DropReason::Foreign));
    muxed.set(&MediaPeer { learn: true, ..said(RtcpPlace::Mux) });
    assert_eq!(muxed.rtcp(at("203.0.113.5:31001"), 1, true), Err(DropReason::Learning), "RTP shows it");
    assert_eq!(muxed.rtcp(at("198.51.100.1:31000"), 1, true), Err(DropReason::Foreign));
    let last = source("203.0.113.5:65535", false);
    assert_eq!(last.rtcp_to(), None, "there is no next port");
}

#[test]
fn another_place_for_rtcp_leaves_rtp_where_it_is() {
    let mut source = source(PRIVATE, true);
    stream(&mut source, NAT, 1, 1);
    source.set(&MediaPeer { rtcp: RtcpPlace::Mux, ..peer(Some(PRIVATE), true) });
    assert_eq!((source.rtp_to(), source.rtcp_to()), (Some(at(NAT)), Some(at(NAT))));
    source.set(&peer(Some(PRIVATE), true));
    assert_eq!((source.rtp_to(), source.rtcp_to()), (Some(at(NAT)), Some(at("10.0.0.5:4001"))));
}

#[test]
fn the_port_of_rtcp_is_learnt_from_the_source_whose_rtp_is_taken() {
    let mut source = source(PRIVATE, true);
    let from = at("203.0.113.5:31777");
    assert_eq!(source.rtcp(from, 1, false), Err(DropReason::Learning), "before any RTP");
    stream(&mut source, NAT, 1, 1);
    assert_eq!(source.rtcp(from, 2, false), Err(DropReason::Learning), "another source");
    assert_eq!(source.rtcp(at("203.0.113.6:31777"), 1, false), Err(DropReason::Foreign));
    assert_eq!(source.rtcp_to(), Some(at("10.0.0.5:4001")), "until then as the side said");
    assert_eq!(source.rtcp(from, 1, false), Ok(()));
    assert_eq!(source.rtcp_to(), Some(from));
    assert_eq!(source.rtcp(at("203.0.113.5:31778"), 1, false), Err(DropReason::Foreign), "once");
}

#[test]
fn udptl_is_judged_by_its_address_alone() {
    let mut source = source(PRIVATE, true);
    let judged: Vec<Verdict> = (0..4).map(|_| source.udptl(at(NAT))).collect();
    let learning = Verdict::Drop(DropReason::Learning);
    assert_eq!(judged, [learning, learning, Verdict::Other, Verdict::Present]);
    assert_eq!(source.rtp_to(), Some(at(NAT)));
    assert_eq!(source.udptl(at("203.0.113.5:31002")), Verdict::Drop(DropReason::Foreign));
    assert_eq!(source.udptl(at("198.51.100.1:1")), Verdict::Drop(DropReason::Foreign));
    // the address of the SDP is kept as well, after as many
    let mut true_to_its_word = self::source(NAT, true);
    for first in [Verdict::Other, Verdict::Present] {
        assert_eq!(true_to_its_word.udptl(at(NAT)), first);
        assert_eq!(true_to_its_word.udptl(at("203.0.113.5:31002")), learning);
    }
    assert_eq!(true_to_its_word.udptl(at(NAT)), Verdict::Present);
    assert_eq!(true_to_its_word.udptl(at("203.0.113.5:31002")), Verdict::Drop(DropReason::Foreign));
}

#[test]
fn mapped_addresses_and_zones_are_seen_through() {
    let mut source = source("[::ffff:203.0.113.5]:31000", false);
    assert_eq!(heard(&mut source, NAT, 1, 1), Ok(()));
    let mut link = self::source("[fe80::1]:4000", true);
    assert_eq!(stream(&mut link, "[fe80::1%3]:4000", 1, 1), [Ok(()); 4]);
    assert_eq!(link.rtp_to(), Some(at("[fe80::1%3]:4000")), "with the zone, which sending needs");
}
