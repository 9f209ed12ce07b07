//! Just enough reading of a message to find and name it: the first line and a header's value. Any bytes are
//! read without an error; what is not there is nothing.

use memchr::memchr;

/// The lines of a message's head with where each begins, without line ends, up to the empty line; a header
/// that goes on in further lines (RFC 3261 §7.3.1) is one item, its line ends within.
pub(crate) fn logical_lines(head: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let begin = at;
        let mut end = line_end(head, begin)?;
        at = end.1;
        // A line that begins with a blank goes on with the one before it, but an empty line has an end.
        while end.0 > begin && matches!(head.get(at), Some(b' ' | b'\t')) {
            let Some(next) = line_end(head, at) else { break };
            end = next;
            at = next.1;
        }
        Some((begin, &head[begin..end.0]))
    })
}

/// Where the line that begins at `from` ends, and where the next begins.
fn line_end(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let rest = text.get(from..).filter(|rest| !rest.is_empty())?;
    let next = memchr(b'\n', rest).map_or(text.len(), |at| from + at + 1);
    let mut end = next;
    while end > from && matches!(text[end - 1], b'\n' | b'\r') {
        end -= 1;
    }
    Some((end, next))
}

/// Where a message's body begins: behind the first empty line.
pub(crate) fn body_at(message: &[u8]) -> usize {
    let mut at = 0;
    while let Some((end, next)) = line_end(message, at) {
        if end == at {
            return next;
        }
        at = next;
    }
    message.len()
}

/// A header line's name, without blanks, and the place of its value in the line.
pub(crate) fn name_and_value(line: &[u8]) -> Option<(&[u8], usize)> {
    let colon = memchr(b':', line)?;
    Some((line[..colon].trim_ascii(), colon + 1))
}

/// The value of the first header of one of these names, trimmed; a folded one with its line ends.
pub fn header<'a>(message: &'a [u8], names: &[&str]) -> Option<&'a [u8]> {
    let head = &message[..body_at(message)];
    logical_lines(head).skip(1).find_map(|(_, line)| {
        let (name, value) = name_and_value(line)?;
        let known = names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
        known.then(|| line[value..].trim_ascii())
    })
}

/// The Call-ID.
pub fn call_id(message: &[u8]) -> Option<&[u8]> {
    header(message, &["call-id", "i"]).filter(|value| !value.is_empty())
}

/// The CSeq's text, number and method.
pub fn cseq(message: &[u8]) -> Option<&[u8]> {
    header(message, &["cseq"])
}

/// The request line or status line.
pub fn first_line(message: &[u8]) -> &[u8] {
    let begin = message.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
    line_end(message, begin).map_or(&[], |(end, _)| &message[begin..end])
}

/// The Request-URI.
pub fn start_uri(message: &[u8]) -> Option<&[u8]> {
    let line = first_line(message);
    if line.starts_with(b"SIP/2.0 ") {
        return None;
    }
    line.split(|byte| *byte == b' ').nth(1)
}

/// Whether it is an INVITE outside of any dialog: its To has no tag.
pub fn is_new_invite(message: &[u8]) -> bool {
    let to = header(message, &["to", "t"]).unwrap_or_default();
    // A tag is a parameter of the header: behind the angle brackets, if there are any.
    let params = memchr::memrchr(b'>', to).map_or(to, |at| &to[at..]).to_ascii_lowercase();
    first_line(message).starts_with(b"INVITE ")
        && !params.split(|byte| *byte == b';').skip(1).any(|param| param.trim_ascii().starts_with(b"tag"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:1@h SIP/2.0\r\nVia: x\r\nTo: <sip:1@h;tag=no>\r\ni :\r\n a@b\r\nCSeq: 7 INVITE\r\n\r\nCall-ID: body\r\n";

    #[test]
    fn headers_are_found_also_folded_and_compact() {
        assert_eq!(call_id(INVITE), Some(&b"a@b"[..]));
        assert_eq!(cseq(INVITE), Some(&b"7 INVITE"[..]));
        assert_eq!(first_line(INVITE), b"INVITE sip:1@h SIP/2.0");
        assert_eq!(start_uri(INVITE), Some(&b"sip:1@h"[..]));
        assert!(is_new_invite(INVITE));
        assert!(!is_new_invite(b"INVITE sip:1@h SIP/2.0\r\nt: <sip:1@h> ; Tag=1\r\n\r\n"));
        assert!(!is_new_invite(b"INVITE sip:1@h SIP/2.0\r\nt: sip:1@h;tag=1\r\n\r\n"));
        assert_eq!(&INVITE[body_at(INVITE)..], b"Call-ID: body\r\n");
    }

    #[test]
    fn any_bytes_are_read() {
        for bytes in [&b""[..], b"\r\n", b"\n", b":", b" ", b"x\n y", b"\r\n\r\n\r\n", b"a\r\n:\r\n b"] {
            assert_eq!(call_id(bytes), None);
            let _ = (first_line(bytes), start_uri(bytes), is_new_invite(bytes), body_at(bytes));
        }
        assert_eq!(call_id(b"x\r\nCall-ID: \r\n\r\n"), None);
        assert_eq!(call_id(b"SIP/2.0 200 OK\nCall-ID:z"), Some(&b"z"[..]));
    }
}
