//! Ids that we mint and later get back from peers: Via branches, tags, Contact users, B-leg Call-IDs (RFC
//! 3261 §8.1.1.7, §19.3). A token carries shard, slot and generation, masked and authenticated, so a packet
//! goes straight to its slab slot. Invariant: `open` gives back only what `mint` of the same key and kind was
//! given.

use std::fmt;
use std::hash::Hasher;
use std::ops::Deref;

use siphasher::sip::SipHasher24;
use siphasher::sip128::Hasher128;
use units::slab::{GENERATION_BITS, GENERATION_MASK};

/// Characters in a token.
pub const TOKEN_LEN: usize = 20;

const MAC_BITS: u32 = 40;
const PAYLOAD_MASK: u64 = (1 << (8 + 32 + GENERATION_BITS)) - 1;
const MAC_MASK: u64 = (1 << MAC_BITS) - 1;
/// RFC 4648 §6 in lower case: Contact users and Call-IDs compare with case, so there is one spelling only.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// What a token is used for. It goes into the MAC, so that one kind never passes for another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// A Via branch, behind `z9hG4bK`.
    Branch = 1,
    /// A From- or To-tag.
    Tag = 2,
    /// The user part of our Contact.
    Contact = 3,
    /// The Call-ID of a leg that we start.
    CallId = 4,
    /// The To-tag of an answer that no transaction remembers.
    Stateless = 5,
}

/// What a token was minted for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The shard that minted it.
    pub shard: u8,
    /// The slot in that shard's slab.
    pub slot: u32,
    /// The lowest 20 bits of the slot's generation.
    pub generation: u32,
}

/// 20 characters of lower-case base32: 60 masked bits of shard, slot and generation, 40 bits of MAC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token([u8; TOKEN_LEN]);

/// Mints and opens tokens. All shards of a process share the key; each has its number.
#[derive(Clone)]
pub struct Minter {
    key: [u8; 16],
    shard: u8,
}

// === impl Minter ===

impl Minter {
    /// `key` must be secret, and new at every start: what a former process minted shall not open.
    pub const fn new(key: [u8; 16], shard: u8) -> Self {
        Self { key, shard }
    }

    /// The shard in every token minted here.
    pub const fn shard(&self) -> u8 {
        self.shard
    }

    /// A token for a slot. Of `generation` the lowest 20 bits are kept.
    pub fn mint(&self, kind: Kind, slot: u32, generation: u32) -> Token {
        let payload =
            u64::from(self.shard) << 52 | u64::from(slot) << 20 | u64::from(generation & GENERATION_MASK);
        let mac = self.mac(kind, payload);
        Token::encode(payload ^ self.mask(kind, mac), mac)
    }

    /// What `text` was minted for; nothing if it is not a token of this key and kind. Any shard's token
    /// opens.
    pub fn open(&self, kind: Kind, text: &str) -> Option<Opened> {
        let (masked, mac) = decode(text.as_bytes())?;
        let payload = masked ^ self.mask(kind, mac);
        if self.mac(kind, payload) != mac {
            return None;
        }
        Some(Opened {
            shard: (payload >> 52) as u8,
            slot: (payload >> 20) as u32,
            generation: payload as u32 & GENERATION_MASK,
        })
    }

    /// A token that stands for the given texts and opens to nothing: the same texts give the same token.
    pub fn stateless(&self, parts: &[&str]) -> Token {
        let mut hasher = self.hasher(Kind::Stateless, 2);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part.as_bytes());
        }
        let a = hasher.finish();
        hasher.write(&[0]);
        Token::encode(a & PAYLOAD_MASK, hasher.finish() & MAC_MASK)
    }

    /// A keyed 128-bit hash of byte strings, for tables whose keys come from peers.
    pub(crate) fn key(&self, parts: &[&[u8]]) -> [u64; 2] {
        let mut hasher = siphasher::sip128::SipHasher24::new_with_key(&self.key);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        let hash = hasher.finish128();
        [hash.h1, hash.h2]
    }

    /// A keyed hash of a byte string, for tables of fixed size whose keys come from peers.
    pub fn hash(&self, text: &[u8]) -> u64 {
        self.key(&[b"table", text])[0]
    }

    fn mac(&self, kind: Kind, payload: u64) -> u64 {
        let mut hasher = self.hasher(kind, 0);
        hasher.write(&payload.to_le_bytes());
        hasher.finish() & MAC_MASK
    }

    /// The key stream for a payload, from its MAC: peers learn neither slots nor how many calls there are.
    fn mask(&self, kind: Kind, mac: u64) -> u64 {
        let mut hasher = self.hasher(kind, 1);
        hasher.write(&mac.to_le_bytes());
        hasher.finish() & PAYLOAD_MASK
    }

    fn hasher(&self, kind: Kind, purpose: u8) -> SipHasher24 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(&[purpose, kind as u8]);
        hasher
    }
}

