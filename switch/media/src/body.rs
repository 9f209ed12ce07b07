//! The SDP inside a SIP body: alone or as a part of `multipart/mixed` (RFC 2046 §5.1, RFC 5621).
//! Invariant: parts, their headers and the boundary are bounded, and the result is a slice of the body, never
//! a copy.

use bytes::Bytes;

/// Most parts of a multipart body.
pub const PARTS_MAX: usize = 16;
/// Most header lines of one part.
pub const PART_HEADERS_MAX: usize = 16;
/// Longest boundary in bytes (RFC 2046 §5.1.1).
pub const BOUNDARY_BYTES_MAX: usize = 70;

/// Why a body cannot be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BodyError {
    /// A body without Content-Type: 400.
    #[error("body without Content-Type")]
    Untyped,
    /// A multipart body that breaks RFC 2046: 400.
    #[error("malformed multipart body: {0}")]
    Multipart(&'static str),
    /// A type that we do not take, or a part that must be understood and is not: 415.
    #[error("unsupported media type in the body")]
    Unsupported,
}

impl BodyError {
    /// The SIP status that says so to the peer: 400 or 415.
    pub const fn status(self) -> u16 {
        match self {
            Self::Untyped | Self::Multipart(_) => 400,
            Self::Unsupported => 415,
        }
    }
}

/// The `application/sdp` of a body, without a copy; `None` if the body is empty or a multipart without one.
/// `content_type` is the header's value, "" if absent.
///
/// A part of another type is passed over unless its Content-Disposition says `handling=required`; a nested
/// multipart counts as such a part.
pub fn sdp_part(content_type: &str, body: &Bytes) -> Result<Option<Bytes>, BodyError> {
    if body.is_empty() {
        return Ok(None);
    }
    let media_type = media_type(content_type);
    if media_type.is_empty() {
        return Err(BodyError::Untyped);
    }
    if media_type.eq_ignore_ascii_case("application/sdp") {
        return Ok(Some(body.clone()));
    }
    if !media_type.get(..10).is_some_and(|prefix| prefix.eq_ignore_ascii_case("multipart/")) {
        return Err(BodyError::Unsupported);
    }
    let boundary =
        parameter(content_type, "boundary").ok_or(BodyError::Multipart("no boundary parameter"))?;
    if boundary.is_empty() || boundary.len() > BOUNDARY_BYTES_MAX {
        return Err(BodyError::Multipart("boundary is not of 1 to 70 characters"));
    }
    let mut found = None;
    let mut walk = Parts { body, boundary: boundary.as_bytes(), position: 0 };
    walk.skip_preamble()?;
    for _ in 0..PARTS_MAX {
        let Some((start, end)) = walk.part()? else { return Ok(found) };
        let part = Part::read(body, start, end)?;
        if part.is_sdp {
            // The first one counts: a second would let two readers see two sessions.
            found.get_or_insert_with(|| body.slice(part.content..end.max(part.content)));
        } else if part.required {
            return Err(BodyError::Unsupported);
        }
    }
    if walk.closed() { Ok(found) } else { Err(BodyError::Multipart("too many parts")) }
}

/// `type/subtype` of a Content-Type.
fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or("").trim()
}

/// A parameter of a structured header value, its quotes stripped. Semicolons inside quotes are respected.
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = value;
    loop {
        rest = rest.get(unquoted(rest, ';')? + 1..)?;
        let text = unquoted(rest, ';').and_then(|end| rest.get(..end)).unwrap_or(rest);
        if let Some((key, value)) = text.split_once('=')
            && key.trim().eq_ignore_ascii_case(name)
        {
            let value = value.trim();
            return Some(
                value.strip_prefix('"').map_or(value, |value| value.strip_suffix('"').unwrap_or(value)),
            );
        }
    }
}

/// Where `wanted` first stands outside quotes.
fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (index, symbol) in text.char_indices() {
        match symbol {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if symbol == wanted && !quoted => return Some(index),
            _ => {}
        }
    }
    None
}

/// The parts of a multipart body, one after another.
struct Parts<'a> {
    body: &'a [u8],
    boundary: &'a [u8],
    position: usize,
}

/// What a line is to a multipart body.
enum Delimiter {
    None,
    Next,
    Close,
}

