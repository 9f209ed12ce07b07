//! Good calls at a steady rate while a hostile gate and strangers send what they can: mutated requests, parts
//! of other people's calls, guessed credentials, answers that nobody asked for, noise.

use std::fs;
use std::io::Write as _;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::harness::{Books, CARRIERS, OFFER, STRANGER, Scenario, Site, Tollgate, connect, free_port};

/// Hostile messages; `TOLLGATE_HOSTILE` names another count.
const MESSAGES: u32 = 40_000;
/// Hostile messages a second: beside 50 calls they leave a core some air.
const PER_SECOND: u32 = 4_000;
const CALLS_PER_SECOND: u32 = 50;
/// A gate of another customer, which is hostile.
const HOSTILE: &str = "127.0.0.14";
/// By how much the second half may leave the process larger, KiB: records and the statements' index grow with
/// every call.
const GROWTH_MAX_KIB: u64 = 24 * 1_024;

/// Numbers without chance in them (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }

    fn word(&mut self) -> String {
        (0..8).map(|_| char::from(b'a' + self.roll(26) as u8)).collect()
    }
}

fn request(dice: &mut Dice, method: &str, uri: &str, here: &str, more: &str, body: &str) -> String {
    let (branch, tag, id) = (dice.word(), dice.word(), dice.word());
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:{tag}@{here}>;tag={tag}\r\nTo: <{uri}>\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:x@{here}>\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One hostile message.
fn hostile(dice: &mut Dice, here: &str, at: &str) -> Vec<u8> {
    let uri = format!("sip:3491{:07}@{at}", dice.roll(10_000_000));
    let methods = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "PRACK", "UPDATE", "REFER", "SUBSCRIBE"];
    let method = methods[dice.roll(methods.len())];
    match dice.roll(8) {
        0 => {
            let to = format!("To: <{uri}>;tag={}\r\n", dice.word());
            request(dice, "BYE", &uri, here, "", "").replace(&format!("To: <{uri}>\r\n"), &to).into_bytes()
        }
        1 => {
            let status = 100 + dice.roll(600);
            let text = request(dice, "INVITE", &uri, here, "", "");
            let rest = text.split_once("\r\n").map_or("", |(_, rest)| rest);
            format!("SIP/2.0 {status} Forged\r\n{rest}").into_bytes()
        }
        2 => {
            let guessed = format!(
                "Authorization: Digest username=\"{}\", realm=\"{at}\", nonce=\"{}\", uri=\"{uri}\", \
                 response=\"{:032x}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"x\"\r\n",
                dice.word(),
                dice.word(),
                dice.roll(usize::MAX)
            );
            request(dice, "REGISTER", &format!("sip:{at}"), here, &guessed, "").into_bytes()
        }
        3 => (0..dice.roll(1_400)).map(|_| dice.roll(256) as u8).collect(),
        4 => {
            let long = format!("X-Long: {}\r\n", "a".repeat(dice.roll(40_000)));
            request(dice, method, &uri, here, &long, "").into_bytes()
        }
        _ => {
            let mut bytes = request(dice, method, &uri, here, "", OFFER).into_bytes();
            for _ in 0..dice.roll(4) {
                let place = dice.roll(bytes.len());
                match dice.roll(3) {
                    0 => bytes.truncate(place),
                    1 => bytes.insert(place, dice.roll(256) as u8),
                    _ => {
                        if let Some(byte) = bytes.get_mut(place) {
                            *byte = dice.roll(256) as u8;
                        }
                    }
                }
            }
            bytes
        }
    }
}

fn resident_kib(switch: &Tollgate) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", switch.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn good_calls_go_on_beside_hostile_messages() {
    let messages: u32 =
        std::env::var("TOLLGATE_HOSTILE").map_or(MESSAGES, |count| count.parse().expect("a count"));
    let beta = free_port(CARRIERS);
    let site = Site::acme("100000.00", "34,Spain,0.60,1,1,,,")
        .account("mallory", "1.00")
        .gate("mallory-pbx", "mallory", HOSTILE, "max_calls = 10")
        .toml("[[sip_account]]\nname = \"alice\"\naccount = \"acme\"\nusername = \"alice\"\npassword_file = \"alice\"")
        .carrier("beta", beta, "")
        .route("34", &["beta"])
        .toml("[trace]\nring_mb = 4");
    fs::write(site.path("alice"), "s3cret").unwrap();
    fs::set_permissions(site.path("alice"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut switch = site.start();
    let seconds = messages / PER_SECOND;
    let calls = seconds * CALLS_PER_SECOND;
    let answering = Scenario::carrier("uas_answer", beta).start();
    let calling = Scenario::caller("uac_call", &switch)
        .calls(calls as usize)
        .rate(CALLS_PER_SECOND)
        .pause_ms(500)
        .start();

    let senders = [HOSTILE, STRANGER, "127.0.0.15"].map(|ip| (ip, UdpSocket::bind((ip, 0)).unwrap()));
    let mut dice = Dice(0x0dd_ba11);
    let at = switch.udp.to_string();
    let begun = Instant::now();
    let mut half = 0;
    for number in 0..messages {
        let (ip, socket) = &senders[dice.roll(senders.len())];
        let here = format!("{ip}:{}", socket.local_addr().unwrap().port());
        // What cannot be sent is lost, as on any network.
        let _ = socket.send_to(&hostile(&mut dice, &here, &at), switch.udp);
        if number % 500 == 0 {
            // Half a request over TCP, and gone.
            let text = hostile(&mut dice, &here, &at);
            let _ = connect(ip, switch.tcp).write_all(&text[..text.len() / 2]);
        }
        if number == messages / 2 {
            half = resident_kib(&switch);
        }
        let due = Duration::from_secs(1) * number / PER_SECOND;
        // What comes back is read away until the next one is due.
        loop {
            let left = due.saturating_sub(begun.elapsed());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left.max(Duration::from_micros(1)))).unwrap();
            let _ = socket.recv(&mut [0; 2_048]);
        }
    }
    // Every good call went through.
    calling.finish();
    let end = resident_kib(&switch);
    answering.stop();
    assert!(switch.runs(), "the switch is gone");
    eprintln!("{messages} messages in {:?}, {calls} calls; {half} KiB, then {end}", begun.elapsed());
    assert!(end < half + GROWTH_MAX_KIB, "{half} KiB at half, {end} at the end");
    Books::of("acme", "100000.00").check(&switch.api, &site.data());
    Books::of("mallory", "1.00").check(&switch.api, &site.data());
}
