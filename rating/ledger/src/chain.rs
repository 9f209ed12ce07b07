//! The hash chain over the journal: each entry's hash covers its bytes and every entry before it.

use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// What the first entry is chained to.
pub const GENESIS: Hash = [0; 32];

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The hash of the entry `body` that follows the entry of hash `prev`: SHA-256(prev ‖ body).
pub fn chain(prev: &Hash, body: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(prev);
    hasher.update(body);
    hasher.finalize().into()
}

/// Lower-case hex.
pub fn hex(hash: &Hash) -> String {
    hash.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The hash that [`hex`] wrote; none if the text is no 64 hex digits.
pub fn from_hex(text: &str) -> Option<Hash> {
    let mut hash = GENESIS;
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of 32 zero bytes and of 32 zero bytes followed by "abc", by an independent tool.
    #[test]
    fn chains_as_sha256_does() {
        assert_eq!(hex(&chain(&GENESIS, b"")), "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925");
        assert_ne!(chain(&GENESIS, b"abc"), chain(&chain(&GENESIS, b""), b"abc"));
    }
}
