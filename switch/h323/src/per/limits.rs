//! What reader and writer share: limits, the error, widths.

/// SEQUENCEs and CHOICEs inside each other.
pub const MAX_DEPTH: u32 = 40;
/// Elements of all lists of one message together.
pub const MAX_ELEMENTS: u32 = 4096;
/// Content octets of the longest item.
pub const MAX_LENGTH: usize = 0x3fff;

/// Why bytes are no message, or a message cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PerError {
    /// The bytes end before the message does.
    #[error("ends early")]
    Truncated,
    /// A number, length, alternative or character that its constraint does not allow.
    #[error("a value out of its range")]
    Range,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested too deep")]
    Depth,
    /// More than [`MAX_ELEMENTS`] elements of lists.
    #[error("too many elements")]
    Elements,
    /// A length of 16384 or more.
    #[error("too long")]
    Length,
}

/// A BIT STRING: the first bit is the highest of the first octet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitString {
    /// The bits, the last octet filled up with zeros.
    pub octets: Vec<u8>,
    /// How many bits.
    pub len: u32,
}

/// Bits that hold all numbers up to `highest`.
pub const fn width(highest: u64) -> u32 {
    64 - highest.leading_zeros()
}

/// Whether text of these sizes begins at an octet: all but what is always, or always less than, two octets
/// (X.691 30.5.6, 30.5.7).
pub fn is_text_aligned(low: u32, high: Option<u32>, bits: u32) -> bool {
    high.is_none_or(|high| if low == high { high * bits > 16 } else { high * bits >= 16 })
}
