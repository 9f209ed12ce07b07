//! Crypto suites and their master keys (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §12).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Octets of the longest master salt.
pub(super) const SALT_BYTES: usize = 14;
/// Octets of the salt, and of the nonce, of AES-GCM.
pub(super) const NONCE_BYTES: usize = 12;
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
    /// `AEAD_AES_128_GCM`.
    Aes128Gcm,
    /// `AEAD_AES_256_GCM`.
    Aes256Gcm,
}

/// A master key with its salt. It is never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey {
    suite: Suite,
    bytes: [u8; KEY_BYTES_MAX],
}

// === impl Suite ===

impl Suite {
    /// Those of `a=crypto`, preferred first: the one that everybody has, then longer keys, then shorter tags.
    /// AES-GCM comes of handshakes only (RFC 5764): so that offers stay short.
    pub const ALL: [Self; 4] =
        [Self::Aes128Sha1Tag80, Self::Aes256Sha1Tag80, Self::Aes128Sha1Tag32, Self::Aes256Sha1Tag32];

    /// As `a=crypto` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes128Sha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::Aes128Sha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
            Self::Aes256Sha1Tag80 => "AES_256_CM_HMAC_SHA1_80",
            Self::Aes256Sha1Tag32 => "AES_256_CM_HMAC_SHA1_32",
            Self::Aes128Gcm => "AEAD_AES_128_GCM",
            Self::Aes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite of a name, in any letter case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }

    /// Octets of the cipher's key.
    pub(super) const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128Sha1Tag80 | Self::Aes128Sha1Tag32 | Self::Aes128Gcm => 16,
            Self::Aes256Sha1Tag80 | Self::Aes256Sha1Tag32 | Self::Aes256Gcm => 32,
        }
    }

    /// Octets of the salt.
    const fn salt_bytes(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes256Gcm => NONCE_BYTES,
            Self::Aes128Sha1Tag80 | Self::Aes128Sha1Tag32 | Self::Aes256Sha1Tag80 | Self::Aes256Sha1Tag32 => {
                SALT_BYTES
            }
        }
    }

    /// The cipher makes the tag too.
    pub(super) const fn is_aead(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes256Gcm)
    }

    /// Octets of the tag of an RTP packet; one of RTCP always has ten (RFC 4568 §6.2.2).
    pub(super) const fn tag_bytes(self) -> usize {
        match self {
            Self::Aes128Sha1Tag80 | Self::Aes256Sha1Tag80 => 10,
            Self::Aes128Sha1Tag32 | Self::Aes256Sha1Tag32 => 4,
            Self::Aes128Gcm | Self::Aes256Gcm => 16,
        }
    }

    /// Octets of key and salt.
    pub const fn master_bytes(self) -> usize {
        self.key_bytes() + self.salt_bytes()
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

    /// Both keys that a handshake of DTLS made, the client's and the server's (RFC 5764 §4.2): the octets of
    /// the exporter are both keys, then both salts.
    pub fn exported(suite: Suite, octets: &[u8]) -> Option<[Self; 2]> {
        let (keys, salts) = octets.split_at_checked(suite.key_bytes() * 2)?;
        let (clients, servers) = keys.split_at(suite.key_bytes());
        let (clients_salt, servers_salt) = salts.split_at_checked(suite.salt_bytes())?;
        let joined = |key: &[u8], salt: &[u8]| {
            let mut bytes = [0; KEY_BYTES_MAX];
            bytes.get_mut(..key.len())?.copy_from_slice(key);
            bytes.get_mut(key.len()..key.len() + salt.len())?.copy_from_slice(salt);
            (salt.len() == suite.salt_bytes()).then_some(Self { suite, bytes })
        };
        Some([joined(clients, clients_salt)?, joined(servers, servers_salt)?])
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
