//! Comma-separated header values (RFC 3261 §7.3.1).
//! Invariant: a comma inside quotes, or inside angle brackets, separates nothing.

use crate::chars::trim;

/// Splits one header line at its commas, blanks trimmed, empty values skipped.
pub fn values(line: &str) -> Values<'_> {
    Values { rest: line, split: true }
}

/// Iterator of [`values`].
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: &'a str,
    split: bool,
}

impl<'a> Values<'a> {
    /// One value: the line itself.
    pub(crate) fn whole(line: &'a str) -> Values<'a> {
        Values { rest: line, split: false }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if !self.split {
            let line = std::mem::take(&mut self.rest);
            return (!line.is_empty()).then_some(line);
        }
        while !self.rest.is_empty() {
            let end = find_outside(self.rest, b',').unwrap_or(self.rest.len());
            let value = trim(&self.rest[..end]);
            self.rest = self.rest.get(end + 1..).unwrap_or("");
            if !value.is_empty() {
                return Some(value);
            }
        }
        None
    }
}

/// Position of the first `wanted` byte outside quotes and angle brackets. `wanted` must be ASCII.
pub(crate) fn find_outside(text: &str, wanted: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    // most values hold no quote and no bracket before the separator
    let plain = memchr::memchr3(wanted, b'"', b'<', bytes)?;
    if bytes[plain] == wanted {
        return Some(plain);
    }
    let mut at = plain;
    loop {
        // what is quoted or bracketed is passed over as a whole; if it does not end, nothing is outside any
        // more
        at += match bytes[at] {
            b'"' => quoted_end(text.get(at..)?)?,
            b'<' => memchr::memchr(b'>', &bytes[at..])? + 1,
            _ => return Some(at),
        };
        at += memchr::memchr3(wanted, b'"', b'<', bytes.get(at..)?)?;
    }
}

/// The end (past the closing quote) of a quoted string that begins at the start of `text`.
pub(crate) fn quoted_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Takes the quotes off a quoted string and resolves its escapes; other text comes back as it is.
pub fn unquote(text: &str) -> std::borrow::Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest)) else {
        return text.into();
    };
    if !inner.contains('\\') {
        return inner.into();
    }
    let mut plain = String::with_capacity(inner.len());
    let mut escaped = false;
    for letter in inner.chars() {
        if letter == '\\' && !escaped {
            escaped = true;
        } else {
            plain.push(letter);
            escaped = false;
        }
    }
    plain.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_brackets_stay() {
        let line = "\"A, \\\"B,\" <sip:a@h;x=1,2>;q=1 , sip:c@h,, <sip:d@h?x=\",\">,";
        let found: Vec<_> = values(line).collect();
        assert_eq!(found, ["\"A, \\\"B,\" <sip:a@h;x=1,2>;q=1", "sip:c@h", "<sip:d@h?x=\",\">"]);
    }

    #[test]
    fn quotes_end_where_they_end() {
        assert_eq!(quoted_end("\"a\\\"b\" x"), Some(6));
        assert_eq!(quoted_end("\"a\\"), None);
        assert_eq!(quoted_end("\"a"), None);
        assert_eq!(unquote("\"J Rosenberg \\\\\\\"\""), "J Rosenberg \\\"");
        assert_eq!(unquote("plain"), "plain");
    }
}
