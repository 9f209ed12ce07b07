//! Keypad digits: as packets of events (RFC 4733), as tones (ITU-T Q.23, Q.24) and as bodies of INFO.

mod detector;
mod event;
mod info;
mod sender;
mod tone;

pub use detector::{Detector, Heard};
pub use event::{EVENT_OCTETS, Event};
pub use info::{Info, InfoError, InfoForm};
pub use sender::{EventSender, Sent};
pub(crate) use tone::AMPLITUDE_0_DBM0;
pub use tone::{DIGIT_LEVEL_DBM0, TonePair};

use std::fmt;

/// A key: 0 to 9, `*`, `#`, A to D.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digit(u8);

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

// === impl Digit ===

impl Digit {
    /// Every key, in the order of their codes.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..16).map(Self)
    }

    /// The key of an event code (RFC 4733 §3.2 table 3); none from 16 on.
    pub const fn from_code(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// The event code, 0 to 15.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The key of a character, letters in any case.
    pub fn from_char(key: char) -> Option<Self> {
        let key = u8::try_from(key).ok()?.to_ascii_uppercase();
        KEYS.iter().position(|&known| known == key).map(|code| Self(code as u8))
    }

    /// The character on the key.
    pub fn to_char(self) -> char {
        char::from(KEYS[usize::from(self.0)])
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_char())
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digit({})", self.to_char())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_codes_of_rfc_4733() {
        for (key, code) in [('0', 0), ('9', 9), ('*', 10), ('#', 11), ('a', 12), ('D', 15)] {
            let digit = Digit::from_char(key).unwrap();
            assert_eq!(digit.code(), code);
            assert_eq!(digit.to_char(), key.to_ascii_uppercase());
            assert_eq!(Digit::from_code(code), Some(digit));
        }
        assert_eq!((Digit::from_code(16), Digit::from_char('E'), Digit::from_char('é')), (None, None, None));
    }
}
