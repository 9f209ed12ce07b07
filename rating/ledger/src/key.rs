//! Keys of transfers: what makes the same movement the same, and the id of a call.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::Name;

/// A call, unique for ever: 128 bits, written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CallId(pub u128);

/// Idempotency: two transfers of one key are one transfer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Key {
    /// The opening balance: one per account.
    Opening,
    /// The `n`th movement of a call.
    Call(CallId, u16),
    /// Chosen by who asked for it; unique within its account.
    Given(Name),
    /// The `n`th time, from 1, that something of a bucket ended; of the main balance, where the name is
    /// empty.
    Expired(Name, u32),
    /// The `n`th further movement, from 1, of a request with a given key.
    Part(Name, u8),
}

// === impl CallId ===

impl CallId {
    /// 32 hex digits in lower case.
    fn hex(self) -> [u8; 32] {
        let mut digits = [0; 32];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair.copy_from_slice(&[
                b"0123456789abcdef"[usize::from(byte >> 4)],
                b"0123456789abcdef"[usize::from(byte & 15)],
            ]);
        }
        digits
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for CallId {
    type Err = std::num::ParseIntError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(s, 16).map(Self)
    }
}

impl Serialize for CallId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(std::str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

// === impl Key ===

impl Key {
    /// The sequence of a further usage: from here on.
    const USAGE: u16 = 0x1000;

    /// A call's usage: of tier 0 (who calls) or above, and its segment: a call that spills from one balance
    /// to the next has several.
    pub fn usage(call: CallId, tier: u8, segment: u8) -> Self {
        assert!(tier < 16, "a call has fewer than 16 tiers: another's key would be this one's");
        let place = u16::from(tier) << 8 | u16::from(segment);
        Self::Call(call, if place == 0 { 0 } else { Self::USAGE | place })
    }

    /// What the carrier of the `attempt`th attempt, from 0, charges for the call.
    pub fn cost(call: CallId, attempt: u16) -> Self {
        assert!(
            attempt < Self::USAGE - 1,
            "a call has fewer than 4,095 attempts: another's key would be this one's"
        );
        Self::Call(call, attempt + 1)
    }
}

/// `opening`, `call/<32 hex>/<n>`, `key/<as given>`, `part/<n>/<as given>` or `expired/<n>/<bucket>`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opening => f.write_str("opening"),
            Self::Call(call, sequence) => write!(f, "call/{call}/{sequence}"),
            Self::Given(key) => write!(f, "key/{key}"),
            Self::Expired(bucket, n) => write!(f, "expired/{n}/{bucket}"),
            Self::Part(key, n) => write!(f, "part/{n}/{key}"),
        }
    }
}

impl FromStr for Key {
    type Err = &'static str;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str =
            "a key is opening, call/<id>/<n>, key/<text>, part/<n>/<text> or expired/<n>/<pocket>";
        if s == "opening" {
            return Ok(Self::Opening);
        }
        if let Some(given) = s.strip_prefix("key/") {
            return Ok(Self::Given(Name::from(given)));
        }
        if let Some((n, bucket)) = s.strip_prefix("expired/").and_then(|rest| rest.split_once('/')) {
            return Ok(Self::Expired(Name::from(bucket), n.parse().map_err(|_| EXPECTED)?));
        }
        if let Some((number, given)) = s.strip_prefix("part/").and_then(|rest| rest.split_once('/')) {
            return Ok(Self::Part(Name::from(given), number.parse().map_err(|_| EXPECTED)?));
        }
        let (call, sequence) =
            s.strip_prefix("call/").and_then(|rest| rest.split_once('/')).ok_or(EXPECTED)?;
        Ok(Self::Call(call.parse().map_err(|_| EXPECTED)?, sequence.parse().map_err(|_| EXPECTED)?))
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for key in [
            Key::Opening,
            Key::Given("a/b".into()),
            Key::Part("part/1/x".into(), 255),
            Key::usage(CallId(7), 1, 2),
        ] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for bad in ["", "part/x", "part/256/x", "call/1", "key"] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }
}
