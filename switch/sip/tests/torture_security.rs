//! Known attacks on SIP parsers, one test each, on the parser's side of it; the live switch is tested
//! elsewhere.
#![allow(clippy::panic, reason = "a test says what it expected")]

mod shared;

use bytes::Bytes;
use shared::{Verdict, exercise, stream_verdict, udp_verdict};
use sip::{MAX_HEADERS, MAX_MESSAGE, Message, Method, Name};

/// A whole INVITE; `extra` stands among the headers.
fn invite(extra: &str, body: &str) -> Vec<u8> {
    request(
        "INVITE",
        "<sip:a@h>;tag=1",
        "z9hG4bK1",
        extra,
        &format!("Content-Length: {}\r\n", body.len()),
        body,
    )
}

fn request(method: &str, from: &str, branch: &str, extra: &str, length: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} sip:34911234567@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch={branch}\r\nMax-Forwards: 70\r\n\
         From: {from}\r\nTo: <sip:34911234567@192.0.2.1>\r\nCall-ID: c1@h\r\nCSeq: 1 {method}\r\nContact: <sip:a@192.0.2.9>\r\n\
         {extra}{length}\r\n{body}"
    )
    .into_bytes()
}

fn assert_refused(wire: &[u8], status: u16, label: &str, what: &str) {
    match udp_verdict(wire) {
        Verdict::Refuse { status: found, label: why, answer, .. } => {
            assert_eq!((found, why), (status, label), "{what}");
            assert!(answer.len() < wire.len() + 512, "{what}: the answer must not amplify");
        }
        other => panic!("{what}: {other:?}"),
    }
}

