//! The keys of a session (RFC 3711 §4.3), and what they make of packets: AES in counter mode with
//! HMAC-SHA1, or AES-GCM, whose tags stand elsewhere (RFC 7714).

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::counter::{Aes, BLOCK};
use super::gcm::{self, Gcm, TAG_BYTES};
use super::suite::{MasterKey, SALT_BYTES};

const AUTH_KEY_BYTES: usize = 20;
/// Of RTCP, whatever the suite; not of AES-GCM.
const RTCP_TAG_BYTES: usize = 10;
/// The flag of encryption and the index behind an RTCP packet.
const RTCP_INDEX_BYTES: usize = 4;
/// The flag; indices are less.
pub(super) const RTCP_ENCRYPTED: u32 = 1 << 31;
/// Octets by which a packet may grow.
pub const RTCP_ROOM: usize = TAG_BYTES + RTCP_INDEX_BYTES;
/// Octets before the payload of RTCP.
pub(super) const RTCP_HEAD: usize = 8;

/// The session keys of RTP or of RTCP.
#[derive(Clone)]
pub(super) struct Keys {
    pub(super) aes: Aes,
    pub(super) tags: Tags,
    pub(super) salt: [u8; SALT_BYTES],
    /// Octets of the tag.
    pub(super) tag_bytes: usize,
}

/// What makes the tag.
#[derive(Clone)]
pub(super) enum Tags {
    /// HMAC-SHA1.
    Sha1(Hmac<Sha1>),
    /// The cipher itself.
    Gcm(Gcm),
}

/// Session keys of both.
#[derive(Clone)]
pub(super) struct Session {
    /// Of RTP.
    pub(super) rtp: Keys,
    /// Of RTCP.
    pub(super) rtcp: Keys,
}

// === impl Keys ===

impl Keys {
    /// §4.3: derived once, with labels that follow each other from `label` on.
    pub(super) fn derive(master: &MasterKey, label: u8, tag_bytes: usize) -> Option<Self> {
        let aes = Aes::new(master.key())?;
        let mut derived = [[0_u8; 32]; 3];
        for (label, derived) in (label..).zip(&mut derived) {
            let mut iv = [0; BLOCK];
            iv.get_mut(..master.salt().len())?.copy_from_slice(master.salt());
            // The label stands before a key index of 48 bits, which is 0.
            *iv.get_mut(7)? ^= label;
            aes.add_stream(iv, 0, derived);
        }
        let [key, auth, salt] = derived;
        let aes = Aes::new(key.get(..master.suite().key_bytes())?)?;
        let tags = if master.suite().is_aead() {
            Tags::Gcm(Gcm::new(&aes))
        } else {
            Tags::Sha1(Hmac::new_from_slice(auth.get(..AUTH_KEY_BYTES)?).ok()?)
        };
        Some(Self { aes, tags, salt: *salt.first_chunk()?, tag_bytes })
    }

    /// §4.1.1
    fn iv(&self, ssrc: u32, index: u64) -> [u8; BLOCK] {
        let mut iv = [0; BLOCK];
        let salt = self.salt.iter().chain(&[0, 0]);
        let source = [0; 4].into_iter().chain(ssrc.to_be_bytes()).chain([0; 8]);
        let index = [0; 6].into_iter().chain(index.to_be_bytes()).chain([0; 2]);
        for (octet, ((salt, source), index)) in iv.iter_mut().zip(salt.zip(source).zip(index)) {
            *octet = salt ^ source ^ index;
        }
        iv
    }

    fn cipher(&self, ssrc: u32, index: u64, payload: &mut [u8]) {
        self.aes.add_stream(self.iv(ssrc, index), 0, payload);
    }

    /// Enciphers an RTP packet from `head` on; its tag, of which as much is used as the suite says.
    pub(super) fn seal(&self, packet: &mut [u8], head: usize, (ssrc, index): (u32, u64)) -> [u8; 20] {
        match &self.tags {
            Tags::Sha1(mac) => {
                self.cipher(ssrc, index, packet.get_mut(head..).unwrap_or_default());
                tag(mac, packet, &roc(index))
            }
            Tags::Gcm(gcm) => {
                let nonce = gcm::rtp_nonce(&self.salt, ssrc, index);
                let (head, text) = packet.split_at_mut(head.min(packet.len()));
                Gcm::cipher(&self.aes, nonce, text);
                gcm.tag(&self.aes, nonce, head, text)
            }
        }
    }

    /// Whether a tag is that of an RTP packet that came.
    pub(super) fn is_sealed(
        &self,
        packet: &[u8],
        head: usize,
        (ssrc, index): (u32, u64),
        came: &[u8],
    ) -> bool {
        let expected = match &self.tags {
            Tags::Sha1(mac) => tag(mac, packet, &roc(index)),
            Tags::Gcm(gcm) => {
                let (head, text) = packet.split_at(head.min(packet.len()));
                gcm.tag(&self.aes, gcm::rtp_nonce(&self.salt, ssrc, index), head, text)
            }
        };
        expected.get(..self.tag_bytes).unwrap_or_default().ct_eq(came).into()
    }

    /// Deciphers it then.
    pub(super) fn open(&self, packet: &mut [u8], head: usize, (ssrc, index): (u32, u64)) {
        let text = packet.get_mut(head..).unwrap_or_default();
        match &self.tags {
            Tags::Sha1(_) => self.cipher(ssrc, index, text),
            Tags::Gcm(_) => Gcm::cipher(&self.aes, gcm::rtp_nonce(&self.salt, ssrc, index), text),
        }
    }

