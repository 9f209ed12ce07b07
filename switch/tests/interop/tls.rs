//! TLS from gates and toward carriers: who is verified for what, what is said where that fails, and what a
//! reload changes. `SECURITY.md` 19, 20, 26.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use crate::harness::{
    Authority, Books, CARRIERS, Caller, PBX, SOON, SPAIN, STRANGER, Scenario, SecureCarrier, SecureLine,
    Site, Tollgate, connect, eventually, free_port, secure, status_of, until_closed,
};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
const OURS: &str = "sip.tollgate.example";

/// A site that listens under TLS with a certificate of its own authority, and carriers as said.
struct Stage {
    site: Site,
    authority: Authority,
}

impl Stage {
    fn new(more_tls: &str) -> Self {
        let site = Site::acme("10.00", BY_THE_SECOND);
        let authority = Authority::new(&site.path("tls"));
        authority.sign("ours", OURS);
        let site = site
            .also_listening("tls")
            .toml(&format!("[sip.tls]\ncertificate = \"tls/ours.pem\"\nkey = \"tls/ours.key\"\n{more_tls}"));
        Self { site, authority }
    }

    fn carrier(mut self, name: &str, port: u16, tls_name: &str) -> Self {
        let more = format!("tls_name = \"{tls_name}\"\ntls_ca = \"tls/ca.pem\"\n");
        self.site = self.site.carrier_over("tls", name, port, &more);
        self
    }

    fn route(mut self, prefix: &str, carriers: &[&str]) -> Self {
        self.site = self.site.route(prefix, carriers);
        self
    }

    fn pbx(&self, to: SocketAddr) -> SecureLine {
        secure(PBX, to, OURS, self.authority.client(None))
    }
}

fn caller(id: u32) -> Caller {
    Caller { via: "TLS", here: format!("{PBX}:5061"), contact: ";transport=tls", id }
}

/// One whole call; what its INVITE was answered.
fn whole_call(line: &mut SecureLine, id: u32, number: &str) -> String {
    let caller = caller(id);
    let answer = caller.call(line, number).expect("an answer");
    assert_eq!(status_of(&answer), Some(200), "{answer}");
    let bye = caller.bye(line, &answer).expect("an answer to the BYE");
    assert_eq!(status_of(&bye), Some(200), "{bye}");
    answer
}

#[test]
fn calls_come_in_and_go_out_by_kept_connections() {
    let stage = Stage::new("");
    stage.authority.sign("alpha", "sip.alpha.example");
    let alpha = SecureCarrier::start(stage.authority.server("alpha"));
    let stage = stage.carrier("alpha", alpha.port, "sip.alpha.example").route("34", &["alpha"]);
    let switch = stage.site.start();
    let mut pbx = stage.pbx(switch.at("tls"));
    let answer = whole_call(&mut pbx, 1, SPAIN);
    assert!(answer.contains(&format!("@{};transport=tls>", switch.at("tls"))), "our Contact: {answer}");
    whole_call(&mut pbx, 2, SPAIN);
    let cdrs = switch.api.wait_cdrs(2);
    for cdr in &cdrs {
        assert_eq!((cdr.text("transport_a"), cdr.text("transport_b")), ("tls", "tls"), "{cdr:?}");
    }
    let came = eventually("both calls at the carrier", SOON, || {
        let came = alpha.came();
        (came.iter().map(|one| one.requests.len()).sum::<usize>() >= 6).then_some(came)
    });
    assert_eq!(came.len(), 1, "one connection for both calls");
    assert_eq!(came[0].name, "sip.alpha.example");
    assert!(came[0].requests[0].contains(&format!("Via: SIP/2.0/TLS {}", switch.at("tls"))));
    Books::of("acme", "10.00").check(&switch.api, &stage.site.data());
}

