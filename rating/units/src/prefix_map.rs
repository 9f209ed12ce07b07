//! Longest-prefix match over digit prefixes, for decks and routes of hundreds of thousands of rows.
//!
//! Built once, then immutable: prefixes packed in one `u64` each, sorted, every one knowing its longest
//! proper prefix.

use crate::Prefix;

/// Collects rows for a [`PrefixMap`].
#[derive(Debug, Clone)]
pub struct PrefixMapBuilder<T> {
    rows: Vec<(Prefix, T)>,
}

/// An immutable map from prefix to `T`, answering "which is the longest prefix of these digits".
#[derive(Debug, Clone)]
pub struct PrefixMap<T> {
    /// Sorted by key.
    entries: Vec<Entry<T>>,
    /// Where the keys of each combination of leading digits begin; empty for small maps.
    jump: Jump,
}

/// One row; key and link stand together, so that a lookup touches few cache lines.
#[derive(Debug, Clone)]
struct Entry<T> {
    key: Prefix,
    /// The longest proper prefix in the map.
    parent: Link,
    value: T,
}

/// An entry's index in the upper 28 bits and its number of digits in the lower four; all ones for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Link(u32);

/// First index of each group of keys that share their leading digits.
#[derive(Debug, Clone, Default)]
struct Jump {
    digits: u32,
    starts: Vec<u32>,
}

/// Rows that make no map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixMapError {
    /// The same prefix was given twice.
    #[error("prefix {0} is given twice")]
    Duplicate(Prefix),
    /// More than 2²⁸ rows.
    #[error("more than {MAX_KEYS} prefixes")]
    TooMany,
}

/// From so many keys on, so many leading digits are looked up in a table of 11ⁿ groups.
const JUMPS: [(usize, u32); 3] = [(65_536, 5), (4_096, 4), (512, 3)];
/// Ten digits and the end of the number.
const SYMBOLS: u64 = 11;
/// Links have 28 bits.
const MAX_KEYS: usize = (1 << 28) - 1;

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
    pub fn build(mut self) -> Result<PrefixMap<T>, PrefixMapError> {
        if self.rows.len() > MAX_KEYS {
            return Err(PrefixMapError::TooMany);
        }
        self.rows.sort_by_key(|row| row.0);
        let mut map = PrefixMap { entries: Vec::with_capacity(self.rows.len()), jump: Jump::default() };
        let mut last = Link::NONE;
        for (key, value) in self.rows {
            if map.at(last).is_some_and(|entry| entry.key == key) {
                return Err(PrefixMapError::Duplicate(key));
            }
            // The keys that still may be prefixes of what follows are the chain of the last key.
            let parent = map.covering(last, key);
            last = Link::to(map.entries.len(), key);
            map.entries.push(Entry { key, parent, value });
        }
        map.jump = Jump::over(&map.entries);
        Ok(map)
    }
}

// === impl Link ===

impl Link {
    const NONE: Self = Self(u32::MAX);

    const fn to(index: usize, key: Prefix) -> Self {
        Self((index as u32) << 4 | key.len() as u32)
    }

    const fn index(self) -> usize {
        (self.0 >> 4) as usize
    }

    const fn len(self) -> usize {
        (self.0 & 0xF) as usize
    }
}

// === impl Jump ===

impl Jump {
    fn over<T>(entries: &[Entry<T>]) -> Self {
        let Some((_, digits)) = JUMPS.into_iter().find(|(keys, _)| entries.len() >= *keys) else {
            return Self::default();
        };
        let groups = SYMBOLS.pow(digits) as usize;
        let mut jump = Self { digits, starts: Vec::with_capacity(groups + 1) };
        for (at, entry) in entries.iter().enumerate() {
            let group = jump.group(entry.key);
            while jump.starts.len() <= group {
                jump.starts.push(at as u32);
            }
        }
        jump.starts.resize(groups + 1, entries.len() as u32);
        jump
    }

    /// The leading digits as a number of base 11; larger for larger keys.
    fn group(&self, key: Prefix) -> usize {
        (0..self.digits).fold(0, |group, at| group * SYMBOLS + (key.packed() >> (60 - 4 * at) & 0xF)) as usize
    }

    /// Between which indices the place of `wanted` is.
    fn range(&self, wanted: Prefix) -> Option<(usize, usize)> {
        let group = if self.digits == 0 { return None } else { self.group(wanted) };
        match self.starts.get(group..group + 2)? {
            &[from, to] => Some((from as usize, to as usize)),
            _ => None,
        }
    }
}

