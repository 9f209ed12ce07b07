//! Which packet indices came, or were sent, of late (RFC 3711 §3.3.2).

/// Indices behind the highest that are told apart.
pub(super) const WINDOW: u64 = 128;

/// The highest index and the [`WINDOW`] before it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    highest: u64,
    /// Bit n: the index n below the highest was seen. 0 before the first.
    seen: u128,
}

// === impl Window ===

impl Window {
    /// Whether an index was not seen and is not older than the window.
    pub(super) fn is_new(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(_) if self.seen == 0 => true,
            Some(behind) => behind < WINDOW && self.seen >> behind & 1 == 0,
        }
    }

    /// An index was seen.
    pub(super) fn note(&mut self, index: u64) {
        if self.seen == 0 {
            (self.highest, self.seen) = (index, 1);
        } else if let Some(ahead) = index.checked_sub(self.highest).filter(|ahead| *ahead > 0) {
            self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
            self.highest = index;
        } else if let Some(behind) = self.highest.checked_sub(index).filter(|behind| *behind < WINDOW) {
            self.seen |= 1 << behind;
        }
    }

    /// The highest index that was seen.
    pub(super) const fn highest(&self) -> Option<u64> {
        if self.seen == 0 { None } else { Some(self.highest) }
    }

    /// The index, of 48 bits, of a packet of this sequence number: the one nearest to the highest (RFC 3711
    /// §3.3.1 and appendix A). None of one that would be before the first.
    pub(super) fn index_of(&self, sequence: u16) -> Option<u64> {
        let Some(highest) = self.highest() else { return Some(u64::from(sequence)) };
        let ahead = sequence.wrapping_sub(highest as u16) as i16;
        highest.checked_add_signed(i64::from(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_new_once_and_only_within_the_window() {
        let mut window = Window::default();
        assert!(window.is_new(0) && window.is_new(u64::MAX));
        for (index, is_new) in [
            (1_000, true),
            (1_000, false),
            (1_002, true),
            (1_001, true),
            (1_001, false),
            (1_002 - 127, true),
            (1_002 - 128, false),
            (5_000, true),
            (1_002, false),
            (5_000 - 127, true),
        ] {
            assert_eq!(window.is_new(index), is_new, "{index}");
            if is_new {
                window.note(index);
                assert!(!window.is_new(index), "{index}");
            }
        }
    }

    #[test]
    fn sequence_numbers_wrap_into_indices() {
        let mut window = Window::default();
        for (sequence, index) in [
            (65_534, 65_534),
            (65_535, 65_535),
            (1, 65_537),
            (0, 65_536),
            (65_535, 65_535),
            (40_000, 65_536 + 40_000 - 65_536),
            (30_000, 65_536 + 30_000),
            (50_000, 65_536 + 50_000),
            (10, 131_072 + 10),
        ] {
            let found = window.index_of(sequence);
            assert_eq!(found, Some(index), "{sequence}");
            window.note(index);
        }
        let mut young = Window::default();
        young.note(10);
        assert_eq!(young.index_of(65_000), None, "before the first");
    }
}
