//! Which answers of a carrier make the switch try the next one: `next_on` of the configuration.

use std::fmt;

const FIRST: u16 = 300;
const LAST: u16 = 699;

/// A set of final SIP statuses from 300 to 699.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct StatusSet([u64; 7]);

/// Why text names no statuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a final status: write one from 300 to 699, or 3xx, 4xx, 5xx, 6xx")]
pub struct StatusError(pub String);

// === impl StatusSet ===

impl StatusSet {
    /// No status.
    pub const EMPTY: Self = Self([0; 7]);

    /// The default of `next_on`: 3xx 401 402 403 404 405 407 408 415 420 480 483 488 5xx.
    pub fn next_on() -> Self {
        let mut set = Self::EMPTY;
        set.insert_range(300, 399);
        set.insert_range(500, 599);
        for status in [401, 402, 403, 404, 405, 407, 408, 415, 420, 480, 483, 488] {
            set.insert_range(status, status);
        }
        set
    }

    /// Adds what `text` names: `486` or a class, `5xx`.
    pub fn insert(&mut self, text: &str) -> Result<(), StatusError> {
        let wrong = || StatusError(text.to_owned());
        let digits = text.as_bytes();
        match digits {
            [class @ b'3'..=b'6', b'x' | b'X', b'x' | b'X'] => {
                let first = u16::from(class - b'0') * 100;
                self.insert_range(first, first + 99);
            }
            [b'3'..=b'6', b'0'..=b'9', b'0'..=b'9'] => {
                let status = text.parse().map_err(|_| wrong())?;
                self.insert_range(status, status);
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }

    /// Whether `status` is in the set.
    pub fn contains(&self, status: u16) -> bool {
        (FIRST..=LAST).contains(&status) && {
            let at = status - FIRST;
            self.0.get(usize::from(at / 64)).is_some_and(|word| word >> (at % 64) & 1 == 1)
        }
    }

    fn insert_range(&mut self, first: u16, last: u16) {
        for status in first.max(FIRST)..=last.min(LAST) {
            let at = status - FIRST;
            if let Some(word) = self.0.get_mut(usize::from(at / 64)) {
                *word |= 1 << (at % 64);
            }
        }
    }
}

/// As in a configuration: whole classes as `5xx`, the rest one by one.
impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut gap = "";
        for class in 3..=6u16 {
            let all = class * 100..class * 100 + 100;
            if all.clone().all(|status| self.contains(status)) {
                write!(f, "{gap}{class}xx")?;
                gap = " ";
                continue;
            }
            for status in all.filter(|&status| self.contains(status)) {
                write!(f, "{gap}{status}")?;
                gap = " ";
            }
        }
        Ok(())
    }
}

impl fmt::Debug for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_next_on_is_the_contracts() {
        let set = StatusSet::next_on();
        assert_eq!(set.to_string(), "3xx 401 402 403 404 405 407 408 415 420 480 483 488 5xx");
        for stop in [410, 484, 486, 487, 600, 603, 699, 299, 700, 0, u16::MAX] {
            assert!(!set.contains(stop), "{stop}");
        }
    }

    #[test]
    fn reads_statuses_and_classes() {
        let mut set = StatusSet::EMPTY;
        for text in ["5xx", "486", "3XX"] {
            set.insert(text).expect(text);
        }
        assert_eq!(set.to_string(), "3xx 486 5xx");
        for wrong in ["", "2xx", "200", "7xx", "48", "4x6", "4800", "abc", "48é"] {
            assert!(set.insert(wrong).is_err(), "{wrong}");
        }
    }
}
