//! Corner cases of peers' requests: RFC 3261 §8.2.2.2, §9.2, §13.3.1.4, §17.2, RFC 4320, RFC 6026.
#![allow(clippy::unwrap_used, clippy::panic)]

mod transaction_support;

use sip::flow::Flow;
use sip::transaction::{Event, Settings};
use sip::{Message, Name};
use transaction_support::*;

fn ack(branch: &str, to_tag: &str) -> Message {
    Text { method: "ACK", branch, to_tag, ..INVITE }.message()
}

#[test]
fn an_invite_gets_100_and_its_repeats_the_last_response() {
    let mut bench = Bench::new();
    let id = bench.request(udp(), INVITE.message());
    bench.hear(INVITE.message());
    bench.respond(id, &INVITE.write(), 180);
    bench.hear(INVITE.message());
    bench.respond(id, &INVITE.write(), 404);
    bench.hear(INVITE.message());
    assert_eq!(
        bench.take_lines(),
        ["100 INVITE", "100 INVITE", "180 INVITE", "180 INVITE", "404 INVITE", "404 INVITE"]
    );
    assert!(bench.take_events().is_empty(), "a repeat is no second call");
    assert_eq!(bench.layer.counters().requests_repeated, 3);
}

#[test]
fn the_100_may_wait() {
    let settings = Settings { trying_after_ms: 150, ..Settings::default() };
    let mut bench = Bench::with(settings);
    bench.request(udp(), INVITE.message());
    bench.run_to(1_000);
    assert_eq!(bench.take_sent(), [(150, "100 INVITE".to_owned())]);
    let mut bench = Bench::with(settings);
    let id = bench.request(udp(), INVITE.message());
    bench.respond(id, &INVITE.write(), 183);
    bench.run_to(1_000);
    assert_eq!(bench.take_sent(), [(0, "183 INVITE".to_owned())]);
}

/// Timer G: T1 doubling to T2; the ACK, with the INVITE's branch, ends it (corner 10).
#[test]
fn a_failure_is_repeated_until_its_ack() {
    let mut bench = Bench::new();
    let id = bench.request(udp(), INVITE.message());
    bench.respond(id, &INVITE.write(), 486);
    bench.run_to(12_000);
    let times: Vec<u64> = bench.take_sent().into_iter().skip(1).map(|(at, _)| at).collect();
    assert_eq!(times, [0, 500, 1_500, 3_500, 7_500, 11_500]);
    bench.hear(ack(INVITE.branch, ";tag=ours"));
    bench.hear(ack(INVITE.branch, ";tag=ours"));
    bench.hear(INVITE.message());
    bench.run_to(16_999);
    assert!(bench.take_sent().is_empty() && bench.take_events().is_empty());
    assert_eq!((bench.layer.live().servers, bench.layer.counters().acks_absorbed), (1, 2), "Timer I");
    bench.run_to(17_000);
    bench.assert_empty();
}

#[test]
fn an_unacknowledged_failure_ends_at_timer_h() {
    let mut bench = Bench::new();
    let id = bench.request(udp(), INVITE.message());
    bench.respond(id, &INVITE.write(), 486);
    bench.run_out();
    assert!(bench.take_events().is_empty());
    bench.assert_empty();
}

/// Corners 8 and 9, on both transports.
#[test]
fn a_2xx_is_repeated_until_acknowledged() {
    for flow in [udp(), tcp()] {
        let mut bench = Bench::new();
        let id = bench.request(flow, INVITE.message());
        bench.respond(id, &INVITE.write(), 200);
        bench.hear_on(flow, INVITE.message());
        bench.run_to(4_000);
        let times: Vec<u64> = bench.take_sent().into_iter().skip(1).map(|(at, _)| at).collect();
        assert_eq!(times, [0, 500, 1_500, 3_500], "the INVITE's repeat gets nothing: Accepted");
        bench.hear_on(flow, ack(";branch=z9hG4bKpeer2", ";tag=ours"));
        assert_eq!(names(&bench.take_events()), ["Ack"]);
        bench.layer.acked(bench.now(), id);
        bench.hear_on(flow, INVITE.message());
        bench.run_to(31_999);
        assert_eq!(
            (bench.take_sent().len(), bench.take_events().len(), bench.layer.live().servers),
            (0, 0, 1),
            "Timer L"
        );
        bench.run_to(32_000);
        bench.assert_empty();
    }
}

