//! Certificates for signatures of callers' numbers, made for one test.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};
use stir::{Attestation, Claims, Credential, CredentialFault, Passport, Roots, Signer, Tn};

/// id-pe-TNAuthList (RFC 8226 §9).
const TN_AUTH_LIST: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 26];
/// A TNAuthList with the service provider 709J.
const SERVICE_PROVIDER: &[u8] = b"\x30\x08\xa0\x06\x16\x04709J";

/// Somebody who signs, with a certificate of an authority of its own.
#[derive(Clone)]
pub struct TestSigner {
    /// Makes Identity headers.
    pub signer: Arc<Signer>,
    /// Where its certificate is said to be.
    pub url: String,
    /// The authority's certificate.
    pub root: String,
    /// The certificate.
    pub certificate: String,
}

impl TestSigner {
    /// With a certificate of the years 2020 to 2040, at `url`.
    pub fn new(url: &str) -> Self {
        let (authority, key) = (key(), key());
        let mut root = CertificateParams::default();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root_pem = root.self_signed(&authority).expect("certificate").pem();
        let mut params = CertificateParams::default();
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(TN_AUTH_LIST, SERVICE_PROVIDER.to_vec())];
        let certificate = params.signed_by(&key, &Issuer::new(root, authority)).expect("certificate").pem();
        let signer = Arc::new(Signer::new(&key.serialize_pem(), url).expect("signer"));
        Self { signer, url: url.to_owned(), root: root_pem, certificate }
    }

    /// Its certificate, as whoever believes `root` reads it at `now_secs`.
    pub fn credential(&self, root: &str, now_secs: i64) -> Result<Arc<Credential>, CredentialFault> {
        let roots = Roots::from_pem(root.as_bytes()).expect("roots");
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        roots.check(self.certificate.as_bytes(), now_secs, algorithms).map(Arc::new)
    }

    /// An Identity header's line for a call.
    pub fn header(&self, attest: Attestation, orig: &str, dest: &str, iat: i64) -> String {
        let (orig, dest) = (tn(orig), tn(dest));
        let claims = Claims { attest, orig: &orig, dest: &dest, iat, origin: "test" };
        format!("Identity: {}\r\n", self.signer.identity(&claims))
    }

    /// What an Identity header's value says, its signature verified.
    pub fn verified(&self, value: &str, now_secs: i64) -> Passport {
        let passport = Passport::read(value).expect("a PASSporT");
        let credential = self.credential(&self.root, now_secs).expect("a certificate");
        passport.verify(&credential, now_secs).expect("its signature");
        passport
    }
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("key")
}

/// A number in the form of claims.
pub fn tn(text: &str) -> Tn {
    Tn::canonical(text).expect(text)
}
