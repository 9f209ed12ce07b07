//! Secrets of a message, each byte replaced by `*`: lengths stay, so Content-Length stays right and a masked
//! message is as well-formed as it was.
//!
//! Masked are credentials (Authorization and its like, and in URIs), passwords in URIs, keys of SRTP (RFC
//! 4568, RFC 4567, `k=` of RFC 8866), and digits that a caller keys in: of INFO and KPML bodies, and of
//! `postd` (RFC 3966). What hides a body's text, as base64, is masked whole.

use memchr::{memchr, memchr_iter, memmem};

use crate::multipart::{Parts, Shape};
use crate::scan::{body_at, logical_lines, name_and_value};

const STAR: u8 = b'*';
/// Headers whose value is a secret or proves one.
const CREDENTIALS: &[&str] =
    &["authorization", "proxy-authorization", "authentication-info", "proxy-authentication-info"];
/// First words of credentials that may be seen.
const SCHEMES: &[&str] = &["digest", "basic", "bearer"];
/// Lines of a session description that hold keys.
const KEY_LINES: &[&str] = &["a=crypto:", "a=key-mgmt:", "k="];
/// First letters of the suites of RFC 4568, RFC 6188, RFC 7714, RFC 8269 and RFC 5669.
const SUITES: &[&str] = &["AES_", "F8_", "AEAD_", "ARIA_", "SEED_", "NULL_"];

/// A masked copy.
pub fn masked(message: &[u8]) -> Vec<u8> {
    let mut copy = message.to_vec();
    mask(&mut copy);
    copy
}

/// Masks every secret of a message in its place.
pub fn mask(message: &mut [u8]) {
    let body_at = body_at(message);
    let (head, body) = message.split_at_mut(body_at);
    let mut parts = Parts::default();
    let lines: Vec<(usize, usize)> = spans(head);
    for (at, (begin, end)) in lines.into_iter().enumerate() {
        if at > 0 {
            parts.header(&head[begin..end]);
        }
        header(&mut head[begin..end]);
    }
    parts.begin_body();
    for (begin, end) in spans(body) {
        let line = &mut body[begin..end];
        match parts.line(line) {
            Shape::Header => header(line),
            Shape::Text => text(line),
            Shape::Keys => keys(line),
            Shape::Hidden => stars(line),
        }
    }
}

fn spans(text: &[u8]) -> Vec<(usize, usize)> {
    logical_lines(text).map(|(begin, line)| (begin, begin + line.len())).collect()
}

/// All but what structures lines: blanks stay, so that a folded header stays folded.
fn stars(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|byte| !byte.is_ascii_whitespace()).for_each(|byte| *byte = STAR);
}

fn is_one_of(name: &[u8], all: &[&str]) -> bool {
    all.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

fn begins(line: &[u8], with: &str) -> bool {
    line.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with.as_bytes()))
}

/// A header, or a line that may be one.
fn header(line: &mut [u8]) {
    let value = name_and_value(line).filter(|(name, _)| is_one_of(name, CREDENTIALS)).map(|(_, value)| value);
    match value {
        Some(at) => credentials(&mut line[at..]),
        None => uris(line),
    }
}

/// The scheme may be seen, nothing else.
fn credentials(value: &mut [u8]) {
    let begin = value.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(value.len());
    let length = value[begin..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let ends = value.get(begin + length).is_none_or(u8::is_ascii_whitespace);
    let seen = if ends && is_one_of(&value[begin..begin + length], SCHEMES) { begin + length } else { begin };
    stars(&mut value[seen..]);
}

/// A line of a body: a session description, a fragment of SIP (RFC 3420), anything.
fn text(line: &mut [u8]) {
    let Some(begin) = KEY_LINES.iter().find(|begin| begins(line, begin)) else { return header(line) };
    let value = &mut line[begin.len()..];
    let seen = if *begin == "a=crypto:" { suite_end(value) } else { 0 };
    stars(&mut value[seen..]);
}

/// Where tag and suite of an `a=crypto` end: `1 AES_CM_128_HMAC_SHA1_80 inline:…`.
fn suite_end(value: &[u8]) -> usize {
    let mut words = value.split(|byte| *byte == b' ');
    let (tag, suite) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_tag = !tag.is_empty() && tag.len() <= 9 && tag.iter().all(u8::is_ascii_digit);
    let is_suite =
        suite.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
            && SUITES.iter().any(|begin| suite.starts_with(begin.as_bytes()));
    if !is_tag || !is_suite {
        return 0;
    }
    let end = tag.len() + 1 + suite.len();
    // The only method of keys there is; without its name a reader takes the line for a broken one.
    if begins(value.get(end..).unwrap_or_default(), " inline:") { end + " inline:".len() } else { end }
}

/// A line of keyed digits: `Signal=5` and `Duration=160` of dtmf-relay, or a bare digit.
fn keys(line: &mut [u8]) {
    let split = line.iter().position(|byte| matches!(byte, b'=' | b':')).map(|at| at + 1);
    let name = split.map_or(&[][..], |at| line[..at - 1].trim_ascii());
    let is_known = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    match split {
        // How long a key was held is no secret.
        Some(at) if is_known("duration") && line[at..].iter().all(|b| b.is_ascii_digit() || *b == b' ') => {}
        Some(at) if is_known("signal") => stars(&mut line[at..]),
        Some(_) | None => stars(line),
    }
}

/// Passwords, credentials and keyed digits in the URIs of a line. Every byte is looked at a fixed number of
/// times.
fn uris(line: &mut [u8]) {
    if memchr(b':', line).is_none() {
        return;
    }
    let lower = line.to_ascii_lowercase();
    let mut done = 0;
    for colon in memchr_iter(b':', &lower) {
        let before = &lower[..colon];
        let is_sip = before.ends_with(b"sip") || before.ends_with(b"sips");
        if colon >= done && (is_sip || lower[colon + 1..].starts_with(b"//")) {
            let (secret, end) = password(&lower, colon + if is_sip { 1 } else { 3 });
            stars(&mut line[secret.unwrap_or(end)..end]);
            done = end;
        }
    }
    for name in [&b"authorization="[..], b";postd="] {
        let mut done = 0;
        for at in memmem::find_iter(&lower, name) {
            if at < done {
                continue;
            }
            let begin = at + name.len();
            let ends =
                |byte: &u8| matches!(byte, b'&' | b'>' | b'@' | b';' | b'"') || byte.is_ascii_whitespace();
            done = lower[begin..].iter().position(ends).map_or(lower.len(), |length| begin + length);
            stars(&mut line[begin..done]);
        }
    }
}

/// Where the password begins of the URI whose user part begins at `from`, and where what was looked at ends:
/// the password's end, if there is one. In doubt too much is a password.
fn password(line: &[u8], from: usize) -> (Option<usize>, usize) {
    let ends = |byte: &u8| matches!(byte, b'<' | b'>' | b'"') || byte.is_ascii_whitespace();
    let rest = &line[from..];
    let rest = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
    let Some(mut at_sign) = memchr(b'@', rest) else { return (None, from + rest.len()) };
    // An `@` in a password, where it should be escaped.
    let host_ends = |byte: &u8| matches!(byte, b'@' | b';' | b'?' | b',');
    while let Some(next) = rest[at_sign + 1..].iter().position(host_ends)
        && rest[at_sign + 1 + next] == b'@'
    {
        at_sign += 1 + next;
    }
    (memchr(b':', &rest[..at_sign]).map(|colon| from + colon + 1), from + at_sign)
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
