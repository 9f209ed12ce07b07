//! What the payload numbers of an m-line mean (RFC 3551 §6, RFC 4733, RFC 3389), and what their parameters
//! say (RFC 7261, RFC 4856). Invariant: a number whose rtpmap lines contradict each other means nothing.

use codecs::sdp::{Attribute, Line, Rtpmap};
use codecs::{Codec, CodecSet};

/// Most payloads of one stream that are let through; more are dropped.
pub(crate) const PAYLOADS_MAX: usize = 16;

/// What a payload carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    Codec(Codec),
    TelephoneEvent,
    ComfortNoise,
    /// Named, but nothing that we know, or named in two ways that contradict each other.
    Unknown,
    /// A dynamic number that is not named.
    Unnamed,
}

impl Format {
    pub(crate) const fn codec(self) -> Option<Codec> {
        match self {
            Self::Codec(codec) => Some(codec),
            Self::TelephoneEvent | Self::ComfortNoise | Self::Unknown | Self::Unnamed => None,
        }
    }

    /// The clock of its timestamps in Hz: that of all that pass.
    pub(crate) const fn clock_hz(self) -> u32 {
        match self {
            Self::Codec(codec) => codec.clock_hz(),
            Self::TelephoneEvent | Self::ComfortNoise | Self::Unknown | Self::Unnamed => 8_000,
        }
    }

    /// Whether it may pass to a leg that takes these codecs.
    pub(crate) const fn passes(self, allowed: CodecSet) -> bool {
        match self {
            Self::Codec(codec) => allowed.contains(codec),
            Self::TelephoneEvent | Self::ComfortNoise => true,
            Self::Unknown | Self::Unnamed => false,
        }
    }

    fn of_static(number: u8) -> Option<Self> {
        if number == 13 {
            Some(Self::ComfortNoise)
        } else {
            Codec::from_static_payload(number).map(Self::Codec)
        }
    }

    /// A codec with its own clock and channels, events and noise of 8 kHz: those of other clocks belong to
    /// codecs that do not pass. Opus without its second channel is taken for what it means.
    fn of_rtpmap(map: &Rtpmap<'_>) -> Option<Self> {
        if let Some(codec) = Codec::from_name(map.name) {
            let is_its = map.clock_hz == codec.clock_hz() && (1..=codec.channels()).contains(&map.channels);
            is_its.then_some(Self::Codec(codec))
        } else if map.clock_hz != 8000 || map.channels != 1 {
            None
        } else if map.name.eq_ignore_ascii_case(b"telephone-event") {
            Some(Self::TelephoneEvent)
        } else if map.name.eq_ignore_ascii_case(b"CN") {
            Some(Self::ComfortNoise)
        } else {
            None
        }
    }
}

/// What the parameters of a payload say, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Params(u8);

impl Params {
    const NO_ANNEXB: u8 = 1;
    const NO_ANNEXA: u8 = 2;
    const RATE_5300: u8 = 4;
    const RATE_6300: u8 = 8;
    const FEC: u8 = 16;

    /// Neither annex, and repetitions of Opus: what we say of codecs of ours.
    pub(crate) const fn of_ours() -> Self {
        Self(Self::NO_ANNEXB | Self::NO_ANNEXA | Self::FEC)
    }

    /// Annex B of G.729; absent means yes.
    pub(crate) const fn annexb(self) -> bool {
        self.0 & Self::NO_ANNEXB == 0
    }

    /// Annex A of G.723.1; absent means yes.
    pub(crate) const fn annexa(self) -> bool {
        self.0 & Self::NO_ANNEXA == 0
    }

    /// The G.723.1 rate that was asked for in bit/s.
    pub(crate) const fn bitrate_bps(self) -> Option<u16> {
        if self.0 & Self::RATE_5300 != 0 {
            Some(5300)
        } else if self.0 & Self::RATE_6300 != 0 {
            Some(6300)
        } else {
            None
        }
    }

    /// Opus may repeat each frame in the next packet (`useinbandfec=1`, RFC 7587 §6.1).
    pub(crate) const fn takes_fec(self) -> bool {
        self.0 & Self::FEC != 0
    }

    /// Whether the annex that `format` has, if any, is refused.
    pub(crate) const fn refuses_annex(self, format: Format) -> bool {
        match format {
            Format::Codec(Codec::G729) => !self.annexb(),
            Format::Codec(Codec::G723) => !self.annexa(),
            Format::Codec(Codec::Pcmu | Codec::Pcma | Codec::Opus)
            | Format::TelephoneEvent
            | Format::ComfortNoise
            | Format::Unknown
            | Format::Unnamed => false,
        }
    }

