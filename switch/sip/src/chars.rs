//! Byte classes of RFC 3261 §25.1, one table lookup per byte.
//! Invariant: bytes of 0x80 and above belong to no class here.

const TOKEN: u8 = 1;
const USER: u8 = 2;
const HOST: u8 = 4;
const URIC: u8 = 8;

const CLASS: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut classes = [0u8; 256];
    let mut at = 0usize;
    while at < 128 {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() {
            classes[at] = TOKEN | USER | HOST | URIC;
        }
        at += 1;
    }
    add(&mut classes, b"-.!%*_+`'~", TOKEN);
    // unreserved marks, escapes, user-unreserved; '#' and friends seen in dial strings of real phones
    add(&mut classes, b"-_.!~*'()%&=+$,;?/#", USER);
    add(&mut classes, b"-._", HOST);
    add(&mut classes, b"-_.!~*'()%;/?:@&=+$,[]#", URIC);
    classes
}

const fn add(classes: &mut [u8; 256], bytes: &[u8], class: u8) {
    let mut at = 0;
    while at < bytes.len() {
        classes[bytes[at] as usize] |= class;
        at += 1;
    }
}

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASS[usize::from(byte)] & class != 0
}

/// A byte of `token`: header names, methods, parameter names, tags.
#[inline]
pub(crate) fn is_token(byte: u8) -> bool {
    is(byte, TOKEN)
}

/// A byte of a URI's user or password part, the percent sign of an escape included.
#[inline]
pub(crate) fn is_user(byte: u8) -> bool {
    is(byte, USER)
}

/// A byte of a host name or IPv4 address; underscores are taken because real names have them.
#[inline]
pub(crate) fn is_host(byte: u8) -> bool {
    is(byte, HOST)
}

/// A byte that may stand anywhere in a URI.
#[inline]
pub(crate) fn is_uric(byte: u8) -> bool {
    is(byte, URIC)
}

/// Space or tab.
#[inline]
pub(crate) fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// True when `text` is a non-empty token.
pub(crate) fn all_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token)
}

/// Cuts blanks from both ends.
#[inline]
pub(crate) fn trim(text: &str) -> &str {
    text.trim_ascii()
}

/// Every `%` is followed by two hex digits.
pub(crate) fn escapes_whole(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_hex = |pair: &[u8]| pair.iter().all(u8::is_ascii_hexdigit);
    memchr::memchr_iter(b'%', bytes).all(|at| bytes.get(at + 1..at + 3).is_some_and(is_hex))
}

/// A decimal number of digits only, no sign, no blank; `None` for anything else or above `u32::MAX`.
pub(crate) fn decimal(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Appends a number in decimal digits.
pub(crate) fn write_decimal(out: &mut Vec<u8>, mut number: usize) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 || at == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends an address without brackets.
pub(crate) fn write_ip(out: &mut Vec<u8>, ip: std::net::IpAddr) {
    match ip {
        std::net::IpAddr::V4(ip) => {
            for (at, octet) in ip.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                write_decimal(out, usize::from(octet));
            }
        }
        // rarer, and its shortest form is not ours to invent
        std::net::IpAddr::V6(ip) => out.extend_from_slice(ip.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses() {
        for number in [0, 7, 10, 65_535, usize::MAX] {
            let mut out = Vec::new();
            write_decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
        for text in ["0.0.0.0", "192.0.2.255", "2001:db8::1"] {
            let mut out = Vec::new();
            write_ip(&mut out, text.parse().expect("address"));
            assert_eq!(out, text.as_bytes());
        }
    }
}
