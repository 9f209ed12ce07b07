//! Calls whose media relays outside carry (rtpengine): nobody is called before there are ports, who is told
//! what, the next engine where one is silent, and what becomes of a call that waits or falls silent.

use std::net::SocketAddr;

use engine::bencode::Value;
use node::Input;
use tests::plan::Plan;

use crate::phone::{Callee, Phone};
use crate::relay::target;
use crate::stage::{ALPHA, Stage, addr};

const FIRST: &str = "203.0.113.1:22222";
const SECOND: &str = "203.0.113.2:22222";
const NUMBER: &str = "34600000000";
/// What the model of an engine gives: toward the called side, and toward the caller.
const PORTS: [u16; 2] = [31_000, 31_010];

/// A model of rtpengine: two ports for each call, and a log of what it was told.
#[derive(Default)]
struct Engines {
    dead: Vec<SocketAddr>,
    /// `offer 192.0.2.11:40000 at 203.0.113.1`, …
    log: Vec<String>,
    /// Packets of the caller and of the called side, and when the last of each came, Unix seconds.
    heard: [(u64, i64); 2],
    refuses: bool,
}

impl Engines {
    /// Answers all that was asked.
    fn serve(&mut self, stage: &mut Stage) {
        while let Some((to, datagram)) = stage.to_engines.pop_front() {
            if self.dead.contains(&to) {
                continue;
            }
            let at = datagram.iter().position(|octet| *octet == b' ').expect("a cookie");
            let (cookie, message) = datagram.split_at(at);
            let message = Value::parse(&message[1..]).expect("bencode");
            let answer = [cookie, b" ", self.answer(to, &message).as_bytes()].concat();
            stage.input(Input::Engine { from: to, datagram: answer.into() });
        }
    }

    fn answer(&mut self, to: SocketAddr, message: &Value<'_>) -> String {
        let command = message.at("command").and_then(Value::text).expect("a command");
        if command == "ping" {
            return "d6:result4:ponge".to_owned();
        }
        let sdp = message.at("sdp").and_then(Value::octets);
        let said = sdp.map(target).map(|said| format!("{said} ")).unwrap_or_default();
        self.log.push(format!("{command} {said}at {}", to.ip()));
        match command {
            "offer" | "answer" if self.refuses => {
                "d12:error-reason12:out of ports6:result5:errore".to_owned()
            }
            "offer" => session(to, PORTS[0]),
            "answer" => session(to, PORTS[1]),
            "query" => self.statistics(),
            "delete" => "d6:result2:oke".to_owned(),
            other => panic!("no command of ours: {other}"),
        }
    }

    fn statistics(&self) -> String {
        let side = |tag: &str, (packets, last): (u64, i64)| {
            format!(
                "{}:{tag}d6:mediasld7:streamsld5:flagsl3:RTPe5:statsd7:packetsi{packets}e6:errorsi0ee\
                 11:last packeti{last}eeeeee",
                tag.len()
            )
        };
        let [caller, called] = self.heard;
        format!("d6:result2:ok4:tagsd{}{}ee", side("caller", caller), side("called-4", called))
    }

    /// Time passes, and engines answer.
    fn advance(&mut self, stage: &mut Stage, ms: u64) {
        for _ in 0..ms / 100 {
            stage.advance(100);
            self.serve(stage);
        }
    }

    fn count(&self, what: &str) -> usize {
        self.log.iter().filter(|line| line.starts_with(what)).count()
    }
}

fn session(at: SocketAddr, port: u16) -> String {
    let ip = at.ip();
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"
    );
    format!("d6:result2:ok3:sdp{}:{sdp}e", sdp.len())
}

fn stage(engines: &[&str]) -> Stage {
    let engines: Vec<SocketAddr> = engines.iter().map(|at| addr(at)).collect();
    Stage::new(Plan::standard().outside(&engines))
}

