//! Passwords in RAS messages: H.235.1 (HMAC-SHA1-96 over the whole message, procedure I) and the hashed
//! password of H.235 §10.3.3 (MD5 over an encoded token), as gatekeepers and gateways speak them.

use crate::asn1::h225::{
    AliasAddress, CryptoH323Token, CryptoH323TokenCryptoEPPwdHash, CryptoH323TokenCryptoEPPwdHashToken,
    RasMessage,
};
use crate::asn1::h235::{
    ClearToken, CryptoToken, CryptoTokenCryptoHashedToken, CryptoTokenCryptoHashedTokenToken, Params,
};
use crate::per::{BitString, Oid, PerError, encode};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use units::Wall;

/// {itu-t recommendation h 235 version(0) 2 1}: authentication and integrity of the whole message.
const WHOLE_MESSAGE: Oid = Oid::of(&[0, 8, 0x81, 0x6b, 0, 2, 1]);
/// … 5: the ClearToken of procedure I.
const BASELINE_TOKEN: Oid = Oid::of(&[0, 8, 0x81, 0x6b, 0, 2, 5]);
/// … 6: HMAC-SHA1-96.
const HMAC_SHA1_96: Oid = Oid::of(&[0, 8, 0x81, 0x6b, 0, 2, 6]);
/// {iso member-body us rsadsi digestAlgorithm md5}.
const MD5: Oid = Oid::of(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5]);
/// {0 0}: a token that no profile names.
const NO_PROFILE: Oid = Oid::of(&[0]);

const HASH_LEN: usize = 12;
/// Seconds that two clocks may differ.
const CLOCK_SKEW_S: i64 = 150;

/// How a password is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// H.235.1, procedure I.
    H2351,
    /// A hashed password (`pwdHash`).
    Md5,
}

/// Who we are, or a member is, and what it knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its name: the sender's id, and the alias of the hashed password.
    pub id: String,
    /// The password.
    pub password: String,
    /// How it is used.
    pub scheme: Scheme,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({}, {:?})", self.id, self.scheme)
    }
}

/// A message with its token, encoded. `peer` is the id of whom it is for; `random` differs with every
/// message.
///
/// Errors: the message breaks its constraints.
pub fn sealed(
    message: &mut RasMessage,
    secret: Option<&Secret>,
    peer: &str,
    now: Wall,
    random: u32,
) -> Result<Vec<u8>, PerError> {
    let (Some(secret), Some(tokens)) = (secret, crypto_tokens_mut(message)) else { return encode(message) };
    let time_stamp = seconds(now);
    match secret.scheme {
        Scheme::Md5 => {
            *tokens = Some(vec![hashed_password(secret, time_stamp)]);
            encode(message)
        }
        Scheme::H2351 => {
            // a hash that nothing else in the message looks like, to find where it went
            let place: [u8; HASH_LEN] = hmac(secret, &random.to_be_bytes());
            let values = ClearToken {
                token_oid: BASELINE_TOKEN,
                time_stamp: Some(time_stamp),
                random: Some(i64::from(random)),
                general_id: Some(peer.to_owned()).filter(|id| !id.is_empty()),
                senders_id: Some(secret.id.clone()).filter(|id| !id.is_empty()),
                ..ClearToken::default()
            };
            *tokens = Some(vec![CryptoH323Token::NestedcryptoToken(CryptoToken::CryptoHashedToken(
                Box::new(CryptoTokenCryptoHashedToken {
                    token_oid: WHOLE_MESSAGE,
                    hashed_vals: values,
                    token: CryptoTokenCryptoHashedTokenToken {
                        algorithm_oid: HMAC_SHA1_96,
                        param_s: Params::default(),
                        hash: BitString { octets: place.to_vec(), len: 8 * HASH_LEN as u32 },
                    },
                }),
            ))]);
            let mut bytes = encode(message)?;
            let at = find(&bytes, &place).ok_or(PerError::Range)?;
            bytes[at..at + HASH_LEN].fill(0);
            let hash = hmac(secret, &bytes);
            bytes[at..at + HASH_LEN].copy_from_slice(&hash);
            Ok(bytes)
        }
    }
}

/// Whether a message, as it came, holds a token that only who knows the secret could make, and not long ago.
pub fn verifies(bytes: &[u8], message: &RasMessage, secret: &Secret, now: Wall) -> bool {
    let tokens = crypto_tokens(message).unwrap_or_default();
    tokens.iter().take(8).any(|token| match (secret.scheme, token) {
        (Scheme::Md5, CryptoH323Token::CryptoEPPwdHash(token)) => {
            let names_us = match &token.alias {
                AliasAddress::H323ID(id) => id.trim_end_matches('\0') == secret.id,
                AliasAddress::DialledDigits(digits) => *digits == secret.id,
                _ => false,
            };
            names_us
                && is_recent(token.time_stamp, now)
                && token.token.algorithm_oid == MD5
                && [true, false].iter().any(|&has_nul| {
                    let ours = md5_of(secret, token.time_stamp, has_nul);
                    bool::from(ours.as_slice().ct_eq(&token.token.hash.octets))
                })
        }
        (Scheme::H2351, CryptoH323Token::NestedcryptoToken(CryptoToken::CryptoHashedToken(token))) => {
            token.token_oid == WHOLE_MESSAGE
                && token.token.algorithm_oid == HMAC_SHA1_96
                && token.hashed_vals.time_stamp.is_some_and(|stamp| is_recent(stamp, now))
                && token
                    .hashed_vals
                    .senders_id
                    .as_ref()
                    .is_none_or(|id| id.trim_end_matches('\0') == secret.id)
                && token.token.hash.octets.len() == HASH_LEN
                && is_hash_of(bytes, &token.token.hash.octets, secret)
        }
        _ => false,
    })
}

