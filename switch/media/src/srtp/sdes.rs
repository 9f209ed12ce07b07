//! `a=crypto` lines (RFC 4568 §9): what of one can be taken, and how ours are written.

use std::fmt::Write as _;

use super::suite::{MasterKey, Suite};

/// Longest `a=crypto` value that is read, in octets.
const LINE_BYTES_MAX: usize = 512;
/// Greatest tag (§9.1: at most nine digits).
const TAG_MAX: u32 = 999_999_999;

/// One line: a key of its writer's, by which it sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Crypto {
    /// Number of the line; an answer names that of the offer's line that it takes.
    pub tag: u32,
    /// Key and suite.
    pub key: MasterKey,
}

// === impl Crypto ===

impl Crypto {
    /// Reads what stands behind `a=crypto:`. None of a line that cannot be taken: an unknown suite, several
    /// keys, keys named in packets (MKI), a key of the wrong length, or a session parameter that changes the
    /// transform (§6.3: one that is not known makes the line invalid, unless it begins with `-`).
    pub fn read(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok().filter(|text| text.len() <= LINE_BYTES_MAX)?;
        let mut words = text.split_ascii_whitespace();
        let tag = words.next().filter(|tag| tag.bytes().all(|byte| byte.is_ascii_digit()))?;
        let tag = tag.parse().ok().filter(|tag| *tag <= TAG_MAX)?;
        let suite = Suite::from_name(words.next()?)?;
        let params = words.next()?;
        let (method, info) = params.split_once(':')?;
        if !method.eq_ignore_ascii_case("inline") || info.contains(';') {
            return None;
        }
        let mut parts = info.split('|');
        let key = MasterKey::read(suite, parts.next()?)?;
        // Behind it only a lifetime; an MKI has a colon.
        let lifetime = parts.next().is_none_or(is_lifetime);
        (lifetime && parts.next().is_none() && words.all(is_harmless)).then_some(Self { tag, key })
    }

    /// What stands behind `a=crypto:`.
    pub fn write(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(text, "{} {} inline:{}", self.tag, self.key.suite().name(), self.key.write());
        text
    }
}

/// `2^20` or a number of packets: so many may be sent by the key. One that no call reaches is enough:
/// 2^20 packets are six hours of voice.
fn is_lifetime(text: &str) -> bool {
    match text.strip_prefix("2^") {
        Some(exponent) => exponent.parse::<u8>().is_ok_and(|exponent| (20..=48).contains(&exponent)),
        None => text.parse::<u64>().is_ok_and(|packets| packets >= 1 << 20),
    }
}

/// The size of the replay window is the receiver's own business, and a parameter with `-` may be passed over.
fn is_harmless(parameter: &str) -> bool {
    parameter.starts_with('-') || parameter.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("WSH="))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of RFC 4568 §4.1.
    const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

    #[test]
    fn lines_are_read_and_written() {
        for (line, tag, suite) in [
            (format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20"), 1, Suite::Aes128Sha1Tag80),
            (
                format!("999999999 aes_cm_128_hmac_sha1_32 INLINE:{KEY} WSH=64 -X=1"),
                TAG_MAX,
                Suite::Aes128Sha1Tag32,
            ),
            (format!("0 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2147483648"), 0, Suite::Aes128Sha1Tag80),
            (
                format!("2 AES_256_CM_HMAC_SHA1_80 inline:{}", "A".repeat(62) + "=="),
                2,
                Suite::Aes256Sha1Tag80,
            ),
        ] {
            let crypto = Crypto::read(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            assert_eq!((crypto.tag, crypto.key.suite()), (tag, suite), "{line}");
            assert_eq!(Crypto::read(crypto.write().as_bytes()), Some(crypto), "{line}");
            assert!(!format!("{crypto:?}").contains(KEY), "a key is never shown");
        }
    }

    #[test]
    fn lines_that_cannot_be_taken() {
        for line in [
            String::new(),
            "1".to_owned(),
            format!("1 AES_CM_128_HMAC_SHA1_80 {KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20;inline:{KEY}|2^20"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^2"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|0"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNAUTHENTICATED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", &KEY[1..]),
            "1 AES_CM_128_HMAC_SHA1_80 inline:".to_owned(),
            format!("1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 F8_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 NULL_HMAC_SHA1_80 inline:{KEY}"),
            format!("+1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1000000000 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{} ", "A".repeat(600)),
        ] {
            assert_eq!(Crypto::read(line.as_bytes()), None, "{line}");
        }
        assert_eq!(Crypto::read(b"1 AES_CM_128_HMAC_SHA1_80 inline:\xff"), None);
    }
}