impl Parts<'_> {
    fn skip_preamble(&mut self) -> Result<(), BodyError> {
        loop {
            let (start, end) =
                line_at(self.body, self.position).ok_or(BodyError::Multipart("no boundary line"))?;
            self.position = end;
            match self.delimiter(start, end) {
                Delimiter::None => {}
                Delimiter::Next => return Ok(()),
                Delimiter::Close => return Err(BodyError::Multipart("no part")),
            }
        }
    }

    /// The next part without the line end that belongs to the boundary; none after the closing one.
    fn part(&mut self) -> Result<Option<(usize, usize)>, BodyError> {
        if self.closed() {
            return Ok(None);
        }
        let first = self.position;
        loop {
            let (start, end) =
                line_at(self.body, self.position).ok_or(BodyError::Multipart("no closing boundary"))?;
            self.position = end;
            match self.delimiter(start, end) {
                Delimiter::None => continue,
                Delimiter::Next => {}
                Delimiter::Close => self.position = usize::MAX,
            }
            let content = self.body.get(first..start).unwrap_or(&[]);
            let ending = if content.ends_with(b"\r\n") { 2 } else { usize::from(content.ends_with(b"\n")) };
            return Ok(Some((first, start.saturating_sub(ending).max(first))));
        }
    }

    /// Whether the closing boundary was seen.
    const fn closed(&self) -> bool {
        self.position == usize::MAX
    }

    fn delimiter(&self, start: usize, end: usize) -> Delimiter {
        let line = self.body.get(start..end).unwrap_or(&[]);
        match line.strip_prefix(b"--").and_then(|line| line.strip_prefix(self.boundary)) {
            Some(rest) if rest.trim_ascii().is_empty() => Delimiter::Next,
            Some(rest) if rest.trim_ascii() == b"--" => Delimiter::Close,
            _ => Delimiter::None,
        }
    }
}

/// The line that begins at `start`, its end included.
fn line_at(body: &[u8], start: usize) -> Option<(usize, usize)> {
    let rest = body.get(start..).filter(|rest| !rest.is_empty())?;
    let length = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |newline| newline + 1);
    Some((start, start + length))
}

/// What the headers of a part say, and where its content begins.
struct Part {
    is_sdp: bool,
    required: bool,
    content: usize,
}

