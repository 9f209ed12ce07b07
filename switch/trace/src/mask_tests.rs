use super::*;

fn shown(message: &str) -> String {
    let masked = masked(message.as_bytes());
    assert_eq!(masked.len(), message.len(), "lengths stay");
    String::from_utf8(masked).expect("stars are ASCII")
}

/// The whole message with `secret` gone, and nothing else changed.
fn hides(message: &str, secret: &str) {
    assert!(message.contains(secret), "{message}");
    assert_eq!(shown(message), message.replace(secret, &"*".repeat(secret.len())));
}

fn request(headers: &str, body: &str) -> String {
    format!("INFO sip:a@b SIP/2.0\r\nCall-ID: 1\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn credentials_are_masked_in_any_case_and_folded() {
    for (header, shown_as) in [
        ("Authorization: Digest response=\"00\"", "Authorization: Digest *************"),
        ("authorization : Basic dTpw", "authorization : Basic ****"),
        (
            "PROXY-AUTHORIZATION:digest\r\n  u=\"x\",\r\n\ty=z",
            "PROXY-AUTHORIZATION:digest\r\n  ******\r\n\t***",
        ),
        ("Authorization: s3cret", "Authorization: ******"),
        ("Authorization: Digest,x", "Authorization: ********"),
        ("Authentication-Info: rspauth=\"ab\"", "Authentication-Info: ************"),
        ("Authorization:", "Authorization:"),
    ] {
        let message = request(&format!("{header}\r\n"), "");
        assert_eq!(shown(&message), message.replace(header, shown_as));
    }
    // Challenges hold no secret.
    let challenge = request("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", "");
    assert_eq!(shown(&challenge), challenge);
}

#[test]
fn passwords_in_uris_are_masked() {
    for header in [
        "From: <sip:bob:S3CRET@h>;tag=1",
        "from: \"Bob\" <SIPS:bob;x=y:S3CRET@h:5061;transport=tls>",
        "Contact: sip:bob:S3CRET@h",
        "To: <sip:a@b>,\r\n <sip:bob:S3CRET@[::1]>",
        "Alert-Info: <http://u:S3CRET@h/ring.wav>",
        "Refer-To: <sip:a@b?Authorization=S3CRET&x=1>",
        "To: <sip:+34911;postd=S3CRET@h>",
        "To: <tel:+34911;postd=S3CRET>",
    ] {
        hides(&request(&format!("{header}\r\n"), ""), "S3CRET");
    }
    hides("INVITE sip:alice:S3CRET@192.0.2.1 SIP/2.0\r\n\r\n", "S3CRET");
    hides("INVITE sip:alice:p@ss@192.0.2.1 SIP/2.0\r\n\r\n", "p@ss");
    let plain = request("Via: SIP/2.0/UDP 192.0.2.1:5060\r\nFrom: <sip:bob@h:5060>;tag=a:b@c\r\n", "");
    assert_eq!(shown(&plain), plain);
}

#[test]
fn keys_of_a_session_are_masked() {
    let sdp = |line: &str| {
        request("Content-Type: application/sdp\r\n", &format!("v=0\r\n{line}\r\nm=audio 1 RTP/SAVP 8\r\n"))
    };
    hides(&sdp("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY"), "KEY");
    hides(&sdp("A=CRYPTO:1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^20|1:4"), "KEY|2^20|1:4");
    hides(&sdp("k=clear:KEY"), "clear:KEY");
    assert!(shown(&sdp("a=key-mgmt:mikey KEY")).contains("a=key-mgmt:***** ***"));
    let odd = shown(&sdp("a=crypto:inline:KEY"));
    assert!(!odd.contains("KEY"), "{odd}");
    assert!(!shown(&sdp("a=crypto:1 KEYKEY inline:K")).contains("KEY"));
}

#[test]
fn keyed_digits_are_masked() {
    let relay = request("Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=160\r\n");
    assert_eq!(shown(&relay), relay.replace("Signal=5", "Signal=*"));
    let spaced = request("c : Application/DTMF-Relay\r\n", "signal = 12\nduration = 100\n");
    assert_eq!(shown(&spaced), spaced.replace("= 12", "= **"));
    let folded = request("Content-Type:\r\n application/dtmf\r\n", "7");
    assert!(shown(&folded).ends_with("\r\n\r\n*"));
    let trick = request("Content-Type: application/dtmf-relay\r\n", "Duration=5#1\r\nPIN 1234\r\n");
    assert!(shown(&trick).ends_with("\r\n\r\n************\r\n*** ****\r\n"), "{}", shown(&trick));
    let kpml = request("Content-Type: application/kpml-response+xml\r\n", "<kpml-response digits=\"1234\"/>");
    assert!(!shown(&kpml).contains("1234"));
}

#[test]
fn parts_are_masked_by_their_own_types() {
    let body = "--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:KEY\r\n\
                --b1\r\nContent-type:\r\n  application/DTMF-relay\r\n\r\nSignal=9\r\n--b1\r\n\
                Content-Transfer-Encoding: base64\r\nContent-Type: application/sdp\r\n\r\nYT1jcnlwdG8=\r\n\
                --b1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b1--\r\n";
    let message = request("Content-Type: multipart/mixed; boundary=\"b1\"\r\n", body);
    let expected = message
        .replace("inline:KEY", "inline:***")
        .replace("Signal=9", "Signal=*")
        .replace("YT1jcnlwdG8=", "************");
    assert_eq!(shown(&message), expected);
    // No boundary is named.
    let message = request("Content-Type: multipart/mixed\r\n", body);
    assert_eq!(shown(&message).len(), message.len());
    assert!(!shown(&message).contains("Signal=9") && !shown(&message).contains("KEY"));
}

#[test]
fn what_is_compressed_or_a_fragment_is_masked() {
    let zipped = request("Content-Encoding: gzip\r\nContent-Type: application/sdp\r\n", "\u{1}XYZ");
    assert!(shown(&zipped).ends_with("\r\n\r\n****"));
    let fragment =
        request("Content-Type: message/sipfrag\r\n", "SIP/2.0 200 OK\r\nAuthorization: Digest a=b\r\n");
    assert!(shown(&fragment).ends_with("SIP/2.0 200 OK\r\nAuthorization: Digest ***\r\n"));
}

/// SECURITY.md 13: what crashed other tools' tracers.
#[test]
fn attack_13_long_and_empty_fields_change_nothing() {
    let long = "x".repeat(300);
    let sdp = format!("v=0\r\nc=IN IP4 {long}\r\nm={long} 1 RTP/AVP 8\r\n");
    let message = request("Warning:\r\nWarning: \r\nContent-Type: application/sdp\r\n", &sdp);
    assert_eq!(shown(&message), message);
    let mut state = 1_u32;
    for length in 0..2_000_usize {
        // Pieces of all that is looked for, in a fixed disorder.
        let bytes: Vec<u8> = (0..length % 97)
            .flat_map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let pieces: [&[u8]; 12] = [
                    b"\r\n",
                    b" ",
                    b"sip:",
                    b"@",
                    b":",
                    b"Authorization",
                    b"--b",
                    b"a=crypto:",
                    b"\n\n",
                    b"Content-Type: multipart/x;boundary=b",
                    b"\xff\x00",
                    b"Signal=",
                ];
                pieces[(state >> 20) as usize % pieces.len()]
            })
            .copied()
            .collect();
        assert_eq!(masked(&bytes).len(), bytes.len());
    }
}
