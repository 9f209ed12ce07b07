//! Questions to engines, their repeats and outcomes, and which engines are up, in virtual time.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;

use bytes::Bytes;
use engine::{
    Command, EngineId, Engines, Event, Exchange, GIVEN_UP_MS, NotTaken, PING_MS, Party, PartyStatistics,
    Reply, UP_AFTER,
};
use proptest::prelude::*;
use units::Tick;

const PREFIX: u64 = 0x00AB_CDEF_0123_4567;

fn address(place: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, place + 1], 22_222))
}

fn engines(count: u8) -> Engines<u32> {
    Engines::new((0..count).map(address).collect(), PREFIX)
}

fn ms(ms: u64) -> Tick {
    Tick(0).plus_ms(ms)
}

fn cookie(datagram: &[u8]) -> Vec<u8> {
    datagram.split(|octet| *octet == b' ').next().unwrap().to_vec()
}

fn answer(datagram: &[u8], message: &str) -> Vec<u8> {
    [&cookie(datagram)[..], b" ", message.as_bytes()].concat()
}

fn drained<T>(mut next: impl FnMut() -> Option<T>) -> Vec<T> {
    std::iter::from_fn(&mut next).collect()
}

#[test]
fn an_offer_is_written_and_its_answer_read() {
    let mut engines = engines(1);
    let exchange = Exchange {
        call: 0x1234,
        called: Party::Called(4),
        sdp: Bytes::from_static(b"v=0\r\n"),
        ipv4: true,
        learn: false,
        mux: (true, false),
    };
    engines.ask(Tick(0), EngineId(0), 9, &Command::Offer(exchange)).unwrap();
    let (to, datagram) = engines.poll_datagram().unwrap();
    assert_eq!(to, address(0));
    let expected = "00abcdef012345671 d7:command5:offer7:call-id41:tollgate-00000000000000000000000000001234\
        8:from-tag6:caller6:to-tag8:called-43:sdp5:v=0\r\n14:address family3:IP43:ICE6:remove4:DTLS3:off\
        8:rtcp-muxl6:accept5:demuxe5:flagsl13:trust-address13:strict-source13:port-latching10:asymmetricee";
    assert_eq!(std::str::from_utf8(&datagram).unwrap(), expected);
    let taken = engines.receive(ms(1), address(0), &answer(&datagram, "d6:result2:ok3:sdp4:v=0\ne"));
    assert_eq!(taken, None);
    let reply = Reply::Session(Bytes::from_static(b"v=0\n"));
    assert_eq!(engines.poll_event(), Some(Event::Answered { token: 9, engine: EngineId(0), reply }));
    assert_eq!(engines.waiting(), 0);
}

#[test]
fn an_answer_counts_once_and_from_whom_was_asked() {
    let mut engines = engines(2);
    engines.ask(Tick(0), EngineId(1), 5, &Command::Query { call: 1 }).unwrap();
    let (_, datagram) = engines.poll_datagram().unwrap();
    let good = answer(&datagram, "d6:result2:oke");
    let mut stranger = address(1);
    stranger.set_port(1);
    assert_eq!(engines.receive(ms(1), stranger, &good), Some(NotTaken::Foreign));
    assert_eq!(engines.receive(ms(1), address(0), &good), Some(NotTaken::Late));
    for bad in [&b""[..], b" ", b"1 d6:result2:oke", b"+0abcdef012345671 de", &good[..good.len() - 1]] {
        assert_eq!(engines.receive(ms(1), address(1), bad), Some(NotTaken::Malformed), "{bad:?}");
    }
    assert_eq!(engines.poll_event(), None);
    assert_eq!(engines.receive(ms(1), address(1), &good), None);
    assert!(matches!(engines.poll_event(), Some(Event::Answered { token: 5, .. })));
    assert_eq!(engines.receive(ms(1), address(1), &good), Some(NotTaken::Late));
    assert_eq!(engines.poll_event(), None);
}

#[test]
fn a_question_is_repeated_as_it_was_and_then_given_up() {
    let mut engines = engines(1);
    engines.run(Tick(0));
    let ping = engines.poll_datagram().unwrap().1;
    engines.receive(Tick(0), address(0), &answer(&ping, "d6:result4:ponge"));
    engines.ask(Tick(0), EngineId(0), 1, &Command::Delete { call: 1 }).unwrap();
    let first = engines.poll_datagram().unwrap();
    for (at, repeats) in [(199, 0), (200, 1), (599, 0), (600, 1), (1_399, 0)] {
        engines.run(ms(at));
        assert_eq!(drained(|| engines.poll_datagram()), vec![first.clone(); repeats], "{at} ms");
    }
    assert_eq!(engines.poll_event(), None);
    engines.run(ms(GIVEN_UP_MS));
    assert_eq!(engines.poll_event(), Some(Event::Unanswered { token: 1, engine: EngineId(0) }));
    assert_eq!((engines.waiting(), engines.is_up(EngineId(0))), (0, true));
}

