//! Crypto suites and their master keys (RFC 4568 §6.2, RFC 6188 §4).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Octets of a master salt.
pub(super) const SALT_BYTES: usize = 14;
/// Octets of the longest master key and its salt.
const KEY_BYTES_MAX: usize = 32 + SALT_BYTES;

/// Cipher and tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    Aes128Sha1Tag80,
    /// `AES_CM_128_HMAC_SHA1_32`.
    Aes128Sha1Tag32,
    /// `AES_256_CM_HMAC_SHA1_80`.
    Aes256Sha1Tag80,
    /// `AES_256_CM_HMAC_SHA1_32`.
    Aes256Sha1Tag32,
}

/// A master key with its salt. It is never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    bytes: [u8; KEY_BYTES_MAX],
}

// === impl Suite ===

impl Suite {
    /// All of them, preferred first: the one that everybody has, then longer keys, then shorter tags.
    pub const ALL: [Self; 4] =
        [Self::Aes128Sha1Tag80, Self::Aes256Sha1Tag80, Self::Aes128Sha1Tag32, Self::Aes256Sha1Tag32];

    /// As `a=crypto` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Sha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes128Sha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
            Self::Aes256Sha1Tag80 => "AES_256_CM_HMAC_SHA1_80",
            Self::Aes256Sha1Tag32 => "AES_256_CM_HMAC_SHA1_32",
        }
    }

    /// The suite of a name, in any letter case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Octets of the cipher's key.
    pub(super) const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Sha1Tag80 | Self::Aes128Sha1Tag32 => 16,
            Self::Aes256Sha1Tag80 | Self::Aes256Sha1Tag32 => 32,
        }
    }

    /// Octets of the tag of an RTP packet; one of RTCP always has ten (RFC 4568 §6.2.2).
    pub(super) const fn tag_bytes(self) -> usize {
        match self {
            Self::Aes128Sha1Tag80 | Self::Aes256Sha1Tag80 => 10,
            Self::Aes128Sha1Tag32 | Self::Aes256Sha1Tag32 => 4,
        }
    }

    /// Octets of key and salt.
    pub const fn master_bytes(self) -> usize {
        self.key_bytes() + SALT_BYTES
    }
}

// === impl MasterKey ===

impl MasterKey {
    /// The first octets of `bytes` as key and salt; none if they are too few.
    pub fn new(suite: Suite, bytes: &[u8]) -> Option<Self> {
        let from = bytes.get(..suite.master_bytes())?;
        let mut key = [0; KEY_BYTES_MAX];
        key.get_mut(..from.len())?.copy_from_slice(from);
        Some(Self { suite, bytes: key })
    }

    /// A key that nobody foresees without the secret, and that is the same each time: HMAC-SHA256 of a count
    /// and what it is for.
    pub fn derive(suite: Suite, secret: &[u8], purpose: &[u8]) -> Option<Self> {
        let mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
        let block = |count: u8| {
            let mac = mac.clone().chain_update([count]).chain_update(suite.name()).chain_update(purpose);
            <[u8; 32]>::from(mac.finalize().into_bytes())
        };
        let bytes = [block(1), block(2)];
        Self::new(suite, bytes.as_flattened())
    }

    /// The key of an `inline:` value: base64 of exactly as many octets as the suite has.
    pub(super) fn read(suite: Suite, base64: &str) -> Option<Self> {
        // Base64 of the longest has 64 characters: more is decoded by nobody.
        let decoded = STANDARD.decode(base64.get(..).filter(|text| text.len() <= 64)?).ok()?;
        (decoded.len() == suite.master_bytes()).then(|| Self::new(suite, &decoded))?
    }

    /// As `inline:` has it. This is the one place where a key leaves.
    pub(super) fn write(&self) -> String {
        STANDARD.encode(self.bytes.get(..self.suite.master_bytes()).unwrap_or_default())
    }

    /// Its suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    pub(super) fn key(&self) -> &[u8] {
        self.bytes.get(..self.suite.key_bytes()).unwrap_or_default()
    }

    pub(super) fn salt(&self) -> &[u8] {
        self.bytes.get(self.suite.key_bytes()..self.suite.master_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({}, ***)", self.suite.name())
    }
}
