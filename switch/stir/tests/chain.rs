//! Certificates made here: chains, numbers, times, and what is refused of them (RFC 8226).

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, date_time_ymd,
};
use stir::{Attestation, Claims, CredentialFault, Fault, Passport, Roots, Signer, Tn};

/// 2026-06-01T00:00:00Z.
const NOW: i64 = 1_780_272_000;
const X5U: &str = "https://cert.example.org/passport.cer";
/// A list with the service provider 709J.
const SPC: &[u8] = b"\x30\x08\xa0\x06\x16\x04709J";
/// A list with the number 12155550121.
const ONE: &[u8] = b"\x30\x0f\xa2\x0d\x16\x0b12155550121";

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority() -> Authority {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "STI root");
    let pem = params.self_signed(&key).expect("certificate").pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

fn extension(last: u64, content: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, last], content.to_vec())
}

fn params(list: &[u8]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "SHAKEN 709J");
    (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.custom_extensions = vec![extension(26, list)];
    params
}

fn issue(authority: &Authority, params: &CertificateParams, key: &KeyPair) -> String {
    params.signed_by(key, &authority.issuer).expect("certificate").pem()
}

fn check(roots: &str, chain: &str) -> Result<stir::Credential, CredentialFault> {
    let roots = Roots::from_pem(roots.as_bytes()).expect("roots");
    roots.check(chain.as_bytes(), NOW, webpki::ALL_VERIFICATION_ALGS)
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key")
}

fn tn(text: &str) -> Tn {
    Tn::canonical(text).expect(text)
}

#[test]
fn what_is_signed_by_the_key_of_a_trusted_certificate_is_verified() {
    let (root, key) = (authority(), key());
    let chain = issue(&root, &params(SPC), &key) + &root.pem;
    let credential = check(&root.pem, &chain).expect("credential");
    assert!(credential.subject().contains("SHAKEN 709J"), "{}", credential.subject());
    assert_eq!(credential.numbers().service_providers().collect::<Vec<_>>(), ["709J"]);
    let signer = Signer::new(&key.serialize_pem(), X5U).expect("signer");
    let (orig, dest) = (tn("12155550121"), tn("12155550131"));
    let claims = Claims { attest: Attestation::B, orig: &orig, dest: &dest, iat: NOW, origin: "pbx" };
    let value = signer.identity(&claims);
    let passport = Passport::read(&value).expect("passport");
    assert_eq!(passport.verify(&credential, NOW), Ok(()));
    assert_eq!(passport.attest, Attestation::B);
    let expired = passport.verify(&credential, NOW + 31_536_000);
    assert_eq!(expired, Err(Fault::Credential(CredentialFault::NotNow)));

    // Another attestation under the same signature.
    let (header, rest) = value.split_once('.').expect("token");
    let (_, tail) = rest.split_once('.').expect("token");
    let other = signer.identity(&Claims { attest: Attestation::A, ..claims });
    let forged = format!("{header}.{}.{tail}", other.split('.').nth(1).expect("claims"));
    let forged = Passport::read(&forged).expect("passport");
    assert_eq!((forged.attest, forged.verify(&credential, NOW)), (Attestation::A, Err(Fault::Signature)));

    // Signed by another key.
    let other = check(&root.pem, &issue(&root, &params(SPC), &self::key())).expect("credential");
    assert_eq!(passport.verify(&other, NOW), Err(Fault::Signature));
}

#[test]
fn a_certificate_of_one_number_signs_for_that() {
    let (root, key) = (authority(), key());
    let credential = check(&root.pem, &issue(&root, &params(ONE), &key)).expect("credential");
    let signer = Signer::new(&key.serialize_pem(), X5U).expect("signer");
    for (orig, verified) in
        [("12155550121", Ok(())), ("12155550122", Err(Fault::Credential(CredentialFault::OtherNumbers)))]
    {
        let (orig, dest) = (tn(orig), tn("12155550131"));
        let claims = Claims { attest: Attestation::A, orig: &orig, dest: &dest, iat: NOW, origin: "pbx" };
        let passport = Passport::read(&signer.identity(&claims)).expect("passport");
        assert_eq!(passport.verify(&credential, NOW), verified, "{orig}");
    }
}

#[test]
fn an_intermediate_leads_to_the_root() {
    let (root, middle_key, key) = (authority(), self::key(), key());
    let mut middle = CertificateParams::default();
    middle.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    middle.distinguished_name.push(rcgen::DnType::CommonName, "STI intermediate");
    let middle_pem = issue(&root, &middle, &middle_key);
    let below = Authority { issuer: Issuer::new(middle, middle_key), pem: middle_pem.clone() };
    let leaf = issue(&below, &params(SPC), &key);
    assert!(check(&root.pem, &(leaf.clone() + &middle_pem)).is_ok());
    assert!(matches!(check(&root.pem, &leaf), Err(CredentialFault::Chain(_))));
}

#[test]
fn certificates_that_are_not_believed_are_refused_in_words() {
    let (root, stranger) = (authority(), authority());
    let with = |change: &dyn Fn(&mut CertificateParams)| {
        let mut params = params(SPC);
        change(&mut params);
        check(&root.pem, &issue(&root, &params, &key()))
    };
    let good = issue(&root, &params(SPC), &key());
    let unreadable = Err(CredentialFault::Unreadable);
    assert!(matches!(check(&stranger.pem, &good), Err(CredentialFault::Chain(_))));
    assert!(matches!(check(&root.pem, &stranger.pem), Err(CredentialFault::Chain(_))));
    assert_eq!(check(&root.pem, &good.repeat(9)), Err(CredentialFault::TooMany));
    assert_eq!(check(&root.pem, ""), unreadable);
    assert_eq!(check(&root.pem, "<html>not found</html>"), unreadable);
    assert_eq!(check(&root.pem, "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"), unreadable);
    assert_eq!(with(&|p| p.not_after = date_time_ymd(2026, 5, 1)), Err(CredentialFault::NotNow));
    assert_eq!(with(&|p| p.not_before = date_time_ymd(2026, 7, 1)), Err(CredentialFault::NotNow));
    assert_eq!(with(&|p| p.custom_extensions.clear()), Err(CredentialFault::NoNumbers));
    assert_eq!(
        with(&|p| p.custom_extensions = vec![extension(26, b"\x30\x00")]),
        Err(CredentialFault::NoNumbers)
    );
    assert_eq!(
        with(&|p| p.custom_extensions.push(extension(27, b"\x30\x00"))),
        Err(CredentialFault::Constrained)
    );
    assert_eq!(with(&|p| p.key_usages = vec![KeyUsagePurpose::KeyAgreement]), Err(CredentialFault::Usage));
    let longer = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("key");
    assert_eq!(check(&root.pem, &issue(&root, &params(SPC), &longer)), Err(CredentialFault::Key));
}

#[test]
fn files_of_roots_are_read_or_refused_in_words() {
    let both = authority().pem + &authority().pem;
    assert!(Roots::from_pem(both.as_bytes()).is_ok());
    for (text, words) in [("", "has no certificate"), ("-----BEGIN CERTIFICATE-----\n!", "PEM")] {
        let fault = Roots::from_pem(text.as_bytes()).expect_err(text);
        assert!(fault.to_string().contains(words), "{fault}");
    }
}
