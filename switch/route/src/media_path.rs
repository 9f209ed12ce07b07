//! How the media of a peer's calls travels.

use codecs::{DtmfForm, SrtpPolicy};

/// What is configured of a peer's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaTerms {
    /// How it travels.
    pub path: MediaPath,
    /// Its media may come from elsewhere than it said: the address is learnt from its packets. Else what it
    /// said is what it is.
    pub nat: bool,
    /// Whether it is encrypted; where it may be, it is relayed.
    pub srtp: SrtpPolicy,
    /// How it tells and takes keypad digits.
    pub dtmf: DtmfForm,
}

/// How media travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaPath {
    /// Directly between the ends, where the other side allows that too.
    #[default]
    Bypass,
    /// Over the switch.
    Relay,
}

impl Default for MediaTerms {
    fn default() -> Self {
        Self { path: MediaPath::Bypass, nat: true, srtp: SrtpPolicy::Off, dtmf: DtmfForm::Rfc4733 }
    }
}

impl MediaPath {
    /// How a call travels between two peers: directly only where both want that.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Bypass, Self::Bypass) => Self::Bypass,
            (Self::Relay, _) | (_, Self::Relay) => Self::Relay,
        }
    }
}
