//! The Identity header's value (RFC 8224 §4): a token and its parameters.

use crate::fault::Fault;

/// Longest value that is read, bytes. A PASSporT of SHAKEN with one called number has about 500.
pub(crate) const VALUE_MAX: usize = 8 * 1024;
/// Most parameters.
const PARAMS_MAX: usize = 16;

/// A value in its parts, as written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct IdentityValue<'a> {
    /// Header, claims and signature with dots between them.
    pub token: &'a str,
    /// Where the certificate is, without its angle brackets.
    pub info: Option<&'a str>,
    pub alg: Option<&'a str>,
    pub ppt: Option<&'a str>,
}

// === impl IdentityValue ===

impl<'a> IdentityValue<'a> {
    pub(crate) fn read(value: &'a str) -> Result<Self, Fault> {
        if value.len() > VALUE_MAX {
            return Err(Fault::Malformed("it is longer than 8192 bytes"));
        }
        let mut parts = parts(value).map(str::trim);
        let token = parts.next().unwrap_or_default();
        let mut read = Self { token, info: None, alg: None, ppt: None };
        for (count, part) in parts.enumerate() {
            if count >= PARAMS_MAX {
                return Err(Fault::Malformed("it has more than 16 parameters"));
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let place = match name.trim() {
                name if name.eq_ignore_ascii_case("info") => &mut read.info,
                name if name.eq_ignore_ascii_case("alg") => &mut read.alg,
                name if name.eq_ignore_ascii_case("ppt") => &mut read.ppt,
                _ => continue,
            };
            if place.replace(plain(value.trim())).is_some() {
                return Err(Fault::Malformed("a parameter is there twice"));
            }
        }
        Ok(read)
    }
}

/// Without the angle brackets of a URI, or the quotes of a string.
fn plain(value: &str) -> &str {
    let within = |open: char, close: char| value.strip_prefix(open)?.strip_suffix(close);
    within('<', '>').or_else(|| within('"', '"')).unwrap_or(value).trim()
}

/// Cuts at semicolons that stand neither in angle brackets nor in quotes.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    let mut closes = None;
    value.split(move |c: char| match closes {
        Some(close) => {
            if c == close {
                closes = None;
            }
            false
        }
        None => {
            closes = match c {
                '<' => Some('>'),
                '"' => Some('"'),
                _ => None,
            };
            c == ';'
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_however_they_are_written() {
        let value = "a.b.c ; INFO = <https://x.example/a;b> ;alg=\"ES256\"; ppt=shaken;foo";
        let read = IdentityValue::read(value).expect("value");
        let info = Some("https://x.example/a;b");
        let expected = IdentityValue { token: "a.b.c", info, alg: Some("ES256"), ppt: Some("shaken") };
        assert_eq!(read, expected);
        assert_eq!(IdentityValue::read("").map(|read| read.token), Ok(""));
    }

    #[test]
    fn twice_the_same_and_too_much_is_refused() {
        assert!(IdentityValue::read("a;ppt=shaken;ppt=div").is_err());
        assert!(IdentityValue::read(&"x".repeat(VALUE_MAX + 1)).is_err());
        assert!(IdentityValue::read(&format!("a{}", ";b=c".repeat(17))).is_err());
    }
}
