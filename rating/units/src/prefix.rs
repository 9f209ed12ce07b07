//! Longest-prefix match over digit prefixes, for decks and routes of hundreds of thousands of rows.
//!
//! Built once, then immutable: prefixes packed in one `u64` each, sorted, every one knowing its longest proper prefix.

use std::fmt;
use std::str::FromStr;

use crate::{MAX_DIGITS, NumberError};

/// 0 to 15 digits packed in 64 bits, ordered as text: nibbles of `digit + 1` from the top, the length in the lowest four bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Prefix(u64);

/// Collects rows for a [`PrefixMap`].
#[derive(Debug, Clone)]
pub struct PrefixMapBuilder<T> {
    rows: Vec<(Prefix, T)>,
}

/// An immutable map from prefix to `T`, answering "which is the longest prefix of these digits".
#[derive(Debug, Clone)]
pub struct PrefixMap<T> {
    keys: Vec<Prefix>,
    /// For each key the index of its longest proper prefix in the map, or `NONE`.
    parents: Vec<u32>,
    values: Vec<T>,
    /// First index of each group of keys with equal top 16 bits (four digits); empty for small maps.
    jump: Vec<u32>,
}

/// The same prefix was given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("prefix {0} is given twice")]
pub struct DuplicatePrefix(pub Prefix);

const NONE: u32 = u32::MAX;
/// From this many keys on, the jump table pays.
const JUMP_FROM_KEYS: usize = 1_024;
/// The top four digits pick the group.
const JUMP_SHIFT: u32 = 48;

// === impl Prefix ===

impl Prefix {
    /// No digits: matches every number.
    pub const EMPTY: Self = Self(0);

    /// From ASCII digits, at most 15.
    pub fn new(digits: &[u8]) -> Result<Self, NumberError> {
        if digits.len() > MAX_DIGITS {
            return Err(NumberError::TooLong);
        }
        match digits.iter().position(|b| !b.is_ascii_digit()) {
            Some(at) => Err(NumberError::NotDigit(at)),
            None => Ok(Self::leading(digits)),
        }
    }

    /// How many digits.
    pub const fn len(self) -> usize {
        (self.0 & 0xF) as usize
    }

    /// As one number that orders as the text does.
    pub const fn packed(self) -> u64 {
        self.0
    }

    /// Whether it has no digits.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `digits` begin with this prefix.
    pub fn covers(self, digits: &[u8]) -> bool {
        self.is_prefix_of(Self::leading(digits))
    }

    /// The digits themselves, as values 0 to 9 from the left.
    pub fn digits(self) -> impl Iterator<Item = u8> {
        (0..self.len() as u32).map(move |at| ((self.0 >> (60 - 4 * at)) as u8 & 0xF).wrapping_sub(1))
    }

    /// Packs the leading digits, up to 15 and up to the first byte that is no digit.
    fn leading(digits: &[u8]) -> Self {
        let mut packed = 0;
        let mut len = 0_u64;
        for &digit in digits.iter().take(MAX_DIGITS).take_while(|b| b.is_ascii_digit()) {
            packed |= u64::from(digit - b'0' + 1) << (60 - 4 * len);
            len += 1;
        }
        Self(packed | len)
    }

    const fn is_prefix_of(self, other: Self) -> bool {
        let len = self.len();
        // Shifting by 64 would be the empty prefix, which begins everything.
        len == 0 || (self.0 ^ other.0) >> (64 - 4 * len) == 0
    }
}

impl FromStr for Prefix {
    type Err = NumberError;
    fn from_str(s: &str) -> Result<Self, NumberError> {
        Self::new(s.as_bytes())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; MAX_DIGITS];
        for (slot, digit) in text.iter_mut().zip(self.digits()) {
            *slot = b'0' + digit;
        }
        f.pad(std::str::from_utf8(&text[..self.len()]).unwrap_or_default())
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl serde::Serialize for Prefix {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Prefix {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let s = <std::borrow::Cow<'de, str>>::deserialize(d)?;
        s.parse().map_err(serde::de::Error::custom)
    }
}

// === impl PrefixMapBuilder ===

impl<T> Default for PrefixMapBuilder<T> {
    fn default() -> Self {
        Self { rows: Vec::new() }
    }
}

impl<T> PrefixMapBuilder<T> {
    /// Empty, with room for `rows`.
    pub fn with_capacity(rows: usize) -> Self {
        Self { rows: Vec::with_capacity(rows) }
    }

