//! Why a call's signature does not count, and what its caller is answered (RFC 8224 §6.2.2).

use crate::certificate_url::UrlFault;
use crate::credential::CredentialFault;

/// What is known of the caller's number, in the words of ATIS-1000074 and 3GPP TS 24.229 §7.2A.20.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verstat {
    /// Its signature is good.
    Passed,
    /// There is a signature, and it does not hold.
    Failed,
    /// There is none that could be judged.
    None,
}

/// Why the caller's number is not verified.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// No Identity header, or none with a PASSporT of SHAKEN.
    #[error("there is no Identity header with a PASSporT of SHAKEN")]
    Missing,
    /// An algorithm other than ES256 (RFC 8225 §8).
    #[error("the PASSporT is signed by another algorithm than ES256")]
    Algorithm,
    /// The compact form, which SHAKEN does not have (RFC 8588 §7).
    #[error("the PASSporT is in compact form, SHAKEN needs the full form")]
    Compact,
    /// What stands in the header is no PASSporT of SHAKEN.
    #[error("the Identity header is malformed: {0}")]
    Malformed(&'static str),
    /// More PASSporTs of SHAKEN than one.
    #[error("there is more than one PASSporT of SHAKEN")]
    Several,
    /// `info` and `x5u` differ.
    #[error("info of the Identity header is not the PASSporT's x5u")]
    InfoMismatch,
    /// `x5u` may not be fetched.
    #[error("the certificate's address is refused: {0}")]
    Url(#[from] UrlFault),
    /// It was made more than [`FRESH_SECS`](crate::FRESH_SECS) before or after now.
    #[error("the PASSporT is not fresh: it was made {0} s from now")]
    Stale(i64),
    /// `orig` is not who calls.
    #[error("orig of the PASSporT is not the caller's number")]
    WrongOrig,
    /// `dest` is not who is called.
    #[error("dest of the PASSporT is not the called number")]
    WrongDest,
    /// The certificate did not come.
    #[error("the certificate cannot be fetched: {0}")]
    Fetch(Box<str>),
    /// The certificate is not believed.
    #[error("the certificate is refused: {0}")]
    Credential(#[from] CredentialFault),
    /// The signature is not by the certificate's key.
    #[error("the signature is wrong")]
    Signature,
}

// === impl Verstat ===

impl Verstat {
    /// As in the CDR and in the `verstat` parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "TN-Validation-Passed",
            Self::Failed => "TN-Validation-Failed",
            Self::None => "No-TN-Validation",
        }
    }
}

// === impl Fault ===

impl Fault {
    /// What a caller is answered whose number has to be verified.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Missing | Self::Algorithm => 428,
            Self::Compact | Self::Malformed(_) | Self::Several => 438,
            Self::WrongOrig | Self::WrongDest | Self::Signature => 438,
            Self::InfoMismatch | Self::Url(_) | Self::Fetch(_) => 436,
            Self::Credential(_) => 437,
            Self::Stale(_) => 403,
        }
    }

    /// What is known of the number all the same.
    pub const fn verstat(&self) -> Verstat {
        match self {
            Self::Missing | Self::Algorithm | Self::Fetch(_) => Verstat::None,
            Self::Compact
            | Self::Malformed(_)
            | Self::Several
            | Self::InfoMismatch
            | Self::Url(_)
            | Self::Stale(_)
            | Self::WrongOrig
            | Self::WrongDest
            | Self::Credential(_)
            | Self::Signature => Verstat::Failed,
        }
    }

    /// One word of a fixed set, for the CDR's reason and for metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Missing | Self::Algorithm => "identity-missing",
            Self::Compact | Self::Malformed(_) | Self::Several => "identity-malformed",
            Self::InfoMismatch | Self::Url(_) | Self::Fetch(_) => "identity-certificate-unavailable",
            Self::Stale(_) => "identity-stale",
            Self::WrongOrig | Self::WrongDest => "identity-mismatch",
            Self::Credential(_) => "identity-certificate-refused",
            Self::Signature => "identity-signature",
        }
    }
}
