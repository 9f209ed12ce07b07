//! A notice as a mail: its headers and its bytes.
//!
//! Invariant: headers hold nothing but what is set here. Text that is not plain ASCII is encoded, and an
//! address that is not one makes no mail.

use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::message::{Mailbox, Message};
use units::Wall;

use super::text::Text;

/// The bytes of a mail. The same notice makes the same `Message-ID` each time.
pub(super) fn bytes(
    id: &str,
    at: Wall,
    from: &Address,
    to: &Address,
    text: &Text,
) -> Result<Vec<u8>, String> {
    let date = UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or_default());
    let automatic =
        HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let message = Message::builder()
        .from(Mailbox::new(None, from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .date(date)
        .message_id(Some(message_id(id, from)))
        .subject(text.subject.as_str())
        .raw_header(automatic)
        .header(MIME_VERSION_1_0)
        .header(ContentType::TEXT_PLAIN)
        .body(text.body.clone())
        .map_err(|e| e.to_string())?;
    Ok(message.formatted())
}

/// RFC 5322 §3.6.4; what may not stand in an id is written as `=` and hexadecimal.
fn message_id(id: &str, from: &Address) -> String {
    let mut out = String::from("<");
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' => out.push(char::from(byte)),
            other => out.push_str(&format!("={other:02X}")),
        }
    }
    let domain = from.domain();
    let domain = if domain.is_ascii() { domain } else { "tollgate.invalid" };
    format!("{out}@{domain}>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(subject: &str, body: &str) -> String {
        let (from, to) = (
            "billing@example.net".parse().expect("an address"),
            "ops@acme.example".parse().expect("an address"),
        );
        let text = Text { subject: subject.to_owned(), body: body.to_owned() };
        String::from_utf8(bytes("edge-1/42", Wall(1_795_348_800_000), &from, &to, &text).expect("a mail"))
            .expect("ASCII")
    }

    #[test]
    fn headers_are_these_and_no_others() {
        let mail = mail("acme: balance down to 1.95 EUR", "Hello\n");
        let (head, body) = mail.split_once("\r\n\r\n").expect("a body");
        let mut lines: Vec<&str> = head.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "Auto-Submitted: auto-generated",
                "Content-Transfer-Encoding: 7bit",
                "Content-Type: text/plain; charset=utf-8",
                "Date: Sun, 22 Nov 2026 12:00:00 +0000",
                "From: billing@example.net",
                "MIME-Version: 1.0",
                "Message-ID: <edge-1/42@example.net>",
                "Subject: acme: balance down to 1.95 EUR",
                "To: ops@acme.example",
            ]
        );
        assert_eq!(body, "Hello\r\n");
    }

    #[test]
    fn a_line_end_in_a_subject_begins_no_header() {
        let mail = mail("acme\r\nBcc: thief@example.org\r\n\r\nbody", "x\n");
        let (head, _) = mail.split_once("\r\n\r\n").expect("a body");
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{mail}");
        assert!(mail.is_ascii());
    }

    #[test]
    fn other_scripts_travel_as_ascii() {
        let mail = mail("acme: остаток на счёте 1,95 EUR", "Số dư của tài khoản\n");
        assert!(mail.is_ascii() && mail.contains("Subject: acme: =?utf-8?b?"), "{mail}");
        for (id, written) in
            [("edge-1/42", "<edge-1/42@example.net>"), ("ñ\r\n>/1", "<=C3=B1=0D=0A=3E/1@example.net>")]
        {
            assert_eq!(message_id(id, &"billing@example.net".parse().expect("an address")), written);
        }
    }
}