/// Corner 8.
#[test]
fn a_2xx_that_nobody_acknowledges() {
    let mut bench = Bench::new();
    let id = bench.request(tcp(), INVITE.message());
    bench.respond(id, &INVITE.write(), 200);
    bench.run_to(31_999);
    assert!(bench.events.is_empty());
    assert_eq!(bench.take_sent().len(), 1 + 11, "100, then 200 at 0, .5, 1.5, 3.5, 7.5, 11.5 … 31.5 s");
    bench.run_to(32_000);
    assert!(matches!(bench.take_events()[..], [Event::NoAck { id: ended }] if ended == id));
    bench.assert_empty();
}

#[test]
fn an_ack_with_the_invites_branch_still_reaches_the_dialog() {
    let mut bench = Bench::new();
    let id = bench.request(udp(), INVITE.message());
    bench.respond(id, &INVITE.write(), 200);
    bench.hear(ack(INVITE.branch, ";tag=ours"));
    assert_eq!(names(&bench.take_events()), ["Ack"]);
}

#[test]
fn a_cancel_is_answered_and_told_once() {
    let mut bench = Bench::new();
    let id = bench.request(udp(), INVITE.message());
    bench.respond(id, &INVITE.write(), 180);
    let cancel = Text { method: "CANCEL", ..INVITE };
    bench.hear(cancel.message());
    bench.hear(cancel.message());
    assert!(matches!(bench.take_events()[..], [Event::Cancel { invite, .. }] if invite == id));
    let ok = Message::parse(bench.sent.last().unwrap().1.bytes.clone()).unwrap();
    assert_eq!((ok.status(), ok.to_tag()), (200, "ours"), "the tag of the INVITE's responses (§9.2)");
    bench.respond(id, &INVITE.write(), 487);
    bench.hear(ack(INVITE.branch, ";tag=ours"));
    bench.run_out();
    assert_eq!(bench.take_lines(), ["100 INVITE", "180 INVITE", "200 CANCEL", "200 CANCEL", "487 INVITE"]);
    bench.assert_empty();
}

/// Corner 1: after our 200 a CANCEL changes nothing.
#[test]
fn a_cancel_after_the_200_changes_nothing() {
    let mut bench = Bench::new();
    let id = bench.request(udp(), INVITE.message());
    bench.respond(id, &INVITE.write(), 200);
    bench.hear(Text { method: "CANCEL", ..INVITE }.message());
    assert!(bench.take_events().is_empty());
    assert_eq!(bench.take_lines().last().unwrap(), "200 CANCEL");
    bench.respond(id, &INVITE.write(), 487);
    assert!(bench.take_lines().is_empty());
    assert_eq!(bench.layer.counters().late_responses, 1);
}

/// Corner 3; and corner 54: the answer is the same every time, here and after a restart with the same key.
#[test]
fn an_unmatched_cancel_gets_481_with_the_same_tag_always() {
    let mut tags = Vec::new();
    for _ in 0..2 {
        let mut bench = Bench::new();
        bench.request(udp(), Text { branch: ";branch=z9hG4bKother", call_id: "c2", ..INVITE }.message());
        for _ in 0..2 {
            bench.hear(Text { method: "CANCEL", ..INVITE }.message());
            let refusal = Message::parse(bench.sent.last().unwrap().1.bytes.clone()).unwrap();
            assert_eq!(refusal.status(), 481);
            tags.push(refusal.to_tag().to_owned());
        }
        assert!(bench.take_events().is_empty());
        assert_eq!((bench.layer.live().servers, bench.layer.counters().cancels_unmatched), (1, 2));
    }
    assert!(!tags[0].is_empty() && tags.iter().all(|tag| *tag == tags[0]));
}

