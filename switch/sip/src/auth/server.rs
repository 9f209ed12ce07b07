//! The server's side of digest: challenges, nonces without state, and credentials judged (RFC 7616, RFC
//! 8760). Invariants: a nonce is good for one address and for a bounded time, and each of its counts once;
//! whatever is wrong, the same work is done.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::{Algorithm, PART_MAX, unquoted};
use crate::list::{unquote, values};
use crate::token::Minter;
use crate::{Message, Name, Uri};

/// How long a nonce is good, milliseconds.
const NONCE_MS: i64 = 300_000;
/// Nonces whose counts are remembered; where there are more, the oldest become stale.
const NONCES_MAX: usize = 65_536;
/// Bytes of a nonce: time, serial number, MAC.
const NONCE_BYTES: usize = 6 + 4 + 16;
/// Authorization headers of one request that are looked at.
const HEADERS_MAX: usize = 8;

/// One Authorization value of the Digest scheme with `qop=auth`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authorization<'a> {
    /// Who it says that it is, escapes resolved.
    pub username: Cow<'a, str>,
    /// Protection space.
    pub realm: &'a str,
    nonce: &'a str,
    uri: &'a str,
    response: &'a str,
    algorithm: Algorithm,
    cnonce: &'a str,
    nc: &'a str,
}

/// What an account's digests are checked with: lower-case hex of user, realm and password hashed.
#[derive(Clone, Copy, Default)]
pub struct Ha1<'a> {
    /// By SHA-256.
    pub sha256: Option<&'a str>,
    /// By MD5.
    pub md5: Option<&'a str>,
}

/// What credentials are worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Right, for the first time.
    Right,
    /// Wrong, with a nonce of ours: somebody guesses, or has mistyped.
    Wrong,
    /// The nonce is old, or none of ours for that address: nothing is said of the rest.
    Stale,
    /// Right, and seen before.
    Replayed,
}

/// Mints nonces, and remembers which counts of them were used.
pub struct Nonces {
    minter: Minter,
    serial: u32,
    used: BTreeMap<(i64, u32), Counts>,
    /// Nonces of this time and before are forgotten, and thus stale.
    forgotten: i64,
}

/// Counts of one nonce that were used: the highest, and the 64 before it.
#[derive(Clone, Copy)]
struct Counts {
    highest: u32,
    before: u64,
}

// === impl Authorization ===

impl<'a> Authorization<'a> {
    /// The credentials of a request for a realm; none if it has none that can be read.
    pub fn find(request: &'a Message, realm: &str) -> Option<Self> {
        let mut lines = request.headers(Name::Authorization).take(HEADERS_MAX);
        lines.find_map(|line| Self::parse(line).filter(|found| found.realm == realm))
    }

    /// Reads one value; nothing if it is another scheme, lacks a part, has one twice, or is too long.
    pub fn parse(value: &'a str) -> Option<Self> {
        let (scheme, parameters) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        const NAMES: [&str; 9] =
            ["username", "realm", "nonce", "uri", "response", "algorithm", "cnonce", "nc", "qop"];
        let mut parts: [Option<&str>; NAMES.len()] = [None; NAMES.len()];
        for parameter in values(parameters) {
            let (name, text) = parameter.split_once('=')?;
            let Some(at) = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name.trim())) else {
                continue;
            };
            let text = text.trim();
            let plain = unquoted(text).filter(|plain| (1..=PART_MAX).contains(&plain.len()))?;
            // Only a user name can have escapes that mean something.
            if parts[at].replace(if at == 0 { text } else { plain }).is_some() {
                return None;
            }
        }
        let [username, realm, nonce, uri, response, algorithm, cnonce, nc, qop] = parts;
        let (algorithm, session) = algorithm.map_or(Some((Algorithm::Md5, false)), Algorithm::parse)?;
        let is_offered = !session && algorithm != Algorithm::Sha512T256;
        let counts = nc?.len() == 8 && nc?.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_offered || !counts || !qop?.eq_ignore_ascii_case("auth") {
            return None;
        }
        Some(Self {
            username: unquote(username?),
            realm: realm?,
            nonce: nonce?,
            uri: uri?,
            response: response?,
            algorithm,
            cnonce: cnonce?,
            nc: nc?,
        })
    }

    /// The digest itself.
    pub const fn response(&self) -> &str {
        self.response
    }

    /// The hash that it is made with.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the digest is right for this method; the same work whether or not there is an account.
    fn is_right(&self, method: &str, ha1: Option<Ha1<'_>>) -> bool {
        let kept = ha1.and_then(|ha1| match self.algorithm {
            Algorithm::Md5 => ha1.md5,
            Algorithm::Sha256 | Algorithm::Sha512T256 => ha1.sha256,
        });
        let secret = kept.unwrap_or(match self.algorithm {
            Algorithm::Md5 => "00000000000000000000000000000000",
            Algorithm::Sha256 | Algorithm::Sha512T256 => {
                "0000000000000000000000000000000000000000000000000000000000000000"
            }
        });
        let hash = |text: &str| self.algorithm.hash(text);
        let Self { nonce, uri, nc, cnonce, .. } = self;
        let request = hash(&format!("{method}:{uri}"));
        let wanted = hash(&format!("{secret}:{nonce}:{nc}:{cnonce}:auth:{request}"));
        same(wanted.as_bytes(), self.response) & kept.is_some()
    }

    /// Whether what was signed is what is asked for: the same host, and the same user where one was signed.
    fn is_for(&self, request: &Message) -> bool {
        let (Some(signed), Ok(asked)) = (Uri::parse(self.uri), request.uri()) else {
            return self.uri == request.request_uri();
        };
        signed.host.eq_ignore_ascii_case(asked.host)
            && (signed.user.is_none_or(|user| user.is_empty()) || signed.user == asked.user)
    }
}

