//! From fetched bytes to a certificate that is believed: a chain to one of the given roots (RFC 5280 §6).

use std::time::Duration;

use pki_types::pem::PemObject as _;
use pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use rustls_pki_types as pki_types;
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};

use crate::credential::{Credential, CredentialFault};

/// Most certificates in one answer.
const CHAIN_MAX: usize = 8;

/// Certificates of authorities that are believed.
#[derive(Debug)]
pub struct Roots(Vec<TrustAnchor<'static>>);

/// Why a file of roots is of no use.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RootFault {
    /// The text is no PEM.
    #[error("cannot be read as PEM: {0}")]
    Pem(String),
    /// No certificate is in it.
    #[error("has no certificate in it")]
    Empty,
    /// A certificate in it cannot be read.
    #[error("its certificate {0} cannot be read: {1}")]
    Certificate(usize, String),
}

/// Certificates of STIR name no purpose of their own (RFC 8226); whatever purpose stands there is fine.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

// === impl Roots ===

impl Roots {
    /// Reads the certificates of a PEM file.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RootFault> {
        let mut anchors = Vec::new();
        for (count, read) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let der = read.map_err(|error| RootFault::Pem(error.to_string()))?;
            let anchor = webpki::anchor_from_trusted_cert(&der)
                .map_err(|error| RootFault::Certificate(count + 1, error.to_string()))?;
            anchors.push(anchor.to_owned());
        }
        if anchors.is_empty() { Err(RootFault::Empty) } else { Ok(Self(anchors)) }
    }

    /// Reads what was fetched, PEM with the signer's certificate first or one certificate in DER, and
    /// verifies its chain. `algorithms` verify the signatures of certificates.
    pub fn check(
        &self,
        fetched: &[u8],
        now_secs: i64,
        algorithms: &[&dyn SignatureVerificationAlgorithm],
    ) -> Result<Credential, CredentialFault> {
        let chain = certificates(fetched)?;
        let (signer, others) = chain.split_first().ok_or(CredentialFault::Unreadable)?;
        let refused = |error: webpki::Error| CredentialFault::Chain(error.to_string().into());
        let now =
            UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now_secs).unwrap_or_default()));
        let end_entity = EndEntityCert::try_from(signer).map_err(|_| CredentialFault::Unreadable)?;
        let path = end_entity.verify_for_usage(algorithms, &self.0, others, now, AnyPurpose, None, None);
        match path {
            Ok(_) => Credential::read(signer),
            Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {
                Err(CredentialFault::NotNow)
            }
            Err(error) => Err(refused(error)),
        }
    }
}

fn certificates(fetched: &[u8]) -> Result<Vec<CertificateDer<'static>>, CredentialFault> {
    const ARMOUR: &[u8] = b"-----BEGIN";
    if !fetched.windows(ARMOUR.len()).any(|window| window == ARMOUR) {
        return Ok(vec![CertificateDer::from(fetched.to_vec())]);
    }
    let mut chain = Vec::new();
    for read in CertificateDer::pem_slice_iter(fetched) {
        if chain.len() >= CHAIN_MAX {
            return Err(CredentialFault::TooMany);
        }
        chain.push(read.map_err(|_| CredentialFault::Unreadable)?);
    }
    Ok(chain)
}
