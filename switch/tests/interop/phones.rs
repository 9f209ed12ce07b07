//! A real phone, baresip: registers over TLS by a password, calls a carrier over UDP, and rings for a number
//! of ours; over UDP it is still known after the switch was started again.

use std::fs;
use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use sip::auth::{Challenge, Credentials};

use crate::harness::{
    Api, Authority, Books, ByteLine, CARRIERS, Line as _, Peer, SOON, SPAIN, Scenario, Site, binary, connect,
    eventually, free_port, status_of, until_closed,
};

/// Where the phone is by UDP; its connections come from the system's own choice, which is nobody's address.
const PHONE: &str = "127.0.0.32";
/// Where the carrier is.
const PROVIDER: &str = "127.0.0.21";
const NUMBER: &str = "34911000001";
const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
const SILENCE: Duration = Duration::from_millis(1_500);

/// A phone that answers by itself.
struct Baresip {
    child: Child,
    control: TcpStream,
}

impl Baresip {
    /// `account` is its only one.
    fn start(folder: &Path, account: &str) -> Self {
        let control = free_port(PHONE);
        let sip = two_ports();
        fs::create_dir_all(folder).unwrap();
        // It does not start if this file is named and not there.
        let authority = folder.join("../tls/ca.pem");
        let authority =
            if authority.exists() { format!("sip_cafile {}\n", authority.display()) } else { String::new() };
        let config = format!(
            "sip_listen {PHONE}:{sip}\n{authority}audio_source aubridge,x\naudio_player aubridge,x\naudio_alert aubridge,x\n\
             module_path {}\nmodule g711.so\nmodule aubridge.so\nmodule_app account.so\nmodule_app menu.so\n\
             module ctrl_tcp.so\nctrl_tcp_listen {PHONE}:{control}\ndns_server 127.0.0.1:9\n",
            modules()
        );
        fs::write(folder.join("config"), config).unwrap();
        fs::write(folder.join("accounts"), format!("{account};answermode=auto;audio_codecs=pcma\n")).unwrap();
        let log = fs::File::create(folder.join("log")).unwrap();
        let mut child = Command::new("baresip")
            .arg("-f")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("no baresip: run .ci/run, which installs it, or `apt-get install baresip-core`");
        let control = eventually("baresip's control", SOON, || {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{}", fs::read_to_string(folder.join("log")).unwrap_or_default());
            TcpStream::connect((PHONE, control)).ok()
        });
        Self { child, control }
    }

    /// A command of its menu, as a netstring of JSON.
    fn command(&mut self, command: &str, params: &str) {
        let text = json!({ "command": command, "params": params }).to_string();
        // In one piece: this version takes what comes at once for a whole netstring.
        self.control.write_all(format!("{}:{text},", text.len()).as_bytes()).unwrap();
    }
}

/// A port whose next one is free too: baresip listens there for TLS.
fn two_ports() -> u16 {
    loop {
        let port = free_port(PHONE);
        if free_port(PHONE) == port + 1 {
            return port;
        }
    }
}

impl Drop for Baresip {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where Debian has its modules.
fn modules() -> &'static str {
    let known = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
    known.into_iter().find(|path| Path::new(path).is_dir()).unwrap_or(known[0])
}

