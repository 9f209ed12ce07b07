//! The examples of RFC 8225 and RFC 8588, and what is not like them.

use p256::ecdsa::VerifyingKey;
use p256::ecdsa::signature::Verifier as _;
use p256::pkcs8::DecodePublicKey as _;

use super::*;
use crate::{Claims, Signer};

/// RFC 8225 appendix A.1.
const KEY: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIFeZ1R208QCvcu5GuYyMfG4W7sH4m99/7eHSDLpdYllFoAoGCCqGSM49
AwEHoUQDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH78YTU8qLS8I5HLHSSmlATLcs
lQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END EC PRIVATE KEY-----";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8HNbQd/TmvCKwPKHkMF9fScavGeH
78YTU8qLS8I5HLHSSmlATLcslQMhNC/OhlWBYC626nIlo7XeebYS7Sb37g==
-----END PUBLIC KEY-----";
/// The token there.
const TOKEN: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6InBhc3Nwb3J0IiwieDV1IjoiaHR0cHM6Ly9jZXJ0LmV4YW1wbGUub3JnL3Bhc3Nwb3J0LmNlciJ9.eyJkZXN0Ijp7InVyaSI6WyJzaXA6YWxpY2VAZXhhbXBsZS5jb20iXX0sImlhdCI6IjE0NDMyMDgzNDUiLCJvcmlnIjp7InRuIjoiMTIxNTU1NTEyMTIifX0.rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VOgFWSjHBr8Qjpjlk-cpFYpFYsojNCpTzO3QfPOlckGaS6hEck7w";
const X5U: &str = "https://cert.example.org/passport.cer";

fn tn(text: &str) -> Tn {
    Tn::canonical(text).expect(text)
}

/// A value of an Identity header with these parts and the signature of zeros that is none.
fn value(header: &str, payload: &str, params: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}{params}", encode(header), encode(payload), URL_SAFE_NO_PAD.encode([1_u8; 64]))
}

/// RFC 8588 §5.
const HEADER: &str =
    r#"{"alg":"ES256","typ":"passport","ppt":"shaken","x5u":"https://cert.example.org/passport.cer"}"#;
const PAYLOAD: &str = r#"{"attest":"A","dest":{"tn":["12155550131"]},"iat":1443208345,"orig":{"tn":"12155550121"},"origid":"123e4567-e89b-12d3-a456-426655440000"}"#;
const PARAMS: &str = ";info=<https://cert.example.org/passport.cer>;alg=ES256;ppt=shaken";

#[test]
fn the_example_of_rfc_8225_verifies() {
    let (signed, signature) = TOKEN.rsplit_once('.').expect("token");
    let signature = Signature::from_slice(&decode(signature).expect("base64")).expect("signature");
    let key = VerifyingKey::from_public_key_pem(PUBLIC).expect("key");
    assert!(key.verify(signed.as_bytes(), &signature).is_ok());
    assert!(key.verify(&signed.as_bytes()[1..], &signature).is_err());
    // It has no extension, so it attests nothing.
    assert_eq!(Passport::read(&format!("{TOKEN};info=<{X5U}>;alg=ES256")), Err(Fault::Missing));
}

#[test]
fn the_example_of_rfc_8588_is_read() {
    let passport = Passport::read(&value(HEADER, PAYLOAD, PARAMS)).expect("passport");
    assert_eq!(passport.attest, Attestation::A);
    assert_eq!((&passport.orig, &*passport.dest), (&tn("12155550121"), &[tn("12155550131")][..]));
    assert_eq!((passport.iat, passport.x5u.to_string().as_str()), (1_443_208_345, X5U));
    assert_eq!(&*passport.origid, "123e4567-e89b-12d3-a456-426655440000");
}

#[test]
fn what_we_sign_is_in_the_order_of_the_rfc_and_always_the_same() {
    let signer = Signer::new(KEY, X5U).expect("key");
    let (orig, dest) = (tn("12155550121"), tn("12155550131"));
    let claims =
        Claims { attest: Attestation::A, orig: &orig, dest: &dest, iat: 1_443_208_345, origin: "pbx" };
    let signed = signer.identity(&claims);
    assert_eq!(signed, signer.identity(&claims));
    let (token, params) = signed.split_once(';').expect("parameters");
    assert_eq!(format!(";{params}"), PARAMS);
    let parts: Vec<&str> = token.split('.').collect();
    let text = |part: &str| String::from_utf8(decode(part).expect("base64")).expect("text");
    assert_eq!(
        text(parts[0]),
        r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example.org/passport.cer"}"#
    );
    let expected = PAYLOAD.replace("123e4567-e89b-12d3-a456-426655440000", &signer.origid("pbx"));
    assert_eq!(text(parts[1]), expected);
    let key = VerifyingKey::from_public_key_pem(PUBLIC).expect("key");
    let signature = Signature::from_slice(&decode(parts[2]).expect("base64")).expect("signature");
    assert!(key.verify(token.rsplit_once('.').expect("token").0.as_bytes(), &signature).is_ok());
}

#[test]
fn ids_of_origins_are_uuids_of_their_own() {
    let signer = Signer::new(KEY, X5U).expect("key");
    let (one, other) = (signer.origid("gate pbx"), signer.origid("gate shop"));
    assert_ne!(one, other);
    assert_eq!((one.len(), &one[14..15], one.matches('-').count()), (36, "8", 4), "{one}");
}

