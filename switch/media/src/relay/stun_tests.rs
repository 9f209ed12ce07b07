use hmac::KeyInit as _;

use super::*;

/// RFC 5769 §2.1: a request with a short-term password.
const SAMPLE: &str = "000100582112a442b7e7a701bc34d686fa87dfae80220010535455\
    4e207465737420636c69656e74002400046e0001ff80290008932f\
    f9b151263b36000600096576746a3a68367659202020000800149aea\
    a70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";

fn sample() -> Vec<u8> {
    let digits: String = SAMPLE.split_whitespace().collect();
    let octet = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex");
    (0..digits.len()).step_by(2).map(octet).collect()
}

fn key(password: &[u8]) -> Key {
    Key::new_from_slice(password).expect("any length")
}

#[test]
fn the_request_of_the_rfc_is_read() {
    let sample = sample();
    assert_eq!(sample.len(), 108);
    assert!(is_stun(&sample));
    let check = Check::read(&sample).expect("a check");
    assert_eq!(check.username, b"evtj:h6vY");
    assert!(check.is_controlled && !check.nominates);
    assert_eq!(check.unknown, None);
    assert!(check.is_by(&key(PASSWORD)));
    assert!(!check.is_by(&key(b"VOkJxbRl1RmTxUk/WvJxBu")));
}

/// RFC 5769 §2.2 and §2.3 have SOFTWARE in them, so the values are compared and not the whole.
#[test]
fn answers_have_the_address_of_the_rfc() {
    for (from, mapped) in [
        ("192.0.2.1:32853", "00200008 0001a147 e112a643"),
        (
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
            "00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9",
        ),
    ] {
        let mut buffer = sample();
        let request = buffer.len();
        let answer = Answer::Success(from.parse().expect("an address"));
        let bytes = write_answer(&mut buffer, request, answer, &key(PASSWORD)).expect("room");
        let mapped: String = mapped.split_whitespace().collect();
        let hex: String = buffer[..bytes].iter().map(|octet| format!("{octet:02x}")).collect();
        assert!(hex.starts_with("0101"), "{hex}");
        assert_eq!(&hex[8..40], &SAMPLE[8..40], "cookie and transaction");
        assert_eq!(&hex[40..40 + mapped.len()], mapped);
        assert!(bytes <= request && usize::from(u16_at(&buffer, 2).expect("a length")) == bytes - HEAD);
        let (signed, rest) = buffer[..bytes].split_at(bytes - 32);
        assert_eq!(mac_of(&key(PASSWORD), signed).expect("signed"), rest[4..24]);
        let sum = crc32(&buffer[..bytes - 8]) ^ FINGERPRINT_MASK;
        assert_eq!(rest[28..], sum.to_be_bytes());
    }
}

#[test]
fn errors_say_what_they_are() {
    for (answer, value) in [
        (Answer::RoleConflict, &[0, 9, 0, 4, 0, 0, 4, 87][..]),
        (Answer::Unknown(0x7001), &[0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 2, 0x70, 1, 0, 0]),
    ] {
        let mut buffer = sample();
        let bytes = write_answer(&mut buffer, 108, answer, &key(PASSWORD)).expect("room");
        assert_eq!(buffer[..2], BINDING_ERROR.to_be_bytes());
        assert_eq!(&buffer[HEAD..HEAD + value.len()], value);
        assert_eq!(bytes, HEAD + value.len() + 32);
    }
}

#[test]
fn no_answer_is_longer_than_its_request() {
    let from = Answer::Success("[2001:db8::1]:9".parse().expect("an address"));
    for request in 0..=108 {
        let mut buffer = sample();
        let written = write_answer(&mut buffer, request, from, &key(PASSWORD));
        assert_eq!(written.is_some(), request >= 76, "{request}");
        assert_eq!(buffer[request..], sample()[request..], "nothing behind it is touched");
    }
}

/// Whatever octet is changed or missing, nothing is read, or its tag is wrong.
#[test]
fn changed_checks_are_nobodys() {
    let sample = sample();
    for at in 0..sample.len() {
        let mut changed = sample.clone();
        changed[at] ^= 0x20;
        let is_good = Check::read(&changed).is_some_and(|check| check.is_by(&key(PASSWORD)));
        assert!(!is_good, "octet {at}");
        assert!(Check::read(&sample[..at]).is_none(), "{at} octets");
    }
    let longer = [&sample[..], &[0; 4]].concat();
    assert!(Check::read(&longer).is_none());
}
