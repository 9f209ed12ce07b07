//! The fields of a deck's row: decimals, prefixes, seconds and instants, each with a message that says what would be right.

use units::{MAX_DIGITS, Prefix, SCALE, Wall};

/// Digits that a decimal may have at all.
const MAX_DECIMAL_DIGITS: usize = 28;
/// Highest rate or fee: a million units of currency.
const MAX_AMOUNT: i128 = 1_000_000 * SCALE as i128;

/// A rate or fee in 10⁻⁵ units, and whether rounding changed it.
pub fn decimal(field: &[u8]) -> Result<(i64, bool), String> {
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
            b'0'..=b'9' if digits == MAX_DECIMAL_DIGITS => return Err(format!("{}: more than {MAX_DECIMAL_DIGITS} digits", shown())),
            b'0'..=b'9' => {
                digits += 1;
                let digit = byte - b'0';
                if !point || places < units::PLACES {
                    value = value * 10 + i128::from(digit);
                } else {
                    round_up |= places == units::PLACES && digit >= 5;
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
    let missing = units::PLACES.saturating_sub(places);
    let amount = value * 10_i128.pow(missing) + i128::from(round_up);
    match i64::try_from(amount) {
        Ok(amount) if i128::from(amount) <= MAX_AMOUNT => Ok((amount, rest)),
        _ => Err(format!("{}: above the highest rate of 1000000", shown())),
    }
}

/// Digits, with `+` and spaces ignored.
pub fn prefix(field: &[u8]) -> Result<Prefix, String> {
    let mut digits = [0; MAX_DIGITS];
    let mut len = 0;
    for &byte in field.iter().filter(|b| !matches!(b, b'+' | b' ' | b'\t')) {
        if !byte.is_ascii_digit() {
            return Err(format!("{}: a prefix is digits only", String::from_utf8_lossy(&field[..field.len().min(40)])));
        }
        *digits.get_mut(len).ok_or_else(|| format!("a prefix has at most {MAX_DIGITS} digits"))? = byte;
        len += 1;
    }
    if len == 0 {
        return Err("empty; a prefix has at least one digit".to_owned());
    }
    Prefix::new(&digits[..len]).map_err(|error| error.to_string())
}

/// Whole seconds from 1 to a day.
pub fn seconds(field: &[u8]) -> Result<u32, String> {
    let text = std::str::from_utf8(field).unwrap_or_default();
    match text.parse::<u32>() {
        Ok(seconds @ 1..=86_400) if text.bytes().all(|b| b.is_ascii_digit()) => Ok(seconds),
        _ => Err(format!("{:?}: must be whole seconds from 1 to 86400", String::from_utf8_lossy(&field[..field.len().min(40)]))),
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
            assert_eq!(decimal(text.as_bytes()), Ok((amount, changed)), "{text}");
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
            assert!(decimal(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_other_fields() {
        assert_eq!(prefix(b"+34 91").map(|p| p.to_string()), Ok("3491".to_owned()));
        for bad in ["", "+", "34a", "1234567890123456"] {
            assert!(prefix(bad.as_bytes()).is_err(), "{bad}");
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
