//! How the media of a peer's calls travels.

use codecs::{CodecSet, DtmfForm, SrtpPolicy};

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
    /// Whether its calls may be transcoded.
    pub transcode: Transcode,
    /// How it tells and takes keypad digits.
    pub dtmf: DtmfForm,
    /// Its calls are recorded.
    pub record: bool,
}

/// Whether calls of a peer may be transcoded where it shares no codec with the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transcode {
    /// Never.
    Never,
    /// Where the other side wants it.
    #[default]
    Unsaid,
    /// Where the other side does not forbid it.
    Wanted,
}

/// The codecs of one side of a call, and whether others may stand for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecTerms {
    /// What it may use.
    pub codecs: CodecSet,
    /// What is said of transcoding.
    pub transcode: Transcode,
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
        Self {
            path: MediaPath::Bypass,
            nat: true,
            srtp: SrtpPolicy::Off,
            transcode: Transcode::Unsaid,
            dtmf: DtmfForm::Rfc4733,
            record: false,
        }
    }
}

impl Transcode {
    /// Whether calls between two peers may be transcoded: one wants it, and neither forbids it.
    #[must_use]
    pub const fn with(self, other: Self) -> bool {
        matches!((self, other), (Self::Wanted, Self::Wanted | Self::Unsaid) | (Self::Unsaid, Self::Wanted))
    }
}

impl CodecTerms {
    /// Whether two sides can talk: a codec is common, or theirs may be transcoded.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        let can_speak = !self.codecs.is_empty() && !other.codecs.is_empty();
        !self.codecs.intersection(other.codecs).is_empty()
            || can_speak && self.transcode.with(other.transcode)
    }
}

/// Of whom nothing is said but the codecs.
impl From<CodecSet> for CodecTerms {
    fn from(codecs: CodecSet) -> Self {
        Self { codecs, transcode: Transcode::Unsaid }
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
