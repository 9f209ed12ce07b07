//! The fields of a deck's row: decimals, prefixes, seconds and instants, each with a message that says what
//! would be right.

use units::{Prefix, Rate, Wall};

/// Digits that a decimal may have at all.
const MAX_DECIMAL_DIGITS: usize = 28;
/// Highest rate or fee: a million units of currency.
const MAX_AMOUNT: i128 = 1_000_000 * Rate::SCALE as i128;

/// A rate or fee rounded half-up to so many places, and whether rounding changed it. What is above zero never
/// becomes zero.
pub fn decimal(field: &[u8], kept: u32) -> Result<(Rate, bool), String> {
    let shown = || String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned();
    if field.is_empty() {
        return Err("empty; write a decimal number, as 0.01250".to_owned());
    }
    if field.starts_with(b"-") {
        return Err(format!("{}: must not be negative", shown()));
    }
    let (mut digits, mut places, mut point) = (0_usize, 0_u32, false);
    let (mut value, mut round_up, mut rest) = (0_i128, false, false);
    for &byte in field {
        match byte {
            b'.' if !point => point = true,
            b'0'..=b'9' if digits == MAX_DECIMAL_DIGITS => {
                return Err(format!("{}: more than {MAX_DECIMAL_DIGITS} digits", shown()));
            }
            b'0'..=b'9' => {
                digits += 1;
                let digit = byte - b'0';
                if !point || places < kept {
                    value = value * 10 + i128::from(digit);
                } else {
                    round_up |= places == kept && digit >= 5;
                    rest |= digit != 0;
                }
                places += u32::from(point);
            }
            b',' => return Err(format!("{}: the decimal mark is a point", shown())),
            _ => return Err(format!("{}: not a decimal number such as 0.01250", shown())),
        }
    }
    if digits == 0 {
        return Err(format!("{}: not a decimal number such as 0.01250", shown()));
    }
    let written = places.min(kept);
    let count = (value + i128::from(round_up)) * 10_i128.pow(Rate::PLACES.saturating_sub(written));
    if count == 0 && rest {
        return Err(format!(
            "{}: above zero, but zero in {kept} places: give this deck rate_places, at most {}",
            shown(),
            Rate::PLACES
        ));
    }
    match i64::try_from(count) {
        Ok(count) if i128::from(count) <= MAX_AMOUNT => Ok((Rate::new(count), rest)),
        _ => Err(format!("{}: above the highest rate of 1000000", shown())),
    }
}

/// At least one digit; see [`Prefix::read`]. Of a version that was in force once any digits are taken.
pub fn prefix(field: &[u8], archived: bool) -> Result<Prefix, String> {
    let read = if archived {
        Prefix::new(field).map_err(|error| error.to_string())
    } else {
        Prefix::read(field).map_err(|e| e.to_string())
    };
    match read? {
        Prefix::EMPTY => Err("empty; a prefix has at least one digit".to_owned()),
        prefix => Ok(prefix),
    }
}

/// Whole seconds from 1 to a day.
pub fn seconds(field: &[u8]) -> Result<u32, String> {
    let text = std::str::from_utf8(field).unwrap_or_default();
    match text.parse::<u32>() {
        Ok(seconds @ 1..=86_400) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(seconds),
        _ => Err(format!(
            "{:?}: must be whole seconds from 1 to 86400",
            String::from_utf8_lossy(&field[..field.len().min(40)])
        )),
    }
}

/// RFC 3339, or nothing.
pub fn instant(field: &[u8]) -> Result<Option<Wall>, String> {
    if field.is_empty() {
        return Ok(None);
    }
    match std::str::from_utf8(field).ok().and_then(Wall::parse) {
        Some(wall) => Ok(Some(wall)),
        None => Err(format!(
            "{:?}: must be an RFC 3339 time, as 2026-01-31T00:00:00Z, or empty",
            String::from_utf8_lossy(&field[..field.len().min(40)])
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_half_up_at_five_places() {
        for (text, amount, changed) in [
            ("0", 0, false),
            ("0.12345", 12_345, false),
            ("0.123456", 12_346, true), // RULES L12
            ("0.123454999", 12_345, true),
            ("0.123455", 12_346, true),
            ("0.1234500000", 12_345, false),
            ("1", 100_000, false),
            (".5", 50_000, false),
            ("1000000", 100_000_000_000, false),
        ] {
            let rate = Rate::new(amount * Rate::PER_UNIT);
            assert_eq!(decimal(text.as_bytes(), 5), Ok((rate, changed)), "{text}");
        }
    }

    /// Contract, `rate_places`: half-up at the places that the deck keeps, and never from above zero to zero.
    #[test]
    fn fault_c3_a_positive_rate_never_becomes_zero() {
        for (text, places, shown, changed) in [
            ("0.0000049", 10, "0.0000049", false),
            ("0.0000049", 7, "0.0000049", false),
            ("0.0000049", 6, "0.000005", true),
            ("0.000005", 5, "0.00001", true),
            ("0.00000000005", 10, "0.0000000001", true),
            ("1000000", 10, "1000000.00000", false),
            ("0.0000000", 5, "0.00000", false),
        ] {
            let (rate, rounded) = decimal(text.as_bytes(), places).expect(text);
            assert_eq!((rate.to_string().as_str(), rounded), (shown, changed), "{text} in {places} places");
        }
        for (text, places) in [("0.0000049", 5), ("0.00000000004", 10), ("0.0000004", 6)] {
            let said = decimal(text.as_bytes(), places).expect_err(text);
            assert!(said.contains("above zero") && said.contains("rate_places"), "{said}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for bad in [
            "",
            ".",
            "NaN",
            "inf",
            "1e9",
            "-1",
            "-0",
            "+1",
            "1,5",
            "1.2.3",
            "0x1",
            "12345678901234567890123456789",
            "0.1234567890123456789012345678",
            "1000000.00001",
            "1 000",
        ] {
            assert!(decimal(bad.as_bytes(), 5).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_other_fields() {
        assert_eq!(prefix(b" +3491 ", false).map(|p| p.to_string()), Ok("3491".to_owned()));
        for bad in ["", "+", "34a", "1234567890123456", "+34 91", "0044"] {
            assert!(prefix(bad.as_bytes(), false).is_err(), "{bad}");
        }
        assert_eq!(seconds(b"60"), Ok(60));
        for bad in ["0", "", "-1", "+1", "1.5", "86401", "99999999999"] {
            assert!(seconds(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(instant(b""), Ok(None));
        assert_eq!(instant(b"1970-01-01T01:00:00+01:00"), Ok(Some(Wall(0))));
        assert!(instant(b"2026-01-31").is_err() && instant(b"\xFF").is_err());
    }
}
