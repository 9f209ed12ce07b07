//! Nonces, counts and odd values, without a switch.

use bytes::Bytes;

use super::*;
use crate::auth::{Challenge, Credentials};

const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
const NOW: i64 = 1_767_607_200_000;

fn nonces() -> Nonces {
    Nonces::new(Minter::new([7; 16], 1))
}

fn invite(authorization: &str) -> Message {
    let text = format!(
        "INVITE sip:34911@sip.example.net SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.7;branch=z9hG4bKa\r\n\
         From: <sip:a@sip.example.net>;tag=a\r\nTo: <sip:34911@sip.example.net>\r\nCall-ID: c\r\n\
         CSeq: 1 INVITE\r\nAuthorization: {authorization}\r\nContent-Length: 0\r\n\r\n"
    );
    Message::parse(Bytes::from(text)).expect("a message")
}

/// As a phone answers a challenge.
fn answer(challenge: &str, password: &str, nc: u32) -> String {
    let challenge = Challenge::parse(challenge).expect("a challenge");
    challenge.authorization(&Credentials {
        user: "alice",
        password,
        method: "INVITE",
        uri: "sip:34911@sip.example.net",
        cnonce: "c",
        nc,
    })
}

fn verdict(nonces: &mut Nonces, authorization: &str, (ip, now): (IpAddr, i64)) -> Verdict {
    let sha256 = Algorithm::Sha256.hash("alice:sip.example.net:s3cret");
    let md5 = Algorithm::Md5.hash("alice:sip.example.net:s3cret");
    let request = invite(authorization);
    let given = Authorization::find(&request, "sip.example.net").expect("credentials");
    let ha1 = Ha1 { sha256: Some(&sha256), md5: Some(&md5) };
    nonces.judge(&request, &given, (given.username == "alice").then_some(ha1), (ip, now))
}

#[test]
fn both_hashes_are_offered_and_taken() {
    let mut nonces = nonces();
    let offered = nonces.challenges("sip.example.net", IP, NOW, false);
    assert!(offered[0].contains("algorithm=SHA-256, qop=\"auth\"") && offered[1].contains("algorithm=MD5"));
    for (nc, challenge) in (1..).zip(&offered) {
        assert_eq!(verdict(&mut nonces, &answer(challenge, "s3cret", nc), (IP, NOW)), Verdict::Right);
        assert_eq!(verdict(&mut nonces, &answer(challenge, "secret", nc), (IP, NOW)), Verdict::Wrong);
    }
}

#[test]
fn a_nonce_is_good_for_one_address_and_some_minutes() {
    let mut nonces = nonces();
    let [challenge, _] = nonces.challenges("sip.example.net", IP, NOW, false);
    let given = answer(&challenge, "s3cret", 1);
    let other = IpAddr::from([203, 0, 113, 8]);
    assert_eq!(verdict(&mut nonces, &given, (other, NOW)), Verdict::Stale);
    assert_eq!(verdict(&mut nonces, &given, (IP, NOW + NONCE_MS + 1)), Verdict::Stale);
    assert_eq!(verdict(&mut nonces, &given, (IP, NOW - 1)), Verdict::Stale);
    // Of an earlier start.
    let mut later = Nonces::new(Minter::new([8; 16], 1));
    assert_eq!(verdict(&mut later, &given, (IP, NOW)), Verdict::Stale);
    let mapped: IpAddr = "::ffff:203.0.113.7".parse().expect("address");
    assert_eq!(verdict(&mut nonces, &given, (mapped, NOW + NONCE_MS)), Verdict::Right);
}