#[test]
fn an_engine_goes_down_and_comes_back_only_after_several_pings() {
    let mut engines = engines(2);
    // Nobody answers at the first engine; the second does.
    let mut events = Vec::new();
    let mut now = 0;
    let step = |engines: &mut Engines<u32>, now: u64, first_answers: bool| {
        engines.run(ms(now));
        for (to, datagram) in drained(|| engines.poll_datagram()) {
            if to == address(1) || first_answers {
                engines.receive(ms(now), to, &answer(&datagram, "d6:result4:ponge"));
            }
        }
        drained(|| engines.poll_event())
    };
    engines.ask(ms(PING_MS + 10), EngineId(0), 7, &Command::Query { call: 1 }).unwrap();
    while events.is_empty() {
        events.extend(step(&mut engines, now, false));
        now += 50;
    }
    // The ping of 0 ms and its successor were given up, and the question with them.
    assert!((2_000..=4_000).contains(&now), "{now}");
    assert!(events.contains(&Event::Down(EngineId(0))), "{events:?}");
    assert!(events.contains(&Event::Unanswered { token: 7, engine: EngineId(0) }), "{events:?}");
    for call in 0..20 {
        assert_eq!(engines.choose(call, |_| true), Some(EngineId(1)));
    }
    assert_eq!(engines.choose(1, |engine| engine != EngineId(1)), None);
    let back = now;
    events.clear();
    while events.is_empty() {
        events.extend(step(&mut engines, now, true));
        now += 50;
    }
    assert_eq!(events, [Event::Up(EngineId(0))]);
    assert!(now - back >= (u64::from(UP_AFTER) - 1) * PING_MS, "{}", now - back);
}

#[test]
fn calls_are_spread_and_each_keeps_its_engine() {
    let engines = engines(3);
    let mut counts = [0; 3];
    for call in 0..300 {
        let engine = engines.choose(call, |_| true).unwrap();
        assert_eq!(engines.choose(call, |_| true), Some(engine));
        counts[usize::from(engine.0)] += 1;
    }
    assert!(counts.iter().all(|count| *count > 60), "{counts:?}");
}

#[test]
fn statistics_of_a_call_are_read() {
    // As rtpengine 10.5 writes them, shortened.
    let stream = |port: u16, kind: &str, packets: u64| {
        format!(
            "d10:local porti{port}e8:endpointd6:family4:IPv47:address9:127.0.0.14:porti{}ee11:last packeti1796102369e\
             5:flagsl{}:{kind}6:fillede5:statsd7:packetsi{}e5:bytesi0e6:errorsi3eee",
            port + 1_000,
            kind.len(),
            packets + 3,
        )
    };
    let side = |tag: &str, rtp: u64, rtcp: u64| {
        format!(
            "{}:{tag}d3:tag{}:{tag}6:mediasld5:indexi1e7:streamsl{}{}eeee",
            tag.len(),
            tag.len(),
            stream(4_000, "RTP", rtp),
            stream(4_001, "RTCP", rtcp)
        )
    };
    let message = format!(
        "d4:tagsd{}{}{}e6:result2:oke",
        side("caller", 250, 2),
        side("called-0", 0, 0),
        side("x", 1, 1)
    );
    let mut engines = engines(1);
    engines.ask(Tick(0), EngineId(0), 1, &Command::Query { call: 1 }).unwrap();
    let datagram = engines.poll_datagram().unwrap().1;
    assert_eq!(engines.receive(ms(1), address(0), &answer(&datagram, &message)), None);
    let Some(Event::Answered { reply: Reply::Statistics(statistics), .. }) = engines.poll_event() else {
        panic!("no statistics")
    };
    let peer = Some(SocketAddr::from(([127, 0, 0, 1], 5_000)));
    assert_eq!(
        statistics.parties,
        [
            PartyStatistics { party: Party::Caller, packets: 250, last_packet: Some(1_796_102_369), peer },
            PartyStatistics { party: Party::Called(4), packets: 0, last_packet: None, peer },
        ]
    );
}

#[test]
fn what_an_engine_refuses_is_told_in_its_words() {
    for (command, message, words) in [
        (Command::Ping, "d6:result2:oke", "ok"),
        (Command::Query { call: 1 }, "d12:error-reason15:Unknown call-id6:result5:errore", "Unknown call-id"),
        (Command::Query { call: 1 }, "d6:result10:load limite", "load limit"),
        (Command::Query { call: 1 }, "d6:result5:errore", "no reason given"),
        (Command::Query { call: 1 }, "d12:error-reason3:a\r\n6:result5:errore", "a"),
        (Command::Delete { call: 1 }, "le", "an answer without a result"),
    ] {
        let mut engines = engines(1);
        engines.ask(Tick(0), EngineId(0), 1, &command).unwrap();
        let datagram = engines.poll_datagram().unwrap().1;
        assert_eq!(engines.receive(ms(1), address(0), &answer(&datagram, message)), None);
        let reply = Reply::Refused(words.to_owned());
        assert_eq!(engines.poll_event(), Some(Event::Answered { token: 1, engine: EngineId(0), reply }));
    }
}

proptest! {
    #[test]
    fn no_datagram_makes_it_panic(octets in proptest::collection::vec(any::<u8>(), 0..400), has_cookie: bool) {
        let mut engines = engines(1);
        engines.ask(Tick(0), EngineId(0), 1, &Command::Query { call: 1 }).unwrap();
        let datagram = engines.poll_datagram().unwrap().1;
        let head = if has_cookie { [&cookie(&datagram)[..], b" "].concat() } else { Vec::new() };
        engines.receive(ms(1), address(0), &[head, octets].concat());
    }
}