    /// Adds one row; any order.
    pub fn insert(&mut self, prefix: Prefix, value: T) {
        self.rows.push((prefix, value));
    }

    /// Sorts and links; a prefix given twice is an error (the smallest such is named).
    pub fn build(mut self) -> Result<PrefixMap<T>, DuplicatePrefix> {
        self.rows.sort_by_key(|row| row.0);
        let mut map = PrefixMap {
            keys: Vec::with_capacity(self.rows.len()),
            parents: Vec::with_capacity(self.rows.len()),
            values: Vec::with_capacity(self.rows.len()),
            jump: Vec::new(),
        };
        for (key, value) in self.rows {
            // The keys that still may be prefixes of what follows are the chain of the last key.
            let last = map.keys.len().checked_sub(1).map_or(NONE, |at| at as u32);
            if map.key_at(last) == Some(key) {
                return Err(DuplicatePrefix(key));
            }
            let parent = map.ancestor(last, key);
            map.keys.push(key);
            map.parents.push(parent);
            map.values.push(value);
        }
        if map.keys.len() >= JUMP_FROM_KEYS {
            map.jump = jump_table(&map.keys);
        }
        Ok(map)
    }
}

/// `table[g]..table[g + 1]` are the keys whose top 16 bits are `g`.
fn jump_table(keys: &[Prefix]) -> Vec<u32> {
    let groups = 1_usize << (64 - JUMP_SHIFT);
    let mut table = Vec::with_capacity(groups + 1);
    for (at, key) in keys.iter().enumerate() {
        let group = (key.0 >> JUMP_SHIFT) as usize;
        while table.len() <= group {
            table.push(at as u32);
        }
    }
    table.resize(groups + 1, keys.len() as u32);
    table
}

// === impl PrefixMap ===

impl<T> Default for PrefixMap<T> {
    fn default() -> Self {
        Self { keys: Vec::new(), parents: Vec::new(), values: Vec::new(), jump: Vec::new() }
    }
}

impl<T> PrefixMap<T> {
    /// A map to be filled.
    pub fn builder() -> PrefixMapBuilder<T> {
        PrefixMapBuilder::default()
    }

    /// The longest prefix of `digits` and its value. Digits past the 15th and anything from the first non-digit on are not looked at.
    pub fn longest(&self, digits: &[u8]) -> Option<(Prefix, &T)> {
        self.matches(digits).next()
    }

    /// Every prefix of `digits`, the longest first.
    pub fn matches(&self, digits: &[u8]) -> Matches<'_, T> {
        let wanted = Prefix::leading(digits);
        // The greatest key not above the number is its longest prefix or begins with it.
        let after = self.first_above(wanted);
        let near = after.checked_sub(1).map_or(NONE, |at| at as u32);
        Matches { map: self, at: self.ancestor(near, wanted) }
    }

    /// The value of exactly this prefix.
    pub fn exact(&self, prefix: Prefix) -> Option<&T> {
        self.keys.binary_search(&prefix).ok().and_then(|at| self.values.get(at))
    }

    /// All rows in the order of their digits.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, &T)> {
        self.keys.iter().copied().zip(&self.values)
    }

    /// How many prefixes.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing matches ever.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn key_at(&self, at: u32) -> Option<Prefix> {
        self.keys.get(at as usize).copied()
    }

    /// The index of the first key above `wanted`.
    fn first_above(&self, wanted: Prefix) -> usize {
        let group = (wanted.0 >> JUMP_SHIFT) as usize;
        match self.jump.get(group..=group + 1) {
            Some(&[from, to]) => {
                let (from, to) = (from as usize, to as usize);
                from + self.keys.get(from..to).unwrap_or_default().partition_point(|key| *key <= wanted)
            }
            _ => self.keys.partition_point(|key| *key <= wanted),
        }
    }

    /// From index `at` up through its prefixes to the first that begins `wanted`.
    fn ancestor(&self, mut at: u32, wanted: Prefix) -> u32 {
        while let Some(key) = self.key_at(at) {
            if key.is_prefix_of(wanted) {
                return at;
            }
            at = self.parents.get(at as usize).copied().unwrap_or(NONE);
        }
        NONE
    }
}

