//! Reads packed values from bytes.

use super::limits::{BitString, MAX_DEPTH, MAX_ELEMENTS, PerError, is_text_aligned, width};
use super::oid::Oid;

type Result<T> = std::result::Result<T, PerError>;

/// A place in the bits of a message. Inside an open type the end is the open type's.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// Bits read.
    at: usize,
    /// Bits that may be read.
    end: usize,
    depth: u32,
    elements: u32,
}

/// What is restored when an open type is left.
#[derive(Debug)]
pub struct Outer {
    end: usize,
    close: usize,
}

/// The extension additions of a SEQUENCE that are still to be read.
#[derive(Debug)]
pub struct Additions {
    /// Bit where the bitmap begins.
    map: usize,
    count: usize,
    next: usize,
}

// === impl Reader: structure ===

impl<'a> Reader<'a> {
    /// At the first bit.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, end: bytes.len() * 8, depth: 0, elements: 0 }
    }

    /// One level down.
    pub const fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(PerError::Depth) } else { Ok(()) }
    }

    /// One level up.
    pub const fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Into an open type: its length is read.
    pub fn enter_open(&mut self) -> Result<Outer> {
        let len = self.length()?;
        self.align();
        let close = self.at + len * 8;
        if close > self.end {
            return Err(PerError::Truncated);
        }
        let outer = Outer { end: self.end, close };
        self.end = close;
        Ok(outer)
    }

    /// To the end of an open type, whatever of it was read.
    pub const fn leave_open(&mut self, outer: Outer) {
        self.at = outer.close;
        self.end = outer.end;
    }

    /// The bitmap of extension additions (X.691 19.7, 19.8).
    pub fn additions(&mut self) -> Result<Additions> {
        let count = if self.bool()? { self.length()? } else { self.bits(6)? as usize + 1 };
        let map = self.at;
        if count > self.end - self.at {
            return Err(PerError::Truncated);
        }
        self.at += count;
        Ok(Additions { map, count, next: 0 })
    }

    /// Into the next addition that is there.
    pub fn next_addition(&mut self, additions: &mut Additions) -> Result<Option<(usize, Outer)>> {
        while additions.next < additions.count {
            let (nth, bit) = (additions.next, additions.map + additions.next);
            additions.next += 1;
            if self.bytes[bit / 8] << (bit % 8) & 0x80 != 0 {
                return self.enter_open().map(|outer| Some((nth, outer)));
            }
        }
        Ok(None)
    }

    /// All octets up to the end of the open type.
    pub fn rest(&mut self) -> Vec<u8> {
        self.bytes[self.at.div_ceil(8)..self.end / 8].to_vec()
    }

    /// The elements of a SEQUENCE OF.
    pub fn list<T>(
        &mut self,
        low: u32,
        high: Option<u32>,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.count(low, high)?;
        self.elements = self.elements.saturating_add(count as u32);
        if self.elements > MAX_ELEMENTS {
            return Err(PerError::Elements);
        }
        if count > self.end - self.at {
            return Err(PerError::Truncated);
        }
        let mut list = Vec::with_capacity(count.min(16));
        for _ in 0..count {
            list.push(element(self)?);
        }
        Ok(list)
    }
}

// === impl Reader: values ===

impl<'a> Reader<'a> {
    /// One bit.
    pub fn bool(&mut self) -> Result<bool> {
        if self.at >= self.end {
            return Err(PerError::Truncated);
        }
        let bit = self.bytes[self.at / 8] << (self.at % 8) & 0x80 != 0;
        self.at += 1;
        Ok(bit)
    }

    /// Up to 64 bits.
    pub fn bits(&mut self, n: u32) -> Result<u64> {
        if n as usize > self.end - self.at {
            return Err(PerError::Truncated);
        }
        let (mut value, mut left) = (0_u64, n as usize);
        while left > 0 {
            let have = 8 - self.at % 8;
            let take = have.min(left);
            let part = u64::from(self.bytes[self.at / 8]) >> (have - take) & ((1 << take) - 1);
            value = value << take | part;
            self.at += take;
            left -= take;
        }
        Ok(value)
    }

    /// A number with both bounds (X.691 11.5).
    pub fn whole(&mut self, low: i64, high: i64) -> Result<i64> {
        let span = high.abs_diff(low);
        let offset = match span {
            0 => 0,
            1..=254 => self.bits(width(span))?,
            255 => {
                self.align();
                self.bits(8)?
            }
            256..=0xffff => {
                self.align();
                self.bits(16)?
            }
            _ => {
                let octets = width(span).div_ceil(8);
                let len = self.bits(width(u64::from(octets) - 1))? as u32 + 1;
                self.align();
                if len > octets {
                    return Err(PerError::Range);
                }
                self.bits(len * 8)?
            }
        };
        if offset > span { Err(PerError::Range) } else { Ok(low.wrapping_add_unsigned(offset)) }
    }

    /// A number that may lie outside its bounds in later versions.
    pub fn extensible_whole(&mut self, low: i64, high: i64) -> Result<i64> {
        if self.bool()? { self.integer() } else { self.whole(low, high) }
    }

