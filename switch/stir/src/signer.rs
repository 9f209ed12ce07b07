//! Makes PASSporTs (RFC 8225 §5–9, RFC 8588). The signature is the one of RFC 6979: the same claims give the
//! same bytes, and no dice are needed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use sha2::{Digest as _, Sha256};

use crate::certificate_url::{CertificateUrl, UrlFault};
use crate::passport::Attestation;
use crate::tn::Tn;

/// A key, and where its certificate is.
pub struct Signer {
    key: SigningKey,
    url: Box<str>,
    /// The first part of every token.
    header: Box<str>,
    /// What ids of origins are made of, so that nobody who has not the key can guess them.
    seed: [u8; 32],
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a> {
    /// The level.
    pub attest: Attestation,
    /// Who calls.
    pub orig: &'a Tn,
    /// Who is called.
    pub dest: &'a Tn,
    /// Now, seconds since 1970.
    pub iat: i64,
    /// Where the call came in, by a name of ours: see [`Signer::origid`].
    pub origin: &'a str,
}

/// Why nothing can be signed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyFault {
    /// No private key of P-256.
    #[error(
        "has no private key of P-256 in it (\"openssl ecparam -name prime256v1 -genkey -noout\" makes one)"
    )]
    Key,
    /// The certificate's address is none that a verifier would fetch.
    #[error("would be refused by whoever verifies: {0}")]
    Url(#[from] UrlFault),
}

// === impl Signer ===

impl Signer {
    /// `pem` is a private key in the form of PKCS #8 or SEC 1.
    pub fn new(pem: &str, url: &str) -> Result<Self, KeyFault> {
        CertificateUrl::parse(url)?;
        let block = without_parameters(pem);
        let key = SecretKey::from_pkcs8_pem(block)
            .ok()
            .or_else(|| SecretKey::from_sec1_pem(block).ok())
            .ok_or(KeyFault::Key)?;
        let header = format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"{url}"}}"#);
        let seed = Sha256::new().chain_update(b"origid").chain_update(key.to_bytes()).finalize();
        let header = URL_SAFE_NO_PAD.encode(header).into();
        Ok(Self { key: SigningKey::from(&key), url: url.into(), header, seed: seed.into() })
    }

    /// The value of the Identity header.
    pub fn identity(&self, claims: &Claims<'_>) -> String {
        let Claims { attest, orig, dest, iat, origin } = claims;
        // The order is that of RFC 8225 §9.
        let payload = format!(
            r#"{{"attest":"{}","dest":{{"tn":["{dest}"]}},"iat":{iat},"orig":{{"tn":"{orig}"}},"origid":"{}"}}"#,
            attest.as_str(),
            self.origid(origin)
        );
        let mut token = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(payload));
        let signature: Signature = self.key.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut token);
        token.push_str(&format!(";info=<{}>;alg=ES256;ppt=shaken", self.url));
        token
    }

    /// A UUID (RFC 9562 §5.8) for where calls come in: the same for one name as long as the key is the same.
    pub fn origid(&self, origin: &str) -> String {
        let hash = Sha256::new().chain_update(self.seed).chain_update(origin).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        bytes[6] = bytes[6] & 0x0f | 0x80;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let number = u128::from_be_bytes(bytes);
        let part = |shift: u32, digits: u32| (number >> shift) & ((1_u128 << (4 * digits)) - 1);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            part(96, 8),
            part(80, 4),
            part(64, 4),
            part(48, 4),
            part(0, 12)
        )
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("url", &self.url).finish_non_exhaustive()
    }
}

/// `openssl ecparam -genkey` writes the curve's name before the key.
fn without_parameters(pem: &str) -> &str {
    const END: &str = "-----END EC PARAMETERS-----";
    pem.find(END).map_or(pem, |at| &pem[at + END.len()..]).trim_start()
}
