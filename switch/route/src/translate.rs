//! Rewriting of dialled text by prefix: one rule at most, the first in the operator's order that fits.

/// One rule: text that begins with `prefix` (and has `length` characters, if given) gets `replace` in its
/// place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// What the text must begin with; empty fits everything.
    pub prefix: Box<str>,
    /// What is written instead of `prefix`.
    pub replace: Box<str>,
    /// Characters that the text must have in all; `None`: any number.
    pub length: Option<u8>,
}

/// Rules in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Translations(Vec<Rule>);

/// Why a rule cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Something that nobody dials.
    #[error("{0:?}: only digits, *, # and a leading + can be dialled")]
    Character(String),
    /// Longer than any number.
    #[error("{0:?} is longer than {TEXT_MAX} characters")]
    TooLong(String),
    /// A number of that length cannot begin so.
    #[error("{prefix:?} never begins a number of length {length}")]
    Length {
        /// What the text must begin with.
        prefix: String,
        /// Characters that it must have.
        length: u8,
    },
    /// More rules than a call should walk.
    #[error("more than {RULES_MAX} translation rules")]
    TooMany,
}

/// Most rules in one list.
pub const RULES_MAX: usize = 64;
/// Longest prefix or replacement.
pub const TEXT_MAX: usize = 24;

// === impl Translations ===

impl Translations {
    /// Checks and keeps the rules.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RuleError> {
        if rules.len() > RULES_MAX {
            return Err(RuleError::TooMany);
        }
        rules.iter().try_for_each(Rule::check)?;
        Ok(Self(rules))
    }

    /// The rules in order.
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// Whether nothing is ever rewritten.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Rewrites `text` by the first rule that fits; returns that rule's place.
    pub fn apply(&self, text: &mut String) -> Option<usize> {
        let at = self.0.iter().position(|rule| rule.fits(text))?;
        let rule = self.0.get(at)?;
        text.replace_range(..rule.prefix.len(), &rule.replace);
        Some(at)
    }
}

impl Rule {
    fn check(&self) -> Result<(), RuleError> {
        check(&self.prefix)?;
        check(&self.replace)?;
        match self.length {
            Some(length) if usize::from(length) < self.prefix.len() => {
                Err(RuleError::Length { prefix: self.prefix.to_string(), length })
            }
            Some(_) | None => Ok(()),
        }
    }

    fn fits(&self, text: &str) -> bool {
        text.starts_with(&*self.prefix) && self.length.is_none_or(|n| usize::from(n) == text.len())
    }
}

fn check(text: &str) -> Result<(), RuleError> {
    if text.len() > TEXT_MAX {
        return Err(RuleError::TooLong(text.to_owned()));
    }
    let body = text.strip_prefix('+').unwrap_or(text);
    if body.bytes().all(|b| b.is_ascii_digit() || b == b'*' || b == b'#') {
        Ok(())
    } else {
        Err(RuleError::Character(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(prefix: &str, replace: &str, length: Option<u8>) -> Rule {
        Rule { prefix: prefix.into(), replace: replace.into(), length }
    }

    #[test]
    fn the_first_rule_that_fits_is_applied_once() {
        let rules = vec![
            rule("9", "34", Some(9)),
            rule("*21", "+", None),
            rule("0", "", None),
            rule("", "34", Some(4)),
        ];
        let translations = Translations::new(rules).expect("valid");
        for (dialled, written) in [
            ("911234567", "3411234567"),
            ("9112345678", "9112345678"),
            ("*2134911", "+34911"),
            ("0911", "911"),
            ("0034911", "034911"),
            ("1234", "341234"),
            ("", ""),
        ] {
            let mut text = dialled.to_owned();
            translations.apply(&mut text);
            assert_eq!(text, written, "{dialled}");
        }
    }

    #[test]
    fn rules_hold_only_what_can_be_dialled() {
        assert!(Translations::new(vec![rule("a", "", None)]).is_err());
        assert!(Translations::new(vec![rule("", "3+4", None)]).is_err());
        assert!(Translations::new(vec![rule("", &"1".repeat(25), None)]).is_err());
        assert!(Translations::new(vec![rule("1", "2", None); 65]).is_err());
    }
}
