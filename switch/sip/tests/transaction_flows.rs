//! Flows that break: RFC 3261 §8.1.3.1, §18.1.1, §18.2.2, §18.4. Corners 42 and 44.
#![allow(clippy::unwrap_used, clippy::panic)]

mod transaction_support;

use sip::Method;
use sip::flow::{Flow, Transport};
use sip::transaction::over;
use transaction_support::*;

/// Any connection to the peer's listener.
fn anew() -> Flow {
    Flow { conn: 0, ..tcp() }
}

fn flows(bench: &mut Bench) -> Vec<Flow> {
    bench.sent.drain(..).map(|(_, transmit)| transmit.flow).collect()
}

#[test]
fn fault_b2_what_waits_on_a_lost_connection_goes_out_once_more() {
    let mut bench = Bench::new();
    let (_, bye) = bench.send_on(tcp(), Method::Bye);
    let (_, invite) = bench.send_on(anew(), Method::Invite);
    bench.sent.clear();
    bench.layer.stream_closed(bench.now(), tcp());
    bench.drain();
    let again: Vec<_> = bench.sent.iter().map(|(_, transmit)| transmit.bytes.clone()).collect();
    assert_eq!(again, [bye, invite.clone()], "in their order, byte for byte");
    assert_eq!(flows(&mut bench), [anew(), anew()]);
    // The second connection is lost, too.
    bench.layer.stream_closed(bench.now(), Flow { conn: 9, ..tcp() });
    bench.drain();
    assert_eq!(names(&bench.take_events()), ["TransportError", "TransportError"]);
    assert_eq!(flows(&mut bench), []);
    bench.assert_empty();
    bench.hear_on(tcp(), response(&invite, 200, "b"));
    assert_eq!(names(&bench.take_events()), ["Stray 200"]);
}

#[test]
fn fault_b2_a_connection_that_does_not_open_ends_what_waits_for_it() {
    let mut bench = Bench::new();
    bench.send_on(tcp(), Method::Bye);
    bench.layer.stream_closed(bench.now(), tcp());
    bench.layer.transport_failed(bench.now(), anew());
    bench.drain();
    assert_eq!(names(&bench.take_events()), ["TransportError"]);
    bench.assert_empty();
}

#[test]
fn what_was_answered_provisionally_does_not_go_out_again() {
    let mut bench = Bench::new();
    let (_, invite) = bench.send_on(tcp(), Method::Invite);
    bench.hear_on(tcp(), response(&invite, 180, "b"));
    bench.sent.clear();
    bench.layer.stream_closed(bench.now(), tcp());
    bench.drain();
    assert_eq!(flows(&mut bench), []);
    bench.hear_on(Flow { conn: 8, ..tcp() }, response(&invite, 200, "b"));
    assert_eq!(names(&bench.take_events()), ["Response 180", "Response 200"]);
}

#[test]
fn fault_b11h_a_transport_that_is_refused_gives_way_to_the_other() {
    let mut bench = Bench::new();
    let (id, branch) = bench.layer.mint_client();
    let by_udp = Text { branch: &format!(";branch={branch}"), ..INVITE }.write();
    let by_tcp = over(&bytes::Bytes::from(by_udp.clone()), Transport::Tcp, "192.0.2.1:5070").unwrap();
    let (now, fallback) = (bench.now(), Some((udp(), bytes::Bytes::from(by_udp.clone()))));
    bench.layer.send_or(now, id, anew(), Method::Invite, by_tcp.clone(), fallback);
    bench.drain();
    let text = String::from_utf8(by_tcp.to_vec()).unwrap();
    assert_eq!(
        text,
        by_udp.replace("SIP/2.0/UDP 192.0.2.9;", "SIP/2.0/TCP 192.0.2.1:5070;"),
        "the Via, and nothing else"
    );
    assert_eq!(flows(&mut bench), [anew()]);
    bench.layer.transport_failed(bench.now(), anew());
    bench.drain();
    // Over UDP it is repeated, and the second refusal is the end.
    bench.run_to(600);
    assert_eq!(flows(&mut bench), [udp(), udp()]);
    bench.layer.transport_failed(bench.now(), udp());
    bench.drain();
    assert_eq!(names(&bench.take_events()), ["TransportError"]);
    bench.assert_empty();
}