/// Each for its own reason, which the log says together with what to do; the call goes to the next carrier.
#[test]
fn a_carrier_with_a_bad_certificate_is_passed_over() {
    let stage = Stage::new("");
    stage.authority.sign_until("expired", "sip.alpha.example", "20210101000000Z");
    stage.authority.sign("other", "sip.other.example");
    stage.authority.self_signed("own", "own.alpha.example");
    let mut stage = stage;
    let mut carriers = Vec::new();
    let cases = [("expired", "has expired"), ("other", "is for other names"), ("own", "self-signed")];
    for (at, (file, _)) in cases.iter().enumerate() {
        let carrier = SecureCarrier::start(stage.authority.server(file));
        // Each has settings of its own, so that each has its line in the log.
        let name = ["sip.alpha.example", "alpha.example", "own.alpha.example"][at];
        stage = stage.carrier(file, carrier.port, name);
        carriers.push(carrier);
    }
    let beta = free_port(CARRIERS);
    stage.site = stage.site.carrier("beta", beta, "");
    for (at, (file, _)) in cases.iter().enumerate() {
        stage = stage.route(&format!("349{at}"), &[file, "beta"]);
    }
    let switch = stage.site.start();
    for (at, (file, words)) in cases.iter().enumerate() {
        let answering = Scenario::carrier("uas_answer", beta).calls(1).start();
        let mut pbx = stage.pbx(switch.at("tls"));
        whole_call(&mut pbx, at as u32, &format!("349{at}1234567"));
        answering.finish();
        let cdr = switch.api.wait_cdrs(at + 1).remove(at);
        assert_eq!(cdr.attempts(), [((*file).to_owned(), 0), ("beta".to_owned(), 200)], "{cdr:?}");
        assert_eq!(cdr.text("transport_b"), "udp");
        assert!(carriers[at].came().is_empty(), "not a byte of SIP goes to {file}");
        let log = switch.log();
        assert!(log.contains(words) && log.contains(&format!("carrier {file}")), "{file}: {log}");
    }
}

/// Two carriers at one address and port, told apart by their names alone.
#[test]
fn attack_26_two_names_at_one_address_share_no_connection() {
    let stage = Stage::new("");
    // One certificate for both, so that only the name that was verified can tell them apart.
    stage.authority.sign("both", "*.carrier.example");
    let carrier = SecureCarrier::start(stage.authority.server("both"));
    let stage = stage.carrier("alpha", carrier.port, "alpha.carrier.example").carrier(
        "beta",
        carrier.port,
        "beta.carrier.example",
    );
    let stage = stage.carrier("gamma", carrier.port, "gamma.other");
    let stage = stage.route("341", &["alpha"]).route("342", &["beta"]).route("343", &["gamma"]);
    let switch = stage.site.start();
    let mut pbx = stage.pbx(switch.at("tls"));
    for (id, number) in ["34111111111", "34211111111", "34122222222", "34222222222"].iter().enumerate() {
        whole_call(&mut pbx, id as u32, number);
    }
    let answer = caller(9).call(&mut pbx, "34311111111").expect("an answer");
    assert_eq!(status_of(&answer), Some(500), "no connection that is open will do: {answer}");
    let came = eventually("four calls at the carrier", SOON, || {
        let came = carrier.came();
        (came.iter().map(|one| one.requests.len()).sum::<usize>() >= 12).then_some(came)
    });
    let by_name = |name: &str| -> Vec<String> {
        let ours = came.iter().filter(|one| one.name == name).flat_map(|one| &one.requests);
        ours.filter(|request| request.starts_with("INVITE ")).cloned().collect()
    };
    assert_eq!(came.len(), 2, "{came:?}");
    for (name, prefix) in
        [("alpha.carrier.example", "INVITE sip:341"), ("beta.carrier.example", "INVITE sip:342")]
    {
        let invites = by_name(name);
        assert_eq!(invites.len(), 2);
        assert!(invites.iter().all(|invite| invite.starts_with(prefix)), "{name}: {invites:?}");
    }
}

#[test]
fn clients_show_a_certificate_where_that_is_demanded() {
    let stage = Stage::new("client_ca = \"tls/ca.pem\"\nverify_clients = true\n");
    stage.authority.sign("pbx", "pbx.example");
    let stage = stage.route_nowhere();
    let switch = stage.site.start();
    let mut shown = secure(PBX, switch.at("tls"), OURS, stage.authority.client(Some("pbx")));
    let answer = caller(1).options(&mut shown).expect("an answer to who shows one");
    assert_eq!(status_of(&answer), Some(200), "{answer}");
    let mut bare = stage.pbx(switch.at("tls"));
    assert_eq!(caller(2).options(&mut bare), None, "nobody else hears anything");
    eventually("the reason in the log", SOON, || {
        switch.log().contains("the client shows no certificate").then_some(())
    });
}

impl Stage {
    /// A carrier that nobody calls.
    fn route_nowhere(mut self) -> Self {
        self.site = self.site.carrier("alpha", free_port(CARRIERS), "").route("34", &["alpha"]);
        self
    }

    fn subject(&self, line: &mut SecureLine) -> Vec<u8> {
        assert!(caller(1).options(line).is_some(), "the line works");
        line.stream().conn.peer_certificates().unwrap()[0].to_vec()
    }
}