/// Corner 49.
#[test]
fn a_merged_request_gets_482_and_its_ack_ends_there() {
    let mut bench = Bench::new();
    let id = bench.request(udp(), INVITE.message());
    let fork = Text { branch: ";branch=z9hG4bKfork", ..INVITE };
    bench.hear(fork.message());
    let refusal = Message::parse(bench.sent.last().unwrap().1.bytes.clone()).unwrap();
    assert_eq!((refusal.status(), bench.layer.counters().merged), (482, 1));
    bench.hear(ack(fork.branch, &format!(";tag={}", refusal.to_tag())));
    assert!(bench.take_events().is_empty());
    assert_eq!((bench.layer.counters().acks_absorbed, bench.layer.live().servers), (1, 1));
    for other in [
        Text { branch: ";branch=z9hG4bK3", number: 2, ..INVITE },
        Text { branch: ";branch=z9hG4bK4", from_tag: ";tag=z", ..INVITE },
        Text { branch: ";branch=z9hG4bK5", call_id: "c9", ..INVITE },
        Text { branch: ";branch=z9hG4bK6", to_tag: ";tag=in-dialog", ..INVITE },
        Text { branch: ";branch=z9hG4bK7", method: "OPTIONS", ..INVITE },
    ] {
        bench.request(udp(), other.message());
    }
    bench.respond(id, &INVITE.write(), 486);
    bench.hear(ack(INVITE.branch, ";tag=ours"));
    bench.run_to(10_000);
    bench.request(udp(), fork.message());
}

/// Corner 55: no branch, the bare cookie, and a branch of old.
#[test]
fn peers_of_rfc_2543_are_matched_by_the_rest() {
    for branch in ["", ";branch=z9hG4bK", ";branch=1.7"] {
        let mut bench = Bench::new();
        let invite = Text { branch, ..INVITE };
        let id = bench.request(udp(), invite.message());
        bench.hear(invite.message());
        assert!(bench.take_events().is_empty(), "{branch}: a repeat");
        bench.hear(Text { method: "CANCEL", ..invite }.message());
        assert!(
            matches!(bench.take_events()[..], [Event::Cancel { invite, .. }] if invite == id),
            "{branch}"
        );
        let second = Text { branch, call_id: "c2", ..INVITE };
        let other = bench.request(udp(), second.message());
        assert_ne!(id, other, "{branch}");
        bench.respond(id, &invite.write(), 487);
        bench.hear(ack(branch, ";tag=ours"));
        assert!(bench.take_events().is_empty(), "{branch}: the ACK ends here");
        bench.respond(other, &second.write(), 200);
        bench.hear(Text { method: "ACK", to_tag: ";tag=ours", ..second }.message());
        assert_eq!(names(&bench.take_events()), ["Ack"], "{branch}: the ACK to a 2xx goes up");
        bench.layer.acked(bench.now(), other);
        bench.run_out();
        bench.assert_empty();
    }
}

#[test]
fn other_requests_follow_figure_8_and_never_get_408() {
    let mut bench = Bench::new();
    let bye = Text { method: "BYE", to_tag: ";tag=ours", ..INVITE };
    let id = bench.request(udp(), bye.message());
    bench.hear(bye.message());
    assert!(bench.take_sent().is_empty(), "Trying absorbs");
    bench.respond(id, &bye.write(), 408);
    assert!(bench.take_sent().is_empty(), "RFC 4320");
    bench.respond(id, &bye.write(), 200);
    bench.hear(bye.message());
    assert_eq!(bench.take_lines(), ["200 BYE", "200 BYE"]);
    bench.run_to(31_999);
    assert_eq!(bench.layer.live().servers, 1, "Timer J");
    bench.run_to(32_000);
    bench.assert_empty();
    let unanswered = Text { method: "OPTIONS", ..INVITE };
    bench.request(udp(), unanswered.message());
    bench.run_out();
    assert!(bench.take_sent().is_empty());
    bench.assert_empty();
}

