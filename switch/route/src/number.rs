//! From what was dialled to E.164 digits: RFC 3986 escapes, RFC 3966 separators and `tel:`, the gate's rules, the numbering plan.
//!
//! Invariant: the result is 3 to 15 digits; everything else is refused with its status and cause before money or a carrier is asked.

mod context;

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use units::{Cause, Number};

use crate::GateSpec;
use context::Written;

pub(crate) use context::caller_digits;

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
            Self::NotDigits | Self::TooLong | Self::LeadingZero | Self::ServiceCode | Self::LocalNumber | Self::NotNational => 404,
        }
    }

    /// The Q.850 cause.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Empty | Self::TooShort => Cause::INVALID_NUMBER,
            Self::NotDigits | Self::TooLong | Self::LeadingZero | Self::ServiceCode | Self::LocalNumber | Self::NotNational => {
                Cause::UNALLOCATED
            }
        }
    }
}

/// The E.164 digits of what a call from `gate` dialled: the user part of a SIP URI (raw, escapes and parameters
/// included), or a whole `tel:`, `sip:` or `sips:` URI. A local number with a `phone-context` is completed first.
pub fn normalise(dialled: &str, gate: &GateSpec) -> Result<Number, NumberRefused> {
    let written = Written::read(dialled);
    let mut text = decode(written.number)?;
    if let Some(context) = written.context {
        text = context::complete_in(context, text, gate.numbering)?;
    }
    gate.translate.apply(&mut text);
    let (international, digits) = match (text.strip_prefix('+'), text.strip_prefix("00")) {
        (Some(rest), _) | (None, Some(rest)) => (true, rest),
        (None, None) => (false, text.as_str()),
    };
    complete(digits)?;
    match gate.numbering {
        Numbering::National(country) if !international => national(digits, country),
        Numbering::National(_) | Numbering::E164 => e164(digits),
    }
}

/// Undoes percent-escapes and leaves out visual separators; keeps digits, `+`, `*`, `#`.
fn decode(raw: &str) -> Result<String, NumberRefused> {
    let mut text = String::with_capacity(32);
    let mut bytes = raw.bytes();
    let mut read: usize = 0;
    while let Some(byte) = bytes.next() {
        read += 1;
        if read > DIALLED_MAX {
            return Err(NumberRefused::TooLong);
        }
        let byte = if byte == b'%' { escaped(bytes.next(), bytes.next()).ok_or(NumberRefused::NotDigits)? } else { byte };
        match byte {
            b'0'..=b'9' | b'+' | b'*' | b'#' => text.push(char::from(byte)),
            b'-' | b'.' | b'(' | b')' | b' ' => {}
            _ => return Err(NumberRefused::NotDigits),
        }
    }
    Ok(text)
}

fn escaped(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let nibble = |b: Option<u8>| char::from(b?).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(nibble(high)? << 4 | nibble(low)?)
}