fn assert_accepted(wire: &[u8], what: &str) -> Message {
    assert_eq!(udp_verdict(wire).to_string(), "ok", "{what}");
    Message::parse(Bytes::copy_from_slice(wire)).unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[test]
fn entry_01_cseq_method_of_a_kilobyte() {
    let wire =
        String::from_utf8(request("OPTIONS", "<sip:a@h>;tag=1", "z9hG4bK1", "", "", "")).unwrap_or_default();
    let long = "A".repeat(1024);
    assert_refused(
        wire.replace("CSeq: 1 OPTIONS", &format!("CSeq: 1 {long}")).as_bytes(),
        400,
        "cseq_method",
        "long CSeq method",
    );
    let both = request(&long, "<sip:a@h>;tag=1", "z9hG4bK1", "", "", "");
    assert_eq!(assert_accepted(&both, "a long unknown method is unknown, no more").method(), Method::Other);
    // what goes to a log line or a counter stays short
    assert!(sip::Fault::LABELS.iter().all(|label| label.len() <= 20));
}

#[test]
fn entry_02_bare_line_feeds_and_broken_multipart() {
    let body = "--x\r\nContent-Type: application/sdp\r\n\r\nv=0";
    let whole = invite("Content-Type: multipart/mixed;boundary=x\r\n", body);
    assert_eq!(assert_accepted(&whole, "parts are not the parser's").body(), body);
    let bare: Vec<u8> = whole.iter().copied().filter(|&byte| byte != b'\r').collect();
    assert_refused(&bare, 400, "line_end", "all line feeds bare");
    let text = String::from_utf8(whole).unwrap_or_default();
    assert_refused(
        text.replacen("Max-Forwards: 70\r\n", "Max-Forwards: 70\n", 1).as_bytes(),
        400,
        "line_end",
        "one line feed bare",
    );
    assert_refused(
        text.replacen("Max-Forwards: 70\r\n", "Max-Forwards: 70\rX: 1\r\n", 1).as_bytes(),
        400,
        "control_byte",
        "a bare return",
    );
    assert_eq!(stream_verdict(&bare, 9).to_string(), "400-close");
}

#[test]
fn entry_03_tags_and_branches_round_256_bytes() {
    for length in [255, 256, 257] {
        let long = "t".repeat(length);
        let wire =
            request("REGISTER", &format!("<sip:a@h>;tag={long}"), &format!("z9hG4bK{long}"), "", "", "");
        for _ in 0..2 {
            let message = assert_accepted(&wire, "long tag and branch");
            assert_eq!(message.from_tag(), long);
            assert_eq!(message.top_via().map(|via| via.branch().map(str::len)), Ok(Some(length + 7)));
        }
    }
}

#[test]
fn entry_04_headers_are_counted() {
    let accepts = "Accept: application/x-012345678901234567890123456789012345678901234567890123456789012345678901234567890\r\n".repeat(50);
    assert_accepted(
        &request("SUBSCRIBE", "<sip:a@h>;tag=1", "z9hG4bK1", &accepts, "", ""),
        "fifty Accept headers",
    );
    let fixed = 7;
    assert_accepted(
        &request(
            "SUBSCRIBE",
            "<sip:a@h>;tag=1",
            "z9hG4bK1",
            &"X-A: 1\r\n".repeat(MAX_HEADERS - fixed),
            "",
            "",
        ),
        "at the limit",
    );
    for count in [MAX_HEADERS - fixed + 1, 1_000] {
        let wire = request("SUBSCRIBE", "<sip:a@h>;tag=1", "z9hG4bK1", &"X-A: 1\r\n".repeat(count), "", "");
        assert_refused(&wire, 400, "too_many_headers", "over the limit");
    }
}

#[test]
fn entries_05_and_06_bodies_pass_unread_and_whole() {
    for body in ["v=0\r\na=fmtp\0:101 0-16\r\n", "v=0\r\nm=audio 17002 RTP/AVP 4294967296\r\n"] {
        assert_eq!(
            assert_accepted(&invite("Content-Type: application/sdp\r\n", body), "odd SDP").body(),
            body
        );
    }
}

#[test]
fn entry_07_no_other_spelling_of_a_header_name() {
    for spelled in [
        "X-Internal-Account : 1",
        "X-Internal-Account\t: 1",
        "x-iNTERNAL-aCCOUNT:\r\n 1",
        "X-INTERNAL-ACCOUNT  \t :1",
    ] {
        let message = assert_accepted(&invite(&format!("{spelled}\r\n"), ""), spelled);
        assert_eq!(
            message.header_named("X-Internal-Account"),
            Some("1"),
            "{spelled}: a filter by name must see it"
        );
    }
    let escaped = assert_accepted(&invite("X%2DInternal-Account: 1\r\n", ""), "escapes are never resolved");
    assert_eq!(escaped.header_named("X-Internal-Account"), None);
    for spelled in [
        "X-Internal-Account\0: 1",
        "\0X-Internal-Account: 1",
        "X-Internal\u{b}-Account: 1",
        "X Internal-Account: 1",
        ": 1",
        "X-Int\u{e9}: 1",
    ] {
        assert_refused(&invite(&format!("{spelled}\r\n"), ""), 400, "header_line", spelled);
    }
    // a folded name is a continuation of the header before it, never a header
    let folded = assert_accepted(&invite("Subject: a\r\n X-Internal-Account: 1\r\n", ""), "folded name");
    assert_eq!(
        (folded.header_named("X-Internal-Account"), folded.header(Name::Subject)),
        (None, Some("a   X-Internal-Account: 1"))
    );
}

#[test]
fn entry_08_decoys_beside_real_headers() {
    for decoy in [
        "Contact\u{1}: <sip:evil@h>",
        "To\u{1}: <sip:b@h>;tag=decoy",
        "\u{1}To: <sip:b@h>;tag=decoy",
        "To\u{7f}: <sip:b@h>;tag=decoy",
    ] {
        assert_refused(&invite(&format!("{decoy}\r\n"), ""), 400, "header_line", decoy);
    }
    for decoy in ["To : <sip:b@h>;tag=decoy", "t: <sip:b@h>;tag=decoy", "TO\t:\r\n <sip:b@h>;tag=decoy"] {
        assert_refused(&invite(&format!("{decoy}\r\n"), ""), 400, "repeated_header", decoy);
    }
    let other = assert_accepted(&invite("To_: <sip:b@h>;tag=decoy\r\n", ""), "another header");
    assert_eq!(other.to_tag(), "");
}

#[test]
fn entries_09_and_10_digest_headers_of_any_shape() {
    let long = "f".repeat(60_000);
    let values = [
        "Digest username=\"unterminated, realm=x".to_owned(),
        "Digest".to_owned(),
        "Digest ,,,=,\"\"=,response=,response=1,response=2".to_owned(),
        format!("Digest username=\"a\",response=\"{long}\""),
        format!("Digest response=\"{}\"", "0".repeat(31)),
        format!("Digest response=\"{}\"", "0".repeat(33)),
    ];
    for value in values {
        let wire = invite(&format!("Authorization: {value}\r\n"), "");
        assert!(wire.len() <= MAX_MESSAGE);
        // one value as it came: a comma separates nothing here, an open quote swallows nothing behind the
        // line
        let message = assert_accepted(&wire, "digest");
        assert_eq!(message.values(Name::Authorization).collect::<Vec<_>>(), [value.trim()]);
        assert_eq!(message.to().map(|to| to.uri), Ok("sip:34911234567@192.0.2.1"));
    }
}

#[test]
fn entry_11_content_length_that_lies() {
    let lying = |length: &str| request("INVITE", "<sip:a@h>;tag=1", "z9hG4bK1", "", length, "v=0\r\n");
    let table = [
        ("Content-Length: -1\r\n", "content_length", "400-close"),
        ("Content-Length: 4294967296\r\n", "body_short", "400-close"),
        ("Content-Length: 99999\r\n", "body_short", "400-close"),
        ("Content-Length: 99999999999999999999999999\r\n", "content_length", "400-close"),
        ("Content-Length: 5\r\nl: 4\r\n", "content_length", "400-close"),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", "content_length", "400-close"),
        ("Content-Length: 5, 5\r\n", "content_length", "400-close"),
        ("Content-Length: 0x5\r\n", "content_length", "400-close"),
        ("Content-Length: +5\r\n", "content_length", "400-close"),
        ("Content-Length: 5 5\r\n", "content_length", "400-close"),
        ("Content-Length:\r\n", "content_length", "400-close"),
    ];
    for (length, label, stream) in table {
        let wire = lying(length);
        assert_refused(&wire, 400, label, length);
        assert_eq!(stream_verdict(&wire, 11).to_string(), stream, "{length}");
    }
    assert_eq!(assert_accepted(&lying("Content-Length:\r\n 3\r\n"), "folded").body(), "v=0");
    assert_eq!(assert_accepted(&lying(""), "none on UDP: all of it").body(), "v=0\r\n");
    assert_eq!(stream_verdict(&lying(""), 11).to_string(), "400-close");
}

#[test]
fn entry_12_uris_that_end_in_an_escape() {
    for uri in ["sip:a%@h", "sip:a%4@h", "sip:a@h;x=%", "sip:a@h;x=%4", "sip:%", "sip:a@h%41"] {
        assert_eq!(sip::Uri::parse(uri), None, "{uri}");
        let text = String::from_utf8(invite("", "")).unwrap_or_default();
        assert_refused(
            text.replacen("sip:34911234567@192.0.2.1", uri, 1).as_bytes(),
            400,
            "request_uri",
            uri,
        );
        assert_refused(
            text.replacen("<sip:a@h>", &format!("<{uri}>"), 1).as_bytes(),
            400,
            "malformed_header",
            uri,
        );
    }
}

#[test]
fn entry_18_two_to_headers_and_overlong_tags() {
    assert_refused(&invite("To: <sip:b@h>\r\n", ""), 400, "repeated_header", "two To headers");
    let at_limit =
        request("INVITE", &format!("<sip:a@h>;tag={}", "t".repeat(sip::MAX_KEY)), "z9hG4bK1", "", "", "");
    assert_accepted(&at_limit, "tag at the limit");
    let over = "t".repeat(sip::MAX_KEY + 1);
    assert_refused(
        &request("INVITE", &format!("<sip:a@h>;tag={over}"), "z9hG4bK1", "", "", ""),
        400,
        "malformed_header",
        "tag",
    );
    assert_refused(
        &request("INVITE", "<sip:a@h>;tag=1", &over, "", "", ""),
        400,
        "malformed_header",
        "branch",
    );
    assert_refused(
        &request("INVITE", "<sip:a@h>;tag=1;tag=2", "z9hG4bK1", "", "", ""),
        400,
        "malformed_header",
        "two tags",
    );
}

#[test]
fn responses_and_acks_are_never_answered() {
    let text = String::from_utf8(invite("To: <sip:b@h>\r\n", "")).unwrap_or_default();
    let response = text.replacen("INVITE sip:34911234567@192.0.2.1 SIP/2.0", "SIP/2.0 200 OK", 1);
    assert_eq!(udp_verdict(response.as_bytes()).to_string(), "drop");
    assert_eq!(udp_verdict(text.replace("INVITE", "ACK").as_bytes()).to_string(), "drop");
    for noise in [
        &b""[..],
        b"\r\n\r\n",
        b"\0",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SIP/2.0\r\n\r\n",
        b"SIP/2.0 99 x\r\n\r\n",
        &[0xff; 300],
        &[b'A'; 65_000],
    ] {
        assert_eq!(udp_verdict(noise).to_string(), "drop", "{:?}", noise.get(..8));
    }
    assert_eq!(udp_verdict(&vec![b'A'; MAX_MESSAGE + 1]).label(), "too_large");
}

#[test]
fn text_that_is_no_utf8_is_mended_in_place() {
    let mut wire = invite("Subject: caf\u{e9} \u{439}\r\n", "caf\u{e9}");
    let at = wire.windows(2).position(|pair| pair == "\u{e9}".as_bytes()).unwrap_or_default();
    // Latin-1 instead of UTF-8
    wire.splice(at..at + 2, [0xe9]);
    let message = assert_accepted(&wire, "latin-1");
    assert_eq!(message.header(Name::Subject), Some("caf? \u{439}"));
    assert_eq!(message.body(), "caf\u{e9}", "bodies are not touched");
}

#[test]
fn long_tables_cost_no_more_than_their_bytes() {
    // worst shapes: all commas, all semicolons, all quotes, all brackets, all backslashes
    for byte in [",", ";", "\"", "<", "\\", "%", "[", "=", " "] {
        for header in ["Via", "Contact", "From", "Route", "X-A"] {
            exercise(&invite(&format!("{header}: {}\r\n", byte.repeat(60_000)), ""));
            exercise(&invite(&format!("{header}: a{}\r\n", format!("{byte}a").repeat(30_000)), ""));
        }
    }
}
