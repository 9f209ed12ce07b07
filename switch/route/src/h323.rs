//! By which protocols a customer calls, and how H.323 is spoken with one peer.

use std::fmt;
use std::str::FromStr;

/// Protocols that calls of a gate come by; by one that is not named its address is a stranger's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Protocols {
    /// RFC 3261.
    pub sip: bool,
    /// ITU-T H.323.
    pub h323: bool,
}

/// What is used of H.323 with one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct H323Terms {
    /// Channels are offered, and taken, in Setup (H.323 §8.1.7).
    pub fast_start: bool,
    /// H.245 goes inside H.225.0 where the peer takes that too (§8.2.1); else over a connection of its own.
    pub tunnelling: bool,
    /// H.245 begins before the answer, so that codecs are known when the bill begins.
    pub early_h245: bool,
    /// How digits are told.
    pub dtmf: H323Dtmf,
}

/// How digits are told to an H.323 peer. All forms are understood from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum H323Dtmf {
    /// The first of the forms below that the peer says it takes.
    #[default]
    Auto,
    /// Events among its RTP (RFC 4733).
    Rfc4733,
    /// H.245 UserInputIndication, `signal`.
    Signal,
    /// H.245 UserInputIndication, `alphanumeric`.
    Alphanumeric,
    /// H.225.0 Information with the Q.931 keypad element.
    Keypad,
}

/// Text that names no form of digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no form of digits: auto, rfc4733, signal, alphanumeric or keypad")]
pub struct UnknownDtmf(pub String);

// === impl Protocols ===

impl Default for Protocols {
    fn default() -> Self {
        Self { sip: true, h323: false }
    }
}

// === impl H323Terms ===

impl Default for H323Terms {
    fn default() -> Self {
        Self { fast_start: true, tunnelling: true, early_h245: true, dtmf: H323Dtmf::Auto }
    }
}

// === impl H323Dtmf ===

impl H323Dtmf {
    /// Every form, as the configuration writes it.
    pub const WORDS: &'static [&'static str] = &["auto", "rfc4733", "signal", "alphanumeric", "keypad"];

    /// As the configuration writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Rfc4733 => "rfc4733",
            Self::Signal => "signal",
            Self::Alphanumeric => "alphanumeric",
            Self::Keypad => "keypad",
        }
    }
}

impl fmt::Display for H323Dtmf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for H323Dtmf {
    type Err = UnknownDtmf;
    fn from_str(text: &str) -> Result<Self, UnknownDtmf> {
        [Self::Auto, Self::Rfc4733, Self::Signal, Self::Alphanumeric, Self::Keypad]
            .into_iter()
            .find(|form| form.as_str() == text)
            .ok_or_else(|| UnknownDtmf(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_digits_are_read_as_written() {
        for word in H323Dtmf::WORDS {
            assert_eq!(word.parse::<H323Dtmf>().map(H323Dtmf::as_str).as_ref(), Ok(word));
        }
        assert!("info".parse::<H323Dtmf>().is_err() && "".parse::<H323Dtmf>().is_err());
    }
}