    fn read(params: &[u8]) -> Self {
        let bits = split_params(params).fold(0, |bits, (name, param)| {
            let value = param
                .get(name.len()..)
                .unwrap_or(&[])
                .trim_ascii_start()
                .strip_prefix(b"=")
                .unwrap_or(&[])
                .trim_ascii_start();
            bits | match value {
                b"5.3" if name.eq_ignore_ascii_case(b"bitrate") => Self::RATE_5300,
                b"6.3" if name.eq_ignore_ascii_case(b"bitrate") => Self::RATE_6300,
                b"1" if name.eq_ignore_ascii_case(b"useinbandfec") => Self::FEC,
                no if no.eq_ignore_ascii_case(b"no") && name.eq_ignore_ascii_case(b"annexb") => {
                    Self::NO_ANNEXB
                }
                no if no.eq_ignore_ascii_case(b"no") && name.eq_ignore_ascii_case(b"annexa") => {
                    Self::NO_ANNEXA
                }
                _ => 0,
            }
        });
        Self(bits)
    }
}

/// The parameters of an fmtp line, each as its name and its whole text without outer blanks.
pub(crate) fn split_params(params: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    params
        .split(|&byte| matches!(byte, b';' | b','))
        .map(<[u8]>::trim_ascii)
        .filter(|param| !param.is_empty())
        .map(|param| {
            let name = param.split(|&byte| byte == b'=').next().unwrap_or(&[]);
            (name.trim_ascii_end(), param)
        })
}

/// One payload of an audio stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Payload {
    /// As its side wrote it.
    pub(crate) number: u8,
    /// As the other side is told.
    pub(crate) shown: u8,
    pub(crate) format: Format,
    pub(crate) params: Params,
    /// One of the two sides refuses the codec's annex, so that this is to be told.
    pub(crate) annex_refused: bool,
    /// Its side did not say it: the switch does, in the place of a codec that it transcodes.
    pub(crate) is_ours: bool,
}

/// A set of payload numbers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Numbers(u128);

impl Numbers {
    /// Adds a number and says whether it is new.
    pub(crate) fn insert(&mut self, number: u8) -> bool {
        let bit = 1u128.checked_shl(u32::from(number)).unwrap_or(0);
        let new = bit != 0 && self.0 & bit == 0;
        self.0 |= bit;
        new
    }

    /// The lowest dynamic number that is free (RFC 3551 §6).
    pub(crate) fn free(self) -> Option<u8> {
        (96..=127).find(|&number| self.0 & 1 << number == 0)
    }
}

/// What the rtpmap and fmtp lines of one m-line say of every payload number.
pub(crate) struct PayloadMap {
    formats: [Format; 128],
    params: [Params; 128],
    mapped: Numbers,
}

impl PayloadMap {
    pub(crate) fn read(lines: &[Line<'_>]) -> Self {
        let mut map = Self {
            formats: [Format::Unnamed; 128],
            params: [Params::default(); 128],
            mapped: Numbers::default(),
        };
        for line in lines {
            match line.attribute {
                Some(Attribute::Rtpmap(rtpmap)) => map.add_rtpmap(&rtpmap),
                Some(Attribute::Fmtp { payload, params }) => {
                    if let Some(slot) = map.params.get_mut(usize::from(payload)) {
                        slot.0 |= Params::read(params).0;
                    }
                }
                _ => {}
            }
        }
        map
    }

    fn add_rtpmap(&mut self, rtpmap: &Rtpmap<'_>) {
        let format = Format::of_rtpmap(rtpmap).unwrap_or(Format::Unknown);
        let new = self.mapped.insert(rtpmap.payload);
        if let Some(slot) = self.formats.get_mut(usize::from(rtpmap.payload)) {
            *slot = if new || *slot == format { format } else { Format::Unknown };
        }
    }

    /// What a number means: its rtpmap, else its static meaning.
    pub(crate) fn format(&self, number: u8) -> Format {
        match self.formats.get(usize::from(number)) {
            None | Some(Format::Unnamed) => Format::of_static(number).unwrap_or(Format::Unnamed),
            Some(format) => *format,
        }
    }

    pub(crate) fn params(&self, number: u8) -> Params {
        self.params.get(usize::from(number)).copied().unwrap_or_default()
    }
}
