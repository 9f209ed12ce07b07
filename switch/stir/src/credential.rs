//! What a certificate says to whoever verifies by it (RFC 8226): a key, numbers, a time.

use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use p256::ecdsa::VerifyingKey;
use p256::pkcs8::DecodePublicKey as _;
use x509_cert::Certificate;
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::KeyUsage;

use crate::tn::Tn;
use crate::tn_auth_list::TnAuthList;

/// id-pe-TNAuthList (RFC 8226 §9).
const TN_AUTH_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.26");
/// id-pe-JWTClaimConstraints (RFC 8226 §8).
const CLAIM_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.27");
/// id-pe-eJWTClaimConstraints (RFC 9118 §5).
const ENHANCED_CLAIM_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.33");
/// Longest subject that is kept for the log, bytes.
const SUBJECT_MAX: usize = 256;

/// A certificate whose chain was verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    key: VerifyingKey,
    numbers: TnAuthList,
    not_before: i64,
    not_after: i64,
    subject: Box<str>,
}

/// Why a certificate is not believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CredentialFault {
    /// No certificate at all.
    #[error("no certificate can be read from it")]
    Unreadable,
    /// More certificates than a chain has.
    #[error("its chain has more than 8 certificates")]
    TooMany,
    /// No chain to a root that is trusted.
    #[error("it is not signed by any of the given roots ({0})")]
    Chain(Box<str>),
    /// Its key is of another kind than ES256 needs.
    #[error("its key is not of P-256")]
    Key,
    /// Its key may not sign.
    #[error("its key may not be used for signatures")]
    Usage,
    /// No TNAuthList, or one that cannot be read.
    #[error("it has no list of numbers (TNAuthList)")]
    NoNumbers,
    /// It allows certain claims only (RFC 8226 §8, RFC 9118).
    #[error("it constrains claims, which is not supported")]
    Constrained,
    /// Not yet, or no more.
    #[error("it is not valid now")]
    NotNow,
    /// The caller's number is not one of its numbers.
    #[error("its numbers do not include the caller's")]
    OtherNumbers,
}

// === impl Credential ===

impl Credential {
    /// Reads an end entity's certificate; its chain is verified by whoever calls.
    pub(crate) fn read(der: &[u8]) -> Result<Self, CredentialFault> {
        let certificate = Certificate::from_der(der).map_err(|_| CredentialFault::Unreadable)?;
        let tbs = certificate.tbs_certificate();
        let key = tbs.subject_public_key_info().to_der().map_err(|_| CredentialFault::Key)?;
        let key = VerifyingKey::from_public_key_der(&key).map_err(|_| CredentialFault::Key)?;
        let usage = tbs.get_extension::<KeyUsage>().map_err(|_| CredentialFault::Unreadable)?;
        if usage.is_some_and(|(_, usage)| !usage.digital_signature()) {
            return Err(CredentialFault::Usage);
        }
        if extension(tbs, CLAIM_CONSTRAINTS).or(extension(tbs, ENHANCED_CLAIM_CONSTRAINTS)).is_some() {
            return Err(CredentialFault::Constrained);
        }
        let numbers =
            extension(tbs, TN_AUTH_LIST).and_then(TnAuthList::read).ok_or(CredentialFault::NoNumbers)?;
        let mut subject = tbs.subject().to_string();
        subject.truncate(subject.floor_char_boundary(SUBJECT_MAX));
        let secs = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
        };
        let validity = tbs.validity();
        let (not_before, not_after) = (secs(validity.not_before), secs(validity.not_after));
        Ok(Self { key, numbers, not_before, not_after, subject: subject.into() })
    }

    /// Whether it holds now and for this number.
    pub(crate) fn covers(&self, number: &Tn, now_secs: i64) -> Result<(), CredentialFault> {
        if !(self.not_before..=self.not_after).contains(&now_secs) {
            return Err(CredentialFault::NotNow);
        }
        if self.numbers.covers(number) { Ok(()) } else { Err(CredentialFault::OtherNumbers) }
    }

    pub(crate) const fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// Its last second, since 1970.
    pub const fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Whose it is, for the log.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The numbers that it is for.
    pub const fn numbers(&self) -> &TnAuthList {
        &self.numbers
    }
}

/// The value of the extension with this name.
fn extension(tbs: &TbsCertificate, id: ObjectIdentifier) -> Option<&[u8]> {
    let mut extensions = tbs.extensions().into_iter().flatten();
    extensions.find(|extension| extension.extn_id == id).map(|extension| extension.extn_value.as_bytes())
}
