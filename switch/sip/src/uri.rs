//! URIs: sip and sips (RFC 3261 §19.1, RFC 5118 for IPv6), tel (RFC 3966), others by their scheme only.
//! Invariant: a parsed URI holds only ASCII URI bytes and whole escapes, so it can be written into any header
//! as it is.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use memchr::{memchr, memchr2};

use crate::Params;
use crate::chars::{escapes_whole, is_host, is_uric, is_user};

/// A URI's scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other scheme; only the whole text of such a URI is known.
    Other,
}

/// A URI, its parts as they stand in the text (escapes kept).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The scheme.
    pub scheme: Scheme,
    /// User part with its own parameters (`+1555;phone-context=x`); for tel the number as written.
    pub user: Option<&'a str>,
    /// Password, if any; never used, never sent on.
    pub password: Option<&'a str>,
    /// Host: name, IPv4, or IPv6 in brackets; empty for tel and others.
    pub host: &'a str,
    /// Port, if written.
    pub port: Option<u16>,
    /// URI parameters.
    pub params: Params<'a>,
    /// The text after `?`.
    pub headers: Option<&'a str>,
    text: &'a str,
}

impl<'a> Uri<'a> {
    /// Parses a whole URI; `None` when it is malformed.
    pub fn parse(text: &'a str) -> Option<Uri<'a>> {
        if let Some(rest) = text.strip_prefix("sip:") {
            return Uri::parse_sip(Scheme::Sip, text, rest);
        }
        let colon = memchr(b':', text.as_bytes())?;
        let (scheme, rest) = (&text[..colon], &text[colon + 1..]);
        if scheme.eq_ignore_ascii_case("sip") {
            Uri::parse_sip(Scheme::Sip, text, rest)
        } else if scheme.eq_ignore_ascii_case("sips") {
            Uri::parse_sip(Scheme::Sips, text, rest)
        } else if scheme.eq_ignore_ascii_case("tel") {
            Uri::parse_tel(text, rest)
        } else {
            let starts = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
            let goes_on =
                scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
            let whole = starts && goes_on && !rest.is_empty() && rest.bytes().all(is_uric);
            whole.then(|| Uri::bare(Scheme::Other, text))
        }
    }

    fn bare(scheme: Scheme, text: &'a str) -> Uri<'a> {
        Uri {
            scheme,
            user: None,
            password: None,
            host: "",
            port: None,
            params: Params::default(),
            headers: None,
            text,
        }
    }

    fn parse_sip(scheme: Scheme, text: &'a str, rest: &'a str) -> Option<Uri<'a>> {
        let (user, password, rest) = match memchr(b'@', rest.as_bytes()) {
            None => (None, None, rest),
            Some(at) => {
                let (user, password) = user_and_password(&rest[..at])?;
                (Some(user), password, &rest[at + 1..])
            }
        };
        let (host, port, rest) = host_port(rest)?;
        if rest.is_empty() {
            return Some(Uri {
                scheme,
                user,
                password,
                host,
                port,
                params: Params::default(),
                headers: None,
                text,
            });
        }
        if !rest.bytes().all(is_uric) || !escapes_whole(rest) {
            return None;
        }
        let (params, headers) = match memchr(b'?', rest.as_bytes()) {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        if !params.is_empty() && !params.starts_with(';') {
            return None;
        }
        Some(Uri { scheme, user, password, host, port, params: Params::new(params), headers, text })
    }

    fn parse_tel(text: &'a str, rest: &'a str) -> Option<Uri<'a>> {
        let (number, params) = match memchr(b';', rest.as_bytes()) {
            Some(at) => (&rest[..at], &rest[at..]),
            None => (rest, ""),
        };
        if !number.bytes().all(is_user) || !params.bytes().all(is_uric) || !escapes_whole(rest) {
            return None;
        }
        Some(Uri { user: Some(number), params: Params::new(params), ..Uri::bare(Scheme::Tel, text) })
    }

    /// The text that was parsed.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// User part with escapes resolved; bytes that are no UTF-8 become U+FFFD, `%00` becomes NUL. Empty when
    /// absent.
    pub fn user_unescaped(&self) -> Cow<'a, str> {
        unescape(self.user.unwrap_or(""))
    }

    /// The user part up to its first own parameter, escapes resolved: the dialled number of
    /// `sip:+1555;phone-context=x@h`.
    pub fn user_base(&self) -> Cow<'a, str> {
        unescape(self.user.unwrap_or("").split(';').next().unwrap_or(""))
    }

    /// The host as an address, when it is one.
    pub fn host_ip(&self) -> Option<IpAddr> {
        parse_ip(self.host)
    }

    /// Value of a URI parameter, as written; `""` when it has none. The name may be written with escapes (RFC
    /// 4475 §3.1.1.3).
    pub fn param(&self, name: &str) -> Option<&'a str> {
        if self.params.as_str().is_empty() {
            return None;
        }
        self.params
            .iter()
            .find(|(found, _)| unescape(found).eq_ignore_ascii_case(name))
            .map(|(_, value)| value.unwrap_or(""))
    }

    /// True when `;lr` is there: the router is a loose one (RFC 3261 §16.4).
    pub fn is_loose(&self) -> bool {
        self.param("lr").is_some()
    }

    /// The `transport` parameter, case as written.
    pub fn transport(&self) -> Option<&'a str> {
        self.param("transport")
    }
}

/// Splits the part before the `@`, in one pass: user parts are short.
fn user_and_password(userinfo: &str) -> Option<(&str, Option<&str>)> {
    let (mut colon, mut escaped) = (None, false);
    for (at, byte) in userinfo.bytes().enumerate() {
        match byte {
            b':' if colon.is_none() => colon = Some(at),
            _ if is_user(byte) => escaped |= byte == b'%',
            _ => return None,
        }
    }
    if escaped && !escapes_whole(userinfo) {
        return None;
    }
    Some(match colon {
        Some(colon) => (&userinfo[..colon], Some(&userinfo[colon + 1..])),
        None => (userinfo, None),
    })
}