/// A call that stands.
fn begin(stage: &mut Stage, engines: &mut Engines) -> (Phone, Callee) {
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(stage);
    engines.serve(stage);
    let mut callee = Callee::wait(stage, ALPHA);
    callee.answer(stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = phone.answered(stage);
    assert_eq!(target(&ok.body()).port(), PORTS[1]);
    engines.serve(stage);
    (phone, callee)
}

#[test]
fn nobody_is_called_before_there_are_ports() {
    let (mut stage, mut engines) = (stage(&[FIRST]), Engines::default());
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    assert_eq!(stage.kinds(addr(ALPHA)), Vec::<String>::new());
    engines.serve(&mut stage);
    let mut callee = Callee::wait(&mut stage, ALPHA);
    assert_eq!(target(&callee.invite.body()), SocketAddr::new(addr(FIRST).ip(), PORTS[0]));
    callee.answer(&mut stage);
    stage.expect(addr(ALPHA), "ACK");
    let ok = phone.answered(&mut stage);
    assert_eq!(target(&ok.body()), SocketAddr::new(addr(FIRST).ip(), PORTS[1]));
    engines.serve(&mut stage);
    // The engine knows where both want their media.
    assert!(engines.count("offer 192.0.2.11:40000 ") > 0, "{:?}", engines.log);
    assert!(engines.count("answer 198.51.100.1:40000 ") > 0, "{:?}", engines.log);
    engines.heard = [(50, 1), (40, 1)];
    phone.bye(&mut stage);
    phone.expect(&mut stage, "200 BYE");
    callee.bye_comes(&mut stage);
    engines.serve(&mut stage);
    assert_eq!(engines.count("delete"), 1, "{:?}", engines.log);
    let cdr = stage.cdr();
    assert_eq!((cdr.rtp_packets_a_in, cdr.rtp_packets_a_out), (Some(50), Some(40)));
    assert_eq!((cdr.rtp_packets_b_in, cdr.rtp_packets_b_out), (Some(40), Some(50)));
    assert_eq!((cdr.rtp_lost_a, cdr.jitter_ms_a), (None, None), "an engine tells none");
    assert_eq!((cdr.media_ip_a, cdr.media_ip_b), (Some(addr("192.0.2.11:1").ip()), Some(addr(ALPHA).ip())));
    assert_eq!(stage.node.held().endpoints, 0);
}

#[test]
fn the_next_engine_has_the_call_where_one_is_silent_or_full() {
    for is_silent in [true, false] {
        let (mut stage, mut engines) = (stage(&[FIRST, SECOND]), Engines::default());
        let mut phone = stage.phone("c1", NUMBER);
        phone.invite(&mut stage);
        // Whichever is asked first.
        let asked = |datagram: &[u8]| datagram.windows(5).any(|window| window == b"offer");
        let first = stage.to_engines.iter().find(|(_, datagram)| asked(datagram)).expect("an offer").0;
        if is_silent {
            engines.dead = vec![first];
            engines.advance(&mut stage, 1_500);
        } else {
            engines.refuses = true;
            let (to, _) = stage.to_engines.iter().find(|(to, _)| *to == first).cloned().expect("asked");
            let all: Vec<_> = stage.to_engines.drain(..).collect();
            let (its, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(at, _)| *at == to);
            stage.to_engines.extend(its);
            let (at, datagram) = stage.to_engines.pop_back().expect("the offer");
            stage.to_engines.clear();
            stage.to_engines.push_back((at, datagram));
            let (to, datagram) = stage.to_engines.pop_front().expect("the offer");
            let end = datagram.iter().position(|octet| *octet == b' ').expect("a cookie");
            let words = " d12:error-reason12:out of ports6:result5:errore";
            let answer = [&datagram[..end], words.as_bytes()].concat();
            stage.input(Input::Engine { from: to, datagram: answer.into() });
            engines.refuses = false;
            stage.to_engines.extend(others);
            engines.serve(&mut stage);
        }
        let callee = Callee::wait(&mut stage, ALPHA);
        assert_ne!(target(&callee.invite.body()).ip(), first.ip(), "silent: {is_silent}");
    }
}

#[test]
fn without_any_engine_calls_are_refused_as_without_ports() {
    let (mut stage, mut engines) = (stage(&[FIRST, SECOND]), Engines::default());
    engines.dead = vec![addr(FIRST), addr(SECOND)];
    let mut phone = stage.phone("c1", NUMBER);
    phone.invite(&mut stage);
    engines.advance(&mut stage, 4_000);
    phone.expect(&mut stage, "503 INVITE");
    assert_eq!(stage.kinds(addr(ALPHA)), Vec::<String>::new(), "nobody is called");
    assert_eq!(stage.cdr().sip_status, 503);
    assert_eq!(stage.node.held().endpoints, 0);
}

#[test]
fn a_call_at_an_engine_that_died_ends_by_its_time_out() {
    let (mut stage, mut engines) = (stage(&[FIRST]), Engines::default());
    let (phone, _callee) = begin(&mut stage, &mut engines);
    for _ in 0..20 {
        let secs = stage.now.wall.0 / 1_000;
        engines.heard = [(50, secs), (50, secs)];
        engines.advance(&mut stage, 1_000);
    }
    assert_eq!(stage.kinds(phone.at), Vec::<String>::new(), "both are heard");
    engines.dead = vec![addr(FIRST)];
    engines.advance(&mut stage, 61_000 + 15_000 + 2_000);
    assert!(stage.kinds(phone.at).contains(&"BYE".to_owned()));
    engines.advance(&mut stage, 10_000);
    let cdr = stage.cdr();
    assert_eq!(&*cdr.reason, "rtp-timeout");
    // Billed until the engine said last that somebody was heard.
    assert!((4_000..=21_000).contains(&cdr.duration_ms), "{}", cdr.duration_ms);
}

#[test]
fn one_side_that_falls_silent_ends_the_call() {
    let (mut stage, mut engines) = (stage(&[FIRST]), Engines::default());
    let (phone, _callee) = begin(&mut stage, &mut engines);
    let begun = stage.now.wall.0 / 1_000;
    for _ in 0..80 {
        engines.heard = [(50, stage.now.wall.0 / 1_000), (50, begun + 10)];
        engines.advance(&mut stage, 1_000);
    }
    engines.advance(&mut stage, 10_000);
    assert!(stage.kinds(phone.at).contains(&"BYE".to_owned()));
    let cdr = stage.cdr();
    assert_eq!(&*cdr.reason, "rtp-timeout");
    // The called side is billed to its last packet, told in whole seconds.
    assert!((9_000..=11_000).contains(&cdr.duration_ms), "{}", cdr.duration_ms);
}
