//! An E.164 number: 1 to 15 digits, kept inline.

use std::fmt;

/// Longest number of E.164 §6.
pub const MAX_DIGITS: usize = 15;

/// Digits only, country code first, no `+`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number {
    len: u8,
    digits: [u8; MAX_DIGITS],
}

/// Why text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// No digit at all.
    #[error("empty number")]
    Empty,
    /// Something that is not a digit.
    #[error("not a digit at position {0}")]
    NotDigit(usize),
    /// Over 15 digits.
    #[error("more than {MAX_DIGITS} digits")]
    TooLong,
}

impl Number {
    /// The digit 0 alone: nobody's number.
    pub const ZERO: Self = {
        let mut digits = [0; MAX_DIGITS];
        digits[0] = b'0';
        Self { len: 1, digits }
    };

    /// From ASCII digits.
    pub fn new(digits: &[u8]) -> Result<Self, NumberError> {
        if digits.is_empty() {
            return Err(NumberError::Empty);
        }
        if let Some(at) = digits.iter().position(|b| !b.is_ascii_digit()) {
            return Err(NumberError::NotDigit(at));
        }
        if digits.len() > MAX_DIGITS {
            return Err(NumberError::TooLong);
        }
        let mut buf = [0; MAX_DIGITS];
        buf[..digits.len()].copy_from_slice(digits);
        Ok(Self { len: digits.len() as u8, digits: buf })
    }

    /// ASCII digits.
    pub fn digits(&self) -> &[u8] {
        &self.digits[..usize::from(self.len)]
    }

    /// The digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.digits()).unwrap_or_default()
    }
}

impl std::str::FromStr for Number {
    type Err = NumberError;
    fn from_str(s: &str) -> Result<Self, NumberError> {
        Self::new(s.as_bytes())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_digits_only() {
        assert_eq!("34911234567".parse::<Number>().map(|n| n.to_string()), Ok("34911234567".to_owned()));
        assert_eq!("".parse::<Number>(), Err(NumberError::Empty));
        assert_eq!("+34".parse::<Number>(), Err(NumberError::NotDigit(0)));
        assert_eq!("1234567890123456".parse::<Number>(), Err(NumberError::TooLong));
    }
}
