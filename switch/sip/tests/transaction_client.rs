//! Corner cases of our own requests: RFC 3261 §9.1, §13.2.2.4, §17.1, RFC 6026.
#![allow(clippy::unwrap_used, clippy::panic)]

mod transaction_support;

use sip::flow::Flow;
use sip::transaction::Event;
use sip::{Message, Method, Name};
use transaction_support::*;

fn sent_message(bench: &Bench, index: usize) -> Message {
    Message::parse(bench.sent[index].1.bytes.clone()).unwrap()
}

#[test]
fn an_unanswered_invite_is_sent_seven_times_and_times_out() {
    let mut bench = Bench::new();
    let (id, _) = bench.send(Method::Invite);
    bench.run_out();
    let times: Vec<u64> = bench.take_sent().into_iter().map(|(at, _)| at).collect();
    assert_eq!(times, [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert!(matches!(bench.take_events()[..], [Event::Timeout { id: ended }] if ended == id));
    assert_eq!((bench.layer.counters().timeouts, bench.layer.counters().retransmissions_sent), (1, 6));
    bench.assert_empty();
}

#[test]
fn nothing_is_repeated_on_streams() {
    for method in [Method::Invite, Method::Bye] {
        let mut bench = Bench::new();
        bench.send_on(tcp(), method);
        bench.run_to(31_999);
        assert_eq!(bench.take_sent().len(), 1);
        assert!(bench.events.is_empty());
        bench.run_to(32_000);
        assert_eq!(names(&bench.take_events()), ["Timeout"]);
        bench.assert_empty();
    }
}

/// Corner 10, first half: same branch, Request-URI, Route, CSeq number; To of the response.
#[test]
fn the_ack_to_a_failure_is_the_layers_and_repeats() {
    let mut bench = Bench::new();
    let (_, invite) = bench.send(Method::Invite);
    bench.run_to(20);
    bench.hear(response(&invite, 486, "b"));
    let ack = sent_message(&bench, 1);
    let invite_msg = Message::parse(invite.clone()).unwrap();
    ack.check().unwrap();
    assert_eq!(
        (ack.method(), ack.request_uri(), ack.cseq()),
        (Method::Ack, invite_msg.request_uri(), (1, Method::Ack))
    );
    assert_eq!(ack.header(Name::Via), invite_msg.header(Name::Via));
    assert_eq!(ack.values(Name::Route).collect::<Vec<_>>(), ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>"]);
    assert_eq!((ack.header(Name::From), ack.to_tag()), (invite_msg.header(Name::From), "b"));
    bench.hear(response(&invite, 486, "b"));
    assert_eq!(bench.take_lines(), ["INVITE", "ACK", "ACK"]);
    assert_eq!(names(&bench.take_events()), ["Response 486"], "the repeat stays here");
    bench.run_to(32_019);
    assert_eq!(bench.layer.live().clients, 1, "Timer D");
    bench.run_to(32_020);
    bench.assert_empty();
}

#[test]
fn on_streams_a_failure_ends_it_at_once() {
    let mut bench = Bench::new();
    let (_, invite) = bench.send_on(tcp(), Method::Invite);
    bench.hear_on(tcp(), response(&invite, 404, "b"));
    assert_eq!(bench.take_lines(), ["INVITE", "ACK"]);
    bench.assert_empty();
}

/// Corners 5 and 7: a repeat of a 2xx gets the same ACK, another To-tag is a fork and goes up.
#[test]
fn a_repeated_2xx_gets_its_ack_and_a_fork_goes_up() {
    let mut bench = Bench::new();
    let (id, invite) = bench.send(Method::Invite);
    bench.hear(response(&invite, 180, "b"));
    bench.hear(response(&invite, 200, "b"));
    bench.hear(response(&invite, 200, "b"));
    assert_eq!(
        names(&bench.take_events()),
        ["Response 180", "Response 200"],
        "a repeat before our ACK is silent"
    );
    let ack = Text { method: "ACK", branch: ";branch=z9hG4bKown", to_tag: ";tag=b", ..INVITE }.write();
    bench.layer.ack_2xx(bench.now(), id, "b", udp(), ack.clone().into());
    bench.hear(response(&invite, 200, "b"));
    bench.hear(response(&invite, 200, "other"));
    bench.hear(response(&invite, 180, "late"));
    bench.hear(response(&invite, 503, "late"));
    assert_eq!(names(&bench.take_events()), ["Response 200"]);
    assert_eq!(bench.sent.iter().filter(|(_, t)| t.bytes == ack).count(), 2);
    assert_eq!(bench.layer.counters().responses_repeated, 2);
    bench.run_to(32_000);
    bench.assert_empty();
    bench.hear(response(&invite, 200, "b"));
    assert_eq!(names(&bench.take_events()), ["Stray 200"], "after Timer M it belongs to nothing");
}

/// An ACK without a body is not kept: it is made anew from the 2xx that comes again, and goes where the first
/// one went.
#[test]
fn a_bare_ack_is_made_again_from_the_2xx() {
    let mut bench = Bench::new();
    let (id, invite) = bench.send(Method::Invite);
    let invite = Message::parse(invite).unwrap();
    let ok = |record_route: &str| {
        let builder = sip::Builder::response(&invite, 200, "OK")
            .to_tag("b")
            .header(Name::Contact, "<sip:bob@192.0.2.77>");
        Message::parse(builder.raw("Record-Route", record_route).build()).unwrap()
    };
    bench.hear(ok("<sip:p1;lr>, <sip:p2;lr>"));
    let hop = Flow::udp(udp().local, "192.0.2.78:5070".parse().unwrap());
    let dialog = sip::dialog::Dialog::uac(&invite, &ok("<sip:p1;lr>, <sip:p2;lr>")).unwrap();
    let sent_by = invite.top_via().unwrap().host.to_owned();
    let sender = sip::dialog::Sender {
        transport: udp().transport,
        sent_by: &sent_by,
        branch: &dialog.ack_branch(&MINTER, 1),
        contact: "",
    };
    bench.layer.ack_2xx(bench.now(), id, "b", hop, dialog.ack(1, &sender).build());
    bench.hear(ok("<sip:p1;lr>, <sip:p2;lr>"));
    bench.hear(ok("<sip:p1;lr>, <sip:p2;lr>"));
    assert_eq!(bench.sent.len(), 4);
    sent_message(&bench, 1).check().unwrap();
    assert!(bench.sent[1..].iter().all(|(_, transmit)| transmit.bytes == bench.sent[1].1.bytes));
    assert!(bench.sent[1..].iter().all(|(_, transmit)| transmit.flow == hop));
    bench.run_to(32_000);
    bench.assert_empty();
}

/// Corner 2: the CANCEL waits for the first 1xx.
#[test]
fn a_cancel_waits_for_the_first_1xx() {
    let mut bench = Bench::new();
    let (id, invite) = bench.send(Method::Invite);
    bench.layer.cancel(bench.now(), id, Some("SIP;cause=200"));
    bench.layer.cancel(bench.now(), id, None);
    bench.run_to(400);
    assert_eq!(bench.take_lines(), ["INVITE"]);
    bench.hear(response(&invite, 100, ""));
    let cancel = sent_message(&bench, 0);
    cancel.check().unwrap();
    let invite_msg = Message::parse(invite.clone()).unwrap();
    assert_eq!((cancel.cseq(), cancel.request_uri()), ((1, Method::Cancel), invite_msg.request_uri()));
    for name in [Name::Via, Name::From, Name::To, Name::CallId] {
        assert_eq!(cancel.header(name), invite_msg.header(name), "{name}");
    }
    assert_eq!(cancel.values(Name::Route).count(), 3);
    assert_eq!(cancel.header(Name::Reason), Some("SIP;cause=200"));
    bench.hear(response(&bench.sent[0].1.bytes.clone(), 200, "b"));
    bench.hear(response(&invite, 487, "b"));
    bench.run_out();
    assert_eq!(bench.take_lines(), ["CANCEL", "ACK"]);
    assert_eq!(
        names(&bench.take_events()),
        ["Response 100", "Response 487"],
        "the CANCEL's 200 is nobody's business"
    );
    bench.assert_empty();
}

/// Corner 2, the other way.
#[test]
fn a_held_cancel_is_dropped_by_a_final() {
    for status in [200, 486] {
        let mut bench = Bench::new();
        let (id, invite) = bench.send(Method::Invite);
        bench.layer.cancel(bench.now(), id, None);
        bench.hear(response(&invite, status, "b"));
        bench.layer.cancel(bench.now(), id, None);
        bench.run_out();
        assert!(!bench.take_lines().contains(&"CANCEL".to_owned()));
        bench.assert_empty();
    }
}

/// Corner 1: the 200 wins; the layer passes it up and stops the CANCEL.
#[test]
fn a_cancel_that_crosses_the_200() {
    let mut bench = Bench::new();
    let (id, invite) = bench.send(Method::Invite);
    bench.hear(response(&invite, 180, "b"));
    bench.layer.cancel(bench.now(), id, None);
    bench.drain();
    let cancel = bench.sent.last().unwrap().1.bytes.clone();
    bench.hear(response(&invite, 200, "b"));
    bench.hear(response(&cancel, 200, "b"));
    bench.run_out();
    assert_eq!(bench.take_lines(), ["INVITE", "CANCEL"]);
    assert_eq!(names(&bench.take_events()), ["Response 180", "Response 200"]);
    bench.assert_empty();
}

/// Corner 4: 64·T1 after the CANCEL the INVITE is given up.
#[test]
fn a_cancelled_invite_without_final_times_out() {
    let mut bench = Bench::new();
    let (id, invite) = bench.send(Method::Invite);
    bench.hear(response(&invite, 180, "b"));
    bench.run_to(100_000);
    assert!(bench.layer.next_deadline().is_none(), "ringing may last");
    bench.layer.cancel(bench.now(), id, None);
    bench.drain();
    let cancel = bench.sent.last().unwrap().1.bytes.clone();
    bench.hear(response(&cancel, 200, "b"));
    bench.take_events();
    bench.run_to(131_999);
    assert!(bench.events.is_empty());
    bench.run_to(132_000);
    assert!(matches!(bench.take_events()[..], [Event::Timeout { id: ended }] if ended == id));
    bench.assert_empty();
}

#[test]
fn a_lost_cancel_is_repeated() {
    let mut bench = Bench::new();
    let (id, invite) = bench.send(Method::Invite);
    bench.hear(response(&invite, 180, "b"));
    bench.layer.cancel(bench.now(), id, None);
    bench.drain();
    bench.run_out();
    let cancels: Vec<u64> =
        bench.take_sent().into_iter().filter(|(_, line)| line == "CANCEL").map(|(at, _)| at).collect();
    assert_eq!(cancels, [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    bench.assert_empty();
}

#[test]
fn other_requests_follow_figure_6() {
    let mut bench = Bench::new();
    let (_, bye) = bench.send(Method::Bye);
    bench.run_to(600);
    bench.hear(response(&bye, 100, ""));
    bench.run_to(6_000);
    bench.hear(response(&bye, 200, "b"));
    bench.hear(response(&bye, 200, "b"));
    bench.run_to(10_999);
    assert_eq!(bench.layer.live().clients, 1, "Timer K");
    bench.run_to(11_000);
    // E set to 1 s at 500 ms still runs out at 1.5 s; in Proceeding it is T2
    assert_eq!(bench.take_sent().into_iter().map(|(at, _)| at).collect::<Vec<_>>(), [0, 500, 1_500, 5_500]);
    assert_eq!(names(&bench.take_events()), ["Response 100", "Response 200"]);
    bench.assert_empty();
}

/// Corner 57: wrong branch, wrong method, a second Via, another shard's or a stale branch.
#[test]
fn responses_to_nothing_are_stray() {
    let mut bench = Bench::new();
    let (_, invite) = bench.send(Method::Invite);
    let text = String::from_utf8(invite.to_vec()).unwrap();
    let branch = text.split("branch=").nth(1).unwrap().split("\r\n").next().unwrap();
    let forged = text.replace(&branch[8..12], if &branch[8..12] == "aaaa" { "bbbb" } else { "aaaa" });
    let method = text.replace("CSeq: 1 INVITE", "CSeq: 1 BYE");
    let two = text.replace("From:", "Via: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKx\r\nFrom:");
    let other = sip::token::Minter::new([7; 16], 4).mint(sip::token::Kind::Branch, 0, 0);
    let shard = text.replace(branch, &format!("z9hG4bK{other}"));
    for (at, text) in [forged, method, two, shard].into_iter().enumerate() {
        bench.hear(response(text.as_bytes(), 200, "b"));
        assert_eq!(names(&bench.take_events()), ["Stray 200"], "case {at}");
    }
    assert_eq!(bench.layer.counters().stray, 4);
    bench.hear(response(&invite, 404, "b"));
    bench.run_out();
    bench.take_events();
    bench.hear(response(&invite, 404, "b"));
    assert_eq!(names(&bench.take_events()), ["Stray 404"], "the slot is free");
    let (_, second) = bench.send(Method::Invite);
    bench.hear(response(&invite, 200, "b"));
    assert_eq!(names(&bench.take_events()), ["Stray 200"], "the slot is another's");
    bench.hear(response(&second, 200, "b"));
    assert_eq!(names(&bench.take_events()), ["Response 200"]);
}

/// Corner 44: a dead flow ends what heard nothing; what rings goes on.
#[test]
fn a_dead_flow_ends_what_heard_nothing() {
    let mut bench = Bench::new();
    let elsewhere = Flow { conn: 8, ..tcp() };
    let (ringing, invite) = bench.send_on(tcp(), Method::Invite);
    let ids = [Method::Invite, Method::Bye, Method::Options].map(|method| bench.send_on(tcp(), method).0);
    let (other, _) = bench.send_on(elsewhere, Method::Invite);
    bench.hear_on(tcp(), response(&invite, 180, "b"));
    bench.take_events();
    bench.layer.transport_failed(bench.now(), tcp());
    bench.layer.transport_failed(bench.now(), tcp());
    bench.drain();
    let failed: Vec<_> = bench
        .take_events()
        .into_iter()
        .map(|event| match event {
            Event::TransportError { id } => id,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(failed, [ids[2], ids[1], ids[0]]);
    assert_eq!(bench.layer.live().clients, 2);
    assert_ne!(ringing, other);
    bench.hear_on(tcp(), response(&invite, 200, "b"));
    bench.run_out();
    assert_eq!(names(&bench.take_events()), ["Response 200", "Timeout"]);
    bench.assert_empty();
}

#[test]
fn an_abandoned_id_leaves_nothing() {
    let mut bench = Bench::new();
    let (id, branch) = bench.layer.mint_client();
    assert!(branch.starts_with("z9hG4bK") && branch.len() == 27);
    bench.layer.cancel(bench.now(), id, None);
    bench.layer.abandon(id);
    bench.layer.send(bench.now(), id, udp(), Method::Bye, bytes::Bytes::from_static(b"x"));
    bench.drain();
    assert!(bench.sent.is_empty());
    bench.assert_empty();
}
