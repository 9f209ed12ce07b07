//! STUN Binding requests on the port of SIP (RFC 5626 §4.4.2, RFC 5389 §6, §7.3): the keep-alive of phones
//! behind a NAT, which learn their address by it. No credentials, and nothing is kept.
//!
//! ```text
//!  0                   1                   2                   3
//! |0 0|     message type          |         length                |
//! |                  magic cookie 0x2112A442                      |
//! |                  transaction id, 96 bits                      |
//! ```

use std::net::{IpAddr, SocketAddr};

const HEAD: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const REQUEST: [u8; 2] = [0x00, 0x01];
const SUCCESS: [u8; 2] = [0x01, 0x01];
const ERROR: [u8; 2] = [0x01, 0x11];
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// Attributes from here on may be ignored (§15).
const OPTIONAL: u16 = 0x8000;
/// Attributes looked at, and of these the most that are named as unknown.
const ATTRIBUTES_MAX: usize = 16;

/// Whether a datagram can be STUN and cannot be SIP: its first two bits are zero, as no method's are.
pub fn is_stun(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(0..=3)) && datagram.get(4..8) == Some(&COOKIE)
}

/// The answer to a Binding request from `source`; none to whatever else it is.
pub fn answer(datagram: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let head = datagram.get(..HEAD)?;
    let body = datagram.get(HEAD..)?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if head[..2] != REQUEST || head[4..8] != COOKIE || length != body.len() || length % 4 != 0 {
        return None;
    }
    let unknown = unknown_attributes(body)?;
    let mut answer = Vec::with_capacity(64);
    answer.extend_from_slice(if unknown.is_empty() { &SUCCESS } else { &ERROR });
    answer.extend_from_slice(&[0, 0]);
    answer.extend_from_slice(&head[4..]);
    if unknown.is_empty() {
        put(&mut answer, XOR_MAPPED_ADDRESS, &mapped(source, &head[4..]));
    } else {
        // Class 4, number 20 (§15.6).
        put(&mut answer, ERROR_CODE, &[0, 0, 4, 20]);
        let named: Vec<u8> = unknown.iter().flat_map(|kind| kind.to_be_bytes()).collect();
        put(&mut answer, UNKNOWN_ATTRIBUTES, &named);
    }
    let length = u16::try_from(answer.len() - HEAD).ok()?;
    answer[2..4].copy_from_slice(&length.to_be_bytes());
    Some(answer)
}

/// Attributes that would have to be understood and are not; none if the list is broken or too long.
fn unknown_attributes(mut body: &[u8]) -> Option<Vec<u16>> {
    let mut unknown = Vec::new();
    for _ in 0..ATTRIBUTES_MAX {
        if body.is_empty() {
            return Some(unknown);
        }
        let kind = u16::from_be_bytes([*body.first()?, *body.get(1)?]);
        let length = usize::from(u16::from_be_bytes([*body.get(2)?, *body.get(3)?]));
        if kind < OPTIONAL && kind != USERNAME && kind != MESSAGE_INTEGRITY {
            unknown.push(kind);
        }
        body = body.get(4 + length.next_multiple_of(4)..)?;
    }
    body.is_empty().then_some(unknown)
}

fn put(answer: &mut Vec<u8>, kind: u16, value: &[u8]) {
    answer.extend_from_slice(&kind.to_be_bytes());
    // A value here has 4 to 32 bytes.
    answer.extend_from_slice(&(value.len() as u16).to_be_bytes());
    answer.extend_from_slice(value);
    answer.resize(answer.len().next_multiple_of(4), 0);
}

/// §15.2: port and address, hidden from NATs that rewrite what looks like one; `key` is cookie and
/// transaction.
fn mapped(source: SocketAddr, key: &[u8]) -> Vec<u8> {
    let hide = |bytes: &[u8]| -> Vec<u8> { bytes.iter().zip(key).map(|(byte, key)| byte ^ key).collect() };
    let (family, address) = match source.ip().to_canonical() {
        IpAddr::V4(v4) => (1, hide(&v4.octets())),
        IpAddr::V6(v6) => (2, hide(&v6.octets())),
    };
    [vec![0, family], hide(&source.port().to_be_bytes()), address].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Transaction of RFC 5769 §2.2, whose mapped address is 192.0.2.1:32853.
    const ID: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request(attributes: &[u8]) -> Vec<u8> {
        [&REQUEST[..], &(attributes.len() as u16).to_be_bytes(), &COOKIE, &ID, attributes].concat()
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("address")
    }

    #[test]
    fn addresses_are_as_in_the_vectors_of_rfc_5769() {
        for (source, value) in [
            (
                "192.0.2.1:32853",
                &[0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43][..],
            ),
            (
                "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
                &[
                    0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1,
                    0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
                ],
            ),
        ] {
            let answer = answer(&request(&[]), address(source)).expect("an answer");
            assert_eq!(answer[..4], [1, 1, 0, value.len() as u8]);
            assert_eq!((&answer[4..8], &answer[8..20], &answer[20..]), (&COOKIE[..], &ID[..], value));
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        // SOFTWARE may be ignored, CHANGE-REQUEST may not.
        let software = [0x80, 0x22, 0, 2, b'a', b'b', 0, 0];
        let change = [0x00, 0x03, 0, 4, 0, 0, 0, 6];
        let source = address("192.0.2.1:1");
        assert_eq!(answer(&request(&software), source).expect("an answer")[..2], SUCCESS);
        let refused = answer(&request(&[software, change].concat()), source).expect("an answer");
        assert_eq!(refused[..2], ERROR);
        assert_eq!(refused[20..], [0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 2, 0, 3, 0, 0]);
    }

    #[test]
    fn nothing_else_is_answered() {
        let source = address("192.0.2.1:1");
        let good = request(&[0x80, 0x22, 0, 0]);
        assert!(is_stun(&good) && answer(&good, source).is_some());
        for end in 0..good.len() {
            assert_eq!(answer(&good[..end], source), None, "cut at {end}");
        }
        for at in [0, 1, 3, 4, 7, 23] {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(answer(&bad, source), None, "byte {at}");
        }
        assert_eq!(answer(&request(&[0x80, 0x22, 0, 0].repeat(17)), source), None);
        for sip in [&b"INVITE sip:a@b SIP/2.0\r\n"[..], b"\r\n\r\n", b"", b"\x00"] {
            assert!(!is_stun(sip));
        }
    }
}
