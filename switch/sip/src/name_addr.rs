//! name-addr and addr-spec of From, To, Contact, Route and their kin (RFC 3261 §20.10, §25.1).
//! Invariant: without angle brackets, parameters belong to the header and the URI has none (§20).

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::chars::trim;
use crate::list::{quoted_end, unquote};
use crate::{Params, Uri};

/// One value of a header made of a display name, a URI and parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// Display name as written, quotes included; empty when absent.
    pub display: &'a str,
    /// The URI's text, not parsed.
    pub uri: &'a str,
    /// Header parameters.
    pub params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Parses one value (not a list); `None` when quotes or brackets do not match or the URI is empty.
    pub fn parse(value: &'a str) -> Option<NameAddr<'a>> {
        let value = trim(value);
        if let Some(end) = quoted_end(value) {
            let rest = trim(&value[end..]);
            return NameAddr::bracketed(&value[..end], rest.strip_prefix('<')?);
        }
        if value.starts_with('"') {
            return None;
        }
        match memchr2(b'<', b';', value.as_bytes()) {
            Some(at) if value.as_bytes()[at] == b'<' => {
                NameAddr::bracketed(trim(&value[..at]), &value[at + 1..])
            }
            Some(at) => NameAddr::unbracketed(trim(&value[..at]), &value[at..]),
            None => NameAddr::unbracketed(value, ""),
        }
    }

    /// `rest` begins after the opening bracket.
    fn bracketed(display: &'a str, rest: &'a str) -> Option<NameAddr<'a>> {
        let close = memchr(b'>', rest.as_bytes())?;
        let uri = trim(&rest[..close]);
        let params = trim(&rest[close + 1..]);
        let whole = !uri.is_empty() && (params.is_empty() || params.starts_with(';'));
        whole.then(|| NameAddr { display, uri, params: Params::new(params) })
    }

    /// A bare addr-spec must not hold a question mark or a comma (§20).
    fn unbracketed(uri: &'a str, params: &'a str) -> Option<NameAddr<'a>> {
        if uri.is_empty() || memchr2(b'?', b',', uri.as_bytes()).is_some() {
            return None;
        }
        Some(NameAddr { display: "", uri, params: Params::new(params) })
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.value("tag").filter(|tag| !tag.is_empty())
    }

    /// The display name without quotes and escapes.
    pub fn display_text(&self) -> Cow<'a, str> {
        unquote(self.display)
    }

    /// The URI, parsed; `None` when malformed.
    pub fn parse_uri(&self) -> Option<Uri<'a>> {
        Uri::parse(self.uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_party() {
        // value, display text, uri, tag
        let table = [
            (
                r#""J Rosenberg \\\""       <sip:jdrosen@example.com>  ;    tag = 98asjd8"#,
                "J Rosenberg \\\"",
                "sip:jdrosen@example.com",
                Some("98asjd8"),
            ),
            (
                "sip:vivekg@chair.example.com ;   tag    = 1918181833n",
                "",
                "sip:vivekg@chair.example.com",
                Some("1918181833n"),
            ),
            ("caller<sip:caller@example.com>;tag=323", "caller", "sip:caller@example.com", Some("323")),
            (
                "\"Watson, Thomas\" < sip:t.watson@example.org >",
                "Watson, Thomas",
                "sip:t.watson@example.org",
                None,
            ),
            (
                "Bell, Alexander <sip:a.g.bell@example.com>;tag=43",
                "Bell, Alexander",
                "sip:a.g.bell@example.com",
                Some("43"),
            ),
            ("<sip:a@h;tag=no>", "", "sip:a@h;tag=no", None),
            ("\"<sip:fake@h>;tag=1\" <sip:a@h>;tag=2", "<sip:fake@h>;tag=1", "sip:a@h", Some("2")),
            ("sip:a@h;tag=", "", "sip:a@h", None),
        ];
        for (value, display, uri, tag) in table {
            let party = NameAddr::parse(value).expect(value);
            assert_eq!(
                (party.display_text().as_ref(), party.uri, party.tag()),
                (display, uri, tag),
                "{value}"
            );
        }
    }

    #[test]
    fn broken_forms_are_refused() {
        let table = [
            "",
            "\"Mr. J. User <sip:j.user@example.com>",
            "<sip:a@h",
            "<>",
            "\"a\" sip:a@h",
            "<sip:a@h> tag=1",
            "sip:a@h?Route=x",
            ";tag=1",
            "\"a\"",
        ];
        for value in table {
            assert_eq!(NameAddr::parse(value), None, "{value:?}");
        }
    }
}
