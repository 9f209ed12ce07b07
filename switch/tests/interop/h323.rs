//! H.323 through the real program: SIPp on one side, a gateway on a codec of another author on the other,
//! in four modes and both directions, with voice through the relay, one record and the right bill.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::harness::{
    Books, CARRIERS, Cdr, Gateway, MODES, PBX, SOON, SPAIN, STRANGER, Scenario, Site, Tollgate, connect,
    eventually, free_port,
};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
/// What a second costs by that, 10⁻⁵ EUR.
const CENT: i64 = 1_000;
/// Where gateways call from.
const GATEWAY: &str = "127.0.0.13";
/// 20 ms each; a busy machine may lose some of a second.
const PACKETS_MIN: u64 = 20;
const TALK_MS: u64 = 1_500;

/// A site with a gate for SIP and one for H.323, and the carriers alpha (SIP) and gamma (H.323).
struct World {
    site: Site,
    sip: u16,
    h323: u16,
}

impl World {
    fn new(balance: &str, route: &[&str]) -> Self {
        let [sip, h323, listen] = [0; 3].map(|_| free_port(CARRIERS));
        let site = Site::acme(balance, BY_THE_SECOND)
            .media("mode = \"relay\"\naddress = \"127.0.0.14\"\nrtp_timeout_secs = 300")
            .toml(&format!("[h323]\nlisten = \"127.0.0.1:{listen}\""))
            .gate("acme-gw", "acme", GATEWAY, "protocol = [\"h323\"]")
            .carrier("alpha", sip, "")
            .toml(&format!("[[carrier]]\nname = \"gamma\"\naddress = \"h323:{CARRIERS}:{h323}\""))
            .route("34", route);
        Self { site, sip, h323 }
    }

    /// The only record, after the books were checked.
    fn cdr(&self, switch: &Tollgate, balance: &str) -> Cdr {
        let cdr = switch.api.wait_cdrs(1).remove(0);
        Books::of("acme", balance).check(&switch.api, &self.site.data());
        cdr
    }
}

/// Whether each side of a call was heard by the other, as the record says.
fn is_heard(cdr: &Cdr) {
    for field in ["rtp_packets_a_in", "rtp_packets_a_out", "rtp_packets_b_in", "rtp_packets_b_out"] {
        assert!(cdr.number(field) >= PACKETS_MIN as i64, "{field}: {cdr:?}");
    }
}

/// The ids that the gateway saw are those of the record.
fn has_ids_of(cdr: &Cdr, setup: &serde_json::Value) {
    assert_eq!(cdr.text("h323_call_id"), setup["call"].as_str().unwrap());
    assert_eq!(cdr.text("h323_conference_id"), setup["conference"].as_str().unwrap());
}

#[test]
fn sip_calls_a_gateway_in_four_modes() {
    for mode in MODES {
        let world = World::new("10.00", &["gamma"]);
        let switch = world.site.start();
        let mut gateway = Gateway::answers(world.h323, &["--mode", mode, "--calls", "1"]);
        Scenario::caller("uac_call", &switch).pause_ms(TALK_MS).sipp(&["-rtp_echo"]).run();
        assert!(gateway.ended(), "{mode}: {}", gateway.story());
        let cdr = world.cdr(&switch, "10.00");
        cdr.talked(TALK_MS as i64, CENT);
        assert_eq!((cdr.text("protocol_a"), cdr.text("protocol_b")), ("sip", "h323"), "{mode}");
        assert_eq!(
            (cdr.text("transport_b"), cdr.text("carrier"), cdr.number("sip_status")),
            ("tcp", "gamma", 200)
        );
        is_heard(&cdr);
        has_ids_of(&cdr, &gateway.wait("setup"));
        let (sent, received) = gateway.packets();
        assert!(sent >= PACKETS_MIN && received >= PACKETS_MIN, "{mode}: {}", gateway.story());
        assert_eq!(gateway.wait("released")["cause"], 16, "{mode}");
        assert_eq!(!gateway.heard("fast").is_empty(), mode.starts_with("fast"), "{mode}");
        assert_eq!(gateway.heard("h245-connection").is_empty(), mode.ends_with("tunnelled"), "{mode}");
        gateway.is_well_formed();
    }
}

