//! A prefix of digits, packed.

use std::fmt;
use std::str::FromStr;

use crate::{MAX_DIGITS, NumberError};

/// Why text is no prefix that could ever match a called number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Blanks between digits: `5511 5512` is two prefixes, not one.
    #[error("{0:?}: a prefix has no blanks between its digits")]
    Blank(String),
    /// A letter, a second `+` or another sign.
    #[error("{0:?}: a prefix is digits only")]
    NotDigits(String),
    /// A leading 0: numbers are matched in international form, country code first, and no country code begins
    /// with 0.
    #[error("{0:?}: no number in international form begins with 0: begin with the country code, without 00")]
    LeadingZero(String),
    /// Over 15 digits.
    #[error("{0:?}: a prefix has at most {MAX_DIGITS} digits")]
    TooLong(String),
}

/// 0 to 15 digits packed in 64 bits, ordered as text: nibbles of `digit + 1` from the top, the length in the
/// lowest four bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Prefix(u64);

// === impl Prefix ===

impl Prefix {
    /// No digits: matches every number.
    pub const EMPTY: Self = Self(0);

    /// From ASCII digits, at most 15.
    pub fn new(digits: &[u8]) -> Result<Self, NumberError> {
        if digits.len() > MAX_DIGITS {
            return Err(NumberError::TooLong);
        }
        match digits.iter().position(|b| !b.is_ascii_digit()) {
            Some(at) => Err(NumberError::NotDigit(at)),
            None => Ok(Self::leading(digits)),
        }
    }

    /// Reads a prefix that an operator wrote for numbers in international form (E.164 digits, country code
    /// first): in a deck, a route, a list of blocked numbers or free minutes. Blanks at the ends and one
    /// leading `+` are ignored; no digits at all is [`Prefix::EMPTY`], which matches every number.
    ///
    /// # Errors
    /// What could never match: inner blanks, letters, a leading 0, more than 15 digits.
    pub fn read(text: &[u8]) -> Result<Self, PrefixError> {
        let trimmed = text.trim_ascii();
        let digits = trimmed.strip_prefix(b"+").unwrap_or(trimmed);
        let shown = || String::from_utf8_lossy(&text[..text.len().min(40)]).into_owned();
        if digits.iter().any(|b| !b.is_ascii_digit()) {
            let is_blank = |b: &u8| b.is_ascii_whitespace();
            let only_blanks =
                digits.iter().all(|b| b.is_ascii_digit() || is_blank(b)) && !digits.iter().all(is_blank);
            return Err(if only_blanks {
                PrefixError::Blank(shown())
            } else {
                PrefixError::NotDigits(shown())
            });
        }
        if digits.first() == Some(&b'0') {
            return Err(PrefixError::LeadingZero(shown()));
        }
        Self::new(digits).map_err(|_| PrefixError::TooLong(shown()))
    }

    /// How many digits.
    pub const fn len(self) -> usize {
        (self.0 & 0xF) as usize
    }

    /// As one number that orders as the text does.
    pub const fn packed(self) -> u64 {
        self.0
    }

    /// Whether it has no digits.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `digits` begin with this prefix.
    pub fn covers(self, digits: &[u8]) -> bool {
        self.is_prefix_of(Self::leading(digits))
    }

    /// The digits themselves, as values 0 to 9 from the left.
    pub fn digits(self) -> impl Iterator<Item = u8> {
        (0..self.len() as u32).map(move |at| ((self.0 >> (60 - 4 * at)) as u8 & 0xF).wrapping_sub(1))
    }

    /// Packs the leading digits, up to 15 and up to the first byte that is no digit.
    pub(crate) fn leading(digits: &[u8]) -> Self {
        let mut packed = 0;
        let mut len = 0_u64;
        for &digit in digits.iter().take(MAX_DIGITS).take_while(|b| b.is_ascii_digit()) {
            packed |= u64::from(digit - b'0' + 1) << (60 - 4 * len);
            len += 1;
        }
        Self(packed | len)
    }

    /// How many leading digits both have in common.
    pub(crate) const fn shared(self, other: Self) -> usize {
        let digits = ((self.0 ^ other.0) & !0xF).leading_zeros() as usize / 4;
        let (one, two) = (self.len(), other.len());
        let shorter = if one < two { one } else { two };
        if digits < shorter { digits } else { shorter }
    }

    const fn is_prefix_of(self, other: Self) -> bool {
        let len = self.len();
        // Shifting by 64 would be the empty prefix, which begins everything.
        len == 0 || (self.0 ^ other.0) >> (64 - 4 * len) == 0
    }
}

impl FromStr for Prefix {
    type Err = NumberError;
    fn from_str(s: &str) -> Result<Self, NumberError> {
        Self::new(s.as_bytes())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; MAX_DIGITS];
        for (slot, digit) in text.iter_mut().zip(self.digits()) {
            *slot = b'0' + digit;
        }
        f.pad(std::str::from_utf8(&text[..self.len()]).unwrap_or_default())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl serde::Serialize for Prefix {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Prefix {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the contract ignores, and what it calls an error: `00…`, inner blanks, letters.
    #[test]
    fn fault_c1_only_a_prefix_that_can_match_is_read() {
        for (text, digits) in
            [("", ""), ("34", "34"), (" +34\t", "34"), ("+", ""), ("123456789012345", "123456789012345")]
        {
            assert_eq!(
                Prefix::read(text.as_bytes()).map(|p| p.to_string()).as_deref(),
                Ok(digits),
                "{text:?}"
            );
        }
        let wrong = |text: &str| Prefix::read(text.as_bytes()).expect_err(text);
        for text in ["0", "0044", "+044", " 034"] {
            assert!(matches!(wrong(text), PrefixError::LeadingZero(_)), "{text:?}");
        }
        for text in ["5511 5512", "+34 6", "+ 34", "3\t4"] {
            assert!(matches!(wrong(text), PrefixError::Blank(_)), "{text:?}");
        }
        for text in ["34a", "++34", "3+4", "34-6", "\u{ff13}", "3\u{a0}4", "34*"] {
            assert!(matches!(wrong(text), PrefixError::NotDigits(_)), "{text:?}");
        }
        assert!(matches!(wrong("1234567890123456"), PrefixError::TooLong(_)));
    }

    #[test]
    fn prefixes_print_and_refuse_as_numbers_do() {
        for text in ["", "0", "00", "34911234567", "999999999999999"] {
            let prefix: Prefix = text.parse().expect("digits");
            assert_eq!((prefix.to_string(), prefix.len()), (text.to_owned(), text.len()));
        }
        assert_eq!("12a".parse::<Prefix>(), Err(NumberError::NotDigit(2)));
        assert_eq!("1234567890123456".parse::<Prefix>(), Err(NumberError::TooLong));
        let prefix = |text: &str| text.parse::<Prefix>().expect("digits");
        assert!(prefix("0") < prefix("00"));
        assert!(prefix("34").covers(b"349") && !prefix("35").covers(b"349"));
    }
}