/// Compares in a time that depends on the lengths alone; the case of hex digits does not count.
fn same(wanted: &[u8], given: &str) -> bool {
    let pairs = wanted.iter().zip(given.bytes());
    let differences = pairs.fold(0, |found, (a, b)| found | (a ^ b.to_ascii_lowercase()));
    differences == 0 && wanted.len() == given.len()
}

// === impl Nonces ===

impl Nonces {
    /// `minter` brings the key, new at every start and the same for all shards, and the shard.
    pub const fn new(minter: Minter) -> Self {
        Self { minter, serial: 0, used: BTreeMap::new(), forgotten: i64::MIN }
    }

    /// The values of two WWW-Authenticate headers, the better hash first (RFC 8760 §2.4), with a new nonce
    /// for this address. `now` is wall time, milliseconds.
    pub fn challenges(&mut self, realm: &str, ip: IpAddr, now: i64, stale: bool) -> [String; 2] {
        self.serial = self.serial.wrapping_add(1);
        let serial = u32::from(self.minter.shard()) << 24 | (self.serial & 0x00ff_ffff);
        let nonce = self.nonce(ip, now.max(0), serial);
        let stale = if stale { ", stale=true" } else { "" };
        [Algorithm::Sha256, Algorithm::Md5].map(|algorithm| {
            let mut text = String::with_capacity(160);
            let name = algorithm.name();
            // writing to a String cannot fail
            let _ = write!(
                text,
                "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={name}, qop=\"auth\"{stale}"
            );
            text
        })
    }

    /// Judges the credentials of a request. `ha1` is that of the account, none if there is no such account.
    pub fn judge(
        &mut self,
        request: &Message,
        given: &Authorization<'_>,
        ha1: Option<Ha1<'_>>,
        (ip, now): (IpAddr, i64),
    ) -> Verdict {
        let is_right = given.is_right(request.method_text(), ha1) & given.is_for(request);
        let Some(place) = self.opened(given.nonce, ip, now) else { return Verdict::Stale };
        if !is_right {
            return Verdict::Wrong;
        }
        let count = u32::from_str_radix(given.nc, 16).unwrap_or_default();
        if self.first_use(place, count, now) { Verdict::Right } else { Verdict::Replayed }
    }

    fn nonce(&self, ip: IpAddr, time: i64, serial: u32) -> String {
        let mut bytes = [0; NONCE_BYTES];
        bytes[..6].copy_from_slice(&time.to_be_bytes()[2..]);
        bytes[6..10].copy_from_slice(&serial.to_be_bytes());
        let mac = self.mac(ip, &bytes[..10]);
        bytes[10..].copy_from_slice(&mac);
        hex::encode(bytes)
    }

    fn mac(&self, ip: IpAddr, plain: &[u8]) -> [u8; 16] {
        let address = match ip.to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        let [a, b] = self.minter.key(&[b"nonce", &address, plain]);
        (u128::from(a) << 64 | u128::from(b)).to_be_bytes()
    }

    /// Time and serial number of a nonce of ours that is good for this address now.
    fn opened(&self, nonce: &str, ip: IpAddr, now: i64) -> Option<(i64, u32)> {
        let mut bytes = [0; NONCE_BYTES];
        hex::decode_to_slice(nonce, &mut bytes).ok()?;
        let (plain, mac) = bytes.split_at(10);
        let differences = self.mac(ip, plain).iter().zip(mac).fold(0, |found, (a, b)| found | (a ^ b));
        let (time, serial) = plain.split_at(6);
        let time = time.iter().fold(0_i64, |time, byte| time << 8 | i64::from(*byte));
        let serial = serial.iter().fold(0_u32, |serial, byte| serial << 8 | u32::from(*byte));
        let age = now.saturating_sub(time);
        let is_good = differences == 0 && (0..=NONCE_MS).contains(&age) && time > self.forgotten;
        is_good.then_some((time, serial))
    }

    /// Notes the use of a count; false if it was used before, or is too far behind to know.
    fn first_use(&mut self, place: (i64, u32), count: u32, now: i64) -> bool {
        while let Some((&first, _)) = self.used.first_key_value()
            && first.0 < now.saturating_sub(NONCE_MS)
        {
            self.used.remove(&first);
        }
        if let Some(counts) = self.used.get_mut(&place) {
            return counts.first_use(count);
        }
        if self.used.len() >= NONCES_MAX
            && let Some(((time, _), _)) = self.used.pop_first()
        {
            self.forgotten = self.forgotten.max(time);
        }
        self.used.insert(place, Counts { highest: count, before: 0 });
        true
    }
}

impl Counts {
    fn first_use(&mut self, count: u32) -> bool {
        if count > self.highest {
            let ahead = count - self.highest;
            let shifted = self.before.checked_shl(ahead).unwrap_or_default();
            // The one that was highest is `ahead` behind now.
            self.before = shifted | 1_u64.checked_shl(ahead - 1).unwrap_or_default();
            self.highest = count;
            return true;
        }
        let Some(mark) = (self.highest - count).checked_sub(1).and_then(|at| 1_u64.checked_shl(at)) else {
            return false;
        };
        let is_first = self.before & mark == 0;
        self.before |= mark;
        is_first
    }
}

#[cfg(test)]
mod tests;
