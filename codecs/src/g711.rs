//! G.711 A-law and µ-law (ITU-T G.711, tables 1a, 1b, 2a and 2b) between octets and 16-bit linear samples, by
//! tables built at compile time. Invariant: `encode(decode(octet))` is `octet` again, but for µ-law 0x7F,
//! whose value is 0 as well and which comes back as 0xFF.

/// Which of the two companding laws.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Law {
    /// A-law, payload 8.
    A,
    /// µ-law, payload 0.
    Mu,
}

impl Law {
    /// The octet of a linear sample. A-law looks at its upper 12 bits, µ-law at its upper 14.
    #[inline]
    pub fn encode(self, sample: i16) -> u8 {
        let bits = sample as u16;
        match self {
            Self::A => A_ENCODE[usize::from(bits >> 4)],
            Self::Mu => MU_ENCODE[usize::from(bits >> 2)],
        }
    }

    /// The linear sample of an octet, within ±32,256 for A-law and ±32,124 for µ-law.
    #[inline]
    pub fn decode(self, octet: u8) -> i16 {
        match self {
            Self::A => A_DECODE[usize::from(octet)],
            Self::Mu => MU_DECODE[usize::from(octet)],
        }
    }

    /// The octet of the other law for the same sound: this law decoded, the other encoded.
    #[inline]
    pub fn convert(self, octet: u8) -> u8 {
        match self {
            Self::A => A_TO_MU[usize::from(octet)],
            Self::Mu => MU_TO_A[usize::from(octet)],
        }
    }

    /// Encodes as many samples as both slices hold, and says how many.
    pub fn encode_into(self, samples: &[i16], octets: &mut [u8]) -> usize {
        for (octet, &sample) in octets.iter_mut().zip(samples) {
            *octet = self.encode(sample);
        }
        samples.len().min(octets.len())
    }

    /// Decodes as many octets as both slices hold, and says how many.
    pub fn decode_into(self, octets: &[u8], samples: &mut [i16]) -> usize {
        for (sample, &octet) in samples.iter_mut().zip(octets) {
            *sample = self.decode(octet);
        }
        octets.len().min(samples.len())
    }

    /// Converts a payload to the other law in place.
    pub fn convert_in_place(self, octets: &mut [u8]) {
        for octet in octets {
            *octet = self.convert(*octet);
        }
    }
}

static A_ENCODE: [u8; 1 << 12] = a_encode_table();
static MU_ENCODE: [u8; 1 << 14] = mu_encode_table();
static A_DECODE: [i16; 256] = a_decode_table();
static MU_DECODE: [i16; 256] = mu_decode_table();
static A_TO_MU: [u8; 256] = a_to_mu_table();
static MU_TO_A: [u8; 256] = mu_to_a_table();

/// A-law inverts the even bits of every octet on the line.
const A_LINE: u8 = 0x55;
/// µ-law adds this to the 14-bit magnitude, so that all its segments begin at a power of two.
const MU_BIAS: u16 = 33;
const MU_CLIP: u16 = 0x1FFF;

/// Octet of a 12-bit two's complement sample: sign, 3 bits of segment, 4 bits within it.
const fn a_encode(sample: u16) -> u8 {
    let negative = sample & 0x800 != 0;
    let magnitude = if negative { !sample & 0x7FF } else { sample };
    // Up to 31 the octet counts the magnitude itself: segments 0 and 1 have the same step.
    let step = if magnitude < 32 {
        magnitude
    } else {
        let shift = magnitude.ilog2() as u16 - 4;
        ((shift + 1) << 4) | ((magnitude >> shift) & 0xF)
    };
    let sign = if negative { 0 } else { 0x80 };
    (step as u8 | sign) ^ A_LINE
}

const fn a_decode(octet: u8) -> i16 {
    let code = octet ^ A_LINE;
    let segment = (code >> 4) & 7;
    let step = ((code & 0xF) as i16) << 4;
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// Octet of a 14-bit two's complement sample, all bits inverted on the line.
const fn mu_encode(sample: u16) -> u8 {
    let negative = sample & 0x2000 != 0;
    let magnitude = if negative { !sample & 0x1FFF } else { sample };
    let biased = if magnitude + MU_BIAS > MU_CLIP { MU_CLIP } else { magnitude + MU_BIAS };
    let segment = biased.ilog2() as u16 - 5;
    let step = (biased >> (segment + 1)) & 0xF;
    let sign = if negative { 0x80 } else { 0 };
    !(((segment << 4) | step) as u8 | sign)
}

const fn mu_decode(octet: u8) -> i16 {
    let code = !octet;
    let segment = (code >> 4) & 7;
    let magnitude = ((2 * (code & 0xF) as i16 + MU_BIAS as i16) << segment) - MU_BIAS as i16;
    let magnitude = magnitude << 2;
    if code & 0x80 != 0 { -magnitude } else { magnitude }
}

const fn a_encode_table() -> [u8; 1 << 12] {
    let mut table = [0; 1 << 12];
    let mut index = 0;
    while index < table.len() {
        table[index] = a_encode(index as u16);
        index += 1;
    }
    table
}

const fn mu_encode_table() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        table[index] = mu_encode(index as u16);
        index += 1;
    }
    table
}

