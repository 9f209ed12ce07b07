//! Credentials at rest: HA1s that the configuration holds sealed with the node's secret, so that who sees the
//! file, or a backup of it, has no passwords.
//!
//! A sealed value is `sealed:` and the base64url of a version, a nonce and what AES-256-GCM (RFC 5116 §5.2)
//! made of the value. The key, user and realm that it is for are authenticated with it: moved elsewhere it
//! does not open. Invariant: no secret is written by `Debug`, and no finding says one.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use route::Secret;

/// What a sealed value begins with.
const PREFIX: &str = "sealed:";
/// The first byte of a sealed value: which cipher and layout.
const VERSION: u8 = 1;
/// Bytes of the node's secret; its file has them as hex digits.
pub(crate) const SECRET_BYTES: usize = 32;
/// Longest sealed value, characters: far more than an HA1 needs.
const SEALED_MAX: usize = 512;

/// The node's secret: what it sealed, nothing else opens.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeSecret([u8; SECRET_BYTES]);

/// What a sealed value is for.
#[derive(Clone, Copy, Debug)]
pub struct SealedFor<'a> {
    /// `ha1_sha256` or `ha1_md5`.
    pub key: &'a str,
    /// User name of the SIP account or gate.
    pub username: &'a str,
    /// Protection space of its digests.
    pub realm: &'a str,
}

/// What is known of the node's secret while a configuration is read.
#[derive(Default)]
pub(crate) enum SecretFile {
    /// The configuration names none.
    #[default]
    Unnamed,
    /// Named, and not made yet.
    Absent(PathBuf),
    /// It was said what is wrong with it.
    Wrong,
    Known(NodeSecret),
}

/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It is no sealed value of a known version.
    Malformed,
    /// It was sealed with another secret, or for another key, user or realm.
    Foreign,
}

// === impl NodeSecret ===

impl NodeSecret {
    /// Of random bytes.
    pub const fn new(random: [u8; SECRET_BYTES]) -> Self {
        Self(random)
    }

    /// Of the 64 hex digits of its file.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; SECRET_BYTES];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// What stands in its file, with the end of the line.
    pub fn file_text(&self) -> String {
        hex::encode(self.0) + "\n"
    }

    /// A value as the configuration holds it. `nonce` is random and never used twice with one secret.
    pub fn seal(&self, value: &Secret, of: &SealedFor<'_>, nonce: [u8; NONCE_LEN]) -> String {
        let mut sealed = value.expose().as_bytes().to_vec();
        let done = self.key().seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(of.written()),
            &mut sealed,
        );
        // It fails for what is longer than 64 GiB.
        debug_assert!(done.is_ok(), "a short value is sealed");
        let whole = [&[VERSION][..], &nonce, &sealed].concat();
        PREFIX.to_owned() + &URL_SAFE_NO_PAD.encode(whole)
    }

    pub(crate) fn open(&self, sealed: &str, of: &SealedFor<'_>) -> Result<Secret, Unopened> {
        let coded = sealed.strip_prefix(PREFIX).filter(|coded| coded.len() <= SEALED_MAX);
        let whole = coded.and_then(|coded| URL_SAFE_NO_PAD.decode(coded).ok()).ok_or(Unopened::Malformed)?;
        let (head, rest) = whole.split_first().ok_or(Unopened::Malformed)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(Unopened::Malformed)?;
        if *head != VERSION {
            return Err(Unopened::Malformed);
        }
        let (nonce, mut value) = (Nonce::assume_unique_for_key(*nonce), rest.to_vec());
        let value = self.key().open_in_place(nonce, Aad::from(of.written()), &mut value);
        let value = value.map_err(|_| Unopened::Foreign)?;
        std::str::from_utf8(value).map(Secret::new).map_err(|_| Unopened::Malformed)
    }

    fn key(&self) -> LessSafeKey {
        let key = UnboundKey::new(&AES_256_GCM, &self.0).expect("a key of AES-256 has 32 bytes");
        LessSafeKey::new(key)
    }
}

impl std::fmt::Debug for NodeSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeSecret(…)")
    }
}

// === impl SealedFor ===

impl SealedFor<'_> {
    /// Unlike for all that differ: neither a user nor a realm has a line end.
    fn written(&self) -> Vec<u8> {
        [self.key, self.username, self.realm].join("\n").into_bytes()
    }
}

/// Whether a value is sealed.
pub(crate) fn is_sealed(value: &str) -> bool {
    value.starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF: SealedFor<'_> = SealedFor { key: "ha1_md5", username: "alice", realm: "example.net" };

    fn sealed() -> (NodeSecret, String) {
        let secret = NodeSecret::new([7; SECRET_BYTES]);
        let text = secret.seal(&Secret::new("3d78807defe7de2157e2b0b6573a855f"), &OF, [9; NONCE_LEN]);
        (secret, text)
    }

    /// The value by another implementation: Python's `cryptography`, AESGCM.
    #[test]
    fn a_sealed_value_is_what_others_make_of_it_and_opens() {
        let (secret, text) = sealed();
        assert_eq!(
            text,
            "sealed:AQkJCQkJCQkJCQkJCRThs6yGwPYFxQSuD4KPke7hhwbBVt6V9lqZdcftQTQc59EZOL2nVW_DjbHdGkXl_A"
        );
        assert_eq!(secret.open(&text, &OF), Ok(Secret::new("3d78807defe7de2157e2b0b6573a855f")));
        assert_eq!(NodeSecret::parse(secret.file_text().trim_end()), Some(secret.clone()));
        assert_eq!(format!("{secret:?}"), "NodeSecret(…)");
    }

    #[test]
    fn nothing_else_opens() {
        let (secret, text) = sealed();
        let open = |secret: &NodeSecret, text: &str, of| secret.open(text, &of).map(|_| ());
        assert_eq!(open(&NodeSecret::new([8; SECRET_BYTES]), &text, OF), Err(Unopened::Foreign));
        for of in [
            SealedFor { key: "ha1_sha256", ..OF },
            SealedFor { username: "bob", ..OF },
            SealedFor { realm: "example.org", ..OF },
        ] {
            assert_eq!(open(&secret, &text, of), Err(Unopened::Foreign), "{of:?}");
        }
        for cut in 0..text.len() {
            assert!(open(&secret, &text[..cut], OF).is_err(), "{cut}");
        }
        let long = format!("{PREFIX}{}", "A".repeat(SEALED_MAX + 1));
        let other_version = text.replacen("sealed:AQ", "sealed:Ag", 1);
        for text in ["", "sealed:", "sealed:!", &long, &other_version] {
            assert_eq!(open(&secret, text, OF), Err(Unopened::Malformed), "{text}");
        }
    }
}