impl Part {
    fn read(body: &[u8], start: usize, end: usize) -> Result<Self, BodyError> {
        let body = body.get(..end).unwrap_or(body);
        let mut part = Self { is_sdp: false, required: false, content: start };
        for _ in 0..=PART_HEADERS_MAX {
            let Some((start, end)) = line_at(body, part.content) else { return Ok(part) };
            part.content = end;
            let line = str::from_utf8(body.get(start..end).unwrap_or(&[]))
                .map_err(|_| BodyError::Multipart("part header is no text"))?;
            if line.trim().is_empty() {
                return Ok(part);
            }
            let Some((name, value)) = line.split_once(':') else {
                return Err(BodyError::Multipart("part header without colon"));
            };
            let name = name.trim();
            if name.eq_ignore_ascii_case("content-type") || name.eq_ignore_ascii_case("c") {
                part.is_sdp = media_type(value).eq_ignore_ascii_case("application/sdp");
            } else if name.eq_ignore_ascii_case("content-disposition") {
                part.required = parameter(value, "handling")
                    .is_some_and(|handling| handling.eq_ignore_ascii_case("required"));
            }
        }
        Err(BodyError::Multipart("too many headers in a part"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n";

    fn part_of(content_type: &str, body: &str) -> Result<Option<Bytes>, BodyError> {
        sdp_part(content_type, &Bytes::copy_from_slice(body.as_bytes()))
    }

    fn found(content_type: &str, body: &str) -> String {
        String::from_utf8(part_of(content_type, body).unwrap().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn plain_bodies() {
        assert_eq!(found("application/sdp", SDP), SDP);
        assert_eq!(found(" Application/SDP ; charset=utf-8", SDP), SDP);
        assert_eq!(part_of("application/sdp", ""), Ok(None));
        assert_eq!(part_of("", ""), Ok(None));
        assert_eq!(part_of("", SDP), Err(BodyError::Untyped));
        assert_eq!(part_of("application/isup", "x"), Err(BodyError::Unsupported));
        assert_eq!(
            (BodyError::Untyped.status(), BodyError::Unsupported.status(), BodyError::Multipart("").status()),
            (400, 415, 400)
        );
    }

    #[test]
    fn the_sdp_of_a_multipart_is_found_wherever_it_stands() {
        let isup = "Content-Type: application/ISUP;version=nxv3\r\nContent-Disposition: signal; handling=optional\r\n\r\n\x01\x10\r\n";
        let sdp = format!("Content-Type: application/sdp\r\n\r\n{SDP}\r\n");
        for body in [
            format!("--b1\r\n{sdp}--b1\r\n{isup}--b1--\r\n"),
            format!("--b1\r\n{isup}--b1\r\n{sdp}--b1--"),
            format!("preamble\r\n--b1 \r\n{isup}--b1\r\n{sdp}--b1--\r\nepilogue --b1\r\n"),
        ] {
            for content_type in
                ["multipart/mixed;boundary=b1", "Multipart/Mixed; x=\";boundary=no\"; Boundary=\"b1\""]
            {
                assert_eq!(found(content_type, &body), SDP);
            }
        }
        // LF only, header names in any case, SDP that keeps its own line ends.
        assert_eq!(
            found("multipart/mixed; boundary=b", "--b\ncontent-type:application/sdp\n\nv=0\ns=-\n\n--b--\n"),
            "v=0\ns=-\n"
        );
    }

    #[test]
    fn broken_multiparts_are_refused() {
        let typed = "multipart/mixed;boundary=b1";
        for (content_type, body, why) in [
            ("multipart/mixed", "--b1--", "no boundary parameter"),
            ("multipart/mixed;boundary=", "--b1--", "boundary is not of 1 to 70 characters"),
            (typed, "no line", "no boundary line"),
            (typed, "--b1--\r\n", "no part"),
            (typed, "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n", "no closing boundary"),
            (typed, "--b1\nContent-Type: application/sdp\n\nv=0\n--b1", "no closing boundary"),
            (typed, "--b1\r\nnonsense\r\n\r\n--b1--", "part header without colon"),
        ] {
            assert_eq!(
                part_of(content_type, body),
                Err(BodyError::Multipart(why)),
                "{content_type} {body:?}"
            );
        }
        let long = format!("multipart/mixed;boundary={}", "x".repeat(71));
        assert!(part_of(&long, "--").is_err());
        let parts = format!("{}--b1--", "--b1\r\n\r\n".repeat(PARTS_MAX + 1));
        assert_eq!(part_of(typed, &parts), Err(BodyError::Multipart("too many parts")));
        assert_eq!(part_of(typed, &format!("{}--b1--", "--b1\r\n\r\n".repeat(PARTS_MAX))), Ok(None));
        let headers = format!("--b1\r\n{}\r\n--b1--", "X: y\r\n".repeat(PART_HEADERS_MAX + 1));
        assert_eq!(part_of(typed, &headers), Err(BodyError::Multipart("too many headers in a part")));
    }

    #[test]
    fn a_part_that_must_be_understood_and_is_not_refuses_the_body() {
        let body = |handling: &str| {
            format!(
                "--b\r\nContent-Type: application/sdp\r\nContent-Disposition: session;handling=required\r\n\r\n{SDP}\r\n\
                 --b\r\nContent-Type: application/x-unknown\r\nContent-Disposition: signal;handling={handling}\r\n\r\nx\r\n--b--"
            )
        };
        assert_eq!(part_of("multipart/mixed;boundary=b", &body("Required")), Err(BodyError::Unsupported));
        assert_eq!(found("multipart/mixed;boundary=b", &body("optional")), SDP);
    }

    #[test]
    fn no_truncation_panics() {
        let body =
            format!("--b\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--b\r\nX: y\r\n\r\n\r\n--b--\r\n");
        let body = Bytes::from(body);
        for end in 0..body.len() {
            // Only the closing boundary makes it whole.
            let verdict = sdp_part("multipart/mixed;boundary=\"b\"", &body.slice(..end));
            assert_eq!(verdict.is_ok(), end == 0 || end >= body.len() - 2, "{end}");
        }
    }
}
