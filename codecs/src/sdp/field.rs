//! Fields of SDP lines: tokens, numbers, addresses, `o=` and `c=` (RFC 8866 §5.2 and §5.7).
//! Invariant: every function takes any bytes and refuses what it does not know.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fault::{Fault, NAME_BYTES_MAX};

/// Splits the first line off: its text of at most `length_max` bytes and what follows its end. Refuses
/// control bytes but the tab, unless `clean` says that the caller knows there are none.
#[inline]
pub(super) fn split_line(text: &[u8], clean: bool, length_max: usize) -> Result<(&[u8], &[u8]), Fault> {
    let (line, rest) = match memchr::memchr(b'\n', text) {
        Some(newline) => (text.get(..newline).unwrap_or(&[]), text.get(newline + 1..).unwrap_or(&[])),
        None => (text, &[][..]),
    };
    let line = if line.len() < text.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
    if !clean && let Some(&byte) = line.iter().find(|&&byte| is_control(byte)) {
        return Err(Fault::Control(byte));
    }
    if line.len() > length_max { Err(Fault::TooLong) } else { Ok((line, rest)) }
}

/// Whether no line of a body holds a control byte: every carriage return is followed by a newline. Without
/// branches, so that the compiler takes many bytes at once.
pub(super) fn is_clean(body: &[u8]) -> bool {
    let mut found = 0;
    for &byte in body {
        found |= u8::from(is_control(byte) & (byte != b'\n') & (byte != b'\r'));
    }
    for (&byte, &next) in body.iter().zip(body.get(1..).unwrap_or(&[])) {
        found |= u8::from((byte == b'\r') & (next != b'\n'));
    }
    found == 0 && body.last() != Some(&b'\r')
}

const fn is_control(byte: u8) -> bool {
    (byte < b' ') & (byte != b'\t') | (byte == 0x7F)
}

/// The first token up to a blank, and what follows; none if nothing but blanks is left.
pub(super) fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = text.iter().position(|&byte| byte != b' ')?;
    let text = text.get(start..)?;
    let end = text.iter().position(|&byte| byte == b' ').unwrap_or(text.len());
    Some(text.split_at(end))
}

/// All tokens between blanks.
pub(super) fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b' ').filter(|token| !token.is_empty())
}

/// A decimal number of at most 9 digits, nothing else.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0, |value: u32, byte| {
        if byte.is_ascii_digit() { Some(value * 10 + u32::from(byte - b'0')) } else { None }
    })
}

/// A payload number, 0 to 127.
pub(super) fn payload_number(text: &[u8]) -> Option<u8> {
    number(text).filter(|&number| number <= 127).and_then(|number| u8::try_from(number).ok())
}

/// The `o=` line: who began the session, and its version. Numbers stay text, for peers write more than 64
/// bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin<'a> {
    /// The whole value; equal values mean the same version of the same session (RFC 3264 §8).
    pub value: &'a [u8],
    /// Session id.
    pub id: &'a [u8],
    /// Session version.
    pub version: &'a [u8],
}

impl<'a> Origin<'a> {
    /// Reads from the end, since user names with blanks exist.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let value = value.trim_ascii();
        let mut fields = value.rsplit(|&byte| byte == b' ').filter(|field| !field.is_empty());
        let (_address, _address_type, _network) = (fields.next()?, fields.next()?, fields.next()?);
        let (version, id) = (fields.next()?, fields.next()?);
        fields.next()?;
        Some(Self { value, id, version })
    }
}

/// A media address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Address<'a> {
    /// IPv4 or IPv6.
    Ip(IpAddr),
    /// A host name.
    Host(&'a str),
}

/// A `c=` line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connection<'a> {
    /// The whole value.
    pub value: &'a [u8],
    /// The address without TTL or count.
    pub address: Address<'a>,
}

impl<'a> Connection<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut fields = tokens(value);
        let (network, family, address) = (fields.next()?, fields.next()?, fields.next()?);
        if fields.next().is_some() || !network.eq_ignore_ascii_case(b"IN") {
            return None;
        }
        let mut parts = address.split(|&byte| byte == b'/');
        let address = parts.next()?;
        if parts.by_ref().take(3).any(|part| number(part).is_none()) || parts.next().is_some() {
            return None;
        }
        let address = str::from_utf8(address).ok()?;
        let ip = if family.eq_ignore_ascii_case(b"IP4") {
            address.parse::<Ipv4Addr>().ok().map(IpAddr::V4)
        } else if family.eq_ignore_ascii_case(b"IP6") {
            address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        } else {
            return None;
        };
        let address = match ip {
            Some(ip) => Address::Ip(ip),
            None => Address::Host(host_name(address)?),
        };
        Some(Self { value, address })
    }
}

/// A host name. One whose last label is a number is refused: it would be an IPv4 address in one of the forms
/// that only some resolvers know.
fn host_name(text: &str) -> Option<&str> {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next()?;
    let numeric =
        last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X");
    (text.len() <= NAME_BYTES_MAX && !numeric && name.split('.').all(label)).then_some(text)
}
