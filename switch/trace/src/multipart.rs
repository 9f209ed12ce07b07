//! What each line of a body is, by the Content-Type, Content-Encoding and Content-Transfer-Encoding of the
//! message and of its parts (RFC 2046 §5.1, RFC 5621).

use memchr::memmem;

use crate::scan::name_and_value;

/// Boundaries of nested parts that are told apart; within more, every `--` counts as one.
const BOUNDARIES_MAX: usize = 8;

/// What a line of a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// A boundary, or a header of a part.
    Header,
    /// Text of any kind, session descriptions too.
    Text,
    /// Digits that somebody keyed in.
    Keys,
    /// Text that is encoded or compressed, or markup with digits: nothing of it may be seen.
    Hidden,
}

/// Follows the parts of a body, line by line.
#[derive(Default)]
pub(crate) struct Parts {
    boundaries: Vec<Vec<u8>>,
    /// Some multipart names no boundary, or there are too many.
    any_boundary: bool,
    in_header: bool,
    keys: bool,
    hidden: bool,
}

// === impl Parts ===

impl Parts {
    /// A header of the message or of a part.
    pub(crate) fn header(&mut self, line: &[u8]) {
        let Some((name, value)) = name_and_value(line) else { return };
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let value = &line[value..];
        if is("content-type") || is("c") {
            self.content_type(value);
        } else if is("content-encoding") || is("e") {
            let value = value.trim_ascii();
            self.hidden |= !value.is_empty() && !value.eq_ignore_ascii_case(b"identity");
        } else if is("content-transfer-encoding") {
            let plain = ["7bit", "8bit", "binary"];
            self.hidden |= !plain.iter().any(|one| value.trim_ascii().eq_ignore_ascii_case(one.as_bytes()));
        }
    }

    fn content_type(&mut self, value: &[u8]) {
        let lower = value.to_ascii_lowercase();
        let has = |text: &str| memmem::find(&lower, text.as_bytes()).is_some();
        self.hidden |= has("kpml");
        self.keys |= has("dtmf") || has("telephone-event") || has("digits");
        if has("multipart/") {
            match boundary(&lower, value).filter(|_| self.boundaries.len() < BOUNDARIES_MAX) {
                Some(boundary) => self.boundaries.push(boundary.to_vec()),
                None => self.any_boundary = true,
            }
        }
    }

    /// The head of the message is over.
    pub(crate) fn begin_body(&mut self) {
        self.in_header = false;
    }

    /// What this line is.
    pub(crate) fn line(&mut self, line: &[u8]) -> Shape {
        if self.is_boundary(line) {
            (self.in_header, self.keys, self.hidden) = (true, false, false);
            return Shape::Header;
        }
        if self.in_header {
            self.header(line);
            // The empty line that ends a part's head.
            self.in_header = !line.is_empty();
            return Shape::Header;
        }
        match (self.hidden, self.keys) {
            (true, _) => Shape::Hidden,
            (false, true) => Shape::Keys,
            (false, false) => Shape::Text,
        }
    }

    fn is_boundary(&self, line: &[u8]) -> bool {
        let Some(rest) = line.strip_prefix(b"--") else { return false };
        self.any_boundary || self.boundaries.iter().any(|boundary| rest.starts_with(boundary))
    }
}

/// The parameter `boundary`, without quotes.
fn boundary<'a>(lower: &[u8], value: &'a [u8]) -> Option<&'a [u8]> {
    let at = memmem::find(lower, b"boundary")? + b"boundary".len();
    let rest = value[at..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let found = match rest.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|byte| *byte == b'"').next(),
        None => rest.split(|byte| *byte == b';' || byte.is_ascii_whitespace()).next(),
    };
    found.filter(|found| !found.is_empty())
}
