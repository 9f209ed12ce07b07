//! Writes packed values.

use super::limits::{BitString, MAX_LENGTH, PerError, is_text_aligned, width};
use super::oid::Oid;

/// A message that is being written. The first fault is kept and told by [`Writer::finish`].
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
    /// Bits of the last octet that are free.
    free: u32,
    /// Octets in front of the message.
    begin: usize,
    fault: Option<PerError>,
}

/// An open type that is being written: where its content begins.
#[derive(Debug)]
pub struct Open(usize);

// === impl Writer: structure ===

impl Writer {
    /// Empty, with room for `capacity` octets.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { out: Vec::with_capacity(capacity), ..Self::default() }
    }

    /// Goes on behind octets that are already there.
    pub const fn behind(out: Vec<u8>) -> Self {
        Self { begin: out.len(), out, free: 0, fault: None }
    }

    /// The whole message; the error if a value broke its constraint.
    pub fn finish(mut self) -> Result<Vec<u8>, PerError> {
        if self.out.len() == self.begin {
            self.out.push(0);
        }
        self.fault.map_or(Ok(self.out), Err)
    }

    /// Begins an open type.
    pub fn open(&mut self) -> Open {
        self.free = 0;
        self.out.push(0);
        Open(self.out.len())
    }

    /// Ends an open type: its length is put in front.
    pub fn close(&mut self, Open(begin): Open) {
        self.free = 0;
        if self.out.len() == begin {
            self.out.push(0);
        }
        let len = self.out.len() - begin;
        if len < 0x80 {
            self.out[begin - 1] = len as u8;
        } else {
            self.check(len <= MAX_LENGTH, PerError::Length);
            self.out[begin - 1] = 0x80 | (len >> 8) as u8;
            self.out.insert(begin, len as u8);
        }
    }

    /// Which extension additions follow.
    pub fn additions(&mut self, present: &[bool]) {
        if present.len() <= 64 {
            self.bits(present.len() as u64 - 1, 7);
        } else {
            self.bool(true);
            self.length(present.len());
        }
        present.iter().for_each(|&present| self.bool(present));
    }

    const fn check(&mut self, is_fine: bool, fault: PerError) {
        if !is_fine && self.fault.is_none() {
            self.fault = Some(fault);
        }
    }
}

// === impl Writer: values ===

impl Writer {
    /// One bit.
    pub fn bool(&mut self, bit: bool) {
        self.bits(u64::from(bit), 1);
    }

    /// The lowest `n` bits of a value.
    pub fn bits(&mut self, value: u64, n: u32) {
        let mut left = n;
        while left > 0 {
            if self.free == 0 {
                self.out.push(0);
                self.free = 8;
            }
            let take = self.free.min(left);
            let part = (value >> (left - take)) as u8 & (0xff_u8 >> (8 - take));
            if let Some(last) = self.out.last_mut() {
                *last |= part << (self.free - take);
            }
            self.free -= take;
            left -= take;
        }
    }

    /// A number with both bounds.
    pub fn whole(&mut self, value: i64, low: i64, high: i64) {
        self.check((low..=high).contains(&value), PerError::Range);
        let (span, offset) = (high.abs_diff(low), value.wrapping_sub(low) as u64);
        match span {
            0 => {}
            1..=254 => self.bits(offset, width(span)),
            255 => self.aligned(offset, 1),
            256..=0xffff => self.aligned(offset, 2),
            _ => {
                let octets = width(span).div_ceil(8);
                let len = width(offset).div_ceil(8).clamp(1, octets);
                self.bits(u64::from(len) - 1, width(u64::from(octets) - 1));
                self.aligned(offset, len);
            }
        }
    }

    /// A number that may lie outside its bounds.
    pub fn extensible_whole(&mut self, value: i64, low: i64, high: i64) {
        let is_inside = (low..=high).contains(&value);
        self.bool(!is_inside);
        if is_inside {
            self.whole(value, low, high);
        } else {
            self.integer(value);
        }
    }

