//! Malformed SIP from a known gate: RFC 4475, RFC 5118, and a flood of broken messages. Afterwards OPTIONS is
//! answered, calls go through, and nothing is left leased.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::harness::{
    Books, CARRIERS, Cdr, PBX, Peer, SOON, Scenario, Site, Tollgate, connect, eventually, free_port,
    status_of,
};

const BROKEN_MESSAGES: u32 = 20_000;

/// Numbers without chance in them (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

fn messages(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_none_or(|kind| kind != "tsv"));
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn answers_options(switch: &mut Tollgate) {
    assert!(switch.runs(), "the switch is gone");
    let mut pbx = Peer::new(PBX, switch.udp);
    let answer = pbx.ask("OPTIONS", &format!("sip:{}", switch.udp), "", SOON).expect("an answer to OPTIONS");
    assert_eq!(status_of(&answer), Some(200), "{answer}");
}

/// Calls still go through; all books are straight once the flood's own calls are over.
fn still_works(site: &Site, switch: &mut Tollgate) {
    Scenario::caller("uac_call", switch).calls(3).pause_ms(100).run();
    eventually("the end of the flood's calls", Duration::from_secs(90), || {
        switch.api.calls().is_empty().then_some(())
    });
    let through = |cdr: &Cdr| cdr.number("sip_status") == 200 && cdr.text("caller").contains("caller");
    eventually("records of calls", SOON, || {
        (switch.api.cdrs().iter().filter(|cdr| through(cdr)).count() >= 3).then_some(())
    });
    Books::of("acme", "1000.00").check(&switch.api, &site.data());
}

fn stage(port: u16) -> (Site, Tollgate) {
    let site =
        Site::acme("1000.00", "34,Spain,0.60,1,1,,,").carrier("alpha", port, "").route("34", &["alpha"]);
    let switch = site.start();
    (site, switch)
}

#[test]
fn torture_messages_of_a_known_gate() {
    let port = free_port(CARRIERS);
    let (site, mut switch) = stage(port);
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let all = [messages("rfc4475"), messages("rfc5118")].concat();
    assert_eq!(all.len(), 49 + 12);
    let pbx = Peer::new(PBX, switch.udp);
    for message in &all {
        pbx.send(message);
    }
    answers_options(&mut switch);
    for message in &all {
        let mut stream = connect(PBX, switch.tcp);
        // Some are followed by a close, which may come while they are still written.
        let _ = stream.write_all(message);
    }
    answers_options(&mut switch);
    // All on one connection: whatever the framer makes of them, it ends.
    let mut stream = connect(PBX, switch.tcp);
    for message in &all {
        if stream.write_all(message).is_err() {
            break;
        }
    }
    drop(stream);
    answers_options(&mut switch);
    still_works(&site, &mut switch);
}

#[test]
fn a_flood_of_broken_messages() {
    let port = free_port(CARRIERS);
    let (site, mut switch) = stage(port);
    let _alpha = Scenario::carrier("uas_answer", port).start();
    let mut pbx = Peer::new(PBX, switch.udp);
    let mut seeds = messages("rfc4475");
    let at = switch.udp;
    for method in
        ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "REFER", "SUBSCRIBE", "INFO"]
    {
        seeds.push(
            pbx.request(method, &format!("sip:34911234567@{at}"), crate::harness::OFFER).0.into_bytes(),
        );
    }
    let mut dice = Dice(0x7011_6a7e);
    for number in 0..BROKEN_MESSAGES {
        let mut message = seeds[dice.roll(seeds.len())].clone();
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(message.len().max(1));
            match dice.roll(4) {
                0 => message.truncate(at),
                1 => message.insert(at.min(message.len()), dice.roll(256) as u8),
                2 => message.extend_from_within(at.min(message.len())..),
                _ => {
                    if let Some(byte) = message.get_mut(at) {
                        *byte = dice.roll(256) as u8;
                    }
                }
            }
        }
        message.truncate(60_000);
        pbx.send(&message);
        if number % 5_000 == 4_999 {
            answers_options(&mut switch);
        }
    }
    let mut noise = vec![0; 1_400];
    for _ in 0..1_000 {
        noise.fill_with(|| dice.roll(256) as u8);
        pbx.send(&noise);
    }
    answers_options(&mut switch);
    still_works(&site, &mut switch);
    let memory = fs::read_to_string(format!("/proc/{}/status", switch.pid())).unwrap();
    let resident = memory.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    eprintln!("after {BROKEN_MESSAGES} broken messages: {resident}");
}