#[test]
fn keys_are_read_in_both_forms_and_others_refused() {
    let pkcs8 = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgV5nVHbTxAK9y7ka5
jIx8bhbuwfib33/t4dIMul1iWUWhRANCAATwc1tB39Oa8IrA8oeQwX19Jxq8Z4fv
xhNTyotLwjkcsdJKaUBMtyyVAyE0L86GVYFgLrbqciWjtd55thLtJvfu
-----END PRIVATE KEY-----
";
    let sec1 = Signer::new(KEY, X5U).expect("sec1");
    let both = format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{KEY}");
    for pem in [pkcs8, &both] {
        assert_eq!(Signer::new(pem, X5U).expect("key").origid("x"), sec1.origid("x"));
    }
    for pem in ["", "-----BEGIN PRIVATE KEY-----", PUBLIC] {
        assert!(Signer::new(pem, X5U).is_err());
    }
    assert!(Signer::new(KEY, "http://cert.example.org/passport.cer").is_err());
    assert!(!format!("{sec1:?}").contains("key"));
}

#[test]
fn a_passport_is_of_one_call_and_one_minute() {
    let passport = Passport::read(&value(HEADER, PAYLOAD, PARAMS)).expect("passport");
    let (orig, dest) = ([tn("+12155550121")], [tn("34911"), tn("+1-215-555-0131")]);
    let at = |secs| passport.fits(&orig, &dest, 1_443_208_345 + secs);
    for secs in [-60, 0, 60] {
        assert_eq!(at(secs), Ok(()), "{secs}");
    }
    for secs in [-61, 61, 1_000_000, i64::MAX - 1_443_208_345] {
        assert_eq!(at(secs), Err(Fault::Stale(secs)), "{secs}");
    }
    assert_eq!(passport.fits(&dest, &dest, 1_443_208_345), Err(Fault::WrongOrig));
    assert_eq!(passport.fits(&orig, &orig, 1_443_208_345), Err(Fault::WrongDest));
    assert_eq!(passport.fits(&[], &[], 1_443_208_345), Err(Fault::WrongOrig));
    let far = PAYLOAD.replace("1443208345", "-9223372036854775808");
    let far = Passport::read(&value(HEADER, &far, PARAMS)).expect("passport");
    assert!(matches!(far.fits(&orig, &dest, 1_443_208_345), Err(Fault::Stale(_))));
}

#[test]
fn bad_passports_are_refused_in_words() {
    let header = |from: &str, to: &str| value(&HEADER.replace(from, to), PAYLOAD, PARAMS);
    let claims = |from: &str, to: &str| value(HEADER, &PAYLOAD.replace(from, to), PARAMS);
    let params = |text: &str| value(HEADER, PAYLOAD, text);
    let good = value(HEADER, PAYLOAD, PARAMS);
    let seventeen = format!("[{}\"1\"]", "\"1\",".repeat(16));
    for (value, status) in [
        (String::new(), 438),
        ("x".repeat(64 * 1024), 438),
        (good.replace('.', ""), 438),
        (good.replacen("eyJ", "!!!", 1), 438),
        (format!("..c2ln{PARAMS}"), 438),
        (good.replace("AQEBAQ;", ";"), 438),
        (header("ES256", "none"), 428),
        (header("ES256", "HS256"), 428),
        (header("passport", "jwt"), 438),
        (header("\"ppt\":\"shaken\"", "\"ppt\":\"div\""), 438),
        (header("\"alg\":\"ES256\",", "\"alg\":\"ES256\",\"alg\":\"ES256\","), 438),
        (header("passport.cer", "other.cer"), 436),
        (value(&HEADER.replace("https", "http"), PAYLOAD, &PARAMS.replace("https", "http")), 436),
        (claims("\"A\"", "\"D\""), 438),
        (claims("1443208345", "\"1443208345\""), 438),
        (claims("1443208345", "1e99"), 438),
        (claims("12155550121", "alice"), 438),
        (claims("[\"12155550131\"]", "[]"), 438),
        (claims("[\"12155550131\"]", &seventeen), 438),
        (claims("123e4567", "\\r\\n"), 438),
        (claims("}", ""), 438),
        (params(";alg=ES256;ppt=shaken"), 438),
        (params(&PARAMS.replace("ES256", "RS256")), 428),
        (params(&PARAMS.replace("passport", "other")), 436),
        (params(&format!("{PARAMS};ppt=shaken")), 438),
    ] {
        let fault = Passport::read(&value).expect_err(&value);
        assert_eq!(fault.status(), status, "{fault}: {value}");
    }
    // What nobody reads is passed over without recursion, however deep.
    let deep = claims("\"attest\"", &format!("\"x\":{}{},\"attest\"", "[".repeat(900), "]".repeat(900)));
    assert!(Passport::read(&deep).is_ok());
}

#[test]
fn one_passport_of_shaken_is_found_among_others() {
    let (good, div) = (value(HEADER, PAYLOAD, PARAMS), value("{}", "{}", ";info=<x>;ppt=div"));
    let find = |values: &[&str]| Passport::find(values.iter().copied());
    assert!(find(&[&div, &good]).is_ok());
    assert_eq!(find(&[]), Err(Fault::Missing));
    assert_eq!(find(&[&div]), Err(Fault::Missing));
    assert_eq!(find(&[&good, &good]), Err(Fault::Several));
}

proptest::proptest! {
    /// Whatever comes, it is read or refused.
    #[test]
    fn nothing_panics(text in ".{0,400}", header in ".{0,100}", payload in ".{0,100}") {
        let _ = Passport::read(&text);
        let _ = Passport::read(&value(&header, &payload, PARAMS));
    }
}