    /// Enciphers an RTCP packet, the first `length` octets of a buffer, and writes what stands behind it:
    /// how long it is then. None without room.
    pub(super) fn seal_rtcp(
        &self,
        buffer: &mut [u8],
        length: usize,
        (ssrc, index): (u32, u32),
    ) -> Option<usize> {
        let word = (RTCP_ENCRYPTED | index).to_be_bytes();
        match &self.tags {
            Tags::Sha1(mac) => {
                let (signed, room) = buffer.split_at_mut_checked(length + RTCP_INDEX_BYTES)?;
                let (packet, trailer) = signed.split_at_mut(length);
                self.cipher(ssrc, u64::from(index), packet.get_mut(RTCP_HEAD..)?);
                trailer.copy_from_slice(&word);
                let tag = tag(mac, signed, &[]);
                room.get_mut(..self.tag_bytes)?.copy_from_slice(tag.get(..self.tag_bytes)?);
            }
            Tags::Gcm(gcm) => {
                let (packet, room) = buffer.split_at_mut_checked(length)?;
                let (room, _) = room.split_at_mut_checked(self.tag_bytes + RTCP_INDEX_BYTES)?;
                let (into, trailer) = room.split_at_mut(self.tag_bytes);
                let nonce = gcm::rtcp_nonce(&self.salt, ssrc, index);
                let (head, text) = packet.split_at_mut_checked(RTCP_HEAD)?;
                Gcm::cipher(&self.aes, nonce, text);
                let tag = gcm.tag(&self.aes, nonce, &rtcp_clear(head, word), text);
                into.copy_from_slice(tag.get(..self.tag_bytes)?);
                trailer.copy_from_slice(&word);
            }
        }
        Some(length + self.tag_bytes + RTCP_INDEX_BYTES)
    }

    /// The parts of an RTCP packet that came: how long it is without what stands behind it, whether it is
    /// encrypted, and its index.
    pub(super) fn split_rtcp(&self, packet: &[u8]) -> Option<(usize, bool, u32)> {
        let length = packet.len().checked_sub(self.tag_bytes + RTCP_INDEX_BYTES)?;
        let at = if self.is_aead() { length + self.tag_bytes } else { length };
        let word = u32::from_be_bytes(*packet.get(at..)?.first_chunk()?);
        Some((length, word & RTCP_ENCRYPTED != 0, word & !RTCP_ENCRYPTED))
    }

    /// Whether its tag is that of its key.
    pub(super) fn is_sealed_rtcp(&self, packet: &[u8], (ssrc, index): (u32, u32)) -> Option<bool> {
        let (length, is_encrypted, _) = self.split_rtcp(packet)?;
        let (expected, came) = match &self.tags {
            Tags::Sha1(mac) => {
                let (signed, came) = packet.split_at_checked(length + RTCP_INDEX_BYTES)?;
                (tag(mac, signed, &[]), came)
            }
            Tags::Gcm(gcm) => {
                let (text, behind) = packet.split_at_checked(length)?;
                let (came, word) = behind.split_at_checked(self.tag_bytes)?;
                let (head, text) = text.split_at_checked(RTCP_HEAD)?;
                // Here nobody leaves RTCP in the clear: handshakes of DTLS agree on nothing else.
                let word = *word.first_chunk().filter(|_| is_encrypted)?;
                let nonce = gcm::rtcp_nonce(&self.salt, ssrc, index);
                (gcm.tag(&self.aes, nonce, &rtcp_clear(head, word), text), came)
            }
        };
        Some(expected.get(..self.tag_bytes)?.ct_eq(came).into())
    }

    /// Deciphers it then.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], (ssrc, index): (u32, u32)) {
        let text = packet.get_mut(RTCP_HEAD..).unwrap_or_default();
        match &self.tags {
            Tags::Sha1(_) => self.cipher(ssrc, u64::from(index), text),
            Tags::Gcm(_) => Gcm::cipher(&self.aes, gcm::rtcp_nonce(&self.salt, ssrc, index), text),
        }
    }

    const fn is_aead(&self) -> bool {
        matches!(self.tags, Tags::Gcm(_))
    }
}

/// What is in the clear of an encrypted RTCP packet (RFC 7714 §9.2): its head and its index.
fn rtcp_clear(head: &[u8], word: [u8; 4]) -> [u8; RTCP_HEAD + 4] {
    let mut clear = [0; RTCP_HEAD + 4];
    for (octet, from) in clear.iter_mut().zip(head.iter().take(RTCP_HEAD).chain(&word)) {
        *octet = *from;
    }
    clear
}

/// The whole tag by HMAC.
pub(super) fn tag(mac: &Hmac<Sha1>, packet: &[u8], behind: &[u8]) -> [u8; 20] {
    mac.clone().chain_update(packet).chain_update(behind).finalize().into_bytes().into()
}

impl Session {
    /// None if the key is of the wrong length, which no [`MasterKey`] is.
    pub(super) fn new(master: &MasterKey) -> Option<Self> {
        let tag_bytes = master.suite().tag_bytes();
        let rtcp_tag_bytes = if master.suite().is_aead() { tag_bytes } else { RTCP_TAG_BYTES };
        let rtp = Keys::derive(master, 0, tag_bytes)?;
        Some(Self { rtp, rtcp: Keys::derive(master, 3, rtcp_tag_bytes)? })
    }
}

/// Rolled-over sequence numbers, as they are signed.
fn roc(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}
