//! A PASSporT of SHAKEN (RFC 8225, RFC 8588): read, compared with its call, verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Verifier as _;
use serde::Deserialize;

use crate::certificate_url::CertificateUrl;
use crate::credential::Credential;
use crate::fault::Fault;
use crate::header::IdentityValue;
use crate::tn::Tn;

/// Most seconds between a PASSporT's `iat` and now, either way (RFC 8224 §6.2 step 4, ATIS-1000074 §5.3.1).
pub const FRESH_SECS: i64 = 60;
/// Most called numbers in one PASSporT.
const DESTS_MAX: usize = 16;
/// Longest `origid`, bytes; a UUID has 36.
const ORIGID_MAX: usize = 64;

/// How much a signer says of the caller's number (RFC 8588 §4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Attestation {
    /// Full: the customer is known and may use the number.
    A,
    /// Partial: the customer is known, the number is not known to be its.
    B,
    /// Gateway: only where the call came in is known.
    C,
}

/// A PASSporT that was read; nothing of it is to be believed before [`Passport::verify`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passport {
    /// Where the certificate is.
    pub x5u: CertificateUrl,
    /// The signer's word on the number.
    pub attest: Attestation,
    /// Who calls.
    pub orig: Tn,
    /// Who is called.
    pub dest: Vec<Tn>,
    /// When it was made, seconds since 1970.
    pub iat: i64,
    /// The signer's name for where the call came from.
    pub origid: Box<str>,
    /// What is signed: header and claims as they came.
    signed: Box<str>,
    signature: Signature,
}

#[derive(Deserialize)]
struct Jose {
    alg: String,
    #[serde(default)]
    typ: String,
    #[serde(default)]
    ppt: String,
    #[serde(default)]
    x5u: String,
}

#[derive(Deserialize)]
struct Payload {
    attest: String,
    orig: Caller,
    dest: Called,
    iat: i64,
    origid: String,
}

#[derive(Deserialize)]
struct Caller {
    tn: String,
}

#[derive(Deserialize)]
struct Called {
    tn: Vec<String>,
}

// === impl Attestation ===

impl Attestation {
    /// As in the claim: `A`, `B` or `C`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }

    /// The level of that letter.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::A, Self::B, Self::C].into_iter().find(|level| level.as_str() == text)
    }
}

// === impl Passport ===

impl Passport {
    /// The PASSporT of SHAKEN among the values of Identity headers. Those of other extensions (RFC 8946
    /// `div`, RFC 8443 `rph`) speak of something else and are passed over.
    pub fn find<'a>(values: impl Iterator<Item = &'a str>) -> Result<Self, Fault> {
        let mut found = None;
        for value in values {
            match Self::read(value) {
                Err(Fault::Missing) => {}
                // The first that is wrong says why; a second one is not looked at.
                Err(fault) => return Err(fault),
                Ok(_) if found.is_some() => return Err(Fault::Several),
                Ok(passport) => found = Some(passport),
            }
        }
        found.ok_or(Fault::Missing)
    }

    /// Reads one value of an Identity header; [`Fault::Missing`] if it is of another extension than SHAKEN.
    pub fn read(value: &str) -> Result<Self, Fault> {
        let value = IdentityValue::read(value)?;
        let ppt = value.ppt.unwrap_or_default();
        if !ppt.is_empty() && !ppt.eq_ignore_ascii_case("shaken") {
            return Err(Fault::Missing);
        }
        let (signed, signature) =
            value.token.rsplit_once('.').ok_or(Fault::Malformed("it has no PASSporT"))?;
        let (header, payload) =
            signed.split_once('.').ok_or(Fault::Malformed("the PASSporT has less than three parts"))?;
        if header.is_empty() && payload.is_empty() {
            return Err(if ppt.is_empty() { Fault::Missing } else { Fault::Compact });
        }
        let jose: Jose = json(header).ok_or(Fault::Malformed("the PASSporT's header cannot be read"))?;
        if !jose.ppt.eq_ignore_ascii_case("shaken") {
            // A PASSporT without any extension, or of another (RFC 8225 §8.1), attests nothing.
            return Err(if ppt.is_empty() { Fault::Missing } else { Fault::Malformed("its two ppt differ") });
        }
        check_header(&jose, &value)?;
        let payload: Payload =
            json(payload).ok_or(Fault::Malformed("the PASSporT's claims cannot be read"))?;
        let signature = decode(signature).and_then(|bytes| Signature::from_slice(&bytes).ok());
        Ok(Self {
            x5u: CertificateUrl::parse(&jose.x5u)?,
            attest: Attestation::parse(&payload.attest)
                .ok_or(Fault::Malformed("attest is neither A nor B nor C"))?,
            orig: Tn::canonical(&payload.orig.tn).ok_or(Fault::Malformed("orig is no telephone number"))?,
            dest: called(&payload.dest)?,
            iat: payload.iat,
            origid: checked_origid(payload.origid)?,
            signed: signed.into(),
            signature: signature.ok_or(Fault::Malformed("the signature is not one of ES256"))?,
        })
    }

    /// Whether it is of this call: made now, by who calls, to who is called, each of them by any of the
    /// numbers that the call names. Needs no certificate.
    pub fn fits(&self, callers: &[Tn], called: &[Tn], now_secs: i64) -> Result<(), Fault> {
        let age = now_secs.saturating_sub(self.iat);
        if !(-FRESH_SECS..=FRESH_SECS).contains(&age) {
            return Err(Fault::Stale(age));
        }
        if !callers.contains(&self.orig) {
            return Err(Fault::WrongOrig);
        }
        if !called.iter().any(|number| self.dest.contains(number)) {
            return Err(Fault::WrongDest);
        }
        Ok(())
    }

    /// Whether it is signed by this certificate's key, which holds now and for its number.
    pub fn verify(&self, credential: &Credential, now_secs: i64) -> Result<(), Fault> {
        credential.covers(&self.orig, now_secs)?;
        credential.key().verify(self.signed.as_bytes(), &self.signature).map_err(|_| Fault::Signature)
    }
}

/// What the header and the parameters beside it say.
fn check_header(jose: &Jose, value: &IdentityValue<'_>) -> Result<(), Fault> {
    let is_es256 = |alg: &str| alg.eq_ignore_ascii_case("ES256");
    if jose.alg != "ES256" || !value.alg.is_none_or(is_es256) {
        return Err(Fault::Algorithm);
    }
    if !jose.typ.is_empty() && !jose.typ.eq_ignore_ascii_case("passport") {
        return Err(Fault::Malformed("typ is not passport"));
    }
    match value.info {
        None => Err(Fault::Malformed("it has no info")),
        Some(info) if info != jose.x5u => Err(Fault::InfoMismatch),
        Some(_) => Ok(()),
    }
}

fn called(dest: &Called) -> Result<Vec<Tn>, Fault> {
    if dest.tn.is_empty() || dest.tn.len() > DESTS_MAX {
        return Err(Fault::Malformed("dest has no number, or more than 16"));
    }
    let numbers = dest.tn.iter().map(|tn| Tn::canonical(tn));
    numbers.collect::<Option<_>>().ok_or(Fault::Malformed("dest is no telephone number"))
}

fn checked_origid(origid: String) -> Result<Box<str>, Fault> {
    let is_fine = origid.len() <= ORIGID_MAX && origid.bytes().all(|byte| byte.is_ascii_graphic());
    if is_fine { Ok(origid.into()) } else { Err(Fault::Malformed("origid is no UUID")) }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn json<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    serde_json::from_slice(&decode(text)?).ok()
}

#[cfg(test)]
mod tests;
