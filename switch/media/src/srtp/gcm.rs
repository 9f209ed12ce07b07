//! AES-GCM for packets (RFC 7714): the nonces, and the tag of octets in the clear and of enciphered ones.

use ghash::GHash;
use ghash::universal_hash::UniversalHash;

use super::counter::{Aes, BLOCK};
use super::suite::{NONCE_BYTES, SALT_BYTES};

/// Octets of a tag.
pub(super) const TAG_BYTES: usize = 16;

/// The keyed hash of one session key.
#[derive(Clone)]
pub(super) struct Gcm(GHash);

/// The nonce of an RTP packet (§8.1): its source and its index of 48 bits.
pub(super) fn rtp_nonce(salt: &[u8; SALT_BYTES], ssrc: u32, index: u64) -> [u8; NONCE_BYTES] {
    let [_, _, index @ ..] = index.to_be_bytes();
    nonce(salt, ssrc, index)
}

/// The nonce of an RTCP packet (§9.1): its source and its index of 31 bits.
pub(super) fn rtcp_nonce(salt: &[u8; SALT_BYTES], ssrc: u32, index: u32) -> [u8; NONCE_BYTES] {
    let [a, b, c, d] = index.to_be_bytes();
    nonce(salt, ssrc, [0, 0, a, b, c, d])
}

fn nonce(salt: &[u8; SALT_BYTES], ssrc: u32, index: [u8; 6]) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    let place = [0; 2].into_iter().chain(ssrc.to_be_bytes()).chain(index);
    for (octet, (salt, place)) in nonce.iter_mut().zip(salt.iter().zip(place)) {
        *octet = salt ^ place;
    }
    nonce
}

/// The counter blocks of a nonce count from 1: that one ciphers the tag.
fn block(nonce: [u8; NONCE_BYTES]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..NONCE_BYTES].copy_from_slice(&nonce);
    block
}

// === impl Gcm ===

impl Gcm {
    /// With the hash key that a session key makes: the cipher of zeros.
    pub(super) fn new(aes: &Aes) -> Self {
        let mut key = [0; BLOCK];
        aes.add_stream([0; BLOCK], 0, &mut key);
        Self(GHash::new(&key.into()))
    }

    /// Enciphers or deciphers.
    pub(super) fn cipher(aes: &Aes, nonce: [u8; NONCE_BYTES], text: &mut [u8]) {
        aes.add_stream(block(nonce), 2, text);
    }

    /// The tag of octets in the clear and of enciphered ones; in the first 16 octets.
    pub(super) fn tag(&self, aes: &Aes, nonce: [u8; NONCE_BYTES], clear: &[u8], text: &[u8]) -> [u8; 20] {
        let mut hash = self.0.clone();
        hash.update_padded(clear);
        hash.update_padded(text);
        let mut lengths = [0; BLOCK];
        let bits = |octets: &[u8]| (octets.len() as u64 * 8).to_be_bytes();
        lengths[..8].copy_from_slice(&bits(clear));
        lengths[8..].copy_from_slice(&bits(text));
        hash.update(&[lengths.into()]);
        let mut tag = [0; 20];
        tag[..TAG_BYTES].copy_from_slice(&hash.finalize());
        aes.add_stream(block(nonce), 1, &mut tag[..TAG_BYTES]);
        tag
    }
}
