//! Checks of ICE and their answers: Binding requests of STUN (RFC 8489 §5, §14; RFC 8445 §7).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |0 0|      type                 |         octets that follow    |
//! |                     magic cookie 0x2112A442                   |
//! |                     transaction, 96 bits                      |
//! |  attribute: type, length, value, padded to four octets …      |
//! ```
//! Invariant: an answer is never longer than its request.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// Longest request that is read, in octets: the longest user name and all that checks have beside it.
const BYTES_MAX: usize = 800;
const HEAD: usize = 20;
const COOKIE: [u8; 4] = 0x2112_a442_u32.to_be_bytes();
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;
/// Attributes of this number and above may be passed over.
const OPTIONAL: u16 = 0x8000;

const MAC_BYTES: usize = 20;
/// An attribute's type and length.
const ATTRIBUTE_HEAD: usize = 4;
/// What FINGERPRINT is the sum with (§14.7): "STUN".
const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// The key of a password, short-term (§9.1).
pub(super) type Key = Hmac<Sha1>;

/// A check, as it came; nothing of it is believed before [`Self::is_by`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Check<'a> {
    datagram: &'a [u8],
    /// Of whom, for whom: the fragments of both sides with a colon between.
    pub username: &'a [u8],
    /// This is the address to use from now on.
    pub nominates: bool,
    /// Its sender believes that we choose (RFC 8445 §7.3.1.1), which a lite agent never does.
    pub is_controlled: bool,
    /// An attribute that has to be understood and is not.
    pub unknown: Option<u16>,
    /// Octets before MESSAGE-INTEGRITY.
    signed: usize,
    mac: [u8; MAC_BYTES],
}

/// What a check is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// It came from there.
    Success(SocketAddr),
    /// 487.
    RoleConflict,
    /// 420, and this is unknown.
    Unknown(u16),
}

/// Whether a datagram on a port of media is STUN's (RFC 7983 §7).
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| *first < 4)
}

// === impl Check ===

impl<'a> Check<'a> {
    /// Reads a Binding request with all that a check must have. None of anything else.
    pub(super) fn read(datagram: &'a [u8]) -> Option<Self> {
        let (head, _) = datagram.split_at_checked(HEAD).filter(|_| datagram.len() <= BYTES_MAX)?;
        let length = usize::from(u16_at(head, 2)?);
        let is_request = u16_at(head, 0)? == BINDING_REQUEST && head.get(4..8)? == COOKIE;
        if !is_request || length % 4 != 0 || length + HEAD != datagram.len() {
            return None;
        }
        let (mut username, mut has_priority, mut mac) = (None, false, None);
        let (mut nominates, mut is_controlled, mut unknown) = (false, false, None);
        let mut at = HEAD;
        loop {
            let kind = u16_at(datagram, at)?;
            let bytes = usize::from(u16_at(datagram, at + 2)?);
            let value = datagram.get(at + ATTRIBUTE_HEAD..)?.get(..bytes)?;
            match (kind, mac) {
                (FINGERPRINT, Some((signed, mac))) => {
                    // It is the last one.
                    let sum = u32::from_be_bytes(value.try_into().ok()?);
                    let is_last = at + ATTRIBUTE_HEAD + value.len() == datagram.len();
                    let is_right = sum == crc32(datagram.get(..at)?) ^ FINGERPRINT_MASK;
                    let username = username.filter(|_| is_last && is_right && has_priority)?;
                    return Some(Self { datagram, username, nominates, is_controlled, unknown, signed, mac });
                }
                (FINGERPRINT, None) => return None,
                // Behind MESSAGE-INTEGRITY nothing else counts.
                (_, Some(_)) => {}
                (MESSAGE_INTEGRITY, None) => mac = Some((at, value.try_into().ok()?)),
                (USERNAME, None) => username = username.or(Some(value)),
                (PRIORITY, None) => has_priority = bytes == 4,
                (USE_CANDIDATE, None) => nominates = true,
                (ICE_CONTROLLED, None) => is_controlled = true,
                (kind, None) if kind < OPTIONAL => unknown = unknown.or(Some(kind)),
                (_, None) => {}
            }
            at += ATTRIBUTE_HEAD + bytes.next_multiple_of(4);
        }
    }

    /// Whether its sender knows the password.
    pub(super) fn is_by(&self, key: &Key) -> bool {
        let Some(signed) = self.datagram.get(..self.signed) else { return false };
        mac_of(key, signed).is_some_and(|mac| mac.ct_eq(&self.mac).into())
    }
}

