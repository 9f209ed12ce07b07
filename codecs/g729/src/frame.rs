//! The bits of a frame (clause 4, table 8; Annex B, table B.2), most significant first.

use crate::{FRAME_BYTES, SILENCE_BYTES};

/// Bytes that are no frame: neither 10, nor 2, nor none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFrame {
    /// How many bytes there were.
    pub length: usize,
}

impl std::fmt::Display for BadFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a G.729 frame of {} bytes: 10 are speech, 2 a silence descriptor, 0 an untransmitted frame",
            self.length
        )
    }
}

impl std::error::Error for BadFrame {}

/// Indices into the codebooks of line spectral frequencies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LspIndices {
    /// Which of the two predictors (1 bit).
    pub predictor: u8,
    /// First stage: 7 bits.
    pub first: u8,
    /// Second stage below: 5 bits.
    pub lower: u8,
    /// Second stage above: 5 bits.
    pub upper: u8,
}

/// What a subframe of 40 samples transmits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Subframe {
    /// P1 (8 bits) or P2 (5 bits): the delay of the adaptive codebook.
    pub pitch: u8,
    /// C: 13 bits, the positions of four pulses.
    pub positions: u16,
    /// S: 4 bits, their signs.
    pub signs: u8,
    /// GA: 3 bits.
    pub gain_a: u8,
    /// GB: 4 bits.
    pub gain_b: u8,
}

/// A frame of speech: 80 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Speech {
    /// The spectrum.
    pub lsp: LspIndices,
    /// P0: odd parity over the six most significant bits of P1.
    pub parity: u8,
    /// The excitation of both subframes.
    pub subframes: [Subframe; 2],
}

/// A silence descriptor: 15 bits and one unused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Silence {
    /// Which of the two predictors.
    pub predictor: u8,
    /// First stage: 5 bits.
    pub first: u8,
    /// Second stage: 4 bits.
    pub second: u8,
    /// Gain: 5 bits.
    pub gain: u8,
}

/// Any frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// 10 bytes.
    Speech(Speech),
    /// 2 bytes.
    Silence(Silence),
    /// No bytes: the noise stays as it is.
    Untransmitted,
}

/// Parity of the delay of the first subframe (clause 3.7.2).
pub(crate) fn parity(pitch: u8) -> u8 {
    ((pitch >> 2).count_ones() as u8 & 1) ^ 1
}

impl Frame {
    /// Reads a frame; every value of its bits is one.
    ///
    /// # Errors
    /// A length that is not 10, 2 or 0.
    pub fn parse(bytes: &[u8]) -> Result<Frame, BadFrame> {
        match bytes.len() {
            0 => Ok(Frame::Untransmitted),
            SILENCE_BYTES => Ok(Frame::Silence(Silence::parse(bytes))),
            FRAME_BYTES => Ok(Frame::Speech(Speech::parse(bytes))),
            length => Err(BadFrame { length }),
        }
    }
}

impl Speech {
    fn parse(bytes: &[u8]) -> Speech {
        let mut bits = Bits(bytes.iter().fold(0, |all, &byte| all << 8 | u128::from(byte)), 80);
        let lsp = LspIndices {
            predictor: bits.take(1) as u8,
            first: bits.take(7) as u8,
            lower: bits.take(5) as u8,
            upper: bits.take(5) as u8,
        };
        let first = bits.take(8) as u8;
        let parity = bits.take(1) as u8;
        let one = Subframe::take(&mut bits, first);
        let second = bits.take(5) as u8;
        Speech { lsp, parity, subframes: [one, Subframe::take(&mut bits, second)] }
    }

    /// Writes the 80 bits.
    pub fn write(&self, out: &mut [u8; FRAME_BYTES]) {
        let mut all = 0_u128;
        let mut put = |value: u16, bits: u32| all = all << bits | u128::from(value);
        put(self.lsp.predictor.into(), 1);
        put(self.lsp.first.into(), 7);
        put(self.lsp.lower.into(), 5);
        put(self.lsp.upper.into(), 5);
        for (index, subframe) in self.subframes.iter().enumerate() {
            put(subframe.pitch.into(), if index == 0 { 8 } else { 5 });
            if index == 0 {
                put(self.parity.into(), 1);
            }
            put(subframe.positions, 13);
            put(subframe.signs.into(), 4);
            put(subframe.gain_a.into(), 3);
            put(subframe.gain_b.into(), 4);
        }
        out.copy_from_slice(&all.to_be_bytes()[6..]);
    }
}