/// acme's phone `alice` and its number; the carrier listens at `port`.
fn site(port: u16) -> Site {
    let site = Site::new()
        .node("shards = 2")
        // The phone's library knows no other hash, and gives up at the first challenge of one.
        .sip(&format!("domains = [\"{CARRIERS}\"]\ndigest = \"md5\""))
        .deck("retail", BY_THE_SECOND)
        .account("acme", "10.00")
        .toml(&format!("[[carrier]]\nname = \"alpha\"\naddress = \"sip:{PROVIDER}:{port};transport=udp\""))
        .route("34", &["alpha"])
        .toml("[[sip_account]]\nname = \"alice\"\naccount = \"acme\"\nusername = \"alice\"\npassword_file = \"alice.secret\"")
        .toml(&format!("[[number]]\ne164 = \"{NUMBER}\"\naccount = \"acme\"\ntarget = \"sip_account:alice\""));
    let secret = site.path("alice.secret");
    fs::write(&secret, "geheim\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    site
}

/// Until the phone is registered by this transport.
fn registered(api: &Api, transport: &str) -> serde_json::Value {
    eventually("the phone's registration", SOON, || {
        let mut all = api.get("/registrations").items().into_iter();
        all.find(|row| row["transport"] == transport && row["reachable"] == true)
    })
}

/// A carrier calls the number, the phone answers by itself.
fn rings(site: &Site, api: &Api, to: std::net::SocketAddr, transport: &str, calls: usize) {
    Scenario::caller_of("uac_call", PROVIDER, to).number(NUMBER).pause_ms(500).run();
    let cdr = api.wait_cdrs(calls).pop().unwrap();
    assert_eq!((cdr.text("transport_a"), cdr.text("transport_b")), ("udp", transport), "{cdr:?}");
    assert_eq!((cdr.text("direction"), cdr.text("destination_kind")), ("inbound", "sip_account"), "{cdr:?}");
    assert_eq!((cdr.text("sip_account"), cdr.text("number")), ("alice", NUMBER), "{cdr:?}");
    assert_eq!((cdr.number("sip_status"), cdr.text("amount")), (200, "0.00000"), "{cdr:?}");
    assert!(cdr.number("duration_ms") >= 250, "{cdr:?} at {:?}", site.folder());
}

#[test]
fn baresip_registers_over_tls_calls_and_is_called() {
    let port = free_port(PROVIDER);
    let site = site(port)
        .also_listening("tls")
        .toml("[sip.tls]\ncertificate = \"tls/ours.pem\"\nkey = \"tls/ours.key\"");
    Authority::new(&site.path("tls")).sign("ours", CARRIERS);
    let switch = site.start();
    let at = switch.at("tls");
    let account = format!(
        "<sip:alice@{at};transport=tls>;auth_user=alice;auth_pass=geheim;regint=60;outbound=\"sip:{at};transport=tls\""
    );
    let mut phone = Baresip::start(&site.path("phone"), &account);
    let row = registered(&switch.api, "tls");
    assert_eq!((&row["sip_account"], &row["account"]), (&json!("alice"), &json!("acme")), "{row}");

    let answering = Scenario::called("uas_answer", PROVIDER, port).calls(1).start();
    phone.command("dial", &format!("sip:{SPAIN}@{at}"));
    eventually("the call", SOON, || (switch.api.calls_in("answered") == 1).then_some(()));
    phone.command("hangup", "");
    answering.finish();
    let cdr = switch.api.wait_cdrs(1).remove(0);
    assert_eq!((cdr.text("transport_a"), cdr.text("transport_b")), ("tls", "udp"), "{cdr:?}");
    assert_eq!((cdr.text("origin"), cdr.text("origin_kind")), ("alice", "sip_account"), "{cdr:?}");
    assert_eq!(cdr.number("sip_status"), 200, "{cdr:?}");
    // A cent for each second that has begun.
    assert_eq!(cdr.units("amount"), cdr.number("billed_seconds") * 1_000, "{cdr:?}");

    rings(&site, &switch.api, switch.udp, "tls", 2);
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}

/// Registered by UDP, it rings after a restart before it has said anything.
#[test]
fn baresip_is_known_after_a_restart() {
    let site = site(free_port(PROVIDER));
    let switch = site.start();
    let at = switch.udp;
    let account = format!("<sip:alice@{at};transport=udp>;auth_user=alice;auth_pass=geheim;regint=3600");
    let _phone = Baresip::start(&site.path("phone"), &account);
    let before = registered(&switch.api, "udp");
    switch.stop();
    let switch = site.start();
    let after = registered(&switch.api, "udp");
    assert_eq!((&after["contact"], &after["source"]), (&before["contact"], &before["source"]));
    rings(&site, &switch.api, switch.udp, "udp", 1);
    Books::of("acme", "10.00").check(&switch.api, &site.data());
}

/// A REGISTER of alice's with these credentials, as it goes by `via`.
fn register(here: std::net::SocketAddr, via: &str, cseq: u32, authorization: &str) -> String {
    format!(
        "REGISTER sip:{CARRIERS} SIP/2.0\r\nVia: SIP/2.0/{via} {here};branch=z9hG4bK-{}-{cseq};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@{CARRIERS}>;tag=t\r\nTo: <sip:alice@{CARRIERS}>\r\nCall-ID: r{0}@test\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:alice@{here}>\r\n{authorization}Content-Length: 0\r\n\r\n",
        here.port()
    )
}

/// The header that answers the challenge of a 401.
fn credentials(refusal: &str, password: &str) -> String {
    let line = refusal.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: ")).expect("a challenge");
    let uri = format!("sip:{CARRIERS}");
    let given = Credentials { user: "alice", password, method: "REGISTER", uri: &uri, cnonce: "c", nc: 1 };
    let answer = Challenge::parse(line).expect("a challenge").authorization(&given);
    format!("Authorization: {answer}\r\n")
}

/// Sends a datagram and waits for one.
fn ask(phone: &UdpSocket, to: std::net::SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    phone.send_to(bytes, to).unwrap();
    let mut buffer = [0; 4_096];
    phone.recv_from(&mut buffer).ok().map(|(count, _)| buffer[..count].to_vec())
}

/// Registers a phone of alice's by UDP; the final status.
fn log_in(phone: &UdpSocket, to: std::net::SocketAddr) -> Option<u16> {
    phone.set_read_timeout(Some(SOON)).unwrap();
    let here = phone.local_addr().unwrap();
    let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.expect("an answer")).unwrap();
    let refusal = text(ask(phone, to, register(here, "UDP", 1, "").as_bytes()));
    assert_eq!(status_of(&refusal), Some(401), "{refusal}");
    let right = register(here, "UDP", 2, &credentials(&refusal, "geheim"));
    status_of(&text(ask(phone, to, right.as_bytes())))
}