// === impl PrefixMap ===

impl<T> Default for PrefixMap<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), jump: Jump::default() }
    }
}

impl<T> PrefixMap<T> {
    /// A map to be filled.
    pub fn builder() -> PrefixMapBuilder<T> {
        PrefixMapBuilder::default()
    }

    /// The longest prefix of `digits` and its value. Digits past the 15th and anything from the first
    /// non-digit on are not looked at.
    pub fn longest(&self, digits: &[u8]) -> Option<(Prefix, &T)> {
        self.matches(digits).next()
    }

    /// Every prefix of `digits`, the longest first.
    pub fn matches(&self, digits: &[u8]) -> Matches<'_, T> {
        let wanted = Prefix::leading(digits);
        let (from, to) = self.jump.range(wanted).unwrap_or((0, self.entries.len()));
        let group = self.entries.get(from..to).unwrap_or_default();
        // The greatest key not above the number is its longest prefix, or begins with it.
        let near = (from + group.partition_point(|entry| entry.key <= wanted)).checked_sub(1);
        let near = near.and_then(|at| self.entries.get(at).map(|entry| Link::to(at, entry.key)));
        Matches { map: self, at: near.map_or(Link::NONE, |near| self.covering(near, wanted)) }
    }

    /// The value of exactly this prefix.
    pub fn exact(&self, prefix: Prefix) -> Option<&T> {
        let at = self.entries.binary_search_by_key(&prefix, |entry| entry.key).ok()?;
        self.entries.get(at).map(|entry| &entry.value)
    }

    /// All rows in the order of their digits.
    pub fn iter(&self) -> impl Iterator<Item = (Prefix, &T)> {
        self.entries.iter().map(|entry| (entry.key, &entry.value))
    }

    /// How many prefixes.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing matches ever.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn at(&self, link: Link) -> Option<&Entry<T>> {
        self.entries.get(link.index())
    }

    /// From an entry up through its prefixes to the first that begins `wanted`.
    fn covering(&self, near: Link, wanted: Prefix) -> Link {
        let Some(entry) = self.at(near) else { return Link::NONE };
        // All of the chain begin the near key: those not longer than what it shares with the number begin the
        // number too.
        let shared = entry.key.shared(wanted);
        let mut link = near;
        while link != Link::NONE && link.len() > shared {
            link = self.at(link).map_or(Link::NONE, |entry| entry.parent);
        }
        link
    }
}

/// The prefixes of one number, the longest first.
#[derive(Debug)]
pub struct Matches<'a, T> {
    map: &'a PrefixMap<T>,
    at: Link,
}

impl<'a, T> Iterator for Matches<'a, T> {
    type Item = (Prefix, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.map.at(self.at)?;
        self.at = entry.parent;
        Some((entry.key, &entry.value))
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
            let found: Vec<_> = map
                .matches(number.as_bytes())
                .map(|(prefix, value)| (prefix.to_string(), value.clone()))
                .collect();
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
        assert_eq!(
            builder.build().map(|_| ()),
            Err(PrefixMapError::Duplicate("34".parse().expect("digits")))
        );
    }

    /// Maps large enough for every size of the jump table, against a set that is asked for each length.
    #[test]
    fn agrees_with_a_set_at_every_size() {
        let mut state = 1_u64;
        let mut digits = |least: u64, most: u64| {
            let mut next = |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            let len = least + next(most - least + 1);
            (0..len).map(|_| char::from(b'0' + next(10) as u8)).collect::<String>()
        };
        for keys in [600, 5_000, 70_000] {
            let all: std::collections::BTreeSet<String> = (0..keys).map(|_| digits(1, 8)).collect();
            let map = map(&all.iter().map(String::as_str).collect::<Vec<_>>());
            for _ in 0..2_000 {
                let number = digits(1, 15);
                let expected: Vec<&str> =
                    (0..=number.len()).rev().map(|len| &number[..len]).filter(|p| all.contains(*p)).collect();
                let found: Vec<&str> =
                    map.matches(number.as_bytes()).map(|(_, value)| value.as_str()).collect();
                assert_eq!(found, expected, "{number} among {keys}");
            }
        }
    }

    proptest! {
        /// Against the obvious search over every prefix.
        #[test]
        fn agrees_with_a_linear_search(
            prefixes in proptest::collection::btree_set("[0-3]{0,6}", 0..900),
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