#[test]
fn attack_9_each_count_of_a_nonce_is_taken_once() {
    let mut nonces = nonces();
    let [challenge, _] = nonces.challenges("sip.example.net", IP, NOW, false);
    let mut take = |nc| verdict(&mut nonces, &answer(&challenge, "s3cret", nc), (IP, NOW));
    for (nc, right) in
        [(1, true), (1, false), (3, true), (2, true), (2, false), (3, false), (200, true), (100, false)]
    {
        let expected = if right { Verdict::Right } else { Verdict::Replayed };
        assert_eq!(take(nc), expected, "{nc}");
    }
    assert_eq!((take(136), take(136), take(135)), (Verdict::Right, Verdict::Replayed, Verdict::Replayed));
    assert_eq!((take(u32::MAX), take(0)), (Verdict::Right, Verdict::Replayed));
}

#[test]
fn where_too_many_nonces_are_in_use_the_oldest_are_stale() {
    let mut nonces = nonces();
    let [oldest, _] = nonces.challenges("sip.example.net", IP, NOW, false);
    for serial in 0..=NONCES_MAX as u32 {
        assert!(nonces.first_use((NOW + 1 + i64::from(serial) / 1_000, serial), 1, NOW + 100));
    }
    assert!(nonces.used.len() <= NONCES_MAX);
    assert_eq!(verdict(&mut nonces, &answer(&oldest, "s3cret", 1), (IP, NOW + 100)), Verdict::Stale);
}

/// What cannot be read is no credentials: it is challenged as if there were none.
#[test]
fn attack_10_odd_values_are_no_credentials() {
    let mut nonces = nonces();
    let [challenge, _] = nonces.challenges("sip.example.net", IP, NOW, false);
    let good = answer(&challenge, "s3cret", 1);
    assert!(Authorization::parse(&good).is_some());
    let long = "x".repeat(65_535);
    for odd in [
        String::new(),
        "Digest".to_owned(),
        "Basic abc".to_owned(),
        good.replace("username=\"alice\"", "username=\"alice"),
        good.replace("username=\"alice\"", "username=\"\""),
        good.replace("username=\"alice\"", "username=\"alice\", username=\"bob\""),
        good.replace("username=\"alice\"", &format!("username=\"{long}\"")),
        good.replace("nc=00000001", "nc=1"),
        good.replace("nc=00000001", "nc=0000000g"),
        good.replace("qop=auth", "qop=auth-int"),
        good.replace("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        good.replace("algorithm=SHA-256", "algorithm=X"),
        good.replace("cnonce=\"c\"", "cnonce=\"\""),
        good.replace(", ", " "),
        "Digest ,,,=,\"".to_owned(),
    ] {
        assert_eq!(Authorization::parse(&odd), None, "{:.80}", odd);
    }
}

#[test]
fn attack_10_responses_of_any_length_are_wrong() {
    let mut nonces = nonces();
    for length in [1, 31, 32, 33, 63, 64, 65, PART_MAX] {
        let [challenge, _] = nonces.challenges("sip.example.net", IP, NOW, false);
        let good = answer(&challenge, "s3cret", 1);
        let (before, rest) = good.split_once("response=\"").expect("a response");
        let (_, after) = rest.split_once('"').expect("its end");
        let odd = format!("{before}response=\"{}\"{after}", "a".repeat(length));
        assert_eq!(verdict(&mut nonces, &odd, (IP, NOW)), Verdict::Wrong, "{length}");
    }
}

#[test]
fn another_target_than_the_signed_one_is_wrong() {
    let mut nonces = nonces();
    let [challenge, _] = nonces.challenges("sip.example.net", IP, NOW, false);
    let challenge = Challenge::parse(&challenge).expect("a challenge");
    let of = |uri, nc| {
        let credentials =
            Credentials { user: "alice", password: "s3cret", method: "INVITE", uri, cnonce: "c", nc };
        challenge.authorization(&credentials)
    };
    for (nc, uri, expected) in [
        (1, "sip:sip.example.net", Verdict::Right),
        (2, "sip:34911@SIP.example.net:5060", Verdict::Right),
        (3, "sip:34912@sip.example.net", Verdict::Wrong),
        (4, "sip:34911@example.net", Verdict::Wrong),
    ] {
        assert_eq!(verdict(&mut nonces, &of(uri, nc), (IP, NOW)), expected, "{uri}");
    }
}
