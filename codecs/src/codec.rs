//! The codecs that a trunk may carry, their SDP names and static payload numbers (RFC 3551 §6), and sets of
//! them. Invariant: all but Opus run on an 8 kHz RTP clock with one channel.

use std::fmt;
use std::ops::{BitAnd, BitOr};
use std::str::FromStr;

/// A voice codec that the switch negotiates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Codec {
    /// G.711 µ-law, static payload 0.
    Pcmu,
    /// G.711 A-law, static payload 8.
    Pcma,
    /// G.729 and its Annexes A and B, static payload 18.
    G729,
    /// G.723.1 at 5.3 or 6.3 kbit/s, static payload 4.
    G723,
    /// Opus, `opus/48000/2` with a dynamic payload (RFC 7587).
    Opus,
}

/// The rate of a G.723.1 encoder; decoders know both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum G723Rate {
    /// 5.3 kbit/s, 20 octets a frame.
    R5300,
    /// 6.3 kbit/s, 24 octets a frame.
    #[default]
    R6300,
}

impl Codec {
    /// Every codec, in declaration order.
    pub const ALL: [Self; 5] = [Self::Pcmu, Self::Pcma, Self::G729, Self::G723, Self::Opus];

    /// The name in configuration and in call records, and in any letter case the encoding name in `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G729 => "G729",
            Self::G723 => "G723",
            Self::Opus => "OPUS",
        }
    }

    /// The payload number that means this codec without an `a=rtpmap` (RFC 3551 table 4), if it has one.
    pub const fn static_payload(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::G723 => Some(4),
            Self::Pcma => Some(8),
            Self::G729 => Some(18),
            Self::Opus => None,
        }
    }

    /// The codec of a static payload number.
    pub const fn from_static_payload(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Pcmu),
            4 => Some(Self::G723),
            8 => Some(Self::Pcma),
            18 => Some(Self::G729),
            _ => None,
        }
    }

    /// The RTP clock in Hz: that of Opus is 48,000 whatever it carries (RFC 7587 §4.1).
    pub const fn clock_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G729 | Self::G723 => 8000,
            Self::Opus => 48_000,
        }
    }

    /// The number of channels in `a=rtpmap`: that of Opus is 2 whatever it carries (RFC 7587 §7).
    pub const fn channels(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G729 | Self::G723 => 1,
            Self::Opus => 2,
        }
    }

    /// The codec of an encoding name, in any letter case. Besides the registered names, those that equipment
    /// is known to write: `G729A` (same bit stream), `G723.1` and `G7231`.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        const NAMES: [(&[u8], Codec); 8] = [
            (b"PCMU", Codec::Pcmu),
            (b"PCMA", Codec::Pcma),
            (b"G729", Codec::G729),
            (b"G723", Codec::G723),
            (b"G729A", Codec::G729),
            (b"G723.1", Codec::G723),
            (b"G7231", Codec::G723),
            (b"OPUS", Codec::Opus),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|&(_, codec)| codec)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A codec name that the switch does not know.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("unknown codec {0:?}: use PCMA, PCMU, G729, G723 or OPUS")]
pub struct UnknownCodec(pub Box<str>);

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, UnknownCodec> {
        Self::from_name(name.as_bytes()).ok_or_else(|| UnknownCodec(name.chars().take(32).collect()))
    }
}

/// A set of codecs, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct CodecSet(u8);

impl CodecSet {
    /// No codec.
    pub const EMPTY: Self = Self(0);
    /// Every codec.
    pub const ALL: Self = Self((1 << Codec::ALL.len()) - 1);
    /// What peers take without a list of their own: every codec but Opus, which is named where it is wanted.
    pub const DEFAULT: Self = Self(Self::ALL.0 & !Self::of(Codec::Opus).0);

    /// The set of one codec.
    pub const fn of(codec: Codec) -> Self {
        Self(1 << codec as u8)
    }

    /// This set and `codec`.
    #[must_use]
    pub const fn with(self, codec: Codec) -> Self {
        Self(self.0 | Self::of(codec).0)
    }

    /// Whether `codec` is in the set.
    pub const fn contains(self, codec: Codec) -> bool {
        self.0 & Self::of(codec).0 != 0
    }

    /// The codecs that both sets hold.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether the set holds nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many codecs the set holds.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The codecs of the set in declaration order.
    pub fn iter(self) -> impl Iterator<Item = Codec> {
        Codec::ALL.into_iter().filter(move |&codec| self.contains(codec))
    }
}

impl BitAnd for CodecSet {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.intersection(other)
    }
}

impl BitOr for CodecSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Codec> for CodecSet {
    fn from_iter<I: IntoIterator<Item = Codec>>(codecs: I) -> Self {
        codecs.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl From<Codec> for CodecSet {
    fn from(codec: Codec) -> Self {
        Self::of(codec)
    }
}

/// Names separated by commas or blanks, as `PCMA, G729`; the empty text is the empty set.
impl FromStr for CodecSet {
    type Err = UnknownCodec;

    fn from_str(names: &str) -> Result<Self, UnknownCodec> {
        names.split([',', ' ', '\t']).filter(|name| !name.is_empty()).map(Codec::from_str).collect()
    }
}

impl fmt::Display for CodecSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, codec) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(codec.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for CodecSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_those_of_rfc_3551() {
        for (name, number, codec) in [
            ("PCMU", Some(0), Codec::Pcmu),
            ("G723", Some(4), Codec::G723),
            ("PCMA", Some(8), Codec::Pcma),
            ("G729", Some(18), Codec::G729),
            ("OPUS", None, Codec::Opus),
        ] {
            assert_eq!(name.parse(), Ok(codec));
            assert_eq!(name.to_lowercase().parse(), Ok(codec));
            assert_eq!(codec.to_string(), name);
            assert_eq!(codec.static_payload(), number);
            assert_eq!(number.map_or(Some(codec), Codec::from_static_payload), Some(codec));
        }
        assert_eq!("G723.1".parse(), Ok(Codec::G723));
        assert_eq!(Codec::from_static_payload(9), None);
        assert_eq!(
            "G722".parse::<Codec>().unwrap_err().to_string(),
            "unknown codec \"G722\": use PCMA, PCMU, G729, G723 or OPUS"
        );
        assert_eq!((0..=127).filter_map(Codec::from_static_payload).count(), 4);
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let gate: CodecSet = "PCMA, PCMU G729".parse().unwrap();
        let carrier: CodecSet = [Codec::G729, Codec::G723].into_iter().collect();
        assert_eq!((gate & carrier).iter().collect::<Vec<_>>(), [Codec::G729]);
        assert_eq!((gate | carrier), CodecSet::DEFAULT);
        assert_eq!((CodecSet::DEFAULT.len(), CodecSet::ALL.len()), (4, 5));
        assert_eq!(gate.to_string(), "PCMU,PCMA,G729");
        assert!("".parse::<CodecSet>().unwrap().is_empty());
        assert_eq!("opus".parse(), Ok(CodecSet::of(Codec::Opus)));
        assert!("PCMA,G722".parse::<CodecSet>().is_err());
        assert!((gate & CodecSet::of(Codec::G723)).is_empty());
    }
}
