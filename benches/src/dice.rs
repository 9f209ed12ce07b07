//! Dice with a seed: xorshift64* (Vigna, 2016). Every run on every machine measures the same prefixes,
//! numbers and calls.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The same seed, the same stream.
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x5DEE_CE66_D1CE_4E5B | 1)
    }

    /// 64 bits.
    pub const fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`, which is not 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        // The high half: the low bits of this generator are its weak ones.
        ((self.roll() >> 32) * bound) >> 32
    }

    /// One of `of`, which is not empty.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// Appends `count` digits.
    pub fn digits(&mut self, text: &mut String, count: usize) {
        for _ in 0..count {
            text.push(char::from(b'0' + self.below(10) as u8));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_stream_repeats_and_stays_in_bounds() {
        let (mut one, mut two) = (Dice::new(7), Dice::new(7));
        let rolled: Vec<u64> = (0..1_000).map(|_| one.below(10)).collect();
        assert!(rolled.iter().all(|&n| n < 10 && n == two.below(10)));
        assert_eq!((0..10).filter(|n| rolled.contains(n)).count(), 10);
    }
}