const fn a_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        table[index] = a_decode(index as u8);
        index += 1;
    }
    table
}

const fn mu_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        table[index] = mu_decode(index as u8);
        index += 1;
    }
    table
}

const fn a_to_mu_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        table[index] = mu_encode((a_decode(index as u8) as u16) >> 2);
        index += 1;
    }
    table
}

const fn mu_to_a_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        table[index] = a_encode((mu_decode(index as u8) as u16) >> 4);
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The positive decision values of G.711 table 1a, on its scale of 4,096: 32 intervals of 2, then 16 of
    /// 4, 16 of 8 and so on.
    fn a_decisions() -> Vec<i32> {
        let mut decisions = vec![0];
        for (count, width) in [(32, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128)] {
            for _ in 0..count {
                decisions.push(decisions[decisions.len() - 1] + width);
            }
        }
        assert_eq!(decisions.last(), Some(&4096));
        decisions
    }

    /// The positive decision values of G.711 table 2a, on its scale of 8,159: one interval of 1, 15 of 2,
    /// then 16 of 4, 16 of 8 and so on.
    fn mu_decisions() -> Vec<i32> {
        let mut decisions = vec![0, 1];
        for (count, width) in [(15, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256)]
        {
            for _ in 0..count {
                decisions.push(decisions[decisions.len() - 1] + width);
            }
        }
        assert_eq!(decisions.last(), Some(&8159));
        decisions
    }

    /// The interval, 0 to 127, that holds a magnitude; beyond the last one is the last one.
    fn interval(decisions: &[i32], magnitude: i32) -> u8 {
        (decisions.partition_point(|&decision| decision <= magnitude) - 1).min(127) as u8
    }

    #[test]
    fn every_sample_encodes_into_its_interval_of_the_recommendation() {
        let (a, mu) = (a_decisions(), mu_decisions());
        for sample in i16::MIN..=i16::MAX {
            // Negative samples mirror the positive ones: -1 is the first below zero.
            let magnitude = if sample < 0 { -(i32::from(sample) + 1) } else { i32::from(sample) };
            let sign = if sample < 0 { 0 } else { 0x80 };
            assert_eq!(Law::A.encode(sample), (interval(&a, magnitude >> 3) | sign) ^ 0x55, "A-law {sample}");
            assert_eq!(
                Law::Mu.encode(sample),
                (!interval(&mu, magnitude >> 2) & 0x7F) | sign,
                "µ-law {sample}"
            );
        }
    }

    #[test]
    fn every_octet_decodes_to_the_middle_of_its_interval() {
        let (a, mu) = (a_decisions(), mu_decisions());
        for octet in 0..=255u8 {
            let code = octet ^ 0x55;
            let n = usize::from(code & 0x7F);
            let middle = (a[n] + a[n + 1]) * 8 / 2;
            assert_eq!(i32::from(Law::A.decode(octet)), if code & 0x80 != 0 { middle } else { -middle });

            let code = !octet;
            let n = usize::from(code & 0x7F);
            let middle = if n == 0 { 0 } else { (mu[n] + mu[n + 1]) * 4 / 2 };
            assert_eq!(i32::from(Law::Mu.decode(octet)), if code & 0x80 == 0 { middle } else { -middle });
        }
    }

    #[test]
    fn the_ends_of_the_scales_are_those_of_the_recommendation() {
        for (octet, sample) in [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256)] {
            assert_eq!(Law::A.decode(octet), sample);
        }
        for (octet, sample) in [(0xFF, 0), (0x7F, 0), (0x80, 32124), (0x00, -32124), (0xFE, 8), (0x7E, -8)] {
            assert_eq!(Law::Mu.decode(octet), sample);
        }
        assert_eq!((Law::A.encode(0), Law::Mu.encode(0)), (0xD5, 0xFF));
        assert_eq!((Law::A.encode(i16::MIN), Law::Mu.encode(i16::MIN)), (0x2A, 0x00));
    }

    #[test]
    fn decoding_and_encoding_again_changes_nothing() {
        for octet in 0..=255u8 {
            assert_eq!(Law::A.encode(Law::A.decode(octet)), octet);
            assert_eq!(Law::Mu.encode(Law::Mu.decode(octet)), if octet == 0x7F { 0xFF } else { octet });
        }
    }

    #[test]
    fn conversion_is_decoding_and_encoding() {
        for octet in 0..=255u8 {
            assert_eq!(Law::A.convert(octet), Law::Mu.encode(Law::A.decode(octet)));
            assert_eq!(Law::Mu.convert(octet), Law::A.encode(Law::Mu.decode(octet)));
        }
        let mut silence = [0xFF; 160];
        Law::Mu.convert_in_place(&mut silence);
        assert_eq!(silence, [0xD5; 160]);
    }

    #[test]
    fn slices_of_unequal_length_stop_at_the_shorter() {
        let (mut octets, mut samples) = ([0; 3], [0; 2]);
        assert_eq!(Law::A.encode_into(&[8, -8, 32256, 0], &mut octets), 3);
        assert_eq!(octets, [0xD5, 0x55, 0xAA]);
        assert_eq!(Law::A.decode_into(&octets, &mut samples), 2);
        assert_eq!(samples, [8, -8]);
    }
}