    /// A number with a lower bound.
    pub fn at_least(&mut self, value: i64, low: i64) {
        self.check(value >= low, PerError::Range);
        let offset = value.wrapping_sub(low) as u64;
        let len = width(offset).div_ceil(8).max(1);
        self.length(len as usize);
        self.aligned(offset, len);
    }

    /// A number without bounds.
    pub fn integer(&mut self, value: i64) {
        let magnitude = if value < 0 { !value } else { value };
        let len = width(magnitude as u64) / 8 + 1;
        self.length(len as usize);
        self.aligned(value as u64, len);
    }

    /// A number that is mostly small.
    pub fn small(&mut self, value: u32) {
        if value < 64 {
            self.bits(u64::from(value), 7);
        } else {
            self.bool(true);
            self.at_least(i64::from(value), 0);
        }
    }

    /// An object identifier.
    pub fn oid(&mut self, oid: &Oid) {
        self.open_bytes(oid.octets());
    }

    /// The content of an open type, or octets without bounds.
    pub fn open_bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.append(bytes);
    }

    /// Octets.
    pub fn octets(&mut self, octets: &[u8], low: u32, high: Option<u32>) {
        self.count(octets.len(), low, high);
        if high == Some(low) && low <= 2 {
            octets.iter().for_each(|&octet| self.bits(u64::from(octet), 8));
        } else if !octets.is_empty() {
            self.append(octets);
        }
    }

    /// Bits.
    pub fn bit_string(&mut self, bits: &BitString, low: u32, high: Option<u32>) {
        self.check(bits.len.div_ceil(8) as usize == bits.octets.len(), PerError::Range);
        self.count(bits.len as usize, low, high);
        if bits.len > 0 && !(high == Some(low) && low <= 16) {
            self.free = 0;
        }
        let mut left = bits.len;
        for &octet in &bits.octets {
            let take = left.min(8);
            self.bits(u64::from(octet) >> (8 - take), take);
            left -= take;
        }
    }

    /// Text of characters of `bits` bits.
    pub fn text(&mut self, text: &str, low: u32, high: Option<u32>, bits: u32, alphabet: &str) {
        self.count(text.len(), low, high);
        if !text.is_empty() && is_text_aligned(low, high, bits) {
            self.free = 0;
        }
        for &code in text.as_bytes() {
            let place = if alphabet.is_empty() {
                Some(usize::from(code)).filter(|_| code.is_ascii())
            } else {
                alphabet.bytes().position(|c| c == code)
            };
            self.check(place.is_some(), PerError::Range);
            self.bits(place.unwrap_or(0) as u64, bits);
        }
    }

    /// UTF-16 text.
    pub fn bmp(&mut self, text: &str, low: u32, high: Option<u32>) {
        self.count(text.encode_utf16().count(), low, high);
        if !text.is_empty() {
            self.free = 0;
        }
        for unit in text.encode_utf16() {
            self.out.extend(unit.to_be_bytes());
        }
    }

    /// How many items or octets follow.
    pub fn count(&mut self, count: usize, low: u32, high: Option<u32>) {
        let is_inside = count >= low as usize && high.is_none_or(|high| count <= high as usize);
        self.check(is_inside, PerError::Range);
        match high {
            Some(high) if high == low => {}
            Some(high) if high < 0x1_0000 => self.whole(count as i64, i64::from(low), i64::from(high)),
            _ => self.length(count),
        }
    }

    fn length(&mut self, len: usize) {
        self.check(len <= MAX_LENGTH, PerError::Length);
        if len < 0x80 {
            self.aligned(len as u64, 1);
        } else {
            self.aligned(0x8000 | len as u64, 2);
        }
    }

    /// A number of whole octets, from the next octet on.
    fn aligned(&mut self, value: u64, octets: u32) {
        self.free = 0;
        let bytes = value.to_be_bytes();
        self.out.extend_from_slice(&bytes[bytes.len() - octets as usize..]);
    }

    fn append(&mut self, bytes: &[u8]) {
        self.free = 0;
        self.out.extend_from_slice(bytes);
    }
}
