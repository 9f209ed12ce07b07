//! Credentials and challenges from any text: what is read is what was written, and nothing but the right
//! answer is right.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sip::auth::server::Authorization;
use sip::auth::{Challenge, Credentials};

fuzz_target!(|text: &str| {
    let _ = Authorization::parse(text);
    let Some(challenge) = Challenge::parse(text) else { return };
    let credentials = Credentials {
        user: "alice",
        password: "secret",
        method: "INVITE",
        uri: "sip:34911000001@192.0.2.1",
        cnonce: "0a4f113b",
        nc: 1,
    };
    let answer = challenge.authorization(&credentials);
    assert!(!answer.contains(['\r', '\n']) && !answer.contains("secret"));
    let back = Challenge::parse(&answer).expect("our own answer parses");
    assert_eq!((back.realm, back.nonce, back.opaque), (challenge.realm, challenge.nonce, challenge.opaque));
});
