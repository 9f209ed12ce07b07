//! From one currency to another at a stored, dated rate, and which way the last digit is rounded. Exact until
//! then.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Currency, Wall};

/// How an exact amount becomes a whole count of 10⁻⁵ units. Amounts are never negative.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// To the nearest, a half upward.
    #[default]
    HalfUp,
    /// Upward whatever is left.
    Up,
    /// What is left is dropped.
    Down,
}

/// How many units of one currency a unit of another is: a positive count of 10⁻¹⁰, at most a million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeRate(u64);

/// A conversion rate and since when it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Exchange {
    /// Amounts in this currency…
    pub from: Currency,
    /// …become amounts in this one…
    pub to: Currency,
    /// …times this.
    pub rate: ExchangeRate,
    /// From this instant until a newer one.
    #[serde(with = "crate::time::text")]
    pub at: Wall,
}

/// All conversion rates, the newest of each pair last. Nothing is derived: no inverse, no way over a third
/// currency.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Exchanges {
    /// By pair, then by instant.
    rows: Vec<Exchange>,
}

/// A text that is no conversion rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?}: a conversion rate is a decimal number above 0 and up to 1000000 with at most {PLACES} decimal places, as 0.9215"
)]
pub struct ExchangeRateError(String);

const PLACES: usize = 10;
const MAX: u64 = 1_000_000 * ExchangeRate::SCALE;

// === impl Rounding ===

impl Rounding {
    /// `numerator / denominator` as a whole number. The denominator must not be 0, else the answer is the
    /// largest number.
    pub const fn divide(self, numerator: u128, denominator: u128) -> u128 {
        if denominator == 0 {
            return u128::MAX;
        }
        const SHORT: u128 = u64::MAX as u128;
        // Nearly every amount is short, and a division of 64 bits takes a tenth of one of 128.
        let (whole, rest) = if numerator <= SHORT && denominator <= SHORT {
            let (numerator, denominator) = (numerator as u64, denominator as u64);
            ((numerator / denominator) as u128, (numerator % denominator) as u128)
        } else {
            let whole = numerator / denominator;
            (whole, numerator - whole * denominator)
        };
        let more = match self {
            // rest ≥ half, without doubling beyond 128 bits.
            Self::HalfUp => rest >= denominator - rest,
            Self::Up => rest > 0,
            Self::Down => false,
        };
        if more { whole.saturating_add(1) } else { whole }
    }

    /// As configured and explained.
    pub const fn word(self) -> &'static str {
        match self {
            Self::HalfUp => "half-up",
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// Whether nobody chose another.
    pub const fn is_half_up(&self) -> bool {
        matches!(self, Self::HalfUp)
    }
}

// === impl ExchangeRate ===

impl ExchangeRate {
    /// One.
    pub const SCALE: u64 = 10_000_000_000;

    /// A count of 10⁻¹⁰; none if 0 or above a million.
    pub const fn new(count: u64) -> Option<Self> {
        if count == 0 || count > MAX { None } else { Some(Self(count)) }
    }

    /// The count of 10⁻¹⁰.
    pub const fn count(self) -> u64 {
        self.0
    }
}

impl FromStr for ExchangeRate {
    type Err = ExchangeRateError;
    fn from_str(text: &str) -> Result<Self, ExchangeRateError> {
        let wrong = || ExchangeRateError(text.chars().take(40).collect());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits =
            |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole, 7) || !digits(fraction, PLACES) {
            return Err(wrong());
        }
        let count: u64 = format!("{whole}{fraction:0<PLACES$}").parse().map_err(|_| wrong())?;
        Self::new(count).ok_or_else(wrong)
    }
}

impl fmt::Display for ExchangeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:010}", self.0 % Self::SCALE);
        let short = fraction.trim_end_matches('0');
        let whole = self.0 / Self::SCALE;
        if short.is_empty() { write!(f, "{whole}") } else { write!(f, "{whole}.{short}") }
    }
}

impl fmt::Debug for ExchangeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ExchangeRate {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ExchangeRate {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

// === impl Exchange ===

impl Exchange {
    /// An amount of `from`, not negative, as one of `to`, rounded once. Saturates at the largest amount.
    pub fn converted(&self, amount: i64, rounding: Rounding) -> i64 {
        let exact = u128::from(amount.max(0).unsigned_abs()) * u128::from(self.rate.count());
        i64::try_from(rounding.divide(exact, u128::from(ExchangeRate::SCALE))).unwrap_or(i64::MAX)
    }
}

// === impl Exchanges ===

impl Exchanges {
    /// In any order. Of two rates of one pair and instant the later in the list counts (the configuration
    /// refuses such).
    pub fn new(rows: impl IntoIterator<Item = Exchange>) -> Self {
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(|row| (row.from, row.to, row.at));
        Self { rows }
    }

    /// The newest rate of a pair that is not after `at`.
    pub fn rate(&self, from: Currency, to: Currency, at: Wall) -> Option<Exchange> {
        let begun = self.rows.partition_point(|row| (row.from, row.to, row.at) <= (from, to, at));
        self.rows.get(begun.checked_sub(1)?).filter(|row| (row.from, row.to) == (from, to)).copied()
    }

