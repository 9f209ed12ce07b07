//! Money as an integer count of 10⁻⁵ units with its currency. No float, ever.

use std::fmt;
use std::str::FromStr;

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::written_decimal::WrittenDecimal;

/// Decimal places kept in every balance, charge and rate.
pub const PLACES: u32 = 5;
/// Units in one whole unit of currency: 10⁵.
pub const SCALE: i64 = 100_000;

/// An ISO 4217 code, three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// An amount in one currency. Arithmetic is checked: other currencies and overflow are errors, not numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Count of 10⁻⁵ units; negative is debt.
    pub amount: i64,
    /// What the count counts.
    pub currency: Currency,
}

/// Why money could not be read or added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three ASCII letters.
    #[error("currency must be three letters, as EUR, not {0:?}")]
    Currency(String),
    /// Three letters that are no currency.
    #[error("{0} is no currency of ISO 4217: write a code such as EUR or USD")]
    NotIso(String),
    /// Not a decimal number.
    #[error("not a decimal amount: {0:?}")]
    NotDecimal(String),
    /// More than five places where exactness is required.
    #[error("more than {PLACES} decimal places: {0:?}")]
    TooPrecise(String),
    /// Beyond what a balance can hold (about 9.2e13).
    #[error("amount out of range: {0:?}")]
    OutOfRange(String),
    /// More than may be entered at once.
    #[error("{0:?} is more than {max} at once", max = Money::ENTERED_MAX / SCALE)]
    TooMuch(String),
    /// Two currencies in one sum.
    #[error("cannot add {0} and {1}: convert at a dated rate first")]
    CurrencyMismatch(Currency, Currency),
}

// === impl Currency ===

impl Currency {
    /// Euro.
    pub const EUR: Self = Self(*b"EUR");
    /// United States dollar.
    pub const USD: Self = Self(*b"USD");
    /// No money: seconds of free minutes, kept in the same books. 1.00000 is one second.
    pub const SEC: Self = Self(*b"SEC");

    /// What people and programs outside may name: a currency of ISO 4217. `SEC` and codes that money never
    /// has are refused; books that hold them are still read.
    pub fn iso(text: &str) -> Result<Self, MoneyError> {
        let currency: Self = text.parse()?;
        if crate::iso4217::is_listed(currency.as_str()) {
            Ok(currency)
        } else {
            Err(MoneyError::NotIso(currency.to_string()))
        }
    }

    /// The three letters.
    pub fn as_str(&self) -> &str {
        // Always ASCII letters by construction.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(s: &str) -> Result<Self, MoneyError> {
        match s.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_alphabetic) => {
                Ok(Self([a.to_ascii_uppercase(), b.to_ascii_uppercase(), c.to_ascii_uppercase()]))
            }
            _ => Err(MoneyError::Currency(s.to_owned())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

// === impl Money ===

impl Money {
    /// Nothing, in `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self { amount: 0, currency }
    }

    /// From a count of 10⁻⁵ units.
    pub const fn of(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// The most that may be entered at once, 10⁻⁵ units: a balance holds little more (9.2·10¹³), and sums
    /// must not clamp.
    pub const ENTERED_MAX: i64 = 90_000_000_000_000 * SCALE;

    /// As [`Self::parse`], for an amount that somebody enters: at most [`Self::ENTERED_MAX`] in either
    /// direction.
    pub fn parse_entered(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let money = Self::parse(text, currency)?;
        if money.amount.unsigned_abs() > Self::ENTERED_MAX.unsigned_abs() {
            Err(MoneyError::TooMuch(text.to_owned()))
        } else {
            Ok(money)
        }
    }

    /// Reads a plain decimal, `-12.34567`; more than five places that are not zero are an error.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let decimal =
            Decimal::from_str_exact(text.trim()).map_err(|_| MoneyError::NotDecimal(text.to_owned()))?;
        let rounded = decimal.round_dp_with_strategy(PLACES, RoundingStrategy::MidpointAwayFromZero);
        if rounded != decimal {
            return Err(MoneyError::TooPrecise(text.to_owned()));
        }
        Self::from_decimal(decimal, currency)
    }

    /// From a decimal, rounded half-up (away from zero) to five places.
    pub fn from_decimal(decimal: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        let out = || MoneyError::OutOfRange(decimal.to_string());
        let rounded = decimal.round_dp_with_strategy(PLACES, RoundingStrategy::MidpointAwayFromZero);
        let scaled = rounded.checked_mul(Decimal::from(SCALE)).ok_or_else(out)?;
        let amount = scaled.to_i64().ok_or_else(out)?;
        Ok(Self { amount, currency })
    }

    /// As [`Money`] displays, without a formatter in between: for records, of which each call writes dozens.
    pub fn text(self) -> WrittenDecimal {
        WrittenDecimal::new(self.amount, PLACES as usize)
    }

    /// Sum of two amounts of one currency.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self
            .amount
            .checked_add(other.amount)
            .ok_or_else(|| MoneyError::OutOfRange(format!("{self} + {other}")))?;
        Ok(Self { amount, ..self })
    }

