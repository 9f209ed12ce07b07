//! AES in counter mode (RFC 3711 §4.1.1).

use aes::cipher::{Block, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256};

/// Octets of a block.
pub(super) const BLOCK: usize = 16;
/// Counter blocks that are enciphered together.
const BLOCKS: usize = 8;

/// A cipher with its key.
#[derive(Clone)]
pub(super) enum Aes {
    /// Of 128 bits.
    Short(Aes128),
    /// Of 256 bits.
    Long(Aes256),
}

// === impl Aes ===

impl Aes {
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        Some(match key.len() {
            16 => Self::Short(Aes128::new_from_slice(key).ok()?),
            _ => Self::Long(Aes256::new_from_slice(key).ok()?),
        })
    }

    /// Adds the key stream of the counter blocks from `first` on: the last two octets count.
    pub(super) fn add_stream(&self, iv: [u8; BLOCK], first: u16, data: &mut [u8]) {
        let mut counter = first;
        for part in data.chunks_mut(BLOCK * BLOCKS) {
            let mut blocks = [Block::<Aes128>::default(); BLOCKS];
            for block in &mut blocks {
                block.copy_from_slice(&iv);
                let [.., high, low] = block.as_mut_slice() else { return };
                [*high, *low] = counter.to_be_bytes();
                counter = counter.wrapping_add(1);
            }
            match self {
                Self::Short(aes) => aes.encrypt_blocks(&mut blocks),
                Self::Long(aes) => aes.encrypt_blocks(&mut blocks),
            }
            for (octet, key) in part.iter_mut().zip(blocks.iter().flatten()) {
                *octet ^= key;
            }
        }
    }
}