#[test]
fn a_gateway_calls_sip_in_four_modes() {
    for mode in MODES {
        let world = World::new("10.00", &["alpha"]);
        let switch = world.site.start();
        let carrier = Scenario::carrier("uas_answer", world.sip).calls(1).sipp(&["-rtp_echo"]).start();
        let words = ["--mode", mode, "--script", "1.5:hangup"];
        let mut gateway = Gateway::calls(GATEWAY, switch.at("h323"), SPAIN, &words);
        assert!(gateway.ended(), "{mode}: {}", gateway.story());
        carrier.finish();
        let cdr = world.cdr(&switch, "10.00");
        cdr.talked(TALK_MS as i64, CENT);
        assert_eq!((cdr.text("protocol_a"), cdr.text("protocol_b")), ("h323", "sip"), "{mode}");
        assert_eq!(
            (cdr.text("transport_a"), cdr.text("gate"), cdr.text("hangup_by")),
            ("tcp", "acme-gw", "caller")
        );
        is_heard(&cdr);
        has_ids_of(&cdr, &gateway.wait("setup-sent"));
        let (sent, received) = gateway.packets();
        assert!(sent >= PACKETS_MIN && received >= PACKETS_MIN, "{mode}: {}", gateway.story());
        gateway.is_well_formed();
    }
}

/// Between two gateways of different modes, with hold and digits of every form on the way.
#[test]
fn gateways_call_gateways() {
    for (ours, theirs) in [("slow", "fast-tunnelled"), ("fast-tunnelled", "slow"), ("tunnelled", "fast")] {
        let world = World::new("10.00", &["gamma"]);
        let switch = world.site.start();
        let mut called = Gateway::answers(world.h323, &["--mode", theirs, "--calls", "1"]);
        let script = "0.5:digits:signal:1,0.8:digits:alphanumeric:2,1.1:digits:keypad:3,1.4:digits:rfc4733:4,\
                      2.2:hold,2.6:resume,3.4:hangup";
        let mut caller =
            Gateway::calls(GATEWAY, switch.at("h323"), SPAIN, &["--mode", ours, "--script", script]);
        assert!(caller.ended(), "{ours} {theirs}: {}", caller.story());
        assert!(called.ended(), "{ours} {theirs}: {}", called.story());
        let digits: String = called.digits().into_iter().map(|(_, digit)| digit).collect();
        assert_eq!(digits, "1234", "{ours} {theirs}: {}", called.story());
        let cdr = world.cdr(&switch, "10.00");
        cdr.talked(3_400, CENT);
        assert_eq!((cdr.text("protocol_a"), cdr.text("protocol_b")), ("h323", "h323"));
        is_heard(&cdr);
        has_ids_of(&cdr, &caller.wait("setup-sent"));
        caller.is_well_formed();
        called.is_well_formed();
    }
}

/// The end of money reaches the gateway as cause 21, whichever side it is.
#[test]
fn the_end_of_money_is_cause_21() {
    let world = World::new("0.02", &["gamma"]);
    let switch = world.site.start();
    let mut called = Gateway::answers(world.h323, &["--mode", "fast", "--calls", "1"]);
    let mut caller = Gateway::calls(GATEWAY, switch.at("h323"), SPAIN, &["--mode", "slow"]);
    assert!(caller.ended() && called.ended(), "{}{}", caller.story(), called.story());
    for gateway in [&caller, &called] {
        assert_eq!(gateway.wait("released")["cause"], 21, "{}", gateway.story());
    }
    let cdr = world.cdr(&switch, "0.02");
    assert_eq!(
        (cdr.text("reason"), cdr.text("amount"), cdr.number("billed_seconds")),
        ("no-credit", "0.02000", 2)
    );
}