/// The prefixes of one number, the longest first.
#[derive(Debug)]
pub struct Matches<'a, T> {
    map: &'a PrefixMap<T>,
    at: u32,
}

impl<'a, T> Iterator for Matches<'a, T> {
    type Item = (Prefix, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at as usize;
        let found = (*self.map.keys.get(at)?, self.map.values.get(at)?);
        self.at = self.map.parents.get(at).copied().unwrap_or(NONE);
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn map(prefixes: &[&str]) -> PrefixMap<String> {
        let mut builder = PrefixMap::builder();
        for prefix in prefixes {
            builder.insert(prefix.parse().expect("digits"), (*prefix).to_owned());
        }
        builder.build().expect("no duplicates")
    }

    #[test]
    fn the_longest_wins_and_the_shorter_follow() {
        let map = map(&["", "34", "346", "3491", "5", "55", "5511"]);
        for (number, expected) in [
            ("34911234567", &["3491", "34", ""][..]),
            ("34611234567", &["346", "34", ""]),
            ("5512", &["55", "5", ""]),
            ("5511", &["5511", "55", "5", ""]),
            ("3", &[""]),
            ("", &[""]),
            ("999999999999999", &[""]),
        ] {
            let found: Vec<_> = map.matches(number.as_bytes()).map(|(prefix, value)| (prefix.to_string(), value.clone())).collect();
            let expected: Vec<_> = expected.iter().map(|p| ((*p).to_owned(), (*p).to_owned())).collect();
            assert_eq!(found, expected, "{number}");
        }
        assert_eq!(map.exact("55".parse().expect("digits")).map(String::as_str), Some("55"));
        assert_eq!(map.exact("551".parse().expect("digits")), None);
        assert!(PrefixMap::<u8>::default().longest(b"34").is_none());
    }

    #[test]
    fn a_duplicate_is_named() {
        let mut builder = PrefixMap::builder();
        for prefix in ["34", "7", "34"] {
            builder.insert(prefix.parse().expect("digits"), ());
        }
        assert_eq!(builder.build().map(|_| ()), Err(DuplicatePrefix("34".parse().expect("digits"))));
    }

    #[test]
    fn prefixes_print_and_refuse_as_numbers_do() {
        for text in ["", "0", "00", "34911234567", "999999999999999"] {
            let prefix: Prefix = text.parse().expect("digits");
            assert_eq!((prefix.to_string(), prefix.len()), (text.to_owned(), text.len()));
        }
        assert_eq!("12a".parse::<Prefix>(), Err(NumberError::NotDigit(2)));
        assert_eq!("1234567890123456".parse::<Prefix>(), Err(NumberError::TooLong));
        let prefix = |text: &str| text.parse::<Prefix>().expect("digits");
        assert!(prefix("0") < prefix("00"));
        assert!(prefix("34").covers(b"349") && !prefix("35").covers(b"349"));
    }

    proptest! {
        /// Against the obvious search over every prefix.
        #[test]
        fn agrees_with_a_linear_search(
            prefixes in proptest::collection::btree_set("[0-3]{0,7}", 0..3_000),
            numbers in proptest::collection::vec("[0-3]{1,15}", 1..50),
        ) {
            let all: Vec<&str> = prefixes.iter().map(String::as_str).collect();
            let map = map(&all);
            prop_assert_eq!(map.len(), all.len());
            for number in numbers {
                let mut expected: Vec<&str> = all.iter().copied().filter(|p| number.starts_with(p)).collect();
                expected.sort_by_key(|p| std::cmp::Reverse(p.len()));
                let found: Vec<&str> = map.matches(number.as_bytes()).map(|(_, value)| value.as_str()).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
