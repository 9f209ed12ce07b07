//! Phones of a SIP account by bare sockets: keep-alives of who is registered, and who guesses passwords.

use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::time::Duration;

use serde_json::json;
use sip::auth::{Challenge, Credentials};

use crate::harness::{
    ByteLine, CARRIERS, Line as _, Peer, SOON, Site, connect, eventually, free_port, status_of, until_closed,
};

/// Where the phone is.
const PHONE: &str = "127.0.0.32";
/// Where the carrier is.
const PROVIDER: &str = "127.0.0.21";
const NUMBER: &str = "34911000001";
const BY_THE_SECOND: &str = "34,Spain,0.60,1,1,,,";
const SILENCE: Duration = Duration::from_millis(1_500);

/// acme's phone `alice` and its number; the carrier listens at `port`.
fn site(port: u16) -> Site {
    let site = Site::new()
        .node("shards = 2")
        .sip(&format!("domains = [\"{CARRIERS}\"]\ndigest = \"md5\""))
        .deck("retail", BY_THE_SECOND)
        .account("acme", "10.00")
        .toml(&format!("[[carrier]]\nname = \"alpha\"\naddress = \"sip:{PROVIDER}:{port};transport=udp\""))
        .route("34", &["alpha"])
        .toml("[[sip_account]]\nname = \"alice\"\naccount = \"acme\"\nusername = \"alice\"\npassword_file = \"alice.secret\"")
        .toml(&format!("[[number]]\ne164 = \"{NUMBER}\"\naccount = \"acme\"\ntarget = \"sip_account:alice\""));
    let secret = site.path("alice.secret");
    fs::write(&secret, "geheim\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&secret, mode).unwrap();
    site
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

/// Keep-alives by UDP of who is registered are answered (RFC 5626 §4.4), from there alone.
#[test]
fn keep_alives_of_a_registered_phone_are_answered() {
    let switch_site = site(free_port(PROVIDER));
    let switch = switch_site.start();
    let phone = UdpSocket::bind((PHONE, 0)).unwrap();
    phone.set_read_timeout(Some(SOON)).unwrap();
    let here = phone.local_addr().unwrap();
    let ask = |socket: &UdpSocket, bytes: &[u8]| {
        socket.send_to(bytes, switch.udp).unwrap();
        let mut buffer = [0; 4_096];
        socket.recv_from(&mut buffer).ok().map(|(count, _)| buffer[..count].to_vec())
    };
    let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.expect("an answer")).unwrap();
    let refusal = text(ask(&phone, register(here, "UDP", 1, "").as_bytes()));
    assert_eq!(status_of(&refusal), Some(401), "{refusal}");
    let right = register(here, "UDP", 2, &credentials(&refusal, "geheim"));
    assert_eq!(status_of(&text(ask(&phone, right.as_bytes()))), Some(200));
    let stun = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
    // The shards learn of it from one another.
    phone.set_read_timeout(Some(SILENCE)).unwrap();
    eventually("the answer to a keep-alive", SOON, || {
        ask(&phone, b"\r\n\r\n").filter(|answer| answer == b"\r\n")
    });
    let answer = eventually("the answer to STUN", SOON, || ask(&phone, &stun));
    assert_eq!((&answer[..2], &answer[8..20]), (&[1, 1][..], &[7; 12][..]));
    let stranger = UdpSocket::bind((PHONE, 0)).unwrap();
    stranger.set_read_timeout(Some(SILENCE)).unwrap();
    assert_eq!((ask(&stranger, b"\r\n\r\n"), ask(&stranger, &stun)), (None, None));
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
