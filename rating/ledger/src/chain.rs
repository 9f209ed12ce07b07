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
    hash.iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// The hash that [`hex`] wrote; none if the text is no 64 hex digits.
pub fn from_hex(text: &str) -> Option<Hash> {
    let mut hash = GENESIS;
    hex::decode_to_slice(text, &mut hash).ok().map(|()| hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of 32 zero bytes and of 32 zero bytes followed by "abc", by an independent tool.
    #[test]
    fn chains_as_sha256_does() {
        assert_eq!(
            hex(&chain(&GENESIS, b"")),
            "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
        );
        assert_ne!(chain(&GENESIS, b"abc"), chain(&chain(&GENESIS, b""), b"abc"));
    }

    /// 64 digits in either case are a hash; signs, spaces and other lengths are none.
    #[test]
    fn fault_9_a_hash_is_64_digits_and_nothing_else() {
        let text = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925";
        assert_eq!(from_hex(text).map(|hash| hex(&hash)).as_deref(), Some(text));
        assert_eq!(from_hex(&text.to_uppercase()), from_hex(text));
        for bad in [
            "",
            "66",
            &text[2..],
            &format!("{text}00"),
            &text.replacen("66", "+6", 1),
            &text.replacen("66", " 6", 1),
        ] {
            assert_eq!(from_hex(bad), None, "{bad}");
        }
    }
}