    /// Whether the pair is converted at any instant.
    pub fn knows(&self, from: Currency, to: Currency) -> bool {
        self.rows.iter().any(|row| (row.from, row.to) == (from, to))
    }

    /// By pair, then by instant.
    pub fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.rows.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_three_ways() {
        for (numerator, denominator, half_up, up, down) in [
            (0, 60, 0, 0, 0),
            (29, 60, 0, 1, 0),
            (30, 60, 1, 1, 0),
            (60, 60, 1, 1, 1),
            (61, 60, 1, 2, 1),
            (u128::MAX, u128::MAX, 1, 1, 1),
            (u128::MAX - 1, u128::MAX, 1, 1, 0),
            // On both sides of 64 bits.
            ((1 << 64) - 1, 2, 1 << 63, 1 << 63, (1 << 63) - 1),
            (1 << 64, 3, 6_148_914_691_236_517_205, 6_148_914_691_236_517_206, 6_148_914_691_236_517_205),
            (1 << 63, 1 << 64, 1, 1, 0),
            (1, 0, u128::MAX, u128::MAX, u128::MAX),
        ] {
            let found = [Rounding::HalfUp, Rounding::Up, Rounding::Down]
                .map(|mode| mode.divide(numerator, denominator));
            assert_eq!(found, [half_up, up, down], "{numerator}/{denominator}");
        }
    }

    #[test]
    fn rates_are_exact_decimals() {
        for (text, shown) in [
            ("1", "1"),
            ("0.9215", "0.9215"),
            ("1000000", "1000000"),
            ("0.0000000001", "0.0000000001"),
            ("25410.50", "25410.5"),
        ] {
            assert_eq!(text.parse::<ExchangeRate>().map(|rate| rate.to_string()), Ok(shown.to_owned()));
        }
        for bad in [
            "",
            "0",
            "0.0",
            "-1",
            "+1",
            ".5",
            "1.",
            "1e3",
            "NaN",
            "0.00000000001",
            "1000000.1",
            "12345678",
            "1,5",
            "1 ",
        ] {
            assert!(bad.parse::<ExchangeRate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_amount_is_converted_and_rounded_once() {
        let at = |rate: &str| Exchange {
            from: Currency::USD,
            to: Currency::EUR,
            rate: rate.parse().expect("a rate"),
            at: Wall(0),
        };
        for (rate, amount, half_up, up, down) in [
            ("0.9215", 10_000, 9_215, 9_215, 9_215),
            ("0.9215", 12_345, 11_376, 11_376, 11_375),
            ("0.9215", 0, 0, 0, 0),
            ("1000000", i64::MAX, i64::MAX, i64::MAX, i64::MAX),
            ("0.0000000001", i64::MAX, 922_337_204, 922_337_204, 922_337_203),
        ] {
            let found = [Rounding::HalfUp, Rounding::Up, Rounding::Down]
                .map(|rounding| at(rate).converted(amount, rounding));
            assert_eq!(found, [half_up, up, down], "{amount} at {rate}");
        }
    }

    #[test]
    fn the_newest_not_after_the_instant_counts() {
        let rate = |text: &str| text.parse::<ExchangeRate>().expect("a rate");
        let row = |rate_text, at| Exchange {
            from: Currency::USD,
            to: Currency::EUR,
            rate: rate(rate_text),
            at: Wall(at),
        };
        let table = Exchanges::new([
            row("0.93", 200),
            row("0.92", 100),
            Exchange { to: Currency::USD, from: Currency::EUR, ..row("1.1", 0) },
        ]);
        let usd = |at| table.rate(Currency::USD, Currency::EUR, Wall(at)).map(|found| found.rate.to_string());
        assert_eq!(usd(99), None);
        assert_eq!(
            (usd(100).as_deref(), usd(199).as_deref(), usd(200).as_deref()),
            (Some("0.92"), Some("0.92"), Some("0.93"))
        );
        // Nothing is derived.
        assert_eq!(table.rate(Currency::EUR, Currency::EUR, Wall(500)), None);
        assert!(table.knows(Currency::EUR, Currency::USD) && !table.knows(Currency::EUR, Currency::EUR));
    }

    #[test]
    fn the_journal_has_texts() {
        let row = Exchange {
            from: Currency::USD,
            to: Currency::EUR,
            rate: "0.92".parse().expect("a rate"),
            at: Wall(0),
        };
        let text = r#"{"from":"USD","to":"EUR","rate":"0.92","at":"1970-01-01T00:00:00.000Z"}"#;
        assert_eq!(serde_json::to_string(&row).expect("JSON"), text);
        assert_eq!(serde_json::from_str::<Exchange>(text).expect("a rate"), row);
        assert_eq!(serde_json::to_string(&Rounding::HalfUp).expect("JSON"), "\"half-up\"");
    }
}
