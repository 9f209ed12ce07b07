//! By what a SIP account, or a gate whose address alone is not enough, is known: its user name and HA1 (RFC
//! 7616 §3.4.2). Invariant: an HA1 is never written by `Debug`.

use md5::Digest as _;
use sha2::Digest as _;

use crate::Secret;

/// User name and what its digests are checked with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Login {
    /// As it stands between the quotes of Authorization.
    pub username: Box<str>,
    /// By hash; at least one.
    pub ha1: Ha1,
}

/// The hash of user, realm and password, lower-case hex, for each hash that is offered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ha1 {
    /// 64 characters.
    pub sha256: Option<Secret>,
    /// 32 characters.
    pub md5: Option<Secret>,
}

/// Which hashes challenges offer; credentials by another are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfferedHashes {
    /// SHA-256, then MD5 (RFC 8760 §2.4).
    #[default]
    Both,
    /// SHA-256 alone.
    Sha256,
    /// MD5 alone, for phones that give up at the first challenge whose hash they do not know.
    Md5,
}

// === impl Ha1 ===

impl Ha1 {
    /// Both hashes of a password.
    pub fn of(username: &str, realm: &str, password: &Secret) -> Self {
        let text = format!("{username}:{realm}:{}", password.expose());
        Self {
            sha256: Some(Secret::new(&hex::encode(sha2::Sha256::digest(text.as_bytes())))),
            md5: Some(Secret::new(&hex::encode(md5::Md5::digest(text.as_bytes())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of RFC 7616 §3.9.1, by another implementation of the hashes.
    #[test]
    fn both_hashes_are_kept_and_neither_is_shown() {
        let ha1 = Ha1::of("Mufasa", "http-auth@example.org", &Secret::new("Circle of Life"));
        let md5 = ha1.md5.as_ref().expect("made").expose();
        assert_eq!(md5, "3d78807defe7de2157e2b0b6573a855f");
        assert_eq!(ha1.sha256.as_ref().map(|hash| hash.expose().len()), Some(64));
        let login = Login { username: "Mufasa".into(), ha1: ha1.clone() };
        assert!(!format!("{login:?}").contains(md5));
    }
}