impl fmt::Debug for Minter {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Minter").field("shard", &self.shard).finish_non_exhaustive()
    }
}

// === impl Token ===

impl Token {
    /// The text.
    pub fn as_str(&self) -> &str {
        // Only letters of the alphabet are ever written.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn encode(masked: u64, mac: u64) -> Self {
        let bits = u128::from(masked) << MAC_BITS | u128::from(mac);
        let mut text = [0u8; TOKEN_LEN];
        for (i, c) in text.iter_mut().enumerate() {
            let shift = 5 * (TOKEN_LEN - 1 - i);
            *c = ALPHABET[(bits >> shift) as usize & 31];
        }
        Self(text)
    }
}

impl Deref for Token {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Token {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The masked payload and the MAC of a text in our alphabet.
fn decode(text: &[u8]) -> Option<(u64, u64)> {
    let text: &[u8; TOKEN_LEN] = text.try_into().ok()?;
    let mut bits = 0u128;
    for &c in text {
        let digit = match c {
            b'a'..=b'z' => c - b'a',
            b'2'..=b'7' => c - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u128::from(digit);
    }
    Some(((bits >> MAC_BITS) as u64, bits as u64 & MAC_MASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minter(shard: u8) -> Minter {
        Minter::new(*b"sixteen byte key", shard)
    }

    #[test]
    fn opens_what_it_minted_in_any_shard() {
        for (shard, slot, generation) in [(0, 0, 0), (255, u32::MAX, u32::MAX), (7, 123_456, 99)] {
            let token = minter(shard).mint(Kind::Tag, slot, generation);
            assert_eq!(token.len(), TOKEN_LEN);
            let opened = minter(3).open(Kind::Tag, &token);
            assert_eq!(opened, Some(Opened { shard, slot, generation: generation & GENERATION_MASK }));
        }
    }

    #[test]
    fn refuses_other_kinds_keys_and_texts() {
        let token = minter(1).mint(Kind::Branch, 5, 6);
        for kind in [Kind::Tag, Kind::Contact, Kind::CallId, Kind::Stateless] {
            assert_eq!(minter(1).open(kind, &token), None, "{kind:?}");
        }
        assert_eq!(Minter::new([0; 16], 1).open(Kind::Branch, &token), None);
        for text in ["", "a", &token[1..], &token.to_uppercase(), &format!("{token}a"), "éééééééééé"]
        {
            assert_eq!(minter(1).open(Kind::Branch, text), None, "{text}");
        }
    }

    #[test]
    fn every_changed_letter_is_noticed() {
        let token = minter(9).mint(Kind::Contact, 77, 8);
        for at in 0..TOKEN_LEN {
            for &letter in ALPHABET {
                let mut forged = token.0;
                forged[at] = letter;
                let opened = minter(9).open(Kind::Contact, Token(forged).as_str());
                assert_eq!(opened.is_some(), forged == token.0, "{}", Token(forged));
            }
        }
    }

    #[test]
    fn neighbours_share_no_visible_part() {
        let (a, b) = (minter(1).mint(Kind::Tag, 1, 1), minter(1).mint(Kind::Tag, 2, 1));
        let same = a.0.iter().zip(b.0).filter(|(x, y)| *x == y).count();
        assert!(same < 8, "{a} {b}");
    }

    #[test]
    fn stateless_tags_depend_on_each_part_and_open_to_nothing() {
        let m = minter(1);
        assert_eq!(m.stateless(&["a", "bc"]), m.stateless(&["a", "bc"]));
        assert_ne!(m.stateless(&["a", "bc"]), m.stateless(&["ab", "c"]));
        assert_eq!(m.open(Kind::Stateless, &m.stateless(&["a"])), None);
    }
}