#[test]
fn a_reload_shows_another_certificate_and_keeps_what_is_open() {
    let stage = Stage::new("").route_nowhere();
    let switch = stage.site.start();
    let mut before = stage.pbx(switch.at("tls"));
    let first = stage.subject(&mut before);
    stage.authority.sign("ours", OURS);
    switch.signal("HUP");
    let second = eventually("the new certificate", SOON, || {
        let shown = stage.subject(&mut stage.pbx(switch.at("tls")));
        (shown != first).then_some(shown)
    });
    assert_ne!(first, second);
    assert_eq!(stage.subject(&mut before), first, "the connection of before is still good");
    // What is wrong changes nothing.
    std::fs::write(stage.authority.path("ours.key"), "no key").unwrap();
    switch.signal("HUP");
    eventually("the refusal in the log", SOON, || {
        switch.log().contains("there is no private key").then_some(())
    });
    assert_eq!(stage.subject(&mut stage.pbx(switch.at("tls"))), second);
}

#[test]
fn a_certificate_is_chosen_by_the_name_that_is_asked_for() {
    let mut stage = Stage::new("").route_nowhere();
    stage.authority.sign("second", "sip.second.example");
    stage.site =
        stage.site.toml("[[sip.tls.extra]]\ncertificate = \"tls/second.pem\"\nkey = \"tls/second.key\"");
    let switch = stage.site.start();
    for name in [OURS, "sip.second.example"] {
        let mut line = secure(PBX, switch.at("tls"), name, stage.authority.client(None));
        assert!(caller(1).options(&mut line).is_some(), "{name}");
    }
}

#[test]
fn strangers_hear_nothing_under_tls() {
    let stage = Stage::new("").route_nowhere();
    let switch = stage.site.start();
    let mut silent = connect(STRANGER, switch.at("tls"));
    assert_eq!(until_closed(&mut silent, SOON), Some(Vec::new()));
}

/// Whoever opens connections and does nothing, or sends one byte and no more, has as many as he may; others
/// are served meanwhile.
#[test]
fn attack_20_idle_connections_and_slow_handshakes_hurt_nobody() {
    let stage = Stage::new("").route_nowhere();
    let stage = Stage { site: stage.site.gate("other-pbx", "acme", "127.0.0.13", ""), ..stage };
    let switch = stage.site.start();
    let before = memory_kib(&switch);
    let mut held = Vec::new();
    for count in 0..2_000 {
        let mut stream = connect("127.0.0.13", if count % 2 == 0 { switch.at("tls") } else { switch.tcp });
        // Half of a handshake, or of a message; it may be closed already.
        let _ = stream.write_all(if count % 2 == 0 { &[22, 3, 1] } else { b"INVITE sip:x SIP/2.0\r\nVia: " });
        held.push(stream);
    }
    let mut pbx = stage.pbx(switch.at("tls"));
    let answer = caller(1).options(&mut pbx).expect("an answer to another address");
    assert_eq!(status_of(&answer), Some(200), "{answer}");
    let open = held.iter_mut().rev().map(is_open).filter(|open| *open).count();
    assert!(open <= 64, "{open} of one address are open");
    let grown = memory_kib(&switch).saturating_sub(before);
    assert!(grown < 32 * 1_024, "{grown} KiB for connections that say nothing");
    drop(held);
    // Its places are given back.
    eventually("a place for the same address", SOON, || {
        let mut line = secure("127.0.0.13", switch.at("tls"), OURS, stage.authority.client(None));
        caller(2).options(&mut line)
    });
}

/// INVITEs by connections that are then reset, again and again: nothing of them stays.
#[test]
fn attack_19_connections_reset_in_mid_call_leave_nothing() {
    let stage = Stage::new("");
    stage.authority.sign("alpha", "sip.alpha.example");
    let alpha = SecureCarrier::start(stage.authority.server("alpha"));
    let stage = stage.carrier("alpha", alpha.port, "sip.alpha.example").route("34", &["alpha"]);
    let switch = stage.site.start();
    for round in 0..20 {
        let mut line = stage.pbx(switch.at("tls"));
        for call in 0..10 {
            caller(round * 10 + call).invite(&mut line, SPAIN);
        }
        let socket = socket2::SockRef::from(&line.stream().sock);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
    // The carrier answers; nobody acknowledges: each call ends with the answer that could not be delivered.
    eventually("no call left", Duration::from_secs(120), || switch.api.calls().is_empty().then_some(()));
    let mut pbx = stage.pbx(switch.at("tls"));
    assert!(caller(900).options(&mut pbx).is_some());
    let account = switch.api.account("acme");
    assert_eq!(account["leased"], "0.00000", "{account}");
}

fn is_open(stream: &mut std::net::TcpStream) -> bool {
    until_closed(stream, Duration::from_millis(5)).is_none()
}

fn memory_kib(switch: &Tollgate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", switch.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