/// Keep-alives by UDP of who is registered are answered (RFC 5626 §4.4), from there alone.
#[test]
fn keep_alives_of_a_registered_phone_are_answered() {
    let switch_site = site(free_port(PROVIDER));
    let switch = switch_site.start();
    let phone = UdpSocket::bind((PHONE, 0)).unwrap();
    assert_eq!(log_in(&phone, switch.udp), Some(200));
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    // The shards learn of it from one another.
    phone.set_read_timeout(Some(SILENCE)).unwrap();
    eventually("the answer to a keep-alive", SOON, || {
        ask(&phone, switch.udp, b"\r\n\r\n").filter(|answer| answer == b"\r\n")
    });
    let answer = eventually("the answer to STUN", SOON, || ask(&phone, switch.udp, &stun));
    assert_eq!((&answer[..2], &answer[8..20]), (&[1, 1][..], &[7; 12][..]));
    let stranger = UdpSocket::bind((PHONE, 0)).unwrap();
    stranger.set_read_timeout(Some(SILENCE)).unwrap();
    assert_eq!((ask(&stranger, switch.udp, b"\r\n\r\n"), ask(&stranger, switch.udp, &stun)), (None, None));
}

/// What `tollgate seal` prints stands in a configuration that anybody may read, and opens at the start.
#[test]
fn sealed_credentials_register() {
    let site = Site::new()
        .node("shards = 2\nsecret_file = \"node.secret\"")
        .sip(&format!("domains = [\"{CARRIERS}\"]"))
        .deck("retail", BY_THE_SECOND)
        .account("acme", "10.00");
    site.write();
    let mut seal = Command::new(binary())
        .args(["seal", "--username", "alice", "--config"])
        .arg(site.config())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    seal.stdin.take().unwrap().write_all(b"geheim\n").unwrap();
    let output = seal.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let sealed = String::from_utf8(output.stdout).unwrap();
    let keys: Vec<&str> = sealed.lines().filter_map(|line| line.split(" = \"sealed:").next()).collect();
    assert_eq!(keys, ["ha1_sha256", "ha1_md5"], "{sealed}");
    let mode = fs::metadata(site.path("node.secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let site = site.toml(&format!(
        "[[sip_account]]\nname = \"alice\"\naccount = \"acme\"\nusername = \"alice\"\n{sealed}"
    ));
    let switch = site.start();
    let phone = UdpSocket::bind((PHONE, 0)).unwrap();
    assert_eq!(log_in(&phone, switch.udp), Some(200));
    switch.stop();
    // With another secret it does not open, and the start says so.
    fs::write(site.path("node.secret"), format!("{:064}\n", 7)).unwrap();
    assert!(site.refuses_to_start());
}

/// Five wrong passwords, each answered; then the connection is closed, and nothing is heard any more.
#[test]
fn attack_21_who_guesses_is_cut_off_at_once() {
    let site = site(free_port(PROVIDER));
    let switch = site.start();
    let (guesser, other) = ("127.0.0.33", "127.0.0.34");
    let mut stream = connect(guesser, switch.tcp);
    let mut idle = connect(guesser, switch.tcp);
    stream.set_read_timeout(Some(SOON)).unwrap();
    // Its first message keeps it open.
    idle.write_all(register(idle.local_addr().unwrap(), "TCP", 1, "").as_bytes()).unwrap();
    let here = stream.local_addr().unwrap();
    let mut line = ByteLine::new(stream.try_clone().unwrap());
    line.send(&register(here, "TCP", 1, ""));
    for guess in 1..=5 {
        let refusal = line.hear().expect("an answer");
        assert_eq!(status_of(&refusal), Some(401), "{guess}: {refusal}");
        line.send(&register(here, "TCP", guess + 1, &credentials(&refusal, "wrong")));
    }
    let last = line.hear().expect("the answer to the fifth");
    assert_eq!(status_of(&last), Some(401), "{last}");
    assert_eq!(until_closed(&mut stream, SOON), Some(Vec::new()));
    let heard = until_closed(&mut idle, SOON).expect("its other connection is closed too");
    assert!(heard.starts_with(b"SIP/2.0 401"));
    let mut late = Peer::new(guesser, switch.udp);
    let (text, _) = late.request("REGISTER", &format!("sip:alice@{CARRIERS}"), "");
    late.send(text.as_bytes());
    assert_eq!(late.hear(SILENCE), None);
    let banned = switch.api.get("/bans?limit=1").items();
    assert_eq!((banned.len(), &banned[0]["ip"], &banned[0]["failures"]), (1, &json!(guesser), &json!(5)));
    // The user is not locked out, and nor is anybody else.
    let stream = connect(other, switch.tcp);
    stream.set_read_timeout(Some(SOON)).unwrap();
    let here = stream.local_addr().unwrap();
    let mut line = ByteLine::new(stream);
    line.send(&register(here, "TCP", 1, ""));
    let refusal = line.hear().expect("a challenge");
    line.send(&register(here, "TCP", 2, &credentials(&refusal, "geheim")));
    assert_eq!(status_of(&line.hear().expect("an answer")), Some(200));
}
