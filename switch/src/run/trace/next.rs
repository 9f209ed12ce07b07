//! Calls to come that an operator wants on disk: the next one of a gate, or to or from a number.

use std::sync::{Mutex, PoisonError};

use units::Wall;

/// Calls waited for at once.
const NEXT_MAX: usize = 32;
/// One that did not come in so long is waited for no more.
const NEXT_MS_MAX: i64 = 24 * 60 * 60 * 1_000;
/// A number in national form is the end of an international one; fewer digits say nothing.
const DIGITS_MIN: usize = 6;

/// What is waited for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Next {
    /// A gate, by its name.
    Gate(String),
    /// A number, its digits.
    Number(String),
}

/// What is waited for, and since when.
#[derive(Default)]
pub(crate) struct NextCalls(Mutex<Vec<(Next, Wall)>>);

// === impl Next ===

impl Next {
    /// What an operator names: a gate if there is one of this name, else a number.
    pub(crate) fn read(text: &str, is_gate: impl Fn(&str) -> bool) -> Option<Self> {
        if is_gate(text) {
            return Some(Self::Gate(text.to_owned()));
        }
        let is_written = |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '.' | '(' | ')' | '/');
        let digits = digits(text);
        (text.chars().all(is_written) && (3..=15).contains(&digits.len())).then_some(Self::Number(digits))
    }

    pub(crate) fn as_text(&self) -> (&'static str, &str) {
        match self {
            Self::Gate(name) => ("gate", name),
            Self::Number(digits) => ("number", digits),
        }
    }

    /// Whether it is a call by this gate to and from these numbers.
    fn is(&self, gate: Option<&str>, numbers: &[String]) -> bool {
        match self {
            Self::Gate(name) => gate == Some(name),
            Self::Number(wanted) => numbers.iter().any(|number| {
                let (long, short) =
                    if number.len() > wanted.len() { (number, wanted) } else { (wanted, number) };
                number == wanted || (short.len() >= DIGITS_MIN && long.ends_with(short.as_str()))
            }),
        }
    }
}

// === impl NextCalls ===

impl NextCalls {
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// What is waited for, and since when.
    pub(crate) fn all(&self, now: Wall) -> Vec<(Next, Wall)> {
        let mut waiting = self.lock();
        waiting.retain(|(_, since)| now.0 - since.0 < NEXT_MS_MAX);
        waiting.clone()
    }

    pub(super) fn add(&self, next: Next, now: Wall) -> bool {
        let mut waiting = self.lock();
        waiting.retain(|(one, since)| *one != next && now.0 - since.0 < NEXT_MS_MAX);
        let has_room = waiting.len() < NEXT_MAX;
        if has_room {
            waiting.push((next, now));
        }
        has_room
    }

    /// Whether a call that begins by this gate is waited for; it is not waited for again.
    pub(super) fn take(&self, gate: Option<&str>, invite: &[u8], now: Wall) -> bool {
        let mut waiting = self.lock();
        if waiting.is_empty() {
            return false;
        }
        let from = trace::header(invite, &["from", "f"]).unwrap_or_default();
        let asserted = trace::header(invite, &["p-asserted-identity"]).unwrap_or_default();
        let numbers: Vec<String> = [trace::start_uri(invite).unwrap_or_default(), from, asserted]
            .map(user)
            .into_iter()
            .flatten()
            .collect();
        let before = waiting.len();
        waiting.retain(|(next, since)| now.0 - since.0 < NEXT_MS_MAX && !next.is(gate, &numbers));
        waiting.len() < before
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Next, Wall)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Digits of a number, without the `00` of international dialling.
fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.strip_prefix("00").unwrap_or(&digits).to_owned()
}

/// The digits of the user part of the first URI in a header's value.
fn user(value: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(value);
    let lower = text.to_ascii_lowercase();
    let begin = ["sip:", "sips:", "tel:"]
        .iter()
        .filter_map(|scheme| Some(lower.find(scheme)? + scheme.len()))
        .min()?;
    let user = text.get(begin..)?.split(['@', '>', ';', ':', ' ']).next()?;
    Some(digits(user)).filter(|digits| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_however_they_are_written() {
        assert_eq!(user(b"\"A\" <sips:+34-911@h>;tag=1").as_deref(), Some("34911"));
        assert_eq!(user(b"sip:0034911@h").as_deref(), Some("34911"));
        assert_eq!(user(b"<tel:+34911;phone-context=x>").as_deref(), Some("34911"));
        assert_eq!(user(b"<sip:anonymous@h>"), None);
        assert_eq!(user(b""), None);
    }

    #[test]
    fn a_number_is_waited_for_once() {
        let is_gate = |name: &str| name == "pbx";
        let waiting = NextCalls::default();
        let next = Next::read("+34 911 234 567", is_gate).expect("a number");
        assert_eq!(Next::read("no-gate", is_gate), None);
        assert_eq!(Next::read("12", is_gate), None);
        assert!(waiting.add(next, Wall(1)));
        let invite = |called: &str| format!("INVITE sip:{called}@h SIP/2.0\r\nFrom: <sip:600@h>\r\n\r\n");
        assert!(!waiting.take(None, invite("34911234568").as_bytes(), Wall(2)));
        assert!(waiting.take(None, invite("911234567").as_bytes(), Wall(2)), "in national form");
        assert!(!waiting.take(None, invite("34911234567").as_bytes(), Wall(2)));
        assert!(waiting.add(Next::read("pbx", is_gate).expect("a gate"), Wall(2)));
        assert!(!waiting.take(Some("other"), invite("1").as_bytes(), Wall(2)));
        assert!(waiting.take(Some("pbx"), invite("1").as_bytes(), Wall(2)));
        for number in 0..NEXT_MAX {
            assert!(waiting.add(Next::Number(format!("1000{number}")), Wall(3)));
        }
        assert!(!waiting.add(Next::Number("999999".to_owned()), Wall(3)));
        assert!(waiting.all(Wall(3 + NEXT_MS_MAX)).is_empty(), "nobody waits for ever");
    }
}
