//! Traces: a call's messages as a ladder, as JSON, as pcap that tshark dissects without a complaint, on disk
//! and at Homer. `SECURITY.md` 13.

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Authority, CARRIERS, Caller, PBX, SOON, SPAIN, STRANGER, Scenario, SecureCarrier, Site, Tollgate,
    eventually, free_port, secure, status_of, tollgate,
};

const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
const OURS: &str = "sip.tollgate.example";

/// What `tollgate` says, which must succeed.
fn said(switch: &Tollgate, site: &Site, args: &[&str]) -> String {
    let api = format!("http://{}", switch.at("http"));
    let token = site.path("data/admin.token");
    let reach = ["--api", &api, "--token-file", token.to_str().unwrap()];
    let output = tollgate(&[args, &reach[..]].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// One line for each packet that tshark shows with this filter, checksums verified.
fn tshark(file: &Path, filter: &str) -> Vec<String> {
    let checks = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
    // A port that is free may be one that tshark takes for another protocol's.
    let ports = ["-d", "udp.port==1-65535,sip"];
    let fields = ["-T", "fields", "-e", "frame.number", "-e", "sip.CSeq.method", "-e", "_ws.expert.message"];
    let output = Command::new("tshark")
        .args(["-n", "-r", file.to_str().unwrap(), "-Y", filter])
        .args(checks)
        .args(ports)
        .args(fields)
        .output()
        .expect("tshark is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// So many messages, each whole SIP.
fn is_sip_without_fault(file: &Path, count: usize) {
    assert_eq!(tshark(file, "sip").len(), count, "{}", file.display());
    let wrong = tshark(
        file,
        "!sip || _ws.malformed || udp.checksum.status != \"Good\" || (ip && ip.checksum.status != \"Good\")",
    );
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn messages(document: &Value) -> &[Value] {
    document["messages"].as_array().unwrap()
}

#[test]
fn a_failover_is_drawn_and_dissected() {
    let (alpha, beta) = (free_port(CARRIERS), free_port(CARRIERS));
    let site = Site::acme("10.00", BY_THE_SECOND).carrier("alpha", alpha, "").carrier("beta", beta, "");
    let site = site.route("34", &["alpha", "beta"]);
    let switch = site.start();
    let refusing = Scenario::carrier("uas_refuse", alpha).calls(1).start();
    let answering = Scenario::carrier("uas_answer", beta).calls(1).start();
    Scenario::caller("uac_call", &switch).pause_ms(300).run();
    let cdr = switch.api.wait_cdrs(1).remove(0);
    refusing.finish();
    answering.finish();
    let id = cdr.text("id");
    let drawn = said(&switch, &site, &["calls", "--trace", id]);
    for line in [
        "alpha: refused with 503 Service Unavailable after ",
        "beta: answered with 200 OK after ",
        " INVITE ",
        " 503 Service Unavailable ",
        " 200 (BYE) ",
    ] {
        assert!(drawn.contains(line), "{line}\n{drawn}");
    }
    assert_eq!(said(&switch, &site, &["calls", "--trace", SPAIN]), drawn, "the last call to the number");
    for leg in ["call_id_a", "call_id_b"] {
        assert_eq!(said(&switch, &site, &["calls", "--trace", cdr.text(leg)]), drawn, "by its Call-ID");
    }
    let document = switch.api.get(&format!("/calls/{id}/trace")).body;
    let legs: Vec<&str> =
        document["legs"].as_array().unwrap().iter().map(|leg| leg["name"].as_str().unwrap()).collect();
    assert_eq!(legs, ["caller", "alpha", "beta"]);
    let of = |leg: u64, direction: &str| {
        let is = |message: &&Value| message["leg"] == leg && message["direction"] == direction;
        messages(&document).iter().filter(is).map(|m| m["first_line"].as_str().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(of(1, "in"), ["SIP/2.0 100 Trying", "SIP/2.0 503 Service Unavailable"]);
    assert!(of(1, "out")[0].starts_with("INVITE ") && of(1, "out")[1].starts_with("ACK "));
    assert!(of(0, "in").iter().any(|line| line.starts_with("BYE ")));
    let file = site.path("call.pcap");
    said(&switch, &site, &["calls", "--trace", id, "--pcap", file.to_str().unwrap()]);
    is_sip_without_fault(&file, messages(&document).len());
    assert!(switch.api.get("/calls/nobody@nowhere/trace").is_problem(404));
    assert!(switch.api.get(&format!("/calls/{id}/trace?format=text")).is_problem(400));
}

/// Chunks of a HEP3 packet by their types, by the published layout.
fn chunk(packet: &[u8], kind: u16) -> Vec<u8> {
    let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    assert_eq!((&packet[..4], usize::from(word(4))), (&b"HEP3"[..], packet.len()));
    let mut at = 6;
    while at < packet.len() {
        let length = usize::from(word(at + 4));
        if (word(at), word(at + 2)) == (0, kind) {
            return packet[at + 6..at + length].to_vec();
        }
        at += length;
    }
    panic!("no chunk {kind}");
}

fn pcaps(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).map(|all| all.map(|one| one.unwrap().path()).collect()).unwrap_or_default()
}

/// Over TLS on both sides: dissected in clear, on disk and at Homer under one id, no secret in any of them.
#[test]
fn a_call_over_tls_is_on_disk_and_at_homer_without_its_secrets() {
    let site = Site::acme("10.00", BY_THE_SECOND);
    let authority = Authority::new(&site.path("tls"));
    authority.sign("ours", OURS);
    authority.sign("alpha", "sip.alpha.example");
    let alpha = SecureCarrier::start(authority.server("alpha"));
    let homer = UdpSocket::bind((CARRIERS, 0)).unwrap();
    homer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let site = site
        .also_listening("tls")
        .toml("[sip.tls]\ncertificate = \"tls/ours.pem\"\nkey = \"tls/ours.key\"\n")
        .carrier_over(
            "tls",
            "alpha",
            alpha.port,
            "tls_name = \"sip.alpha.example\"\ntls_ca = \"tls/ca.pem\"\n",
        )
        .route("34", &["alpha"])
        .toml(&format!(
            "[trace]\ndir = \"trace\"\nshare = 1.0\nhep = \"udp:{}\"",
            homer.local_addr().unwrap()
        ));
    let switch = site.start();
    let caller = Caller { via: "TLS", here: format!("{PBX}:5061"), contact: ";transport=tls", id: 1 };
    let mut pbx = secure(PBX, switch.at("tls"), OURS, authority.client(None));
    let answer = caller.call(&mut pbx, SPAIN).expect("an answer");
    assert_eq!(status_of(&answer), Some(200), "{answer}");
    let live = said(&switch, &site, &["calls", "--trace", SPAIN]);
    assert!(live.contains("not over yet") && live.contains("tls "), "{live}");
    let secret = "Authorization: Digest username=\"S3CRET\"\r\n";
    let bye =
        caller.bye(&mut With { line: &mut pbx, header: secret }, &answer).expect("an answer to the BYE");
    assert_eq!(status_of(&bye), Some(200), "{bye}");
    let cdr = switch.api.wait_cdrs(1).remove(0);
    let id = cdr.text("id");
    let document = eventually("the whole call", SOON, || {
        let document = switch.api.get(&format!("/calls/{id}/trace")).body;
        let byes =
            messages(&document).iter().filter(|m| m["text"].as_str().unwrap().contains(" BYE\r\n")).count();
        (byes == 4).then_some(document)
    });
    let all = messages(&document);
    assert!(all.iter().all(|message| message["transport"] == "tls"));
    assert!(all.iter().any(|m| m["text"].as_str().unwrap().contains("Authorization: Digest ***")));
    let file = site.path("call.pcap");
    said(&switch, &site, &["calls", "--trace", id, "--pcap", file.to_str().unwrap()]);
    is_sip_without_fault(&file, all.len());
    let mut packets = Vec::new();
    let mut buffer = [0; 65_536];
    while packets.len() < all.len() {
        let (size, _) = homer.recv_from(&mut buffer).expect("every message goes to Homer");
        packets.push(buffer[..size].to_vec());
    }
    for (packet, message) in packets.iter().zip(all) {
        assert_eq!(chunk(packet, 17), cdr.text("call_id_a").as_bytes(), "one id for all legs");
        assert_eq!((chunk(packet, 11), chunk(packet, 2)), (vec![1], vec![6]));
        assert_eq!(chunk(packet, 15), message["text"].as_str().unwrap().as_bytes());
    }
    let written = eventually("the file of the call", SOON, || {
        let found = pcaps(&site.path("trace"));
        found.into_iter().find(|file| tshark(file, "sip").len() == all.len())
    });
    is_sip_without_fault(&written, all.len());
    let everywhere = [fs::read(&written).unwrap(), fs::read(&file).unwrap(), packets.concat()].concat();
    assert!(!String::from_utf8_lossy(&everywhere).contains("S3CRET"));
    let count = all.len() as f64;
    assert!((switch.api.metric("tollgate_trace_messages_total{to=\"disk\"}") - count).abs() < 0.5);
    assert!(switch.api.metric("tollgate_trace_messages_total{to=\"hep\"}") >= count - 0.5);
    assert!(switch.api.metric("tollgate_trace_messages_lost_total{to=\"queue\"}") < 0.5);
}

/// A line on which every request has one header more.
struct With<'a, L> {
    line: &'a mut L,
    header: &'a str,
}

impl<L: crate::harness::Line> crate::harness::Line for With<'_, L> {
    fn send(&mut self, message: &str) {
        self.line.send(&message.replacen("\r\n", &format!("\r\n{}", self.header), 1));
    }

    fn hear(&mut self) -> Option<String> {
        self.line.hear()
    }
}

/// Nobody is chosen by share; the next call of a gate is, once. What strangers say is kept nowhere.
#[test]
fn the_next_call_of_a_gate_is_written_and_no_other() {
    let port = free_port(CARRIERS);
    let site = Site::acme("10.00", BY_THE_SECOND).carrier("alpha", port, "").route("34", &["alpha"]);
    let site = site.toml("[trace]\ndir = \"trace\"");
    let switch = site.start();
    let call = || {
        let answering = Scenario::carrier("uas_answer", port).calls(1).start();
        Scenario::caller("uac_call", &switch).pause_ms(100).run();
        answering.finish();
    };
    call();
    let refused = switch.api.post("/trace-next", None, &json!({ "of": "no-such-gate" }));
    assert!(refused.is_problem(422));
    let waiting = said(&switch, &site, &["calls", "--trace-next", "acme-pbx"]);
    assert!(waiting.contains("gate acme-pbx"), "{waiting}");
    call();
    let cdrs = switch.api.wait_cdrs(2);
    call();
    let cdr = &cdrs[1];
    let file = eventually("the file of the second call", SOON, || pcaps(&site.path("trace")).pop());
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let plain: String = cdr
        .text("call_id_a")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .collect();
    assert!(name.contains(&plain[..plain.len().min(60)]), "{name} {plain}");
    let kept = switch.api.get(&format!("/calls/{}/trace", cdr.text("id"))).body;
    eventually("all of it", SOON, || (tshark(&file, "sip").len() == messages(&kept).len()).then_some(()));
    assert_eq!(pcaps(&site.path("trace")).len(), 1);
    assert_eq!(switch.api.get("/trace-next").body["waiting"], json!([]));
    let stranger = UdpSocket::bind((STRANGER, 0)).unwrap();
    let text = "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.12;branch=z9hG4bKs\r\nFrom: <sip:a@b>;tag=1\r\n\
                To: <sip:x@y>\r\nCall-ID: of-a-stranger\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    stranger.send_to(text.as_bytes(), switch.at("udp")).unwrap();
    eventually("the stranger to be counted", SOON, || {
        (switch.api.metric("tollgate_auth_rejected_total{reason=\"unknown_source\"}") > 0.5).then_some(())
    });
    assert!(switch.api.get("/calls/of-a-stranger/trace").is_problem(404));
}

#[test]
fn without_a_ring_it_is_said() {
    let site = Site::acme("10.00", BY_THE_SECOND).toml("[trace]\nring_mb = 0");
    let switch = site.start();
    assert!(switch.api.get("/calls/any/trace").is_problem(409));
    assert!(switch.api.post("/trace-next", None, &json!({ "of": "acme-pbx" })).is_problem(409));
}