/// What a gateway refuses, and how SIP hears it; one that breaks its connection is followed by the next
/// carrier.
#[test]
fn a_gateway_that_fails() {
    for (behaviour, status, cause) in [("refuse:17", 486, 17), ("refuse:1", 404, 1)] {
        let world = World::new("10.00", &["gamma"]);
        let switch = world.site.start();
        let mut gateway = Gateway::answers(world.h323, &["--behaviour", behaviour, "--calls", "1"]);
        Scenario::caller("uac_refused", &switch).wants(status).run();
        gateway.ended();
        let cdr = world.cdr(&switch, "10.00");
        assert_eq!(
            (cdr.number("sip_status"), cdr.number("cause_q850")),
            (i64::from(status), cause),
            "{cdr:?}"
        );
        assert_eq!(cdr.text("amount"), "0.00000");
    }
    let world = World::new("10.00", &["gamma", "alpha"]);
    let switch = world.site.start();
    let carrier = Scenario::carrier("uas_answer", world.sip).calls(1).start();
    let mut gateway = Gateway::answers(world.h323, &["--behaviour", "reset", "--calls", "1"]);
    Scenario::caller("uac_call", &switch).pause_ms(500).run();
    carrier.finish();
    gateway.ended();
    let cdr = world.cdr(&switch, "10.00");
    assert_eq!((cdr.text("carrier"), cdr.0["attempts"].as_array().unwrap().len()), ("alpha", 2), "{cdr:?}");
}

/// L8: the same call costs the same by both protocols: 61 s at whole minutes.
#[test]
fn l8_a_call_costs_the_same_by_both_protocols() {
    let world = World::new("10.00", &["alpha"]);
    world.site.write_deck("retail", "34,Spain,0.60,60,60,,,");
    let switch = world.site.start();
    let carrier = Scenario::carrier("uas_answer", world.sip).calls(2).sipp(&["-rtp_echo"]).start();
    let mut gateway = Gateway::calls(GATEWAY, switch.at("h323"), SPAIN, &["--script", "61:hangup"]);
    Scenario::caller("uac_call", &switch).pause_ms(61_000).sipp(&["-rtp_echo"]).run();
    assert!(gateway.ended(), "{}", gateway.story());
    carrier.finish();
    let cdrs = switch.api.wait_cdrs(2);
    let mut protocols: Vec<&str> = cdrs.iter().map(|cdr| cdr.text("protocol_a")).collect();
    protocols.sort_unstable();
    assert_eq!(protocols, ["h323", "sip"]);
    for cdr in &cdrs {
        assert_eq!((cdr.number("billed_seconds"), cdr.text("amount")), (120, "1.20000"), "{cdr:?}");
    }
}

/// A stranger's connection is closed without a byte, and so is one that says nothing, or no H.323.
#[test]
fn security_43_connections_of_strangers_and_of_the_silent() {
    let world = World::new("10.00", &["alpha"]);
    let switch = world.site.start();
    let to = switch.at("h323");
    for (from, says) in
        [(STRANGER, &b""[..]), (PBX, b"\x03\x00\x00\x06\x08\x02"), (GATEWAY, b"GET / HTTP/1.1\r\n\r\n")]
    {
        let mut stream = connect_from(from, to);
        // It may be closed already.
        let _ = stream.write_all(says);
        let mut heard = Vec::new();
        let read = stream.read_to_end(&mut heard);
        assert!(heard.is_empty(), "{from} heard {heard:?} ({read:?})");
    }
    // A call that is only begun, and a Setup that is none, over and over.
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut stream = connect_from(GATEWAY, to);
        stream.write_all(b"\x03\x00\x01").unwrap();
        held.push(stream);
    }
    // Of one address there are so many; the next is closed.
    let mut over = connect_from(GATEWAY, to);
    assert_eq!(over.read(&mut [0; 16]).unwrap_or(0), 0);
    drop((held, over));
    let carrier = Scenario::carrier("uas_answer", world.sip).calls(1).start();
    eventually("a place for a good gateway", SOON, || {
        let mut gateway = Gateway::calls(GATEWAY, to, SPAIN, &["--script", "0.3:hangup"]);
        gateway.ended().then_some(())
    });
    carrier.finish();
    assert_eq!(switch.api.wait_cdrs(1).len(), 1);
}

fn connect_from(ip: &str, to: SocketAddr) -> TcpStream {
    let stream = connect(ip, to);
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}