/// Splits `host[:port]` off the start of `text`; the rest begins after it.
pub(crate) fn host_port(text: &str) -> Option<(&str, Option<u16>, &str)> {
    let end = if text.starts_with('[') {
        let close = memchr(b']', text.as_bytes())?;
        let inner = &text[1..close];
        if inner.is_empty()
            || !inner.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        {
            return None;
        }
        parse_ip(&text[..=close])?;
        close + 1
    } else {
        text.bytes().position(|byte| !is_host(byte)).unwrap_or(text.len())
    };
    if end == 0 {
        return None;
    }
    let (host, rest) = text.split_at(end);
    let Some(after) = rest.strip_prefix(':') else { return Some((host, None, rest)) };
    let digits = after.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
    let port = after[..digits].parse().ok()?;
    Some((host, Some(port), &after[digits..]))
}

/// An address with or without brackets. The form `2001:db8:::192.0.2.1`, which the grammar of RFC 3261
/// produces by mistake, is taken as `2001:db8::192.0.2.1` (RFC 5118 §4.10).
pub(crate) fn parse_ip(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    memchr2(b':', b'.', bare.as_bytes())?;
    if let Ok(ip) = bare.parse() {
        return Some(ip);
    }
    let (before, after) = bare.split_once(":::")?;
    format!("{before}::{after}").parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// Resolves `%xx` escapes; an escape that is cut off stays as it is.
fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = match bytes.get(at..at + 3) {
            Some([b'%', high, low]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match pair {
            Some((high, low)) => {
                plain.push(high << 4 | low);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned().into()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_good_uris() {
        // text, user, host, port, params
        let table = [
            ("sip:example.com", None, "example.com", None, ""),
            (
                "SIP:alice@example.com:5070;transport=tcp",
                Some("alice"),
                "example.com",
                Some(5070),
                "transport=tcp",
            ),
            ("sips:a:secret@[2001:db8::10]:5070;lr", Some("a"), "[2001:db8::10]", Some(5070), "lr"),
            (
                "sip:user;par=u%40example.net@example.com",
                Some("user;par=u%40example.net"),
                "example.com",
                None,
                "",
            ),
            ("sip:[2001:db8::10:5070]", None, "[2001:db8::10:5070]", None, ""),
            ("sip:u@[2001:db8:::192.0.2.1]", Some("u"), "[2001:db8:::192.0.2.1]", None, ""),
            (
                "tel:+1-201-555-0123;phone-context=example.com",
                Some("+1-201-555-0123"),
                "",
                None,
                "phone-context=example.com",
            ),
            ("sip:*21%23@h", Some("*21%23"), "h", None, ""),
            ("sip:@h", Some(""), "h", None, ""),
        ];
        for (text, user, host, port, params) in table {
            let uri = Uri::parse(text).unwrap_or_else(|| panic!("{text} must parse"));
            assert_eq!(
                (uri.user, uri.host, uri.port, uri.params.as_str(), uri.as_str()),
                (user, host, port, params, text)
            );
        }
    }

    #[test]
    fn bad_uris_are_refused() {
        let table = [
            "",
            ":",
            "sip:",
            "sip",
            "sip:a@",
            "sip:a b@h",
            "<sip:a@h>",
            "sip:a@h;x= y",
            "sip:a@h%",
            "sip:a%@h",
            "sip:a%4@h",
            "sip:a%4g@h",
            "sip:a@h:",
            "sip:a@h:65536",
            "sip:a@h:-1",
            "sip:2001:db8::10",
            "sip:a@[::1",
            "sip:a@[]",
            "sip:a@[zz]",
            "sip:a@[1:2]",
            "sip:a@b@c",
            "sip:a@h\"x",
            "sip:a@h;x=%",
            "sip:a@h\u{e9}",
            "1x:y",
            "tel:+1 2",
            "sip:a@h/x",
            "sip:a\0@h",
            "sip:a@h;p=\"q\"",
        ];
        for text in table {
            assert_eq!(Uri::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn escapes_resolve_once() {
        let uri = Uri::parse("sip:sips%3Auser%40example.com@example.net").expect("parses");
        assert_eq!((uri.scheme, uri.user_unescaped().as_ref()), (Scheme::Sip, "sips:user@example.com"));
        assert_eq!(unescape("null-%00-null"), "null-\0-null");
        assert_eq!(unescape("%2541"), "%41");
        assert_eq!(unescape("%4"), "%4");
        assert_eq!(unescape("%"), "%");
        assert_eq!(unescape("%ff"), "\u{fffd}");
        let uri = Uri::parse("sip:cal%6Cer@h;%6C%72;n%61me=v%61lue%25%34%31").expect("parses");
        assert!(uri.is_loose());
        assert_eq!(uri.param("name"), Some("v%61lue%25%34%31"));
        assert_eq!(unescape("v%61lue%25%34%31"), "value%41");
        let uri = Uri::parse("sip:+1555;phone-context=x@h;user=phone").expect("parses");
        assert_eq!(uri.user_base(), "+1555");
    }

    #[test]
    fn other_schemes_keep_their_text() {
        let table = [
            "isbn:2983792873",
            "http://www.example.com",
            "soap.beep://192.0.2.103:3002",
            "nobodyKnowsThisScheme:totallyopaquecontent",
        ];
        for text in table {
            assert_eq!(Uri::parse(text).map(|uri| (uri.scheme, uri.as_str())), Some((Scheme::Other, text)));
        }
    }
}
