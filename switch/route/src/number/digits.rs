//! Digits of telephone numbers: what may be among them, how many there are, and the plans of countries.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use units::{Cause, Number};

/// Characters kept of a dialled number after decoding; more is no number.
pub const DIALLED_MAX: usize = 64;
/// Fewest digits of a complete number.
pub const DIGITS_MIN: usize = 3;

/// How a gate writes called numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Numbering {
    /// Country code first.
    #[default]
    E164,
    /// As dialled inside a country: its trunk and international prefixes apply.
    National(Country),
}

/// A country whose numbering plan is known, by its ISO 3166 code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Country(Region);

/// Text that names no country with a numbering plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a country with a known numbering plan: write two letters, as ES")]
pub struct UnknownCountry(pub String);

/// Why a called number is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberRefused {
    /// Nothing was dialled.
    #[error("empty number")]
    Empty,
    /// Fewer than three digits.
    #[error("number too short")]
    TooShort,
    /// A letter or another sign that is not dialled.
    #[error("not a telephone number")]
    NotDigits,
    /// More than 15 digits.
    #[error("more than 15 digits")]
    TooLong,
    /// A leading 0 after the international prefix: no country code begins so.
    #[error("no country code begins with 0")]
    LeadingZero,
    /// `*` or `#`: a service code, not a number.
    #[error("service codes are not routed")]
    ServiceCode,
    /// Neither written with `+` nor with a context that completes it (RFC 3966 §5.1.5).
    #[error("a local number without a context that completes it")]
    LocalNumber,
    /// The country's numbering plan does not know it.
    #[error("not a number of the national numbering plan")]
    NotNational,
}

// === impl Country ===

impl FromStr for Country {
    type Err = UnknownCountry;
    fn from_str(s: &str) -> Result<Self, UnknownCountry> {
        let unknown = || UnknownCountry(s.chars().take(16).collect());
        if s.len() != 2 {
            return Err(unknown());
        }
        let region = Region::from_code(s).map_err(|_| unknown())?;
        PHONE_NUMBER_UTIL.get_country_code_for_region(region).map(|_| Self(region)).ok_or_else(unknown)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Numbering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::E164 => f.write_str("e164"),
            Self::National(country) => write!(f, "national {country}"),
        }
    }
}

// === impl NumberRefused ===

impl NumberRefused {
    /// The SIP answer.
    pub const fn status(self) -> u16 {
        match self {
            Self::Empty | Self::TooShort => 484,
            Self::NotDigits
            | Self::TooLong
            | Self::LeadingZero
            | Self::ServiceCode
            | Self::LocalNumber
            | Self::NotNational => 404,
        }
    }

    /// The Q.850 cause.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Empty | Self::TooShort => Cause::INVALID_NUMBER,
            Self::NotDigits
            | Self::TooLong
            | Self::LeadingZero
            | Self::ServiceCode
            | Self::LocalNumber
            | Self::NotNational => Cause::UNALLOCATED,
        }
    }
}

/// Undoes percent-escapes and leaves out visual separators; keeps digits, `+`, `*`, `#`.
pub(super) fn decode(raw: &str) -> Result<String, NumberRefused> {
    let mut text = String::with_capacity(32);
    let mut bytes = raw.bytes();
    let mut read: usize = 0;
    while let Some(byte) = bytes.next() {
        read += 1;
        if read > DIALLED_MAX {
            return Err(NumberRefused::TooLong);
        }
        let byte = if byte == b'%' {
            escaped(bytes.next(), bytes.next()).ok_or(NumberRefused::NotDigits)?
        } else {
            byte
        };
        match byte {
            b'0'..=b'9' | b'+' | b'*' | b'#' => text.push(char::from(byte)),
            b'-' | b'.' | b'(' | b')' | b' ' => {}
            _ => return Err(NumberRefused::NotDigits),
        }
    }
    Ok(text)
}

pub(super) fn escaped(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let nibble = |b: Option<u8>| char::from(b?).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(nibble(high)? << 4 | nibble(low)?)
}

/// Refuses what is no digit string of a length that can be dialled.
pub(super) fn complete(digits: &str) -> Result<(), NumberRefused> {
    if digits.bytes().any(|b| b == b'*' || b == b'#') {
        return Err(NumberRefused::ServiceCode);
    }
    if digits.contains('+') {
        return Err(NumberRefused::NotDigits);
    }
    match digits.len() {
        0 => Err(NumberRefused::Empty),
        n if n < DIGITS_MIN && !digits.starts_with('0') => Err(NumberRefused::TooShort),
        _ => Ok(()),
    }
}

pub(super) fn e164(digits: &str) -> Result<Number, NumberRefused> {
    if digits.starts_with('0') {
        return Err(NumberRefused::LeadingZero);
    }
    Number::new(digits.as_bytes()).map_err(|_| NumberRefused::TooLong)
}

/// By the country's plan: its international prefix, its trunk prefix, or a bare subscriber number.
pub(super) fn national(digits: &str, country: Country) -> Result<Number, NumberRefused> {
    let parsed = PHONE_NUMBER_UTIL.parse(digits, Some(country.0)).map_err(|_| NumberRefused::NotNational)?;
    let code =
        u32::try_from(parsed.country_code).ok().filter(|&code| code > 0).ok_or(NumberRefused::NotNational)?;
    let full = format!("{code}{}", rlibphonenumber::get_national_significant_number_owned(&parsed));
    complete(&full)?;
    Number::new(full.as_bytes()).map_err(|_| NumberRefused::TooLong)
}