impl Subframe {
    fn take(bits: &mut Bits, pitch: u8) -> Subframe {
        Subframe {
            pitch,
            positions: bits.take(13),
            signs: bits.take(4) as u8,
            gain_a: bits.take(3) as u8,
            gain_b: bits.take(4) as u8,
        }
    }
}

impl Silence {
    fn parse(bytes: &[u8]) -> Silence {
        let mut bits = Bits(bytes.iter().fold(0, |all, &byte| all << 8 | u128::from(byte)), 16);
        Silence {
            predictor: bits.take(1) as u8,
            first: bits.take(5) as u8,
            second: bits.take(4) as u8,
            gain: bits.take(5) as u8,
        }
    }

    /// Writes the 15 bits into the first two bytes; the last bit of them is 0.
    pub fn write(&self, out: &mut [u8; FRAME_BYTES]) {
        let bits = u16::from(self.predictor) << 15
            | u16::from(self.first) << 10
            | u16::from(self.second) << 6
            | u16::from(self.gain) << 1;
        out[..SILENCE_BYTES].copy_from_slice(&bits.to_be_bytes());
    }
}

/// Bits that are left, and how many.
struct Bits(u128, u32);

impl Bits {
    fn take(&mut self, bits: u32) -> u16 {
        self.1 -= bits;
        (self.0 >> self.1) as u16 & ((1 << bits) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_speech_has_its_fields_where_table_8_puts_them() {
        let mut bytes = [0; FRAME_BYTES];
        let fields = Speech {
            lsp: LspIndices { predictor: 1, first: 0, lower: 31, upper: 0 },
            parity: 0,
            subframes: [
                Subframe { pitch: 255, positions: 0x1fff, signs: 0, gain_a: 7, gain_b: 0 },
                Subframe { pitch: 31, positions: 0, signs: 15, gain_a: 0, gain_b: 15 },
            ],
        };
        fields.write(&mut bytes);
        // The spectrum (1, 7, 5, 5), then P1, P0, C1, S1, GA, GB, and P2, C2, S2, GA, GB.
        let bits = concat!(
            "1",
            "0000000",
            "11111",
            "00000",
            "11111111",
            "0",
            "1111111111111",
            "0000",
            "111",
            "0000"
        );
        let rest = concat!("11111", "0000000000000", "1111", "000", "1111");
        let written: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        assert_eq!(written, format!("{bits}{rest}"));
        assert_eq!(Frame::parse(&bytes), Ok(Frame::Speech(fields)));
    }

    #[test]
    fn a_silence_descriptor_has_fifteen_bits() {
        let mut bytes = [0; FRAME_BYTES];
        let fields = Silence { predictor: 1, first: 0b10001, second: 0b0110, gain: 0b11011 };
        fields.write(&mut bytes);
        assert_eq!(bytes[..2], [0b1100_0101, 0b1011_0110]);
        assert_eq!(Frame::parse(&bytes[..2]), Ok(Frame::Silence(fields)));
    }

    #[test]
    fn lengths_that_are_no_frame_are_refused_by_their_number() {
        for length in (0..=20).filter(|length| ![0, 2, 10].contains(length)) {
            assert_eq!(Frame::parse(&vec![0; length]), Err(BadFrame { length }));
        }
        assert!(BadFrame { length: 9 }.to_string().contains("of 9 bytes"));
    }

    #[test]
    fn parity_is_odd_over_the_six_upper_bits() {
        assert_eq!([0b0000_0011, 0b0000_0100, 0b1000_0000, 0b1100_0000, 255].map(parity), [1, 0, 0, 1, 1]);
    }
}
