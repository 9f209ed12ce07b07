//! SIP in the log, with `--log info,sip=debug`: one line a message, its own lines joined by ` | `, secrets
//! masked as in traces.

use bytes::Bytes;
use sip::flow::Flow;
use sip::{Message, ParseError};

/// Characters of a message that are shown.
const SHOWN_MAX: usize = 8_192;

/// Whether anybody wants it. Cheap: the log's filter is asked once and remembered.
fn is_wanted() -> bool {
    tracing::enabled!(target: "sip", tracing::Level::DEBUG)
}

/// A message that came.
pub(crate) fn received(flow: &Flow, message: &Result<Message, ParseError>) {
    if !is_wanted() {
        return;
    }
    match message {
        Ok(message) => line("in", flow, &one_line(message.bytes())),
        Err(fault) => line("in", flow, &format!("not SIP: {}", fault.label())),
    }
}

/// A message that is being sent.
pub(crate) fn sent(flow: &Flow, bytes: &Bytes) {
    if is_wanted() {
        line("out", flow, &one_line(bytes));
    }
}

fn line(direction: &'static str, flow: &Flow, text: &str) {
    tracing::debug!(target: "sip", direction, transport = flow.transport.via_name(), peer = %flow.peer, "{text}");
}

fn one_line(bytes: &[u8]) -> String {
    let masked = trace::masked(bytes);
    let text = String::from_utf8_lossy(masked.get(..SHOWN_MAX).unwrap_or(&masked));
    let mut shown = String::with_capacity(text.len() + 64);
    for line in text.lines().filter(|line| !line.is_empty()) {
        push(&mut shown, line);
    }
    if bytes.len() > SHOWN_MAX {
        shown.push_str(" | …");
    }
    shown
}

/// What could begin a line of its own is no more than a dot here.
fn push(shown: &mut String, line: &str) {
    if !shown.is_empty() {
        shown.push_str(" | ");
    }
    shown.extend(line.chars().map(|c| if c.is_control() { '.' } else { c }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_e1_a_message_is_one_line_without_its_secrets() {
        let text = "INVITE sip:alice:s3cret@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK1\r\n\
                    Proxy-Authorization: Digest username=\"u\", response=\"00112233\",\r\n nonce=\"folded\"\r\n\
                    authorization : Basic dTpw\r\nFrom: <sips:bob:pw@h>;tag=1\r\nX: a\u{1}b\r\nContent-Type: application/sdp\r\n\r\n\
                    v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY\r\nm=audio 1 RTP/SAVP 8\r\n";
        assert_eq!(
            one_line(text.as_bytes()),
            "INVITE sip:alice:******@192.0.2.1 SIP/2.0 | Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK1 | \
             Proxy-Authorization: Digest ************* ******************** |  ************** | \
             authorization : Basic **** | From: <sips:bob:**@h>;tag=1 | X: a.b | Content-Type: application/sdp | v=0 | \
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:*** | m=audio 1 RTP/SAVP 8"
        );
        let info = "INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\nSignal=5\r\nDuration=160\r\n";
        assert!(
            one_line(info.as_bytes()).ends_with("| Signal=* | Duration=160"),
            "{}",
            one_line(info.as_bytes())
        );
        let digit = "INFO sip:a@b SIP/2.0\r\nContent-Type: application/dtmf\r\n\r\n5\r\n";
        assert!(one_line(digit.as_bytes()).ends_with("application/dtmf | *"));
        assert_eq!(one_line(&vec![b'x'; 10_000]).chars().count(), SHOWN_MAX + 4);
    }
}