    /// Difference of two amounts of one currency.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let amount = self
            .amount
            .checked_sub(other.amount)
            .ok_or_else(|| MoneyError::OutOfRange(format!("{self} - {other}")))?;
        Ok(Self { amount, ..self })
    }

    /// The same amount owed the other way.
    pub const fn negated(self) -> Self {
        Self { amount: -self.amount, currency: self.currency }
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
        }
    }
}

/// `-0.07407`: five places, no currency; the currency travels in a field of its own.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} {}", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_five_places() {
        for (amount, text) in [
            (0, "0.00000"),
            (7_407, "0.07407"),
            (-1, "-0.00001"),
            (100_000, "1.00000"),
            (123_456_789, "1234.56789"),
            (-250_000, "-2.50000"),
            (i64::MAX, "92233720368547.75807"),
        ] {
            assert_eq!(Money::of(amount, Currency::EUR).to_string(), text);
            assert_eq!(&*Money::of(amount, Currency::EUR).text(), text);
            assert_eq!(Money::parse(text, Currency::EUR), Ok(Money::of(amount, Currency::EUR)));
        }
        assert_eq!(Money::of(i64::MIN, Currency::EUR).to_string(), "-92233720368547.75808");
    }

    #[test]
    fn refuses_what_is_not_exact_money() {
        for bad in ["", "NaN", "1e9", "1,00", "0.123456", "0x10", "99999999999999999999"] {
            assert!(Money::parse(bad, Currency::EUR).is_err(), "{bad}");
        }
        assert!("EURO".parse::<Currency>().is_err());
        assert!("E1R".parse::<Currency>().is_err());
        assert_eq!("eur".parse(), Ok(Currency::EUR));
    }

    #[test]
    fn fault_a12_only_iso_currencies_and_sane_amounts_come_from_outside() {
        for code in ["EUR", "usd", "JPY", "XAF", "XCG"] {
            assert!(Currency::iso(code).is_ok(), "{code}");
        }
        // Seconds of minutes, the letters of the issue, gold, the code for tests, and currencies that are no
        // more.
        for code in ["SEC", "sec", "XQZ", "XAU", "XTS", "XXX", "DEM", "HRK", "EURO", ""] {
            assert!(Currency::iso(code).is_err(), "{code}");
        }
        assert_eq!(
            "XQZ".parse::<Currency>().map(|c| c.to_string()),
            Ok("XQZ".to_owned()),
            "old books are still read"
        );
        assert!(Money::parse_entered("90000000000000", Currency::EUR).is_ok());
        for text in ["90000000000000.00001", "-90000000000000.00001", "92233720368547.75807"] {
            assert_eq!(Money::parse_entered(text, Currency::EUR), Err(MoneyError::TooMuch(text.to_owned())));
        }
    }

    #[test]
    fn never_adds_two_currencies() {
        let sum = Money::of(1, Currency::EUR).checked_add(Money::of(1, Currency::USD));
        assert_eq!(sum, Err(MoneyError::CurrencyMismatch(Currency::EUR, Currency::USD)));
    }
}
