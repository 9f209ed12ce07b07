//! What a minute or an answered call costs: an integer with ten places, finer than money, since a rate is
//! multiplied before it is rounded.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::PLACES;
use crate::written_decimal::WrittenDecimal;

/// A rate per minute or a connect fee, as a count of 10⁻¹⁰ units of currency. The currency stands beside it,
/// in the deck.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate(i64);

/// Text that is no rate: not a plain decimal, more than ten places, or too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}: a rate is a decimal number with at most 10 places, as 0.01250")]
pub struct RateError(String);

// === impl Rate ===

impl Rate {
    /// Decimal places that are kept.
    pub const PLACES: u32 = 10;
    /// Counts in one whole unit of currency: 10¹⁰.
    pub const SCALE: i64 = 10_000_000_000;
    /// Counts in the smallest amount of money, 10⁻⁵.
    pub const PER_UNIT: i64 = 100_000;
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From a count of 10⁻¹⁰.
    pub const fn new(count: i64) -> Self {
        Self(count)
    }

    /// From a count of 10⁻⁵, as money has it.
    pub const fn of_units(units: i32) -> Self {
        Self(units as i64 * Self::PER_UNIT)
    }

    /// The count of 10⁻¹⁰.
    pub const fn count(self) -> i64 {
        self.0
    }

    /// The same for arithmetic; nothing if it is negative, which no deck has.
    pub fn magnitude(self) -> u64 {
        self.0.max(0).unsigned_abs()
    }

    /// Whether it is nothing.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// With five places, and as many more as it has.
    pub fn text(self) -> WrittenDecimal {
        let (mut count, mut places) = (self.0, Self::PLACES as usize);
        while places > PLACES as usize && count % 10 == 0 {
            count /= 10;
            places -= 1;
        }
        WrittenDecimal::new(count, places)
    }
}

/// Exact: what has more than ten places that are not 0 is refused.
impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError(text.chars().take(40).collect());
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let too_many = fraction.len() > Self::PLACES as usize || whole.len() > 10;
        if whole.is_empty() || too_many || !all_digits(whole) || !all_digits(fraction) {
            return Err(wrong());
        }
        let mut count: i64 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            count = count
                .checked_mul(10)
                .and_then(|count| count.checked_add(i64::from(digit - b'0')))
                .ok_or_else(wrong)?;
        }
        let missing = Self::PLACES.saturating_sub(fraction.len() as u32);
        count.checked_mul(10_i64.pow(missing)).map(|count| Self(sign * count)).ok_or_else(wrong)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text())
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.trim().parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_places_and_as_many_more_as_there_are() {
        for (text, count, shown) in [
            ("0", 0, "0.00000"),
            ("0.12345", 1_234_500_000, "0.12345"),
            ("0.0000049", 49_000, "0.0000049"),
            ("0.0000000001", 1, "0.0000000001"),
            ("0.00000000010000", 1, "0.0000000001"),
            ("12", 120_000_000_000, "12.00000"),
            ("1000000", 10_000_000_000_000_000, "1000000.00000"),
            ("-0.5", -5_000_000_000, "-0.50000"),
            ("922337203.6854775807", i64::MAX, "922337203.6854775807"),
        ] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!((rate.count(), rate.to_string().as_str()), (count, shown), "{text}");
            assert_eq!(shown.parse(), Ok(rate));
        }
        assert_eq!(Rate::new(i64::MIN).to_string(), "-922337203.6854775808");
        assert_eq!(Rate::of_units(12_345).to_string(), "0.12345");
        for text in
            ["", "-", ".5", "1e3", "0.00000000001", "1,5", "NaN", "+1", "922337203.6854775808", "99999999999"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
    }

    #[test]
    fn records_keep_it_as_text() {
        let rate: Rate = serde_json::from_str("\"0.0000049\"").expect("a rate");
        assert_eq!(serde_json::to_string(&rate).expect("JSON"), "\"0.0000049\"");
        assert!(serde_json::from_str::<Rate>("\"x\"").is_err());
    }
}