#[test]
fn on_streams_a_final_ends_other_requests() {
    let mut bench = Bench::new();
    let bye = Text { method: "BYE", to_tag: ";tag=ours", ..INVITE };
    let id = bench.request(tcp(), bye.message());
    bench.respond(id, &bye.write(), 200);
    bench.assert_empty();
}

#[test]
fn responses_return_over_the_flow_of_the_request() {
    let natted = Flow { peer: "198.51.100.4:31337".parse().unwrap(), ..udp() };
    use sip::ReplyTo::{Auto, Source, Via};
    let rport = ";rport;branch=z9hG4bKnat";
    for (reply_to, branch, port) in [
        (Source, INVITE.branch, 31_337),
        (Via, INVITE.branch, 5_060),
        (Auto, INVITE.branch, 31_337),
        (Source, rport, 31_337),
        (Via, rport, 31_337),
    ] {
        let mut bench = Bench::with(Settings { reply_to, ..Settings::default() });
        bench.hear_on(natted, Text { branch, ..INVITE }.message());
        let flow = bench.sent[0].1.flow;
        assert_eq!((flow.peer.port(), flow.peer.ip(), flow.local), (port, natted.peer.ip(), natted.local));
    }
    let mut bench = Bench::new();
    let id = bench.request(tcp(), INVITE.message());
    let again = Flow { conn: 8, ..tcp() };
    bench.hear_on(again, INVITE.message());
    bench.respond(id, &INVITE.write(), 404);
    let sent_by = "192.0.2.9:5060".parse().unwrap();
    assert_eq!(bench.sent.last().unwrap().1.flow, Flow { peer: sent_by, ..again }, "the peer connected anew");
}

/// Corner 58: only a new INVITE is refused; its ACK ends here.
#[test]
fn a_full_table_refuses_new_invites_only() {
    let mut bench = Bench::with(Settings { transactions_max: 2, retry_after_secs: 7, ..Settings::default() });
    bench.request(udp(), INVITE.message());
    assert!(!bench.layer.is_full());
    bench.send(sip::Method::Options);
    assert!(bench.layer.is_full());
    let third = Text { branch: ";branch=z9hG4bK3", call_id: "c3", ..INVITE };
    bench.hear(third.message());
    let refusal = Message::parse(bench.sent.last().unwrap().1.bytes.clone()).unwrap();
    assert_eq!((refusal.status(), refusal.header(Name::RetryAfter)), (503, Some("7")));
    bench.hear(Text { method: "ACK", to_tag: &format!(";tag={}", refusal.to_tag()), ..third }.message());
    assert!(bench.take_events().is_empty());
    bench.request(
        udp(),
        Text { method: "BYE", branch: ";branch=z9hG4bK4", to_tag: ";tag=x", ..INVITE }.message(),
    );
    bench
        .request(udp(), Text { branch: ";branch=z9hG4bK5", to_tag: ";tag=x", number: 5, ..INVITE }.message());
    bench.take_sent();
    bench.hear(Text { method: "INFO", branch: ";branch=z9hG4bK6", to_tag: ";tag=x", ..INVITE }.message());
    assert!(bench.take_sent().is_empty() && bench.take_events().is_empty(), "twice the bound: dropped");
    bench.hear(Text { method: "CANCEL", ..INVITE }.message());
    assert_eq!(bench.take_lines(), ["200 CANCEL"]);
    let counters = bench.layer.counters();
    assert_eq!((counters.overloaded, counters.dropped_full, counters.acks_absorbed), (1, 1, 1));
}

#[test]
fn what_is_malformed_is_refused_without_state() {
    let mut bench = Bench::new();
    bench.hear(parse(&INVITE.write().replace("CSeq: 1 INVITE", "CSeq: 1 OPTIONS")));
    bench.hear(parse(&INVITE.write().replace("Call-ID: c1\r\n", "")));
    assert_eq!(bench.take_sent().len(), 2);
    bench.hear(parse(&INVITE.write().replace("INVITE", "ACK").replace("Call-ID: c1\r\n", "")));
    assert!(bench.take_sent().is_empty() && bench.take_events().is_empty());
    assert_eq!(bench.layer.counters().malformed, 3);
    bench.assert_empty();
}
