//! `;name=value` parameters of headers and URIs (RFC 3261 §25.1 `generic-param`).
//! Invariant: reading is lenient (blanks round `;` and `=`, empty parts skipped), [`Params::well_formed`] is
//! not.

use crate::chars::{all_token, trim};
use crate::list::{find_outside, quoted_end};

/// The text after a value, without its first `;`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    text: &'a str,
}

impl<'a> Params<'a> {
    /// Takes `a=1;b;c="x;y"`; one leading `;` is skipped.
    pub fn new(text: &'a str) -> Params<'a> {
        let text = trim(text);
        Params { text: text.strip_prefix(';').unwrap_or(text) }
    }

    /// The text, without its first `;`.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Names and values in order; a parameter without `=` has no value; quotes stay on the value.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
        parts(self.text).map(trim).filter(|part| !part.is_empty()).map(|part| match part.split_once('=') {
            Some((name, value)) => (trim(name), Some(trim(value))),
            None => (part, None),
        })
    }

    /// The first parameter of this name, case ignored: `Some(None)` when it has no value.
    pub fn find(&self, name: &str) -> Option<Option<&'a str>> {
        if self.text.len() < name.len() {
            return None;
        }
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the first parameter of this name; `""` when it has none.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(|value| value.unwrap_or(""))
    }

    /// Every part has a token for a name, no part is empty, no quote is left open; the parameter `key` stands
    /// at most once and its value has one to `longest` bytes.
    pub fn well_formed(&self, key: &str, longest: usize) -> bool {
        if self.text.is_empty() {
            return true;
        }
        let mut found = false;
        parts(self.text).all(|part| {
            let (name, value) = match memchr::memchr(b'=', part.as_bytes()) {
                Some(at) => (trim(&part[..at]), trim(&part[at + 1..])),
                None => (trim(part), ""),
            };
            let is_key = name.eq_ignore_ascii_case(key);
            let again = is_key && std::mem::replace(&mut found, true);
            let fits = !is_key || (1..=longest).contains(&value.len());
            !again
                && fits
                && all_token(name)
                && (!value.starts_with('"') || quoted_end(value) == Some(value.len()))
        })
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        match find_outside(text, b';') {
            Some(at) => {
                rest = text.get(at + 1..);
                Some(&text[..at])
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_with_blanks_and_quotes() {
        let params = Params::new("; newparam =  newvalue ;  secondparam ; q = 0.33;s=\"a;b\"");
        assert_eq!(params.value("NewParam"), Some("newvalue"));
        assert_eq!(params.find("secondparam"), Some(None));
        assert_eq!(params.value("q"), Some("0.33"));
        assert_eq!(params.value("s"), Some("\"a;b\""));
        assert_eq!(params.find("none"), None);
        assert!(params.well_formed("q", 4));
    }

    #[test]
    fn refuses_stray_separators() {
        assert!(!Params::new(";;,;").well_formed("", 0));
        assert!(!Params::new("a=1;;b").well_formed("", 0));
        assert!(!Params::new("a=\"x").well_formed("", 0));
        assert!(!Params::new("tag=1;TAG=2").well_formed("tag", 9));
        assert!(!Params::new("tag=1234").well_formed("tag", 3));
        // An answer would put a tag of its own beside it.
        assert!(
            !Params::new("a=1;tag").well_formed("tag", 9) && !Params::new("tag= ;a").well_formed("tag", 9)
        );
        assert!(Params::new("").well_formed("tag", 9));
    }
}
