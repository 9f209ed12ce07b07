//! Decimal numbers as text, in place and without a formatter: each call writes dozens into its record.

/// A count of 10⁻ⁿ as a decimal number: sign, digits, point and n places.
#[derive(Clone, Copy, Debug)]
pub struct WrittenDecimal {
    bytes: [u8; LONGEST],
    start: usize,
}

/// `-92233720368547.75808`: the smallest count, wherever its point is.
const LONGEST: usize = 21;

impl WrittenDecimal {
    /// `places` of 1 to 18.
    pub(crate) fn new(count: i64, places: usize) -> Self {
        let mut text = Self { bytes: [b'0'; LONGEST], start: LONGEST };
        let mut rest = count.unsigned_abs();
        // Places, point and at least one digit before it; then what is left.
        while rest > 0 || text.written() < places + 2 {
            let digit = if text.written() == places { b'.' } else { b'0' + (rest % 10) as u8 };
            if digit != b'.' {
                rest /= 10;
            }
            text.put(digit);
        }
        if count < 0 {
            text.put(b'-');
        }
        text
    }

    const fn written(&self) -> usize {
        LONGEST - self.start
    }

    /// From the right; the longest number just fits.
    const fn put(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }
}

impl std::ops::Deref for WrittenDecimal {
    type Target = str;

    fn deref(&self) -> &str {
        let written = self.bytes.get(self.start..).unwrap_or_default();
        // Only digits, point and sign are ever written.
        std::str::from_utf8(written).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_fit() {
        for (count, places, text) in [
            (i64::MIN, 5, "-92233720368547.75808"),
            (i64::MAX, 10, "922337203.6854775807"),
            (0, 5, "0.00000"),
            (-7, 5, "-0.00007"),
            (1_234_567, 5, "12.34567"),
        ] {
            assert_eq!(&*WrittenDecimal::new(count, places), text);
        }
    }
}
