//! Telephone numbers as PASSporTs and certificates write them (RFC 8224 §8.3, RFC 8226 §9).

use std::fmt;

/// Most characters of a number; E.164 has 15 digits.
const TN_MAX: usize = 15;

/// A telephone number in its canonical form: digits, `#` and `*`, without `+`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tn(Box<str>);

// === impl Tn ===

impl Tn {
    /// The canonical form of a number (RFC 8224 §8.3): a leading `+` and visual separators go. `None` if
    /// anything else stands in it, if it is empty, or too long.
    pub fn canonical(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('+').unwrap_or(text);
        if text.len() > 4 * TN_MAX {
            return None;
        }
        let kept: String = text.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
        let is_tn = |c: char| c.is_ascii_digit() || c == '#' || c == '*';
        (!kept.is_empty() && kept.len() <= TN_MAX && kept.chars().all(is_tn)).then(|| Self(kept.into()))
    }

    /// As it stands in a claim.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its value as a number, and how many digits it has; `None` if it has `#` or `*`.
    pub(crate) fn value(&self) -> Option<(u64, usize)> {
        Some((self.0.parse().ok()?, self.0.len()))
    }
}

impl fmt::Display for Tn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_form() {
        for text in ["+1-215-555-0131", "1 (215) 555.0131", "12155550131", " +12155550131 "] {
            assert_eq!(Tn::canonical(text).expect(text).as_str(), "12155550131", "{text}");
        }
        assert_eq!(Tn::canonical("*86").map(|tn| tn.to_string()).as_deref(), Some("*86"));
        for text in ["", "+", "alice", "++34", "34x", "1234567890123456", "٣٤"] {
            assert_eq!(Tn::canonical(text), None, "{text}");
        }
    }
}