fn is_hash_of(bytes: &[u8], hash: &[u8], secret: &Secret) -> bool {
    let Some(at) = find(bytes, hash) else { return false };
    let mut blank = bytes.to_vec();
    blank[at..at + hash.len()].fill(0);
    bool::from(hmac(secret, &blank).as_slice().ct_eq(hash))
}

fn hashed_password(secret: &Secret, time_stamp: u32) -> CryptoH323Token {
    CryptoH323Token::CryptoEPPwdHash(Box::new(CryptoH323TokenCryptoEPPwdHash {
        alias: AliasAddress::H323ID(secret.id.clone()),
        time_stamp,
        token: CryptoH323TokenCryptoEPPwdHashToken {
            algorithm_oid: MD5,
            param_s: Params::default(),
            hash: BitString { octets: md5_of(secret, time_stamp, true), len: 128 },
        },
    }))
}

/// The hash over the encoded token. Gatekeepers end id and password with a NUL; not all do.
fn md5_of(secret: &Secret, time_stamp: u32, has_nul: bool) -> Vec<u8> {
    let text = |text: &str| if has_nul { format!("{text}\0") } else { text.to_owned() };
    let token = ClearToken {
        token_oid: NO_PROFILE,
        time_stamp: Some(time_stamp),
        password: Some(text(&secret.password)),
        general_id: Some(text(&secret.id)),
        ..ClearToken::default()
    };
    let bytes = encode(&token).unwrap_or_default();
    <md5::Md5 as md5::Digest>::digest(&bytes).to_vec()
}

/// HMAC-SHA1-96, keyed by the hash of the password.
fn hmac(secret: &Secret, bytes: &[u8]) -> [u8; HASH_LEN] {
    let key = Sha1::digest(secret.password.as_bytes());
    let mut out = [0; HASH_LEN];
    // a key of any length is one for HMAC
    if let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(&key) {
        mac.update(bytes);
        out.copy_from_slice(&mac.finalize().into_bytes()[..HASH_LEN]);
    }
    out
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

const fn seconds(now: Wall) -> u32 {
    let seconds = now.0.div_euclid(1000);
    if seconds < 1 { 1 } else { seconds as u32 }
}

fn is_recent(time_stamp: u32, now: Wall) -> bool {
    (i64::from(time_stamp) - i64::from(seconds(now))).abs() <= CLOCK_SKEW_S
}

/// The tokens of a message that may have some.
fn crypto_tokens(message: &RasMessage) -> Option<&[CryptoH323Token]> {
    let tokens = match message {
        RasMessage::GatekeeperRequest(message) => &message.crypto_tokens,
        RasMessage::RegistrationRequest(message) => &message.crypto_tokens,
        RasMessage::UnregistrationRequest(message) => &message.crypto_tokens,
        RasMessage::AdmissionRequest(message) => &message.crypto_tokens,
        RasMessage::BandwidthRequest(message) => &message.crypto_tokens,
        RasMessage::DisengageRequest(message) => &message.crypto_tokens,
        RasMessage::InfoRequestResponse(message) => &message.crypto_tokens,
        _ => return None,
    };
    tokens.as_deref()
}

fn crypto_tokens_mut(message: &mut RasMessage) -> Option<&mut Option<Vec<CryptoH323Token>>> {
    Some(match message {
        RasMessage::GatekeeperRequest(message) => &mut message.crypto_tokens,
        RasMessage::RegistrationRequest(message) => &mut message.crypto_tokens,
        RasMessage::RegistrationConfirm(message) => &mut message.crypto_tokens,
        RasMessage::UnregistrationRequest(message) => &mut message.crypto_tokens,
        RasMessage::UnregistrationConfirm(message) => &mut message.crypto_tokens,
        RasMessage::AdmissionRequest(message) => &mut message.crypto_tokens,
        RasMessage::AdmissionConfirm(message) => &mut message.crypto_tokens,
        RasMessage::BandwidthRequest(message) => &mut message.crypto_tokens,
        RasMessage::BandwidthConfirm(message) => &mut message.crypto_tokens,
        RasMessage::DisengageRequest(message) => &mut message.crypto_tokens,
        RasMessage::DisengageConfirm(message) => &mut message.crypto_tokens,
        RasMessage::InfoRequestResponse(message) => &mut message.crypto_tokens,
        _ => return None,
    })
}