/// Refuses what is no digit string of a length that can be dialled.
fn complete(digits: &str) -> Result<(), NumberRefused> {
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

fn e164(digits: &str) -> Result<Number, NumberRefused> {
    if digits.starts_with('0') {
        return Err(NumberRefused::LeadingZero);
    }
    Number::new(digits.as_bytes()).map_err(|_| NumberRefused::TooLong)
}

/// By the country's plan: its international prefix, its trunk prefix, or a bare subscriber number.
fn national(digits: &str, country: Country) -> Result<Number, NumberRefused> {
    let parsed = PHONE_NUMBER_UTIL.parse(digits, Some(country.0)).map_err(|_| NumberRefused::NotNational)?;
    let code = u32::try_from(parsed.country_code).ok().filter(|&code| code > 0).ok_or(NumberRefused::NotNational)?;
    let full = format!("{code}{}", rlibphonenumber::get_national_significant_number_owned(&parsed));
    complete(&full)?;
    Number::new(full.as_bytes()).map_err(|_| NumberRefused::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Rule, Translations};
    use NumberRefused::{Empty, LeadingZero, NotDigits, NotNational, ServiceCode, TooLong, TooShort};
    use proptest::prelude::*;

    fn gate(numbering: Numbering, rules: &[(&str, &str)]) -> GateSpec {
        let rules = rules.iter().map(|&(prefix, replace)| Rule { prefix: prefix.into(), replace: replace.into(), length: None });
        GateSpec { numbering, translate: Translations::new(rules.collect()).expect("rules"), ..GateSpec::new("g", "a") }
    }

    fn national(country: &str) -> GateSpec {
        gate(Numbering::National(country.parse().expect("country")), &[])
    }

    fn digits(dialled: &str, gate: &GateSpec) -> Result<String, NumberRefused> {
        normalise(dialled, gate).map(|n| n.to_string())
    }

    #[test]
    fn e164_numbers_are_cleaned() {
        let gate = gate(Numbering::E164, &[]);
        for (dialled, number) in [
            ("34911234567", "34911234567"),
            ("+34911234567", "34911234567"),
            ("0034911234567", "34911234567"),
            ("%2B34911234567", "34911234567"),
            ("%2b34%39%31%31234567", "34911234567"),
            ("+34-911.23(45) 67", "34911234567"),
            ("+34%20911%2D234567", "34911234567"),
            ("34911234567;phone-context=+34", "34911234567"),
            ("34911234567;isub=1;x", "34911234567"),
            ("tel:+34-911-234-567", "34911234567"),
            ("TEL:+34911234567;ext=7", "34911234567"),
            ("sip:+34911234567;npdi@192.0.2.1:5060;user=phone", "34911234567"),
            ("sips:34911234567:secret@a.example", "34911234567"),
            ("112", "112"),
            ("123456789012345", "123456789012345"),
        ] {
            assert_eq!(digits(dialled, &gate).as_deref(), Ok(number), "{dialled}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_answer() {
        let gate = gate(Numbering::E164, &[]);
        let long = "3".repeat(40);
        let huge = "-".repeat(100_000);
        for (dialled, refusal, status, cause) in [
            ("", Empty, 484, 28),
            ("+", Empty, 484, 28),
            ("00", Empty, 484, 28),
            ("--", Empty, 484, 28),
            (";phone-context=+34", Empty, 484, 28),
            ("sip:192.0.2.1", Empty, 484, 28),
            ("34", TooShort, 484, 28),
            ("+3", TooShort, 484, 28),
            ("abc", NotDigits, 404, 1),
            ("34911x", NotDigits, 404, 1),
            ("34+911", NotDigits, 404, 1),
            ("++34911", NotDigits, 404, 1),
            ("34%3B911", NotDigits, 404, 1),
            ("34911%", NotDigits, 404, 1),
            ("34911%4", NotDigits, 404, 1),
            ("34911%zz", NotDigits, 404, 1),
            ("34911%00", NotDigits, 404, 1),
            ("３４９１１", NotDigits, 404, 1),
            ("0911234567", LeadingZero, 404, 1),
            ("0", LeadingZero, 404, 1),
            ("00034911", LeadingZero, 404, 1),
            ("+034911", LeadingZero, 404, 1),
            ("*21", ServiceCode, 404, 1),
            ("34911%23", ServiceCode, 404, 1),
            ("#", ServiceCode, 404, 1),
            ("1234567890123456", TooLong, 404, 1),
            (long.as_str(), TooLong, 404, 1),
            (huge.as_str(), TooLong, 404, 1),
        ] {
            let refused = normalise(dialled, &gate).expect_err(dialled);
            assert_eq!((refused, refused.status(), refused.cause()), (refusal, status, Cause(cause)), "{dialled}");
        }
    }

    #[test]
    fn the_gates_rules_come_before_the_prefix_is_dropped() {
        let gate = gate(Numbering::E164, &[("0000", "00"), ("9", "+349"), ("*34", "34"), ("77", "")]);
        for (dialled, number) in [
            ("911234567", Ok("34911234567")),
            ("000034911234567", Ok("34911234567")),
            ("*34911234567", Ok("34911234567")),
            ("7734911234567", Ok("34911234567")),
            ("770034911234567", Ok("34911234567")),
            ("77", Err(Empty)),
        ] {
            assert_eq!(digits(dialled, &gate).as_deref().map_err(|e| *e), number, "{dialled}");
        }
    }

    /// Expected values by each country's published plan.
    #[test]
    fn national_numbers_follow_the_countrys_plan() {
        for (country, dialled, number) in [
            ("ES", "911234567", Ok("34911234567")),
            ("ES", "91 123 45 67", Ok("34911234567")),
            ("ES", "0033140000000", Ok("33140000000")),
            ("ES", "+33140000000", Ok("33140000000")),
            ("ES", "34911234567", Ok("34911234567")),
            ("FR", "0140000000", Ok("33140000000")),
            ("GB", "02079460000", Ok("442079460000")),
            ("IT", "0612345678", Ok("390612345678")),
            ("DE", "030123456", Ok("4930123456")),
            ("US", "2125550123", Ok("12125550123")),
            ("US", "12125550123", Ok("12125550123")),
            ("US", "01134911234567", Ok("34911234567")),
            ("ES", "+034911", Err(LeadingZero)),
            ("ES", "*21", Err(ServiceCode)),
            ("ES", "", Err(Empty)),
            ("ES", "91", Err(TooShort)),
            ("ES", "12345678901234567890", Err(NotNational)),
            ("ES", "9a", Err(NotDigits)),
        ] {
            assert_eq!(digits(dialled, &national(country)).as_deref().map_err(|e| *e), number, "{country} {dialled}");
        }
    }

    #[test]
    fn only_countries_with_a_plan_are_known() {
        assert_eq!("es".parse::<Country>().map(|c| c.to_string()).as_deref(), Ok("ES"));
        for text in ["", "E", "ESP", "XX", "001", "34", "é"] {
            assert!(text.parse::<Country>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_3_to_15_digits_or_a_refusal(dialled in "[0-9+*#%a-f;:@. -]{0,80}", plan in 0..2) {
            let gate = if plan == 0 { gate(Numbering::E164, &[("0", "")]) } else { national("ES") };
            if let Ok(number) = normalise(&dialled, &gate) {
                prop_assert!((DIGITS_MIN..=15).contains(&number.digits().len()));
            }
        }
    }
}
