//! Digits as H.245 user input (§7.11): signals with a duration, and characters.

use crate::asn1::h245::{IndicationMessage, UserInputIndication, UserInputIndicationSignal};

/// Digits taken of one message.
pub const MAX_DIGITS: usize = 32;
/// A digit whose length is not said.
const USUAL_MS: u16 = 100;

/// A digit, outside of RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digit {
    /// `0`-`9`, `A`-`D`, `*`, `#`, or `!` for a hook flash.
    pub symbol: char,
    /// How long it is.
    pub duration_ms: u16,
}

// === impl Digit ===

impl Digit {
    /// One of the seventeen symbols; its length is the usual one if none is said.
    pub fn new(symbol: char, duration_ms: Option<u16>) -> Option<Self> {
        let symbol = symbol.to_ascii_uppercase();
        let is_digit = symbol.is_ascii_digit() || matches!(symbol, 'A'..='D' | '*' | '#' | '!');
        is_digit.then(|| Self { symbol, duration_ms: duration_ms.unwrap_or(USUAL_MS) })
    }

    /// As a signal.
    pub fn signal(self) -> IndicationMessage {
        IndicationMessage::UserInput(UserInputIndication::Signal(Box::new(UserInputIndicationSignal {
            signal_type: self.symbol.to_string(),
            duration: Some(self.duration_ms.clamp(1, 65_535)),
            ..UserInputIndicationSignal::default()
        })))
    }

    /// As a character.
    pub fn alphanumeric(self) -> IndicationMessage {
        IndicationMessage::UserInput(UserInputIndication::Alphanumeric(vec![self.symbol as u8]))
    }
}

/// The digits that a user input indication holds.
pub fn digits(indication: &UserInputIndication) -> Vec<Digit> {
    match indication {
        UserInputIndication::Signal(signal) => {
            signal.signal_type.chars().filter_map(|symbol| Digit::new(symbol, signal.duration)).collect()
        }
        UserInputIndication::Alphanumeric(text) => digits_of_text(text),
        UserInputIndication::ExtendedAlphanumeric(extended) => digits_of_text(&extended.alphanumeric),
        _ => Vec::new(),
    }
}

/// The digits among characters.
pub fn digits_of_text(text: &[u8]) -> Vec<Digit> {
    text.iter().filter_map(|&octet| Digit::new(char::from(octet), None)).take(MAX_DIGITS).collect()
}