    /// A number with a lower bound (X.691 11.7).
    pub fn at_least(&mut self, low: i64) -> Result<i64> {
        let len = self.length()?;
        self.align();
        if !(1..=8).contains(&len) {
            return Err(PerError::Range);
        }
        let offset = self.bits(len as u32 * 8)?;
        low.checked_add_unsigned(offset).ok_or(PerError::Range)
    }

    /// A number without bounds, of up to 64 bits (X.691 11.8).
    pub fn integer(&mut self) -> Result<i64> {
        let len = self.length()?;
        self.align();
        if !(1..=8).contains(&len) {
            return Err(PerError::Range);
        }
        let value = self.bits(len as u32 * 8)? as i64;
        let unused = 64 - len as u32 * 8;
        Ok(value << unused >> unused)
    }

    /// A number that is mostly small (X.691 11.6).
    pub fn small(&mut self) -> Result<u32> {
        if self.bool()? {
            u32::try_from(self.at_least(0)?).map_err(|_| PerError::Range)
        } else {
            Ok(self.bits(6)? as u32)
        }
    }

    /// An object identifier.
    pub fn oid(&mut self) -> Result<Oid> {
        let len = self.length()?;
        Oid::new(self.take(len)?).ok_or(PerError::Range)
    }

    /// The content of an open type, or octets without bounds.
    pub fn open_bytes(&mut self) -> Result<Vec<u8>> {
        let len = self.length()?;
        self.take(len).map(<[u8]>::to_vec)
    }

    /// So many octets as the array has.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        if N > 2 {
            array.copy_from_slice(self.take(N)?);
        } else {
            for octet in &mut array {
                *octet = self.bits(8)? as u8;
            }
        }
        Ok(array)
    }

    /// Octets.
    pub fn octets(&mut self, low: u32, high: Option<u32>) -> Result<Vec<u8>> {
        let len = self.count(low, high)?;
        if len == 0 {
            return Ok(Vec::new());
        }
        if high == Some(low) && low <= 2 {
            return (0..len).map(|_| self.bits(8).map(|octet| octet as u8)).collect();
        }
        self.take(len).map(<[u8]>::to_vec)
    }

    /// Bits.
    pub fn bit_string(&mut self, low: u32, high: Option<u32>) -> Result<BitString> {
        let len = self.count(low, high)?;
        if len > 0 && !(high == Some(low) && low <= 16) {
            self.align();
        }
        if len > self.end.saturating_sub(self.at) {
            return Err(PerError::Truncated);
        }
        let mut octets = Vec::with_capacity(len.div_ceil(8));
        let mut left = len as u32;
        while left > 0 {
            let take = left.min(8);
            octets.push((self.bits(take)? << (8 - take)) as u8);
            left -= take;
        }
        Ok(BitString { octets, len: len as u32 })
    }

    /// Text of characters of `bits` bits: their codes, or their places in `alphabet`.
    pub fn text(&mut self, low: u32, high: Option<u32>, bits: u32, alphabet: &str) -> Result<String> {
        let len = self.count(low, high)?;
        if len > 0 && is_text_aligned(low, high, bits) {
            self.align();
        }
        if len * bits as usize > self.end.saturating_sub(self.at) {
            return Err(PerError::Truncated);
        }
        let mut text = String::with_capacity(len);
        for _ in 0..len {
            let code = self.bits(bits)? as u8;
            let code = if alphabet.is_empty() {
                Some(code).filter(u8::is_ascii)
            } else {
                alphabet.as_bytes().get(usize::from(code)).copied()
            };
            text.push(char::from(code.ok_or(PerError::Range)?));
        }
        Ok(text)
    }

    /// UTF-16 text; half a pair becomes U+FFFD.
    pub fn bmp(&mut self, low: u32, high: Option<u32>) -> Result<String> {
        let len = self.count(low, high)?;
        if len == 0 {
            return Ok(String::new());
        }
        let octets = self.take(len * 2)?;
        let units = octets.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
        Ok(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
    }

    /// How many items or octets, within bounds (X.691 11.9).
    fn count(&mut self, low: u32, high: Option<u32>) -> Result<usize> {
        match high {
            Some(high) if high == low => Ok(high as usize),
            Some(high) if high < 0x1_0000 => Ok(self.whole(i64::from(low), i64::from(high))? as usize),
            _ => {
                let len = self.length()?;
                if len < low as usize { Err(PerError::Range) } else { Ok(len) }
            }
        }
    }

    /// A length without bounds.
    fn length(&mut self) -> Result<usize> {
        self.align();
        let first = self.bits(8)? as usize;
        match first {
            0..=0x7f => Ok(first),
            0x80..=0xbf => Ok((first & 0x3f) << 8 | self.bits(8)? as usize),
            _ => Err(PerError::Length),
        }
    }

    /// Whole octets, from the next octet on.
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        self.align();
        let from = self.at / 8;
        let to = from + len;
        if to * 8 > self.end {
            return Err(PerError::Truncated);
        }
        self.at = to * 8;
        Ok(&self.bytes[from..to])
    }

    const fn align(&mut self) {
        // the end is always that of an octet
        self.at = self.at.next_multiple_of(8);
    }
}