/// Writes the answer over its request, which is of so many octets; its length. None if it were longer.
pub(super) fn write_answer(buffer: &mut [u8], request: usize, answer: Answer, key: &Key) -> Option<usize> {
    let mut id = [0; 12];
    id.copy_from_slice(buffer.get(8..HEAD)?);
    let mut writer = Writer { buffer: buffer.get_mut(..request)?, at: HEAD };
    let kind = match answer {
        Answer::Success(from) => {
            writer.mapped_address(from, &id)?;
            BINDING_SUCCESS
        }
        Answer::RoleConflict => {
            writer.attribute(ERROR_CODE, &[0, 0, 4, 87])?;
            BINDING_ERROR
        }
        Answer::Unknown(unknown) => {
            writer.attribute(ERROR_CODE, &[0, 0, 4, 20])?;
            let [high, low] = unknown.to_be_bytes();
            // Padded as values are; the length says that it is one.
            writer.put(&UNKNOWN_ATTRIBUTES.to_be_bytes())?;
            writer.put(&[0, 2, high, low, 0, 0])?;
            BINDING_ERROR
        }
    };
    let end = writer.at;
    let head = writer.buffer.get_mut(..HEAD)?;
    head.get_mut(..2)?.copy_from_slice(&kind.to_be_bytes());
    let mac = mac_of(key, writer.buffer.get(..end)?)?;
    writer.attribute(MESSAGE_INTEGRITY, &mac)?;
    let end = writer.at;
    let whole = end + ATTRIBUTE_HEAD + 4;
    writer.set_length(whole)?;
    let sum = crc32(writer.buffer.get(..end)?) ^ FINGERPRINT_MASK;
    writer.attribute(FINGERPRINT, &sum.to_be_bytes())?;
    Some(whole)
}

struct Writer<'a> {
    buffer: &'a mut [u8],
    at: usize,
}

// === impl Writer ===

impl Writer<'_> {
    fn put(&mut self, octets: &[u8]) -> Option<()> {
        let end = self.at + octets.len();
        self.buffer.get_mut(self.at..end)?.copy_from_slice(octets);
        self.at = end;
        Some(())
    }

    /// One whose value is a multiple of four octets.
    fn attribute(&mut self, kind: u16, value: &[u8]) -> Option<()> {
        self.put(&kind.to_be_bytes())?;
        self.put(&u16::try_from(value.len()).ok()?.to_be_bytes())?;
        self.put(value)
    }

    /// §14.2.
    fn mapped_address(&mut self, from: SocketAddr, id: &[u8; 12]) -> Option<()> {
        let [high, low] = from.port().to_be_bytes();
        let port = [high ^ COOKIE[0], low ^ COOKIE[1]];
        let mask = COOKIE.iter().chain(id);
        let mut value = [0; 20];
        value[2..4].copy_from_slice(&port);
        let address = |octets: &[u8]| {
            for (to, (octet, mask)) in value[4..].iter_mut().zip(octets.iter().zip(mask)) {
                *to = octet ^ mask;
            }
        };
        match from.ip().to_canonical() {
            IpAddr::V4(v4) => {
                address(&v4.octets());
                value[1] = 1;
                self.attribute(XOR_MAPPED_ADDRESS, &value[..8])
            }
            IpAddr::V6(v6) => {
                address(&v6.octets());
                value[1] = 2;
                self.attribute(XOR_MAPPED_ADDRESS, &value)
            }
        }
    }

    fn set_length(&mut self, whole: usize) -> Option<()> {
        let length = u16::try_from(whole - HEAD).ok()?;
        self.buffer.get_mut(2..4)?.copy_from_slice(&length.to_be_bytes());
        Some(())
    }
}

/// HMAC-SHA1 of what stands before MESSAGE-INTEGRITY, with the length as if that were the last (§14.5).
fn mac_of(key: &Key, signed: &[u8]) -> Option<[u8; MAC_BYTES]> {
    let length = u16::try_from((signed.len() + ATTRIBUTE_HEAD + MAC_BYTES).checked_sub(HEAD)?).ok()?;
    let mut mac = key.clone();
    mac.update(signed.get(..2)?);
    mac.update(&length.to_be_bytes());
    mac.update(signed.get(4..)?);
    Some(mac.finalize().into_bytes().into())
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    let two = octets.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(two.try_into().ok()?))
}

/// CRC-32 as in ITU-T V.42, over messages that are short.
fn crc32(octets: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut index = 0;
        while index < 256 {
            let (mut sum, mut bit) = (index as u32, 0);
            while bit < 8 {
                sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
                bit += 1;
            }
            table[index] = sum;
            index += 1;
        }
        table
    };
    let step = |sum: u32, octet: &u8| sum >> 8 ^ TABLE[usize::from(sum as u8 ^ octet)];
    !octets.iter().fold(!0, step)
}

#[cfg(test)]
#[path = "stun_tests.rs"]
mod tests;
