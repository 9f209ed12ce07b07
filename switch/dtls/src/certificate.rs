//! The certificate of one run of the program: self-signed, for nothing but handshakes of media, where its
//! fingerprint in the SDP is all that makes it good (RFC 5763 §5).

use dimpl::DtlsCertificate;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use sha2::{Digest, Sha256};

/// What its subject says: nothing of whose it is.
const SUBJECT: &str = "media";

/// ECDSA on P-256, which every browser takes (RFC 8827 §6.5), with its key. The key is never shown.
#[derive(Clone)]
pub struct Certificate {
    pub(crate) with_key: DtlsCertificate,
    fingerprint: [u8; 32],
}

/// The system has no randomness to make a key of.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the certificate of media handshakes: {0}; see whether the system gives randomness")]
pub struct NotMade(#[from] rcgen::Error);

/// SHA-256 of a certificate, as `a=fingerprint` has it (RFC 8122 §5).
pub(crate) fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

// === impl Certificate ===

impl Certificate {
    /// A new one, of a new key; it does not end while the program runs.
    pub fn new() -> Result<Self, NotMade> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, SUBJECT);
        let certificate = params.self_signed(&key)?.der().to_vec();
        let fingerprint = fingerprint(&certificate);
        Ok(Self { with_key: DtlsCertificate { certificate, private_key: key.serialize_der() }, fingerprint })
    }

    /// SHA-256 of it, for the SDP.
    pub const fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
